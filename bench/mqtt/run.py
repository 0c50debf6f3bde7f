#!/usr/bin/env python3
"""JSON messages by a real broker (mosquitto) into a plant that keeps their history:

    python3 bench/mqtt/run.py [--messages 1000000] [--sensors 1000] [--qos 0|1]

One publisher sends a reading a message, of each sensor in turn, as fast as the broker takes them. Printed: messages a second from end to end, and
a second of a core: of the connector's thread, the busiest, and of the whole plant with its pipeline and history. Every message has to arrive.
Publisher, broker and plant share the machine."""

import argparse
import os
import pathlib
import socket
import struct
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from harness import EndToEnd, Plant, free_ports, one_cell  # noqa: E402

SENSORS_A_MACHINE = 10
PLANT = """
node: {{name: bench}}
opcua_server: {{enabled: false}}
connectors:
  - name: uns
    type: mqtt
    host: 127.0.0.1
    port: {port}
    topics: ["{{enterprise}}/{{site}}/{{area}}/{{line}}/{{cell}}/{{machine}}/{{sensor}}"]
"""


class Scene(EndToEnd):
    """A scratch folder and what runs in it."""

    def runTest(self):
        pass


def machine():
    model = next(line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    return f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the run"


def plant_file(port, sensors):
    text = PLANT.format(port=port) + one_cell("default: uns")
    for i in range(0, sensors, SENSORS_A_MACHINE):
        text += f"                    - name: m-{i // SENSORS_A_MACHINE}\n                      sensors:\n"
        text += "".join(f"                        - {{name: s-{j}}}\n" for j in range(i, min(sensors, i + SENSORS_A_MACHINE)))
    return text


def length(n):
    """MQTT's variable byte integer."""
    out = bytearray()
    while n > 127:
        out.append(n % 128 | 128)
        n //= 128
    return bytes(out) + bytes([n])


class Publisher:
    """MQTT 3.1.1, no more than publishing takes: a library would be measured, not the plant."""

    def __init__(self, port, qos):
        self.qos, self.id = qos, 0
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.sendall(b"\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05bench")
        if self.socket.recv(4) != b"\x20\x02\x00\x00":
            raise SystemExit("the broker refused the publisher")
        threading.Thread(target=self.drain, daemon=True).start()

    def drain(self):
        while self.socket.recv(1 << 20):
            pass

    def publish(self, messages):
        out = bytearray()
        for topic, payload in messages:
            body = struct.pack(">H", len(topic)) + topic
            if self.qos:
                self.id = self.id % 65535 + 1
                body += struct.pack(">H", self.id)
            out += (b"\x32" if self.qos else b"\x30") + length(len(body) + len(payload)) + body + payload
        self.socket.sendall(out)


def thread_seconds(pid):
    """Processor time of each thread."""
    seconds = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        stat = pathlib.Path(f"/proc/{pid}/task/{thread}/stat").read_text().rpartition(")")[2].split()
        seconds[thread] = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
    return seconds


def run(scene, options):
    port, api, opcua = free_ports(3)
    conf = scene.folder / "mosquitto.conf"
    conf.write_text(f"listener {port} 127.0.0.1\nuser root\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 0\n")
    scene.start_server(["mosquitto", "-c", conf], "mosquitto", port)
    file = scene.folder / "plant.yaml"
    file.write_text(plant_file(port, options.sensors))
    plant = Plant(scene, file, api, opcua, scene.folder / "data").start()

    def connector():
        return plant.get("/v1/plant")["connectors"][0]
    scene.wait_for("the subscription", lambda: connector()["state"] == "connected", 30, plant.process)
    topics = [f"acme/lyon/hall/one/cell/m-{i // SENSORS_A_MACHINE}/s-{i}".encode() for i in range(options.sensors)]
    rounds = options.messages // options.sensors
    publisher = Publisher(port, options.qos)
    start_ms = int(time.time() * 1000) - rounds
    before, begin = thread_seconds(plant.process.child.pid), time.monotonic()
    for k in range(rounds):
        publisher.publish((topic, b'{"timestamp_ms":%d,"value":%d.%d}' % (start_ms + k, i % 97, k % 10)) for i, topic in enumerate(topics))
    sent = rounds * options.sensors
    scene.wait_for("all messages", lambda: connector()["readings"] >= sent, 600, plant.process)
    took = time.monotonic() - begin
    used = sorted((now - before.get(thread, 0) for thread, now in thread_seconds(plant.process.child.pid).items()), reverse=True)
    print(f"{sent / 1e6:.1f} M messages, QoS {options.qos}: {sent / took:,.0f}/s from end to end; a second of a core: "
          f"{sent / used[0]:,.0f} of the connector's thread, {sent / sum(used):,.0f} of the whole plant; refused {connector()['refused']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--sensors", type=int, default=1000)
    parser.add_argument("--qos", type=int, choices=(0, 1), default=0)
    options = parser.parse_args()
    print(machine())
    scene = Scene()
    scene.setUp()
    try:
        run(scene, options)
    finally:
        scene.doCleanups()


if __name__ == "__main__":
    main()
