"""A hostile OPC UA client (asyncua): makes sessions on connections of their own, activates none and keeps them all.

    build/venv/bin/python tests/e2e/opcua/hoarding_client.py URL COUNT
"""

import asyncio
import contextlib
import logging
import sys

from asyncua import Client

logging.disable(logging.CRITICAL)


async def hoard(url):
    client = Client(url, timeout=5)
    client.session_timeout = 3_600_000
    await client.connect_socket()
    await client.send_hello()
    await client.open_secure_channel()
    await client.create_session()
    return client


async def main(url, count):
    kept, refused = [], 0
    for _ in range(count):
        try:
            kept.append(await hoard(url))
        except Exception:  # whatever it is, it is the server's right
            refused += 1
    print(f"ready: {len(kept)} sessions, {refused} refused", flush=True)
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
