// Who may do what: users, API tokens and the audit log, for who administers the plant.

import * as account from "../account";
import { h, type Child } from "../dom";
import { sentence } from "../format";
import { parse_time } from "../time";
import type { Page } from "../types";
import { ask_change_user, ask_new_token, ask_new_user, ask_remove_token, ask_remove_user } from "./access_forms";
import { ChosenFigures, panel } from "./figures_page";
import { error_text } from "./form";
import { notice } from "./notice";
import { time_tag } from "./time_tag";

const SEALED =
  "Each record is sealed with the one before: `millwright audit verify` shows whether any was changed or left out.";

type Shown =
  | { list: "users"; users: account.User[] }
  | { list: "tokens"; tokens: account.Token[] }
  | { list: "audit"; audit: Page<account.AuditRecord> };

export class AccessView {
  readonly element: HTMLElement;
  private readonly page: ChosenFigures<Shown>;
  private audit: Page<account.AuditRecord> = { items: [], next_cursor: null }; // as far back as was asked for

  constructor(
    private readonly person: account.Person,
    private readonly say: (words: string) => void,
  ) {
    this.page = new ChosenFigures<Shown>({
      title: "Access",
      kind: "performance access",
      group: "List",
      choices: [
        ["users", "Users"],
        ["tokens", "API tokens"],
        // What others did may be of machines that an admin of a part does not see.
        ...(account.sees_all(person.sites) ? [["audit", "Audit log"] as const] : []),
      ],
      chosen: "users",
      failed: "The list could not be loaded.",
      load: (list, signal) => this.load(list, signal),
      show: (shown) => [this.view_of(shown)],
    });
    this.element = this.page.element;
  }

  destroy(): void {
    this.page.destroy();
  }

  private view_of(shown: Shown): HTMLElement {
    if (shown.list === "users") return panel("Users", this.users(shown.users), "access-list");
    if (shown.list === "tokens") return panel("API tokens", this.tokens(shown.tokens), "access-list");
    return panel("Audit log", this.records(shown.audit), "access-list");
  }

  private async load(list: string, signal: AbortSignal): Promise<Shown> {
    if (list === "users") return { list, users: (await account.get_users(signal)).items };
    if (list === "tokens") return { list, tokens: (await account.get_tokens(signal)).items };
    this.audit = account.with_newer(this.audit, await account.get_audit(undefined, signal));
    return { list: "audit", audit: this.audit };
  }

  private readonly changed = (words: string): void => {
    this.say(words);
    void this.page.load();
  };

  private users(users: readonly account.User[]): HTMLElement {
    const row = (user: account.User): Child[] => [
      user.name === this.person.name ? `${user.name} (you)` : user.name,
      sentence(user.role),
      places(user.sites),
      time_tag(parse_time(user.created)),
      h(
        "span",
        { class: "access-actions" },
        button("Change", `change ${user.name}`, () => ask_change_user(user, this.changed)),
        user.name !== this.person.name &&
          button("Remove", `remove ${user.name}`, () => ask_remove_user(user, this.changed)),
      ),
    ];
    return h(
      "div",
      {},
      table("Users", ["Name", "Role", "Sees", "Since", ""], users.map(row)),
      h("p", { class: "access-more" }, button("Add a user", "add", () => ask_new_user(this.changed), true)),
    );
  }

  private tokens(tokens: readonly account.Token[]): HTMLElement {
    const row = (token: account.Token): Child[] => [
      token.name,
      token.owner,
      sentence(token.role),
      places(token.sites),
      time_tag(parse_time(token.expires)),
      h(
        "span",
        { class: "access-actions" },
        button("Revoke", `revoke ${token.id}`, () => ask_remove_token(token, this.changed)),
      ),
    ];
    return h(
      "div",
      {},
      tokens.length === 0
        ? notice("empty", "No program has a token yet.", "A token lets a program do what its owner may, until it ends.")
        : table("API tokens", ["For", "Owner", "Role", "Sees", "Ends", ""], tokens.map(row)),
      h(
        "p",
        { class: "access-more" },
        button("Make a token", "make", () => ask_new_token(this.person, this.changed), true),
      ),
    );
  }

  private records(audit: Page<account.AuditRecord>): HTMLElement {
    const failure = h("div", {});
    const earlier = async (cursor: string): Promise<void> => {
      try {
        const page = await account.get_audit(cursor);
        this.audit = { items: [...audit.items, ...page.items], next_cursor: page.next_cursor };
        await this.page.load();
      } catch (error) {
        failure.replaceChildren(notice("failed", "The earlier ones could not be loaded.", error_text(error)));
      }
    };
    const cursor = audit.next_cursor;
    return h(
      "div",
      {},
      h("p", { class: "performance-none" }, SEALED),
      table("Audit log", ["When", "Who", "What", "Outcome"], audit.items.map(audit_row)),
      failure,
      cursor !== null &&
        h("p", { class: "access-more" }, button("Show earlier ones", "earlier", () => void earlier(cursor), true)),
    );
  }
}

const places = (sites: readonly string[]): string =>
  account.sees_all(sites) ? "The whole plant" : account.places_words(sites);

function button(label: string, key: string, run: () => void, strong = false): HTMLElement {
  return h(
    "button",
    { type: "button", class: strong ? "button button-strong" : "button", "data-key": key, onclick: run },
    label,
    strong ? null : h("span", { class: "visually-hidden" }, ` ${key.slice(key.indexOf(" ") + 1)}`),
  );
}

function table(label: string, columns: readonly string[], rows: readonly Child[][]): HTMLElement {
  const cell = (content: Child, at: number): HTMLElement => {
    const element = at === 0 ? h("th", { scope: "row" }) : h("td", { "data-label": columns[at] ?? "" });
    if (content !== null && content !== false) element.append(content);
    return element;
  };
  const head = (column: string): HTMLElement =>
    column === "" ? h("td", {}) : h("th", { scope: "col" }, column);
  return h(
    "table",
    { class: "access-table", "aria-label": label },
    h("thead", {}, h("tr", {}, ...columns.map(head))),
    h("tbody", {}, ...rows.map((cells) => h("tr", {}, ...cells.map(cell)))),
  );
}

function audit_row(record: account.AuditRecord): Child[] {
  const detail = record.detail === undefined ? "" : JSON.stringify(record.detail);
  return [
    time_tag(parse_time(record.time)),
    h("span", { title: `${record.by}, from ${record.from}` }, record.who),
    h(
      "span",
      { title: record.what },
      account.audit_words(record),
      detail === "" || detail === "{}" ? null : h("small", { class: "access-detail" }, detail),
    ),
    h("span", { class: "access-status", "data-refused": record.status >= 400 }, record.status < 400 ? "Done" : `Refused (${record.status})`),
  ];
}
