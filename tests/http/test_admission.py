"""Who comes in while there is more work than time: by room, by time, by turns, by priority."""
import json
import re
import statistics
import threading
import time

import photos
from harness import check, equal, one_of, wait_until


def in_background(calls):
    """Run them all at once; their results when join() is called."""
    results = [None] * len(calls)

    def run(i, call):
        results[i] = call()

    threads = [threading.Thread(target=run, args=(i, call)) for i, call in enumerate(calls)]
    for thread in threads:
        thread.start()

    def join():
        for thread in threads:
            thread.join()
        return results

    return join


def check_retry_after(response):
    retry = response.header("Retry-After") or ""
    check(re.fullmatch("[0-9]+", retry) and 1 <= int(retry) <= 60, f"Retry-After: {retry!r}")


def flood(server, n, query="", waiting=None):
    """n requests at once; returns when so many of them (half) wait in the queue."""
    join = in_background([lambda: server.predict(photos.jpeg(), query)] * n)
    until = time.monotonic() + 20
    while server.metric("convd_queue_pictures") < (waiting or n / 2) and time.monotonic() < until:
        time.sleep(0.005)
    return join


def test_own_deadline(t):
    server = t.start("--threads", "1", t.suite.model("slow"))
    server.predict(photos.jpeg())
    begin = time.monotonic()
    response = server.predict(photos.jpeg(), headers=[("X-Request-Timeout-Ms", "2")])
    took = time.monotonic() - begin
    equal((response.status, response.json()["error"]["code"]), (504, "deadline_exceeded"), "answer")
    check(took < 1 * t.suite.patience, f"504 only after {took:.3f} s")
    response = server.predict(photos.jpeg(), headers=[("X-Request-Timeout-Ms", "3600000")])
    equal(response.status, 200, "with all the time in the world")


def test_malformed_wishes(t):
    for name, values in (("X-Request-Timeout-Ms", ("0", "-1", "1.5", "x", "3600001", "99999999999999999999")),
                         ("X-Request-Priority", ("0", "10", "high"))):
        for value in values:
            response = t.server.predict(photos.jpeg(), headers=[(name, value)])
            equal(response.status, 400, f"{name}: {value}")
            check(name in response.json()["error"]["message"], f"names {name}")
    equal(t.server.predict(photos.jpeg(), headers=[("X-Request-Priority", "1")]).status, 200, "a good one")


def test_hopeless_deadline_is_refused_at_once(t):
    server = t.start("--threads", "1", "--max-batch", "1", "--predict-timeout-ms", "600000", t.suite.model("slow"))
    for _ in range(3):
        server.predict(photos.jpeg())
    join = flood(server, 30)
    begin = time.monotonic()
    response = server.predict(photos.jpeg(), headers=[("X-Request-Timeout-Ms", "20")])
    took = time.monotonic() - begin
    equal((response.status, response.json()["error"]["code"]), (503, "overloaded"), "answer")
    check_retry_after(response)
    check(took < 0.5 * t.suite.patience, f"refused only after {took:.3f} s")
    check(server.metric("convd_http_rejected_total", '"deadline"') >= 1, "it is not counted")
    equal({r.status for r in join()}, {200}, "statuses of those who wait")


def test_full_queue_refuses_before_the_body(t):
    """When the queue is full a large upload is refused as soon as its header is in."""
    server = t.start("--threads", "1", "--max-batch", "1", "--queue", "4", "--predict-timeout-ms", "600000",
                     t.suite.model("slow"))
    stop = threading.Event()
    statuses = set()

    def insist():
        while not stop.is_set():
            statuses.add(server.predict(photos.jpeg()).status)

    join = in_background([insist] * 12)
    refused = 0
    until = time.monotonic() + 20 * t.suite.patience
    try:
        while refused < 3 and time.monotonic() < until:
            with server.connect() as connection:
                connection.send(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n")
                connection.socket.settimeout(0.2)
                try:
                    response = connection.read_response()
                except TimeoutError:
                    continue  # there was room: the server waits for the body
                equal(response.status, 503, "status without a body")
                check_retry_after(response)
                refused += 1
    finally:
        stop.set()
        join()
    equal(refused, 3, "refusals before the body")
    one_of(statuses, ({200, 503}, {200}), "statuses of the others")


def test_queue_bytes(t):
    picture = photos.jpeg(400, 300)
    server = t.start("--threads", "1", "--max-batch", "1", "--predict-timeout-ms", "600000", "--queue-bytes",
                     str(int(2.5 * len(picture))), t.suite.model("slow"))
    responses = in_background([lambda: server.predict(picture)] * 24)()
    equal({r.status for r in responses}, {200, 503}, "statuses")
    check(server.metric("convd_http_rejected_total", '"queue_bytes"') >= 1, "it is not counted")
    equal(server.metric("convd_queue_bytes"), 0, "bytes afterwards")
    large = photos.jpeg(1200, 900)
    equal(server.predict(large).status, 200, "a picture larger than all room, alone")


def test_priorities(t):
    server = t.start("--threads", "1", "--max-batch", "1", "--predict-timeout-ms", "600000", t.suite.model("slow"))
    ends = []

    def one(priority):
        response = server.predict(photos.jpeg(), headers=[("X-Request-Priority", str(priority))])
        ends.append((time.monotonic(), priority, response.status))

    join = in_background([lambda: one(9)] * 32)
    until = time.monotonic() + 20 * t.suite.patience
    while server.metric("convd_queue_pictures") < 16 and time.monotonic() < until:
        time.sleep(0.005)
    join_urgent = in_background([lambda: one(1)] * 2)
    join(), join_urgent()
    order = [priority for _, priority, _ in sorted(ends)]
    equal({status for _, _, status in ends}, {200}, "statuses")
    check(max(i for i, p in enumerate(order) if p == 1) < 28, f"order: {order}")


def test_fair_shares(t):
    """A flooded model does not make another one's users wait until the flood is over."""
    server = t.start("--threads", "1", "--max-batch", "1", "--predict-timeout-ms", "600000", t.suite.model("slow"),
                     t.suite.model("tiny"))
    server.predict(photos.jpeg(), "?model=tiny")
    begin = time.monotonic()
    join = flood(server, 40, "?model=slow")
    start = time.monotonic()
    equal(server.predict(photos.jpeg(), "?model=tiny").status, 200, "status")
    took = time.monotonic() - start
    equal({r.status for r in join()}, {200}, "statuses of the flood")
    whole = time.monotonic() - begin
    check(took < whole / 4, f"{took:.3f} s beside a flood of {whole:.3f} s")


def test_batching_of_the_model(t):
    with open(t.suite.model("slow") + "/model.onnx", "rb") as f:
        model = f.read()
    t.write("own/model.onnx", model)
    t.write("own/model.json", json.dumps({"batching": {"max_batch": 2, "max_delay_us": 200000, "priority": 3,
                                                        "weight": 2.5}}))
    server = t.start("--threads", "1", "--predict-timeout-ms", "600000", t.folder + "/own")
    responses = in_background([lambda: server.predict(photos.jpeg())] * 6)()
    batches = [r.json()["batch"] for r in responses]
    check(max(batches) == 2, f"batches: {batches}")
    for wrong in ({"max_batch": 0}, {"max_batch": 1.5}, {"max_delay_us": -1}, {"priority": 10}, {"weight": 0},
                  {"weight": "2"}, {"weight": 1e9}, []):
        t.write("own/model.json", json.dumps({"batching": wrong}))
        done = t.run("inspect", "--model", t.folder + "/own")
        key = next(iter(wrong), "batching")
        check(done.returncode == 1 and key in done.stderr, f"{wrong}: {done.returncode}, {done.stderr}")


def measure_capacity(server, seconds):
    """Answers a second, with a few clients that ask again and again."""
    end = time.monotonic() + seconds
    counts, picture = [], photos.jpeg()

    def client():
        n = 0
        while time.monotonic() < end:
            n += server.predict(picture).status == 200
        counts.append(n)

    in_background([client] * 4)()
    return sum(counts) / seconds


def test_overload(t):
    """Three times what fits, arriving whether answers come or not."""
    server = t.start("--queue", "64", t.suite.model("slow"))
    server.predict(photos.jpeg())
    capacity = measure_capacity(server, 3)
    rate, seconds, patience = 3 * capacity, 4, 1.0 * t.suite.patience
    results, picture = [], photos.jpeg()
    computed = server.metric("convd_inference_duration_seconds_count")

    def one():
        begin = time.monotonic()
        response = server.predict(picture, headers=[("X-Request-Timeout-Ms", str(int(patience * 1000)))])
        results.append((response, time.monotonic() - begin))

    threads, begin = [], time.monotonic()
    for i in range(min(int(rate * seconds), 2000)):
        time.sleep(max(0.0, begin + i / rate - time.monotonic()))
        threads.append(threading.Thread(target=one))
        threads[-1].start()
    arriving = time.monotonic() - begin
    for thread in threads:
        thread.join()
    good = sum(r.status == 200 for r, _ in results)
    goodput = good / (time.monotonic() - begin)
    refusals = [took for r, took in results if r.status == 503]
    late = sum(r.status == 504 for r, _ in results)
    computed = server.metric("convd_inference_duration_seconds_count") - computed
    print(f"        overload: capacity {capacity:.1f}/s, offered {len(threads) / arriving:.1f}/s, goodput "
          f"{goodput:.1f}/s, {len(refusals)} refused, {late} late, {computed - good:.0f} computed in vain, refusal median "
          f"{statistics.median(refusals or [0]) * 1e3:.1f} ms", flush=True)
    equal({r.status for r, _ in results} - {200, 503, 504}, set(), "other statuses")
    for response, _ in results:
        if response.status == 503:
            check_retry_after(response)
    # How fast the refusals are, and how much is answered beside them, is for the benchmark of serving to say.
    equal(len(results), len(threads), "answers")
    check(refusals or goodput >= capacity, "nothing was refused of more than what fits")
    check(computed >= good, f"{good} answers of {computed:.0f} computed pictures")
    # What was answered 504 while it was being decoded waits until that is done.
    wait_until(lambda: server.metric("convd_queue_pictures") + server.metric("convd_queue_bytes") == 0,
               10 * t.suite.patience, "nothing waits")
    equal(server.predict(picture).status, 200, "a request after the flood")