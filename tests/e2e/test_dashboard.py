"""The dashboard in Chromium (web/tests/dashboard.test.mjs): every view, against a made-up plant."""

import subprocess
import unittest

from harness import ROOT


class Dashboard(unittest.TestCase):
    def test_in_a_browser(self):
        done = subprocess.run(["npm", "run", "--silent", "test:browser"], cwd=ROOT / "web", capture_output=True, text=True, timeout=1200)
        self.assertEqual(done.returncode, 0, done.stdout[-6000:] + done.stderr[-2000:])


if __name__ == "__main__":
    unittest.main()
