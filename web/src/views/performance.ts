// How well the alarm system does: the figures of ISA-18.2, clause 16, beside their targets, and what to mend first.

import { PRIORITIES } from "../alarms";
import { get_performance } from "../api";
import { h } from "../dom";
import { fixed, integer, plural, sentence } from "../format";
import { condition_words, figures, type Figure } from "../handling";
import type { AlarmPerformance } from "../types";
import { ChosenFigures, panel } from "./figures_page";
import { priority_mark } from "./icons";
import { notice } from "./notice";

const PERIODS: readonly [string, string][] = [
  ["8h", "8 hours"],
  ["24h", "24 hours"],
  ["7d", "7 days"],
  ["30d", "30 days"],
];

export class PerformanceView {
  readonly element: HTMLElement;
  private readonly page = new ChosenFigures({
    title: "Alarm performance",
    kind: "performance",
    group: "Period",
    choices: PERIODS,
    chosen: "24h",
    failed: "The figures could not be loaded.",
    load: get_performance,
    show: view_of,
  });

  constructor() {
    this.element = this.page.element;
  }

  destroy(): void {
    this.page.destroy();
  }
}

function view_of(performance: AlarmPerformance): HTMLElement[] {
  const panels: HTMLElement[] = [];
  if (performance.in_flood)
    panels.push(
      notice("failed", "An alarm flood is on.", "More alarms come than anybody can look at: begin with the first out."),
    );
  panels.push(
    h("dl", { class: "measures" }, ...figures(performance).map(measure)),
    panel("By priority", priorities(performance)),
    panel("Raised most often", bad_actors(performance)),
    panel("Chattering", conditions(performance.chattering, "None was raised three times within a minute.")),
    panel("Stale", conditions(performance.stale, "None has been active for more than 24 hours.")),
  );
  return panels;
}

function measure(figure: Figure): HTMLElement {
  return h(
    "div",
    { class: "measure", "data-met": figure.met },
    h("dt", {}, figure.label),
    h("dd", {}, `${fixed(figure.value, figure.decimals)}${figure.unit === "" ? "" : ` ${figure.unit}`}`),
    h("dd", { class: "measure-target" }, `${figure.met ? "✓" : "✗ over"} target: ${figure.target}`),
  );
}

function share_bar(share: number, label: string): HTMLElement {
  const bar = h("span", { class: "share", role: "img", "aria-label": label });
  const part = h("span", { class: "share-part" });
  part.style.width = `${(share * 100).toFixed(1)}%`;
  bar.append(part);
  return bar;
}

const TARGET_SHARE = "ISA-18.2 recommends about 80 % low, 15 % medium, 5 % high, under 1 % critical.";

function priorities(performance: AlarmPerformance): HTMLElement {
  if (performance.raises === 0) return h("p", { class: "performance-none" }, "No alarm in this time.");
  return h(
    "div",
    {},
    h(
      "ul",
      { class: "share-list" },
      ...PRIORITIES.map((priority) => {
        const count = performance.by_priority[priority];
        const share = count / performance.raises;
        const percent = `${fixed(share * 100, 0)} %`;
        return h(
          "li",
          {},
          h("span", { class: "share-name" }, priority_mark(priority), sentence(priority)),
          share_bar(share, percent),
          h("span", { class: "share-number" }, integer(count)),
          h("span", { class: "share-number share-percent" }, percent),
        );
      }),
    ),
    h("p", { class: "performance-none" }, TARGET_SHARE),
  );
}

function bad_actors(performance: AlarmPerformance): HTMLElement {
  if (performance.bad_actors.length === 0) return h("p", { class: "performance-none" }, "No alarm in this time.");
  const together = performance.bad_actors.reduce((sum, one) => sum + one.share, 0);
  return h(
    "div",
    {},
    h(
      "ol",
      { class: "share-list" },
      ...performance.bad_actors.map((actor) => {
        const percent = `${fixed(actor.share * 100, 0)} %`;
        return h(
          "li",
          {},
          h("span", { class: "share-name", title: actor.condition }, condition_words(actor.condition)),
          share_bar(actor.share, percent),
          h("span", { class: "share-number" }, integer(actor.raises)),
          h("span", { class: "share-number share-percent" }, percent),
        );
      }),
    ),
    h(
      "p",
      { class: "performance-none" },
      `These are ${fixed(together * 100, 0)} % of ${plural(performance.raises, "alarm")}; the ten worst should be under 5 %.`,
    ),
  );
}

function conditions(all: readonly string[], none: string): HTMLElement {
  if (all.length === 0) return h("p", { class: "performance-none" }, none);
  return h("ul", {}, ...all.map((condition) => h("li", { title: condition }, condition_words(condition))));
}
