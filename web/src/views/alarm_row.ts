// One alarm in a list.

import { alarm_place, is_active, is_unacknowledged, state_words } from "../alarms";
import { h, set_attribute, set_text } from "../dom";
import { judged_text, sentence } from "../format";
import { machine_href } from "../router";
import { parse_time } from "../time";
import type { Alarm } from "../types";
import { priority_mark } from "./icons";
import { set_time } from "./time_tag";

export class AlarmRow {
  readonly element: HTMLLIElement;
  private readonly mark = h("span", { class: "alarm-mark" });
  private readonly message = h("a", { class: "alarm-message" });
  private readonly where = h("span", { class: "alarm-where" });
  private readonly raised = h("time");
  private readonly judged = h("span", { class: "alarm-judged" });
  private readonly state = h("span", { class: "alarm-state" });
  private readonly comment = h("span", { class: "alarm-comment" });
  private readonly button: HTMLButtonElement;
  private alarm: Alarm;

  constructor(alarm: Alarm, on_acknowledge: (alarm: Alarm) => void) {
    this.alarm = alarm;
    this.button = h(
      "button",
      { type: "button", class: "button", onclick: () => on_acknowledge(this.alarm) },
      "Acknowledge",
    );
    this.element = h(
      "li",
      { class: "alarm" },
      this.mark,
      h("div", { class: "alarm-text" }, this.message, this.where),
      h("div", { class: "alarm-facts" }, this.raised, this.judged),
      h("div", { class: "alarm-status" }, this.state, this.comment),
      h("div", { class: "alarm-action" }, this.button),
    );
    this.render(null);
  }

  update(alarm: Alarm): void {
    if (alarm === this.alarm) return;
    const before = this.alarm;
    this.alarm = alarm;
    this.render(before);
  }

  private render(before: Alarm | null): void {
    const { alarm } = this;
    if (before?.priority !== alarm.priority) {
      this.mark.replaceChildren(
        priority_mark(alarm.priority),
        h("span", { class: "visually-hidden" }, `${sentence(alarm.priority)} priority`),
      );
      set_attribute(this.mark, "title", `${sentence(alarm.priority)} priority`);
    }
    set_attribute(this.element, "data-id", String(alarm.id));
    set_attribute(this.element, "data-priority", alarm.priority);
    set_attribute(this.element, "data-active", is_active(alarm));
    set_attribute(this.element, "data-unacknowledged", is_unacknowledged(alarm));
    set_text(this.message, alarm.message);
    set_attribute(this.message, "href", alarm.machine === "" ? null : machine_href(alarm.machine));
    const place = alarm_place(alarm);
    set_text(
      this.where,
      [alarm.machine === "" ? "platform" : alarm.machine, place].filter((part) => part !== "").join(" / "),
    );
    set_time(this.raised, parse_time(alarm.raised));
    set_text(this.judged, judged_text(alarm.value, alarm.limit));
    set_attribute(this.judged, "title", "What was judged, and its limit");
    set_text(this.state, state_words(alarm));
    set_text(
      this.comment,
      is_unacknowledged(alarm) ? "" : [alarm.acknowledged_by, alarm.comment].filter((part) => part !== "").join(": "),
    );
    set_attribute(this.button, "hidden", !is_unacknowledged(alarm));
    set_attribute(this.button, "aria-label", `Acknowledge: ${alarm.message}`);
  }
}

/** Rows by alarm, kept while they are shown, so that focus and hover survive an update. */
export class AlarmRows {
  private rows = new Map<string, AlarmRow>();

  constructor(private readonly on_acknowledge: (alarm: Alarm) => void) {}

  of(alarms: readonly Alarm[]): HTMLElement[] {
    const next = new Map<string, AlarmRow>();
    for (const alarm of alarms) {
      const key = String(alarm.id);
      const row = this.rows.get(key) ?? new AlarmRow(alarm, this.on_acknowledge);
      row.update(alarm);
      next.set(key, row);
    }
    this.rows = next;
    return [...next.values()].map((row) => row.element);
  }
}
