import { describe, expect, test } from "vitest";
import { last_part, losses_of, reason_name, reason_rows } from "../src/oee";
import type { DowntimeEvent, OeeRow, Reason } from "../src/types";

const row: OeeRow = {
  path: "acme/lyon/line/press-1",
  oee: 0.5,
  availability: 0.7,
  performance: 0.8,
  quality: 0.9,
  teep: 0.3,
  planned_busy_s: 1000,
  breakdowns_s: 100,
  waiting_s: 50,
  setup_s: 150,
  small_stops_s: 10,
  reduced_speed_s: -5,
  start_up_rejects_s: 0,
  production_rejects_s: 40,
};

describe("losses", () => {
  test("are of all rows, the largest first", () => {
    const losses = losses_of([row, { ...row, breakdowns_s: 300 }]);
    expect(losses.map((loss) => [loss.label, loss.seconds]).slice(0, 3)).toEqual([
      ["Breakdowns", 400],
      ["Setup and adjustments", 300],
      ["Waiting", 100],
    ]);
    expect(losses[0]?.share).toBeCloseTo(0.2);
    expect(losses[1]?.together).toBeCloseTo(0.35);
    expect(losses.find((loss) => loss.label === "Reduced speed")?.seconds).toBe(0);
  });

  test("of no planned time are none", () => {
    expect(losses_of([]).every((loss) => loss.share === 0)).toBe(true);
  });
});

const reasons: Reason[] = [
  { code: "failure", name: "Failure", parent: null, counts_as: "down" },
  { code: "waiting", name: "Waiting", parent: null, counts_as: "idle" },
  { code: "belt", name: "Belt", parent: "failure", counts_as: "down" },
];

describe("reasons", () => {
  test("stand below their parents", () => {
    expect(reason_rows(reasons).map(({ reason, depth }) => [reason.code, depth])).toEqual([
      ["failure", 0],
      ["belt", 1],
      ["waiting", 0],
    ]);
  });

  test("that the tree no longer has keep their code", () => {
    const event = { reason: "old", activity: "down" } as DowntimeEvent;
    expect(reason_name(event, reasons)).toBe("old");
    expect(reason_name({ ...event, reason: "belt" }, reasons)).toBe("Belt");
    expect(reason_name({ ...event, reason: null }, reasons)).toBe("");
  });
});

test("a machine's name is its path's last part", () => {
  expect(last_part(row.path)).toBe("press-1");
});
