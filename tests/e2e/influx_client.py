"""Writes points with InfluxDB's own client library, as a user's program would: the points as JSON on standard input, a list
of {measurement, tags, fields, time_ns}; what the server says about trouble on standard output."""

import json
import sys

from influxdb_client import InfluxDBClient, WritePrecision
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException

url, gzip = sys.argv[1], sys.argv[2] == "gzip"
points = [{"measurement": p["measurement"], "tags": p["tags"], "fields": p["fields"], "time": p["time_ns"]}
          for p in json.load(sys.stdin)]
with InfluxDBClient(url=url, token="any", org="any", enable_gzip=gzip) as client:
    if not client.ping():
        sys.exit("ping is not answered")
    try:
        client.write_api(write_options=SYNCHRONOUS).write(bucket="any", record=points, write_precision=WritePrecision.NS)
        print(json.dumps({"status": 204}))
    except ApiException as error:
        print(json.dumps({"status": error.status, "message": json.loads(error.body)["message"]}))
