import { describe, expect, it } from "vitest";
import { gate_of, password_fault, person_words, type Person } from "../src/account";

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
