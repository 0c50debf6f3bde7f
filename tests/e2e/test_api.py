"""The API's common ways with the real binary: Grafana's JSON data sources with the bodies of their own descriptions, entity
tags, and idempotency keys that a restart does not forget."""

import http.client
import json
import time
import unittest
import urllib.error
import urllib.request

from harness import EndToEnd, Plant, free_ports

PLANT = """
node: {{name: line-1}}
connectors:
  - {{name: line, type: influx, port: {port}}}
opcua_server: {{enabled: false}}
maintenance: {{enabled: true}}
assets:
  enterprise: acme
  streams: {{default: line}}
  sites:
    - name: lyon
      areas: [{{name: a, lines: [{{name: l, cells: [{{name: c, machines: [
        {{name: pump-1, components: [{{name: motor}}], sensors: [
          {{name: temperature, component: motor, unit: degC, address: "pump temperature"}},
          {{name: state, type: state, states: {{0: idle, 1: running}}, address: "pump state"}}]}}]}}]}}]}}]
"""


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds * 1000) % 1000:03d}Z"


class Api(EndToEnd):
    def setUp(self):
        super().setUp()
        self.line, api, opcua = free_ports(3)
        file = self.folder / "plant.yaml"
        file.write_text(PLANT.format(port=self.line))
        self.plant = Plant(self, file, api, opcua, self.folder / "data").start()

    def ask(self, method, path, body=None, **fields):
        request = urllib.request.Request(self.plant.url + path, method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={k.replace("_", "-"): v for k, v in fields.items()})
        if body is not None:
            request.add_header("Content-Type", "application/json")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"null"), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null"), error.headers

    def write(self, lines):
        connection = http.client.HTTPConnection("127.0.0.1", self.line, timeout=30)
        connection.request("POST", "/write?db=x", "\n".join(lines))
        self.assertEqual(connection.getresponse().status, 204)
        connection.close()

    def test_grafana(self):
        now = int(time.time())
        self.write([f"pump temperature={20 + i},state=1i {(now - 60 + i) * 10**9}" for i in range(60)])
        self.assertEqual(self.ask("GET", "/grafana/")[0], 200)
        self.assertEqual(self.ask("POST", "/grafana/search", {"target": "temp"})[1], ["pump-1/motor/temperature"])
        self.assertEqual(self.ask("POST", "/grafana/variable", {"payload": {"target": "machines"}})[1],
                         [{"__text": "pump-1", "__value": "pump-1"}])
        question = {
            "panelId": 1,
            "range": {"from": iso(now - 60), "to": iso(now), "raw": {"from": "now-1m", "to": "now"}},
            "rangeRaw": {"from": "now-1m", "to": "now"},
            "interval": "1s",
            "intervalMs": 1000,
            "targets": [{"target": "pump-1/motor/temperature", "refId": "A", "type": "timeserie"},
                        {"target": "pump-1/state", "refId": "B", "type": "table"},
                        {"target": "alarms", "refId": "C", "type": "table"}],
            "adhocFilters": [{"key": "site", "operator": "=", "value": "lyon"}],
            "format": "json",
            "maxDataPoints": 550}

        def answered():
            series, states, alarms = self.ask("POST", "/grafana/query", question)[1]
            return (series, states, alarms) if len(series["datapoints"]) == 60 else None
        series, states, alarms = self.wait_for("the readings in Grafana", answered)
        self.assertEqual(series["datapoints"][0], [20, (now - 60) * 1000])
        self.assertEqual(series["datapoints"][59], [79, (now - 1) * 1000])
        self.assertEqual(states["rows"][0], [(now - 60) * 1000, 1, 1, 1, 1, "running"])
        self.assertEqual(alarms["columns"][0], {"text": "time", "type": "time"})
        question["maxDataPoints"] = 6
        self.assertLessEqual(len(self.ask("POST", "/grafana/query", question)[1][0]["datapoints"]), 7)
        status, events, _ = self.ask("POST", "/grafana/annotations", {
            "range": {"from": iso(now - 60), "to": iso(now)}, "rangeRaw": {"from": "now-1m", "to": "now"},
            "annotation": {"name": "deploy", "datasource": "Simple JSON Datasource", "iconColor": "rgba(255, 96, 96, 1)",
                           "enable": True, "query": "alarms"}})
        self.assertEqual((status, events), (200, []))
        status, told, _ = self.ask("POST", "/grafana/query", {**question, "targets": [{"target": "pump-1/motor/temprature"}]})
        self.assertEqual(status, 404)
        self.assertIn("motor/temperature", told["detail"])

    def test_entity_tags(self):
        for path in ("/v1/machines", "/v1/machines/pump-1", "/v1/machines/pump-1/twin?section=nameplate", "/v1/alarms", "/v1/assets",
                     "/v1/openapi.json"):
            status, _, fields = self.ask("GET", path)
            self.assertEqual(status, 200, path)
            again = self.ask("GET", path, If_None_Match=fields["ETag"])
            self.assertEqual((again[0], again[1]), (304, None), path)

    def test_keys_outlive_a_kill(self):
        order = {"machine_id": "pump-1", "recommended_action": "Replace the bearing"}
        status, first, _ = self.ask("POST", "/maintenance/work-orders", order, Idempotency_Key="k1")
        self.assertEqual(status, 201, first)
        self.plant.process.kill()
        self.plant.start()
        status, again, fields = self.ask("POST", "/maintenance/work-orders", order, Idempotency_Key="k1")
        self.assertEqual((status, again, fields["Idempotency-Replayed"]), (201, first, "true"))
        self.assertEqual(self.ask("POST", "/maintenance/work-orders", {**order, "cause": "wear"}, Idempotency_Key="k1")[0], 422)
        self.assertEqual(len(self.ask("GET", "/maintenance/work-orders")[1]["items"]), 1)


if __name__ == "__main__":
    unittest.main()
