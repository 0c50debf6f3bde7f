"""Who may do what, with the real binary: set-up, signing in, roles and places, tokens, OpenID Connect, TLS by a plant's
own authority, and an audit log that shows what was done to it."""

import base64
import json
import re
import subprocess
import time
import unittest
import urllib.error
import urllib.request

from harness import EndToEnd, Plant, free_ports

PASSWORD = "four horses cross the river"
PLANT = """
node: {name: line-1}
connectors:
  - {name: files, type: influx, port: INFLUX}
opcua_server: {enabled: false}
access:
ACCESS
assets:
  enterprise: acme
  streams: {default: files}
  sites:
    - name: lyon
      areas: [{name: a, lines: [{name: l, cells: [{name: c, machines: [
        {name: pump-1, sensors: [{name: flow, unit: bar, address: "pump flow"}]}]}]}]}]
    - name: ulm
      areas: [{name: a, lines: [{name: l, cells: [{name: c, machines: [
        {name: fan-1, sensors: [{name: flow, unit: bar, address: "fan flow"}]}]}]}]}]
"""


def segment(data):
    if isinstance(data, dict):
        data = json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Access(EndToEnd):
    def setUp(self):
        super().setUp()
        self.api, self.opcua, self.influx = free_ports(3)
        self.file = self.folder / "plant.yaml"
        self.password = self.folder / "password"
        self.password.write_text(PASSWORD + "\n")

    def write_plant(self, access="  mode: accounts"):
        self.file.write_text(PLANT.replace("INFLUX", str(self.influx)).replace("ACCESS", access))

    def start_plant(self, **env):
        self.plant = Plant(self, self.file, self.api, self.opcua, self.folder / "data",
                           {"MILLWRIGHT_ACCESS__MODE": "accounts", **env})
        return self.plant.start()

    def ask(self, method, path, body=None, token=None, cookie=None):
        """(status, answer, fields)"""
        request = urllib.request.Request(self.plant.url + path, method=method,
                                         data=None if body is None else json.dumps(body).encode())
        if body is not None:
            request.add_header("Content-Type", "application/json")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        if cookie:
            request.add_header("Cookie", cookie)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as answer:
                return answer.status, json.load(answer), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"{}"), error.headers

    def command(self, *arguments, code=0):
        done, out, err = self.run_millwright(*arguments, "--data", self.folder / "data")
        self.assertEqual(done, code, out + err)
        return out

    def add_user(self, name, role, sites="*"):
        self.command("user", "add", name, "--role", role, "--sites", sites, "--password-file", self.password)

    def token(self, owner, *more):
        return self.command("token", "create", owner, "--name", "test", *more).strip()

    def known(self, token):
        """A running plant knows what a command has changed within a second or so."""
        self.wait_for("the plant to know the token", lambda: self.ask("GET", "/v1/machines", token=token)[0] == 200)

    def test_first_steps(self):
        self.write_plant()
        plant = self.start_plant()
        self.assertEqual(self.ask("GET", "/v1/machines")[0], 401)
        self.assertTrue(self.ask("GET", "/v1/session")[1]["setup_needed"])
        setup = re.findall(r"setup_[\w-]{43}", plant.process.output())
        self.assertEqual(len(setup), 1)
        body = {"token": setup[0], "name": "anna", "password": "short"}
        self.assertEqual(self.ask("POST", "/v1/setup", body)[0], 400)
        body["password"] = PASSWORD
        self.assertEqual(self.ask("POST", "/v1/setup", {**body, "token": "setup_wrong"})[0], 400)
        self.assertEqual(self.ask("POST", "/v1/setup", body)[0], 200)
        self.assertEqual(self.ask("POST", "/v1/setup", body)[0], 409)
        status, person, fields = self.ask("POST", "/v1/session", {"name": "anna", "password": PASSWORD})
        self.assertEqual((status, person["role"], person["sites"]), (200, "admin", ["*"]))
        cookie = fields["Set-Cookie"].split(";")[0]
        self.assertEqual(self.ask("GET", "/v1/machines", cookie=cookie)[0], 200)
        # A restart signs nobody out, and needs no set-up any more.
        plant.process.stop()
        plant.start()
        self.assertEqual(self.ask("GET", "/v1/machines", cookie=cookie)[0], 200)
        self.assertNotIn("setup_", plant.process.output())
        self.assertEqual(self.ask("DELETE", "/v1/session", cookie=cookie)[0], 200)
        self.assertEqual(self.ask("GET", "/v1/machines", cookie=cookie)[0], 401)
        log = (self.folder / "data/audit/log").read_text() + plant.process.output()
        for secret in (PASSWORD, setup[0], cookie.split("=")[1]):
            self.assertNotIn(secret, log)

    def test_roles_places_and_tokens(self):
        self.write_plant()
        (self.folder / "data").mkdir()
        self.add_user("anna", "admin")
        self.add_user("otto", "operator", "acme/lyon")
        self.start_plant()
        otto, anna = self.token("otto"), self.token("anna")
        self.known(otto)
        self.known(anna)
        self.assertEqual([m["id"] for m in self.ask("GET", "/v1/machines", token=otto)[1]["items"]], ["pump-1"])
        self.assertEqual(len(self.ask("GET", "/v1/machines", token=anna)[1]["items"]), 2)
        self.assertEqual(self.ask("GET", "/machines/fan-1/twin", token=otto)[0], 404)
        self.assertEqual(self.ask("GET", "/machines/fan-1/history?sensor=flow", token=otto)[0], 404)
        self.assertEqual(self.ask("POST", "/v1/machines/pump-1/limits/relearn", {}, token=otto)[0], 403)
        self.assertEqual(self.ask("GET", "/metrics", token=otto)[0], 403)
        self.assertEqual(self.ask("GET", "/v1/users", token=otto)[0], 403)
        # No more than the owner's rights.
        for wrong in (["--role", "engineer"], ["--sites", "acme/ulm"], ["--sites", "*"]):
            self.command("token", "create", "otto", "--name", "x", *wrong, code=2)
        tokens = json.loads(self.command("token", "list", "--json"))
        theirs = next(t for t in tokens if t["owner"] == "otto")
        self.command("token", "revoke", theirs["id"])
        self.wait_for("the token to end", lambda: self.ask("GET", "/v1/machines", token=otto)[0] == 401)
        self.command("user", "role", "otto", "viewer")
        self.command("user", "remove", "otto")
        self.command("user", "remove", "anna", code=3)
        self.assertEqual([u["name"] for u in json.loads(self.command("user", "list", "--json"))], ["anna"])

    def test_openid(self):
        self.write_plant("""
  oidc:
    issuer: https://id.example
    audience: millwright
    jwks_file: keys.json
    algorithms: [ES256, RS256]
    role_claim: realm.roles
    roles: {plant: viewer}
    sites_claim: sites
""")
        key = self.folder / "key.pem"
        self.openssl("genrsa", "-out", key, "2048")
        modulus = bytes.fromhex(self.openssl("rsa", "-in", key, "-noout", "-modulus").decode().strip().split("=")[1])
        jwk = {"kty": "RSA", "kid": "a", "n": segment(modulus), "e": "AQAB"}
        (self.folder / "keys.json").write_text(json.dumps({"keys": [jwk]}))
        (self.folder / "data").mkdir()
        self.add_user("anna", "admin")
        self.start_plant()
        claims = {"iss": "https://id.example", "aud": ["millwright"], "sub": "eve", "exp": time.time() + 600,
                  "realm": {"roles": ["plant"]}, "sites": ["acme/ulm"]}

        def token(changes={}, header={"alg": "RS256", "kid": "a"}):
            text = segment(header) + "." + segment({**claims, **changes})
            (self.folder / "text").write_text(text)
            return text + "." + segment(self.openssl("dgst", "-sha256", "-sign", key, self.folder / "text"))
        good = token()
        self.known(good)
        self.assertEqual([m["id"] for m in self.ask("GET", "/v1/machines", token=good)[1]["items"]], ["fan-1"])
        self.assertEqual(self.ask("GET", "/v1/session", token=good)[1]["user"]["name"], "openid:eve")
        self.assertEqual(self.ask("POST", "/v1/alarm-controls", {}, token=good)[0], 403)
        for changes in ({"exp": time.time() - 600}, {"aud": "x"}, {"iss": "x"}, {"nbf": time.time() + 600}, {"sites": []},
                        {"realm": {"roles": ["x"]}}):
            self.assertEqual(self.ask("GET", "/v1/machines", token=token(changes))[0], 401, changes)
        for header in ({"alg": "none"}, {"alg": "HS256", "kid": "a"}, {"alg": "RS512", "kid": "a"}, {"alg": "ES256"}):
            self.assertEqual(self.ask("GET", "/v1/machines", token=token(header=header))[0], 401, header)
        self.assertEqual(self.ask("GET", "/v1/machines", token=good.rsplit(".", 1)[0] + ".")[0], 401)

    def openssl(self, *arguments):
        return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=True).stdout

    def test_tls(self):
        pki = self.folder / "pki"
        self.assertEqual(self.run_millwright("cert", "init-ca", "--dir", pki)[0], 0)
        self.assertEqual(self.run_millwright("cert", "issue", "--dir", pki, "--hosts", "localhost,127.0.0.1")[0], 0)
        self.assertEqual((pki / "plant.key").stat().st_mode & 0o77, 0)
        self.assertEqual((pki / "ca.key").stat().st_mode & 0o77, 0)
        shown = self.run_millwright("cert", "show", pki / "plant.crt")[1]
        self.assertIn("DNS:localhost, IP Address:127.0.0.1", shown)
        self.write_plant()
        with open(self.file, "a") as file:
            file.write("api: {host: 0.0.0.0, tls: {certificate_file: pki/plant.crt, key_file: pki/plant.key}}\n")
        (self.folder / "data").mkdir()
        self.add_user("anna", "admin")
        token = self.token("anna")
        plant = Plant(self, self.file, self.api, self.opcua, self.folder / "data",
                      {"MILLWRIGHT_ACCESS__MODE": "accounts"})
        process = self.millwright("run", self.file, env=plant.env)
        url = f"https://localhost:{self.api}"

        def curl(*arguments):
            return subprocess.run(["curl", "-sS", "--noproxy", "*", *map(str, arguments)], capture_output=True, text=True,
                                  timeout=30)
        trusted = ("--cacert", pki / "ca.crt")
        self.wait_for("TLS", lambda: curl(*trusted, url + "/readyz").returncode == 0, process=process)
        self.assertNotEqual(curl(url + "/readyz").returncode, 0, "nobody trusts the plant's authority unasked")
        self.assertNotEqual(curl(*trusted, "--tls-max", "1.1", url + "/readyz").returncode, 0)
        self.assertNotIn("200", curl(f"http://localhost:{self.api}/readyz", "-i").stdout)
        answer = curl(*trusted, "-i", url + "/v1/machines", "-H", f"Authorization: Bearer {token}").stdout
        self.assertIn("Strict-Transport-Security", answer)
        self.assertIn("pump-1", answer)
        login = curl(*trusted, "-i", url + "/v1/session", "-H", "Content-Type: application/json", "-d",
                     json.dumps({"name": "anna", "password": PASSWORD})).stdout
        self.assertRegex(login, r"Set-Cookie: mw_session=ses_.*; Secure")
        (self.folder / "token").write_text(token)
        done, out, err = self.run_millwright("model", "list", "--url", url, "--ca-file", pki / "ca.crt", "--token-file",
                                             self.folder / "token")
        self.assertEqual(done, 0, out + err)

    def test_listeners_stay_here_without_accounts_and_tls(self):
        for access, api in (("  mode: local", "{host: 0.0.0.0}"), ("  mode: accounts", "{host: 0.0.0.0}")):
            self.write_plant(access)
            with open(self.file, "a") as file:
                file.write(f"api: {api}\n")
            code, out, err = self.run_millwright("check-config", self.file)
            self.assertEqual(code, 2)
            self.assertIn("api.host", out + err)

    def test_the_audit_log_shows_what_was_done_to_it(self):
        self.write_plant()
        (self.folder / "data").mkdir()
        self.add_user("anna", "admin")
        for name in ("bert", "carl", "dora"):
            self.add_user(name, "viewer")
        log = self.folder / "data/audit/log"
        whole = log.read_text().splitlines(keepends=True)
        self.assertEqual(len(whole), 4)
        verified = json.loads(self.command("audit", "verify", "--json"))
        self.assertTrue(verified["whole"])
        self.assertIn("user add bert", self.command("audit", "list"))

        def problems(lines, *more):
            log.write_text("".join(lines))
            return "\n".join(json.loads(self.command("audit", "verify", "--json", *more, code=1))["problems"])
        altered = [line.replace("bert", "berta") for line in whole]
        self.assertIn("record 2 was altered", problems(altered))
        self.assertIn("record 3 was removed", problems(whole[:2] + whole[3:]))
        self.assertIn("record 4 was removed from the end", problems(whole[:3]))
        self.assertIn("record 2 stands after record 3", problems([whole[0], whole[2], whole[1], whole[3]]))
        # Nothing is written behind an end that is no record.
        log.write_text("".join(whole) + "rubbish\n")
        self.command("user", "role", "bert", "operator", code=1)
        log.write_text("".join(whole))
        self.command("audit", "verify", "--head", verified["head"])


if __name__ == "__main__":
    unittest.main()
