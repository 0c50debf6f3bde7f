// The form in which people say why a machine stood.

import { ApiError, explain_downtime } from "../api";
import { h, set_attribute, set_text } from "../dom";
import { words } from "../format";
import { reason_rows } from "../oee";
import type { DowntimeEvent, Reason } from "../types";
import { Dialog } from "./dialog";

const INDENT = "\u2003"; // an option cannot be indented by style

export function ask_reason(event: DowntimeEvent, reasons: readonly Reason[], on_done: () => void): void {
  const dialog = new Dialog("dialog-form", `Why did ${event.machine} stand?`);
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
  const failure = h("p", { class: "form-error", role: "alert" });
  const submit = h("button", { type: "submit", class: "button button-strong" }, "Save");
  const send = async (): Promise<void> => {
    set_attribute(submit, "disabled", true);
    try {
      await explain_downtime(event, reason.value, comment.value.trim());
      dialog.close();
      on_done();
    } catch (error) {
      set_text(failure, `Not saved. ${error instanceof ApiError ? error.message : "Try again."}`);
    } finally {
      set_attribute(submit, "disabled", null);
    }
  };
  dialog.open(
    h(
      "form",
      {
        onsubmit: (submitted) => {
          submitted.preventDefault();
          void send();
        },
      },
      h("label", { for: "form-reason" }, "Reason"),
      reason,
      h("label", { for: "form-comment" }, "Comment"),
      comment,
      failure,
      h("div", { class: "form-actions" }, submit),
    ),
  );
  reason.focus();
}
