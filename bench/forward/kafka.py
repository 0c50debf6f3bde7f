#!/usr/bin/env python3
"""Readings to Apache Kafka beside Kafka's own producer benchmark, in one run against one real broker:

    python3 bench/forward/kafka.py [--readings 10000000] [--sensors 1000]

`millwright bench forward` first; then kafka-producer-perf-test with the very messages that it left in the topic, the same acknowledgements
(all, idempotent) and the same compression. Printed: both by the second and by the second of one core, and the ratio."""

import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

import kafka_broker  # noqa: E402
from harness import BINARY, EndToEnd, free_ports  # noqa: E402

TOPIC = "factory-telemetry-bench"


class Scene(EndToEnd):
    """A scratch folder and what runs in it."""

    def runTest(self):
        pass


def core_seconds(arguments, **more):
    """Runs it to its end: what it wrote, and the processor time that it and its threads used."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=1800, **more)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise SystemExit(f"{arguments[:4]}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def machine():
    model = next(line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    return f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the run"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readings", type=int, default=10_000_000)
    parser.add_argument("--sensors", type=int, default=1000)
    options = parser.parse_args()
    print(machine())
    scene = Scene()
    scene.setUp()
    try:
        port, controller = free_ports(2)
        broker = kafka_broker.Broker(scene, port, controller).start()
        output = f'{{name: hq, kind: kafka, brokers: ["{broker.address}"], topic: {TOPIC}}}'
        out, _ = core_seconds([BINARY, "bench", "forward", "--output", output, "--readings", options.readings, "--sensors", options.sensors,
                               "--dir", scene.folder / "bench", "--json"])
        ours = json.loads(out)
        messages = broker.messages(TOPIC)
        size = sum(len("".join(json.dumps(row, separators=(",", ":")) for row in rows)) for *_, rows in messages) / len(messages)
        per_message = options.readings / len(messages)
        payload = scene.folder / "payload"
        with open(payload, "w") as file:  # as many as are quickly read
            for *_, rows in messages[:200]:
                file.write("\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n\n")
        theirs, used = core_seconds(
            ["java", "-Xmx512m", "-cp", kafka_broker.jars(), "org.apache.kafka.tools.ProducerPerformance", "--topic", TOPIC + "-perf",
             "--num-records", len(messages), "--throughput", -1, "--payload-file", payload, "--payload-delimiter", "\\n\\n", "--producer-props",
             f"bootstrap.servers={broker.address}", "acks=all", "enable.idempotence=true", "compression.type=lz4", "linger.ms=5",
             "max.request.size=1048576"])
        last = theirs.strip().splitlines()[-1]
        perf_per_s = float(last.split(" records/sec")[0].split()[-1]) * per_message
        perf_per_core_s = len(messages) / used * per_message
        print(f"{options.readings} readings of {options.sensors} sensors in {len(messages)} messages of some {size:.0f} bytes, lz4, acks=all")
        print(f"  millwright                {ours['readings_per_s'] / 1e6:8.2f} M readings/s {ours['readings_per_core_s'] / 1e6:8.2f} M for each second of a core")
        print(f"  kafka-producer-perf-test  {perf_per_s / 1e6:8.2f} M readings/s {perf_per_core_s / 1e6:8.2f} M for each second of a core")
        print(f"  ratio                     {ours['readings_per_s'] / perf_per_s:8.2f}              {ours['readings_per_core_s'] / perf_per_core_s:8.2f}")
        print("The producer benchmark sends messages that are made already; Millwright reads, decodes and renders each reading first.")
    finally:
        scene.doCleanups()


if __name__ == "__main__":
    main()
