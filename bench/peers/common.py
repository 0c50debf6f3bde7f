"""What all products under test share: a server process on loopback that ends with us, one HTTP client, clocks and sizes."""

import atexit
import collections
import contextlib
import http.client
import os
import pathlib
import socket
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
millwright = ROOT / "build/release/bin/millwright"  # or what --millwright says
HOUR_NS = 3600 * 10**9
DAY_NS = 24 * HOUR_NS


class Unavailable(Exception):
    """A product cannot be measured on this machine; the message says why."""


class Part(collections.namedtuple("Part", "prefix machines sensors rate_hz rows end_ns")):
    """Machines whose sensors are read at the same moments; see apps/millwright/bench_parts.hpp."""

    @property
    def readings(self):
        return self.machines * self.sensors * self.rows

    @property
    def start_ns(self):
        return self.end_ns - self.rows * 10**9 // self.rate_hz

    @property
    def table(self):
        return f"plant_{self.prefix}"

    @property
    def names(self):
        return [f"{self.prefix}{m:03}" for m in range(self.machines)]

    def options(self):
        return ["--prefix", self.prefix, "--machines", self.machines, "--sensors", self.sensors, "--rate", self.rate_hz,
                "--rows", self.rows, "--end", self.end_ns]


def free_port():
    with contextlib.closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A child process with its output in a file. Ends at the latest with this program."""

    def __init__(self, arguments, log, env=None):
        self.log = pathlib.Path(log)
        with open(self.log, "w") as out:
            self.child = subprocess.Popen([str(a) for a in arguments], stdout=out, stderr=subprocess.STDOUT,
                                          stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})
        atexit.register(self.stop)

    def wait_until(self, ready, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.child.poll() is not None:
                raise Unavailable(f"{self.child.args[0]} ended with {self.child.returncode}: {self.log.read_text()[-600:]}")
            with contextlib.suppress(OSError, http.client.HTTPException, Unavailable):
                if ready():
                    return
            time.sleep(0.1)
        raise Unavailable(f"{self.child.args[0]} was not ready within {seconds} s: {self.log.read_text()[-600:]}")

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_bytes(self):
        status = pathlib.Path(f"/proc/{self.child.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    def stop(self):
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(60)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()


class Client:
    """One kept-open connection."""

    def __init__(self, port):
        self.port = port
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)

    def ask(self, path, body=None, headers=None, ok=(200, 204)):
        method = "GET" if body is None else "POST"
        kept = self._connection.sock is not None
        if not kept:
            self._connection.connect()
            self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._connection.request(method, path, body=body, headers=headers or {})
            answer = self._connection.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            # A server ends a connection that was silent for long.
            if kept and method == "GET" and isinstance(error, (http.client.RemoteDisconnected, ConnectionError)):
                return self.ask(path, body, headers, ok)
            raise
        if answer.status not in ok:
            raise Unavailable(f"{method} {path[:120]}: {answer.status} {data[:300].decode(errors='replace')}")
        return data


def post_files(port, path, files, connections, headers=None):
    """Posts each file as a body, in order, over so many connections at a time."""
    waiting = iter(files)
    lock = threading.Lock()
    errors = []

    def work():
        client = Client(port)
        while not errors:
            with lock:
                file = next(waiting, None)
            if file is None:
                return
            try:
                client.ask(path, file.read_bytes(), headers)
            except Exception as error:  # told by the caller, whatever it is
                errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def files_below(folder):
    """Those there are now; what a server merges away meanwhile is passed over, folders too."""
    for place, _, names in os.walk(folder):
        yield from (path for path in (pathlib.Path(place, name) for name in names) if path.is_file() and not path.is_symlink())


def make_durable(folder):
    """fdatasync of every file: what an acknowledgement without it leaves to the operating system."""
    for path in files_below(folder):
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)


def disk_bytes(folder):
    """Blocks in use, as du counts them."""
    total = 0
    for path in files_below(folder):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_blocks * 512
    return total


def wait_until_still(folder, server, quiet_s, limit_s):
    """Until the folder's size is the same and the server idle for a while; gives the seconds that took."""
    pause_s, idle = 0.5, 0.15  # of a core
    start = changed = time.monotonic()
    before = disk_bytes(folder), server.cpu_seconds()
    while time.monotonic() - changed < quiet_s and time.monotonic() - start < limit_s:
        time.sleep(pause_s)
        now = disk_bytes(folder), server.cpu_seconds()
        if now[0] != before[0] or now[1] - before[1] > idle * pause_s:
            changed = time.monotonic()
        before = now
    return changed - start


def median(values):
    return sorted(values)[len(values) // 2]


def package_version(name):
    done = subprocess.run(["dpkg-query", "-W", "-f=${Version}", name], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""
