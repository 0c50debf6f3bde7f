"""A serial line without hardware: two terminals joined as by a cable that can be cut."""

import os
import select
import threading
import tty


class SerialLine:
    """`ends`: the two devices' paths. Gone with the test."""

    def __init__(self, test):
        pairs = [os.openpty(), os.openpty()]
        self._masters = [master for master, _ in pairs]
        self._slaves = [slave for _, slave in pairs]  # held open, so that a device that closes its end ends nothing
        for slave in self._slaves:
            tty.setraw(slave)
        self.ends = [os.ttyname(slave) for slave in self._slaves]
        self.is_cut = False
        self._wake, self._end = os.pipe()
        self._pump = threading.Thread(target=self._carry)
        self._pump.start()
        test.addCleanup(self._close)

    def _carry(self):
        while True:
            ready, _, _ = select.select([*self._masters, self._wake], [], [])
            if self._wake in ready:
                return
            for i, master in enumerate(self._masters):
                if master in ready:
                    data = os.read(master, 512)
                    if not self.is_cut:
                        os.write(self._masters[1 - i], data)

    def _close(self):
        os.write(self._end, b"!")
        self._pump.join()
        for descriptor in [*self._masters, *self._slaves, self._wake, self._end]:
            os.close(descriptor)
