// What takes alarms out of sight now: how, by whom, until when, and how many active alarms it hides.

import { ApiError, get_controls } from "../api";
import { h, set_attribute } from "../dom";
import { plural } from "../format";
import { condition_words, control_words, controls_of } from "../handling";
import { parse_time } from "../time";
import type { Alarm, AlarmControl } from "../types";
import { notice } from "./notice";
import { time_tag } from "./time_tag";

const REFRESH_MS = 5000;

export class ControlList {
  readonly element = h("div", { class: "controls", hidden: true });
  private readonly list = h("ul", { class: "control-list", "aria-label": "What is suppressed" });
  private controls: readonly AlarmControl[] = [];
  private hidden_alarms: readonly Alarm[] = [];
  private timer: ReturnType<typeof setInterval> | undefined;
  private shown = "";

  constructor(private readonly on_release: (control: AlarmControl) => void) {
    this.element.append(this.list);
  }

  /** `alarms` are the suppressed ones that are active. */
  show(visible: boolean, alarms: readonly Alarm[]): void {
    this.hidden_alarms = alarms;
    set_attribute(this.element, "hidden", !visible);
    if (!visible) {
      clearInterval(this.timer);
      this.timer = undefined;
      return;
    }
    if (this.timer === undefined) {
      this.timer = setInterval(() => void this.load(), REFRESH_MS);
      void this.load();
    }
    this.render();
  }

  refresh(): void {
    if (this.timer !== undefined) void this.load();
  }

  private async load(): Promise<void> {
    try {
      this.controls = (await get_controls()).items;
      this.render();
    } catch (error) {
      this.shown = "";
      this.list.replaceChildren(
        h("li", {}, notice("failed", "What is suppressed is not known.", error instanceof ApiError ? error.message : "")),
      );
    }
  }

  private render(): void {
    const hidden = (control: AlarmControl): number =>
      this.hidden_alarms.filter((alarm) => controls_of(alarm, [control]).length > 0).length;
    const rows = this.controls.map((control) => ({ control, hidden: hidden(control) }));
    const content = JSON.stringify(rows);
    if (content === this.shown) return;
    this.shown = content;
    this.list.replaceChildren(
      ...(rows.length === 0
        ? [h("li", {}, notice("empty", "Nothing is suppressed."))]
        : rows.map((row) => this.row(row.control, row.hidden))),
    );
  }

  private row(control: AlarmControl, hidden: number): HTMLElement {
    return h(
      "li",
      { class: "control", "data-id": String(control.id) },
      h(
        "div",
        { class: "control-text" },
        h("span", { class: "control-match", title: control.match }, condition_words(control.match)),
        h("span", { class: "control-how" }, control_words(control)),
      ),
      h(
        "div",
        { class: "control-who" },
        h("span", {}, control.by, control.comment === "" ? "" : `: ${control.comment}`),
        h("span", {}, "since ", time_tag(parse_time(control.since))),
      ),
      h("span", { class: "control-hidden" }, hidden === 0 ? "hides none now" : `hides ${plural(hidden, "alarm")}`),
      h(
        "button",
        {
          type: "button",
          class: "button",
          onclick: () => this.on_release(control),
          "aria-label": `Release: ${condition_words(control.match)}`,
        },
        "Release",
      ),
    );
  }
}
