"""History in and out by the real binary: a CSV in, out in every format, into a second plant, and both plants say the
same; Parquet as pyarrow reads it; SQL; bad rows; a running plant."""

import csv
import io
import json
import os
import random
import struct
import subprocess
import unittest
from datetime import datetime, timezone

from harness import ROOT, EndToEnd, Plant, free_ports

P = "acme/lyon/utilities/cooling/pumps/pump-1/"
START = 1_763_712_000_000_000_000
VENV = ROOT / "build/venv/bin/python"


def iso(ns):
    seconds, rest = divmod(ns, 10**9)
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest:09}Z"


def hex_of(value):
    return struct.pack(">d", float(value)).hex()


def readings():
    """(ns, sensor, value, quality), with what text formats tend to lose: 17 digits, nanoseconds, NaN, odd qualities."""
    dice = random.Random(7)
    rows = []
    for i in range(3000):
        t = START + i * 100_000_000 + (i % 3)
        rows.append((t, P + "motor/current", dice.gauss(12, 1), "Good" if i % 50 else "UncertainLastUsableValue"))
        rows.append((t, P + "pump/discharge-pressure", float("nan") if i % 500 == 7 else dice.uniform(0, 25),
                     "BadSensorFailure" if i % 500 == 7 else "0x40000001" if i % 97 == 0 else "Good"))
        if i % 10 == 0:
            rows.append((t, P + "state", dice.choice([0, 1, 2]), "Good"))
    dice.shuffle(rows)
    return rows


class History(EndToEnd):
    def setUp(self):
        super().setUp()
        self.plants = [self.plant(name) for name in ("one", "two")]
        self.rows = readings()
        self.csv = self.folder / "in.csv"
        with open(self.csv, "w", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(["time", "sensor", "value", "quality"])
            for t, sensor, value, quality in self.rows:
                writer.writerow([iso(t), sensor, "NaN" if value != value else repr(value), quality])

    def plant(self, name):
        folder = self.folder / name
        folder.mkdir()
        (folder / "plant.yaml").write_text((ROOT / "examples/minimal/plant.yaml").read_text())
        return folder / "plant.yaml"

    def history(self, *arguments, plant=0, code=0, env=None):
        command, *rest = arguments
        place = [] if "--url" in rest else ["--config", self.plants[plant]]
        got, out, err = self.run_millwright("--log-level", "error", "history", command, *rest, *place, env=env)
        self.assertEqual(got, code, err)
        return out if code == 0 else err

    def kept(self, plant=0, *more):
        """What a plant answers: (time, sensor, bits, quality), sorted."""
        rows = csv.DictReader(io.StringIO(self.history("query", "**", "--format", "csv", *more, plant=plant)))
        return sorted((r["time"], r["sensor"], hex_of(r["value"]), r["quality"]) for r in rows)

    def expected(self):
        def short(t):  # as the product writes times
            head, fraction = iso(t)[:-1].split(".")
            for digits in (0, 3, 6, 9):
                if set(fraction[digits:]) <= {"0"}:
                    return head + ("." + fraction[:digits] if digits else "") + "Z"
        return sorted((short(t), s, hex_of(v), q) for t, s, v, q in self.rows)

    def test_in_and_out_and_in_again(self):
        self.assertIn(f"{len(self.rows)} readings imported", self.history("import", self.csv))
        self.assertEqual(self.kept(), self.expected())
        self.history("import", self.csv)
        self.assertEqual(self.kept(), self.expected(), "importing twice changed something")
        for form in ("csv", "parquet", "influx"):
            with self.subTest(form):
                file = self.folder / f"out.{form}"
                self.history("export", "--format", form, "--out", file)
                self.plants.append(self.plant(form))
                self.history("import", file, "--format", form, plant=-1)
                numbers = [r for r in self.expected() if form != "influx" or r[2] != hex_of(float("nan"))]
                self.assertEqual(self.kept(-1), numbers)
        self.assertEqual([p.name for p in self.folder.iterdir() if p.name.endswith(".part")], [])

    def test_line_protocol_says_every_number(self):
        self.history("import", self.csv)
        lines = self.history("export", "--format", "influx", "--out", "-").splitlines()
        said = set()
        for line in lines:
            sensor, fields, time = line.split(" ")
            fields = dict(f.split("=") for f in fields.split(","))
            said.add((int(time), sensor, hex_of(fields["value"].rstrip("i")), "quality" in fields))
        self.assertEqual(said, {(t, s, hex_of(v), q != "Good") for t, s, v, q in self.rows if v == v})

    def test_wide_and_intervals(self):
        self.history("import", self.csv)
        wide = list(csv.DictReader(io.StringIO(self.history("export", "--format", "csv", "--wide", "--out", "-"))))
        self.assertEqual(len(wide), 3000)
        self.assertEqual([r["time"] for r in wide], sorted((r["time"] for r in wide), key=lambda t: t.rstrip("Z")))
        self.assertEqual(sum(r[P + "state"] != "" for r in wide), 300)
        file = self.folder / "wide.csv"
        file.write_text(self.history("export", "--format", "csv", "--wide", "--out", "-", "--sensor", "state"))
        self.history("import", file, plant=1)
        self.assertEqual(self.kept(1), [r for r in self.expected() if r[1].endswith("/state")])
        minutes = json.loads(self.history("query", "current", "--resolution", "1m", "--format", "json"))
        values = [v for _, s, v, _ in self.rows if s.endswith("current")]
        self.assertEqual(sum(m["count"] for m in minutes), len(values))
        self.assertEqual(max(m["max"] for m in minutes), max(values))
        self.assertEqual(len(json.loads(self.history("query", "current", "--format", "json", "--limit", "7"))), 7)

    def test_times_and_names(self):
        self.history("import", self.csv)
        some = self.history("query", "**", "--from", iso(START), "--to", iso(START + 10**9), "--format", "csv")
        self.assertEqual(len(some.splitlines()), 1 + 10 + 10 + 1)
        self.assertEqual(self.history("query", "state", "--from", "-1h", "--format", "csv").splitlines()[1:], [])
        self.assertIn("no sensor matches 'curent'", self.history("query", "curent", code=3))
        self.assertIn("--from", self.history("query", "state", "--from", "yesterday", code=2))

    def test_parquet_as_others_read_it(self):
        if not VENV.exists() or subprocess.run([VENV, "-c", "import pyarrow"], capture_output=True).returncode != 0:
            self.assertNotEqual(os.environ.get("CI"), "true", "pyarrow is required under CI=true")
            self.skipTest("pyarrow (PyPI) is not there")
        self.history("import", self.csv)
        file = self.folder / "out.parquet"
        self.history("export", "--format", "parquet", "--out", file)
        script = """
import json, sys
import pyarrow, pyarrow.parquet
table = pyarrow.parquet.read_table(sys.argv[1])
times = table["time"].cast(pyarrow.int64())
print(json.dumps({"schema": {f.name: str(f.type) for f in table.schema},
    "rows": list(zip(times.to_pylist(), table["sensor"].to_pylist(), [v.hex() for v in table["value"].to_pylist()],
                     table["value_int"].to_pylist(), table["quality"].to_pylist()))}))"""
        told = json.loads(subprocess.run([VENV, "-c", script, file], capture_output=True, check=True).stdout)
        self.assertEqual(told["schema"], {"time": "timestamp[ns]", "sensor": "string", "value": "double",
                                          "value_int": "int64", "text": "string", "quality": "uint32"})
        self.assertEqual(sorted((t, s, v) for t, s, v, _, _ in told["rows"]),
                         sorted((t, s, float(v).hex()) for t, s, v, _ in self.rows))
        self.assertTrue(all((i is not None) == s.endswith("/state") for _, s, _, i, _ in told["rows"]))
        self.assertEqual({q for *_, q in told["rows"]}, {0, 0x40900000, 0x808C0000, 0x40000001})

    def test_sql(self):
        self.history("import", self.csv)
        [row] = json.loads(self.history("sql", """
            SELECT m.site, s.unit, count(*) AS n, max(r.value) AS top, bool_and(r.value <= s.high) AS inside
            FROM readings r JOIN sensors s USING (sensor_id) JOIN machines m USING (machine)
            WHERE s.name = 'current' GROUP BY ALL -- a comment at the end""", "--format", "json"))
        values = [v for _, s, v, _ in self.rows if s.endswith("current")]
        self.assertEqual(row, {"site": "lyon", "unit": "A", "n": len(values), "top": max(values), "inside": True})
        [minutes] = json.loads(self.history("sql", "SELECT sum(count) n, count(*) m FROM readings_1m",
                                            "--sensor", "state", "--format", "json"))
        self.assertEqual(minutes, {"n": 300, "m": 5 + (START // 10**9 % 60 != 0)})
        [total] = json.loads(self.history("sql", "SELECT count(*) n FROM readings", "--format", "json",
                                          "--to", iso(START + 10**9)))
        self.assertEqual(total["n"], 21)
        self.assertIn("Parser Error", self.history("sql", "selec", code=2))
        self.assertIn("is no resolution", self.history("sql", "FROM history('often')", code=2))
        self.assertIn("DuckDB's library", self.history("sql", "SELECT 1", code=3, env={"DUCKDB_LIBRARY": "/nowhere"}))

    def test_bad_rows_are_named_and_the_rest_is_kept(self):
        file = self.folder / "bad.csv"
        rows = [f"{iso(START + i)},current,{i}" for i in range(100)]
        rows[10], rows[20], rows[30] = "soon,current,1", f"{iso(START)},nobody,1", f"{iso(START)},state,twelve"
        file.write_text("\n".join(["time,sensor,value", *rows]))
        err = self.history("import", "--strict", file, code=1)
        self.assertIn("nothing is imported", err)
        self.assertEqual(self.kept(), [])
        err = self.history("import", file, code=1)
        self.assertEqual(len(self.kept()), 97)
        for line, why in ((12, "not a time"), (22, "no sensor"), (32, "'twelve' is no state")):
            self.assertRegex(err, rf"bad\.csv:{line}: .*{why}")
        file.write_text("\n".join(["time,sensor,value", *["x,current,1"] * 50]))
        err = self.history("import", file, code=1)
        self.assertEqual(err.count("bad.csv:"), 20)
        self.assertIn("30 more", err)

    def test_values_without_quality_are_judged(self):
        file = self.folder / "wide.csv"
        mapping = self.folder / "map"
        mapping.write_text("Amps,motor/current\n")
        file.write_text(f"t,Amps\n{iso(START)},12\n{iso(START + 1)},61\n2200-01-01T00:00:00Z,1\n")
        self.history("import", file, "--map", mapping)
        self.assertEqual({r[2]: r[3] for r in self.kept()},
                         {hex_of(12): "Good", hex_of(61): "UncertainEngineeringUnitsExceeded",
                          hex_of(1): "BadInvalidTimestamp"})

    def test_a_running_plant_answers_itself(self):
        self.history("import", self.csv)
        api, opcua = free_ports(2)
        plant = Plant(self, self.plants[0], api, opcua, self.plants[0].parent / "data").start()
        self.assertIn("--url http://127.0.0.1:", self.history("query", "state", code=3))
        self.assertIn("while the plant is stopped", self.history("import", self.csv, code=3))
        self.assertEqual(self.kept(0, "--url", plant.url), self.expected())
        file = self.folder / "live.parquet"
        self.history("export", "--format", "parquet", "--out", file, "--url", plant.url)
        self.history("import", file, plant=1)
        self.assertEqual(self.kept(1), self.expected())
        answer = self.history("sql", "SELECT count(*) FROM readings_1s JOIN sensors USING (sensor_id) WHERE unit = 'A'",
                              "--url", plant.url, "--format", "csv")
        self.assertEqual(answer.splitlines()[1], "300")
        plant.process.stop()


if __name__ == "__main__":
    unittest.main()
