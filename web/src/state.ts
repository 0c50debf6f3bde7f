// All that the page knows of the plant, and how each message changes it. Pure: a reducer over plain data. What did not
// change keeps its identity, so that views can compare with ===.

import type { Alarm, Machine, MachineUpdate, Plant, ReadingsEvent, Stats } from "./types";

export type Link = { kind: "connecting" } | { kind: "live" } | { kind: "waiting"; reason: string; retry_at: number };

export type Load = { kind: "loading" } | { kind: "ready" } | { kind: "failed"; title: string; help: string };

export interface State {
  plant: Plant | null;
  stats: Stats | null;
  machines: ReadonlyMap<string, Machine>;
  alarms: ReadonlyMap<string, Alarm>;
  older_alarms: string | null; // cursor of the next page of the past
  link: Link;
  load: Load;
  updated_at: number; // of the newest data, this screen's clock; 0 = none yet
}

export type Action =
  | { type: "plant"; plant: Plant }
  | { type: "machines"; machines: readonly Machine[]; at: number }
  | { type: "alarms"; alarms: readonly Alarm[]; older?: string | null; replace?: boolean }
  | { type: "alarm"; alarm: Alarm }
  | { type: "stats"; stats: Stats; at: number }
  | { type: "readings"; readings: ReadingsEvent; at: number }
  | { type: "link"; link: Link }
  | { type: "load"; load: Load };

export const initial_state: State = {
  plant: null,
  stats: null,
  machines: new Map(),
  alarms: new Map(),
  older_alarms: null,
  link: { kind: "connecting" },
  load: { kind: "loading" },
  updated_at: 0,
};

// A page that stays open for months must not keep every alarm that ever was.
export const ALARMS_KEPT_MAX = 5000;

export function alarm_key(alarm: Pick<Alarm, "id">): string {
  return String(alarm.id);
}

/** The newer version of each alarm wins, in whatever order they come. */
export function merge_alarms(
  known: ReadonlyMap<string, Alarm>,
  incoming: readonly Alarm[],
): ReadonlyMap<string, Alarm> {
  let merged: Map<string, Alarm> | null = null;
  for (const alarm of incoming) {
    const before = (merged ?? known).get(alarm_key(alarm));
    if (before && before.version >= alarm.version) continue;
    merged ??= new Map(known);
    merged.set(alarm_key(alarm), alarm);
  }
  if (!merged) return known;
  for (const [key, alarm] of merged) {
    if (merged.size <= ALARMS_KEPT_MAX) break;
    if (alarm.state === "normal") merged.delete(key);
  }
  return merged;
}

/** The version after which the stream shall send what changed. */
export function newest_version(alarms: ReadonlyMap<string, Alarm>): number {
  let newest = 0;
  for (const alarm of alarms.values()) newest = Math.max(newest, alarm.version);
  return newest;
}

export function update_machine(machine: Machine, update: MachineUpdate): Machine {
  if (
    machine.state === update.state &&
    machine.quality === update.quality &&
    machine.active_alarms === update.active_alarms &&
    machine.highest_priority === update.highest_priority &&
    (update.state_name === undefined || machine.state_name === update.state_name)
  ) {
    return machine;
  }
  const next: Machine = {
    ...machine,
    state: update.state,
    quality: update.quality,
    active_alarms: update.active_alarms,
    highest_priority: update.highest_priority,
  };
  if (update.state_name !== undefined) next.state_name = update.state_name;
  else if (machine.state !== update.state) delete next.state_name;
  return next;
}

function apply_readings(
  machines: ReadonlyMap<string, Machine>,
  updates: readonly MachineUpdate[],
): ReadonlyMap<string, Machine> {
  let changed: Map<string, Machine> | null = null;
  for (const update of updates) {
    const before = machines.get(update.id);
    if (!before) continue;
    const after = update_machine(before, update);
    if (after === before) continue;
    changed ??= new Map(machines);
    changed.set(update.id, after);
  }
  return changed ?? machines;
}

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case "plant":
      return { ...state, plant: action.plant, stats: action.plant.stats };
    case "machines":
      return {
        ...state,
        machines: new Map(action.machines.map((machine) => [machine.id, machine])),
        updated_at: action.at,
      };
    case "alarms": {
      const alarms = merge_alarms(action.replace === true ? new Map() : state.alarms, action.alarms);
      const older_alarms = action.older === undefined ? state.older_alarms : action.older;
      return alarms === state.alarms && older_alarms === state.older_alarms
        ? state
        : { ...state, alarms, older_alarms };
    }
    case "alarm": {
      const alarms = merge_alarms(state.alarms, [action.alarm]);
      return alarms === state.alarms ? state : { ...state, alarms };
    }
    case "stats":
      return { ...state, stats: action.stats, updated_at: action.at };
    case "readings":
      return { ...state, machines: apply_readings(state.machines, action.readings.machines), updated_at: action.at };
    case "link":
      return { ...state, link: action.link };
    case "load":
      return { ...state, load: action.load };
  }
}

export const QUIET_MS = 5000;

/** Whether what is on the screen can no longer be trusted to be now. */
export function is_stale(state: Pick<State, "link" | "updated_at">, now: number): boolean {
  return state.updated_at > 0 && now - state.updated_at > QUIET_MS;
}

export class Store {
  private current = initial_state;
  private readonly listeners = new Set<(state: State, before: State) => void>();

  get state(): State {
    return this.current;
  }

  dispatch(action: Action): void {
    const before = this.current;
    this.current = reduce(before, action);
    if (this.current === before) return;
    for (const listener of this.listeners) listener(this.current, before);
  }

  /** Calls at once and on every change; gives the way out. */
  subscribe(listener: (state: State, before: State) => void): () => void {
    this.listeners.add(listener);
    listener(this.current, initial_state);
    return () => this.listeners.delete(listener);
  }
}
