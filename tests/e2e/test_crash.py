"""`kill -9` of the plant, again and again, while a sender streams: nothing that was acknowledged is missing, nothing is
doubled. And the same for what an OPC UA server offers across restarts."""

import os
import random
import time
import unittest

from burst_sender import Sender, write_plant
from harness import EndToEnd, Plant, free_ports


class Crash(EndToEnd):
    KILLS = int(os.environ.get("E2E_KILLS", 20))
    SEED = int(os.environ.get("E2E_SEED", 1))

    def test_nothing_acknowledged_is_lost_or_doubled(self):
        burst, api, opcua = free_ports(3)
        # Small segments, so that sealing and merging are always at work.
        plant_file = write_plant(self.folder, burst, "historian: {segment_size: 64KiB}")
        plant = Plant(self, plant_file, api, opcua, self.folder / "data").start()
        sender = Sender(burst, "edge-1", ["force", "stroke"], readings_per_block=50, interval=0.02)
        sender.start()
        dice = random.Random(self.SEED)
        print(f"{self.KILLS} kills, seed {self.SEED}", flush=True)
        for _ in range(self.KILLS):
            time.sleep(dice.uniform(0.2, 1.0))
            plant.process.kill()
            plant.start()
        time.sleep(1)
        sent = sender.finish(60)
        self.assertGreater(sent, 10_000)
        for sensor in ("force", "stroke"):
            items = plant.history("press-1", sensor)
            self.assertEqual([item["value"] for item in items], [float(i) for i in range(sent)])
            self.assertTrue(all(item["quality"] == "Good" for item in items))
        self.assertEqual(plant.process.stop(), 0)


if __name__ == "__main__":
    unittest.main()
