// A foreign client (node-opcua) that looks at a machine as OPC 40001-1 has it, and at the alarms: prints one JSON
// object.
//
//   node machinery_client.mjs ENDPOINT MACHINE [POLICY,MODE CERTIFICATE KEY APPLICATION_URI USER PASSWORD]
//
// With a user it acknowledges the first alarm that is open.
import {
  AttributeIds, constructEventFilter, DataType, MessageSecurityMode, ofType, OPCUAClient, resolveNodeId, SecurityPolicy,
  SimpleAttributeOperand, TimestampsToReturn, UserTokenType,
} from "node-opcua-client";
import { OPCUACertificateManager } from "node-opcua-certificate-manager";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

for (const name of ["log", "info", "warn"]) console[name] = console.error;
const [endpoint, machine, security, certificateFile, privateKeyFile, applicationUri, userName, password] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "millwright-machinery-"));

async function children(session, nodeId) {
  const result = await session.browse({ nodeId, browseDirection: 0, referenceTypeId: "HierarchicalReferences",
                                        includeSubtypes: true, resultMask: 63 });
  return result.references ?? [];
}

async function nameOf(session, nodeId) {
  return (await session.read({ nodeId, attributeId: AttributeIds.BrowseName })).value.value?.name ?? "";
}

// {name: {type, reference, namespace, value, children}} to a depth.
async function tree(session, namespaces, nodeId, depth) {
  const found = {};
  for (const reference of await children(session, nodeId)) {
    const id = reference.nodeId;
    const entry = {
      type: reference.typeDefinition.value ? await nameOf(session, reference.typeDefinition) : "",
      reference: await nameOf(session, reference.referenceTypeId),
      namespace: namespaces[reference.browseName.namespaceIndex],
    };
    if (reference.nodeClass === 2) {
      const value = (await session.read({ nodeId: id, attributeId: AttributeIds.Value })).value?.value;
      entry.value = value?.text ?? (typeof value === "object" ? String(value) : value);
    }
    if (depth > 1) entry.children = await tree(session, namespaces, id, depth - 1);
    found[reference.browseName.name] = entry;
  }
  return found;
}

// The first alarm that is open, acknowledged by the library's own helper. Debian's open62541 gives the ConditionId only
// where it is asked for by a subtype of ConditionType.
async function alarms(session) {
  const subscription = await session.createSubscription2({ requestedPublishingInterval: 50, requestedLifetimeCount: 1000,
    requestedMaxKeepAliveCount: 20, publishingEnabled: true, priority: 1, maxNotificationsPerPublish: 0 });
  const filter = constructEventFilter(["EventId", "ConditionName", "Retain"], ofType(resolveNodeId("AlarmConditionType")));
  filter.selectClauses.push(new SimpleAttributeOperand({ typeDefinitionId: resolveNodeId("AlarmConditionType"), browsePath: [],
                                                         attributeId: AttributeIds.NodeId }));
  const events = await subscription.monitor({ nodeId: "i=2253", attributeId: AttributeIds.EventNotifier },
    { samplingInterval: 0, queueSize: 1000, discardOldest: true, filter }, TimestampsToReturn.Both);
  const first = new Promise((resolve, reject) => {
    events.on("changed", (fields) => { if (fields[2].value) resolve(fields.map((field) => field.value)); });
    setTimeout(() => reject(new Error("no alarm came")), 20000);
  });
  await session.call({ objectId: "i=2782", methodId: "i=3875",
                       inputArguments: [{ dataType: DataType.UInt32, value: subscription.subscriptionId }] });
  const [eventId, condition, retain, conditionId] = await first;
  const status = await session.acknowledgeCondition(conditionId, eventId, "seen by node");
  await subscription.terminate();
  return { condition, retain, status: status.name };
}

async function main() {
  const policy = security?.split(",");
  const client = OPCUAClient.create({
    applicationName: "millwright-e2e", endpointMustExist: false, connectionStrategy: { maxRetry: 3, initialDelay: 200 },
    clientCertificateManager: new OPCUACertificateManager({ rootFolder: folder, automaticallyAcceptUnknownCertificate: true }),
    securityMode: policy ? MessageSecurityMode[policy[1]] : MessageSecurityMode.None,
    securityPolicy: policy ? SecurityPolicy[policy[0]] : SecurityPolicy.None,
    ...(policy ? { certificateFile, privateKeyFile, applicationUri } : {}),
  });
  await client.connect(endpoint);
  const session = await client.createSession(userName ? { type: UserTokenType.UserName, userName, password } : undefined);
  const namespaces = await session.readNamespaceArray();
  const machines = await children(session, `ns=${namespaces.indexOf("http://opcfoundation.org/UA/Machinery/")};i=1001`);
  const node = machines.find((reference) => reference.browseName.name === machine);
  const result = { machine: await tree(session, namespaces, node.nodeId, 3), alarm: userName ? await alarms(session) : null };
  process.stdout.write(`${JSON.stringify(result)}\n`);
  await session.close();
  await client.disconnect();
}

const code = await main().then(() => 0, (error) => { console.error(error.stack ?? error); return 1; });
rmSync(folder, { recursive: true, force: true });
process.exit(code);
