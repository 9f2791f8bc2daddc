"""The two sides of a comparison: the engine (run_model) and the oracle (onnxruntime by ort.mjs)."""
import json
import os
import select
import shutil
import subprocess
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.abspath(os.environ.get("CONVD_TEST_DATA") or os.path.join(HERE, "../../../shared/data"))
ORACLE = os.path.join(HERE, "../../build/oracle")
PATIENCE = 300  # seconds for one answer


class Failure(Exception):
    """A test's expectation does not hold."""


class Unsupported(Failure):
    """The engine refuses the model with CNN_UNSUPPORTED."""


class LineServer:
    """A child that answers each line with a line; one that dies is started again for the next."""

    def __init__(self, command):
        self.command = command
        self.child = None

    def ask(self, line):
        if self.child is None:
            self.child = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            self.child.stdin.write(line.encode() + b"\n")
            self.child.stdin.flush()
            ready, _, _ = select.select([self.child.stdout], [], [], PATIENCE)
            answer = self.child.stdout.readline().decode() if ready else ""
        except BrokenPipeError:
            ready, answer = True, ""
        if answer.endswith("\n"):
            return answer[:-1]
        self.child.kill()
        status = self.child.wait()
        self.child = None
        name = os.path.basename(self.command[0])
        raise Failure(f"{name} " + (f"died with status {status}" if ready else "hangs") + f" at: {line[:200]}")

    def close(self):
        """End the child; a status other than 0 is a sanitizer's report."""
        if self.child is None:
            return
        self.child.stdin.close()
        status = self.child.wait()
        self.child = None
        if status:
            raise Failure(f"{os.path.basename(self.command[0])} ended with status {status}")


class Engine:
    def __init__(self, build):
        self.folder = tempfile.mkdtemp(prefix="golden-", dir=build)
        self.state = None
        self.server = LineServer([os.path.abspath(os.path.join(build, "tests/golden/run_model"))])
        self.levels = self._ask("isa")

    def _ask(self, *words):
        try:
            status, *rest = self.server.ask("\t".join(map(str, words))).split("\t")
        except Failure:
            self.state = None
            raise
        if status == "ok":
            return rest
        if rest[0] == "operator or attribute unsupported":
            raise Unsupported(rest[1])
        raise Failure(": ".join(rest))

    def load(self, model, isa=None, max_batch=1, how="fused"):
        """(floats of one input, classes); does nothing for what is loaded already. `how`: fused, keep (every
        layer), small-cache (planned for one)."""
        wanted = (model, isa or self.levels[-1], max_batch, how)
        if self.state is None or self.state[0] != wanted:
            self.state = None
            sizes = self._ask("load", model, wanted[1], max_batch, how)
            self.state = wanted, tuple(map(int, sizes))
        return self.state[1]

    def run(self, values, batch=1, threads=1, raw=True):
        """The scores of the loaded model for float tensors or, of dtype uint8, fitted pictures."""
        source, result = (os.path.join(self.folder, name) for name in ("in", "out"))
        np.ascontiguousarray(values).tofile(source)
        words = [source, result, len(values), batch, threads]
        if values.dtype == np.uint8:
            self._ask("pixels", *words)
        else:
            assert values.dtype == np.float32
            self._ask("tensor", *words, "raw" if raw else "scores")
        return np.fromfile(result, np.float32).reshape(len(values), -1)

    def close(self):
        try:
            self.server.close()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


class Oracle:
    @staticmethod
    def missing():
        """Why there is none here, or None."""
        if not shutil.which("node"):
            return "no node"
        if not os.path.isdir(os.path.join(ORACLE, "node_modules/onnxruntime-node")):
            return "no onnxruntime-node in build/oracle"
        return None

    def __init__(self, folder):
        self.folder = folder
        self.server = LineServer(["node", os.path.join(HERE, "ort.mjs"), ORACLE])

    def run(self, model, values, level="all", batch=1):
        """The first output for each of float tensors [n, ...], flat; `batch` of them at a time, which divides n."""
        source, result = (os.path.join(self.folder, name) for name in ("oracle-in", "oracle-out"))
        np.ascontiguousarray(values, np.float32).tofile(source)
        answer = json.loads(self.server.ask(json.dumps({
            "model": model, "input": source, "output": result, "level": level,
            "shape": [batch, *values.shape[1:]], "n": len(values) // batch})))
        if not answer["ok"]:
            raise Failure(f"onnxruntime: {answer['error']}")
        return np.fromfile(result, np.float32).reshape(len(values), -1)

    def close(self):
        self.server.close()


def softmax(scores):
    scores = np.exp(scores.astype(np.float64) - scores.max(axis=1, keepdims=True))
    return scores / scores.sum(axis=1, keepdims=True)
