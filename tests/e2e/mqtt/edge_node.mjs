// A Sparkplug B edge node by the package sparkplug-client, told what to do over HTTP:
//   node edge_node.mjs <broker port> <control port> [primary]
// With `primary` it waits for the host, as the specification asks: while the host or the broker is away it keeps its
// readings and sends them after its next birth, marked historical.
import http from "node:http";
import mqtt from "mqtt";
import sparkplug from "sparkplug-client";
import proto from "sparkplug-payload/lib/sparkplugPayloadProto.js";

const [broker, control, mode] = process.argv.slice(2);
const DEVICE = "press";
const T0 = 1_790_000_000_000;
const types = { "Drive/speed": "Float", count: "UInt64", running: "Boolean", batch: "String", temperature: "Double",
  level: "Int16", since: "DateTime", table: "DataSet" };
const alias = Object.fromEntries(Object.keys(types).map((name, i) => [name, 10 + i]));
const now = { "Drive/speed": 1.5, count: 0, running: true, batch: "B-4711", temperature: -2.25, level: -5, since: T0,
  table: { numOfColumns: 1, types: ["String"], columns: ["c"], rows: [["r"]] } };
const at = Object.fromEntries(Object.keys(types).map((name) => [name, T0 - 1]));
const state = { births: 0, rebirths: 0, connected: false, host: mode !== "primary", stored: [], sent: 0 };
let kept = [];
let packing = {};  // how payloads are compressed

const client = sparkplug.newClient({
  serverUrl: `mqtt://127.0.0.1:${broker}`, username: "", password: "", groupId: "lyon", edgeNode: "gateway",
  clientId: "gateway", version: "spBv1.0", keepalive: 5, mqttOptions: { reconnectPeriod: 200, queueQoSZero: false },
});

function births() {
  state.births += 1;
  client.publishNodeBirth({ timestamp: Date.now(), metrics: [
    { name: "Node Control/Rebirth", type: "Boolean", value: false }, { name: "uptime", type: "Int32", value: 7 }] }, packing);
  client.publishDeviceBirth(DEVICE, { timestamp: Date.now(), metrics: Object.keys(types).map((name) => (
    { name, alias: alias[name], type: types[name], timestamp: at[name], value: now[name] })) }, packing);
}

function flush() {
  for (const reading of kept) send(reading, true);
  kept = [];
}

function send({ name, value, time }, historical) {
  state.sent += 1;
  client.publishDeviceData(DEVICE, { timestamp: Date.now(), metrics: [
    { alias: alias[name], type: types[name], value, timestamp: time, ...(historical ? { isHistorical: true } : {}) }] }, packing);
}

function measure(reading) {
  if (!state.connected || !state.host) {
    kept.push(reading);
    state.stored.push(reading.value);
  } else {
    send(reading, false);
  }
  now[reading.name] = reading.value;
  at[reading.name] = reading.time;
}

client.on("birth", () => {
  state.connected = true;
  if (!state.host) return;
  births();
  flush();
});
client.on("ncmd", (payload) => {
  if (!payload.metrics.some((metric) => metric.name === "Node Control/Rebirth" && metric.value)) return;
  state.rebirths += 1;
  births();
});
// What it is told to be, it is, and says so.
client.on("dcmd", (device, payload) => {
  for (const { name, value } of payload.metrics) measure({ name, value, time: Date.now() });
});
client.on("close", () => { state.connected = false; if (mode === "primary") state.host = false; });
client.on("error", (error) => console.error(error));

if (mode === "primary") {
  const watcher = mqtt.connect(`mqtt://127.0.0.1:${broker}`, { reconnectPeriod: 200 });
  watcher.on("connect", () => watcher.subscribe("spBv1.0/STATE/plant", { qos: 1 }));
  watcher.on("error", (error) => console.error(error));
  watcher.on("message", (topic, message) => {
    const online = JSON.parse(message).online;
    if (online && !state.host && state.connected) { births(); flush(); }
    state.host = online;
  });
}

// What has no single value. The client knows no arrays: those go as its protobuf has them.
function structures() {
  const timestamp = T0;
  const tank = { isDefinition: false, templateRef: "Tank", metrics: [{ name: "level", type: "Int16", value: -7 }] };
  const motor = { isDefinition: false, templateRef: "Motor", version: "2", parameters: [{ name: "ratio", type: "Double", value: 2.5 }],
    metrics: [{ name: "speed", type: "Float", value: 1.5 }, { name: "tank", type: "Template", value: tank }] };
  const rows = { numOfColumns: 2, types: ["String", "Double"], columns: ["name", "n"], rows: [["a", 1.5], ["b", 2.5]] };
  client.publishDeviceData(DEVICE, { timestamp, metrics: [{ name: "motor", type: "Template", value: motor },
    { name: "rows", type: "DataSet", value: rows }, { name: "photo", type: "Bytes", value: new Uint8Array([0, 1, 2]) }] });
  const { Payload } = proto.org.eclipse.tahu.protobuf;
  const payload = { timestamp, metrics: [
    { name: "curve", datatype: 23, bytesValue: Buffer.from("0100feff", "hex") },                 // Int16Array
    { name: "flags", datatype: 32, bytesValue: Buffer.from("0c00000034d0", "hex") },             // BooleanArray
    { name: "steps", datatype: 33, bytesValue: Buffer.from("fill\0stir\0") }] };                 // StringArray
  client.addSeqNumber(payload);
  client.client.publish(`spBv1.0/lyon/DDATA/gateway/${DEVICE}`, Buffer.from(Payload.encode(Payload.create(payload)).finish()));
}

const commands = {
  // Readings of the count, numbered, 1 ms apart.
  count: ({ from, to }) => { for (let i = from; i < to; ++i) measure({ name: "count", value: i, time: T0 + i }); },
  measure,
  lose: () => client.incrementSeqNum(),
  deviceDeath: () => client.publishDeviceDeath(DEVICE, { timestamp: Date.now(), metrics: [] }),
  deviceBirth: births,
  structures,
  pack: ({ algorithm }) => { packing = { compress: true, algorithm }; },
  state: () => {},
};
http.createServer((request, answer) => {
  let body = "";
  request.on("data", (chunk) => { body += chunk; });
  request.on("end", () => {
    const { command, ...rest } = JSON.parse(body);
    commands[command](rest);
    answer.end(JSON.stringify({ ...state, kept: kept.length }));
  });
}).listen(Number(control), "127.0.0.1");
