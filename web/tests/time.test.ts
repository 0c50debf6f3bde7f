import { afterEach, describe, expect, it } from "vitest";
import { duration, local_time, parse_time, server_now, set_server_time, utc_text } from "../src/time";

afterEach(() => set_server_time(Date.now()));

describe("times", () => {
  it("reads more digits than milliseconds", () => {
    expect(parse_time("2026-11-21T08:15:30.250123456Z")).toBe(Date.UTC(2026, 10, 21, 8, 15, 30, 250));
    expect(parse_time(null)).toBeNaN();
  });

  it("says UTC for the tooltip", () => {
    expect(utc_text(Date.UTC(2026, 10, 21, 8, 15, 30, 250))).toBe("2026-11-21 08:15:30.250 UTC");
    expect(utc_text(NaN)).toBe("");
  });

  it("leaves the day out today, and the year this year", () => {
    const now = new Date(2026, 10, 21, 12).getTime();
    expect(local_time(new Date(2026, 10, 21, 8, 5, 9).getTime(), now)).toBe("08:05:09");
    expect(local_time(new Date(2026, 10, 20, 8, 5, 9).getTime(), now)).toMatch(/20.*08:05:09/);
    expect(local_time(new Date(2026, 10, 20, 8, 5, 9).getTime(), now)).not.toContain("2026");
    expect(local_time(new Date(2025, 10, 20, 8, 5, 9).getTime(), now)).toContain("2025");
    expect(local_time(NaN, now)).toBe("–");
  });

  it("says durations in two units at the most", () => {
    expect(duration(-5)).toBe("0 s");
    expect(duration(59_400)).toBe("59 s");
    expect(duration(60_000)).toBe("1 min");
    expect(duration(2 * 3_600_000 + 5 * 60_000)).toBe("2 h 5 min");
    expect(duration(26 * 3_600_000)).toBe("1 d 2 h");
    expect(duration(9.5 * 86_400_000)).toBe("9 d");
  });

  it("follows the server's clock where the screen's is wrong, not the stream's delay", () => {
    set_server_time(Date.now() + 3_600_000);
    expect(server_now() - Date.now()).toBeGreaterThan(3_500_000);
    set_server_time(Date.now() - 300);
    expect(Math.abs(server_now() - Date.now())).toBeLessThan(250);
  });
});
