"""A foreign OPC UA server (asyncua) with a small line of machines and a history of its own: a folder, machines with
components, units, ranges and states, what no sensor can take, and a number that counts up every 20 ms.

    build/venv/bin/python tests/e2e/opcua/plant_server.py opc.tcp://127.0.0.1:4840
"""

import asyncio
import sys

from asyncua import Server, ua

AMPERE = int.from_bytes(b"AMP", "big")


async def build(server):
    space = await server.register_namespace("urn:test:line")

    def name(text):
        return ua.NodeId(text, space), f"{space}:{text.split('.')[-1]}"

    line = await server.nodes.objects.add_folder(*name("Line1"))
    pump = await line.add_object(*name("Line1.Pump1"))
    motor = await pump.add_object(*name("Line1.Pump1.DriveMotor"))
    current = await motor.add_variable(*name("Line1.Pump1.DriveMotor.Current"), 1.5, ua.VariantType.Double)
    await current.add_property(ua.NodeId(900, space), "0:EURange", ua.Range(0, 60))
    await current.add_property(ua.NodeId(901, space), "0:EngineeringUnits",
                               ua.EUInformation("http://www.opcfoundation.org/UA/units/un/cefact", AMPERE,
                                                ua.LocalizedText("A"), ua.LocalizedText("ampere")))
    odd = await motor.add_variable(*name("Line1.Pump1.DriveMotor.Odd"), 2.5, ua.VariantType.Float)
    await odd.add_property(ua.NodeId(902, space), "0:EngineeringUnits",
                           ua.EUInformation("urn:x", 7, ua.LocalizedText("furlong"), ua.LocalizedText("furlong")))
    state = await pump.add_variable(*name("Line1.Pump1.State"), 1, ua.VariantType.Int32)
    await state.add_property(ua.NodeId(903, space), "0:EnumStrings",
                             [ua.LocalizedText("idle"), ua.LocalizedText("running")])
    await pump.add_variable(*name("Line1.Pump1.Running"), True, ua.VariantType.Boolean)
    await pump.add_variable(*name("Line1.Pump1.Curve"), [1.0, 2.0, 3.0], ua.VariantType.Double)
    await pump.add_variable(*name("Line1.Pump1.Picture"), b"\0\1", ua.VariantType.ByteString)
    count = await pump.add_variable(*name("Line1.Pump1.PieceCount"), 0.0, ua.VariantType.Double)
    tank = await line.add_object(*name("Line1.Tank"))
    await tank.add_variable(*name("Line1.Tank.Level"), 3.0, ua.VariantType.Double)
    await server.nodes.objects.add_object(*name("Empty"))
    return count


async def main():
    server = Server()
    await server.init()
    server.set_endpoint(sys.argv[1])
    count = await build(server)
    async with server:
        await server.historize_node_data_change(count, period=None, count=100000)
        print("ready", flush=True)
        n = 0
        while True:
            await asyncio.sleep(0.02)
            n += 1
            await count.write_value(float(n), ua.VariantType.Double)


asyncio.run(main())
