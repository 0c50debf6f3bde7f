// One alarm in a list.

import { alarm_place, is_active, is_suppressed, is_unacknowledged, state_words } from "../alarms";
import { h, set_attribute, set_text } from "../dom";
import { judged_text, sentence } from "../format";
import { can_reset, until_words } from "../handling";
import { machine_href } from "../router";
import { parse_time } from "../time";
import type { Alarm, AlarmControl } from "../types";
import { priority_mark } from "./icons";
import { set_time } from "./time_tag";

/** What an operator does to alarms. */
export interface AlarmActions {
  acknowledge: (alarm: Alarm) => void;
  reset: (alarm: Alarm) => void;
  suppress: (alarm: Alarm) => void; // shelve, or take out of service
  restore: (alarm: Alarm) => void; // end what suppresses it
  release: (control: AlarmControl) => void;
}

type Find = (id: Alarm["id"]) => Alarm | undefined;

export class AlarmRow {
  readonly element: HTMLLIElement;
  private readonly mark = h("span", { class: "alarm-mark" });
  private readonly message = h("a", { class: "alarm-message" });
  private readonly where = h("span", { class: "alarm-where" });
  private readonly raised = h("time");
  private readonly judged = h("span", { class: "alarm-judged" });
  private readonly state = h("span", { class: "alarm-state" });
  private readonly comment = h("span", { class: "alarm-comment" });
  private readonly marks = h("span", { class: "alarm-marks" });
  private readonly buttons: Record<"acknowledge" | "reset" | "suppress" | "restore", HTMLButtonElement>;
  private alarm: Alarm;
  private cause: Alarm | undefined;

  constructor(alarm: Alarm, actions: AlarmActions) {
    this.alarm = alarm;
    const button = (label: string, run: (alarm: Alarm) => void, kind = ""): HTMLButtonElement =>
      h("button", { type: "button", class: `button ${kind}`.trim(), onclick: () => run(this.alarm) }, label);
    this.buttons = {
      acknowledge: button("Acknowledge", actions.acknowledge),
      reset: button("Reset", actions.reset),
      suppress: button("Suppress…", actions.suppress, "button-quiet"),
      restore: button("Restore…", actions.restore),
    };
    this.element = h(
      "li",
      { class: "alarm" },
      this.mark,
      h("div", { class: "alarm-text" }, this.message, this.where, this.marks),
      h("div", { class: "alarm-facts" }, this.raised, this.judged),
      h("div", { class: "alarm-status" }, this.state, this.comment),
      h("div", { class: "alarm-action" }, ...Object.values(this.buttons)),
    );
    this.render(null);
  }

  update(alarm: Alarm, cause: Alarm | undefined): void {
    if (alarm === this.alarm && cause === this.cause) return;
    const before = this.alarm;
    this.alarm = alarm;
    this.cause = cause;
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
    set_text(this.state, [state_words(alarm), until_words(alarm)].filter((part) => part !== "").join(" "));
    this.render_marks();
    set_text(
      this.comment,
      is_unacknowledged(alarm) ? "" : [alarm.acknowledged_by, alarm.comment].filter((part) => part !== "").join(": "),
    );
    const wanted = {
      acknowledge: is_unacknowledged(alarm),
      reset: can_reset(alarm),
      suppress: is_active(alarm),
      restore: is_suppressed(alarm) && alarm.state !== "normal",
    };
    for (const key of ["acknowledge", "reset", "suppress", "restore"] as const) {
      const button = this.buttons[key];
      set_attribute(button, "hidden", !wanted[key]);
      set_attribute(button, "aria-label", `${(button.textContent ?? "").replace("…", "")}: ${alarm.message}`);
    }
  }

  private render_marks(): void {
    const { alarm, cause } = this;
    const mark = (text: string, title: string): HTMLElement => h("span", { class: "tag", title }, text);
    const marks: HTMLElement[] = [];
    if (alarm.first_out) marks.push(mark("First out", "The first alarm of its group on this machine"));
    if (alarm.consequence_of !== null)
      marks.push(
        mark(
          cause ? `Follows: ${cause.message}` : `Follows alarm ${alarm.consequence_of}`,
          "Came shortly after another alarm of this machine: probably its consequence",
        ),
      );
    if (alarm.raises > 1) marks.push(mark(`${alarm.raises} times`, "How often it has become active before anybody ended it"));
    this.marks.replaceChildren(...marks);
  }
}

/** Rows by alarm, kept while they are shown, so that focus and hover survive an update. */
export class AlarmRows {
  private rows = new Map<string, AlarmRow>();

  constructor(private readonly actions: AlarmActions) {}

  of(alarms: readonly Alarm[], find: Find): HTMLElement[] {
    const next = new Map<string, AlarmRow>();
    for (const alarm of alarms) {
      const key = String(alarm.id);
      const row = this.rows.get(key) ?? new AlarmRow(alarm, this.actions);
      row.update(alarm, alarm.consequence_of === null ? undefined : find(alarm.consequence_of));
      next.set(key, row);
    }
    this.rows = next;
    return [...next.values()].map((row) => row.element);
  }
}
