"""A foreign alarm client (asyncua): lists the alarms that are open by ConditionRefresh, comments on the first, acknowledges
it and shelves it in every way, and says as JSON lines what each call gave and what events came.

  python tests/e2e/opcua/alarm_client.py ENDPOINT [SECURITY CERTIFICATE KEY APPLICATION_URI USER PASSWORD]

Without a user it is an anonymous client: the calls are then to be refused.
"""

import asyncio
import json
import sys

from asyncua import Client, ua

FIELDS = {"condition": "NodeId", "name": "ConditionName", "active": "ActiveState/Id", "acked": "AckedState/Id",
          "confirmed": "ConfirmedState/Id", "shelving": "ShelvingState/CurrentState", "comment": "Comment",
          "user": "ClientUserId", "retain": "Retain", "severity": "Severity", "machine": "Machine"}


def write(line):
    print(json.dumps(line), flush=True)


class Handler:
    def __init__(self):
        self.events = asyncio.Queue()

    def event_notification(self, event):
        self.events.put_nowait(event)


def plain(value):
    return value.Text if isinstance(value, ua.LocalizedText) else value.to_string() if isinstance(value, ua.NodeId) else value


async def run(client, anonymous):
    handler = Handler()
    subscription = await client.create_subscription(50, handler)
    # All fields of the type, and the ConditionId.
    await subscription.subscribe_alarms_and_conditions(ua.ObjectIds.Server, ua.ObjectIds.AlarmConditionType, queuesize=1000)

    async def event(until, seconds=20):
        """The next event that is so."""
        while True:
            found = await asyncio.wait_for(handler.events.get(), seconds)
            if found.NodeId is not None and until(found):
                write({"event": {key: plain(getattr(found, name, None)) for key, name in FIELDS.items()}})
                return found

    async def call(what, node, method, *arguments):
        try:
            await node.call_method(f"0:{method}", *arguments)
            write({"call": what, "status": "Good"})
            return True
        except ua.UaStatusCodeError as error:
            write({"call": what, "status": type(error).__name__})
            return False

    condition_type = client.get_node(ua.ObjectIds.ConditionType)
    await call("refresh", condition_type, "ConditionRefresh", ua.Variant(subscription.subscription_id, ua.VariantType.UInt32))
    alarm = await event(lambda e: e.Retain and getattr(e, "ActiveState/Id"))
    condition = client.get_node(alarm.NodeId)
    shelving = await condition.get_child("0:ShelvingState")
    said = ua.LocalizedText("looking into it", "en")
    commented = await call("comment", condition, "AddComment", alarm.EventId, said)
    acknowledged = await call("acknowledge", condition, "Acknowledge", alarm.EventId, ua.LocalizedText("seen", "en"))
    shelved = await call("timed shelve", shelving, "TimedShelve", ua.Variant(60000.0, ua.VariantType.Double))
    if anonymous:
        return commented or acknowledged or shelved
    await event(lambda e: e.Comment.Text == "looking into it")
    await event(lambda e: getattr(e, "AckedState/Id"))
    await event(lambda e: plain(getattr(e, "ShelvingState/CurrentState")) == "TimedShelved")
    await call("acknowledge again", condition, "Acknowledge", alarm.EventId, said)
    await call("an unknown event", condition, "Acknowledge", b"nothing", said)
    await call("shelve again", shelving, "OneShotShelve")
    await call("unshelve", shelving, "Unshelve")
    await event(lambda e: plain(getattr(e, "ShelvingState/CurrentState")) == "Unshelved")
    await call("unshelve again", shelving, "Unshelve")
    await call("too long", shelving, "TimedShelve", ua.Variant(1e12, ua.VariantType.Double))
    await call("one shot", shelving, "OneShotShelve")
    await event(lambda e: plain(getattr(e, "ShelvingState/CurrentState")) == "OneShotShelved")
    return True


async def main():
    endpoint, *more = sys.argv[1:]
    client = Client(endpoint, timeout=20)
    if more:
        security, certificate, key, uri, user, password = more
        if security:
            client.application_uri = uri
            await client.set_security_string(f"{security},{certificate},{key}")
        client.set_user(user)
        client.set_password(password)
    async with client:
        return 0 if await run(client, not more) != (not more) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
