"""Modbus TCP against devices that we did not write (pymodbus): every table and order, one bad register, one absent
device, a server that goes away and comes back."""

import os
import socket
import unittest

from harness import ROOT, EndToEnd, Plant, free_ports, one_cell

PLANT = """
node: {{name: meters}}
connectors:
  - name: bus
    type: modbus
    host: 127.0.0.1
    port: {port}
    timeout: 300ms
    retries: 1
    retry_max: 1s
    devices:
      - {{name: one, unit: 1, map: meter.yaml, period: 100ms}}
      - {{name: two, unit: 2, map: meter.yaml, period: 100ms}}
""" + one_cell("default: bus", line="line") + """\
                    - name: press-1
                      sensors:
                        - {{name: temperature, type: float32, address: one/temperature}}
                        - {{name: small, type: float64, address: one/small}}
                        - {{name: count, type: int64, address: one/count}}
                        - {{name: scaled, type: float64, address: one/scaled}}
                        - {{name: part, type: int64, address: one/part}}
                        - {{name: coil, type: bool, address: one/coil}}
                        - {{name: far, type: int64, address: one/far}}
                        - {{name: two-temperature, type: float32, address: two/temperature}}
                        - {{name: two-far, type: int64, address: two/far}}
"""
MAP = """
registers:
  - {name: temperature, table: input, address: 0, type: float32}
  - {name: small, address: 4, type: float64}
  - {name: count, address: 8, type: int32, word_order: little}
  - {name: scaled, address: 150, scale: 0.5, offset: -5}
  - {name: part, address: 174, bits: [1, 4]}
  - {name: coil, table: coil, address: 33}
  - {name: far, address: 12}
"""


@unittest.skipIf(os.environ.get("E2E_WITHOUT_PYPI"), "PyPI could not be reached")
class Modbus(EndToEnd):
    def start_server(self):
        server = self.start([ROOT / "build/venv/bin/python", ROOT / "tests/e2e/modbus_server.py", "127.0.0.1", self.port],
                            "modbus-server")

        def listens():
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        self.wait_for("the Modbus server", listens, process=server)
        return server

    def setUp(self):
        super().setUp()
        self.port, api, opcua = free_ports(3)
        file = self.folder / "plant.yaml"
        file.write_text(PLANT.format(port=self.port))
        (self.folder / "meter.yaml").write_text(MAP)
        self.plant = Plant(self, file, api, opcua, self.folder / "data")

    def sensors(self):
        return {s["name"]: s for s in self.plant.get("/machines/press-1/twin")["sensors"]}

    def good(self, name):
        return self.sensors()[name]["quality"] == "Good"

    def test_devices_we_did_not_write(self):
        server = self.start_server()
        self.plant.start()
        self.wait_for("all of device one", lambda: all(
            self.good(name) for name in ("temperature", "small", "count", "scaled", "part", "coil", "far")))
        values = {name: sensor["value"] for name, sensor in self.sensors().items()}
        self.assertEqual((values["temperature"], values["small"], values["count"]), (21.75, -1e-3, -70_000))
        self.assertEqual((values["scaled"], values["part"], values["coil"], values["far"]), (70, 0b0111, True, 12))
        # Device two has ten registers only: one that it lacks costs no other.
        self.wait_for("device two", lambda: self.good("two-temperature"))
        self.wait_for("the refusal", lambda: "two/far" in self.plant.get("/v1/plant")["connectors"][0]["detail"])
        self.assertEqual(self.sensors()["two-far"]["quality"], "BadNodeIdUnknown")

        before = len(self.plant.history("press-1", "count"))
        server.kill()
        self.wait_for("the loss to show", lambda: self.sensors()["count"]["quality"] == "BadNoCommunication")
        self.assertEqual(self.plant.get("/v1/plant")["connectors"][0]["state"], "backing-off")
        self.start_server()
        self.wait_for("the values again", lambda: self.good("count"))
        history = self.plant.history("press-1", "count")
        self.assertGreater(len(history), before)
        self.assertEqual({item["value"] for item in history}, {-70_000})

    def test_mistakes_are_told_with_file_and_line(self):
        (self.folder / "meter.yaml").write_text(MAP.replace("type: float64", "type: float46"))
        code, _, err = self.run_millwright("check-config", self.folder / "plant.yaml")
        self.assertNotEqual(code, 0)
        self.assertIn("meter.yaml:4", err)
        self.assertIn("float64", err)


if __name__ == "__main__":
    unittest.main()
