// Parser of server-sent events (WHATWG HTML, 9.2.6), fed with text as it arrives. The browser's own EventSource can
// neither tell why it failed nor be given a back-off, so the stream is read with fetch.

export interface ServerEvent {
  event: string;
  data: string;
  id: string | null;
}

export class SseParser {
  private rest = "";
  private event = "";
  private data: string[] = [];
  private id: string | null = null;

  /** The complete events in what has come so far. */
  push(text: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    this.rest += text;
    // A CR at the end may be half of a CR LF.
    const held = this.rest.endsWith("\r") ? 1 : 0;
    const lines = this.rest.slice(0, this.rest.length - held).split(/\r\n|\n|\r/);
    this.rest = (lines.pop() ?? "") + this.rest.slice(this.rest.length - held);
    for (const line of lines) {
      const event = this.line(line);
      if (event) events.push(event);
    }
    return events;
  }

  private line(line: string): ServerEvent | null {
    if (line === "") return this.flush();
    if (line.startsWith(":")) return null;
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.data.push(value);
    else if (field === "event") this.event = value;
    else if (field === "id" && !value.includes("\0")) this.id = value;
    return null;
  }

  private flush(): ServerEvent | null {
    const { event, data, id } = this;
    this.event = "";
    this.data = [];
    this.id = null;
    return data.length === 0 ? null : { event: event || "message", data: data.join("\n"), id };
  }
}
