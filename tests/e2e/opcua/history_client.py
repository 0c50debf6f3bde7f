"""A foreign OPC UA client (asyncua) that reads a sensor's history every way there is, and tries the server's limits and
dead-bands. One JSON object on standard output.

    build/venv/bin/python tests/e2e/opcua/history_client.py opc.tcp://127.0.0.1:4840 pump-1/motor/current FROM TO
"""

import asyncio
import json
import sys
from datetime import datetime, timedelta

from asyncua import Client, ua

PLANT = "urn:millwright:plant"
AGGREGATES = {"Average": 2342, "Minimum": 2346, "Maximum": 2347, "Count": 2352, "TimeAverage": 2343,
              "Interpolative": 2341, "StandardDeviation": 11426}


def rows(values):
    return [{"time": v.SourceTimestamp.isoformat(), "value": v.Value.Value if v.Value is not None else None,
             "status": v.StatusCode.value} for v in values]


async def history_read(client, node, details):
    """All pages: (values, pages)."""
    values, pages, point = [], 0, None
    while True:
        what = ua.HistoryReadValueId()
        what.NodeId = node.nodeid
        what.ContinuationPoint = point
        params = ua.HistoryReadParameters()
        params.HistoryReadDetails = details
        params.TimestampsToReturn = ua.TimestampsToReturn.Source
        params.NodesToRead = [what]
        params.ReleaseContinuationPoints = False
        [result] = await client.uaclient.history_read(params)
        result.StatusCode.check()
        values += result.HistoryData.DataValues
        pages += 1
        point = result.ContinuationPoint
        if not point:
            return values, pages


async def processed(client, node, start, end, aggregate):
    details = ua.ReadProcessedDetails()
    details.StartTime, details.EndTime = start, end
    details.ProcessingInterval = 1000.0
    details.AggregateType = [ua.NodeId(AGGREGATES[aggregate])]
    return await history_read(client, node, details)


async def at_times(client, node, start):
    details = ua.ReadAtTimeDetails()
    details.ReqTimes = [start + timedelta(milliseconds=250 * i) for i in range(8)]
    details.UseSimpleBounds = False
    return await history_read(client, node, details)


class Changes:
    def __init__(self):
        self.values = []

    def datachange_notification(self, node, value, data):
        self.values.append(value)


async def deadband(client, node, kind, width, seconds):
    changes = Changes()
    subscription = await client.create_subscription(20, changes)
    await subscription.deadband_monitor(node, width, kind, queuesize=1000)
    await asyncio.sleep(seconds)
    await subscription.delete()
    return changes.values


async def refusal(awaitable):
    """What a call, or one of its operations, was refused with."""
    try:
        answer = await awaitable
        refused = [each for each in answer if isinstance(each, ua.StatusCode) and not each.is_good()]
        if refused:
            return refused[0].name
    except ua.UaStatusCodeError as error:
        return ua.status_codes.get_name_and_doc(error.code)[0]
    return "Good"


async def limits(client, node):
    subscription = await client.create_subscription(500, Changes())
    many = [node] * 60
    found = {"items": await refusal(subscription.subscribe_data_change(many))}
    others = []
    for _ in range(10):
        try:
            others.append(await client.create_subscription(500, Changes()))
        except ua.UaStatusCodeError as error:
            found["subscriptions"] = ua.status_codes.get_name_and_doc(error.code)[0]
            break
    found["nodes"] = await refusal(client.uaclient.read_attributes([node.nodeid] * 101, ua.AttributeIds.Value))
    return found


async def main():
    endpoint, path, start, end = sys.argv[1:]
    start, end = datetime.fromisoformat(start), datetime.fromisoformat(end)
    async with Client(endpoint) as client:
        space = await client.get_namespace_index(PLANT)
        node = client.get_node(ua.NodeId(path, space))
        out = {"raw": rows(await node.read_raw_history(start, end, return_bounds=False)),
               "backwards": rows(await node.read_raw_history(end, start, return_bounds=False)),
               "historizing": (await node.read_attribute(ua.AttributeIds.Historizing)).Value.Value}
        for aggregate in AGGREGATES:
            values, pages = await processed(client, node, start, end, aggregate)
            out[aggregate] = rows(values)
        values, out["pages"] = await at_times(client, node, start)
        out["at_times"] = rows(values)
        out["absolute"] = await deadband(client, node, 1, 10, 2)
        out["percent"] = await deadband(client, node, 2, 1, 2)
        out["limits"] = await limits(client, node)
        print(json.dumps(out))


asyncio.run(main())
