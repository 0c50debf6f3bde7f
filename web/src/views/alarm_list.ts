// The alarm list: what is open first; on demand all that was.

import { get_alarms } from "../api";
import { compare_alarms, is_open, is_suppressed } from "../alarms";
import { h, set_attribute, set_children, set_text } from "../dom";
import { integer } from "../format";
import type { State, Store } from "../state";
import type { Alarm } from "../types";
import { AlarmRows, type AlarmActions } from "./alarm_row";
import { ControlList } from "./control_list";
import { notice } from "./notice";

const ROWS_STEP = 200;

type Show = "open" | "suppressed" | "all";

export class AlarmList {
  private readonly list = h("ol", { class: "alarm-list" });
  private readonly note = h("div");
  private readonly more: HTMLButtonElement;
  private readonly tabs: Record<Show, { element: HTMLButtonElement; count: HTMLElement }>;
  private readonly rows: AlarmRows;
  private readonly controls: ControlList;
  private show: Show = "open";
  private rows_max = ROWS_STEP;
  private shown: { alarms: State["alarms"]; show: string; rows_max: number; load: string } | null = null;

  constructor(
    root: HTMLElement,
    private readonly store: Store,
    actions: AlarmActions,
  ) {
    this.rows = new AlarmRows(actions);
    this.controls = new ControlList(actions.release);
    const tab = (show: Show, label: string): { element: HTMLButtonElement; count: HTMLElement } => {
      const count = h("span", { class: "count" });
      const element = h(
        "button",
        { type: "button", class: "chip", "aria-pressed": String(show === this.show), onclick: () => this.choose(show) },
        label,
        count,
      );
      return { element, count };
    };
    this.tabs = { open: tab("open", "Open"), suppressed: tab("suppressed", "Suppressed"), all: tab("all", "All") };
    this.tabs.open.element.title = "Active, or back to normal but not acknowledged";
    this.tabs.suppressed.element.title = "Shelved, suppressed by design or out of service";
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
          this.tabs.suppressed.element,
          this.tabs.all.element,
        ),
      ),
      this.controls.element,
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
    const suppressed = all.filter((alarm) => is_suppressed(alarm) && alarm.state !== "normal");
    const wanted = { open, suppressed, all }[this.show].sort(compare_alarms);
    const find = (id: Alarm["id"]): Alarm | undefined => state.alarms.get(String(id));
    set_children(this.list, this.rows.of(wanted.slice(0, this.rows_max), find));
    this.controls.show(this.show === "suppressed", suppressed);
    set_text(this.tabs.suppressed.count, integer(suppressed.length));
    set_attribute(this.tabs.suppressed.count, "hidden", suppressed.length === 0);
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
    else if (this.show === "suppressed")
      this.note.replaceChildren(notice("empty", "No suppressed alarm is active.", "What is suppressed is listed above."));
    else this.note.replaceChildren(notice("empty", "No alarms so far."));
  }

  /** What suppresses has changed: an action of this screen. */
  refresh(): void {
    this.controls.refresh();
  }

  private choose(show: Show): void {
    this.show = show;
    this.rows_max = ROWS_STEP;
    for (const key of ["open", "suppressed", "all"] as const)
      set_attribute(this.tabs[key].element, "aria-pressed", String(key === show));
    this.update(this.store.state);
  }

  private async load_more(): Promise<void> {
    this.rows_max += ROWS_STEP;
    const cursor = this.store.state.older_alarms;
    if (this.show !== "all" || cursor === null) return this.update(this.store.state);
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
