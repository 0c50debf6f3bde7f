"""Senders beyond this machine: the burst stream and line protocol through TLS with the certificates of `millwright cert`, by Python's
ssl, curl and openssl; strangers, plain text, garbage and handshakes that are never finished beside them."""

import contextlib
import os
import socket
import ssl
import subprocess
import sys
import time
import unittest

from burst_sender import Connection, Sender, hello
from harness import ROOT, EndToEnd, Plant, free_ports, one_cell
from test_burst_clients import compiled

PLANT = """
node: {{name: line}}
connectors:
  - {{name: stream, type: burst, host: 0.0.0.0, port: {burst}, tls: {tls}}}
  - {{name: lines, type: influx, host: 0.0.0.0, port: {influx}, tls: {tls}}}
""" + one_cell("default: stream", "lines: lines") + """\
                    - name: press-1
                      sensors:
                        - {{name: force, type: float64, address: force}}
                        - {{name: stroke, type: float64, address: stroke}}
                        - {{name: flow, stream: lines, address: "press flow"}}
"""
MUTUAL = "{certificate_file: pki/plant.crt, key_file: pki/plant.key, client_ca_file: pki/ca.crt}"
ONE_SIDED = "{certificate_file: pki/plant.crt, key_file: pki/plant.key}"
HALF_OPEN = 300


class Tls(EndToEnd):
    def setUp(self):
        super().setUp()
        self.pki = self.folder / "pki"
        self.cert("init-ca")
        self.cert("issue", "--hosts", "localhost,127.0.0.1")
        self.cert("issue", "--name", "press-7", "--hosts", "press-7")
        self.burst, self.influx, self.api, self.opcua = free_ports(4)
        self.file = self.folder / "plant.yaml"

    def cert(self, *arguments, directory=None):
        code, out, err = self.run_millwright("cert", arguments[0], "--dir", directory or self.pki, *arguments[1:])
        self.assertEqual(code, 0, out + err)

    def write_plant(self, tls):
        self.file.write_text(PLANT.format(burst=self.burst, influx=self.influx, tls=tls))

    def start_plant(self):
        self.write_plant(MUTUAL)
        self.plant = Plant(self, self.file, self.api, self.opcua, self.folder / "data").start()

    def context(self, name="press-7", directory=None):
        context = ssl.create_default_context(cafile=self.pki / "ca.crt")
        if name:
            directory = directory or self.pki
            context.load_cert_chain(directory / f"{name}.crt", directory / f"{name}.key")
        return context

    def log(self):
        return self.plant.process.output()

    def run_foreign(self, *command):
        return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)

    def s_client(self, *arguments):
        done = self.run_foreign("openssl", "s_client", "-connect", f"127.0.0.1:{self.burst}", "-CAfile", self.pki / "ca.crt",
                                "-verify_return_error", "-verify_ip", "127.0.0.1", "-brief", *arguments)
        return done.returncode, done.stdout + done.stderr

    def own(self):
        return ("-cert", self.pki / "press-7.crt", "-key", self.pki / "press-7.key")

    def test_what_is_sent_arrives(self):
        self.start_plant()
        sender = Sender(self.burst, "press-7", ["force", "stroke"], 100, 0.02, tls=self.context())
        sender.start()
        time.sleep(2)
        made = sender.finish(30)
        self.assertGreater(made, 1000)
        for name in ("force", "stroke"):
            self.assertEqual([item["value"] for item in self.plant.history("press-1", name)], list(range(made)))
        url = f"https://localhost:{self.influx}/write"
        curl = ("curl", "-sS", "--noproxy", "*", "-o", "/dev/null", "-w", "%{http_code}", "--data-binary", "press flow=1.5")
        known = ("--cacert", self.pki / "ca.crt", "--cert", self.pki / "press-7.crt", "--key", self.pki / "press-7.key")
        self.assertEqual(self.run_foreign(*curl, *known, url).stdout, "204")
        self.assertEqual(self.run_foreign(*curl, *known, "-H", "Host: plant.example", url).stdout, "204")
        self.assertNotEqual(self.run_foreign(*curl, "--cacert", self.pki / "ca.crt", url).returncode, 0)
        self.assertNotEqual(self.run_foreign(*curl, f"http://localhost:{self.influx}/write").stdout, "204")
        self.assertEqual([item["value"] for item in self.plant.history("press-1", "flow")], [1.5, 1.5])

    def test_the_published_clients(self):
        self.start_plant()
        program = compiled(ROOT / "clients/c/example.c", self.folder, "-DMILLWRIGHT_BURST_OPENSSL", "-lm", "-lssl", "-lcrypto")
        files = [self.pki / "ca.crt", self.pki / "press-7.crt", self.pki / "press-7.key"]
        sender = self.start([program, "localhost", self.burst, "c", "force", 3, *files], "example")
        stranger = self.start([program, "localhost", self.burst, "stranger", "force", 1, files[0]], "stranger")
        lines = "".join(f"stroke,{1763712000000000000 + i * 1000},{i}\n" for i in range(1000))
        python = [sys.executable, ROOT / "clients/python/millwright_burst.py", "127.0.0.1", self.burst, "python"]
        done = subprocess.run([*map(str, python), "--ca", files[0], "--certificate", files[1], "--key", files[2]], input=lines,
                              capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(sender.child.wait(60), 0, sender.output())
        self.assertEqual(len(self.plant.history("press-1", "force")), 3000)
        self.assertEqual([item["value"] for item in self.plant.history("press-1", "stroke")], list(range(1000)))
        self.assertIn("the connection ended", stranger.output())
        wrong = self.folder / "wrong"
        self.cert("init-ca", directory=wrong)
        deceived = self.start([program, "localhost", self.burst, "deceived", "force", 1, wrong / "ca.crt"], "deceived")
        self.wait_for("the client to refuse", lambda: "the secure connection was refused" in deceived.output())

    def test_protocols_and_ciphers(self):
        self.start_plant()
        for arguments, protocol in ((), "TLSv1.3"), (("-tls1_2",), "TLSv1.2"):
            code, out = self.s_client(*self.own(), *arguments)
            self.assertEqual(code, 0, out)
            self.assertIn(f"Protocol version: {protocol}", out)
            self.assertRegex(out, "Ciphersuite: .*(AES|CHACHA20).*(GCM|POLY1305)")
        weak = ("-tls1_1",), ("-tls1_2", "-cipher", "AES128-GCM-SHA256"), ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA")
        for arguments in weak:
            self.assertNotEqual(self.s_client(*self.own(), *arguments)[0], 0, arguments)

    def test_strangers_are_told_apart(self):
        self.start_plant()
        other = self.folder / "other"
        self.cert("init-ca", directory=other)
        self.cert("issue", "--name", "stranger", "--hosts", "press-7", directory=other)

        def refused(context):
            with self.assertRaises(OSError), contextlib.closing(Connection(self.burst, context)) as connection:
                connection.send(hello(7, 1, "stranger"))
                connection.receive()  # in TLS 1.3 the server's word comes after the handshake
        refused(self.context(None))
        self.wait_for("the log", lambda: "peer did not return a certificate" in self.log())
        refused(self.context("stranger", other))
        self.wait_for("the log", lambda: "its certificate is refused: " in self.log())
        with contextlib.closing(Connection(self.burst)) as plain:
            plain.send(hello(7, 1, "plain"))
            self.assertRaises(OSError, plain.receive)
        self.wait_for("the log", lambda: "spoke no TLS; this port takes nothing else" in self.log())
        self.assertEqual(self.s_client(*self.own())[0], 0)

    def test_half_open_handshakes_and_garbage(self):
        self.start_plant()
        sender = Sender(self.burst, "press-7", ["force"], 100, 0.02, tls=self.context())
        sender.start()
        self.wait_for("the sender", lambda: sender.acked > 10)
        sockets = [socket.create_connection(("127.0.0.1", self.burst), timeout=5) for _ in range(HALF_OPEN)]
        for s in sockets[::3]:
            with contextlib.suppress(OSError):
                s.sendall(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a handshake
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.burst), timeout=5) as s:
                s.sendall(b"\x16\x03\x01" + os.urandom(5000))
        begin = time.monotonic()
        with contextlib.closing(Connection(self.burst, self.context())) as another:
            another.send(hello(7, 1, "another"))
            self.assertEqual(another.receive()[0], 2)
        self.assertLess(time.monotonic() - begin, 3, "a new sender is served all the while")

        def ended():
            with contextlib.suppress(BlockingIOError):
                return sum(s.recv(1, socket.MSG_DONTWAIT) == b"" for s in sockets[-1:]) == 1
            return False
        self.wait_for("the last half-open handshake to be ended", ended, 15)
        for s in sockets:
            s.close()
        made = sender.finish(30)
        self.assertEqual([item["value"] for item in self.plant.history("press-1", "force")], list(range(made)))

    def test_what_would_let_anybody_in_is_refused(self):
        for tls in ("{}", ONE_SIDED):
            self.write_plant(tls)
            code, out, err = self.run_millwright("check-config", self.file)
            self.assertEqual(code, 2)
            self.assertIn("'0.0.0.0' is not this machine: that takes 'tls' with a client_ca_file", out + err)
        self.write_plant(MUTUAL)
        self.assertEqual(self.run_millwright("check-config", self.file)[0], 0)


if __name__ == "__main__":
    unittest.main()
