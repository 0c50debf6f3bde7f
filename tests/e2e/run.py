"""Runs the test files beside each other, as many at once as there are processors, those that took longest first; prints what
each has said when it ends, and counts. Arguments: names of files, none: all.

The tests mostly wait; each takes ports and folders of its own."""

import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TIMES = HERE.parents[1] / "build/e2e-times.json"
PATIENCE_S = 3600


def run(module):
    """(module, seconds, exit code, output)"""
    begun = time.monotonic()
    try:
        done = subprocess.run([sys.executable, "-m", "unittest", "-v", module], cwd=HERE, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=PATIENCE_S)
        code, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        code, output = 1, f"{(late.stdout or b'').decode(errors='replace')}\nended after {PATIENCE_S} s"
    return module, time.monotonic() - begun, code, output


def main():
    modules = [pathlib.Path(name).stem for name in sys.argv[1:]] or [file.stem for file in HERE.glob("test_*.py")]
    times = json.loads(TIMES.read_text()) if TIMES.exists() else {}
    modules.sort(key=lambda module: (-times.get(module, float("inf")), module))
    begun, tests, skipped, failed = time.monotonic(), 0, 0, []
    with concurrent.futures.ThreadPoolExecutor(max(2, os.cpu_count() or 1)) as pool:
        for each in concurrent.futures.as_completed([pool.submit(run, module) for module in modules]):
            module, seconds, code, output = each.result()
            times[module] = round(seconds, 1)
            print(f"-- {module}, {seconds:.0f} s\n{output}", flush=True)
            ran = re.search(r"^Ran (\d+) tests? in", output, re.MULTILINE)
            tests += int(ran[1]) if ran else 0
            skipped += sum(map(int, re.findall(r"^(?:OK|FAILED) \(.*?skipped=(\d+)", output, re.MULTILINE)))
            if code != 0:
                failed.append(module)
    TIMES.parent.mkdir(exist_ok=True)
    TIMES.write_text(json.dumps(times))
    print(f"end to end: {tests} tests in {len(modules)} files, {skipped} skipped, {time.monotonic() - begun:.0f} s"
          + (f"; FAILED: {', '.join(sorted(failed))}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
