// The plant view's order, groups and filters. Pure.

import { sentence } from "./format";
import type { Machine } from "./types";

export interface LineGroup {
  name: string; // line, and cell where there is one
  machines: Machine[];
}

export interface AreaGroup {
  name: string; // site and area
  lines: LineGroup[];
}

export const SHOW = ["all", "alarm", "down", "unknown", "idle", "running", "quality"] as const;
export type Show = (typeof SHOW)[number];

export const SHOW_LABEL: Record<Show, string> = {
  all: "All",
  alarm: "In alarm",
  down: "Down",
  unknown: "Unknown",
  idle: "Idle",
  running: "Running",
  quality: "Poor data",
};

export function shown_under(machine: Machine, show: Show): boolean {
  if (show === "all") return true;
  if (show === "alarm") return machine.active_alarms > 0;
  if (show === "quality") return machine.quality !== "good";
  return machine.state === show;
}

/** Every word of the filter must be in the machine's path, type or description. */
export function matches(machine: Machine, filter: string): boolean {
  const text = `${machine.id} ${machine.path} ${machine.type} ${machine.description}`.toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

export function count_by(machines: Iterable<Machine>): Record<Show, number> {
  const counts: Record<Show, number> = { all: 0, alarm: 0, down: 0, unknown: 0, idle: 0, running: 0, quality: 0 };
  for (const machine of machines) for (const show of SHOW) if (shown_under(machine, show)) ++counts[show];
  return counts;
}

function joined(...parts: string[]): string {
  return parts
    .filter((part) => part !== "")
    .map(sentence)
    .join(" › ");
}

/** "pump-2" before "pump-10". */
const by_name = new Intl.Collator(undefined, { numeric: true });

export function group_machines(machines: Iterable<Machine>): AreaGroup[] {
  const areas = new Map<string, Map<string, Machine[]>>();
  for (const machine of machines) {
    const area = joined(machine.site, machine.area) || "Plant";
    const line = joined(machine.line, machine.cell) || "Machines";
    let lines = areas.get(area);
    if (!lines) areas.set(area, (lines = new Map<string, Machine[]>()));
    const list = lines.get(line);
    if (list) list.push(machine);
    else lines.set(line, [machine]);
  }
  return [...areas]
    .sort(([a], [b]) => by_name.compare(a, b))
    .map(([name, lines]) => ({
      name,
      lines: [...lines]
        .sort(([a], [b]) => by_name.compare(a, b))
        .map(([line, list]) => ({ name: line, machines: list.sort((a, b) => by_name.compare(a.id, b.id)) })),
    }));
}
