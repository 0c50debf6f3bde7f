"""Commands over a real broker (mosquitto): to a device on a unified namespace (paho-mqtt) and to a Sparkplug edge node (sparkplug-client
from npm), neither of which we wrote. What is done, refused and not answered is told as such."""

import json
import os
import unittest
import urllib.error

import test_sparkplug
from harness import ROOT, EndToEnd, Plant, free_ports, one_cell

PLANT = """
node: {{name: lyon}}
connectors:
  - {{name: uns, type: mqtt, host: 127.0.0.1, port: {mqtt}, topics: ["press/data"], retry_min: 100ms, retry_max: 500ms}}
""" + one_cell("default: uns") + """\
                    - name: press
                      sensors: [{{name: speed, address: "press/data#speed"}}]
                      commands:
                        - {{name: set-speed, write: press/cmd, arguments: [{{name: speed, range: [0, 2000]}}]}}
"""
SPARKPLUG_COMMANDS = """\
                      commands:
                        - {name: set-speed, write: "lyon/gateway/press#Drive/speed", arguments: [{name: speed}]}
                        - {name: set-count, write: "lyon/gateway/press#count", arguments: [{name: count, type: int64}]}
                        - {name: lost, write: "lyon/gateway/press#nothing", value: 1}
"""


def give(test, plant, name, **arguments):
    """(status, the answer's body)"""
    try:
        return 200, plant.post(f"/v1/machines/press/commands/{name}", {"arguments": arguments})
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@unittest.skipIf(os.environ.get("E2E_WITHOUT_PYPI"), "PyPI could not be reached")
class Namespace(EndToEnd):
    def test_a_device_is_told_and_answers(self):
        mqtt, api, opcua = free_ports(3)
        conf = self.folder / "mosquitto.conf"
        conf.write_text(f"listener {mqtt} 127.0.0.1\nallow_anonymous true\nuser root\n")
        self.start_server(["mosquitto", "-c", conf], "mosquitto", mqtt)
        device = self.start([ROOT / "build/venv/bin/python", ROOT / "tests/e2e/mqtt_device.py", mqtt], "device")
        self.wait_for("the device", lambda: "ready" in device.output(), 30, device)
        file = self.folder / "plant.yaml"
        file.write_text(PLANT.format(mqtt=mqtt))
        plant = Plant(self, file, api, opcua, self.folder / "data").start()
        self.wait_for("the subscription", plant.connected, 30, plant.process)
        status, body = give(self, plant, "set-speed", speed=800)
        self.assertEqual(status, 200, body)
        self.assertIn("running at 800", json.dumps(body))
        status, body = give(self, plant, "set-speed", speed=1500)
        self.assertEqual(status, 409, body)
        self.assertIn("too fast", json.dumps(body))
        status, body = give(self, plant, "set-speed", speed=13)
        self.assertGreaterEqual(status, 500, body)
        self.assertIn("may have been carried out", json.dumps(body))
        status, body = give(self, plant, "set-speed", speed=3000)  # out of its range: never sent
        self.assertGreaterEqual(status, 400)
        got = [line for line in device.output().splitlines() if line.startswith("got")]
        self.assertEqual([line.split()[2] for line in got], ["800.0", "1500.0", "13.0"])  # each once


class Sparkplug(test_sparkplug.Sparkplug):
    def test_an_edge_node_is_told_and_reports(self):
        file = self.folder / "plant.yaml"
        file.write_text(file.read_text() + SPARKPLUG_COMMANDS)
        self.start_plant()
        status, body = give(self, self.plant, "set-speed", speed=3.5)
        self.assertGreaterEqual(status, 500, body)
        self.assertIn("is not there", json.dumps(body))
        self.start_node()
        self.wait_quality("speed", "Good")
        status, body = give(self, self.plant, "set-speed", speed=3.5)
        self.assertEqual(status, 200, body)
        self.assertIn("reported by the node", json.dumps(body))
        self.wait_for("the new speed", lambda: self.sensor("speed")["value"] == 3.5)
        status, body = give(self, self.plant, "set-count", count=77)
        self.assertEqual(status, 200, body)
        status, body = give(self, self.plant, "lost")
        self.assertGreaterEqual(status, 500, body)
        self.assertIn("no such metric", json.dumps(body))


if __name__ == "__main__":
    unittest.main()
