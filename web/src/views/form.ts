// A form about one thing that is to be done: who does it, why, and what else must be known; then the server is told.

import { signed_in_name } from "../account";
import * as api from "../api";
import { h, set_attribute, set_text, type Child } from "../dom";
import { Dialog } from "./dialog";

const NAME_KEY = "millwright.operator";

function remembered_name(): string {
  try {
    return localStorage.getItem(NAME_KEY) ?? "";
  } catch {
    return "";
  }
}

function remember_name(name: string): void {
  try {
    localStorage.setItem(NAME_KEY, name);
  } catch {
    // A browser that keeps nothing asks again next time.
  }
}

/** A dialog with fields that are sent to the server, which may refuse. */
export interface PlainForm<T> {
  title: string;
  submit: string;
  failed: string; // "Not acknowledged."
  content: Child[];
  check?: () => string; // what is wrong before anything is sent, "" where nothing is
  send: () => Promise<T>;
  on_done: (done: T) => void;
}

export function ask_plain<T>(form: PlainForm<T>): void {
  const dialog = new Dialog("dialog-form", form.title);
  const failure = h("p", { class: "form-error", role: "alert" });
  const submit = h("button", { type: "submit", class: "button button-strong" }, form.submit);
  const send = async (): Promise<void> => {
    set_text(failure, form.check?.() ?? "");
    if (failure.textContent !== "") return;
    set_attribute(submit, "disabled", true);
    try {
      const done = await form.send();
      dialog.close();
      form.on_done(done);
    } catch (error) {
      set_text(failure, `${form.failed} ${error_text(error)}`);
      set_attribute(submit, "disabled", false);
    }
  };
  dialog.open(
    h(
      "form",
      {
        novalidate: true,
        oninput: () => set_text(failure, ""),
        onsubmit: (event) => {
          event.preventDefault();
          void send();
        },
      },
      ...form.content,
      failure,
      h(
        "div",
        { class: "form-actions" },
        h("button", { type: "button", class: "button", onclick: () => dialog.close() }, "Cancel"),
        submit,
      ),
    ),
  );
  dialog.body.querySelector<HTMLElement>("input:not([readonly]), select, textarea, [type=submit]")?.focus();
}

/** What is done in somebody's name, with a comment. */
export interface Form<T> extends Omit<PlainForm<T>, "content" | "check" | "send"> {
  about: Child;
  fields?: Child[];
  send: (person: api.Person) => Promise<T>;
}

export function error_text(error: unknown): string {
  return error instanceof api.ApiError ? error.message : "Try again.";
}

export function ask<T>(form: Form<T>): void {
  const name = h("input", {
    id: "form-name",
    name: "by",
    required: true,
    maxlength: 64,
    autocomplete: "name",
    value: signed_in_name() ?? remembered_name(),
    readonly: signed_in_name() !== null, // then the record has the account's name, whatever stands here
  });
  const comment = h("textarea", { id: "form-comment", name: "comment", rows: 3, maxlength: 500 });
  ask_plain({
    ...form,
    content: [
      form.about,
      ...(form.fields ?? []),
      h("label", { for: "form-name" }, "Your name"),
      name,
      h("label", { for: "form-comment" }, "Comment ", h("small", {}, "(optional)")),
      comment,
    ],
    check: () => {
      if (name.value.trim() !== "") return "";
      name.focus();
      return "Enter your name: the record says who has done it.";
    },
    send: async () => {
      const by = name.value.trim();
      const done = await form.send({ by, comment: comment.value.trim() });
      if (signed_in_name() === null) remember_name(by);
      return done;
    },
  });
  (name.value === "" ? name : comment).focus();
}
