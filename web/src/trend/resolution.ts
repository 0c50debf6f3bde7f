// Which stored resolution a range is drawn from. Pure.

import type { Resolution } from "../types";

export interface Range {
  label: string;
  spoken: string;
  ms: number;
}

const MINUTE = 60_000;

export const RANGES: readonly Range[] = [
  { label: "5 min", spoken: "last 5 minutes", ms: 5 * MINUTE },
  { label: "15 min", spoken: "last 15 minutes", ms: 15 * MINUTE },
  { label: "1 h", spoken: "last hour", ms: 60 * MINUTE },
  { label: "24 h", spoken: "last 24 hours", ms: 24 * 60 * MINUTE },
];

export const STEP_MS: Record<Exclude<Resolution, "raw">, number> = { "1s": 1000, "1m": MINUTE, "1h": 60 * MINUTE };

/** The finest that stays under `points_max` points; every point carries min and max, so no spike is lost. */
export function resolution_for(range_ms: number, points_max = 4000): Exclude<Resolution, "raw"> {
  if (range_ms / STEP_MS["1s"] <= points_max) return "1s";
  if (range_ms / STEP_MS["1m"] <= points_max) return "1m";
  return "1h";
}
