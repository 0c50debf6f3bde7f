"""The demo as a newcomer runs it: comes alive, serves the dashboard, a fault raises an alarm, it ends by itself."""

import unittest

from harness import EndToEnd, _no_proxy


class Demo(EndToEnd):
    SECONDS = 60

    def test_a_living_plant(self):
        demo = self.millwright("demo", "--seconds", self.SECONDS, "--data-dir", self.folder / "demo")
        self.wait_for("the plant to be live", lambda: "The plant is live" in demo.output(), 60, demo)
        with _no_proxy.open("http://127.0.0.1:8080/", timeout=10) as page:
            self.assertIn("<title>", page.read().decode())
        self.wait_for("an alarm", lambda: "ALARM" in demo.output(), self.SECONDS, demo)
        self.assertEqual(demo.child.wait(self.SECONDS + 30), 0, demo.output())
        self.assertIn("Summary", demo.output())


if __name__ == "__main__":
    unittest.main()
