"""Foreign Modbus TCP devices (pymodbus): unit 1 with registers 0 to 199 in each table, unit 2 with 0 to 9.

    build/venv/bin/python tests/e2e/modbus_server.py 127.0.0.1 15020
"""

import asyncio
import struct
import sys

from pymodbus.server import StartAsyncTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice


def words(layout, value):
    packed = struct.pack(layout, value)
    return list(struct.unpack(f">{len(packed) // 2}H", packed))


def registers(count):
    values = list(range(count))
    values[0:2] = words(">f", 21.75)
    values[4:8] = words(">d", -1e-3)
    values[8:10] = list(reversed(words(">i", -70_000)))
    return [SimData(address=0, values=values, datatype=DataType.REGISTERS)]


def device(unit, count):
    bits = [SimData(address=0, values=[i % 3 == 0 for i in range(count)], datatype=DataType.BITS)]
    return SimDevice(id=unit, simdata=(bits, bits, registers(count), registers(count)))


asyncio.run(StartAsyncTcpServer([device(1, 200), device(2, 10)], address=(sys.argv[1], int(sys.argv[2]))))
