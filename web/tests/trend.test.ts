import { describe, expect, it } from "vitest";
import { TrendBuffer, y_limits } from "../src/trend/buffer";
import { RANGES, resolution_for, STEP_MS } from "../src/trend/resolution";
import { WorkQueue } from "../src/trend/queue";

const point = (
  time: number,
  mean: number | null = time,
): { time: number; min: number | null; max: number | null; mean: number | null } => ({
  time,
  min: mean,
  max: mean,
  mean,
});

describe("resolution", () => {
  it("is as fine as the number of points allows", () => {
    expect(RANGES.map((range) => resolution_for(range.ms))).toEqual(["1s", "1s", "1s", "1m"]);
    expect(resolution_for(30 * 86_400_000)).toBe("1h");
    for (const range of RANGES) expect(range.ms / STEP_MS[resolution_for(range.ms)]).toBeLessThanOrEqual(4000);
  });
});

describe("trend buffer", () => {
  it("breaks the line where readings are missing", () => {
    const buffer = new TrendBuffer(1);
    for (const time of [1, 2, 3, 10]) buffer.push(point(time));
    expect(buffer.data[0]).toEqual([1, 2, 3, 4, 10]);
    expect(buffer.data[3]).toEqual([1, 2, 3, null, 10]);
  });

  it("replaces the newest second, and ignores what is older", () => {
    const buffer = new TrendBuffer(1);
    expect(buffer.push(point(5.2, 1))).toBe(true);
    expect(buffer.push(point(5.9, 1))).toBe(false);
    expect(buffer.push(point(5.9, 2))).toBe(true);
    expect(buffer.push(point(4, 9))).toBe(false);
    expect(buffer.push(point(NaN, 9))).toBe(false);
    expect(buffer.data).toEqual([[5], [2], [2], [2]]);
  });

  it("joins history with what came live meanwhile", () => {
    const buffer = new TrendBuffer(1);
    buffer.push(point(10, 100));
    buffer.push(point(11, 110));
    buffer.load([point(8), point(9), point(10)]);
    expect(buffer.data[0]).toEqual([8, 9, 10, 11]);
    expect(buffer.data[3]).toEqual([8, 9, 100, 110]);
  });

  it("sums up with the spikes that a mean hides", () => {
    const buffer = new TrendBuffer(1);
    buffer.load([
      { time: 1, min: 0, max: 2, mean: 1 },
      { time: 2, min: 1, max: 50, mean: 3 },
      { time: 3, min: null, max: null, mean: null },
    ]);
    expect(buffer.summary()).toEqual({ min: 0, max: 50, mean: 2, last: 3 });
    expect(buffer.summary(2)).toEqual({ min: 1, max: 50, mean: 3, last: 3 });
    buffer.trim(3);
    expect(buffer.size).toBe(1);
    expect(buffer.summary()).toBeNull();
  });

  it("does not blow noise up to fill the picture", () => {
    const [low, high] = y_limits({ min: 99.99, max: 100.01, mean: 100, last: 100 }, 10);
    expect(high - low).toBeGreaterThan(10);
    expect(y_limits(null)).toEqual([0, 1]);
  });
});

describe("work queue", () => {
  it("runs a few at a time and survives failures", async () => {
    const queue = new WorkQueue(2);
    let running = 0;
    let most = 0;
    let done = 0;
    await new Promise<void>((resolve) => {
      for (let i = 0; i < 7; ++i)
        queue.add(async () => {
          most = Math.max(most, ++running);
          await Promise.resolve();
          --running;
          if (++done === 7) resolve();
          if (i === 1) throw new Error("one fails");
        });
    });
    expect(most).toBe(2);
  });
});
