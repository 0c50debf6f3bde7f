// Keeps the store true to the server: first load, live stream, a fresh look after each interruption.

import { is_active, is_unacknowledged } from "./alarms";
import { ApiError, get_active_alarms, get_alarms, get_machines, get_plant, url_of } from "./api";
import { alarm_key, newest_version, type Store } from "./state";
import { event_json, LiveStream } from "./stream";
import type { ServerEvent } from "./sse";
import { parse_time, set_server_time } from "./time";
import type { Alarm, ReadingsEvent, Stats } from "./types";
import { clean_alarm, type WireAlarm } from "./wire";

const POLL_MS = 10_000;
const RETRY_MS = 5000;

export class Session {
  private readonly stream: LiveStream;
  private poll: ReturnType<typeof setInterval> | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private was_live = false;
  private refreshing = false;

  constructor(
    private readonly store: Store,
    private readonly on_new_alarm: (alarm: Alarm) => void,
    private readonly on_signed_out: () => void,
  ) {
    this.stream = new LiveStream({
      url: () => url_of("v1/stream"),
      last_event_id: () => {
        const version = newest_version(store.state.alarms);
        return version > 0 ? String(version) : null;
      },
      on_event: (event) => this.event(event),
      on_signed_out,
      on_link: (link) => {
        store.dispatch({ type: "link", link });
        if (link.kind !== "live") return;
        if (this.was_live) void this.refresh();
        this.was_live = true;
      },
    });
  }

  async start(): Promise<void> {
    clearTimeout(this.retry);
    this.store.dispatch({ type: "load", load: { kind: "loading" } });
    try {
      await this.fetch_all();
      this.store.dispatch({ type: "load", load: { kind: "ready" } });
      this.stream.start();
      this.poll ??= setInterval(() => void this.poll_plant(), POLL_MS);
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        this.on_signed_out();
        return;
      }
      const [title, help] =
        error instanceof ApiError ? [error.title, error.help] : ["The plant could not be loaded.", "Try again."];
      this.store.dispatch({ type: "load", load: { kind: "failed", title, help } });
      this.store.dispatch({
        type: "link",
        link: { kind: "waiting", reason: title.replace(/\.$/, "").toLowerCase(), retry_at: Date.now() + RETRY_MS },
      });
      this.retry = setTimeout(() => void this.start(), RETRY_MS);
    }
  }

  retry_now(): void {
    if (this.store.state.load.kind === "ready") this.stream.retry_now();
    else void this.start();
  }

  private async fetch_all(): Promise<void> {
    const [plant, machines, active, recent] = await Promise.all([
      get_plant(),
      get_machines(),
      get_active_alarms(),
      get_alarms(),
    ]);
    // A plant set up anew counts its alarms from one again: what was known is worth nothing then.
    const before = this.store.state;
    const lost =
      newest_version(before.alarms) > Math.max(0, ...[...active, ...recent.items].map((alarm) => alarm.version));
    const replace = lost && before.plant !== null && before.plant.started !== plant.started;
    this.store.dispatch({ type: "plant", plant });
    this.store.dispatch({ type: "machines", machines, at: Date.now() });
    this.store.dispatch({ type: "alarms", alarms: [...active, ...recent.items], older: recent.next_cursor, replace });
  }

  /** After an interruption, or when a machine turns up that was not there. What is shown stays if this fails. */
  private async refresh(): Promise<void> {
    if (this.refreshing) return;
    this.refreshing = true;
    try {
      await this.fetch_all();
    } catch {
      // The stream's own state says what is wrong; the next poll tries again.
    } finally {
      this.refreshing = false;
    }
  }

  private async poll_plant(): Promise<void> {
    if (document.visibilityState === "hidden" || this.store.state.link.kind !== "live") return;
    try {
      const plant = await get_plant();
      this.store.dispatch({ type: "plant", plant });
      if (plant.machines !== this.store.state.machines.size) void this.refresh();
    } catch {
      // As above.
    }
  }

  private event(event: ServerEvent): void {
    const at = Date.now();
    if (event.event === "readings") {
      const readings = event_json<ReadingsEvent>(event);
      if (!readings) return;
      set_server_time(parse_time(readings.time), at);
      this.store.dispatch({ type: "readings", readings, at });
    } else if (event.event === "stats") {
      const stats = event_json<Stats>(event);
      if (stats) this.store.dispatch({ type: "stats", stats, at });
    } else if (event.event === "alarm") {
      const wire = event_json<WireAlarm>(event);
      if (!wire) return;
      const alarm = clean_alarm(wire);
      const known = this.store.state.alarms.has(alarm_key(alarm));
      this.store.dispatch({ type: "alarm", alarm });
      if (!known && is_active(alarm) && is_unacknowledged(alarm)) this.on_new_alarm(alarm);
    }
  }
}
