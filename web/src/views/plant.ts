// The plant: sites and areas, lines, machines as cards. Built once per set of machines, then only changed cards are touched.

import { h, set_attribute, set_text } from "../dom";
import { integer, plural, sentence, words } from "../format";
import { count_by, group_machines, matches, SHOW, SHOW_LABEL, shown_under, type Show } from "../plant_groups";
import { machine_href } from "../router";
import type { State } from "../state";
import type { Machine } from "../types";
import { priority_mark, state_glyph } from "./icons";
import { notice } from "./notice";

const DENSE_FROM = 150;

class Card {
  readonly element = h("li");
  private readonly link = h("a", { class: "card" });
  private readonly glyph = h("span", { class: "card-glyph" });
  private readonly name = h("span", { class: "card-name" });
  private readonly badge = h("span", { class: "card-badge" });
  private readonly type = h("span", { class: "card-type" });
  private readonly state = h("span", { class: "card-state" });
  private readonly quality = h("span", { class: "tag tag-quality" });
  private machine: Machine | null = null;

  constructor(machine: Machine) {
    this.link.append(
      this.glyph,
      this.name,
      this.badge,
      h("span", { class: "card-sub" }, this.state, this.type, this.quality),
    );
    this.element.append(this.link);
    this.update(machine);
  }

  update(machine: Machine): void {
    const before = this.machine;
    if (before === machine) return;
    this.machine = machine;
    const state = machine.state_name ? words(machine.state_name) : machine.state;
    set_attribute(this.link, "href", machine_href(machine.id));
    set_attribute(this.link, "data-id", machine.id);
    set_attribute(this.link, "data-state", machine.state);
    set_attribute(this.link, "data-quality", machine.quality);
    set_attribute(this.link, "data-priority", machine.highest_priority);
    set_attribute(this.link, "title", `${machine.id}: ${machine.description || machine.path}`);
    set_text(this.name, machine.id);
    set_text(this.type, words(machine.type));
    set_text(this.state, state);
    set_text(this.quality, machine.quality === "good" ? "" : machine.quality === "bad" ? "bad data" : "uncertain");
    set_attribute(this.quality, "hidden", machine.quality === "good");
    if (before?.state !== machine.state) this.glyph.replaceChildren(state_glyph(machine.state));
    if (before?.highest_priority !== machine.highest_priority || before.active_alarms !== machine.active_alarms) {
      this.badge.replaceChildren(...(machine.highest_priority ? [priority_mark(machine.highest_priority)] : []));
      if (machine.active_alarms > 1)
        this.badge.append(h("span", { class: "card-count", "aria-hidden": "true" }, integer(machine.active_alarms)));
      if (machine.active_alarms > 0)
        this.badge.append(
          h(
            "span",
            { class: "visually-hidden" },
            `${plural(machine.active_alarms, "active alarm")}, highest ${machine.highest_priority ?? "unknown"}`,
          ),
        );
    }
  }
}

interface Section {
  element: HTMLElement;
  count: HTMLElement;
  lines: { element: HTMLElement; ids: string[] }[];
}

export class PlantView {
  readonly element = h("div", { class: "plant" });
  private readonly search: HTMLInputElement;
  private readonly chips = new Map<Show, { element: HTMLButtonElement; count: HTMLElement }>();
  private readonly areas = h("div", { class: "areas" });
  private readonly outcome = h("div", { class: "outcome" });
  private readonly cards = new Map<string, Card>();
  private sections: Section[] = [];
  private machines: ReadonlyMap<string, Machine> | null = null;
  private show: Show = "all";

  constructor(private readonly on_retry: () => void) {
    this.search = h("input", {
      type: "search",
      placeholder: "Filter by name, type or place",
      "aria-label": "Filter machines",
      autocomplete: "off",
      spellcheck: "false",
      oninput: () => this.filter(),
    });
    const group = h("div", { class: "chips", role: "group", "aria-label": "Show machines" });
    for (const show of SHOW) {
      const count = h("span", { class: "count" });
      const element = h(
        "button",
        {
          type: "button",
          class: "chip",
          "data-show": show,
          "aria-pressed": String(show === this.show),
          onclick: () => this.choose(show),
        },
        SHOW_LABEL[show],
        count,
      );
      this.chips.set(show, { element, count });
      group.append(element);
    }
    this.element.append(
      h("h1", { class: "visually-hidden" }, "Plant"),
      h("div", { class: "toolbar" }, this.search, group),
      this.outcome,
      this.areas,
    );
  }

  update(state: State): void {
    this.update_outcome(state);
    if (state.load.kind !== "ready" || state.machines === this.machines) return;
    const same =
      this.machines !== null &&
      state.machines.size === this.cards.size &&
      [...state.machines.keys()].every((id) => this.cards.has(id));
    this.machines = state.machines;
    if (same) for (const [id, machine] of state.machines) this.cards.get(id)?.update(machine);
    else this.build(state.machines);
    this.count();
    this.filter();
  }

  private choose(show: Show): void {
    this.show = this.show === show ? "all" : show;
    for (const [key, chip] of this.chips) set_attribute(chip.element, "aria-pressed", String(key === this.show));
    this.filter();
  }

  private build(machines: ReadonlyMap<string, Machine>): void {
    this.cards.clear();
    this.sections = [];
    for (const area of group_machines(machines.values())) {
      const count = h("span", { class: "area-count" });
      const section: Section = {
        element: h("details", { class: "area", open: true }, h("summary", {}, h("h2", {}, area.name), count)),
        count,
        lines: [],
      };
      for (const line of area.lines) {
        const list = h("ul", { class: "cards" });
        for (const machine of line.machines) {
          const card = new Card(machine);
          this.cards.set(machine.id, card);
          list.append(card.element);
        }
        const element = h("div", { class: "line" }, h("h3", {}, line.name), list);
        section.element.append(element);
        section.lines.push({ element, ids: line.machines.map((machine) => machine.id) });
      }
      this.sections.push(section);
    }
    this.areas.classList.toggle("dense", machines.size >= DENSE_FROM);
    this.areas.replaceChildren(...this.sections.map((section) => section.element));
  }

  private count(): void {
    const counts = count_by(this.machines?.values() ?? []);
    for (const [show, chip] of this.chips) {
      set_text(chip.count, integer(counts[show]));
      set_attribute(chip.element, "hidden", show !== "all" && show !== this.show && counts[show] === 0);
    }
  }

  private filter(): void {
    const text = this.search.value.trim();
    let visible = 0;
    for (const section of this.sections) {
      let in_section = 0;
      for (const line of section.lines) {
        let in_line = 0;
        for (const id of line.ids) {
          const machine = this.machines?.get(id);
          const fits =
            machine !== undefined && shown_under(machine, this.show) && (text === "" || matches(machine, text));
          set_attribute(this.cards.get(id)?.element ?? section.element, "hidden", !fits);
          if (fits) ++in_line;
        }
        set_attribute(line.element, "hidden", in_line === 0);
        in_section += in_line;
      }
      set_attribute(section.element, "hidden", in_section === 0);
      set_text(section.count, plural(in_section, "machine"));
      visible += in_section;
    }
    const empty = this.machines !== null && this.machines.size > 0 && visible === 0;
    if (empty && !this.outcome.querySelector(".notice-empty")) {
      this.outcome.replaceChildren(
        notice("empty", "No machine fits this filter.", "Change the words, or show all machines.", {
          label: "Show all",
          run: () => {
            this.search.value = "";
            this.choose("all");
          },
        }),
      );
    } else if (!empty && this.machines && this.machines.size > 0) {
      this.outcome.replaceChildren();
    }
  }

  private update_outcome(state: State): void {
    if (state.load.kind === "loading") {
      if (!this.outcome.firstChild) this.outcome.replaceChildren(notice("loading", "Loading the plant…"));
    } else if (state.load.kind === "failed") {
      this.outcome.replaceChildren(
        notice("failed", state.load.title, state.load.help, { label: "Try again", run: this.on_retry }),
      );
    } else if (state.machines.size === 0) {
      this.outcome.replaceChildren(
        notice(
          "empty",
          `${sentence(state.plant?.name ?? "The plant")} has no machines yet.`,
          "Add machines to the asset model that the configuration names, then restart the server.",
        ),
      );
    }
  }
}
