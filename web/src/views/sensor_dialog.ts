// A sensor's trend, large: choice of range, cursor, zoom, figures of the range, CSV.

import { is_active } from "../alarms";
import { ApiError, get_history } from "../api";
import { csv_name, save_text, to_csv } from "../csv";
import { h, set_attribute, set_text } from "../dom";
import {
  any_value,
  decimals_of,
  plain_number,
  quality_class,
  quality_reason,
  sentence,
  value_text,
  words,
} from "../format";
import { parse_time, server_now } from "../time";
import { TrendBuffer, to_point, y_limits } from "../trend/buffer";
import { LargeChart } from "../trend/chart";
import { RANGES, resolution_for, STEP_MS, type Range } from "../trend/resolution";
import { is_stepped, live_point, sensor_key } from "../twin";
import type { Alarm, Bucket, Sensor, SensorUpdate } from "../types";
import { Dialog } from "./dialog";
import { notice } from "./notice";
import { set_time } from "./time_tag";

const DEFAULT_RANGE = 1;
const REFRESH_MS = 60_000;

export class SensorDialog {
  private readonly dialog: Dialog;
  private readonly plot = h("div", {
    class: "plot plot-large",
    tabindex: 0,
    role: "group",
    "aria-roledescription": "chart",
  });
  private readonly over = h("div", { class: "plot-over" });
  private readonly readout = h("p", { class: "readout" });
  private readonly readout_time = h("time");
  private readonly readout_text = h("span");
  private readonly now_value = h("span", { class: "num" });
  private readonly quality = h("span", { class: "tag tag-quality" });
  private readonly received = h("time");
  private readonly figures: Record<"last" | "min" | "mean" | "max", HTMLElement> = {
    last: h("dd"),
    min: h("dd"),
    mean: h("dd"),
    max: h("dd"),
  };
  private readonly reset: HTMLButtonElement;
  private readonly save: HTMLButtonElement;
  private readonly chart: LargeChart;
  private range: Range;
  private buffer = new TrendBuffer(1);
  private buckets: Bucket[] = [];
  private abort = new AbortController();
  private loaded_at = 0;
  private loaded = false;
  private reading = false;

  constructor(
    private sensor: Sensor,
    private readonly machine: string,
    private alarms: readonly Alarm[],
    on_close: () => void,
  ) {
    this.range = RANGES[DEFAULT_RANGE] ?? { label: "15 min", spoken: "last 15 minutes", ms: 900_000 };
    this.dialog = new Dialog(
      "dialog-trend",
      `${sensor.component === "" ? machine : words(sensor.component)}: ${words(sensor.name)}`,
      () => {
        this.abort.abort();
        this.chart.destroy();
        on_close();
      },
    );
    this.reset = h(
      "button",
      { type: "button", class: "button", hidden: true, onclick: () => this.chart.reset_zoom() },
      "Reset zoom",
    );
    this.save = h("button", { type: "button", class: "button", onclick: () => void this.save_csv() }, "Download CSV");
    this.chart = new LargeChart(this.plot, {
      stepped: is_stepped(sensor),
      on_cursor: (index) => this.show_cursor(index),
      on_zoom: (zoomed) => set_attribute(this.reset, "hidden", !zoomed),
    });
    this.plot.addEventListener("keydown", (event) => this.key(event));
    this.readout.append(this.readout_time, this.readout_text);
    this.dialog.open(this.head(), h("div", { class: "plot-frame" }, this.plot, this.over), this.readout, this.foot());
    this.dialog.element.querySelector<HTMLInputElement>("input:checked")?.focus();
    this.render();
    void this.load();
  }

  get path(): string {
    return this.sensor.path;
  }

  close(): void {
    this.dialog.close();
  }

  update(sensor: Sensor, update: SensorUpdate): void {
    this.sensor = sensor;
    this.render();
    if (this.resolution() !== "1s" || !this.loaded) return;
    if (this.buffer.push(live_point(update))) this.draw();
  }

  set_alarms(alarms: readonly Alarm[]): void {
    this.alarms = alarms;
  }

  tick(): void {
    if (!this.loaded) return;
    if (this.resolution() !== "1s" && Date.now() - this.loaded_at > REFRESH_MS) void this.load(true);
    else this.draw();
  }

  redraw(): void {
    this.chart.redraw();
  }

  async load(quiet = false): Promise<void> {
    this.abort.abort();
    const abort = new AbortController();
    this.abort = abort;
    this.loaded_at = Date.now();
    if (!quiet) {
      this.loaded = false;
      this.over.replaceChildren(notice("loading", "Loading the trend…"));
    }
    try {
      const to_ms = server_now();
      const resolution = this.resolution();
      const buckets = await get_history(
        { machine: this.machine, sensor: sensor_key(this.sensor), from_ms: to_ms - this.range.ms, to_ms, resolution },
        abort.signal,
      );
      if (abort.signal.aborted) return;
      this.buckets = buckets;
      const fresh = new TrendBuffer(STEP_MS[resolution] / 1000);
      fresh.load(buckets.map(to_point));
      this.buffer = fresh;
      this.loaded = true;
      this.over.replaceChildren();
      this.draw();
    } catch (error) {
      if (abort.signal.aborted || quiet) return;
      const [title, help] =
        error instanceof ApiError ? [error.title, error.help] : ["The trend could not be loaded.", "Try again."];
      this.over.replaceChildren(notice("failed", title, help, { label: "Try again", run: () => void this.load() }));
    }
  }

  private resolution(): "1s" | "1m" | "1h" {
    return resolution_for(this.range.ms);
  }

  private draw(): void {
    const now = server_now() / 1000;
    const from = now - this.range.ms / 1000;
    this.buffer.trim(from - 60);
    const summary = this.buffer.summary(from);
    const span_min = is_stepped(this.sensor)
      ? 1
      : this.sensor.range
        ? (this.sensor.range.high - this.sensor.range.low) * 0.01
        : 0;
    const marks = this.alarms.map((alarm) => parse_time(alarm.raised) / 1000);
    if (!this.reading) this.show_cursor(null);
    this.chart.draw(this.buffer.data, [from, now], y_limits(summary, span_min), marks);
    const decimals = Math.max(decimals_of(this.sensor), summary ? 1 : 0);
    for (const key of ["last", "min", "mean", "max"] as const)
      set_text(this.figures[key], summary ? any_value(summary[key], decimals) : "–");
    const unit = this.sensor.unit ?? "";
    set_attribute(
      this.plot,
      "aria-label",
      `Trend, ${this.range.spoken}. ${
        summary
          ? `Minimum ${any_value(summary.min, decimals)}, mean ${any_value(summary.mean, decimals)}, maximum ${any_value(summary.max, decimals)} ${unit}.`
          : "No readings."
      } Arrow keys read single points.`,
    );
    if (this.loaded && !summary && !this.over.firstChild)
      this.over.replaceChildren(
        notice("empty", "No readings in this range.", "Choose a longer range, or check the sensor's connector."),
      );
    else if (summary && this.over.querySelector(".notice-empty")) this.over.replaceChildren();
  }

  private render(): void {
    const { sensor } = this;
    const quality = quality_class(sensor.quality, sensor.quality_code);
    set_text(this.now_value, value_text(sensor));
    set_text(this.quality, quality === "good" ? "Good" : `${sentence(quality)}: ${quality_reason(sensor.quality)}`);
    set_attribute(this.quality, "data-quality", quality);
    set_time(this.received, parse_time(sensor.source_time));
  }

  private show_cursor(index: number | null): void {
    this.reading = index !== null;
    const [times, mins, maxs, means] = this.buffer.data;
    const time = index === null ? undefined : times[index];
    if (index === null || time === undefined) {
      set_time(this.readout_time, NaN);
      set_text(this.readout_time, "");
      const from = server_now() - this.range.ms;
      const alarms = this.alarms.some((alarm) => parse_time(alarm.raised) > from)
        ? " Dashed: an alarm was raised."
        : "";
      set_text(this.readout_text, `Point at the trend, or use the arrow keys, to read it. Drag to zoom.${alarms}`);
      return;
    }
    const decimals = Math.max(decimals_of(this.sensor), 1);
    const text = (value: number | null | undefined): string => any_value(value ?? null, decimals);
    set_time(this.readout_time, time * 1000, server_now());
    set_text(
      this.readout_text,
      `mean ${text(means[index])} · min ${text(mins[index])} · max ${text(maxs[index])} ${this.sensor.unit ?? ""}`,
    );
  }

  private key(event: KeyboardEvent): void {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -30, PageDown: 30 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    this.readout.setAttribute("aria-live", "polite");
    this.chart.move_cursor(step);
  }

  private choose(range: Range): void {
    this.range = range;
    this.chart.reset_zoom();
    void this.load();
  }

  private async save_csv(): Promise<void> {
    this.save.disabled = true;
    try {
      if (this.resolution() === "1s" || this.buckets.length === 0) await this.load(true);
      const from = parse_time(this.buckets[0]?.time ?? new Date(server_now() - this.range.ms).toISOString());
      save_text(csv_name(this.machine, sensor_key(this.sensor), this.resolution(), from), to_csv(this.buckets));
    } finally {
      this.save.disabled = false;
    }
  }

  private head(): HTMLElement {
    const ranges = RANGES.map((range) => {
      const input = h("input", {
        type: "radio",
        name: "range",
        value: range.label,
        checked: range.ms === this.range.ms,
        onchange: () => this.choose(range),
      });
      return h("label", { class: "segment" }, input, h("span", {}, range.label));
    });
    const active = this.alarms.filter(is_active).length;
    return h(
      "div",
      { class: "trend-head" },
      h(
        "p",
        { class: "trend-now" },
        this.now_value,
        this.sensor.unit ? h("span", { class: "unit" }, this.sensor.unit) : null,
        this.quality,
        active > 0 ? h("span", { class: "tag" }, "in alarm") : null,
      ),
      h("fieldset", { class: "segments" }, h("legend", { class: "visually-hidden" }, "Range"), ...ranges),
    );
  }

  private foot(): HTMLElement {
    const { sensor } = this;
    const pair = (label: string, value: Node | string): HTMLElement =>
      h("div", {}, h("dt", {}, label), typeof value === "string" ? h("dd", {}, value) : value);
    const range = sensor.range
      ? `${plain_number(sensor.range.low)} to ${plain_number(sensor.range.high)} ${sensor.unit ?? ""}`
      : "not given";
    return h(
      "div",
      { class: "trend-foot" },
      h(
        "dl",
        { class: "pairs pairs-strong" },
        pair("Last", this.figures.last),
        pair("Minimum", this.figures.min),
        pair("Mean", this.figures.mean),
        pair("Maximum", this.figures.max),
      ),
      h(
        "dl",
        { class: "pairs" },
        pair("Range", range),
        pair("Rate", `${plain_number(sensor.rate_hz)} Hz`),
        pair("Newest reading", h("dd", {}, this.received)),
        pair("Path", h("dd", { class: "path" }, sensor.path)),
      ),
      h("div", { class: "trend-actions" }, this.reset, this.save),
    );
  }
}
