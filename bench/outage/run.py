#!/usr/bin/env python3
"""An outage: a factory streams to a plant, which forwards all of it to Apache Kafka; the cable to Kafka is pulled, and put back.

    sudo python3 bench/outage/run.py [--rate 1000000] [--minutes 60] [--sensors 1000]

Kafka runs in a network namespace, so this needs root. Printed: how soon the loss was noticed, how soon live readings were fresh again, how long
the backlog took beside what it would have taken at least, and what came: every reading is counted, by its row's identity. The least time is the
backlog over what `millwright bench forward` puts into the same Kafka in a second, less the live readings, which come first. Source, plant, Kafka
and this program share the machine."""

import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

import cable  # noqa: E402
import kafka_broker  # noqa: E402
from harness import BINARY, EndToEnd, Plant, free_ports, one_cell  # noqa: E402

TOPIC, PARTITIONS = "factory-telemetry-lyon", 2
BEFORE_S = 15
FRESH_S = 2


class Scene(EndToEnd):
    """A scratch folder and what runs in it."""

    def runTest(self):
        pass


def plant_file(port, broker, sensors):
    """Ten machines, so that the partitions share them."""
    machines = ""
    for m in range(10):
        machines += f"                    - name: press-{m}\n                      sensors:\n"
        machines += "".join(f"                        - {{name: s{i}, type: float32, address: s{i}}}\n" for i in range(m, sensors, 10))
    return f"""
node: {{name: outage}}
connectors:
  - {{name: stream, type: burst, port: {port}}}
historian: {{unsent_quota: 100GiB}}
outputs:
  - {{name: hq, kind: kafka, brokers: ["{broker.address}"], live_age: 1s, timeout: 5s}}
opcua_server: {{enabled: false}}
""" + one_cell("default: stream") + machines


def newest_live(broker):
    """The source time of the newest live reading that has come, ns."""
    newest = 0
    for partition in range(PARTITIONS):
        asked = [*broker.prefix, "kcat", "-C", "-q", "-b", broker.asked_at, "-t", TOPIC, "-p", partition, "-o", "-3", "-c", "3", "-e", "-f", "%h|%s\n"]
        done = subprocess.run(list(map(str, asked)), capture_output=True, text=True, timeout=60)
        historical = True
        for line in done.stdout.splitlines():
            head, bar, row = line.partition("|{")
            if bar:
                historical, line = "historical=1" in head, "{" + row
            if line and not historical:
                newest = max(newest, json.loads(line)["t"][-1])
    return newest


ROW = re.compile(rb'"sensor":"([^"]*)".*?"stream":"([^"]*)","epoch":(\d+),"sequence":(\d+),"block":(\d+),"index":(\d+),"t":\[([^\]]*)\]')


def count(broker):
    """Readings of each sensor by rows' identities, and the rows that came twice."""
    asked = [*broker.prefix, "kcat", "-C", "-q", "-b", broker.asked_at, "-t", TOPIC, "-o", "beginning", "-e", "-f", "%s\n"]
    readings, seen, twice = collections.Counter(), set(), 0
    reader = subprocess.Popen(asked, stdout=subprocess.PIPE)
    for line in reader.stdout:
        row = ROW.search(line)
        if not row:
            continue
        sensor, stream, epoch, sequence, block, index, times = row.groups()
        identity = (stream, int(epoch), int(sequence), int(block), int(index))
        if identity in seen:
            twice += 1
            continue
        seen.add(identity)
        readings[sensor.decode()] += times.count(b",") + 1
    if reader.wait() != 0:
        raise SystemExit("kcat failed")
    return readings, twice


def machine():
    model = next(line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    return f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the run"


def capacity(scene, broker, sensors):
    output = f'{{name: hq, kind: kafka, brokers: ["{broker.address}"], topic: outage-capacity}}'
    done = subprocess.run([BINARY, "bench", "forward", "--output", output, "--readings", "10000000", "--sensors", str(sensors), "--dir",
                           scene.folder / "bench", "--json"], capture_output=True, text=True, timeout=600, check=True)
    return json.loads(done.stdout)["readings_per_s"]


def outage(scene, options):
    burst, port, controller, inside, api, opcua = free_ports(6)
    line = cable.Cable(scene)
    broker = kafka_broker.Broker(scene, port, controller, partitions=PARTITIONS, host=line.host, prefix=line.prefix, inside_port=inside).start()
    broker.create(TOPIC)
    most = capacity(scene, broker, options.sensors)
    print(f"Kafka takes {most / 1e6:.2f} M readings/s from `millwright bench forward`", flush=True)
    file = scene.folder / "plant.yaml"
    file.write_text(plant_file(burst, broker, options.sensors))
    plant = Plant(scene, file, api, opcua, scene.folder / "data").start()

    def output():
        return plant.get("/v1/plant")["outputs"][0]
    scene.wait_for("the plant to connect", lambda: output()["state"] == "connected", 60, plant.process)
    program = scene.folder / "source"
    subprocess.run(["cc", "-std=c99", "-O2", f"-I{ROOT}/clients/c", "-o", program, ROOT / "bench/outage/source.c"], check=True)
    out_s = 60 * options.minutes
    lasts = int(BEFORE_S + out_s + options.drain_minutes * 60)
    source = scene.start([program, burst, options.sensors, options.rate, lasts], "source")
    time.sleep(BEFORE_S)
    begun = time.monotonic()
    line.pull()
    scene.wait_for("the loss to be noticed", lambda: output()["state"] != "connected" or output()["backlog_age_s"] > 1, 60, plant.process)
    print(f"noticed after {time.monotonic() - begun:.1f} s", flush=True)
    time.sleep(max(0, out_s - (time.monotonic() - begun)))
    out_s = time.monotonic() - begun
    waits, size = output(), options.rate * out_s
    print(f"out for {out_s / 60:.1f} minutes: {size / 1e6:.0f} M readings wait, {waits['backlog_bytes'] / 1e6:.0f} MB", flush=True)
    line.put_back()
    back, back_ns = time.monotonic(), time.time_ns()
    scene.wait_for("live readings", lambda: newest_live(broker) > max(back_ns, time.time_ns() - FRESH_S * 1e9), 300, plant.process)
    print(f"live readings fresh after {time.monotonic() - back:.1f} s", flush=True)
    scene.wait_for("the backlog", lambda: output()["backlog_age_s"] < FRESH_S and output()["state"] == "connected", 7200, plant.process)
    took, least = time.monotonic() - back, size / max(1, most - options.rate)
    print(f"backlog gone after {took:.0f} s, {size / took / 1e6:.2f} M readings/s beside {options.rate / 1e6:.2f} M live; at least {least:.0f} s: "
          f"{took / least:.2f} x", flush=True)
    if source.child.poll() is not None:
        print("the source ended before the backlog did: --drain-minutes is too short, and the time too good")
    return broker, plant, source, output


def run(options):
    scene = Scene()
    scene.setUp()
    try:
        broker, plant, source, output = outage(scene, options)
        if source.child.wait() != 0:
            raise SystemExit(source.output())
        each = int(source.output().split()[-1])
        scene.wait_for("the rest", lambda: output()["backlog"] == 0, 600, plant.process)
        readings, twice = count(broker)
        wrong = {sensor: n for sensor, n in readings.items() if n != each}
        print(f"{sum(readings.values())} readings of {len(readings)} sensors came, {each * options.sensors} were sent; {twice} rows came twice; "
              f"lost {output()['lost']}, dead {output()['dead']}")
        if wrong or len(readings) != options.sensors:
            raise SystemExit(f"not as sent: {dict(list(wrong.items())[:5])}")
    finally:
        scene.doCleanups()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=1e6, help="readings/s of all sensors")
    parser.add_argument("--minutes", type=float, default=60, help="without the cable")
    parser.add_argument("--drain-minutes", type=float, default=60, help="for how long the source goes on when the cable is back")
    parser.add_argument("--sensors", type=int, default=1000)
    options = parser.parse_args()
    if not cable.can_be_had():
        raise SystemExit("needs root and network namespaces")
    print(machine(), flush=True)
    run(options)


if __name__ == "__main__":
    main()
