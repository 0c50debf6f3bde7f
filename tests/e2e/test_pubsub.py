"""OPC UA PubSub from a publisher that we did not write (asyncua): variants, data values and raw data in one message; it is killed
and comes back; what cannot be read is counted."""

import os
import socket
import unittest

from harness import ROOT, EndToEnd, Plant, free_ports, one_cell

PLANT = """
node: {{name: pubsub}}
connectors:
  - name: cell
    type: pubsub
    address: 127.0.0.1
    port: {port}
    publisher: 42
    group: 100
    timeout: 1s
    writers:
      - {{id: 1, name: line, fields: [{{name: speed}}, {{name: count}}, {{name: running}}, {{name: name}}, {{name: profile}}]}}
      - {{id: 2}}
      - {{id: 3, name: press, fields: [{{name: force, type: float}}, {{name: parts, type: int64}}]}}
""" + one_cell("default: cell", line="line") + """\
                    - name: press-1
                      sensors:
                        - {{name: speed, type: float64, address: line/speed}}
                        - {{name: count, type: int64, address: line/count}}
                        - {{name: running, type: bool, address: line/running}}
                        - {{name: batch, type: text, address: line/name}}
                        - {{name: profile, type: float64, address: line/profile}}
                        - {{name: temperature, type: float32, address: 2/0}}
                        - {{name: force, type: float32, address: press/force}}
                        - {{name: parts, type: int64, address: press/parts}}
"""
SECURED = bytes.fromhex("d1102a010100030900000000")  # by a key that the plant does not have


@unittest.skipIf(os.environ.get("E2E_WITHOUT_PYPI"), "PyPI could not be reached")
class PubSub(EndToEnd):
    def start_publisher(self):
        publisher = self.start([ROOT / "build/venv/bin/python", ROOT / "tests/e2e/pubsub_publisher.py", "127.0.0.1", self.port], "publisher")
        self.wait_for("the publisher", lambda: "ready" in publisher.output(), 60, publisher)
        return publisher

    def sensors(self):
        return {s["name"]: s for s in self.plant.get("/machines/press-1/twin")["sensors"]}

    def connector(self):
        return self.plant.get("/v1/plant")["connectors"][0]

    def good(self, *names):
        sensors = self.sensors()
        return all(sensors[name]["quality"] == "Good" for name in names)

    def test_a_publisher_that_we_did_not_write(self):
        self.port, api, opcua = free_ports(3)
        file = self.folder / "plant.yaml"
        file.write_text(PLANT.format(port=self.port))
        self.plant = Plant(self, file, api, opcua, self.folder / "data").start()
        self.assertEqual(self.connector()["state"], "connecting")
        publisher = self.start_publisher()
        self.wait_for("its values", lambda: self.good("speed", "count", "running", "batch", "force", "parts"))
        sensors = self.sensors()
        values = {name: sensors[name]["value"] for name in ("speed", "running", "batch", "temperature", "force")}
        self.assertEqual(values, {"speed": 21.75, "running": True, "batch": "M7", "temperature": 180.5, "force": 1.5})
        self.assertEqual(sensors["profile"]["quality"], "BadTypeMismatch")  # an array
        self.assertEqual(self.connector()["state"], "connected")

        # What has a source time of its own keeps it, and its quality.
        item = self.wait_for("its history", lambda: self.plant.history("press-1", "temperature"))[0]
        self.assertTrue(item["time"].startswith("2025-11-21T08:00:"), item)
        self.assertEqual(item["quality"], "Uncertain")

        # Every message is there once, in order.
        self.wait_for("some messages", lambda: len(self.plant.history("press-1", "count")) > 50)
        for sensor in ("count", "parts"):
            counts = [item["value"] for item in self.plant.history("press-1", sensor)]
            self.assertEqual(counts, list(range(counts[0], counts[0] + len(counts))))

        publisher.kill()
        self.wait_for("the silence", lambda: self.sensors()["count"]["quality"] == "BadNoCommunication")
        self.assertEqual(self.connector()["state"], "connecting")
        self.assertIn("nothing from", self.connector()["detail"])
        self.start_publisher()
        self.wait_for("its values again", lambda: self.good("count", "force"))
        self.assertEqual(self.connector()["state"], "connected")

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.sendto(SECURED, ("127.0.0.1", self.port))
        self.wait_for("the refusal", lambda: "no key of token 9" in self.connector()["detail"])
        self.assertGreaterEqual(self.connector()["refused"], 1)
        code, out, _ = self.run_millwright("doctor", file, env=self.plant.env)
        self.assertEqual(code, 0, out)


if __name__ == "__main__":
    unittest.main()
