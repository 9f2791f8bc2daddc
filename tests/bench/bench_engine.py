#!/usr/bin/python3
"""convd beside onnxruntime-node and oneDNN on fp32 networks, in turns: images a second, and shares of the peak.

All run the same tensors of noise, made beforehand. Before anything is measured, the outputs of all are compared with
onnxruntime's. A row is measured in rounds: each engine with each of its settings, in turns. Its figures are the
medians of the rounds, of each peer with the setting that is its best there.
"""
import argparse
import collections
import json
import os
import statistics
import sys
import tempfile

import numpy as np

from bench import DATA, SAME, WARM_UP, Case, numbers, print_machine
from contenders import ORACLE, Refused, convd, onednn, onnxruntime, onnxruntime_missing
from networks import MAKERS, SIZE, make_network
from onednn_plan import write_plan

HEAD = "\n%-17s %5s %7s | %7s %7s %7s | %6s %-11s | %5s %5s %5s | %s"
ROW = "%-17s %s | %7.1f %7.1f %7.1f | %6.2f %-11s | %4.0f%% %4.0f%% %4.0f%% | %s"
CHECKED = [1, 2]  # batches
ENGINES = ("convd", "onnxruntime", "oneDNN")
Network = collections.namedtuple("Network", "name path plan")
Run = collections.namedtuple("Run", "engine setting start")  # start(case, output): a contender


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", help="the build directory")
    parser.add_argument("networks", nargs="*", metavar="NAME", help="of " + ", ".join(MAKERS) + "; without: all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each engine in each round (default 0.5)")
    parser.add_argument("--batches", type=numbers, default=[1, 8], help="as 1,8")
    parser.add_argument("--threads", type=numbers, default=[1, 2], help="as 1,2")
    parser.add_argument("--isa", choices=["avx2", "avx512"],
                        help="the highest instruction set for convd and oneDNN; onnxruntime has no switch for it")
    return parser.parse_intermixed_args()


def find_network(build, name):
    """The test data's where it is there, else one with random weights; with its plan for oneDNN."""
    folder = os.path.join(build, "bench")
    path = os.path.join(DATA, "models", name, "model.onnx")
    if not os.path.exists(path):
        path = make_network(name, folder)
    plan = os.path.join(folder, name)
    os.makedirs(folder, exist_ok=True)
    write_plan(path, plan)
    return Network(name, path, plan)


def runs_of(args, network, threads):
    """Every engine with each setting that may be its best."""
    shape = f"3x{SIZE}x{SIZE}"
    isa = {"avx2": "AVX2", "avx512": "AVX512_CORE", None: None}[args.isa]

    def convd_run(case, output):
        return convd(args.build, network.path, *case, isa=args.isa or "auto", output=output)

    def onnxruntime_run(spin):
        return lambda case, output: onnxruntime(network.path, f"{case.batch}x{shape}", case.threads, case.copies,
                                                spin, output)

    def onednn_run(layout):
        return lambda case, output: onednn(args.build, network.plan, *case, layout, isa, output)

    # A lone thread waits for nobody.
    spins = [True, False] if threads > 1 else [True]
    return [Run("convd", "", convd_run)] + \
        [Run("onnxruntime", "spin" if spin else "sleep", onnxruntime_run(spin)) for spin in spins] + \
        [Run("oneDNN", layout, onednn_run(layout)) for layout in ("any", "nhwc")]


def difference(a, b):
    """Largest difference, relative to the largest value."""
    if a.shape != b.shape or not np.isfinite(a).all():
        return float("inf")
    return float(np.abs(a - b).max() / np.abs(b).max())


def check_outputs(args, network):
    """Every engine and setting must answer as onnxruntime does; returns convd's `ready`."""
    worst = collections.defaultdict(float)
    for case in [Case(batch, threads, 1) for batch in CHECKED for threads in args.threads]:
        answers, convd_ready = {}, None
        with tempfile.TemporaryDirectory() as folder:
            for run in runs_of(args, network, case.threads):
                output = os.path.join(folder, "output")
                contender = run.start(case, output)
                contender.close()
                convd_ready = convd_ready or contender.ready
                answers[run] = np.fromfile(output, dtype=np.float32)
        oracle = next(answer for run, answer in answers.items() if run.engine == "onnxruntime")
        for run, answer in answers.items():
            worst[run.engine] = max(worst[run.engine], difference(answer, oracle))
    print(f"{network.name}: {2e-9 * int(convd_ready[3]):.2f} GFLOP a picture; of {os.path.relpath(network.path)}; "
          "differs from onnxruntime by " + ", ".join(f"{worst[e]:.1e} ({e})" for e in ("convd", "oneDNN")), flush=True)
    for engine, by in worst.items():
        if by > SAME:
            raise Refused(f"{engine} computes something else: {by:g} of the largest output")
    return convd_ready


def measure(args, network, case):
    """Runs a second [run][round]."""
    runs, contenders = runs_of(args, network, case.threads), []
    try:
        for run in runs:
            contenders.append(run.start(case, None))
        for contender in contenders:
            contender.runs_a_second(WARM_UP)
        rates = [[c.runs_a_second(args.seconds) for c in contenders] for _ in range(args.rounds)]
    finally:
        for contender in contenders:
            contender.close()
    return dict(zip(runs, zip(*rates)))


def print_row(args, network, case, macs, peak):
    """Prints a row; returns convd's rate over that of the better peer."""
    rates = measure(args, network, case)
    medians = {run: statistics.median(rate) for run, rate in rates.items()}
    best = {engine: max((run for run in rates if run.engine == engine), key=medians.get) for engine in ENGINES}
    images = [case.batch * medians[best[engine]] for engine in ENGINES]
    peer = max((best[engine] for engine in ENGINES[1:]), key=medians.get)
    ratio = medians[best["convd"]] / medians[peer]
    each = [ours / theirs for ours, theirs in zip(rates[best["convd"]], rates[peer])]
    shares = [100 * 2e-9 * macs * rate / (peak * case.threads * case.copies) for rate in images]
    print(ROW % (network.name, case, *images, ratio, f"{min(each):.2f}–{max(each):.2f}", *shares,
                 f"{best['onnxruntime'].setting}, {best['oneDNN'].setting}"), flush=True)
    return ratio


def print_table(args, networks, ready, peak):
    print(HEAD % ("network", "batch", "threads", "convd", "onnxrt", "oneDNN", "ratio", "of rounds", "convd", "ort",
                  "dnn", "peers' best"))
    cases = [Case(batch, threads, 1) for batch in args.batches for threads in args.threads]
    if 2 in args.threads and 1 in args.batches:
        cases.append(Case(1, 1, 2))
    ratios = collections.defaultdict(list)
    for network in networks:
        for case in cases:
            ratios[case].append(print_row(args, network, case, int(ready[network][3]), peak))
    for case, some in ratios.items():
        print(f"{'geometric mean':17} {case} {'':27} {statistics.geometric_mean(some):6.2f}")


def print_peers(args, networks):
    with open(os.path.join(ORACLE, "node_modules/onnxruntime-node/package.json"), encoding="utf-8") as f:
        version = json.load(f)["version"]
    contender = onednn(args.build, networks[0].plan, 1, 1)
    contender.close()
    print(f"peers: onnxruntime-node {version}, sequential, all optimisations, sizes fixed, idle threads spin or sleep"
          f"{' (not held to ' + args.isa + ')' if args.isa else ''};\n       oneDNN {contender.ready[0]} with OpenMP, "
          "formats between layers its own (any) or nhwc, post-ops fused, weights reordered beforehand")


def main():
    sys.stdout.reconfigure(encoding="utf-8")
    args = parse_arguments()
    unknown = [name for name in args.networks if name not in MAKERS]
    if unknown:
        sys.exit(f"bench_engine: no network {unknown[0]}: " + ", ".join(MAKERS))
    missing = onnxruntime_missing()
    if missing:
        sys.exit(f"bench_engine: {missing}, by which the answers are checked")
    networks = [find_network(args.build, name) for name in args.networks or MAKERS]
    print_peers(args, networks)
    try:
        ready = {network: check_outputs(args, network) for network in networks}
        peak = max(float(answer[2]) for answer in ready.values())
        print_machine(next(iter(ready.values()))[1], peak)
        print(f"images/s: median of {args.rounds} rounds of {args.seconds:g} s, all in turns; ratio: convd / the better "
              "peer; then the shares of the peak,\ncounted as 2·MACs of direct convolution (Winograd needs fewer); "
              "threads 2: one session with two threads;\n2×1: two processes at once with a session of one thread each")
        print_table(args, networks, ready, peak)
    except Refused as why:
        sys.exit(f"bench_engine: {why}")


if __name__ == "__main__":
    main()
