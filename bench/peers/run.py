#!/usr/bin/env python3
"""Millwright beside other databases: the same readings into each, one after the other on this machine, and the same questions of
each. `make bench-peers`; docs/benchmarks-peers.md is the page it writes."""

import argparse
import collections
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import common
import report
from clickhouse import ClickHouse
from common import DAY_NS, HOUR_NS, ROOT, Part, Unavailable, median
from influxdb import InfluxDb
from millwright import MillwrightBurst, MillwrightLine
from questdb import QuestDb
from victoria_metrics import VictoriaMetrics

PRODUCTS = [MillwrightBurst, MillwrightLine, InfluxDb, VictoriaMetrics, ClickHouse, QuestDb]
PAGE = ROOT / "docs/benchmarks-peers.md"
RESULTS = ROOT / "build/peers"
MINUTE_NS = 60 * 10**9
NICE = -10
TOLERANCE = 0.002  # of a mean of values of two decimals, in whatever order and precision it is summed up

Question = collections.namedtuple("Question", "key what ask")  # ask(product, machine's number, sensor's number)
Sizes = collections.namedtuple("Sizes", "slow_machines slow_days fast_s wide_s repeat quiet_s")
FULL = Sizes(slow_machines=2, slow_days=30, fast_s=3600, wide_s=180, repeat=21, quiet_s=12)
QUICK = Sizes(slow_machines=1, slow_days=2, fast_s=300, wide_s=5, repeat=5, quiet_s=6)


def make_parts(sizes, end_ns):
    return [Part("slow", sizes.slow_machines, 10, 1, sizes.slow_days * 86400, end_ns),
            Part("fast", 1, 10, 100, sizes.fast_s * 100, end_ns),
            Part("wide", 20, 50, 100, sizes.wide_s * 100, end_ns)]


def make_questions(parts):
    slow, fast, wide = parts
    # Steps of whole minutes, of which 1,000 or a few more make 7 days, or all there is.
    span = min(slow.end_ns - slow.start_ns, 7 * DAY_NS)
    step_ns = span // 1000 // MINUTE_NS * MINUTE_NS
    from_ns = slow.end_ns - span // step_ns * step_ns
    steps = (slow.end_ns - from_ns) // step_ns
    month = (slow.end_ns - slow.start_ns) // DAY_NS

    def chart(product, machine, _):
        return product.chart(slow, slow.names[machine % slow.machines], [f"s{i}" for i in range(slow.sensors)], from_ns,
                             slow.end_ns, step_ns // 10**9)

    def of_sensor(part, ask):
        return lambda product, machine, sensor: ask(product)(part, part.names[machine % part.machines],
                                                             f"s{sensor % part.sensors}", part.start_ns, part.end_ns)

    return [
        Question("raw", f"readings of 1 sensor, {fast.rows / 6000:g} min at 100 Hz", of_sensor(fast, lambda p: p.raw)),
        Question("minutes", f"1 min averages of 1 sensor, {month} days at 1 Hz", of_sensor(slow, lambda p: p.minutes)),
        Question("chart", f"chart of {slow.sensors} sensors, {span / DAY_NS:g} days, {steps:,} points each", chart),
        Question("last", "last value of 1 sensor of 1,000",
                 lambda product, machine, sensor: product.last(wide, wide.names[machine % wide.machines],
                                                               f"s{sensor % wide.sensors}")),
    ]


def render(parts, form, per_file, folder):
    """The requests of each part, as files in memory."""
    files = {}
    for part in parts if form else []:
        place = folder / f"{form}-{per_file}-{part.prefix}"
        place.mkdir()
        subprocess.run([str(a) for a in [common.millwright, "bench", "signal", *part.options(), "--format", form, "--dir", place,
                                         "--per-file", per_file]], check=True)
        files[part] = sorted(place.iterdir())
    return files


def load(product, parts, files):
    """Part by part, each timed until it is on the disk and can be read."""
    results = {}
    for part in parts:
        cpu, start = product.server.cpu_seconds(), time.monotonic()
        product.load(part, files.get(part, []))
        seconds = time.monotonic() - start
        expected, rows = part.machines * part.rows, product.rows(part)
        if rows != expected:
            raise Unavailable(f"has {rows} rows of {expected} of {part.table}")
        results[part.prefix] = {"seconds": seconds, "readings_per_s": part.readings / seconds,
                                "cpu_seconds": product.server.cpu_seconds() - cpu}
    return results


def check(product, questions, expected):
    """Every product must answer alike; the first one says what is expected."""
    for question in questions:
        values = product.numbers(question.key, question.ask(product, 0, 0))
        reference = expected.setdefault(question.key, values)
        if len(values) != len(reference):
            raise Unavailable(f"{question.what}: {len(values)} values instead of {len(reference)}")
        worst = max(abs(a - b) for a, b in zip(values, reference))
        if worst > TOLERANCE:
            raise Unavailable(f"{question.what}: a value differs by {worst}")


def ask(product, question, repeat):
    """Of a sensor by chance each time, the same ones for every product."""
    chances = random.Random(question.key)
    seconds, size = [], 0
    for _ in range(repeat):
        machine, sensor = chances.randrange(1000), chances.randrange(1000)
        start = time.perf_counter()
        size = len(question.ask(product, machine, sensor))
        seconds.append(time.perf_counter() - start)
    return {"p50_ms": median(seconds) * 1e3, "max_ms": max(seconds) * 1e3, "answer_bytes": size}


def measure(product, version, parts, files, questions, expected, sizes):
    try:
        product.start(parts)
        result = {"version": version, "way": product.way, "promise": product.promise, "settings": product.settings,
                  "load": load(product, parts, files), "peak_bytes": product.server.peak_bytes()}
        result["settle_seconds"] = product.settle(sizes.quiet_s)
        result["bytes_per_reading"] = product.bytes() / sum(part.readings for part in parts)
        check(product, questions, expected)
        result["questions"] = {question.key: ask(product, question, sizes.repeat) for question in questions}
        result["peak_bytes"] = max(result["peak_bytes"], product.server.peak_bytes())
        return result
    finally:
        product.stop()


def measure_in_process(sizes, folder):
    done = subprocess.run([str(a) for a in [common.millwright, "bench", "query", "--sensors", 10 * sizes.slow_machines, "--days",
                                            sizes.slow_days, "--repeat", sizes.repeat, "--dir", folder / "query", "--json"]],
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"millwright bench query: {done.stderr[-600:]}")
    return json.loads(done.stdout)


def machine():
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cpu": cpu, "cores": os.cpu_count(), "memory_bytes": memory, "kernel": os.uname().release}


def products_named(words):
    chosen = [kind for kind in PRODUCTS if any(word.lower() in kind.name.lower() for word in words.split(","))]
    if not chosen:
        raise argparse.ArgumentTypeError(f"none of {', '.join(kind.name for kind in PRODUCTS)} has one of these words in its name")
    return chosen


def scratch(stack, folder, room):
    """A folder of our own that goes when we do; in memory where there is room."""
    if not folder.is_dir() or shutil.disk_usage(folder).free < room:
        folder = RESULTS
    return pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-peers-", dir=folder)))


def run(options):
    sizes = QUICK if options.quick else FULL
    end_ns = time.time_ns() // HOUR_NS * HOUR_NS
    parts = make_parts(sizes, end_ns)
    questions = make_questions(parts)
    result = {"date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), "quick": options.quick, "machine": machine(), "nice": 0,
              "load_average_before": os.getloadavg()[0],
              "parts": [{**part._asdict(), "readings": part.readings} for part in parts],
              "questions": {question.key: question.what for question in questions}, "products": {}}
    if not options.quick:
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, NICE)
            result["nice"] = NICE
    expected, rendered = {}, {}
    with contextlib.ExitStack() as stack:
        memory = scratch(stack, pathlib.Path("/dev/shm"), 20 * sum(part.readings for part in parts))
        disk = scratch(stack, RESULTS, 0)
        for kind in options.only:
            print(f"{kind.name} …", file=sys.stderr, flush=True)
            folder = disk / kind.__name__
            try:
                product = kind(folder)
                version = product.version()
                form = (kind.format, kind.per_file)
                if form not in rendered:
                    rendered[form] = render(parts, *form, memory)
                os.sync()
                result["products"][kind.name] = measure(product, version, parts, rendered[form], questions, expected, sizes)
            except (Unavailable, OSError, ValueError, KeyError, IndexError) as error:
                print(f"{kind.name}: not measured: {error!r}", file=sys.stderr, flush=True)
                result["products"][kind.name] = {"unavailable": str(error) or repr(error)}
            shutil.rmtree(folder)
        if MillwrightBurst in options.only:
            result["in_process"] = measure_in_process(sizes, disk)
    result["load_average_after"] = os.getloadavg()[0]
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, to prove that all works; writes no page")
    parser.add_argument("--only", type=products_named, default=PRODUCTS, metavar="WORDS",
                        help="products whose name has one of these words, such as millwright,influx")
    parser.add_argument("--millwright", type=pathlib.Path, default=common.millwright, help="the binary (%(default)s)")
    options = parser.parse_args()
    common.millwright = options.millwright.resolve()
    if not common.millwright.exists():
        parser.error(f"{common.millwright} is not there; `make build` makes it, --millwright names another")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers and folders go
    RESULTS.mkdir(parents=True, exist_ok=True)
    result = run(options)
    (RESULTS / "results.json").write_text(json.dumps(result, indent=1))
    page = report.markdown(result)
    (RESULTS / "results.md").write_text(page)
    if not options.quick and options.only == PRODUCTS:
        report.write_page(PAGE, page)
    print(page)
    return 1 if any("unavailable" in p for name, p in result["products"].items() if name.startswith("Millwright")) else 0


if __name__ == "__main__":
    sys.exit(main())
