import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { SseParser, type ServerEvent } from "../src/sse";
import type { Link } from "../src/state";
import { backoff_ms, event_json, LiveStream, refusal } from "../src/stream";

describe("parser", () => {
  it("puts events together however they are cut", () => {
    const text =
      ': hello\r\nretry: 2000\r\n\r\nid: 7\r\nevent: alarm\r\ndata: {"a":\r\ndata: 1}\r\n\r\ndata:x\n\nevent: nothing\n\n';
    for (let size = 1; size < text.length; ++size) {
      const parser = new SseParser();
      const events: ServerEvent[] = [];
      for (let at = 0; at < text.length; at += size) events.push(...parser.push(text.slice(at, at + size)));
      expect(events).toEqual([
        { event: "alarm", data: '{"a":\n1}', id: "7" },
        { event: "message", data: "x", id: null },
      ]);
    }
  });

  it("survives data that is no JSON", () => {
    expect(event_json({ event: "x", data: "{", id: null })).toBeNull();
    expect(event_json<number[]>({ event: "x", data: "[1]", id: null })).toEqual([1]);
  });
});

describe("back-off", () => {
  it("doubles up to half a minute, with jitter", () => {
    expect([0, 1, 2, 3, 4, 5, 50].map((attempt) => backoff_ms(attempt, 1))).toEqual([
      1000, 2000, 4000, 8000, 16_000, 30_000, 30_000,
    ]);
    expect(backoff_ms(0, 0)).toBe(500);
  });
});

describe("live stream", () => {
  let server: Server | null = null;
  let stream: LiveStream | null = null;

  afterEach(async () => {
    stream?.stop();
    server?.closeAllConnections();
    await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
    server = null;
  });

  it("says why it waits, comes back by itself and resumes after the last event", async () => {
    const asked: (string | undefined)[] = [];
    server = createServer((request, response) => {
      asked.push(request.headers["last-event-id"] as string | undefined);
      if (asked.length === 1) {
        response.writeHead(503).end();
        return;
      }
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      response.write(`id: ${asked.length * 10}\nevent: alarm\ndata: {}\n\n`);
      if (asked.length === 2) response.end();
    });
    await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
    const port = (server.address() as AddressInfo).port;
    const links: Link[] = [];
    let last: string | null = null;
    await new Promise<void>((resolve) => {
      stream = new LiveStream({
        url: () => `http://127.0.0.1:${port}/`,
        last_event_id: () => last,
        on_event: (event) => {
          last = event.id;
          if (event.id === "30") resolve();
        },
        on_link: (link) => links.push(link),
      });
      stream.start();
    });
    expect(asked).toEqual([undefined, undefined, "20"]);
    expect(links.map((link) => (link.kind === "waiting" ? link.reason : link.kind))).toEqual([
      "connecting",
      refusal(503),
      "connecting",
      "live",
      "the server closed the connection",
      "connecting",
      "live",
    ]);
  }, 20_000);
});
