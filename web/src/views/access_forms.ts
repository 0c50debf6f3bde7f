// The forms about users and tokens.

import * as account from "../account";
import { h, type Child } from "../dom";
import { sentence } from "../format";
import { Dialog } from "./dialog";
import { ask_plain } from "./form";

const LASTS: readonly [string, string][] = [
  ["30d", "30 days"],
  ["90d", "90 days"],
  ["365d", "a year"],
];

type Done = (words: string) => void;

function role_field(chosen: account.Role, most: account.Role = "admin"): HTMLSelectElement {
  const roles = account.ROLES.slice(0, account.ROLES.indexOf(most) + 1);
  return h(
    "select",
    { id: "form-role" },
    ...roles.map((role) => h("option", { value: role, selected: role === chosen }, sentence(role))),
  );
}

function places_field(sites: readonly string[]): HTMLInputElement {
  const value = account.sees_all(sites) ? "" : sites.join(", ");
  return h("input", { id: "form-places", maxlength: 2000, placeholder: "acme/lyon, acme/ulm", value });
}

function password_field(required: boolean): HTMLInputElement {
  return h("input", { id: "form-password", type: "password", autocomplete: "new-password", required, maxlength: 1000 });
}

const labelled = (input: HTMLElement, label: string, hint = ""): Child[] => [
  h("label", { for: input.id }, label, hint === "" ? null : h("small", {}, ` (${hint})`)),
  input,
];

const password_fault = (password: string): string => account.password_fault(password, password);

export function ask_new_user(done: Done): void {
  const name = h("input", { id: "form-user", maxlength: 64, autocomplete: "off", autocapitalize: "none", spellcheck: "false" });
  const password = password_field(true);
  const role = role_field("operator");
  const places = places_field(["*"]);
  ask_plain({
    title: "Add a user",
    submit: "Add",
    failed: "Not added.",
    content: [
      ...labelled(name, "Name"),
      ...labelled(password, "First password", `${account.PASSWORD_SHORTEST} characters or more`),
      ...labelled(role, "Role", "each may what those before it may"),
      ...labelled(places, "Sees", "with commas between; empty: the whole plant"),
    ],
    check: () => (name.value.trim() === "" ? "Enter a name." : password_fault(password.value)),
    send: () =>
      account.add_user(name.value.trim(), password.value, role.value as account.Role, account.places_of(places.value)),
    on_done: (user) => done(`Added: ${user.name}`),
  });
}

export function ask_change_user(user: account.User, done: Done): void {
  const role = role_field(user.role);
  const places = places_field(user.sites);
  const password = password_field(false);
  ask_plain({
    title: `Change ${user.name}`,
    submit: "Save",
    failed: "Not changed.",
    content: [
      ...labelled(role, "Role"),
      ...labelled(places, "Sees", "with commas between; empty: the whole plant"),
      ...labelled(password, "New password", "optional; signs the user out everywhere"),
    ],
    check: () => (password.value === "" ? "" : password_fault(password.value)),
    send: () =>
      account.change_user(user.name, {
        role: role.value as account.Role,
        sites: account.places_of(places.value),
        ...(password.value === "" ? {} : { password: password.value }),
      }),
    on_done: () => done(`Changed: ${user.name}`),
  });
}

export function ask_remove_user(user: account.User, done: Done): void {
  ask_plain({
    title: `Remove ${user.name}?`,
    submit: "Remove",
    failed: "Not removed.",
    content: [h("p", {}, "The user is signed out everywhere, and his or her API tokens end. What was done stays in the audit log.")],
    send: () => account.remove_user(user.name),
    on_done: () => done(`Removed: ${user.name}`),
  });
}

export function ask_new_token(owner: account.Person, done: Done): void {
  const name = h("input", { id: "form-token", maxlength: 100, autocomplete: "off", placeholder: "Grafana" });
  const role = role_field("viewer", owner.role);
  const lasts = h("select", { id: "form-lasts" }, ...LASTS.map(([value, label]) => h("option", { value }, label)));
  ask_plain({
    title: "Make an API token",
    submit: "Make",
    failed: "Not made.",
    content: [
      ...labelled(name, "What it is for"),
      ...labelled(role, "Role", "at most your own"),
      ...labelled(lasts, "Lasts"),
    ],
    check: () => (name.value.trim() === "" ? "Say what it is for: that is how you will know it." : ""),
    send: () => account.add_token(name.value.trim(), role.value as account.Role, lasts.value),
    on_done: (made) => {
      show_secret(made);
      done(`Made: ${made.name}`);
    },
  });
}

function show_secret(made: account.Token & { token: string }): void {
  const secret = h("input", { id: "form-secret", readonly: true, value: made.token, class: "access-secret" });
  const dialog = new Dialog("dialog-form", `The token for ${made.name}`);
  dialog.open(
    h("p", {}, "Copy it now: it is kept nowhere and not shown again."),
    ...labelled(secret, "Token"),
    h("p", { class: "performance-none" }, "A program sends it with each request, as Authorization: Bearer."),
    h("div", { class: "form-actions" }, h("button", { type: "button", class: "button button-strong", onclick: () => dialog.close() }, "I have it")),
  );
  secret.select();
}

export function ask_remove_token(token: account.Token, done: Done): void {
  ask_plain({
    title: `Revoke the token for ${token.name}?`,
    submit: "Revoke",
    failed: "Not revoked.",
    content: [h("p", {}, `Programs that use it are refused at once. It is ${token.owner}'s.`)],
    send: () => account.remove_token(token.id),
    on_done: () => done(`Revoked: ${token.name}`),
  });
}
