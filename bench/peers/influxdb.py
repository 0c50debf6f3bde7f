"""InfluxDB 1.x, Debian's package."""

import json
import urllib.parse

from common import Server, Unavailable, free_port, make_durable, package_version, post_files
from product import Product, column

CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{data}/meta"
[data]
  dir = "{data}/data"
  wal-dir = "{data}/wal"
  index-version = "tsi1"
  query-log-enabled = false
  cache-snapshot-write-cold-duration = "2s"
  compact-full-write-cold-duration = "3s"
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
  max-row-limit = 0
  max-body-size = 0
[logging]
  level = "warn"
"""


class InfluxDb(Product):
    name = "InfluxDB"
    way = "line protocol over HTTP, 50 or 10 fields a line, 100,000 readings a request"
    promise = "in its log, fsync per write"
    settings = "index tsi1; cold shards compacted after 3 s (its default: 4 h)"

    def version(self):
        version = package_version("influxdb")
        if not version:
            raise Unavailable("package influxdb is not installed")
        return version

    def start(self, parts):
        self.port = free_port()
        config = self.folder / "influxdb.conf"
        config.write_text(CONFIG.format(data=self.data, port=self.port, rpc=free_port()))
        self.server = Server(["influxd", "run", "-config", config], self.folder / "log")
        self.connect(lambda client: client.ask("/ping") == b"")
        self.client.ask("/query?" + urllib.parse.urlencode({"q": "CREATE DATABASE bench"}), b"")

    def load(self, part, files):
        post_files(self.port, "/write?db=bench&precision=ns", files, self.connections)
        make_durable(self.data)

    def rows(self, part):
        answer = json.loads(self._query(f"SELECT count(s0) FROM {part.table}", {"Accept": "application/json"}))
        return answer["results"][0]["series"][0]["values"][0][1]

    def _query(self, q, headers=None):
        query = urllib.parse.urlencode({"db": "bench", "epoch": "ns", "q": q})
        return self.client.ask("/query?" + query, headers=headers or {"Accept": "application/csv"})

    @staticmethod
    def _where(machine, start_ns, end_ns):
        return f"machine = '{machine}' AND time >= {start_ns} AND time < {end_ns}"

    def raw(self, part, machine, sensor, start_ns, end_ns):
        return self._query(f"SELECT {sensor} FROM {part.table} WHERE {self._where(machine, start_ns, end_ns)}")

    def minutes(self, part, machine, sensor, start_ns, end_ns):
        where = self._where(machine, start_ns, end_ns)
        return self._query(f"SELECT mean({sensor}) FROM {part.table} WHERE {where} GROUP BY time(1m)")

    def chart(self, part, machine, sensors, start_ns, end_ns, step_s):
        means = ",".join(f"mean({s})" for s in sensors)
        where = self._where(machine, start_ns, end_ns)
        return self._query(f"SELECT {means} FROM {part.table} WHERE {where} GROUP BY time({step_s}s)")

    def last(self, part, machine, sensor):
        return self._query(f"SELECT last({sensor}) FROM {part.table} WHERE machine = '{machine}'")

    def numbers(self, question, answer):  # name,tags,time,value,…
        return column(answer, 3)
