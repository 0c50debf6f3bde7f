// A small plant that is made up, for developing and testing the dashboard without a server: it follows the REST
// contract, and its values are a function of time, so that history and live readings agree and every run is alike.
//
//   node tests/fixture-server.mjs [--port 8080] [--machines 24]
//
// Beside the contract, for tests: POST /fixture/alarm {machine, component, sensor, priority, message} raises an alarm,
// POST /fixture/clear {id} ends one, POST /fixture/drop ends all streams, POST /fixture/refuse {seconds} refuses new ones.

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const DIST = fileURLToPath(new URL("../dist/", import.meta.url));
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};
const SEVERITY = { low: 200, medium: 400, high: 600, critical: 800 };
const STEP_MS = { "1s": 1000, "1m": 60_000, "1h": 3_600_000 };

/** The same number between 0 and 1 for the same input. */
function noise(...parts) {
  let hash = 2166136261;
  for (const char of parts.join("|")) hash = Math.imul(hash ^ char.charCodeAt(0), 16777619);
  hash = Math.imul(hash ^ (hash >>> 15), 2246822507);
  return ((hash ^ (hash >>> 13)) >>> 0) / 4294967296;
}

const KINDS = {
  "centrifugal-pump": {
    maker: ["Grundfell", "CRN 45-3"],
    parts: [
      [
        "motor",
        "",
        "Asynchronous motor, 22 kW",
        [
          ["current", "A", 0, 60, 31, 1.2],
          ["winding-temperature", "°C", 0, 155, 78, 1.5],
          ["speed", "1/min", 0, 3600, 2940, 9],
        ],
      ],
      [
        "bearing-de",
        "motor",
        "Drive-end bearing",
        [
          ["vibration", "mm/s", 0, 11, 1.8, 0.35],
          ["temperature", "°C", 0, 120, 54, 0.7],
        ],
      ],
      [
        "pump",
        "",
        "Single-stage pump",
        [
          ["flow", "m³/h", 0, 90, 62, 1.1],
          ["discharge-pressure", "bar", 0, 10, 5.4, 0.08],
        ],
      ],
    ],
  },
  compressor: {
    maker: ["Atlas Nord", "GA 75"],
    parts: [
      [
        "element",
        "",
        "Screw element",
        [
          ["outlet-temperature", "°C", 0, 130, 88, 1.2],
          ["outlet-pressure", "bar", 0, 13, 7.2, 0.06],
        ],
      ],
      [
        "motor",
        "",
        "Main drive, 75 kW",
        [
          ["current", "A", 0, 180, 121, 2.4],
          ["speed", "1/min", 0, 4500, 3980, 14],
        ],
      ],
    ],
  },
  "machining-centre": {
    maker: ["Hedelin", "MC 630"],
    parts: [
      [
        "spindle",
        "",
        "Motor spindle, 18,000 1/min",
        [
          ["load", "%", 0, 120, 46, 6],
          ["vibration", "mm/s", 0, 8, 0.9, 0.2],
          ["temperature", "°C", 0, 90, 41, 0.8],
        ],
      ],
      [
        "coolant",
        "",
        "Coolant supply",
        [
          ["pressure", "bar", 0, 80, 39, 0.9],
          ["temperature", "°C", 0, 60, 22.4, 0.2],
        ],
      ],
    ],
  },
  conveyor: {
    maker: ["Interlauf", "BC 12"],
    parts: [
      [
        "drive",
        "",
        "Gear motor",
        [
          ["current", "A", 0, 12, 4.1, 0.3],
          ["belt-speed", "m/s", 0, 2, 0.85, 0.01],
        ],
      ],
    ],
  },
};

const PLACES = [
  ["lyon", "utilities", "cooling", "pumps", "centrifugal-pump", "pump"],
  ["lyon", "utilities", "compressed-air", "", "compressor", "compressor"],
  ["lyon", "machining", "line-1", "cell-a", "machining-centre", "mc"],
  ["lyon", "machining", "line-2", "cell-b", "machining-centre", "mc-b"],
  ["turin", "assembly", "line-1", "", "conveyor", "conveyor"],
  ["turin", "assembly", "line-2", "", "conveyor", "conveyor-b"],
];

function make_machines(count) {
  const machines = [];
  for (let i = 0; i < count; ++i) {
    const [site, area, line, cell, type, stem] = PLACES[i % PLACES.length];
    const number = Math.floor(i / PLACES.length) + 1;
    const id = `${stem}-${number}`;
    const path = ["acme", site, area, line, cell, id].filter(Boolean).join("/");
    const chance = noise("state", id);
    const state =
      i < 3 ? "running" : chance < 0.76 ? "running" : chance < 0.9 ? "idle" : chance < 0.97 ? "down" : "unknown";
    const make = (component, [name, unit, low, high, mid, spread]) => ({
      name,
      path: [path, component, name].filter(Boolean).join("/"),
      component: component || null,
      description: "",
      unit,
      type: "float64",
      range: { low, high },
      rate_hz: 100,
      mid,
      spread,
      machine: id,
    });
    const components = KINDS[type].parts.map(([name, part_of, description, sensors]) => ({
      name,
      part_of: part_of || null,
      description,
      sensors: sensors.map((sensor) => make(name, sensor)),
    }));
    const own = [
      {
        name: "state",
        path: `${path}/state`,
        component: null,
        description: "Operating state",
        unit: null,
        type: "state",
        range: null,
        rate_hz: 1,
        mid: 0,
        spread: 0,
        machine: id,
      },
    ];
    machines.push({
      id,
      path,
      type,
      site,
      area,
      line,
      cell,
      state,
      description: `${type === "conveyor" ? "Belt" : "Unit"} ${number} of ${line}`,
      nameplate: {
        manufacturer: KINDS[type].maker[0],
        model: KINDS[type].maker[1],
        serial_number: `SN-${10000 + Math.floor(noise(id) * 89999)}`,
      },
      components,
      own,
      sensors: [...own, ...components.flatMap((component) => component.sensors)],
    });
  }
  return machines;
}

/** Mean of a sensor in the second `s`, with its slow and its fast parts and a rare spike. */
function mean_at(sensor, s) {
  const phase = noise(sensor.path) * 6.28;
  return (
    sensor.mid +
    sensor.spread * (Math.sin(s / 97 + phase) + 0.5 * Math.sin(s / 23 + 2 * phase) + (noise(sensor.path, s) - 0.5))
  );
}

function second(sensor, s) {
  if (sensor.type === "state") return { count: 1, bad_count: 0, min: 1, max: 1, mean: 1 };
  const mean = mean_at(sensor, s);
  const half = sensor.spread * (0.35 + 0.3 * noise("width", sensor.path, s));
  const spike = noise("spike", sensor.path, Math.floor(s / 3)) > 0.992 ? sensor.spread * 5 : 0;
  return { count: sensor.rate_hz, bad_count: 0, min: mean - half, max: mean + half + spike, mean };
}

function bucket(sensor, start_s, length_s) {
  if (length_s === 1) {
    const one = second(sensor, start_s);
    return { ...one, first: one.mean, last: one.mean, sum: one.mean * one.count };
  }
  const samples = Array.from({ length: 12 }, (_, i) => second(sensor, Math.floor(start_s + (i * length_s) / 12)));
  const mean = samples.reduce((sum, one) => sum + one.mean, 0) / samples.length;
  const count = sensor.rate_hz * length_s;
  return {
    count,
    bad_count: 0,
    min: Math.min(...samples.map((one) => one.min)),
    max: Math.max(...samples.map((one) => one.max)),
    mean,
    first: samples[0].mean,
    last: samples[11].mean,
    sum: mean * count,
  };
}

export async function start_fixture({ port = 0, machines: machine_count = 24, dist = DIST } = {}) {
  const machines = make_machines(machine_count);
  const by_id = new Map(machines.map((machine) => [machine.id, machine]));
  const started = Date.now();
  const streams = new Set();
  const alarms = [];
  let controls = [];
  let version = 0;
  let next_id = 1;
  let refuse_until = 0;

  const iso = (ms) => new Date(ms).toISOString();
  const active_of = (id) => alarms.filter((alarm) => alarm.machine === id && alarm.cleared === null);
  const highest = (list) =>
    ["critical", "high", "medium", "low"].find((priority) => list.some((alarm) => alarm.priority === priority)) ?? null;

  function raise(
    {
      machine,
      component = "",
      sensor = "",
      priority = "medium",
      message = "Out of its usual range",
      value = 7.91,
      limit = 7.1,
    },
    at = Date.now(),
  ) {
    const alarm = {
      id: next_id++,
      condition: `${machine}/${component}/${sensor}#xbar`,
      state: "unacknowledged",
      suppression: "none",
      priority,
      severity: SEVERITY[priority],
      machine,
      component: component || null,
      sensor: sensor ? `${by_id.get(machine)?.path}/${component}/${sensor}` : null,
      message,
      value,
      limit,
      raised: iso(at),
      published: iso(at + 4),
      cleared: null,
      acknowledged: null,
      acknowledged_by: "",
      comment: "",
      suppressed_until: null,
      first_out: machine.startsWith("pump") && !alarms.some((one) => one.machine === machine && one.cleared === null),
      consequence_of: alarms.find((one) => one.machine === machine && one.cleared === null)?.id ?? null,
      raises: 1,
      version: ++version,
    };
    alarms.push(alarm);
    send_alarm(alarm);
    return alarm;
  }

  function change(alarm, changes) {
    Object.assign(alarm, changes, { version: ++version });
    alarm.state =
      alarm.cleared === null
        ? alarm.acknowledged === null
          ? "unacknowledged"
          : "acknowledged"
        : alarm.acknowledged === null
          ? "returned-unacknowledged"
          : "normal";
    send_alarm(alarm);
    return alarm;
  }

  // One alarm's condition each, as a control of the dashboard's makes.
  function suppress(kind, match, until, { by, comment }) {
    const control = { id: next_id++, kind, match, since: iso(Date.now()), until, by, comment, released: false };
    controls.push(control);
    for (const alarm of alarms.filter((one) => one.condition === match && one.cleared === null))
      change(alarm, { suppression: kind, suppressed_until: until });
    return control;
  }

  function release(control) {
    controls = controls.filter((one) => one !== control);
    for (const alarm of alarms.filter((one) => one.condition === control.match && one.cleared === null))
      change(alarm, { suppression: "none", suppressed_until: null, acknowledged: null, acknowledged_by: "", comment: "" });
    return { ...control, released: true };
  }

  const reasons = [
    { code: "failure", name: "Failure", parent: null, counts_as: "down" },
    { code: "mechanical", name: "Mechanical", parent: "failure", counts_as: "down" },
    { code: "waiting", name: "Waiting", parent: null, counts_as: "idle" },
    { code: "no-material", name: "No material", parent: "waiting", counts_as: "idle" },
  ];
  const downtime = machines.slice(0, 6).map((machine, i) => ({
    id: `${machine.id}-${i}`,
    machine: machine.id,
    path: `acme/lyon/hall/line/cell/${machine.id}`,
    from: iso(Date.now() - (7 - i) * 1_900_000),
    to: i === 5 ? null : iso(Date.now() - (7 - i) * 1_900_000 + 600_000),
    stopped_s: 600 + 40 * i,
    activity: i % 2 === 0 ? "down" : "idle",
    counts_as: i % 2 === 0 ? "down" : "idle",
    reason: i === 1 ? "no-material" : null,
    comment: i === 1 ? "Coil late" : "",
    version: 1,
  }));

  function oee_row(path, low) {
    const [availability, performance, quality] = [0.93 - low, 0.88 - low / 2, 0.985 - low / 5];
    const of = availability * performance * quality;
    return {
      ...{ path, oee: of, availability, performance, quality, teep: of * 0.7, planned_busy_s: 28_800, waiting_s: 620 },
      ...{ breakdowns_s: 28_800 * (0.04 + low), setup_s: 580, small_stops_s: 340, reduced_speed_s: 2_300 },
      ...{ start_up_rejects_s: 60, production_rejects_s: 310 },
    };
  }

  function oee(query) {
    const items =
      query.get("level") === "machine"
        ? machines.slice(0, 8).map((machine, i) => oee_row(`acme/lyon/hall/line/cell/${machine.id}`, i * 0.03))
        : [oee_row("acme/lyon", 0.05)];
    return { from: iso(Date.now() - 28_800_000), to: iso(Date.now()), time_zone: "Europe/Paris", items };
  }

  async function explain(path, request, response) {
    const event = downtime.find((one) => path === `/v1/downtime/${one.id}`);
    const body = await body_of(request);
    if (request.headers["if-match"] !== `"${event.version}"`) return problem(response, 409, "Conflict", "Read it again.");
    const reason = reasons.find((one) => one.code === body.reason);
    Object.assign(event, { reason: reason?.code ?? null, comment: body.comment, version: event.version + 1 });
    return send(response, 200, event);
  }

  const days = 24 * 3_600_000;
  const order_of = (number, state, more = {}) => ({
    id: `01KAJB00000000000000000${String(number).padStart(3, "0")}`,
    reference: `01KAJB000000000000${String(number).padStart(2, "0")}`,
    machine_id: "pump-1",
    machine_path: "acme/lyon/utilities/cooling/pumps/pump-1",
    component: "motor",
    cause: "bearing wear",
    recommended_action: "Replace the motor's bearings",
    priority: "high",
    predicted_failure_date: iso(Date.now() + 20 * days),
    lead_time_days: 7,
    evidence: { failure_probability: 0.73, health: 38, alarms: ["vibration-de above its limit"], lookahead_days: 30 },
    source: "rule",
    created_by: "rule",
    state,
    version: 1,
    created_at: iso(Date.now() - number * 3_600_000),
    changed_at: iso(Date.now() - number * 3_600_000),
    connector: "sap",
    erp_id: null,
    erp_state: null,
    findings: null,
    spare_parts: [],
    downtime_min: 0,
    changes: [{ version: 1, time: iso(Date.now() - number * 3_600_000), who: "rule", from: "proposed", to: "proposed", note: "raised by rule" }],
    deliveries: [],
    ...more,
  });
  const orders = [
    order_of(1, "proposed"),
    order_of(2, "approved", {
      recommended_action: "Align the coupling",
      cause: "misalignment",
      component: "pump",
      priority: "medium",
      deliveries: [{ id: "d", order_id: "o", connector: "sap", state: "dead", attempts: 1, created_at: iso(Date.now()), next_attempt_at: null, last_error: "HTTP 400: Equipment PUMP-1 does not exist" }],
    }),
    order_of(3, "sent", { recommended_action: "Change the seal", cause: null, priority: "low", erp_id: "000010000045", erp_state: "1", predicted_failure_date: null }),
    order_of(4, "done", { machine_id: "conveyor-1", component: "drive", connector: null, findings: "The belt had slipped.", spare_parts: ["belt B-114"], downtime_min: 45 }),
  ];

  function move_order(order, to, body) {
    const change = { version: ++order.version, time: iso(Date.now()), who: body.by, from: order.state, to, note: body.note || null };
    Object.assign(order, { state: to, changed_at: change.time, changes: [...order.changes, change] });
    if (to === "done") Object.assign(order, { findings: body.findings, spare_parts: body.spare_parts, downtime_min: body.downtime_min });
    return order;
  }

  function performance() {
    const conditions = [...new Set(alarms.map((alarm) => alarm.condition))];
    const raises = alarms.length;
    const bad_actors = conditions
      .map((condition) => ({ condition, raises: alarms.filter((alarm) => alarm.condition === condition).length }))
      .map((actor) => ({ ...actor, share: actor.raises / raises }));
    const by_priority = Object.fromEntries(
      Object.keys(SEVERITY).map((priority) => [priority, alarms.filter((alarm) => alarm.priority === priority).length]),
    );
    return {
      period_s: 86_400,
      raises,
      per_10min: raises / 144,
      peak_10min: Math.min(raises, 12),
      flood_share: 0.004,
      in_flood: false,
      active: alarms.filter((alarm) => alarm.cleared === null).length,
      suppressed: alarms.filter((alarm) => alarm.suppression !== "none").length,
      by_priority,
      bad_actors: bad_actors.slice(0, 10),
      chattering: conditions.slice(0, 1),
      stale: [],
    };
  }

  function quality_of(sensor) {
    if (sensor.machine === "compressor-2" && sensor.component === "motor") return ["BadNoCommunication", 0x80310000];
    if (sensor.machine === "pump-3" && sensor.name === "flow") return ["UncertainEngineeringUnitsExceeded", 0x40940000];
    return ["Good", 0];
  }

  function live(sensor, ms) {
    const [quality, quality_code] = quality_of(sensor);
    const dead = quality_code >= 0x80000000;
    const state = by_id.get(sensor.machine)?.state;
    const time = dead ? started - 90_000 : ms;
    const is_state = sensor.type === "state";
    const last = second(sensor, Math.floor(time / 1000) - 1);
    return {
      value: is_state ? ["down", "running", "idle"].indexOf(state ?? "") : last.mean,
      state_name: is_state ? (state === "unknown" ? null : state) : null,
      quality,
      quality_code,
      time,
      last: is_state ? null : last,
    };
  }

  function sensor_json(sensor, ms) {
    const now = live(sensor, ms);
    const { mid: _mid, spread: _spread, machine: _machine, ...rest } = sensor;
    const json = {
      ...rest,
      value: now.value,
      quality: now.quality,
      quality_code: now.quality_code,
      source_time: iso(now.time),
      received: iso(now.time),
      last_second: now.last
        ? {
            start: iso(Math.floor(now.time / 1000 - 1) * 1000),
            count: now.last.count,
            bad_count: 0,
            min: now.last.min,
            max: now.last.max,
            mean: now.last.mean,
          }
        : null,
    };
    if (sensor.type === "state") json.state_name = now.state_name;
    return json;
  }

  function machine_level(machine) {
    const active = active_of(machine.id);
    const codes = machine.sensors.map((sensor) => quality_of(sensor)[1]);
    const quality = codes.some((code) => code >= 0x80000000)
      ? "bad"
      : codes.some((code) => code >= 0x40000000)
        ? "uncertain"
        : "good";
    return {
      id: machine.id,
      state: machine.state,
      quality,
      active_alarms: active.length,
      highest_priority: highest(active),
    };
  }

  function machine_json(machine) {
    const { path, type, description, site, area, line, cell } = machine;
    return {
      ...machine_level(machine),
      path,
      type,
      description,
      site,
      area,
      line,
      cell,
      state_name: machine.state === "unknown" ? null : machine.state,
      sensors: machine.sensors.length,
    };
  }

  function stats(ms) {
    const s = Math.floor(ms / 1000);
    const per_s = machines.reduce(
      (sum, machine) => sum + machine.sensors.reduce((all, sensor) => all + sensor.rate_hz, 0),
      0,
    );
    return {
      readings: Math.round(((ms - started) / 1000 + 86_400) * per_s),
      readings_per_s: per_s * (1 + (noise("rate", s) - 0.5) * 0.01),
      active_alarms: alarms.filter((alarm) => alarm.cleared === null).length,
      disk_bytes: 4.21e9 + (ms - started) * 40,
      bytes_per_reading: 1.37,
      alarm_latency_ms: { p50: 3.2, p99: 11.8 },
      disk_full: false,
    };
  }

  function plant(ms) {
    const tree = [];
    for (const machine of machines) {
      let level = tree;
      let path = "acme";
      for (const [kind, name] of [
        ["site", machine.site],
        ["area", machine.area],
        ["line", machine.line],
        ["cell", machine.cell],
        ["machine", machine.id],
      ]) {
        if (!name) continue;
        path += `/${name}`;
        let node = level.find((child) => child.name === name);
        if (!node) level.push((node = { name, kind, path, children: [] }));
        level = node.children;
      }
    }
    return {
      name: "Acme Lyon",
      enterprise: "acme",
      version: "0.1.0",
      started: iso(started),
      shards: 2,
      opcua_endpoint: "opc.tcp://127.0.0.1:4840",
      machines: machines.length,
      sensors: machines.reduce((sum, machine) => sum + machine.sensors.length, 0),
      hierarchy: tree,
      connectors: [
        {
          name: "plc-line-1",
          kind: "opcua",
          state: "connected",
          detail: "opc.tcp://10.4.0.11:4840, 212 items",
          since: iso(started - 7_200_000),
          readings: 48_211_904,
          refused: 0,
          reconnects: 1,
        },
        {
          name: "das-vibration",
          kind: "burst",
          state: "connected",
          detail: "10.4.0.30:5020, 16 channels",
          since: iso(started - 86_400_000),
          readings: 918_220_110,
          refused: 12,
          reconnects: 0,
        },
        {
          name: "plc-utilities",
          kind: "opcua",
          state: "backing-off",
          detail: "opc.tcp://10.4.0.12:4840: connection refused; next try in 8 s",
          since: iso(started - 95_000),
          readings: 8_120_004,
          refused: 0,
          reconnects: 4,
        },
      ],
      stats: stats(ms),
    };
  }

  function twin(machine, ms) {
    return {
      id: machine.id,
      path: machine.path,
      type: machine.type,
      description: machine.description,
      nameplate: machine.nameplate,
      hierarchy: { enterprise: "acme", site: machine.site, area: machine.area, line: machine.line, cell: machine.cell },
      state: machine.state,
      state_name: machine.state,
      quality: machine_level(machine).quality,
      components: machine.components.map((component) => ({
        ...component,
        sensors: component.sensors.map((sensor) => sensor_json(sensor, ms)),
      })),
      sensors: machine.own.map((sensor) => sensor_json(sensor, ms)),
      active_alarms: active_of(machine.id),
      version: 2,
      desired: desired_of(machine),
      computed: computed_of(machine),
    };
  }

  function desired_of(machine) {
    const sensor = machine.sensors.find((one) => one.component);
    if (!sensor || active_of(machine.id).length === 0) return {};
    const entry = { value: 25, tolerance: 0.5, reported: 31.25, state: "differs", since: iso(started - 90_000), alarmed: true };
    return { [`${sensor.component}/${sensor.name}`]: entry };
  }

  /** Health falls with active alarms; the component of the first is the one that wears. */
  function computed_of(machine) {
    const active = active_of(machine.id);
    const components = machine.components.map((component) => {
      const own = active.filter((alarm) => alarm.component === component.name);
      const health = 100 * 0.7 ** own.length;
      const wears = own.length > 0;
      return {
        name: component.name,
        health,
        confidence: 1,
        reasons: own.map((alarm) => ({
          kind: "alarm", cost: 0.3, sensor: null, text: `${alarm.priority} alarm on ${alarm.sensor}`, since: alarm.raised,
        })),
        in_service_since: null,
        remaining_life: {
          method: wears ? "health-trend" : "health",
          days: wears ? 6.2 : null, low: wears ? 3.8 : null, high: wears ? 10.1 : null, share: 0.9, confidence: 0.9,
        },
        failure_probability: { within_days: 30, probability: wears ? 0.97 : 0.027 },
      };
    });
    const healths = components.map((one) => one.health);
    const mean = healths.reduce((sum, one) => sum + one, 0) / Math.max(1, healths.length);
    return { time: iso(Date.now()), health: 0.8 * Math.min(100, ...healths) + 0.2 * mean, components };
  }

  function page(list, query, fallback) {
    const from = Number(query.get("cursor") ?? 0);
    const limit = Math.min(1000, Number(query.get("limit") ?? fallback));
    const items = list.slice(from, from + limit);
    return { items, next_cursor: from + limit < list.length ? String(from + limit) : null };
  }

  function history(machine, query) {
    const name = query.get("sensor") ?? "";
    const sensor = machine.sensors.find((one) => (one.component ? `${one.component}/${one.name}` : one.name) === name);
    if (!sensor) return null;
    const resolution = query.get("resolution") ?? "1s";
    const step = STEP_MS[resolution];
    const from = Math.ceil(Date.parse(query.get("from")) / step) * step;
    const to = Date.parse(query.get("to"));
    const dead_from = quality_of(sensor)[1] >= 0x80000000 ? started - 90_000 : Infinity;
    const times = [];
    for (let time = from; time + step <= Math.min(to, dead_from); time += step) times.push(time);
    const { items, next_cursor } = page(times, query, 1000);
    return {
      machine: machine.id,
      sensor: name,
      unit: sensor.unit,
      resolution,
      from: iso(from),
      to: iso(to),
      items: items.map((time) => ({ time: iso(time), ...bucket(sensor, time / 1000, step / 1000) })),
      next_cursor,
    };
  }

  function readings(only, ms) {
    const chosen = only.length > 0 ? only.map((id) => by_id.get(id)).filter(Boolean) : machines;
    return {
      time: iso(ms),
      machines: chosen.map((machine) =>
        only.length === 0
          ? machine_level(machine)
          : {
              ...machine_level(machine),
              sensors: machine.sensors.map((sensor) => {
                const now = live(sensor, ms);
                return {
                  path: sensor.path,
                  name: sensor.name,
                  value: now.value,
                  quality: now.quality,
                  mean: now.last?.mean ?? null,
                  min: now.last?.min ?? null,
                  max: now.last?.max ?? null,
                  time: iso(now.time),
                };
              }),
            },
      ),
    };
  }

  function send_alarm(alarm) {
    for (const { response } of streams)
      response.write(`id: ${alarm.version}\nevent: alarm\ndata: ${JSON.stringify(alarm)}\n\n`);
  }

  function send_tick() {
    const ms = Date.now();
    for (const { response, only } of streams) {
      response.write(`event: readings\ndata: ${JSON.stringify(readings(only, ms))}\n\n`);
      response.write(`event: stats\ndata: ${JSON.stringify(stats(ms))}\n\n`);
    }
  }

  function open_stream(request, response, query) {
    if (Date.now() < refuse_until) return problem(response, 503, "Starting", "The node is starting.");
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    const stream = { response, only: (query.get("machine") ?? "").split(",").filter(Boolean) };
    streams.add(stream);
    response.on("close", () => streams.delete(stream));
    response.write("retry: 2000\n\n");
    const after = Number(request.headers["last-event-id"] ?? version);
    for (const alarm of alarms.filter((one) => one.version > after))
      response.write(`id: ${alarm.version}\nevent: alarm\ndata: ${JSON.stringify(alarm)}\n\n`);
  }

  function send(response, status, body, type = "application/json") {
    response.writeHead(status, {
      "Content-Type": type,
      "Content-Security-Policy": "default-src 'self'",
      "X-Content-Type-Options": "nosniff",
    });
    response.end(typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body));
  }

  function problem(response, status, title, detail) {
    send(response, status, { type: "about:blank", title, status, detail, instance: "" }, "application/problem+json");
  }

  async function body_of(request) {
    let text = "";
    for await (const chunk of request) text += chunk;
    return text === "" ? {} : JSON.parse(text);
  }

  async function file(response, path) {
    const name = normalize(path === "/" ? "/index.html" : decodeURIComponent(path));
    try {
      send(response, 200, await readFile(join(dist, name)), TYPES[extname(name)] ?? "application/octet-stream");
    } catch {
      problem(response, 404, "Not found", `There is no ${name}.`);
    }
  }

  // Who may do what; nobody is asked to sign in until /fixture/person says who has.
  let person = null;
  const long_ago = iso(started - 200 * 86_400_000);
  const users = [
    { name: "anna", role: "admin", sites: ["*"], created: long_ago, changed: long_ago },
    { name: "otto", role: "operator", sites: ["acme/lyon"], created: long_ago, changed: long_ago },
  ];
  const tokens = [];
  const audit = [];
  const note = (who, what, status, detail) =>
    audit.unshift({
      n: audit.length + 1, time: iso(Date.now()), who, by: "session 1a2b", from: "10.0.0.7", what, status,
      ...(detail ? { detail } : {}),
    });
  note("anna", "POST /v1/session", 200, { name: "anna" });
  note("otto", "POST /v1/alarms/7/acknowledge", 200, { comment: "seen" });
  note("otto", "POST /v1/machines/pump-1/limits/relearn", 403);
  for (let i = 0; i < 120; ++i) note("anna", `POST /v1/machines/pump-1/commands/set-speed`, 200, { arguments: { speed: 1000 + i } });

  function add_user({ name, role, sites }) {
    const user = { name, role, sites, created: iso(Date.now()), changed: iso(Date.now()) };
    users.push(user);
    note(person?.name ?? "local", "POST /v1/users", 200, { name, role, sites });
    return user;
  }

  function add_token({ name, role }) {
    const token = {
      id: `t${tokens.length + 1}`, name, owner: person.name, role, sites: person.sites,
      created: iso(Date.now()), expires: iso(Date.now() + 30 * 86_400_000),
    };
    tokens.push(token);
    return token;
  }

  async function change_user(path, request, response) {
    const user = users.find((one) => path.endsWith(`/${one.name}`));
    const { password, ...change } = await body_of(request);
    if (user.name === "anna" && change.role !== "admin")
      return problem(response, 409, "Conflict", "the plant keeps one who may administer all of it");
    return send(response, 200, Object.assign(user, change));
  }

  function remove(path, response) {
    const [, list, id] = path.match(/^\/v1\/(users|tokens)\/(.+)$/);
    const of = list === "users" ? users : tokens;
    of.splice(of.findIndex((one) => one.name === id || one.id === id), 1);
    return send(response, 200, { done: true });
  }

  async function post(path, request, response) {
    const body = await body_of(request);
    const acknowledge = path.match(/^\/v1\/alarms\/(\d+)\/acknowledge$/);
    if (acknowledge) {
      const alarm = alarms.find((one) => one.id === Number(acknowledge[1]));
      if (!alarm) return problem(response, 404, "Not found", "There is no such alarm.");
      if (alarm.acknowledged !== null) return problem(response, 409, "Conflict", "The alarm is already acknowledged.");
      return send(
        response,
        200,
        change(alarm, { acknowledged: iso(Date.now()), acknowledged_by: body.by, comment: body.comment }),
      );
    }
    const shelve = path.match(/^\/v1\/alarms\/(\d+)\/shelve$/);
    if (shelve) {
      const alarm = alarms.find((one) => one.id === Number(shelve[1]));
      if (body.duration === "24h") return problem(response, 400, "Bad request", "an alarm is shelved for 8h at most");
      return send(response, 200, suppress("shelved", alarm.condition, iso(Date.now() + 3_600_000), body));
    }
    if (path === "/v1/alarm-controls") return send(response, 200, suppress(body.kind, body.match, null, body));
    const released = path.match(/^\/v1\/alarm-controls\/(\d+)\/release$/);
    if (released) return send(response, 200, release(controls.find((one) => one.id === Number(released[1]))));
    const on_order = path.match(/^\/v1\/maintenance\/work-orders\/([^/]+)\/(\w+)$/);
    if (on_order) {
      const order = orders.find((one) => one.id === on_order[1]);
      const to = { approve: "approved", reject: "rejected", start: "in-progress", complete: "done" }[on_order[2]];
      if (request.headers["if-match"] !== `"${order.version}"`) return problem(response, 412, "Precondition Failed", "It has changed.");
      return send(response, 200, move_order(order, to, body));
    }
    if (path === "/v1/users") return send(response, 200, add_user(body));
    if (path === "/v1/tokens") return send(response, 200, { ...add_token(body), token: `mw_${"x".repeat(43)}` });
    if (path === "/fixture/person") {
      person = body.name ? body : null;
      return send(response, 200, {});
    }
    if (path === "/fixture/alarm") return send(response, 200, raise(body));
    if (path === "/fixture/clear")
      return send(
        response,
        200,
        change(
          alarms.find((one) => one.id === body.id),
          { cleared: iso(Date.now()) },
        ),
      );
    if (path === "/fixture/refuse") refuse_until = Date.now() + body.seconds * 1000;
    if (path === "/fixture/drop" || path === "/fixture/refuse") {
      for (const { response: stream } of streams) stream.destroy();
      return send(response, 200, {});
    }
    return problem(response, 404, "Not found", path);
  }

  const server = createServer(async (request, response) => {
    const { pathname: path, searchParams: query } = new URL(request.url, "http://fixture");
    if (request.method === "POST") return post(path, request, response);
    if (request.method === "PATCH" && path.startsWith("/v1/users/")) return change_user(path, request, response);
    if (request.method === "PATCH") return explain(path, request, response);
    if (request.method === "DELETE") return remove(path, response);
    if (path === "/v1/analytics/oee") return send(response, 200, oee(query));
    if (path === "/v1/downtime") return send(response, 200, { items: downtime, next_cursor: null });
    if (path === "/v1/downtime/reasons") return send(response, 200, { items: reasons });
    if (path === "/v1/session")
      return send(response, 200, { mode: person ? "accounts" : "local", setup_needed: false, user: person });
    if (path === "/v1/users") return send(response, 200, { items: users });
    if (path === "/v1/tokens") return send(response, 200, { items: tokens });
    if (path === "/v1/audit") return send(response, 200, page(audit, query, 100));
    if (path === "/v1/plant") return send(response, 200, plant(Date.now()));
    if (path === "/v1/machines") return send(response, 200, page(machines.map(machine_json), query, 100));
    if (path === "/v1/alarm-controls") return send(response, 200, { items: controls, shelve_max_s: 86_400 });
    if (path === "/v1/maintenance/work-orders") {
      const list = orders.filter((order) => !query.get("state") || order.state === query.get("state"));
      return send(response, 200, page(list.map(({ changes, deliveries, ...order }) => order), query, 100));
    }
    if (path.startsWith("/v1/maintenance/work-orders/")) {
      const order = orders.find((one) => path.endsWith(`/${one.id}`));
      return order ? send(response, 200, order) : problem(response, 404, "Not found", "There is no such work order.");
    }
    if (path === "/v1/alarm-performance") return send(response, 200, performance());
    if (path === "/v1/stream") return open_stream(request, response, query);
    if (path === "/v1/alarms") {
      const wanted = query.get("active");
      const list = alarms.filter((alarm) => wanted === null || (alarm.cleared === null) === (wanted === "true"));
      return send(response, 200, page(list.reverse(), query, 100));
    }
    const of_machine = path.match(/^\/v1\/machines\/([^/]+)\/(twin|history)$/);
    if (of_machine) {
      const machine = by_id.get(decodeURIComponent(of_machine[1]));
      if (!machine) return problem(response, 404, "Not found", `There is no machine "${of_machine[1]}".`);
      const answer = of_machine[2] === "twin" ? twin(machine, Date.now()) : history(machine, query);
      return answer ? send(response, 200, answer) : problem(response, 404, "Not found", "There is no such sensor.");
    }
    if (path.startsWith("/v1/")) return problem(response, 404, "Not found", path);
    return file(response, path);
  });

  const minutes = 60_000;
  const past = raise(
    {
      machine: "conveyor-1",
      component: "drive",
      sensor: "current",
      priority: "low",
      message: "Drive current of conveyor-1 drifts down",
      value: 3.31,
      limit: 3.4,
    },
    started - 190 * minutes,
  );
  change(past, { acknowledged: iso(started - 180 * minutes), acknowledged_by: "M. Rossi", comment: "Belt was empty" });
  change(past, { cleared: iso(started - 170 * minutes) });
  raise(
    {
      machine: "pump-1",
      component: "bearing-de",
      sensor: "vibration",
      priority: "high",
      message: "Vibration of bearing-de is above its upper control limit",
      value: 3.94,
      limit: 3.1,
    },
    started - 6 * minutes,
  );
  const seen = raise(
    {
      machine: "mc-1",
      component: "spindle",
      sensor: "load",
      priority: "medium",
      message: "Spindle load shows a trend of 8 rising means",
      value: 58.2,
      limit: 55,
    },
    started - 42 * minutes,
  );
  change(seen, {
    acknowledged: iso(started - 40 * minutes),
    acknowledged_by: "A. Moreau",
    comment: "Roughing of the new part, watched",
  });
  const returned = raise(
    {
      machine: "compressor-1",
      component: "element",
      sensor: "outlet-temperature",
      priority: "low",
      message: "Outlet temperature left its usual range",
      value: 93.4,
      limit: 92,
    },
    started - 25 * minutes,
  );
  change(returned, { cleared: iso(started - 21 * minutes) });

  const timer = setInterval(send_tick, 1000);
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    stop: () => {
      clearInterval(timer);
      for (const { response } of streams) response.destroy();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: { port: { type: "string", default: "8080" }, machines: { type: "string", default: "24" } },
  });
  const { url } = await start_fixture({ port: Number(values.port), machines: Number(values.machines) });
  console.log(`A made-up plant is at ${url}`);
}
