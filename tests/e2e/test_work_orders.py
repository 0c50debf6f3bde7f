"""Work orders of the real binary to four kinds of ERP, each in a process of its own: exactly once though the ERP dies of
SIGKILL between its commit and its answer, errors inside of answers, dead letters, states read back, and the REST interface.

WORK_ORDER_KILLS says how often an ERP dies, over the four of them; 200 unless told."""

import json
import os
import sqlite3
import sys
import unittest
import urllib.error
import urllib.request

from harness import ROOT, EndToEnd, Plant, free_ports, one_cell

KILLS = int(os.environ.get("WORK_ORDER_KILLS", "200"))
KINDS = ["rest", "sap", "maximo", "odoo"]
PLANT = """
node: {{name: lyon}}
maintenance:
  erps:
    - name: rest
      kind: rest
      machines: "**/rest-*"
      allow: [127.0.0.1]
      oauth2: {{token_url: "http://127.0.0.1:{rest}/oauth/token", client_id: plant, client_secret_env: ERP_SECRET}}
      create:
        url: "http://127.0.0.1:{rest}/api/orders"
        body: '{{"ref": "{{{{reference}}}}", "title": "{{{{title}}}}", "equipment": "{{{{equipment}}}}", "evidence": {{{{json:evidence}}}}}}'
        id: /order/id
      lookup: {{url: "http://127.0.0.1:{rest}/api/orders?ref={{{{reference}}}}", id: /items/0/id}}
      status: {{url: "http://127.0.0.1:{rest}/api/orders/{{{{erp_id}}}}", state: /state}}
      error: /error/message
      states: {{open: sent, working: in-progress, closed: done}}
{common}
    - name: sap
      kind: sap
      machines: "**/sap-*"
      url: "http://127.0.0.1:{sap}"
      client: "100"
      planning_plant: "1010"
      user: PLANT
      password_env: ERP_SECRET
      equipment: {{sap-1: "10000045", sap-1/motor: "10000046"}}
      allow: [127.0.0.1]
{common}
    - name: maximo
      kind: maximo
      machines: "**/maximo-*"
      url: "http://127.0.0.1:{maximo}/maximo"
      site: LYON
      api_key_env: ERP_SECRET
      allow: [127.0.0.1]
{common}
    - name: odoo
      kind: odoo
      machines: "**/odoo-*"
      url: "http://127.0.0.1:{odoo}"
      database: plant
      user: millwright
      password_env: ERP_SECRET
      equipment: {{odoo-1: "31"}}
      allow: [127.0.0.1]
{common}
connectors:
  - {{name: line, type: influx, port: {line}}}
""" + one_cell("default: line") + """\
{machines}
"""
COMMON = """      retry_min: 20ms
      retry_max: 300ms
      break_for: 200ms
      poll: 200ms
      failures_max: 3
      timeout: 5s"""
MACHINE = """                    - name: {kind}-1
                      components: [{{name: motor}}]
                      sensors: [{{name: current, component: motor, address: "{kind} current"}}]
"""
SECRET = "s3cret-of-the-erp"
ENDED = {"rest": "closed", "sap": "4", "maximo": "COMP", "odoo": "3"}
BEGUN = {"rest": "working", "sap": "3", "maximo": "INPRG", "odoo": "2"}


class WorkOrders(EndToEnd):
    def setUp(self):
        super().setUp()
        ports = free_ports(len(KINDS) + 3)
        self.ports = dict(zip(KINDS, ports))
        self.file = self.folder / "plant.yaml"
        machines = "".join(MACHINE.format(kind=kind) for kind in KINDS)
        self.file.write_text(PLANT.format(common=COMMON, machines=machines, line=ports[-3], **self.ports))
        self.plant = Plant(self, self.file, ports[-2], ports[-1], self.folder / "data", {"ERP_SECRET": SECRET})

    def start_erps(self, *options):
        for kind in KINDS:
            self.start_server([sys.executable, ROOT / "tests/e2e/erp_server.py", kind, self.ports[kind],
                               self.folder / f"{kind}.db", *options], kind, self.ports[kind])

    def rows(self, kind):
        with sqlite3.connect(self.folder / f"{kind}.db", timeout=30) as db:
            return db.execute("SELECT number, reference, body, state FROM orders").fetchall()

    def set_states(self, kind, state):
        with sqlite3.connect(self.folder / f"{kind}.db", timeout=30) as db:
            db.execute("UPDATE orders SET state = ?", (state,))

    def fault(self, what):
        for kind in KINDS:
            file = self.folder / f"{kind}.db.fault"
            file.write_text(what) if what else file.unlink(missing_ok=True)

    def ask(self, method, path, body=None, **fields):
        """(status, answer, header fields), whatever the status is."""
        media = "application/merge-patch+json" if method == "PATCH" else "application/json"
        request = urllib.request.Request(self.plant.url + path, method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": media, **{k.replace("_", "-"): v for k, v in fields.items()}})
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
                return answer.status, json.load(answer), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, json.load(error), error.headers

    def propose(self, kind, action="Replace the bearing", **more):
        status, order, _ = self.ask("POST", "/maintenance/work-orders", {
            "machine_id": f"{kind}-1", "component": "motor", "recommended_action": action,
            "predicted_failure_date": "2027-01-15", "evidence": {"failure_probability": 0.7, "note": 'a "quoted" ü <b>'}, **more})
        self.assertEqual(status, 201, order)
        return order

    def approve(self, order):
        status, approved, _ = self.ask("POST", f"/v1/maintenance/work-orders/{order['id']}/approve", {"by": "anna"})
        self.assertEqual((status, approved["state"]), (200, "approved"))

    def orders(self, **query):
        items, cursor = [], None
        while True:
            page = self.plant.get("/v1/maintenance/work-orders", limit=7, **query, **({"cursor": cursor} if cursor else {}))
            items += page["items"]
            cursor = page["next_cursor"]
            if not cursor:
                return items

    def in_state(self, state):
        return {order["id"] for order in self.orders(state=state)}

    def test_exactly_once_though_the_erp_dies_after_each_commit(self):
        self.start_erps("--kill")
        self.plant.start()
        orders = []
        for i in range(KILLS // len(KINDS)):
            for kind in KINDS:
                orders.append(self.propose(kind, f"Job {i}"))
                self.approve(orders[-1])
        wanted = {order["id"] for order in orders}
        self.wait_for("all orders to be sent", lambda: self.in_state("sent") == wanted, 300)
        for kind in KINDS:
            references = [reference for _, reference, _, _ in self.rows(kind)]
            mine = [order["reference"] for order in orders if order["machine_id"] == f"{kind}-1"]
            self.assertEqual(sorted(references), sorted(mine), f"{kind}: lost or doubled")
            with sqlite3.connect(self.folder / f"{kind}.db") as db:
                self.assertEqual(db.execute("SELECT COUNT(*) FROM deaths").fetchone()[0], len(mine))
        log = "".join(file.read_text() for file in self.folder.glob("*.log"))
        self.assertNotIn(SECRET, log)

    def test_a_plant_that_is_killed_loses_nothing(self):
        self.plant.start()  # no ERP is there yet
        orders = [self.propose(kind) for kind in KINDS]
        for order in orders:
            self.approve(order)
        self.plant.process.kill()
        self.start_erps()
        self.plant.start()
        self.wait_for("the orders to be sent", lambda: len(self.in_state("sent")) == len(KINDS))
        self.plant.process.kill()
        self.plant.start()
        for kind in KINDS:
            self.assertEqual(len(self.rows(kind)), 1)

    def test_states_come_back_and_a_done_order_is_an_event(self):
        self.start_erps()
        self.plant.start()
        orders = {kind: self.propose(kind, priority="high") for kind in KINDS}
        for order in orders.values():
            self.approve(order)
        self.wait_for("the orders to be sent", lambda: len(self.in_state("sent")) == len(KINDS))
        body = {kind: json.loads(self.rows(kind)[0][2]) for kind in KINDS}
        self.assertEqual(body["rest"]["evidence"]["note"], 'a "quoted" ü <b>')
        self.assertEqual(body["sap"]["TechnicalObject"], "10000046")
        self.assertEqual(body["sap"]["RequiredEndDate"], "/Date(1799971200000)/")
        self.assertEqual(body["maximo"]["wopriority"], 2)
        self.assertEqual(body["odoo"]["equipment_id"], 31)
        for kind in KINDS:
            self.set_states(kind, BEGUN[kind])
        self.wait_for("work to begin", lambda: len(self.in_state("in-progress")) == len(KINDS))
        for kind in KINDS:
            self.set_states(kind, ENDED[kind])
        self.wait_for("the work to end", lambda: len(self.in_state("done")) == len(KINDS))
        events = self.plant.get("/v1/maintenance/events")["items"]
        self.assertEqual({e["work_order_id"] for e in events}, {o["id"] for o in orders.values()})
        self.assertEqual({e["technician"] for e in events}, set(KINDS))
        whole = self.plant.get(f"/v1/maintenance/work-orders/{orders['sap']['id']}")
        self.assertEqual([c["to"] for c in whole["changes"]], ["proposed", "approved", "sent", "in-progress", "done"])
        self.assertEqual(whole["deliveries"][0]["attempts"], 1)
        self.assertEqual(whole["erp_id"], "000000000001")

    def test_errors_inside_of_answers_are_failures_with_their_message(self):
        self.start_erps()
        self.plant.start()
        self.fault("inside")
        orders = [self.propose(kind) for kind in KINDS]
        for order in orders:
            self.approve(order)
        dead = lambda: self.plant.get("/v1/work-order-deliveries", state="dead")["items"]  # noqa: E731
        self.wait_for("the deliveries to die", lambda: len(dead()) == len(KINDS))
        reasons = {d["connector"]: d["last_error"] for d in dead()}
        self.assertIn("period is closed", reasons["rest"])
        self.assertIn("locked by user MILLER", reasons["sap"])
        self.assertIn("BMXAA4211E", reasons["maximo"])
        self.assertIn("concurrent update", reasons["odoo"])
        self.fault("refuse")  # for good: one attempt is enough
        for delivery in dead():
            self.assertEqual(self.ask("POST", f"/v1/work-order-deliveries/{delivery['id']}/retry", {})[0], 200)
        self.wait_for("the refusals", lambda: {d["connector"] for d in dead() if any(
            word in d["last_error"] for word in ("no equipment", "does not exist", "not a valid asset", "unknown equipment"))}
            == set(KINDS))
        self.fault("html")  # a log-in page is no refusal: it waits
        for delivery in dead():
            self.assertEqual(self.ask("POST", f"/v1/work-order-deliveries/{delivery['id']}/retry", {})[0], 200)
        self.wait_for("the page to be told of", lambda: all(
            "page of HTML" in (erp["last_error"] or "") for erp in self.plant.get("/v1/maintenance/erps")["items"]))
        self.assertEqual(dead(), [])
        self.fault(None)
        self.wait_for("the orders to be sent", lambda: len(self.in_state("sent")) == len(KINDS))
        for kind in KINDS:
            self.assertEqual(len(self.rows(kind)), 1)

    def test_the_interface_refuses_precisely(self):
        self.plant.start()
        new = {"machine_id": "sap-1", "recommended_action": "Look"}
        for body, status, word in [
                ({**new, "machine_id": "sap-2"}, 404, "sap-2"), ({**new, "component": "moter"}, 400, "motor"),
                ({**new, "colour": 1}, 400, "colour"), ({"machine_id": "sap-1"}, 400, "recommended_action"),
                ({**new, "predicted_failure_date": "soon"}, 400, "soon"), ({**new, "priority": "hihg"}, 400, "high")]:
            got, problem, _ = self.ask("POST", "/maintenance/work-orders", body)
            self.assertEqual(got, status, problem)
            self.assertIn(word, problem["detail"])
        self.assertEqual(self.orders(), [])
        first = self.ask("POST", "/maintenance/work-orders", new, Idempotency_Key="k1")
        again = self.ask("POST", "/maintenance/work-orders", new, Idempotency_Key="k1")
        self.assertEqual((again[0], again[1]), (201, first[1]))
        self.assertEqual(self.ask("POST", "/maintenance/work-orders", {**new, "priority": "low"}, Idempotency_Key="k1")[0], 422)
        self.assertEqual(len(self.orders()), 1)
        path = f"/v1/maintenance/work-orders/{first[1]['id']}"
        etag = self.ask("GET", path)[2]["ETag"]
        self.assertEqual(self.ask("PATCH", path, {"priority": "urgent"}, If_Match=etag)[1]["priority"], "urgent")
        self.assertEqual(self.ask("PATCH", path, {"priority": "low"}, If_Match=etag)[0], 412)
        self.assertEqual(self.ask("POST", path + "/complete", {"findings": "none"})[0], 409)
        self.assertEqual(self.ask("POST", path + "/reject", {"by": "anna", "note": "no"})[1]["state"], "rejected")
        self.assertEqual(self.ask("POST", path + "/approve", {})[0], 409)
        self.assertEqual(self.ask("GET", "/v1/maintenance/work-orders?from=now&to=-1h")[0], 400)
        self.assertEqual(self.ask("GET", "/v1/maintenance/work-orders/nothing")[0], 404)
        event = {"machine_id": "sap-1", "component": "motor", "maintenance_type": "replacement", "occurred_at": "2026-01-02"}
        self.assertEqual(self.ask("POST", "/v1/maintenance/events", event)[0], 201)
        self.assertEqual(self.ask("POST", "/v1/maintenance/events", {**event, "occurred_at": "2999-01-01"})[0], 400)

    def test_doctor_asks_the_erps(self):
        self.start_erps()
        code, out, err = self.run_millwright("doctor", self.file, "--json", env=self.plant.env)
        states = {f["what"]: f for f in json.loads(out)["findings"] if f["what"].startswith("ERP ")}
        self.assertEqual({f["state"] for f in states.values()}, {"ok"}, states)
        self.assertEqual(len(states), len(KINDS))
        self.fault("html")
        code, out, err = self.run_millwright("doctor", self.file, "--json", env=self.plant.env)
        states = {f["what"]: f for f in json.loads(out)["findings"] if f["what"].startswith("ERP ")}
        self.assertEqual({f["state"] for f in states.values()}, {"bad"})
        for kind in KINDS:
            self.assertEqual(self.rows(kind), [])


if __name__ == "__main__":
    unittest.main()
