"""JSON on the topics of a unified namespace, by a real broker (mosquitto) and a client that we did not write
(mosquitto_pub): every message arrives once, also when the plant is killed and the broker ends and comes back."""

import json
import os
import subprocess
import time
import unittest

from harness import ROOT, EndToEnd, Plant, free_ports, one_cell

PLANT = """
node: {{name: lyon}}
connectors:
  - name: uns
    type: mqtt
    host: 127.0.0.1
    port: {mqtt}
    topics: ["{{enterprise}}/{{site}}/{{area}}/{{line}}/{{cell}}/{{machine}}/{{component}}/{{sensor}}", "flat/{{machine}}", "gateway/#"]
    status_topic: plant/status
    retry_min: 100ms
    retry_max: 500ms
    timeout: 2s
{more}
""" + one_cell("default: uns") + """\
                    - name: pump-1
                      components: [{{name: motor}}]
                      sensors:
                        - {{name: current, component: motor}}
                        - {{name: count, type: int64}}
                        - {{name: running, type: bool}}
                        - {{name: batch, type: text}}
                        - {{name: pressure, type: float32, address: "gateway/7#p"}}
"""
CURRENT = "acme/lyon/hall/one/cell/pump-1/motor/current"
T0 = 1_790_000_000
KILLS = int(os.environ.get("E2E_KILLS", 4))


class Mqtt(EndToEnd):
    more, security, client = "", "", ()

    def setUp(self):
        super().setUp()
        self.mqtt, api, opcua = free_ports(3)
        self.start_broker()
        file = self.folder / "plant.yaml"
        file.write_text(PLANT.format(mqtt=self.mqtt, more=self.more))
        self.plant = Plant(self, file, api, opcua, self.folder / "data").start()
        self.wait_for("the subscription", self.connected, 30, self.plant.process)

    def start_broker(self):
        conf = self.folder / "mosquitto.conf"
        conf.write_text(f"listener {self.mqtt} 127.0.0.1\n{self.security or 'allow_anonymous true'}\npersistence true\nuser root\n"
                        f"persistence_location {self.folder}/\nautosave_on_changes true\nautosave_interval 1\n"
                        "max_queued_messages 0\nmax_inflight_messages 0\n")
        self.broker = self.start_server(["mosquitto", "-c", conf], "mosquitto", self.mqtt)

    def connector(self):
        return self.plant.get("/v1/plant")["connectors"][0]

    def connected(self):
        return self.connector()["state"] == "connected"

    def publish(self, topic, *messages):
        """At QoS 1, each acknowledged by the broker."""
        done = subprocess.run(["mosquitto_pub", "-p", str(self.mqtt), "-V", "5", "-q", "1", "-t", topic, "-l", *self.client],
                              input="".join(m + "\n" for m in messages), text=True, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)

    @staticmethod
    def lines(first, last):
        return [json.dumps({"v": i, "t": T0 + i, "seq": i, "q": 192}) for i in range(first, last)]

    def publish_counted(self, first, last):
        self.publish(CURRENT, *self.lines(first, last))

    def values(self, sensor):
        return [item["value"] for item in self.plant.history("pump-1", sensor)]

    def sensor(self, name):
        twin = self.plant.get("/machines/pump-1/twin")
        sensors = [*twin["sensors"], *(s for component in twin["components"] for s in component["sensors"])]
        return next(s for s in sensors if s["name"] == name)


class Messages(Mqtt):
    def test_every_form_is_read(self):
        self.publish(CURRENT, "12.5", '{"v": 13.5, "q": "UncertainLastUsableValue", "t": "2026-09-21T08:00:00Z"}')
        self.publish("flat/pump-1", '{"count": 7, "running": true, "batch": "B-4711", "t": 1790000000123}')
        self.publish("gateway/7", '{"p": 3.25}')
        self.wait_for("all of it", lambda: len(self.values("motor/current")) == 2 and self.values("pressure") == [3.25], 20)
        self.assertEqual((self.values("count"), self.values("running"), self.values("batch")), ([7], [True], ["B-4711"]))
        old = self.plant.history("pump-1", "motor/current")[0]
        self.assertEqual((old["value"], old["quality"]), (13.5, "UncertainLastUsableValue"))

    def test_pythons_own_json_is_read(self):
        self.publish("flat/pump-1", json.dumps({"count": float("nan"), "running": True, "batch": "NaN", "t": 1790000000123}))
        self.wait_for("the rest", lambda: self.values("batch") == ["NaN"] and self.values("running") == [True], 20)
        self.assertEqual(self.sensor("count")["quality"], "BadNoData")

    def test_what_is_wrong_is_told_and_the_rest_flows(self):
        self.publish(CURRENT, "{", '"text"')
        self.publish("gateway/8", "1")
        self.publish(CURRENT, "1")
        self.wait_for("the good one", lambda: self.values("motor/current") == [1], 20)
        connector = self.plant.get("/v1/plant")["connectors"][0]
        self.assertEqual(connector["refused"], 3)
        self.assertIn("gateway/8: no sensor has this topic", connector["detail"])
        self.assertIn("no JSON", self.plant.process.output())

    def test_the_plant_may_be_killed(self):
        self.publish_counted(0, 2000)
        self.plant.process.kill()
        self.publish_counted(2000, 4000)  # the broker keeps them
        self.plant.start()
        self.publish_counted(4000, 5000)
        self.wait_for("all", lambda: set(self.values("motor/current")) >= set(range(5000)), 60, self.plant.process)
        self.assertEqual(sorted(set(self.values("motor/current"))), list(range(5000)))

    def test_the_broker_may_go_away(self):
        self.publish_counted(0, 1000)
        self.wait_for("the first", lambda: len(self.values("motor/current")) == 1000, 30)
        self.broker.stop()
        self.wait_for("the loss to show", lambda: self.sensor("current")["quality"] == "BadNoCommunication", 20)
        self.assertEqual(self.plant.get("/v1/plant")["connectors"][0]["state"], "backing-off")
        self.start_broker()
        self.wait_for("the connection", self.connected, 30)
        self.publish_counted(1000, 2000)
        self.wait_for("all", lambda: self.values("motor/current")[-1:] == [1999], 30)
        self.assertEqual(self.values("motor/current"), list(range(2000)))
        self.assertEqual(self.sensor("current")["quality"], "Good")

    def test_the_broker_may_be_killed_in_a_stream(self):
        """A device sends again what it has no acknowledgement of; all of it arrives, and once."""
        for round in range(KILLS):
            lines = self.lines(500 * round, 500 * (round + 1))
            pub = subprocess.Popen(["mosquitto_pub", "-p", str(self.mqtt), "-V", "5", "-q", "1", "-t", CURRENT, "-l"], stdin=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True)
            pub.stdin.write("\n".join(lines[:250]) + "\n")
            pub.stdin.flush()
            self.wait_for("some of it", lambda: len(self.values("motor/current")) > 500 * round, 30, self.plant.process)
            reconnects = self.connector()["reconnects"]
            self.broker.kill()
            pub.kill()
            pub.communicate()
            self.start_broker()
            self.wait_for("the connection", lambda: self.connector()["reconnects"] > reconnects and self.connected(), 30)
            self.publish(CURRENT, *lines)
        self.wait_for("all", lambda: set(self.values("motor/current")) >= set(range(500 * KILLS)), 60, self.plant.process)
        self.assertEqual(self.values("motor/current"), list(range(500 * KILLS)))

    def test_others_see_whether_it_is_there(self):
        watcher = self.start(["mosquitto_sub", "-p", self.mqtt, "-t", "plant/status"], "mosquitto_sub")
        self.wait_for("the birth", lambda: '{"state":"online"}' in watcher.output(), 10)
        self.plant.process.kill()
        self.wait_for("the will", lambda: '{"state":"offline"}' in watcher.output(), 10)


@unittest.skipIf(os.environ.get("E2E_WITHOUT_PYPI"), "PyPI could not be reached")
class Waveforms(Mqtt):
    def send(self, topic, count, rate, start, seed=1):
        done = subprocess.run([ROOT / "build/venv/bin/python", ROOT / "tests/e2e/waveform_sender.py", str(self.mqtt), topic, str(count),
                               str(rate), str(start), str(seed)], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_a_waveform_arrives_whole(self):
        start = T0 * 10**9
        sent = self.send(CURRENT, 51200, 25600, start)
        self.assertLess(sent["bytes"], 51200 * 4)
        self.wait_for("the waveform", lambda: len(self.values("motor/current")) == 51200, 30, self.plant.process)
        self.send(CURRENT, 51200, 25600, start)  # the same upload again
        self.send(CURRENT, 1000, 3000, start + 10**10, seed=2)
        self.wait_for("the other", lambda: len(self.values("motor/current")) == 52200, 30, self.plant.process)
        items = self.plant.history("pump-1", "motor/current")
        values = [item["value"] for item in items[:51200]]
        self.assertEqual((values[0], values[-1], sum(values)), (sent["first"], sent["last"], sent["sum"]))
        self.assertEqual(items[25600]["time"], "2026-09-21T14:13:21Z")
        self.assertEqual(items[-1]["time"][:22], "2026-09-21T14:13:30.33")
        self.assertEqual(self.plant.get("/v1/plant")["connectors"][0]["refused"], 0)

    def test_a_waveform_nobody_has_is_told(self):
        self.send("gateway/8", 5000, 1000, T0 * 10**9)
        self.wait_for("the problem", lambda: "gateway/8: a waveform, and no sensor has this topic"
                      in self.plant.get("/v1/plant")["connectors"][0]["detail"], 20)


class Security(Mqtt):
    more = """    user: plant
    password_file: broker.key
    tls: {ca_file: ca.crt, certificate_file: client.crt, key_file: client.key}
"""

    def start_broker(self):
        self.make_certificates()
        self.start_secured()

    def make_certificates(self):
        def openssl(*arguments):
            subprocess.run(["openssl", *map(str, arguments)], cwd=self.folder, check=True, capture_output=True)
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj", "/CN=ca")
        (self.folder / "san").write_text("subjectAltName=IP:127.0.0.1\n")
        for name in ("server", "client"):
            openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
            openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                    "-extfile", "san", "-out", f"{name}.crt")
        (self.folder / "broker.key").write_text("s3cret\n")
        subprocess.run(["mosquitto_passwd", "-b", "-c", self.folder / "users", "plant", "s3cret"], check=True, capture_output=True)

    def start_secured(self):
        self.security = (f"cafile {self.folder}/ca.crt\ncertfile {self.folder}/server.crt\nkeyfile {self.folder}/server.key\n"
                         f"require_certificate true\nallow_anonymous false\npassword_file {self.folder}/users")
        self.client = ["-h", "127.0.0.1", "--cafile", self.folder / "ca.crt", "--cert", self.folder / "client.crt",
                       "--key", self.folder / "client.key", "-u", "plant", "-P", "s3cret"]
        super().start_broker()

    def test_certificates_and_a_password(self):
        self.publish_counted(0, 500)
        self.wait_for("all", lambda: self.values("motor/current") == list(range(500)), 30, self.plant.process)
        self.assertNotIn("s3cret", self.plant.process.output())


if __name__ == "__main__":
    unittest.main()
