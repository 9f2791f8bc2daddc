#!/usr/bin/python3
"""Run the tests of operators that ONNX itself comes with.

    run.py BUILD [--verbose] [NAME ...]      NAME: a test, or part of its name
    run.py BUILD --part PART [NAME ...]      another folder of the suite: simple, pytorch-converted, pytorch-operator
    run.py BUILD --write                     also write the tables of README.md beside this file

Each test is a process of BUILD/tests/onnx/node_test. Prints what failed, a table by operator and, last,
"N passed, N failed, N skipped". A test is skipped when the engine refuses it because its list of operators
(engine/graph/ops.def) lacks one, or as refused.txt says it does.
"""
import argparse
import concurrent.futures
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))

import report
import suite


def judge(results, listed, whole):
    """[(test, what is wrong with it)], and the results that count as skipped."""
    wrong, skipped = [], []
    for r in results:
        if r.verdict == "refused" and (r.missing() or r.name in listed):
            skipped.append(r)
        elif r.verdict != "passed":
            wrong.append((r.name, f"{r.verdict} (constant: {r.bound}): {r.text}"))
        elif r.name in listed:
            wrong.append((r.name, "passes, but refused.txt has it"))
    known = {r.name for r in results}
    if whole:
        wrong += [(name, "refused.txt has it, but the suite does not") for name in listed if name not in known]
    return wrong, skipped


def run_all(build, folders):
    program = os.path.abspath(os.path.join(build, "tests/onnx/node_test"))
    patience = 10 if "san" in os.path.basename(os.path.normpath(build)) else 1
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(lambda folder: suite.run(program, folder, patience), folders))


def main():
    parser = argparse.ArgumentParser(usage="run.py BUILD [--verbose] [--part PART] [--write | NAME ...]")
    parser.add_argument("build")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--part", default="node")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    whole = args.part == "node" and not args.names
    if args.write and not whole:
        parser.error("the tables are of all tests of operators")

    folders = suite.folders(args.part, args.names)
    if folders is None:
        print(f"no {suite.DATA}/{args.part} (CONVD_ONNX_TESTDATA)\n0 passed, 0 failed, 1 skipped")
        return 0
    listed = suite.read_listed(os.path.join(HERE, "refused.txt"))
    results = run_all(args.build, folders)
    wrong, skipped = judge(results, listed, whole)

    if args.verbose:
        for r in results:
            print(report.describe(r))
    for name, why in wrong:
        print(f"FAILED  {name}: {why}")
    print(report.table(results))
    if args.write:
        report.write(os.path.join(HERE, "README.md"), results, listed)
    passed = sum(r.verdict == "passed" for r in results) - sum(why.startswith("passes") for _, why in wrong)
    print(f"{passed} passed, {len(wrong)} failed, {len(skipped)} skipped")
    return 1 if wrong or not results else 0


if __name__ == "__main__":
    sys.exit(main())
