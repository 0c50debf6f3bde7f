"""Models in a plant, by the real binary: trained from its own history and from a CSV, signed, put on the running plant; a fault raises
the model's alarm and names the component; what is wrong is refused while the running model goes on; rollback, restart."""

import csv
import json
import math
import random
import unittest
from datetime import datetime, timedelta, timezone

from harness import ROOT, EndToEnd, Plant, free_ports

ONNX_RUNTIME = next(iter((ROOT / "build/venv").glob("lib/python*/site-packages/onnxruntime/capi/libonnxruntime.so.1*")), None)
START = datetime(2026, 3, 1, tzinfo=timezone.utc)
ROWS, FAULT = 1200, 900  # seconds

TYPE = """
name: small-pump
description: A small pump
components:
  - name: motor
    sensors:
      - {name: current, unit: A, rate_hz: 1}
      - {name: speed, unit: Hz, rate_hz: 1}
  - name: pump
    sensors:
      - {name: pressure, unit: bar, rate_hz: 1}
      - {name: flow, rate_hz: 1}
"""
PLANT = """
connectors: [{name: recorded, type: replay, file: plant.csv, speed: 60, loop: true}]
detection:
  spc: {enabled: false}
  models: {trusted_keys: [key.pub.pem]}
assets:
  enterprise: acme
  machine_types: [.]
  streams: {default: recorded}
  sites:
    - name: lyon
      areas:
        - name: utilities
          lines:
            - name: cooling
              cells:
                - name: pumps
                  machines:
                    - {name: pump-1, type: small-pump}
                    - {name: pump-2, type: small-pump}
"""
COLUMNS = ["motor/current", "motor/speed", "pump/pressure", "pump/flow"]


def rows(seed, count=ROWS, fault=None):
    """Time and four sensors that one load moves; from `fault` on the flow goes its own way."""
    dice = random.Random(seed)
    load = 0.0
    for i in range(count):
        load = 0.9 * load + dice.gauss(0, 0.5)
        shift = 6 if fault is not None and i >= fault else 0
        yield [(START + timedelta(seconds=i)).isoformat().replace("+00:00", "Z")] + [
            f"{v:.4f}" for v in (40 + load + dice.gauss(0, 0.1), 25 + 0.5 * load + dice.gauss(0, 0.1),
                                 4 + 0.3 * load + dice.gauss(0, 0.1), 20 + 2 * load + dice.gauss(0, 0.3) + shift)]


class Models(EndToEnd):
    def write_csv(self, name, lines, columns=COLUMNS):
        path = self.folder / name
        with open(path, "w", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(["time", *columns])
            writer.writerows(lines)
        return path

    def write_plant(self):
        """Two pumps, played from one file again and again; pump-1 has a fault at its end."""
        columns = [f"pump-{n}.{column.replace('/', '.')}" for n in (1, 2) for column in COLUMNS]
        self.write_csv("plant.csv", ([*one, *two[1:]] for one, two in zip(rows(1, fault=FAULT), rows(2))), columns)
        (self.folder / "small-pump.yaml").write_text(TYPE)
        (self.folder / "plant.yaml").write_text(PLANT)

    def keygen(self, name="key"):
        code, _, err = self.run_millwright("model", "keygen", "--out", self.folder / name)
        self.assertEqual(code, 0, err)
        return self.folder / f"{name}.pem"

    def train(self, version, key, *more, code=0, machine_type="small-pump", env=None):
        out = self.folder / f"{version}.mwmodel"
        got, text, err = self.run_millwright("model", "train", "--machine-type", machine_type, "--name", "pump-pca",
                                             "--version", version, "--out", out, *(["--key", key] if key else []), *more, env=env)
        self.assertEqual(got, code, err)
        return out if code == 0 else err

    def start_plant(self):
        api, opcua = free_ports(2)
        return Plant(self, self.folder / "plant.yaml", api, opcua, self.folder / "data")

    def deploy(self, plant, model, *where, code=0):
        got, out, err = self.run_millwright("model", "deploy", model, *where, "--url", plant.url, "--json")
        self.assertEqual(got, code, err)
        return json.loads(out) if code == 0 else err

    def alarms(self, plant):
        return [a for a in plant.get("/v1/alarms", active="true")["items"] if "#model-" in a["condition"]]

    def test_the_way_of_a_model(self):
        self.write_plant()
        key, stranger = self.keygen(), self.keygen("stranger")
        normal = self.write_csv("normal.csv", rows(3))
        report = self.folder / "report.html"
        first = self.train("1.0.0", key, "--data", normal, "--report", report)
        for part in ("Scree", "t2 over", "spe over", "Contributions", "Loadings"):
            self.assertIn(part, report.read_text())
        second = self.train("1.1.0", key, "--data", normal, "--data", self.write_csv("more.csv", rows(4)), "--components", "1")

        plant = self.start_plant().start()
        at = ["--machine", "pump-1"]

        # What must not judge is refused, and nothing judges.
        flipped = self.folder / "flipped.mwmodel"
        content = bytearray(first.read_bytes())
        content[len(content) // 2] ^= 1
        flipped.write_bytes(content)
        self.assertIn("damaged", self.deploy(plant, flipped, *at, code=2))
        self.assertIn("not signed", self.deploy(plant, self.train("1.2.0", None, "--data", normal), *at, code=2))
        self.assertIn("not among", self.deploy(plant, self.train("1.3.0", stranger, "--data", normal), *at, code=2))
        fan = self.train("1.4.0", key, "--data", normal, machine_type="fan")
        self.assertIn("type 'fan'", self.deploy(plant, fan, *at, code=2))
        self.assertIsNone(plant.get("/v1/machines/pump-1/model")["active"])

        # On both pumps; the fault raises one alarm, of the right component.
        put = self.deploy(plant, first, "--all")
        self.assertEqual(sorted(m["machine"] for m in put["items"]), ["pump-1", "pump-2"])
        (alarm,) = self.wait_for("the model's alarm", lambda: self.alarms(plant), process=plant.process)
        self.assertEqual((alarm["machine"], alarm["component"]), ("pump-1", "pump"))
        self.assertIn("pump flow", alarm["message"])
        self.assertTrue(alarm["condition"].endswith("pump-1#model-pump-pca"))
        self.assertGreater(alarm["value"], alarm["limit"])

        # A shadow beside it, then a swap, then back.
        self.deploy(plant, second, *at, "--mode", "shadow")
        self.wait_for("the shadow to judge", lambda: plant.get("/v1/machines/pump-1/model")["disagreement"]["rows"] > 20)
        self.assertEqual(self.deploy(plant, "pump-pca@1.1.0", *at)["previous"], "pump-pca@1.0.0")
        code, _, err = self.run_millwright("model", "rollback", "pump-1", "--url", plant.url)
        self.assertEqual(code, 0, err)
        self.assertEqual(plant.get("/v1/machines/pump-1/model")["active"]["model"], "pump-pca@1.0.0")
        code, out, _ = self.run_millwright("model", "list", "--url", plant.url)
        self.assertIn("pump-pca@1.1.0", out)

        # A restart keeps it.
        plant.process.stop()
        plant.start()
        now = self.wait_for("the model to judge again", lambda: (m := plant.get("/v1/machines/pump-1/model"))["active"]["rows"] and m)
        self.assertEqual((now["active"]["model"], now["previous"]), ("pump-pca@1.0.0", "pump-pca@1.1.0"))

        # Trained from what the plant itself has kept.
        own = self.train("2.0.0", key, "--history", plant.url, "--machine", "pump-2", "--from", "2026-03-01T00:00:00Z", "--to",
                         "2026-03-01T00:15:00Z", "--period", "1s")
        self.assertEqual(self.deploy(plant, own, *at)["active"]["model"], "pump-pca@2.0.0")

    def test_a_bundle_scores_as_the_detector_that_it_came_from(self):
        normal, data = self.write_csv("normal.csv", rows(3)), self.write_csv("data.csv", rows(1, fault=FAULT))
        detector = self.folder / "detector.yaml"
        detector.write_text("models:\n  - {kind: pca, components: 1}\n  - {kind: cva, states: 2}\nalarm: {raise: 2, of: 3}\n")
        bundle = self.train("1.0.0", None, "--detector", detector, "--data", normal)
        scores = []
        for judge in (["--detector", detector, "--train", normal], ["--model", bundle]):
            out = self.folder / "scores.csv"
            code, _, err = self.run_millwright("backtest", "--data", data, *judge, "--out", out)
            self.assertEqual(code, 0, err)
            scores.append(out.read_text())
        self.assertEqual(scores[0], scores[1])
        self.assertEqual(len(scores[0].splitlines()), ROWS + 1)
        code, out, err = self.run_millwright("model", "inspect", bundle)
        self.assertEqual(code, 0, err)
        self.assertEqual(json.loads(out)["kind"], "mixed")

    @unittest.skipUnless(ONNX_RUNTIME, "ONNX Runtime (PyPI) is not there")
    def test_a_network_trained_elsewhere(self):
        """ONNX Runtime itself runs it: 1 / (1 + exp(4 - flow)) of a row."""
        runtime = {"ONNXRUNTIME_LIBRARY": str(ONNX_RUNTIME)}
        normal = [[*line[:4], f"{float(line[4]) / 20:.4f}"] for line in rows(3)]
        faulty = [[*line[:4], "8" if i >= FAULT else line[4]] for i, line in enumerate(normal)]
        network = ["--kind", "onnx", "--network", ROOT / "src/models/tests/golden/score.onnx", "--data",
                   self.write_csv("normal.csv", normal)]
        bundle = self.train("1.0.0", None, *network, env=runtime)
        out = self.folder / "scores.csv"
        code, _, err = self.run_millwright("backtest", "--data", self.write_csv("data.csv", faulty), "--model", bundle, "--out", out,
                                           env=runtime)
        self.assertEqual(code, 0, err)
        with open(out, newline="") as file:
            scores = list(csv.DictReader(file))
        self.assertEqual([row["alarm"] for row in scores], ["0"] * FAULT + ["1"] * (ROWS - FAULT))
        flow = float(faulty[7][4])
        self.assertAlmostEqual(float(scores[7]["score"]), 2 / (1 + math.exp(4 - flow)), places=4)
        self.assertEqual({row[list(row)[-1]] for row in scores[FAULT:]}, {"pump/flow"})
        self.assertIn("needs ONNX Runtime", self.train("1.0.1", None, *network, code=1, env={"ONNXRUNTIME_LIBRARY": "/nowhere.so"}))
        self.assertIn("row of 2 sensors", self.train("1.0.2", None, *network, "--sensors", "motor/current,motor/speed", code=2,
                                                     env=runtime))
        self.assertIn("--network", self.train("1.0.3", None, "--kind", "onnx", "--data", self.folder / "normal.csv", code=2))

    def test_what_cannot_be_learnt_from_is_refused(self):
        lines = list(rows(3))
        constant = self.write_csv("constant.csv", ([*line[:4], "7"] for line in lines))
        self.assertIn("pump/flow", self.train("1", None, "--data", constant, code=2))
        hole = self.write_csv("hole.csv", (line if i != 5 else [line[0], "", *line[2:]] for i, line in enumerate(lines)))
        self.assertIn("motor/current", self.train("1", None, "--data", hole, code=2))
        same = self.write_csv("same.csv", ([*line[:4], line[1]] for line in lines))
        self.assertIn("singular", self.train("1", None, "--data", same, "--kind", "covariance", code=2))
        self.assertIn("training rows", self.train("1", None, "--data", self.write_csv("few.csv", lines[:5]), code=2))
        self.assertIn("no column", self.train("1", None, "--data", constant, "--sensors", "motor/torque", code=3))


if __name__ == "__main__":
    unittest.main()
