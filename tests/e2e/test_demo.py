"""The demo as a newcomer runs it: comes alive, serves the dashboard, a fault raises an alarm, it ends by itself."""

import json
import unittest
import urllib.parse

from harness import EndToEnd, _no_proxy


class Demo(EndToEnd):
    SECONDS = 60

    def test_a_living_plant(self):
        demo = self.millwright("demo", "--seconds", self.SECONDS, "--data-dir", self.folder / "demo")
        self.wait_for("the plant to be live", lambda: "The plant is live" in demo.output(), 60, demo)
        with _no_proxy.open("http://127.0.0.1:8080/", timeout=10) as page:
            self.assertIn("<title>", page.read().decode())
        self.wait_for("an alarm", lambda: "ALARM" in demo.output(), self.SECONDS, demo)
        self.check_a_feature(demo)
        self.assertEqual(demo.child.wait(self.SECONDS + 30), 0, demo.output())
        self.assertIn("Summary", demo.output())

    def check_a_feature(self, demo):
        """What the plant computes from a waveform is a sensor with history like any other."""
        def defect_amplitudes():
            query = urllib.parse.urlencode({"sensor": "pump/vibration-de-bpfo", "from": "1970-01-01T00:00:00Z",
                                            "to": "2200-01-01T00:00:00Z", "resolution": "raw"})
            with _no_proxy.open(f"http://127.0.0.1:8080/machines/pump-1/history?{query}", timeout=10) as answer:
                return json.load(answer)["items"]
        readings = self.wait_for("history of a feature", lambda: defect_amplitudes()[9:] and defect_amplitudes(), 30, demo)
        good = [reading["value"] for reading in readings if reading["quality"] == "Good"]
        self.assertGreater(len(good), 5)
        self.assertLess(max(good), 20)
        self.assertGreater(min(good), 0)


if __name__ == "__main__":
    unittest.main()
