"""What the OPC UA server shows of machines (OPC 40001-1) and alarms (OPC 10000-9), to clients that we did not write: types
and references are those of the companion models, and who has logged in acknowledges and shelves, nobody else."""

import http.client
import json
import random
import subprocess
import time
import unittest

from harness import CLIENTS, FOREIGN_CLIENTS, ROOT, EndToEnd, Plant, free_ports, one_cell

PYTHON = ROOT / "build/venv/bin/python"
MACHINERY = "http://opcfoundation.org/UA/Machinery/"
DI = "http://opcfoundation.org/UA/DI/"
PLANT = """
node: {{name: lyon}}
opcua_server: {{security: [none, basic256sha256], users: users.txt}}
connectors:
  - {{name: line, type: influx, port: {line}}}
detection: {{settle: 0s, spc: {{subgroup_size: 5, training: 20s}}}}
""" + one_cell("default: line") + """\
                    - name: pump-1
                      manufacturer: Sulzer
                      model: ZE 100
                      serial_number: "4711"
                      product_instance_uri: "urn:sulzer:4711"
                      year_of_construction: 2019
                      components: [{{name: motor, manufacturer: ABB, serial_number: M-9}}, {{name: fan, part_of: motor}}]
                      sensors:
                        - {{name: current, component: motor, rate_hz: 10, range: [0, 60], address: "pump current"}}
                        - {{name: state, type: state, states: {{0: idle, 1: running, 2: down}}, address: "pump state"}}
"""


@unittest.skipIf("asyncua" not in FOREIGN_CLIENTS, "needs asyncua, from PyPI")
class OpcUaAlarms(EndToEnd):
    def setUp(self):
        super().setUp()
        self.line, api, opcua = free_ports(3)
        (self.folder / "new.txt").write_text("s3cret")
        code, _, err = self.run_millwright("opcua", "user", "anna", "--users", self.folder / "users.txt",
                                           "--password-file", self.folder / "new.txt")
        self.assertEqual(code, 0, err)
        file = self.folder / "plant.yaml"
        file.write_text(PLANT.format(line=self.line))
        self.plant = Plant(self, file, api, opcua, self.folder / "data").start()
        self.user = self.make_user()

    def make_user(self):
        """A client's certificate, trusted: the arguments that the clients take."""
        der, key, uri = self.folder / "client.der", self.folder / "client.pem", "urn:test:client"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256", "-days", "30", "-subj",
                        "/CN=client", "-keyout", key, "-outform", "DER", "-out", der,
                        "-addext", f"subjectAltName=URI:{uri},DNS:localhost,IP:127.0.0.1",
                        "-addext", "basicConstraints=critical,CA:FALSE",
                        "-addext", "keyUsage=critical,digitalSignature,nonRepudiation,keyEncipherment,dataEncipherment",
                        "-addext", "extendedKeyUsage=clientAuth"], check=True, capture_output=True)
        code, _, err = self.run_millwright("opcua", "trust", der, "--data", self.folder / "data")
        self.assertEqual(code, 0, err)
        return ["Basic256Sha256,SignAndEncrypt", str(der), str(key), uri, "anna", "s3cret"]

    def write(self, lines):
        connection = http.client.HTTPConnection("127.0.0.1", self.line, timeout=30)
        connection.request("POST", "/write", "\n".join(lines).encode())
        self.assertEqual(connection.getresponse().status, 204)
        connection.close()

    def raise_alarm(self):
        dice = random.Random(7)
        self.next = time.time_ns() - 120 * 10**9
        self.current([10 + dice.gauss(0, 0.1) for _ in range(300)] + [45 + dice.gauss(0, 0.1) for _ in range(100)])
        return self.wait_for("an alarm", lambda: self.plant.get("/v1/alarms", active="true")["items"], 20)[0]

    def alarm(self, number):
        return next(alarm for alarm in self.plant.get("/v1/alarms")["items"] if alarm["id"] == number)

    def current(self, values):
        self.write([f"pump current={value} {self.next + i * 10**8}" for i, value in enumerate(values)])
        self.next += len(values) * 10**8

    def run_client(self, arguments):
        done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=120,
                              stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0, done.stdout[-2000:] + done.stderr[-3000:])
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_a_machine_is_as_its_companion_model_has_it(self):
        self.write([f"pump state=1 {time.time_ns()}"])
        self.wait_for("the state", lambda: self.plant.history("pump-1", "state"))
        [found] = self.run_client(["node", CLIENTS / "machinery_client.mjs", self.plant.endpoint, "pump-1"])
        machine = found["machine"]
        identification = machine["Identification"]
        self.assertEqual((identification["type"], identification["reference"], identification["namespace"]),
                         ("MachineIdentificationType", "HasAddIn", DI))
        values = {name: entry["value"] for name, entry in identification["children"].items()}
        self.assertEqual({name: values[name] for name in ("Manufacturer", "Model", "SerialNumber", "ProductInstanceUri",
                                                          "YearOfConstruction")},
                         {"Manufacturer": "Sulzer", "Model": "ZE 100", "SerialNumber": "4711",
                          "ProductInstanceUri": "urn:sulzer:4711", "YearOfConstruction": 2019})
        components = machine["Components"]
        self.assertEqual((components["type"], components["namespace"]), ("MachineComponentsType", MACHINERY))
        motor = components["children"]["motor"]["children"]
        self.assertEqual(motor["Identification"]["type"], "MachineryComponentIdentificationType")
        self.assertEqual(motor["Components"]["type"], "MachineComponentsType")
        blocks = machine["MachineryBuildingBlocks"]["children"]
        self.assertEqual(blocks["MachineryItemState"]["type"], "MachineryItemState_StateMachineType")
        self.assertEqual(blocks["MachineryItemState"]["children"]["CurrentState"]["value"], "Executing")
        self.assertEqual(blocks["MachineryOperationMode"]["children"]["CurrentState"]["value"], "Processing")
        self.assertEqual(machine["motor"]["children"]["current"]["type"], "AnalogItemType", "what was there stays")

    def test_an_anonymous_client_sees_alarms_and_changes_none(self):
        self.raise_alarm()
        lines = self.run_client([PYTHON, CLIENTS / "alarm_client.py", self.plant.endpoint])
        status = {line["call"]: line["status"] for line in lines if "call" in line}
        self.assertEqual(status, {"refresh": "Good", "comment": "BadUserAccessDenied",
                                  "acknowledge": "BadUserAccessDenied", "timed shelve": "BadUserAccessDenied"})
        [alarm] = self.plant.get("/v1/alarms", active="true")["items"]
        self.assertEqual(alarm["state"], "unacknowledged")

    def test_a_user_comments_acknowledges_and_shelves(self):
        alarm = self.raise_alarm()
        lines = self.run_client([PYTHON, CLIENTS / "alarm_client.py", self.plant.endpoint, *self.user])
        status = {line["call"]: line["status"] for line in lines if "call" in line}
        self.assertEqual(status, {
            "refresh": "Good", "comment": "Good", "acknowledge": "Good", "timed shelve": "Good",
            "acknowledge again": "BadConditionBranchAlreadyAcked", "an unknown event": "BadEventIdUnknown",
            "shelve again": "BadConditionAlreadyShelved", "unshelve": "Good",
            "unshelve again": "BadConditionNotShelved", "too long": "BadShelvingTimeOutOfRange", "one shot": "Good"})
        events = [line["event"] for line in lines if "event" in line]
        self.assertEqual(events[0]["name"], alarm["condition"])
        self.assertEqual((events[0]["active"], events[0]["acked"], events[0]["retain"]), (True, False, True))
        self.assertEqual((events[2]["acked"], events[2]["comment"], events[2]["user"]), (True, "seen", "anna"))
        now = self.alarm(alarm["id"])
        self.assertEqual(now["suppression"], "shelved")
        # The one shot is over once the alarm is.
        dice = random.Random(8)
        self.current([10 + dice.gauss(0, 0.1) for _ in range(200)])
        self.wait_for("the end of the shelving", lambda: not self.plant.get("/v1/alarm-controls")["items"], 20)

    def test_node_opcua_acknowledges(self):
        alarm = self.raise_alarm()
        [found] = self.run_client(["node", CLIENTS / "machinery_client.mjs", self.plant.endpoint, "pump-1", *self.user])
        self.assertEqual(found["alarm"], {"condition": alarm["condition"], "retain": True, "status": "Good",
                                          "comment": "seen by node"})
        now = self.alarm(alarm["id"])
        self.assertEqual((now["acknowledged_by"], now["comment"]), ("anna", "seen by node"))


if __name__ == "__main__":
    unittest.main()
