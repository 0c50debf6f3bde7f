// Who looks at the plant: signing in and out, and the first user of a plant that has none.

import { get_json, send_json } from "./api";

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

export const PASSWORD_SHORTEST = 12;

export const who_is_there = (): Promise<WhoIsThere> => get_json<WhoIsThere>("v1/session");
export const sign_in = (name: string, password: string): Promise<Person> =>
  send_json<Person>("POST", "v1/session", { name, password });
export const sign_out = (): Promise<unknown> => send_json("DELETE", "v1/session");
export const set_up = (token: string, name: string, password: string): Promise<unknown> =>
  send_json("POST", "v1/setup", { token, name, password });

/** What is shown before the plant is: nothing, signing in, or making the first user. */
export function gate_of(who: WhoIsThere): "open" | "sign-in" | "set-up" {
  if (who.mode === "local" || who.user !== null) return "open";
  return who.setup_needed ? "set-up" : "sign-in";
}

/** "anna, operator of acme/lyon" */
export function person_words(person: Person): string {
  const where = person.sites.includes("*") ? "the whole plant" : person.sites.join(", ");
  return `${person.name}, ${person.role} of ${where}`;
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
