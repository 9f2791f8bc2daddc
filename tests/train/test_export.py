"""What was trained is a sound ONNX file that every program understands alike."""
import json
import os

import numpy as np
import onnx
import pictures

import harness
from harness import check, equal
from make_data import CLASSES
from runners import softmax
from training import QUICK, quick, read

# Pillow resizes to within a level of 255 of convd.
EXACT, RESIZED = 1e-5, 0.03


def validation_files(t, data):
    """[(path, class)] in the order of names."""
    folder = os.path.join(t.suite.data(data), "val")
    return [(os.path.join(folder, name, file), name)
            for name in CLASSES for file in sorted(os.listdir(os.path.join(folder, name)))]


def tensors(out, files):
    """The pictures as Pillow reads them and model.json says."""
    spec = json.loads(read(os.path.join(out, "model.json")))["input"]
    spec["scale"] = 1 / spec["scale"]
    return np.stack([pictures.to_tensor(pictures.fit(pictures.load_upright(path), spec), spec) for path, _ in files])


def probabilities(t, out, files):
    answers = t.classify(out, [path for path, _ in files])
    return np.array([[answer[name] for name in CLASSES] for answer in answers])


def load(out):
    model = onnx.load(os.path.join(out, "model.onnx"))
    onnx.checker.check_model(model, full_check=True)
    return model


def largest(a, b):
    return float(np.abs(a - b).max())


def test_onnxruntime_gives_the_same(t):
    oracle = t.suite.oracle()
    for data, near in (("exact", EXACT), ("split", RESIZED)):
        for options in (QUICK, quick(arch="resnet20", epochs=2)):
            out, _ = t.trained(data, *options)
            files = validation_files(t, data)
            want = softmax(oracle.run(os.path.join(out, "model.onnx"), tensors(out, files)))
            worst = largest(probabilities(t, out, files), want)
            check(worst <= near, f"{data}, {options[1]}: differs from onnxruntime by {worst}")


def test_batch_is_open(t):
    out, _ = t.trained("exact", *QUICK)
    model = load(out)
    first = [v.type.tensor_type.shape.dim for v in (model.graph.input[0], model.graph.output[0])]
    check(all(dims[0].dim_param and not dims[0].HasField("dim_value") for dims in first), f"dimensions {first}")
    oracle = t.suite.oracle()
    values = tensors(out, validation_files(t, "exact"))
    path = os.path.join(out, "model.onnx")
    worst = largest(oracle.run(path, values), oracle.run(path, values, batch=len(values)))
    check(worst <= EXACT, f"a batch differs by {worst}")


def test_classify_reproduces_the_validation(t):
    """Exactly as many are right, JPEGs and pictures that are scaled among them."""
    for data in ("split", "exact"):
        for options in (QUICK, quick(epochs=2), quick(size=20, epochs=1)):
            out, _ = t.trained(data, *options)
            files = validation_files(t, data)
            answers = t.classify(out, [path for path, _ in files])
            right = sum(next(iter(answer)) == name for answer, (_, name) in zip(answers, files))
            said = json.loads(read(os.path.join(out, "model.json")))["training"]["metrics"]["val_accuracy"]
            equal(right, round(said * len(files)), f"{data}, {options}: right ones of {len(files)}")
            check(abs(said * len(files) - right) < 1e-6, f"{said} is no share of {len(files)}")


def test_keep_batch_norm(t):
    for arch in ("lenet", "resnet20"):
        folded = t.trained("exact", *quick(arch=arch, epochs=2))[0]
        kept = t.trained("exact", *quick("--keep-batch-norm", arch=arch, epochs=2))[0]
        norms = [sum(n.op_type == "BatchNormalization" for n in load(out).graph.node) for out in (folded, kept)]
        equal(norms, [0, 2 if arch == "lenet" else 21], f"batch norms of {arch}, folded and kept")
        files = validation_files(t, "exact")
        worst = largest(probabilities(t, folded, files), probabilities(t, kept, files))
        check(worst <= 1e-4, f"{arch}: folded and kept differ by {worst}")


def test_serve_and_inspect(t):
    out, _ = t.trained("split", *QUICK)
    path, _ = validation_files(t, "split")[0]
    want = t.classify(out, [path])[0]
    server = harness.Server(t.suite, "serve", [out])
    try:
        answer = json.loads(server.predict(read(path)).body)
        equal(answer["model"]["name"], os.path.basename(out), "the served model")
        got = {p["label"]: p["probability"] for p in answer["predictions"]}
        check(got.keys() == want.keys() and all(abs(got[k] - want[k]) < 1e-6 for k in got), f"{got}, not {want}")
        equal(json.loads(server.get("/models").body)["models"][0]["labels"], list(CLASSES), "labels")
    finally:
        server.stop()
    inspected = t.run("inspect", "--json", out)
    equal(inspected.status, 0, f"status of inspect ({inspected.message})")
    ops = [row["op"] for row in json.loads(inspected.stdout)["layers"]]
    check(ops.count("Conv") == 2 and ops.count("Gemm") == 2, f"layers {ops}")
