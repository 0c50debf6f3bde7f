// What operators do to alarms beyond acknowledging (ISA-18.2): shelving, out of service, reset; and how well the alarm
// system does. Pure.

import { SUPPRESSION_WORDS } from "./alarms";
import { local_time, parse_time } from "./time";
import type { Alarm, AlarmControl, AlarmPerformance } from "./types";

/** Latched: gone, seen, and stays until somebody ends it. */
export function can_reset(alarm: Alarm): boolean {
  return alarm.state === "latched-acknowledged" && alarm.suppression === "none";
}

export interface Choice {
  duration: string; // as the server reads it
  label: string;
}

const MINUTE_S = 60;
const CHOICES: readonly (Choice & { s: number })[] = [
  { duration: "15min", label: "15 minutes", s: 15 * MINUTE_S },
  { duration: "1h", label: "1 hour", s: 60 * MINUTE_S },
  { duration: "4h", label: "4 hours", s: 240 * MINUTE_S },
  { duration: "8h", label: "8 hours", s: 480 * MINUTE_S },
  { duration: "24h", label: "24 hours", s: 1440 * MINUTE_S },
];

/** How long an alarm may be shelved: the usual lengths that the plant allows, and the longest that it does. */
export function shelve_choices(shelve_max_s: number): Choice[] {
  const allowed: Choice[] = CHOICES.filter((choice) => choice.s <= shelve_max_s);
  if (!CHOICES.some((choice) => choice.s === shelve_max_s)) {
    const minutes = Math.floor(shelve_max_s / MINUTE_S);
    const label = minutes % 60 === 0 ? `${minutes / 60} hours` : `${minutes} minutes`;
    allowed.push({ duration: `${minutes}min`, label: `${label} (the longest)` });
  }
  return allowed;
}

/** "until 12:30:00", "" where it is not suppressed or nobody knows until when. */
export function until_words(alarm: Alarm): string {
  return alarm.suppression === "none" || alarm.suppressed_until === null
    ? ""
    : `until ${local_time(parse_time(alarm.suppressed_until))}`;
}

export function control_words(control: AlarmControl): string {
  const end = control.until === null ? "until it is released" : `until ${local_time(parse_time(control.until))}`;
  return `${SUPPRESSION_WORDS[control.kind]} ${end}`;
}

/** The part of a condition that tells it from others: "pump-1 / motor / current · xbar". */
export function condition_words(condition: string): string {
  const [path = "", judged = ""] = condition.split("#");
  const place = path.split("/").slice(-3).join(" / ");
  return judged === "" || judged === "**" ? place : `${place} · ${judged}`;
}

/** As the server matches: '*' within one part of the path, '**' any run at all. */
export function glob_match(pattern: string, text: string): boolean {
  const source = pattern
    .split(/(\*\*|\*)/)
    .map((part) => (part === "**" ? ".*" : part === "*" ? "[^/]*" : part.replace(/[.+?^${}()|[\]\\]/g, "\\$&")))
    .join("");
  return new RegExp(`^${source}$`, "s").test(text);
}

export function controls_of(alarm: Pick<Alarm, "condition">, controls: readonly AlarmControl[]): AlarmControl[] {
  return controls.filter(
    (control) => control.match === alarm.condition || glob_match(control.match, alarm.condition),
  );
}

export interface Figure {
  label: string;
  value: number;
  decimals: number;
  unit: string;
  target: string; // what ISA-18.2 and EEMUA 191 ask for
  met: boolean;
}

/** The standard's figures beside its targets. */
export function figures(performance: AlarmPerformance): Figure[] {
  const flood = performance.flood_share * 100;
  return [
    {
      label: "Alarms per 10 minutes, on average",
      value: performance.per_10min,
      decimals: 2,
      unit: "",
      target: "at most 1",
      met: performance.per_10min <= 1,
    },
    {
      label: "In the worst 10 minutes",
      value: performance.peak_10min,
      decimals: 0,
      unit: "",
      target: "at most 10",
      met: performance.peak_10min <= 10,
    },
    { label: "Time in a flood", value: flood, decimals: 1, unit: "%", target: "under 1 %", met: flood < 1 },
    {
      label: "Chattering",
      value: performance.chattering.length,
      decimals: 0,
      unit: "",
      target: "none",
      met: performance.chattering.length === 0,
    },
    {
      label: "Stale, active over 24 hours",
      value: performance.stale.length,
      decimals: 0,
      unit: "",
      target: "under 5",
      met: performance.stale.length < 5,
    },
  ];
}
