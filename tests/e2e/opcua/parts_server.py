"""A foreign OPC UA server (asyncua) whose variables are arrays and structures of its own, with an enumeration, nested
structures, arrays of them and an optional field. Each line of its standard input is a number that it writes into all of
them, and echoes.

    build/venv/bin/python tests/e2e/opcua/parts_server.py opc.tcp://127.0.0.1:4840
"""

import asyncio
import sys

from asyncua import Server, ua
from asyncua.common.structures104 import new_enum, new_struct, new_struct_field


def motor(number):
    def axis(name, speed):
        return ua.Axis(Name=name, Speed=speed, Position=[float(speed), float(speed) + 0.5])
    return ua.Motor(Mode=ua.Mode.On if number else ua.Mode.Off, Main=axis("main", number), Count=int(number),
                    Axes=[axis("x", number + 1), axis("y", number + 2)], Torque=None if number == 0 else number / 2)


async def main():
    server = Server()
    await server.init()
    server.set_endpoint(sys.argv[1])
    space = await server.register_namespace("urn:test:parts")
    mode = await new_enum(server, space, "Mode", ["Off", "On"])
    axis, _ = await new_struct(server, space, "Axis", [
        new_struct_field("Name", ua.VariantType.String), new_struct_field("Speed", ua.VariantType.Double),
        new_struct_field("Position", ua.VariantType.Float, array=True)])
    kind, _ = await new_struct(server, space, "Motor", [
        new_struct_field("Mode", mode), new_struct_field("Main", axis), new_struct_field("Axes", axis, array=True),
        new_struct_field("Count", ua.VariantType.UInt32),
        new_struct_field("Torque", ua.VariantType.Double, optional=True)])
    await server.load_data_type_definitions()
    line = await server.nodes.objects.add_object(ua.NodeId("Line", space), f"{space}:Line")

    async def add(name, value, **more):
        return await line.add_variable(ua.NodeId(name, space), f"{space}:{name}", value, **more)
    drive = await add("Drive", motor(0), datatype=kind.nodeid)
    curve = await add("Curve", [0.0, 0.0, 0.0], varianttype=ua.VariantType.Double)
    await add("Limits", ua.Range(-5, 5))
    async with server:
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            number = float(line)
            await curve.write_value([number, number * 10, number * 100], ua.VariantType.Double)
            await drive.write_value(motor(number))
            print(line, end="", flush=True)


asyncio.run(main())
