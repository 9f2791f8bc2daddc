"""Models that the engine has read and written again: onnxruntime must get the same from both files."""
import json
import os
import subprocess

import onnx

import photos
from compare import near
from runners import PATIENCE, Failure

SAME = 1e-6     # of the largest score, or absolute
BATCHED = 1e-5  # onnxruntime may cut a batch's work otherwise than one picture's


def input_dims(folder):
    """One picture's: what the file leaves open is in model.json."""
    dims = photos.input_dims(os.path.join(folder, "model.onnx"))[1:]
    with open(os.path.join(folder, "model.json"), encoding="utf-8") as f:
        said = json.load(f).get("input", {})
    open_sides = iter((said.get("height"), said.get("width")))
    return [d or next(open_sides) for d in dims]


def complaint(path, full):
    """ONNX's own opinion of a file, in full about types and shapes too; None when it is sound."""
    try:
        onnx.checker.check_model(onnx.load(path), full_check=full)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        return str(error)
    return None


def write_again(build, model, to, dims, full, *batch_name):
    command = [os.path.join(build, "tests/golden/reexport"), model, to, ",".join(map(str, dims)), *batch_name]
    child = subprocess.run(command, stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
    if child.returncode:
        raise Failure(f"reexport: {child.stderr.decode(errors='replace').strip()}")
    wrong = complaint(to, full)
    if wrong:
        raise Failure(f"onnx.checker: {wrong}")


def check_reexport(report, build, oracle, folder, name, model, values):
    """On a few float tensors: one by one in both files, and as one batch of the new one."""
    fixed, opened = (os.path.join(folder, f"{kind}.onnx") for kind in ("fixed", "opened"))
    with report.case(f"{name}: written again") as remarks:
        dims = (1, *values.shape[1:])
        want = oracle.run(model, values)
        scale = max(1.0, float(abs(want).max(initial=0)))
        # Its shapes of pools with ceil_mode are not onnxruntime's.
        full = complaint(model, True) is None
        write_again(build, model, fixed, dims, full)
        worst = near(oracle.run(fixed, values), want, SAME * scale, "batch of 1")
        write_again(build, model, opened, dims, full, "N")
        worst = max(worst, near(oracle.run(opened, values), want, SAME * scale, "open batch"))
        together = oracle.run(opened, values, batch=len(values))
        near(together, want, BATCHED * scale, f"batch of {len(values)}")
        remarks.append(f"{worst:.1e}" if worst else "identical")
        for path in (fixed, opened):
            os.remove(path)
