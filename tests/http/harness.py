"""A convd process under test, and what tests say about it."""
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time

import http_client

REPORT = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|SUMMARY: \w+Sanitizer")


class Failure(Exception):
    """A test's expectation does not hold."""


class Skip(Exception):
    """A test cannot run here; the text says why."""


def check(holds, text):
    if not holds:
        raise Failure(text)


def equal(got, want, what):
    if got != want:
        raise Failure(f"{what}: is {got!r}, want {want!r}")


def one_of(got, wanted, what):
    if got not in wanted:
        raise Failure(f"{what}: is {got!r}, want one of {wanted!r}")


def wait_until(holds, seconds, what):
    """Wait until holds() is true and return its value."""
    end = time.monotonic() + seconds
    while True:
        value = holds()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"after {seconds:g} s still not: {what}")
        time.sleep(0.02)


def clean_environment(extra=None):
    """This environment without convd's own variables, an unknown one of which is an error."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("CONVD_")}
    env.update(extra or {})
    return env


def raise_file_limit():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Server:
    """`convd serve` on a free port of the loopback interface."""

    def __init__(self, suite, name, args, environ=None, port="0", ready=True, program=None, tls=None, pass_fds=()):
        self.suite = suite
        self.tls = tls
        self.folder = tempfile.mkdtemp(prefix=name + "-", dir=suite.folder)
        self.log_path = os.path.join(self.folder, "stderr.log")
        self.port_file = os.path.join(self.folder, "port")
        command = [program or suite.convd, "serve", "--port-file", self.port_file]
        if port is not None:
            command += ["--port", port]
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(command + list(args), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=clean_environment(environ), pass_fds=pass_fds)
        self.stopped = False
        try:
            self.port = wait_until(self._read_port, 20 * suite.patience, "convd listens")
            if ready:
                wait_until(lambda: self._alive() and self.get("/health/ready").status == 200,
                           30 * suite.patience, "convd is ready")
        except Failure:
            self.kill()
            raise

    def _alive(self):
        status = self.process.poll()
        if status is not None:
            raise Failure(f"convd ended with status {status}: {self.log().strip()}")
        return True

    def _read_port(self):
        self._alive()
        try:
            with open(self.port_file, encoding="ascii") as f:
                text = f.read()
        except FileNotFoundError:
            return None
        return int(text) if text.endswith("\n") else None

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def wait_log(self, text):
        """Wait until the log has the text: a thread of its own writes it."""
        wait_until(lambda: text in self.log(), 10 * self.suite.patience, f"the log has {text!r}: {self.log()}")

    def connect(self, timeout=None):
        return http_client.Connection(self.port, timeout or 30 * self.suite.patience, self.tls)

    def fetch(self, method, target, body=None, headers=(), timeout=None):
        """One exchange on a connection of its own; a JSON reply must be as openapi.json says."""
        with self.connect(timeout) as connection:
            connection.send_request(method, target, body, headers)
            response = connection.read_response(method)
        self.suite.contract.verify(method, target, response)
        return response

    def get(self, target, headers=()):
        return self.fetch("GET", target, headers=headers)

    def predict(self, body, query="", headers=()):
        return self.fetch("POST", "/predict" + query, body, headers)

    def metric(self, name, labels=""):
        """The sum of a metric's samples; those whose label text contains `labels`."""
        total = 0.0
        for line in self.get("/metrics").body.decode().splitlines():
            match = re.match(r"(\w+)(\{.*\})? (\S+)$", line)
            if match and match[1] == name and labels in (match[2] or ""):
                total += float(match[3])
        return total

    def memory(self):
        """Resident bytes."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return int(re.search(r"VmRSS:\s*(\d+) kB", f.read())[1]) * 1024

    def still_answers(self):
        equal(self.get("/health/live").status, 200, "/health/live afterwards")

    def wait_exit(self, seconds=None):
        try:
            return self.process.wait(seconds or 40 * self.suite.patience)
        except subprocess.TimeoutExpired:
            raise Failure("convd does not end") from None

    def stop(self, signal_number=signal.SIGTERM):
        """Ask it to end; it must do so with status 0 and without a sanitizer's report."""
        if self.stopped:
            return
        self.stopped = True
        try:
            if self.process.poll() is None:
                self.process.send_signal(signal_number)
            status = self.wait_exit()
            report = REPORT.search(self.log())
            check(not report, f"sanitizer report in {self.log_path}:\n{self.log()[-6000:]}")
            equal(status, 0, "exit status after a signal")
        finally:
            self.kill()

    def kill(self):
        self.stopped = True
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Suite:
    """What all tests share: the program, the test data, a folder for files, one server."""

    def __init__(self, build, contract, folder="tests/http"):
        self.convd = os.path.abspath(os.path.join(build, "convd"))
        self.contract = contract
        # Sanitizers make everything several times slower.
        self.sanitized = "san" in os.path.basename(os.path.normpath(build))
        # Other work may keep the cores busy: limits on time only find what hangs.
        self.patience = 4 if self.sanitized else 2
        data = os.environ.get("CONVD_TEST_DATA") or "../shared/data"
        self.data = os.path.abspath(data) if os.path.isdir(data) else None
        self.folder = os.path.join(os.path.abspath(build), folder)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.models = os.path.join(self.folder, "models")
        self.file_limit = raise_file_limit()
        self.shared = None

    def model(self, name):
        return os.path.join(self.models, name)

    def tool(self, name):
        """The path of a program; the test is skipped without it."""
        path = shutil.which(name, path=os.environ["PATH"] + ":build/tools/usr/bin")
        if not path:
            raise Skip(f"no {name}")
        return path


class Test:
    """Handed to each test function; stops the servers it started."""

    def __init__(self, suite, name):
        self.suite, self.name = suite, name
        self.servers = []
        self.folder = os.path.join(suite.folder, name)
        os.makedirs(self.folder, exist_ok=True)

    @property
    def server(self):
        """The server that tests share: models `tiny` (the default) and `gray`."""
        shared = self.suite.shared
        if shared is None or shared.process.poll() is not None:
            shared = Server(self.suite, "shared", ["--max-files", "16", self.suite.model("tiny"),
                                                   "gray=" + self.suite.model("gray")])
            self.suite.shared = shared
        return shared

    def start(self, *args, environ=None, port="0", ready=True, program=None, tls=None, pass_fds=()):
        """A server of this test's own. Options first, models last."""
        server = Server(self.suite, self.name, args, environ, port, ready, program, tls, pass_fds)
        self.servers.append(server)
        return server

    def run(self, *args, environ=None, timeout=60):
        """A command that ends by itself."""
        try:
            done = subprocess.run([self.suite.convd, *args], stdin=subprocess.DEVNULL, capture_output=True,
                                  env=clean_environment(environ), timeout=timeout * self.suite.patience)
        except subprocess.TimeoutExpired:
            raise Failure(f"convd {' '.join(args)}: does not end") from None
        done.stdout = done.stdout.decode(errors="replace")
        done.stderr = done.stderr.decode(errors="replace")
        check(not REPORT.search(done.stderr), f"sanitizer report: {done.stderr[-6000:]}")
        check(done.returncode >= 0, f"convd {' '.join(args)}: killed by signal {-done.returncode}")
        return done

    def write(self, name, content):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(content if isinstance(content, bytes) else content.encode())
        return path

    def finish(self, failed):
        for server in self.servers:
            if failed:
                server.kill()
            else:
                server.stop()
