"""OPC UA with certificates, encryption and passwords, against clients and a server that we did not write: who is not
trusted or has the wrong password gets nothing, one step mends it, and every policy carries values both ways."""

import json
import subprocess
import unittest

from harness import CLIENTS, FOREIGN_CLIENTS, ROOT, EndToEnd, Plant, free_ports, one_cell

PLANT = """
node: {{name: secure}}
opcua_server:
  security: [basic256sha256, aes128_sha256_rsaoaep, aes256_sha256_rsapss]
  users: users.txt
  anonymous: none
connectors:
  - {{name: plc, type: opcua, endpoint: "{endpoint}", {login}, retry_max: 1s}}
""" + one_cell("default: plc") + """\
                    - name: tank-1
                      sensors:
                        - {{name: level, address: "nsu=urn:test:secure;s=level"}}
"""
PASSWORD = "user: millwright, password_file: password.txt"
CERTIFICATE = "user_certificate: user.der, user_key: user.pem"
POLICIES = {"basic256sha256": "Basic256Sha256", "aes128_sha256_rsaoaep": "Aes128Sha256RsaOaep",
            "aes256_sha256_rsapss": "Aes256Sha256RsaPss"}


@unittest.skipIf("asyncua" not in FOREIGN_CLIENTS, "needs asyncua, from PyPI")
class OpcUaSecurity(EndToEnd):
    def certificate(self, name):
        """A self-signed application certificate made by openssl: (DER, PEM key, URI)."""
        der, key, uri = self.folder / f"{name}.der", self.folder / f"{name}.pem", f"urn:test:{name}"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256", "-days", "30",
                        "-subj", f"/CN={name}", "-keyout", key, "-outform", "DER", "-out", der,
                        "-addext", f"subjectAltName=URI:{uri},DNS:localhost,IP:127.0.0.1",
                        "-addext", "basicConstraints=critical,CA:FALSE",
                        "-addext", "keyUsage=critical,digitalSignature,nonRepudiation,keyEncipherment,dataEncipherment",
                        "-addext", "extendedKeyUsage=serverAuth,clientAuth"], check=True, capture_output=True)
        return der, key, uri

    def start_plant(self, policy="basic256sha256", certificates=(), login=None):
        """`certificates`: (user, DER) of users who log in by one. `login`: how the plant logs in at a server that knows a user by certificate as
        well; else by password, encrypted."""
        source, api, port = free_ports(3)
        self.source = f"opc.tcp://127.0.0.1:{source}"
        der, key, uri = self.certificate("server")
        self.server = self.start([ROOT / "build/venv/bin/python", CLIENTS / "secure_server.py", self.source, der, key, uri] +
                                 ([self.certificate("user")[0]] if login else []), "server")
        self.wait_for("the foreign server", lambda: "ready" in self.server.output(), 60, self.server)
        self.set_password("from the file")
        self.add_user("operator", "s3cret")
        for name, der in certificates:
            code, _, err = self.run_millwright("opcua", "user", name, "--users", self.folder / "users.txt", "--certificate", der)
            self.assertEqual(code, 0, err)
        plant = self.folder / "plant.yaml"
        login = login or f"security: encrypt, policy: {policy}, {PASSWORD}"
        plant.write_text(PLANT.format(endpoint=self.source, login=login))
        self.plant = Plant(self, plant, api, port, self.folder / "data").start()

    def set_password(self, password):
        (self.folder / "password.txt").write_text(password + "\n")

    def add_user(self, name, password):
        (self.folder / "new.txt").write_text(password)
        code, _, err = self.run_millwright("opcua", "user", name, "--users", self.folder / "users.txt",
                                           "--password-file", self.folder / "new.txt")
        self.assertEqual(code, 0, err)

    def connector(self):
        [connector] = self.plant.get("/v1/plant")["connectors"]
        return connector

    def listed(self):
        code, out, err = self.run_millwright("opcua", "list", "--data", self.folder / "data", "--json")
        self.assertEqual(code, 0, err)
        return json.loads(out)

    def trust(self, subject):
        [found] = [c for c in self.listed() if c["folder"] == "rejected" and subject in c["subject"]]
        code, out, err = self.run_millwright("opcua", "trust", found["thumbprint"], "--data", self.folder / "data")
        self.assertEqual(code, 0, err)
        self.assertIn(found["application_uri"], out)

    def connect_source(self):
        self.wait_for("the server to be turned away", lambda: "is not trusted" in self.connector()["detail"])
        self.assertIn("millwright opcua trust", self.connector()["detail"])
        self.trust("CN = server")
        self.wait_for("the connection", self.plant.connected)
        self.wait_for("values", lambda: len(self.plant.history("tank-1", "level")) > 3)

    def client(self, name, certificate, security="Basic256Sha256,SignAndEncrypt", user="operator", password="s3cret",
               user_certificate=None):
        """Runs a foreign client until it has three values: (exit code, output)."""
        der, key, uri = certificate
        arguments = [*map(str, FOREIGN_CLIENTS[name]), "--endpoint", self.plant.endpoint, "--path", "tank-1/level",
                     "--seconds", "20", "--count", "3"]
        if security:
            arguments += ["--security", security, "--certificate", str(der), "--key", str(key), "--application-uri", uri]
        if user_certificate:
            arguments += ["--user-certificate", str(user_certificate[0]), "--user-key", str(user_certificate[1])]
        elif user:
            arguments += ["--user", user, "--password", password]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout + done.stderr

    def test_clients_in_and_values_out(self):
        self.start_plant()
        self.connect_source()
        for name in FOREIGN_CLIENTS:
            with self.subTest(client=name):
                certificate = self.certificate(name)
                code, output = self.client(name, certificate)
                self.assertNotEqual(code, 0, "a client that nobody trusts came in")
                self.assertNotIn('"kind":"value"', output.replace(" ", ""))
                self.assertIn("millwright opcua trust", self.plant.process.output())
                self.trust(f"CN = {name}")
                code, output = self.client(name, certificate, password="wrong")
                self.assertNotEqual(code, 0, "a wrong password came in")
                code, output = self.client(name, certificate, user=None)
                self.assertNotEqual(code, 0, "an anonymous user came in")
                code, output = self.client(name, certificate, security=None)
                self.assertNotEqual(code, 0, "a client came in unencrypted")
                for policy in POLICIES.values():
                    for mode in ("Sign", "SignAndEncrypt"):
                        code, output = self.client(name, certificate, f"{policy},{mode}")
                        self.assertEqual(code, 0, f"{policy} {mode}: {output[-2000:]}")
                if name == "asyncua":
                    self.check_endpoints(output)
        key = self.folder / "data/pki/own/private/own.pem"
        self.assertEqual(key.stat().st_mode & 0o77, 0)
        self.assertNotIn("s3cret", self.plant.process.output() + (self.folder / "users.txt").read_text())

    def test_users_by_certificate(self):
        engineer, stranger = self.certificate("engineer"), self.certificate("stranger")
        self.start_plant(certificates=[("engineer", engineer[0])])
        self.connect_source()
        for name in FOREIGN_CLIENTS:
            with self.subTest(client=name):
                certificate = self.certificate(name)
                self.client(name, certificate)
                self.trust(f"CN = {name}")
                for policy in POLICIES.values():
                    code, output = self.client(name, certificate, f"{policy},SignAndEncrypt", user_certificate=engineer)
                    self.assertEqual(code, 0, f"{policy}: {output[-2000:]}")
                code, output = self.client(name, certificate, user_certificate=stranger)
                self.assertNotEqual(code, 0, "a user whom nobody knows came in")
                code, output = self.client(name, certificate, user_certificate=(engineer[0], stranger[1]))
                self.assertNotEqual(code, 0, "a user came in without the certificate's key")
                code, output = self.client(name, certificate)
                self.assertEqual(code, 0, f"by password: {output[-2000:]}")
        self.assertIn("no user has the certificate of 'CN = stranger'", self.plant.process.output())

    def check_endpoints(self, output):
        """Each policy to sign and to encrypt, none without, and passwords as the only way in."""
        lines = [json.loads(line) for line in output.splitlines() if line.startswith('{"kind": "endpoint"')]
        self.assertEqual(len(lines), 6)
        self.assertEqual({line["mode"] for line in lines}, {"Sign", "SignAndEncrypt"})
        self.assertEqual({tuple(line["users"]) for line in lines}, {("UserName",)})

    def test_every_policy_to_a_foreign_server(self):
        for policy in POLICIES:
            with self.subTest(policy=policy):
                self.start_plant(policy)
                if any(c["folder"] == "trusted" for c in self.listed()):
                    self.wait_for("values", lambda: len(self.plant.history("tank-1", "level")) > 3)
                else:
                    self.connect_source()
                self.plant.process.stop()
                self.server.kill()

    def test_users_log_in_however_the_channel_is_protected(self):
        ways = {
            "a password that its token's policy encrypts, in the clear": f"security: none, {PASSWORD}",
            "the same where messages are signed only": f"security: sign, policy: aes256_sha256_rsapss, {PASSWORD}",
            "a certificate": f"security: encrypt, policy: basic256sha256, {CERTIFICATE}",
            "a certificate where messages are signed only": f"security: sign, policy: aes256_sha256_rsapss, {CERTIFICATE}",
        }
        for what, login in ways.items():
            with self.subTest(what):
                self.start_plant(login=login)
                if any(c["folder"] == "trusted" for c in self.listed()):
                    self.wait_for("values", lambda: len(self.plant.history("tank-1", "level")) > 3)
                else:
                    self.connect_source()
                self.plant.process.stop()
                self.server.kill()

    def test_what_is_not_offered_is_told_with_what_is(self):
        self.start_plant(login=f"security: sign, policy: aes128_sha256_rsaoaep, {PASSWORD}")
        self.wait_for("the refusal", lambda: "it offers" in self.connector()["detail"])
        self.assertIn("does not offer sign aes128_sha256_rsaoaep", self.connector()["detail"])
        self.assertIn("sign aes256_sha256_rsapss (", self.connector()["detail"])
        code, out, err = self.run_millwright("opcua", "discover", self.source, "--json")
        self.assertEqual(code, 0, err)
        found = json.loads(out)["endpoints"]
        self.assertEqual({e["mode"] for e in found}, {"none", "sign", "encrypt"})
        self.assertEqual(len({e["thumbprint"] for e in found}), 1)
        by = {u["policy"] for e in found if e["mode"] != "encrypt" for u in e["users"] if u["kind"] == "password"}
        self.assertNotIn("none", by)
        code, _, err = self.run_millwright("opcua", "discover", f"opc.tcp://127.0.0.1:{free_ports(1)[0]}")
        self.assertNotEqual(code, 0)
        self.assertIn("connection refused", err)

    def test_a_wrong_password_is_told_and_mended(self):
        self.start_plant()
        self.connect_source()
        self.plant.process.stop()
        self.set_password("something else")
        self.plant.start()
        self.wait_for("the refusal", lambda: "password" in self.connector()["detail"])
        self.assertFalse(self.plant.connected())
        self.set_password("from the file")
        self.wait_for("the connection", self.plant.connected)


if __name__ == "__main__":
    unittest.main()
