"""The suite's folders, one test as a process, and what came of it."""
import os
import signal
import subprocess

DATA = os.environ.get("CONVD_ONNX_TESTDATA") or "/usr/share/libonnx-testdata/data"
LIMIT_S = 20
ERROR_CHARACTERS = 4000  # of a message that is shown


class Result:
    """Of one test. `verdict`: passed, refused, failed or crashed; `text`: why it did not pass."""

    def __init__(self, name):
        self.name = name
        self.operators = {}  # name -> whether the engine's list has it
        self.verdict, self.text = "crashed", ""
        self.bound = "?"  # which inputs had to be constants for it to run, as node_test says it
        self.folds = "refused"  # the verdict with all inputs constant
        self.trials = []  # lines for people

    def missing(self):
        return [name for name, known in self.operators.items() if not known]


def folders(part, names):
    """Those of the tests, or of the tests whose names have one of `names` in them; None where there is no suite."""
    parent = os.path.join(DATA, part)
    if not os.path.isdir(parent):
        return None
    return [os.path.join(parent, name) for name in sorted(os.listdir(parent))
            if not names or any(part in name for part in names)]


def read_listed(path):
    """{test: reason} of a file with a test a line; '#' begins a comment."""
    listed = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                name, reason = line.split(None, 1)
                listed[name] = reason.strip()
    return listed


def _decide(result, said):
    """Out of node_test's lines "run" and "fold"; a test without inputs has the latter only."""
    if not said:
        result.text = "said nothing"
        return
    fold, fold_text = said.get("fold", ("refused", ""))
    verdict, bound, text = said.get("run", (fold, "all", fold_text))
    if fold == "failed" and verdict != "failed":
        verdict, bound, text = fold, "all", fold_text
    result.verdict, result.bound, result.text, result.folds = verdict, bound, text, fold


def _read(result, output):
    said = {}
    for line in output.splitlines():
        kind, *words = line.split("\t")
        if kind == "operator":
            result.operators[words[0]] = words[1] == "yes"
        elif kind == "trial":
            result.trials.append(" ".join(words))
        else:
            said[kind] = words
    _decide(result, said)


def run(program, folder, patience):
    result = Result(os.path.basename(folder))
    process = subprocess.Popen([program, folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        out, errors = process.communicate(timeout=LIMIT_S * patience)
        status = process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        out, errors = process.communicate()
        status = None
    _read(result, out.decode(errors="replace"))
    if status != 0:
        result.verdict = "crashed"
        if status is None:
            result.text = f"not done after {LIMIT_S * patience} s"
        elif status < 0:
            result.text = signal.Signals(-status).name
        else:
            result.text = f"status {status}"
        result.text += f" in trial {result.trials[-1]}" if result.trials else ""
        result.text += "\n" + errors.decode(errors="replace")[:ERROR_CHARACTERS] if errors else ""
    return result
