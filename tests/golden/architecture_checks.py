"""The full-size networks: each has the totals its authors publish, and gives onnxruntime's scores."""
import json
import os
import subprocess
from collections import namedtuple

import numpy as np

import architectures
import architectures_attention
from calibrate import calibrate
from compare import PROBABILITY, near, near_scores, same_bits, same_top, ways
from runners import Failure, softmax

# `parameters` are exact, `gmacs` are 10^9 multiply-accumulates a picture as rounded by who says so. Of these the
# network that is exported lacks `apart` and `apart_gmacs`, and `why` says what they are. torchvision: num_params and
# GFLOPS of the weights in its documentation.
Published = namedtuple("Published", "source parameters gmacs digits apart apart_gmacs why", defaults=(3, 0, 0.0, ""))

PUBLISHED = {
    "alexnet": Published("torchvision", 61100840, 0.714),
    "convnext_tiny": Published("torchvision", 28589128, 4.456),
    "deit_tiny": Published("timm", 5717416, 1.26, 2, 0, 25 * 5 * 197 * 192 / 1e9,
                           "five operations for each value a layer norm sees"),
    "densenet121": Published("torchvision", 7978856, 2.834),
    "efficientnet_b0": Published("torchvision", 5288548, 0.386),
    "googlenet": Published("torchvision", 6624904, 1.498),
    "inception_v3": Published("torchvision", 27161264, 5.713, 3, 3326696, 0.0, "the auxiliary classifier"),
    "mobilenet_v2": Published("torchvision", 3504872, 0.301),
    "mobilenet_v3_large": Published("torchvision", 5483032, 0.217),
    "mobilenet_v3_small": Published("torchvision", 2542856, 0.057),
    "regnet_x_400mf": Published("torchvision", 5495976, 0.414),
    "regnet_y_400mf": Published("torchvision", 4344144, 0.402),
    "resnet18": Published("torchvision", 11689512, 1.814),
    "resnet18_v2": Published("MXNet Gluon; GMACs are v1's, whose convolutions it has", 11695796, 1.814, 3, 2 * 3971, 0.0,
                             "the measured means and variances"),
    "resnet50": Published("torchvision", 25557032, 4.089),
    "shufflenet_v2": Published("torchvision", 2278604, 0.145),
    "squeezenet1_1": Published("torchvision", 1235496, 0.349),
    "vgg16": Published("torchvision", 138357544, 15.470),
}
MAKERS = {f.__name__: f for f in architectures.CONVOLUTIONAL + architectures_attention.WITH_LAYER_NORMS}
BATCH = 2
LIKELY = 0.01, 0.9  # where the best probability must lie to be worth comparing
APART = 0.01        # by how much two pictures' probabilities must differ
# Larger networks are left out where time is short: CONVD_TEST_GMACS, or 0.3 under sanitizers.
MOST_GMACS = float(os.environ.get("CONVD_TEST_GMACS") or (0.3 if os.environ.get("CONVD_TEST_QUICK") else "inf"))


def published(name):
    return PUBLISHED[name.removesuffix("_opset17").removesuffix("_dynamic")]


def pictures_for(net, n):
    """Soft shapes and some noise, each picture's its own."""
    rng = np.random.default_rng(11)
    _, channels, height, width = net.shape["input"]
    coarse = rng.standard_normal((n, channels, 8, 8)).repeat(-(-height // 8), 2).repeat(-(-width // 8), 3)
    fine = rng.standard_normal((n, channels, height, width))
    return (0.9 * coarse[:, :, :height, :width] + 0.4 * fine).astype(np.float32)


def check_totals(build, path, net):
    command = [os.path.join(build, "convd"), "inspect", "--json", "--model", path]
    inspected = subprocess.run(command, capture_output=True, text=True, check=False)
    if inspected.returncode:
        raise Failure(f"inspect: {inspected.stderr.strip()}")
    totals, want = json.loads(inspected.stdout)["totals"], published(net.name)
    # A folded norm's scale is within the weights, its shift is the bias.
    parameters = want.parameters - want.apart - net.folded
    if totals["parameters"] != parameters:
        raise Failure(f"{totals['parameters']} parameters, want {want.parameters} ({want.source}) - {want.apart} "
                      f"({want.why}) - {net.folded} (folded norms)")
    gmacs = totals["macs"] / 1e9
    if abs(gmacs + want.apart_gmacs - want.gmacs) > 0.5001 * 10 ** -want.digits:
        raise Failure(f"{gmacs:.6f} GMACs, want {want.gmacs} ({want.source}) - {want.apart_gmacs:.6f} ({want.why})")
    return f"{totals['parameters']} of {want.parameters} parameters, {gmacs:.4f} of {want.gmacs} GMACs,"


def check_worth(probabilities):
    best = probabilities.max(axis=1)
    if best.min() < LIKELY[0] or best.max() > LIKELY[1]:
        raise Failure(f"onnxruntime's best probabilities are {best.min():.3g} to {best.max():.3g}")
    apart = np.abs(probabilities[1:] - probabilities[0]).max(axis=1).min()
    if apart < APART:
        raise Failure(f"onnxruntime tells the pictures apart by {apart:.3g} only")
    return f"best {best.min():.2f} to {best.max():.2f}"


def compare(got, scores, probabilities, what):
    near_scores(got, scores, what)
    same_top(softmax(got), probabilities, 5, what)
    return near(softmax(got), probabilities, PROBABILITY, what)


def check_scores(engine, oracle, path, values):
    scores = oracle.run(path, values)
    probabilities = softmax(scores)
    remarks = [check_worth(probabilities)]
    for isa in engine.levels[:-1]:
        engine.load(path, isa)
        remarks.append(f"{isa} {compare(engine.run(values, 1, 2), scores, probabilities, isa):.1e}")
    for isa, got in ways(engine, path, values, engine.levels[-1:], BATCH):
        remarks.append(f"{isa} {compare(got, scores, probabilities, isa):.1e}")
    engine.load(path, max_batch=BATCH, how="keep")
    compare(engine.run(values, BATCH, 2), scores, probabilities, "kept layers")
    engine.load(path, max_batch=BATCH, how="small-cache")
    single = engine.run(values, 1, 2)
    compare(single, scores, probabilities, "small cache")
    same_bits(engine.run(values, BATCH, 2), single, "small cache, a batch")
    return remarks


def check_architecture(report, build, engine, oracle, folder, name):
    path = os.path.join(folder, name + ".onnx")
    with report.case(name) as remarks:
        net = MAKERS[name]()
        values = pictures_for(net, 3)
        calibrate(net, oracle, folder, values)
        try:
            net.save(path)
            net.weights.clear()
            engine.load(path)
            remarks.append(check_totals(build, path, net))
            remarks += check_scores(engine, oracle, path, values)
        finally:
            os.remove(path)


def check_architectures(report, build, engine, oracle, folder, wanted):
    """All, unless one is wanted."""
    if wanted and wanted not in MAKERS:
        raise SystemExit(f"golden.py: no architecture '{wanted}', there are {' '.join(MAKERS)}")
    for name in [wanted] if wanted else MAKERS:
        if published(name).gmacs > MOST_GMACS:
            report.skip(name, f"{published(name).gmacs} GMACs")
        else:
            check_architecture(report, build, engine, oracle, folder, name)
