// The alarm list: what is open first; on demand all that was.

import { get_alarms } from "../api";
import { compare_alarms, is_open } from "../alarms";
import { h, set_attribute, set_children, set_text } from "../dom";
import { integer } from "../format";
import type { State, Store } from "../state";
import type { Alarm } from "../types";
import { AlarmRows } from "./alarm_row";
import { notice } from "./notice";

const ROWS_STEP = 200;

export class AlarmList {
  private readonly list = h("ol", { class: "alarm-list" });
  private readonly note = h("div");
  private readonly more: HTMLButtonElement;
  private readonly tabs: Record<"open" | "all", { element: HTMLButtonElement; count: HTMLElement }>;
  private readonly rows: AlarmRows;
  private show: "open" | "all" = "open";
  private rows_max = ROWS_STEP;
  private shown: { alarms: State["alarms"]; show: string; rows_max: number; load: string } | null = null;

  constructor(
    root: HTMLElement,
    private readonly store: Store,
    on_acknowledge: (alarm: Alarm) => void,
  ) {
    this.rows = new AlarmRows(on_acknowledge);
    const tab = (show: "open" | "all", label: string): { element: HTMLButtonElement; count: HTMLElement } => {
      const count = h("span", { class: "count" });
      const element = h(
        "button",
        { type: "button", class: "chip", "aria-pressed": String(show === this.show), onclick: () => this.choose(show) },
        label,
        count,
      );
      return { element, count };
    };
    this.tabs = { open: tab("open", "Open"), all: tab("all", "All") };
    this.tabs.open.element.title = "Active, or back to normal but not acknowledged";
    this.more = h(
      "button",
      { type: "button", class: "button", hidden: true, onclick: () => void this.load_more() },
      "Show older",
    );
    root.append(
      h(
        "div",
        { class: "alarms-head" },
        h("h2", { id: "alarms-title" }, "Alarms"),
        h(
          "div",
          { class: "chips", role: "group", "aria-label": "Show alarms" },
          this.tabs.open.element,
          this.tabs.all.element,
        ),
      ),
      this.note,
      this.list,
      h("div", { class: "alarms-more" }, this.more),
    );
  }

  update(state: State): void {
    const { shown } = this;
    if (
      shown &&
      shown.alarms === state.alarms &&
      shown.show === this.show &&
      shown.rows_max === this.rows_max &&
      shown.load === state.load.kind
    )
      return;
    this.shown = { alarms: state.alarms, show: this.show, rows_max: this.rows_max, load: state.load.kind };
    const all = [...state.alarms.values()];
    const open = all.filter(is_open);
    const wanted = (this.show === "open" ? open : all).sort(compare_alarms);
    set_children(this.list, this.rows.of(wanted.slice(0, this.rows_max)));
    set_text(this.tabs.open.count, integer(open.length));
    set_attribute(this.tabs.open.count, "hidden", open.length === 0);
    set_attribute(this.tabs.all.count, "hidden", true);
    const older = this.show === "all" && state.older_alarms !== null;
    set_attribute(this.more, "hidden", wanted.length <= this.rows_max && !older);
    this.update_note(state, wanted.length);
  }

  private update_note(state: State, rows: number): void {
    if (rows > 0) this.note.replaceChildren();
    else if (state.load.kind === "loading") this.note.replaceChildren(notice("loading", "Loading alarms…"));
    else if (state.load.kind === "failed")
      this.note.replaceChildren(notice("empty", "Alarms are not known.", "They appear as soon as the server answers."));
    else if (this.show === "open")
      this.note.replaceChildren(notice("empty", "No open alarms.", "New ones appear here by themselves."));
    else this.note.replaceChildren(notice("empty", "No alarms so far."));
  }

  private choose(show: "open" | "all"): void {
    this.show = show;
    this.rows_max = ROWS_STEP;
    for (const key of ["open", "all"] as const)
      set_attribute(this.tabs[key].element, "aria-pressed", String(key === show));
    this.update(this.store.state);
  }

  private async load_more(): Promise<void> {
    this.rows_max += ROWS_STEP;
    const cursor = this.store.state.older_alarms;
    if (this.show === "open" || cursor === null) return this.update(this.store.state);
    this.more.disabled = true;
    try {
      const page = await get_alarms(cursor);
      this.store.dispatch({ type: "alarms", alarms: page.items, older: page.next_cursor });
      this.update(this.store.state);
    } catch (error) {
      this.note.replaceChildren(
        notice("failed", "Older alarms could not be loaded.", error instanceof Error ? error.message : ""),
      );
    } finally {
      this.more.disabled = false;
    }
  }
}
