// The dashboard in a real browser.
//
//   npm run build && npm run test:browser              against the fixture server
//   BASE_URL=http://127.0.0.1:8080 npm run test:browser against a running plant, which must raise an alarm by itself
//
// MACHINE names the machine to open on a plant (default: the first one), CHROMIUM the browser. With SCREENSHOTS=1 pictures
// go to tests/../screenshots.

import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { start_fixture } from "./fixture-server.mjs";

const axe_path = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const shots = fileURLToPath(new URL("../screenshots/", import.meta.url));
const real_plant = process.env.BASE_URL;
const PATIENCE_MS = 30_000;
const ALARM_PATIENCE_MS = real_plant ? 180_000 : PATIENCE_MS;

let fixture;
let browser;
let base;

before(async () => {
  if (process.env.SCREENSHOTS) await mkdir(shots, { recursive: true });
  if (!real_plant) fixture = await start_fixture();
  base = (real_plant ?? fixture.url).replace(/\/$/, "");
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--headless", "--no-sandbox", "--disable-gpu"],
  });
});

after(async () => {
  await browser?.close();
  await fixture?.stop();
});

async function open(hash, { width = 1280, scheme = "light", ignore = () => false, at = base } = {}) {
  const context = await browser.newContext({
    viewport: { width, height: 860 },
    colorScheme: scheme,
    reducedMotion: "reduce",
    acceptDownloads: true,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const errors = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !ignore(message.text())) errors.push(message.text());
  });
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(`${at}/${hash}`);
  return { page, errors, close: () => context.close() };
}

const tell = (path, body) => fetch(`${base}/fixture/${path}`, { method: "POST", body: JSON.stringify(body) });

async function shot(page, name) {
  if (process.env.SCREENSHOTS) await page.screenshot({ path: `${shots}${name}.png` });
}

async function machine_id(page) {
  await page.waitForSelector(".card");
  return process.env.MACHINE ?? (real_plant ? page.locator(".card .card-name").first().textContent() : "pump-1");
}

/** Sensors whose trend has ink on its canvas. */
const drawn = (page, selector) =>
  page.waitForFunction((css) => {
    const canvas = document.querySelector(`${css} canvas`);
    if (!canvas || canvas.width === 0) return false;
    // Read from a copy: the chart's own canvas stays as fast as it is.
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    let inked = 0;
    for (let i = 3; i < data.length; i += 4) if (data[i] !== 0) ++inked;
    return inked > canvas.width / 2;
  }, selector);

async function no_sideways_scroll(page) {
  const [content, window_width] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(content <= window_width, `content is ${content} px wide in a window of ${window_width} px`);
}

async function accessible(page) {
  await page.evaluate(await readFile(axe_path, "utf8"));
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    }),
  );
  const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  const text = grave
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html}\n${node.failureSummary}`).join("\n")}`)
    .join("\n\n");
  assert.equal(grave.length, 0, text);
}

test("the plant loads, goes live and is filtered", async () => {
  const { page, errors, close } = await open("");
  await page.waitForSelector('.link[data-kind="live"]');
  const cards = await page.locator(".card:visible").count();
  assert.ok(cards > 0, "no machine is shown");
  for (const figure of ["rate", "machines", "sensors", "alarms", "disk"])
    assert.match(await page.locator(`[data-figure="${figure}"] dd`).innerText(), /\d/, figure);
  assert.notEqual(await page.title(), "");
  const id = await machine_id(page);
  await page.getByRole("searchbox", { name: "Filter machines" }).fill(id);
  await page.waitForFunction(
    (name) =>
      [...document.querySelectorAll("li:not([hidden]) > .card")].every((card) => card.dataset.id.includes(name)),
    id,
  );
  await page.getByRole("searchbox").fill("no such machine anywhere");
  await page.getByText("No machine fits this filter.").waitFor();
  await page.getByRole("button", { name: "Show all" }).click();
  assert.equal(await page.locator(".card:visible").count(), cards);
  assert.deepEqual(errors, []);
  await close();
});

test("connectors tell their state and their detail", async () => {
  const { page, errors, close } = await open("");
  await page.locator(".connectors .chip").first().click();
  await page.getByRole("dialog", { name: "Connectors" }).waitFor();
  assert.ok((await page.locator(".connector-list li").count()) > 0);
  await shot(page, "connectors");
  await accessible(page);
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  assert.deepEqual(errors, []);
  await close();
});

test("a machine opens, its trends draw and move", async () => {
  const { page, errors, close } = await open("");
  const id = await machine_id(page);
  await page.locator(`.card[data-id="${id}"]`).click();
  await page.getByRole("heading", { level: 1, name: id }).waitFor();
  await drawn(page, ".sensor:has(.range-bar) .plot");
  const picture = () => page.evaluate(() => document.querySelector(".sensor:has(.range-bar) canvas").toDataURL());
  const first = await picture();
  await page.waitForFunction(
    (old) => document.querySelector(".sensor:has(.range-bar) canvas").toDataURL() !== old,
    first,
  );
  await accessible(page);
  await shot(page, "machine");
  assert.deepEqual(errors, []);
  await close();
});

test("a sensor's trend opens large, in every range, and downloads as CSV", async () => {
  const { page, errors, close } = await open("");
  const id = await machine_id(page);
  await page.goto(`${base}/#/machines/${id}`);
  await page.locator(".sensor:has(.range-bar) .sensor-title a").first().click();
  const dialog = page.getByRole("dialog");
  await drawn(page, "dialog .plot-large");
  for (const range of ["5 min", "1 h", "24 h", "15 min"]) {
    const asked = page.waitForRequest((request) =>
      request.url().includes(`resolution=${range === "24 h" ? "1m" : "1s"}`),
    );
    await dialog.getByRole("radio", { name: range, exact: true }).check();
    await asked;
    await dialog.getByText("Loading the trend…").waitFor({ state: "detached" });
  }
  await drawn(page, "dialog .plot-large");
  await page.locator(".plot-large").focus();
  await page.keyboard.press("ArrowLeft");
  await page.getByText(/mean .+ min .+ max/).waitFor();
  await accessible(page);
  await shot(page, "sensor");
  const download = page.waitForEvent("download");
  await dialog.getByRole("button", { name: "Download CSV" }).click();
  const saved = await download;
  assert.match(saved.suggestedFilename(), /_1s_\d{8}T\d{6}Z\.csv$/);
  const lines = (await readFile(await saved.path(), "utf8")).trim().split("\r\n");
  assert.equal(lines[0], "time,count,bad_count,min,max,mean,first,last,sum");
  assert.ok(lines.length > 10, `${lines.length} lines`);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  assert.equal(new URL(page.url()).hash, `#/machines/${id}`);
  assert.deepEqual(errors, []);
  await close();
});

test("an alarm appears through the stream, is announced, and can be acknowledged", async () => {
  const { page, errors, close } = await open("");
  await page.waitForSelector('.link[data-kind="live"]');
  const unseen = page.locator("#alarms .alarm[data-unacknowledged]");
  let row = unseen.first();
  if (!real_plant) {
    const message = "Discharge pressure of pump-2 fell below its lower control limit";
    await tell("alarm", {
      machine: "pump-2",
      component: "pump",
      sensor: "discharge-pressure",
      priority: "critical",
      message,
    });
    row = page.locator("#alarms .alarm", { hasText: message });
    await row.waitFor();
    await page.waitForFunction(
      (text) => document.getElementById("announce-urgent").textContent.includes(text),
      message,
    );
    await page.waitForSelector('.card[data-id="pump-2"][data-priority="critical"]');
    await accessible(page);
    await shot(page, "alarm");
  }
  await row.waitFor({ timeout: ALARM_PATIENCE_MS });
  const key = await row.getAttribute("data-id");
  await row.getByRole("button", { name: /^Acknowledge/ }).click();
  const dialog = page.getByRole("dialog", { name: "Acknowledge alarm" });
  await accessible(page);
  await dialog.getByRole("button", { name: "Acknowledge" }).click();
  await dialog.getByText("Enter your name").waitFor();
  await dialog.getByLabel("Your name").fill("T. Tester");
  await dialog.getByLabel("Comment").fill("seen in the test");
  await shot(page, "acknowledge");
  await dialog.getByRole("button", { name: "Acknowledge" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.locator("#alarms").getByRole("button", { name: "All" }).click();
  await page.waitForFunction(
    (id) => document.querySelector(`#alarms .alarm[data-id="${id}"]`)?.hasAttribute("data-unacknowledged") === false,
    key,
  );
  const text = await page.locator(`#alarms .alarm[data-id="${key}"]`).innerText();
  assert.match(text, /T\. Tester: seen in the test/);
  await page.locator(`#alarms .alarm[data-id="${key}"] .alarm-message`).click();
  await page.waitForFunction(() => location.hash.startsWith("#/machines/"));
  assert.deepEqual(errors, []);
  await close();
});

test("an alarm is shelved, listed as suppressed, and restored", { skip: real_plant !== undefined }, async () => {
  const { page, errors, close } = await open("#/alarms");
  await page.waitForSelector('.link[data-kind="live"]');
  const message = "Bearing temperature of pump-4 is above its upper control limit";
  await tell("alarm", { machine: "pump-4", component: "motor", sensor: "current", priority: "low", message: "Too much current" });
  await tell("alarm", { machine: "pump-4", component: "motor", sensor: "bearing-temperature", priority: "high", message });
  const row = page.locator("#alarms .alarm", { hasText: message });
  await row.getByText("Follows: Too much current").waitFor();
  await page.locator("#alarms .alarm", { hasText: "First out" }).first().waitFor();
  await row.getByRole("button", { name: /^Suppress/ }).click();
  const dialog = page.getByRole("dialog", { name: "Suppress alarm" });
  await dialog.getByLabel("Your name").fill("T. Tester");
  await dialog.getByLabel("How").selectOption("24h");
  await accessible(page);
  await dialog.getByRole("button", { name: "Suppress" }).click();
  await dialog.getByText("an alarm is shelved for 8h at most").waitFor();
  await shot(page, "suppress");
  await dialog.getByLabel("How").selectOption("1h");
  await dialog.getByRole("button", { name: "Suppress" }).click();
  await dialog.waitFor({ state: "detached" });
  await row.waitFor({ state: "detached" });
  await page.locator("#alarms").getByRole("button", { name: /^Suppressed/ }).click();
  const control = page.locator(".control", { hasText: "pump-4 / motor / bearing-temperature" });
  await control.getByText("hides 1 alarm").waitFor();
  await control.getByText("T. Tester").waitFor();
  await row.getByText(/^Shelved until/).waitFor();
  await accessible(page);
  await no_sideways_scroll(page);
  await shot(page, "suppressed");
  await row.getByRole("button", { name: /^Restore/ }).click();
  await page.getByRole("dialog", { name: "End suppression" }).getByRole("button", { name: "Release" }).click();
  await control.waitFor({ state: "detached" });
  await page.locator("#alarms").getByRole("button", { name: /^Open/ }).click();
  await row.waitFor();
  assert.deepEqual(
    errors.filter((text) => !/400/.test(text)),
    [],
  );
  await close();
});

// Against a running plant it would change accounts.
if (!real_plant)
  test("an admin keeps users and tokens, and reads the audit log", async () => {
    await tell("person", { name: "anna", role: "admin", sites: ["*"], by: "session 1a2b", expires: null });
    const { page, errors, close } = await open("#/access");
    const rows = page.locator(".access-table tbody tr");
    await page.getByRole("link", { name: "Access" }).waitFor();
    await page.getByRole("cell", { name: "acme/lyon" }).waitFor();
    await shot(page, "access-users");
    await accessible(page);
    await page.getByRole("button", { name: "Add a user" }).click();
    await page.getByLabel("Name").fill("berta");
    await page.getByLabel("First password").fill("short");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByRole("alert").filter({ hasText: "12 characters" }).waitFor();
    await shot(page, "access-add");
    await accessible(page);
    await page.getByLabel("First password").fill("four horses cross");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByRole("rowheader", { name: "berta" }).waitFor();
    await page.getByRole("button", { name: "Change anna" }).click();
    await page.getByLabel("Role").selectOption("viewer");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("alert").filter({ hasText: "administer" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Remove berta" }).click();
    await page.getByRole("button", { name: "Remove", exact: true }).click();
    await page.getByRole("rowheader", { name: "berta" }).waitFor({ state: "detached" });

    await page.getByRole("button", { name: "API tokens" }).click();
    await page.getByText("No program has a token yet.").waitFor();
    await page.getByRole("button", { name: "Make a token" }).click();
    await page.getByLabel("What it is for").fill("Grafana");
    await page.getByRole("button", { name: "Make", exact: true }).click();
    assert.match(await page.getByLabel("Token", { exact: true }).inputValue(), /^mw_/);
    await shot(page, "access-token");
    await page.getByRole("button", { name: "I have it" }).click();
    await page.getByRole("button", { name: /^Revoke/ }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
    await page.getByText("No program has a token yet.").waitFor();

    await page.getByRole("button", { name: "Audit log" }).click();
    await page.getByText("command set-speed to pump-1").first().waitFor();
    assert.equal(await rows.count(), 100);
    await page.getByRole("button", { name: "Show earlier ones" }).click();
    await page.getByText("acknowledge of alarm 7").waitFor();
    await page.getByText("Refused (403)").waitFor();
    await shot(page, "access-audit");
    await accessible(page);
    // What was asked for more stays when the list is loaded again.
    await page.setViewportSize({ width: 390, height: 860 });
    await no_sideways_scroll(page);
    await shot(page, "access-audit-phone");
    assert.deepEqual(errors.filter((text) => !text.includes("409")), []);
    await close();
    await tell("person", {});
  });

test("the performance of the alarms is shown beside its targets", async () => {
  const { page, errors, close } = await open("#/performance");
  await page.getByText("In the worst 10 minutes").waitFor();
  await page.getByRole("button", { name: "7 days" }).click();
  await page.getByRole("heading", { name: "Raised most often" }).waitFor();
  await accessible(page);
  await no_sideways_scroll(page);
  await shot(page, "performance");
  assert.deepEqual(errors, []);
  await close();
});

test(
  "effectiveness is shown, and a downtime is given its reason",
  { skip: real_plant !== undefined },
  async () => {
    const { page, errors, close } = await open("#/oee");
    await page.getByRole("heading", { name: "Time lost" }).waitFor();
    await page.getByRole("button", { name: "7 days" }).click();
    await shot(page, "oee");
    await page.getByRole("button", { name: /^Give reason/ }).first().click();
    await page.getByLabel("Reason", { exact: true }).selectOption({ value: "mechanical" });
    await page.getByLabel("Comment", { exact: true }).fill("Belt torn");
    await accessible(page);
    await shot(page, "oee-reason");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Belt torn").waitFor();
    await accessible(page);
    await no_sideways_scroll(page);
    assert.deepEqual(errors, []);
    await close();
  },
);

test("a work order is looked at and approved", { skip: real_plant && "needs the fixture's orders" }, async () => {
  const { page, errors, close } = await open("#/work-orders");
  await page.getByRole("button", { name: "Proposed" }).click();
  await page.getByRole("link", { name: /Replace the motor's bearings/ }).click();
  await page.getByText("73 %").waitFor();
  await accessible(page);
  await no_sideways_scroll(page);
  await shot(page, "work-orders");
  await page.getByRole("button", { name: "Approve", exact: true }).click();
  await page.getByLabel("Your name").fill("Anna");
  await page.getByRole("dialog").getByRole("button", { name: "Approve" }).click();
  await page.getByText("Approved by Anna").waitFor();
  await page.getByText("No work order here.").waitFor();
  await page.getByRole("button", { name: "Sent" }).click();
  await page.getByRole("link", { name: /Change the seal/ }).click();
  await page.getByRole("button", { name: "Complete" }).click();
  await page.getByLabel("What was found").fill("worn");
  await page.getByLabel("Downtime in minutes").fill("30");
  await page.getByRole("dialog").getByRole("button", { name: "Complete" }).click();
  await page.getByText("30 minutes").waitFor();
  assert.deepEqual(errors, []);
  await close();
});

for (const width of [390, 1280])
  for (const scheme of ["light", "dark"])
    test(`every view fits ${width} px and is accessible, ${scheme}`, async () => {
      const { page, errors, close } = await open("", { width, scheme });
      const id = await machine_id(page);
      await accessible(page);
      await no_sideways_scroll(page);
      await page.goto(`${base}/#/machines/${id}`);
      await page.waitForSelector(".sensor");
      await accessible(page);
      await no_sideways_scroll(page);
      await page.goto(`${base}/#/alarms`);
      await page.waitForSelector("#alarms");
      await accessible(page);
      await no_sideways_scroll(page);
      await page.goto(`${base}/#/work-orders`);
      await page.getByRole("heading", { name: "Work orders" }).waitFor();
      await accessible(page);
      await no_sideways_scroll(page);
      await page.goto(`${base}/#/performance`);
      await page.waitForSelector(".measure");
      await accessible(page);
      await no_sideways_scroll(page);
      await page.goto(`${base}/#/oee`);
      await page.waitForSelector(".downtime-list, .oee .notice-empty");
      await accessible(page);
      await no_sideways_scroll(page);
      if (!real_plant) await shot(page, `oee-${width}-${scheme}`);
      assert.deepEqual(errors, []);
      await close();
    });

test("a machine that is not there leads back to the plant", async () => {
  const { page, close } = await open("#/machines/no-such-machine");
  await page.getByText("There is no machine “no-such-machine”.").waitFor();
  await page.getByRole("button", { name: "To the plant" }).click();
  await page.waitForSelector(".card");
  await close();
});

test(
  "an interruption is told, what is shown is marked as old, and the page comes back by itself",
  { skip: real_plant !== undefined },
  async () => {
    const { page, errors, close } = await open("", { ignore: (text) => /503|ERR_|Failed to load resource/.test(text) });
    await page.waitForSelector('.link[data-kind="live"]');
    await tell("refuse", { seconds: 9 });
    await page.getByText(/Reconnecting in \d+ seconds?: the server is busy or starting\./).waitFor();
    await page.waitForSelector("body[data-stale]", { state: "attached" });
    await page.getByText(/The plant is shown as of \d\d:\d\d:\d\d\./).waitFor();
    await shot(page, "stale");
    await accessible(page);
    const message = "Raised while the dashboard was away";
    await tell("alarm", { machine: "pump-2", priority: "low", message });
    await page.waitForSelector('.link[data-kind="live"]');
    await page.waitForSelector("body:not([data-stale])", { state: "attached" });
    await page.locator("#alarms .alarm", { hasText: message }).waitFor();
    assert.equal(await page.locator(".banner").isVisible(), false);
    assert.deepEqual(errors, []);
    await close();
  },
);

test("a server that does not answer is told, with what to do", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.route("**/v1/**", (route) => route.abort());
  await page.goto(base);
  await page.getByText("The server cannot be reached.").first().waitFor();
  await page.unroute("**/v1/**");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.waitForSelector(".card");
  await context.close();
});

test("a thousand machines stay usable", { skip: real_plant !== undefined }, async () => {
  const large = await start_fixture({ machines: 1000 });
  const { page, errors, close } = await open("", { at: large.url });
  await page.waitForFunction(() => document.querySelectorAll(".card").length === 1000);
  await page.waitForSelector('.link[data-kind="live"]');
  await shot(page, "thousand");
  await page.getByRole("searchbox").fill("compressor-100");
  await page.waitForFunction(() => document.querySelectorAll("li:not([hidden]) > .card").length === 1);
  await page.keyboard.press("Tab");
  await no_sideways_scroll(page);
  assert.deepEqual(errors, []);
  await close();
  await large.stop();
});
