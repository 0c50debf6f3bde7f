"""Backup while a plant runs and takes in data, incremental; restore; what verify, stats and gaps say; damage found."""

import json
import random
import time
import unittest

from burst_sender import Sender, write_plant
from harness import EndToEnd, Plant, free_ports


class Backup(EndToEnd):
    def setUp(self):
        super().setUp()
        self.burst, api, opcua = free_ports(3)
        # Small segments, so that sealing and merging go on all the time.
        self.plant_file = write_plant(self.folder, self.burst, "historian: {segment_size: 64KiB}")
        self.data = self.folder / "data"
        self.plant = Plant(self, self.plant_file, api, opcua, self.data)
        self.copy = self.folder / "copy"

    def command(self, *arguments, code=0, data=None):
        got, out, err = self.run_millwright("--log-level", "error", *arguments, "--config", self.plant_file,
                                            env={"MILLWRIGHT_NODE__DATA_DIR": str(data or self.data)})
        self.assertEqual(got, code, out + err)
        return out if "--json" in arguments else out + err

    def values(self, sensor):
        return [item["value"] for item in self.plant.history("press-1", sensor)]

    def test_a_running_plant_is_copied_and_comes_back(self):
        self.plant.start()
        sender = Sender(self.burst, "edge-1", ["force", "stroke"], readings_per_block=200, interval=0.01)
        sender.start()
        self.wait_for("column files", lambda: list(self.data.glob("history/shard-*/columns/raw-*.mwc")))
        first = json.loads(self.command("backup", self.copy, "--json"))
        self.assertEqual(first["copied_files"], first["files"])
        time.sleep(3)
        before = sender.acked * sender.readings_per_block
        self.command("backup", self.copy)
        sent = sender.finish(60)
        self.assertEqual(self.values("force"), [float(i) for i in range(sent)])
        self.assertEqual(self.plant.process.stop(), 0)
        # A copy that is nearly up to date takes next to nothing.
        beside = self.folder / "beside"
        self.assertEqual(json.loads(self.command("backup", beside, "--json"))["copied_files"],
                         json.loads(self.command("backup", beside, "--json"))["files"])
        again = json.loads(self.command("backup", beside, "--json"))
        self.assertLess(again["copied_files"], again["files"])

        # All that was acknowledged before the second backup is in it, in order, each once, and nothing after it invented.
        restored = self.folder / "restored"
        self.command("restore", self.copy, data=restored)
        self.assertIn("all is whole", self.command("history", "verify", data=restored))
        self.assertTrue((restored / "plant.db").stat().st_size)
        self.plant.env["MILLWRIGHT_NODE__DATA_DIR"] = str(restored)
        self.plant.start()
        kept = self.values("force")
        self.assertGreaterEqual(len(kept), before)
        self.assertEqual(kept, [float(i) for i in range(len(kept))])
        self.assertLessEqual(len(kept), sent)
        self.assertEqual(self.plant.process.stop(), 0)

        self.assertIn("is not empty", self.command("restore", self.copy, data=restored, code=3))

    def test_verify_stats_and_gaps(self):
        self.assertIn("holds no history", self.command("history", "verify", code=3))
        self.assertIn("holds no history", self.command("backup", self.copy, code=3))
        self.plant.start()
        sender = Sender(self.burst, "edge-1", ["force", "stroke"], readings_per_block=200, interval=0.01)
        sender.start()
        self.wait_for("column files", lambda: list(self.data.glob("history/shard-*/columns/raw-*.mwc")))
        # Also beside the plant that writes.
        for _ in range(5):
            self.assertIn("all is whole", self.command("history", "verify"))
        sent = sender.finish(60)
        self.assertEqual(self.plant.process.stop(), 0)
        stats = json.loads(self.command("history", "stats", "--json", "--top", "1"))
        self.assertEqual(stats["readings"], 2 * sent)
        self.assertEqual(len(stats["sensors"]), 1)
        self.assertEqual(stats["series"], 2)
        self.assertIn("0 gaps longer than 1min in 2 sensors", self.command("history", "gaps"))
        self.assertIn("force", self.command("history", "gaps", "force", "--longer", "1ns"))
        self.assertIn("is no duration", self.command("history", "gaps", "--longer", "soon", code=2))

        dice = random.Random(3)
        path = max(self.data.glob("history/shard-*/columns/raw-*.mwc"), key=lambda p: p.stat().st_size)
        bytes_ = bytearray(path.read_bytes())
        bytes_[dice.randrange(200, len(bytes_) // 2)] ^= 0x40
        path.write_bytes(bytes_)
        said = json.loads(self.command("history", "verify", "--json", code=1))
        self.assertFalse(said["whole"])
        self.assertIn(path.name, said["findings"][0]["where"])
        self.assertRegex(said["findings"][0]["what"], r"readings of acme/.*/press-1/(force|stroke) from 20.* to 20")


if __name__ == "__main__":
    unittest.main()
