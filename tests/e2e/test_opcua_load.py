"""Fast sources: a foreign server (Eclipse Milo) writes many tags at a rate, and history has each value it wrote, with its
source time, once. Some thousand values by default; E2E_OPCUA_LOAD=60 is the full size, 1,000 tags at 100 Hz and
10,000 tags at 10 Hz for that many seconds, and prints what was measured."""

import json
import os
import sys
import time
import unittest
import urllib.request

from harness import EndToEnd, Plant, free_ports, one_cell
from milo_server import LoadServer

FULL_S = float(os.environ.get("E2E_OPCUA_LOAD", 0))
PLANT = """
node: {{name: line}}
connectors:
  - {{name: plc, type: opcua, endpoint: "{endpoint}"}}
""" + one_cell("default: plc")
EXACT = """
SELECT count(*) AS n, count(DISTINCT sensor_id) AS tags, count(DISTINCT (sensor_id, value)) AS different,
  count(*) FILTER (WHERE epoch_ns(time) <> {base_ns} + CAST(value AS BIGINT) * {period_ns}) AS wrong_times,
  count(*) FILTER (WHERE NOT good) AS bad
FROM readings WHERE value >= 0
"""


@unittest.skipIf("E2E_WITHOUT_MILO" in os.environ, "needs Eclipse Milo, from Maven Central")
class OpcUaLoad(EndToEnd):
    def check_load(self, tags, hz, seconds):
        port, api, opcua = free_ports(3)
        server = LoadServer(self, port, tags, hz)
        text = PLANT.format(endpoint=server.url)
        per_machine = 100
        for machine in range(tags // per_machine):
            text += f"{' ' * 20}- name: m-{machine}\n{' ' * 22}sensors:\n"
            for tag in range(machine * per_machine, (machine + 1) * per_machine):
                text += f'{" " * 24}- {{name: t-{tag}, rate_hz: {hz}, monitored: false, address: "nsu=urn:test:load;s=t{tag}"}}\n'
        file = self.folder / "plant.yaml"
        file.write_text(text)
        plant = Plant(self, file, api, opcua, self.folder / "data").start()
        self.wait_for("the connection", plant.connected)
        self.wait_for("all tags", lambda: self.readings(plant) >= tags)
        cpu = self.cpu(plant)
        wrote = server.write(seconds)
        expected = tags * wrote["ticks"]
        self.wait_for("what was written", lambda: self.readings(plant) >= tags + expected, 30 + seconds)
        behind = time.time() - (wrote["base_ns"] / 1e9 + wrote["took_s"])
        cpu = self.cpu(plant) - cpu
        lost = self.metric(plant, "millwright_opcua_client_overflows_total")
        plant.process.stop()
        code, out, err = self.run_millwright("history", "sql", EXACT.format(**wrote), "--format", "json", "-c", file,
                                             env=plant.env, timeout=600)
        self.assertEqual(code, 0, err)
        [row] = json.loads(out)
        if FULL_S:
            print(f"\n{tags} tags at {hz} Hz for {seconds} s: {expected} written in {wrote['took_s']} s (the server at most "
                  f"{wrote['late_ms']} ms late), {row['n']} in history, {row['different']} different, {lost:.0f} overflows, "
                  f"all there {behind:.1f} s after the last; the plant took {cpu / wrote['took_s'] * 100:.0f} % of a core",
                  file=sys.stderr)
        self.assertEqual(row, {"n": expected, "tags": tags, "different": expected, "wrong_times": 0, "bad": 0})
        self.assertEqual(lost, 0)

    @staticmethod
    def readings(plant):
        return plant.get("/v1/plant")["connectors"][0]["readings"]

    @staticmethod
    def metric(plant, name):
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(plant.url + "/metrics", timeout=30) as answer:
            return sum(float(line.split()[-1]) for line in answer.read().decode().splitlines() if line.startswith(name))

    @staticmethod
    def cpu(plant):
        with open(f"/proc/{plant.process.child.pid}/stat") as file:
            user, system = file.read().rsplit(")", 1)[1].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def test_some_tags_fast(self):
        self.check_load(1000 if FULL_S else 100, 100, FULL_S or 3)

    def test_many_tags(self):
        self.check_load(10_000 if FULL_S else 1000, 10, FULL_S or 3)


if __name__ == "__main__":
    unittest.main()
