// Times: from the server in UTC, shown in the viewer's zone, UTC at hand in a tooltip. Pure but for the server offset,
// which is told by the stream.

const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const day_year = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });

/** Milliseconds since 1970, or NaN. RFC 3339 may carry more digits than Date reads portably. */
export function parse_time(text: string | null | undefined): number {
  if (!text) return NaN;
  return Date.parse(text.replace(/(\.\d{3})\d+/, "$1"));
}

export function same_day(a: Date, b: Date): boolean {
  return a.getFullYear() === b.getFullYear() && a.getMonth() === b.getMonth() && a.getDate() === b.getDate();
}

/** "10:15:30" today, "20 Nov 10:15:30" this year, with the year before that. */
export function local_time(ms: number, now: number = Date.now()): string {
  if (!Number.isFinite(ms)) return "–";
  const date = new Date(ms);
  const today = new Date(now);
  if (same_day(date, today)) return clock.format(date);
  return `${(date.getFullYear() === today.getFullYear() ? day : day_year).format(date)} ${clock.format(date)}`;
}

const clock_minutes = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** For an axis with a tick each `step_s`: "10:15", "10:15:30", at midnight the day. */
export function axis_time(ms: number, step_s: number): string {
  const date = new Date(ms);
  if (step_s < 60) return clock.format(date);
  return date.getHours() === 0 && date.getMinutes() === 0 ? day.format(date) : clock_minutes.format(date);
}

/** "2026-11-21 08:15:30.250 UTC" */
export function utc_text(ms: number): string {
  if (!Number.isFinite(ms)) return "";
  return `${new Date(ms).toISOString().replace("T", " ").replace("Z", "")} UTC`;
}

/** "4 s", "3 min", "2 h 5 min", "3 d" */
export function duration(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  const min = Math.floor(s / 60);
  if (min < 60) return `${min} min`;
  const h = Math.floor(min / 60);
  if (h < 24) return min % 60 === 0 ? `${h} h` : `${h} h ${min % 60} min`;
  const d = Math.floor(h / 24);
  return h % 24 === 0 || d > 6 ? `${d} d` : `${d} d ${h % 24} h`;
}

export function zone_name(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "local time";
}

let offset_ms = 0;

/** The stream tells what time it is at the server; a screen's own clock may be wrong. */
export function set_server_time(ms: number, received = Date.now()): void {
  if (Number.isFinite(ms)) offset_ms = ms - received;
}

export function server_now(): number {
  // Under two seconds it is the stream's own delay, no wrong clock.
  return Date.now() + (Math.abs(offset_ms) > 2000 ? offset_ms : 0);
}
