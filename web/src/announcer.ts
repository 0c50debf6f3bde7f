// Says new alarms to a screen reader: gathered for a moment, so that a flood is one sentence.

import { announcement, rank } from "./alarms";
import { by_id } from "./dom";
import type { Alarm } from "./types";

const GATHER_MS = 1500;

export class Announcer {
  private fresh: Alarm[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;

  alarm(alarm: Alarm): void {
    this.fresh.push(alarm);
    this.timer ??= setTimeout(() => this.flush(), GATHER_MS);
  }

  say(text: string): void {
    by_id("announce-polite").textContent = text;
  }

  private flush(): void {
    this.timer = undefined;
    const text = announcement(this.fresh);
    const urgent = this.fresh.some((alarm) => rank(alarm.priority) <= rank("high"));
    this.fresh = [];
    if (text !== null) by_id(urgent ? "announce-urgent" : "announce-polite").textContent = text;
  }
}
