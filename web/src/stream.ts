// One live stream of server-sent events: reads, watches for silence, reconnects with back-off, and always says what
// it is doing and why. Resumes after the last alarm it has seen.

import { SseParser, type ServerEvent } from "./sse";
import type { Link } from "./state";

// The server sends something each second, and a comment each 15 s at the least.
export const SILENCE_MAX_MS = 20_000;
const BACKOFF_MIN_MS = 1000;
const BACKOFF_MAX_MS = 30_000;

/** Doubles from one second to thirty; the jitter keeps a hundred screens from coming back in one moment. */
export function backoff_ms(attempt: number, random: number = Math.random()): number {
  const full = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(attempt, 10));
  return Math.round(full * (0.5 + random / 2));
}

export function refusal(status: number): string {
  if (status === 401) return "you are signed out";
  if (status === 403) return "access refused";
  if (status === 404) return "the server has no live stream";
  if (status === 429 || status === 503) return "the server is busy or starting";
  return `the server answered ${status}`;
}

export interface StreamOptions {
  url: () => string;
  last_event_id?: () => string | null;
  on_event: (event: ServerEvent) => void;
  on_link: (link: Link) => void;
  on_signed_out?: () => void;
}

export class LiveStream {
  private abort: AbortController | null = null;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private attempt = 0;
  private stopped = true;

  constructor(private readonly options: StreamOptions) {}

  start(): void {
    if (!this.stopped) return;
    this.stopped = false;
    this.attempt = 0;
    void this.run();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.retry);
    this.abort?.abort();
    this.abort = null;
  }

  /** Does not wait for the back-off to pass. */
  retry_now(): void {
    if (this.stopped || this.abort) return;
    clearTimeout(this.retry);
    void this.run();
  }

  private async run(): Promise<void> {
    this.options.on_link({ kind: "connecting" });
    const abort = new AbortController();
    this.abort = abort;
    let reason: string;
    try {
      reason = await this.read(abort);
    } catch {
      reason = abort.signal.reason === "silent" ? "no data for 20 s" : "the server cannot be reached";
    }
    // Stopped, or stopped and started again meanwhile.
    if (this.stopped || this.abort !== abort) return;
    this.abort = null;
    const wait = backoff_ms(this.attempt++);
    this.options.on_link({ kind: "waiting", reason, retry_at: Date.now() + wait });
    this.retry = setTimeout(() => void this.run(), wait);
  }

  private async read(abort: AbortController): Promise<string> {
    let watchdog = setTimeout(() => abort.abort("silent"), SILENCE_MAX_MS);
    try {
      const headers: Record<string, string> = { Accept: "text/event-stream" };
      const last = this.options.last_event_id?.();
      if (last) headers["Last-Event-ID"] = last;
      const response = await fetch(this.options.url(), { headers, signal: abort.signal, cache: "no-store" });
      if (response.status === 401) this.options.on_signed_out?.();
      if (!response.ok || !response.body) return refusal(response.status);
      this.options.on_link({ kind: "live" });
      const reader = response.body.getReader();
      const decoder = new TextDecoder();
      const parser = new SseParser();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return "the server closed the connection";
        clearTimeout(watchdog);
        watchdog = setTimeout(() => abort.abort("silent"), SILENCE_MAX_MS);
        for (const event of parser.push(decoder.decode(value, { stream: true }))) {
          this.attempt = 0;
          this.options.on_event(event);
        }
      }
    } finally {
      clearTimeout(watchdog);
    }
  }
}

/** The data of an event as JSON; null where it is none, which the stream survives. */
export function event_json<T>(event: ServerEvent): T | null {
  try {
    return JSON.parse(event.data) as T;
  } catch {
    return null;
  }
}
