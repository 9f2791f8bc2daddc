#!/usr/bin/python3
"""convd beside onnxruntime-node on the same models, in turns: images a second and their ratio.

Both run the same tensors of noise, made beforehand, and must give the same largest output. A row is measured
in rounds: one, then the other. Its figures are the medians of the rounds, the range is that of their ratios.
"""
import argparse
import collections
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile

from contenders import HERE, ORACLE, Refused, convd, onnxruntime, onnxruntime_missing

DATA = os.path.abspath(os.environ.get("CONVD_TEST_DATA") or os.path.join(HERE, "../../../shared/data"))
CPUS = len(os.sched_getaffinity(0))
WARM_UP = 0.3  # seconds
SAME = 1e-3    # relative difference of the largest outputs

HEAD = "\n%-22s %5s %7s %12s %12s %6s  %-11s %8s %6s"
ROW = "%-22s %s %12.1f %12s %6s  %-11s %8.1f %4.0f %%"
Model = collections.namedtuple("Model", "name path file shape macs")


class Case(collections.namedtuple("Case", "batch threads copies")):
    """How a model is run: `copies` sessions at once, of so many threads each."""

    def __str__(self):
        return f"{self.batch:5} {f'{self.copies}×{self.threads}' if self.copies > 1 else self.threads:>7}"


def numbers(text):
    return [int(word) for word in text.split(",")]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", help="the build directory")
    parser.add_argument("models", nargs="*", help="folders or .onnx files; without: all of the test data")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3, help="of each engine in each round (default 0.3)")
    parser.add_argument("--batches", type=numbers, default=[1, 8], help="as 1,8")
    parser.add_argument("--threads", type=numbers, default=[1, 2][:CPUS], help="as 1,2")
    return parser.parse_intermixed_args()


def onnx_file(path):
    return os.path.join(path, "model.onnx") if os.path.isdir(path) else path


def load_models(build, paths):
    """The models that convd runs and what it answered for each; prints why it refuses the others."""
    models, answers = [], []
    for path in paths:
        name = os.path.basename(os.path.abspath(path).removesuffix("/model.onnx")).removesuffix(".onnx")
        try:
            contender = convd(build, path, 1, 1)
        except Refused as why:
            reason = str(why).removeprefix(onnx_file(path) + ": ")
            print(f"{name}: not measured: {reason}")
            continue
        contender.close()
        answers.append(contender.ready)
        models.append(Model(name, path, onnx_file(path), contender.ready[0].split("x"), int(contender.ready[3])))
    return models, answers


def cpu_name():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        names = [line.split(":", 1)[1].strip() for line in f if line.startswith("model name")]
    return names[0] if names else os.uname().machine


def call_overhead():
    """Milliseconds that onnxruntime-node takes for a network that does nothing; None where python3-onnx is missing."""
    try:
        from onnx import TensorProto, helper, save
    except ImportError:
        return None
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "nothing", ends[:1], ends[1:])
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "nothing.onnx")
        save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)]), path)
        contender = onnxruntime(path, "1", 1)
    contender.runs_a_second(WARM_UP)
    rate = contender.runs_a_second(WARM_UP)
    contender.close()
    return 1000 / rate


def print_machine(isa, peak):
    print(f"machine: {cpu_name()}, {CPUS} CPUs, load {os.getloadavg()[0]:.1f}; "
          f"convd uses {isa}; measured peak of fp32 FMA: {peak:.1f} GFLOP/s on one core")


def print_peer():
    with open(os.path.join(ORACLE, "node_modules/onnxruntime-node/package.json"), encoding="utf-8") as f:
        version = json.load(f)["version"]
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    overhead = call_overhead()
    print(f"peer: onnxruntime-node {version}, node {node}; sequential, all optimisations, sizes fixed" +
          (f"; a call that computes nothing takes {overhead:.3f} ms, which its figures include" if overhead else ""))


def rounds(contenders, args):
    """The rates [contender][round]."""
    for contender in contenders:
        contender.runs_a_second(WARM_UP)
    rates = [[contender.runs_a_second(args.seconds) for contender in contenders] for _ in range(args.rounds)]
    return list(zip(*rates))


def measure(args, model, case, peer):
    """(runs a second [engine][round], why there is no peer or None)."""
    contenders = [convd(args.build, model.path, *case)]
    try:
        if peer:
            try:
                shape = "x".join([str(case.batch)] + model.shape[1:])
                contenders.append(onnxruntime(model.file, shape, case.threads, case.copies))
                best = [float(contender.ready[-1]) for contender in contenders]
                if not math.isclose(*best, rel_tol=SAME):
                    raise Refused("its largest output is %g, convd's %g" % tuple(reversed(best)))
            except Refused as refusal:
                return rounds(contenders[:1], args), f"onnxruntime: {refusal}"
        return rounds(contenders, args), None
    finally:
        for contender in contenders:
            contender.close()


def print_row(args, model, case, peer, peak):
    """Prints a row and returns its ratio, or None."""
    try:
        rates, why = measure(args, model, case, peer)
    except Refused as refusal:
        print(f"{model.name:22} {case} not measured: {refusal}", flush=True)
        return None
    images = [case.batch * statistics.median(rate) for rate in rates]
    gflops = 2e-9 * model.macs * images[0]
    ratio, theirs = None, ("-", "-", "-")
    if len(rates) == 2:
        each = [ours / other for ours, other in zip(*rates)]
        ratio = images[0] / images[1]
        theirs = f"{images[1]:.1f}", f"{ratio:.2f}", f"{min(each):.2f}–{max(each):.2f}"
    share = 100 * gflops / (peak * min(case.threads * case.copies, CPUS))
    print(ROW % (model.name, case, images[0], *theirs, gflops, share), why or "", flush=True)
    return ratio


def print_table(args, models, peer, peak):
    print(HEAD % ("model", "batch", "threads", "convd im/s", "onnxrt im/s", "ratio", "of rounds", "GFLOP/s", "peak"))
    cases = [Case(batch, *split) for batch in args.batches for threads in args.threads
             for split in sorted({(threads, 1), (1, threads)}, reverse=True)]
    ratios = collections.defaultdict(list)
    for model in models:
        for case in cases:
            ratio = print_row(args, model, case, peer, peak)
            if ratio:
                ratios[case].append(ratio)
    for case, some in ratios.items():
        print(f"{f'geometric mean of {len(some)}':22} {case} {'':25} {statistics.geometric_mean(some):6.2f}")


def main():
    sys.stdout.reconfigure(encoding="utf-8")
    args = parse_arguments()
    folder = os.path.join(DATA, "models")
    if not args.models and not os.path.isdir(folder):
        sys.exit(f"bench: no models in {folder} (CONVD_TEST_DATA); name some: make bench BENCH='FOLDER|FILE.onnx ...'")
    models, answers = load_models(args.build, args.models or
                                  [os.path.join(folder, name) for name in sorted(os.listdir(folder))])
    if not models:
        sys.exit("bench: no model to measure")
    peak = max(float(answer[2]) for answer in answers)
    print_machine(answers[0][1], peak)
    missing = onnxruntime_missing()
    if missing:
        print(f"peer: none: {missing}; convd alone")
    else:
        print_peer()
    print(f"each figure: median of {args.rounds} rounds of {args.seconds:g} s, the engines in turns; "
          "GFLOP/s = 2·MACs·images/s and the share of the peak are convd's;\n"
          "threads 2: one session with two threads; 2×1: two processes at once with a session of one thread each")
    print_table(args, models, not missing, peak)


if __name__ == "__main__":
    main()
