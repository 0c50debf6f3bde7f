"""A real Apache Kafka, one broker in KRaft mode, from Maven Central; and what it holds, read by kcat.

    python3 tests/e2e/kafka_broker.py     fetches the jars into build/kafka, once; fails where they cannot be had
"""

import json
import shutil
import subprocess
import sys

from harness import ROOT

FOLDER = ROOT / "build/kafka"
POM = ROOT / "tests/e2e/kafka/pom.xml"
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"
CLUSTER = "bWlsbHdyaWdodC10ZXN0cw"


class Unavailable(Exception):
    pass


def jars():
    """The class path. Fetched with a Maven repository of its own; a changed pom.xml is fetched anew."""
    folder, mark = FOLDER / "jars", FOLDER / "fetched.xml"
    if not mark.exists() or mark.read_text() != POM.read_text():
        for tool in ("mvn", "java"):
            if shutil.which(tool) is None:
                raise Unavailable(f"{tool} is not installed")
        shutil.rmtree(folder, ignore_errors=True)
        FOLDER.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(["mvn", "-q", "-B", f"-Dmaven.repo.local={FOLDER}/maven", "-f", str(POM), f"{PLUGIN}:copy-dependencies",
                               f"-DoutputDirectory={folder}"], capture_output=True, text=True, timeout=900)
        if done.returncode != 0:
            raise Unavailable(f"Maven could not fetch Apache Kafka: {done.stdout[-300:]}")
        mark.write_text(POM.read_text())
    return f"{folder}/*"


class Broker:
    """On two ports of its own; what it was given stays through kill() and start(). `prefix` goes before its command."""

    def __init__(self, test, port, controller_port, partitions=3, host="127.0.0.1", prefix=()):
        self.test, self.port, self.process, self.prefix = test, port, None, prefix
        self.address = f"{host}:{port}"
        self.file = test.folder / "kafka.properties"
        self.file.write_text(f"""
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
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
        return subprocess.run(["kcat", "-b", self.address, "-L", "-J", "-m", "2"], capture_output=True, timeout=30).returncode == 0

    def messages(self, topic):
        """All of a topic: (partition, key, historical, rows), partition by partition in order."""
        done = subprocess.run(["kcat", "-C", "-q", "-b", self.address, "-t", topic, "-o", "beginning", "-e", "-f", "%p|%k|%h|%S\n%s"],
                              capture_output=True, timeout=120)
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
    except Unavailable as why:
        sys.exit(str(why))
