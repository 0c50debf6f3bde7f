"""Readings to a real Apache Kafka: every reading that was acknowledged arrives, in order, though the broker and the plant are
killed with -9; what comes twice has the identity of the first time; after an outage what is live comes first."""

import os
import time
import unittest

import kafka_broker
from harness import EndToEnd, Plant, free_ports, one_cell
from line_sender import Sender

PLANT = """
node: {{name: gateway}}
connectors:
  - {{name: line, type: influx, port: {line}}}
historian: {{segment_size: 64KiB}}
outputs:
  - name: hq
    kind: kafka
    brokers: ["127.0.0.1:{kafka}"]
    retry_min: 100ms
    retry_max: 1s
    timeout: 5s
    {more}
""" + one_cell("default: line") + """\
                    - name: press-1
                      sensors: [{{name: current, type: float64, address: "press,id=1 current"}}]
                    - name: press-2
                      sensors: [{{name: current, type: float64, address: "press,id=2 current"}}]
"""
TOPIC = "factory-telemetry-lyon"
KILLS = int(os.environ.get("E2E_KILLS", 4))
MACHINES = {"acme/lyon/hall/one/cell/press-1", "acme/lyon/hall/one/cell/press-2"}


@unittest.skipIf(os.environ.get("E2E_WITHOUT_KAFKA"), "Apache Kafka cannot be had from Maven Central")
class Kafka(EndToEnd):
    more = ""

    def setUp(self):
        super().setUp()
        self.line, kafka, controller, api, opcua = free_ports(5)
        self.broker = kafka_broker.Broker(self, kafka, controller).start()
        self.file = self.folder / "plant.yaml"
        self.plant = Plant(self, self.file, api, opcua, self.folder / "data")

    def start_plant(self, more=""):
        self.file.write_text(PLANT.format(line=self.line, kafka=self.broker.port, more=more))
        self.plant.start()

    def output(self):
        return self.plant.get("/v1/plant")["outputs"][0]

    def wait_until_sent(self, seconds=90):
        self.wait_for("the backlog to be sent", lambda: self.output()["backlog"] == 0 and self.output()["state"] == "connected", seconds)

    def check(self, messages, acknowledged):
        """Nothing lost; order within what is live and what is not; repeats with the identity of the first time."""
        self.assertEqual({key for _, key, _, _ in messages}, MACHINES)
        for machine in MACHINES:
            seen, rows, repeats = set(), {}, 0
            newest = {False: -1, True: -1}
            partitions = set()
            for partition, key, historical, lines in messages:
                if key != machine:
                    continue
                partitions.add(partition)
                for row in lines:
                    self.assertEqual((row["machine"], row["sensor"], row["type"]), (machine, "current", "float64"))
                    self.assertEqual(len(row["t"]), len(row["v"]))
                    identity = (row["stream"], row["epoch"], row["sequence"], row["block"], row["index"])
                    repeats += identity in rows
                    self.assertEqual(rows.setdefault(identity, (row["t"], row["v"])), (row["t"], row["v"]))
                    fresh = [v for v in row["v"] if v not in seen]
                    self.assertEqual(fresh, sorted(fresh))
                    if fresh:
                        self.assertGreater(fresh[0], newest[historical])
                        newest[historical] = fresh[-1]
                    seen.update(row["v"])
            self.assertEqual(len(partitions), 1, "a machine's readings are in one partition")
            self.assertEqual(sorted(set(range(acknowledged)) - seen), [], "readings that never arrived")
            print(f"\n{machine}: {len(seen)} readings in {len(rows)} rows, {repeats} rows twice")

    def test_nothing_is_lost_when_broker_and_plant_are_killed(self):
        self.start_plant("live_age: 2s")
        sender = Sender(self.line)
        sender.start()
        for round in range(KILLS):
            time.sleep(2)
            self.broker.kill()
            if round % 2 == 1:
                time.sleep(1)
                self.plant.process.kill()
                self.plant.start()
            time.sleep(3 if round < 2 else 0.5)
            self.broker.start()
        time.sleep(1)
        self.plant.process.kill()
        self.plant.start()
        time.sleep(2)
        acknowledged = sender.stop()
        self.assertGreater(acknowledged, 2000)
        self.wait_until_sent()
        self.check(self.broker.messages(TOPIC), acknowledged)
        output = self.output()
        self.assertEqual((output["dead"], output["lost"]), (0, 0))

    def test_after_an_outage_live_comes_first(self):
        self.start_plant("live_age: 1s\n    backlog_rate: 500")
        sender = Sender(self.line, count=20)
        sender.start()
        time.sleep(2)
        self.broker.kill()
        time.sleep(15)
        waiting = self.output()
        self.assertEqual(waiting["state"], "backing-off")
        self.assertGreater(waiting["backlog"], 50)
        self.assertGreater(waiting["backlog_bytes"], 1000)
        self.broker.start()
        self.wait_for("live readings", lambda: self.output()["state"] == "connected", 30)
        time.sleep(3)
        draining = self.output()
        self.assertGreater(draining["backlog_age_s"], 5)
        self.assertGreater(draining["backlog_bytes_per_s"], 0)
        self.assertGreater(draining["backlog_left_s"], 0)
        acknowledged = sender.stop()
        self.wait_until_sent(120)
        messages = self.broker.messages(TOPIC)
        self.check(messages, acknowledged)
        for machine in MACHINES:  # what was live while the backlog waited did not wait for it
            mine = [(historical, max(v for row in rows for v in row["v"])) for _, key, historical, rows in messages if key == machine]
            last = max(i for i, (historical, _) in enumerate(mine) if historical)
            backlog = max(v for historical, v in mine if historical)
            self.assertGreater(max(v for historical, v in mine[:last] if not historical), backlog)

    def test_dead_band_is_for_the_uplink_alone(self):
        self.start_plant('sensors: [{match: "**", deadband: 9.5}, {match: "**/press-2/**", send: false}]')
        sender = Sender(self.line, count=100)
        sender.start()
        time.sleep(2)
        acknowledged = sender.stop()
        self.wait_until_sent()
        messages = self.broker.messages(TOPIC)
        self.assertEqual({key for _, key, _, _ in messages}, {"acme/lyon/hall/one/cell/press-1"})
        sent = [v for _, _, _, rows in messages for row in rows for v in row["v"]]
        self.assertEqual(sent, list(range(0, sender.next, 10))[:len(sent)])
        self.assertGreaterEqual(len(sent), acknowledged // 10)
        self.assertGreaterEqual(len(self.plant.history("press-1", "current")), acknowledged)


if __name__ == "__main__":
    unittest.main(verbosity=2)
