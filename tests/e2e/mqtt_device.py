"""A foreign device on a broker (paho-mqtt): carries out the commands that come on the topic `press/cmd`, and answers where they say.
speed above 1000: refused. speed 13: no answer. Prints what it has carried out.

    build/venv/bin/python tests/e2e/mqtt_device.py PORT
"""

import json
import sys

import paho.mqtt.client as paho


def on_message(client, _, message):
    command = json.loads(message.payload)
    speed = command["arguments"]["speed"]
    print("got", command["command"], speed, flush=True)
    if speed == 13:
        return
    good = speed <= 1000
    answer = {"id": command["id"], "ok": good, "result": f"running at {speed}" if good else "too fast"}
    client.publish(command["answer"], json.dumps(answer), qos=1)


client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="press", protocol=paho.MQTTv5)
client.on_message = on_message
client.on_connect = lambda client, *_: client.subscribe("press/cmd", qos=1)
client.on_subscribe = lambda *_: print("ready", flush=True)
client.connect("127.0.0.1", int(sys.argv[1]))
client.loop_forever()
