// How well the machines are used: effectiveness with its three parts, what the time was lost to, and the downtime
// behind it, with the reasons that people give.

import { get_downtime, get_oee, get_reasons } from "../api";
import { h, type Child } from "../dom";
import { fixed, NOTHING, words } from "../format";
import { last_part, losses_of, reason_name, type Loss } from "../oee";
import { machine_href } from "../router";
import { duration, parse_time } from "../time";
import type { DowntimeEvent, OeeRow, Reason } from "../types";
import { ask_reason } from "./downtime_form";
import { ChosenFigures, panel } from "./figures_page";
import { notice } from "./notice";
import { time_tag } from "./time_tag";

const EVENTS_SHOWN = 50;
const DAY_MS = 86_400_000;
/** How far back; 0: the site's today. */
const PERIODS = [
  ["today", "Today", 0],
  ["24h", "24 hours", DAY_MS],
  ["7d", "7 days", 7 * DAY_MS],
  ["30d", "30 days", 30 * DAY_MS],
] as const;

interface Shown {
  sites: OeeRow[];
  machines: OeeRow[];
  events: DowntimeEvent[];
  reasons: Reason[];
}

export class OeeView {
  readonly element: HTMLElement;
  private readonly page: ChosenFigures<Shown>;

  constructor(private readonly say: (words: string) => void) {
    this.page = new ChosenFigures({
      title: "Effectiveness",
      kind: "performance oee",
      group: "Period",
      choices: PERIODS.map(([key, label]) => [key, label]),
      chosen: "today",
      failed: "The figures could not be loaded.",
      load: load_period,
      show: (shown) => view_of(shown, (event) => this.edit(event, shown.reasons)),
    });
    this.element = this.page.element;
  }

  destroy(): void {
    this.page.destroy();
  }

  private edit(event: DowntimeEvent, reasons: readonly Reason[]): void {
    ask_reason(event, reasons, () => {
      this.say(`Changed: downtime of ${event.machine}`);
      void this.page.load();
    });
  }
}

async function load_period(period: string, signal: AbortSignal): Promise<Shown> {
  const back = PERIODS.find(([key]) => key === period)?.[2] ?? 0;
  const from = back > 0 ? new Date(Date.now() - back).toISOString() : undefined;
  const sites = await get_oee({ level: "site", from }, signal);
  const [machines, events, reasons] = await Promise.all([
    get_oee({ level: "machine", from: sites.from }, signal),
    get_downtime(sites.from, signal),
    get_reasons(signal),
  ]);
  return { sites: sites.items, machines: machines.items, events, reasons };
}

function view_of(shown: Shown, edit: (event: DowntimeEvent) => void): HTMLElement[] {
  if (shown.machines.length === 0)
    return [
      notice("empty", "No machine's effectiveness is computed.", "Give a machine type or a machine an 'oee' section."),
    ];
  return [
    ...shown.sites.map(site_measures),
    panel("Machines", machine_table(shown.machines), "oee-wide"),
    panel("Time lost", pareto(losses_of(shown.sites)), "oee-wide"),
    panel("Downtime", downtime(shown, edit), "oee-wide"),
  ];
}

const percent = (share: number | null): string => (share === null ? NOTHING : `${fixed(share * 100, 1)} %`);

function site_measures(site: OeeRow): HTMLElement {
  const figures: [string, number | null, string][] = [
    ["OEE", site.oee, "availability × performance × quality"],
    ["Availability", site.availability, "producing, of planned time"],
    ["Performance", site.performance, "at best, of producing time"],
    ["Quality", site.quality, "good, of all pieces"],
    ["TEEP", site.teep, "OEE over all of the time"],
  ];
  return h(
    "section",
    { class: "oee-site", "aria-label": site.path },
    h("h2", {}, site.path),
    h(
      "dl",
      { class: "measures" },
      ...figures.map(([label, share, note]) =>
        h(
          "div",
          { class: "measure", "data-met": true },
          h("dt", {}, label),
          h("dd", {}, percent(share)),
          h("dd", { class: "measure-target" }, note),
        ),
      ),
    ),
  );
}

function bar(share: number | null, label: string): HTMLElement {
  const part = h("span", { class: "share-part" });
  part.style.width = `${Math.min(100, Math.max(0, (share ?? 0) * 100)).toFixed(1)}%`;
  return h(
    "span",
    { class: "oee-bar" },
    h("span", { class: "share", role: "img", "aria-label": `${label} ${percent(share)}` }, part),
    h("span", { class: "share-number" }, percent(share)),
  );
}

function machine_table(machines: readonly OeeRow[]): HTMLElement {
  const lowest_first = [...machines].sort((a, b) => (a.oee ?? 2) - (b.oee ?? 2));
  const columns = ["Machine", "OEE", "Availability", "Performance", "Quality"];
  return h(
    "div",
    { class: "oee-scroll", tabindex: 0, role: "region", "aria-label": "Machines, the lowest first" },
    h(
      "table",
      { class: "oee-table" },
      h("thead", {}, h("tr", {}, ...columns.map((column) => h("th", { scope: "col" }, column)))),
      h(
        "tbody",
        {},
        ...lowest_first.map((row) => {
          const name = last_part(row.path);
          return h(
            "tr",
            {},
            h("th", { scope: "row" }, h("a", { href: machine_href(name), title: row.path }, name)),
            h("td", { class: "oee-number" }, percent(row.oee)),
            h("td", {}, bar(row.availability, "Availability")),
            h("td", {}, bar(row.performance, "Performance")),
            h("td", {}, bar(row.quality, "Quality")),
          );
        }),
      ),
    ),
  );
}

function pareto(losses: readonly Loss[]): HTMLElement {
  const largest = Math.max(...losses.map((loss) => loss.share), 1e-9);
  return h(
    "ol",
    { class: "share-list oee-losses" },
    ...losses.map((loss) => {
      const part = h("span", { class: "share-part" });
      part.style.width = `${((loss.share / largest) * 100).toFixed(1)}%`;
      const label = `${percent(loss.share)} of planned time, ${percent(loss.together)} with those above`;
      return h(
        "li",
        { title: label },
        h("span", { class: "share-name" }, loss.label, h("small", {}, loss.of)),
        h("span", { class: "share", role: "img", "aria-label": label }, part),
        h("span", { class: "share-number" }, duration(loss.seconds * 1000)),
        h("span", { class: "share-number share-percent" }, percent(loss.share)),
      );
    }),
  );
}

function downtime(shown: Shown, edit: (event: DowntimeEvent) => void): HTMLElement {
  const newest = [...shown.events].reverse().slice(0, EVENTS_SHOWN);
  if (newest.length === 0) return h("p", { class: "performance-none" }, "No machine has stood in this time.");
  const list = h(
    "ul",
    { class: "downtime-list" },
    ...newest.map((event) => {
      const name = reason_name(event, shown.reasons);
      return h(
        "li",
        { "data-counts-as": event.counts_as },
        time_tag(parse_time(event.from)),
        h("a", { href: machine_href(event.machine), title: event.path }, event.machine),
        h("span", { class: "downtime-length" }, `${duration(event.stopped_s * 1000)}${event.to === null ? ", lasts" : ""}`),
        h("span", { class: "downtime-reason" }, name === "" ? words(event.activity) : name, comment_of(event)),
        h(
          "button",
          {
            type: "button",
            class: "button",
            "data-key": event.id,
            onclick: () => edit(event),
          },
          name === "" ? "Give reason" : "Change",
          h("span", { class: "visually-hidden" }, ` of ${event.machine}'s downtime`),
        ),
      );
    }),
  );
  const more = shown.events.length - newest.length;
  return h(
    "div",
    {},
    list,
    more > 0 ? h("p", { class: "performance-none" }, `${more} earlier ones are not shown.`) : null,
  );
}

function comment_of(event: DowntimeEvent): Child {
  return event.comment === "" ? null : h("small", {}, event.comment);
}
