"""A foreign OPC UA PubSub publisher (asyncua): publisher 42, writer group 100, three DataSetWriters, every 50 ms.

Writer 1 sends variants: speed (Double 21.75), count (Int32), running (Boolean), name (String "M7"), profile (UInt16 array).
Writer 2 sends data values: temperature (Float), uncertain, with a source time of 2025-11-21T08:00:00Z plus `count` seconds.
Writer 3 sends raw data: force (Float 1.5), parts (Int64).

    build/venv/bin/python tests/e2e/pubsub_publisher.py HOST PORT
"""

import asyncio
import sys
from datetime import datetime, timedelta, timezone

from asyncua import ua
from asyncua.pubsub import dataset
from asyncua.pubsub.connection import PubSubConnection
from asyncua.pubsub.pubsub import PubSub
from asyncua.pubsub.udp import UdpSettings
from asyncua.pubsub.writer import DataSetWriter, WriterGroup

T = ua.VariantType
START = datetime(2025, 11, 21, 8, tzinfo=timezone.utc)
UNCERTAIN = 0x40000000


class Values(dataset.PubSubDataSource):
    """What a data set has now; `values(count)` gives it."""

    def __init__(self, values):
        self.values, self.count = values, 0

    async def on_get_value(self):
        self.count += 1
        return self.values(self.count)


def variant(value, kind):
    return ua.DataValue(ua.Variant(value, kind))


SETS = {
    "line": ([("speed", T.Double), ("count", T.Int32), ("running", T.Boolean), ("name", T.String), ("profile", T.UInt16)],
             lambda n: [variant(21.75, T.Double), variant(n, T.Int32), variant(True, T.Boolean), variant("M7", T.String),
                        variant([1, 2, 3], T.UInt16)]),
    "oven": ([("temperature", T.Float)],
             lambda n: [ua.DataValue(ua.Variant(180.5, T.Float), ua.StatusCode(ua.UInt32(UNCERTAIN)), START + timedelta(seconds=n))]),
    "press": ([("force", T.Float), ("parts", T.Int64)], lambda n: [variant(1.5, T.Float), variant(n, T.Int64)]),
}


def published(name):
    fields, values = SETS[name]
    meta = dataset.DataSetMeta.Create(name)
    for field, kind in fields:
        meta.add_scalar(field, kind)
    return dataset.PublishedDataSet.Create(name, meta, Values(values))


async def main(host, port):
    writers = [DataSetWriter.new_uadp("line", "line", ua.UInt16(1)),
               DataSetWriter.new_uadp("oven", "oven", ua.UInt16(2), datavalue=True),
               DataSetWriter.new_uadp("press", "press", ua.UInt16(3), raw=True)]
    group = WriterGroup.new_uadp("group", ua.UInt16(100), publishing_interval=50, writer=writers)
    # It listens on the port as well, so on an address of its own.
    link = UdpSettings(Url=f"opc.udp://{host}:{port}", Adapter=("127.0.0.2", port))
    pubsub = PubSub.new(datasets=[published(name) for name in SETS])
    await pubsub.add_connection(PubSubConnection.udp_uadp("publisher", ua.UInt16(42), link, writer_groups=[group]))
    async with pubsub:
        print("ready", flush=True)
        await asyncio.Event().wait()


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
