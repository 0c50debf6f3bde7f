"""A recording, played as an OPC UA server, through the plant, to OPC UA clients and REST clients that we did not write:
bit for bit, times kept, complete, in order, once; and an alarm on the way."""

import json
import math
import random
import struct
import unittest
from datetime import datetime, timezone

from harness import FOREIGN_CLIENTS, EndToEnd, Plant, free_ports

COLUMNS = ["Accelerometer1RMS", "Current", "Pressure", "Volume Flow RateRMS"]
ROWS, FAULT_ROW = 400, 250
START = datetime(2020, 3, 1, 15, 44, 6, tzinfo=timezone.utc)


def hex_of(value):
    return struct.pack(">d", value).hex()


def recording(folder):
    """Like the testbed recordings of the field: 1 Hz, ';', a few significant digits, and some that need all 17. One
    sensor shifts at FAULT_ROW. A cell here and there is empty."""
    dice = random.Random(42)
    rows = []
    for i in range(ROWS):
        fault = 5.0 if i >= FAULT_ROW else 0.0
        rows.append([float(f"{0.08 + dice.gauss(0, 0.001):.6g}"), dice.gauss(1.3, 0.2) + fault,
                     float(f"{math.sin(i / 5) * 0.3:.6g}"), None if i % 97 == 5 else dice.uniform(75, 77)])
    file = folder / "testbed.csv"
    with open(file, "w") as out:
        out.write(";".join(["datetime", *COLUMNS]) + "\n")
        for i, row in enumerate(rows):
            time = datetime.fromtimestamp(START.timestamp() + i, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
            out.write(";".join([time, *("" if v is None else repr(v) for v in row)]) + "\n")
    return file, rows


def time_ns(row):
    return (int(START.timestamp()) + row) * 10**9


class Replay(EndToEnd):
    def setUp(self):
        super().setUp()
        self.csv, self.rows = recording(self.folder)
        self.source_port, self.api, self.opcua = free_ports(3)
        plant_file = self.folder / "plant.yaml"
        code, _, err = self.run_millwright("simulate", "--replay", self.csv, "--write-plant", plant_file, "--port", self.source_port)
        self.assertEqual(code, 0, err)
        self.plant = Plant(self, plant_file, self.api, self.opcua, self.folder / "data").start()

    def expected(self, column):
        return [(time_ns(i), row[column]) for i, row in enumerate(self.rows) if row[column] is not None]

    def test_the_whole_way(self):
        [machine] = self.plant.get("/v1/machines")["items"]
        sensors = [s["name"] for s in self.plant.get(f"/v1/machines/{machine['id']}/twin")["sensors"]]
        self.assertEqual(len(sensors), len(COLUMNS))
        paths = [argument for sensor in sensors for argument in ("--path", f"{machine['id']}/{sensor}")]
        clients = {name: self.start([*command, "--endpoint", self.plant.endpoint, *paths, "--seconds", "60"], name)
                   for name, command in FOREIGN_CLIENTS.items()}
        for client in clients.values():
            self.wait_for("the client to subscribe", lambda: '"subscribed"' in client.output(), 60, client)
        # 10 rows a second: slow enough that a client that samples every 10 ms sees each.
        self.millwright("simulate", "--replay", self.csv, "--speed", "10", "--port", self.source_port)
        last = self.expected(0)[-1][0]
        self.wait_for("the last row", lambda: self.plant.history(machine["id"], sensors[0])[-1:] and
                      _ns(self.plant.history(machine["id"], sensors[0])[-1]["time"]) == last, 120)

        for column, sensor in enumerate(sensors):
            with self.subTest(rest=sensor):
                items = self.plant.history(machine["id"], sensor)
                self.assertEqual([(_ns(i["time"]), hex_of(i["value"])) for i in items],
                                 [(t, hex_of(v)) for t, v in self.expected(column)])
                self.assertEqual({i["quality"] for i in items}, {"Good"})
        self.check_aggregates(machine["id"], sensors[1])
        self.check_alarm(machine["id"])
        for name, client in clients.items():
            with self.subTest(client=name):
                client.child.wait(60)
                self.check_client(client.output(), machine["id"], sensors)

    def check_aggregates(self, machine, sensor):
        minutes = self.plant.history(machine, sensor, resolution="1m")
        values = [v for _, v in self.expected(1)]
        self.assertEqual(sum(m["count"] for m in minutes), len(values))
        self.assertAlmostEqual(sum(m["sum"] for m in minutes), sum(values), 6)
        self.assertEqual(min(m["min"] for m in minutes), min(values))
        self.assertEqual(max(m["max"] for m in minutes), max(values))

    def check_alarm(self, machine):
        alarms = [a for a in self.plant.get("/v1/alarms")["items"] if a["sensor"].endswith("/current")]
        self.assertTrue(alarms, "the shift of the current raised no alarm")
        alarm = alarms[-1]
        self.assertEqual(alarm["machine"], machine)
        self.assertGreaterEqual(_ns(alarm["raised"]), time_ns(FAULT_ROW))
        acknowledged = self.plant.post(f"/v1/alarms/{alarm['id']}/acknowledge", {"by": "test", "comment": "seen"})
        self.assertEqual(acknowledged["acknowledged_by"], "test")

    def check_client(self, output, machine, sensors):
        lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
        for column, sensor in enumerate(sensors):
            sent = {t: hex_of(v) for t, v in self.expected(column)}
            got = [(int(line["time_ns"]), line["value_hex"]) for line in lines
                   if line["kind"] == "value" and line["path"] == f"{machine}/{sensor}" and line["status"] == "Good"]
            times = [t for t, _ in got]
            self.assertEqual(times, sorted(times))
            self.assertEqual({(t, v) for t, v in got} - set(sent.items()), set(), "a value or time that no row has")
            self.assertGreater(len(set(times)), 0.95 * len(sent))
        events = [line for line in lines if line["kind"] == "event" and str(line["Sensor"]).endswith("/current")]
        self.assertTrue(events, "no alarm event arrived")
        self.assertEqual(events[0]["Machine"], machine)
        self.assertGreaterEqual(events[0]["Severity"], 1)


def _ns(text):
    """RFC 3339 in UTC to nanoseconds, exactly."""
    head, _, fraction = text.rstrip("Z").partition(".")
    seconds = int(datetime.fromisoformat(head + "+00:00").timestamp())
    return seconds * 10**9 + int(fraction.ljust(9, "0") or 0)


if __name__ == "__main__":
    unittest.main()
