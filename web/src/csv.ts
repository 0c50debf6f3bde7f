// CSV of a range, made from all pages of its history, so that a long range is never cut off in silence. RFC 4180.

import type { Bucket } from "./types";

const COLUMNS = ["time", "count", "bad_count", "min", "max", "mean", "first", "last", "sum"] as const;

export function to_csv(buckets: readonly Bucket[]): string {
  const lines = buckets.map((bucket) => COLUMNS.map((column) => bucket[column] ?? "").join(","));
  return [COLUMNS.join(","), ...lines, ""].join("\r\n");
}

/** "pump-1_motor-temperature_1s_20261121T081500Z.csv" */
export function csv_name(machine: string, sensor: string, resolution: string, from_ms: number): string {
  const time = new Date(from_ms).toISOString().replace(/[-:]|\.\d+/g, "");
  return `${machine}_${sensor.replace(/[^\w-]+/g, "-")}_${resolution}_${time}.csv`;
}

export function save_text(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
