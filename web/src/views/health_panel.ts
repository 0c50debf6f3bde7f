// A machine's health: each component with its reasons and remaining life, and what is desired against what is reported.

import { h, set_attribute, type Child } from "../dom";
import { fixed, sentence } from "../format";
import { desired_text, failure_text, health_level, life_text, reported_text } from "../health";
import { parse_time } from "../time";
import type { ComponentHealth, Computed, Desired, HealthReason, TwinEvent } from "../types";
import { time_tag } from "./time_tag";

export class HealthPanel {
  readonly element: HTMLElement;
  private readonly total = h("span", { class: "health-total" });
  private readonly components = h("ul", { class: "health-list" });
  private readonly wanted = h("ul", { class: "desired-list" });
  private readonly wanted_box = h(
    "div",
    { class: "desired", hidden: true },
    h("h3", {}, "Desired against reported"),
    this.wanted,
  );
  private desired: Record<string, Desired> = {};

  constructor() {
    this.element = h(
      "section",
      { class: "health", hidden: true, "aria-label": "Health of this machine" },
      h("div", { class: "component-head" }, h("h2", {}, "Health"), this.total),
      this.components,
      this.wanted_box,
    );
  }

  show(computed: Computed | null): void {
    set_attribute(this.element, "hidden", computed === null);
    if (!computed) return;
    this.total.replaceChildren(...health_mark(computed.health));
    this.components.replaceChildren(...computed.components.map(component_row));
  }

  show_desired(desired: Record<string, Desired>): void {
    this.desired = desired;
    this.draw_desired();
  }

  /** How desired values stand now; their values as they were. */
  note(states: TwinEvent["desired"]): void {
    for (const [key, state] of Object.entries(states)) {
      const known = this.desired[key];
      if (known) this.desired[key] = { ...known, ...state };
    }
    this.draw_desired();
  }

  private draw_desired(): void {
    const rows = Object.entries(this.desired);
    set_attribute(this.wanted_box, "hidden", rows.length === 0);
    this.wanted.replaceChildren(...rows.map(([key, one]) => desired_row(key, one)));
  }
}

function health_mark(health: number): Child[] & Node[] {
  const bar = h("span", { class: "health-bar", "aria-hidden": "true" }, h("span", { class: "health-fill" }));
  bar.style.setProperty("--health", `${health}%`);
  set_attribute(bar, "data-level", health_level(health));
  return [bar, h("span", { class: "health-number" }, fixed(health, 0)), h("span", { class: "unit" }, "of 100")];
}

function reason_row(reason: HealthReason): HTMLElement {
  return h(
    "li",
    {},
    h("span", {}, reason.text),
    reason.since !== null && h("span", { class: "since" }, " since ", time_tag(parse_time(reason.since))),
  );
}

function component_row(one: ComponentHealth): HTMLElement {
  return h(
    "li",
    { class: "health-row" },
    h("div", { class: "health-name" }, one.name === "" ? "The machine itself" : sentence(one.name)),
    h("div", { class: "health-mark" }, ...health_mark(one.health)),
    h(
      "div",
      { class: "health-life" },
      h("p", {}, failure_text(one.failure_probability)),
      h("p", {}, sentence_case(life_text(one.remaining_life))),
      one.confidence < 1 && h("p", {}, `${fixed(100 * one.confidence, 0)} % of its sensors can be believed`),
    ),
    one.reasons.length > 0 && h("ul", { class: "health-reasons" }, ...one.reasons.map(reason_row)),
  );
}

function sentence_case(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const STATES: Record<Desired["state"], string> = { met: "Met", differs: "Differs", unknown: "Not known" };

function desired_row(key: string, one: Desired): HTMLElement {
  return h(
    "li",
    { class: "desired-row", "data-state": one.state },
    h("span", { class: "desired-name" }, key),
    h("span", {}, `desired ${desired_text(one)}, reported ${reported_text(one)}`),
    h(
      "span",
      { class: "desired-state" },
      STATES[one.state],
      one.since !== null && h("span", { class: "since" }, " since ", time_tag(parse_time(one.since))),
      one.alarmed && h("span", { class: "tag" }, "alarmed"),
    ),
  );
}
