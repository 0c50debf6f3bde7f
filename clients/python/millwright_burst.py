"""A sender of Millwright's burst stream (docs/format/burst.md) in one file: Python 3.9 or newer, nothing else. Copy it.

    with Sender("10.0.0.5", 7411, "press-7") as sender:
        force = sender.channel("force", FLOAT32)
        sender.add(force, values, start=time.time_ns(), period=1_000_000)      # a block of readings
        sender.flush()                                                         # ends the frame

A frame is kept until the receiver has it on its disk, through lost connections and its crashes, and is stored once; it does not survive the
end of this process. Leaving the block waits until all is durable, for `drain_s`; where it is not by then, Undelivered says how much.

Times are ns since 1970-01-01 UTC; qualities OPC UA status codes. Threads: any may call; a thread of the sender's own does the network.
From the command line it sends CSV lines `channel,time in ns,value` of standard input:

    python3 millwright_burst.py HOST PORT SOURCE [--ca ca.crt [--certificate own.crt --key own.key]] < readings.csv
"""

import argparse
import array
import collections
import random
import select
import socket
import ssl
import struct
import sys
import threading
import time

FLOAT64, FLOAT32, INT64, BOOL, STATE = range(5)
GOOD, UNCERTAIN, BAD = 0, 0x40000000, 0x80000000

_ARRAY = {FLOAT64: "d", FLOAT32: "f", INT64: "q", BOOL: "B", STATE: "i"}
_HELLO, _WELCOME, _DECLARE, _DATA, _ACK, _ERROR, _PING, _PONG = range(1, 9)
_HEADER = struct.Struct("<4sBBHQI")
_MAGIC, _VERSION = b"MWB1", 1
_HEADER_BYTES = 24
_FRAME_BYTES = 64 << 10  # a frame is flushed at
_BLOCK_READINGS_MAX = 8192
_RECEIVED_BYTES_MAX = 8 << 10
_SILENCE_S = 10
_NAME_BYTES_MAX = 512


class Full(Exception):
    """The buffer is: nothing was taken. Wait, or drop_oldest()."""


class Undelivered(Exception):
    """Not all is durable yet."""


def _crc_tables():
    tables = [[0] * 256 for _ in range(8)]
    for i in range(256):
        crc = i
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
        tables[0][i] = crc
    for i in range(256):
        for k in range(1, 8):
            before = tables[k - 1][i]
            tables[k][i] = (before >> 8) ^ tables[0][before & 0xFF]
    return tables


_T = _crc_tables()


def _crc32c(data):
    """CRC32C, eight bytes a turn: Python has none of its own."""
    crc, whole = 0xFFFFFFFF, len(data) & ~7
    t0, t1, t2, t3, t4, t5, t6, t7 = _T
    for low, high in struct.iter_unpack("<II", data[:whole]):
        low ^= crc
        crc = (t7[low & 255] ^ t6[low >> 8 & 255] ^ t5[low >> 16 & 255] ^ t4[low >> 24]
               ^ t3[high & 255] ^ t2[high >> 8 & 255] ^ t1[high >> 16 & 255] ^ t0[high >> 24])
    for byte in data[whole:]:
        crc = (crc >> 8) ^ t0[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def message(kind, payload, sequence=0):
    """A message as it goes over the wire."""
    head = _HEADER.pack(_MAGIC, _VERSION, kind, 0, sequence, len(payload))
    return head + struct.pack("<I", _crc32c(head + payload)) + payload


def _text(value, most):
    encoded = value.encode()
    if not 1 <= len(encoded) <= most:
        raise ValueError(f"{value!r} has {len(encoded)} bytes; 1 to {most} will do")
    return struct.pack("<H", len(encoded)) + encoded


def hello(epoch, oldest, dropped, source, client):
    return message(_HELLO, struct.pack("<QQQ", epoch, oldest, dropped) + _text(source, _NAME_BYTES_MAX) + _text(client, 1024))


def declare(channels):
    """channels: (number, type, name)"""
    rows = [struct.pack("<IB", number, kind) + _text(name, _NAME_BYTES_MAX) for number, kind, name in channels]
    return message(_DECLARE, struct.pack("<I", len(rows)) + b"".join(rows))


def _quality_runs(qualities):
    runs = []
    for quality in qualities:
        if runs and runs[-1][1] == quality:
            runs[-1][0] += 1
        else:
            runs.append([1, quality])
    return struct.pack("<H", len(runs)) + b"".join(struct.pack("<HI", *run) for run in runs)


def _little(numbers):
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()


def block(channel, kind, values, start=None, period=None, times=None, qualities=None):
    """At most 8,192 readings of one channel."""
    flags = (times is not None) | (qualities is not None) << 1
    head = struct.pack("<IBBH", channel, kind, flags, len(values))
    when = struct.pack("<qq", start, period) if times is None else _little(array.array("q", times))
    return head + when + (b"" if qualities is None else _quality_runs(qualities)) + _little(array.array(_ARRAY[kind], values))


class _Lost(Exception):
    pass


class Sender:
    """`ssl_context`: TLS, as ssl.create_default_context(cafile=...) makes it. `on_problem` is told, by the sender's thread, what goes wrong:
    lost connections, refused channels; standard error where it is not given. `epoch`: greater at every start; the clock's by default."""

    def __init__(self, host, port, source, *, client="python", epoch=None, buffer_bytes=64 << 20, ssl_context=None, on_problem=None, drain_s=60):
        _text(source, _NAME_BYTES_MAX)
        self.host, self.port, self.source, self.client = host, port, source, client
        self.buffer_bytes, self.ssl_context, self.drain_s = buffer_bytes, ssl_context, drain_s
        self._tell = on_problem or (lambda text: print(text, file=sys.stderr))
        self._epoch = epoch or time.time_ns()
        self._made = self._durable = self._dropped = self._kept_bytes = 0
        self._channels = []            # (name, type)
        self._making = []              # blocks
        self._making_bytes = self._making_readings = 0
        self._kept = collections.deque()  # (sequence, payload, readings), oldest first
        self._sent = 0                 # the newest that this connection has had
        self._connected = self._closing = False
        self._changed = threading.Condition()
        self._wake_out, self._wake_in = socket.socketpair()
        self._wake_in.setblocking(False)
        self._thread = threading.Thread(target=self._run, name=f"burst to {host}:{port}", daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.drain(self.drain_s)
        finally:
            self.close()

    # ---- what is sent ----

    def channel(self, name, kind=FLOAT64):
        """The channel's number. `name` is the address that a sensor of the plant's model has on this connector."""
        _text(name, _NAME_BYTES_MAX)
        if kind not in _ARRAY:
            raise ValueError(f"there is no type {kind}")
        with self._changed:
            for number, (known, known_kind) in enumerate(self._channels):
                if known == name:
                    if known_kind != kind:
                        raise ValueError(f"{name!r} has another type")
                    return number
            self._channels.append((name, kind))
            return len(self._channels) - 1

    def add(self, channel, values, *, start=None, period=None, times=None, qualities=None):
        """Adds readings to the frame that is being made: the first at `start`, each `period` later, or each at its own of `times`."""
        if (times is None) == (start is None or period is None):
            raise ValueError("give start and period, or times")
        for name, given in (("times", times), ("qualities", qualities)):
            if given is not None and len(given) != len(values):
                raise ValueError(f"{len(given)} {name} for {len(values)} values")
        with self._changed:
            kind = self._channels[channel][1]
            parts = []
            for at in range(0, len(values), _BLOCK_READINGS_MAX):
                part = slice(at, at + _BLOCK_READINGS_MAX)
                parts.append(block(channel, kind, values[part], None if start is None else start + at * period, period,
                                   None if times is None else times[part], None if qualities is None else qualities[part]))
            size = sum(map(len, parts))
            if self._kept_bytes + self._making_bytes + size > self.buffer_bytes:
                raise Full(f"{self._kept_bytes} bytes are not durable yet")
            self._making += parts
            self._making_bytes += size
            self._making_readings += len(values)
            if self._making_bytes >= _FRAME_BYTES:
                self._flush()

    def flush(self):
        """Ends the frame that is being made: it is sent now."""
        with self._changed:
            self._flush()

    def _flush(self):
        if not self._making:
            return
        payload = struct.pack("<I", len(self._making)) + b"".join(self._making)
        self._made += 1
        self._kept.append((self._made, payload, self._making_readings))
        self._kept_bytes += len(payload)
        self._making, self._making_bytes, self._making_readings = [], 0, 0
        self._wake()

    def drop_oldest(self, size):
        """Gives up the oldest frames, at least `size` bytes of them; the readings in them, which the receiver is told."""
        readings = given_up = 0
        with self._changed:
            while self._kept and given_up < size:
                sequence, payload, count = self._kept.popleft()
                given_up, readings = given_up + len(payload), readings + count
                # Within a connection no sequence may be left out: one that was not sent ends it.
                self._connected = self._connected and sequence <= self._sent
            self._kept_bytes -= given_up
            self._dropped += readings
        self._wake()
        return readings

    def drain(self, seconds):
        """Flushes, and waits until all is durable."""
        with self._changed:
            self._flush()
            if not self._changed.wait_for(lambda: not self._kept, seconds):
                raise Undelivered(f"{len(self._kept)} frames of {self._kept_bytes} bytes are not durable after {seconds} s")

    def close(self):
        """What is not durable is given up."""
        with self._changed:
            self._closing = True
        self._wake()
        self._thread.join()
        self._wake_out.close()
        self._wake_in.close()

    @property
    def connected(self):
        return self._connected

    @property
    def flushed(self):
        """Frames so far."""
        return self._made

    @property
    def durable(self):
        """Of these."""
        return self._durable

    # ---- the sender's thread ----

    def _wake(self):
        try:
            self._wake_out.send(b"!", socket.MSG_DONTWAIT)
        except OSError:
            pass  # it has been woken enough, or has ended

    def _run(self):
        tries = 0
        while not self._closing:
            connection = None
            try:
                connection = self._connect()
                self._serve(connection)
                tries = 0
            except (_Lost, OSError) as problem:
                tries = 0 if self._connected else tries + 1
                if not self._closing:
                    self._tell(f"{self.host}:{self.port}: {problem}")
            finally:
                self._connected = False
                if connection:
                    connection.close()
            self._pause(min(5, 0.1 * 2 ** min(tries, 6)) * random.uniform(0.5, 1))

    def _pause(self, seconds):
        end = time.monotonic() + seconds
        while not self._closing and time.monotonic() < end:
            time.sleep(min(0.05, seconds))

    def _connect(self):
        plain = socket.create_connection((self.host, self.port), timeout=_SILENCE_S)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.ssl_context is None:
            return plain
        try:
            return self.ssl_context.wrap_socket(plain, server_hostname=self.host)
        except OSError:
            plain.close()
            raise

    def _serve(self, connection):
        with self._changed:
            oldest = self._kept[0][0] if self._kept else self._made + 1
            connection.sendall(hello(self._epoch, oldest, self._dropped, self.source, self.client))
        self._received = b""
        idle_s = self._welcome(connection)
        with self._changed:
            self._sent = self._kept[0][0] - 1 if self._kept else self._made
            self._connected = True
        connection.setblocking(False)
        declared, out, heard = 0, b"", time.monotonic()
        said = heard
        while self._connected and not self._closing:
            if not out:
                out, declared = self._next(declared)
            now = time.monotonic()
            if not out and now - said > min(3, idle_s / 3):
                out = message(_PING, struct.pack("<QQ", self._made, self._dropped))
            if now - heard > _SILENCE_S:
                raise _Lost(f"nothing was heard for {_SILENCE_S} s")
            if self._read(connection):
                heard = time.monotonic()
                continue
            if out:
                put = self._write(connection, out)
                out, said = out[put:], time.monotonic() if put else said
                if put:
                    continue
            select.select([connection, self._wake_in], [connection] if out else [], [], 1)
            self._was_woken()

    def _was_woken(self):
        try:
            self._wake_in.recv(4096)
        except BlockingIOError:
            pass

    def _next(self, declared):
        """What is to go out next: channels that this connection does not know, then a frame."""
        with self._changed:
            if declared < len(self._channels):
                new = [(number, kind, name) for number, (name, kind) in enumerate(self._channels)][declared:declared + 256]
                return declare(new), declared + len(new)
            if not self._kept or self._kept[-1][0] <= self._sent:
                return b"", declared
            sequence, payload, _ = self._kept[self._sent + 1 - self._kept[0][0]]
            self._sent = sequence
        return message(_DATA, payload, sequence), declared

    def _read(self, connection):
        try:
            more = connection.recv(65536)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        if not more:
            raise _Lost("the receiver closed the connection")
        self._received += more
        for kind, payload in self._messages():
            self._take(kind, payload)
        return True

    @staticmethod
    def _write(connection, out):
        try:
            return connection.send(out)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0

    def _messages(self):
        while len(self._received) >= _HEADER_BYTES:
            magic, version, kind, _, _, size = _HEADER.unpack_from(self._received)
            if magic != _MAGIC or version != _VERSION or size > _RECEIVED_BYTES_MAX:
                raise _Lost("what answers speaks no burst stream")
            if len(self._received) < _HEADER_BYTES + size:
                return
            payload = self._received[_HEADER_BYTES:_HEADER_BYTES + size]
            if struct.unpack_from("<I", self._received, 20)[0] != _crc32c(self._received[:20] + payload):
                raise _Lost("a message fails its checksum")
            self._received = self._received[_HEADER_BYTES + size:]
            yield kind, payload

    def _welcome(self, connection):
        """Waits for it; the receiver's idle time-out in s."""
        while True:
            more = connection.recv(65536)
            if not more:
                raise _Lost("the receiver closed the connection")
            self._received += more
            for kind, payload in self._messages():
                if kind != _WELCOME:
                    self._take(kind, payload)
                    continue
                epoch, durable, _, idle_ms = struct.unpack_from("<QQII", payload)
                # Where more is durable than was made, the epoch was used before.
                if epoch > self._epoch or durable > self._made:
                    self._begin_anew(epoch)
                self._acknowledge(durable)
                return idle_ms / 1000

    def _begin_anew(self, epoch):
        with self._changed:
            self._epoch = max(time.time_ns(), epoch + 1)
            self._kept = collections.deque((i, payload, readings) for i, (_, payload, readings) in enumerate(self._kept, 1))
            self._made, self._durable, self._dropped = len(self._kept), 0, 0
        raise _Lost("another sender had this name, or the clock went back; it begins anew")

    def _take(self, kind, payload):
        if kind == _ACK:
            epoch, durable = struct.unpack("<QQ", payload)
            if epoch == self._epoch:
                self._acknowledge(durable)
        elif kind == _ERROR:
            number, _, size = struct.unpack_from("<HIH", payload)
            text = f"error {number}: {payload[8:8 + size].decode(errors='replace')}"
            if number < 100:
                raise _Lost(text)
            self._tell(f"{self.host}:{self.port}: {text}")

    def _acknowledge(self, durable):
        with self._changed:
            self._durable = max(self._durable, min(durable, self._made))
            while self._kept and self._kept[0][0] <= self._durable:
                self._kept_bytes -= len(self._kept.popleft()[1])
            self._changed.notify_all()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("source", help="the sender's name, the same at every start")
    parser.add_argument("--ca", help="TLS: the certificate of the authority that signed the receiver's")
    parser.add_argument("--certificate", help="TLS: our own, where the receiver asks for one")
    parser.add_argument("--key", help="its key")
    options = parser.parse_args()
    context = ssl.create_default_context(cafile=options.ca) if options.ca else None
    if context and options.certificate:
        context.load_cert_chain(options.certificate, options.key)
    readings = {}

    def send():
        for number, (times, values) in readings.items():
            sender.add(number, values, times=times)
        sender.flush()
        readings.clear()
    with Sender(options.host, options.port, options.source, ssl_context=context) as sender:
        due = time.monotonic() + 0.1
        for number, line in enumerate(sys.stdin, 1):
            try:
                name, when, value = line.strip().split(",")
                times, values = readings.setdefault(sender.channel(name), ([], []))
                when, value = int(when), float(value)
            except ValueError as why:
                print(f"line {number}: {why}; it is left out", file=sys.stderr)
                continue
            times.append(when)
            values.append(value)
            if time.monotonic() >= due or len(times) >= _BLOCK_READINGS_MAX:
                while True:
                    try:
                        send()
                        break
                    except Full:
                        time.sleep(0.1)
                due = time.monotonic() + 0.1
        send()


if __name__ == "__main__":
    main()
