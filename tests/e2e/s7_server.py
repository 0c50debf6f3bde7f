"""A foreign S7 controller (python-snap7's server): DB1 holds a REAL 21.75 at 0, a DINT at 4 that counts every 50 ms from the
clock, so that after a restart it goes on where it would be, and an LREAL -0.001 at 10.

    build/venv/bin/python tests/e2e/s7_server.py PORT
"""

import struct
import sys
import time

from snap7.server import Server
from snap7.type import SrvArea

TICK_S = 0.05

data = bytearray(64)
struct.pack_into(">f", data, 0, 21.75)
struct.pack_into(">d", data, 10, -1e-3)
server = Server(log=False)
server.register_area(SrvArea.DB, 1, data)
server.start(tcp_port=int(sys.argv[1]))
print("ready", flush=True)
while True:
    struct.pack_into(">i", data, 4, int(time.time() / TICK_S) & 0x7FFFFFFF)
    time.sleep(TICK_S / 5)
