import type { Alarm, Machine, Sensor } from "../src/types";

export function machine(changes: Partial<Machine> = {}): Machine {
  return {
    id: "pump-1",
    path: "acme/lyon/utilities/cooling/pump-1",
    type: "centrifugal-pump",
    description: "",
    site: "lyon",
    area: "utilities",
    line: "cooling",
    cell: "",
    state: "running",
    quality: "good",
    active_alarms: 0,
    highest_priority: null,
    sensors: 3,
    ...changes,
  };
}

export function alarm(changes: Partial<Alarm> = {}): Alarm {
  return {
    id: 1,
    condition: "c",
    state: "unacknowledged",
    suppression: "none",
    priority: "medium",
    severity: 400,
    machine: "pump-1",
    component: "motor",
    sensor: "acme/pump-1/motor/current",
    message: "Too high",
    value: 3,
    limit: 2,
    raised: "2026-11-21T08:00:00Z",
    published: "2026-11-21T08:00:00Z",
    cleared: null,
    acknowledged: null,
    acknowledged_by: "",
    comment: "",
    suppressed_until: null,
    first_out: false,
    consequence_of: null,
    raises: 1,
    version: 1,
    ...changes,
  };
}

export function sensor(changes: Partial<Sensor> = {}): Sensor {
  return {
    name: "current",
    path: "acme/pump-1/motor/current",
    component: "motor",
    description: "",
    unit: "A",
    type: "float64",
    range: null,
    rate_hz: 10,
    value: 1,
    quality: "Good",
    quality_code: 0,
    source_time: "2026-11-21T08:00:00Z",
    received: null,
    last_second: null,
    ...changes,
  };
}
