"""The cable to a receiver is pulled, without a word to either side, and put back: that is noticed soon, what is live is fresh soon after,
and nothing is lost. The receiver runs in a network namespace of its own, so this needs root."""

import json
import os
import time
import unittest

import cable
import kafka_broker
from harness import free_ports
from line_sender import Sender
from sink_servers import Postgres
from test_sinks import PRESS_1, Sinks

OUT_S = float(os.environ.get("E2E_CABLE_S", 15))
TOPIC = "factory-telemetry-lyon"
NOTICED_S = 10  # two keep-alives of 5 s
FRESH_S = float(os.environ.get("E2E_FRESH_S", 30))  # asked for where the machine does nothing else


@unittest.skipUnless(cable.can_be_had(), "needs root and network namespaces")
class OverACable(Sinks):
    """The receiver is at the far end of it."""

    def setUp(self):
        super().setUp()
        self.cable = cable.Cable(self)
        self.host, self.prefix = self.cable.host, self.cable.prefix

    def check_cable(self, newest):
        """`newest` gives the newest number that has arrived."""
        sender = Sender(self.line, count=20)
        sender.start()
        self.wait_for("readings", lambda: newest() > 100, 30, self.plant.process)
        pulled = time.monotonic()
        self.cable.pull()
        self.wait_for("the plant to notice", lambda: self.output()["state"] != "connected", NOTICED_S)
        noticed = time.monotonic() - pulled
        time.sleep(max(0, OUT_S - noticed))
        back, wanted = time.monotonic(), sender.next
        self.cable.put_back()
        self.wait_for("what is live", lambda: newest() >= wanted, 30, self.plant.process)
        fresh = time.monotonic() - back
        print(f"\n{type(self).__name__}: noticed after {noticed:.1f} s, fresh {fresh:.2f} s after the cable was back")
        self.assertLessEqual(fresh, FRESH_S)
        acknowledged = sender.stop()
        self.wait_until_sent()
        output = self.output()
        self.assertEqual((output["dead"], output["lost"]), (0, 0), output)
        return acknowledged


class ToPostgres(OverACable):
    def test_a_pulled_cable(self):
        server = Postgres(self, self.port, host=self.host, prefix=self.prefix).start()
        self.start_plant(f"kind: postgres, host: {self.host}, port: {self.port}, database: postgres, user: plant, live_age: 1s")
        rows = f"FROM readings_named WHERE machine = '{PRESS_1}' AND sensor = 'current'"
        self.wait_for("the tables", lambda: self.output()["state"] == "connected", 20, self.plant.process)
        acknowledged = self.check_cable(lambda: int(float(server.query(f"SELECT coalesce(max(value), 0) {rows}")[0][0])))
        [[count, different]] = server.query(f"SELECT count(*), count(DISTINCT value) {rows}")
        self.assertEqual(count, different)
        self.assertGreaterEqual(int(count), acknowledged)


class ToMqtt(OverACable):
    def test_a_pulled_cable(self):
        conf = self.folder / "mosquitto.conf"
        conf.write_text(f"listener {self.port}\nallow_anonymous true\nuser root\nmax_queued_messages 0\n")
        self.start([*self.prefix, "mosquitto", "-c", conf], "mosquitto")
        time.sleep(1)
        subscriber = self.start([*self.prefix, "mosquitto_sub", "-h", self.host, "-p", self.port, "-q", "1", "-t", "acme/#"], "sub")
        self.start_plant(f"kind: mqtt, content: readings, host: {self.host}, port: {self.port}, timeout: 3s, live_age: 1s")

        def numbers():
            return [json.loads(line)["v"] for line in subscriber.output().splitlines() if line.endswith("}")]
        acknowledged = self.check_cable(lambda: max(numbers(), default=0))
        self.wait_for("all of them", lambda: set(numbers()) >= set(range(acknowledged)), 30)


@unittest.skipIf(os.environ.get("E2E_WITHOUT_KAFKA"), "Apache Kafka cannot be had from Maven Central")
class ToKafka(OverACable):
    def test_a_pulled_cable(self):
        controller, inside = free_ports(2)
        broker = kafka_broker.Broker(self, self.port, controller, host=self.host, prefix=self.prefix, inside_port=inside).start()
        self.start_plant(f'kind: kafka, brokers: ["{broker.address}"], live_age: 1s')

        # What comes as it comes: a reader to the end never sees one while readings flow.
        broker.create(TOPIC)
        reader = self.start([*self.prefix, "kcat", "-C", "-q", "-u", "-b", broker.asked_at, "-t", TOPIC, "-o", "beginning", "-f", "%s\n"],
                            "reader")

        def newest():
            lines = [line for line in reader.output().splitlines() if line.endswith("}")]
            return max((max(row["v"]) for row in map(json.loads, lines) if row["machine"] == PRESS_1), default=0)
        self.wait_for("the plant to connect", lambda: self.output()["state"] == "connected", 60, self.plant.process)
        acknowledged = self.check_cable(newest)
        seen = {value for _, key, _, lines in broker.messages(TOPIC) if key == PRESS_1 for row in lines for value in row["v"]}
        self.assertEqual(sorted(set(range(acknowledged)) - seen), [])


del OverACable, Sinks  # they have no tests of their own

if __name__ == "__main__":
    unittest.main(verbosity=2)
