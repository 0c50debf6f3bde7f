"""Jars for the tests, from Maven Central."""

import shutil
import subprocess

PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"


class Unavailable(Exception):
    pass


def jars(pom, folder, what):
    """The class path. Fetched with a Maven repository of its own; a changed pom.xml is fetched anew."""
    target, mark = folder / "jars", folder / "fetched.xml"
    if not mark.exists() or mark.read_text() != pom.read_text():
        for tool in ("mvn", "java"):
            if shutil.which(tool) is None:
                raise Unavailable(f"{tool} is not installed")
        shutil.rmtree(target, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(["mvn", "-q", "-B", f"-Dmaven.repo.local={folder}/maven", "-f", str(pom), f"{PLUGIN}:copy-dependencies",
                               f"-DoutputDirectory={target}"], capture_output=True, text=True, timeout=900)
        if done.returncode != 0:
            raise Unavailable(f"Maven could not fetch {what}: {done.stdout[-300:]}")
        mark.write_text(pom.read_text())
    return f"{target}/*"
