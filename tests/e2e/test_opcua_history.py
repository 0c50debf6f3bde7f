"""OPC UA history against a client and a server that we did not write: what a foreign client reads of ours is what the
REST interface has, and what our client missed comes from a foreign server's history, in order and once."""

import json
import socket
import subprocess
import threading
import unittest
from datetime import datetime, timedelta

from harness import CLIENTS, FOREIGN_CLIENTS, ROOT, EndToEnd, Plant, free_ports, one_cell

PYTHON = ROOT / "build/venv/bin/python"
PLANT = """
node: {{name: line}}
opcua_server: {{max_items_per_subscription: 50, max_subscriptions_per_session: 5, max_nodes_per_call: 100,
               max_history_values: 20}}
connectors:
  - {{name: plc, type: opcua, endpoints: ["{away}", "{endpoint}"], retry_max: 500ms, publishing_interval: 50ms,
     keep_alive: 200ms}}
""" + one_cell("default: plc") + """\
                    - name: pump-1
                      sensors:
                        - {{name: count, range: [0, 1000], address: "nsu=urn:test:line;s=Line1.Pump1.PieceCount"}}
                        - {{name: missing, address: "nsu=urn:test:line;s=Line1.Pump1.NotThere"}}
"""


class Cable:
    """A TCP way to a port that can be cut while both ends live."""

    def __init__(self, listen, target):
        self.listen, self.target, self.pairs, self.server = listen, target, [], None

    def plug_in(self):
        self.server = socket.create_server(("127.0.0.1", self.listen))
        threading.Thread(target=self._accept, args=(self.server,), daemon=True).start()

    def cut(self):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        for end in self.pairs:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()
        self.pairs = []

    def _accept(self, server):
        while True:
            try:
                near, _ = server.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            self.pairs += [near, far]
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self._copy, args=(a, b), daemon=True).start()

    @staticmethod
    def _copy(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass
        for end in (a, b):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def iso(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).replace(tzinfo=None)


@unittest.skipIf("asyncua" not in FOREIGN_CLIENTS, "needs asyncua, from PyPI")
class OpcUaHistory(EndToEnd):
    def setUp(self):
        super().setUp()
        self.port, self.cable_port, self.away, api, opcua = free_ports(5)
        self.server = self.start([PYTHON, CLIENTS / "plant_server.py", f"opc.tcp://127.0.0.1:{self.port}"], "server")
        self.wait_for("the foreign server", lambda: "ready" in self.server.output(), 60, self.server)
        self.cable = Cable(self.cable_port, self.port)
        self.cable.plug_in()
        self.addCleanup(self.cable.cut)
        plant = self.folder / "plant.yaml"
        plant.write_text(PLANT.format(away=f"opc.tcp://127.0.0.1:{self.away}",
                                      endpoint=f"opc.tcp://127.0.0.1:{self.cable_port}"))
        self.plant = Plant(self, plant, api, opcua, self.folder / "data").start()

    def values(self):
        return self.plant.history("pump-1", "count")

    def wait_for_values(self, count):
        self.wait_for(f"{count} values", lambda: len(self.values()) >= count)

    def metric(self, name):
        with __import__("urllib.request").request.urlopen(self.plant.url + "/metrics") as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(name):
                    return float(line.split()[-1])
        return None

    def wait_for_filled(self):
        """New values do not wait for what was missed."""
        self.wait_for("all gaps to be filled", lambda: self.metric("millwright_opcua_client_open_gaps") == 0)
        self.wait_for("the last slice in history", self.has_every_value_once)

    def has_every_value_once(self):
        numbers = [item["value"] for item in self.values() if item["value"] != 0]
        return numbers == [float(n) for n in range(int(numbers[0]), int(numbers[0]) + len(numbers))]

    def assert_every_value_once(self):
        numbers = [item["value"] for item in self.values() if item["value"] != 0]
        self.assertEqual(numbers, [float(n) for n in range(int(numbers[0]), int(numbers[0]) + len(numbers))])
        times = [item["time"] for item in self.values()]
        self.assertEqual(times, sorted(times))

    def test_what_was_missed_comes_from_the_servers_history(self):
        self.wait_for_values(50)
        self.cable.cut()
        self.wait_for("the loss", lambda: not self.plant.connected())
        before = len(self.values())
        # More than one page of the server's history.
        threading.Event().wait(25)
        self.cable.plug_in()
        self.wait_for("the connection", self.plant.connected)
        self.wait_for_values(before + 1000)
        self.wait_for_values(len(self.values()) + 50)
        self.wait_for_filled()
        self.assertGreater(self.metric("millwright_opcua_client_backfilled_total"), 1000)
        self.assert_every_value_once()
        # Also what was missed while the plant itself was down.
        self.plant.process.stop()
        threading.Event().wait(2)
        self.plant.start()
        self.wait_for("the connection", self.plant.connected)
        self.wait_for_values(len(self.values()) + 100)
        self.wait_for_filled()
        self.assert_every_value_once()
        detail = self.plant.get("/v1/plant")["connectors"][0]["detail"]
        self.assertIn("NotThere", detail, "a bad node is told, and keeps nobody from being heard")

    def test_a_foreign_client_reads_what_rest_has(self):
        self.wait_for_values(250)
        items = self.values()
        start = iso(items[50]["time"]).replace(microsecond=0) + timedelta(seconds=1)
        end = start + timedelta(seconds=2)
        self.wait_for("two seconds", lambda: iso(self.values()[-1]["time"]) > end + timedelta(seconds=1))
        done = subprocess.run([str(PYTHON), str(CLIENTS / "history_client.py"), self.plant.endpoint, "pump-1/count",
                               start.isoformat(), end.isoformat()], capture_output=True, text=True, timeout=120,
                              stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        found = json.loads(done.stdout)
        window = {"start": start.isoformat() + "Z", "end": end.isoformat() + "Z"}
        raw = self.plant.history("pump-1", "count", **window)
        self.assertGreater(len(raw), 60)
        self.assertEqual([row["value"] for row in found["raw"]], [item["value"] for item in raw])
        for row, item in zip(found["raw"], raw):
            self.assertLessEqual(abs(iso(row["time"][:26]) - iso(item["time"][:26])), timedelta(microseconds=1))
        self.assertEqual([row["value"] for row in found["backwards"]], [item["value"] for item in reversed(raw)])
        self.assertTrue(found["historizing"])
        for aggregate in ("Average", "Minimum", "Maximum", "Count", "TimeAverage", "Interpolative", "StandardDeviation"):
            rest = self.plant.get("/machines/pump-1/history", sensor="count", resolution="1s", aggregate=aggregate,
                                  **{"from": window["start"], "to": window["end"]})["items"]
            self.assertEqual([row["value"] for row in found[aggregate]], [item["value"] for item in rest], aggregate)
        self.assertEqual(len(found["at_times"]), 8)
        for row in found["at_times"]:
            self.assertLess(raw[0]["value"] - 2, row["value"])
            self.assertLess(row["value"], raw[-1]["value"] + 1)
        for kind in ("absolute", "percent"):
            steps = [b - a for a, b in zip(found[kind], found[kind][1:])]
            self.assertGreater(len(steps), 2, kind)
            self.assertGreater(min(steps), 10, kind)
        self.assertEqual(found["limits"], {"items": "BadTooManyMonitoredItems", "nodes": "BadTooManyOperations",
                                           "subscriptions": "BadTooManySubscriptions"})


@unittest.skipIf("asyncua" not in FOREIGN_CLIENTS, "needs asyncua, from PyPI")
class OpcUaBrowse(EndToEnd):
    def setUp(self):
        super().setUp()
        [port] = free_ports(1)
        self.url = f"opc.tcp://127.0.0.1:{port}"
        self.server = self.start([PYTHON, CLIENTS / "plant_server.py", self.url], "server")
        self.wait_for("the foreign server", lambda: "ready" in self.server.output(), 60, self.server)

    def test_browse_shows_the_tree(self):
        code, out, err = self.run_millwright("opcua", "browse", self.url, "Line1/Pump1", "--json")
        self.assertEqual(code, 0, err)
        children = {child["name"]: child for child in json.loads(out)["children"]}
        self.assertEqual(children["State"]["states"], {"0": "idle", "1": "running"})
        [current] = [c for c in children["DriveMotor"]["children"] if c["name"] == "Current"]
        self.assertEqual((current["id"], current["type"], current["value"], current["unit"], current["range"]),
                         ("nsu=urn:test:line;s=Line1.Pump1.DriveMotor.Current", "Double", "1.5", "A", [0, 60]))
        self.assertTrue(children["PieceCount"]["history"])
        code, out, err = self.run_millwright("opcua", "browse", self.url)
        self.assertEqual(code, 0, err)
        self.assertRegex(out, r"Current +nsu=urn:test:line;s=Line1.Pump1.DriveMotor.Current +Double +1.5 A +\[0, 60\]")
        code, _, err = self.run_millwright("opcua", "browse", self.url, "Line1/Pump7")
        self.assertEqual(code, 3, err)
        self.assertIn("there is no 'Pump7' in 'Line1'", err)

    def test_an_imported_plant_runs(self):
        plant = self.folder / "plant.yaml"
        code, out, err = self.run_millwright("opcua", "import", self.url, "--out", plant, "--place", "acme/lyon/a/b/c")
        self.assertEqual(code, 0, err)
        self.assertIn("2 machines, 9 sensors", out)
        for why in ("no sensor takes a ByteString", "unit 'furlong' is not known", "no variable below it that could be a sensor"):
            self.assertIn(why, err)
        code, out, err = self.run_millwright("check-config", plant)
        self.assertEqual(code, 0, out + err)
        api, opcua = free_ports(2)
        running = Plant(self, plant, api, opcua, self.folder / "data").start()
        self.wait_for("the connection", running.connected)
        self.wait_for("values", lambda: len(running.history("pump1", "piece-count")) > 10)
        self.assertEqual(running.history("pump1", "drive-motor/current")[0]["value"], 1.5)
        self.assertEqual(running.history("pump1", "state")[0]["value"], 1)


if __name__ == "__main__":
    unittest.main()
