// A foreign OPC UA client (node-opcua): browses to sensors below Objects/Machines, reads them, subscribes to them and to
// alarm events, and writes all that it got as JSON lines.
//
//   npm ci --prefix tests/e2e/opcua
//   node tests/e2e/opcua/node_client.mjs --endpoint opc.tcp://127.0.0.1:4840 --path pump-1/motor/current --seconds 10
//
// Options: --endpoint URL; --path MACHINE/COMPONENT/SENSOR (again for more); --seconds N (default 10); --count N and
// --events N: end as soon as so many values (after each sensor's first read) and events have come.
// Lines: {"kind":"sensor",…} once a path; {"kind":"value",…} each; {"kind":"event",…} each; {"kind":"end",…}.
// Exit code: 0, or 1 where --count or --events was not reached in time or something failed.
import {
  AttributeIds, constructEventFilter, DataChangeFilter, DataChangeTrigger,
  DataType, MessageSecurityMode, OPCUAClient, SecurityPolicy, TimestampsToReturn, UserTokenType,
} from "node-opcua-client";
import { OPCUACertificateManager } from "node-opcua-certificate-manager";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

// Standard output is for the JSON lines alone.
console.log = console.error;
console.info = console.error;
console.warn = console.error;

const MACHINERY = "http://opcfoundation.org/UA/Machinery/";
const PLANT = "urn:millwright:plant";
const PLANT_FIELDS = ["AlarmId", "State", "Priority", "Machine", "Component", "Sensor", "Value", "Limit"];
const CONDITION_FIELDS = { ConditionName: "ConditionName", ActiveState: "ActiveState.Id", AckedState: "AckedState.Id" };
const BASE_FIELDS = ["EventId", "EventType", "SourceNode", "SourceName", "Time", "ReceiveTime", "Message", "Severity"];

const { values: options } = parseArgs({
  options: {
    endpoint: { type: "string", default: "opc.tcp://127.0.0.1:4840" },
    path: { type: "string", multiple: true, default: [] },
    seconds: { type: "string", default: "10" },
    count: { type: "string" },
    events: { type: "string" },
    security: { type: "string" },  // POLICY,MODE such as Basic256Sha256,SignAndEncrypt
    certificate: { type: "string" },
    key: { type: "string" },
    "application-uri": { type: "string" },
    user: { type: "string" },
    password: { type: "string" },
    "user-certificate": { type: "string" },  // DER; the user shows it instead of a password
    "user-key": { type: "string" },  // PEM
  },
});

const write = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

// The DataValue's time is a Date in ms and the picoseconds within that ms.
function timeNs(dataValue) {
  if (!dataValue.sourceTimestamp) return null;
  const ms = BigInt(dataValue.sourceTimestamp.getTime());
  return (ms * 1000000n + BigInt(Math.floor((dataValue.sourcePicoseconds ?? 0) / 1000))).toString();
}

function int64(pair) {  // node-opcua has 64-bit integers as [high, low]
  return (BigInt(pair[0]) << 32n) | BigInt(pair[1] >>> 0);
}

function plain(variant) {
  const value = variant?.value;
  if (value === null || value === undefined) return null;
  if (variant.dataType === DataType.Int64) return BigInt.asIntN(64, int64(value)).toString();
  if (variant.dataType === DataType.UInt64) return BigInt.asUintN(64, int64(value)).toString();
  if (variant.dataType === DataType.LocalizedText) return value.text ?? "";
  if (variant.dataType === DataType.ByteString) return value.toString("hex");
  if (variant.dataType === DataType.DateTime) return value.toISOString();
  if (variant.dataType === DataType.NodeId) return value.toString();
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  return value;
}

// Any number as the 8 bytes of its double, big-endian.
function doubleHex(variant) {
  let number = variant?.value;
  if (Array.isArray(number) || number instanceof Uint32Array) number = Number(plain(variant));
  if (typeof number === "boolean") number = number ? 1 : 0;
  if (typeof number !== "number") return null;
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(number);
  return bytes.toString("hex");
}

function valueLine(path, dataValue) {
  return {
    kind: "value", path, time_ns: timeNs(dataValue), value_hex: doubleHex(dataValue.value), value: plain(dataValue.value),
    status: dataValue.statusCode.name, status_code: dataValue.statusCode.value,
  };
}

async function child(session, nodeId, name) {
  let result = await session.browse({
    nodeId, browseDirection: 0, referenceTypeId: "HierarchicalReferences", includeSubtypes: true, resultMask: 63,
  });
  for (;;) {
    const found = (result.references ?? []).find((reference) => reference.browseName.name === name);
    if (found || !result.continuationPoint?.length) return found?.nodeId;
    result = await session.browseNext(result.continuationPoint, false);
  }
}

async function walk(session, names) {
  let nodeId = "i=85";
  for (const name of names) {
    nodeId = await child(session, nodeId, name);
    if (!nodeId) throw new Error(`no '${name}' on the way Objects/${names.join("/")}`);
  }
  return nodeId;
}

async function property(session, nodeId, name) {
  const id = await child(session, nodeId, name);
  return id ? (await session.read({ nodeId: id, attributeId: AttributeIds.Value })).value?.value : null;
}

async function describe(session, path) {
  const nodeId = await walk(session, ["Machines", ...path.split("/")]);
  const dataType = await session.read({ nodeId, attributeId: AttributeIds.DataType });
  const description = await session.read({ nodeId, attributeId: AttributeIds.Description });
  const unit = await property(session, nodeId, "EngineeringUnits");
  const range = await property(session, nodeId, "EURange");
  const states = await property(session, nodeId, "EnumValues");
  write({
    kind: "sensor", path, node_id: nodeId.toString(), type: DataType[dataType.value.value.value],
    description: description.value?.value?.text ?? "",
    unit: unit && { symbol: unit.displayName.text, id: unit.unitId, namespace: unit.namespaceUri,
                    description: unit.description.text },
    range: range && { low: range.low, high: range.high },
    states: states && Object.fromEntries(states.map((s) => [String(BigInt.asIntN(64, int64(s.value))), s.displayName.text])),
  });
  write(valueLine(path, await session.read({ nodeId, attributeId: AttributeIds.Value }, 0)));
  return nodeId;
}

// The server's certificate is taken as it is: whom to trust is the platform's question here, not this client's.
function security() {
  if (!options.security) return { securityMode: MessageSecurityMode.None, securityPolicy: SecurityPolicy.None };
  const [policy, mode] = options.security.split(",");
  const name = policy.replace(/^(Aes\d+)Sha256/, "$1_Sha256_");
  return {
    securityMode: MessageSecurityMode[mode], securityPolicy: SecurityPolicy[name],
    certificateFile: options.certificate, privateKeyFile: options.key, applicationUri: options["application-uri"],
  };
}

function identity() {
  if (options["user-certificate"]) {
    return {
      type: UserTokenType.Certificate, certificateData: readFileSync(options["user-certificate"]),
      privateKey: readFileSync(options["user-key"], "ascii"),
    };
  }
  return options.user ? { type: UserTokenType.UserName, userName: options.user, password: options.password } : undefined;
}

async function main(folder) {
  // The library wants a certificate also where none is used; it is thrown away with the folder.
  const client = OPCUAClient.create({
    applicationName: "millwright-e2e", clientCertificateManager: new OPCUACertificateManager({
      rootFolder: folder, automaticallyAcceptUnknownCertificate: true,
    }),
    ...security(),
    endpointMustExist: false, connectionStrategy: { maxRetry: 3, initialDelay: 200 },
  });
  await client.connect(options.endpoint);
  const session = await client.createSession(identity());
  const namespaces = await session.readNamespaceArray();
  if (!namespaces.includes(MACHINERY)) throw new Error(`the server has no namespace ${MACHINERY}`);
  const plant = namespaces.indexOf(PLANT);

  const wanted = { values: Number(options.count ?? Infinity), events: Number(options.events ?? Infinity) };
  const got = { values: 0, events: 0 };
  const has = (kind) => wanted[kind] === Infinity || got[kind] >= wanted[kind];
  let finish;
  const finished = new Promise((resolve) => { finish = resolve; });
  const check = () => {
    const limited = wanted.values !== Infinity || wanted.events !== Infinity;
    if (limited && has("values") && has("events")) finish();
  };

  const nodes = [];
  for (const path of options.path) nodes.push([path, await describe(session, path)]);
  const subscription = await session.createSubscription2({
    requestedPublishingInterval: 50, requestedLifetimeCount: 1000, requestedMaxKeepAliveCount: 20,
    maxNotificationsPerPublish: 0, publishingEnabled: true, priority: 1,
  });
  for (const [path, nodeId] of nodes) {
    const item = await subscription.monitor(
      { nodeId, attributeId: AttributeIds.Value },
      { samplingInterval: 10, queueSize: 10000, discardOldest: true,
        filter: new DataChangeFilter({ trigger: DataChangeTrigger.StatusValueTimestamp }) },
      TimestampsToReturn.Both);
    item.on("changed", (dataValue) => {
      write(valueLine(path, dataValue));
      got.values += 1;
      check();
    });
  }
  const names = [...BASE_FIELDS, ...Object.keys(CONDITION_FIELDS), ...PLANT_FIELDS];
  const fields = [...BASE_FIELDS, ...Object.values(CONDITION_FIELDS), ...PLANT_FIELDS.map((name) => `${plant}:${name}`)];
  const events = await subscription.monitor(
    { nodeId: "i=2253", attributeId: AttributeIds.EventNotifier },
    { samplingInterval: 0, queueSize: 10000, discardOldest: true, filter: constructEventFilter(fields) },
    TimestampsToReturn.Both);
  events.on("changed", (variants) => {
    const line = { kind: "event" };
    variants.forEach((variant, i) => { line[names[i]] = plain(variant); });
    write(line);
    got.events += 1;
    check();
  });
  write({ kind: "subscribed", paths: options.path });
  const timer = setTimeout(finish, Number(options.seconds) * 1000);
  await finished;
  clearTimeout(timer);
  await subscription.terminate();
  await session.close();
  await client.disconnect();
  write({ kind: "end", values: got.values, events: got.events });
  return has("values") && has("events") ? 0 : 1;
}

const folder = mkdtempSync(join(tmpdir(), "millwright-opcua-"));
const code = await main(folder).catch((error) => {
  process.stderr.write(`${error.stack ?? error}\n`);
  return 1;
});
rmSync(folder, { recursive: true, force: true });
process.exit(code);
