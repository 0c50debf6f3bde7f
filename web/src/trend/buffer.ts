// Points of one sensor's trend: times in seconds, min, max and mean beside each other as uPlot wants them. A hole in
// time becomes a null, so that no line is drawn over what was not measured.

import { parse_time } from "../time";
import type { Bucket } from "../types";

export interface Point {
  time: number; // seconds
  min: number | null;
  max: number | null;
  mean: number | null;
}

type Column = (number | null)[];
export type TrendData = [number[], Column, Column, Column];

export interface Summary {
  min: number;
  max: number;
  mean: number;
  last: number;
}

export function to_point(bucket: Bucket): Point {
  return { time: parse_time(bucket.time) / 1000, min: bucket.min, max: bucket.max, mean: bucket.mean };
}

export class TrendBuffer {
  private times: number[] = [];
  private mins: Column = [];
  private maxs: Column = [];
  private means: Column = [];

  constructor(readonly step_s: number) {}

  get size(): number {
    return this.times.length;
  }

  get last_time(): number {
    return this.times[this.times.length - 1] ?? -Infinity;
  }

  /** x, min, max, mean. The arrays are the buffer's own. */
  get data(): TrendData {
    return [this.times, this.mins, this.maxs, this.means];
  }

  /** History first, then what came live meanwhile and is newer. */
  load(points: readonly Point[]): void {
    const live: Point[] = this.times.map((time, i) => ({
      time,
      min: this.mins[i] ?? null,
      max: this.maxs[i] ?? null,
      mean: this.means[i] ?? null,
    }));
    this.times = [];
    this.mins = [];
    this.maxs = [];
    this.means = [];
    for (const point of points) this.push(point);
    for (const point of live) if (point.mean !== null) this.push(point);
  }

  /** Gives whether anything changed. The newest second may come again with more in it; older ones do not. */
  push(point: Point): boolean {
    if (!Number.isFinite(point.time)) return false;
    const time = Math.floor(point.time / this.step_s) * this.step_s;
    const last = this.last_time;
    if (time < last) return false;
    if (time === last) {
      const i = this.times.length - 1;
      if (this.means[i] === point.mean && this.mins[i] === point.min && this.maxs[i] === point.max) return false;
      this.times.length = i;
      this.mins.length = i;
      this.maxs.length = i;
      this.means.length = i;
    } else if (this.size > 0 && time - last > 3 * this.step_s) {
      this.append(last + this.step_s, null, null, null);
    }
    this.append(time, point.min ?? point.mean, point.max ?? point.mean, point.mean);
    return true;
  }

  trim(before_s: number): void {
    let n = 0;
    while (n < this.times.length && (this.times[n] ?? Infinity) < before_s) ++n;
    if (n === 0) return;
    this.times.splice(0, n);
    this.mins.splice(0, n);
    this.maxs.splice(0, n);
    this.means.splice(0, n);
  }

  /** Over the points from `from_s` on; null where there are none. */
  summary(from_s = -Infinity): Summary | null {
    let min = Infinity;
    let max = -Infinity;
    let sum = 0;
    let count = 0;
    let last = NaN;
    for (let i = 0; i < this.times.length; ++i) {
      const mean = this.means[i];
      if ((this.times[i] ?? -Infinity) < from_s || mean === null || mean === undefined) continue;
      min = Math.min(min, this.mins[i] ?? mean);
      max = Math.max(max, this.maxs[i] ?? mean);
      sum += mean;
      last = mean;
      ++count;
    }
    return count === 0 ? null : { min, max, mean: sum / count, last };
  }

  private append(time: number, min: number | null, max: number | null, mean: number | null): void {
    this.times.push(time);
    this.mins.push(min);
    this.maxs.push(max);
    this.means.push(mean);
  }
}

/** Limits of the y axis: what is there with a little air, and never so narrow that noise fills the picture. */
export function y_limits(summary: Summary | null, span_min = 0): [number, number] {
  if (!summary) return [0, 1];
  const middle = (summary.max + summary.min) / 2;
  const least = Math.max(span_min, Math.abs(middle) * 0.002, 1e-9);
  const span = Math.max(summary.max - summary.min, least);
  return [middle - span * 0.56, middle + span * 0.56];
}
