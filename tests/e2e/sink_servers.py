"""Receivers of readings, real ones as Debian packages them, on loopback and in scratch folders: they may be killed and
started again, and keep what they have acknowledged."""

import json
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request

from harness import _no_proxy


def ask(url, body=None, headers=None):
    request = urllib.request.Request(url, data=body, headers=headers or {})
    with _no_proxy.open(request, timeout=30) as answer:
        return answer.read()


class Server:
    """In a process of its own; started again, it has the same data. `prefix` goes before its command."""
    name = "server"

    def __init__(self, test, port, host="127.0.0.1", prefix=()):
        self.test, self.port, self.host, self.prefix, self.process = test, port, host, prefix, None
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"millwright-{self.name}-"))
        test.addCleanup(shutil.rmtree, self.folder, True)

    def start(self):
        self.process = self.test.start([*self.prefix, *self.command()], self.name)
        self.test.wait_for(f"{self.name} to answer", self.answers, 60, self.process)
        return self

    def kill(self):
        self.process.kill()


class Postgres(Server):
    """A cluster of its own, by the user nobody where the tests run as root: PostgreSQL refuses root."""
    name = "postgres"

    def __init__(self, test, port, **more):
        super().__init__(test, port, **more)
        versions = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        test.assertTrue(versions, "needs Debian's postgresql")
        self.bin = versions[-1]
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
        self.hba = self.folder / "hba.conf"
        self.hba.write_text("host all all all trust\nlocal all all trust\n")
        self._run(self.bin / "initdb", "-D", self.folder / "data", "-U", "plant", "-A", "trust", "-E", "UTF8", "--no-locale")

    def _as(self, *arguments):
        lower = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []
        return [*lower, *map(str, arguments)]

    def _run(self, *arguments):
        done = subprocess.run(self._as(*arguments), capture_output=True, text=True, timeout=120, cwd="/")
        if done.returncode != 0:
            raise AssertionError(f"{arguments}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
        return done.stdout

    def command(self):
        # Killed with -9 it leaves its children and its lock behind: the next start waits for the former.
        return self._as(self.bin / "postgres", "-D", self.folder / "data", "-p", self.port, "-h", self.host, "-k", self.folder,
                        "-c", f"hba_file={self.hba}")

    def answers(self):
        return subprocess.run([self.bin / "pg_isready", "-h", self.host, "-p", str(self.port)], capture_output=True).returncode == 0

    def query(self, sql):
        """Rows of texts, by the local socket: whatever becomes of `host`."""
        out = self._run("psql", "-X", "-A", "-t", "-F", "|", "-h", self.folder, "-p", self.port, "-U", "plant", "-d", "postgres", "-c", sql)
        return [line.split("|") for line in out.splitlines() if line]


class Influx(Server):
    """InfluxDB 1.x."""
    name = "influxd"

    def __init__(self, test, port, rpc_port):
        super().__init__(test, port)
        self.file = self.folder / "influx.conf"
        self.file.write_text(f"""
bind-address = "127.0.0.1:{rpc_port}"
reporting-disabled = true
[meta]
  dir = "{self.folder}/meta"
[data]
  dir = "{self.folder}/data"
  wal-dir = "{self.folder}/wal"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
""")

    def command(self):
        return ["influxd", "-config", self.file]

    def answers(self):
        ask(f"http://127.0.0.1:{self.port}/ping")
        return True

    def query(self, text, database="plant"):
        body = urllib.parse.urlencode({"q": text, "db": database}).encode()
        return json.loads(ask(f"http://127.0.0.1:{self.port}/query", body))["results"][0].get("series", [])


class VictoriaMetrics(Server):
    name = "victoria-metrics"

    def command(self):
        return ["victoria-metrics", f"-storageDataPath={self.folder}/data", f"-httpListenAddr=127.0.0.1:{self.port}", "-retentionPeriod=100y"]

    def answers(self):
        return ask(f"http://127.0.0.1:{self.port}/health") == b"OK"

    def export(self, selector):
        """[(labels, values, times)]"""
        body = urllib.parse.urlencode({"match[]": selector}).encode()
        rows = ask(f"http://127.0.0.1:{self.port}/api/v1/export", body).decode().splitlines()
        return [(row["metric"], row["values"], row["timestamps"]) for row in map(json.loads, rows)]


class Redis(Server):
    name = "redis-server"

    def command(self):
        return ["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--save", "", "--dir", self.folder]

    def answers(self):
        return self.query("PING") == "PONG"

    def query(self, *words):
        done = subprocess.run(["redis-cli", "-p", str(self.port), "--json", *words], capture_output=True, text=True, timeout=10)
        return json.loads(done.stdout) if done.returncode == 0 and done.stdout.strip() else None
