"""Fieldbuses by PLC4X: S7 and Modbus devices that we did not write, read by the driver process. The peer, the driver and the
plant are killed with -9; whatever the driver has taken is in the history once."""

import os
import re
import signal
import time
import unittest

from harness import ROOT, EndToEnd, Plant, free_ports, one_cell

JAR = ROOT / "build/plc4x/millwright-plc4x.jar"
ASSETS = """
""" + one_cell("default: cell", line="line") + """\
                    - name: press-1
                      sensors:
                        - {name: temperature, type: float32, address: "press/%DB1.DBD0:REAL"}
                        - {name: small, type: float64, address: "press/%DB1.DBX10.0:LREAL"}
                        - {name: count, type: int64, rate_hz: 40, address: "press/%DB1.DBD4:DINT"}
                        - {name: far, type: float64, address: "press/%DB1.DBD4000:REAL"}
                        - {name: meter, type: float32, address: "bus/input-register:1:REAL"}
                        - {name: part, type: int64, address: "bus/holding-register:13:INT"}
                        - {name: coil, type: bool, address: "bus/coil:34:BOOL"}
"""
PLANT = """
node: {{name: fieldbus}}
connectors:
  - name: cell
    type: plc4x
    timeout: 2s
    retry_max: 1s
    {more}
    devices:
      - {{name: press, connection: "s7://127.0.0.1:{s7}?remote-rack=0&remote-slot=1"}}
      - {{name: bus, connection: "modbus-tcp://127.0.0.1:{modbus}?default-unit-identifier=1", period: 200ms}}
"""
BESIDE = """
node: {{name: fieldbus}}
connectors:
  - {{name: cell, type: burst, port: {burst}}}
"""
DRIVER = """
plant: 127.0.0.1:{burst}
source: line-2
spool: {folder}/spool
devices:
  - name: press
    connection: "s7://127.0.0.1:{s7}?remote-rack=0&remote-slot=1"
    tags:
      - {{channel: "press/%DB1.DBD4:DINT", address: "%DB1.DBD4:DINT", type: int64, period_ms: 20}}
"""
TICK_S = 0.05  # the S7 server counts so


@unittest.skipIf(os.environ.get("E2E_WITHOUT_PYPI"), "PyPI could not be reached")
@unittest.skipIf(os.environ.get("E2E_WITHOUT_PLC4X"), "the driver could not be built: Maven Central could not be reached")
class Plc4x(EndToEnd):
    def setUp(self):
        super().setUp()
        self.s7, self.modbus, self.burst, api, opcua = free_ports(5)
        self.file = self.folder / "plant.yaml"
        self.plant = Plant(self, self.file, api, opcua, self.folder / "data")
        self.addCleanup(self.end_drivers)
        self.drivers = set()

    def end_drivers(self):
        """Those whose plant was killed end by themselves; this is for a test that fails."""
        for pid in self.drivers:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def write_plant(self, more=""):
        self.file.write_text(PLANT.format(s7=self.s7, modbus=self.modbus, more=more) + ASSETS)

    def start_s7(self):
        return self.start_server([ROOT / "build/venv/bin/python", ROOT / "tests/e2e/s7_server.py", self.s7], "s7", self.s7)

    def start_modbus(self):
        return self.start_server([ROOT / "build/venv/bin/python", ROOT / "tests/e2e/modbus_server.py", "127.0.0.1", self.modbus],
                                 "modbus", self.modbus)

    def sensors(self):
        return {s["name"]: s for s in self.plant.get("/machines/press-1/twin")["sensors"]}

    def qualities(self, *names):
        sensors = self.sensors()
        return {sensors[name]["quality"] for name in names}

    def connector(self):
        return self.plant.get("/v1/plant")["connectors"][0]

    def driver(self):
        """The driver's process, once it is connected."""
        def pid():
            found = re.search(r"process (\d+)", self.connector()["detail"])
            return int(found[1]) if found and self.connector()["state"] == "connected" else None
        found = self.wait_for("the driver", pid, 90)
        self.drivers.add(found)
        return found

    def good_counts(self):
        items = self.plant.history("press-1", "count")
        times = [item["time"] for item in items]
        self.assertEqual(len(times), len(set(times)), "a reading is there twice")
        return [item["value"] for item in items if item["quality"] == "Good"]

    def check_all_there(self, first, last):
        """Every tick of the counter from `first` to `last`, in order: polled more often than it counts, none may be missing."""
        counts = [count for count in self.good_counts() if first <= count <= last]
        self.assertEqual(counts, sorted(counts))
        missing = sorted(set(range(first, last + 1)) - set(counts))
        # A busy machine may miss a turn, the ticks of which nobody took; an outage would miss dozens in a row.
        runs = [b - a for a, b in zip(counts, counts[1:])]
        self.assertLessEqual(max(runs), 10, f"missing: {missing}")
        self.assertLess(len(missing), (last - first) / 5, f"missing: {missing}")

    @staticmethod
    def tick():
        return int(time.time() / TICK_S) & 0x7FFFFFFF

    def test_devices_that_we_did_not_write(self):
        s7 = self.start_s7()
        self.start_modbus()
        self.write_plant()
        self.plant.start()
        driver = self.driver()
        self.wait_for("all that is there", lambda: self.qualities("temperature", "small", "count", "meter", "part", "coil") == {"Good"})
        values = {name: sensor["value"] for name, sensor in self.sensors().items()}
        self.assertEqual((values["temperature"], values["small"]), (21.75, -1e-3))
        self.assertEqual((values["meter"], values["part"], values["coil"]), (21.75, 12, True))
        self.assertEqual(self.sensors()["far"]["quality"], "BadNodeIdUnknown")  # costs no other

        s7.kill()
        self.wait_for("the loss to show", lambda: self.qualities("temperature", "count") == {"BadNoCommunication"})
        self.assertEqual(self.qualities("meter"), {"Good"})
        s7 = self.start_s7()
        self.wait_for("the values again", lambda: self.qualities("temperature", "count") == {"Good"})

        os.kill(driver, signal.SIGKILL)
        self.wait_for("another driver", lambda: self.driver() != driver, 90)
        self.assertGreater(self.connector()["reconnects"], 0)
        self.wait_for("the values again", lambda: self.qualities("temperature", "count", "meter") == {"Good"})

        first, driver = self.tick(), self.driver()
        time.sleep(2)
        last = self.tick() - 5
        self.plant.process.kill()
        self.wait_for("the driver to end with its plant", lambda: not os.path.exists(f"/proc/{driver}"), 30)
        self.plant.start()
        self.driver()
        self.wait_for("the values again", lambda: self.qualities("temperature", "count", "meter") == {"Good"})
        self.check_all_there(first + 5, last)
        driver = self.driver()
        self.assertEqual(self.plant.process.stop(), 0)
        self.assertFalse(os.path.exists(f"/proc/{driver}"))

    def test_a_driver_beside_the_plant_keeps_what_it_took(self):
        self.start_s7()
        self.file.write_text(BESIDE.format(burst=self.burst) + ASSETS)
        settings = self.folder / "driver.yaml"
        settings.write_text(DRIVER.format(burst=self.burst, s7=self.s7, folder=self.folder))
        self.plant.start()

        def start_driver():
            return self.start(["java", "-XX:+UseSerialGC", "-jar", JAR, settings], "driver")

        driver = start_driver()
        self.wait_for("readings", self.good_counts, 60, driver)
        first = self.tick() + 5
        for _ in range(3):  # while the plant is away, the driver goes on
            self.plant.process.kill()
            time.sleep(2)
            self.plant.start()
            time.sleep(1)
        self.plant.process.kill()
        time.sleep(2)
        last = self.tick() - 10
        driver.kill()  # with two seconds of readings that nobody but its spool has
        driver = start_driver()
        self.plant.start()
        self.wait_for("the rest", lambda: max(self.good_counts()) > last + 10, 60, driver)
        self.check_all_there(first, last)
        self.assertEqual(driver.stop(), 0)

    def test_what_is_missing_is_said(self):
        self.write_plant("java: /nowhere/java")
        code, _, _ = self.run_millwright("check-config", self.file)
        self.assertEqual(code, 0)
        self.plant.start()
        self.wait_for("the trouble", lambda: "install Java 17" in self.connector()["detail"])
        self.assertEqual(self.connector()["state"], "backing-off")
        code, out, _ = self.run_millwright("doctor", self.file, env=self.plant.env)
        self.assertEqual(code, 1)
        self.assertIn("install Java 17", out)
        self.write_plant("jar: nowhere.jar")
        code, out, _ = self.run_millwright("doctor", self.file, env=self.plant.env)
        self.assertEqual(code, 1)
        self.assertIn("make plc4x", out)


if __name__ == "__main__":
    unittest.main()
