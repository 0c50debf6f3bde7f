// The form in which people say why a machine stood.

import { explain_downtime } from "../api";
import { h } from "../dom";
import { words } from "../format";
import { reason_rows } from "../oee";
import type { DowntimeEvent, Reason } from "../types";
import { ask_plain } from "./form";

const INDENT = "\u2003"; // an option cannot be indented by style

export function ask_reason(event: DowntimeEvent, reasons: readonly Reason[], on_done: () => void): void {
  const reason = h(
    "select",
    { id: "form-reason", name: "reason" },
    h("option", { value: "" }, `As the machine says: ${words(event.activity)}`),
    ...reason_rows(reasons).map(({ reason: one, depth }) =>
      h("option", { value: one.code, selected: one.code === event.reason }, INDENT.repeat(depth) + one.name),
    ),
  );
  const comment = h("textarea", { id: "form-comment", name: "comment", rows: 3, maxlength: 500 });
  comment.value = event.comment;
  ask_plain({
    title: `Why did ${event.machine} stand?`,
    submit: "Save",
    failed: "Not saved.",
    content: [
      h("label", { for: "form-reason" }, "Reason"),
      reason,
      h("label", { for: "form-comment" }, "Comment"),
      comment,
    ],
    send: () => explain_downtime(event, reason.value, comment.value.trim()),
    on_done,
  });
}
