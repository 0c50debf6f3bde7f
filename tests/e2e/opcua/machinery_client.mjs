// A foreign client (node-opcua) that looks at a machine as OPC 40001-1 has it, and at the alarms: prints one JSON
// object.
//
//   node machinery_client.mjs ENDPOINT MACHINE [POLICY,MODE CERTIFICATE KEY APPLICATION_URI USER PASSWORD]
//
// With a user it acknowledges the first alarm that is open.
import {
  AttributeIds, installAlarmMonitoring, MessageSecurityMode, OPCUAClient, SecurityPolicy, uninstallAlarmMonitoring, UserTokenType,
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

// The first alarm that is open, seen and acknowledged with the library's own list of alarms: it asks for every field that
// AlarmConditionType declares, and for the ConditionId as ConditionType's NodeId.
async function alarms(session) {
  const list = await installAlarmMonitoring(session);
  const alarm = (what, is) => new Promise((resolve, reject) => {
    const look = (each) => { if (is(each)) resolve(each); };
    list.on("alarmChanged", look);
    list.alarms().forEach(look);
    setTimeout(() => reject(new Error(`no alarm is ${what}`)), 20000);
  });
  const first = await alarm("open", (each) => each.getRetain());
  const condition = first.getField("conditionName").value;
  const status = await first.acknowledge(session, "seen by node");
  const after = await alarm("acknowledged", (each) => each === first && each.fields.ackedState.id.value);
  await uninstallAlarmMonitoring(session);
  return { condition, retain: true, status: status.name, comment: after.fields.comment.value.text };
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
