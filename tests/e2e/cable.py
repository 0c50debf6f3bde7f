"""A cable that can be pulled: a network namespace with one end of it. What is started in the namespace is reached over the cable alone; a
pulled one tells neither side anything. Needs root."""

import os
import subprocess


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=10)


def can_be_had():
    if os.geteuid() != 0:
        return False
    name = f"mw-try-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True)
    subprocess.run(["ip", "netns", "del", name], capture_output=True)
    return made.returncode == 0


class Cable:
    """`host`: the far end's address; `prefix`: goes before a command that is to run there. Gone with the test."""
    host, _near_address = "10.213.77.2", "10.213.77.1"

    def __init__(self, test):
        self._space, near, self._far = f"mw{os.getpid()}", f"mwn{os.getpid()}", f"mwf{os.getpid()}"
        ip("netns", "add", self._space)
        test.addCleanup(subprocess.run, ["ip", "netns", "del", self._space], capture_output=True)
        ip("link", "add", near, "type", "veth", "peer", "name", self._far, "netns", self._space)
        ip("addr", "add", f"{self._near_address}/24", "dev", near)
        ip("link", "set", near, "up")
        for words in (["addr", "add", f"{self.host}/24", "dev", self._far], ["link", "set", self._far, "up"], ["link", "set", "lo", "up"]):
            ip("-n", self._space, *words)
        self.prefix = ["ip", "netns", "exec", self._space]

    def pull(self):
        ip("-n", self._space, "link", "set", self._far, "down")

    def put_back(self):
        ip("-n", self._space, "link", "set", self._far, "up")
