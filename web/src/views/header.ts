// The top of every view: whose plant, whether what is shown is live, and the plant's figures.

import { administers, person_words, type Person } from "../account";
import { highest_priority, is_active, is_open, is_unacknowledged } from "../alarms";
import { h, set_attribute, set_text } from "../dom";
import { bytes, integer, milliseconds, plural, rate } from "../format";
import type { Route } from "../router";
import { is_stale, type State } from "../state";
import { local_time, zone_name } from "../time";
import type { Alarm } from "../types";
import { ConnectorChips } from "./connectors";
import { logo, priority_mark } from "./icons";

const LATENCY_TARGET_MS = 100;

interface Figure {
  key: string;
  label: string;
  title: string;
  text: (state: State) => string;
  unit?: string;
  abnormal?: (state: State) => boolean;
}

const FIGURES: readonly Figure[] = [
  {
    key: "rate",
    label: "Readings/s",
    title: "Readings taken in, per second",
    text: (s) => rate(s.stats?.readings_per_s),
  },
  { key: "machines", label: "Machines", title: "Machines of the plant", text: (s) => integer(s.plant?.machines) },
  { key: "sensors", label: "Sensors", title: "Sensors of all machines", text: (s) => integer(s.plant?.sensors) },
  {
    key: "alarms",
    label: "Active alarms",
    title: "Alarms that are active now",
    text: (s) => integer(s.stats?.active_alarms),
  },
  {
    key: "bytes",
    label: "Bytes/reading",
    title: "Disk per stored reading, all included",
    text: (s) => {
      const value = s.stats?.bytes_per_reading;
      return value === null || value === undefined ? "–" : value.toFixed(2);
    },
  },
  {
    key: "latency",
    label: "Alarm p50 / p99",
    unit: "ms",
    title: `From reading to alarm, in milliseconds; target under ${LATENCY_TARGET_MS} ms`,
    text: (s) => `${milliseconds(s.stats?.alarm_latency_ms?.p50)} / ${milliseconds(s.stats?.alarm_latency_ms?.p99)}`,
    abnormal: (s) => (s.stats?.alarm_latency_ms?.p99 ?? 0) > LATENCY_TARGET_MS,
  },
  {
    key: "disk",
    label: "Disk used",
    title: "Disk taken by the history",
    text: (s) => bytes(s.stats?.disk_bytes),
    abnormal: (s) => s.stats?.disk_full ?? false,
  },
];

export class Header {
  private readonly name = h("span", { class: "brand-name" });
  private readonly link = h("div", { class: "link" });
  private readonly link_text = h("span", { class: "link-text" });
  private readonly banner = h("div", { class: "banner", hidden: true });
  private readonly banner_text = h("span");
  private readonly retry: HTMLButtonElement;
  private readonly values = new Map<string, HTMLElement>();
  private readonly connectors = new ConnectorChips();
  private readonly tabs: Record<"plant" | "alarms" | "performance" | "oee" | "work-orders" | "access", HTMLAnchorElement>;
  private readonly open_count = h("span", { class: "count", hidden: true });
  private readonly open_words = h("span", { class: "visually-hidden" });
  private readonly alarm_mark = h("span");

  private readonly person = h("div", { class: "person", hidden: true });

  constructor(
    root: HTMLElement,
    on_retry: () => void,
    private readonly on_sign_out: () => void,
  ) {
    this.tabs = {
      plant: h("a", { href: "#/" }, "Plant"),
      alarms: h("a", { href: "#/alarms" }, "Alarms", this.open_count, this.open_words),
      performance: h("a", { href: "#/performance" }, "Performance"),
      oee: h("a", { href: "#/oee" }, "OEE"),
      "work-orders": h("a", { href: "#/work-orders" }, "Work orders"),
      access: h("a", { href: "#/access", hidden: true }, "Access"),
    };
    this.retry = h("button", { type: "button", class: "button", onclick: on_retry }, "Try now");
    this.link.append(h("span", { class: "dot", "aria-hidden": "true" }), this.link_text);
    this.link.title = `Times are shown in ${zone_name()}; point at one for UTC`;
    this.banner.append(this.banner_text, this.retry);
    // What sticks below the header must know how high it is.
    new ResizeObserver(() =>
      document.documentElement.style.setProperty("--top-height", `${root.offsetHeight}px`),
    ).observe(root);
    root.append(
      h(
        "div",
        { class: "bar" },
        h("a", { class: "brand", href: "#/" }, logo(), this.name),
        h("nav", { "aria-label": "Views" }, ...Object.values(this.tabs)),
        this.link,
        this.person,
      ),
      h("section", { class: "status", "aria-label": "Plant figures" }, this.figures(), this.connectors.element),
      this.banner,
    );
  }

  /** Who is signed in; null: nobody need be. */
  set_person(person: Person | null): void {
    set_attribute(this.person, "hidden", person === null);
    set_attribute(this.tabs.access, "hidden", !administers(person));
    if (!person) return;
    this.person.replaceChildren(
      h("span", { class: "person-name", title: person_words(person) }, person.name),
      h("button", { type: "button", class: "button button-quiet", onclick: this.on_sign_out }, "Sign out"),
    );
  }

  set_route(route: Route): void {
    for (const [view, tab] of Object.entries(this.tabs))
      set_attribute(tab, "aria-current", route.view === view ? "page" : null);
  }

  update(state: State): void {
    set_text(this.name, state.plant?.name ?? "Millwright");
    for (const figure of FIGURES) {
      const value = this.values.get(figure.key);
      if (!value) continue;
      set_text(value, figure.text(state));
      set_attribute(value, "data-abnormal", figure.abnormal?.(state) === true);
    }
    if (state.plant) this.connectors.update(state.plant);
    this.tick(state, Date.now());
  }

  set_alarms(alarms: readonly Alarm[]): void {
    const open = alarms.filter(is_open);
    const unseen = open.filter(is_unacknowledged);
    const count = open.length;
    const highest = highest_priority(alarms.filter(is_active));
    if (this.alarm_mark.dataset["priority"] !== (highest ?? "")) {
      this.alarm_mark.dataset["priority"] = highest ?? "";
      this.alarm_mark.replaceChildren(
        ...(highest ? [priority_mark(highest), h("span", { class: "visually-hidden" }, `, highest ${highest}`)] : []),
      );
    }
    set_text(this.open_count, count === 0 ? "" : integer(count));
    set_attribute(this.open_count, "hidden", count === 0);
    set_text(this.open_words, count === 0 ? "" : ` open, ${unseen.length} unacknowledged`);
    set_attribute(this.open_count, "data-priority", highest_priority(unseen));
  }

  /** Once a second: the count-down, and whether what is shown is old. */
  tick(state: State, now: number): void {
    const { link } = state;
    const stale = is_stale(state, now);
    let kind: string = link.kind;
    let text = "Live";
    if (link.kind === "connecting") text = "Connecting";
    if (link.kind === "waiting") text = "Disconnected";
    if (link.kind === "live" && stale) {
      kind = "stale";
      text = "No updates";
    }
    set_attribute(this.link, "data-kind", kind);
    set_text(this.link_text, text);
    this.update_banner(state, now, stale);
  }

  private update_banner(state: State, now: number, stale: boolean): void {
    const parts: string[] = [];
    if (state.link.kind === "waiting") {
      const wait = Math.max(0, Math.ceil((state.link.retry_at - now) / 1000));
      parts.push(`Reconnecting in ${plural(wait, "second")}: ${state.link.reason}.`);
    } else if (stale) {
      parts.push(state.link.kind === "live" ? "Connected, but the server sends no updates." : "Reconnecting.");
    }
    if (stale) parts.push(`The plant is shown as of ${local_time(state.updated_at, now)}.`);
    const disk = state.stats?.disk_full === true;
    if (disk) parts.push("The disk is full: readings are no longer kept. Free space or shorten the retention.");
    set_text(this.banner_text, parts.join(" "));
    set_attribute(this.banner, "hidden", parts.length === 0);
    set_attribute(this.retry, "hidden", state.link.kind !== "waiting");
  }

  private figures(): HTMLElement {
    const list = h("dl", { class: "figures" });
    for (const figure of FIGURES) {
      const value = h("span", {}, "–");
      this.values.set(figure.key, value);
      const unit = figure.unit ? h("span", { class: "unit" }, figure.unit) : null;
      const mark = figure.key === "alarms" ? this.alarm_mark : null;
      list.append(
        h(
          "div",
          { title: figure.title, "data-figure": figure.key },
          h("dt", {}, figure.label),
          h("dd", {}, value, unit, mark),
        ),
      );
    }
    return list;
  }
}
