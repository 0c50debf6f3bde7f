"""An ERP as the plant meets it: the wire contracts of SAP PM (OData V2), IBM Maximo (REST/JSON), Odoo (JSON-RPC) and of a
plain REST interface with OAuth2, each kept in SQLite. Written from the vendors' public documentation alone.

  erp_server.py KIND PORT DATABASE [--kill]     KIND: rest, sap, sap-order, maximo, odoo

With --kill it dies of SIGKILL after each first commit of an order, before it answers: the parent process keeps the port
and starts another, which remembers what was committed and nothing else. A file DATABASE.fault makes it misbehave:
"html" (a log-in page with 200), "inside" (an error inside of a 200), "refuse" (a refusal for good)."""

import base64
import ctypes
import http.server
import json
import os
import pathlib
import re
import secrets
import signal
import socket
import sqlite3
import sys
import time
import urllib.parse

KIND, PORT, DATABASE = sys.argv[1], int(sys.argv[2]), sys.argv[3]
# Of SAP's two objects: service, entity, what holds our reference, and what may be written at most so long. After the services'
# $metadata, in which what is left out here is not there or has creatable=false.
SAP = {
    "sap": ("API_MAINTNOTIFICATION", "MaintenanceNotification", "MaintNotifExtReferenceNumber", "NotifProcessingPhase", "1",
            {"NotificationText": 40, "NotificationType": 2, "MaintPriority": 1, "TechnicalObject": 40,
             "TechObjIsEquipOrFuncnlLoc": 20, "MaintNotifExtReferenceNumber": 20, "MaintNotifLongTextForEdit": 1333,
             "RequiredEndDate": 40, "MaintenancePlanningPlant": 4, "MainWorkCenter": 8}),
    "sap-order": ("API_MAINTENANCEORDER", "MaintenanceOrder", "YY1_Millwright", "SystemStatusText", "CRTD MANC NMAT PRC",
                  {"MaintenanceOrderDesc": 40, "MaintenanceOrderType": 4, "MaintPriority": 1, "Equipment": 18,
                   "FunctionalLocation": 30, "MaintOrdBasicEndDateTime": 40, "MaintenancePlanningPlant": 4, "MainWorkCenter": 8,
                   "YY1_Millwright": 20}),
}
KILL = "--kill" in sys.argv
SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (number INTEGER PRIMARY KEY AUTOINCREMENT, reference TEXT, body TEXT, state TEXT);
CREATE TABLE IF NOT EXISTS deaths (reference TEXT PRIMARY KEY);
"""
SECRET = "s3cret-of-the-erp"


class Erp(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    session = None  # of SAP: (cookie, token); a process that dies forgets it
    token, token_ends = None, 0

    # ---- what all have in common

    def commit(self, reference, body, state):
        """Keeps an order; dies with it, where told to, before anybody hears of it."""
        db = sqlite3.connect(DATABASE)
        with db:
            number = db.execute("INSERT INTO orders (reference, body, state) VALUES (?, ?, ?)",
                                (reference, json.dumps(body), state)).lastrowid
            first = db.execute("INSERT OR IGNORE INTO deaths VALUES (?)", (reference,)).rowcount == 1
        db.close()
        if KILL and first:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    def rows(self, where, *values):
        db = sqlite3.connect(DATABASE)
        db.row_factory = sqlite3.Row
        found = db.execute(f"SELECT * FROM orders WHERE {where} ORDER BY number", values).fetchall()
        db.close()
        return found

    def answer(self, status, body, media="application/json", **fields):
        data = (json.dumps(body) if not isinstance(body, str) else body).encode()
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(data)))
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def fault(self):
        file = pathlib.Path(DATABASE + ".fault")
        return file.read_text() if file.exists() else ""

    def basic(self, user):
        return self.headers.get("Authorization") == "Basic " + base64.b64encode(f"{user}:{SECRET}".encode()).decode()

    def do_GET(self):
        self.handle_any(None)

    def do_POST(self):
        self.handle_any(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def handle_any(self, body):
        url = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(url.query))
        if self.fault() == "html":
            return self.answer(200, "<!DOCTYPE html><html><body>Please log in</body></html>", "text/html")
        getattr(self, KIND.split("-")[0])(self.command, urllib.parse.unquote(url.path), body)

    def log_message(self, *_):
        pass

    # ---- a REST interface of its own, with OAuth2 client credentials; it knows no idempotency keys

    def rest(self, method, path, body):
        if path == "/oauth/token":
            form = dict(urllib.parse.parse_qsl(body.decode()))
            if not self.basic("plant") or form.get("grant_type") != "client_credentials":
                return self.answer(401, {"error": "invalid_client"})
            Erp.token, Erp.token_ends = secrets.token_hex(16), time.monotonic() + 1
            return self.answer(200, {"access_token": Erp.token, "token_type": "Bearer", "expires_in": 1})
        if self.headers.get("Authorization") != f"Bearer {Erp.token}" or time.monotonic() > Erp.token_ends:
            return self.answer(401, {"error": "token expired"})
        if self.fault() == "inside":
            return self.answer(200, {"ok": False, "error": {"message": "period is closed"}})
        if method == "POST" and path == "/api/orders":
            order = json.loads(body)
            if self.fault() == "refuse":
                return self.answer(422, {"detail": f"no equipment {order['equipment']}"})
            assert order["title"] and isinstance(order["evidence"], dict), order
            return self.answer(201, {"order": {"id": self.commit(order["ref"], order, "open")}})
        if path == "/api/orders":
            return self.answer(200, {"items": [{"id": r["number"]} for r in self.rows("reference = ?", self.query["ref"])]})
        found = self.rows("number = ?", path.rsplit("/", 1)[1])
        return self.answer(200, {"state": found[0]["state"]}) if found else self.answer(404, {"detail": "no such order"})

    # ---- SAP PM: API_MAINTNOTIFICATION and API_MAINTENANCEORDER, OData V2

    def sap(self, method, path, body):
        name, self.object, self.reference, self.state, self.first_state, self.limits = SAP[KIND]
        service = f"/sap/opu/odata/sap/{name}/"
        if not self.basic("PLANT"):
            return self.answer(401, "<html><body>Logon failed</body></html>", "text/html")
        if not path.startswith(service) or self.query.get("sap-client") != "100":
            return self.odata_error(404, "wrong service or client")
        if self.headers.get("X-CSRF-Token") == "Fetch":
            Erp.session = ("SAP_SESSIONID=" + secrets.token_hex(8), secrets.token_urlsafe(12))
            return self.answer(200, {"d": {"EntitySets": [self.object]}},
                               Set_Cookie=Erp.session[0] + "; path=/", X_CSRF_Token=Erp.session[1])
        entity = path[len(service):]
        if method == "POST":
            return self.sap_create(entity, body)
        if self.fault() == "inside":
            return self.odata_error(200, "Notification is locked by user MILLER")
        for name in self.query.get("$select", self.object).split(","):
            if name not in (self.object, self.state):
                return self.odata_error(400, f"Property {name} is invalid")
        one = re.fullmatch(self.object + r"\('(\d+)'\)", entity)
        if one:
            found = self.rows("number = ?", int(one[1]))
            return self.answer(200, {"d": self.notification(found[0])}) if found else self.odata_error(404, "not found")
        if entity != self.object:
            return self.odata_error(404, f"Resource not found for the segment '{entity}'")
        where, values = "1 = 1", []
        if "$filter" in self.query:
            reference = re.fullmatch(self.reference + r" eq '([^']*)'", self.query["$filter"])
            where, values = "reference = ?", [reference[1]]
        found = self.rows(where, *values)[:int(self.query.get("$top", 1000))]
        return self.answer(200, {"d": {"results": [self.notification(r) for r in found]}})

    def sap_create(self, entity, body):
        valid = Erp.session and self.headers.get("X-CSRF-Token") == Erp.session[1] and \
            Erp.session[0] in self.headers.get("Cookie", "")
        if not valid:
            return self.answer(403, "CSRF token validation failed", "text/plain", X_CSRF_Token="Required")
        if self.fault() == "inside":
            return self.odata_error(200, "Notification is locked by user MILLER")
        given = json.loads(body)
        for name, value in given.items():
            if name not in self.limits:
                return self.odata_error(400, f"Property {name} is invalid")
            if len(value) > self.limits[name]:
                return self.odata_error(400, f"Property {name} is too long")
        if entity != self.object or not {n for n in self.limits if n.endswith(("Type", "NotificationText"))} <= set(given):
            return self.odata_error(400, "text and type are required")
        if self.fault() == "refuse":
            return self.odata_error(400, f"Equipment {given.get('TechnicalObject') or given['Equipment']} does not exist")
        number = self.commit(given[self.reference], given, self.first_state)
        return self.answer(201, {"d": self.notification(self.rows("number = ?", number)[0])})

    def notification(self, row):
        return {self.object: f"{row['number']:012d}", self.state: row["state"], self.reference: row["reference"]}

    def odata_error(self, status, message):
        self.answer(status, {"error": {"code": "IM/123", "message": {"lang": "en", "value": message}}})

    # ---- IBM Maximo: mxapiwo, lean JSON, API key

    def maximo(self, method, path, body):
        if self.headers.get("apikey") != SECRET:
            return self.maximo_error(401, "BMXAA7901E - You cannot log in at this time.")
        if path != "/maximo/api/os/mxapiwo" or self.query.get("lean") != "1":
            return self.maximo_error(404, "BMXAA8727E - The OSLC resource was not found.")
        if self.fault() == "inside":
            return self.maximo_error(200, "BMXAA4211E - Database error number 1205 has occurred.")
        if method == "POST":
            given = json.loads(body)
            if self.fault() == "refuse":
                return self.maximo_error(400, f"BMXAA2661E - {given['assetnum']} is not a valid asset.")
            if len(given["description"]) > 100 or len(given["sendersysid"]) > 50 or given["siteid"] != "LYON":
                return self.maximo_error(400, "BMXAA4049E - The value specified exceeds the maximum length.")
            number = self.commit(given["sendersysid"], given, "WAPPR")
            order = self.work_order(self.rows("number = ?", number)[0])
            wanted = self.headers.get("properties", "").split(",")
            return self.answer(201, {k: v for k, v in order.items() if k in wanted} or "",
                               Location=f"/maximo/api/os/mxapiwo/_{number}")
        where = re.fullmatch(r'(?:(sendersysid|wonum)="([^"]*)" and )?siteid="LYON"', self.query["oslc.where"])
        column = {"sendersysid": "reference = ?", "wonum": "number = ?", None: "1 = 1"}[where[1]]
        found = self.rows(column, *([where[2].removeprefix("W")] if where[1] else []))
        return self.answer(200, {"member": [self.work_order(r) for r in found[:int(self.query["oslc.pageSize"])]],
                                 "href": "…", "responseInfo": {}})

    def work_order(self, row):
        return {"wonum": f"W{row['number']}", "siteid": "LYON", "status": row["state"]}

    def maximo_error(self, status, message):
        self.answer(status, {"Error": {"statusCode": str(status), "reasonCode": message.split(" ")[0], "message": message}})

    # ---- Odoo: JSON-RPC

    def odoo(self, method, path, body):
        call = json.loads(body)
        assert path == "/jsonrpc" and call["jsonrpc"] == "2.0" and call["method"] == "call"
        params = call["params"]
        try:
            result = getattr(self, f"odoo_{params['service']}_{params['method']}")(*params["args"])
        except ValueError as error:  # Odoo answers every error with 200
            kind = "odoo.exceptions.ValidationError" if self.fault() == "refuse" else "psycopg2.OperationalError"
            return self.answer(200, {"jsonrpc": "2.0", "id": call["id"], "error": {
                "code": 200, "message": "Odoo Server Error", "data": {"name": kind, "message": str(error)}}})
        self.answer(200, {"jsonrpc": "2.0", "id": call["id"], "result": result})

    def odoo_common_authenticate(self, database, user, password, _environment):
        return 7 if (database, user, password) == ("plant", "millwright", SECRET) else False

    def odoo_object_execute_kw(self, database, uid, password, model, method, args, named):
        if (database, uid, password) != ("plant", 7, SECRET):
            raise ValueError("Access Denied")
        if self.fault() == "inside":
            raise ValueError("could not serialize access due to concurrent update")
        if model == "maintenance.stage":
            return [{"id": 1, "sequence": 1, "done": False}, {"id": 2, "sequence": 2, "done": False},
                    {"id": 3, "sequence": 3, "done": True}]
        assert model == "maintenance.request", model
        if method == "create":
            [values] = args
            if self.fault() == "refuse":
                raise ValueError("The operation cannot be completed: unknown equipment")
            unknown = set(values) - {"name", "description", "maintenance_type", "priority", "equipment_id", "schedule_date"}
            if unknown or values["priority"] not in "0123":
                raise ValueError(f"Invalid field {unknown}")
            return self.commit(re.match(r"\[(\w+)\]", values["name"])[1], values, "1")
        if method == "search_count":
            return len(self.rows("1 = 1"))
        assert method == "search_read", method
        [[field, operator, value]] = args[0]
        if field == "id":
            found = self.rows("number = ?", value)
        else:
            assert (field, operator) == ("name", "=like"), args
            found = self.rows("reference = ?", re.fullmatch(r"\[(\w+)\]%", value)[1])
        names = {"1": "New Request", "2": "In Progress", "3": "Repaired"}
        return [{"id": r["number"], "stage_id": [int(r["state"]), names[r["state"]]], "archive": False}
                for r in found[:named["limit"]]]


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, listener):
        super().__init__(("127.0.0.1", PORT), Erp, bind_and_activate=False)
        self.socket.close()
        self.socket = listener


def main():
    with sqlite3.connect(DATABASE) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(SCHEMA)
    listener = socket.create_server(("127.0.0.1", PORT), backlog=64)
    while True:
        child = os.fork()
        if child == 0:
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: it ends with its parent
            Server(listener).serve_forever(0.05)
        signal.signal(signal.SIGTERM, lambda *_: (os.kill(child, signal.SIGKILL), os._exit(0)))
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
