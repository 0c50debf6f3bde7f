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

export interface Form<T> {
  title: string;
  submit: string;
  failed: string; // "Not acknowledged."
  about: Child;
  fields?: Child[];
  send: (person: api.Person) => Promise<T>;
  on_done: (done: T) => void;
}

export function error_text(error: unknown): string {
  return error instanceof api.ApiError ? error.message : "Try again.";
}

export function ask<T>(form: Form<T>): void {
  const dialog = new Dialog("dialog-form", form.title);
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
  const failure = h("p", { class: "form-error", role: "alert" });
  name.addEventListener("input", () => set_text(failure, ""));
  const submit = h("button", { type: "submit", class: "button button-strong" }, form.submit);
  const send = async (): Promise<void> => {
    const by = name.value.trim();
    if (by === "") {
      set_text(failure, "Enter your name: the record says who has done it.");
      name.focus();
      return;
    }
    set_attribute(submit, "disabled", true);
    set_text(failure, "");
    try {
      const done = await form.send({ by, comment: comment.value.trim() });
      if (signed_in_name() === null) remember_name(by);
      form.on_done(done);
      dialog.close();
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
        onsubmit: (event) => {
          event.preventDefault();
          void send();
        },
      },
      form.about,
      ...(form.fields ?? []),
      h("label", { for: "form-name" }, "Your name"),
      name,
      h("label", { for: "form-comment" }, "Comment ", h("small", {}, "(optional)")),
      comment,
      failure,
      h(
        "div",
        { class: "form-actions" },
        h("button", { type: "button", class: "button", onclick: () => dialog.close() }, "Cancel"),
        submit,
      ),
    ),
  );
  (name.value === "" ? name : comment).focus();
}
