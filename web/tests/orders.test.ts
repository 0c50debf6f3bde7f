import { describe, expect, it } from "vitest";

import { actions_of, change_words, erp_words, evidence_pairs, ORDER_STATES, place_of } from "../src/orders";
import { order_href, parse_route } from "../src/router";

describe("work orders", () => {
  it("offer what their life cycle has, and leave to the ERP what is the ERP's", () => {
    const offered = (connector: string | null): string[][] =>
      ORDER_STATES.map((state) => actions_of({ state, connector }));
    expect(offered(null)).toEqual([["approve", "reject"], ["start", "complete", "reject"], ["start", "complete"], ["complete"], [], []]);
    expect(offered("sap")[1]).toEqual(["reject"]);
  });

  it("are said in words", () => {
    expect(place_of({ machine_id: "pump-1", component: null })).toBe("pump-1");
    expect(place_of({ machine_id: "pump-1", component: "motor" })).toBe("pump-1 / motor");
    expect(erp_words({ connector: null, erp_id: null, erp_state: null })).toBe("No ERP");
    expect(erp_words({ connector: "sap", erp_id: null, erp_state: null })).toBe("For sap");
    expect(erp_words({ connector: "sap", erp_id: "10001", erp_state: "3" })).toBe("10001 in sap (3)");
    const change = { version: 2, time: "", who: "a", from: "sent", to: "in-progress", note: null } as const;
    expect(change_words(change)).toBe("In progress");
    expect(change_words({ ...change, from: "proposed", to: "proposed" })).toBe("Edited");
    expect(change_words({ ...change, version: 1, from: "proposed", to: "proposed" })).toBe("Proposed");
  });

  it("show their evidence as pairs", () => {
    expect(evidence_pairs({ failure_probability: 0.731, health: 38, slope: 0.123456, alarms: ["a", "b"], note: "x" })).toEqual([
      ["Failure probability", "73 %"],
      ["Health", "38"],
      ["Slope", "0.12"],
      ["Alarms", "a, b"],
      ["Note", "x"],
    ]);
  });

  it("have addresses", () => {
    expect(parse_route("#/work-orders")).toEqual({ view: "work-orders", id: null });
    expect(parse_route(order_href("01ABC"))).toEqual({ view: "work-orders", id: "01ABC" });
  });
});
