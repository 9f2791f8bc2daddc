"""What a supervisor such as systemd hands over, and what it is told: sd_listen_fds(3), sd_notify(3)."""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import photos
from harness import Failure, check, clean_environment, equal
from http_client import Connection
from test_repository import put

# Hands its first argument over as systemd does: descriptor 3, and the process's own number.
HAND_OVER = """#!/usr/bin/python3
import os, sys
fd, pid = {fd}, os.getpid() + {other}
os.dup2(fd, 3)
os.environ["LISTEN_PID"] = str(pid)
os.environ.setdefault("LISTEN_FDS", "1")
os.environ["LISTEN_FDNAMES"] = "convd.socket"
os.execv({convd!r}, [{convd!r}] + sys.argv[1:])
"""


def hand_over(t, fd, other=0):
    """A program that is convd with the descriptor handed over; with `other`, to another process."""
    path = t.write("activated", HAND_OVER.format(fd=fd, other=other, convd=t.suite.convd))
    os.chmod(path, 0o755)
    return path


def listening(family=socket.AF_INET, host="127.0.0.1"):
    return socket.create_server((host, 0), family=family, backlog=64)


def sandbox(t):
    return "off" if t.suite.sanitized else "on"


class Supervisor:
    """A socket as NOTIFY_SOCKET names it; `messages` are those that have come."""

    def __init__(self, t, abstract=False):
        self.patience = t.suite.patience
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        # A path below the build's folder may be longer than such names can be.
        self.folder = tempfile.mkdtemp(prefix="convd-")
        path = os.path.join(self.folder, "notify")
        self.name = "@" + path if abstract else path
        self.socket.bind("\0" + path if abstract else path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        shutil.rmtree(self.folder)

    @property
    def environ(self):
        return {"NOTIFY_SOCKET": self.name}

    def next(self):
        """The next message, as a dictionary."""
        self.socket.settimeout(20 * self.patience)
        try:
            text = self.socket.recv(4096).decode()
        except socket.timeout:
            raise Failure("the supervisor is told nothing") from None
        return dict(line.split("=", 1) for line in text.splitlines())

    def silent(self):
        self.socket.settimeout(0.3)
        try:
            raise Failure(f"the supervisor is told {self.socket.recv(4096)!r}")
        except socket.timeout:
            pass


def test_socket_activation(t):
    for family, host, url in ((socket.AF_INET, "127.0.0.1", "127.0.0.1"), (socket.AF_INET6, "::1", "[::1]")):
        try:
            held = listening(family, host)
        except OSError:
            continue  # no IPv6 here
        with held:
            number = held.getsockname()[1]
            # Its own options for a port are not looked at: 1 is not one that it may take.
            server = t.start("--host", "192.0.2.1", "--sandbox", sandbox(t), t.suite.model("tiny"), port="1", ready=False,
                             program=hand_over(t, held.fileno()), pass_fds=[held.fileno()])
            equal(server.port, number, "port")
            server.wait_log(f"listening on http://{url}:{number}\n")
            if family == socket.AF_INET:
                equal(server.predict(photos.jpeg()).status, 200, "status")
            server.stop()


def test_activated_restart_refuses_nobody(t):
    """While one server ends and the next begins, clients wait in the socket's queue."""
    photo = photos.jpeg(64, 48)
    statuses, problems, over = [], [], threading.Event()

    def ask(port):
        while not over.is_set():
            try:
                with Connection(port, 60 * t.suite.patience) as connection:
                    connection.send_request("POST", "/predict", photo)
                    statuses.append(connection.read_response("POST").status)
            except Exception as e:
                problems.append(repr(e))

    with listening() as held:
        program = hand_over(t, held.fileno())
        client = threading.Thread(target=ask, args=(held.getsockname()[1],))
        client.start()
        try:
            for _ in range(4):
                before = len(statuses)
                server = t.start(t.suite.model("tiny"), ready=False, program=program, pass_fds=[held.fileno()])
                end = time.monotonic() + 30 * t.suite.patience
                while len(statuses) < before + 20 and not problems and time.monotonic() < end:
                    time.sleep(0.01)
                server.stop()
                check(len(statuses) >= before + 20 or problems, "requests are not answered")
        finally:
            last = t.start(t.suite.model("tiny"), ready=False, program=program, pass_fds=[held.fileno()])
            over.set()
            client.join()
        equal(problems, [], "requests that failed")
        equal(set(statuses), {200}, "statuses")
        last.stop()


def test_activation_errors(t):
    def refused(fd, names, environ=None):
        done = subprocess.run([hand_over(t, fd), "serve", t.suite.model("tiny")], stdin=subprocess.DEVNULL,
                              capture_output=True, env=clean_environment(environ), pass_fds=[fd],
                              timeout=60 * t.suite.patience)
        equal(done.returncode, 1, f"exit status; {done.stderr}")
        check(names in done.stderr.decode(), f"the message lacks '{names}': {done.stderr}")

    with listening() as held:
        refused(held.fileno(), "not several", {"LISTEN_FDS": "2"})
        refused(held.fileno(), "not several", {"LISTEN_FDS": "1x"})
        refused(held.fileno(), "not several", {"LISTEN_FDS": "99999999999999999999"})
    for made in (socket.socket(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_UNIX)):
        with made:
            refused(made.fileno(), "no listening TCP socket")
    with open("/dev/null", "rb") as file:
        refused(file.fileno(), "no listening TCP socket")


def test_socket_outlives_a_failed_start(t):
    with listening() as held:
        program = hand_over(t, held.fileno())
        done = subprocess.run([program, "serve", "--port-file", t.folder + "/no/such/folder", t.suite.model("tiny")],
                              stdin=subprocess.DEVNULL, capture_output=True, env=clean_environment(),
                              pass_fds=[held.fileno()], timeout=60 * t.suite.patience)
        equal(done.returncode, 1, f"exit status; {done.stderr}")
        server = t.start(t.suite.model("tiny"), program=program, pass_fds=[held.fileno()])
        equal(server.predict(photos.jpeg()).status, 200, "status")


def test_activation_of_another_process(t):
    with listening() as held:
        server = t.start(t.suite.model("tiny"), program=hand_over(t, held.fileno(), other=1), pass_fds=[held.fileno()])
        check(server.port != held.getsockname()[1], "it took a socket that was another's")
    for environ in ({"LISTEN_FDS": "1"}, {"LISTEN_FDS": "1", "LISTEN_PID": ""}, {"LISTEN_FDS": "1", "LISTEN_PID": "-1"}):
        t.start(t.suite.model("tiny"), environ=environ).stop()


def test_notify(t):
    for abstract in (False, True):
        with Supervisor(t, abstract) as supervisor:
            server = t.start("--sandbox", sandbox(t), t.suite.model("tiny"), environ=supervisor.environ, ready=False)
            equal(supervisor.next(), {"READY": "1"}, "at the start")
            equal(server.get("/health/ready").status, 200, "ready")
            for _ in range(2):
                server.process.send_signal(signal.SIGHUP)
                before = time.monotonic_ns() // 1000
                message = supervisor.next()
                equal(message.pop("RELOADING"), "1", "at a reload")
                check(abs(int(message["MONOTONIC_USEC"]) - before) < 60_000_000 * t.suite.patience, f"{message}")
                equal(supervisor.next(), {"READY": "1"}, "after a reload")
            supervisor.silent()
            server.process.send_signal(signal.SIGTERM)
            equal(supervisor.next(), {"STOPPING": "1"}, "at the end")
            server.stop()


def test_notify_waits_for_the_models(t):
    """Ready is said when /health/ready says it: the repository's models have been tried."""
    root = os.path.join(t.folder, "repository")
    for i in range(3):
        put(root, f"m{i}", i)
    t.write("repository/broken/model.onnx", b"nothing")
    with Supervisor(t) as supervisor:
        server = t.start("--model-repository", root, environ=supervisor.environ, ready=False)
        equal(supervisor.next(), {"READY": "1"}, "at the start")
        equal(server.get("/health/ready").status, 200, "ready")
        put(root, "later", 9)
        server.process.send_signal(signal.SIGHUP)
        equal(supervisor.next()["RELOADING"], "1", "at a reload")
        equal(supervisor.next(), {"READY": "1"}, "after a reload")
        names = [m["name"] for m in server.get("/models").json()["models"]]
        check("later" in names, f"the reload is said to be over without the new model: {names}")


def test_notify_errors(t):
    """A supervisor that cannot be told is no reason not to serve."""
    for name in ("/nowhere/notify", "notify", "/", "@", "/" + "n" * 200, "vsock:2:1234"):
        server = t.start(t.suite.model("tiny"), environ={"NOTIFY_SOCKET": name})
        server.stop()
        check("NOTIFY_SOCKET" in server.log(), f"no warning about {name!r}: {server.log()}")
    with Supervisor(t) as supervisor:
        server = t.start(t.suite.model("tiny"), environ=supervisor.environ)
        equal(supervisor.next(), {"READY": "1"}, "at the start")
    server.process.send_signal(signal.SIGHUP)
    server.wait_log("reloading")
    equal(server.predict(photos.jpeg()).status, 200, "without the supervisor")
