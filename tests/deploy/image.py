#!/usr/bin/python3
"""The container image: its size, what it may do, how soon it serves, and how it ends.

    image.py BUILD [NAME ...]      NAME: a test, or part of its name

Builds docker/Dockerfile, see containers.py for what with. The last line is "N passed, N failed, N skipped".
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../http"))
sys.dont_write_bytecode = True

import report
from containers import Containers
from harness import Failure, Skip, check, clean_environment, equal, wait_until
from http_client import Closed, Connection

TAG = "convd-test"
PHOTO = "docs/clock.jpg"
LARGEST = 25_000_000
GRACE_S = 10  # what `podman stop` and `docker stop` wait before they kill
READY_MS = 100
USER = 65532
NO_NEW_CAPABILITIES = "0000000000000000"


def processes():
    """Process id and environment of each convd that is seen from here."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm", encoding="ascii") as f:
                if f.read() != "convd\n":
                    continue
            with open(f"/proc/{pid}/environ", encoding="utf-8") as f:
                yield int(pid), dict(e.partition("=")[::2] for e in f.read().split("\0"))
        except OSError:
            continue


class Container:
    """The image, running in the foreground on the host's loopback interface and a free port."""

    def __init__(self, image, environ=None, volumes=()):
        self.log_path = os.path.join(image.folder, f"{time.monotonic_ns()}.log")
        self.mark = f"{os.getpid()}-{time.monotonic_ns()}"
        environ = {"CONVD_HOST": "127.0.0.1", "CONVD_PORT": "0", "TEST_MARK": self.mark, **(environ or {})}
        command = image.tool.command(TAG, environ=environ, volumes=volumes)
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=clean_environment())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def _listening(self):
        if self.process.poll() is not None:
            raise Failure(f"ended with status {self.process.returncode}: {self.log()}")
        found = re.search(r"listening on http://\S+:(\d+)\n", self.log())
        return found and int(found[1])

    def wait(self):
        self.port = wait_until(self._listening, 60, "it listens")
        return self

    def request(self, method, target, body=None):
        with Connection(self.port) as connection:
            connection.send_request(method, target, body)
            return connection.read_response(method)

    def pid(self):
        """Of convd itself; None where it is not seen."""
        return next((pid for pid, environ in processes() if environ.get("TEST_MARK") == self.mark), None)

    def metric(self, name):
        return float(re.search(rf"^{name} (\S+)$", self.request("GET", "/metrics").body.decode(), re.M)[1])

    def stop(self):
        """SIGTERM, which the program in front hands on; the container's exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            if self.pid():
                os.kill(self.pid(), signal.SIGKILL)
            self.process.kill()
            raise Failure(f"not ended {GRACE_S} s after SIGTERM") from None


class Image:
    def __init__(self, build):
        self.folder = os.path.join(os.path.abspath(build), "tests/deploy")
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        with open(PHOTO, "rb") as f:
            self.photo = f.read()
        self.missing = self.tool = None
        try:
            self.tool = Containers()
            self.tool.build(TAG, "docker/Dockerfile", ".")
        except Skip as e:
            self.missing = e

    def start(self, **options):
        if self.missing:
            raise self.missing
        return Container(self, **options)


def test_size(image):
    if image.missing:
        raise image.missing
    size = image.tool.size(TAG)
    check(size <= LARGEST, f"{size} bytes are more than {LARGEST}")
    return f"{size / 1e6:.1f} MB in all"


def test_answers_curl(image):
    curl = shutil.which("curl")
    if not curl:
        raise Skip("no curl")
    with image.start() as container:
        container.wait()
        done = subprocess.run([curl, "-sS", "-T", PHOTO, f"http://127.0.0.1:{container.port}/predict"],
                              capture_output=True, timeout=60)
        equal(done.returncode, 0, f"curl's exit status; {done.stderr}")
        best = json.loads(done.stdout)["predictions"][0]
        equal(container.stop(), 0, "exit status")
    return f"{best['label']} {best['probability']:.3f}"


def test_confined(image):
    with image.start() as container:
        container.wait()
        pid = container.pid()
        if not pid:
            raise Skip("its process is not seen from here")
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            status = dict(line.split(":\t", 1) for line in f.read().splitlines() if ":\t" in line)
        equal(set(status["Uid"].split()), {str(USER)}, "user")
        equal(set(status["Gid"].split()), {str(USER)}, "group")
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            equal(status[kind], NO_NEW_CAPABILITIES, kind)
        equal(status["NoNewPrivs"], "1", "no new privileges")
        equal(status["Seccomp"], "2", "seccomp")
        with open(f"/proc/{pid}/mountinfo", encoding="utf-8") as f:
            root = next(line.split() for line in f if line.split()[4] == "/")
        check("ro" in root[5].split(","), f"the root is mounted {root[5]}")
        check(not os.path.exists(f"/proc/{pid}/root/bin/sh"), "there is a shell")


def test_health_command(image):
    with image.start() as container:
        container.wait()
        command = image.tool.command(TAG, ["health"], {"CONVD_PORT": str(container.port)})
        done = subprocess.run(command, capture_output=True, timeout=60, env=clean_environment())
        equal(done.returncode, 0, f"exit status of convd health; {done.stderr}")
        equal(container.stop(), 0, "exit status")
        done = subprocess.run(command, capture_output=True, timeout=60, env=clean_environment())
        equal(done.returncode, 1, "exit status of convd health when nothing runs")


def test_repository_as_a_volume(image):
    root = tempfile.mkdtemp(dir=image.folder)
    os.chmod(root, 0o755)
    for version in ("1", "2"):
        shutil.copytree("models/scenes", os.path.join(root, "places", version))
    volumes = [root + ":/models:ro"]
    with image.start(environ={"CONVD_MODEL_REPOSITORY": "/models"}, volumes=volumes) as container:
        container.wait()
        wait_until(lambda: container.request("GET", "/health/ready").status == 200, 60, "it is ready")
        model = container.request("POST", "/predict", image.photo).json()["model"]
        equal(model["name"], "places", "name of the model")
        equal(container.stop(), 0, "exit status")


def start_to_ready_ms(image):
    with image.start() as container:
        container.wait()
        wait_until(lambda: container.request("GET", "/health/ready").status == 200, 60, "it is ready")
        # By the clock of the kernel, which counts in hundredths of a second, when the process began.
        return (time.time() - container.metric("process_start_time_seconds")) * 1e3


def test_start_to_ready(image):
    took = sorted(start_to_ready_ms(image) for _ in range(5))
    check(took[0] < READY_MS, f"{took[0]:.0f} ms at best")
    return "ms from the start of the process to its first answer: " + ", ".join(f"{t:.0f}" for t in took)


class Client(threading.Thread):
    """Sends one request after the other, each on a connection of its own, until nobody listens any more."""

    def __init__(self, port, photo):
        super().__init__(daemon=True)
        self.port, self.photo = port, photo
        self.answered, self.lost = 0, []

    def run(self):
        while True:
            try:
                connection = Connection(self.port, timeout=GRACE_S)
            except (ConnectionRefusedError, ConnectionResetError):
                return
            try:
                with connection:
                    connection.send_request("POST", "/predict", self.photo)
                    status = connection.read_response("POST").status
            except (Closed, OSError) as e:
                self.lost.append(repr(e))
                return
            if status == 200:
                self.answered += 1
            else:
                self.lost.append(status)


def test_sigterm_under_load(image):
    with image.start() as container:
        container.wait()
        clients = [Client(container.port, image.photo) for _ in range(8)]
        for client in clients:
            client.start()
        # These have sent half of their photo when it comes.
        half = len(image.photo) // 2
        uploads = []
        for _ in range(4):
            connection = Connection(container.port)
            connection.send_request("POST", "/predict", None, [("Content-Length", len(image.photo))])
            connection.send(image.photo[:half])
            uploads.append(connection)
        time.sleep(1.5)
        start = time.monotonic()
        container.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "SIGTERM" in container.log(), GRACE_S, "it has heard SIGTERM")
        time.sleep(0.1)
        for connection in uploads:
            connection.send(image.photo[half:])
            equal(connection.read_response("POST").status, 200, "a photo that was on its way")
            connection.close()
        status = container.process.wait(GRACE_S)
        took = time.monotonic() - start
        for client in clients:
            client.join(GRACE_S)
        lost = [problem for client in clients for problem in client.lost]
        answered = sum(client.answered for client in clients) + len(uploads)
        equal(status, 0, f"exit status; {container.log()}")
        equal(lost, [], "lost of what it accepted")
        check(answered > len(clients), "there was load")
        open_then = re.search(r"finishing (\d+) requests", container.log())[1]
    return f"{answered} answered, {open_then} of them after SIGTERM, none lost; ended after {took:.2f} s"


if __name__ == "__main__":
    if len(sys.argv) < 2:
        print("usage: image.py BUILD [NAME ...]", file=sys.stderr)
        sys.exit(2)
    sys.exit(report.run(sys.modules["__main__"], Image(sys.argv[1]), sys.argv[2:]))
