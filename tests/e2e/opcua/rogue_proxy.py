"""A rogue OPC UA server: passes everything on to an honest one until it is told to attack, then answers with what no client
should have to take. It keeps the honest server's secure channel, token and sequence numbers, so that its answers are looked at.

What it can do is in ATTACKS: name -> function(proxy, socket, answer), which answers one message of the client's."""

import os
import random
import socket
import struct
import threading

CHUNK = 8192
MESSAGE = 1 << 20  # what the client takes in one message
_INTERMEDIATE, _FINAL = b"C", b"F"


class Answer:
    """One message of the honest server's to its client."""

    def __init__(self, raw):
        self.raw = raw
        self.channel, self.token, self.sequence, self.request = struct.unpack_from("<IIII", raw, 8)
        self.body = raw[24:]

    def chunk(self, payload, kind=_FINAL, number=0):
        head = struct.pack("<IIIII", 24 + len(payload), self.channel, self.token, self.sequence + number, self.request)
        return b"MSG" + kind + head + payload

    @property
    def header(self):
        """The answer's type, and a response header without anything in it."""
        return self.body[:16] + bytes(5) + struct.pack("<i", -1) + bytes(3)


def _in_chunks(sock, answer, body):
    parts = [body[i:i + CHUNK] for i in range(0, len(body), CHUNK)] or [b""]
    for n, part in enumerate(parts):
        sock.sendall(answer.chunk(part, _FINAL if n == len(parts) - 1 else _INTERMEDIATE, n))


def _notification(answer, value):
    """A publish response with one data change, of the value that is given as bytes."""
    change = struct.pack("<iI", 1, 0) + b"\x01" + value + struct.pack("<i", -1)
    data = b"\x01\x00" + struct.pack("<H", 811) + b"\x01" + struct.pack("<i", len(change)) + change
    message = struct.pack("<Iq", 1, 0) + struct.pack("<i", 1) + data
    return (b"\x01\x00" + struct.pack("<H", 829) + answer.header[4:] + struct.pack("<Ii?", 1, -1, False) + message +
            struct.pack("<ii", -1, -1))


def silence(proxy, sock, answer):
    proxy.ended.wait(5)


def garbage(proxy, sock, answer):
    sock.sendall(os.urandom(1 << 16))


def endless_chunks(proxy, sock, answer):
    for n in range(100_000):
        sock.sendall(answer.chunk(bytes(CHUNK), _INTERMEDIATE, n))


def endless_empty_chunks(proxy, sock, answer):
    for n in range(0, 4_000_000, 1000):
        sock.sendall(b"".join(answer.chunk(b"", _INTERMEDIATE, n + i) for i in range(1000)))


def endless_bytes_of_one_chunk(proxy, sock, answer):
    sock.sendall(b"MSGF" + struct.pack("<I", 0xFFFFFFF0))
    for _ in range(20_000):
        sock.sendall(bytes(CHUNK))


def oversized_array(proxy, sock, answer):
    body = answer.header + struct.pack("<Ii", 1, 0x7FFFFFFF)
    _in_chunks(sock, answer, body + bytes(MESSAGE - 100 - len(body)))


def oversized_text(proxy, sock, answer):
    _in_chunks(sock, answer, _notification(answer, b"\x0c" + struct.pack("<i", 0x7FFFFFF0)) + bytes(MESSAGE // 2))


def nested_variants(proxy, sock, answer):
    _in_chunks(sock, answer, _notification(answer, (b"\x98" + struct.pack("<i", 1)) * 100_000))


def many_variants(proxy, sock, answer):
    count = (MESSAGE - 4096) // 2
    _in_chunks(sock, answer, _notification(answer, b"\x98" + struct.pack("<i", count) + b"\x03\x00" * count))


def many_data_values(proxy, sock, answer):
    count = (MESSAGE - 4096) // 3
    _in_chunks(sock, answer, _notification(answer, b"\x97" + struct.pack("<i", count) + b"\x01\x03\x00" * count))


def nested_diagnostics(proxy, sock, answer):
    _in_chunks(sock, answer, answer.body[:16] + bytes(4) + b"\x40" * 500_000)


def truncated(proxy, sock, answer):
    _in_chunks(sock, answer, answer.body[:proxy.dice.randrange(len(answer.body))])


def bits_flipped(proxy, sock, answer):
    body = bytearray(answer.body)
    for _ in range(proxy.dice.choice((1, 2, 8))):
        # Half of them where the type and the header are: later ones may be in a text, and hurt nobody.
        body[proxy.dice.randrange(min(len(body), proxy.dice.choice((32, len(body)))))] ^= 1 << proxy.dice.randrange(8)
    _in_chunks(sock, answer, bytes(body))


ATTACKS = {f.__name__: f for f in (silence, garbage, endless_chunks, endless_empty_chunks, endless_bytes_of_one_chunk,
                                   oversized_array, oversized_text, nested_variants, many_variants, many_data_values,
                                   nested_diagnostics, truncated, bits_flipped)}


class RogueProxy:
    """Listens on `listen`, and knows an honest server on `target`. `attack(name, after)`: each connection is attacked once it
    has had `after` honest messages; None: no more. What it makes up comes from `seed`."""

    def __init__(self, listen, target, seed):
        self.target, self.mode, self.after, self.ended = target, None, 0, threading.Event()
        self.dice = random.Random(seed)
        self.attacked = 0
        self.nears = []
        self.server = socket.create_server(("127.0.0.1", listen), backlog=128)
        threading.Thread(target=self._accept, daemon=True).start()

    def attack(self, name, after=0):
        self.after, self.mode = after, name

    def hang_up(self):
        nears, self.nears = self.nears, []
        self._close(*nears)

    def close(self):
        self.ended.set()
        self.server.close()

    def _accept(self):
        while not self.ended.is_set():
            try:
                near, _ = self.server.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            self.nears.append(near)
            threading.Thread(target=self._up, args=(near, far), daemon=True).start()
            threading.Thread(target=self._down, args=(near, far), daemon=True).start()

    def _up(self, near, far):
        try:
            while data := near.recv(65536):
                far.sendall(data)
        except OSError:
            pass
        self._close(near, far)

    def _down(self, near, far):
        seen = 0
        try:
            while True:
                head = self._take(far, 8)
                raw = head + self._take(far, struct.unpack_from("<I", head, 4)[0] - 8)
                if head[:3] == b"MSG":
                    seen += 1
                    if self.mode is not None and seen > self.after:
                        self.attacked += 1
                        ATTACKS[self.mode](self, near, Answer(raw))
                        continue
                near.sendall(raw)
        except (OSError, ConnectionError):
            pass
        self._close(near, far)

    @staticmethod
    def _take(sock, n):
        data = b""
        while len(data) < n:
            more = sock.recv(n - len(data))
            if not more:
                raise ConnectionError
            data += more
        return data

    @staticmethod
    def _close(*sockets):
        for s in sockets:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()
