"""The engines that bench.py and bench_engine.py compare: child processes that run a model for as long as they are told."""
import os
import select
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
ORACLE = os.path.join(HERE, "../../build/oracle")
PATIENCE = 120  # seconds for one answer


class Refused(Exception):
    """The engine cannot run this; the text says why."""


class Contender:
    """One model in `copies` processes at once, each with a session of its own."""

    def __init__(self, command, copies=1, environment=None):
        self.children = []
        try:
            for _ in range(copies):
                self.children.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                                      stderr=subprocess.DEVNULL, text=True,
                                                      env={**os.environ, **(environment or {})}))
            self.ready = [self._answer(child) for child in self.children][0][1:]
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _answer(child):
        known, _, _ = select.select([child.stdout], [], [], PATIENCE)
        line = child.stdout.readline().strip() if known else ""
        if line.startswith("error "):
            raise Refused(line[6:])
        if not line:
            raise Refused(f"no answer for {PATIENCE} s" if not known else f"ended with status {child.wait()}")
        return line.split()

    def runs_a_second(self, seconds):
        """Run for that long, all copies at the same time: the sum of their rates."""
        for child in self.children:
            child.stdin.write(f"{1000 * seconds:g}\n")
            child.stdin.flush()
        answers = [self._answer(child) for child in self.children]
        return sum(float(runs) / float(spent) for runs, spent in answers)

    def close(self):
        for child in self.children:
            child.stdin.close()
            try:
                child.wait(timeout=20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            child.stdout.close()


def convd(build, model, batch, threads, copies=1, isa="auto", output=None):
    """Its `ready`: input shape of one picture, instruction set, peak GFLOP/s, MACs, largest output.

    `output`: a file for the raw floats of all outputs.
    """
    return Contender([os.path.join(build, "tests/bench/convd_rate"), model, str(batch), str(threads), isa] +
                     ([output] if output else []), copies)


def onnxruntime(model, shape, threads, copies=1, spin=True, output=None):
    """Its `ready`: the largest output. spin: idle threads wait busily, as they do unless told otherwise."""
    return Contender(["node", os.path.join(HERE, "onnxruntime_rate.mjs"), ORACLE, model, shape, str(threads),
                      "spin" if spin else "sleep"] + ([output] if output else []), copies)


def onednn(build, plan, batch, threads, copies=1, layout="any", isa=None, output=None):
    """Of the plan that onednn_plan.py wrote. Its `ready`: version, largest output."""
    environment = {"OMP_NUM_THREADS": str(threads), "OMP_DYNAMIC": "false"}
    if isa:
        environment |= {"DNNL_MAX_CPU_ISA": isa, "ONEDNN_MAX_CPU_ISA": isa}
    return Contender([os.path.join(build, "tests/bench/onednn_rate"), plan, str(batch), layout] +
                     ([output] if output else []), copies, environment)


def onnxruntime_missing():
    """Why there is none here, or None."""
    if not shutil.which("node"):
        return "no node"
    if not os.path.isdir(os.path.join(ORACLE, "node_modules/onnxruntime-node")):
        return "no onnxruntime-node in build/oracle"
    return None
