#!/usr/bin/python3
"""Black-box tests of `convd serve`.

    run.py BUILD [NAME ...]      NAME: a test, part of its name, or a file of tests: test_load.py

Every function test_...(t) of the files test_*.py is a test. Prints what failed and, last,
"N passed, N failed, N skipped". The servers' messages are kept in BUILD/tests/http.
"""
import glob
import importlib
import os
import signal
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import contract
import harness
import make_model

LIMIT_S = 150
OPENAPI = "server/web/openapi.json"


class TimeLimit(Exception):
    pass


def out_of_time(_signal, _frame):
    raise TimeLimit("not done after its time limit")


def collect(wanted):
    tests = []
    for path in sorted(glob.glob(os.path.join(HERE, "test_*.py"))):
        file = os.path.basename(path)
        module = importlib.import_module(file[:-3])
        for name, function in vars(module).items():
            if name.startswith("test_") and (not wanted or file in wanted or any(w in name for w in wanted)):
                tests.append((name[5:], function))
    return tests


def run_one(suite, name, function):
    """None, or the exception that ended the test."""
    test = harness.Test(suite, name)
    signal.alarm(int(LIMIT_S * suite.patience))
    problem = None
    try:
        function(test)
    except Exception as e:
        problem = e
    finally:
        signal.alarm(0)
    try:
        test.finish(failed=problem is not None)
    except harness.Failure as e:
        problem = e
    return problem


def main():
    if len(sys.argv) < 2 or not os.path.exists(os.path.join(sys.argv[1], "convd")):
        print("usage: run.py BUILD [NAME ...]    BUILD/convd must exist", file=sys.stderr)
        return 2
    signal.signal(signal.SIGALRM, out_of_time)
    suite = harness.Suite(sys.argv[1], contract.Contract(OPENAPI))
    make_model.make_all(suite.models)

    passed = failed = skipped = 0
    for name, function in collect(sys.argv[2:]):
        start = time.monotonic()
        problem = run_one(suite, name, function)
        took = time.monotonic() - start
        if problem is None:
            passed += 1
            print(f"ok      {name} ({took:.1f} s)")
        elif isinstance(problem, harness.Skip):
            skipped += 1
            print(f"skipped {name}: {problem}")
        else:
            failed += 1
            expected = (harness.Failure, contract.Mismatch, TimeLimit)
            text = "" if isinstance(problem, expected) else type(problem).__name__ + ": "
            print(f"FAILED  {name}: {text}{problem}")
            frames = traceback.extract_tb(problem.__traceback__)
            print("        " + " < ".join(f"{os.path.basename(f.filename)}:{f.lineno}" for f in reversed(frames)))
        sys.stdout.flush()

    if suite.shared:
        try:
            suite.shared.stop()
            passed += 1
        except harness.Failure as e:
            failed += 1
            print(f"FAILED  shared server: {e}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed + skipped else 0


if __name__ == "__main__":
    sys.exit(main())
