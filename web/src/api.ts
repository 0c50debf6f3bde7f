// The REST API. Every failure becomes an ApiError that says what went wrong and what to do.

import type {
  Alarm,
  AlarmControl,
  AlarmControls,
  AlarmPerformance,
  Bucket,
  DowntimeEvent,
  Machine,
  Oee,
  OrderDelivery,
  OrderState,
  Page,
  Plant,
  Reason,
  Resolution,
  Twin,
  WholeOrder,
  WorkOrder,
} from "./types";
import { clean_alarm, clean_machine, clean_twin, type WireAlarm, type WireMachine, type WireTwin } from "./wire";

const TIMEOUT_MS = 15_000;
const PAGES_MAX = 200;

export class ApiError extends Error {
  constructor(
    readonly title: string,
    readonly help: string,
    readonly status = 0,
  ) {
    super(`${title} ${help}`);
  }
}

interface Problem {
  title?: unknown;
  detail?: unknown;
}

export function explain(status: number, problem: Problem): ApiError {
  const detail =
    typeof problem.detail === "string" ? problem.detail : typeof problem.title === "string" ? problem.title : "";
  if (status === 401) return new ApiError("Not signed in.", detail || "Sign in with an account of this plant.", status);
  if (status === 403)
    return new ApiError("Not allowed.", detail || "It takes an account that may do more, or sees more.", status);
  if (status === 404) return new ApiError("Not found.", detail || "It may have been renamed or removed.", status);
  if (status === 409 || status === 412)
    return new ApiError("No longer possible.", detail || "Somebody was faster. The list is up to date.", status);
  if (status === 429 || status === 503)
    return new ApiError("The server is busy or starting.", detail || "Wait some seconds and try again.", status);
  if (status >= 500)
    return new ApiError(
      `The server failed (${status}).`,
      detail || "Try again; if it stays, look at the server's log.",
      status,
    );
  return new ApiError(`The server refused the request (${status}).`, detail || "Check what was entered.", status);
}

export function url_of(path: string, query: Record<string, string | number | undefined> = {}): string {
  const url = new URL(path, document.baseURI);
  url.hash = "";
  for (const [key, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(key, String(value));
  // The server reads a plus as a plus (RFC 3986), not as a blank.
  url.search = url.search.replaceAll("+", "%20");
  return url.toString();
}

async function request(url: string, init: RequestInit, signal?: AbortSignal): Promise<Response> {
  const timer = new AbortController();
  const timeout = setTimeout(() => timer.abort(), TIMEOUT_MS);
  const abort = (): void => timer.abort();
  signal?.addEventListener("abort", abort);
  try {
    const response = await fetch(url, { ...init, signal: timer.signal });
    if (response.ok) return response;
    const problem = (await response.json().catch(() => ({}))) as Problem;
    throw explain(response.status, problem);
  } catch (error) {
    if (error instanceof ApiError || signal?.aborted) throw error;
    if (timer.signal.aborted)
      throw new ApiError("The server did not answer in time.", "Check its load, then try again.");
    throw new ApiError(
      "The server cannot be reached.",
      "Check that it runs and that this screen is on the plant's network.",
    );
  } finally {
    clearTimeout(timeout);
    signal?.removeEventListener("abort", abort);
  }
}

/** What the server answers at a path. */
export const get_json = <T>(path: string, signal?: AbortSignal): Promise<T> => get<T>(path, {}, signal);

/** Asks for a change; a body goes as JSON. */
export async function send_json<T>(
  method: "POST" | "PUT" | "PATCH" | "DELETE",
  path: string,
  body?: object,
  fields: Record<string, string> = {},
): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json", ...fields };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await request(url_of(path), { method, headers, body: body === undefined ? null : JSON.stringify(body) });
  return (await response.json()) as T;
}

async function get<T>(
  path: string,
  query: Record<string, string | number | undefined>,
  signal?: AbortSignal,
): Promise<T> {
  const response = await request(url_of(path, query), { headers: { Accept: "application/json" } }, signal);
  return (await response.json()) as T;
}

async function all_pages<T>(
  path: string,
  query: Record<string, string | number | undefined>,
  signal?: AbortSignal,
): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < PAGES_MAX; ++page) {
    const answer = await get<Page<T>>(path, { ...query, cursor }, signal);
    items.push(...answer.items);
    if (answer.next_cursor === null || answer.next_cursor === cursor) break;
    cursor = answer.next_cursor;
  }
  return items;
}

const machine_path = (id: string): string => `v1/machines/${encodeURIComponent(id)}`;

export const get_plant = (signal?: AbortSignal): Promise<Plant> => get<Plant>("v1/plant", {}, signal);

export async function get_machines(signal?: AbortSignal): Promise<Machine[]> {
  return (await all_pages<WireMachine>("v1/machines", { limit: 500 }, signal)).map(clean_machine);
}

export async function get_twin(id: string, signal?: AbortSignal): Promise<Twin> {
  return clean_twin(await get<WireTwin>(`${machine_path(id)}/twin`, {}, signal));
}

export async function get_active_alarms(signal?: AbortSignal): Promise<Alarm[]> {
  return (await all_pages<WireAlarm>("v1/alarms", { active: "true", suppressed: "false", limit: 500 }, signal)).map(clean_alarm);
}

export async function get_alarms(cursor?: string, signal?: AbortSignal): Promise<Page<Alarm>> {
  const page = await get<Page<WireAlarm>>("v1/alarms", { limit: 200, cursor }, signal);
  return { items: page.items.map(clean_alarm), next_cursor: page.next_cursor };
}

/** Who does it, and why. */
export interface Person {
  by: string;
  comment: string;
}

const post = <T>(path: string, body: object, fields: Record<string, string> = {}): Promise<T> =>
  send_json<T>("POST", path, body, fields);


const alarm_path = (id: Alarm["id"]): string => `v1/alarms/${encodeURIComponent(String(id))}`;

export async function acknowledge(id: Alarm["id"], person: Person): Promise<Alarm> {
  return clean_alarm(await post<WireAlarm>(`${alarm_path(id)}/acknowledge`, person));
}

export async function reset(id: Alarm["id"], person: Person): Promise<Alarm> {
  return clean_alarm(await post<WireAlarm>(`${alarm_path(id)}/reset`, person));
}

/** `duration` as the server reads it: "30min". */
export const shelve = (id: Alarm["id"], duration: string, person: Person): Promise<AlarmControl> =>
  post<AlarmControl>(`${alarm_path(id)}/shelve`, { ...person, duration });

export const take_out_of_service = (condition: string, person: Person): Promise<AlarmControl> =>
  post<AlarmControl>("v1/alarm-controls", { ...person, kind: "out-of-service", match: condition });

export const release = (id: AlarmControl["id"], person: Person): Promise<AlarmControl> =>
  post<AlarmControl>(`v1/alarm-controls/${encodeURIComponent(String(id))}/release`, person);

export const get_controls = (signal?: AbortSignal): Promise<AlarmControls> =>
  get<AlarmControls>("v1/alarm-controls", {}, signal);

export const get_performance = (period: string, signal?: AbortSignal): Promise<AlarmPerformance> =>
  get<AlarmPerformance>("v1/alarm-performance", { period }, signal);

export const get_oee = (query: { level: "machine" | "site"; from?: string | undefined }, signal?: AbortSignal): Promise<Oee> =>
  get<Oee>("v1/analytics/oee", query, signal);

export const get_downtime = (from: string, signal?: AbortSignal): Promise<DowntimeEvent[]> =>
  all_pages<DowntimeEvent>("v1/downtime", { from, limit: 1000 }, signal);

export async function get_reasons(signal?: AbortSignal): Promise<Reason[]> {
  return (await get<{ items: Reason[] }>("v1/downtime/reasons", {}, signal)).items;
}

/** Refused where somebody else has changed the event since it was read. */
export const explain_downtime = (event: DowntimeEvent, reason: string, comment: string): Promise<DowntimeEvent> =>
  send_json<DowntimeEvent>(
    "PATCH",
    `v1/downtime/${encodeURIComponent(event.id)}`,
    { reason, comment },
    { "If-Match": `"${event.version}"` },
  );

export const get_orders = (state: OrderState | undefined, cursor?: string, signal?: AbortSignal): Promise<Page<WorkOrder>> =>
  get<Page<WorkOrder>>("v1/maintenance/work-orders", { state, cursor, limit: 100 }, signal);

const order_path = (id: string): string => `v1/maintenance/work-orders/${encodeURIComponent(id)}`;

export const get_order = (id: string, signal?: AbortSignal): Promise<WholeOrder> =>
  get<WholeOrder>(order_path(id), {}, signal);

export type OrderAction = "approve" | "reject" | "start" | "complete";

/** By the version that was seen: a change that somebody else made meanwhile is not overwritten. */
export const act_on_order = (
  order: Pick<WorkOrder, "id" | "version">,
  action: OrderAction,
  person: Person,
  more: object = {},
): Promise<WorkOrder> =>
  post<WorkOrder>(
    `${order_path(order.id)}/${action}`,
    { by: person.by, note: person.comment, ...more },
    { "If-Match": `"${order.version}"` },
  );

export const retry_delivery = (id: string): Promise<OrderDelivery> =>
  post<OrderDelivery>(`v1/work-order-deliveries/${encodeURIComponent(id)}/retry`, {});

export interface HistoryQuery {
  machine: string;
  sensor: string;
  from_ms: number;
  to_ms: number;
  resolution: Exclude<Resolution, "raw">;
}

function history_query(query: HistoryQuery): Record<string, string> {
  return {
    sensor: query.sensor,
    from: new Date(query.from_ms).toISOString(),
    to: new Date(query.to_ms).toISOString(),
    resolution: query.resolution,
  };
}

export async function get_history(query: HistoryQuery, signal?: AbortSignal): Promise<Bucket[]> {
  return all_pages<Bucket>(`${machine_path(query.machine)}/history`, { ...history_query(query), limit: 5000 }, signal);
}
