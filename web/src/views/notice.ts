// What stands where there is nothing to show: loading, empty, failed. Always with what to do next.

import { h } from "../dom";

export interface NoticeAction {
  label: string;
  run: () => void;
}

export function notice(
  kind: "loading" | "empty" | "failed",
  title: string,
  help = "",
  action?: NoticeAction,
): HTMLElement {
  return h(
    "div",
    { class: `notice notice-${kind}`, role: kind === "failed" ? "alert" : null },
    h("p", { class: "notice-title" }, title),
    help !== "" && h("p", { class: "notice-help" }, help),
    action ? h("button", { type: "button", class: "button", onclick: action.run }, action.label) : null,
  );
}
