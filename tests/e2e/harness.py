"""What the end-to-end tests share: the real binary in processes of its own, on free loopback ports and scratch folders.
Everything that a test starts ends with it."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / "build/release/bin/millwright"
CLIENTS = ROOT / "tests/e2e/opcua"
FOREIGN_CLIENTS = {
    "node-opcua": ["node", CLIENTS / "node_client.mjs"],
    "asyncua": [ROOT / "build/venv/bin/python", CLIENTS / "python_client.py"],
}
if os.environ.get("E2E_WITHOUT_PYPI"):  # tools/run-tests.sh says and counts what is left out
    del FOREIGN_CLIENTS["asyncua"]

_no_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_ports(count):
    """Ports that nobody listens on now, all different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in sockets]


class Process:
    """A child with its output in a file, ended at the latest with the test."""

    def __init__(self, arguments, folder, name, env=None):
        self.name = name
        self.log = pathlib.Path(folder) / f"{name}-{time.monotonic_ns()}.log"
        with open(self.log, "w") as out:
            self.child = subprocess.Popen([str(a) for a in arguments], stdout=out, stderr=subprocess.STDOUT,
                                          stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})

    def output(self):
        return self.log.read_text()

    def stop(self, patience=15):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(patience)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
                raise AssertionError(f"{self.name} did not end within {patience} s of SIGTERM:\n{self.output()[-3000:]}")
        return self.child.returncode

    def kill(self):
        self.child.kill()
        self.child.wait()


class EndToEnd(unittest.TestCase):
    def setUp(self):
        self._scratch = tempfile.TemporaryDirectory(prefix="millwright-e2e-")
        self.addCleanup(self._scratch.cleanup)
        self.folder = pathlib.Path(self._scratch.name)
        self._processes = []
        self.addCleanup(self._end_all)

    def _end_all(self):
        for process in self._processes:
            if process.child.poll() is None:
                process.kill()

    def start(self, arguments, name, env=None):
        process = Process(arguments, self.folder, name, env)
        self._processes.append(process)
        return process

    def start_server(self, arguments, name, port, env=None):
        """Started, and accepting connections: clients that try once find it."""
        process = self.start(arguments, name, env)

        def accepts():
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return True
        self.wait_for(f"{name} to listen on {port}", accepts, process=process)
        return process

    def millwright(self, *arguments, name=None, env=None):
        return self.start([BINARY, *arguments], name or arguments[0], env)

    def run_millwright(self, *arguments, env=None, timeout=60):
        """Runs it to its end: (exit code, stdout, stderr)."""
        done = subprocess.run([str(BINARY), *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                              stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})
        return done.returncode, done.stdout, done.stderr

    def wait_for(self, what, condition, seconds=60, process=None):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if process is not None and process.child.poll() is not None:
                self.fail(f"{process.name} ended with {process.child.returncode}:\n{process.output()[-3000:]}")
            try:
                value = condition()
                if value:
                    return value
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                pass
            time.sleep(0.1)
        logs = "\n".join(f"--- {p.name}\n{p.output()[-2000:]}" for p in self._processes)
        self.fail(f"waited {seconds} s for {what}\n{logs}")


def one_cell(*streams, line="one"):
    """The plant file's assets down to the machines of one cell, which follow: a list, indented by 20. `streams`: "default: plc"."""
    names = "".join(f"    {one}\n" for one in streams)
    return "assets:\n  enterprise: acme\n" + ("  streams:\n" + names if names else "") + f"""\
  sites:
    - name: lyon
      areas:
        - name: hall
          lines:
            - name: {line}
              cells:
                - name: cell
                  machines:
"""


class Plant:
    """A running `millwright run` and its REST interface."""

    def __init__(self, test, plant_file, api_port, opcua_port, data_dir, env=None):
        self.test, self.plant_file, self.api_port, self.opcua_port = test, plant_file, api_port, opcua_port
        self.env = {"MILLWRIGHT_API__PORT": str(api_port), "MILLWRIGHT_OPCUA_SERVER__PORT": str(opcua_port),
                    "MILLWRIGHT_NODE__DATA_DIR": str(data_dir), "MILLWRIGHT_ACCESS__MODE": "local", **(env or {})}
        self.process = None

    @property
    def endpoint(self):
        return f"opc.tcp://127.0.0.1:{self.opcua_port}"

    @property
    def url(self):
        return f"http://127.0.0.1:{self.api_port}"

    def start(self):
        self.process = self.test.millwright("run", self.plant_file, env=self.env)
        self.test.wait_for("the plant to be ready", lambda: self.get("/readyz")["status"] == "ready", process=self.process)
        return self

    def get(self, path, **query):
        url = self.url + path + ("?" + urllib.parse.urlencode(query) if query else "")
        with _no_proxy.open(url, timeout=30) as answer:
            return json.load(answer)

    def post(self, path, body):
        request = urllib.request.Request(self.url + path, data=json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"}, method="POST")
        with _no_proxy.open(request, timeout=30) as answer:
            return json.load(answer)

    def connected(self):
        return all(c["state"] == "connected" for c in self.get("/v1/plant")["connectors"])

    def history(self, machine, sensor, start="1970-01-01T00:00:00Z", end="2200-01-01T00:00:00Z", resolution="raw"):
        """All of it, page by page."""
        query = {"sensor": sensor, "from": start, "to": end, "resolution": resolution, "limit": 5000}
        items = []
        while True:
            page = self.get(f"/machines/{machine}/history", **query)
            items += page["items"]
            if not page["next_cursor"]:
                return items
            query["cursor"] = page["next_cursor"]
