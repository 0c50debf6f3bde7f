"""Alarms to a real MQTT broker (mosquitto), a real Redis and a web server: each change arrives, in order, with its id, also
when the receivers go away, and when the plant is killed with -9."""

import contextlib
import hashlib
import hmac
import http.client
import http.server
import json
import pathlib
import random
import socket
import subprocess
import threading
import time
import unittest

from harness import EndToEnd, Plant, free_ports, one_cell

SECRET = "a key of the web hook"
PLANT = """
node: {{name: lyon}}
connectors:
  - {{name: line, type: influx, port: {line}}}
detection: {{settle: 0s, spc: {{subgroup_size: 5, training: 20s}}}}
alarms:
  suppress_by_state:
    - {{match: "motor/**", states: [down]}}
outputs:
  - {{name: broker, kind: mqtt, host: 127.0.0.1, port: {mqtt}, retry_min: 100ms, retry_max: 500ms, timeout: 2s}}
  - {{name: stream, kind: redis, host: 127.0.0.1, port: {redis}, retry_min: 100ms, retry_max: 500ms, timeout: 2s}}
  - name: hook
    kind: webhook
    url: "http://127.0.0.1:{hook}/alarms"
    allow: [127.0.0.1]
    secret_file: hook.key
    retry_min: 100ms
    retry_max: 500ms
    timeout: 2s
{more}
""" + one_cell("default: line") + """\
                    - name: pump-1
                      components: [{{name: motor}}]
                      sensors:
                        - {{name: current, component: motor, rate_hz: 10, range: [0, 60], address: "pump current"}}
                        - {{name: state, type: state, states: {{0: idle, 1: running, 2: down}}, address: "pump state"}}
"""
TOPIC = "acme/lyon/hall/one/cell/pump-1/alarms"


class WebServer:
    """Keeps what is posted, and refuses what it is told to refuse."""

    def __init__(self, port):
        self.port, self.posts, self.refuse, self.server = port, [], set(), None
        self.connections = set()

    def start(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                outer.connections.add(self.connection)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                event = json.loads(body)
                status = 422 if event["version"] in outer.refuse else 204
                if status == 204:
                    outer.posts.append((time.monotonic(), dict(self.headers), body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self):
        """Away, and with it every connection."""
        self.server.shutdown()
        self.server.server_close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.connections.clear()

    def versions(self):
        return [json.loads(body)["version"] for _, _, body in self.posts]


class Outputs(EndToEnd):
    more = ""

    def setUp(self):
        super().setUp()
        self.line, self.mqtt, self.redis, hook, api, opcua = free_ports(6)
        (self.folder / "hook.key").write_text(SECRET + "\n")
        file = self.folder / "plant.yaml"
        file.write_text(PLANT.format(line=self.line, mqtt=self.mqtt, redis=self.redis, hook=hook, more=self.more))
        self.hook = WebServer(hook)
        self.start_receivers()
        self.subscriber = self.start(["mosquitto_sub", "-p", self.mqtt, "-V", "mqttv5", "-q", "1", "-c", "-i", "scada", "-t", "#",
                                      "-F", "%t %P %p"], "mosquitto_sub")
        self.wait_for("the subscription", lambda: self.subscribed(), 20)
        self.plant = Plant(self, file, api, opcua, self.folder / "data").start()
        self.changes = 0

    # ---- receivers ----

    def start_receivers(self):
        conf = self.folder / "mosquitto.conf"
        conf.write_text(f"listener {self.mqtt} 127.0.0.1\nallow_anonymous true\npersistence true\nuser root\n"
                        f"persistence_location {self.folder}/\nautosave_on_changes true\nautosave_interval 1\n")
        self.broker = self.start_server(["mosquitto", "-v", "-c", conf], "mosquitto", self.mqtt)
        self.redis_server = self.start_server(
            ["redis-server", "--port", self.redis, "--bind", "127.0.0.1", "--dir", self.folder, "--appendonly", "yes",
             "--appendfsync", "always", "--save", ""], "redis", self.redis)
        self.hook.start()
        self.addCleanup(lambda: self.hook.server.server_close())

    def stop_receivers(self):
        self.hook.stop()
        self.redis_server.kill()
        self.broker.stop()  # kept on disk as it ends: what a broker loses when killed is not ours to bring back

    def subscribed(self):
        return "Sending SUBACK to scada" in self.broker.output()

    def by_mqtt(self):
        """(topic, user properties, event) of each alarm."""
        rows = [line.split(" ", 1) for line in self.subscriber.output().splitlines()]
        return [(topic, *rest.split(" ", 1)) for topic, rest in rows if topic.endswith("/alarms")]

    def mqtt_versions(self):
        return [json.loads(event)["version"] for _, _, event in self.by_mqtt()]

    def by_redis(self):
        """(id, fields) of each entry."""
        out = subprocess.run(["redis-cli", "-p", str(self.redis), "--json", "XRANGE", "millwright:alarms", "-", "+"],
                             capture_output=True, text=True, timeout=10).stdout
        entries = json.loads(out) if out.startswith("[") else []
        return [(key, dict(zip(fields[::2], fields[1::2]))) for key, fields in entries]

    def redis_versions(self):
        return [int(fields["id"]) for _, fields in self.by_redis()]

    def status(self, name):
        return next(o for o in self.plant.get("/v1/plant")["outputs"] if o["name"] == name)

    # ---- alarms ----

    def write(self, lines):
        connection = http.client.HTTPConnection("127.0.0.1", self.line, timeout=30)
        connection.request("POST", "/write", "\n".join(lines).encode())
        answer = connection.getresponse()
        self.assertEqual(answer.status, 204, answer.read())
        connection.close()

    def raise_alarm(self):
        dice = random.Random(7)
        start = time.time_ns() - 60 * 10**9
        readings = [10 + dice.gauss(0, 0.1) for _ in range(300)] + [45 + dice.gauss(0, 0.1) for _ in range(100)]
        self.write([f"pump current={value} {start + i * 10**8}" for i, value in enumerate(readings)])
        alarm = self.wait_for("an alarm", lambda: self.plant.get("/v1/alarms", active="true")["items"], 20)[0]
        self.changes = max(a["version"] for a in self.plant.get("/v1/alarms")["items"])
        return alarm

    def change(self, alarm, count):
        """Shelving and its end: a change of the alarm each."""
        for _ in range(count // 2):
            control = self.plant.post(f"/v1/alarms/{alarm['id']}/shelve", {"by": "kim", "duration": "1h"})
            self.plant.post(f"/v1/alarm-controls/{control['id']}/release", {"by": "kim"})
        self.changes = self.plant.get("/v1/alarms")["items"][0]["version"]

    def all_arrive(self, seconds=60):
        expected = list(range(1, self.changes + 1))
        for name, versions in [("hook", self.hook.versions), ("broker", self.mqtt_versions), ("stream", self.redis_versions)]:
            self.wait_for(f"all at {name}", lambda: set(versions()) >= set(expected), seconds, self.plant.process)
            first = list(dict.fromkeys(versions()))
            self.assertEqual(first, expected, f"{name}: order")
        self.assertEqual(self.redis_versions(), expected, "Redis has each once")

    def durable(self):
        time.sleep(0.5)  # the alarms' journal is committed every 20 ms


class Delivery(Outputs):
    def test_every_change_arrives_everywhere(self):
        alarm = self.raise_alarm()
        self.change(alarm, 20)
        self.all_arrive()
        topic, properties, event = self.by_mqtt()[0]
        self.assertEqual(topic, TOPIC)
        now = self.plant.get("/v1/alarms")["items"][0]
        self.assertEqual(list(json.loads(event)), list(now), "the same shape as REST's")
        self.assertEqual(json.loads(self.by_mqtt()[-1][2]), now)
        key, fields = self.by_redis()[0]
        self.assertEqual(fields["event"], event)
        self.assertEqual((fields["kind"], fields["machine"]), ("alarm", "pump-1"))
        self.assertRegex(properties, r"id:\d{13}-1$")
        self.assertRegex(key, r"^\d{13}-1$")
        _, headers, body = self.hook.posts[0]
        self.assertEqual(body.decode(), event)
        self.assertRegex(headers["Idempotency-Key"], r"^\d{13}-1$")
        self.assertEqual(headers["X-Millwright-Signature"], "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest())
        for name in ("hook", "broker", "stream"):
            status = self.status(name)
            self.assertEqual((status["state"], status["backlog"], status["dead"], status["lost"]), ("connected", 0, 0, 0), status)
        self.assertIn('millwright/lyon/broker/status  {"state":"online"}', self.subscriber.output())
        self.plant.process.stop()
        self.wait_for("the farewell", lambda: '{"state":"offline"}' in self.subscriber.output(), 10)
        self.assertNotIn(SECRET, self.plant.process.output())

    def test_receivers_and_plant_may_go_away_at_any_time(self):
        alarm = self.raise_alarm()
        self.change(alarm, 20)
        self.all_arrive()
        # Away: what comes waits, the plant says so, and a kill does not lose it.
        self.stop_receivers()
        self.change(alarm, 20)
        self.wait_for("the backlog", lambda: all(self.status(n)["backlog"] >= 20 and self.status(n)["state"] == "backing-off"
                                                 for n in ("hook", "broker", "stream")))
        self.durable()
        self.plant.process.kill()
        self.plant.start()
        self.change(alarm, 10)
        self.start_receivers()
        self.all_arrive()
        # In the middle of it all.
        changing = threading.Thread(target=self.change, args=(alarm, 200))
        changing.start()
        time.sleep(0.3)
        self.stop_receivers()
        time.sleep(0.5)
        self.start_receivers()
        changing.join()
        self.all_arrive()
        changing = threading.Thread(target=lambda: self.try_change(alarm, 400))
        changing.start()
        time.sleep(0.5)
        self.plant.process.kill()
        changing.join()
        self.plant.start()
        self.change(alarm, 2)
        self.all_arrive()

    def try_change(self, alarm, count):
        try:
            self.change(alarm, count)
        except (OSError, http.client.HTTPException):
            pass  # the plant was killed

    def test_a_refused_change_is_a_dead_letter(self):
        self.hook.refuse = {3}
        alarm = self.raise_alarm()
        self.change(alarm, 6)
        self.wait_for("the rest", lambda: self.hook.versions()[-1:] == [self.changes], 30)
        self.assertNotIn(3, self.hook.versions())
        [letter] = (self.folder / "data/outputs/hook/dead-letters.jsonl").read_text().splitlines()
        letter = json.loads(letter)
        self.assertEqual((letter["reason"], letter["event"]["version"]), ("HTTP 422", 3))
        self.assertEqual(self.status("hook")["dead"], 1)
        metrics = http.client.HTTPConnection("127.0.0.1", self.plant.api_port, timeout=10)
        metrics.request("GET", "/metrics")
        self.assertIn('millwright_output_dead_total{output="hook"} 1', metrics.getresponse().read().decode())

    def test_a_machine_that_stands_is_not_alarmed(self):
        self.write([f"pump state=2i {time.time_ns()}"])
        self.wait_for("the suppression", lambda: [c for c in self.plant.get("/v1/alarm-controls")["items"]
                                                  if c["kind"] == "suppressed-by-design" and c["by"] == "machine state"], 20)
        self.write([f"pump state=1i {time.time_ns()}"])
        self.wait_for("its end", lambda: not self.plant.get("/v1/alarm-controls")["items"], 20)


class Security(Outputs):
    def setUp(self):
        self.tls_port, self.bad_port = free_ports(2)
        self.more = f"""
  - name: secured
    kind: mqtt
    protocol: 3.1.1
    host: localhost
    port: {self.tls_port}
    user: plant
    password_env: BROKER_PASSWORD
    tls: {{ca_file: server.crt}}
    retry_max: 500ms
  - {{name: closed, kind: webhook, url: "http://127.0.0.1:{self.bad_port}/alarms"}}
"""
        super().setUp()

    def start_receivers(self):
        super().start_receivers()
        key, crt = self.folder / "server.key", self.folder / "server.crt"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", crt, "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
        passwords = self.folder / "passwords"
        subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "plant", "s3cret-of-the-broker"], check=True, capture_output=True)
        conf = self.folder / "secured.conf"
        conf.write_text(f"listener {self.tls_port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\n"
                        f"certfile {crt}\nkeyfile {key}\nuser root\n")
        self.secured = self.start_server(["mosquitto", "-c", conf], "secured", self.tls_port)

    def test_tls_passwords_and_closed_addresses(self):
        # A wrong password first: the plant says so, without telling it.
        self.wait_for("the refusal", lambda: "BROKER_PASSWORD is not set" in self.status("secured")["detail"])
        self.plant.process.stop()
        self.plant.env["BROKER_PASSWORD"] = "wrong-secret"
        self.plant.start()
        self.wait_for("the refusal", lambda: "refuses the connection" in self.status("secured")["detail"])
        self.plant.process.stop()
        self.plant.env["BROKER_PASSWORD"] = "s3cret-of-the-broker"
        self.plant.start()
        subscriber = self.start(["mosquitto_sub", "-h", "localhost", "-p", self.tls_port, "-u", "plant", "-P",
                                 "s3cret-of-the-broker", "--cafile", self.folder / "server.crt", "-q", "1", "-t", "#", "-v"], "tls-sub")
        self.wait_for("the birth", lambda: '{"state":"online"}' in subscriber.output())
        self.raise_alarm()
        self.wait_for("the alarm", lambda: TOPIC in subscriber.output())
        self.assertEqual(self.status("secured")["state"], "connected")
        self.assertIn("not on the public Internet", self.status("closed")["detail"])
        with socket.create_server(("127.0.0.1", self.bad_port)) as listener:
            listener.settimeout(2)
            self.assertRaises(TimeoutError, listener.accept)
        for log in pathlib.Path(self.folder).glob("run-*.log"):
            self.assertNotIn("secret-of-the-broker", log.read_text())


if __name__ == "__main__":
    unittest.main()
