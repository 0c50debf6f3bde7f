// One sensor of a machine: value, where that is in its range, quality, and its last quarter of an hour.

import { rank } from "../alarms";
import { get_history } from "../api";
import { h, set_attribute, set_text } from "../dom";
import {
  any_value,
  decimals_of,
  in_range,
  out_of_range,
  plain_number,
  quality_class,
  quality_reason,
  sentence,
  value_text,
  words,
} from "../format";
import { machine_href } from "../router";
import { duration, parse_time, server_now } from "../time";
import { TrendBuffer, to_point, y_limits, type Summary } from "../trend/buffer";
import { SmallChart } from "../trend/chart";
import type { WorkQueue } from "../trend/queue";
import { has_trend, is_stepped, live_point, sensor_key, stale_after_ms } from "../twin";
import type { Alarm, Sensor, SensorUpdate } from "../types";
import { priority_mark } from "./icons";

const WINDOW_S = 15 * 60;

export class SensorRow {
  readonly element: HTMLLIElement;
  readonly buffer = new TrendBuffer(1);
  private readonly value = h("span", { class: "num" });
  private readonly mark = h("span", { class: "sensor-mark" });
  private readonly quality = h("span", { class: "tag tag-quality" });
  private readonly age = h("span", { class: "tag tag-age" });
  private readonly range_box = h("div", { class: "range" });
  private readonly needle = h("span", { class: "range-needle" });
  private readonly plot = h("div", { class: "plot", role: "img", "aria-label": "Last 15 minutes: loading" });
  private readonly high = h("span");
  private readonly low = h("span");
  private readonly chart: SmallChart | null;
  private visible = false;
  private advanced_at: number;
  private time: string | null;

  private history: "none" | "asked" | "there" = "none";

  constructor(
    private sensor: Sensor,
    private readonly machine: string,
    private readonly queue: WorkQueue,
    private readonly signal: AbortSignal,
  ) {
    this.time = sensor.source_time;
    const received = parse_time(sensor.received ?? sensor.source_time);
    this.advanced_at = Number.isFinite(received) ? received : -Infinity;
    const trend = has_trend(sensor);
    this.chart = trend ? new SmallChart(this.plot, is_stepped(sensor)) : null;
    const href = machine_href(machine, sensor_key(sensor));
    this.build_range();
    this.element = h(
      "li",
      { class: "sensor", "data-path": sensor.path },
      h(
        "div",
        { class: "sensor-name" },
        h(
          "span",
          { class: "sensor-title" },
          trend ? h("a", { href }, words(sensor.name)) : words(sensor.name),
          this.mark,
        ),
        h("span", { class: "sensor-description" }, sensor.description),
        h("span", { class: "tags" }, this.quality, this.age),
      ),
      h("div", { class: "sensor-value" }, this.value, sensor.unit ? h("span", { class: "unit" }, sensor.unit) : null),
      this.range_box,
      trend
        ? h(
            "div",
            { class: "sensor-trend", onclick: () => (location.hash = href) },
            this.plot,
            h("div", { class: "plot-scale", "aria-hidden": "true" }, this.high, this.low),
          )
        : h("div", { class: "sensor-trend" }),
    );
    this.render();
    this.tick();
  }

  get current(): Sensor {
    return this.sensor;
  }

  get trend(): boolean {
    return this.chart !== null;
  }

  set_visible(visible: boolean): void {
    this.visible = visible;
    if (!visible) return;
    if (this.history === "none") this.load();
    this.draw();
  }

  /** After an interruption: what was missed is in the history. */
  reload(): void {
    this.history = "none";
    if (this.visible) this.load();
  }

  /** Fetches what the trend shows, once it is looked at; live points that came meanwhile stay. */
  private load(): void {
    if (!this.chart) return;
    this.history = "asked";
    this.queue.add(async () => {
      if (this.signal.aborted) return;
      try {
        const to_ms = server_now();
        const buckets = await get_history(
          {
            machine: this.machine,
            sensor: sensor_key(this.sensor),
            from_ms: to_ms - WINDOW_S * 1000,
            to_ms,
            resolution: "1s",
          },
          this.signal,
        );
        this.buffer.load(buckets.map(to_point));
      } finally {
        this.history = "there";
      }
      this.draw();
    });
  }

  update(sensor: Sensor, update: SensorUpdate): void {
    this.sensor = sensor;
    if (update.time !== this.time) {
      this.time = update.time;
      this.advanced_at = server_now();
    }
    this.buffer.push(live_point(update));
    this.render();
    this.draw();
  }

  set_alarms(alarms: readonly Alarm[]): void {
    const worst = [...alarms].sort((a, b) => rank(a.priority) - rank(b.priority))[0];
    if (!worst) return this.mark.replaceChildren();
    this.mark.replaceChildren(
      priority_mark(worst.priority),
      h("span", { class: "visually-hidden" }, `${worst.priority} alarm`),
    );
  }

  /** Once a second: moves the window on, and tells where a sensor has fallen silent. */
  tick(): void {
    const silent = server_now() - this.advanced_at;
    const stale = silent > stale_after_ms(this.sensor.rate_hz);
    set_attribute(this.element, "data-stale", stale);
    set_text(this.age, !stale ? "" : Number.isFinite(silent) ? `no reading for ${duration(silent)}` : "no reading yet");
    set_attribute(this.age, "hidden", !stale);
    if (stale) this.draw();
  }

  draw(): void {
    if (!this.chart || !this.visible) return;
    const now = server_now() / 1000;
    this.buffer.trim(now - WINDOW_S - 60);
    const summary = this.buffer.summary(now - WINDOW_S);
    const limits: [number, number] = y_limits(summary, this.span_min());
    this.chart.draw(this.buffer.data, [now - WINDOW_S, now], limits);
    this.label(summary);
  }

  redraw(): void {
    this.chart?.redraw();
  }

  destroy(): void {
    this.chart?.destroy();
  }

  private span_min(): number {
    const { range } = this.sensor;
    if (is_stepped(this.sensor)) return 1;
    return range ? (range.high - range.low) * 0.01 : 0;
  }

  private label(summary: Summary | null): void {
    const decimals = decimals_of(this.sensor);
    if (!is_stepped(this.sensor)) {
      set_text(this.high, summary ? any_value(summary.max, decimals) : "");
      set_text(this.low, summary ? any_value(summary.min, decimals) : "");
    }
    const unit = this.sensor.unit ?? "";
    set_attribute(
      this.plot,
      "aria-label",
      summary
        ? `Last 15 minutes: ${any_value(summary.min, decimals)} to ${any_value(summary.max, decimals)} ${unit}, mean ${any_value(summary.mean, decimals)}`
        : "Last 15 minutes: no readings",
    );
    set_attribute(this.plot, "data-empty", summary === null && this.history === "there");
  }

  private build_range(): void {
    const { range } = this.sensor;
    if (!range || !(range.high > range.low)) {
      this.range_box.classList.add("range-none");
      return;
    }
    this.range_box.title = `Range ${plain_number(range.low)} to ${plain_number(range.high)} ${this.sensor.unit ?? ""}`;
    this.range_box.append(
      h("div", { class: "range-bar", "aria-hidden": "true" }, this.needle),
      h(
        "div",
        { class: "range-ends" },
        h("span", {}, plain_number(range.low)),
        h("span", {}, plain_number(range.high)),
      ),
    );
  }

  private render(): void {
    const { sensor } = this;
    const quality = quality_class(sensor.quality, sensor.quality_code);
    set_text(this.value, value_text(sensor));
    set_attribute(this.value, "data-words", typeof sensor.value === "string" || sensor.state_name !== undefined);
    set_attribute(this.element, "data-quality", quality);
    set_text(this.quality, quality === "good" ? "" : `${sentence(quality)}: ${quality_reason(sensor.quality)}`);
    set_attribute(this.quality, "hidden", quality === "good");
    const at = in_range(sensor.value, sensor.range);
    this.needle.hidden = at === null;
    if (at !== null) this.needle.style.left = `${(at * 100).toFixed(1)}%`;
    set_attribute(this.range_box, "data-out", out_of_range(sensor.value, sensor.range));
  }
}
