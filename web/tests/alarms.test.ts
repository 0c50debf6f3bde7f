import { describe, expect, it } from "vitest";
import {
  alarm_place,
  alarm_sensor,
  announcement,
  compare_alarms,
  highest_priority,
  is_active,
  is_open,
  is_unacknowledged,
  state_words,
} from "../src/alarms";
import { clean_alarm } from "../src/wire";
import { alarm } from "./fixtures";

const T = "2026-11-21T09:00:00Z";

describe("alarm list", () => {
  it("puts the unseen and active first, then by priority, then the newest", () => {
    const list = [
      alarm({ id: "gone", state: "normal", priority: "critical" }),
      alarm({ id: "returned", state: "returned-unacknowledged", priority: "critical" }),
      alarm({ id: "seen", state: "acknowledged", priority: "critical" }),
      alarm({ id: "low", priority: "low" }),
      alarm({ id: "old", priority: "high" }),
      alarm({ id: "new", priority: "high", raised: T }),
    ];
    expect(list.sort(compare_alarms).map((one) => one.id)).toEqual(["new", "old", "low", "seen", "returned", "gone"]);
    expect(list.filter(is_open)).toHaveLength(5);
    expect(highest_priority([alarm({ priority: "low" }), alarm({ priority: "high" })])).toBe("high");
    expect(highest_priority([])).toBeNull();
  });

  it("uses the words of ISA-18.2", () => {
    expect(state_words(alarm())).toBe("Unacknowledged");
    expect(state_words(alarm({ state: "acknowledged" }))).toBe("Acknowledged");
    expect(state_words(alarm({ state: "returned-unacknowledged" }))).toBe("Returned to normal, unacknowledged");
    expect(state_words(alarm({ state: "latched-acknowledged" }))).toBe("Returned to normal, latched");
    expect(state_words(alarm({ state: "normal" }))).toBe("Normal");
    expect(state_words(alarm({ suppression: "shelved" }))).toBe("Shelved");
  });

  it("leaves suppressed alarms out of sight, and keeps latched ones in it", () => {
    expect(is_open(alarm({ suppression: "out-of-service" }))).toBe(false);
    expect(is_active(alarm({ suppression: "shelved" }))).toBe(false);
    expect(is_unacknowledged(alarm({ suppression: "shelved" }))).toBe(false);
    expect(is_open(alarm({ state: "latched-acknowledged" }))).toBe(true);
    expect(is_unacknowledged(alarm({ state: "latched-unacknowledged" }))).toBe(true);
  });

  it("names the place, whether the sensor comes as a path, a name or not at all", () => {
    expect(alarm_place(alarm())).toBe("motor / current");
    expect(alarm_sensor(alarm())).toBe("motor/current");
    expect(alarm_sensor(alarm({ component: "", sensor: "state" }))).toBe("state");
    expect(alarm_place(alarm({ component: "", sensor: "" }))).toBe("");
  });
});

describe("announcement", () => {
  it("is one sentence, the worst first", () => {
    expect(announcement([])).toBeNull();
    expect(announcement([alarm()])).toBe("New alarm: medium priority, pump 1, motor / current: Too high");
    expect(announcement([alarm(), alarm({ id: 2, priority: "critical", message: "Fire" })])).toMatch(
      /^2 new alarms\. First: critical .*Fire$/,
    );
  });
});

describe("wire", () => {
  it("makes nulls plain", () => {
    const { machine: _m, component: _c, sensor: _s, ...rest } = alarm({ message: "" });
    const clean = clean_alarm({ ...rest, machine: null, sensor: null });
    expect(clean).toMatchObject({ machine: "", component: "", sensor: "", message: "c" });
  });
});
