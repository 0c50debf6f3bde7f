// A page of which people choose a part by chips (a period, a list): loaded at once and again while it is open.

import { ApiError } from "../api";
import { h, set_attribute } from "../dom";
import { notice } from "./notice";

const REFRESH_MS = 10_000;

export interface FiguresPage<T> {
  title: string;
  kind: string; // class of the page
  group: string; // what the chips choose: "Period"
  choices: readonly (readonly [string, string])[]; // key and label
  chosen: string;
  failed: string; // "The figures could not be loaded."
  load: (choice: string, signal: AbortSignal) => Promise<T>;
  show: (loaded: T, choice: string) => Node[];
}

export class ChosenFigures<T> {
  readonly element: HTMLElement;
  private readonly body: HTMLElement;
  private readonly chips = new Map<string, HTMLButtonElement>();
  private readonly timer: ReturnType<typeof setInterval>;
  private readonly stop = new AbortController();
  private shown = "";

  constructor(private readonly page: FiguresPage<T>) {
    for (const [choice, label] of page.choices)
      this.chips.set(
        choice,
        h("button", { type: "button", class: "chip", onclick: () => this.choose(choice) }, label),
      );
    this.body = h("div", { class: "performance-body" }, notice("loading", "Loading…"));
    this.element = h(
      "article",
      { class: page.kind },
      h(
        "div",
        { class: "performance-head" },
        h("h1", {}, page.title),
        h("div", { class: "chips", role: "group", "aria-label": page.group }, ...this.chips.values()),
      ),
      this.body,
    );
    this.timer = setInterval(() => void this.load(), REFRESH_MS);
    this.choose(page.chosen);
  }

  destroy(): void {
    clearInterval(this.timer);
    this.stop.abort();
  }

  async load(): Promise<void> {
    const choice = this.page.chosen;
    const { signal } = this.stop;
    try {
      const loaded = await this.page.load(choice, signal);
      if (choice !== this.page.chosen) return;
      const content = JSON.stringify([choice, loaded]);
      if (content === this.shown) return;
      this.shown = content;
      this.replace(this.page.show(loaded, choice));
    } catch (error) {
      if (signal.aborted || choice !== this.page.chosen) return;
      this.shown = "";
      const help = error instanceof ApiError ? error.message : "";
      this.body.replaceChildren(
        notice("failed", this.page.failed, help, { label: "Try again", run: () => void this.load() }),
      );
    }
  }

  private choose(choice: string): void {
    this.page.chosen = choice;
    for (const [key, chip] of this.chips) set_attribute(chip, "aria-pressed", String(key === choice));
    void this.load();
  }

  /** Keeps the keyboard where it is: on what has the same data-key. */
  private replace(children: Node[]): void {
    const key = document.activeElement instanceof HTMLElement ? document.activeElement.dataset["key"] : undefined;
    this.body.replaceChildren(...children);
    if (key) this.body.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`)?.focus();
  }
}

export function panel(title: string, content: Node | string, kind = ""): HTMLElement {
  return h("section", { class: `performance-panel ${kind}`, "aria-label": title }, h("h2", {}, title), content);
}
