"""Modbus TCP and RTU against devices (pymodbus) and a master (mbpoll) that we did not write: every table, type and order,
registers that fail, commands, devices that are absent, fall silent or go away, and come back."""

import json
import os
import re
import signal
import subprocess
import unittest
import urllib.error

import modbus_server
from harness import ROOT, EndToEnd, Plant, free_ports, one_cell
from serial_line import SerialLine

PLANT = """
node: {{name: meters}}
connectors:
  - name: bus
    type: modbus
    host: 127.0.0.1
    port: {port}
    timeout: 300ms
    retries: 1
    retry_max: 1s
    devices:
      - {{name: one, unit: 1, map: meter.yaml, period: 100ms}}
      - {{name: two, unit: 2, map: meter.yaml, period: 100ms}}
""" + one_cell("default: bus", line="line") + """\
                    - name: press-1
                      sensors:
                        - {{name: temperature, type: float32, address: one/temperature}}
                        - {{name: small, type: float64, address: one/small}}
                        - {{name: count, type: int64, address: one/count}}
                        - {{name: scaled, type: float64, address: one/scaled}}
                        - {{name: part, type: int64, address: one/part}}
                        - {{name: coil, type: bool, address: one/coil}}
                        - {{name: far, type: int64, address: one/far}}
                        - {{name: two-temperature, type: float32, address: two/temperature}}
                        - {{name: two-far, type: int64, address: two/far}}
"""
MAP = """
registers:
  - {name: temperature, table: input, address: 0, type: float32}
  - {name: small, address: 4, type: float64}
  - {name: count, address: 8, type: int32, word_order: little}
  - {name: scaled, address: 150, scale: 0.5, offset: -5}
  - {name: part, address: 174, bits: [1, 4]}
  - {name: coil, table: coil, address: 33}
  - {name: far, address: 12}
"""


SERVER = [ROOT / "build/venv/bin/python", ROOT / "tests/e2e/modbus_server.py"]


@unittest.skipIf(os.environ.get("E2E_WITHOUT_PYPI"), "PyPI could not be reached")
class Modbus(EndToEnd):
    def start_devices(self):
        return self.start_server([*SERVER, "127.0.0.1", self.port], "modbus-server", self.port)

    def setUp(self):
        super().setUp()
        self.port, api, opcua = free_ports(3)
        file = self.folder / "plant.yaml"
        file.write_text(PLANT.format(port=self.port))
        (self.folder / "meter.yaml").write_text(MAP)
        self.plant = Plant(self, file, api, opcua, self.folder / "data")

    def sensors(self):
        return {s["name"]: s for s in self.plant.get("/machines/press-1/twin")["sensors"]}

    def good(self, name):
        return self.sensors()[name]["quality"] == "Good"

    def test_devices_we_did_not_write(self):
        server = self.start_devices()
        self.plant.start()
        self.wait_for("all of device one", lambda: all(
            self.good(name) for name in ("temperature", "small", "count", "scaled", "part", "coil", "far")))
        values = {name: sensor["value"] for name, sensor in self.sensors().items()}
        self.assertEqual((values["temperature"], values["small"], values["count"]), (21.75, -1e-3, -70_000))
        self.assertEqual((values["scaled"], values["part"], values["coil"], values["far"]), (70, 0b0111, True, 12))
        # Device two has ten registers only: one that it lacks costs no other.
        self.wait_for("device two", lambda: self.good("two-temperature"))
        self.wait_for("the refusal", lambda: "two/far" in self.plant.get("/v1/plant")["connectors"][0]["detail"])
        self.assertEqual(self.sensors()["two-far"]["quality"], "BadNodeIdUnknown")

        before = len(self.plant.history("press-1", "count"))
        server.kill()
        self.wait_for("the loss to show", lambda: self.sensors()["count"]["quality"] == "BadNoCommunication")
        self.assertEqual(self.plant.get("/v1/plant")["connectors"][0]["state"], "backing-off")
        self.start_devices()
        self.wait_for("the values again", lambda: self.good("count"))
        history = self.plant.history("press-1", "count")
        self.assertGreater(len(history), before)
        self.assertEqual({item["value"] for item in history}, {-70_000})

    def test_mistakes_are_told_with_file_and_line(self):
        (self.folder / "meter.yaml").write_text(MAP.replace("type: float64", "type: float46"))
        code, _, err = self.run_millwright("check-config", self.folder / "plant.yaml")
        self.assertNotEqual(code, 0)
        self.assertIn("meter.yaml:4", err)
        self.assertIn("float64", err)



# What device `all`, unit 4, has: by register, its row in the map and the value that a sensor is to show.
ENCODED = {
    f"{kind}-{word}-{byte}": (
        {"table": ("holding", "input")[i % 2], "address": 4 * i, "type": kind, "word_order": word, "byte_order": byte},
        modbus_server.VALUES[kind][1])
    for i, (kind, word, byte) in enumerate(modbus_server.ENCODED)}
ENCODED |= {
    "scaled": ({"address": 0, "scale": -0.5, "offset": 100.25}, 100.25 - 32_500),
    "bit": ({"address": 0, "bit": 3}, 1),                # of 65000, 0xFDE8
    "bits": ({"address": 0, "bits": [4, 11]}, 0xDE),
    "coil-9": ({"table": "coil", "address": 9}, True),
    "coil-10": ({"table": "coil", "address": 10}, False),
    "discrete-12": ({"table": "discrete", "address": 12}, True),
}
FAULTY = {f"r{i}": {"address": i} for i in range(1, 90)}
FAILING = {f"r{10 * n}": n for n in modbus_server.EXCEPTIONS}
WRITTEN = {
    "speed": {"address": 100, "scale": 0.1, "writable": True},
    "level": {"address": 102, "type": "float32", "writable": True},
    "count": {"address": 104, "type": "int32", "word_order": "little", "writable": True},
    "run": {"table": "coil", "address": 100, "writable": True},
    "fixed": {"address": 110},
}
BUS = """
node: {{name: meters}}
connectors:
  - name: bus
    type: modbus
    {bus}
    timeout: 400ms
    retries: 1
    retry_min: 200ms
    retry_max: 1s
    bad_register_retry: 2s
    devices:
"""
QUALITIES = {True: "BadNodeIdUnknown", False: "BadSensorFailure"}


class Bus(EndToEnd):
    """A plant on one bus: `devices` gives units and registers by device; a sensor for each register, <device>-<register>."""
    bus = ""

    def start_plant(self, devices, commands=""):
        text, sensors = BUS.format(bus=self.bus), ""
        for name, (unit, registers) in devices.items():
            rows = [{"name": register, **row} for register, row in registers.items()]
            (self.folder / f"{name}.yaml").write_text(json.dumps({"registers": rows}))
            text += f"      - {{name: {name}, unit: {unit}, map: {name}.yaml, period: 100ms}}\n"
            for row in rows:
                real = "scale" in row or row.get("type", "").startswith("float")
                kind = "bool" if row.get("table") in ("coil", "discrete") else "float64" if real else "int64"
                sensors += f"                        - {{name: {name}-{row['name']}, type: {kind}, address: {name}/{row['name']}}}\n"
        file = self.folder / "plant.yaml"
        file.write_text(text + one_cell("default: bus") + "                    - name: press\n                      sensors:\n"
                        + sensors + commands)
        self.plant = Plant(self, file, *free_ports(2), self.folder / "data").start()

    def sensors(self, device):
        start = device + "-"
        return {s["name"].removeprefix(start): s for s in self.plant.get("/machines/press/twin")["sensors"]
                if s["name"].startswith(start)}

    def wait_for_quality(self, device, quality, names=None):
        self.wait_for(f"{device} to be {quality}", lambda: {
            s["quality"] for name, s in self.sensors(device).items() if names is None or name in names} == {quality})

    def connector(self):
        return self.plant.get("/v1/plant")["connectors"][0]

    def check_encodings(self):
        self.start_plant({"all": (4, {name: row for name, (row, _) in ENCODED.items()}), "absent": (5, {"one": {"address": 1}})})
        self.wait_for_quality("all", "Good")
        self.assertEqual({name: s["value"] for name, s in self.sensors("all").items()},
                         {name: value for name, (_, value) in ENCODED.items()})
        self.wait_for_quality("absent", "BadNoCommunication")
        self.wait_for("the absent device", lambda: "absent does not answer" in self.connector()["detail"])
        self.assertEqual({s["quality"] for s in self.sensors("all").values()}, {"Good"}, "one that is absent costs no other")
        self.assertEqual((self.connector()["state"], self.connector()["reconnects"]), ("connected", 0))

    def check_exceptions(self):
        """A register each that fails, with exceptions 1 to 8: the others are read at their pace. `heal` is then called."""
        self.start_plant({"faulty": (3, {**FAULTY, "heal": {"address": 0, "writable": True}})}, """\
                      commands:
                        - {name: heal, write: faulty/heal, value: 1}
""")
        self.wait_for_quality("faulty", "Good", FAULTY.keys() - FAILING.keys())
        for name, n in FAILING.items():
            self.wait_for_quality("faulty", QUALITIES[n <= 3], {name})
        self.assertRegex(self.connector()["detail"], r"'faulty/r\d+': .*, and 7 more")
        before = len(self.plant.history("press", "faulty-r89"))
        self.wait_for("readings of others", lambda: len(self.plant.history("press", "faulty-r89")) >= before + 30)
        items = self.plant.history("press", "faulty-r89")
        self.assertEqual({item["value"] for item in items}, {89})
        self.assertEqual((self.connector()["state"], self.connector()["reconnects"]), ("connected", 0))
        self.assertEqual(self.plant.process.output().count("'faulty/r20' is refused"), 1, "told once")
        self.plant.post("/v1/machines/press/commands/heal", {"arguments": {}})
        self.wait_for_quality("faulty", "Good", FAULTY)


@unittest.skipIf(os.environ.get("E2E_WITHOUT_PYPI"), "PyPI could not be reached")
class Tcp(Bus):
    def setUp(self):
        super().setUp()
        [self.port] = free_ports(1)
        self.bus = f"host: 127.0.0.1\n    port: {self.port}"
        self.server = self.start_server([*SERVER, "127.0.0.1", self.port], "modbus-server", self.port)

    def mbpoll(self, unit, address, kind, *values):
        """What a foreign master reads there, or writes."""
        done = subprocess.run(["mbpoll", "-m", "tcp", "-p", str(self.port), "-a", str(unit), "-0", "-1", "-B", "-r", str(address), "-t", kind,
                               "127.0.0.1", *map(str, values)], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        found = re.search(r"^\[\d+\]:\s+(\S+)", done.stdout, re.MULTILINE)
        return float(found[1]) if found else None

    def give(self, name, **arguments):
        try:
            return 200, self.plant.post(f"/v1/machines/press/commands/{name}", {"arguments": arguments})
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def test_every_encoding(self):
        self.check_encodings()

    def test_exceptions_cost_no_other(self):
        self.check_exceptions()

    def test_commands_write_what_a_foreign_master_reads(self):
        self.start_plant({"one": (1, WRITTEN)}, """\
                      commands:
                        - {name: set-speed, write: one/speed, arguments: [{name: speed, range: [0, 5000]}]}
                        - {name: set-level, write: one/level, arguments: [{name: level}]}
                        - {name: set-count, write: one/count, arguments: [{name: count, type: int64}]}
                        - {name: run, write: one/run, arguments: [{name: run, type: bool}]}
                        - {name: fix, write: one/fixed, arguments: [{name: fixed}]}
                        - {name: nothing, write: one/nothing, value: 1}
""")
        self.wait_for_quality("one", "Good")
        self.assertEqual(self.give("set-speed", speed=123.4)[0], 200)
        self.assertEqual(self.mbpoll(1, 100, "4"), 1234)
        self.assertEqual(self.give("set-level", level=-2.5)[0], 200)
        self.assertEqual(self.mbpoll(1, 102, "4:float"), -2.5)
        self.assertEqual(self.give("set-count", count=-70_000)[0], 200)
        low, high = self.mbpoll(1, 104, "4"), self.mbpoll(1, 105, "4")
        self.assertEqual((int(high) << 16 | int(low)) - 2**32, -70_000)
        for value in (True, False):
            self.assertEqual(self.give("run", run=value)[0], 200)
            self.assertEqual(self.mbpoll(1, 100, "0"), value)

        status, body = self.give("fix", fixed=7)
        self.assertEqual(status, 409, body)
        self.assertIn("writable: true", json.dumps(body))
        self.assertEqual(self.mbpoll(1, 110, "4"), 110)
        self.assertEqual(self.give("nothing")[0], 404)
        status, body = self.give("set-speed", speed=6000)  # out of its range
        self.assertGreaterEqual(status, 400, body)
        self.assertEqual(self.mbpoll(1, 100, "4"), 1234)

        self.mbpoll(1, 100, "4", 4321)
        self.wait_for("what another master wrote", lambda: self.sensors("one")["speed"]["value"] == 432.1)

    def test_silence_is_told_and_ends(self):
        self.start_plant({"one": (1, {"a": {"address": 20}}), "two": (2, {"b": {"address": 3}})})
        self.wait_for_quality("one", "Good")
        self.wait_for_quality("two", "Good")
        self.server.child.send_signal(signal.SIGSTOP)
        for device in ("one", "two"):
            self.wait_for_quality(device, "BadNoCommunication")
        self.wait_for("the connection to be given up", lambda: self.connector()["state"] == "backing-off")
        self.server.child.send_signal(signal.SIGCONT)
        for device in ("one", "two"):
            self.wait_for_quality(device, "Good")


@unittest.skipIf(os.environ.get("E2E_WITHOUT_PYPI"), "PyPI could not be reached")
class Rtu(Bus):
    def setUp(self):
        super().setUp()
        self.line = SerialLine(self)
        self.bus = f"transport: rtu\n    device: {self.line.ends[0]}\n    parity: none"
        self.server = self.start([*SERVER, self.line.ends[1]], "modbus-rtu")

    def test_every_encoding(self):
        self.check_encodings()

    def test_exceptions_cost_no_other(self):
        self.check_exceptions()

    def test_a_cut_line_is_told_and_heals(self):
        self.start_plant({"one": (1, {"a": {"address": 20}}), "two": (2, {"b": {"address": 3}})})
        self.wait_for_quality("one", "Good")
        self.wait_for_quality("two", "Good")
        self.line.is_cut = True
        for device in ("one", "two"):
            self.wait_for_quality(device, "BadNoCommunication")
        self.line.is_cut = False
        for device in ("one", "two"):
            self.wait_for_quality(device, "Good")
        self.assertEqual({item["value"] for item in self.plant.history("press", "one-a")}, {20})


if __name__ == "__main__":
    unittest.main()
