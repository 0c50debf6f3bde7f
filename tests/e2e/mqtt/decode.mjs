// Decodes lines "topic hex" of Sparkplug B payloads by the package sparkplug-payload, to JSON.
import fs from "node:fs";
import sparkplug from "sparkplug-payload";

const codec = sparkplug.get("spBv1.0");
const lines = fs.readFileSync(process.argv[2], "utf8").trim().split("\n");
console.log(JSON.stringify(lines.map((line) => {
  const [topic, hex] = line.split(" ");
  const payload = codec.decodePayload(Buffer.from(hex, "hex"));
  for (const metric of payload.metrics) if (metric.value?.toString && typeof metric.value === "object") metric.value = metric.value.toString();
  return { topic, seq: Number(payload.seq), metrics: payload.metrics.map(({ name, alias, type, value, isHistorical, timestamp }) => (
    { name, alias: alias && Number(alias), type, value, historical: Boolean(isHistorical), time: timestamp && Number(timestamp) })) };
})));
