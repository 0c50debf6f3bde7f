// What health, remaining life and desired values are called. Pure.

import { any_value, fixed, NOTHING } from "./format";
import type { ComponentHealth, Desired, RemainingLife } from "./types";

export type HealthLevel = "good" | "fair" | "poor";

export function health_level(health: number): HealthLevel {
  return health >= 80 ? "good" : health >= 50 ? "fair" : "poor";
}

/** Days as people say them: hours below two days, years above two. */
export function days_text(days: number | null): string {
  if (days === null || !Number.isFinite(days)) return NOTHING;
  if (days < 2) return `${fixed(days * 24, days * 24 < 10 ? 1 : 0)} h`;
  if (days > 730) return `${fixed(days / 365, 1)} years`;
  return `${fixed(days, days < 10 ? 1 : 0)} days`;
}

const METHODS: Record<RemainingLife["method"], string> = {
  model: "by a model",
  "health-trend": "as health falls now",
  health: "nothing shows wear",
};

export function life_text(life: RemainingLife): string {
  if (life.days === null) return life.problem ? `not predicted: ${life.problem}` : METHODS[life.method];
  const interval = `${days_text(life.low)} to ${days_text(life.high)} at ${fixed(100 * life.share, 0)} %`;
  const drift = life.drift?.drifted ? `; ${life.drift.column} has drifted from what the model knows` : "";
  return `${days_text(life.days)} left, ${interval}, ${METHODS[life.method]}${drift}`;
}

export function failure_text(of: ComponentHealth["failure_probability"]): string {
  const percent = 100 * of.probability;
  return `${percent > 0 && percent < 1 ? "< 1" : fixed(percent, 0)} % likely to fail within ${of.within_days} days`;
}

export function desired_text(one: Desired): string {
  const unit = one.unit ? ` ${one.unit}` : "";
  const tolerance = one.tolerance === undefined ? "" : ` ± ${any_value(one.tolerance, 2)}`;
  return `${typeof one.value === "number" ? any_value(one.value, 2) : String(one.value)}${tolerance}${unit}`;
}

export function reported_text(one: Desired): string {
  return typeof one.reported === "number" ? any_value(one.reported, 2) : any_value(one.reported, 0);
}
