"""Peers that mean harm: a rogue OPC UA server against our client; connections that never say anything, and garbage,
against our OPC UA server, REST interface and burst port. Memory grows at most 64 MiB, who is honest is served all the while,
and all is well 5 s after it ends. E2E_HOSTILE_REPORT=1 prints the figures; E2E_SEED repeats what the rogue made up, and
E2E_FLIPS says how many answers more it damages."""

import contextlib
import os
import random
import resource
import socket
import sys
import threading
import time
import unittest
import urllib.request

from burst_sender import Connection, data, declare, hello
from harness import CLIENTS, FOREIGN_CLIENTS, ROOT, EndToEnd, Plant, free_ports, one_cell

sys.path.insert(0, str(CLIENTS))
from rogue_proxy import ATTACKS, RogueProxy  # noqa: E402

PYTHON = ROOT / "build/venv/bin/python"
GROWTH_MAX = 64 << 20
RECOVERY_S = 5
SEED = int(os.environ.get("E2E_SEED", 1))
FLIPS = int(os.environ.get("E2E_FLIPS", 5))
CONNECTIONS = 1000
SESSIONS = 130  # the server takes 100
# So slow no honest answer may be, whatever it was before: the machine has other things to do as well.
SLOW_S = 0.25
PLANT = """
node: {{name: line}}
connectors:
  - {{name: plc, type: opcua, endpoint: "{endpoint}", publishing_interval: 50ms,
     keep_alive: 200ms, request_timeout: 2s}}
  - {{name: line, type: burst, port: {burst}}}
""" + one_cell("default: plc", "line: line") + """\
                    - name: pump-1
                      sensors:
                        - {{name: count, address: "nsu=urn:test:line;s=Line1.Pump1.PieceCount"}}
                        - {{name: force, stream: line, address: force}}
"""


def p99(seconds):
    return sorted(seconds)[int(len(seconds) * 0.99)]


class Memory:
    """Of a process: what it holds, and the most since reset()."""

    def __init__(self, pid):
        self.pid = pid
        self.before = self._field("VmRSS")

    def reset(self):
        with open(f"/proc/{self.pid}/clear_refs", "w") as file:
            file.write("5")
        self.before = self._field("VmRSS")

    def growth(self):
        return self._field("VmHWM") - self.before

    def _field(self, name):
        with open(f"/proc/{self.pid}/status") as file:
            for line in file:
                if line.startswith(name):
                    return int(line.split()[1]) * 1024
        raise AssertionError(name)


class Honest:
    """Asks again and again, and notes how long each answer took; a failure counts as its whole wait."""

    def __init__(self, ask, pause=0.01):
        self.ask, self.pause, self.times, self.failures = ask, pause, [], []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join(30)

    def _run(self):
        while not self.ended.is_set():
            begin = time.monotonic()
            try:
                self.ask()
            except Exception as error:  # whatever it is, it was not served
                self.failures.append(repr(error))
            self.times.append(time.monotonic() - begin)
            time.sleep(self.pause)


class Hostile(EndToEnd):
    def setUp(self):
        super().setUp()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        # What services are started with, until the plant raises it; our own ends of all connections need more.
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
        self.port, self.rogue_port, self.burst_port, api, opcua = free_ports(5)
        self.server = self.start([PYTHON, CLIENTS / "plant_server.py", f"opc.tcp://127.0.0.1:{self.port}"], "server")
        self.wait_for("the foreign server", lambda: "ready" in self.server.output(), 60, self.server)
        self.rogue = RogueProxy(self.rogue_port, self.port, SEED)
        self.addCleanup(self.rogue.close)
        plant = self.folder / "plant.yaml"
        plant.write_text(PLANT.format(endpoint=f"opc.tcp://127.0.0.1:{self.rogue_port}", burst=self.burst_port))
        self.plant = Plant(self, plant, api, opcua, self.folder / "data").start()
        self.wait_for("values", lambda: self.value() > 0)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
        self.memory = Memory(self.plant.process.child.pid)

    def value(self):
        items = self.plant.history("pump-1", "count")
        return items[-1]["value"] if items else 0

    def report(self, what, **figures):
        if os.environ.get("E2E_HOSTILE_REPORT"):
            print(what, " ".join(f"{k}={v:.3f}" for k, v in figures.items()), file=sys.stderr)

    def readyz(self):
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(self.plant.url + "/readyz", timeout=5) as r:
            r.read()

    def measured(self, ask, seconds=3):
        with Honest(ask) as honest:
            time.sleep(seconds)
        self.assertEqual(honest.failures, [])
        return p99(honest.times)

    def check_served(self, what, honest, before):
        self.assertEqual(honest.failures, [], what)
        slow = max(2 * before, SLOW_S)
        self.assertLessEqual(p99(honest.times), slow, f"{what}: p99 was {before:.4f} s before")


@unittest.skipIf("asyncua" not in FOREIGN_CLIENTS, "needs asyncua, from PyPI")
class RogueServer(Hostile):
    def attack(self, name, after, before):
        self.memory.reset()
        attacked = self.rogue.attacked
        with Honest(self.readyz) as honest:
            self.rogue.attack(name, after)
            self.wait_for(f"{name} to be tried", lambda: self.rogue.attacked > attacked, 20, self.plant.process)
            time.sleep(1.5)
            self.rogue.attack(None)
            if name == "bits_flipped":
                self.rogue.hang_up()  # a number that lies, as of how long it may be silent, cannot be told from a true one
            ended = time.monotonic()
            start = self.value()
            self.wait_for(f"values after {name}", lambda: self.value() > start, RECOVERY_S + 1, self.plant.process)
            recovery = time.monotonic() - ended
        growth = self.memory.growth()
        self.report(f"rogue server, {name} after {after}:", growth_mib=growth / 2**20, recovery_s=recovery,
                    p99_s=p99(honest.times), p99_before_s=before)
        self.assertLessEqual(growth, GROWTH_MAX, name)
        self.assertLessEqual(recovery, RECOVERY_S, name)
        self.check_served(name, honest, before)

    def test_a_rogue_server_hurts_nobody(self):
        before = self.measured(self.readyz)
        # At the first answer of a connection, and once values flow; bits also in each of the answers in between.
        attacks = [(name, after) for after in (0, 40) for name in ATTACKS]
        attacks += [("bits_flipped", self.rogue.dice.randrange(1, 20)) for _ in range(FLIPS)]
        for name, after in attacks:
            with self.subTest(attack=name, after=after, seed=SEED):
                self.attack(name, after, before)

    def test_browsing_a_rogue_server_ends(self):
        for name in ("garbage", "endless_chunks", "oversized_array", "nested_variants"):
            self.rogue.attack(name)
            code, _, err = self.run_millwright("opcua", "browse", f"opc.tcp://127.0.0.1:{self.rogue_port}", timeout=30)
            self.assertNotEqual(code, 0, name)
            self.assertIn("connecting to", err)


def garbage_at(port, ended):
    """Connections with nonsense, some like the protocol's own beginning."""
    beginnings = [b"", b"HELF", b"OPNF\xff\xff\xff\xff", b"MSGC", b"GET / HTTP/1.1\r\n", b"POST /v1/x HTTP/1.1\r\n"
                  b"Content-Length: 999999999999\r\n\r\n", b"\x16\x03\x01", b"MWB1\x01\x01\0\0"]
    while not ended.is_set():
        with contextlib.suppress(OSError):
            with socket.create_connection(("127.0.0.1", port), timeout=1) as s:
                s.sendall(random.choice(beginnings) + os.urandom(random.choice((1, 100, 70_000))))
        time.sleep(0.005)


@unittest.skipIf("asyncua" not in FOREIGN_CLIENTS, "needs asyncua, from PyPI")
class HalfOpen(Hostile):
    def besiege(self, name, port, ask, connect):
        """`ask`: of one who is connected; `connect`: of one who comes anew, while it lasts and afterwards."""
        before = self.measured(ask)
        self.memory.reset()
        ended = threading.Event()
        sockets = []
        with Honest(ask) as honest:
            for _ in range(CONNECTIONS):
                with contextlib.suppress(OSError):
                    sockets.append(socket.create_connection(("127.0.0.1", port), timeout=2))
            thread = threading.Thread(target=garbage_at, args=(port, ended), daemon=True)
            thread.start()
            time.sleep(4)
            ended.set()
            thread.join()
        growth = self.memory.growth()
        for s in sockets:
            s.close()
        begin = time.monotonic()
        self.wait_for(f"a new connection to {name}", connect, RECOVERY_S + 1, self.plant.process)
        recovery = time.monotonic() - begin
        self.report(f"{name}, {len(sockets)} half-open connections and garbage:", growth_mib=growth / 2**20,
                    recovery_s=recovery, p99_s=p99(honest.times), p99_before_s=before)
        self.assertLessEqual(growth, GROWTH_MAX)
        self.assertLessEqual(recovery, RECOVERY_S)
        self.check_served(name, honest, before)

    def test_the_rest_interface(self):
        def connect():
            self.readyz()
            return True
        self.besiege("REST", self.plant.api_port, self.readyz, connect)  # each time by a new connection

    def test_the_burst_port(self):
        epoch = time.time_ns()
        kept = Connection(self.burst_port)
        self.addCleanup(kept.socket.close)
        kept.send(hello(epoch, 1, "honest") + declare(["force"]))
        kept.receive()
        count = 0

        def ask():
            nonlocal count
            count += 1
            kept.send(data(count, [(0, time.time_ns(), 1_000_000, [float(count)])]))
            while True:
                kind, _, payload = kept.receive()
                if kind == 5 and int.from_bytes(payload[8:16], "little") >= count:
                    return

        def connect():
            with contextlib.closing(Connection(self.burst_port).socket) as s:
                s.sendall(hello(epoch, 1, "another"))
                return s.recv(1) == b"M"
        self.besiege("burst", self.burst_port, ask, connect)

    def test_the_opcua_server(self):
        client = self.start([PYTHON, CLIENTS / "asking_client.py", self.plant.endpoint], "asking")
        self.wait_for("the asking client", lambda: "ready" in client.output(), 30, client)
        seen = len(client.output())

        def ask():
            nonlocal seen
            # The client asks every 20 ms and says so: a line that does not come is an answer that did not.
            begin = time.monotonic()
            while len(client.output()) == seen:
                if client.child.poll() is not None or time.monotonic() - begin > 5:
                    raise ConnectionError(client.output()[-500:])
                time.sleep(0.002)
            seen = len(client.output())

        def connect():
            done, _, _ = self.run_millwright("opcua", "browse", self.plant.endpoint, "--depth", "1", timeout=10)
            return done == 0
        self.besiege("OPC UA", self.plant.opcua_port, ask, connect)

    def test_opcua_sessions_that_nobody_uses(self):
        """More than the server takes: who comes to use one gets in all the same."""
        before = self.measured(self.readyz)
        self.memory.reset()
        with Honest(self.readyz) as honest:
            hoarder = self.start([PYTHON, CLIENTS / "hoarding_client.py", self.plant.endpoint, SESSIONS], "hoarding")
            self.wait_for("the sessions", lambda: "ready" in hoarder.output(), 120, hoarder)
            begin = time.monotonic()
            done, _, err = self.run_millwright("opcua", "browse", self.plant.endpoint, "--depth", "1", timeout=30)
            took = time.monotonic() - begin
        self.assertEqual(done, 0, f"{err}\n{hoarder.output()}")
        self.report("sessions that nobody uses:", growth_mib=self.memory.growth() / 2**20, recovery_s=took)
        self.assertLessEqual(self.memory.growth(), GROWTH_MAX)
        self.assertLessEqual(took, RECOVERY_S)
        self.check_served("sessions that nobody uses", honest, before)


if __name__ == "__main__":
    unittest.main()
