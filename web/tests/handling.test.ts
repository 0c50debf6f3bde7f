import { describe, expect, it } from "vitest";
import { can_reset, condition_words, control_words, controls_of, figures, glob_match, shelve_choices, until_words } from "../src/handling";
import { local_time, parse_time } from "../src/time";
import type { AlarmControl, AlarmPerformance } from "../src/types";
import { alarm } from "./fixtures";

const UNTIL = "2026-11-21T09:00:00Z";

function control(changes: Partial<AlarmControl> = {}): AlarmControl {
  return {
    id: 9,
    kind: "shelved",
    match: "acme/pump-1/motor/current#xbar",
    since: "2026-11-21T08:00:00Z",
    until: UNTIL,
    by: "kim",
    comment: "",
    released: false,
    ...changes,
  };
}

describe("shelving", () => {
  it("offers the usual lengths that the plant allows", () => {
    expect(shelve_choices(86_400).map((one) => one.duration)).toEqual(["15min", "1h", "4h", "8h", "24h"]);
    expect(shelve_choices(3600).map((one) => one.duration)).toEqual(["15min", "1h"]);
  });
  it("offers the longest that is allowed, where it is none of these", () => {
    expect(shelve_choices(12 * 3600).at(-1)).toEqual({ duration: "720min", label: "12 hours (the longest)" });
    expect(shelve_choices(600)).toEqual([{ duration: "10min", label: "10 minutes (the longest)" }]);
  });
  it("says until when", () => {
    const end = local_time(parse_time(UNTIL));
    expect(until_words(alarm({ suppression: "shelved", suppressed_until: UNTIL }))).toBe(`until ${end}`);
    expect(until_words(alarm({ suppression: "out-of-service" }))).toBe("");
    expect(until_words(alarm({ suppressed_until: UNTIL }))).toBe("");
    expect(control_words(control())).toBe(`Shelved until ${end}`);
    expect(control_words(control({ kind: "out-of-service", until: null }))).toBe("Out of service until it is released");
  });
});

describe("reset", () => {
  it("is for what is latched and was acknowledged", () => {
    expect(can_reset(alarm({ state: "latched-acknowledged" }))).toBe(true);
    expect(can_reset(alarm({ state: "latched-unacknowledged" }))).toBe(false);
    expect(can_reset(alarm({ state: "latched-acknowledged", suppression: "shelved" }))).toBe(false);
  });
});

describe("controls", () => {
  it("match as the server matches", () => {
    const path = "acme/lyon/pump-1/motor/current#xbar";
    for (const pattern of [path, "**", "acme/**", "**/current#*", "acme/*/pump-1/**", "**/pump-1/**"])
      expect(glob_match(pattern, path), pattern).toBe(true);
    for (const pattern of ["acme/*", "acme/*/motor/**", "**/pump-10/**", "acme.lyon.pump-1.motor.current#xbar", ""])
      expect(glob_match(pattern, path), pattern).toBe(false);
  });
  it("are found for an alarm, also by its very condition", () => {
    const odd = alarm({ condition: "a(b)*[c]#x" });
    const all = [control({ match: odd.condition }), control({ match: "**" }), control({ match: "d" })];
    expect(controls_of(odd, all)).toEqual(all.slice(0, 2));
  });
  it("are named by what tells them apart", () => {
    expect(condition_words("acme/lyon/hall/one/cell/pump-1/motor/current#xbar")).toBe("pump-1 / motor / current · xbar");
    expect(condition_words("acme/lyon/hall/one/cell/pump-1/**")).toBe("cell / pump-1 / **");
    expect(condition_words("platform")).toBe("platform");
  });
});

describe("performance", () => {
  const performance: AlarmPerformance = {
    period_s: 86_400,
    raises: 100,
    per_10min: 0.69,
    peak_10min: 14,
    flood_share: 0.02,
    in_flood: false,
    active: 3,
    suppressed: 1,
    by_priority: { low: 80, medium: 15, high: 4, critical: 1 },
    bad_actors: [],
    chattering: ["a"],
    stale: [],
  };
  it("stands beside the standard's targets", () => {
    expect(figures(performance).map((one) => one.met)).toEqual([true, false, false, false, true]);
    expect(figures(performance)[2]).toMatchObject({ value: 2, unit: "%" });
  });
});
