"""Remaining useful life by the real binary: learnt from units that failed, predicted for others; bad input is told with its line."""

import csv
import json
import math
import random
import unittest

from harness import EndToEnd

COLUMNS = ["engine", "flight", "setting_1", "temperature", "vibration"]


def unit(dice, name, life, cut):
    """A unit that wears, operated at two points that move the readings by more than wear does."""
    for i in range(1, cut + 1):
        point = dice.randrange(2)
        wear = math.exp((i - life) / 25) * 20
        yield [name, i, f"{point + dice.gauss(0, 0.001):.4f}", f"{500 + 80 * point + wear + dice.gauss(0, 0.5):.3f}",
               f"{3 + point + 0.2 * wear + dice.gauss(0, 0.2):.4f}"]


class Rul(EndToEnd):
    def write(self, name, rows):
        path = self.folder / name
        with open(path, "w", newline="") as out:
            csv.writer(out).writerows([COLUMNS, *rows])
        return path

    def setUp(self):
        super().setUp()
        dice = random.Random(5)
        self.lives = {f"e {n}": dice.randint(100, 200) for n in range(40)}
        self.data = self.write("failed.csv", [row for name, life in self.lives.items() for row in unit(dice, name, life, life)])
        self.model = self.folder / "fleet.mwrul"
        self.dice = dice

    def train(self, *more):
        return self.run_millwright("rul", "train", "--data", self.data, "--unit", "engine", "--cycle", "flight", "--out", self.model,
                                   "--rounds", "150", *more, timeout=300)

    def test_lives_of_units_that_it_has_not_seen(self):
        code, out, err = self.train("--json")
        self.assertEqual(code, 0, err)
        card = json.loads(out)
        self.assertEqual((card["units"], card["regimes"], card["settings"]), (40, 2, ["setting_1"]))

        left, rows = {}, []
        for n in range(60):
            life = self.dice.randint(100, 200)
            left[f"new, {n}"] = 5 + n % 50
            rows += unit(self.dice, f"new, {n}", life, life - left[f"new, {n}"])
        predicted = self.folder / "predicted.csv"
        code, _, err = self.run_millwright("rul", "predict", "--model", self.model, "--data", self.write("now.csv", rows), "--at", "last",
                                           "--out", predicted)
        self.assertEqual(code, 0, err)
        with open(predicted, newline="") as file:
            lives = {row["unit"]: [float(row[k]) for k in ("rul", "low", "high")] for row in csv.DictReader(file)}
        self.assertEqual(list(lives), list(left))
        rmse = math.sqrt(sum((lives[name][0] - truth) ** 2 for name, truth in left.items()) / len(left))
        self.assertLess(rmse, 10)  # a guess of the mean would be 14 off
        within = sum(lives[name][1] <= truth <= lives[name][2] for name, truth in left.items())
        self.assertGreater(within, len(left) * 0.8)

        code, out, err = self.run_millwright("rul", "inspect", self.model)
        self.assertEqual(code, 0, err)
        self.assertIn("2 operating regimes", out)

        damaged = bytearray(self.model.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        self.model.write_bytes(damaged)
        code, _, err = self.run_millwright("rul", "inspect", self.model)
        self.assertEqual(code, 2, err)
        self.assertIn("damaged", err)

    def test_bad_input_is_told(self):
        code, _, err = self.train("--settings", "seting_1")
        self.assertEqual(code, 3, err)
        self.assertIn("did you mean 'setting_1'", err)
        for rows, message in (([["a", 1, 0, 1, 2], ["a", 1, 0, 1, 2]], "failed.csv:3: cycle 1 of unit 'a' comes after cycle 1"),
                              ([["a", 1, 0, "hot", 2]], "failed.csv:2: column 4: (temperature) 'hot'"),
                              ([["a", 1, "", 1, 2]], "failed.csv:2: the setting 'setting_1' is missing"),
                              ([["a", 1, 0, 1, 2]], "units that ran to failure: 1; it takes 10 or more"),
                              ([], "has no rows")):
            self.write("failed.csv", rows)
            code, _, err = self.train()
            self.assertEqual(code, 2, err)
            self.assertIn(message, err)
            self.assertFalse(self.model.exists())


if __name__ == "__main__":
    unittest.main()
