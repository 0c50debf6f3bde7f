// One machine: nameplate, open alarms, its components with their sensors, live.

import { alarm_sensor, compare_alarms, is_open, is_active } from "../alarms";
import { ApiError, get_twin, url_of } from "../api";
import { h, set_attribute, set_children, set_text, type Child } from "../dom";
import { sentence, words } from "../format";
import { machine_href } from "../router";
import { event_json, LiveStream } from "../stream";
import type { Link, State } from "../state";
import { WorkQueue } from "../trend/queue";
import { all_sensors, apply_updates, find_sensor, sensor_key, StateNames } from "../twin";
import type { Alarm, Machine, ReadingsEvent, Sensor, Twin, TwinEvent } from "../types";
import { AlarmRows, type AlarmActions } from "./alarm_row";
import { HealthPanel } from "./health_panel";
import { state_glyph } from "./icons";
import { notice } from "./notice";
import { SensorDialog } from "./sensor_dialog";
import { SensorRow } from "./sensor_row";

const HISTORIES_AT_ONCE = 3;
const NAMES_EVERY_MS = 10_000;

export class MachineView {
  readonly element = h("div", { class: "machine" });
  private readonly heading = h("h1", { tabindex: -1 });
  private readonly status = h("span", { class: "state-chip" });
  private readonly quality = h("span", { class: "tag tag-quality", hidden: true });
  private readonly alarm_list = h("ol", { class: "alarm-list" });
  private readonly alarm_box = h(
    "section",
    { class: "machine-alarms", hidden: true, "aria-label": "Alarms of this machine" },
    this.alarm_list,
  );
  private readonly alarm_rows: AlarmRows;
  private readonly health = new HealthPanel();
  private readonly body = h("div", { class: "machine-body" });
  private readonly rows = new Map<string, SensorRow>();
  private readonly queue = new WorkQueue(HISTORIES_AT_ONCE);
  private readonly abort = new AbortController();
  private readonly stream: LiveStream;
  private readonly seen: IntersectionObserver;
  private sensors: ReadonlyMap<string, Sensor> = new Map();
  private twin: Twin | null = null;
  private dialog: SensorDialog | null = null;
  private machine: Machine | undefined;
  private alarms: readonly Alarm[] = [];
  private readonly names = new StateNames();
  private names_asked_at = 0;
  private wanted_sensor: string | null = null;
  private was_live = false;

  constructor(
    readonly id: string,
    actions: AlarmActions,
  ) {
    this.alarm_rows = new AlarmRows(actions);
    this.stream = new LiveStream({
      url: () => url_of("v1/stream", { machine: id }),
      on_event: (event) => {
        if (event.event === "twin") return this.apply_twin(event_json<TwinEvent>(event));
        if (event.event !== "readings") return;
        const readings = event_json<ReadingsEvent>(event);
        if (readings) this.apply(readings);
      },
      on_link: (link) => this.set_link(link),
    });
    this.seen = new IntersectionObserver(
      (entries) => {
        for (const entry of entries)
          this.rows.get(entry.target.getAttribute("data-path") ?? "")?.set_visible(entry.isIntersecting);
      },
      { rootMargin: "120px" },
    );
    set_text(this.heading, id);
    this.body.append(notice("loading", "Loading the machine…"));
    this.element.append(h("div", { class: "machine-head" }, this.heading), this.body);
    void this.load();
  }

  destroy(): void {
    this.wanted_sensor = null;
    this.abort.abort();
    this.queue.clear();
    this.stream.stop();
    this.seen.disconnect();
    this.close_dialog();
    for (const row of this.rows.values()) row.destroy();
  }

  focus(): void {
    this.heading.focus({ preventScroll: true });
  }

  /** The route names a sensor: its trend opens; null closes it. */
  show_sensor(key: string | null): void {
    this.wanted_sensor = key;
    if (key === null) return this.close_dialog();
    const sensor = this.twin ? find_sensor(this.twin, key) : null;
    if (!sensor || this.dialog?.path === sensor.path) return;
    this.close_dialog();
    const current = this.sensors.get(sensor.path) ?? sensor;
    this.dialog = new SensorDialog(current, this.id, this.alarms_of(current), () => {
      this.dialog = null;
      // Closed by the viewer, not by the route.
      if (this.wanted_sensor === key) location.hash = machine_href(this.id);
    });
  }

  update(state: State): void {
    const machine = state.machines.get(this.id);
    const alarms = [...state.alarms.values()].filter((alarm) => alarm.machine === this.id);
    if (machine !== this.machine) {
      this.machine = machine;
      this.render_status();
    }
    if (alarms.length === this.alarms.length && alarms.every((alarm, i) => alarm === this.alarms[i])) return;
    this.alarms = alarms;
    this.render_alarms();
  }

  tick(): void {
    for (const row of this.rows.values()) row.tick();
    this.dialog?.tick();
  }

  redraw(): void {
    for (const row of this.rows.values()) row.redraw();
    this.dialog?.redraw();
  }

  /** A page that nobody looks at needs no readings; on return the trends are filled up. */
  set_hidden(hidden: boolean): void {
    if (!this.twin) return;
    if (hidden) this.stream.stop();
    else this.stream.start();
  }

  private async load(): Promise<void> {
    try {
      const twin = await get_twin(this.id, this.abort.signal);
      if (this.abort.signal.aborted) return;
      this.build(twin);
      this.stream.start();
    } catch (error) {
      if (this.abort.signal.aborted) return;
      const missing = error instanceof ApiError && error.status === 404;
      const [title, help] = missing
        ? [`There is no machine “${this.id}”.`, "It may have been renamed or removed. Look for it in the plant."]
        : error instanceof ApiError
          ? [error.title, error.help]
          : ["The machine could not be loaded.", "Try again."];
      const action = missing
        ? { label: "To the plant", run: () => (location.hash = "#/") }
        : { label: "Try again", run: () => void this.load() };
      this.body.replaceChildren(notice("failed", title, help, action));
    }
  }

  private set_link(link: Link): void {
    set_attribute(this.element, "data-link", link.kind);
    if (link.kind !== "live") return;
    // After an interruption the trends have a hole, which the history fills.
    if (this.was_live) {
      void this.reload_twin();
      for (const row of this.rows.values()) row.reload();
      void this.dialog?.load(true);
    }
    this.was_live = true;
  }

  private apply(readings: ReadingsEvent): void {
    const update = readings.machines.find((machine) => machine.id === this.id);
    if (!update) return;
    this.sensors = apply_updates(this.sensors, update, this.names);
    for (const item of update.sensors ?? []) {
      const sensor = this.sensors.get(item.path);
      if (!sensor) continue;
      this.rows.get(item.path)?.update(sensor, item);
      if (this.dialog?.path === item.path) this.dialog.update(sensor, item);
      if (this.names.lacks(sensor)) this.ask_names();
    }
  }

  private apply_twin(event: TwinEvent | null): void {
    if (!event || event.id !== this.id || !this.twin) return;
    const { version } = this.twin;
    this.twin = { ...this.twin, version: event.version, computed: event.computed };
    this.health.show(event.computed);
    // What is desired has changed: the event has not the values.
    if (event.version !== version) void this.reload_twin();
    else this.health.note(event.desired);
  }

  private async reload_twin(): Promise<void> {
    try {
      const twin = await get_twin(this.id, this.abort.signal);
      if (this.twin) this.twin = { ...this.twin, desired: twin.desired, computed: twin.computed, version: twin.version };
      this.health.show(twin.computed);
      this.health.show_desired(twin.desired);
    } catch {
      // The next event brings it.
    }
  }

  /** A state with a code that has no name yet; asked for at most every ten seconds. */
  private ask_names(): void {
    const now = Date.now();
    if (now - this.names_asked_at < NAMES_EVERY_MS) return;
    this.names_asked_at = now;
    void get_twin(this.id, this.abort.signal)
      .then((twin) => this.names.learn(all_sensors(twin)))
      .catch(() => {});
  }

  private build(twin: Twin): void {
    this.twin = twin;
    this.names.learn(all_sensors(twin));
    this.sensors = new Map(all_sensors(twin).map((sensor) => [sensor.path, sensor]));
    const { enterprise, site, area, line, cell } = twin.hierarchy;
    const place = [enterprise, site, area, line, cell].filter((part) => part !== "");
    const pair = (label: string, value: string): Child =>
      value === "" ? null : h("div", {}, h("dt", {}, label), h("dd", {}, value));
    this.element.replaceChildren(
      h(
        "nav",
        { class: "crumbs", "aria-label": "Place in the plant" },
        h("ol", {}, h("li", {}, h("a", { href: "#/" }, "Plant")), ...place.map((part) => h("li", {}, sentence(part)))),
      ),
      h("div", { class: "machine-head" }, this.heading, this.status, this.quality),
      ...(twin.description === "" ? [] : [h("p", { class: "machine-description" }, twin.description)]),
      h(
        "dl",
        { class: "pairs nameplate" },
        pair("Type", words(twin.type)),
        pair("Manufacturer", twin.nameplate.manufacturer),
        pair("Model", twin.nameplate.model),
        pair("Serial number", twin.nameplate.serial_number),
      ),
      this.alarm_box,
      this.health.element,
      this.body,
    );
    this.health.show(twin.computed);
    this.health.show_desired(twin.desired);
    this.heading.replaceChildren(twin.id);
    this.body.replaceChildren(...this.sections(twin));
    this.render_status();
    this.render_alarms();
    this.show_sensor(this.wanted_sensor);
  }

  private sections(twin: Twin): HTMLElement[] {
    const sections: HTMLElement[] = [];
    if (twin.sensors.length > 0) sections.push(this.section("Machine", "", "", twin.sensors));
    for (const component of twin.components)
      sections.push(
        this.section(sentence(component.name), component.description, component.part_of, component.sensors),
      );
    if (sections.length === 0)
      sections.push(
        notice("empty", "This machine has no sensors.", "Add components and sensors to its type in the asset model."),
      );
    return sections;
  }

  private section(name: string, description: string, part_of: string, sensors: readonly Sensor[]): HTMLElement {
    const list = h("ul", { class: "sensors" });
    for (const sensor of sensors) {
      const row = new SensorRow(sensor, this.id, this.queue, this.abort.signal);
      this.rows.set(sensor.path, row);
      this.seen.observe(row.element);
      list.append(row.element);
    }
    const about = [part_of === "" ? "" : `part of ${words(part_of)}`, description]
      .filter((part) => part !== "")
      .join(" · ");
    return h(
      "section",
      { class: "component" },
      h(
        "div",
        { class: "component-head" },
        h("h2", {}, name),
        about !== "" && h("p", {}, about),
        sensors.length > 0 && h("p", { class: "component-window" }, "Last 15 min"),
      ),
      sensors.length === 0 ? h("p", { class: "component-empty" }, "No sensors.") : list,
    );
  }

  private render_status(): void {
    if (!this.twin) return;
    const state = this.machine?.state ?? this.twin.state;
    const name = this.machine?.state_name ?? state;
    set_attribute(this.status, "data-state", state);
    this.status.replaceChildren(state_glyph(state), sentence(name));
    const quality = this.machine?.quality ?? "good";
    set_text(this.quality, quality === "bad" ? "Bad data" : "Uncertain data");
    set_attribute(this.quality, "hidden", quality === "good");
  }

  private alarms_of(sensor: Sensor): Alarm[] {
    const key = sensor_key(sensor);
    return this.alarms.filter((alarm) => alarm.sensor === sensor.path || alarm_sensor(alarm) === key);
  }

  private render_alarms(): void {
    if (!this.twin) return;
    const open = this.alarms.filter(is_open).sort(compare_alarms);
    set_children(this.alarm_list, this.alarm_rows.of(open, (id) => this.alarms.find((alarm) => alarm.id === id)));
    set_attribute(this.alarm_box, "hidden", open.length === 0);
    for (const row of this.rows.values()) row.set_alarms(this.alarms_of(row.current).filter(is_active));
    const shown = this.dialog ? this.sensors.get(this.dialog.path) : undefined;
    if (shown) this.dialog?.set_alarms(this.alarms_of(shown));
  }

  private close_dialog(): void {
    const { dialog } = this;
    this.dialog = null;
    dialog?.close();
  }
}
