// Asks who acknowledges, and why, then tells the server.

import { alarm_place } from "../alarms";
import { acknowledge, ApiError } from "../api";
import { h, set_attribute, set_text } from "../dom";
import type { Alarm } from "../types";
import { Dialog } from "./dialog";
import { priority_mark } from "./icons";

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

export function ask_acknowledge(alarm: Alarm, on_done: (alarm: Alarm) => void): void {
  const dialog = new Dialog("dialog-form", "Acknowledge alarm");
  const name = h("input", {
    id: "ack-name",
    name: "by",
    required: true,
    maxlength: 64,
    autocomplete: "name",
    value: remembered_name(),
  });
  const comment = h("textarea", { id: "ack-comment", name: "comment", rows: 3, maxlength: 500 });
  const failure = h("p", { class: "form-error", role: "alert" });
  name.addEventListener("input", () => set_text(failure, ""));
  const submit = h("button", { type: "submit", class: "button button-strong" }, "Acknowledge");
  const send = async (): Promise<void> => {
    const by = name.value.trim();
    if (by === "") {
      set_text(failure, "Enter your name: the record says who has seen the alarm.");
      name.focus();
      return;
    }
    set_attribute(submit, "disabled", true);
    set_text(failure, "");
    try {
      const acknowledged = await acknowledge(alarm.id, by, comment.value.trim());
      remember_name(by);
      on_done(acknowledged);
      dialog.close();
    } catch (error) {
      set_text(failure, `Not acknowledged. ${error instanceof ApiError ? error.message : "Try again."}`);
      set_attribute(submit, "disabled", false);
    }
  };
  const form = h(
    "form",
    {
      novalidate: true,
      onsubmit: (event) => {
        event.preventDefault();
        void send();
      },
    },
    h(
      "p",
      { class: "ack-alarm" },
      priority_mark(alarm.priority),
      h(
        "span",
        {},
        h("strong", {}, alarm.message),
        h("small", {}, [alarm.machine, alarm_place(alarm)].filter((part) => part !== "").join(" / ")),
      ),
    ),
    h("label", { for: "ack-name" }, "Your name"),
    name,
    h("label", { for: "ack-comment" }, "Comment ", h("small", {}, "(optional)")),
    comment,
    failure,
    h(
      "div",
      { class: "form-actions" },
      h("button", { type: "button", class: "button", onclick: () => dialog.close() }, "Cancel"),
      submit,
    ),
  );
  dialog.open(form);
  (name.value === "" ? name : comment).focus();
}
