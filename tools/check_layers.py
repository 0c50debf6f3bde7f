#!/usr/bin/env python3
"""The layer rule, read from the sources: a module includes only lower-layer modules that it declares, src/CMakeLists.txt
and the table in ARCHITECTURE.md say the same, and every folder of src/ is in both. Prints what is wrong; exits 1."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODULE = re.compile(r"^module\((\w+) LAYER (\d)(?: DEPS ([\w ]+?))?(?: LIBS [^)]*)?\)", re.M)
TABLE_ROW = re.compile(r"^\| (\d) \| `(\w+)` \| ([^|]*) \|", re.M)
INCLUDE = re.compile(r'^#include "(\w+)/[\w./]+"', re.M)


def declared():
    text = (ROOT / "src/CMakeLists.txt").read_text().replace("\n    ", " ")
    return {name: (int(layer), (deps or "").split()) for name, layer, deps in MODULE.findall(text)}


def main():
    problems = []
    modules = declared()
    folders = {p.name for p in (ROOT / "src").iterdir() if p.is_dir()}
    for name in sorted(folders ^ modules.keys()):
        problems.append(f"src/{name}: a folder and a module() line belong together; one of them is missing")

    table = {name: (int(layer), re.findall(r"`(\w+)`", deps))
             for layer, name, deps in TABLE_ROW.findall((ROOT / "ARCHITECTURE.md").read_text())}
    for name in sorted(modules.keys() | table.keys()):
        if name not in table:
            problems.append(f"ARCHITECTURE.md: the table of modules lacks `{name}`")
        elif name not in modules:
            problems.append(f"ARCHITECTURE.md: the table has `{name}`, which src/ does not")
        elif (modules[name][0], sorted(modules[name][1])) != (table[name][0], sorted(table[name][1])):
            problems.append(f"ARCHITECTURE.md: `{name}` is layer {table[name][0]} with {table[name][1]} there, "
                            f"layer {modules[name][0]} with {modules[name][1]} in src/CMakeLists.txt")

    for name, (layer, deps) in modules.items():
        for dep in deps:
            if dep not in modules or modules[dep][0] >= layer:
                problems.append(f"src/CMakeLists.txt: {name} (layer {layer}) may not depend on {dep}")
        for source in sorted((ROOT / "src" / name).rglob("*.[ch]pp")):
            for included in sorted(set(INCLUDE.findall(source.read_text())) & modules.keys()):
                if included != name and included not in deps:
                    problems.append(f"{source.relative_to(ROOT)}: includes {included}/, which {name} does not declare")
    print("\n".join(problems) or f"layers: {len(modules)} modules, all in order")
    return 1 if problems else 0


sys.exit(main())
