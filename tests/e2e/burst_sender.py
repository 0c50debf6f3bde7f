"""A sender of the burst stream (docs/format/burst.md) that shares no code with the product, for the tests: keeps what it sent until it is
acknowledged, and sends the rest again when it comes back. Reconnects for as long as it is asked to."""

import socket
import struct
import threading
import time

MAGIC, VERSION = 0x3142574D, 1
HELLO, WELCOME, DECLARE, DATA, ACK, ERROR, PING, PONG = range(1, 9)
FLOAT64 = 0

_TABLE = []
for i in range(256):
    crc = i
    for _ in range(8):
        crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    _TABLE.append(crc)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def frame(kind, payload, sequence=0):
    head = struct.pack("<IBBHQI", MAGIC, VERSION, kind, 0, sequence, len(payload))
    return head + struct.pack("<I", crc32c(head + payload)) + payload


def text(value):
    encoded = value.encode()
    return struct.pack("<H", len(encoded)) + encoded


def hello(epoch, oldest, source):
    return frame(HELLO, struct.pack("<QQQ", epoch, oldest, 0) + text(source) + text("python"))


def declare(channels):
    rows = b"".join(struct.pack("<IB", number, FLOAT64) + text(name) for number, name in enumerate(channels))
    return frame(DECLARE, struct.pack("<I", len(channels)) + rows)


def data(sequence, blocks):
    """blocks: (channel, start_ns, period_ns, [float, …])"""
    rows = [struct.pack("<IBBHqq", channel, FLOAT64, 0, len(values), start, period) + struct.pack(f"<{len(values)}d", *values)
            for channel, start, period, values in blocks]
    return frame(DATA, struct.pack("<I", len(rows)) + b"".join(rows), sequence)


class Connection:
    def __init__(self, port, tls=None):
        """`tls`: an SSLContext; None: in the clear."""
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="127.0.0.1")
        self.buffer = b""

    def send(self, raw):
        self.socket.sendall(raw)

    def receive(self):
        """(type, sequence, payload); raises ConnectionError at the end."""
        header = self._take(24)
        _, _, kind, _, sequence, length, _ = struct.unpack("<IBBHQII", header)
        return kind, sequence, self._take(length)

    def _take(self, n):
        while len(self.buffer) < n:
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError("the receiver closed the connection")
            self.buffer += more
        taken, self.buffer = self.buffer[:n], self.buffer[n:]
        return taken

    def close(self):
        self.socket.close()


PLANT = """\
node: {{name: crash}}
{historian}
connectors:
  - {{name: stream, type: burst, port: {port}}}
assets:
  enterprise: acme
  machine_types: [.]
  sites:
    - name: lyon
      areas:
        - name: hall
          lines:
            - name: line
              cells:
                - name: cell
                  machines:
                    - name: press-1
                      type: press
                      streams: {{default: stream}}
"""
PRESS = """\
name: press
description: what the sender streams to
sensors:
  - {name: force, type: float64, rate_hz: 1000, address: force}
  - {name: stroke, type: float64, rate_hz: 1000, address: stroke}
"""


def write_plant(folder, port, historian=""):
    """The file of a plant that the sender can stream "force" and "stroke" of press-1 to; `historian`: that section."""
    (folder / "press.yaml").write_text(PRESS)
    plant_file = folder / "plant.yaml"
    plant_file.write_text(PLANT.format(port=port, historian=historian))
    return plant_file


class Sender(threading.Thread):
    """Sends one block of `channels` every `interval` seconds. Values count up, so that history shows what is missing."""

    def __init__(self, port, source, channels, readings_per_block, interval, tls=None):
        super().__init__(daemon=True)
        self.tls = tls
        self.port, self.source, self.channels = port, source, channels
        self.readings_per_block, self.interval = readings_per_block, interval
        self.epoch = time.time_ns()
        self.made = 0        # sequences given out
        self.acked = 0       # durable, as the receiver says
        self.unacked = {}    # sequence -> frame
        self.period = int(interval / readings_per_block * 1e9)
        self.stopping = threading.Event()   # make no more, send what is left
        self.error = None

    def run(self):
        next_due = time.monotonic()
        while not (self.stopping.is_set() and not self.unacked):
            try:
                connection = Connection(self.port, self.tls)
            except OSError:
                time.sleep(0.05)
                continue
            try:
                next_due = self._serve(connection, next_due)
            except (OSError, ConnectionError):
                pass
            except Exception as error:  # noqa: BLE001 - shown by the test
                self.error = error
                return
            finally:
                connection.close()

    def _serve(self, connection, next_due):
        connection.send(hello(self.epoch, min(self.unacked, default=self.made + 1), self.source))
        kind, _, payload = connection.receive()
        if kind != WELCOME:
            raise ConnectionError(f"answered with {kind}: {payload!r}")
        epoch, durable = struct.unpack_from("<QQ", payload)
        assert epoch == self.epoch, (epoch, self.epoch)
        assert durable >= self.acked, f"acknowledged {self.acked}, now only {durable} is durable"
        self._acknowledge(durable)
        connection.send(declare(self.channels))
        for sequence in sorted(self.unacked):
            connection.send(self.unacked[sequence])
        connection.socket.settimeout(0.005)
        while not (self.stopping.is_set() and not self.unacked):
            if not self.stopping.is_set() and time.monotonic() >= next_due:
                connection.socket.settimeout(5)
                connection.send(self._make())
                connection.socket.settimeout(0.005)
                next_due = max(next_due + self.interval, time.monotonic() - 1)
            try:
                kind, _, payload = connection.receive()
            except TimeoutError:
                continue
            if kind == ACK:
                self._acknowledge(struct.unpack_from("<QQ", payload)[1])
            elif kind == ERROR:
                number, _, _ = struct.unpack_from("<HIH", payload)
                raise ConnectionError(f"error {number}: {payload[8:]!r}")
        return next_due

    def _make(self):
        self.made += 1
        first = (self.made - 1) * self.readings_per_block
        values = [float(first + i) for i in range(self.readings_per_block)]
        start = self.epoch + first * self.period
        raw = data(self.made, [(c, start, self.period, values) for c in range(len(self.channels))])
        self.unacked[self.made] = raw
        return raw

    def _acknowledge(self, sequence):
        self.acked = max(self.acked, sequence)
        for done in [s for s in self.unacked if s <= sequence]:
            del self.unacked[done]

    def finish(self, seconds):
        self.stopping.set()
        self.join(seconds)
        if self.error:
            raise self.error
        assert not self.is_alive(), f"{len(self.unacked)} frames were never acknowledged"
        return self.made * self.readings_per_block
