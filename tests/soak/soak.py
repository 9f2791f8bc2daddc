#!/usr/bin/python3
"""Many requests of every kind, good and bad: each gets its answer, and nothing grows.

    soak.py BUILD [REQUESTS [CONNECTIONS]]

After a tenth of the requests the server's resident memory, descriptors and threads are taken as the base; at the end
no descriptor and no thread may be more, and memory within 2% (of few requests: not judged). Prints a table and, last,
"N passed, N failed, N skipped".
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../http")]
sys.dont_write_bytecode = True

import contract
import harness
import make_model
import mix

JUDGED = 50000  # requests from which growth says something
GROWTH = 1.02


class Folder:
    """What harness.Server wants of a suite."""

    def __init__(self, build):
        self.convd = os.path.abspath(os.path.join(build, "convd"))
        self.sanitized = "san" in os.path.basename(os.path.normpath(build))
        self.patience = 4 if self.sanitized else 2
        self.contract = contract.Contract("server/web/openapi.json")
        self.folder = os.path.join(os.path.abspath(build), "tests/soak-run")
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        make_model.make_all(os.path.join(self.folder, "models"))
        harness.raise_file_limit()


def start(suite):
    root = tempfile.mkdtemp(prefix="repository-", dir=suite.folder)
    models = os.path.join(suite.folder, "models")
    shutil.copytree(os.path.join(models, "tiny"), os.path.join(root, mix.SPARE))
    return harness.Server(suite, "soak", ["--model-repository", root, "--debug", "on", "models/scenes",
                                          f"{mix.MODEL}=" + os.path.join(models, "tiny")])


def sample(server):
    at = f"/proc/{server.process.pid}"
    return {"resident kB": server.memory() // 1024, "descriptors": len(os.listdir(at + "/fd")),
            "threads": len(os.listdir(at + "/task"))}


def limit_of(name):
    return GROWTH if name == "resident kB" else 1


def at_rest(server, base=None):
    """When what was left open is closed again and memory was given back: samples until none has grown, at most a minute."""
    end = time.monotonic() + 60
    while True:
        time.sleep(1)
        now = sample(server)
        if time.monotonic() > end or base and all(now[k] <= limit_of(k) * base[k] for k in base):
            return now
        if not base and time.monotonic() > end - 50:
            return now


def fetch(server, data):
    with server.connect() as connection:
        connection.socket.sendall(data)
        return connection.read_response("POST").body


def load(build, server, kinds, connections, requests, seed):
    path = os.path.join(server.folder, "kinds")
    mix.write(path, kinds)
    program = os.path.join(build, "tests/soak/soak_load")
    done = subprocess.run([program, str(server.port), path, str(connections), str(requests), str(seed), "60"],
                          capture_output=True, check=False)
    sys.stderr.write(done.stderr.decode(errors="replace"))
    harness.equal(done.returncode, 0, "soak_load's exit status")
    return json.loads(done.stdout)


def main():
    build, requests = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 500000
    connections = int(sys.argv[3]) if len(sys.argv) > 3 else 24
    suite = Folder(build)
    server = start(suite)
    failures = []
    try:
        kinds = list(mix.all_kinds("scenes"))
        mix.learn(kinds, lambda data: fetch(server, data))
        first = load(build, server, kinds, connections, requests // 10, 1)
        base = at_rest(server)
        rest = load(build, server, kinds, connections, requests - requests // 10, 2)
        end = at_rest(server, base)
        server.still_answers()
        sent = sum(k["sent"] for run in (first, rest) for k in run["kinds"].values())
        print(f"{sent} requests of {len(kinds)} kinds, {sent / (first['seconds'] + rest['seconds']):.0f} each second")
        for name in base:
            print(f"{name:12} {base[name]:9} after a tenth {end[name]:9} at the end {end[name] / base[name]:6.3f}")
            judged = name != "resident kB" or requests >= JUDGED and not suite.sanitized
            if judged and end[name] > limit_of(name) * base[name]:
                failures.append(f"{name} grew")
        for run in (first, rest):
            failures += [f"{n}: {k['wrong']} of {k['sent']} wrong: {k['status']}" for n, k in run["kinds"].items()
                         if k["wrong"]]
        server.stop()
    except (harness.Failure, ValueError, OSError) as e:
        failures.append(str(e))
    finally:
        server.kill()
    for text in failures:
        print("FAILED ", text)
    print(f"{0 if failures else 1} passed, {len(failures)} failed, 0 skipped")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
