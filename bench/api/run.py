#!/usr/bin/env python3
"""Reads of the API, as fast as they go: a plant of 100 machines whose readings come in meanwhile, and wrk (Debian's package).

    python3 bench/api/run.py [--seconds 10] [--connections 64] [--only twin] [--mode local] [--json]

Each read goes round all machines, first without accounts, then with an API token on every request. Printed: answers by the
second, the latency's p50 and p99, and what the plant used of a core for it, while wrk used the rest of the same machine."""

import argparse
import http.client
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

import harness  # noqa: E402
from harness import EndToEnd, Plant, free_ports, one_cell  # noqa: E402

MACHINES = 100
SENSORS = ("vibration", "temperature", "state")
READS = {  # name: path, "{}" stands for a machine
    "health": "/healthz",
    "machines": "/v1/machines?limit=10",
    "machine": "/v1/machines/{}",
    "twin": "/v1/machines/{}/twin",
    "alarms": "/v1/alarms?limit=10",
    "alarms of a machine": "/v1/alarms?machine={}&active=true",
}
PASSWORD = "four horses cross the river"
LUA = """
local requests = {}
init = function(args)
  for line in io.lines(os.getenv("WRK_PATHS")) do requests[#requests + 1] = wrk.format("GET", line) end
end
local at = 0
request = function()
  at = at % #requests + 1
  return requests[at]
end
done = function(summary, latency)
  local bad = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format("\\nRESULT %d %d %d %d %d %d\\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), bad, summary.bytes))
end
"""


def plant_file(line_port):
    machines = "".join(f"""
                    - name: pump-{i}
                      manufacturer: Example Pumps
                      components: [{{name: motor}}]
                      sensors:
                        - {{name: vibration, component: motor, unit: mm/s, range: [0, 50], address: "m,id={i} vibration"}}
                        - {{name: temperature, component: motor, unit: degC, range: [-20, 150], address: "m,id={i} temperature"}}
                        - {{name: state, type: state, states: {{0: idle, 1: running, 2: down}}, address: "m,id={i} state"}}"""
                       for i in range(MACHINES))
    return f"""
node: {{name: bench}}
connectors:
  - {{name: line, type: influx, port: {line_port}}}
opcua_server: {{enabled: false}}
""" + one_cell("default: line") + machines.removeprefix("\n") + "\n"


class Readings(threading.Thread):
    """One reading a second of each sensor; every tenth machine out of its range at times."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.stopping = port, threading.Event()

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        turn = 0
        while not self.stopping.wait(1):
            turn += 1
            now = time.time_ns()
            lines = [f"m,id={i} vibration={1.25 + (turn * 7 + i) % 100 / 40},temperature={40 + (turn + i) % 30 / 10},state=1i {now}"
                     for i in range(MACHINES)]
            try:
                connection.request("POST", "/write?db=x", "\n".join(lines))
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                connection.close()


class Scene(EndToEnd):
    """A scratch folder and what runs in it."""

    def runTest(self):
        pass


def processor(pid):
    """Seconds of a core that it has used."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def machine():
    model = next(line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    return f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the run"


def measure(scene, plant, path, token, options):
    paths = scene.folder / "paths"
    paths.write_text("".join(path.format(f"pump-{i}") + "\n" for i in range(MACHINES)))
    script = scene.folder / "reads.lua"
    script.write_text(LUA)
    command = ["wrk", "-t", "2", "-c", str(options.connections), "-d", f"{options.seconds}s", "-s", str(script)]
    if token:
        command += ["-H", f"Authorization: Bearer {token}"]
    pid = plant.process.child.pid
    before, started = processor(pid), time.monotonic()
    done = subprocess.run([*command, plant.url], capture_output=True, text=True, timeout=options.seconds + 60,
                          env={**os.environ, "WRK_PATHS": str(paths)})
    used, took = processor(pid) - before, time.monotonic() - started
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)", done.stdout)
    if done.returncode != 0 or not found:
        raise SystemExit(f"wrk: {done.stdout[-1000:]}{done.stderr[-1000:]}")
    requests, duration, p50, p99, bad, size = map(int, found.groups())
    return {"path": path, "token": bool(token), "per_s": requests / duration * 1e6, "p50_ms": p50 / 1e3, "p99_ms": p99 / 1e3,
            "errors": bad, "bytes": size / max(1, requests), "cores": used / took, "us_of_a_core": used / max(1, requests) * 1e6}


def run(mode, options):
    scene = Scene()
    scene.setUp()
    readings = None
    try:
        line, api, opcua = free_ports(3)
        file, data = scene.folder / "plant.yaml", scene.folder / "data"
        file.write_text(plant_file(line))
        token = None
        if mode == "accounts":
            data.mkdir()
            password = scene.folder / "password"
            password.write_text(PASSWORD + "\n")
            for command in (["user", "add", "anna", "--role", "admin", "--sites", "*", "--password-file", password],
                            ["token", "create", "anna", "--name", "bench"]):
                code, out, err = scene.run_millwright(*command, "--data", data)
                if code != 0:
                    raise SystemExit(out + err)
            token = out.strip()
        plant = Plant(scene, file, api, opcua, data, {"MILLWRIGHT_ACCESS__MODE": mode,
                                                      "MILLWRIGHT_ACCESS__READS_PER_S": "0"}).start()
        readings = Readings(line)
        readings.start()
        time.sleep(3)
        for name, path in READS.items():
            if options.only and name != options.only:
                continue
            result = {"read": name, **measure(scene, plant, path, token, options)}
            if options.json:
                print(json.dumps(result), flush=True)
            else:
                print(f"{name:20} {mode:9} {result['per_s']:9,.0f} /s   p50 {result['p50_ms']:6.2f} ms   p99 {result['p99_ms']:6.2f} ms   "
                      f"{result['bytes']:6.0f} bytes   {result['cores']:.2f} cores, {result['us_of_a_core']:.1f} us each"
                      + (f"   {result['errors']} ERRORS" if result["errors"] else ""), flush=True)
    finally:
        if readings:
            readings.stopping.set()
        scene.doCleanups()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--only", choices=READS, help="one of the reads")
    parser.add_argument("--mode", choices=("local", "accounts"), help="one of the two; both unless given")
    parser.add_argument("--binary", type=pathlib.Path, help="another than build/release/bin/millwright")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.binary:
        harness.BINARY = options.binary.resolve()
    print(machine())
    for mode in (options.mode,) if options.mode else ("local", "accounts"):
        run(mode, options)


if __name__ == "__main__":
    main()
