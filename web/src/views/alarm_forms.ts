// Forms for what is done to an alarm: who, why, and what else must be known; then the server is told.

import { signed_in_name } from "../account";
import { alarm_place } from "../alarms";
import * as api from "../api";
import { h, set_attribute, set_text, type Child } from "../dom";
import { condition_words, control_words, controls_of, shelve_choices } from "../handling";
import type { Alarm, AlarmControl } from "../types";
import { Dialog } from "./dialog";
import { priority_mark } from "./icons";
import { notice } from "./notice";

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

interface Form<T> {
  title: string;
  submit: string;
  failed: string; // "Not acknowledged."
  about: Child;
  fields?: Child[];
  send: (person: api.Person) => Promise<T>;
  on_done: (done: T) => void;
}

function error_text(error: unknown): string {
  return error instanceof api.ApiError ? error.message : "Try again.";
}

function ask<T>(form: Form<T>): void {
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

function about_alarm(alarm: Alarm): HTMLElement {
  return h(
    "p",
    { class: "form-alarm" },
    priority_mark(alarm.priority),
    h(
      "span",
      {},
      h("strong", {}, alarm.message),
      h("small", {}, [alarm.machine, alarm_place(alarm)].filter((part) => part !== "").join(" / ")),
    ),
  );
}

function about_control(control: AlarmControl): HTMLElement {
  return h(
    "p",
    { class: "form-alarm" },
    h("span", {}, h("strong", {}, condition_words(control.match)), h("small", {}, control_words(control))),
  );
}

export function ask_acknowledge(alarm: Alarm, on_done: (alarm: Alarm) => void): void {
  ask({
    title: "Acknowledge alarm",
    submit: "Acknowledge",
    failed: "Not acknowledged.",
    about: about_alarm(alarm),
    send: (person) => api.acknowledge(alarm.id, person),
    on_done,
  });
}

export function ask_reset(alarm: Alarm, on_done: (alarm: Alarm) => void): void {
  ask({
    title: "Reset latched alarm",
    submit: "Reset",
    failed: "Not reset.",
    about: about_alarm(alarm),
    send: (person) => api.reset(alarm.id, person),
    on_done,
  });
}

/** What the plant has in force; a dialog says so where it cannot be had. */
async function known_controls(title: string): Promise<Awaited<ReturnType<typeof api.get_controls>> | null> {
  try {
    return await api.get_controls();
  } catch (error) {
    new Dialog("dialog-form", title).open(notice("failed", "What is suppressed is not known.", error_text(error)));
    return null;
  }
}

const OUT_OF_SERVICE = "out-of-service";

export async function ask_suppress(alarm: Alarm, on_done: () => void): Promise<void> {
  const title = "Suppress alarm";
  const known = await known_controls(title);
  if (!known) return;
  const choice = h(
    "select",
    { id: "form-duration", name: "duration" },
    ...shelve_choices(known.shelve_max_s).map((one) => h("option", { value: one.duration }, `Shelve for ${one.label}`)),
    h("option", { value: OUT_OF_SERVICE }, "Take out of service, until it is put back"),
  );
  ask({
    title,
    submit: "Suppress",
    failed: "Not suppressed.",
    about: about_alarm(alarm),
    fields: [h("label", { for: "form-duration" }, "How"), choice],
    send: (person) =>
      choice.value === OUT_OF_SERVICE
        ? api.take_out_of_service(alarm.condition, person)
        : api.shelve(alarm.id, choice.value, person),
    on_done,
  });
}

export function ask_release(control: AlarmControl, on_done: () => void): void {
  ask({
    title: "End suppression",
    submit: "Release",
    failed: "Not released.",
    about: about_control(control),
    send: (person) => api.release(control.id, person),
    on_done,
  });
}

/** Ends all that takes this alarm out of sight; it may be more than one thing, and be about more than this alarm. */
export async function ask_restore(alarm: Alarm, on_done: () => void): Promise<void> {
  const title = "Restore alarm";
  const known = await known_controls(title);
  if (!known) return;
  const controls = controls_of(alarm, known.items);
  const [only] = controls;
  if (!only) {
    new Dialog("dialog-form", title).open(notice("empty", "Nothing suppresses this alarm any more."));
    return;
  }
  if (controls.length === 1) return ask_release(only, on_done);
  ask({
    title,
    submit: `Release all ${controls.length}`,
    failed: "Not restored.",
    about: about_alarm(alarm),
    fields: controls.map(about_control),
    send: async (person) => {
      for (const control of controls) await api.release(control.id, person);
    },
    on_done,
  });
}
