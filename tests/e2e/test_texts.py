"""Readings of text (batch numbers, product names) the whole way: from a foreign OPC UA server and as line protocol, through
a kill and a restart, to REST, SQL, files and a foreign OPC UA client; each text as it was sent."""

import csv
import http.client
import io
import json
import os
import subprocess
import unittest

from harness import FOREIGN_CLIENTS, ROOT, EndToEnd, Plant, free_ports

PLANT = """
node: {{name: texts}}
connectors:
  - {{name: line, type: influx, port: {line}}}
{opcua}
assets:
  enterprise: acme
  streams: {{default: line}}
  sites:
    - name: lyon
      streams: {{plc: {stream}}}
      areas:
        - name: hall
          lines:
            - name: one
              cells:
                - name: cell
                  machines:
                    - name: press-1
                      sensors:
                        - {{name: product, type: text, address: "press product"}}
                        - {{name: batch, type: text, address: "nsu=urn:test:texts;s=batch", stream: plc}}
"""
START = 1_763_712_000_000_000_000  # 2025-11-21T08:00:00Z
TEXTS = ["M8x40", "", "café, \"grün\"", "line\nbreak", "back\\slash", "€ 😀", "M8x40", "x" * 1024]


def line_text(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Texts(EndToEnd):
    def start_plant(self, opcua=None):
        self.line, api, port = free_ports(3)
        connector = f"  - {{name: plc, type: opcua, endpoint: \"{opcua}\"}}" if opcua else ""
        self.file = self.folder / "plant.yaml"
        self.file.write_text(PLANT.format(line=self.line, opcua=connector, stream="plc" if opcua else "line"))
        self.plant = Plant(self, self.file, api, port, self.folder / "data").start()
        return self.plant

    def send(self, lines):
        connection = http.client.HTTPConnection("127.0.0.1", self.line, timeout=30)
        connection.request("POST", "/write?db=x", "\n".join(lines).encode())
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body

    def product(self):
        return [item["value"] for item in self.plant.history("press-1", "product")]

    def test_texts_come_back_as_they_were_sent(self):
        self.start_plant()
        lines = [f"press product={line_text(text)} {START + i * 10**9}" for i, text in enumerate(TEXTS)]
        self.assertEqual(self.send(lines), (204, ""))
        self.assertEqual(self.product(), TEXTS)

        self.plant.process.kill()
        self.plant.start()
        self.assertEqual(self.product(), TEXTS)
        sensors = {s["name"]: s for s in self.plant.get("/machines/press-1/twin")["sensors"]}
        self.assertEqual((sensors["product"]["type"], sensors["product"]["value"]), ("text", TEXTS[-1]))

        status, body = self.send([f"press product={line_text('y' * 1025)} {START + 100 * 10**9}", "press product=12.5"])
        self.assertEqual(status, 400, body)
        self.assertIn("product", body)
        self.assertEqual(self.product(), TEXTS)

        rows = self.plant.get("/v1/machines/press-1/history", sensor="product", resolution="1h", **{
            "from": "2025-11-21T08:00:00Z", "to": "2025-11-21T09:00:00Z"})["items"]
        self.assertEqual([(row["count"], row["mean"]) for row in rows], [(len(TEXTS), None)])

        reader = subprocess.run(
            ["node", ROOT / "tests/e2e/opcua/node_client.mjs", "--endpoint", self.plant.endpoint, "--path",
             "press-1/product", "--count", "1", "--seconds", "20"], capture_output=True, text=True, timeout=60)
        values = [json.loads(line) for line in reader.stdout.splitlines()]
        self.assertIn(TEXTS[-1], [line.get("value") for line in values], reader.stderr[-2000:])

        self.files_and_sql()

    def files_and_sql(self):
        """From the running plant, and from its folder once it is stopped."""
        def exported(*where):
            code, out, err = self.run_millwright("history", "export", *where, "--sensor", "press-1/product", "--out", "-",
                                                 "--format", "csv")
            self.assertEqual(code, 0, err)
            return [row["value"] for row in csv.DictReader(io.StringIO(out, newline=""))]

        self.assertEqual(exported("--url", self.plant.url), TEXTS)
        self.plant.process.stop()
        env = {"MILLWRIGHT_NODE__DATA_DIR": str(self.folder / "data")}
        code, out, err = self.run_millwright(
            "history", "sql", "--config", self.file, "--format", "json",
            "SELECT text, value_int FROM readings WHERE sensor LIKE '%product' ORDER BY time", env=env)
        self.assertEqual(code, 0, err)
        self.assertEqual([row["text"] for row in json.loads(out)], TEXTS)

        for file, kind in (("out.csv", "csv"), ("out.parquet", "parquet"), ("out.lp", "influx")):
            path = self.folder / file
            code, _, err = self.run_millwright("history", "export", "--config", self.file, "--format", kind, "--out", path, env=env)
            self.assertEqual(code, 0, err)
            copy = {"MILLWRIGHT_NODE__DATA_DIR": str(self.folder / ("copy-" + file))}
            code, _, err = self.run_millwright("history", "import", "--config", self.file, path, env=copy)
            self.assertEqual(code, 0, err)
            code, out, err = self.run_millwright("history", "query", "press-1/product", "--config", self.file, "--format",
                                                 "json", env=copy)
            self.assertEqual(code, 0, err)
            self.assertEqual([row["value"] for row in json.loads(out)], TEXTS, file)

    @unittest.skipUnless("asyncua" in FOREIGN_CLIENTS, "asyncua is not there")
    def test_texts_of_a_foreign_server(self):
        (port,) = free_ports(1)
        endpoint = f"opc.tcp://127.0.0.1:{port}"
        server = subprocess.Popen([ROOT / "build/venv/bin/python", ROOT / "tests/e2e/opcua/python_server.py", endpoint],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                  env={**os.environ, "PYTHONIOENCODING": "utf-8"})
        def end():
            server.kill()
            server.communicate()
        self.addCleanup(end)
        self.assertEqual(server.stdout.readline(), "ready\n")
        self.start_plant(endpoint)

        def batches():
            return [item["value"] for item in self.plant.history("press-1", "batch")]
        self.wait_for("the first value", lambda: batches() == ["before the first"])
        sent = ["B-4711", "café, \"grün\" €", "B-4712"]
        for text in sent:
            server.stdin.write(text + "\n")
            server.stdin.flush()
            self.assertEqual(server.stdout.readline(), text + "\n")
            self.wait_for(text, lambda text=text: batches()[-1] == text)
        self.assertEqual(batches(), ["before the first", *sent])


if __name__ == "__main__":
    unittest.main()
