"""The OpenAPI document and real answers against it, by PyPI's openapi-spec-validator and jsonschema.

    build/venv/bin/python tests/e2e/openapi_check.py < QUESTION

QUESTION: {"document": …, "answers": [{"path": template, "method", "status", "media", "body"}]}. Prints a JSON list of what
does not fit."""

import json
import sys

from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator


def resolve(document, node):
    while "$ref" in node:
        target = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        node = target
    return node


def misfits(document, answer):
    name = f"{answer['method']} {answer['path']} {answer['status']}"
    responses = document["paths"][answer["path"]][answer["method"]]["responses"]
    if str(answer["status"]) not in responses:
        return [f"{name}: the document knows no such status"]
    content = resolve(document, responses[str(answer["status"])]).get("content", {})
    if answer["media"] not in content:
        return [f"{name}: {answer['media']} is not among {list(content)}"]
    # References of the schema are to the document.
    schema = {**content[answer["media"]]["schema"], "components": document["components"]}
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [f"{name}: {error.json_path}: {error.message[:300]}" for error in validator.iter_errors(answer["body"])]


def main():
    question = json.load(sys.stdin)
    document = question["document"]
    found = [f"document: {error.message}" for error in OpenAPIV31SpecValidator(document).iter_errors()]
    for answer in question["answers"]:
        found += misfits(document, answer)
    json.dump(found, sys.stdout)


main()
