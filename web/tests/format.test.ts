import { describe, expect, it } from "vitest";
import {
  any_value,
  bytes,
  decimals_for,
  decimals_of,
  fixed,
  in_range,
  judged_text,
  out_of_range,
  plural,
  quality_class,
  quality_reason,
  rate,
  sentence,
  value_text,
} from "../src/format";

const decimal = fixed(1.5, 1).charAt(1);
const point = (text: string): string => text.replace(".", decimal);

describe("numbers", () => {
  it("keeps the decimals of a sensor by its range, not by its value", () => {
    expect(decimals_for(1000)).toBe(0);
    expect(decimals_for(155)).toBe(1);
    expect(decimals_for(60)).toBe(2);
    expect(decimals_for(0)).toBe(2);
    expect(decimals_of({ type: "float64", range: { low: 0, high: 11 }, value: 1234 })).toBe(2);
    expect(decimals_of({ type: "int64", range: { low: 0, high: 1 }, value: 1 })).toBe(0);
  });

  it("never prints a negative zero", () => {
    expect(fixed(-0.001, 2)).toBe(point("0.00"));
  });

  it("scales rates and sizes without printing 1,000", () => {
    expect(rate(999_999)).toBe(point("1.00 M"));
    expect(rate(10_023_456)).toBe(point("10.0 M"));
    expect(rate(0)).toBe("0");
    expect(rate(12)).toBe("12");
    expect(rate(null)).toBe("–");
    expect(bytes(999_999)).toBe(point("1.00 MB"));
    expect(bytes(512)).toBe("512 B");
  });

  it("prints what was judged and its limit alike", () => {
    expect(judged_text(3.94, 3.1)).toBe(point("3.94 vs 3.10"));
    expect(judged_text(58.21, 55)).toBe(point("58.2 vs 55.0"));
    expect(judged_text(2.5, null)).toBe(point("2.50"));
    expect(judged_text(null, 3)).toBe("");
  });
});

describe("values", () => {
  it("prints every kind of value", () => {
    expect(any_value(null, 1)).toBe("–");
    expect(any_value(NaN, 1)).toBe("–");
    expect(any_value(true, 0)).toBe("on");
    expect(any_value("ready", 0)).toBe("ready");
    expect(any_value(2.5e12, 2)).toBe("2.500e+12");
    expect(value_text({ type: "state", range: null, value: 2, state_name: "idle" })).toBe("idle");
    expect(value_text({ type: "state", range: null, value: 2 })).toBe("2");
  });

  it("places a value in its range", () => {
    const range = { low: 10, high: 20 };
    expect(in_range(15, range)).toBe(0.5);
    expect(in_range(99, range)).toBe(1);
    expect(in_range(null, range)).toBeNull();
    expect(in_range(1, { low: 5, high: 5 })).toBeNull();
    expect(out_of_range(20.1, range)).toBe(true);
    expect(out_of_range(20, range)).toBe(false);
  });
});

describe("quality", () => {
  it("reads the class from the code where there is one, else from the name", () => {
    expect(quality_class("whatever", 0x80310000)).toBe("bad");
    expect(quality_class("whatever", 0x40940000)).toBe("uncertain");
    expect(quality_class("Good")).toBe("good");
    expect(quality_class("BadNoCommunication")).toBe("bad");
    expect(quality_class("UncertainLastUsableValue")).toBe("uncertain");
  });

  it("says the reason in words", () => {
    expect(quality_reason("BadNoCommunication")).toBe("no communication");
    expect(quality_reason("Bad")).toBe("bad");
    expect(sentence("backing-off")).toBe("Backing off");
    expect(plural(1, "machine")).toBe("1 machine");
    expect(plural(2, "machine")).toBe("2 machines");
  });
});
