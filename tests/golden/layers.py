#!/usr/bin/python3
"""Compare what a viewer sees of every layer with onnxruntime's intermediate results.

    layers.py BUILD [MODEL ...]          MODEL: a folder or file; without: every float model of the test data

Each row of the layer table is compared with the output of its node in the file, which is made an output of the
network for that. Prints a line a model and, last, "N passed, N failed, N skipped".
"""
import json
import os
import subprocess
import sys

import numpy as np
import onnx

from compare import Report, sample_folder
from golden import quantised
from runners import DATA, Failure, Oracle

TOLERANCE = 1e-4  # of the largest number in the layer's output


def with_every_output(path, out):
    """Make every node's output the network's; {name of its row: name of the output}."""
    model = onnx.load(path)
    known = {o.name for o in model.graph.output}
    rows = {}
    for node in model.graph.node:
        rows[node.name or node.output[0]] = node.output[0]
        model.graph.output.extend(onnx.ValueInfoProto(name=o) for o in node.output if o and o not in known)
    onnx.save(model, out)
    return rows


def oracle_outputs(oracle, folder, path, values):
    """{name: array} of all outputs for one input."""
    source, result = os.path.join(folder, "every-in"), os.path.join(folder, "every-out")
    values.tofile(source)
    answer = json.loads(oracle.server.ask(json.dumps({
        "model": path, "input": source, "output": result, "shape": values.shape, "n": 1, "every": True,
        "level": "extended"})))
    if not answer["ok"]:
        raise Failure(f"onnxruntime: {answer['error']}")
    numbers, at, found = np.fromfile(result, np.float32), 0, {}
    for output in answer["outputs"]:
        count = int(np.prod(output["dims"], dtype=np.int64))
        found[output["name"]] = numbers[at:at + count].reshape(output["dims"])
        at += count
    if at != numbers.size:
        raise Failure(f"onnxruntime: {numbers.size} numbers, not {at}")
    return found


def seen(build, folder, path, values):
    """[(name, operator, array)] of all rows."""
    source, result = os.path.join(folder, "see-in"), os.path.join(folder, "see-out")
    values.tofile(source)
    done = subprocess.run([os.path.join(build, "tests/golden/see_dump"), path, source, result],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(done.stderr.strip() or f"see_dump ended with status {done.returncode}")
    numbers, at, rows = np.fromfile(result, np.float32), 0, []
    for line in done.stdout.splitlines():
        _, name, op, *dims = line.split("\t")
        dims = [int(d) for d in dims]
        count = int(np.prod(dims))
        rows.append((name, op, numbers[at:at + count].reshape(dims)))
        at += count
    return rows


def inspected(build, path):
    done = subprocess.run([os.path.join(build, "convd"), "inspect", "--json", path], check=True, capture_output=True)
    return json.loads(done.stdout)


def output_of(row, names):
    """The table shortens long names in their middle."""
    head, dots, tail = row.partition("...")
    fits = [row] if row in names else [n for n in names if dots and n.startswith(head) and n.endswith(tail)]
    if len(fits) != 1:
        raise Failure(f"row '{row}' is {len(fits)} nodes of the file")
    return names[fits[0]]


def check_rows(rows, names, want):
    """The worst difference as a share of the tolerance, and the row that has it."""
    worst = (0, "")
    for name, op, got in rows:
        expected = want[output_of(name, names)]
        if expected.size != got.size:
            raise Failure(f"{name} ({op}): {got.shape}, want {expected.shape}")
        tolerance = TOLERANCE * max(float(np.abs(expected).max(initial=0)), 1e-6)
        difference = float(np.abs(got.ravel() - expected.ravel()).max(initial=0)) / tolerance
        worst = max(worst, (difference, f"{name}, {op}"))
    if not worst[0] <= 1:
        raise Failure(f"{worst[1]}: {worst[0] * TOLERANCE:.2g} of its largest number away")
    if not any(np.abs(got).max(initial=0) > 0 for _, _, got in rows):
        raise Failure("all is 0")
    return worst


def check_model(report, build, oracle, folder, path):
    name = os.path.basename(path)
    with report.case(f"{name}: every layer as it is seen") as remarks:
        model = os.path.join(path, "model.onnx") if os.path.isdir(path) else path
        every = os.path.join(folder, f"every-{name}.onnx")
        names = with_every_output(model, every)
        dims = inspected(build, path)["model"]["input"]["shape"]
        values = np.random.default_rng(5).uniform(-1, 1, (1, *dims[1:])).astype(np.float32)
        want = oracle_outputs(oracle, folder, every, values)
        rows = seen(build, folder, path, values)
        listed = [row["name"] for row in inspected(build, path)["layers"]]
        if sorted(name for name, _, _ in rows) != sorted(listed):
            raise Failure(f"{len(rows)} rows seen, {len(listed)} in the table")
        worst, where = check_rows(rows, names, want)
        remarks.append(f"{len(rows)} layers, worst {worst * TOLERANCE:.1e} ({where})")


def main():
    build = sys.argv[1]
    report = Report()
    why = Oracle.missing() or (not sys.argv[2:] and not os.path.isdir(DATA) and "no test data (CONVD_TEST_DATA)")
    if why:
        report.skip("layers", why)
        return report.finish()
    parent = os.path.join(DATA, "models")
    paths = sys.argv[2:] or [os.path.join(parent, n) for n in sorted(os.listdir(parent))
                             if not quantised(os.path.join(parent, n, "model.onnx"))]
    folder = sample_folder(build)
    oracle = Oracle(folder)
    for path in paths:
        check_model(report, build, oracle, folder, path)
    oracle.close()
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
