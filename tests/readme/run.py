#!/usr/bin/python3
"""Run every command of README.md and docs/operations.md.

    run.py BUILD [WORD]      WORD: only commands with it

Commands run in a copy of the tree, with files by the names that the pages use; the server that they ask is the one that
README.md's own command starts, on a free port. A command must succeed, or fail where the page shows that it does, and
print what the page shows. Prints what failed and, last, "N passed, N failed, N skipped".
"""
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import commands
import shapes

LIMIT_S = 120
PAGES = ("README.md", "docs/operations.md")
CLASSES = ("buildings", "forest", "glacier", "mountain", "sea", "street")
DATA = os.path.abspath(os.environ.get("CONVD_TEST_DATA") or os.path.join(ROOT, "../shared/data"))
# What the page calls a model, and the test data's name for it.
MODELS = {"squeezenet1.1": "squeezenet1.1", "mobilenet_v2": "mobilenet_v2_1.0", "mnist-8": "mnist-8"}
SKIPPED = (
    (r"^make (test|bench)\b", "takes minutes, and installs packages"),
    (r"^docker ", "builds an image, which takes minutes"),
    (r"^(make deb|sudo )", "changes this machine: make test-deb does it to a bare one"),
    (r"^make install ", "tests/http does it, into a folder"),
    (r"^sh tests/train/fetch\.sh", "downloads pictures"),
)


class Failure(Exception):
    pass


class Skip(Exception):
    pass


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def copy_tree(build, tree):
    """The sources, and what is built of them, by its times: make has nothing to do there."""
    shutil.rmtree(tree, ignore_errors=True)
    os.makedirs(tree)
    for name in os.listdir(ROOT):
        if name not in ("build", ".git"):
            copy = shutil.copytree if os.path.isdir(os.path.join(ROOT, name)) else shutil.copy2
            copy(os.path.join(ROOT, name), os.path.join(tree, name))
    os.makedirs(os.path.join(tree, "build"))
    for name in ("convd", "flags", "version", "gen", "engine", "server", "libengine.a", "libserver.a", "libversion.a"):
        path = os.path.join(build, name)
        copy = shutil.copytree if os.path.isdir(path) else shutil.copy2
        copy(path, os.path.join(tree, "build", name))


def make_pictures(tree):
    photos = [os.path.join(tree, "docs", name) for name in ("house.jpg", "clock.jpg")]
    for name in ("photo.jpg", "a.jpg", "b.jpg"):
        shutil.copy(photos[0], os.path.join(tree, name))
    # As few as training takes.
    for folder in ("photos", "cifar10"):
        for i, name in enumerate(CLASSES):
            os.makedirs(os.path.join(tree, folder, name))
            for j in range(2):
                shutil.copy(photos[(i + j) % 2], os.path.join(tree, folder, name, f"{j}.jpg"))
    with tarfile.open(os.path.join(tree, "scenes.tar"), "w") as tar:
        tar.add(os.path.join(tree, "photos"), "train")
        tar.add(os.path.join(tree, "photos"), "test")


def make_models(tree):
    default = os.path.join(tree, "models/scenes")
    shutil.copy(os.path.join(default, "model.onnx"), os.path.join(tree, "cats.onnx"))
    for name in ("dogs", "path/to/model"):
        shutil.copytree(default, os.path.join(tree, name))
    for name, theirs in MODELS.items():
        if os.path.isdir(os.path.join(DATA, "models", theirs)):
            os.symlink(os.path.join(DATA, "models", theirs), os.path.join(tree, name))


def make_recurrent(tree):
    """A network that convd cannot run, as the page has one."""
    import numpy
    from onnx import TensorProto, helper, numpy_helper, save
    weight = lambda name, *shape: numpy_helper.from_array(numpy.zeros(shape, numpy.float32), name)
    node = helper.make_node("LSTM", ["x", "w", "r"], ["y"], "LSTM_3", hidden_size=4)
    graph = helper.make_graph([node], "recurrent", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 3])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 1, 4])],
                              [weight("w", 1, 16, 3), weight("r", 1, 16, 4)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)])
    model.ir_version = 7
    save(model, os.path.join(tree, "recurrent.onnx"))


class Page:
    """The tree that the page's commands run in, and the servers that they start."""

    def __init__(self, build):
        self.tree = os.path.join(build, "tests/readme")
        self.convd = os.path.join(build, "convd")
        self.logs = os.path.join(build, "tests/readme.logs")
        copy_tree(build, self.tree)
        make_pictures(self.tree)
        make_models(self.tree)
        make_recurrent(self.tree)
        shutil.rmtree(self.logs, ignore_errors=True)
        os.makedirs(self.logs)
        self.default = None

    def environment(self, port=None):
        env = {k: v for k, v in os.environ.items() if not k.startswith("CONVD_")}
        env["PATH"] = os.path.join(self.tree, "build") + ":" + env["PATH"]
        # What the page leaves open is little here.
        env.update(CONVD_SECONDS="1", CONVD_EPOCHS="1", CONVD_DEBUG="on")
        if port:
            env.update(CONVD_PORT=str(port), PORT=str(port))
        return env

    def bash(self, text, port=None):
        return subprocess.run(["bash", "-c", text], cwd=self.tree, env=self.environment(port), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=LIMIT_S)

    @contextlib.contextmanager
    def serving(self, text, args="", environ=None):
        """The server that a command of the page starts; gives its port."""
        port = free_port()
        env = dict(self.environment(port), **(environ or {}))
        log_path = os.path.join(self.logs, re.sub(r"\W+", "-", text)[:60])
        with open(log_path, "w", encoding="utf-8") as log:
            process = subprocess.Popen(["bash", "-c", f"exec {text}{args}"], cwd=self.tree, env=env, stdout=log, stderr=log,
                                       stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            self._wait_ready(process, env, log_path)
            yield port
            # make hands no signal on.
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)
            with open(log_path, encoding="utf-8") as log:
                if not log.read().rstrip().split("\nmake")[0].endswith("stopped"):
                    raise Failure(f"the server did not end well: {log_path}")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def _wait_ready(self, process, env, log_path):
        end = time.monotonic() + 10 * LIMIT_S
        while subprocess.run([self.convd, "health"], cwd=self.tree, env=env, capture_output=True).returncode != 0:
            if process.poll() is not None or time.monotonic() > end:
                with open(log_path, encoding="utf-8") as log:
                    raise Failure(f"the server does not become ready: {log.read()[-2000:]}")
            time.sleep(0.05)


def needs(command):
    """What is missing for it here."""
    for pattern, reason in SKIPPED:
        if re.search(pattern, command.text):
            raise Skip(reason)
    for name, theirs in MODELS.items():
        if re.search(rf"(^|[\s/]){re.escape(name)}(\s|$)", command.text) and \
                not os.path.isdir(os.path.join(DATA, "models", theirs)):
            raise Skip(f"no model {theirs} in {DATA}")


def make_room(page, text):
    """Training writes into no folder that has a model. Returns how to bring back what was there."""
    match = re.search(r" train .*--out (\S+)", text)
    out = os.path.join(page.tree, match[1]) if match else None
    if not out or not os.path.exists(out):
        return lambda: None
    if not os.path.exists(os.path.join(ROOT, match[1])):
        shutil.rmtree(out)
        return lambda: None
    os.rename(out, out + ".kept")

    def restore():
        shutil.rmtree(out, ignore_errors=True)
        os.rename(out + ".kept", out)
    return restore


def run_simple(page, command, port):
    text = command.text.replace("localhost:8080", f"localhost:{port}").replace("/NAME", "/scenes")
    if re.match(r"curl ", text):
        # Errors of HTTP are errors; -s: no progress.
        text = re.sub(r"^curl ", "curl -sS " if command.output else "curl -sSf ", text)
    text = text.replace("| curl ", "| curl -sS ")
    restore = make_room(page, command.text)
    try:
        done = page.bash(text, port)
    finally:
        restore()
    fails = re.match(r"convd \w+: ", command.output) is not None
    if (done.returncode != 0) != fails:
        raise Failure(f"exit status {done.returncode}: {(done.stdout + done.stderr)[-1500:]}")
    if command.output:
        try:
            shapes.compare(command.output, done.stderr if fails else done.stdout)
        except (shapes.Differs, ValueError) as e:
            raise Failure(f"{e}\n{done.stdout[:1500]}{done.stderr[:500]}") from None


def run_over_tls(page, command):
    """A command that asks a server of another name, with a certificate."""
    if not shutil.which("openssl"):
        raise Skip("no openssl")
    done = page.bash("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out ca.pem "
                     "-days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost")
    if done.returncode != 0:
        raise Failure(f"openssl: {done.stderr}")
    with page.serving("build/convd serve", environ={"CONVD_TLS_CERT": "ca.pem", "CONVD_TLS_KEY": "key.pem"}) as port:
        text = command.text.replace("https://host:8443", f"https://localhost:{port}")
        run_simple(page, commands.Command(command.line, text), port)


def run_one(page, command, port, repository_port):
    needs(command)
    if re.match(r"make run +#", command.text):
        return  # it serves already
    if "build/convd serve" in command.text or command.text.startswith("make run"):
        with page.serving(command.text.split("#")[0]):
            return
    if "https://host" in command.text:
        run_over_tls(page, command)
    else:
        run_simple(page, command, repository_port if "/repository/" in command.text else port)


def main():
    build = os.path.abspath(sys.argv[1])
    found = []
    for name in PAGES:
        with open(os.path.join(ROOT, name), encoding="utf-8") as f:
            found += [(name, command) for command in commands.extract(f.read())]
    chosen = [(name, c) for name, c in found if len(sys.argv) < 3 or sys.argv[2] in c.text]
    repository = next(c for _, c in found if "--model-repository" in c.text)
    page = Page(build)
    passed = failed = skipped = 0
    with page.serving("make run") as port, page.serving(repository.text) as repository_port:
        for name, command in chosen:
            where = f"{name}:{command.line}: {' '.join(command.text.split())[:100]}"
            start = time.monotonic()
            try:
                run_one(page, command, port, repository_port)
                passed += 1
                print(f"ok      {where} ({time.monotonic() - start:.1f} s)")
            except Skip as e:
                skipped += 1
                print(f"skipped {where}: {e}")
            except (Failure, subprocess.TimeoutExpired) as e:
                failed += 1
                print(f"FAILED  {where}: {e}")
            sys.stdout.flush()
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
