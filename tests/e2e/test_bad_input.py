"""What a user gets for wrong input: an answer that says what, where and what to do, and nothing else stops."""

import re
import socket
import time
import unittest

from burst_sender import PLANT, PRESS, Connection, data, declare, frame, hello
from harness import ROOT, EndToEnd, Plant, free_ports

MINIMAL = ROOT / "examples/minimal/plant.yaml"


class BadConfiguration(EndToEnd):
    def check(self, text, *expected, name="plant.yaml"):
        file = self.folder / name
        file.write_text(text)
        code, _, err = self.run_millwright("check-config", file)
        self.assertEqual(code, 2, err)
        for part in expected:
            self.assertIn(part, err)
        return err

    def plant(self, **changes):
        text = PLANT.format(port=4850, historian="")
        (self.folder / "press.yaml").write_text(PRESS)
        for old, new in changes.items():
            text = text.replace(old, new)
        return text

    def test_examples_are_right(self):
        for example in (MINIMAL, ROOT / "examples/demo/plant.yaml"):
            code, out, err = self.run_millwright("check-config", example)
            self.assertEqual(code, 0, err)
            self.assertIn("ok", out)

    def test_unknown_key_names_the_right_one(self):
        self.check(self.plant(enterprise="enterprize"), "plant.yaml:", "enterprise")

    def test_wrong_type_range_and_unit(self):
        self.check(self.plant() + "api: {port: http}\n", "plant.yaml:", "api.port")
        self.check(self.plant() + "api: {port: 70000}\n", "api.port", "65535")
        self.check(self.plant() + "historian: {raw_retention: 72}\n", "historian.raw_retention", "h")

    def test_two_sensors_on_one_address_names_both(self):
        (self.folder / "press.yaml").write_text(PRESS)
        text = self.plant()
        (self.folder / "press.yaml").write_text(PRESS.replace("address: stroke", "address: force"))
        self.check(text, "force", "stroke")

    def test_an_address_that_is_no_node(self):
        text = MINIMAL.read_text()
        before, address, _ = re.split(r'address: "(ns=2;s=[^"]+)"', text, maxsplit=1)
        sensor = before.count("\n", 0, before.rindex("- name:")) + 1
        for wrong in ("ns=2:s=Current", "ns=two;s=Current", "ns=2;i=current", "i=", "ns=2;i=4294967296", "nsu=urn:plc s=Current", "ns=2;s=a [fild=x]"):
            self.check(text.replace(address, wrong), f"plant.yaml:{sensor}:", wrong)

    def test_cycle_of_machine_types(self):
        text = self.plant()
        (self.folder / "press.yaml").write_text("name: press\nextends: big-press\nsensors: []\n")
        (self.folder / "big-press.yaml").write_text("name: big-press\nextends: press\nsensors: []\n")
        self.check(text, "press", "big-press")

    def test_no_yaml_no_file(self):
        self.check("node: [unclosed\n", "plant.yaml:")
        code, _, err = self.run_millwright("check-config", self.folder / "none.yaml")
        self.assertEqual(code, 3)
        self.assertIn("none.yaml", err)

    def test_run_refuses_what_check_config_refuses(self):
        file = self.folder / "plant.yaml"
        file.write_text(self.plant() + "apj: {}\n")
        code, _, err = self.run_millwright("run", file)
        self.assertEqual(code, 2)
        self.assertIn("apj", err)


class BadSurroundings(EndToEnd):
    def test_port_in_use_is_named(self):
        burst, api, opcua = free_ports(3)
        (self.folder / "press.yaml").write_text(PRESS)
        file = self.folder / "plant.yaml"
        file.write_text(PLANT.format(port=burst, historian=""))
        for taken in (api, opcua, burst):
            with socket.create_server(("127.0.0.1", taken)):
                plant = Plant(self, file, api, opcua, self.folder / "data")
                code, _, err = self.run_millwright("run", file, env=plant.env)
            self.assertEqual(code, 3, err)
            self.assertIn(str(taken), err)

    def test_data_folder_in_use_or_impossible(self):
        burst, api, opcua, api2, opcua2 = free_ports(5)
        (self.folder / "press.yaml").write_text(PRESS)
        file = self.folder / "plant.yaml"
        file.write_text(PLANT.format(port=burst, historian=""))
        Plant(self, file, api, opcua, self.folder / "data").start()
        second = Plant(self, file, api2, opcua2, self.folder / "data")
        code, _, err = self.run_millwright("run", file, env=second.env)
        self.assertEqual(code, 3, err)
        self.assertIn(str(self.folder / "data"), err)
        (self.folder / "file").write_text("")
        third = Plant(self, file, api2, opcua2, self.folder / "file/data")
        code, _, err = self.run_millwright("run", file, env=third.env)
        self.assertNotEqual(code, 0)
        self.assertIn("file/data", err)

    def test_replay_of_what_is_no_csv(self):
        for content, expected in (("", "header"), ("time,a,a\n0,1,2\n", "a")):
            file = self.folder / "bad.csv"
            file.write_text(content)
            code, _, err = self.run_millwright("simulate", "--replay", file, "--exit", "--port", free_ports(1)[0])
            self.assertNotEqual(code, 0)
            self.assertIn("bad.csv", err)
            self.assertIn(expected, err)
        code, _, err = self.run_millwright("simulate", "--replay", self.folder / "none.csv")
        self.assertEqual(code, 3)
        self.assertIn("none.csv", err)

    def test_bad_rows_are_told_and_skipped(self):
        file = self.folder / "rough.csv"
        file.write_text("time,a,b\n0,1,2\n1,x,2\n2,1\n3,5,6\n")
        code, out, err = self.run_millwright("simulate", "--replay", file, "--exit", "--wait", "0s", "--speed", "100",
                                             "--port", free_ports(1)[0])
        self.assertEqual(code, 0, err)
        for line in ("rough.csv:3", "rough.csv:4"):
            self.assertIn(line, out + err)


class BadFrames(EndToEnd):
    """A sender that breaks the burst stream harms itself alone."""

    def setUp(self):
        super().setUp()
        self.burst, api, opcua = free_ports(3)
        (self.folder / "press.yaml").write_text(PRESS)
        file = self.folder / "plant.yaml"
        file.write_text(PLANT.format(port=self.burst, historian=""))
        self.plant = Plant(self, file, api, opcua, self.folder / "data").start()

    def greet(self, source):
        connection = Connection(self.burst)
        self.addCleanup(connection.close)
        connection.send(hello(time.time_ns(), 1, source))
        self.assertEqual(connection.receive()[0], 2)
        connection.send(declare(["force", "no-such-channel"]))
        return connection

    def test_others_flow_on(self):
        good = self.greet("good")
        now = time.time_ns()
        broken = bytearray(frame(4, b"\0" * 16, 1))
        broken[-1] ^= 1
        for raw in (b"GET / HTTP/1.1\r\nHost: plant\r\n\r\n", bytes(broken), frame(4, b"\xff" * 4, 1), b"\0" * 100):
            bad = self.greet("bad")
            bad.send(raw)
            kind, _, _ = bad.receive()
            while kind != 6:
                kind, _, _ = bad.receive()
            with self.assertRaises(ConnectionError):
                while True:
                    bad.receive()
        good.send(data(1, [(0, now, 1000, [1.0, float("nan")]), (1, now, 1000, [3.0])]))
        good.send(data(2, [(0, now + 86_400 * 10**9, 1000, [9.0])]))
        items = self.wait_for("the good sender's readings",
                              lambda: len(i := self.plant.history("press-1", "force")) == 3 and i)
        self.assertEqual([i["quality"] for i in items], ["Good", "BadSensorFailure", "BadInvalidTimestamp"])
        self.assertEqual([i["value"] for i in items], [1.0, None, 9.0])
        connector = self.plant.get("/v1/plant")["connectors"][0]
        self.assertGreaterEqual(connector["refused"], 5)
        self.assertEqual(self.plant.get("/readyz")["status"], "ready")


if __name__ == "__main__":
    unittest.main()
