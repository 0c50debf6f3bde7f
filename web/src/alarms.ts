// What the alarm list shows and in which order. Pure.

import { words } from "./format";
import { parse_time } from "./time";
import type { Alarm, AlarmState, Priority, Suppression } from "./types";

export const PRIORITIES: readonly Priority[] = ["critical", "high", "medium", "low"];

export function rank(priority: Priority | null): number {
  return priority === null ? PRIORITIES.length : PRIORITIES.indexOf(priority);
}

export function highest_priority(alarms: readonly Alarm[]): Priority | null {
  return PRIORITIES.find((priority) => alarms.some((alarm) => alarm.priority === priority)) ?? null;
}

export function is_suppressed(alarm: Alarm): boolean {
  return alarm.suppression !== "none";
}

/** Active, and the operator is to see it. */
export function is_active(alarm: Alarm): boolean {
  return (alarm.state === "unacknowledged" || alarm.state === "acknowledged") && !is_suppressed(alarm);
}

export function is_unacknowledged(alarm: Alarm): boolean {
  return alarm.state.endsWith("unacknowledged") && !is_suppressed(alarm);
}

/** Still of interest to the operator: active, latched, or gone but not seen by anybody. */
export function is_open(alarm: Alarm): boolean {
  return alarm.state !== "normal" && !is_suppressed(alarm);
}

const STATE_WORDS: Record<AlarmState, string> = {
  normal: "Normal",
  unacknowledged: "Unacknowledged",
  acknowledged: "Acknowledged",
  "returned-unacknowledged": "Returned to normal, unacknowledged",
  "latched-unacknowledged": "Returned to normal, latched, unacknowledged",
  "latched-acknowledged": "Returned to normal, latched",
};
export const SUPPRESSION_WORDS: Record<Suppression, string> = {
  none: "",
  shelved: "Shelved",
  "suppressed-by-design": "Suppressed by design",
  "out-of-service": "Out of service",
};

/** ISA-18.2's words. */
export function state_words(alarm: Alarm): string {
  return is_suppressed(alarm) ? SUPPRESSION_WORDS[alarm.suppression] : STATE_WORDS[alarm.state];
}

/** Active before gone, unacknowledged before acknowledged, then by priority, then the newest. */
export function compare_alarms(a: Alarm, b: Alarm): number {
  const group = (alarm: Alarm): number =>
    is_active(alarm) ? (is_unacknowledged(alarm) ? 0 : 1) : is_unacknowledged(alarm) ? 2 : 3;
  const by_group = group(a) - group(b);
  if (by_group !== 0) return by_group;
  if (group(a) < 3) {
    const by_rank = rank(a.priority) - rank(b.priority);
    if (by_rank !== 0) return by_rank;
  }
  return parse_time(b.raised) - parse_time(a.raised) || b.version - a.version;
}

/** Where it is, below the machine: "motor / temperature". The sensor comes as a path or as a name. */
export function alarm_place(alarm: Pick<Alarm, "component" | "sensor">): string {
  const sensor = alarm.sensor.split("/").pop() ?? "";
  return [alarm.component, sensor].filter((part) => part !== "").join(" / ");
}

/** The sensor's part of the route, "" where the alarm is of the machine as a whole. */
export function alarm_sensor(alarm: Pick<Alarm, "component" | "sensor">): string {
  const sensor = alarm.sensor.split("/").pop() ?? "";
  if (sensor === "") return "";
  return alarm.component === "" ? sensor : `${alarm.component}/${sensor}`;
}

/** What a screen reader says when alarms come in; null where nothing is worth saying. */
export function announcement(fresh: readonly Alarm[]): string | null {
  if (fresh.length === 0) return null;
  const sorted = [...fresh].sort(compare_alarms);
  const first = sorted[0];
  if (!first) return null;
  const where = [first.machine, alarm_place(first)]
    .filter((part) => part !== "")
    .map(words)
    .join(", ");
  const one = `${first.priority} priority, ${where === "" ? "platform" : where}: ${first.message}`;
  return fresh.length === 1 ? `New alarm: ${one}` : `${fresh.length} new alarms. First: ${one}`;
}
