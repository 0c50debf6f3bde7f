"""A real Eclipse Milo, the OPC UA server in Java, from Maven Central, writing tags at a rate.

    python3 tests/e2e/milo_server.py     fetches the jars into build/milo, once; fails where they cannot be had
"""

import json
import subprocess
import sys

import maven
from harness import ROOT

SOURCE = ROOT / "tests/e2e/milo/LoadServer.java"


def jars():
    return maven.jars(ROOT / "tests/e2e/milo/pom.xml", ROOT / "build/milo", "Eclipse Milo")


class LoadServer:
    def __init__(self, test, port, tags, hz):
        self.url = f"opc.tcp://127.0.0.1:{port}"
        self.child = subprocess.Popen(["java", "-Xmx1g", "-cp", jars(), str(SOURCE), str(port), str(tags), str(hz)], text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        test.addCleanup(self._end)
        test.assertEqual(self.child.stdout.readline(), "ready\n")

    def _end(self):
        self.child.kill()
        self.child.wait()
        self.child.stdin.close()
        self.child.stdout.close()

    def write(self, seconds):
        """All tags at the rate, for so long; what was written: base_ns, period_ns, ticks, took_s, late_ms."""
        self.child.stdin.write(f"{seconds}\n")
        self.child.stdin.flush()
        return json.loads(self.child.stdout.readline())


if __name__ == "__main__":
    try:
        jars()
    except maven.Unavailable as error:
        sys.exit(str(error))
