"""Foreign Modbus devices (pymodbus), over TCP or on a serial line:

    build/venv/bin/python tests/e2e/modbus_server.py 127.0.0.1 15020
    build/venv/bin/python tests/e2e/modbus_server.py /dev/pts/3

Unit 1 has registers 0 to 199 in each table, unit 2 0 to 9. Unit 3 answers whatever touches register 10 · n, n from 1 to 8, with
exception n, until its register 0 is not 0. Unit 4 has ENCODED in its holding and input registers. Unit 5 is behind a gateway that does not
reach it."""

import asyncio
import struct
import sys

# By type as our maps call it: struct's letter and a value that takes all of it.
VALUES = {"uint16": ("H", 65_000), "int16": ("h", -1_234), "uint32": ("I", 4_000_000_000), "int32": ("i", -70_000),
          "uint64": ("Q", 2**53 + 1), "int64": ("q", -(2**53) - 1), "float32": ("f", 21.75), "float64": ("d", -1e-3)}
# (type, word order, byte order): four registers for each, in this order.
ENCODED = [(kind, word, byte) for kind in VALUES for word in ("big", "little") for byte in ("big", "little")]
EXCEPTIONS = range(1, 9)


def words(layout, value, word_order="big", byte_order="big"):
    packed = struct.pack(">" + layout, value)
    split = list(struct.unpack(f"{'>' if byte_order == 'big' else '<'}{len(packed) // 2}H", packed))
    return split if word_order == "big" else split[::-1]


def some_registers(count):
    values = list(range(count))
    values[0:2] = words("f", 21.75)
    values[4:8] = words("d", -1e-3)
    values[8:10] = words("i", -70_000, word_order="little")
    return values


def encoded_registers():
    values = [0] * (4 * len(ENCODED))
    for i, (kind, word_order, byte_order) in enumerate(ENCODED):
        of_one = words(*VALUES[kind], word_order, byte_order)
        values[4 * i:4 * i + len(of_one)] = of_one
    return values


async def fail(_function, start, address, count, registers, written):
    from pymodbus.constants import ExcCodes
    if written is None and registers[0 - start] == 0:
        for n in EXCEPTIONS:
            if address <= 10 * n < address + count:
                return ExcCodes(n)
    return None


async def not_reached(*_):
    from pymodbus.constants import ExcCodes
    return ExcCodes.GATEWAY_NO_RESPONSE


def device(unit, values, action=None):
    from pymodbus.simulator import DataType, SimData, SimDevice
    bits = [SimData(address=0, values=[i % 3 == 0 for i in range(len(values))], datatype=DataType.BITS)]
    registers = [SimData(address=0, values=values, datatype=DataType.REGISTERS)]
    return SimDevice(id=unit, simdata=(bits, bits, registers, registers), action=action)


def main():
    from pymodbus.server import StartAsyncSerialServer, StartAsyncTcpServer
    devices = [device(1, some_registers(200)), device(2, some_registers(10)), device(3, [0, *range(1, 100)], fail),
               device(4, encoded_registers()), device(5, [0] * 10, not_reached)]
    if len(sys.argv) > 2:
        asyncio.run(StartAsyncTcpServer(devices, address=(sys.argv[1], int(sys.argv[2]))))
    else:
        asyncio.run(StartAsyncSerialServer(devices, port=sys.argv[1], baudrate=19200))


if __name__ == "__main__":
    main()
