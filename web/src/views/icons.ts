// Marks that do not rely on colour: each priority has its own shape and digit, each state its own glyph.

import { svg } from "../dom";
import type { Priority, RunState } from "../types";

const SHAPE: Record<Priority, [string, string]> = {
  critical: ["M2 2h16v16H2z", "1"],
  high: ["M10 1 19.5 18.5H.5z", "2"],
  medium: ["M10 .5 19.5 10 10 19.5.5 10z", "3"],
  low: ["M10 1.5a8.5 8.5 0 1 0 .01 0z", "4"],
};

/** Decorative: the text beside it, or the label around it, must say the priority. */
export function priority_mark(priority: Priority): SVGElement {
  const [path, digit] = SHAPE[priority];
  return svg(
    "svg",
    { viewBox: "0 0 20 20", class: `mark mark-${priority}`, "aria-hidden": "true" },
    svg("path", { d: path }),
    svg("text", { x: 10, y: priority === "high" ? 16 : 14, "text-anchor": "middle" }, digit),
  );
}

const GLYPH: Record<RunState, string> = {
  running: "M5 3.5v9l7.5-4.5z",
  idle: "M4.5 3.5h2.6v9H4.5zM8.9 3.5h2.6v9H8.9z",
  down: "M3.5 3.5h9v9h-9z",
  unknown: "M6 6.2a2 2 0 1 1 2.8 1.9c-.5.2-.8.6-.8 1.2v.3M8 11.9v.1",
};

export function state_glyph(state: RunState): SVGElement {
  return svg(
    "svg",
    { viewBox: "0 0 16 16", class: `glyph glyph-${state}`, "aria-hidden": "true" },
    svg("path", { d: GLYPH[state] }),
  );
}

export function logo(): SVGElement {
  return svg(
    "svg",
    { viewBox: "0 0 32 32", class: "logo", "aria-hidden": "true" },
    svg("rect", { width: 32, height: 32, rx: 7 }),
    svg("path", { d: "M6 23V9l10 9 10-9v14" }),
  );
}
