"""Requests that no well-meant client sends. The server refuses them and goes on."""
import socket
import threading
import time

import photos
from harness import Skip, check, equal, one_of, wait_until
from http_client import Closed

GET = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"


def raw(server, data, timeout=15, half_close=False):
    """The status that raw bytes get; None when the connection is closed without an answer."""
    with server.connect(timeout) as connection:
        try:
            connection.send(data)
            if half_close:
                connection.socket.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass
        try:
            return connection.read_response().status
        except Closed:
            return None
        except socket.timeout:
            check(False, f"no answer to {data[:60]!r}")


def post(headers, body=b""):
    return b"POST /predict HTTP/1.1\r\nHost: a\r\n" + headers + b"\r\n\r\n" + body


def test_content_length_that_is_none(t):
    for value in (b"-1", b"x", b"1x", b"0x10", b"+5", b"1e3", b"5 5", b"5, 6", b"184467440737095516160",
                  b"9" * 400, b""):
        one_of(raw(t.server, post(b"Content-Length: " + value, b"hello")), (400, 413, None), f"Content-Length {value}")
    t.server.still_answers()


def test_content_length_over_the_limit(t):
    for value in (20971521, 1 << 40, (1 << 63) - 1):
        equal(raw(t.server, post(b"Content-Length: %d" % value)), 413, f"Content-Length {value}")


def test_two_content_lengths(t):
    photo = photos.jpeg()
    for second in (len(photo) - 1, len(photo) + 1, 0):
        headers = b"Content-Length: %d\r\nContent-Length: %d" % (len(photo), second)
        equal(raw(t.server, post(headers, photo)), 400, f"lengths {len(photo)} and {second}")


def test_content_length_too_small(t):
    photo = photos.jpeg()
    one_of(raw(t.server, post(b"Content-Length: %d" % (len(photo) // 2), photo)), (422,), "half of it")
    t.server.still_answers()


def test_content_length_too_large(t):
    photo = photos.jpeg()
    one_of(raw(t.server, post(b"Content-Length: %d" % (len(photo) + 100), photo), half_close=True),
           (400, 408, None), "100 bytes missing")
    t.server.still_answers()


def test_transfer_encoding(t):
    chunked = b"5\r\nhello\r\n0\r\n\r\n"
    equal(raw(t.server, post(b"Transfer-Encoding: chunked\r\nContent-Length: 5", chunked)), 400, "both lengths")
    equal(raw(t.server, post(b"Content-Length: 5\r\nTransfer-Encoding: chunked", chunked)), 400, "both lengths")
    equal(raw(t.server, post(b"Transfer-Encoding: chunked", chunked)), 415, "chunked alone")
    for value in (b"gzip", b"chunked, gzip", b"xchunked", b"chunked, chunked"):
        one_of(raw(t.server, post(b"Transfer-Encoding: " + value, chunked)), (400, 411, 501, None), value.decode())
    t.server.still_answers()


def test_broken_chunks(t):
    for body in (b"zz\r\nhello\r\n0\r\n\r\n", b"-5\r\nhello\r\n0\r\n\r\n", b"fffffffffffffffff\r\nx",
                 b"5\r\nhelloXX0\r\n\r\n"):
        one_of(raw(t.server, post(b"Transfer-Encoding: chunked", body), half_close=True), (400, 413, None), repr(body))
    t.server.still_answers()


def test_chunked_body_over_the_limit(t):
    server = t.start("--max-body", "65536", t.suite.model("tiny"))
    before = server.memory()
    with server.connect() as connection:
        connection.send(post(b"Transfer-Encoding: chunked"))
        try:
            for _ in range(64):
                connection.send(b"100000\r\n" + bytes(1 << 20) + b"\r\n")
            connection.send(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError, socket.timeout):
            pass
        try:
            equal(connection.read_response("POST").status, 413, "status")
        except Closed:
            pass
    check(server.memory() - before < 32 << 20, "the body was kept")
    server.still_answers()


def test_huge_header(t):
    long = b"GET /health HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 100000 + b"\r\n\r\n"
    equal(raw(t.server, long), 431, "a header of 100 KB")
    many = b"GET /health HTTP/1.1\r\nHost: a\r\n" + b"X-A: b\r\n" * 12500 + b"\r\n"
    equal(raw(t.server, many), 431, "12,500 headers")
    one_of(raw(t.server, b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"), (414, 431), "an address of 100 KB")
    t.server.still_answers()


def test_garbage(t):
    for data in (b"\r\n\r\n\r\n\r\n", b"hello\r\n\r\n", b"\0" * 4096, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
                 b"GET\r\n\r\n", b"GET /health\r\n\r\n", b"GET /health HTTP/9.9\r\nHost: a\r\n\r\n",
                 b"GET /health HTTP/1.1\r\nno colon\r\n\r\n", b"GET  /health  HTTP/1.1\r\n\r\n",
                 b"GET /health HTTP/1.1\r\n folded: x\r\n\r\n", b"\xff\xfe\xfd" * 100 + b"\r\n\r\n"):
        one_of(raw(t.server, data, half_close=True), (200, 400, 404, 405, 431, 501, 505, None), repr(data[:30]))
    t.server.still_answers()


def test_nul_in_address(t):
    for data in (b"GET /health\0x HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /health?a\0=b HTTP/1.1\r\nHost: a\r\n\r\n",
                 b"POST /predict?top=1\0 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"):
        one_of(raw(t.server, data, half_close=True), (400, 404, None), repr(data[:30]))
    t.server.still_answers()


def test_body_after_get(t):
    with t.server.connect() as connection:
        connection.send_request("GET", "/health", b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", close=False)
        equal(connection.read_response().status, 200, "GET with a body")
        connection.send_request("GET", "/models")
        response = connection.read_response()
        check(b'"models"' in response.body, f"the body was taken for a request: {response}")


def test_http_1_0(t):
    with t.server.connect() as connection:
        connection.send(b"GET /health HTTP/1.0\r\n\r\n")
        response = connection.read_response()
        equal(response.status, 200, "status")
        equal(connection.read_to_end(), b"", "the connection is closed")


def test_500_requests_on_one_connection(t):
    photo = photos.jpeg(64, 48)
    with t.server.connect() as connection:
        for i in range(500):
            connection.send_request("POST", "/predict?top=1", photo, close=False)
            equal(connection.read_response("POST").status, 200, f"request {i}")


def test_pipelining(t):
    photo = photos.jpeg(64, 48)
    with t.server.connect() as connection:
        one = b"POST /predict?top=%d HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s"
        connection.send(b"".join(one % (top, len(photo), photo) + GET for top in range(1, 9)))
        for top in range(1, 9):
            response = connection.read_response("POST")
            equal(response.status, 200, f"request {top}")
            equal(len(response.json()["predictions"]), top, "answers in the order of the requests")
            equal(connection.read_response().status, 200, "GET between")


def drip(connection, data, stop):
    for i in range(len(data)):
        if stop.is_set():
            return
        try:
            connection.send(data[i:i + 1])
        except OSError:
            return
        stop.wait(1)


def slow_client_is_cut_off(t, server, data, what):
    """One byte a second: closed or 408 within a few seconds, and others do not wait for it."""
    stop = threading.Event()
    with server.connect(timeout=12 * t.suite.patience) as connection:
        thread = threading.Thread(target=drip, args=(connection, data, stop))
        start = time.monotonic()
        thread.start()
        try:
            for _ in range(10):
                asked = time.monotonic()
                equal(server.predict(photos.jpeg(64, 48)).status, 200, "another request meanwhile")
                check(time.monotonic() - asked < 2 * t.suite.patience, "another request had to wait")
            try:
                equal(connection.read_response().status, 408, what)
            except Closed:
                pass
            except socket.timeout:
                check(False, f"{what}: not cut off")
            check(time.monotonic() - start < 7 * t.suite.patience, f"{what}: cut off late")
        finally:
            stop.set()
            thread.join()


def test_slow_header(t):
    server = t.start("--read-timeout-ms", "2000", t.suite.model("tiny"))
    slow_client_is_cut_off(t, server, GET * 3, "slow header")


def test_slow_body(t):
    server = t.start("--read-timeout-ms", "2000", t.suite.model("tiny"))
    head = post(b"Content-Length: 5000")
    with server.connect() as connection:
        connection.send(head)
        start = time.monotonic()
        try:
            equal(connection.read_response().status, 408, "no body at all")
        except Closed:
            pass
        check(time.monotonic() - start < 6 * t.suite.patience, "cut off late")
    stop = threading.Event()
    with server.connect(timeout=12 * t.suite.patience) as connection:
        connection.send(head)
        thread = threading.Thread(target=drip, args=(connection, bytes(100), stop))
        thread.start()
        start = time.monotonic()
        try:
            equal(connection.read_response().status, 408, "slow body")
        except Closed:
            pass
        finally:
            stop.set()
            thread.join()
        check(time.monotonic() - start < 6 * t.suite.patience, "slow body: cut off late")
    server.still_answers()


def test_silent_connection_is_closed(t):
    server = t.start("--read-timeout-ms", "1000", "--idle-timeout-ms", "1000", t.suite.model("tiny"))
    with server.connect(10 * t.suite.patience) as silent, server.connect(10 * t.suite.patience) as kept:
        kept.send_request("GET", "/health", close=False)
        equal(kept.read_response().status, 200, "status")
        silent.read_to_end()
        kept.read_to_end()
    server.still_answers()


def test_client_that_leaves(t):
    server = t.start("--threads", "1", t.suite.model("slow"))
    photo = photos.jpeg()
    for i in range(40):
        connection = server.connect()
        connection.send_request("POST", "/predict", photo if i % 2 else photo[:len(photo) // 2],
                                [] if i % 2 else [("X-Cut", "yes"), ("Content-Length", len(photo))])
        connection.close()
    # Nobody waits for these: they are not worked through one by one.
    start = time.monotonic()
    equal(server.predict(photo).status, 200, "status afterwards")
    check(time.monotonic() - start < 20 * t.suite.patience, "the abandoned requests were computed first")


def test_idle_connections(t):
    if t.suite.file_limit < 4500:
        raise Skip(f"at most {t.suite.file_limit} open files")
    server = t.start(t.suite.model("tiny"))
    before = server.memory()
    idle = []
    try:
        for i in range(2000):
            connection = server.connect()
            idle.append(connection)
            if i % 2:
                connection.send(GET[:20])
        for _ in range(50):
            equal(server.predict(photos.jpeg()).status, 200, "status")
        grown = server.memory() - before
        limit = 300 if not t.suite.sanitized else 2000
        check(grown < limit << 20, f"2000 idle connections take {grown >> 20} MB")
    finally:
        for connection in idle:
            connection.close()
    server.still_answers()


def test_more_connections_than_allowed(t):
    server = t.start("--max-connections", "8", "--idle-timeout-ms", "60000", t.suite.model("tiny"))
    held = [server.connect() for _ in range(30)]
    try:
        for connection in held[:4]:
            connection.send(GET)
            equal(connection.read_response().status, 200, "a connection within the limit")
    finally:
        for connection in held:
            connection.close()
    wait_until(lambda: server.get("/health").status == 200, 10, "it answers again")
