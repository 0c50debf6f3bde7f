// A primary host of Sparkplug B that prints what it hears, decoded by the package sparkplug-payload, a line of JSON each:
//   node sparkplug_host.mjs <broker port> <control port> [2.2]
// With `2.2` it says its state as that version has it.
// Told over HTTP: {"command": "rebirth" | "leave" | "come"}.
import http from "node:http";
import mqtt from "mqtt";
import sparkplug from "sparkplug-payload";

const [broker, control, version] = process.argv.slice(2);
const codec = sparkplug.get("spBv1.0");
const STATE = version === "2.2" ? "STATE/scada" : "spBv1.0/STATE/scada";
const since = Date.now();
const said = (online) => (version === "2.2" ? (online ? "ONLINE" : "OFFLINE") : JSON.stringify({ online, timestamp: since }));
const client = mqtt.connect(`mqtt://127.0.0.1:${broker}`, { reconnectPeriod: 100, clientId: "scada", clean: true,
  will: { topic: STATE, payload: said(false), qos: 1, retain: true } });
const plain = (value) => (typeof value === "object" && value?.toString ? Number(value.toString()) : value);
let here = true;
const appear = () => client.publish(STATE, said(true), { qos: 1, retain: true });

client.on("error", (error) => console.error(error));
client.on("connect", () => client.subscribe("spBv1.0/lyon/#", { qos: 1 }, () => { if (here) appear(); }));
client.on("message", (topic, bytes) => {
  if (topic.includes("/NCMD/")) return;
  const payload = codec.decodePayload(bytes);
  console.log(JSON.stringify({ topic, seq: payload.seq === undefined ? null : Number(payload.seq), metrics: payload.metrics.map((metric) => (
    { name: metric.name, alias: metric.alias === undefined ? null : Number(metric.alias), type: metric.type, value: plain(metric.value),
      historical: Boolean(metric.isHistorical), time: metric.timestamp === undefined ? null : Number(metric.timestamp) })) }));
});

const commands = {
  rebirth: () => client.publish("spBv1.0/lyon/NCMD/gateway", Buffer.from(codec.encodePayload({ timestamp: Date.now(), metrics: [
    { name: "Node Control/Rebirth", type: "Boolean", value: true }] })), { qos: 0 }),
  leave: () => { here = false; client.publish(STATE, said(false), { qos: 1, retain: true }); },
  come: () => { here = true; appear(); },
};
http.createServer((request, answer) => {
  let body = "";
  request.on("data", (chunk) => { body += chunk; });
  request.on("end", () => { commands[JSON.parse(body).command](); answer.end("{}"); });
}).listen(Number(control), "127.0.0.1");
