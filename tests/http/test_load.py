"""More work than fits: refused quickly and honestly, never lost, never growing."""
import os
import re
import subprocess
import threading
import time

import photos
from harness import check, equal

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "post.lua")


def storm(server, n, body, timeout=60):
    """n requests at once; the responses, None for one that got no answer."""
    responses = [None] * n

    def one(i):
        responses[i] = server.fetch("POST", "/predict", body, timeout=timeout)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(None not in responses, "a request got no answer")
    return responses


# Where the machine is slow or busy, no deadline may be in the way of what is tested.
PATIENT = ("--predict-timeout-ms", "600000")


def test_full_queue(t):
    server = t.start("--threads", "1", "--queue", "1", "--max-batch", "1", *PATIENT, t.suite.model("slow"))
    responses = storm(server, 24, photos.jpeg(), 60 * t.suite.patience)
    statuses = [r.status for r in responses]
    check(set(statuses) == {200, 503}, f"statuses: {sorted(statuses)}")
    for response in responses:
        if response.status == 503:
            retry = response.header("Retry-After") or ""
            check(re.fullmatch("[0-9]+", retry) and 1 <= int(retry) <= 60, f"Retry-After: {retry!r}")
    equal(server.predict(photos.jpeg()).status, 200, "status when the load is over")


def test_deadline(t):
    server = t.start("--threads", "1", "--max-batch", "1", "--predict-timeout-ms", "10", t.suite.model("slow"))
    statuses = [r.status for r in storm(server, 12, photos.jpeg(), 60 * t.suite.patience)]
    check(set(statuses) <= {200, 503, 504} and 504 in statuses, f"statuses: {sorted(statuses)}")
    server.still_answers()


def test_batches_form_under_load(t):
    server = t.start("--threads", "1", "--max-batch", "4", *PATIENT, t.suite.model("slow"))
    want = [(p["class"], p["probability"]) for p in server.predict(photos.jpeg()).json()["predictions"]]
    batches = []
    for response in storm(server, 12, photos.jpeg(), 60 * t.suite.patience):
        equal(response.status, 200, "status")
        batches.append(response.json()["batch"])
        for (a, p), (b, q) in zip(want, [(x["class"], x["probability"]) for x in response.json()["predictions"]]):
            check(a == b and abs(p - q) < 1e-5, "the answer depends on the batch")
    check(1 < max(batches) <= 4, f"batches: {batches}")


class Wrk:
    """wrk posting a photo from 64 connections; its script counts the statuses."""

    def __init__(self, t, server, seconds, photo):
        self.process = subprocess.Popen(
            [t.suite.tool("wrk"), "-t", "2", "-c", "64", "-d", f"{seconds}s", "--timeout", "30s", "-s", SCRIPT,
             f"http://127.0.0.1:{server.port}/predict", "--", photo], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def result(self):
        """{status: count}, and the number of socket errors."""
        text = self.process.communicate()[0].decode()
        found = re.search(r"^statuses:(.*)\nsocket errors: (\d+)$", text, re.M)
        check(found, f"wrk: {text}")
        return {int(s): int(n) for s, n in re.findall(r"(\d+)=(\d+)", found[1])}, int(found[2])


def check_memory(samples):
    """`samples` of resident bytes, evenly spaced: no growth after the first third."""
    third = len(samples) // 3
    early, late = max(samples[third:2 * third]), max(samples[2 * third:])
    check(late < early * 1.05 + (4 << 20), f"memory grows: {early >> 10} KB, later {late >> 10} KB")


def test_load(t, seconds=None):
    seconds = seconds or int(os.environ.get("TEST_LOAD_SECONDS", "6"))
    server = t.start("--queue", "32", t.suite.model("tiny"))
    wrk = Wrk(t, server, seconds, t.write("photo.jpg", photos.jpeg(500, 375)))
    samples = []
    while wrk.process.poll() is None:
        samples.append(server.memory())
        time.sleep(seconds / 60)
    statuses, errors = wrk.result()
    print(f"        load: {statuses}, {max(samples) >> 20} MB", flush=True)
    check(set(statuses) <= {200, 503} and statuses.get(200), f"statuses: {statuses}")
    equal(errors, 0, "socket errors")
    if not t.suite.sanitized:
        check_memory(samples)


def test_sigterm_under_load(t):
    server = t.start(t.suite.model("tiny"))
    wrk = Wrk(t, server, 4, t.write("photo.jpg", photos.jpeg(500, 375)))
    time.sleep(2)
    server.stop()
    # Afterwards wrk only finds a closed port.
    statuses, _ = wrk.result()
    check(set(statuses) <= {200, 503} and statuses.get(200), f"statuses: {statuses}")


def test_hostile_load(t):
    """Good and bad requests mixed from several clients: each still gets its own answer."""
    server = t.start("--threads", "2", t.suite.model("tiny"))
    good, cut = photos.jpeg(), photos.jpeg()[:700]
    kinds = [(good, 200), (cut, 422), (b"x", 415), (b"", 400), (photos.png(), 200)]
    wrong = []

    def client(seed):
        for i in range(40):
            body, want = kinds[(i * 7 + seed) % len(kinds)]
            try:
                got = server.predict(body).status
            except Exception as e:
                got = repr(e)
            if got != want:
                wrong.append((got, want))

    threads = [threading.Thread(target=client, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(wrong, [], "wrong statuses (got, want)")
