"""Sparkplug B with a real broker (mosquitto) and an edge node that we did not write (sparkplug-client from npm): births,
data by alias, deaths, rebirths; nothing is lost or doubled when a message is lost, or the plant or the broker ends."""

import json
import os
import subprocess
import threading
import unittest
import urllib.request

from harness import ROOT, EndToEnd, Plant, free_ports, one_cell

PLANT = """
node: {{name: lyon}}
connectors:
  - name: gateways
    type: sparkplug
    host: 127.0.0.1
    port: {mqtt}
    host_id: plant
    reorder_timeout: 500ms
    rebirth_interval: 1s
    retry_min: 100ms
    retry_max: 500ms
    timeout: 2s
""" + one_cell("default: gateways") + """\
                    - name: press
                      components: [{{name: drive}}]
                      sensors:
                        - {{name: speed, component: drive, type: float32, address: "lyon/gateway/press#Drive/speed"}}
                        - {{name: count, type: int64}}
                        - {{name: running, type: bool}}
                        - {{name: batch, type: text}}
                        - {{name: temperature, type: float64}}
                        - {{name: level, type: int64}}
                        - {{name: since, type: int64}}
                        - {{name: uptime, type: int64, address: "lyon/gateway#uptime"}}
                        - {{name: motor-speed, type: float64, address: "lyon/gateway/press#motor/speed"}}
                        - {{name: tank-level, type: int64, address: "lyon/gateway/press#motor/tank/level"}}
                        - {{name: motor, type: text, address: "lyon/gateway/press#motor"}}
                        - {{name: rows, type: text, address: "lyon/gateway/press#rows"}}
                        - {{name: second, type: float64, address: "lyon/gateway/press#rows[1]/n"}}
                        - {{name: photo, type: text, address: "lyon/gateway/press#photo"}}
                        - {{name: curve, type: int64, address: "lyon/gateway/press#curve[1]"}}
                        - {{name: flags, type: text, address: "lyon/gateway/press#flags"}}
                        - {{name: step, type: text, address: "lyon/gateway/press#steps[1]"}}
"""
STATE = "spBv1.0/STATE/plant"
KILLS = int(os.environ.get("E2E_KILLS", 4))
T0 = 1_790_000_000_000


class Sparkplug(EndToEnd):
    def setUp(self):
        super().setUp()
        self.mqtt, self.control, api, opcua = free_ports(4)
        self.start_broker()
        file = self.folder / "plant.yaml"
        file.write_text(PLANT.format(mqtt=self.mqtt))
        self.plant = Plant(self, file, api, opcua, self.folder / "data")

    def start_broker(self):
        conf = self.folder / "mosquitto.conf"
        conf.write_text(f"listener {self.mqtt} 127.0.0.1\nallow_anonymous true\nuser root\n")
        self.broker = self.start_server(["mosquitto", "-c", conf], "mosquitto", self.mqtt)

    def start_plant(self):
        self.plant.start()
        self.wait_for("the subscription", self.plant.connected, 30, self.plant.process)

    def start_node(self, *mode):
        script = ROOT / "tests/e2e/mqtt/edge_node.mjs"
        self.node = self.start_server(["node", script, self.mqtt, self.control, *mode], "edge-node", self.control)

    def tell(self, command, **more):
        request = urllib.request.Request(f"http://127.0.0.1:{self.control}/", data=json.dumps({"command": command, **more}).encode())
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return json.load(answer)

    def values(self, sensor):
        return [item["value"] for item in self.plant.history("press", sensor)]

    def sensor(self, name):
        twin = self.plant.get("/machines/press/twin")
        sensors = [*twin["sensors"], *(s for component in twin["components"] for s in component["sensors"])]
        return next(s for s in sensors if s["name"] == name)

    def wait_counted(self, end):
        """Every count from 0 on is there, once; what a birth said before the first one aside."""
        self.wait_for(f"{end} readings", lambda: set(self.values("count")) >= set(range(end)), 60, self.plant.process)
        items = [i for i in self.plant.history("press", "count", start="2026-09-21T14:13:20Z")]
        self.assertEqual([i["value"] for i in items], list(range(end)))

    def wait_quality(self, name, quality):
        self.wait_for(f"{name} to be {quality}", lambda: self.sensor(name)["quality"] == quality, 20, self.plant.process)


class Host(Sparkplug):
    def test_births_and_data_by_alias(self):
        self.start_plant()
        self.start_node()
        self.wait_for("the birth", lambda: self.values("speed") == [1.5], 20, self.plant.process)
        self.assertEqual((self.values("running"), self.values("batch"), self.values("temperature")), ([True], ["B-4711"], [-2.25]))
        self.assertEqual((self.values("level"), self.values("since"), self.values("uptime")), ([-5], [T0], [7]))
        self.tell("measure", name="Drive/speed", value=2.5, time=T0)
        self.tell("measure", name="level", value=-32768, time=T0)
        self.tell("measure", name="batch", value="B-4712", time=T0)
        self.tell("count", **{"from": 0, "to": 2000})
        self.wait_counted(2000)
        self.assertEqual((self.values("speed"), self.values("level"), self.values("batch")), ([1.5, 2.5], [-5, -32768], ["B-4711", "B-4712"]))
        self.assertEqual(self.plant.get("/v1/plant")["connectors"][0]["refused"], 0)

    def test_deaths_are_a_quality(self):
        self.start_plant()
        self.assertEqual(self.sensor("uptime")["quality"], "BadNoCommunication")
        self.start_node()
        self.wait_quality("speed", "Good")
        self.tell("deviceDeath")
        self.wait_quality("speed", "BadNoCommunication")
        self.assertEqual(self.sensor("uptime")["quality"], "Good")
        self.tell("deviceBirth")
        self.wait_quality("speed", "Good")
        self.node.kill()
        self.wait_quality("uptime", "BadNoCommunication")
        self.wait_quality("speed", "BadNoCommunication")
        self.start_node()
        self.wait_quality("speed", "Good")
        self.assertEqual(self.values("speed"), [1.5])  # the same time, so the same reading

    def test_a_lost_message_is_asked_for(self):
        self.start_plant()
        self.start_node()
        self.wait_quality("speed", "Good")
        self.tell("count", **{"from": 0, "to": 100})
        before = self.tell("lose")["rebirths"]
        self.tell("count", **{"from": 100, "to": 200})
        self.wait_for("the rebirth", lambda: self.tell("state")["rebirths"] == before + 1, 20)
        self.tell("count", **{"from": 200, "to": 300})
        self.wait_counted(300)
        self.assertEqual(self.sensor("count")["quality"], "Good")
        self.assertEqual(self.tell("state")["rebirths"], before + 1)

    def test_a_host_that_comes_late_asks(self):
        self.start_node()
        self.start_plant()
        self.wait_for("the birth", lambda: self.values("speed") == [1.5], 20, self.plant.process)
        self.assertEqual(self.tell("state")["rebirths"], 1)

    def test_the_plant_may_be_killed(self):
        self.start_plant()
        self.start_node("primary")
        self.wait_quality("speed", "Good")
        self.tell("count", **{"from": 0, "to": 1000})
        self.wait_counted(1000)
        self.plant.process.kill()
        self.wait_for("the will", lambda: not self.tell("state")["host"], 20)
        self.tell("count", **{"from": 1000, "to": 2000})
        self.assertEqual(self.tell("state")["kept"], 1000)
        self.start_plant()
        self.wait_for("the node to know", lambda: self.tell("state")["kept"] == 0, 20)
        self.tell("count", **{"from": 2000, "to": 2100})
        self.wait_counted(2100)
        self.assertEqual(self.sensor("count")["value"], 2099)

    def test_the_broker_may_go_away(self):
        self.start_plant()
        self.start_node("primary")
        self.wait_quality("speed", "Good")
        self.tell("count", **{"from": 0, "to": 1000})
        self.wait_counted(1000)
        self.broker.kill()
        self.wait_quality("speed", "BadNoCommunication")
        self.wait_for("the node to see", lambda: not self.tell("state")["connected"], 20)
        self.tell("count", **{"from": 1000, "to": 2000})
        self.start_broker()
        self.wait_for("all", lambda: self.tell("state")["kept"] == 0, 30)
        self.wait_counted(2000)
        self.wait_quality("count", "Good")
        self.assertEqual(self.sensor("count")["value"], 1999)

    def test_what_has_no_single_value(self):
        self.start_plant()
        self.start_node()
        self.wait_quality("speed", "Good")
        self.tell("structures")
        self.wait_for("the arrays", lambda: self.values("step") == ["stir"], 20, self.plant.process)
        self.assertEqual((self.values("motor-speed"), self.values("tank-level"), self.values("second")), ([1.5], [-7], [2.5]))
        self.assertEqual((self.values("photo"), self.values("curve")), (["AAEC"], [-2]))
        self.assertEqual(json.loads(self.values("motor")[0]), {
            "metrics": {"speed": 1.5, "tank": {"metrics": {"level": -7}, "template": "Tank"}},
            "parameters": {"ratio": 2.5}, "template": "Motor", "version": "2"})
        self.assertEqual(self.values("rows"), ['{"columns":["name","n"],"rows":[["a",1.5],["b",2.5]],"types":["String","Double"]}'])
        self.assertEqual(self.values("flags"), ["[false,false,true,true,false,true,false,false,true,true,false,true]"])
        self.assertEqual(self.sensor("tank-level")["quality"], "Good")
        connector = self.plant.get("/v1/plant")["connectors"][0]
        self.assertEqual(connector["refused"], 0)
        self.assertIn("the metric 'table' is DataSet, and no sensor's address names it", connector["detail"])

    def test_compressed_payloads(self):
        self.start_plant()
        self.start_node()
        self.wait_quality("speed", "Good")
        for i, algorithm in enumerate(["DEFLATE", "GZIP"]):
            self.tell("pack", algorithm=algorithm)
            self.tell("deviceBirth")
            self.tell("count", **{"from": 100 * i, "to": 100 * (i + 1)})
        self.wait_counted(200)
        self.assertEqual(self.plant.get("/v1/plant")["connectors"][0]["refused"], 0)
        self.assertEqual(self.tell("state")["rebirths"], 0)

    def test_the_broker_may_be_killed_in_a_stream(self):
        """What goes at QoS 0 as the broker dies is gone; what the node keeps is not, and nothing comes twice."""
        self.start_plant()
        self.start_node("primary")
        self.wait_quality("speed", "Good")
        told, stopping = 0, threading.Event()

        def stream():
            nonlocal told
            while not stopping.is_set():
                self.tell("count", **{"from": told, "to": told + 20})
                told += 20
        sender = threading.Thread(target=stream)
        sender.start()
        try:
            for _ in range(KILLS):
                before = told
                self.wait_for("some readings", lambda: told >= before + 200, 30)
                self.broker.kill()
                self.wait_for("the node to see", lambda: not self.tell("state")["connected"], 20)
                self.start_broker()
                self.wait_for("the births", lambda: self.tell("state")["kept"] == 0, 30)
        finally:
            stopping.set()
            sender.join()
        self.wait_quality("count", "Good")
        self.tell("count", **{"from": told, "to": told + 1})
        self.wait_for("the last", lambda: told in self.values("count"), 30, self.plant.process)
        stored = set(self.tell("state")["stored"])
        self.assertGreater(len(stored), 0)
        self.wait_for("what was kept", lambda: stored <= set(self.values("count")), 30, self.plant.process)
        values = [i["value"] for i in self.plant.history("press", "count", start="2026-09-21T14:13:20Z")]
        self.assertEqual(len(values), len(set(values)), "a reading came twice")
        self.assertEqual(values, sorted(values))

    def test_others_see_whether_it_is_there(self):
        watcher = self.start(["mosquitto_sub", "-p", self.mqtt, "-t", STATE, "-F", "%r %p"], "mosquitto_sub")
        states = lambda: [json.loads(line[2:]) for line in watcher.output().splitlines()]
        self.start_plant()
        self.wait_for("the birth", lambda: len(states()) == 1 and states()[0]["online"], 10)
        denial = json.dumps({"online": False, "timestamp": 1})
        subprocess.run(["mosquitto_pub", "-p", str(self.mqtt), "-r", "-q", "1", "-t", STATE, "-m", denial], check=True, timeout=10)
        self.wait_for("the denial to be taken back", lambda: len(states()) == 3 and states()[2] == states()[0], 10)
        self.plant.process.kill()
        self.wait_for("the will", lambda: states()[-1] == {**states()[0], "online": False}, 10)

    def test_hosts_of_2_2_are_seen_too(self):
        file = self.folder / "plant.yaml"
        file.write_text(file.read_text().replace("host_id: plant", "host_id: plant\n    state_2_2: true"))
        watcher = self.start(["mosquitto_sub", "-p", self.mqtt, "-t", "STATE/plant", "-F", "%r %p"], "mosquitto_sub")
        self.start_plant()
        self.wait_for("the birth", lambda: watcher.output().split() == ["0", "ONLINE"], 20)
        self.plant.process.kill()
        self.wait_for("the will", lambda: watcher.output().split() == ["0", "ONLINE", "0", "OFFLINE"], 20)


class Edge(unittest.TestCase):
    def test_a_foreign_decoder_reads_our_edge_node(self):
        folder = ROOT / "tests/e2e/mqtt"
        done = subprocess.run(["node", folder / "decode.mjs", folder / "edge_messages.txt"], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 0, done.stderr)
        death, node, device, late, data = json.loads(done.stdout)
        self.assertEqual([m["topic"] for m in (death, node, device, late, data)],
                         ["spBv1.0/lyon/NDEATH/mill", "spBv1.0/lyon/NBIRTH/mill"] + ["spBv1.0/lyon/%s/mill/press" % t for t in ("DBIRTH", "DDATA", "DDATA")])
        self.assertEqual([m["seq"] for m in (node, device, late, data)], [0, 1, 2, 3])
        self.assertEqual([(m["name"], m["value"]) for m in node["metrics"]], [("bdSeq", "7"), ("Node Control/Rebirth", False)])
        self.assertEqual((death["metrics"][0]["name"], death["metrics"][0]["value"]), ("bdSeq", "7"))
        self.assertEqual([(m["name"], m["alias"], m["type"]) for m in device["metrics"]],
                         [("i8", 1, "Int8"), ("i64", 2, "Int64"), ("u64", 3, "UInt64"), ("f", 4, "Float"), ("d", 5, "Double"),
                          ("b", 6, "Boolean"), ("s", 7, "String")])
        self.assertEqual((device["metrics"][3]["value"], device["metrics"][3]["time"]), (1.5, T0 - 1000))
        self.assertEqual([(m["alias"], m["value"], m["historical"]) for m in late["metrics"]], [(4, 1.5, True)])
        self.assertEqual([m["alias"] for m in data["metrics"]], [1, 2, 3, 5, 6, 7, 7])
        self.assertEqual([m["value"] for m in data["metrics"][2:6]], ["18446744073709551615", 2.5, True, "B-4711"])
        self.assertFalse(any(m["historical"] for m in data["metrics"]))


if __name__ == "__main__":
    unittest.main()
