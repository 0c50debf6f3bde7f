// Wires the page: store, session, views, routes.

import "@fontsource-variable/inter/wght.css";
import "uplot/dist/uPlot.min.css";
import "./styles/base.css";
import "./styles/header.css";
import "./styles/plant.css";
import "./styles/machine.css";
import "./styles/health.css";
import "./styles/alarms.css";
import "./styles/dialog.css";
import "./styles/performance.css";
import "./styles/oee.css";
import "./styles/sign_in.css";
import "./styles/work_orders.css";
import "./styles/access.css";

import { is_open, is_unacknowledged } from "./alarms";
import { administers, gate_of, set_signed_in, sign_out, who_is_there, type Person, type WhoIsThere } from "./account";
import { Announcer } from "./announcer";
import { by_id, set_attribute } from "./dom";
import { parse_route } from "./router";
import { Session } from "./session";
import { is_stale, Store, type State } from "./state";
import { AccessView } from "./views/access";
import { ask_acknowledge, ask_release, ask_reset, ask_restore, ask_suppress } from "./views/alarm_forms";
import { AlarmList } from "./views/alarm_list";
import type { AlarmActions } from "./views/alarm_row";
import { Header } from "./views/header";
import { MachineView } from "./views/machine";
import { OeeView } from "./views/oee";
import { PerformanceView } from "./views/performance";
import { PlantView } from "./views/plant";
import { set_up_page, sign_in_page } from "./views/sign_in";
import { WorkOrdersView } from "./views/work_orders";

const store = new Store();
const announcer = new Announcer();
// Who was signed in is not any more: the page begins anew, with signing in.
const session = new Session(store, (alarm) => announcer.alarm(alarm), () => location.reload());

/** Alarms that an action changed come back by the stream; what suppresses them does not. */
function controls_changed(words: string): void {
  alarms.refresh();
  announcer.say(words);
}

const actions: AlarmActions = {
  acknowledge: (alarm) =>
    ask_acknowledge(alarm, (done) => {
      store.dispatch({ type: "alarm", alarm: done });
      announcer.say(`Acknowledged: ${done.message}`);
    }),
  reset: (alarm) =>
    ask_reset(alarm, (done) => {
      store.dispatch({ type: "alarm", alarm: done });
      announcer.say(`Reset: ${done.message}`);
    }),
  suppress: (alarm) => void ask_suppress(alarm, () => controls_changed(`Out of sight: ${alarm.message}`)),
  restore: (alarm) => void ask_restore(alarm, () => controls_changed(`Restored: ${alarm.message}`)),
  release: (control) => ask_release(control, () => controls_changed("Released.")),
};

const main = by_id("main");
const content = by_id("content");
const header = new Header(by_id("top"), () => session.retry_now(), () => void leave());
const plant = new PlantView(() => session.retry_now());
const alarms = new AlarmList(by_id("alarms"), store, actions);
let machine: MachineView | null = null;
let work_orders: WorkOrdersView | null = null;
// The other pages, of which one at a time is there.
let page: { view: string; element: HTMLElement; destroy: () => void } | null = null;
let person: Person | null = null;
let plant_scroll = 0;

function page_of(view: string): { element: HTMLElement; destroy: () => void } | null {
  const say = (words: string): void => announcer.say(words);
  if (view === "performance") return new PerformanceView();
  if (view === "oee") return new OeeView(say);
  if (view === "work-orders") return (work_orders = new WorkOrdersView(say));
  if (view === "access" && person && administers(person)) return new AccessView(person, say);
  return null;
}

function show_route(first: boolean): void {
  const route = parse_route(location.hash);
  const before = document.body.dataset["view"];
  if (before === "plant") plant_scroll = scrollY;
  document.body.dataset["view"] = route.view;
  header.set_route(route);
  if (machine && (route.view !== "machine" || machine.id !== route.id)) {
    machine.destroy();
    machine = null;
  }
  if (page && page.view !== route.view) {
    page.destroy();
    page = null;
  }
  const made = page ? null : page_of(route.view);
  if (made) {
    page = { view: route.view, element: made.element, destroy: () => made.destroy() };
    content.replaceChildren(made.element);
  }
  if (route.view === "work-orders") {
    work_orders?.show(route.id);
  } else if (route.view === "machine") {
    if (!machine) {
      machine = new MachineView(route.id, actions);
      machine.update(store.state);
      content.replaceChildren(machine.element);
      scrollTo(0, 0);
      if (!first) machine.focus();
    }
    machine.show_sensor(route.sensor);
  } else if (!page && plant.element.parentElement !== content) {
    content.replaceChildren(plant.element);
    if (route.view === "plant") scrollTo(0, plant_scroll);
  }
  set_title(store.state);
}

function set_title(state: State): void {
  const unacknowledged = [...state.alarms.values()].filter(
    (alarm) => is_open(alarm) && is_unacknowledged(alarm),
  ).length;
  const place = machine ? `${machine.id} · ` : "";
  document.title = `${unacknowledged > 0 ? `(${unacknowledged}) ` : ""}${place}${state.plant?.name ?? "Plant"} · Millwright`;
}

store.subscribe((state, before) => {
  header.update(state);
  plant.update(state);
  alarms.update(state);
  machine?.update(state);
  if (state.alarms !== before.alarms) header.set_alarms([...state.alarms.values()]);
  if (state.alarms !== before.alarms || state.plant !== before.plant) set_title(state);
  if (state.link.kind !== before.link.kind && before.link.kind !== "connecting")
    announcer.say(
      state.link.kind === "live"
        ? "Live again."
        : state.link.kind === "waiting"
          ? `Connection lost: ${state.link.reason}.`
          : "",
    );
});

function tick(): void {
  const now = Date.now();
  header.tick(store.state, now);
  set_attribute(document.body, "data-stale", is_stale(store.state, now));
  machine?.tick();
}

setInterval(tick, 1000);
addEventListener("hashchange", () => {
  if (!document.body.dataset["gate"]) show_route(false);
});
document.addEventListener("visibilitychange", () => {
  machine?.set_hidden(document.visibilityState === "hidden");
  if (document.visibilityState === "visible") session.retry_now();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => machine?.redraw());
by_id("skip").addEventListener("click", () => main.focus());

async function leave(): Promise<void> {
  try {
    await sign_out();
  } finally {
    location.reload();
  }
}

/** Shows the plant to who may see it, else the page that leads there. */
function enter(who: WhoIsThere | null): void {
  const gate = who === null ? "open" : gate_of(who);
  set_attribute(document.body, "data-gate", gate === "open" ? null : gate);
  if (gate !== "open") {
    const page = (gate === "set-up" ? set_up_page : sign_in_page)(() => void begin());
    content.replaceChildren(page.element);
    page.focus();
    return;
  }
  person = who?.mode === "accounts" ? who.user : null;
  set_signed_in(who?.user ?? null);
  header.set_person(person);
  content.replaceChildren();
  show_route(true);
  void session.start();
}

/** A server that does not answer is the session's matter: it says so and tries again. */
const begin = (): Promise<void> => who_is_there().then(enter, () => enter(null));

void begin();
