"""Product: what the harness asks of everything it measures. A product is started on an empty folder, loaded part by part, left to
merge, asked, and stopped."""

import time

from common import Client, disk_bytes, wait_until_still


class Product:
    name = ""
    way = ""  # how readings get in
    promise = ""  # what its acknowledgement means
    format = "line"  # what `millwright bench signal` renders for it; None: it gets no files
    per_file = 100_000  # readings a request
    connections = 4
    settings = ""  # what is not its default

    def __init__(self, folder):
        self.folder = folder
        self.data = folder / "data"
        self.data.mkdir(parents=True)
        self.server = None
        self.port = 0
        self.client = None

    def version(self):
        raise NotImplementedError

    def start(self, parts):
        raise NotImplementedError

    def load(self, part, files):
        """Puts the part in; returns once all of it can be read and is on the disk."""
        raise NotImplementedError

    def rows(self, part):
        """How many moments of the part there are, of all its machines, by the first sensor."""
        raise NotImplementedError

    def merge(self):
        """Asks it to merge and compact now, where it can be asked."""

    def settle(self, quiet_s):
        """Lets it merge and compact until nothing changes any more; gives the seconds it took."""
        start = time.monotonic()
        self.merge()
        return time.monotonic() - start + wait_until_still(self.data, self.server, quiet_s, limit_s=120)

    def bytes(self):
        return disk_bytes(self.data)

    # The questions. Each gives the answer's bytes; numbers() makes of them the values, for the check.
    def raw(self, part, machine, sensor, start_ns, end_ns):
        raise NotImplementedError

    def minutes(self, part, machine, sensor, start_ns, end_ns):
        raise NotImplementedError

    def chart(self, part, machine, sensors, start_ns, end_ns, step_s):
        raise NotImplementedError

    def last(self, part, machine, sensor):
        raise NotImplementedError

    def numbers(self, question, answer):
        raise NotImplementedError

    def stop(self):
        if self.server is not None:
            self.server.stop()

    def connect(self, ready):
        self.client = Client(self.port)
        self.server.wait_until(lambda: ready(self.client))


def column(text, index, separator=","):
    """One column of a CSV with a head."""
    return [float(line.split(separator)[index]) for line in text.decode().splitlines()[1:] if line]
