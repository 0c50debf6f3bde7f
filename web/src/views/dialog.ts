// A modal dialog: the browser's own, so that focus, Escape and the screen reader behave as they should.

import { h, type Child } from "../dom";

let dialogs = 0;

export class Dialog {
  readonly element: HTMLDialogElement;
  readonly body: HTMLElement;
  readonly title: HTMLElement;

  constructor(
    kind: string,
    title: string,
    private readonly on_close: () => void = () => {},
  ) {
    const id = `dialog-${++dialogs}`;
    this.title = h("h2", { id }, title);
    this.body = h("div", { class: "dialog-body" });
    this.element = h(
      "dialog",
      { class: `dialog ${kind}`, "aria-labelledby": id },
      h(
        "div",
        { class: "dialog-head" },
        this.title,
        h(
          "button",
          { type: "button", class: "button button-quiet", onclick: () => this.close(), "aria-label": "Close" },
          "✕",
        ),
      ),
      this.body,
    );
    this.element.addEventListener("close", () => {
      this.element.remove();
      this.on_close();
    });
    // A click on the backdrop is one on the dialog itself, outside of its box.
    this.element.addEventListener("mousedown", (event) => {
      const box = this.element.getBoundingClientRect();
      const inside =
        event.clientX >= box.left &&
        event.clientX <= box.right &&
        event.clientY >= box.top &&
        event.clientY <= box.bottom;
      if (event.target === this.element && !inside) this.close();
    });
  }

  open(...children: Child[]): void {
    for (const child of children) if (child !== null && child !== false) this.body.append(child);
    document.body.append(this.element);
    this.element.showModal();
  }

  close(): void {
    if (this.element.open) this.element.close();
  }
}
