"""ClickHouse 18.16, Debian's package. It has no DateTime64, Delta or Gorilla yet: a time is seconds and milliseconds, and ZSTD the
best there is for all columns."""

import urllib.parse

from common import Server, Unavailable, free_port, make_durable, package_version, post_files
from product import Product, column

CONFIG = """<yandex>
  <logger><level>warning</level><log>{folder}/server.log</log><errorlog>{folder}/error.log</errorlog></logger>
  <listen_host>127.0.0.1</listen_host><http_port>{port}</http_port><tcp_port>{tcp}</tcp_port>
  <path>{data}/</path><tmp_path>{data}/tmp/</tmp_path><user_files_path>{data}/user_files/</user_files_path>
  <format_schema_path>{data}/format_schemas/</format_schema_path>
  <users_config>{folder}/users.xml</users_config>
  <default_profile>default</default_profile><default_database>default</default_database>
  <mark_cache_size>1073741824</mark_cache_size><uncompressed_cache_size>0</uncompressed_cache_size>
  <keep_alive_timeout>600</keep_alive_timeout>
  <compression><case><min_part_size>0</min_part_size><min_part_size_ratio>0</min_part_size_ratio><method>zstd</method></case></compression>
</yandex>
"""
USERS = """<yandex>
  <profiles><default><max_memory_usage>8000000000</max_memory_usage></default></profiles>
  <users><default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default></users>
  <quotas><default/></quotas>
</yandex>
"""


class ClickHouse(Product):
    name = "ClickHouse"
    way = "INSERT … FORMAT Native over HTTP, wide rows, 3 M readings a request"
    promise = "written, without fsync"
    format = "native"
    per_file = 3_000_000
    connections = 2
    settings = "ZSTD for all columns; wide table, ORDER BY (machine, time, ms)"

    def version(self):
        version = package_version("clickhouse-server")
        if not version:
            raise Unavailable("package clickhouse-server is not installed")
        return version

    def start(self, parts):
        self.port = free_port()
        (self.folder / "config.xml").write_text(
            CONFIG.format(folder=self.folder, data=self.data, port=self.port, tcp=free_port()))
        (self.folder / "users.xml").write_text(USERS)
        self.server = Server(["clickhouse-server", f"--config-file={self.folder}/config.xml"], self.folder / "log")
        self.connect(lambda client: client.ask("/").startswith(b"Ok"))
        for part in parts:
            columns = ", ".join(f"s{s} Float32" for s in range(part.sensors))
            self._do(f"CREATE TABLE {part.table} (machine String, time DateTime, ms UInt16, {columns}) "
                     "ENGINE = MergeTree PARTITION BY toYYYYMM(time) ORDER BY (machine, time, ms)")
        self.parts = parts

    def load(self, part, files):
        insert = urllib.parse.urlencode({"query": f"INSERT INTO {part.table} FORMAT Native"})
        post_files(self.port, f"/?{insert}", files, self.connections)
        make_durable(self.data)

    def rows(self, part):
        return int(self._query(f"SELECT count() FROM {part.table}", "TabSeparated"))

    def merge(self):
        for part in self.parts:
            self._do(f"OPTIMIZE TABLE {part.table} FINAL")
        # Merged parts stay for 8 minutes; a detached and attached table has forgotten them.
        for part in self.parts:
            self._do(f"DETACH TABLE {part.table}")
            self._do(f"ATTACH TABLE {part.table}")

    def bytes(self):
        """Of the parts that count: those already merged away are deleted minutes later."""
        return int(self._query("SELECT sum(bytes_on_disk) FROM system.parts WHERE active", "TabSeparated"))

    def _do(self, statement):
        self.client.ask("/", statement.encode())

    def _query(self, query, form="CSVWithNames"):
        return self.client.ask("/?" + urllib.parse.urlencode({"query": f"{query} FORMAT {form}"}))

    @staticmethod
    def _where(machine, start_ns, end_ns):
        return (f"machine = '{machine}' AND time >= toDateTime({start_ns // 10**9}) "
                f"AND time < toDateTime({end_ns // 10**9})")

    def raw(self, part, machine, sensor, start_ns, end_ns):
        return self._query(f"SELECT toUnixTimestamp(time) AS t, ms, {sensor} FROM {part.table} "
                           f"WHERE {self._where(machine, start_ns, end_ns)} ORDER BY t, ms")

    def minutes(self, part, machine, sensor, start_ns, end_ns):
        return self.chart(part, machine, [sensor], start_ns, end_ns, 60)

    def chart(self, part, machine, sensors, start_ns, end_ns, step_s):
        means = ", ".join(f"avg({s})" for s in sensors)
        return self._query(f"SELECT intDiv(toUInt32(time), {step_s}) AS step, {means} FROM {part.table} "
                           f"WHERE {self._where(machine, start_ns, end_ns)} GROUP BY step ORDER BY step")

    def last(self, part, machine, sensor):
        return self._query(f"SELECT max(time), argMax({sensor}, (time, ms)) FROM {part.table} WHERE machine = '{machine}' "
                           f"AND time >= toDateTime({part.end_ns // 10**9 - 60})")

    def numbers(self, question, answer):
        return column(answer, 2 if question == "raw" else 1)
