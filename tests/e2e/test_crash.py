"""`kill -9` of the plant, again and again, while a sender streams: nothing that was acknowledged is missing, nothing is
doubled. And the same for what an OPC UA server offers across restarts."""

import random
import time
import unittest

from burst_sender import Sender
from harness import EndToEnd, Plant, free_ports

PLANT = """\
node: {{name: crash}}
connectors:
  - {{name: stream, type: burst, port: {port}}}
assets:
  enterprise: acme
  sites:
    - name: lyon
      areas:
        - name: hall
          lines:
            - name: line
              cells:
                - name: cell
                  machines:
                    - name: press-1
                      type: press
                      streams: {{default: stream}}
"""
PRESS = """\
name: press
description: what the crash test streams to
sensors:
  - {name: force, type: float64, rate_hz: 1000, address: force}
  - {name: stroke, type: float64, rate_hz: 1000, address: stroke}
"""


class Crash(EndToEnd):
    KILLS = 20

    def test_nothing_acknowledged_is_lost_or_doubled(self):
        burst, api, opcua = free_ports(3)
        (self.folder / "press.yaml").write_text(PRESS)
        plant_file = self.folder / "plant.yaml"
        plant_file.write_text(PLANT.format(port=burst).replace("  enterprise: acme", "  enterprise: acme\n  machine_types: [.]"))
        plant = Plant(self, plant_file, api, opcua, self.folder / "data").start()
        sender = Sender(burst, "edge-1", ["force", "stroke"], readings_per_block=50, interval=0.02)
        sender.start()
        dice = random.Random(1)
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
