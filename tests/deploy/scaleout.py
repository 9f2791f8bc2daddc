#!/usr/bin/python3
"""Several convd behind HAProxy: what clients notice when replicas are restarted, killed, hung, or slow.

    scaleout.py BUILD [NAME ...]      NAME: a test, or part of its name

Wants root, for network namespaces; skipped without. HAProxy runs with docker/haproxy.cfg. The last line is
"N passed, N failed, N skipped".
"""
import os
import signal
import sys
import threading
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../http"))
sys.dont_write_bytecode = True

import make_model
import network
import report
from harness import Skip, check, equal
from http_client import Closed

PHOTO = "docs/clock.jpg"
REPLICAS, CLIENTS = 3, 8
HUNG_S = 5       # a hung replica is out within this time
SLOW_SHARE = 0.5  # of what another gets


class Load:
    """Clients that post one photo after the other, each on a new connection, until it ends."""

    def __init__(self, network, photo):
        self.network, self.photo = network, photo
        self.answered, self.lost = 0, []
        self.lock, self.ended = threading.Lock(), threading.Event()
        self.clients = [threading.Thread(target=self._client, daemon=True) for _ in range(CLIENTS)]

    def _client(self):
        while not self.ended.is_set():
            try:
                status = self.network.post(self.photo).status
            except (Closed, OSError) as e:
                status = repr(e)
            with self.lock:
                if status == 200:
                    self.answered += 1
                else:
                    self.lost.append(status)

    def __enter__(self):
        for c in self.clients:
            c.start()
        self.wait_for(5 * CLIENTS)
        return self

    def __exit__(self, *_):
        self.ended.set()
        for c in self.clients:
            c.join(60)

    def wait_for(self, more):
        """Until so many more are answered, or something is lost."""
        goal, end = self.answered + more, time.monotonic() + 60
        while self.answered < goal and not self.lost:
            check(time.monotonic() < end, f"{self.answered - goal + more} of {more} photos are answered within a minute")
            time.sleep(0.01)


class Scene:
    """The replicas, anew for each test."""

    def __init__(self, build):
        self.build, self.missing, self.network = build, None, None
        with open(PHOTO, "rb") as f:
            self.photo = f.read()
        try:
            network.enter()
            self.network = network.Network(build, REPLICAS)
            self.network.start()
        except Skip as e:
            self.missing = e

    def up(self):
        """All replicas serve."""
        if self.missing:
            raise self.missing
        for replica in self.network.replicas:
            self.network.wait_for(replica, "UP")
        return self.network, self.network.replicas

    def close(self):
        if self.network:
            self.network.close()


def retried(net):
    return sum(int(row["wretr"]) + int(row["wredis"]) for row in net.statistics().values())


def test_rolling_restart(scene):
    net, replicas = scene.up()
    with Load(net, scene.photo) as load:
        for replica in replicas:
            equal(replica.end(), 0, f"{replica.name}: exit status")
            net.wait_for(replica, "DOWN")
            replica.start()
            net.wait_for(replica, "UP")
            load.wait_for(2 * CLIENTS)
    equal(load.lost, [], "lost requests")
    return f"{REPLICAS} replicas restarted one after the other: {load.answered} answered, none lost"


def test_killed(scene):
    net, replicas = scene.up()
    before = retried(net)
    with Load(net, scene.photo) as load:
        for replica in replicas[:2]:
            # While it has work.
            while int(net.statistics()[replica.name]["scur"]) == 0:
                time.sleep(0.001)
            equal(replica.end(signal.SIGKILL), -signal.SIGKILL, "exit status")
            load.wait_for(2 * CLIENTS)
            net.wait_for(replica, "DOWN")
            replica.start()
            net.wait_for(replica, "UP")
    equal(load.lost, [], "lost requests")
    again = retried(net) - before
    check(again > 0, "nothing was in flight: the test shows nothing")
    return f"2 replicas killed: {load.answered} answered, none lost, {again} sent again to another"


def test_hung(scene):
    net, replicas = scene.up()
    hung = replicas[1]
    with Load(net, scene.photo) as load:
        hung.send(signal.SIGSTOP)
        try:
            took = net.wait_for(hung, "DOWN")
            # Who waits at the hung one waits on; all others are answered.
            held = int(net.statistics()[hung.name]["scur"])
            got = int(net.statistics()[hung.name]["stot"])
            if held < CLIENTS:
                load.wait_for(2 * CLIENTS)
            equal(net.post(scene.photo).status, 200, "status of a photo that comes now")
            equal(int(net.statistics()[hung.name]["stot"]), got, "requests it has got")
        finally:
            hung.send(signal.SIGCONT)
        net.wait_for(hung, "UP")
    equal(load.lost, [], "lost requests")
    check(took < HUNG_S, f"it is out after {took:.1f} s")
    return f"out after {took:.1f} s, {held} requests waited at it until it went on; {load.answered} answered, none lost"


def test_slow(scene):
    net, replicas = scene.up()
    folder = os.path.join(net.folder, "models")
    make_model.make_all(folder)
    slow = replicas[2]
    equal(slow.end(), 0, "exit status")
    net.wait_for(slow, "DOWN")
    slow.start(os.path.join(folder, "slow"))
    net.wait_for(slow, "UP")
    time.sleep(6)  # slowstart: until then it gets less, however fast it is
    before = net.statistics()
    with Load(net, scene.photo) as load:
        load.wait_for(100 * CLIENTS)
        after = net.statistics()
    got = {r: int(after[r.name]["stot"]) - int(before[r.name]["stot"]) for r in replicas}
    equal(load.lost, [], "lost requests")
    check(got[slow] < SLOW_SHARE * min(got[r] for r in replicas[:2]), f"the slow one gets {got[slow]}, others {list(got.values())}")
    return f"the slow one got {got[slow]} photos, the others {got[replicas[0]]} and {got[replicas[1]]}"


def main():
    if len(sys.argv) < 2 or not os.path.exists(os.path.join(sys.argv[1], "convd")):
        print("usage: scaleout.py BUILD [NAME ...]    BUILD/convd must exist", file=sys.stderr)
        return 2
    scene = Scene(sys.argv[1])
    try:
        return report.run(sys.modules["__main__"], scene, sys.argv[2:])
    finally:
        scene.close()


if __name__ == "__main__":
    sys.exit(main())
