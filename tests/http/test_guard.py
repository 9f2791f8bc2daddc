"""Who may ask: API keys."""
import os
import signal
import socket
import time

import photos
from harness import check, equal, wait_until
from http_client import Closed

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
    check("line 1" in server.log() and "no key in it" in server.log(), server.log())
    os.remove(path)
    hang_up(server)
    equal(server.get("/models", new).status, 200, "the key after the file is gone")
    check("keys stay as they were" in server.log(), server.log())
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
    check("others than its owner may read it" in server.log(), server.log())
    check("under 16 characters" in server.log(), server.log())
