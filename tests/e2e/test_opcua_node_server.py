"""Our OPC UA client against node-opcua's server: every mode and way to log in, browsing beyond its continuation points, and a
cut of the network in which nothing is lost though the server keeps no history."""

import json
import threading
import unittest

from harness import CLIENTS, EndToEnd, Plant, free_ports, one_cell
from test_opcua_history import Cable

PLANT = """
node: {{name: node}}
connectors:
  - {{name: plc, type: opcua, endpoint: "{endpoint}", {security}, retry_max: 500ms, publishing_interval: 50ms}}
""" + one_cell("default: plc") + """\
                    - name: tank-1
                      sensors:
                        - {{name: level, address: "nsu=urn:test:node;s=level"}}
                        - {{name: still, address: Line/m39/v59}}
"""
PASSWORD = "user: millwright, password_file: password.txt"
WAYS = {
    "in the clear": "security: none",
    "in the clear, with a password that is encrypted": f"security: none, {PASSWORD}",
    "signed": "security: sign, policy: basic256sha256",
    "signed, with a password": f"security: sign, policy: aes256_sha256_rsapss, {PASSWORD}",
    "encrypted": "security: encrypt, policy: aes128_sha256_rsaoaep",
}


class NodeServer(EndToEnd):
    def setUp(self):
        super().setUp()
        port, self.cable_port, self.api, self.opcua = free_ports(4)
        self.server = self.start(["node", CLIENTS / "node_server.mjs", "--port", str(port), "--folder", self.folder / "node"],
                                 "server")
        self.wait_for("the foreign server", lambda: "ready" in self.server.output(), 60, self.server)
        self.cable = Cable(self.cable_port, port)
        self.cable.plug_in()
        self.addCleanup(self.cable.cut)
        self.endpoint = f"opc.tcp://127.0.0.1:{self.cable_port}"
        (self.folder / "password.txt").write_text("from the file\n")

    def start_plant(self, security):
        plant = self.folder / "plant.yaml"
        plant.write_text(PLANT.format(endpoint=self.endpoint, security=security))
        self.plant = Plant(self, plant, self.api, self.opcua, self.folder / "data").start()

    def detail(self):
        return self.plant.get("/v1/plant")["connectors"][0]["detail"]

    def levels(self):
        return [item["value"] for item in self.plant.history("tank-1", "level")]

    def test_every_way_to_connect(self):
        trusted = False
        for what, security in WAYS.items():
            with self.subTest(what):
                self.start_plant(security)
                if not trusted and security != WAYS["in the clear"]:
                    self.wait_for("the server to be turned away", lambda: "is not trusted" in self.detail())
                    thumbprint = self.detail().split("millwright opcua trust ")[1].split()[0].strip(";")
                    code, _, err = self.run_millwright("opcua", "trust", thumbprint, "--data", self.folder / "data")
                    self.assertEqual(code, 0, err)
                    trusted = True
                before = len(self.levels())
                self.wait_for("values", lambda: len(self.levels()) > before + 3)
                self.plant.process.stop()

    def test_all_nodes_are_found(self):
        code, out, err = self.run_millwright("opcua", "browse", self.endpoint, "Line", "--json")
        self.assertEqual(code, 0, err)
        machines = [node for node in json.loads(out)["children"] if node["class"] == "object"]
        self.assertEqual([len(machine["children"]) for machine in machines], [60] * 40)

    def test_a_cut_loses_nothing(self):
        self.start_plant("security: none")
        self.wait_for("values", lambda: len(self.levels()) > 5)
        for _ in range(2):
            self.cable.cut()
            self.wait_for("the loss", lambda: not self.plant.connected())
            threading.Event().wait(2)
            self.cable.plug_in()
            self.wait_for("the connection", self.plant.connected)
            last = len(self.levels())
            self.wait_for("more values", lambda: len(self.levels()) > last + 10)
        levels = self.levels()
        self.assertEqual(levels, [levels[0] + i for i in range(len(levels))])


if __name__ == "__main__":
    unittest.main()
