"""Sends a waveform in chunks, after docs/format/waveform.md alone:
   python waveform_sender.py <broker port> <topic> <samples> <rate in Hz> <start in ns> [seed]
The samples are random walks, so that LZ4 and the reader have something to do; prints how it went as JSON."""

import array
import hashlib
import json
import random
import struct
import sys
import uuid

import lz4.block
import paho.mqtt.client as mqtt

CHUNK = 4096


def chunks(samples, rate, start, upload):
    raw = samples.tobytes()
    digest = hashlib.sha256(raw).digest()
    for first in range(0, len(samples), CHUNK):
        part = samples[first:first + CHUNK]
        head = struct.pack("<4sB3x16sqdIII32s", b"MWW1", 1, upload, start, rate, len(samples), first, len(part), digest)
        yield head + lz4.block.compress(part.tobytes(), store_size=False)


def wave(count, seed):
    rng, level = random.Random(seed), 0
    out = array.array("f")
    for _ in range(count):
        level += rng.randint(-3, 3)
        out.append(level / 4)
    return out


def main(port, topic, count, rate, start, seed=1):
    samples = wave(int(count), int(seed))
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.connect("127.0.0.1", int(port))
    client.loop_start()
    sent = list(chunks(samples, float(rate), int(start), uuid.UUID(int=int(seed)).bytes))
    random.Random(int(seed)).shuffle(sent)
    for payload in sent + sent[:1]:  # one of them twice
        client.publish(topic, payload, qos=1).wait_for_publish(30)
    client.disconnect()
    client.loop_stop()
    print(json.dumps({"chunks": len(sent), "bytes": sum(map(len, sent)), "first": samples[0], "last": samples[-1], "sum": sum(samples)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
