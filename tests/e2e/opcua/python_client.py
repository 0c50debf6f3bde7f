"""A foreign OPC UA client (asyncua): browses to sensors below Objects/Machines, reads them, subscribes to them and to
alarm events, and writes all that it got as JSON lines.

  pip install -r tests/e2e/opcua/requirements.txt
  python tests/e2e/opcua/python_client.py --endpoint opc.tcp://127.0.0.1:4840 --path pump-1/motor/current --seconds 10

Lines: {"kind":"endpoint",…} once each; {"kind":"sensor",…} once a path; {"kind":"value",…} each; {"kind":"event",…} each; {"kind":"end",…}.
Exit code: 0, or 1 where --count or --events was not reached in time or something failed.
"""

import argparse
import asyncio
import json
import math
import struct
import sys
from datetime import datetime

from asyncua import Client, ua
from asyncua.ua import ua_binary

MACHINERY = "http://opcfoundation.org/UA/Machinery/"
PLANT = "urn:millwright:plant"
CONDITION_FIELDS = {"ConditionName": "ConditionName", "ActiveState": "ActiveState/Id", "AckedState": "AckedState/Id"}
PLANT_FIELDS = ["AlarmId", "State", "Priority", "Machine", "Component", "Sensor", "Value", "Limit"]
BASE_FIELDS = ["EventId", "EventType", "SourceNode", "SourceName", "Time", "ReceiveTime", "Message", "Severity"]
EPOCH_STEPS = 116444736000000000  # 1601 to 1970 in 100 ns


class ExactTime(datetime):
    """asyncua cuts times to microseconds; this one also keeps the 100 ns steps that came."""

    steps = 0


def unpack_time(data):
    steps = ua_binary.Primitives.Int64.unpack(data)
    cut = ua.win_epoch_to_datetime(steps)
    exact = ExactTime(cut.year, cut.month, cut.day, cut.hour, cut.minute, cut.second, cut.microsecond, cut.tzinfo)
    exact.steps = steps
    return exact


ua_binary._DateTime.unpack = staticmethod(unpack_time)


def write(line):
    print(json.dumps(line), flush=True)


def plain(value):
    if isinstance(value, ua.LocalizedText):
        return value.Text or ""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, ua.NodeId):
        return value.to_string()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def value_line(path, data):
    value = data.Value.Value if data.Value is not None else None
    is_number = isinstance(value, (bool, int, float))
    time_ns = None
    if data.SourceTimestamp is not None:
        time_ns = str((data.SourceTimestamp.steps - EPOCH_STEPS) * 100 + (data.SourcePicoseconds or 0) // 100)
    if isinstance(value, int) and not isinstance(value, bool) and data.Value.VariantType.name in ("Int64", "UInt64"):
        text = str(value)  # as JSON's numbers would round it
    else:
        text = plain(value)
    return {"kind": "value", "path": path, "time_ns": time_ns,
            "value_hex": struct.pack(">d", float(value)).hex() if is_number else None, "value": text,
            "status": data.StatusCode.name, "status_code": data.StatusCode.value}


async def child(node, name):
    for description in await node.get_children_descriptions():
        if description.BrowseName.Name == name:
            return description.NodeId
    return None


async def walk(client, names):
    node = client.nodes.objects
    for name in names:
        found = await child(node, name)
        if found is None:
            raise LookupError(f"no '{name}' on the way Objects/{'/'.join(names)}")
        node = client.get_node(found)
    return node


async def property_value(client, node, name):
    found = await child(node, name)
    return await client.get_node(found).read_value() if found is not None else None


async def describe(client, path):
    node = await walk(client, ["Machines", *path.split("/")])
    unit = await property_value(client, node, "EngineeringUnits")
    range_ = await property_value(client, node, "EURange")
    states = await property_value(client, node, "EnumValues")
    write({"kind": "sensor", "path": path, "node_id": node.nodeid.to_string(),
           "type": (await node.read_data_type_as_variant_type()).name,
           "description": (await node.read_description()).Text or "",
           "unit": unit and {"symbol": unit.DisplayName.Text, "id": unit.UnitId, "namespace": unit.NamespaceUri,
                             "description": unit.Description.Text},
           "range": range_ and {"low": range_.Low, "high": range_.High},
           "states": states and {str(s.Value): s.DisplayName.Text for s in states}})
    write(value_line(path, await node.read_data_value(raise_on_bad_status=False)))
    return node


class Handler:
    def __init__(self, options):
        self.options = options
        self.paths = {}
        self.values = 0
        self.events = 0
        self.finished = asyncio.Event()

    def reached(self):
        return ((self.options.count is None or self.values >= self.options.count)
                and (self.options.events is None or self.events >= self.options.events))

    def check(self):
        limited = self.options.count is not None or self.options.events is not None
        if limited and self.reached():
            self.finished.set()

    def datachange_notification(self, node, _value, data):
        write(value_line(self.paths[node.nodeid], data.monitored_item.Value))
        self.values += 1
        self.check()

    def event_notification(self, event):
        line = {"kind": "event"}
        for name in BASE_FIELDS + PLANT_FIELDS:
            line[name] = plain(getattr(event, name, None))
        for name, path in CONDITION_FIELDS.items():
            line[name] = plain(getattr(event, path, None))
        line["AlarmId"] = str(line["AlarmId"])  # 64 bits: as JSON's numbers would round it
        write(line)
        self.events += 1
        self.check()


async def make_client(options):
    client = Client(options.endpoint, timeout=20)
    if options.security:
        client.application_uri = options.application_uri
        await client.set_security_string(f"{options.security},{options.certificate},{options.key}")
    if options.user_certificate:
        await client.load_client_certificate(options.user_certificate)
        await client.load_private_key(options.user_key)
    if options.user:
        client.set_user(options.user)
        client.set_password(options.password)
    return client


async def run(options):
    async with await make_client(options) as client:
        for endpoint in await client.get_endpoints():
            write({"kind": "endpoint", "policy": endpoint.SecurityPolicyUri.partition("#")[2],
                   "mode": endpoint.SecurityMode.name,
                   "users": sorted({token.TokenType.name for token in endpoint.UserIdentityTokens})})
        await client.get_namespace_index(MACHINERY)
        plant = await client.get_namespace_index(PLANT)
        handler = Handler(options)
        nodes = []
        for path in options.path:
            node = await describe(client, path)
            handler.paths[node.nodeid] = path
            nodes.append(node)
        subscription = await client.create_subscription(50, handler)
        every_reading = ua.DataChangeFilter(Trigger=ua.DataChangeTrigger.StatusValueTimestamp)
        if nodes:
            # Not subscribe_data_change(), which has no filter.
            await subscription._subscribe(nodes, ua.AttributeIds.Value, every_reading, queuesize=10000,
                                          sampling_interval=10)
        event_type = client.get_node(ua.NodeId("MachineAlarmEventType", plant))
        await subscription.subscribe_events(ua.ObjectIds.Server, event_type, queuesize=10000)
        write({"kind": "subscribed", "paths": options.path})
        try:
            await asyncio.wait_for(handler.finished.wait(), options.seconds)
        except asyncio.TimeoutError:
            pass
        await subscription.delete()
    write({"kind": "end", "values": handler.values, "events": handler.events})
    return 0 if handler.reached() else 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoint", default="opc.tcp://127.0.0.1:4840")
    parser.add_argument("--path", action="append", default=[], help="MACHINE/COMPONENT/SENSOR; again for more")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--count", type=int, help="end after so many values")
    parser.add_argument("--events", type=int, help="end after so many events")
    parser.add_argument("--security", help="POLICY,MODE such as Basic256Sha256,SignAndEncrypt")
    parser.add_argument("--certificate", help="DER file")
    parser.add_argument("--key", help="PEM file")
    parser.add_argument("--application-uri", help="as the certificate has it")
    parser.add_argument("--user")
    parser.add_argument("--password")
    parser.add_argument("--user-certificate", help="DER; the user shows it instead of a password")
    parser.add_argument("--user-key", help="PEM")
    return asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
