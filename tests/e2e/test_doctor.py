"""`millwright doctor` says what works, what does not and what to do; beside a running plant it disturbs nothing."""

import base64
import hashlib
import http.server
import json
import os
import socket
import threading
import unittest

from harness import CLIENTS, FOREIGN_CLIENTS, ROOT, EndToEnd, Plant, free_ports, one_cell
from sink_servers import Postgres, Redis

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


SERVICES = """
node: {{name: leaning, data_dir: data}}
api: {{port: {api}}}
opcua_server: {{enabled: false}}
access:
  mode: accounts
  oidc:
    issuer: {issuer}
    audience: millwright
    jwks_file: keys.json
    algorithms: [EdDSA]
    roles: {{plant: viewer}}
    sites: ["*"]
database: {{url: "postgresql://{user}@127.0.0.1:{postgres}/postgres"}}
twin:
  mirror:
    redis: {{host: 127.0.0.1, port: {redis}}}
    postgresql: {{url: "postgresql://{user}@127.0.0.1:{postgres}/postgres"}}
analytics:
  production_orders: {{host: 127.0.0.1, port: {mqtt}, user: plant, password_file: mqtt.secret, topic: "{orders}"}}
connectors:
  - {{name: uns, type: mqtt, host: 127.0.0.1, port: {mqtt}, user: plant, password_file: mqtt.secret, topics: ["press/data", "{topic}"]}}
  - name: bus
    type: modbus
    host: 127.0.0.1
    port: {modbus}
    timeout: 400ms
    devices:
      - {{name: one, unit: 1, map: meter.yaml}}
      - {{name: two, unit: {unit}, map: meter.yaml}}
      - {{name: spare, unit: 1, map: meter.yaml}}
  - name: cell
    type: plc4x
    java: "true"
    jar: driver.jar
    devices:
      - {{name: press, connection: "modbus-tcp://127.0.0.1:{fieldbus}?default-unit-identifier=1"}}
      - {{name: lamp, connection: "knxnet-ip://127.0.0.1"}}
outputs:
  - {{name: broker, kind: mqtt, host: 127.0.0.1, port: {mqtt}, user: plant, password_file: mqtt.secret}}
""" + one_cell("default: bus") + """\
                    - name: press-1
                      sensors:
                        - {{name: a, address: one/near, type: int64}}
                        - {{name: b, address: "one/{register}", type: int64}}
                        - {{name: c, address: two/near, type: int64}}
"""
MAP = """
registers:
  - {name: near, address: 3}
  - {name: next, address: 4}
  - {name: missing, address: 500}
"""


def segment(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Provider(http.server.BaseHTTPRequestHandler):
    """An identity provider's discovery document. Its keys are in a file here: they are fetched over TLS only, by the system's
    authorities."""
    def do_GET(self):
        self.send_response(200 if self.path == "/.well-known/openid-configuration" else 404)
        self.end_headers()
        self.wfile.write(json.dumps({"issuer": f"http://127.0.0.1:{self.server.server_port}"}).encode())

    def log_message(self, *_):
        pass


@unittest.skipIf(os.environ.get("E2E_WITHOUT_PYPI"), "PyPI could not be reached")
class Services(EndToEnd):
    def setUp(self):
        super().setUp()
        names = ("api", "mqtt", "modbus", "closed", "postgres", "redis")
        self.ports = dict(zip(names, free_ports(len(names))))
        (self.folder / "meter.yaml").write_text(MAP)
        (self.folder / "driver.jar").touch()
        self.write_keys({"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": segment(bytes(range(32)))})
        (self.folder / "mqtt.secret").write_text("opensesame")
        self.provider = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
        threading.Thread(target=self.provider.serve_forever).start()
        self.addCleanup(self.provider.server_close)
        self.addCleanup(self.provider.shutdown)

    def write_keys(self, *keys):
        (self.folder / "keys.json").write_text(json.dumps({"keys": keys}))

    def start_broker(self):
        """It lets the user subscribe below press/ and mes/, and nowhere else."""
        salt = os.urandom(12)
        password = hashlib.pbkdf2_hmac("sha512", b"opensesame", salt, 101)
        acls = [{"acltype": "subscribePattern", "topic": topic, "allow": True} for topic in ("press/#", "mes/#")]
        (self.folder / "security.json").write_text(json.dumps({
            "defaultACLAccess": {"publishClientSend": True, "publishClientReceive": True, "subscribe": False, "unsubscribe": True},
            "clients": [{"username": "plant", "password": base64.b64encode(password).decode(), "salt": base64.b64encode(salt).decode(),
                         "iterations": 101, "roles": [{"rolename": "plant"}]}],
            "roles": [{"rolename": "plant", "acls": acls}]}))
        conf = self.folder / "mosquitto.conf"
        conf.write_text(f"listener {self.ports['mqtt']} 127.0.0.1\nallow_anonymous false\nuser root\n"
                        "plugin /usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so\n"
                        f"plugin_opt_config_file {self.folder}/security.json\n")
        self.start_server(["mosquitto", "-c", conf], "mosquitto", self.ports["mqtt"])

    def doctor(self, **changed):
        own = f"http://127.0.0.1:{self.provider.server_port}"
        good = {**self.ports, "issuer": own, "user": "plant", "orders": "mes/orders",
                "topic": "press/state", "unit": 2, "register": "next", "fieldbus": self.ports["modbus"]}
        plant = self.folder / "plant.yaml"
        plant.write_text(SERVICES.format(**{**good, **changed}))
        _, out, err = self.run_millwright("doctor", plant, "--json")
        self.assertTrue(out, err)
        return {finding["what"]: finding for finding in json.loads(out)["findings"]}

    def states(self, found):
        beside = ("data folder", "disk space", "clock", "dashboard and REST (api)")
        return {what: finding["state"] for what, finding in found.items() if what not in beside}

    def start_all(self):
        self.start_broker()
        self.modbus = self.start_server([ROOT / "build/venv/bin/python", ROOT / "tests/e2e/modbus_server.py", "127.0.0.1",
                                         self.ports["modbus"]], "modbus", self.ports["modbus"])
        self.redis = Redis(self, self.ports["redis"]).start()
        self.postgres = Postgres(self, self.ports["postgres"]).start()
        self.postgres.query("CREATE ROLE guest LOGIN")

    def test_services_that_are_as_they_should_be(self):
        self.start_all()
        found = self.doctor()
        self.assertEqual(set(self.states(found).values()), {"ok"}, found)
        self.assertEqual(len(self.states(found)), 13, found)
        self.assertIn("2 of 2 registers are read", found["connector bus, one"]["detail"])
        self.assertIn("grants press/data, press/state", found["connector uns"]["detail"])
        self.assertIn("whether we may publish shows only when we do", found["output broker"]["detail"])
        self.assertEqual(self.postgres.query("SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'"), [["0"]], "it makes nothing")

    def test_what_is_refused_is_said_with_advice(self):
        self.start_all()
        found = self.doctor(topic="secret/#", orders="other/orders", unit=5, register="missing", fieldbus=self.ports["closed"],
                            user="guest", issuer="https://127.0.0.1:1/realm")
        states = self.states(found)
        self.assertEqual({what for what, state in states.items() if state == "bad"}, {
            "connector uns", "production orders", "connector bus, one", "connector bus, two", "connector cell, press"}, found)
        self.assertEqual({what for what, state in states.items() if state == "warning"}, {
            "database", "twin mirror in PostgreSQL", "identity provider"}, found)
        self.assertIn("'secret/#'", found["connector uns"]["detail"])
        self.assertNotIn("'press/data'", found["connector uns"]["detail"])
        self.assertIn("1 of 2 registers are read; 'one/missing': Illegal data address", found["connector bus, one"]["detail"])
        self.assertIn("unit 5 does not answer", found["connector bus, two"]["detail"])
        self.assertTrue(all(found[what]["advice"] for what, state in states.items() if state != "ok"))

    def test_services_that_are_away(self):
        self.write_keys()
        found = self.doctor()
        self.assertEqual({what for what, state in self.states(found).items() if state == "bad"}, {
            "connector uns", "production orders", "output broker", "connector bus", "connector cell, press", "database",
            "twin mirror in Redis", "twin mirror in PostgreSQL", "identity provider"}, found)


if __name__ == "__main__":
    unittest.main()
