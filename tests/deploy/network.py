"""Replicas behind HAProxy, each in a network namespace of its own, which nothing outside can see.

The program that imports this is in a namespace of its own itself (enter()); HAProxy and the clients are there with it.
Namespaces have no names: they go with the processes in them, however these end.
"""
import csv
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

from harness import Failure, Skip, clean_environment, wait_until
from http_client import Connection

NETWORK = "10.77.0."
FRONT = 8080
INSIDE = "CONVD_TEST_INSIDE"


def enter():
    """Start this program again in a network namespace of its own; Skip where that cannot be done."""
    for program in ("haproxy", "ip", "unshare", "nsenter"):
        if not shutil.which(program):
            raise Skip(f"no {program}: tests/install-deps.sh deploy installs it")
    if os.environ.get(INSIDE):
        return
    if os.geteuid() != 0:
        raise Skip("network namespaces want root")
    tried = subprocess.run(["unshare", "--net", "ip", "link", "add", "convd", "type", "bridge"], stderr=subprocess.PIPE)
    if tried.returncode != 0:
        raise Skip(f"no network namespaces here: {tried.stderr.decode(errors='replace').strip()}")
    os.environ[INSIDE] = "1"
    os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])


def ip(*words, within=None):
    command = (["nsenter", "-t", str(within), "--net"] if within else []) + ["ip", *words]
    subprocess.run(command, check=True)


class Replica:
    """A namespace with an address; convd runs in it, or not."""

    def __init__(self, network, number, model):
        self.network, self.number, self.model = network, number, model
        self.address = f"{NETWORK}{number}"
        self.name = f"convd-{number}"
        self.process = None
        # It holds the namespace while no convd does.
        self.holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep 3600"], stdout=subprocess.PIPE)
        self.holder.stdout.readline()
        pid = self.holder.pid
        ip("link", "add", f"replica{number}", "type", "veth", "peer", "name", "eth0", "netns", str(pid))
        ip("link", "set", f"replica{number}", "master", "replicas", "up")
        ip("address", "add", f"{self.address}/24", "dev", "eth0", within=pid)
        ip("link", "set", "eth0", "up", within=pid)
        ip("link", "set", "lo", "up", within=pid)

    def start(self, model=None):
        command = ["nsenter", "-t", str(self.holder.pid), "--net", self.network.convd, "serve", "--host", self.address,
                   "--threads", "1", f"scenes={model or self.model}"]
        with open(os.path.join(self.network.folder, f"{self.name}.log"), "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=clean_environment())

    def send(self, number):
        self.process.send_signal(number)

    def end(self, number=signal.SIGTERM):
        """The exit status."""
        self.send(number)
        return self.process.wait(60)

    def close(self):
        for process in (self.process, self.holder):
            if process and process.poll() is None:
                process.kill()
                process.wait()


class Network:
    def __init__(self, build, replicas, model="models/scenes"):
        self.convd = os.path.abspath(os.path.join(build, "convd"))
        self.folder = os.path.join(os.path.abspath(build), "tests/scaleout")
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        ip("link", "set", "lo", "up")
        ip("link", "add", "replicas", "type", "bridge")
        ip("address", "add", f"{NETWORK}254/24", "dev", "replicas")
        ip("link", "set", "replicas", "up")
        self.replicas = [Replica(self, i + 1, model) for i in range(replicas)]
        self.haproxy = None

    def close(self):
        for replica in self.replicas:
            replica.close()
        if self.haproxy and self.haproxy.poll() is None:
            self.haproxy.kill()
            self.haproxy.wait()

    def start(self):
        for replica in self.replicas:
            replica.start()
        self._start_haproxy()
        for replica in self.replicas:
            self.wait_for(replica, "UP")

    def _start_haproxy(self):
        """As docker/haproxy.cfg has it, but for addresses and a socket to ask at."""
        with open("docker/haproxy.cfg", encoding="utf-8") as f:
            text = f.read()
        text, n = re.subn(r"(?m)^global$", f"global\n    stats socket {self.folder}/haproxy.sock", text)
        servers = "".join(f"    server {r.name} {r.address}:8080\n" for r in self.replicas)
        text, m = re.subn(r"(?m)(^    server convd-\d \S+\n)+", servers, text)
        if (n, m) != (1, 1):
            raise Failure("docker/haproxy.cfg: no global section, or not one list of servers")
        path = os.path.join(self.folder, "haproxy.cfg")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        with open(os.path.join(self.folder, "haproxy.log"), "wb") as log:
            self.haproxy = subprocess.Popen(["haproxy", "-f", path], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(lambda: os.path.exists(f"{self.folder}/haproxy.sock"), 20, "HAProxy runs")

    def statistics(self):
        """What HAProxy counts of each server, by its name."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(f"{self.folder}/haproxy.sock")
            s.sendall(b"show stat\n")
            text = b"".join(iter(lambda: s.recv(65536), b"")).decode()
        rows = csv.DictReader(text.lstrip("# ").splitlines())
        return {row["svname"]: row for row in rows if row["svname"].startswith("convd-")}

    def wait_for(self, replica, state, seconds=30):
        """Until HAProxy says so; how long it took."""
        start = time.monotonic()
        wait_until(lambda: self.statistics()[replica.name]["status"] == state, seconds,
                   f"{replica.name} is {state}: {self.statistics()[replica.name]['status']}")
        return time.monotonic() - start

    def post(self, photo, timeout=60):
        """The response to a photo, from whichever replica."""
        with Connection(FRONT, timeout) as connection:
            connection.send_request("POST", "/predict", photo)
            return connection.read_response("POST")
