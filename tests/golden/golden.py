#!/usr/bin/python3
"""Compare the engine with onnxruntime: real models on photos, and generated networks.

    golden.py BUILD [PART ...]           parts: models networks random reexport server; all of these by default
    golden.py BUILD architectures[:NAME] full-size networks, or one of them: a minute or two, and 2 GB of memory
    golden.py BUILD exports[:NAME]       what PyTorch exports, where it is installed: ten minutes

"reexport" takes everything only when it is named.

Prints a line a test and, last, "N passed, N failed, N skipped".
"""
import json
import os
import sys

import numpy as np
import onnx

import make_models
import photos
import pictures
import reexport
from architecture_checks import check_architectures
from compare import PROBABILITY, Report, near, near_scores, same_best, same_bits, same_top, sample_folder, ways
from exports import check_exports
from runners import DATA, Engine, Failure, Oracle, Unsupported, softmax

QUANTISED = ("QuantizeLinear", "DequantizeLinear", "QLinear", "ConvInteger", "MatMulInteger", "DynamicQuantize")
BATCH = 8
# Under sanitizers: fewer photos, and one random network in three.
QUICK = bool(os.environ.get("CONVD_TEST_QUICK"))


# How far float32's roundings to neighbouring integers may take a quantised network's probabilities: that of one
# class for one picture, and the most changed class of a picture on average.
ROUNDINGS, MEAN_ROUNDING = 0.2, 0.06


def quantised(path):
    model = onnx.load(path)
    return any(node.op_type.startswith(QUANTISED) for node in model.graph.node)


def model_inputs(folder, spec, uprights):
    """(tensors, pixels) of a model: the photos, or noise for one that takes no pictures."""
    dims = photos.input_dims(os.path.join(folder, "model.onnx"))
    if spec is None:
        values = np.random.default_rng(1).standard_normal((11, *dims[1:]))
        return values.astype(np.float32), None
    pixels = np.stack([pictures.fit(p, spec) for p in uprights])
    values = np.stack([pictures.to_tensor(p, spec) for p in pixels])
    if dims[1] != values.shape[1] and dims[3] == values.shape[1]:
        values = np.ascontiguousarray(values.transpose(0, 2, 3, 1))
    return values, pixels


def check_model(report, engine, oracle, folder, uprights):
    name = os.path.basename(folder)
    with open(os.path.join(folder, "model.json"), encoding="utf-8") as f:
        description = json.load(f)
    values, pixels = model_inputs(folder, description.get("input"), uprights)
    want = oracle.run(os.path.join(folder, "model.onnx"), values)
    apply = softmax if description["output"]["activation"] == "softmax" else np.asarray
    want = apply(want)
    with report.case(f"{name}: {len(values)} inputs at each level and batch") as remarks:
        for isa, raw in ways(engine, folder, values, engine.levels, BATCH):
            worst = near(apply(raw), want, PROBABILITY, isa)
            same_top(apply(raw), want, 5, isa)
            remarks.append(f"{isa} {worst:.1e}")
    with report.case(f"{name}: its own activation"):
        engine.load(folder, max_batch=BATCH)
        near(engine.run(values, BATCH, raw=False), want, PROBABILITY, "scores")
    with report.case(f"{name}: every layer kept"):
        engine.load(folder, max_batch=BATCH, how="keep")
        near(apply(engine.run(values, BATCH)), want, PROBABILITY, "kept")
    if pixels is not None:
        with report.case(f"{name}: from pixels") as remarks:
            engine.load(folder, max_batch=BATCH)
            got = engine.run(pixels, BATCH)
            remarks.append(f"{near(got, want, PROBABILITY, 'pixels'):.1e}")
            same_top(got, want, 5, "pixels")


def check_quantised(report, engine, oracle, folder, uprights):
    """The same integers in every tensor, so the same scores to the last bit; with every layer kept, what float32
    makes of it, which rounds to a neighbouring integer here and there."""
    name = os.path.basename(folder)
    with open(os.path.join(folder, "model.json"), encoding="utf-8") as f:
        description = json.load(f)
    values, pixels = model_inputs(folder, description.get("input"), uprights)
    if pixels is None:
        values = np.random.default_rng(1).uniform(0, 26, values.shape).astype(np.float32)
    want = oracle.run(os.path.join(folder, "model.onnx"), values)
    with report.case(f"{name}: {len(values)} inputs at each level and batch"):
        for isa, raw in ways(engine, folder, values, engine.levels, BATCH):
            same_bits(raw, want, isa)
    with report.case(f"{name}: every layer kept") as remarks:
        engine.load(folder, max_batch=BATCH, how="keep")
        kept = engine.run(values, BATCH)
        same_best(kept, want, "kept", ROUNDINGS)
        worst = near(kept, want, ROUNDINGS, "kept")
        mean = np.abs(kept - want).max(axis=1).mean()
        if mean > MEAN_ROUNDING:
            raise Failure(f"kept: pictures differ by {mean:.2g} on average")
        remarks.append(f"{worst:.1e}, {mean:.1e} on average")
    if pixels is not None:
        apply = softmax if description["output"]["activation"] == "softmax" else np.asarray
        with report.case(f"{name}: from pixels"):
            engine.load(folder, max_batch=BATCH)
            same_best(engine.run(pixels, BATCH), apply(want), "pixels")


def picture_models():
    """The float models that take pictures."""
    folder, names = os.path.join(DATA, "models"), []
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name, "model.json"), encoding="utf-8") as f:
            takes_pictures = "input" in json.load(f)
        if takes_pictures and not quantised(os.path.join(folder, name, "model.onnx")):
            names.append(name)
    return names


def model_folders():
    """Of the test data, and those that convd ships."""
    return [os.path.join(parent, name) for parent in (os.path.join(DATA, "models"), "models")
            if os.path.isdir(parent) for name in sorted(os.listdir(parent))]


def check_models(report, engine, oracle):
    rows = photos.labelled()[::12] if QUICK else photos.labelled()
    uprights = [pictures.load_upright(path).convert("RGB") for path, _ in rows]
    for path in model_folders():
        if quantised(os.path.join(path, "model.onnx")):
            try:
                engine.load(path)
            except Unsupported as refusal:
                report.skip(os.path.basename(path), refusal)
                continue
            except Failure as failure:
                with report.case(os.path.basename(path)):
                    raise failure
            check_quantised(report, engine, oracle, path, uprights)
            continue
        check_model(report, engine, oracle, path, uprights)


def check_generated(report, engine, oracle, folder, part):
    """Each network on three inputs of noise: every level, batched, and with every layer kept."""
    for name, make in make_models.PARTS[part]()[:: 6 if QUICK and part == "random" else 1]:
        with report.case(name) as remarks:
            path = os.path.join(folder, name + ".onnx")
            net = make()
            net.save(path)
            values = net.sample(3)
            want = oracle.run(path, values)
            worst = 0.0
            for isa, got in ways(engine, path, values, engine.levels, 2):
                worst = max(worst, near_scores(got, want, isa))
            engine.load(path, max_batch=2, how="keep")
            near_scores(engine.run(values, 2, 2), want, "kept layers")
            for isa in engine.levels:
                engine.load(path, isa, max_batch=3, how="small-cache")
                single = engine.run(values)
                worst = max(worst, near_scores(single, want, f"{isa}, small cache"))
                same_bits(engine.run(values, 3, 2), single, f"{isa}, small cache, batch of 3")
            remarks.append(f"{100 * worst:.1f}% of the tolerance")
            os.remove(path)


def check_written_again(report, build, oracle, folder, step):
    """Each `step`th of the generated networks and of the float models that are here."""
    for name, make in (make_models.PARTS["networks"]() + make_models.PARTS["random"]())[::step]:
        path = os.path.join(folder, name + ".onnx")
        net = make()
        net.save(path)
        reexport.check_reexport(report, build, oracle, folder, name, path, net.sample(3))
        os.remove(path)
    if not os.path.isdir(DATA):
        report.skip("reexport of models", "no test data (CONVD_TEST_DATA)")
        return
    models = os.path.join(DATA, "models")
    paths = {name: os.path.join(models, name, "model.onnx") for name in sorted(os.listdir(models))}
    for name in [name for name, path in paths.items() if not quantised(path)][::min(step, 3)]:
        dims = reexport.input_dims(os.path.join(models, name))
        values = np.random.default_rng(1).uniform(-1, 1, (2, *dims)).astype(np.float32)
        reexport.check_reexport(report, build, oracle, folder, name, paths[name], values)


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: golden.py BUILD [models|networks|random|architectures[:NAME]|exports[:NAME]|reexport|server ...]")
    build = sys.argv[1]
    parts = sys.argv[2:] or ["models", "networks", "random", "reexport", "server"]
    report = Report()
    why = Oracle.missing()
    if why:
        report.skip("golden", why)
        return report.finish()
    folder = sample_folder(build)
    engine, oracle = Engine(build), Oracle(folder)
    for part, _, name in (p.partition(":") for p in parts):
        needs_data = part in ("models", "server")
        if needs_data and not os.path.isdir(DATA):
            report.skip(part, "no test data (CONVD_TEST_DATA)")
        elif part == "models":
            check_models(report, engine, oracle)
        elif part == "server" and QUICK:
            report.skip(part, "CONVD_TEST_QUICK")
        elif part == "server":
            photos.check_server(report, build, oracle, picture_models())
        elif part == "architectures":
            check_architectures(report, build, engine, oracle, folder, name)
        elif part == "exports":
            check_exports(report, engine, oracle, folder, name)
        elif part == "reexport":
            check_written_again(report, build, oracle, folder, 1 if sys.argv[2:] else 4)
        else:
            check_generated(report, engine, oracle, folder, part)
    with report.case("the helpers end well"):
        engine.close()
        oracle.close()
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
