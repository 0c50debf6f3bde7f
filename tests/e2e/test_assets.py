"""The plant's assets edited while it runs: a machine is added, changed and removed without a restart of the process and without a
reading lost; what is wrong changes nothing; versions, the file's own changes, SIGHUP."""

import json
import signal
import unittest
import urllib.error
import urllib.request

from burst_sender import Sender, write_plant
from harness import EndToEnd, Plant, _no_proxy, free_ports

PLACE = "acme/lyon/hall/line/cell"


class Assets(EndToEnd):
    def setUp(self):
        super().setUp()
        self.burst, api, opcua = free_ports(3)
        self.plant_file = write_plant(self.folder, self.burst)
        self.data = self.folder / "data"
        self.plant = Plant(self, self.plant_file, api, opcua, self.data).start()

    def ask(self, method, path, body=None, media="application/json", **fields):
        """(status, answer)"""
        request = urllib.request.Request(self.plant.url + path, method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": media, **fields})
        try:
            with _no_proxy.open(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def put(self, name, machine, place=PLACE, **fields):
        return self.ask("PUT", f"/v1/assets/machines/{name}", {"place": place, "machine": machine}, **fields)

    def running(self, version):
        """Once the plant runs by that version."""
        self.wait_for(f"version {version} to run",
                      lambda: (lambda v: v["version"] == version and v["running"])(self.plant.get("/v1/assets")))
        self.wait_for("the plant to be ready again", lambda: self.plant.get("/readyz")["status"] == "ready")

    def machines(self):
        return [m["id"] for m in self.plant.get("/v1/machines")["items"]]

    def command(self, *arguments):
        code, out, err = self.run_millwright("--log-level", "error", "assets", *arguments, "--config", self.plant_file,
                                             env=self.plant.env)
        self.assertEqual(code, 0, err)
        return out

    def test_machines_come_and_go_while_readings_flow(self):
        sender = Sender(self.burst, "edge-1", ["force", "stroke"], readings_per_block=100, interval=0.01)
        sender.start()
        self.wait_for("readings", lambda: sender.acked > 20)
        pid = self.plant.process.child.pid

        status, version = self.put("press-2", {"type": "press", "streams": {"default": {"connector": "stream",
                                                                                        "address_prefix": "second/"}}})
        self.assertEqual((status, version["version"]), (200, 2), version)
        self.running(2)
        self.assertEqual(self.machines(), ["press-1", "press-2"])

        status, _ = self.ask("PATCH", "/v1/assets/machines/press-2", {"description": "Beside the first"},
                             media="application/merge-patch+json", **{"If-Match": '"2"'})
        self.assertEqual(status, 200)
        self.running(3)
        self.assertEqual(self.plant.get("/v1/assets/machines/press-2")["machine"]["description"], "Beside the first")
        status, problem = self.ask("PATCH", "/v1/assets/machines/press-2", {"description": "Late"},
                                   media="application/merge-patch+json", **{"If-Match": '"2"'})
        self.assertEqual((status, problem["type"]), (412, "urn:millwright:problem:precondition-failed"))

        self.assertEqual(self.ask("DELETE", "/v1/assets/machines/press-2")[0], 200)
        self.running(4)
        self.assertEqual(self.machines(), ["press-1"])
        self.assertEqual([v["what"] for v in self.plant.get("/v1/assets/versions")["items"]][:3],
                         ["press-2 removed", "press-2 changed", "press-2 put"])

        sent = sender.finish(60)
        self.assertEqual(self.plant.process.child.pid, pid)
        self.assertIsNone(self.plant.process.child.poll())
        self.assertEqual([item["value"] for item in self.plant.history("press-1", "force")], [float(i) for i in range(sent)])

    def test_what_is_wrong_changes_nothing(self):
        for machine, words in [
                ({"type": "pres"}, "did you mean 'press'"),
                ({"type": "press", "colour": "red"}, "unknown key"),
                ({"type": "press", "streams": {"default": "strem"}}, "did you mean 'stream'"),
                ({"type": "press", "streams": {"default": "stream"}}, "reads already"),
                ([], "with a name")]:
            status, problem = self.put("press-2", machine)
            self.assertEqual(status, 400, problem)
            self.assertIn(words, problem["detail"])
        self.assertIn("enterprise/site/area/line/cell", self.put("press-2", {"type": "press"}, place="acme")[1]["detail"])
        self.assertEqual(self.put("press-2", {"name": "press-3", "type": "press"})[0], 400)
        self.assertEqual(self.ask("DELETE", "/v1/assets/machines/press-9")[0], 404)
        # The last machine: a plant without any cannot be.
        self.assertEqual(self.ask("DELETE", "/v1/assets/machines/press-1")[0], 400)
        self.assertEqual(self.plant.get("/v1/assets")["version"], 1)
        self.assertEqual(self.machines(), ["press-1"])

    def test_the_file_and_the_edits(self):
        exported = self.command("export")
        self.assertIn("- name: press-1", exported)
        # A file that changes is taken on SIGHUP, where nothing was edited.
        text = self.plant_file.read_text()
        self.plant_file.write_text(text.replace("name: press-1\n", "name: press-7\n"))
        self.plant.process.child.send_signal(signal.SIGHUP)
        self.running(2)
        self.assertEqual(self.machines(), ["press-7"])
        # One that is wrong is not.
        self.plant_file.write_text(text.replace("enterprise", "enterprize"))
        self.plant.process.child.send_signal(signal.SIGHUP)
        self.wait_for("a word on it", lambda: "did you mean 'enterprise'" in self.plant.process.output())
        self.assertEqual(self.machines(), ["press-7"])

        # Edits stand beside a file that changes, also after a restart, until the file is taken.
        self.plant_file.write_text(text.replace("name: press-1\n", "name: press-7\n"))
        self.assertEqual(self.ask("PATCH", "/v1/assets/machines/press-7", {"serial_number": "0815"},
                                  media="application/merge-patch+json")[0], 200)
        self.running(3)
        self.plant_file.write_text(text)
        self.assertEqual(self.plant.process.stop(), 0)
        self.plant.start()
        self.assertEqual(self.machines(), ["press-7"])
        self.assertTrue(self.plant.get("/v1/assets")["differs_from_file"])
        self.assertIn('serial_number: "0815"', self.command("export"))
        self.command("take")
        self.plant.process.child.send_signal(signal.SIGHUP)
        self.running(4)
        self.assertEqual(self.machines(), ["press-1"])
        self.assertIn("press-7 changed", self.command("versions"))
        self.assertIn("name: press-7", self.command("export", "--version", "2"))


if __name__ == "__main__":
    unittest.main()
