"""The OpenAPI document is one, and real answers of the real binary are what it says, by validators that are not ours."""

import http.client
import json
import subprocess
import time
import unittest
import urllib.error
import urllib.request

from harness import FOREIGN_CLIENTS, ROOT, EndToEnd, Plant, free_ports

PYTHON = ROOT / "build/venv/bin/python"
PLANT = """
node: {{name: line-1}}
connectors:
  - {{name: line, type: influx, port: {port}}}
opcua_server: {{enabled: false}}
maintenance: {{enabled: true}}
detection: {{health: {{}}}}
assets:
  enterprise: acme
  streams: {{default: line}}
  sites:
    - name: lyon
      areas: [{{name: a, lines: [{{name: l, cells: [{{name: c, machines: [
        {{name: pump-1, components: [{{name: motor}}], oee: {{ideal_cycle_time: 6s, good: good, total: total}}, sensors: [
          {{name: temperature, component: motor, unit: degC, range: [0, 50], address: "pump temperature"}},
          {{name: total, type: int64, address: "pump total"}},
          {{name: good, type: int64, address: "pump good"}},
          {{name: state, type: state, states: {{0: idle, 1: running, 2: down}}, address: "pump state"}}]}},
        {{name: press-2, oee: {{ideal_cycle_time: 6s}}, sensors: [
          {{name: state, type: state, states: {{0: idle, 1: running}}, address: "press state"}}]}}]}}]}}]}}]
"""
PAGES = ["/v1/plant", "/v1/machines", "/v1/machines/{id}", "/v1/machines/{id}/twin", "/v1/machines/{id}/twin/versions",
         "/v1/analytics/failures/prediction", "/v1/analytics/health", "/v1/machines/{id}/commands", "/v1/machines/{id}/limits",
         "/v1/alarms", "/v1/alarm-performance", "/v1/alarm-controls", "/v1/models", "/v1/session", "/v1/maintenance/work-orders",
         "/v1/maintenance/events", "/v1/maintenance/erps", "/v1/work-order-deliveries", "/v1/analytics/oee", "/v1/calendars",
         "/v1/downtime", "/v1/downtime/reasons", "/v1/production-orders", "/v1/assets", "/v1/assets/versions",
         "/v1/assets/machines/{id}", "/v1/grafana/", "/healthz", "/readyz"]
ASKED = {"/v1/machines/{id}/history": ["sensor=motor/temperature", "sensor=motor/temperature&resolution=1s", "sensor=state"],
         "/v1/charts": ["sensors=acme/lyon/a/l/c/pump-1/motor/temperature&method=minmax"],
         "/v1/analytics/oee": ["by=hour&level=machine", "by=shift"]}


@unittest.skipIf("asyncua" not in FOREIGN_CLIENTS, "needs openapi-spec-validator, from PyPI")
class OpenApi(EndToEnd):
    def setUp(self):
        super().setUp()
        self.line, api, opcua = free_ports(3)
        file = self.folder / "plant.yaml"
        file.write_text(PLANT.format(port=self.line))
        self.plant = Plant(self, file, api, opcua, self.folder / "data").start()
        self.answers = []

    def ask(self, method, template, body=None, query="", media="application/json", **names):
        """Asks, keeps the answer for the validators, and gives it."""
        path = template.format(**{"id": "pump-1", **names}) + ("?" + query if query else "")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.plant.url + path, method=method.upper(), data=data)
        if data is not None:
            request.add_header("Content-Type", media)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
                status, fields, text = answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            status, fields, text = error.code, error.headers, error.read()
        given = json.loads(text)
        self.answers.append({"path": template, "method": method, "status": status, "body": given,
                             "media": fields["Content-Type"].split(";")[0]})
        return status, given

    def done(self, method, template, body, status=200, **more):
        got, given = self.ask(method, template, body, **more)
        self.assertEqual(got, status, given)
        return given

    def live(self):
        now = int(time.time())
        lines = [f"pump temperature={20 + i % 7},total={i}i,good={i}i,state={2 if 100 < i < 130 else 1}i {(now - 600 + i) * 10**9}"
                 for i in range(600)]
        lines += [f"pump temperature=90 {now * 10**9}", f"press state=1i {(now - 500) * 10**9}"]
        connection = http.client.HTTPConnection("127.0.0.1", self.line, timeout=30)
        connection.request("POST", "/write?db=x", "\n".join(lines))
        self.assertEqual(connection.getresponse().status, 204)
        connection.close()
        self.wait_for("downtime", lambda: self.plant.get("/v1/downtime")["items"])

    def change(self):
        order = self.done("post", "/v1/maintenance/work-orders",
                          {"machine_id": "pump-1", "component": "motor", "cause": "worn", "recommended_action": "replace", "by": "ann"}, 201)
        self.done("get", "/v1/maintenance/work-orders/{id}", None, id=order["id"])
        self.done("post", "/v1/maintenance/work-orders/{id}/approve", {"note": "go", "by": "ann"}, id=order["id"])
        stop = self.plant.get("/v1/downtime")["items"][0]["id"]
        self.done("patch", "/v1/downtime/{id}", {"reason": "mechanical", "comment": "belt"}, id=stop)
        self.done("get", "/v1/downtime/{id}", None, id=stop)
        self.done("post", "/v1/production-orders", {"id": "po-1", "equipment": "press-2", "material_definition": "ring"})
        self.done("post", "/v1/production-orders/{id}/start", {}, id="po-1")
        self.done("get", "/v1/production-orders/{id}", None, id="po-1")
        self.done("post", "/v1/alarm-controls", {"kind": "shelved", "match": "**/motor/**", "by": "ann", "comment": "noisy",
                                                 "duration": "1h"})
        self.done("patch", "/v1/machines/{id}/twin", {"nameplate": {"manufacturer": "Acme"}}, media="application/merge-patch+json")
        self.done("post", "/v1/grafana/search", {"target": ""})

    def test_answers_are_what_the_document_says(self):
        self.live()
        self.change()
        for template in PAGES:
            self.done("get", template, None)
        for template, queries in ASKED.items():
            for query in queries:
                self.done("get", template, None, query=query)
        # And refusals.
        for template, names, query, status in (("/v1/machines/{id}", {"id": "pump-9"}, "", 404), ("/v1/machines", {}, "limit=x", 400),
                                               ("/v1/downtime/{id}", {"id": "none"}, "", 404),
                                               ("/v1/analytics/oee", {}, "from=tomorrow", 400)):
            self.done("get", template, None, status, query=query, **names)
        self.done("post", "/v1/maintenance/work-orders", {"machine_id": "pump-9"}, 404)
        self.assertGreater(len({answer["path"] for answer in self.answers}), 30)
        question = json.dumps({"document": self.plant.get("/v1/openapi.json"), "answers": self.answers})
        checked = subprocess.run([PYTHON, "openapi_check.py"], input=question, capture_output=True, text=True, timeout=120,
                                 cwd=ROOT / "tests/e2e")
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertEqual(json.loads(checked.stdout), [])


if __name__ == "__main__":
    unittest.main()
