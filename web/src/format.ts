// Numbers and names for people. Pure; the viewer's locale decides on separators.

import type { QualityClass, Sensor, Value } from "./types";

const number_formats = new Map<number, Intl.NumberFormat>();

export function fixed(value: number, decimals: number): string {
  let format = number_formats.get(decimals);
  if (!format) {
    format = new Intl.NumberFormat(undefined, { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
    number_formats.set(decimals, format);
  }
  // A rounded -0.00 would flicker against 0.00.
  const rounded = Number(value.toFixed(decimals));
  return format.format(rounded === 0 ? 0 : rounded);
}

export const NOTHING = "–";

export function integer(value: number | null | undefined): string {
  return value === null || value === undefined || !Number.isFinite(value) ? NOTHING : fixed(value, 0);
}

/** Decimals that give about four digits over `span`; constant for a sensor, so that its digits stand still. */
export function decimals_for(span: number): number {
  if (!Number.isFinite(span) || span <= 0) return 2;
  return Math.min(6, Math.max(0, 3 - Math.floor(Math.log10(span))));
}

export function decimals_of(sensor: Pick<Sensor, "range" | "type" | "value">): number {
  if (/int|bool|state/i.test(sensor.type)) return 0;
  if (sensor.range) return Math.min(3, decimals_for(sensor.range.high - sensor.range.low));
  const size = typeof sensor.value === "number" ? Math.abs(sensor.value) : 0;
  return size === 0 ? 2 : Math.min(4, decimals_for(size));
}

export function value_text(sensor: Pick<Sensor, "range" | "type" | "value"> & { state_name?: string }): string {
  return typeof sensor.value === "number" && sensor.state_name
    ? sensor.state_name
    : any_value(sensor.value, decimals_of(sensor));
}

export function any_value(value: Value | undefined, decimals: number): string {
  if (value === null || value === undefined) return NOTHING;
  if (typeof value === "boolean") return value ? "on" : "off";
  if (typeof value === "string") return value;
  if (!Number.isFinite(value)) return NOTHING;
  const size = Math.abs(value);
  if (size >= 1e9 || (size > 0 && size < 1e-6)) return value.toExponential(3);
  return fixed(value, decimals);
}

/** A bare number of unknown scale, four digits. */
export function plain_number(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return NOTHING;
  return any_value(value, Number.isInteger(value) ? 0 : Math.min(4, decimals_for(Math.abs(value))));
}

/** What was judged against what, alike: "3.94 vs 3.10". */
export function judged_text(value: number | null, limit: number | null): string {
  if (value === null || !Number.isFinite(value)) return "";
  const has_limit = limit !== null && Number.isFinite(limit);
  const size = Math.max(Math.abs(value), has_limit ? Math.abs(limit) : 0);
  const decimals = size === 0 ? 0 : Math.min(4, Math.max(0, 2 - Math.floor(Math.log10(size))));
  return has_limit ? `${any_value(value, decimals)} vs ${any_value(limit, decimals)}` : any_value(value, decimals);
}

function scaled(value: number, step: number, suffixes: readonly string[]): string {
  let i = 0;
  let v = value;
  // 999.95 would print as 1,000.
  while (Math.abs(v) >= step * 0.9995 && i < suffixes.length - 1) {
    v /= step;
    ++i;
  }
  const decimals = i === 0 && Number.isInteger(v) ? 0 : Math.abs(v) >= 99.95 ? 0 : Math.abs(v) >= 9.995 ? 1 : 2;
  return `${fixed(v, decimals)}${suffixes[i] ?? ""}`;
}

export function rate(value: number | null | undefined): string {
  return value === null || value === undefined || !Number.isFinite(value)
    ? NOTHING
    : scaled(value >= 100 ? Math.round(value) : value, 1000, ["", " k", " M", " G"]);
}

export function bytes(value: number | null | undefined): string {
  return value === null || value === undefined || !Number.isFinite(value)
    ? NOTHING
    : scaled(value, 1000, [" B", " kB", " MB", " GB", " TB"]);
}

export function milliseconds(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NOTHING;
  return fixed(value, value < 10 ? 1 : 0);
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${integer(count)} ${count === 1 ? one : many}`;
}

/** "bad_waiting", "BadSensorFailure", "bearing-de" → words. */
export function words(name: string): string {
  return name
    .replace(/[_-]+/g, " ")
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .trim();
}

export function sentence(name: string): string {
  const text = words(name).toLowerCase();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function quality_class(quality: string, code?: number): QualityClass {
  if (code !== undefined) {
    const severity = (code >>> 30) & 3;
    return severity === 0 ? "good" : severity === 1 ? "uncertain" : "bad";
  }
  if (/^good/i.test(quality)) return "good";
  return /^uncertain/i.test(quality) ? "uncertain" : "bad";
}

/** What a quality means, without its class in front: "BadSensorFailure" → "sensor failure". */
export function quality_reason(quality: string): string {
  const rest = words(quality.replace(/^(good|uncertain|bad)/i, "")).toLowerCase();
  return rest || quality_class(quality);
}

/** Position of a value in its range, 0 to 1; null where there is none. */
export function in_range(value: Value, range: { low: number; high: number } | null): number | null {
  if (typeof value !== "number" || !range || !(range.high > range.low)) return null;
  return Math.min(1, Math.max(0, (value - range.low) / (range.high - range.low)));
}

export function out_of_range(value: Value, range: { low: number; high: number } | null): boolean {
  return typeof value === "number" && range !== null && (value < range.low || value > range.high);
}
