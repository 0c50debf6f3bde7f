// Work orders: a list by state, and one with its evidence, its history and what may be done to it.

import * as api from "../api";
import { h, set_attribute, type Child } from "../dom";
import { plural, sentence } from "../format";
import { ACTION_WORDS, actions_of, change_words, erp_words, evidence_pairs, ORDER_STATES, place_of } from "../orders";
import { machine_href, order_href } from "../router";
import { parse_time } from "../time";
import type { OrderDelivery, OrderState, WholeOrder, WorkOrder } from "../types";
import { ask, error_text } from "./form";
import { notice } from "./notice";
import { time_tag } from "./time_tag";

const REFRESH_MS = 5000;
const state_words = sentence;

export class WorkOrdersView {
  readonly element: HTMLElement;
  private readonly list = h("div", { class: "orders-list" });
  private readonly detail = h("section", { class: "order-detail", "aria-label": "Work order", "aria-live": "polite" });
  private readonly chips = new Map<OrderState | "", HTMLButtonElement>();
  private readonly timer: ReturnType<typeof setInterval>;
  private readonly stop = new AbortController();
  private state: OrderState | "" = "";
  private id: string | null = null;
  private orders: WorkOrder[] = [];
  private next: string | null = null;
  private shown_list = "";
  private shown_order = "";

  constructor(private readonly say: (words: string) => void) {
    for (const state of ["", ...ORDER_STATES] as const)
      this.chips.set(
        state,
        h(
          "button",
          { type: "button", class: "chip", onclick: () => this.choose(state) },
          state === "" ? "All" : state_words(state),
        ),
      );
    this.element = h(
      "article",
      { class: "orders" },
      h(
        "div",
        { class: "orders-head" },
        h("h1", {}, "Work orders"),
        h("div", { class: "chips", role: "group", "aria-label": "State" }, ...this.chips.values()),
      ),
      h("div", { class: "orders-body" }, this.list, this.detail),
    );
    this.list.append(notice("loading", "Loading…"));
    this.timer = setInterval(() => void this.refresh(), REFRESH_MS);
    this.choose("");
  }

  destroy(): void {
    clearInterval(this.timer);
    this.stop.abort();
  }

  show(id: string | null): void {
    this.id = id;
    set_attribute(this.element, "data-open", id !== null);
    this.shown_order = "";
    if (id === null) this.detail.replaceChildren(notice("empty", "Choose a work order to see why it was raised."));
    else void this.load_order();
    this.mark();
  }

  private choose(state: OrderState | ""): void {
    this.state = state;
    this.shown_list = "";
    for (const [key, chip] of this.chips) set_attribute(chip, "aria-pressed", String(key === state));
    void this.load_list();
  }

  private async refresh(): Promise<void> {
    await Promise.all([this.load_list(), this.load_order()]);
  }

  private async load_list(): Promise<void> {
    const { state } = this;
    try {
      const page = await api.get_orders(state === "" ? undefined : state, undefined, this.stop.signal);
      if (state !== this.state) return;
      this.orders = page.items;
      this.next = page.next_cursor;
      this.render_list();
    } catch (error) {
      if (this.stop.signal.aborted || state !== this.state) return;
      this.shown_list = "";
      this.list.replaceChildren(
        notice("failed", "The work orders could not be loaded.", error_text(error), {
          label: "Try again",
          run: () => void this.load_list(),
        }),
      );
    }
  }

  private async load_more(): Promise<void> {
    if (this.next === null) return;
    const page = await api.get_orders(this.state === "" ? undefined : this.state, this.next, this.stop.signal);
    this.orders = [...this.orders, ...page.items];
    this.next = page.next_cursor;
    this.render_list();
  }

  private render_list(): void {
    const content = JSON.stringify([this.orders, this.next]);
    if (content === this.shown_list) return;
    this.shown_list = content;
    if (this.orders.length === 0) {
      this.list.replaceChildren(
        notice("empty", "No work order here.", "Rules raise them when a failure is likely; people may, too."),
      );
      return;
    }
    this.list.replaceChildren(
      h("ul", { "aria-label": plural(this.orders.length, "work order") }, ...this.orders.map((order) => row_of(order))),
      ...(this.next === null
        ? []
        : [h("button", { type: "button", class: "button", onclick: () => void this.load_more() }, "Show more")]),
    );
    this.mark();
  }

  private mark(): void {
    for (const link of this.list.querySelectorAll("a"))
      set_attribute(link, "aria-current", link.dataset["id"] === this.id ? "true" : null);
  }

  private async load_order(): Promise<void> {
    const { id } = this;
    if (id === null) return;
    try {
      const order = await api.get_order(id, this.stop.signal);
      const content = JSON.stringify(order);
      if (id !== this.id || content === this.shown_order) return;
      this.shown_order = content;
      this.detail.replaceChildren(...this.view_of(order));
    } catch (error) {
      if (this.stop.signal.aborted || id !== this.id) return;
      this.shown_order = "";
      this.detail.replaceChildren(notice("failed", "The work order could not be loaded.", error_text(error)));
    }
  }

  private view_of(order: WholeOrder): HTMLElement[] {
    return [
      h("a", { class: "order-back", href: "#/work-orders" }, "← All work orders"),
      h("h2", {}, order.recommended_action),
      h(
        "p",
        { class: "order-line" },
        badge(order.state),
        h("span", { class: "order-priority", "data-priority": order.priority }, sentence(order.priority)),
        h("a", { href: machine_href(order.machine_id) }, place_of(order)),
      ),
      h("div", { class: "order-actions" }, ...actions_of(order).map((action) => this.button(order, action))),
      pairs("What is known", [
        ["Cause", order.cause ?? "–"],
        ["Failure expected", when(order.predicted_failure_date)],
        ["Lead time", plural(Math.round(order.lead_time_days), "day")],
        ["Raised by", order.source === "rule" ? "a rule" : order.created_by],
        ["ERP", erp_words(order)],
      ]),
      pairs("Evidence", evidence_pairs(order.evidence)),
      ...(order.state === "done" ? [findings(order)] : []),
      this.deliveries(order),
      history(order),
    ];
  }

  private button(order: WorkOrder, action: api.OrderAction): HTMLElement {
    const strong = action === "approve" || action === "complete" ? " button-strong" : "";
    return h(
      "button",
      { type: "button", class: `button${strong}`, onclick: () => this.act(order, action) },
      ACTION_WORDS[action],
    );
  }

  private act(order: WorkOrder, action: api.OrderAction): void {
    const found = h("textarea", { id: "form-findings", rows: 3, maxlength: 2000 });
    const parts = h("input", { id: "form-parts", maxlength: 1000, placeholder: "6205-2Z, grease" });
    const downtime = h("input", { id: "form-downtime", type: "number", min: 0, step: 1, value: 0 });
    const completing = action === "complete";
    ask({
      title: ACTION_WORDS[action],
      submit: ACTION_WORDS[action],
      failed: "Nothing was changed.",
      about: h(
        "p",
        { class: "form-alarm" },
        h("span", {}, h("strong", {}, order.recommended_action), h("small", {}, place_of(order))),
      ),
      fields: completing
        ? [
            h("label", { for: "form-findings" }, "What was found"),
            found,
            h("label", { for: "form-parts" }, "Spare parts ", h("small", {}, "(with commas between)")),
            parts,
            h("label", { for: "form-downtime" }, "Downtime in minutes"),
            downtime,
          ]
        : [],
      send: (person) =>
        api.act_on_order(
          order,
          action,
          person,
          completing
            ? {
                findings: found.value.trim(),
                spare_parts: parts.value.split(",").map((part) => part.trim()).filter((part) => part !== ""),
                downtime_min: Math.max(0, Number(downtime.value) || 0),
              }
            : {},
        ),
      on_done: (done) => {
        this.say(`${state_words(done.state)}: ${done.recommended_action}`);
        void this.refresh();
      },
    });
  }

  private deliveries(order: WholeOrder): HTMLElement {
    const row = (delivery: OrderDelivery): Child =>
      h(
        "li",
        { "data-state": delivery.state },
        h("strong", {}, `${sentence(delivery.state)}, ${plural(delivery.attempts, "attempt")}`),
        delivery.last_error === null ? "" : `: ${delivery.last_error}`,
        delivery.state === "dead" &&
          h("button", { type: "button", class: "button", onclick: () => void this.retry(delivery) }, "Send again"),
      );
    return h(
      "section",
      { hidden: order.deliveries.length === 0 },
      h("h3", {}, "Delivery"),
      h("ul", { class: "order-deliveries" }, ...order.deliveries.map(row)),
    );
  }

  private async retry(delivery: OrderDelivery): Promise<void> {
    try {
      await api.retry_delivery(delivery.id);
      this.say("It is sent again.");
    } catch (error) {
      this.say(`Not sent again. ${error_text(error)}`);
    }
    await this.refresh();
  }
}

function badge(state: OrderState): HTMLElement {
  return h("span", { class: "order-state", "data-state": state }, state_words(state));
}

function row_of(order: WorkOrder): HTMLElement {
  return h(
    "li",
    {},
    h(
      "a",
      { href: order_href(order.id), "data-id": order.id },
      h("span", { class: "order-title" }, order.recommended_action),
      h("span", { class: "order-line" }, badge(order.state), h("span", {}, place_of(order))),
      h(
        "span",
        { class: "order-line order-quiet" },
        h("span", { class: "order-priority", "data-priority": order.priority }, sentence(order.priority)),
        h("span", {}, "failure expected ", when(order.predicted_failure_date)),
      ),
    ),
  );
}

function when(date: string | null): Child {
  return date === null ? "–" : time_tag(parse_time(date));
}

function pairs(title: string, rows: [string, Child][]): HTMLElement {
  return h(
    "section",
    { hidden: rows.length === 0 },
    h("h3", {}, title),
    h("dl", { class: "pairs" }, ...rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
  );
}

function findings(order: WorkOrder): HTMLElement {
  return pairs("What was done", [
    ["Found", order.findings ?? "–"],
    ["Spare parts", order.spare_parts.join(", ") || "–"],
    ["Downtime", plural(order.downtime_min, "minute")],
  ]);
}

function history(order: WholeOrder): HTMLElement {
  return h(
    "section",
    {},
    h("h3", {}, "History"),
    h(
      "ol",
      { class: "order-history" },
      ...order.changes.map((change) =>
        h(
          "li",
          {},
          h("strong", {}, change_words(change)),
          ` by ${change.who}, `,
          time_tag(parse_time(change.time)),
          change.note === null ? "" : `: ${change.note}`,
        ),
      ),
    ),
  );
}
