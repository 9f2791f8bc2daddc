#!/usr/bin/python3
"""Memory that is refused, at each place in turn.

    run.py BUILD [--all] [NAME ...]      NAME: a kind of request, a command, or "storm"

Each allocation that a request causes is failed, one a request; the answer must be the right one, an error that says
so, or a closed connection, and the next request must be answered well. What a kind of request leaves allocated after
all that is counted. Of many allocations some are tried, the same in each run; --all: each. Then a storm: one of two
hundred fails for all that comes. Then starting: `convd serve` and commands, each allocation failed in turn.
Prints what failed and, last, "N passed, N failed, N skipped".
"""
import argparse
import os
import signal
import ssl
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../http")]
sys.dont_write_bytecode = True

import contract
import harness
import make_model
import photos
import requests_of
from faults import Faults
from harness import Failure, Skip, check, equal
from http_client import Closed

FIRST, MORE = 60, 40  # of many allocations: the first ones, and how many of the others
LEFT = 24             # allocations that may be left by what is kept: buffers that grew, names seen for the first time
REFUSED = (499, 500, 503, 507)


def chosen(n, everything, most=None):
    """Which of n allocations are failed."""
    if most and not everything:
        return [n * (i + 1) // most for i in range(most)]
    if everything or n <= FIRST + MORE:
        return list(range(1, n + 1))
    return list(range(1, FIRST + 1)) + [FIRST + (n - FIRST) * (i + 1) // MORE for i in range(MORE)]


def exchange(server, request):
    """The response, or None: the connection was closed before there was one."""
    try:
        return server.fetch(request.method, request.target, request.body, request.headers)
    except (Closed, ConnectionResetError, ssl.SSLError, BrokenPipeError):
        return None
    except ValueError as e:
        raise Failure(f"{request.method} {request.target}: not what it says: {e}") from None


def well_refused(request, response):
    if response.status not in REFUSED:
        return False
    check(b"memory" in response.body or request.method == "HEAD" or response.status != 500 or b"error" in response.body,
          f"{response.status} without a reason: {response.body[:200]}")
    return True


def sweep(server, faults, request, everything):
    """Fail each allocation of a kind of request. What came of it, as text."""
    for _ in range(3):
        response = exchange(server, request)
        check(response is not None and response.status in request.good, f"without faults: {response}")
    before = faults.live()
    faults.arm()
    exchange(server, request)
    seen, _ = faults.disarm()
    count = {"good": 0, "refused": 0, "closed": 0}
    for number in chosen(seen, everything, request.most):
        faults.arm(number, number)
        response = exchange(server, request)
        faults.disarm()
        if response is None:
            count["closed"] += 1
        elif response.status in request.good:
            count["good"] += 1
        elif well_refused(request, response):
            count["refused"] += 1
        else:
            raise Failure(f"allocation {number} failed: {response.status} {response.body[:300]}")
        again = exchange(server, requests_of.PLAIN)
        check(again is not None and again.status == 200, f"after allocation {number} failed: {again}")
    # What may be undone by what follows is: a model that was dropped is loaded again, a view's memory is kept.
    for _ in range(3):
        response = exchange(server, request)
        check(response is not None and response.status in request.good, f"afterwards: {response}")
    left = faults.live() - before
    check(left <= LEFT, f"{left} allocations are left over after {sum(count.values())} faults")
    return (f"{seen} allocations, {sum(count.values())} failed: {count['good']} answered, {count['refused']} refused, "
            f"{count['closed']} closed; {left} left")


def start(suite, faults, name, *options, tls=None):
    return harness.Server(suite, name, options, environ=faults.environ, tls=tls)


def storm(server, faults, kinds, seconds):
    """Everybody at once, one allocation of two hundred fails. Then everything works again."""
    counts, wrong = [0, 0], []
    end = time.monotonic() + seconds

    def client(which):
        i = which
        while time.monotonic() < end and not wrong:
            request = kinds[i % len(kinds)]
            i += 3
            if request.most:  # one at a time
                continue
            try:
                response = exchange(server, request)
                fine = response is None or response.status in request.good or well_refused(request, response)
                if not fine:
                    wrong.append(f"{request.name}: {response.status} {response.body[:200]}")
                counts[response is None or response.status not in request.good] += 1
            except Exception as e:
                wrong.append(f"{request.name}: {type(e).__name__} {e}")

    faults.arm(one_in=200)
    clients = [threading.Thread(target=client, args=(i,)) for i in range(6)]
    for c in clients:
        c.start()
    for c in clients:
        c.join()
    seen, failed = faults.disarm()
    equal(wrong, [], "wrong answers")
    check(failed > 100, f"only {failed} allocations failed")
    for request in kinds:
        response = exchange(server, request)
        check(response is not None and response.status in request.good, f"afterwards {request.name}: {response}")
    return f"{failed} of {seen} allocations failed; {counts[0]} answered, {counts[1]} not"


def starts(suite, faults, command, everything):
    """A command whose allocations fail in turn: it does its work, or says in one line why not."""
    def run():
        # Allocations are counted from the very beginning.
        process = subprocess.Popen([suite.convd, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=harness.clean_environment(faults.environ))
        try:
            return process, *process.communicate(timeout=60 * suite.patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise Failure(f"{' '.join(command)}: does not end") from None

    faults.arm()
    process, _, stderr = run()
    seen, _ = faults.disarm()
    equal((process.returncode, stderr), (0, b""), "without faults")
    worked = 0
    numbers = chosen(seen, everything)
    for number in numbers:
        faults.arm(number, number)
        process, _, stderr = run()
        faults.disarm()
        if process.returncode == 0:
            worked += 1
            continue
        check(process.returncode > 0, f"allocation {number} failed: ended by signal {-process.returncode}: {stderr}")
        check(stderr.strip() and stderr.count(b"\n") == 1, f"allocation {number} failed: not one line: {stderr}")
    return f"{seen} allocations, {len(numbers)} failed: {worked} worked all the same"


def serves(suite, faults, options, everything):
    """The same of `convd serve`, which serves or ends."""
    faults.arm()
    server = start(suite, faults, "start", *options)
    seen, _ = faults.disarm()
    server.stop()
    served = 0
    numbers = chosen(seen, everything)
    for number in numbers:
        faults.arm(number, number)
        try:
            server = start(suite, faults, "start", *options)
        except Failure as e:
            lines = str(e).split("\n")
            check(lines[0].startswith("convd ended with status 1:"), f"allocation {number} failed: {e}")
            # Models that were loaded before have a line each.
            check("memory" in lines[-1] or "cannot" in lines[-1], f"allocation {number} failed: does not say why: {e}")
            continue
        finally:
            faults.disarm()
        response = exchange(server, requests_of.PLAIN)
        check(response is not None and response.status == 200, f"allocation {number} failed: serves, but {response}")
        server.stop(signal.SIGTERM)
        served += 1
    return f"{seen} allocations, {len(numbers)} failed: {served} served all the same"


class Results:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def take(self, name, test):
        begin = time.monotonic()
        try:
            text = test()
            self.passed += 1
            print(f"ok      {name}: {text} ({time.monotonic() - begin:.1f} s)", flush=True)
        except Skip as why:
            self.skipped += 1
            print(f"skipped {name}: {why}", flush=True)
        except (Failure, contract.Mismatch) as e:
            self.failed += 1
            print(f"FAILED  {name}: {e}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    library = os.path.join(os.path.abspath(arguments.build), "tests/faults/failing_alloc.so")
    suite = harness.Suite(arguments.build, contract.Contract("server/web/openapi.json"), "tests/faults/run")
    make_model.make_all(suite.models)
    results = Results()

    def wanted(name):
        return not arguments.names or any(n in name for n in arguments.names)

    kinds = requests_of.kinds()
    repository = requests_of.make_repository(suite)
    faults = Faults(library, suite.folder)
    server = start(suite, faults, "requests", "--model-repository", repository, "--debug", "on", suite.model("tiny"))
    try:
        for request in kinds:
            if wanted(request.name):
                results.take(request.name, lambda r=request: sweep(server, faults, r, arguments.all))
        if wanted("storm"):
            results.take("storm", lambda: storm(server, faults, kinds, 60 if arguments.all else 4))
        results.take("the server ends well", lambda: server.stop() or "status 0")
    finally:
        server.kill()
    for command in (["inspect", suite.model("tiny")], ["inspect", "--json", suite.model("tiny")], ["--help"]):
        if wanted(" ".join(command[:1])):
            results.take("convd " + " ".join(command), lambda c=command: starts(suite, faults, c, arguments.all))
    if wanted("serve"):
        options = ["--model-repository", repository, suite.model("tiny")]
        results.take("convd serve", lambda: serves(suite, faults, options, arguments.all))
    print(f"{results.passed} passed, {results.failed} failed, {results.skipped} skipped")
    return 1 if results.failed else 0


if __name__ == "__main__":
    sys.exit(main())
