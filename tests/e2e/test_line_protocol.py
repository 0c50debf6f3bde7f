"""Line protocol into the real binary, by raw HTTP, by TCP and by InfluxDB's and QuestDB's own clients: values to the bit in the history, bad lines
told and the rest kept, nothing lost at a kill, nothing twice when it is sent again."""

import gzip
import http.client
import json
import os
import random
import socket
import struct
import subprocess
import unittest

from harness import ROOT, EndToEnd, Plant, free_ports, one_cell

TYPES = {"current": "float32", "pressure": "float64", "count": "int64", "running": "bool", "state": "state"}
PLANT = """
node: {{name: gateway}}
connectors:
  - {{name: line, type: influx, port: {port}, tcp_port: {tcp_port}, ignore_tags: [host]}}
""" + one_cell("default: line") + """\
                    - name: press-1
                      sensors:
                        - {{name: current, type: float32, address: "press,id=1,hall=a current"}}
                        - {{name: pressure, type: float64, address: "press,hall=a,id=1 pressure"}}
                        - {{name: count, type: int64, address: "press,hall=a,id=1 count"}}
                        - {{name: running, type: bool, address: "press,hall=a,id=1 running"}}
                        - {{name: state, type: state, states: {{0: idle, 1: running}}, address: "press,hall=a,id=1 state"}}
"""
START = 1_763_712_000_000_000_000  # 2025-11-21T08:00:00Z


def ns(text):
    """RFC 3339 in UTC to nanoseconds, exactly."""
    from datetime import datetime
    head, _, fraction = text.rstrip("Z").partition(".")
    return int(datetime.fromisoformat(head + "+00:00").timestamp()) * 10**9 + int(fraction.ljust(9, "0") or 0)


def float32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


class LineProtocol(EndToEnd):
    def setUp(self):
        super().setUp()
        self.port, self.tcp_port, api, opcua = free_ports(4)
        file = self.folder / "plant.yaml"
        file.write_text(PLANT.format(port=self.port, tcp_port=self.tcp_port))
        self.plant = Plant(self, file, api, opcua, self.folder / "data").start()
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        self.addCleanup(self.connection.close)

    def post(self, body, query="db=x", path="/write", **headers):
        data = body if isinstance(body, bytes) else body.encode()
        self.connection.request("POST", f"{path}?{query}", data, {k.replace("_", "-"): v for k, v in headers.items()})
        answer = self.connection.getresponse()
        return answer.status, answer.read().decode()

    def readings(self, sensor):
        return [(ns(item["time"]), item["value"]) for item in self.plant.history("press-1", sensor)]

    def test_values_to_the_bit(self):
        dice = random.Random(1)
        expected = {name: [] for name in TYPES}
        lines = []
        for i in range(3000):
            time = START + i * 10_000_000 + i % 7
            values = {"current": f"{dice.gauss(12, 1):.3f}", "pressure": repr(dice.gauss(0, 1e6)),
                      "count": f"{dice.getrandbits(63)}i", "running": dice.choice(["t", "F", "true", "FALSE"]),
                      "state": dice.choice(['"idle"', '"running"', "1i"])}
            lines.append(f"press,hall=a,host=h{i % 3},id=1 " + ",".join(f"{k}={v}" for k, v in values.items()) + f" {time}")
            expected["current"].append((time, float32(float(values["current"]))))
            expected["pressure"].append((time, float(values["pressure"])))
            expected["count"].append((time, int(values["count"][:-1])))
            expected["running"].append((time, values["running"] in ("t", "true")))
            expected["state"].append((time, 0 if values["state"] == '"idle"' else 1))
        mixed = lines[:]
        dice.shuffle(mixed)
        for at in range(0, len(mixed), 500):
            body = "\n".join(mixed[at:at + 500])
            zipped = at % 1000 == 0
            status, text = self.post(gzip.compress(body.encode()) if zipped else body,
                                     **({"Content_Encoding": "gzip"} if zipped else {}))
            self.assertEqual((status, text), (204, ""))
        for name in TYPES:
            with self.subTest(sensor=name):
                got = self.readings(name)
                self.assertEqual([t for t, _ in got], [t for t, _ in expected[name]])
                for (_, value), (_, sent) in zip(got, expected[name]):
                    self.assertEqual(float32(value) if name == "current" else self.plain(value), sent)

    @staticmethod
    def plain(value):
        """An int64 too long for JSON's numbers comes as text; a state with its name or code."""
        if isinstance(value, str):
            return {"idle": 0, "running": 1}.get(value) if value in ("idle", "running") else int(value)
        return value

    def test_partial_writes_and_precision(self):
        status, text = self.post("press,hall=a,id=1 current=1 1763712000\n"
                                 "press,hall=a,id=1 curent=2 1763712001\n"
                                 "press,hall=a,id=1 current=oops 1763712002\n"
                                 "press,hall=a,id=1 current=4 1763712003\n", "db=x&precision=s")
        self.assertEqual(status, 400)
        error = json.loads(text)["error"]
        self.assertIn("partial write: line 2: no sensor has the address 'press,hall=a,id=1 curent' (did you mean "
                      "'press,hall=a,id=1 current'?)", error)
        self.assertIn("line 3: column 27: 'oops' is no value", error)
        self.assertTrue(error.endswith("dropped=2"), error)
        self.assertEqual(self.readings("current"), [(START, 1), (START + 3 * 10**9, 4)])
        self.assertEqual(self.post("x", "precision=week")[0], 400)

    def test_what_was_answered_survives_a_kill_and_is_not_doubled(self):
        lines = "\n".join(f"press,hall=a,id=1 count={i}i {START + i}" for i in range(5000))
        self.assertEqual(self.post(lines)[0], 204)
        self.plant.process.kill()
        self.plant.start()
        self.connection.close()
        self.assertEqual(self.post(lines)[0], 204)  # as a client does that never saw the answer
        more = "\n".join(f"press,hall=a,id=1 count={i}i {START + i}" for i in range(5000, 6000))
        self.assertEqual(self.post(more)[0], 204)
        self.assertEqual([(t, self.plain(v)) for t, v in self.readings("count")], [(START + i, i) for i in range(6000)])
        self.assertEqual(self.plant.process.stop(), 0)

    def connector(self):
        [connector] = self.plant.get("/v1/plant")["connectors"]
        return connector

    def test_lines_over_tcp_however_they_are_cut(self):
        lines = "".join(f"press,hall=a,id=1 pressure={i / 3},count={i}i {START + i}\n" for i in range(20_000)).encode()
        dice = random.Random(2)
        with socket.create_connection(("127.0.0.1", self.tcp_port)) as sender:
            self.wait_for("the sender to be seen", lambda: "1 sender over TCP" in self.connector()["detail"])
            sender.sendall(b"press,hall=a,id=1 curent=1 1\nno line\n")
            at = 0
            while at < len(lines):
                size = dice.choice([1, 7, 300, 70_000])
                sender.sendall(lines[at:at + size])
                at += size
            sender.sendall(b"press,hall=a,id=1 pressure=12")  # and the cable is cut
        self.wait_for("all of them", lambda: self.connector()["readings"] == 40_000)
        self.wait_for("the cut line to be counted", lambda: self.connector()["refused"] == 3)
        self.wait_for("them in the history", lambda: len(self.readings("count")) == 20_000)
        self.assertEqual(self.readings("pressure"), [(START + i, i / 3) for i in range(20_000)])
        self.assertIn("dropped: line 1: no sensor has the address", self.plant.process.output())
        self.assertEqual(self.plant.process.stop(), 0)

    @unittest.skipIf(os.environ.get("E2E_WITHOUT_PYPI"), "PyPI could not be reached")
    def test_questdbs_own_client_over_tcp(self):
        done = subprocess.run([ROOT / "build/venv/bin/python", ROOT / "tests/e2e/questdb_client.py", str(self.tcp_port),
                               str(START), "5000"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.wait_for("all of them", lambda: len(self.readings("running")) == 5000)
        self.assertEqual(self.readings("pressure"), [(START + i, i / 7) for i in range(5000)])
        self.assertEqual([(t, self.plain(v)) for t, v in self.readings("count")], [(START + i, i) for i in range(5000)])
        self.assertEqual(self.connector()["refused"], 0)

    @unittest.skipIf(os.environ.get("E2E_WITHOUT_PYPI"), "PyPI could not be reached")
    def test_influxdbs_own_client(self):
        def write(points, packing):
            done = subprocess.run([ROOT / "build/venv/bin/python", ROOT / "tests/e2e/influx_client.py",
                                   f"http://127.0.0.1:{self.port}", packing], input=json.dumps(points), text=True,
                                  capture_output=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            return json.loads(done.stdout)

        def point(i, **fields):
            return {"measurement": "press", "tags": {"id": "1", "hall": "a"}, "fields": fields, "time_ns": START + i}

        self.assertEqual(write([point(i, pressure=i / 3, count=i, running=i % 2 == 0) for i in range(1000)], "gzip"),
                         {"status": 204})
        self.assertEqual(self.readings("pressure"), [(START + i, i / 3) for i in range(1000)])
        self.assertEqual([self.plain(v) for _, v in self.readings("count")], list(range(1000)))
        refused = write([point(2000, pressure=1.0), point(2001, presure=1.0)], "plain")
        self.assertEqual(refused["status"], 400)
        self.assertIn("(did you mean 'press,hall=a,id=1 pressure'?) dropped=1", refused["message"])


if __name__ == "__main__":
    unittest.main()
