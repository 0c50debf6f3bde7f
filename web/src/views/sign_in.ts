// The page before the plant: signing in, or making the first user with the token that the plant printed.

import * as account from "../account";
import { ApiError } from "../api";
import { h, set_attribute, set_text } from "../dom";

interface Field {
  id: string;
  label: string;
  type: "text" | "password";
  autocomplete: string;
  help?: string;
}

const NAME: Field = { id: "sign-in-name", label: "Name", type: "text", autocomplete: "username" };

/** A form that is the whole page. `send` says what is wrong, "" where all is well. */
class GatePage {
  readonly element: HTMLElement;
  private readonly inputs: HTMLInputElement[];
  private readonly failure = h("p", { class: "form-error", role: "alert" });
  private readonly submit: HTMLButtonElement;

  constructor(
    title: string,
    intro: string,
    submit: string,
    fields: readonly Field[],
    private readonly send: (values: string[]) => Promise<string>,
  ) {
    this.submit = h("button", { type: "submit", class: "button button-strong" }, submit);
    this.inputs = fields.map((field) =>
      h("input", {
        id: field.id,
        type: field.type,
        autocomplete: field.autocomplete,
        required: true,
        autocapitalize: "none",
        spellcheck: "false",
        "aria-describedby": field.help ? `${field.id}-help` : null,
      }),
    );
    const rows = fields.flatMap((field, at) => [
      h("label", { for: field.id }, field.label),
      this.inputs[at] ?? null,
      field.help ? h("small", { id: `${field.id}-help` }, field.help) : null,
    ]);
    const form = h(
      "form",
      {
        novalidate: true,
        onsubmit: (event) => {
          event.preventDefault();
          void this.go();
        },
      },
      h("h1", {}, title),
      h("p", { class: "gate-intro" }, intro),
      ...rows,
      this.failure,
      h("div", { class: "form-actions" }, this.submit),
    );
    this.element = h("section", { class: "gate" }, form);
  }

  focus(): void {
    this.inputs[0]?.focus();
  }

  private async go(): Promise<void> {
    const empty = this.inputs.find((input) => input.value === "");
    if (empty) {
      set_text(this.failure, "Fill in every field.");
      empty.focus();
      return;
    }
    set_attribute(this.submit, "disabled", true);
    set_text(this.failure, "");
    try {
      set_text(this.failure, await this.send(this.inputs.map((input) => input.value)));
    } catch (error) {
      const text = error instanceof ApiError ? error.help : "Try again.";
      set_text(this.failure, text.charAt(0).toUpperCase() + text.slice(1));
    }
    set_attribute(this.submit, "disabled", false);
  }
}

export function sign_in_page(on_done: () => void): GatePage {
  return new GatePage(
    "Sign in",
    "This plant is shown to those who have an account.",
    "Sign in",
    [NAME, { id: "sign-in-password", label: "Password", type: "password", autocomplete: "current-password" }],
    async ([name = "", password = ""]) => {
      await account.sign_in(name.trim(), password);
      on_done();
      return "";
    },
  );
}

export function set_up_page(on_done: () => void): GatePage {
  return new GatePage(
    "Set up this plant",
    "There are no users yet. The first one administers the whole plant and adds the others.",
    "Make the first user",
    [
      {
        id: "set-up-token",
        label: "Set-up token",
        type: "text",
        autocomplete: "off",
        help: "The plant wrote it to its log when it started. It is good once.",
      },
      NAME,
      {
        id: "set-up-password",
        label: "Password",
        type: "password",
        autocomplete: "new-password",
        help: `${account.PASSWORD_SHORTEST} characters or more.`,
      },
      { id: "set-up-again", label: "The same password again", type: "password", autocomplete: "new-password" },
    ],
    async ([token = "", name = "", password = "", again = ""]) => {
      const fault = account.password_fault(password, again);
      if (fault !== "") return fault;
      await account.set_up(token.trim(), name.trim(), password);
      await account.sign_in(name.trim(), password);
      on_done();
      return "";
    },
  );
}
