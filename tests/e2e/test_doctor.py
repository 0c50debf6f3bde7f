"""`millwright doctor` says what works, what does not and what to do; beside a running plant it disturbs nothing."""

import json
import socket
import unittest

from harness import CLIENTS, FOREIGN_CLIENTS, ROOT, EndToEnd, Plant, free_ports, one_cell

PLANT = """
node: {{name: sick, data_dir: data}}
api: {{port: {api}}}
opcua_server: {{port: {opcua}}}
connectors:
  - {{name: plc, type: opcua, endpoint: "opc.tcp://127.0.0.1:{plc}"}}
{more}
""" + one_cell("default: plc") + """\
                    - name: pump-1
                      sensors:
                        - {{name: count, address: "nsu=urn:test:line;s=Line1.Pump1.PieceCount"}}
                        - {{name: level, address: "Line1/Tank/{level}"}}
"""
SICK = """  - {{name: burst, type: burst, port: {taken}}}
outputs:
  - {{name: hook, kind: webhook, url: "http://127.0.0.1:{closed}/alarms", allow: [127.0.0.1]}}
  - {{name: broker, kind: mqtt, host: 127.0.0.1, port: {closed}}}
"""


@unittest.skipIf("asyncua" not in FOREIGN_CLIENTS, "needs asyncua, from PyPI")
class Doctor(EndToEnd):
    def setUp(self):
        super().setUp()
        self.plc, self.api, self.opcua, self.closed = free_ports(4)
        self.server = self.start([ROOT / "build/venv/bin/python", CLIENTS / "plant_server.py",
                                  f"opc.tcp://127.0.0.1:{self.plc}"], "server")
        self.wait_for("the foreign server", lambda: "ready" in self.server.output(), 60, self.server)

    def write_plant(self, level, more=""):
        plant = self.folder / "plant.yaml"
        plant.write_text(PLANT.format(plc=self.plc, api=self.api, opcua=self.opcua, level=level, more=more))
        return plant

    def doctor(self, plant):
        code, out, err = self.run_millwright("doctor", plant, "--json")
        found = json.loads(out)
        self.assertEqual(found["ok"], code == 0, err)
        return code, {finding["what"]: finding for finding in found["findings"]}

    def test_what_works_is_said_also_beside_a_running_plant(self):
        plant = self.write_plant("Level")
        code, found = self.doctor(plant)
        self.assertEqual(code, 0, found)
        self.assertIn("2 of 2 sensors have their node", found["connector plc"]["detail"])
        running = Plant(self, plant, self.api, self.opcua, self.folder / "data").start()
        self.wait_for("the connection", running.connected)
        code, found = self.doctor(plant)
        self.assertEqual(code, 0, found)
        self.assertIn("a plant runs on it", found["data folder"]["detail"])
        self.assertIn("by the plant that runs", found["OPC UA server"]["detail"])
        self.assertTrue(running.connected())

    def test_what_does_not_work_is_said_with_advice(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            more = SICK.format(taken=taken.getsockname()[1], closed=self.closed)
            plant = self.write_plant("Nothing", more)
            code, found = self.doctor(plant)
            self.assertEqual(code, 1)
            bad = {what for what, finding in found.items() if finding["state"] == "bad"}
            self.assertEqual(bad, {"connector plc", "connector burst", "output hook", "output broker"})
            self.assertIn("1 of 2 sensors have their node; 'Line1/Tank/Nothing': there is no 'Nothing'",
                          found["connector plc"]["detail"])
            self.assertTrue(all(found[what]["advice"] for what in bad))
            code, out, _ = self.run_millwright("doctor", plant)
            self.assertEqual(code, 1)
            self.assertRegex(out, r"bad +connector burst +.*in use")
        self.server.kill()
        code, found = self.doctor(self.write_plant("Level"))
        self.assertEqual(code, 1)
        self.assertIn("connection refused", found["connector plc"]["detail"])

    def test_a_wrong_file_is_told_as_by_check_config(self):
        plant = self.write_plant("Level", "surprise: 1")
        code, _, err = self.run_millwright("doctor", plant)
        self.assertEqual(code, 2)
        self.assertIn("surprise", err)


if __name__ == "__main__":
    unittest.main()
