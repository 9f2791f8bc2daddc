"""Who may ask, and how much: API keys, compressed bodies."""
import gzip
import os
import signal
import time
import zlib

import photos
from harness import Skip, check, equal, wait_until
from http_client import Closed, multipart

KEY = "correct-horse-battery-staple"
BEARER = [("Authorization", f"Bearer {KEY}")]


def keyed(t, *args, text=f"alice: {KEY}\n"):
    path = t.write("keys", text)
    os.chmod(path, 0o600)
    return t.start("--api-key-file", path, *args, t.suite.model("tiny")), path


def hang_up(server, seconds=5):
    """Send SIGHUP and wait for what it leads to in the log."""
    before = server.log().count("SIGHUP")
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: server.log().count("SIGHUP") > before, seconds, "SIGHUP is seen")
    time.sleep(0.1)


def test_api_key(t):
    server, path = keyed(t)
    photo = photos.jpeg()
    response = server.predict(photo)
    equal(response.status, 401, "without a key")
    equal(response.json()["error"]["code"], "unauthorized", "code")
    equal(response.header("WWW-Authenticate"), "Bearer", "WWW-Authenticate")
    for headers in (BEARER, [("X-Api-Key", KEY)], [("authorization", f"bearer  {KEY}")],
                    [("Authorization", "Basic eA=="), ("X-Api-Key", KEY)]):
        equal(server.predict(photo, headers=headers).status, 200, f"with {headers}")
    answers = set()
    for wrong in (KEY[:-1], KEY + "x", KEY.upper(), "x", "alice", f"alice: {KEY}", "", "\xff\xfe", "k" * 8000):
        for header in (("Authorization", f"Bearer {wrong}"), ("X-Api-Key", wrong)):
            response = server.predict(photo, headers=[header])
            equal(response.status, 401, f"with {header}")
            answers.add(response.body)
    equal(len(answers), 1, f"one answer whatever is wrong: {answers}")
    check("warning" not in server.log(), server.log())
    check(KEY not in server.log(), "the key is in the log")


def test_what_needs_a_key(t):
    server, _ = keyed(t)
    for target in ("/", "/openapi.json", "/health", "/health/live", "/health/ready"):
        equal(server.get(target).status, 200, target)
    for target in ("/metrics", "/models", "/models/tiny", "/models/tiny/layers", "/models/nothing", "/nothing",
                   "/models/%zz", "/predict?nonsense=1"):
        equal(server.get(target).status, 401, target)
        check(server.get(target, BEARER).status != 401, f"{target} with a key")
    equal(server.fetch("OPTIONS", "/predict").status, 204, "OPTIONS")
    equal(server.fetch("HEAD", "/models").status, 401, "HEAD")
    check('convd_http_rejected_total{reason="unauthorized"}' in server.get("/metrics", BEARER).body.decode(), "metric")
    server.stop()
    server, _ = keyed(t, "--metrics-open")
    equal(server.get("/metrics").status, 200, "/metrics with --metrics-open")
    equal(server.get("/models").status, 401, "/models with --metrics-open")


def test_refused_before_the_body(t):
    server, _ = keyed(t)
    with server.connect() as connection:
        connection.send_request("POST", "/predict", None, [("Content-Length", 10_000_000)], close=False)
        equal(connection.read_response("POST").status, 401, "status before any byte of the body")
    with server.connect() as connection:
        connection.send_request("POST", "/predict", None, [("Content-Length", 1000), ("Expect", "100-continue")],
                                close=False)
        equal(connection.read_head()[0], 401, "instead of 100")
    # A small body is read and dropped: the connection goes on.
    with server.connect() as connection:
        connection.send_request("POST", "/predict", photos.jpeg(64, 48), close=False)
        equal(connection.read_response("POST").status, 401, "status")
        connection.send_request("POST", "/predict", photos.jpeg(64, 48), BEARER, close=False)
        equal(connection.read_response("POST").status, 200, "status with a key on the same connection")


def test_keys_are_read_again(t):
    server, path = keyed(t)
    new = [("X-Api-Key", "a-second-key-for-the-server")]
    equal(server.get("/models", new).status, 401, "before")
    t.write("keys", f"# changed\nbob: {new[0][1]}\n")
    hang_up(server)
    equal(server.get("/models", new).status, 200, "the new key")
    equal(server.get("/models", BEARER).status, 401, "the old key")
    for broken in ("two words\n", "", "# no key\n", "x" * 70000):
        t.write("keys", broken)
        hang_up(server)
        equal(server.get("/models", new).status, 200, f"the key after {broken[:20]!r}")
        equal(server.get("/models").status, 401, "without a key")
    server.wait_log("line 1")
    server.wait_log("no key in it")
    os.remove(path)
    hang_up(server)
    equal(server.get("/models", new).status, 200, "the key after the file is gone")
    server.wait_log("keys stay as they were")
    equal(server.predict(photos.jpeg(), headers=new).status, 200, "a prediction")


def test_key_files_at_the_start(t):
    for text in ("", "two words\n", "\0\n"):
        done = t.run("serve", "--port", "0", "--api-key-file", t.write("keys", text), t.suite.model("tiny"))
        equal(done.returncode, 1, f"exit status with {text!r}; {done.stderr}")
        check("keys" in done.stderr, done.stderr)
    done = t.run("serve", "--port", "0", "--api-key-file", t.folder + "/nothing", t.suite.model("tiny"))
    equal(done.returncode, 1, f"exit status without the file; {done.stderr}")
    path = t.write("keys", "short\n")
    os.chmod(path, 0o644)
    server = t.start("--api-key-file", path, t.suite.model("tiny"))
    server.wait_log("others than its owner may read it")
    server.wait_log("under 16 characters")


def encoded(name):
    return [("Content-Encoding", name)]


def bare_deflate(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def test_compressed_bodies(t):
    photo = photos.jpeg()
    want = t.server.predict(photo).json()["predictions"]
    form, form_type = multipart([("image", "a.jpg", "image/jpeg", photo), ("image", "b.jpg", "image/jpeg", photo)])
    for name, pack in (("gzip", gzip.compress), ("GZIP", gzip.compress), ("x-gzip", gzip.compress),
                       ("deflate", zlib.compress), ("deflate", bare_deflate), ("identity", bytes)):
        response = t.server.predict(pack(photo), headers=encoded(name))
        equal(response.status, 200, f"{name}: {response}")
        equal(response.json()["predictions"], want, name)
        response = t.server.predict(pack(form), headers=encoded(name) + [("Content-Type", form_type)])
        equal([r["predictions"] for r in response.json()["results"]], [want, want], f"a form by {name}")
    two = gzip.compress(photo[:1000]) + gzip.compress(photo[1000:])
    equal(t.server.predict(two, headers=encoded("gzip")).json()["predictions"], want, "two members")
    with t.server.connect() as connection:
        for piece in (1, 7, 1000):
            packed = gzip.compress(photo)
            chunks = [packed[i:i + piece] for i in range(0, len(packed), piece)]
            connection.send(b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" +
                            b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in chunks) + b"0\r\n\r\n")
            equal(connection.read_response("POST").json()["predictions"], want, f"chunks of {piece}")
    equal(t.server.metric("convd_http_body_bytes"), 0, "memory of bodies afterwards")


def test_broken_encodings(t):
    packed = gzip.compress(photos.jpeg())
    for body in (packed[:-1], packed[:100], packed[:1], b"\x1f\x8b", b"hello", packed + b"x", packed[:200] + b"\0" * 50 +
                 packed[250:], packed[:-8] + bytes(8)):
        response = t.server.predict(body, headers=encoded("gzip"))
        equal(response.status, 400, f"{len(body)} bytes: {response}")
        equal(response.json()["error"]["code"], "bad_encoding", "code")
    equal(t.server.predict(zlib.compress(b"x" * 1000)[:-1], headers=encoded("deflate")).status, 400, "deflate")
    equal(t.server.predict(photos.jpeg(), headers=encoded("deflate")).status, 400, "a JPEG is no deflate")
    response = t.server.predict(b"", headers=encoded("gzip"))
    equal(response.json()["error"]["code"], "empty_body", "no byte at all")
    equal(t.server.predict(gzip.compress(b""), headers=encoded("gzip")).json()["error"]["code"], "empty_body", "nothing")
    equal(t.server.metric("convd_http_body_bytes"), 0, "memory of bodies afterwards")


def test_unknown_encodings(t):
    for headers in (encoded("br"), encoded("zstd"), encoded("gzip, gzip"), encoded("gzip") * 2, encoded(""),
                    encoded("identity") + encoded("gzip"), encoded("x" * 3000)):
        response = t.server.predict(photos.jpeg(64, 48), headers=headers)
        equal(response.status, 415, f"{headers}"[:100])
        equal(response.json()["error"]["code"], "encoding_unsupported", "code")
        equal(response.header("Accept-Encoding"), "gzip, deflate", "Accept-Encoding")
    equal(t.server.get("/health", encoded("br")).status, 200, "where no body is wanted")


def test_compression_bomb(t):
    server = t.start("--max-body", "100000", t.suite.model("tiny"))
    before = server.memory()
    bomb = gzip.compress(bytes(80_000_000))
    check(len(bomb) < 100000, "the bomb is small")
    for _ in range(20):
        with server.connect() as connection:
            connection.send_request("POST", "/predict", bomb, encoded("gzip"))
            equal(connection.read_response("POST").status, 413, "status")
    # It is over when it unpacks too far, not when it has come in.
    with server.connect() as connection:
        connection.send_request("POST", "/predict", None, encoded("gzip") + [("Content-Length", len(bomb))], close=False)
        connection.send(bomb[:2000])
        equal(connection.read_response("POST").status, 413, "status in the middle")
    # What never becomes anything is counted as it comes.
    nothing = gzip.compress(b"")
    with server.connect() as connection:
        try:
            connection.send(b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(1000):
                connection.send(b"%x\r\n%s\r\n" % (50 * len(nothing), 50 * nothing))
        except OSError:
            pass
        equal(connection.read_response("POST").status, 413, "empty members")
    # What unpacks to the limit is taken.
    equal(server.predict(gzip.compress(bytes(100000)), headers=encoded("gzip")).status, 415, "zeros up to the limit")
    equal(server.predict(gzip.compress(bytes(100001)), headers=encoded("gzip")).status, 413, "one byte more")
    equal(server.metric("convd_http_body_bytes"), 0, "memory of bodies afterwards")
    check(server.memory() - before < (32 if not t.suite.sanitized else 300) << 20, "the bomb was unpacked")


ORIGIN = [("Origin", "https://app.example")]
ALLOW = "Access-Control-Allow-Origin"


def test_cors(t):
    server, _ = keyed(t, "--cors-origin", "http://localhost:3000,https://app.example")
    photo = photos.jpeg(64, 48)
    preflight = ORIGIN + [("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "x-api-key")]
    response = server.fetch("OPTIONS", "/predict", headers=preflight)
    equal(response.status, 204, "preflight, without a key")
    equal(response.header(ALLOW), "https://app.example", "origin")
    check("POST" in response.header("Access-Control-Allow-Methods"), "methods")
    for name in ("X-Api-Key", "Authorization", "Content-Type", "Content-Encoding"):
        check(name in response.header("Access-Control-Allow-Headers"), f"{name} may be sent")
    check(int(response.header("Access-Control-Max-Age")) > 0, "age")
    # Errors too: a page that may not read them cannot say what is wrong.
    for status, response in ((200, server.predict(photo, headers=ORIGIN + BEARER)),
                             (401, server.predict(photo, headers=ORIGIN)),
                             (404, server.get("/nothing", ORIGIN + BEARER)),
                             (405, server.fetch("DELETE", "/predict", headers=ORIGIN + BEARER)),
                             (413, server.fetch("POST", "/predict", None, ORIGIN + BEARER + [("Content-Length", 1 << 40)])),
                             (415, server.predict(b"hello", headers=ORIGIN + BEARER)),
                             (431, server.get("/health", ORIGIN + [("X", "y" * 50000)])),
                             (200, server.get("/health", ORIGIN))):
        equal(response.status, status, "status")
        equal(response.header(ALLOW), "https://app.example", f"{ALLOW} of {status}")
        equal(response.header("Vary"), "Origin", f"Vary of {status}")
        for name in ("X-Request-Id", "Server-Timing", "Retry-After"):
            check(name in response.header("Access-Control-Expose-Headers"), f"{name} may be read")
    for headers in ([], [("Origin", "https://evil.example")], [("Origin", "null")], [("Origin", "https://app.example.evil")]):
        response = server.get("/health", headers)
        equal(response.header(ALLOW), None, f"{headers}")
        equal(response.header("Vary"), "Origin", f"Vary for {headers}")
        equal(server.fetch("OPTIONS", "/predict", headers=headers).header(ALLOW), None, f"preflight {headers}")


def test_cors_for_all(t):
    server = t.start("--cors-origin", "*", "--read-timeout-ms", "300", t.suite.model("tiny"))
    equal(server.get("/health", ORIGIN).header(ALLOW), "*", "origin")
    with server.connect() as connection:
        connection.send_request("POST", "/predict", None, ORIGIN + [("Content-Length", 100)], close=False)
        response = connection.read_response("POST")
        equal((response.status, response.header(ALLOW)), (408, "*"), "a body that does not come")
    equal(t.server.get("/health", ORIGIN).header(ALLOW), None, "without the option")
    equal(t.server.get("/health", ORIGIN).header("Vary"), None, "Vary without the option")
    for bad in ("app.example", "https://app.example/", "https://a,", "null"):
        done = t.run("serve", "--port", "0", "--cors-origin", bad, t.suite.model("tiny"))
        equal(done.returncode, 1, f"--cors-origin {bad}")
        check("--cors-origin" in done.stderr, done.stderr)


def thread_facts(server, name):
    """What each of its threads says of itself under that name in /proc."""
    pid = server.process.pid
    facts = set()
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/status", encoding="ascii") as f:
            facts |= {line.split()[1] for line in f if line.startswith(name + ":")}
    return facts


def test_sandbox(t):
    if t.suite.sanitized:
        raise Skip("a sanitizer needs what the sandbox takes away")
    with open("/proc/self/status", encoding="ascii") as f:
        outside = next(line.split()[1] for line in f if line.startswith("Seccomp:"))
    path = t.write("keys", KEY + "\n")
    server = t.start("--sandbox", "on", "--api-key-file", path, t.suite.model("tiny"))
    photo = photos.jpeg()
    for _ in range(3):
        equal(server.predict(photo, headers=BEARER).status, 200, "a prediction")
    # Those that decode began later.
    equal(thread_facts(server, "NoNewPrivs"), {"1"}, "NoNewPrivs of all threads")
    equal(thread_facts(server, "Seccomp"), {"2"}, "Seccomp of all threads")
    t.write("keys", "the-new-key-of-the-server\n")
    hang_up(server)
    new = [("X-Api-Key", "the-new-key-of-the-server")]
    equal(server.predict(photo, headers=new).status, 200, "the new key")
    check("process_open_fds 0" not in server.get("/metrics", new).body.decode(), "what it reads of itself")
    check("warning: the sandbox" not in server.log(), server.log())
    server.stop()
    server = t.start("--sandbox", "off", t.suite.model("tiny"))
    equal(thread_facts(server, "Seccomp"), {outside}, "Seccomp with --sandbox off")


def test_connections_of_one_address(t):
    server = t.start("--max-connections-per-ip", "3", t.suite.model("tiny"))
    held = [server.connect() for _ in range(3)]
    try:
        for connection in held:
            connection.send_request("GET", "/health", close=False)
            equal(connection.read_response().status, 200, "within the limit")
        with server.connect() as more:
            more.send_request("GET", "/health")
            equal(more.read_to_end(), b"", "a fourth connection is closed")
    finally:
        for connection in held:
            connection.close()
    wait_until(lambda: answers(server), 10, "it answers again")


def answers(server):
    try:
        return server.get("/health").status == 200
    except Closed:
        return False
