"""VictoriaMetrics, Debian's package."""

import json
import urllib.parse

from common import Server, Unavailable, free_port, make_durable, package_version, post_files
from product import Product


class VictoriaMetrics(Product):
    name = "VictoriaMetrics"
    way = "line protocol over HTTP, 50 or 10 fields a line, 100,000 readings a request"
    promise = "in memory; on disk within 5 s, without fsync"
    settings = "retention 12 months, 100,000 points a series; questions without its result cache"

    def version(self):
        version = package_version("victoria-metrics")
        if not version:
            raise Unavailable("package victoria-metrics is not installed")
        return version

    def start(self, parts):
        self.port = free_port()
        self.server = Server(["victoria-metrics", f"-storageDataPath={self.data}", f"-httpListenAddr=127.0.0.1:{self.port}",
                              "-retentionPeriod=12", "-search.maxPointsPerTimeseries=100000", "-loggerLevel=WARN",
                              "-search.latencyOffset=0s", "-search.maxQueryDuration=10m"], self.folder / "log")
        self.connect(lambda client: client.ask("/health") == b"OK")

    def load(self, part, files):
        post_files(self.port, "/write?precision=ns", files, self.connections)
        self.client.ask("/internal/force_flush")
        make_durable(self.data)

    def rows(self, part):
        hours = (part.end_ns - part.start_ns) // (3600 * 10**9) + 1
        answer = json.loads(self._get("query", query=f"sum(count_over_time({part.table}_s0[{hours}h]))",
                                      time=part.end_ns // 10**9))
        return int(answer["data"]["result"][0]["value"][1])

    def merge(self):
        self.client.ask("/internal/force_merge")

    def _get(self, what, **query):
        return self.client.ask(f"/api/v1/{what}?" + urllib.parse.urlencode({**query, "nocache": "1"}))

    def raw(self, part, machine, sensor, start_ns, end_ns):
        return self._get("export", **{"match[]": f'{part.table}_{sensor}{{machine="{machine}"}}',
                                      "start": start_ns / 1e9, "end": (end_ns - 1) / 1e9})

    # A window ends at its step's time and leaves its start out: a millisecond back makes it [start, end).
    def _averages(self, selector, start_ns, end_ns, step_s):
        return self._get("query_range", query=f"avg_over_time({selector}[{step_s}s])", step=step_s,
                         start=f"{start_ns / 1e9 + step_s - 0.001:.3f}", end=f"{end_ns / 1e9 - 0.001:.3f}")

    def minutes(self, part, machine, sensor, start_ns, end_ns):
        return self._averages(f'{part.table}_{sensor}{{machine="{machine}"}}', start_ns, end_ns, 60)

    def chart(self, part, machine, sensors, start_ns, end_ns, step_s):
        selector = f'{{__name__=~"{part.table}_({"|".join(sensors)})",machine="{machine}"}}'
        return self._averages(selector, start_ns, end_ns, step_s)

    def last(self, part, machine, sensor):
        return self._get("query", query=f'{part.table}_{sensor}{{machine="{machine}"}}',
                         time=f"{part.end_ns / 1e9 - 0.001:.3f}")

    def numbers(self, question, answer):
        if question == "raw":
            return [value for line in answer.splitlines() for value in json.loads(line)["values"]]
        result = json.loads(answer)["data"]["result"]
        if question == "last":
            return [float(result[0]["value"][1])]
        first = min(result, key=lambda series: series["metric"]["__name__"])
        return [float(value) for _, value in first["values"]]
