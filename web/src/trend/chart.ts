// The two pictures of a trend, both over uPlot: a small one for each sensor, a large one with axes, cursor and zoom.
// The band is min to max, the line is the mean. Colours come from the style sheet, so that they follow the scheme.

import uPlot from "uplot";
import { fixed } from "../format";
import { axis_time } from "../time";
import type { TrendData } from "./buffer";

type Limits = [number, number];

export function css_colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Decimals that tell ticks `step` apart. */
export function step_decimals(step: number): number {
  return step > 0 ? Math.min(9, Math.max(0, -Math.floor(Math.log10(step) + 1e-9))) : 0;
}

const FONT = '12px "Inter Variable", system-ui, sans-serif';

function series(stepped: boolean, width: number): uPlot.Series[] {
  const paths = stepped ? uPlot.paths.stepped?.({ align: 1 }) : undefined;
  const edge: uPlot.Series = { show: true, stroke: "transparent", width: 0, points: { show: false } };
  const mean: uPlot.Series = { stroke: () => css_colour("--trend-line"), width, points: { show: false } };
  if (paths) {
    edge.paths = paths;
    mean.paths = paths;
  }
  return [{}, { ...edge }, { ...edge }, mean];
}

// Series 1 is min, 2 is max.
const bands: uPlot.Band[] = [{ series: [2, 1], fill: () => css_colour("--trend-band") }];

abstract class Chart {
  protected plot: uPlot | null = null;
  private readonly sizes: ResizeObserver;

  constructor(protected readonly root: HTMLElement) {
    this.sizes = new ResizeObserver(() => {
      const width = root.clientWidth;
      const height = root.clientHeight;
      if (width > 0 && height > 0 && this.plot && (this.plot.width !== width || this.plot.height !== height))
        this.plot.setSize({ width, height });
    });
    this.sizes.observe(root);
  }

  destroy(): void {
    this.sizes.disconnect();
    this.plot?.destroy();
    this.plot = null;
  }

  redraw(): void {
    this.plot?.redraw(false);
  }
}

export class SmallChart extends Chart {
  private x: Limits = [0, 1];
  private y: Limits = [0, 1];

  constructor(
    root: HTMLElement,
    private readonly stepped: boolean,
  ) {
    super(root);
  }

  draw(data: TrendData, x: Limits, y: Limits): void {
    this.x = x;
    this.y = y;
    if (this.plot) {
      this.plot.setData(data, true);
      return;
    }
    const { clientWidth: width, clientHeight: height } = this.root;
    if (width === 0 || height === 0) return;
    this.plot = new uPlot(
      {
        width,
        height,
        padding: [2, 0, 2, 0],
        cursor: { show: false },
        legend: { show: false },
        axes: [{ show: false }, { show: false }],
        scales: { x: { time: true, range: () => this.x }, y: { range: () => this.y } },
        series: series(this.stepped, 1.25),
        bands,
      },
      data,
      this.root,
    );
  }
}

export interface LargeChartOptions {
  stepped: boolean;
  /** The point under the cursor, null where the cursor is elsewhere. */
  on_cursor: (index: number | null) => void;
  on_zoom: (zoomed: boolean) => void;
}

export class LargeChart extends Chart {
  private x: Limits = [0, 1];
  private y: Limits = [0, 1];
  private marks: readonly number[] = [];
  private zoomed = false;

  constructor(
    root: HTMLElement,
    private readonly options: LargeChartOptions,
  ) {
    super(root);
  }

  /** `marks`: times in seconds at which an alarm was raised. */
  draw(data: TrendData, x: Limits, y: Limits, marks: readonly number[]): void {
    this.x = x;
    this.y = y;
    this.marks = marks;
    if (!this.plot) this.create(data);
    else this.plot.setData(data, !this.zoomed);
    if (this.zoomed) this.plot?.redraw(false);
  }

  reset_zoom(): void {
    this.zoomed = false;
    this.options.on_zoom(false);
    const plot = this.plot;
    if (plot) plot.setData(plot.data, true);
  }

  /** Moves the cursor by points, for the keyboard. */
  move_cursor(step: number): void {
    const plot = this.plot;
    const times = plot?.data[0];
    if (!plot || !times || times.length === 0) return;
    const at = plot.cursor.idx;
    const index = Math.min(
      times.length - 1,
      Math.max(0, at === null || at === undefined ? times.length - 1 : at + step),
    );
    const time = times[index];
    if (time === undefined) return;
    plot.setCursor({ left: plot.valToPos(time, "x"), top: 10 });
  }

  hide_cursor(): void {
    this.plot?.setCursor({ left: -10, top: -10 });
  }

  private create(data: TrendData): void {
    const { clientWidth: width, clientHeight: height } = this.root;
    if (width === 0 || height === 0) return;
    const axis: uPlot.Axis = {
      font: FONT,
      stroke: () => css_colour("--text-2"),
      grid: { stroke: () => css_colour("--trend-grid"), width: 1 },
      ticks: { show: false },
    };
    const plot = new uPlot(
      {
        width,
        height,
        padding: [8, 12, 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { x: true, y: false }, points: { size: 7 } },
        scales: {
          // After a drag uPlot asks with the chosen limits, else with those of the data.
          x: { time: true, range: (_, low, high) => (this.zoomed ? [low, high] : this.x) },
          y: { range: () => this.y },
        },
        axes: [
          {
            ...axis,
            space: 76,
            size: 30,
            values: (_, splits, _axis, _space, step) => splits.map((split) => axis_time(split * 1000, step)),
          },
          {
            ...axis,
            size: 56,
            values: (_, splits, _axis, _space, step) => splits.map((split) => fixed(split, step_decimals(step))),
          },
        ],
        series: series(this.options.stepped, 1.5),
        bands,
        hooks: {
          setCursor: [
            (chart) => this.options.on_cursor((chart.cursor.left ?? -1) < 0 ? null : (chart.cursor.idx ?? null)),
          ],
          setSelect: [
            () => {
              this.zoomed = true;
              this.options.on_zoom(true);
            },
          ],
          draw: [(chart) => this.draw_marks(chart)],
        },
      },
      data,
      this.root,
    );
    plot.over.addEventListener("dblclick", () => this.reset_zoom());
    this.plot = plot;
  }

  private draw_marks(chart: uPlot): void {
    const { ctx, bbox } = chart;
    ctx.save();
    ctx.strokeStyle = css_colour("--trend-mark");
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
    for (const mark of this.marks) {
      const x = chart.valToPos(mark, "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  }
}
