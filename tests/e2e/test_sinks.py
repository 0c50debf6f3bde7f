"""Readings to real databases: every reading that was acknowledged arrives, once, though the database and the plant are killed
with -9 in between (E2E_KILLS times, 4 unless it says otherwise)."""

import http.client
import json
import os
import signal
import time
import unittest

from harness import EndToEnd, Plant, free_ports, one_cell
from line_sender import Sender
from sink_servers import Influx, Postgres, Redis, VictoriaMetrics, ask

KILLS = int(os.environ.get("E2E_KILLS", 4))
PLANT = """
node: {{name: gateway}}
connectors:
  - {{name: line, type: influx, port: {line}}}
historian: {{segment_size: 64KiB}}
outputs:
  - {{name: store, retry_min: 100ms, retry_max: 500ms, {output}}}
""" + one_cell("default: line") + """\
                    - name: press-1
                      sensors:
                        - {{name: current, type: float64, address: "press,id=1 current"}}
                        - {{name: count, type: int64, address: "press,id=1 count"}}
                        - {{name: batch, type: text, address: "press,id=1 batch"}}
                        - {{name: running, type: bool, address: "press,id=1 running"}}
                    - name: press-2
                      components: [{{name: motor}}]
                      sensors: [{{name: current, component: motor, type: float64, address: "press,id=2 current"}}]
"""
PRESS_1, PRESS_2 = "acme/lyon/hall/one/cell/press-1", "acme/lyon/hall/one/cell/press-2"


class Sinks(EndToEnd):
    """Without tests of its own: what each receiver's tests share."""

    def setUp(self):
        super().setUp()
        self.line, self.port, self.spare, api, opcua = free_ports(5)
        self.file = self.folder / "plant.yaml"
        self.plant = Plant(self, self.file, api, opcua, self.folder / "data")

    def start_plant(self, output):
        self.file.write_text(PLANT.format(line=self.line, output=output))
        self.plant.start()

    def output(self):
        return self.plant.get("/v1/plant")["outputs"][0]

    def wait_until_sent(self, seconds=90):
        self.wait_for("the backlog to be sent", lambda: self.output()["backlog"] == 0 and self.output()["state"] == "connected",
                      seconds, self.plant.process)

    def write(self, *lines):
        connection = http.client.HTTPConnection("127.0.0.1", self.line, timeout=20)
        connection.request("POST", "/write?db=x", "\n".join(lines).encode())
        self.assertEqual(connection.getresponse().status, 204)
        connection.close()

    def send_while_all_is_killed(self, server):
        """What was acknowledged: the numbers from 0 to this."""
        sender = Sender(self.line)
        sender.start()
        for round in range(KILLS):
            time.sleep(1)
            server.kill()
            if round % 2 == 1:
                time.sleep(0.5)
                self.plant.process.kill()
                self.plant.start()
            time.sleep(1)
            server.start()
        time.sleep(0.5)
        self.plant.process.kill()
        self.plant.start()
        time.sleep(1)
        acknowledged = sender.stop()
        self.assertGreater(acknowledged, 1000)
        self.wait_until_sent()
        output = self.output()
        self.assertEqual((output["dead"], output["lost"]), (0, 0), output)
        return acknowledged


class ToPostgres(Sinks):
    def setUp(self):
        super().setUp()
        self.server = Postgres(self, self.port).start()
        self.options = f"kind: postgres, host: 127.0.0.1, port: {self.port}, database: postgres, user: plant"

    def test_every_reading_arrives_once_though_all_is_killed(self):
        self.start_plant(self.options)
        acknowledged = self.send_while_all_is_killed(self.server)
        for machine, sensor in [(PRESS_1, "current"), (PRESS_2, "motor/current")]:
            [[count, different, low, missing]] = self.server.query(
                f"SELECT count(*), count(DISTINCT value), min(value), (SELECT count(*) FROM generate_series(0, {acknowledged - 1}) AS n "
                f"WHERE NOT EXISTS (SELECT FROM readings_named WHERE machine = '{machine}' AND sensor = '{sensor}' AND value = n)) "
                f"FROM readings_named WHERE machine = '{machine}' AND sensor = '{sensor}'")
            print(f"\n{machine}/{sensor}: {count} rows for {acknowledged} readings")
            self.assertEqual((low, missing), ("0", "0"))
            self.assertEqual(count, different, "a reading that is there twice")

    def test_every_type_and_a_schema_of_its_own(self):
        self.server.query("CREATE SCHEMA plant")
        self.start_plant(self.options + ", table: plant.samples")
        self.wait_for("the plant", lambda: self.plant.get("/readyz")["status"] == "ready", 30, self.plant.process)
        t = 1_795_000_000_123_456_789
        self.write(f"press,id=1 count=9007199254740993i {t}", f'press,id=1 batch="a\\\\b\tc" {t + 1}', f"press,id=1 running=true {t + 2}",
                   f"press,id=1 current=12.5 {t + 3}")
        # Made when there is something to put in.
        self.wait_for("the tables", lambda: self.server.query("SELECT tablename FROM pg_tables WHERE schemaname = 'plant' "
                                                                    "AND tablename = 'samples'") == [["samples"]], 30)
        rows = "SELECT sensor, extract(epoch FROM time), ns, value, whole, text, quality FROM plant.samples_named ORDER BY sensor"
        self.wait_for("four rows", lambda: len(self.server.query(rows)) == 4, 30, self.plant.process)
        time_text = "1795000000.123456"
        self.assertEqual(self.server.query(rows), [
            ["batch", time_text, "790", "", "", "a\\b\tc", "0"],
            ["count", time_text, "789", "9.007199254740992e+15", "9007199254740993", "", "0"],
            ["current", time_text, "792", "12.5", "", "", "0"],
            ["running", time_text, "791", "1", "", "", "0"]])

    def test_it_says_what_is_wrong(self):
        self.start_plant(self.options.replace("database: postgres", "database: nothing"))
        self.wait_for("the reason", lambda: 'database "nothing" does not exist' in self.output()["detail"], 20, self.plant.process)


class ToInflux(Sinks):
    def setUp(self):
        super().setUp()
        self.server = Influx(self, self.port, self.spare).start()
        self.server.query("CREATE DATABASE plant")
        self.options = f'kind: influx, url: "http://127.0.0.1:{self.port}/write?db=plant", timeout: 2s'

    def test_every_reading_arrives_once_though_all_is_killed(self):
        self.start_plant(self.options)
        acknowledged = self.send_while_all_is_killed(self.server)
        for machine in ("press-1", "press-2"):
            [series] = self.server.query(f"SELECT value FROM readings WHERE machine = '{machine}' AND sensor = 'current'")
            values = [row[1] for row in series["values"]]
            print(f"\n{machine}: {len(values)} points for {acknowledged} readings")
            self.assertEqual(sorted(set(range(acknowledged)) - set(values)), [], "readings that never arrived")
            self.assertEqual(len(values), len(set(values)), "a reading that is there twice")

    def test_what_the_server_refuses_is_a_dead_letter(self):
        # Somebody else has made a field of another type of the same name.
        self.start_plant(self.options + ", measurement: mixed")
        ask(f"http://127.0.0.1:{self.port}/write?db=plant", b'mixed,machine=press-1,sensor=current value="text"')
        now = time.time_ns()
        self.write(f"press,id=1 current=1.5 {now}")
        self.write(f"press,id=1 count=7i {now}")
        self.wait_for("the dead letter", lambda: self.output()["dead"] == 1, 30, self.plant.process)
        letters = (self.folder / "data/outputs/store/dead-letters.jsonl").read_text().splitlines()
        self.assertIn("field type conflict", json.loads(letters[0])["reason"])
        self.wait_for("the other one", lambda: self.server.query("SELECT whole FROM mixed"), 20, self.plant.process)

    def test_it_waits_for_its_database(self):
        self.start_plant(self.options.replace("db=plant", "db=later"))
        self.wait_for("the reason", lambda: "database not found" in self.output()["detail"], 20, self.plant.process)
        self.write(f"press,id=1 current=2.5 {time.time_ns()}")
        self.server.query("CREATE DATABASE later")
        self.wait_for("the reading", lambda: self.server.query("SELECT value FROM readings", "later"), 20, self.plant.process)
        self.assertEqual(self.output()["dead"], 0)


class ToVictoriaMetrics(Sinks):
    def test_every_reading_arrives_though_all_is_killed(self):
        self.server = VictoriaMetrics(self, self.port).start()
        self.start_plant(f'kind: influx, url: "http://127.0.0.1:{self.port}/write", timeout: 2s')
        # It flushes to disk once a second and calls what it has in memory taken: only the plant is killed here.
        sender = Sender(self.line)
        sender.start()
        time.sleep(2)
        self.plant.process.kill()
        self.plant.start()
        time.sleep(1)
        acknowledged = sender.stop()
        self.wait_until_sent()
        self.wait_for("all of them", lambda: self.missing(acknowledged) == [], 20)

    def missing(self, acknowledged):
        seen = {"press-1": set(), "press-2": set()}
        for labels, values, _ in self.server.export('{__name__="readings_value"}'):
            self.assertEqual((labels["enterprise"], labels["sensor"]), ("acme", "current"))
            seen[labels["machine"]].update(values)
        return sorted(set(range(acknowledged)) - (seen["press-1"] & seen["press-2"]))


class ToRedis(Sinks):
    def latest(self, field, machine=PRESS_1):
        text = self.server.query("HGET", f"millwright:latest:{machine}", field)
        return json.loads(text) if text else None

    def test_the_latest_of_each_sensor_is_there_also_after_redis_was_away(self):
        self.server = Redis(self, self.port).start()
        self.start_plant(f"kind: redis, content: latest, host: 127.0.0.1, port: {self.port}, every: 100ms, timeout: 1s")
        t = 1_795_000_000_250_000_000
        self.write(f"press,id=1 current=1.5 {t - 10**9}", f"press,id=1 current=12.5 {t}", f'press,id=1 batch="B 7" {t}', f"press,id=2 current=3 {t}")
        expected = {"v": 12.5, "q": 192, "t": "2026-11-18T11:06:40.250Z"}
        self.wait_for("the latest", lambda: self.latest("current") == expected, 20, self.plant.process)
        self.wait_for("a text", lambda: (self.latest("batch") or {}).get("v") == "B 7", 20, self.plant.process)
        self.wait_for("the other", lambda: (self.latest("motor/current", PRESS_2) or {}).get("v") == 3, 20, self.plant.process)
        self.server.kill()
        self.write(f"press,id=1 current=13.5 {t + 10**9}")
        time.sleep(1)
        self.server.start()  # empty
        self.wait_for("the newer one", lambda: (self.latest("current") or {}).get("v") == 13.5, 20, self.plant.process)
        self.assertEqual(self.latest("batch")["v"], "B 7", "what did not change is there again too")


class ToMqtt(Sinks):
    def start_broker(self, more=""):
        conf = self.folder / "mosquitto.conf"
        conf.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\nuser root\npersistence true\n"
                        f"persistence_location {self.folder}/\nmax_queued_messages 0\n{more}")
        self.broker = self.start_server(["mosquitto", "-c", conf], "mosquitto", self.port)

    def start_subscriber(self):
        self.subscriber = self.start(["mosquitto_sub", "-h", "127.0.0.1", "-p", self.port, "-q", "1", "-c", "-i", "scada", "-t", "#", "-v"], "sub")
        time.sleep(1)

    def received(self):
        rows = [line.split(" ", 1) for line in self.subscriber.output().splitlines() if line.startswith("acme/") and line.endswith("}")]
        return [(topic, json.loads(payload)) for topic, payload in rows]

    def test_one_message_that_is_too_large_is_buried_alone(self):
        self.start_broker("max_packet_size 600\n")
        self.start_subscriber()
        self.start_plant(f"kind: mqtt, content: readings, host: 127.0.0.1, port: {self.port}, timeout: 2s")
        t = 1_790_000_000 * 10**9
        self.write(f'press,id=1 batch="{"x" * 900}",current=1.5,count=2i {t}')
        self.wait_for("the others", lambda: {payload["v"] for _, payload in self.received()} == {1.5, 2}, 20, self.plant.process)
        self.wait_until_sent()
        output = self.output()
        self.assertEqual((output["dead"], output["delivered"]), (1, 2))
        self.assertIn("press-1/batch: ", output["last_error"])
        [letter] = [json.loads(line) for line in (self.folder / "data/outputs/store/dead-letters.jsonl").read_text().splitlines()]
        self.assertEqual(letter["event"]["v"], "x" * 900)
        self.assertIn("press-1/batch: ", letter["reason"])

    def test_who_is_not_authorized_tries_again(self):
        acl = self.folder / "acl"
        acl.write_text(f"topic deny {PRESS_1}/count\ntopic readwrite #\n")
        self.start_broker(f"acl_file {acl}\n")
        self.start_subscriber()
        self.start_plant(f"kind: mqtt, content: readings, host: 127.0.0.1, port: {self.port}, timeout: 2s")
        self.write(f"press,id=1 count=7i {1_790_000_000 * 10**9}")
        self.wait_for("the reason", lambda: f"{PRESS_1}/count: the broker says: Not authorized" in self.output()["detail"], 20)
        acl.write_text("topic readwrite #\n")
        self.broker.child.send_signal(signal.SIGHUP)
        self.wait_for("the reading", lambda: [payload["v"] for _, payload in self.received()] == [7], 20, self.plant.process)
        self.assertEqual(self.output()["dead"], 0)

    def test_every_reading_has_a_message_on_its_topic(self):
        self.start_broker()
        self.start_subscriber()
        self.start_plant(f"kind: mqtt, content: readings, host: 127.0.0.1, port: {self.port}, timeout: 2s")
        sender = Sender(self.line, count=10)
        sender.start()
        time.sleep(2)
        self.plant.process.kill()
        self.plant.start()
        time.sleep(1)
        self.broker.stop()
        time.sleep(1)
        self.start_broker()
        time.sleep(3)
        acknowledged = sender.stop()
        self.assertGreater(acknowledged, 200)
        self.wait_until_sent()
        topics = {"acme/lyon/hall/one/cell/press-1/current", "acme/lyon/hall/one/cell/press-2/motor/current"}

        def values(topic):
            return {payload["v"] for name, payload in self.received() if name == topic}
        self.wait_for("all of them", lambda: all(values(topic) >= set(range(acknowledged)) for topic in topics), 30)
        messages = self.received()
        self.assertEqual({topic for topic, _ in messages}, topics)
        by_id = {}
        for topic, payload in messages:
            self.assertEqual(list(payload), ["schema", "seq", "id", "v", "q", "t"])
            self.assertEqual((payload["schema"], payload["q"]), (1, 192))
            self.assertEqual(by_id.setdefault(payload["id"], (topic, payload["v"], payload["t"])), (topic, payload["v"], payload["t"]))
        repeats = len(messages) - len(by_id)
        self.assertEqual(len(by_id), len({(topic, value) for topic, value, _ in by_id.values()}), "one reading under two ids")
        print(f"\n{len(messages)} messages for {2 * acknowledged} readings, {repeats} of them twice")


if __name__ == "__main__":
    unittest.main(verbosity=2)
