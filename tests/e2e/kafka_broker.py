"""A real Apache Kafka, one broker in KRaft mode, from Maven Central; and what it holds, read by kcat.

    python3 tests/e2e/kafka_broker.py     fetches the jars into build/kafka, once; fails where they cannot be had
"""

import json
import subprocess
import sys

import maven
from harness import ROOT

CLUSTER = "bWlsbHdyaWdodC10ZXN0cw"


def jars():
    return maven.jars(ROOT / "tests/e2e/kafka/pom.xml", ROOT / "build/kafka", "Apache Kafka")


class Broker:
    """On ports of its own; what it was given stays through kill() and start(). `prefix` goes before its command and those that ask it,
    which is then at `inside_port` of the loopback, whatever becomes of `host`."""

    def __init__(self, test, port, controller_port, partitions=3, host="127.0.0.1", prefix=(), inside_port=None):
        self.test, self.port, self.process, self.prefix = test, port, None, prefix
        self.address = f"{host}:{port}"
        listeners, protocols = f"PLAINTEXT://{self.address}", ""
        self.asked_at = self.address
        if inside_port:
            self.asked_at = f"127.0.0.1:{inside_port}"
            listeners += f",INSIDE://{self.asked_at}"
            protocols = "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT"
        self.file = test.folder / "kafka.properties"
        self.file.write_text(f"""
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners={listeners},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners={listeners}
{protocols}
controller.listener.names=CONTROLLER
log.dirs={test.folder}/kafka
num.partitions={partitions}
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
""")
        self._java("kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", self.file)

    def _java(self, main, *arguments):
        done = subprocess.run(["java", "-cp", jars(), main, *map(str, arguments)], capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise AssertionError(f"{main}: {done.stdout[-2000:]}{done.stderr[-2000:]}")

    def start(self):
        self.process = self.test.start([*self.prefix, "java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", jars(),
                                        "kafka.Kafka", self.file], "kafka")
        self.test.wait_for("Kafka", self.answers, 120, self.process)
        return self

    def kill(self):
        self.process.kill()

    def answers(self):
        asked = [*self.prefix, "kcat", "-b", self.asked_at, "-L", "-J", "-m", "2"]
        return subprocess.run(asked, capture_output=True, timeout=30).returncode == 0

    def create(self, topic):
        """By asking for it, until it is there."""
        asked = [*self.prefix, "kcat", "-b", self.asked_at, "-L", "-J", "-t", topic, "-X", "allow.auto.create.topics=true"]

        def there():
            done = subprocess.run(asked, capture_output=True, timeout=60)
            return done.returncode == 0 and all(one["partitions"] for one in json.loads(done.stdout)["topics"])
        self.test.wait_for(f"the topic {topic}", there, 60, self.process)

    def messages(self, topic):
        """All of a topic: (partition, key, historical, rows), partition by partition in order; nothing of one that is not there yet."""
        asked = [*self.prefix, "kcat", "-C", "-q", "-b", self.asked_at, "-t", topic, "-o", "beginning", "-e", "-f", "%p|%k|%h|%S\n%s"]
        done = subprocess.run(asked, capture_output=True, timeout=120)
        if b"Unknown topic or partition" in done.stderr:
            return []
        if done.returncode != 0:
            raise AssertionError(done.stderr.decode()[-2000:])
        found, at, data = [], 0, done.stdout
        while at < len(data):
            end = data.index(b"\n", at)
            partition, key, headers, size = data[at:end].decode().split("|")
            at = end + 1 + int(size)
            rows = [json.loads(line) for line in data[end + 1:at].splitlines()]
            found.append((int(partition), key, "historical=1" in headers, rows))
        return found


if __name__ == "__main__":
    try:
        print(jars())
    except maven.Unavailable as why:
        sys.exit(str(why))
