"""A foreign OPC UA server (asyncua) with one variable of text, which plays the lines of its standard input: each becomes
the variable's value, and is echoed on standard output once it is set.

    build/venv/bin/python tests/e2e/opcua/python_server.py opc.tcp://127.0.0.1:4840
"""

import asyncio
import sys

from asyncua import Server, ua


async def main():
    server = Server()
    await server.init()
    server.set_endpoint(sys.argv[1])
    space = await server.register_namespace("urn:test:texts")
    variable = await server.nodes.objects.add_variable(ua.NodeId("batch", space), "batch", "before the first",
                                                       ua.VariantType.String)
    async with server:
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            await variable.write_value(line.rstrip("\n"), ua.VariantType.String)
            print(line, end="", flush=True)


asyncio.run(main())
