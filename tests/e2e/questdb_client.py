"""QuestDB's own client, which writes line protocol over TCP: `questdb_client.py PORT START_NS COUNT`."""

import sys

from questdb.ingress import Sender, TimestampNanos

port, start, count = (int(argument) for argument in sys.argv[1:])
with Sender.from_conf(f"tcp::addr=127.0.0.1:{port};") as sender:
    for i in range(count):
        sender.row("press", symbols={"id": "1", "hall": "a"}, columns={"pressure": i / 7, "count": i, "running": i % 2 == 0},
                   at=TimestampNanos(start + i))
    sender.flush()
