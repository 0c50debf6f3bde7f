"""A disk that fails under the real binary: system calls that return errors (fault_preload.c), and a disk that is full.
What was acknowledged is there, once, when the disk is well again."""

import itertools
import os
import pathlib
import random
import subprocess
import time
import unittest

from burst_sender import Sender, write_plant
from harness import EndToEnd, Plant, free_ports

HERE = pathlib.Path(__file__).resolve().parent
SMALL = "historian: {segment_size: 64KiB, disk_reserve: 1MiB, buffer_size: 2MiB}"


class Streaming(EndToEnd):
    """A plant that a sender streams to, so that history must be 0, 1, 2 and so on."""

    def set_up_plant(self, data=None):
        burst, api, opcua = free_ports(3)
        self.data = data or self.folder / "data"
        plant_file = write_plant(self.folder, burst, SMALL)
        self.plant = Plant(self, plant_file, api, opcua, self.data)
        self.sender = Sender(burst, "edge-1", ["force", "stroke"], readings_per_block=50, interval=0.02)

    def values(self, sensor="force"):
        return [item["value"] for item in self.plant.history("press-1", sensor)]

    def check_all(self):
        sent = self.sender.finish(60)
        for sensor in ("force", "stroke"):
            self.assertEqual(self.values(sensor), [float(i) for i in range(sent)])
        return sent


class SystemCalls(Streaming):
    CASES = int(os.environ.get("E2E_FAULT_CASES", 100))
    SEED = int(os.environ.get("E2E_SEED", 1))
    KINDS = [("pwrite", kind) for kind in ("EIO", "ENOSPC", "EINTR", "short")]
    KINDS += [(call, kind) for call in ("fdatasync", "fsync", "rename", "open") for kind in ("EIO", "ENOSPC", "EINTR")]

    def test_that_fail_lose_nothing_acknowledged(self):
        library = self.folder / "fault_preload.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, HERE / "fault_preload.c", "-ldl"], check=True)
        self.set_up_plant()
        well, mark, dice = dict(self.plant.env), self.folder / "mark", random.Random(self.SEED)
        self.sender.start()
        came = 0
        for case, (call, kind) in zip(range(self.CASES), itertools.cycle(self.KINDS)):
            mark.unlink(missing_ok=True)
            # A segment is begun, and files are renamed, every second or so: late ones would not come.
            nth = dice.randint(1, 40 if call in ("pwrite", "fdatasync") else 8)
            self.plant.env = {**well, "LD_PRELOAD": str(library), "FAULT_CALL": call, "FAULT_KIND": kind,
                              "FAULT_NTH": str(nth), "FAULT_TIMES": dice.choice(["1", "1", "3", "0"]),
                              "FAULT_PATH": "/history/", "FAULT_MARK": str(mark)}
            process = self.millwright("run", self.plant.plant_file, env=self.plant.env)
            end = time.monotonic() + 1.5
            while time.monotonic() < end and process.child.poll() is None and not mark.exists():
                time.sleep(0.02)
            time.sleep(0.1 + 0.2 * dice.random())
            if process.child.poll() is not None:  # it may refuse to start, and then says why
                self.assertGreater(process.child.returncode, 0, process.output()[-3000:])
                self.assertIn("/history", process.output())
            came += mark.exists()
            process.kill()
            self.assertIsNone(self.sender.error, f"case {case}: {call} {kind}, number {nth}")
        self.plant.env = well
        self.plant.start()
        sent = self.check_all()
        print(f"{self.CASES} cases, seed {self.SEED}: the fault came in {came}; {sent} readings", flush=True)
        self.assertGreater(came, self.CASES // 2)
        self.assertEqual(self.plant.process.stop(), 0)


@unittest.skipUnless(os.geteuid() == 0, "mounting a disk of 64 MiB needs root")
class FullDisk(Streaming):
    def setUp(self):
        super().setUp()
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", self.disk], capture_output=True)
        if mounted.returncode != 0:
            self.skipTest(f"cannot mount a disk of 64 MiB: {mounted.stderr.decode().strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk], check=True)

    def free(self):
        disk = os.statvfs(self.disk)
        return disk.f_bavail * disk.f_frsize

    def fill(self):
        """Something else takes all the room there is."""
        with open(self.disk / "ballast", "wb", buffering=0) as ballast:
            try:
                while self.free() > 0 and ballast.write(bytes(16 * 1024)):
                    pass
            except OSError:
                pass

    def state(self):
        try:
            return self.plant.get("/readyz")["status"]
        except OSError:  # 503
            return "not ready"

    def test_pushes_back_says_so_and_goes_on_when_there_is_room(self):
        self.set_up_plant(data=self.disk / "data")
        self.plant.start()
        self.sender.start()
        self.wait_for("some history", lambda: self.sender.acked > 100)
        self.fill()
        self.wait_for("the plant to say that the disk is full", lambda: self.state() != "ready")
        acked = self.sender.acked
        time.sleep(3)
        self.assertLessEqual(self.sender.acked - acked, 5, "acknowledged, though there is no room")
        self.assertEqual(self.values()[:acked * 50], [float(i) for i in range(acked * 50)], "what was kept still reads")
        self.plant.process.kill()
        process = self.millwright("run", self.plant.plant_file, env=self.plant.env)
        time.sleep(1)
        process.kill()
        (self.disk / "ballast").unlink()
        self.plant.start()
        self.check_all()
        self.assertEqual(self.plant.process.stop(), 0)


if __name__ == "__main__":
    unittest.main()
