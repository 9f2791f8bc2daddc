"""HTTPS. The certificates are made here, by openssl."""
import os
import signal
import socket
import ssl
import subprocess
import threading
import time

import photos
from harness import check, equal, wait_until
from http_client import Closed, Connection


def make_certificate(t, name):
    """(certificate, key): files with a self-signed certificate for localhost."""
    openssl = t.suite.tool("openssl")
    certificate, key = (os.path.join(t.folder, f"{name}.{kind}.pem") for kind in ("cert", "key"))
    subprocess.run([openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", key, "-out", certificate, "-days", "2", "-subj", f"/CN={name}",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True, capture_output=True)
    return certificate, key


def context_for(certificate, version=None):
    context = ssl.create_default_context(cafile=certificate)
    if version:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
    return context


def start(t, *args, model="tiny"):
    certificate, key = make_certificate(t, "first")
    server = t.start("--tls-cert", certificate, "--tls-key", key, *args, t.suite.model(model),
                     tls=context_for(certificate))
    server.certificate, server.key = certificate, key
    return server


def plain(server, timeout=15):
    return Connection(server.port, timeout * server.suite.patience)


def test_tls(t):
    server = start(t)
    server.wait_log(f"listening on https://127.0.0.1:{server.port}\n")
    photo = photos.jpeg()
    equal(server.predict(photo).json()["predictions"], t.server.predict(photo).json()["predictions"], "the same answer")
    with server.connect() as connection:
        equal(connection.socket.version(), "TLSv1.3", "version")
        for i in range(200):
            connection.send_request("POST", "/predict?top=1", photos.jpeg(64, 48), close=False)
            equal(connection.read_response("POST").status, 200, f"request {i} on one connection")
        one = b"POST /predict?top=%d HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s"
        connection.send(b"".join(one % (top, len(photo), photo) for top in range(1, 9)))
        for top in range(1, 9):
            equal(len(connection.read_response("POST").json()["predictions"]), top, "pipelined")
    server.tls = context_for(server.certificate, ssl.TLSVersion.TLSv1_2)
    equal(server.predict(photo).status, 200, "TLS 1.2")
    for old in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        try:
            with Connection(server.port, 10, context_for(server.certificate, old)):
                check(False, f"{old.name} is taken")
        except (ssl.SSLError, OSError):
            pass
    server.still_answers()


def test_tls_uploads(t):
    """Many at once, in pieces that do not fit records, and larger than any buffer."""
    server = start(t)
    failures = []

    def upload(size, n):
        try:
            for _ in range(n):
                status = server.predict(bytes(size)).status
                if status != 415:
                    failures.append(status)
        except Exception as e:
            failures.append(repr(e))

    threads = [threading.Thread(target=upload, args=(300_000 + i, 10)) for i in range(8)]
    threads += [threading.Thread(target=upload, args=(15_000_000, 3))]
    start_time = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(failures, [], "what failed")
    check(time.monotonic() - start_time < 25 * t.suite.patience, "uploads are slow")
    photo = photos.jpeg(500, 400)
    with server.connect() as connection:
        connection.send(b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(photo))
        for i in range(0, len(photo), 777):
            connection.send(photo[i:i + 777])
        equal(connection.read_response("POST").status, 200, "many small records")


def test_tls_refusals(t):
    server = start(t, "--max-body", "100000", "--read-timeout-ms", "1000")
    for size in (100_001, 30_000_000):
        equal(server.fetch("POST", "/predict", bytes(size)).status, 413, f"{size} bytes")
    # Over the limit in the middle: the answer goes past the library.
    with server.connect() as connection:
        connection.send(b"POST /predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(300):
                connection.send(b"10000\r\n" + bytes(1 << 16) + b"\r\n")
        except OSError:
            pass
        try:
            equal(connection.read_response("POST").status, 413, "in the middle of a body")
            equal(connection.read_to_end(), b"", "then the end")
        except Closed:
            pass
    with server.connect() as connection:
        connection.send(b"POST /predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.send(b"20000\r\n" + bytes(1 << 17))
        response = connection.read_response("POST")
        equal((response.status, response.json()["error"]["code"]), (413, "body_too_large"), "a client that waits")
    for sent in (b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nhello", b"GET /hea"):
        with server.connect() as connection:
            connection.send(sent)
            response = connection.read_response()
            equal((response.status, response.json()["error"]["code"]), (408, "too_slow"), f"{sent!r}")
            equal(connection.read_to_end(), b"", "then the end")
    with server.connect() as connection:
        connection.send(b"GET /health HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 100000 + b"\r\n\r\n")
        equal(connection.read_response().status, 431, "a long header")
    server.still_answers()


def test_slow_handshakes(t):
    server = start(t, "--read-timeout-ms", "1000", "--idle-timeout-ms", "3000")
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    with plain(server) as begun, plain(server) as dripping:
        begun.send(hello)
        time.sleep(0.1)
        before = server.metric("process_cpu_seconds_total")
        time.sleep(0.5)
        check(server.metric("process_cpu_seconds_total") - before < 0.25, "waiting for a handshake takes the CPU")
        since = time.monotonic()
        for byte in hello + bytes(40):
            try:
                dripping.send(bytes([byte]))
                time.sleep(0.1)
            except OSError:
                break
        begun.read_to_end()
        dripping.read_to_end()
        check(time.monotonic() - since < 6 * t.suite.patience, "cut off late")
    # A handshake, and then nothing: that is an idle connection, not a slow request.
    since = time.monotonic()
    with server.connect() as connection:
        equal(connection.read_to_end(), b"", "what an idle connection gets")
        took = time.monotonic() - since
        check(2 < took < 8 * t.suite.patience, f"closed after {took:.1f} s")
    # The time of the request begins after the handshake.
    with server.connect() as connection:
        time.sleep(1.5)
        connection.send_request("GET", "/health")
        equal(connection.read_response().status, 200, "a request after a pause")
    server.still_answers()


def test_no_tls_on_the_tls_port(t):
    server = start(t)
    for data in (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\0" * 5000, b"\x16\x03\x01\xff\xff" + b"x" * 70000,
                 b"x", b"\x80\x2e\x01\x00\x02" + bytes(40)):
        with plain(server) as connection:
            try:
                connection.send(data)
                connection.socket.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            got = connection.read_to_end()
            check(b"HTTP" not in got and len(got) < 20, f"plain text on the TLS port: {got[:60]!r}")
    server.still_answers()
    with plain(server) as connection:
        connection.send_request("GET", "/health")
        try:
            connection.socket.settimeout(5 * t.suite.patience)
            while connection.socket.recv(1000):
                pass
        except ConnectionResetError:
            check(False, "reset instead of an end")
    wait_until(lambda: server.metric("convd_http_connections_open") <= 1, 10, "the connections are gone")


def test_garbage_in_a_session(t):
    server = start(t)
    for data in (b"\x17\x03\x03\x00\x20" + bytes(32), bytes(100), b"\x15\x03\x03\x00\x02\x02\x28"):
        with server.connect() as connection:
            connection.send(b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nhello")
            raw = socket.socket(fileno=os.dup(connection.socket.fileno()))
            raw.sendall(data)
            raw.close()
            try:
                connection.socket.settimeout(10 * t.suite.patience)
                while connection.socket.recv(1000):
                    pass
            except (ssl.SSLError, ConnectionResetError):
                pass
    server.still_answers()


def test_tls_client_that_leaves(t):
    server = start(t, "--threads", "1", model="slow")
    photo = photos.jpeg()
    for i in range(30):
        connection = server.connect()
        connection.send_request("POST", "/predict", photo if i % 2 else photo[:len(photo) // 2],
                                [] if i % 2 else [("X-Cut", "yes"), ("Content-Length", len(photo))])
        if i % 3 == 0:
            try:
                connection.socket.unwrap()
            except (ssl.SSLError, OSError):
                pass
        connection.close()
    since = time.monotonic()
    equal(server.predict(photo).status, 200, "status afterwards")
    check(time.monotonic() - since < 20 * t.suite.patience, "the abandoned requests were computed first")
    wait_until(lambda: server.metric("convd_http_connections_open") <= 1, 10 * t.suite.patience, "all are closed")


def test_certificate_is_read_again(t):
    server = start(t)
    first = server.tls
    other, other_key = make_certificate(t, "second")

    def hang_up():
        before = server.log().count("SIGHUP")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: server.log().count("SIGHUP") > before, 5, "SIGHUP is seen")
        time.sleep(0.2)

    def replace(path, by):
        with open(by, "rb") as f:
            content = f.read()
        with open(path, "wb") as f:
            f.write(content)

    with server.connect() as kept:
        kept.send_request("GET", "/health", close=False)
        equal(kept.read_response().status, 200, "before")
        replace(server.certificate, other)
        hang_up()
        server.wait_log("the certificate stays as it was")
        server.still_answers()
        replace(server.key, other_key)
        hang_up()
        kept.send_request("GET", "/health", close=False)
        equal(kept.read_response().status, 200, "an open connection after the change")
        server.tls = context_for(other)
        server.still_answers()
        try:
            with Connection(server.port, 10, first):
                check(False, "the old certificate is still shown")
        except ssl.SSLError:
            pass
        kept.send_request("GET", "/health", close=False)
        equal(kept.read_response().status, 200, "the open connection after another")
    for content in (b"", b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"):
        with open(server.certificate, "wb") as f:
            f.write(content)
        hang_up()
        server.still_answers()


def test_tls_files_at_the_start(t):
    certificate, key = make_certificate(t, "first")
    _, other_key = make_certificate(t, "second")
    nothing = t.write("nothing", "")
    for args in (["--tls-cert", certificate], ["--tls-key", key], ["--tls-cert", certificate, "--tls-key", other_key],
                 ["--tls-cert", nothing, "--tls-key", key], ["--tls-cert", certificate, "--tls-key", nothing],
                 ["--tls-cert", t.folder + "/missing", "--tls-key", key], ["--tls-cert", key, "--tls-key", key]):
        done = t.run("serve", "--port", "0", *args, t.suite.model("tiny"))
        equal(done.returncode, 1, f"exit status of {args}; {done.stderr}")
        check("--tls-" in done.stderr or t.folder in done.stderr, done.stderr)
    os.chmod(key, 0o644)
    with open(certificate, "rb") as f:
        chain = f.read()
    for content in (chain + chain[:200], chain.replace(b"MI", b"AA", 1), b"-----BEGIN CERTIFICATE-----" * 1000):
        done = t.run("serve", "--port", "0", "--tls-cert", t.write("broken", content), "--tls-key", key,
                     t.suite.model("tiny"))
        equal(done.returncode, 1, f"exit status of a broken certificate; {done.stderr}")
        check("broken" in done.stderr, done.stderr)
    # One file may hold both.
    with open(key, "rb") as f:
        both = t.write("both", chain + f.read())
    t.start("--tls-cert", both, "--tls-key", both, t.suite.model("tiny"), tls=context_for(certificate)).stop()
    server = t.start("--tls-cert", certificate, "--tls-key", key, t.suite.model("tiny"), tls=context_for(certificate))
    server.wait_log("others than its owner may read it")


def test_tls_drain(t):
    server = start(t, "--threads", "1", "--max-batch", "1", "--predict-timeout-ms", "600000", "--drain-timeout-ms",
                   "600000", model="slow")
    photo = photos.jpeg()
    held = [server.connect() for _ in range(4)]
    idle = server.connect()
    for connection in held:
        connection.send_request("POST", "/predict", photo, close=False)
    wait_until(lambda: server.metric("convd_http_requests_in_flight") >= 5, 10 * t.suite.patience, "all have arrived")
    server.process.send_signal(signal.SIGTERM)
    for i, connection in enumerate(held):
        response = connection.read_response("POST")
        equal((response.status, response.header("Connection")), (200, "close"), f"request {i}")
        connection.close()
    equal(idle.read_to_end(), b"", "the idle connection")
    server.stop()


def test_health_command_tls(t):
    server = start(t)
    url = f"https://localhost:{server.port}"
    equal(t.run("health", "--tls-ca", server.certificate, url).returncode, 0, "trusting its certificate")
    equal(t.run("health", "--insecure", url).returncode, 0, "trusting any")
    done = t.run("health", url)
    equal(done.returncode, 1, "trusting the system's authorities")
    check("certificate" in done.stderr, done.stderr)
    equal(t.run("health", url.replace("https", "http")).returncode, 1, "without TLS")
    environ = {"CONVD_PORT": str(server.port), "CONVD_TLS_CERT": server.certificate, "CONVD_TLS_KEY": server.key}
    equal(t.run("health", environ=environ).returncode, 0, "as the environment says")
    other, _ = make_certificate(t, "second")
    equal(t.run("health", "--tls-ca", other, url).returncode, 1, "trusting another")
    equal(t.run("health", "--tls-ca", t.folder + "/missing", url).returncode, 1, "without the file")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        since = time.monotonic()
        done = t.run("health", "--insecure", "--timeout-ms", "500", f"https://127.0.0.1:{silent.getsockname()[1]}")
        equal(done.returncode, 1, "a server that says nothing")
        check(time.monotonic() - since < 5 * t.suite.patience, "not within its time")
