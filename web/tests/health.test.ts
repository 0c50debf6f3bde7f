import { describe, expect, it } from "vitest";

import { days_text, desired_text, failure_text, health_level, life_text, reported_text } from "../src/health";
import type { Desired, RemainingLife } from "../src/types";
import { clean_twin, type WireTwin } from "../src/wire";

const life: RemainingLife = { method: "model", days: 6.24, low: 4.1, high: 9.84, share: 0.9 };

describe("health", () => {
  it("has three levels", () => {
    expect([100, 80, 79.9, 50, 49.9].map(health_level)).toEqual(["good", "good", "fair", "fair", "poor"]);
  });

  it("says days as people do", () => {
    expect([null, 0.1, 1, 6.24, 45.6, 1095].map(days_text)).toEqual(["–", "2.4 h", "24 h", "6.2 days", "46 days", "3.0 years"]);
  });

  it("says how long it lasts, and by what", () => {
    expect(life_text(life)).toBe("6.2 days left, 4.1 days to 9.8 days at 90 %, by a model");
    expect(life_text({ ...life, method: "health-trend" })).toContain("as health falls now");
    expect(life_text({ ...life, method: "health", days: null })).toBe("nothing shows wear");
    expect(life_text({ ...life, method: "health", days: null, problem: "no file" })).toBe("not predicted: no file");
    const drift = { column: "temperature", share_outside: 0.5, cycles: 100, drifted: true };
    expect(life_text({ ...life, drift })).toContain("temperature has drifted");
  });

  it("does not call something nothing", () => {
    expect(failure_text({ within_days: 30, probability: 0.004 })).toBe("< 1 % likely to fail within 30 days");
    expect(failure_text({ within_days: 30, probability: 0.267 })).toBe("27 % likely to fail within 30 days");
  });

  it("puts what is desired beside what is reported", () => {
    const one: Desired = { value: 25, unit: "Hz", tolerance: 0.5, reported: 31.25, state: "differs", since: null, alarmed: false };
    expect(desired_text(one)).toBe("25.00 ± 0.50 Hz");
    expect(reported_text(one)).toBe("31.25");
    expect(desired_text({ value: "running", reported: null, state: "unknown", since: null, alarmed: false })).toBe("running");
  });

  it("takes a twin of a node that keeps none", () => {
    const wire = {
      id: "p", path: "a/p", type: "", description: "", nameplate: { manufacturer: "", model: "", serial_number: "" },
      hierarchy: { enterprise: "", site: "", area: "", line: "", cell: "" }, state: "running",
      active_alarms: [], sensors: [], components: [], computed: null,
    } as WireTwin;
    expect(clean_twin(wire)).toMatchObject({ version: 0, desired: {}, computed: null });
  });
});
