// A foreign OPC UA server (node-opcua): in the clear, signed, or signed and encrypted, by three policies; anonymous, or a
// user by password. It has a number that counts up, one that stands still, and machines with more variables than the
// server has continuation points for (ten a session).
//
//   npm ci --prefix tests/e2e/opcua
//   node tests/e2e/opcua/node_server.mjs --port 4840 --folder /tmp/pki
import { MessageSecurityMode, SecurityPolicy } from "node-opcua-client";
import { OPCUACertificateManager } from "node-opcua-certificate-manager";
import { OPCUAServer } from "node-opcua-server";
import { DataType, Variant } from "node-opcua-variant";
import { parseArgs } from "node:util";

// Standard output is for the word that it is ready alone.
console.log = console.error;
console.info = console.error;
console.warn = console.error;

const { values: options } = parseArgs({ options: { port: { type: "string" }, folder: { type: "string" } } });
const clients = new OPCUACertificateManager({ rootFolder: options.folder, automaticallyAcceptUnknownCertificate: true });
await clients.initialize();
const server = new OPCUAServer({
  port: Number(options.port),
  hostname: "127.0.0.1",
  serverCertificateManager: clients,
  securityModes: [MessageSecurityMode.None, MessageSecurityMode.Sign, MessageSecurityMode.SignAndEncrypt],
  securityPolicies: [SecurityPolicy.None, SecurityPolicy.Basic256Sha256, SecurityPolicy.Aes128_Sha256_RsaOaep,
    SecurityPolicy.Aes256_Sha256_RsaPss],
  userManager: { isValidUser: (name, password) => name === "millwright" && password === "from the file" },
  allowAnonymous: true,
});
await server.initialize();

const space = server.engine.addressSpace;
const own = space.registerNamespace("urn:test:node");
const number = (value) => new Variant({ dataType: DataType.Double, value });
const line = own.addObject({ organizedBy: space.rootFolder.objects, browseName: "Line" });
const level = own.addVariable({ componentOf: line, browseName: "level", nodeId: "s=level", dataType: DataType.Double });
for (let machine = 0; machine < 40; ++machine) {
  const at = own.addObject({ organizedBy: line, browseName: `m${machine}` });
  for (let i = 0; i < 60; ++i) {
    own.addVariable({ componentOf: at, browseName: `v${i}`, dataType: DataType.Double, value: number(i) });
  }
}
let count = 0;
level.setValueFromSource(number(count));
await server.start();
process.stdout.write("ready\n");
setInterval(() => level.setValueFromSource(number(++count)), 100);
