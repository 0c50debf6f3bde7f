"""A foreign OPC UA client (asyncua) that reads the server's time every 20 ms and writes a point for each answer; it ends with
the first that does not come within 5 s.

    build/venv/bin/python tests/e2e/opcua/asking_client.py opc.tcp://127.0.0.1:4840
"""

import asyncio
import sys

from asyncua import Client, ua


async def main():
    async with Client(sys.argv[1], timeout=5) as client:
        node = client.get_node(ua.NodeId(ua.ObjectIds.Server_ServerStatus_CurrentTime))
        print("ready", flush=True)
        while True:
            await node.read_value()
            print(".", end="", flush=True)
            await asyncio.sleep(0.02)


asyncio.run(main())
