// Forms for what is done to an alarm: who, why, and what else must be known; then the server is told.

import { alarm_place } from "../alarms";
import * as api from "../api";
import { h } from "../dom";
import { condition_words, control_words, controls_of, shelve_choices } from "../handling";
import type { Alarm, AlarmControl } from "../types";
import { Dialog } from "./dialog";
import { ask, error_text } from "./form";
import { priority_mark } from "./icons";
import { notice } from "./notice";

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
