// A machine's twin as the machine view holds it, and how live updates change it. Pure.

import { quality_class } from "./format";
import { parse_time } from "./time";
import type { Point } from "./trend/buffer";
import type { MachineUpdate, QualityClass, Sensor, SensorUpdate, Twin } from "./types";

/** The name by which history knows a sensor of a machine. */
export function sensor_key(sensor: Pick<Sensor, "component" | "name">): string {
  return sensor.component === "" ? sensor.name : `${sensor.component}/${sensor.name}`;
}

export function all_sensors(twin: Twin): Sensor[] {
  return [...twin.sensors, ...twin.components.flatMap((component) => component.sensors)];
}

export function find_sensor(twin: Twin, key: string): Sensor | null {
  const sensors = all_sensors(twin);
  return (
    sensors.find((sensor) => sensor_key(sensor) === key || sensor.path === key) ??
    sensors.find((sensor) => sensor.name === key) ??
    null
  );
}

export function apply_update(sensor: Sensor, update: SensorUpdate): Sensor {
  const next: Sensor = {
    ...sensor,
    value: update.value,
    quality: update.quality,
    quality_code: update.quality_code ?? code_of(update.quality),
    source_time: update.time ?? sensor.source_time,
  };
  if (update.state_name) next.state_name = update.state_name;
  else if (sensor.value !== update.value) delete next.state_name;
  return next;
}

function code_of(quality: string): number {
  const severity: Record<QualityClass, number> = { good: 0, uncertain: 0x40000000, bad: 0x80000000 };
  return severity[quality_class(quality)];
}

export function apply_updates(
  sensors: ReadonlyMap<string, Sensor>,
  update: MachineUpdate,
  names: StateNames,
): ReadonlyMap<string, Sensor> {
  const next = new Map(sensors);
  for (const item of update.sensors ?? []) {
    const before = next.get(item.path);
    if (before) next.set(item.path, names.named(apply_update(before, item)));
  }
  return next;
}

/** Names of a state sensor's codes, learnt from what the server has named: the stream gives codes alone. */
export class StateNames {
  private readonly names = new Map<string, Map<number, string>>();

  learn(sensors: Iterable<Sensor>): void {
    for (const sensor of sensors) {
      if (typeof sensor.value !== "number" || sensor.state_name === undefined) continue;
      const known = this.names.get(sensor.path) ?? new Map<number, string>();
      this.names.set(sensor.path, known.set(sensor.value, sensor.state_name));
    }
  }

  /** The sensor with its name, where known. */
  named(sensor: Sensor): Sensor {
    if (sensor.state_name !== undefined || typeof sensor.value !== "number") return sensor;
    const name = this.names.get(sensor.path)?.get(sensor.value);
    return name === undefined ? sensor : { ...sensor, state_name: name };
  }

  /** Whether to ask the server what a sensor's code means. */
  lacks(sensor: Sensor): boolean {
    return /state/i.test(sensor.type) && typeof sensor.value === "number" && sensor.state_name === undefined;
  }
}

/** The point of a live update. The roll-up in it is of the last full second, the one before its newest reading. */
export function live_point(update: SensorUpdate): Point {
  const time = Math.floor(parse_time(update.time) / 1000);
  if (update.mean === null) return { time, min: null, max: null, mean: numeric(update.value) };
  return { time: time - 1, min: update.min, max: update.max, mean: update.mean };
}

/** What a trend draws for an update without a finished second: the value itself. */
export function numeric(value: Sensor["value"]): number | null {
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  return typeof value === "boolean" ? Number(value) : null;
}

export function has_trend(sensor: Pick<Sensor, "type">): boolean {
  return !/string|text/i.test(sensor.type);
}

/** States and switches hold their value until the next one. */
export function is_stepped(sensor: Pick<Sensor, "type">): boolean {
  return /bool|state/i.test(sensor.type);
}

/** How long without a new reading until a value counts as old: five periods, ten seconds at least. */
export function stale_after_ms(rate_hz: number): number {
  return Math.max(10_000, rate_hz > 0 ? 5000 / rate_hz : 0);
}
