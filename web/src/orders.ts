// Work orders: what may be done to one, and how it is said. Pure.

import type { OrderAction } from "./api";
import { fixed, sentence } from "./format";
import type { OrderChange, OrderState, WorkOrder } from "./types";

export const ORDER_STATES: readonly OrderState[] = ["proposed", "approved", "sent", "in-progress", "done", "rejected"];

/** What a person may do; the ERP ends what it has. */
export function actions_of(order: Pick<WorkOrder, "state" | "connector">): OrderAction[] {
  switch (order.state) {
    case "proposed":
      return ["approve", "reject"];
    case "approved":
      return order.connector === null ? ["start", "complete", "reject"] : ["reject"];
    case "sent":
    case "in-progress":
      return order.state === "sent" ? ["start", "complete"] : ["complete"];
    default:
      return [];
  }
}

export const ACTION_WORDS: Record<OrderAction, string> = {
  approve: "Approve",
  reject: "Reject",
  start: "Start work",
  complete: "Complete",
};

export function place_of(order: Pick<WorkOrder, "machine_id" | "component">): string {
  return order.component === null ? order.machine_id : `${order.machine_id} / ${order.component}`;
}

export function erp_words(order: Pick<WorkOrder, "connector" | "erp_id" | "erp_state">): string {
  if (order.connector === null) return "No ERP";
  if (order.erp_id === null) return `For ${order.connector}`;
  return `${order.erp_id} in ${order.connector}${order.erp_state === null ? "" : ` (${order.erp_state})`}`;
}

export function change_words(change: OrderChange): string {
  if (change.from !== change.to) return sentence(change.to);
  return change.version === 1 ? "Proposed" : "Edited";
}

/** Evidence as pairs to be read: numbers short, probabilities in per cent, what is nested as JSON. */
export function evidence_pairs(evidence: Record<string, unknown>): [string, string][] {
  return Object.entries(evidence).map(([name, value]) => [sentence(name), evidence_text(name, value)]);
}

function evidence_text(name: string, value: unknown): string {
  if (typeof value === "number")
    return /probability$/.test(name) ? `${fixed(value * 100, 0)} %` : fixed(value, Number.isInteger(value) ? 0 : 2);
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value.join(", ");
  return typeof value === "string" ? value : JSON.stringify(value);
}
