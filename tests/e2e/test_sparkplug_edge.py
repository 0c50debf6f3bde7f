"""The plant as an edge node of Sparkplug B, heard by a host that we did not write (mqtt and sparkplug-payload from npm): births with
bdSeq that no kill repeats, seq without a gap, nothing lost when the broker or the plant ends, what is late historical and by itself."""

import json
import os
import time
import unittest
import urllib.request

from harness import ROOT, _no_proxy, free_ports
from line_sender import Sender
from test_sinks import Sinks

KILLS = int(os.environ.get("E2E_KILLS", 4))
MACHINES = {"press-1": "current", "press-2": "motor/current"}


class Edge(Sinks):
    def setUp(self):
        super().setUp()
        [self.control] = free_ports(1)
        self.start_broker()
        version = ["2.2"] if self._testMethodName.endswith("2_2") else []
        self.host = self.start_server(["node", ROOT / "tests/e2e/mqtt/sparkplug_host.mjs", self.port, self.control, *version], "host", self.control)

    def start_broker(self):
        conf = self.folder / "mosquitto.conf"
        conf.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\nuser root\n")
        self.broker = self.start_server(["mosquitto", "-c", conf], "mosquitto", self.port)

    def start_edge(self, more=""):
        self.start_plant(f"kind: sparkplug, group: lyon, primary_host: scada, host: 127.0.0.1, port: {self.port}, timeout: 2s, "
                         f"rebirth_interval: 1s{more}")

    def tell(self, command):
        request = urllib.request.Request(f"http://127.0.0.1:{self.control}/", data=json.dumps({"command": command}).encode())
        _no_proxy.open(request, timeout=10).read()

    def heard(self, kind=""):
        rows = [json.loads(line) for line in self.host.output().splitlines() if line.startswith("{") and line.endswith("}")]
        return [row for row in rows if kind in row["topic"]]

    def births(self):
        return [row["metrics"][0]["value"] for row in self.heard("/NBIRTH/")]

    def check(self, acknowledged):
        """Each birth begins a sequence without a gap, aliases are of the birth, and every reading is there."""
        expected, names, values = None, {}, {machine: set() for machine in MACHINES}
        for row in self.heard():
            kind, device = row["topic"].split("/")[2], row["topic"].split("/")[4:]
            if kind == "NDEATH":
                continue
            if kind == "NBIRTH":
                expected, names = 0, {}
            if expected is None:
                continue  # the host came in the middle
            self.assertEqual(row["seq"], expected, row)
            expected = (expected + 1) % 256
            if kind == "DBIRTH":
                names.update({metric["alias"]: (device[0], metric["name"]) for metric in row["metrics"]})
            if kind == "DDATA":
                self.assertEqual(len({metric["historical"] for metric in row["metrics"]}), 1, "late and live in one message")
                for metric in row["metrics"]:
                    machine, name = names[metric["alias"]]
                    self.assertEqual((machine, name), (device[0], MACHINES[device[0]]))
                    values[machine].add(metric["value"])
        for machine in MACHINES:
            self.assertEqual(sorted(set(range(acknowledged)) - values[machine]), [], "readings that never arrived")

    def test_nothing_is_lost_when_broker_and_plant_are_killed(self):
        self.start_edge()
        sender = Sender(self.line, count=10)
        sender.start()
        time.sleep(2)
        for round in range(KILLS):
            self.broker.kill()
            time.sleep(1)
            if round % 2 == 1:
                self.plant.process.kill()
                self.plant.start()
            self.start_broker()
            time.sleep(3)
        acknowledged = sender.stop()
        self.assertGreater(acknowledged, 500)
        self.wait_until_sent()
        time.sleep(1)
        self.check(acknowledged)
        births = self.births()
        self.assertGreaterEqual(len(births), KILLS)
        self.assertEqual(births, sorted(set(births)), "bdSeq rises with each connection")
        self.assertTrue(any(metric["historical"] for row in self.heard("/DDATA/") for metric in row["metrics"]))

    def test_a_host_of_2_2(self):
        self.start_edge()
        self.wait_for("the births", lambda: len(self.heard("/DBIRTH/")) == 2, 20, self.plant.process)
        self.tell("leave")
        self.wait_for("the reason", lambda: "scada is not online" in self.output()["detail"], 20)
        self.assertEqual(len(self.births()), 1)
        self.tell("come")
        self.wait_for("the next birth", lambda: len(self.births()) == 2, 20, self.plant.process)

    def test_births_rebirths_and_the_host(self):
        self.start_edge()
        self.wait_for("the births", lambda: len(self.heard("/DBIRTH/")) == 2, 20, self.plant.process)
        [birth] = [row for row in self.heard("/DBIRTH/") if row["topic"].endswith("press-1")]
        self.assertEqual([(m["name"], m["type"]) for m in birth["metrics"]],
                         [("current", "Double"), ("count", "Int64"), ("batch", "String"), ("running", "Boolean")])
        now = time.time_ns()
        self.write(f"press,id=1 current=12.5,count=-7i,running=true {now}", f'press,id=1 batch="B 7" {now}')
        self.wait_for("the data", lambda: sum(len(row["metrics"]) for row in self.heard("/DDATA/")) >= 4, 20, self.plant.process)
        for _ in range(5):  # asked often, born again seldom
            self.tell("rebirth")
        self.wait_for("the rebirth", lambda: len(self.births()) == 2, 20, self.plant.process)
        time.sleep(0.5)
        self.assertEqual(len(self.births()), 2)
        self.assertEqual(self.births()[0], self.births()[1], "a rebirth is of the same connection")
        [again] = [row for row in self.heard("/DBIRTH/")[2:] if row["topic"].endswith("press-1")]
        self.assertEqual([m["value"] for m in again["metrics"]], [12.5, -7, "B 7", True])
        self.tell("leave")
        self.wait_for("the death", lambda: self.heard("/NDEATH/"), 20, self.plant.process)
        self.assertEqual(self.heard("/NDEATH/")[0]["metrics"][0]["value"], self.births()[0])
        self.write(f"press,id=1 count=8i {time.time_ns()}")
        self.wait_for("the reason", lambda: "scada is not online" in self.output()["detail"], 20)
        self.assertEqual(len(self.births()), 2)
        time.sleep(1)
        self.tell("come")
        self.wait_for("the next birth", lambda: len(self.births()) == 3, 20, self.plant.process)
        self.assertGreater(self.births()[2], self.births()[1])
        self.wait_for("what was kept", lambda: [m for row in self.heard("/DDATA/") for m in row["metrics"] if m["value"] == 8], 20)
        late = [m for row in self.heard("/DDATA/") for m in row["metrics"] if m["value"] == 8]
        self.assertTrue(late[0]["historical"])


del Sinks  # it is not a test of this file

if __name__ == "__main__":
    unittest.main(verbosity=2)
