import { describe, expect, it } from "vitest";
import { count_by, group_machines, matches, shown_under } from "../src/plant_groups";
import { machine_href, parse_route } from "../src/router";
import { to_csv, csv_name } from "../src/csv";
import { apply_updates, find_sensor, live_point, sensor_key, stale_after_ms, StateNames } from "../src/twin";
import type { SensorUpdate, Twin } from "../src/types";
import { clean_twin } from "../src/wire";
import { machine, sensor } from "./fixtures";

describe("groups", () => {
  it("follow the hierarchy, with numbers in their order", () => {
    const groups = group_machines([
      machine({ id: "pump-10" }),
      machine({ id: "pump-2" }),
      machine({ id: "mc-1", area: "machining", line: "line-1", cell: "a" }),
    ]);
    expect(groups.map((group) => group.name)).toEqual(["Lyon › Machining", "Lyon › Utilities"]);
    expect(groups[0]?.lines.map((line) => line.name)).toEqual(["Line 1 › A"]);
    expect(groups[1]?.lines[0]?.machines.map((one) => one.id)).toEqual(["pump-2", "pump-10"]);
  });

  it("take machines without a place", () => {
    expect(group_machines([machine({ site: "", area: "", line: "" })])[0]).toMatchObject({
      name: "Plant",
      lines: [{ name: "Machines" }],
    });
  });

  it("are filtered by every word and by what is abnormal", () => {
    expect(matches(machine(), "PUMP cooling")).toBe(true);
    expect(matches(machine(), "pump heating")).toBe(false);
    const bad = machine({ quality: "bad", state: "down", active_alarms: 2 });
    expect(count_by([machine(), bad])).toEqual({
      all: 2,
      alarm: 1,
      down: 1,
      unknown: 0,
      idle: 0,
      running: 1,
      quality: 1,
    });
    expect(shown_under(bad, "running")).toBe(false);
  });
});

describe("routes", () => {
  it("go there and back", () => {
    expect(parse_route("")).toEqual({ view: "plant" });
    expect(parse_route("#/alarms")).toEqual({ view: "alarms" });
    expect(parse_route(machine_href("pump 1/a"))).toEqual({ view: "machine", id: "pump 1/a", sensor: null });
    expect(parse_route(machine_href("pump-1", "motor/current"))).toEqual({
      view: "machine",
      id: "pump-1",
      sensor: "motor/current",
    });
    expect(parse_route("#/machines/%zz")).toEqual({ view: "machine", id: "%zz", sensor: null });
    expect(parse_route("#/machines")).toEqual({ view: "plant" });
  });
});

describe("twin", () => {
  const update: SensorUpdate = {
    path: "acme/pump-1/motor/current",
    name: "current",
    value: 2,
    quality: "BadNoCommunication",
    mean: 1.5,
    min: 1,
    max: 2,
    time: "2026-11-21T08:00:09.400Z",
  };

  it("takes updates by path, and learns the names of states", () => {
    const state = sensor({
      name: "state",
      component: "",
      path: "acme/pump-1/state",
      type: "state",
      value: 2,
      state_name: "idle",
    });
    const names = new StateNames();
    names.learn([state]);
    const before = new Map([sensor(), state].map((one) => [one.path, one]));
    const level = { id: "pump-1", state: "running", quality: "bad", active_alarms: 0, highest_priority: null } as const;
    const known = { ...update, path: state.path, name: "state", quality: "Good" };
    const after = apply_updates(before, { ...level, sensors: [update, known, { ...known, path: "unknown" }] }, names);
    expect(after.size).toBe(2);
    expect(after.get(update.path)).toMatchObject({
      value: 2,
      quality: "BadNoCommunication",
      quality_code: 0x80000000,
      source_time: update.time,
    });
    expect(after.get(state.path)?.state_name).toBe("idle");
    const strange = apply_updates(after, { ...level, sensors: [{ ...known, value: 7 }] }, names).get(state.path);
    expect(strange?.state_name).toBeUndefined();
    expect(strange && names.lacks(strange)).toBe(true);
  });

  it("puts a live roll-up on the second that it is of", () => {
    const second = Date.UTC(2026, 10, 21, 8, 0, 9) / 1000;
    expect(live_point(update)).toEqual({ time: second - 1, min: 1, max: 2, mean: 1.5 });
    expect(live_point({ ...update, mean: null, min: null, max: null, value: true })).toEqual({
      time: second,
      min: null,
      max: null,
      mean: 1,
    });
  });

  it("finds sensors by the name that history knows", () => {
    const twin: Twin = clean_twin({
      id: "pump-1",
      path: "acme/pump-1",
      type: "",
      description: "",
      nameplate: { manufacturer: "", model: "", serial_number: "" },
      hierarchy: { enterprise: "", site: "", area: "", line: "", cell: "" },
      state: "running",
      active_alarms: [],
      sensors: [],
      components: [{ name: "motor", part_of: null, sensors: [{ ...sensor(), component: null }] }],
    });
    expect(sensor_key(sensor())).toBe("motor/current");
    expect(find_sensor(twin, "motor/current")?.component).toBe("motor");
    expect(find_sensor(twin, "current")?.path).toBe("acme/pump-1/motor/current");
    expect(find_sensor(twin, "nothing")).toBeNull();
  });

  it("calls a value old by its own rate", () => {
    expect(stale_after_ms(100)).toBe(10_000);
    expect(stale_after_ms(0.01)).toBe(500_000);
  });
});

describe("csv", () => {
  it("has a header, a row for each bucket, and nothing for null", () => {
    const bucket = {
      time: "2026-11-21T08:00:00Z",
      count: 2,
      bad_count: 1,
      min: 1,
      max: 2,
      mean: 1.5,
      first: 1,
      last: 2,
      sum: null,
    };
    expect(to_csv([bucket])).toBe(
      "time,count,bad_count,min,max,mean,first,last,sum\r\n2026-11-21T08:00:00Z,2,1,1,2,1.5,1,2,\r\n",
    );
    expect(csv_name("pump-1", "motor/current", "1s", Date.UTC(2026, 10, 21, 8))).toBe(
      "pump-1_motor-current_1s_20261121T080000Z.csv",
    );
  });
});
