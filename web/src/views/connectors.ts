// Connectors and outputs: a chip each in the header, all of their detail in a dialog.

import { h, set_attribute, set_children } from "../dom";
import { integer, sentence } from "../format";
import { duration, parse_time, server_now } from "../time";
import type { Connector, Output, Plant } from "../types";
import { Dialog } from "./dialog";
import { time_tag } from "./time_tag";

const CHIPS_MAX = 5;

export function connector_health(state: string): "ok" | "pending" | "bad" {
  if (/^(connected|finished|listening|running)$/i.test(state)) return "ok";
  return /^connecting$/i.test(state) ? "pending" : "bad";
}

export class ConnectorChips {
  readonly element = h("div", { class: "connectors", role: "group", "aria-label": "Connectors" });
  private connectors: readonly (Connector | Output)[] = [];
  private readonly chips = new Map<string, HTMLButtonElement>();
  private open_list: HTMLElement | null = null;

  update(plant: Pick<Plant, "connectors"> & { outputs?: readonly Output[] }): void {
    const connectors = [...plant.connectors, ...(plant.outputs ?? [])];
    this.connectors = connectors;
    set_attribute(this.element, "hidden", connectors.length === 0);
    const entries = connectors.length > CHIPS_MAX ? [summary_of(connectors)] : connectors.map(entry_of);
    const wanted = entries.map((entry) => this.chip(entry));
    set_children(this.element, wanted);
    if (this.open_list) this.open_list.replaceChildren(...connectors.map(detail_of));
  }

  private chip(entry: ChipEntry): HTMLButtonElement {
    let chip = this.chips.get(entry.key);
    if (!chip) {
      chip = h(
        "button",
        { type: "button", class: "chip", "aria-haspopup": "dialog", onclick: () => this.show() },
        h("span", { class: "dot", "aria-hidden": "true" }),
        h("span", { class: "chip-name" }),
        h("span", { class: "chip-state" }),
      );
      this.chips.set(entry.key, chip);
    }
    set_attribute(chip, "data-health", entry.health);
    const [, name, state] = chip.children;
    if (name) name.textContent = entry.name;
    if (state) {
      state.textContent = ` ${entry.state}`;
      state.className = entry.health === "ok" ? "visually-hidden" : "chip-state";
    }
    return chip;
  }

  private show(): void {
    const list = h("ul", { class: "connector-list" }, ...this.connectors.map(detail_of));
    this.open_list = list;
    const dialog = new Dialog("dialog-wide", "Connectors", () => {
      this.open_list = null;
    });
    dialog.open(list);
  }
}

interface ChipEntry {
  key: string;
  name: string;
  state: string;
  health: "ok" | "pending" | "bad";
}

function entry_of(connector: Connector | Output): ChipEntry {
  return {
    key: `${"readings" in connector ? "in" : "out"} ${connector.name}`,
    name: connector.name,
    state: sentence(connector.state).toLowerCase(),
    health: connector_health(connector.state),
  };
}

function summary_of(connectors: readonly (Connector | Output)[]): ChipEntry {
  const worse = connectors.filter((connector) => connector_health(connector.state) !== "ok");
  const bad = worse.some((connector) => connector_health(connector.state) === "bad");
  return {
    key: "#all",
    name: `${integer(connectors.length)} connectors`,
    state: worse.length === 0 ? "all connected" : `${integer(worse.length)} not connected`,
    health: bad ? "bad" : worse.length > 0 ? "pending" : "ok",
  };
}

function figures_of(one: Connector | Output): [string, string][] {
  if ("readings" in one)
    return [
      ["Readings", integer(one.readings)],
      ["Refused", integer(one.refused)],
      ["Reconnects", integer(one.reconnects)],
    ];
  return [
    ["Delivered", integer(one.delivered)],
    ["Waiting", integer(one.backlog)],
    ["Refused", integer(one.dead)],
    ["Lost", integer(one.lost)],
  ];
}

function detail_of(connector: Connector | Output): HTMLElement {
  const since = parse_time(connector.since);
  const figure = (label: string, value: Node | string): HTMLElement =>
    h("div", {}, h("dt", {}, label), h("dd", {}, value));
  const since_text = h("span", {});
  if (Number.isFinite(since)) since_text.append(time_tag(since), ` (${duration(server_now() - since)})`);
  else since_text.append("–");
  return h(
    "li",
    { "data-health": connector_health(connector.state) },
    h("h3", {}, h("span", { class: "dot", "aria-hidden": "true" }), connector.name, h("small", {}, connector.kind)),
    h("p", {}, h("strong", {}, sentence(connector.state)), connector.detail === "" ? "" : `: ${connector.detail}`),
    h(
      "dl",
      { class: "pairs" },
      figure("Since", since_text),
      ...figures_of(connector).map(([label, value]) => figure(label, value)),
    ),
  );
}
