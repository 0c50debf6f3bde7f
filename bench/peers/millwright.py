"""Millwright itself: a plant in a process of its own, fed by one of its own ways in, asked through its REST interface."""

import json
import subprocess

import common
from common import Server, Unavailable, free_port, post_files
from product import Product, column

LEVELS = "bench/hall/a/line/cell"
PLANT = """node: {{name: bench, data_dir: {data}}}
connectors:
  - {{name: burst, type: burst, port: {burst}}}
  - {{name: line, type: influx, port: {line}}}
historian: {{raw_retention: 0s, disk_quota: 0B}}
api: {{port: {port}, web_directory: "", history_rows_max: 1000000}}
access: {{mode: local}}
opcua_server: {{port: {opcua}}}
assets:
  enterprise: bench
  streams: {{default: {connector}}}
  sites:
    - name: hall
      areas:
        - name: a
          lines:
            - name: line
              cells:
                - name: cell
                  machines:
"""


def machine_yaml(part, machine):
    yield f"                    - name: {machine}\n                      sensors:\n"
    for sensor in range(part.sensors):
        yield (f"                        - {{name: s{sensor}, type: float32, rate_hz: {part.rate_hz}, "
               f'address: "{part.table},machine={machine} s{sensor}"}}\n')


class Millwright(Product):
    connector = ""
    promise = "on disk, fdatasync before the answer"
    settings = "readings kept for ever; answers of up to 1,000,000 rows; control charts, OPC UA server and roll-ups on, as always"

    def version(self):
        if not common.millwright.exists():
            raise Unavailable(f"{common.millwright} is not built; `make build`")
        done = subprocess.run([common.millwright, "version"], capture_output=True, text=True, check=True)
        return done.stdout.split()[1]

    def start(self, parts):
        self.port = free_port()
        self.inlet = free_port()
        ports = {"burst": free_port(), "line": free_port(), self.connector: self.inlet}
        plant = self.folder / "plant.yaml"
        with open(plant, "w") as file:
            file.write(PLANT.format(data=self.data, port=self.port, opcua=free_port(), connector=self.connector, **ports))
            for part in parts:
                for machine in part.names:
                    file.writelines(machine_yaml(part, machine))
        self.server = Server([common.millwright, "run", plant], self.folder / "log")
        self.connect(lambda client: client.ask("/readyz"))

    def rows(self, part):
        return sum(sum(column(self._history(machine, "s0", part.start_ns, part.end_ns, "1h"), 1)) for machine in part.names)

    def _history(self, machine, sensor, start_ns, end_ns, resolution):
        return self.client.ask(f"/v1/machines/{machine}/history?sensor={sensor}&from={start_ns}&to={end_ns}"
                               f"&resolution={resolution}&format=csv&limit=1000000")

    def raw(self, part, machine, sensor, start_ns, end_ns):
        return self._history(machine, sensor, start_ns, end_ns, "raw")

    def minutes(self, part, machine, sensor, start_ns, end_ns):
        return self._history(machine, sensor, start_ns, end_ns, "1m&aggregate=average")

    def chart(self, part, machine, sensors, start_ns, end_ns, step_s):
        # Two more than there are steps: it allows for a range that cuts its first and its last interval.
        points = (end_ns - start_ns) // (step_s * 10**9) + 2
        paths = ",".join(f"{LEVELS}/{machine}/{sensor}" for sensor in sensors)
        return self.client.ask(f"/v1/charts?sensors={paths}&from={start_ns}&to={end_ns}&points={points}")

    def last(self, part, machine, sensor):
        return self.client.ask(f"/v1/machines/{machine}/twin")

    def numbers(self, question, answer):
        if question == "chart":
            return [item["mean"] for item in json.loads(answer)["series"][0]["items"]]
        if question == "last":
            return [next(s["value"] for s in json.loads(answer)["sensors"] if s["name"] == "s0")]
        return column(answer, 1)


class MillwrightBurst(Millwright):
    name = "Millwright, burst stream"
    way = "burst stream over TCP, 1,000 readings of a sensor a block"
    connector = "burst"
    format = None

    def load(self, part, files):
        done = subprocess.run([str(a) for a in [common.millwright, "bench", "feed", *part.options(), "--connect",
                                                f"127.0.0.1:{self.inlet}"]], capture_output=True, text=True)
        if done.returncode != 0:
            raise Unavailable(f"millwright bench feed: {done.stderr[-600:]}")


class MillwrightLine(Millwright):
    name = "Millwright, line protocol"
    way = "line protocol over HTTP, the requests that InfluxDB gets"
    connector = "line"
    connections = 32  # each waits for the group commit

    def load(self, part, files):
        post_files(self.inlet, "/write?db=bench&precision=ns", files, self.connections)
