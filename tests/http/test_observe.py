"""What a server tells of itself: times, ids, the access log, traces."""
import json
import os
import re
import signal
import time

import photos
from harness import check, equal, wait_until

COMBINED = re.compile(r'(\S+) - - \[([^]]+)\] "(\S+) (\S+) HTTP/1\.1" (\d{3}) (\d+) id=(\S+) total=([\d.]+)'
                      r'( decode=[\d.]+ queue=[\d.]+ inference=[\d.]+ batch=\d+ model="(.*)")?$')


def test_every_reply_has_times_and_an_id(t):
    replies = [t.server.predict(photos.jpeg()), t.server.predict(b"nothing"), t.server.predict(b""),
               t.server.get("/nowhere"), t.server.get("/health"), t.server.get("/metrics"), t.server.get("/"),
               t.server.fetch("POST", "/metrics", b"x"), t.server.fetch("OPTIONS", "/predict"),
               t.server.get("/models?x=1"), t.server.predict(b"x" * 21000000)]
    for response in replies:
        timing = response.header("Server-Timing")
        check(timing and re.search(r"total;dur=[\d.]+$", timing), f"{response}: Server-Timing: {timing!r}")
        check(response.header("X-Request-Id"), f"{response}: no X-Request-Id")


def lines_of(path, n):
    def read():
        with open(path, encoding="ascii") as f:
            lines = f.read().splitlines()
        return lines if len(lines) >= n else None

    return wait_until(read, 10, f"{n} lines in {path}")


def hostile(server, target):
    with server.connect() as connection:
        connection.send(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return connection.read_response()


def test_access_log_text(t):
    path = os.path.join(t.folder, "access.log")
    server = t.start("--access-log", "on", "--access-log-file", path, t.suite.model("tiny"))
    os.rename(path, path + ".start")
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: os.path.exists(path), 10, "the file is opened again")
    response = server.predict(photos.jpeg(), "?top=2", [("X-Request-Id", "my-id")])
    hostile(server, b'/a"b\\c\x01\xff%0a' + b"z" * 3000)
    server.predict(b"nothing")
    lines = lines_of(path, 3)
    found = [COMBINED.match(line) for line in lines]
    check(all(found), f"lines: {lines}")
    equal(found[0].group(1, 3, 4, 5, 6, 7), ("127.0.0.1", "POST", "/predict?top=2", "200",
                                             str(len(response.body)), "my-id"), "the first line")
    equal(found[0][10], "tiny", "model")
    check(found[1][4].startswith(r"/a\x22b\x5Cc\x01\xFF%0azzz") or found[1][5] == "400", lines[1])
    check(len(lines[1]) < 8000, "a long path is cut")
    equal(found[2][5], "415", "status of the third")
    check(not server.log().count("my-id"), "it is on stderr too")


def test_access_log_json(t):
    server = t.start("--access-log", "on", "--log-format", "json", t.suite.model("tiny"))
    server.predict(photos.jpeg(), headers=[("X-Request-Id", "first")])
    hostile(server, b'/a"b\\c\x7f\xff')
    server.get("/models?x=%22")
    server.stop()
    lines = [json.loads(line) for line in server.log().splitlines()]
    access = [line for line in lines if line["level"] == "access"]
    first = next(line for line in access if line["id"] == "first")
    equal((first["method"], first["path"], first["status"], first["batch"], first["model"]),
          ("POST", "/predict", 200, 1, "tiny"), "the first request")
    for key in ("total_ms", "decode_ms", "queue_ms", "inference_ms"):
        check(first[key] >= 0, key)
    check(first["total_ms"] >= first["inference_ms"], "total_ms")
    check(any(line["status"] >= 400 for line in access), "errors are logged")


def test_access_log_sampled(t):
    path = os.path.join(t.folder, "access.log")
    server = t.start("--access-log", "sampled", "--access-log-sample", "10", "--access-log-file", path,
                     t.suite.model("tiny"))
    for _ in range(60):
        server.get("/health/live")
    for _ in range(7):
        server.get("/nowhere")
    server.stop()
    with open(path, encoding="ascii") as f:
        text = f.read()
    equal(text.count('" 404 '), 7, "lines of errors")
    check(6 <= text.count('" 200 ') <= 8, f"lines of good requests: {text.count(chr(34) + ' 200 ')}")


def test_slow_log_reader(t):
    """Nobody reads the log: requests go on, lines are dropped and counted, and the server still ends."""
    path = os.path.join(t.folder, "fifo")
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    server = t.start("--access-log", "on", "--access-log-file", path, t.suite.model("tiny"))
    target = "/health/live?" + "x" * 400
    slowest = 0.0
    with server.connect() as connection:
        for _ in range(1500):
            begin = time.monotonic()
            connection.send_request("GET", target, close=False)
            connection.read_response()
            slowest = max(slowest, time.monotonic() - begin)
    check(server.metric("convd_log_dropped_total") > 100, "no line was dropped")
    check(slowest < 2 * t.suite.patience, f"a request took {slowest:.3f} s")
    begin = time.monotonic()
    server.stop()
    check(time.monotonic() - begin < 10 * t.suite.patience, "the log holds up the end")
    os.close(reader)


def test_bad_access_log_file(t):
    done = t.run("serve", "--port", "0", "--access-log", "on", "--access-log-file", "/nowhere/log",
                 t.suite.model("tiny"))
    check(done.returncode == 1 and "/nowhere/log" in done.stderr, f"{done.returncode}: {done.stderr}")


def check_nesting(events):
    """In each row, two spans are one in the other or apart."""
    rows = {}
    for event in events:
        if event["ph"] == "X":
            rows.setdefault((event["pid"], event["tid"]), []).append((event["ts"], event["ts"] + event["dur"]))
    for row, spans in rows.items():
        stack = []
        for start, end in sorted(spans, key=lambda s: (s[0], -s[1])):
            while stack and stack[-1] <= start + 2e-3:
                stack.pop()
            check(not stack or end <= stack[-1] + 2e-3, f"row {row}: a span ends after the one around it")
            stack.append(end)


def test_trace(t):
    import threading

    server = t.start("--debug", "on", t.suite.model("tiny"))
    result = {}
    tracer = threading.Thread(target=lambda: result.update(r=server.get("/debug/trace?seconds=2")))
    tracer.start()
    time.sleep(0.3)
    second = server.get("/debug/trace?seconds=1")
    equal((second.status, second.json()["error"]["code"]), (409, "trace_running"), "a second trace")
    threads = [threading.Thread(target=lambda i=i: server.predict(photos.jpeg(), headers=[("X-Request-Id", f"r{i}")]))
               for i in range(12)]
    for thread in threads:
        thread.start()
    server.predict(b"nothing")
    for thread in threads:
        thread.join()
    tracer.join()
    equal(result["r"].status, 200, "status")
    events = result["r"].json()["traceEvents"]
    check_nesting(events)
    requests = {e["args"]["id"]: e for e in events if e.get("cat") == "request"}
    for i in range(12):
        equal(requests[f"r{i}"]["args"]["status"], 200, f"request r{i}")
        inside = [e["name"] for e in events if e["ph"] == "X" and e["pid"] == requests[f"r{i}"]["pid"]
                  and e["tid"] == requests[f"r{i}"]["tid"] and e is not requests[f"r{i}"]
                  and requests[f"r{i}"]["ts"] - 2e-3 <= e["ts"]
                  and e["ts"] + e["dur"] <= requests[f"r{i}"]["ts"] + requests[f"r{i}"]["dur"] + 2e-3]
        for stage in ("parse", "body", "queue", "decode", "run", "reply"):
            check(stage in inside, f"request r{i}: no {stage}, only {inside}")
    pictures = sum(e["args"]["pictures"] for e in events if e.get("cat") == "batch")
    equal(pictures, 12, "pictures in batches")
    equal(server.get("/debug/trace?seconds=0").status, 400, "seconds=0")
    equal(server.get("/debug/trace?seconds=61").status, 400, "seconds=61")


def test_trace_ends_with_the_server(t):
    server = t.start("--debug", "on", t.suite.model("tiny"))
    with server.connect() as gone:
        gone.send_request("GET", "/debug/trace?seconds=60")
        time.sleep(0.3)
    wait_until(lambda: server.get("/debug/trace?seconds=1").status == 200, 20, "the trace of who left is ended")
    with server.connect() as connection:
        connection.send_request("GET", "/debug/trace?seconds=60")
        time.sleep(0.3)
        begin = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        equal(connection.read_response().status, 503, "status")
    server.wait_exit()
    check(time.monotonic() - begin < 5 * t.suite.patience, "the trace holds up the end")


def test_trace_is_off(t):
    equal(t.server.get("/debug/trace").status, 404, "without --debug on")


def test_metrics_by_model(t):
    server = t.start(t.suite.model("tiny"), t.suite.model("gray"))
    for _ in range(3):
        server.predict(photos.jpeg(), "?model=gray")
    server.predict(photos.jpeg())
    for name in ("convd_queue_duration_seconds", "convd_inference_duration_seconds", "convd_batch_pictures"):
        equal(server.metric(name + "_count", 'model="gray"'), 3, name)
        equal(server.metric(name + "_count", 'model="tiny"'), 1, name)
    equal(server.metric("convd_decode_duration_seconds_count"), 4, "decoded")
    equal(server.metric("convd_reply_duration_seconds_count"), 4, "replied")
