"""QuestDB, from Maven Central."""

import json
import shutil
import subprocess
import time
import urllib.parse

from common import ROOT, Server, Unavailable, free_port, make_durable, post_files
from product import Product, column

VERSION = "9.1.0"
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"


def jar():
    """Fetched once, with a Maven repository of its own, into build/."""
    folder = ROOT / "build/peers"
    path = folder / f"questdb-{VERSION}.jar"
    if path.exists():
        return path
    if shutil.which("mvn") is None:
        raise Unavailable("mvn is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mvn", "-q", "-B", f"-Dmaven.repo.local={folder}/maven", f"{PLUGIN}:copy",
                           f"-Dartifact=org.questdb:questdb:{VERSION}", f"-DoutputDirectory={folder}"],
                          capture_output=True, text=True, timeout=300)
    if done.returncode != 0 or not path.exists():
        raise Unavailable(f"Maven could not fetch it: {done.stdout[-300:]}")
    return path


class QuestDb(Product):
    name = "QuestDB"
    way = "line protocol over HTTP into tables with a write-ahead log, wide rows, 100,000 readings a request"
    promise = "in its log, without fsync"
    connections = 2
    settings = "wide tables of FLOAT, partitions of an hour or a day; restarted before its files are counted"

    def version(self):
        if shutil.which("java") is None:
            raise Unavailable("java is not installed")
        jar()
        return VERSION

    def start(self, parts):
        self._start_server()
        for part in parts:
            columns = ", ".join(f"s{s} FLOAT" for s in range(part.sensors))
            every = "HOUR" if part.rate_hz >= 10 else "DAY"
            self._sql("exec", f"CREATE TABLE {part.table} (machine SYMBOL, {columns}, timestamp TIMESTAMP) "
                      f"TIMESTAMP(timestamp) PARTITION BY {every} WAL")

    def _start_server(self):
        self.port = free_port()
        settings = {"QDB_HTTP_BIND_TO": f"127.0.0.1:{self.port}", "QDB_HTTP_MIN_ENABLED": "false", "QDB_PG_ENABLED": "false",
                    "QDB_LINE_TCP_ENABLED": "false", "QDB_TELEMETRY_ENABLED": "false", "QDB_CAIRO_WAL_PURGE_INTERVAL": "3000"}
        self.server = Server(["java", "-p", jar(), "-m", "io.questdb/io.questdb.ServerMain", "-d", self.data],
                             self.folder / "log", settings)
        self.connect(lambda client: client.ask("/exec?query=select%201"))

    def merge(self):
        """It keeps 16 MiB of room at the end of every column's file until it is stopped, and applied log for some seconds."""
        self.stop()
        self._start_server()

    def load(self, part, files):
        start = time.monotonic()
        post_files(self.port, "/write?precision=n", files, self.connections)
        expected = part.machines * part.rows
        while (count := self.rows(part)) < expected:
            if time.monotonic() - start > 600:
                raise Unavailable(f"QuestDB has {count} rows of {expected}")
            time.sleep(0.02)
        make_durable(self.data)

    def rows(self, part):
        return json.loads(self._sql("exec", f"SELECT count() FROM {part.table}"))["dataset"][0][0]

    def _sql(self, face, query):
        return self.client.ask(f"/{face}?" + urllib.parse.urlencode({"query": query}))

    @staticmethod
    def _where(machine, start_ns, end_ns):
        return (f"machine = '{machine}' AND timestamp >= cast({start_ns // 1000} AS TIMESTAMP) "
                f"AND timestamp < cast({end_ns // 1000} AS TIMESTAMP)")

    def raw(self, part, machine, sensor, start_ns, end_ns):
        return self._sql("exp", f"SELECT timestamp, {sensor} FROM {part.table} WHERE {self._where(machine, start_ns, end_ns)}")

    def minutes(self, part, machine, sensor, start_ns, end_ns):
        return self.chart(part, machine, [sensor], start_ns, end_ns, 60)

    def chart(self, part, machine, sensors, start_ns, end_ns, step_s):
        means = ", ".join(f"avg({s})" for s in sensors)
        return self._sql("exp", f"SELECT timestamp, {means} FROM {part.table} WHERE {self._where(machine, start_ns, end_ns)} "
                         f"SAMPLE BY {step_s}s ALIGN TO CALENDAR")

    def last(self, part, machine, sensor):
        return self._sql("exp", f"SELECT timestamp, {sensor} FROM {part.table} WHERE machine = '{machine}' "
                         "LATEST ON timestamp PARTITION BY machine")

    def numbers(self, question, answer):
        return column(answer, 1)
