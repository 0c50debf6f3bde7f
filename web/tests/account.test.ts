import { describe, expect, it } from "vitest";
import { administers, audit_words, gate_of, password_fault, person_words, places_of, with_newer, type AuditRecord, type Person } from "../src/account";

const anna: Person = { name: "anna", role: "operator", sites: ["acme/lyon"], by: "session", expires: null };

describe("the gate before the plant", () => {
  it("is open without accounts, and to who is signed in", () => {
    expect(gate_of({ mode: "local", setup_needed: false, user: { ...anna, by: "local" } })).toBe("open");
    expect(gate_of({ mode: "accounts", setup_needed: false, user: anna })).toBe("open");
  });
  it("asks to sign in, or for the first user", () => {
    expect(gate_of({ mode: "accounts", setup_needed: false, user: null })).toBe("sign-in");
    expect(gate_of({ mode: "accounts", setup_needed: true, user: null })).toBe("set-up");
  });
});

describe("who is signed in", () => {
  it("is said with role and places", () => {
    expect(person_words(anna)).toBe("anna, operator of acme/lyon");
    expect(person_words({ ...anna, sites: ["*"] })).toBe("anna, operator of the whole plant");
  });
});

describe("a new password", () => {
  it("is long enough and said twice alike", () => {
    expect(password_fault("short", "short")).toContain("12 characters");
    expect(password_fault("four horses cross", "four horses")).toContain("differ");
    expect(password_fault("four horses cross", "four horses cross")).toBe("");
  });
});

describe("who is shown the accounts", () => {
  it("is an admin who has signed in", () => {
    expect(administers({ ...anna, role: "admin" })).toBe(true);
    expect(administers(anna)).toBe(false);
    expect(administers({ ...anna, role: "admin", by: "local" })).toBe(false);
    expect(administers(null)).toBe(false);
  });
});

describe("places", () => {
  it("are typed with commas; none is the whole plant", () => {
    expect(places_of(" acme/lyon, ,acme/ulm ")).toEqual(["acme/lyon", "acme/ulm"]);
    expect(places_of(" ")).toEqual(["*"]);
  });
});

describe("the audit log", () => {
  it("keeps what was loaded when newer records come", () => {
    const record = (n: number): AuditRecord => ({ n, time: "", who: "", by: "", from: "", what: "", status: 200 });
    const known = { items: [3, 2, 1].map(record), next_cursor: null };
    const numbers = (page: { items: AuditRecord[] }): number[] => page.items.map(({ n }) => n);
    expect(numbers(with_newer({ items: [], next_cursor: null }, known))).toEqual([3, 2, 1]);
    expect(numbers(with_newer(known, { items: [4, 3].map(record), next_cursor: "x" }))).toEqual([4, 3, 2, 1]);
    expect(with_newer(known, { items: [9, 8].map(record), next_cursor: "x" }).next_cursor).toBe("x");
  });
  it("says in words what was done, and what was only tried", () => {
    expect(audit_words({ what: "POST /v1/session", status: 200 })).toBe("signed in");
    expect(audit_words({ what: "POST /v1/session", status: 401 })).toBe("tried: signed in");
    expect(audit_words({ what: "DELETE /v1/users/m%C3%BCller", status: 200 })).toBe("removed user müller");
    expect(audit_words({ what: "POST /v1/alarms/7/shelve", status: 200 })).toBe("shelve of alarm 7");
    expect(audit_words({ what: "POST /machines/pump-1/commands/stop", status: 200 })).toBe("command stop to pump-1");
    expect(audit_words({ what: "POST /v1/models", status: 200 })).toBe("POST /v1/models");
    expect(audit_words({ what: "DELETE /v1/users/%zz", status: 200 })).toBe("removed user %zz");
  });
});
