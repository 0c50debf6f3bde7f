"""Elements of arrays and fields of structures of a foreign OPC UA server's own, as its DataTypeDefinitions describe them: read,
imported, looked for by the doctor; what is not there harms nothing else."""

import subprocess
import unittest

from harness import CLIENTS, FOREIGN_CLIENTS, ROOT, EndToEnd, Plant, free_ports, one_cell

PYTHON = ROOT / "build/venv/bin/python"
SENSORS = {  # name: (address, type)
    "speed": ("Drive [field=Main.Speed]", "float64"),
    "second-speed": ("Drive [field=Axes[1].Speed]", "float64"),
    "position": ("Drive [field=Axes[0].Position[1]]", "float32"),
    "axis-name": ("Drive [field=Main.Name]", "text"),
    "mode": ("Drive [field=Mode]", "int64"),
    "pieces": ("Drive [field=Count]", "int64"),
    "torque": ("Drive [field=Torque]", "float64"),
    "no-such-field": ("Drive [field=Main.Weight]", "float64"),
    "third": ("Curve [index=2]", "float64"),
    "no-such-element": ("Curve [index=7]", "float64"),
    "low": ("Limits [field=Low]", "float64"),
}
PLANT = """
node: {{name: line}}
connectors:
  - {{name: plc, type: opcua, endpoint: "{endpoint}", retry_max: 500ms, publishing_interval: 50ms}}
""" + one_cell("default: plc") + """\
                    - name: drive-1
                      sensors:
"""


@unittest.skipIf("asyncua" not in FOREIGN_CLIENTS, "needs asyncua, from PyPI")
class OpcUaParts(EndToEnd):
    def setUp(self):
        super().setUp()
        port, self.api, self.opcua = free_ports(3)
        self.url = f"opc.tcp://127.0.0.1:{port}"
        self.server = subprocess.Popen([PYTHON, CLIENTS / "parts_server.py", self.url], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(self.end_server)
        self.assertEqual(self.server.stdout.readline(), "ready\n")

    def end_server(self):
        self.server.kill()
        self.server.wait()
        self.server.stdin.close()
        self.server.stdout.close()

    def write(self, number):
        self.server.stdin.write(f"{number}\n")
        self.server.stdin.flush()
        self.server.stdout.readline()

    def test_parts_are_sensors_and_what_is_not_there_harms_nothing(self):
        plant = self.folder / "plant.yaml"
        rows = [f'                        - {{name: {name}, type: {kind}, address: "nsu=urn:test:parts;s={address}"}}\n'
                for name, (address, kind) in SENSORS.items()]
        plant.write_text(PLANT.format(endpoint=self.url) + "".join(rows))
        running = Plant(self, plant, self.api, self.opcua, self.folder / "data").start()
        self.wait_for("the connection", running.connected)
        for number in range(1, 51):
            self.write(number)

        def history(name):
            return [item for item in running.history("drive-1", name) if item["value"] is not None]
        self.wait_for("the values", lambda: len(history("speed")) >= 51)
        numbers = [float(n) for n in range(51)]
        self.assertEqual([i["value"] for i in history("speed")], numbers)
        self.assertEqual([i["value"] for i in history("second-speed")], [0 + 2.0] + [n + 2 for n in numbers[1:]])
        self.assertEqual([i["value"] for i in history("position")], [n + 1.5 for n in numbers])
        self.assertEqual([i["value"] for i in history("pieces")], numbers)
        self.assertEqual([i["value"] for i in history("mode")], [0] + [1] * 50)
        self.assertEqual([i["value"] for i in history("third")], [n * 100 for n in numbers])
        self.assertEqual([i["value"] for i in history("low")], [-5])
        # The optional field was not there at first.
        torque = running.history("drive-1", "torque")
        self.assertEqual(len(torque), 51)
        self.assertNotEqual(torque[0]["quality"], "Good")
        self.assertEqual([i["value"] for i in torque[1:]], [n / 2 for n in numbers[1:]])
        for name in ("no-such-field", "no-such-element"):
            self.assertTrue(all(i["quality"].startswith("Bad") for i in running.history("drive-1", name)), name)
        detail = running.get("/v1/plant")["connectors"][0]["detail"]
        self.assertIn(f"{len(SENSORS)} of {len(SENSORS)} sensors", detail)
        self.assertRegex(detail, "there is no '(Main.Weight|\\[7\\])'")
        code, out, err = self.run_millwright("doctor", plant, env=running.env)
        self.assertIn(f"{len(SENSORS) - 2} of {len(SENSORS)} sensors", out + err)
        self.assertIn("its value has no such part", out + err)

    def test_import_offers_elements_and_fields(self):
        self.write(1)
        plant = self.folder / "plant.yaml"
        code, out, err = self.run_millwright("opcua", "import", self.url, "--out", plant, "--place", "acme/lyon/a/b/c")
        self.assertEqual(code, 0, err)
        text = plant.read_text()
        for address in ("Drive [field=Main.Speed]", "Drive [field=Axes[1].Position[0]]", "Drive [field=Torque]",
                        "Curve [index=2]", "Limits [field=High]"):
            self.assertIn(f'address: "nsu=urn:test:parts;s={address}"', text)
        self.assertIn("name: drive-axes-1-position-0", text)
        code, out, err = self.run_millwright("check-config", plant)
        self.assertEqual(code, 0, out + err)
        running = Plant(self, plant, self.api, self.opcua, self.folder / "data").start()
        self.wait_for("the connection", running.connected)
        self.wait_for("a value", lambda: running.history("line", "drive-main-speed"))
        self.assertEqual(running.history("line", "drive-main-speed")[-1]["value"], 1)


if __name__ == "__main__":
    unittest.main()
