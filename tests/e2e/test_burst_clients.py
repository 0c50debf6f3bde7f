"""The published clients of the burst stream (clients/): their bytes are those of docs/format/burst.md, and all that they send is stored
once, though the plant is killed with -9 meanwhile."""

import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import unittest

from burst_sender import write_plant
from harness import ROOT, EndToEnd, Plant, free_ports

sys.path.insert(0, str(ROOT / "clients/python"))
import millwright_burst as burst  # noqa: E402

STRICT = ["-std=c99", "-O1", "-g", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-pedantic", "-Werror", "-fsanitize=address,undefined",
          "-fno-sanitize-recover=all"]
START = 1763712000000000000


def compiled(source, folder, *more):
    program = folder / source.stem
    subprocess.run(["cc", *STRICT, f"-I{ROOT}/clients/c", "-o", program, source, *more], check=True)
    return program


def of_the_page(name):
    """The bytes that the page shows under this name."""
    page = (ROOT / "docs/format/burst.md").read_text()
    shown = re.search(rf"^```hex {name}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[1]
    return bytes.fromhex(" ".join(line.split("#")[0] for line in shown.splitlines()))


class Receiver(threading.Thread):
    """Plays the page's conversation, and keeps what it was sent."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.received = self.listener.getsockname()[1], {}

    def run(self):
        connection, _ = self.listener.accept()
        with connection, self.listener:
            for name, answer in (("hello", "welcome"), ("declare", None), ("data", "error")):
                wanted = len(of_the_page(name))
                got = b""
                while len(got) < wanted:
                    got += connection.recv(wanted - len(got)) or b"\0" * wanted
                self.received[name] = got
                if answer:
                    connection.sendall(of_the_page(answer))
            connection.sendall(of_the_page("ack"))
            while connection.recv(4096):
                pass


class Bytes(EndToEnd):
    def check(self, receiver):
        for name in ("hello", "declare", "data"):
            self.assertEqual(receiver.received[name].hex(" "), of_the_page(name).hex(" "), name)

    def test_c(self):
        receiver = Receiver()
        receiver.start()
        program = compiled(ROOT / "tests/e2e/burst_golden.c", self.folder)
        done = subprocess.run([program, str(receiver.port)], capture_output=True, text=True, timeout=60)
        self.check(receiver)
        self.assertEqual(done.stdout.splitlines(), [
            "0 0", f"127.0.0.1:{receiver.port}: a channel is refused: error 100: no sensor has the channel 'count' as its address",
            "0", "-1 1", "-2 -2 -2", "1 of 1"], done.stderr)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_python(self):
        receiver, problems = Receiver(), []
        receiver.start()
        with burst.Sender("127.0.0.1", receiver.port, "press-7", client="demo", epoch=7, on_problem=problems.append, buffer_bytes=400) as sender:
            vib, count = sender.channel("vib", burst.FLOAT32), sender.channel("count", burst.INT64)
            sender.add(vib, [1.5, 2.5, -1], start=START, period=1_000_000)
            sender.add(count, [10, 11], times=[START, START + 500_000_000], qualities=[burst.GOOD, burst.BAD])
            sender.drain(20)
            with self.assertRaises(burst.Full):
                sender.add(vib, [0] * 200, start=START, period=1)
            for wrong in (lambda: sender.channel(""), lambda: sender.channel("vib", burst.BOOL), lambda: sender.add(vib, [1]),
                          lambda: sender.add(vib, [1], times=[1, 2])):
                self.assertRaises(ValueError, wrong)
            self.assertEqual((sender.flushed, sender.durable), (1, 1))
        self.check(receiver)
        self.assertEqual(problems, [f"127.0.0.1:{receiver.port}: error 100: no sensor has the channel 'count' as its address"])


class Delivery(EndToEnd):
    SECONDS = 8

    def setUp(self):
        super().setUp()
        self.port, api, opcua = free_ports(3)
        self.plant = Plant(self, write_plant(self.folder, self.port), api, opcua, self.folder / "data").start()

    def check(self, sensor, readings):
        items = self.plant.history("press-1", sensor)
        self.assertEqual(len(items), readings)
        self.assertEqual(len({item["time"] for item in items}), readings)
        self.assertTrue(all(item["quality"] == "Good" for item in items))

    def kill_and_start(self, times):
        for _ in range(times):
            time.sleep(1)
            self.plant.process.kill()
            time.sleep(0.5)
            self.plant.start()

    def test_c(self):
        program = compiled(ROOT / "clients/c/example.c", self.folder, "-lm")
        sender = self.start([program, "localhost", self.port, "edge-c", "force", self.SECONDS], "example")
        self.kill_and_start(3)
        self.assertEqual(sender.child.wait(90), 0, sender.output())
        self.assertRegex(sender.output(), rf"\n{10 * self.SECONDS} frames, {10 * self.SECONDS} durable\n$")
        self.assertIn("the connection ended", sender.output())
        self.check("force", 1000 * self.SECONDS)

    def test_python(self):
        problems, frames = [], 10 * self.SECONDS
        with burst.Sender("localhost", self.port, "edge-py", on_problem=problems.append) as sender:
            stroke, start = sender.channel("stroke"), time.time_ns()
            killer = threading.Thread(target=self.kill_and_start, args=(3,))
            killer.start()
            for i in range(frames):
                sender.add(stroke, [float(i * 100 + k) for k in range(100)], start=start + i * 100_000_000, period=1_000_000)
                sender.flush()
                time.sleep(0.1)
            killer.join()
        self.assertEqual((sender.flushed, sender.durable), (frames, frames))
        self.assertTrue(problems)
        self.check("stroke", 100 * frames)

    def test_a_sender_whose_epoch_was_used_begins_anew(self):
        for turn in range(2):
            with burst.Sender("localhost", self.port, "edge-py", epoch=5, on_problem=lambda text: None) as sender:
                force = sender.channel("force")
                for i in range(3 if turn == 0 else 2):
                    sender.add(force, [1.0, 2.0], start=START + (turn * 10 + i) * 1_000_000, period=1000)
                    sender.flush()
        self.check("force", 10)

    def test_what_is_given_up_is_told(self):
        self.plant.process.kill()
        with burst.Sender("localhost", self.port, "edge-py", on_problem=lambda text: None) as sender:
            force = sender.channel("force")
            for i in range(5):
                sender.add(force, [float(i)] * 10, start=START + i * 1_000_000, period=1000)
                sender.flush()
            self.assertRaises(burst.Undelivered, sender.drain, 0.2)
            self.assertEqual(sender.drop_oldest(1), 10)
            self.plant.start()
        self.check("force", 40)
        self.assertIn("edge-py ran out of room and gave up 10 readings", self.plant.process.output())

    def test_lines_of_standard_input(self):
        lines = [f"force,{START + i * 1000},{i}" for i in range(50)] + ["no line", f"force,{START},x"]
        done = subprocess.run([sys.executable, ROOT / "clients/python/millwright_burst.py", "127.0.0.1", str(self.port), "lines"],
                              input="\n".join(lines), capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 2, done.stderr)
        self.assertIn("line 51", done.stderr)
        self.check("force", 50)


@unittest.skipUnless(shutil.which("c++"), "no compiler of C++")
class Header(EndToEnd):
    def test_its_declarations_serve_cpp(self):
        source = self.folder / "use.cpp"
        source.write_text('#include "millwright_burst.h"\nmwb_sender* open(const mwb_options& options) { return mwb_open(&options); }\n')
        subprocess.run(["c++", "-std=c++17", "-Wall", "-Wextra", "-pedantic", "-Werror", f"-I{ROOT}/clients/c", "-fsyntax-only", source], check=True)


if __name__ == "__main__":
    unittest.main()
