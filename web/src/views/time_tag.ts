import { h, set_attribute, set_text } from "../dom";
import { local_time, utc_text } from "../time";

/** A time in the viewer's zone, with UTC in its tooltip. */
export function time_tag(ms: number, now?: number): HTMLTimeElement {
  const tag = h("time");
  set_time(tag, ms, now);
  return tag;
}

export function set_time(tag: HTMLTimeElement, ms: number, now?: number): void {
  set_text(tag, local_time(ms, now));
  set_attribute(tag, "datetime", Number.isFinite(ms) ? new Date(ms).toISOString() : null);
  set_attribute(tag, "title", utc_text(ms) || null);
}
