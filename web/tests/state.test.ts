import { describe, expect, it } from "vitest";
import {
  ALARMS_KEPT_MAX,
  initial_state,
  is_stale,
  merge_alarms,
  newest_version,
  reduce,
  Store,
  update_machine,
} from "../src/state";
import { alarm, machine } from "./fixtures";

const update = { id: "pump-1", state: "running", quality: "good", active_alarms: 0, highest_priority: null } as const;

describe("machines", () => {
  it("keep their identity while nothing changes", () => {
    const before = reduce(initial_state, { type: "machines", machines: [machine(), machine({ id: "pump-2" })], at: 4 });
    const same = reduce(before, { type: "readings", at: 5, readings: { time: "", machines: [update] } });
    expect(same.machines).toBe(before.machines);
    expect(same.updated_at).toBe(5);
    const after = reduce(before, {
      type: "readings",
      at: 6,
      readings: { time: "", machines: [{ ...update, state: "down" }] },
    });
    expect(after.machines.get("pump-1")?.state).toBe("down");
    expect(after.machines.get("pump-2")).toBe(before.machines.get("pump-2"));
  });

  it("forget the name of a state that they have left", () => {
    const named = machine({ state: "unknown", state_name: "cleaning" });
    expect(update_machine(named, { ...update, state: "running" }).state_name).toBeUndefined();
    expect(update_machine(named, { ...update, state: "unknown", active_alarms: 1 }).state_name).toBe("cleaning");
  });

  it("that are not known are left out", () => {
    const after = reduce(initial_state, { type: "readings", at: 1, readings: { time: "", machines: [update] } });
    expect(after.machines.size).toBe(0);
  });
});

describe("alarms", () => {
  it("win by version, in whatever order they come", () => {
    const seen = alarm({ version: 7, acknowledged: "2026-11-21T08:01:00Z" });
    const merged = merge_alarms(merge_alarms(new Map(), [seen]), [alarm({ version: 3 })]);
    expect(merged.get("1")).toBe(seen);
    expect(newest_version(merged)).toBe(7);
  });

  it("do not change the state when nothing is new", () => {
    const before = reduce(initial_state, { type: "alarm", alarm: alarm() });
    expect(reduce(before, { type: "alarm", alarm: alarm() })).toBe(before);
    expect(reduce(before, { type: "alarms", alarms: [alarm()] })).toBe(before);
  });

  it("start anew with a plant set up anew", () => {
    const before = reduce(initial_state, { type: "alarm", alarm: alarm({ version: 900 }) });
    const after = reduce(before, { type: "alarms", alarms: [alarm({ id: 2, version: 1 })], replace: true });
    expect([...after.alarms.keys()]).toEqual(["2"]);
  });

  it("are kept in bounds, the open ones always", () => {
    const past = Array.from({ length: ALARMS_KEPT_MAX + 10 }, (_, i) =>
      alarm({ id: i + 10, version: i + 10, state: "normal" }),
    );
    const merged = merge_alarms(new Map(), [alarm(), ...past]);
    expect(merged.size).toBe(ALARMS_KEPT_MAX);
    expect(merged.has("1")).toBe(true);
  });
});

describe("staleness", () => {
  it("counts from the first load on, even where the stream never says a word", () => {
    const loaded = reduce(initial_state, { type: "machines", machines: [machine()], at: 1000 });
    expect(is_stale(loaded, 7000)).toBe(true);
  });

  it("counts from the newest data, and not before the first", () => {
    expect(is_stale({ link: { kind: "live" }, updated_at: 0 }, 100_000)).toBe(false);
    expect(is_stale({ link: { kind: "live" }, updated_at: 99_000 }, 100_000)).toBe(false);
    expect(is_stale({ link: { kind: "waiting", reason: "", retry_at: 0 }, updated_at: 94_000 }, 100_000)).toBe(true);
  });
});

describe("store", () => {
  it("calls listeners on a change alone, until they leave", () => {
    const store = new Store();
    let calls = 0;
    const leave = store.subscribe(() => ++calls);
    store.dispatch({ type: "alarm", alarm: alarm() });
    store.dispatch({ type: "alarm", alarm: alarm() });
    leave();
    store.dispatch({ type: "alarm", alarm: alarm({ version: 2 }) });
    expect(calls).toBe(2);
  });
});
