// What the server may leave out or send as null, made plain for the rest of the page. Pure.

import type { Alarm, Component, Machine, Sensor, Twin } from "./types";

/** T as it comes over the wire: K may be null or absent. */
export type Loose<T, K extends keyof T> = Omit<T, K> & { [P in K]?: T[P] | null };

export type WireAlarm = Loose<
  Alarm,
  | "machine"
  | "component"
  | "sensor"
  | "message"
  | "acknowledged_by"
  | "comment"
  | "cleared"
  | "acknowledged"
  | "suppressed_until"
  | "first_out"
  | "consequence_of"
  | "raises"
>;
export type WireMachine = Loose<Machine, "state_name" | "description" | "site" | "area" | "line" | "cell">;
export type WireSensor = Loose<Sensor, "component" | "description" | "state_name">;
export type WireComponent = Omit<Loose<Component, "part_of" | "description">, "sensors"> & { sensors: WireSensor[] };
export type WireTwin = Omit<
  Loose<Twin, "version" | "desired" | "computed">,
  "components" | "sensors" | "active_alarms"
> & {
  components: WireComponent[];
  sensors: WireSensor[];
  active_alarms: WireAlarm[];
};

export function clean_alarm(alarm: WireAlarm): Alarm {
  return {
    ...alarm,
    machine: alarm.machine ?? "",
    component: alarm.component ?? "",
    sensor: alarm.sensor ?? "",
    message: alarm.message || alarm.condition,
    acknowledged_by: alarm.acknowledged_by ?? "",
    comment: alarm.comment ?? "",
    cleared: alarm.cleared ?? null,
    acknowledged: alarm.acknowledged ?? null,
    suppressed_until: alarm.suppressed_until ?? null,
    first_out: alarm.first_out ?? false,
    consequence_of: alarm.consequence_of ?? null,
    raises: alarm.raises ?? 1,
  };
}

export function clean_machine(machine: WireMachine): Machine {
  const { state_name, ...rest } = machine;
  const clean: Machine = {
    ...rest,
    description: machine.description ?? "",
    site: machine.site ?? "",
    area: machine.area ?? "",
    line: machine.line ?? "",
    cell: machine.cell ?? "",
  };
  if (state_name) clean.state_name = state_name;
  return clean;
}

export function clean_sensor(sensor: WireSensor): Sensor {
  const { state_name, ...rest } = sensor;
  const clean: Sensor = { ...rest, component: sensor.component ?? "", description: sensor.description ?? "" };
  if (state_name) clean.state_name = state_name;
  return clean;
}

export function clean_twin(twin: WireTwin): Twin {
  return {
    ...twin,
    sensors: twin.sensors.map(clean_sensor),
    components: twin.components.map((component) => ({
      ...component,
      part_of: component.part_of ?? "",
      description: component.description ?? "",
      // A component's sensors belong to it whether or not each says so.
      sensors: component.sensors.map((sensor) =>
        clean_sensor({ ...sensor, component: sensor.component ?? component.name }),
      ),
    })),
    active_alarms: twin.active_alarms.map(clean_alarm),
    version: twin.version ?? 0,
    desired: twin.desired ?? {},
    computed: twin.computed ?? null,
  };
}
