"""Effectiveness and downtime by the real binary: a year of generated states and pieces, imported, against an oracle
that shares no code with the plant; edits that change it; production orders; what is refused."""

import bisect
import csv
import io
import json
import random
import subprocess
import unittest
import urllib.error
import urllib.request
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from harness import EndToEnd, Plant, _no_proxy, free_ports

PARIS = ZoneInfo("Europe/Paris")
YEAR = (date(2025, 1, 1), date(2026, 1, 1))
SMALL_STOP, START_UP = 300, 600
CYCLES = {"": 6, "washer": 6, "flange": 9}
LINE = "acme/lyon/body/stamping"
RUNNING, IDLE, DOWN, SETUP, PLANNED = "running", "idle", "down", "setup", "planned-stop"
CODES = {0: IDLE, 1: RUNNING, 2: DOWN, 3: SETUP, 4: PLANNED}
HOLIDAYS = [(date(2025, 5, 1), date(2025, 5, 1)), (date(2025, 8, 4), date(2025, 8, 15)), (date(2025, 12, 25), date(2025, 12, 26))]
# name, start and end in hours, days (Monday 0), breaks
SHIFTS = [("early", 6, 14, range(0, 6), [(10, 10.5)]), ("late", 14, 22, range(0, 5), [(18, 18.5)]),
          ("night", 22, 6, range(0, 7), [(1.5, 2.25), (23.5, 24)])]
EXTRA = [(date(2025, 5, 1), "extra", 4, 9, []), (date(2025, 3, 30), "extra", 1, 8, [(2, 3)]), (date(2025, 10, 26), "extra", 2.5, 7, [])]
STOPS = [("2025-06-10T07:00", "2025-06-10T11:30"), ("2025-10-26T02:15", "2025-10-26T02:45")]


def clock(hours):
    return f"{int(hours):02}:{round(hours % 1 * 60):02}"


def spans(breaks):
    return "[" + ", ".join(f'{{start: "{clock(a)}", end: "{clock(b)}"}}' for a, b in breaks) + "]"


def plant_file():
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    machine = """
                    - name: {name}
                      sensors:
                        - {{name: state, type: state, states: {{0: idle, 1: running, 2: down, 3: changeover, 4: planned-stop}}, address: "{name}.state"}}
                        - {{name: good, type: int64, address: "{name}.good"}}
                        - {{name: total, type: float64, address: "{name}.total"}}
                        - {{name: product, type: text, address: "{name}.product"}}
                      oee: {{states: {{changeover: setup}}, good: good, total: total, product: product, ideal_cycle_time: 6s,
                             products: {{flange: 9s}}, small_stop: 5min, start_up: 10min}}"""
    by_orders = """
                    - name: press-3
                      sensors:
                        - {name: state, type: state, states: {0: idle, 1: running}, address: "press-3.state"}
                      oee: {ideal_cycle_time: 10s, products: {slow: 20s}}"""
    return f"""
node: {{name: press-shop}}
historian: {{raw_retention: 0s}}
connectors: [{{name: none, type: burst, port: 0}}]
analytics:
  calendars:
    - name: three
      shifts:
{chr(10).join(f'        - {{name: {n}, days: [{", ".join(days[d] for d in on)}], start: "{clock(a)}", end: "{clock(b)}", breaks: {spans(br)}}}' for n, a, b, on, br in SHIFTS)}
      holidays: [{", ".join(f"{{from: {a}, to: {b}}}" for a, b in HOLIDAYS)}]
      extra_shifts:
{chr(10).join(f'        - {{date: {d}, name: {n}, start: "{clock(a)}", end: "{clock(b)}", breaks: {spans(br)}}}' for d, n, a, b, br in EXTRA)}
      planned_stops: [{", ".join(f'{{from: "{a}", to: "{b}"}}' for a, b in STOPS)}]
  calendar_of: [{{match: "{LINE}/**", calendar: three}}]
assets:
  enterprise: acme
  streams: {{default: none}}
  sites:
    - name: lyon
      time_zone: Europe/Paris
      areas:
        - name: body
          lines:
            - name: stamping
              cells:
                - name: presses
                  machines:{machine.format(name="press-1")}{machine.format(name="press-2")}
            - name: orders
              cells:
                - name: hand
                  machines:{by_orders}
"""


def utc_of(day, hours):
    """The moment when a clock in Paris first shows so many hours after midnight, or where it jumps over that."""
    local = datetime(day.year, day.month, day.day) + timedelta(hours=hours)
    moment = local.replace(tzinfo=PARIS, fold=0).astimezone(timezone.utc)
    if moment.astimezone(PARIS).replace(tzinfo=None) == local:
        return int(moment.timestamp())
    second = int(moment.timestamp()) - 3 * 3600  # never shown: the first that shows a later time
    while datetime.fromtimestamp(second, PARIS).replace(tzinfo=None) < local:
        second += 60
    return second


def iso(t):
    return datetime.fromtimestamp(t, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


START, END = (utc_of(day, 0) for day in YEAR)


class Machine:
    """A year of a machine: states, and pieces told now and then by counters that begin again at times."""

    def __init__(self, name, seed):
        self.name, self.path, dice = name, f"{LINE}/presses/{name}", random.Random(seed)
        self.states, self.counts, self.products = [], [], [(START - 86400, "")]
        t = START - 86400
        while t < END:
            code = 1 if len(self.states) % 2 == 0 else dice.choice([0, 0, 0, 2, 2, 3, 4])
            self.states.append((t, code))
            t += dice.randrange(600, 36000) if code == 1 else dice.choice([dice.randrange(5, 300), 300, 301, dice.randrange(300, 9000)])
            if code != 1 and dice.random() < 0.2:  # one stop straight after another
                self.states.append((t, (code + 1) % 5 if code != 0 else 2))
                t += dice.randrange(5, 2000)
        self.states.append((END + 3600, 1))
        self.rows = [(t, "state", code) for t, code in self.states]
        good = total = 1000
        self.rows += [(START - 7200, "good", good), (START - 7200, "total", total)]
        t = START - 3600
        while t < END + 7200:
            if dice.random() < 0.01 and good > 200:
                good = total = 0
            made, bad = dice.randrange(0, 60), dice.choice([0, 0, 0, 1, 2, 5])
            good, total = good + made, total + made + bad
            self.rows += [(t, "good", good), (t, "total", total)]
            self.counts.append((t, made, bad))
            t += dice.randrange(30, 1200)
        for t in range(START + 5000, END, 400_000):
            product = dice.choice(["washer", "flange"])
            self.rows.append((t, "product", product))
            self.products.append((t, product))


class Oracle:
    """Elementary intervals between all moments at which anything changes, one after the other."""

    def __init__(self, machine, edits=()):
        self.machine, self.edits = machine, edits
        self.calendar()
        self.events()
        self.slices()
        self.pieces()

    def calendar(self):
        placed = []
        day = YEAR[0] - timedelta(days=3)
        while day <= YEAR[1] + timedelta(days=1):
            free = any(a <= day <= b for a, b in HOLIDAYS)
            placed += [(day, n, a, b, br) for n, a, b, on, br in SHIFTS if day.weekday() in on and not free]
            day += timedelta(days=1)
        placed += EXTRA
        shifts = []
        for day, name, a, b, breaks in placed:
            end = b if b > a else b + 24
            pauses = [(x + 24, y + 24 if y > x else y + 48) if x < a else (x, y if y > x else y + 24) for x, y in breaks]
            shifts.append([utc_of(day, a), utc_of(day, end), name, day, [(utc_of(day, x), utc_of(day, y)) for x, y in pauses]])
        shifts.sort(key=lambda shift: shift[0])
        taken = 0
        for shift in shifts:
            shift[0], taken = max(shift[0], taken), max(taken, shift[1])
        self.shifts = [shift for shift in shifts if shift[0] < shift[1]]
        local = [(datetime.fromisoformat(a), datetime.fromisoformat(b)) for a, b in STOPS]
        self.stops = [tuple(utc_of(x.date(), x.hour + x.minute / 60) for x in pair) for pair in local]

    def events(self):
        """What each stopped time counts as: pieces (from, to, label, event)."""
        stops = []
        for (a, code), (b, _) in zip(self.machine.states, self.machine.states[1:]):
            if stops and stops[-1][1] == a and stops[-1][2] == CODES[code]:
                stops[-1][1] = b
            else:
                stops.append([a, b, CODES[code]])
        stops = [s for s in stops if s[2] != RUNNING]
        parts = []  # from, to, activity, event, reason
        for n, (a, b, activity) in enumerate(stops):
            cuts = [(max(a, x), min(b, y), (x, y), why) for x, y, why in self.edits if x < b and y > a]
            at = a
            for x, y, event, why in cuts:
                parts += [(at, x, activity, ("stop", n, at), None)] if at < x else []
                parts.append((x, y, activity, event, why))
                at = y
            parts += [(at, b, activity, ("stop", n, at), None)] if at < b else []
        length = {}
        for a, b, _, event, _ in parts:
            length[event] = length.get(event, 0) + b - a
        self.parts = []
        for a, b, activity, event, why in parts:
            small = why is None and length[event] <= SMALL_STOP and activity in (IDLE, DOWN)
            label = "small" if small else {IDLE: "waiting", DOWN: "breakdown", SETUP: "setup", PLANNED: "planned"}[why or activity]
            self.parts.append((a, b, label, event))

    def label(self, t):
        """(what the machine did, its event)"""
        i = bisect.bisect_right(self.parts, (t, float("inf"))) - 1
        return self.parts[i][2:] if i >= 0 and t < self.parts[i][1] else ("producing", None)

    def scheduled(self, t):
        i = bisect.bisect_right(self.shifts, t, key=lambda shift: shift[0]) - 1
        if i < 0 or t >= self.shifts[i][1]:
            return None
        return None if any(a <= t < b for a, b in self.shifts[i][4]) else self.shifts[i]

    def slices(self):
        cuts = {START, END}
        for shift in self.shifts:
            cuts |= {*shift[:2], *(x for pause in shift[4] for x in pause)}
        cuts |= {x for stop in self.stops for x in stop} | {x for part in self.parts for x in part[:2]}
        day = YEAR[0]
        while day < YEAR[1]:
            cuts.add(utc_of(day, 0))
            day += timedelta(days=1)
        cuts = sorted(c for c in cuts if START - 86400 <= c <= END)
        self.made, failed = [], set()
        for a, b in zip(cuts, cuts[1:]):
            if not self.scheduled(a):
                continue
            label, event = self.label(a)
            if any(x <= a < y for x, y in self.stops):
                label = "planned"
            self.made.append((a, b, label, label == "breakdown" and event not in failed))
            if label == "breakdown":
                failed.add(event)

    def pieces(self):
        self.told = []
        for t, good, reject in self.machine.counts:
            at = t - 1  # whole seconds: made before it was told
            planned = self.scheduled(at) is not None and self.label(at)[0] != "planned" and not any(a <= at < b for a, b in self.stops)
            product = [p for x, p in self.machine.products if x <= at][-1]
            long = [b for a, b, label, _ in self.near(at) if label != "small" and a <= at]
            restart = min(long[-1], t) if long else None
            self.told.append((t, good, reject, CYCLES[product], planned, restart is not None and t - restart < START_UP + 1e-6))

    def near(self, t):
        i = bisect.bisect_right(self.parts, (t, float("inf")))
        return self.parts[max(0, i - 40):i]

    def figures(self, a, b):
        out = dict.fromkeys("scheduled planned unknown breakdown waiting setup small production good reject start_up outside ideal failures".split(), 0)
        first = max(0, bisect.bisect_left(self.made, (a,)) - 1)
        for x, y, label, fails in self.made[first:]:
            if x >= b:
                break
            time = max(0, min(y, b) - max(x, a))
            out["scheduled"] += time
            if label != "producing":
                out[label] += time
            if label in ("producing", "small"):
                out["production"] += time
            out["failures"] += fails and a <= x < b
        for t, good, reject, cycle, planned, start_up in self.told[bisect.bisect_right(self.told, (a, 1e9)):]:
            if t > b:
                break
            if not planned:
                out["outside"] += good + reject
                continue
            out["good"] += good
            out["start_up" if start_up else "reject"] += reject
            out["ideal"] += cycle * (good + reject)
        return out


MEMBERS = {"scheduled": "scheduled_s", "planned": "planned_stop_s", "unknown": "unknown_s", "breakdown": "breakdowns_s",
           "waiting": "waiting_s", "setup": "setup_s", "small": "small_stops_s", "production": "production_s", "good": "good",
           "reject": "reject", "start_up": "start_up_reject", "outside": "outside_planned", "failures": "failures"}


class Oee(EndToEnd):
    def setUp(self):
        super().setUp()
        self.file = self.folder / "plant.yaml"
        self.file.write_text(plant_file())

    def start_plant(self, machines):
        table = self.folder / "year.csv"
        with open(table, "w", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(["time", "sensor", "value", "quality"])
            for machine in machines:
                for t, sensor, value in machine.rows:
                    writer.writerow([iso(t), f"{machine.path}/{sensor}", value, "Good"])
        self.api, self.opcua, burst = free_ports(3)
        self.file.write_text(self.file.read_text().replace("port: 0", f"port: {burst}"))
        env = {"MILLWRIGHT_NODE__DATA_DIR": str(self.folder / "data")}
        if machines:
            code, _, err = self.run_millwright("--log-level", "error", "history", "import", table, "--config", self.file, env=env)
            self.assertEqual(code, 0, err)
        self.plant = Plant(self, self.file, self.api, self.opcua, self.folder / "data").start()

    def ask(self, method, path, body=None, headers=None):
        """(status, body, fields)"""
        data = None if body is None else json.dumps(body).encode()
        fields = {**({"Content-Type": "application/json"} if data else {}), **(headers or {})}
        request = urllib.request.Request(self.plant.url + path, data=data, headers=fields, method=method)
        try:
            with _no_proxy.open(request, timeout=60) as answer:
                return answer.status, answer.read().decode(), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), error.headers

    def rows(self, **query):
        return self.plant.get("/v1/analytics/oee", factory_id="lyon", **query)["items"]

    def check(self, row, expected):
        for name, member in MEMBERS.items():
            self.assertAlmostEqual(row[member], expected[name], delta=1e-9 * max(1, expected[name]), msg=(name, row))
        planned = expected["scheduled"] - expected["planned"] - expected["unknown"]
        made = expected["good"] + expected["reject"] + expected["start_up"]
        if planned == 0 or made == 0 or expected["production"] == 0:
            return
        oee = expected["production"] / planned * expected["ideal"] / expected["production"] * expected["good"] / made
        self.assertAlmostEqual(row["oee"], oee, delta=1e-9)
        self.assertAlmostEqual(row["availability"], expected["production"] / planned, delta=1e-9)
        self.assertAlmostEqual(row["quality"], expected["good"] / made, delta=1e-9)

    def check_year(self, machines, oracles):
        year = {"from": "2025-01-01", "to": "2026-01-01"}
        for machine, oracle in zip(machines, oracles):
            [row] = self.rows(machine=machine.name, level="machine", **year)
            self.check(row, oracle.figures(START, END))
            for row in self.rows(machine=machine.name, level="machine", by="day", **year):
                day = date.fromisoformat(row["day"])
                self.check(row, oracle.figures(utc_of(day, 0), utc_of(day + timedelta(days=1), 0)))
            shifts = self.rows(machine=machine.name, level="machine", by="shift", **year)
            inside = [s for s in oracle.shifts if s[1] > START and s[0] < END]
            self.assertEqual([(s["shift"], s["day"]) for s in shifts], [(s[2], str(s[3])) for s in inside])
            for row, shift in zip(shifts, inside):
                self.check(row, oracle.figures(max(START, shift[0]), min(END, shift[1])))
        [line] = [row for row in self.rows(level="line", **year) if row["path"] == LINE]
        both = [oracle.figures(START, END) for oracle in oracles]
        self.check(line, {name: sum(one[name] for one in both) for name in both[0]})

    def test_a_year_against_the_oracle_and_edits(self):
        machines = [Machine("press-1", 1), Machine("press-2", 2)]
        self.start_plant(machines)
        self.check_year(machines, [Oracle(machine) for machine in machines])

        # Edits: every reason class, a split, a merge over a time of running.
        week = {"machine": "press-1", "from": "2025-03-24", "to": "2025-04-07"}
        events = self.plant.get("/v1/downtime", **week)["items"]
        self.assertGreater(len(events), 50)
        edits = []

        def seconds(event):
            return tuple(int(datetime.fromisoformat(event[x].replace("Z", "+00:00")).timestamp()) for x in ("from", "to"))

        for event, reason, counts_as in zip(events[3::9], ["cleaning", "mechanical", "no-material", "changeover"] * 2, [PLANNED, DOWN, IDLE, SETUP] * 2):
            status, body, fields = self.ask("PATCH", f"/v1/downtime/{event['id']}", {"reason": reason, "comment": "seen"}, {"If-Match": '"1"'})
            self.assertEqual(status, 200, body)
            self.assertEqual(json.loads(body)["counts_as"], counts_as)
            self.assertEqual(fields["ETag"], '"2"')
            edits.append((*seconds(event), counts_as))
        long = max((e for e in events[4::9]), key=lambda e: e["stopped_s"])
        a, b = seconds(long)
        middle = (a + b) // 2
        status, body, _ = self.ask("POST", f"/v1/downtime/{long['id']}/split", {"at": iso(middle)})
        self.assertEqual(status, 200, body)
        second = json.loads(body)["items"][1]
        status, body, _ = self.ask("PATCH", f"/v1/downtime/{second['id']}", {"reason": "meeting"})
        self.assertEqual(status, 200, body)
        edits += [(a, middle, None), (middle, b, PLANNED)]
        one, other = events[6], events[7]
        status, body, _ = self.ask("POST", f"/v1/downtime/{one['id']}/merge", {"with": other["id"]})
        self.assertEqual(status, 200, body)
        edits.append((seconds(one)[0], seconds(other)[1], None))
        edits.sort(key=lambda edit: edit[0])
        oracles = [Oracle(machines[0], edits), Oracle(machines[1])]
        self.check_year(machines, oracles)

        # Another start of the plant knows them too, with who did it and what was before.
        self.plant.process.stop()
        self.plant.start()
        self.check_year(machines, oracles)
        versions = self.plant.get(f"/v1/downtime/{events[3]['id']}")
        self.assertEqual((versions["version"], len(versions["versions"]), versions["changed_by"]), (2, 1, "local"))
        status, body, _ = self.ask("PATCH", f"/v1/downtime/{events[3]['id']}", {"reason": "cleaning"}, {"If-Match": '"1"'})
        self.assertEqual(status, 409, body)

        status, body, _ = self.ask("GET", "/analytics/oee?factory_id=acme/lyon&from=2025-03-29&to=2025-03-31&by=hour", headers={"Accept": "text/csv"})
        table = list(csv.DictReader(io.StringIO(body)))
        self.assertEqual(len(table), 47)  # a day of 24 hours and one of 23
        self.assertEqual(table[0]["path"], "acme/lyon")
        self.check_refusals(events[0])

    def check_refusals(self, event):
        for method, path, body, status, words in [
            ("GET", "/v1/analytics/oee?factory_id=lion", None, 404, "did you mean 'lyon'?"),
            ("GET", "/v1/analytics/oee?factory_id=lyon&from=2025-02-01&to=2025-01-01", None, 400, "is after to="),
            ("GET", "/v1/analytics/oee?factory_id=lyon&from=2001-01-01&to=2025-01-01", None, 400, "longer than 400 days"),
            ("GET", "/v1/analytics/oee?factory_id=lyon&from=soon", None, 400, "from: "),
            ("GET", "/v1/analytics/oee?factory=lyon", None, 400, "did you mean 'factory_id'?"),
            ("GET", "/v1/analytics/oee?level=cell", None, 400, "must be one of machine, line, site"),
            ("GET", "/v1/downtime?machine=press-9", None, 404, "no machine 'press-9'"),
            ("PATCH", f"/v1/downtime/{event['id']}", {"reason": "mechanicl"}, 400, "did you mean 'mechanical'?"),
            ("PATCH", f"/v1/downtime/{event['id']}", {"raeson": "mechanical"}, 400, "did you mean 'reason'?"),
            ("PATCH", "/v1/downtime/none", {"reason": "mechanical"}, 404, "no downtime 'none'"),
            ("POST", f"/v1/downtime/{event['id']}/split", {"at": "2025-01-01T00:00:00Z"}, 400, "is not within the event"),
            ("POST", f"/v1/downtime/{event['id']}/merge", {"with": event["id"]}, 400, "the event itself"),
            ("POST", "/v1/production-orders", {"id": "x", "equipment": "press-9", "material_definition": "m"}, 404, "press-9"),
            ("POST", "/v1/production-orders/none/start", {}, 404, "no production order 'none'"),
        ]:
            with self.subTest(path=path, body=body):
                got, text, fields = self.ask(method, path, body)
                self.assertEqual(got, status, text)
                self.assertEqual(fields["Content-Type"], "application/problem+json")
                self.assertIn(words, json.loads(text)["detail"])
        self.assertEqual(self.plant.get(f"/v1/downtime/{event['id']}")["version"], event["version"])

    def test_production_orders(self):
        self.start_plant([])
        new = {"id": "PO-1", "segment": "10", "equipment": "press-3", "material_definition": "fast", "quantity": 100}
        self.assertEqual(self.plant.post("/v1/production-orders", new)["state"], "released")
        now = datetime.now(timezone.utc)
        at = [(now - timedelta(minutes=m)).strftime("%Y-%m-%dT%H:%M:%SZ") for m in (60, 40, 30, 10)]
        self.plant.post("/v1/production-orders/PO-1/start", {"time": at[0]})
        for _ in range(2):  # told twice, counted once
            self.plant.post("/v1/production-orders/PO-1/counts", {"good": 90, "reject": 2, "key": "a", "time": at[1]})
        self.plant.post("/v1/production-orders/PO-1/material", {"material_definition": "slow", "time": at[2]})
        done = self.plant.post("/v1/production-orders/PO-1/counts", {"good": 7, "time": at[3]})
        self.assertEqual((done["good"], done["reject"], done["state"]), (97, 2, "running"))
        [kept] = self.plant.get("/v1/production-orders", machine="press-3")["items"]
        self.assertEqual(kept, done)
        status, body, _ = self.ask("POST", "/v1/production-orders", {**new, "quantity": 5})
        self.assertEqual(status, 409, body)
        [calendar] = self.plant.get("/v1/calendars", machine="press-1", **{"from": "2025-10-25", "to": "2025-10-27"})["items"]
        self.assertEqual(calendar["time_zone"], "Europe/Paris")
        self.assertIn("extra", [shift["name"] for shift in calendar["shifts"]])

    def test_production_orders_over_mqtt(self):
        [mqtt] = free_ports(1)
        conf = self.folder / "mosquitto.conf"
        conf.write_text(f"listener {mqtt} 127.0.0.1\nallow_anonymous true\n")
        self.start_server(["mosquitto", "-c", conf], "mosquitto", mqtt)
        orders = f"production_orders: {{host: 127.0.0.1, port: {mqtt}, topic: mes/orders}}"
        self.file.write_text(self.file.read_text().replace("analytics:\n", f"analytics:\n  {orders}\n"))
        self.start_plant([])
        refused = self.start(["mosquitto_sub", "-p", mqtt, "-t", "mes/orders/refused"], "mosquitto_sub")
        now = int(datetime.now(timezone.utc).timestamp())
        create = {"action": "create", "id": "PO-9", "equipment": "press-3", "material_definition": "fast"}

        def publish(message):
            text = message if isinstance(message, str) else json.dumps(message)
            subprocess.run(["mosquitto_pub", "-p", str(mqtt), "-q", "1", "-t", "mes/orders", "-m", text], check=True)

        def kept():
            publish(create)  # until the plant has subscribed
            return self.plant.get("/v1/production-orders")["items"]

        self.wait_for("the order", kept)
        publish({"action": "start", "id": "PO-9", "time": iso(now - 3600)})
        for _ in range(3):
            publish({"action": "counts", "id": "PO-9", "good": 40, "reject": 2, "key": "a", "time": iso(now - 1800)})
        publish("{nonsense")
        publish({"action": "finish", "id": "PO-9", "time": iso(now - 60)})
        self.wait_for("the end", lambda: self.plant.get("/v1/production-orders/PO-9")["state"] == "completed")
        order = self.plant.get("/v1/production-orders/PO-9")
        self.assertEqual((order["good"], order["reject"], order["changed_by"]), (40, 2, "mqtt"))
        self.wait_for("the refusal", lambda: "must be a JSON object" in refused.output())


if __name__ == "__main__":
    unittest.main()
