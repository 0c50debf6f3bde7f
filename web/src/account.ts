// Who looks at the plant: signing in and out, and the first user of a plant that has none.

import { get_json, send_json } from "./api";
import type { Page } from "./types";

export type Role = "viewer" | "operator" | "maintainer" | "engineer" | "admin";

export interface Person {
  name: string;
  role: Role;
  sites: string[];
  by: string;
  expires: string | null;
}

export interface WhoIsThere {
  mode: "accounts" | "local"; // local: whoever is on this machine may do everything
  setup_needed: boolean;
  user: Person | null;
}

export const ROLES: readonly Role[] = ["viewer", "operator", "maintainer", "engineer", "admin"];

export interface User {
  name: string;
  role: Role;
  sites: string[];
  created: string;
  changed: string;
}

export interface Token {
  id: string;
  name: string;
  owner: string;
  role: Role;
  sites: string[];
  created: string;
  expires: string;
}

export interface AuditRecord {
  n: number;
  time: string;
  who: string;
  by: string;
  from: string;
  what: string;
  status: number;
  detail?: unknown;
}

export const PASSWORD_SHORTEST = 12;

export const who_is_there = (): Promise<WhoIsThere> => get_json<WhoIsThere>("v1/session");
export const sign_in = (name: string, password: string): Promise<Person> =>
  send_json<Person>("POST", "v1/session", { name, password });
export const sign_out = (): Promise<unknown> => send_json("DELETE", "v1/session");
export const set_up = (token: string, name: string, password: string): Promise<unknown> =>
  send_json("POST", "v1/setup", { token, name, password });

const user_path = (name: string): string => `v1/users/${encodeURIComponent(name)}`;

export const get_users = (signal?: AbortSignal): Promise<Page<User>> => get_json("v1/users", signal);
export const add_user = (name: string, password: string, role: Role, sites: string[]): Promise<User> =>
  send_json("POST", "v1/users", { name, password, role, sites });
export const change_user = (name: string, change: { role?: Role; sites?: string[]; password?: string }): Promise<User> =>
  send_json("PATCH", user_path(name), change);
export const remove_user = (name: string): Promise<unknown> => send_json("DELETE", user_path(name));

export const get_tokens = (signal?: AbortSignal): Promise<Page<Token>> => get_json("v1/tokens", signal);
/** The answer alone has the token's text. */
export const add_token = (name: string, role: Role, expires_in: string): Promise<Token & { token: string }> =>
  send_json("POST", "v1/tokens", { name, role, expires_in });
export const remove_token = (id: string): Promise<unknown> => send_json("DELETE", `v1/tokens/${encodeURIComponent(id)}`);

/** Newest first. */
export const get_audit = (cursor?: string, signal?: AbortSignal): Promise<Page<AuditRecord>> =>
  get_json(`v1/audit?limit=100${cursor === undefined ? "" : `&cursor=${encodeURIComponent(cursor)}`}`, signal);

/** What was loaded of the log, with what has come since; where that does not join, what has come alone. */
export function with_newer(known: Page<AuditRecord>, newest: Page<AuditRecord>): Page<AuditRecord> {
  const last = known.items[0]?.n ?? 0;
  const joins = last > 0 && newest.items.some((record) => record.n === last);
  if (!joins) return newest;
  return { items: [...newest.items.filter((record) => record.n > last), ...known.items], next_cursor: known.next_cursor };
}

/** What is shown before the plant is: nothing, signing in, or making the first user. */
export function gate_of(who: WhoIsThere): "open" | "sign-in" | "set-up" {
  if (who.mode === "local" || who.user !== null) return "open";
  return who.setup_needed ? "set-up" : "sign-in";
}

export const sees_all = (sites: readonly string[]): boolean => sites.includes("*");

/** "the whole plant", "acme/lyon, acme/ulm" */
export const places_words = (sites: readonly string[]): string =>
  sees_all(sites) ? "the whole plant" : sites.join(", ");

/** What somebody typed: places with commas between; nothing is the whole plant. */
export function places_of(text: string): string[] {
  const places = text
    .split(",")
    .map((place) => place.trim())
    .filter((place) => place !== "");
  return places.length === 0 ? ["*"] : places;
}

/** "anna, operator of acme/lyon" */
export const person_words = (person: Person): string =>
  `${person.name}, ${person.role} of ${places_words(person.sites)}`;

/** Whether somebody is shown the accounts: an admin who has signed in. */
export const administers = (person: Person | null): boolean => person?.role === "admin" && person.by !== "local";

/** "added user berta", "POST /v1/alarms/7/acknowledge" where there is no better word. */
export function audit_words(record: Pick<AuditRecord, "what" | "status">): string {
  const [method = "", path = ""] = record.what.split(" ");
  const parts = path.replace(/^\/v1/, "").split("/").filter((part) => part !== "").map(decode);
  const done = record.status < 400;
  const said = AUDIT_WORDS.find(([of, pattern]) => of === method && matches(pattern, parts));
  const words = said ? said[2](parts) : record.what;
  return done || !said ? words : `tried: ${words}`;
}

type AuditWord = readonly [string, string, (parts: readonly string[]) => string];
const AUDIT_WORDS: readonly AuditWord[] = [
  ["POST", "session", () => "signed in"],
  ["DELETE", "session", () => "signed out"],
  ["PUT", "session/password", () => "changed the own password"],
  ["POST", "setup", () => "set the plant up"],
  ["POST", "users", () => "added a user"],
  ["PATCH", "users/*", (parts) => `changed user ${parts[1] ?? ""}`],
  ["DELETE", "users/*", (parts) => `removed user ${parts[1] ?? ""}`],
  ["POST", "tokens", () => "made a token"],
  ["DELETE", "tokens/*", (parts) => `revoked token ${parts[1] ?? ""}`],
  ["POST", "alarms/*/*", (parts) => `${parts[2] ?? ""} of alarm ${parts[1] ?? ""}`],
  ["POST", "machines/*/commands/*", (parts) => `command ${parts[3] ?? ""} to ${parts[1] ?? ""}`],
  ["PATCH", "machines/*/twin", (parts) => `changed the twin of ${parts[1] ?? ""}`],
  ["POST", "maintenance/work-orders/*/*", (parts) => `${parts[3] ?? ""} of work order ${parts[2] ?? ""}`],
];

function matches(pattern: string, parts: readonly string[]): boolean {
  const wanted = pattern.split("/");
  return wanted.length === parts.length && wanted.every((part, at) => part === "*" || part === parts[at]);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** What is wrong with a new password, "" where nothing is that can be seen here. */
export function password_fault(password: string, again: string): string {
  if (password.length < PASSWORD_SHORTEST)
    return `Use ${PASSWORD_SHORTEST} characters or more: a few words that do not belong together are good and easy to keep.`;
  return password === again ? "" : "The two passwords differ.";
}

// The one who is signed in, for what is done in his or her name.
let signed_in: Person | null = null;

export function set_signed_in(person: Person | null): void {
  signed_in = person;
}

export function signed_in_name(): string | null {
  return signed_in === null || signed_in.by === "local" ? null : signed_in.name;
}
