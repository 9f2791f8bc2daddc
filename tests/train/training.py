"""`convd train` under test, and what tests say about it."""
import json
import os
import re
import shutil
import signal
import subprocess

import contract
import make_data
import runners
from harness import REPORT, Failure, Skip, check, clean_environment, equal, wait_until

RESULTS = {"labels.txt", "model.json", "model.onnx", "report.html"}
KEPT = {".lock", "checkpoint"}
NOBODY = 65534


def quick(*more, arch="lenet", size=16, epochs=8):
    """Options of a training that takes a moment."""
    return ("--arch", arch, "--size", str(size), "--epochs", str(epochs), "--batch", "16", *more)


QUICK = quick()


def read(path):
    with open(path, "rb") as f:
        return f.read()


def check_plain(text):
    """Whole lines without control characters."""
    check(not text or text.endswith("\n"), f"no newline at the end of {text[-200:]!r}")
    check(not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text), f"control characters in {text!r}")


def epochs_saved(out):
    """The epochs in a folder's checkpoint; 0 without one."""
    path = os.path.join(out, "checkpoint")
    if not os.path.exists(path):
        return 0
    match = re.match(rb"convd checkpoint 1\nepochs (\d+) step \d+ made from [0-9a-f]{16}\n", read(path))
    check(match, f"{path}: {read(path)[:128]!r}")
    return int(match[1])


class Done:
    """A command that ended."""

    def __init__(self, status, stdout, stderr):
        self.status, self.stdout, self.stderr = status, stdout, stderr
        check(not REPORT.search(stderr), f"sanitizer report: {stderr[-6000:]}")

    @property
    def message(self):
        return self.stderr.rstrip("\n").rpartition("\n")[2]


class Running:
    """A training in the background."""

    def __init__(self, test, command):
        self.log = os.path.join(test.folder, f"stderr-{len(test.running)}")
        self.patience = test.suite.patience
        with open(self.log, "wb") as f:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=f,
                                            env=clean_environment())

    def told(self):
        return read(self.log).decode()

    def wait_for(self, holds, what):
        """Until holds() or the end; false at the end."""
        return wait_until(lambda: holds() or self.process.poll() is not None, 60 * self.patience, what) and holds()

    def wait_for_text(self, text):
        return self.wait_for(lambda: text in self.told(), f"'{text}' is said")

    def wait_for_handler(self):
        """Until SIGINT is caught."""
        def caught():
            with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
                match = re.search(r"SigCgt:\s*([0-9a-f]+)", f.read())
            return match and int(match[1], 16) >> (signal.SIGINT - 1) & 1
        check(self.wait_for(caught, "SIGINT is caught"), "ended before it caught SIGINT")

    def end(self):
        try:
            status = self.process.wait(60 * self.patience)
        except subprocess.TimeoutExpired:
            raise Failure("convd train does not end") from None
        return Done(status, "", self.told())

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Suite:
    """What all tests share: the program, pictures, trainings that several tests look at, onnxruntime."""

    def __init__(self, build):
        self.convd = os.path.abspath(os.path.join(build, "convd"))
        # Sanitizers make everything several times slower.
        self.sanitized = "san" in os.path.basename(os.path.normpath(build))
        self.patience = 6 if self.sanitized else 1
        self.folder = os.path.join(os.path.abspath(build), "tests/train")
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.contract = contract.Contract("server/web/openapi.json")
        self.trained, self._oracle = {}, None

    def data(self, name):
        folder = os.path.join(self.folder, "data", name)
        if not os.path.exists(folder):
            make_data.MAKERS[name](folder)
        return os.path.join(folder, "shapes.tar") if name == "tar" else folder

    def oracle(self):
        missing = runners.Oracle.missing()
        if missing:
            raise Skip(missing)
        if not self._oracle:
            self._oracle = runners.Oracle(self.folder)
        return self._oracle

    def close(self):
        if self._oracle:
            self._oracle.close()


class Test:
    """Handed to each test function."""

    def __init__(self, suite, name):
        self.suite, self.name = suite, name
        self.folder = os.path.join(suite.folder, name)
        os.makedirs(self.folder)
        self.running = []

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def copy(self, data):
        """Data of this test's own, to spoil."""
        return shutil.copytree(self.suite.data(data), self.path("data"))

    def run(self, *args, **how):
        """A convd command that ends by itself; `how` goes to subprocess."""
        try:
            child = subprocess.run([self.suite.convd, *args], stdin=subprocess.DEVNULL, capture_output=True,
                                   env=clean_environment(), timeout=60 * self.suite.patience, check=False, **how)
        except subprocess.TimeoutExpired:
            raise Failure(f"convd {' '.join(args)}: does not end") from None
        return Done(child.returncode, child.stdout.decode(), child.stderr.decode())

    def command(self, data, out, options):
        """`data` is a name of make_data's or a path."""
        path = self.suite.data(data) if data in make_data.MAKERS else data
        return ["train", path, "--out", out, *options]

    def train(self, data, out, *options, status=0, **how):
        done = self.run(*self.command(data, out, options), **how)
        equal(done.status, status, f"exit status of convd train {' '.join(options)} ({done.message})")
        check_plain(done.stdout)
        check_plain(done.stderr)
        return done

    def refused(self, data, out, *options, says, status=1, lines=None, **how):
        """It fails with a message that the expression `says` finds; with exactly `lines` lines when given."""
        done = self.train(data, out, *options, status=status, **how)
        message = done.message if status == 1 else done.stderr.split("\n")[0]
        check(re.search(says, message), f"says {message!r}, not {says!r}")
        check(message.startswith("convd"), f"no program's name before {message!r}")
        equal(done.stdout, "", "stdout")
        if lines:
            equal(done.stderr.count("\n"), lines, f"lines of {done.stderr!r}")
        self.no_results(out)
        return done

    def no_results(self, out):
        if os.path.isdir(out):
            left = RESULTS.intersection(os.listdir(out))
            check(not left, f"there are {left}")

    def start(self, data, out, *options):
        running = Running(self, [self.suite.convd, *self.command(data, out, options)])
        self.running.append(running)
        return running

    def trained(self, data, *options):
        """(folder, Done) of a training that went well, which tests share and leave as it is."""
        key = (data, *options)
        if key not in self.suite.trained:
            out = os.path.join(self.suite.folder, "trained", f"{data}{len(self.suite.trained)}")
            self.suite.trained[key] = out, self.train(data, out, *options)
        return self.suite.trained[key]

    def classify(self, model, files):
        """What `convd classify` says: [{label: probability}], the likeliest first."""
        done = self.run("classify", "--model", model, "--json", "--top", "1000", *files)
        equal(done.status, 0, f"status of classify ({done.message})")
        return [{p["label"]: p["probability"] for p in r["predictions"]} for r in json.loads(done.stdout)["results"]]

    def finish(self):
        for running in self.running:
            running.kill()
