"""`millwright backtest` by the real binary: a fault is found and its sensor named, no later row is read, bad input is refused."""

import csv
import datetime
import math
import random
import subprocess
import unittest

from harness import ROOT, EndToEnd, one_cell

DETECTOR = ROOT / "examples/detectors/default.yaml"
PLANT = """
node: {name: presses}
connectors:
  - {name: line, type: influx}
""" + one_cell("default: line", line="line") + """\
                    - name: press-1
                      sensors:
                        - {name: speed}
                        - {name: pressure}
                        - {name: flow}
                        - {name: noise}
"""
TRAIN, ROWS, FAULT, MENDED = 600, 1200, 900, 1100


def rows():
    """Three sensors on one load, one apart; `pressure` leaves the others from FAULT to MENDED."""
    dice = random.Random(5)
    load = 0.0
    for i in range(ROWS):
        load = 0.9 * load + dice.gauss(0, 1)
        shift = 25 if FAULT <= i < MENDED else 0
        yield [i, 50 + load + dice.gauss(0, 0.3), 20 + 2 * load + dice.gauss(0, 0.3) + shift,
               5 - load + dice.gauss(0, 0.3), dice.gauss(0, 1), int(shift != 0)]


class Backtest(EndToEnd):
    def write(self, name, count=ROWS, change=lambda i, row: row, separator=","):
        path = self.folder / name
        with open(path, "w", newline="") as out:
            writer = csv.writer(out, delimiter=separator)
            writer.writerow(["row", "speed", "pressure", "flow", "noise", "fault"])
            writer.writerows(change(i, row) for i, row in zip(range(count), rows()))
        return path

    def backtest(self, data, *more, code=0):
        scores = self.folder / "scores.csv"
        got, out, err = self.run_millwright("backtest", "--data", data, "--detector", DETECTOR, "--ignore-columns", "fault",
                                            "--out", scores, *more)
        self.assertEqual(got, code, err)
        return list(csv.DictReader(scores.read_text().splitlines())) if code == 0 else err

    def test_a_fault_is_found_and_its_sensor_named(self):
        scored = self.backtest(self.write("data.csv"), "--train-rows", TRAIN)
        self.assertEqual([row["time"] for row in scored], [str(i) for i in range(ROWS)])
        for row in scored:
            self.assertEqual(row["alarm"], str(int(float(row["score"]) > 1)))
        during = scored[FAULT + 10:MENDED]
        self.assertGreater(sum(row["alarm"] == "1" for row in during), 0.95 * len(during))
        named = sum(row["top_contributor"] == "pressure" for row in during)
        self.assertGreater(named, 0.9 * len(during))
        before = scored[TRAIN:FAULT]
        self.assertLess(sum(row["alarm"] == "1" for row in before), 0.05 * len(before))
        self.assertEqual(scored, self.backtest(self.write("semicolons.csv", separator=";"), "--train-rows", TRAIN))

    def test_no_later_row_is_read(self):
        whole = self.backtest(self.write("data.csv"), "--train-rows", TRAIN)
        self.assertEqual(self.backtest(self.write("part.csv", 1000), "--train-rows", TRAIN), whole[:1000])

    def test_parquet_says_the_same(self):
        python = ROOT / "build/venv/bin/python"
        convert = "import sys, pyarrow.csv as c, pyarrow.parquet as p; p.write_table(c.read_csv(sys.argv[1]), sys.argv[2])"
        source = self.write("data.csv")
        parquet = self.folder / "data.parquet"
        if not python.exists() or subprocess.run([python, "-c", convert, source, parquet], stderr=subprocess.DEVNULL).returncode:
            self.skipTest("pyarrow is not there")
        self.assertEqual(self.backtest(parquet, "--train-rows", TRAIN), self.backtest(source, "--train-rows", TRAIN))

    def test_stored_history_says_the_same(self):
        plant = self.folder / "plant.yaml"
        plant.write_text(PLANT)
        start = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)
        names = ["speed", "pressure", "flow", "noise"]
        readings, table = self.folder / "readings.csv", self.folder / "table.csv"
        with open(readings, "w", newline="") as out, open(table, "w", newline="") as wide:
            writer, wide_writer = csv.writer(out), csv.writer(wide)
            writer.writerow(["time", *names])
            wide_writer.writerow(["time", *names])
            for i, row in enumerate(rows()):
                time = (start + datetime.timedelta(seconds=i)).isoformat().replace("+00:00", "Z")
                writer.writerow([time, *row[1:5]])
                wide_writer.writerow([time, *row[1:5]])
        env = {"MILLWRIGHT_NODE__DATA_DIR": str(self.folder / "data")}
        got, _, err = self.run_millwright("history", "import", "--config", plant, readings, env=env)
        self.assertEqual(got, 0, err)

        def scores(*source):
            out = self.folder / "scores.csv"
            got, _, err = self.run_millwright("backtest", *source, "--detector", DETECTOR, "--train-rows", TRAIN, "--out", out,
                                              env=env)
            self.assertEqual(got, 0, err)
            return [(row["alarm"], row["top_contributor"]) for row in csv.DictReader(out.read_text().splitlines())]
        from_history = scores("--history", plant, "--machine", "press-1")
        from_file = scores("--data", table)
        self.assertEqual(len(from_history), ROWS)
        same = sum(a == b for a, b in zip(from_history, from_file))
        self.assertGreater(same, 0.99 * ROWS)

    def test_figures_against_labels(self):
        got, _, err = self.run_millwright("backtest", "--data", self.write("data.csv"), "--detector", DETECTOR, "--train-rows",
                                          TRAIN, "--ignore-columns", "fault", "--labels", "fault", "--out", "-")
        self.assertEqual(got, 0, err)
        self.assertIn("F1", err)

    def test_what_cannot_be_learnt_from_is_refused(self):
        constant = self.write("constant.csv", change=lambda i, row: row[:4] + [7, row[5]])
        self.assertIn("noise", self.backtest(constant, "--train-rows", TRAIN, code=2))
        missing = self.write("nan.csv", change=lambda i, row: row if i != 5 else [row[0], math.nan, *row[2:]])
        self.assertIn("speed", self.backtest(missing, "--train-rows", TRAIN, code=2))
        self.backtest(self.write("data.csv"), "--train-rows", 3, code=2)
        self.backtest(self.folder / "nothing.csv", "--train-rows", TRAIN, code=3)


if __name__ == "__main__":
    unittest.main()
