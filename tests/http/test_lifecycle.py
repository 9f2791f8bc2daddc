"""Starting, stopping, options: what an operator meets."""
import glob
import json
import re
import signal
import socket
import time

import photos
from harness import check, equal, one_of
from http_client import Closed
from test_tls import context_for, make_certificate


def free_ports(n):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def refuses_connections(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return True
    return False


def test_listening_line(t):
    server = t.start(t.suite.model("tiny"))
    server.wait_log(f"listening on http://127.0.0.1:{server.port}\n")


def test_stops_on_signals(t):
    for number in (signal.SIGTERM, signal.SIGINT):
        server = t.start(t.suite.model("tiny"))
        with server.connect() as kept:
            kept.send_request("GET", "/health", close=False)
            equal(kept.read_response().status, 200, "status")
            start = time.monotonic()
            # An idle connection does not hold it up.
            server.stop(number)
            check(time.monotonic() - start < 5 * t.suite.patience, f"{number.name}: slow to end")
        check(refuses_connections(server.port), "the port is still open")


def test_sigterm_answers_what_was_accepted(t):
    server = t.start("--threads", "1", "--max-batch", "1", "--predict-timeout-ms", "600000", "--drain-timeout-ms",
                     "600000", t.suite.model("slow"))
    photo = photos.jpeg()
    whole = [server.connect() for _ in range(6)]
    for connection in whole:
        connection.send_request("POST", "/predict", photo, close=False)
    waiting = server.connect()
    waiting.send_request("POST", "/predict", None, [("Content-Length", len(photo)), ("Expect", "100-continue")],
                         close=False)
    # 100 proves that the header was read; the requests before it were sent earlier.
    equal(waiting.read_head()[0], 100, "interim answer")
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    waiting.send(photo)
    for i, connection in enumerate(whole + [waiting]):
        try:
            response = connection.read_response("POST")
        except Closed as e:
            check(False, f"request {i} was dropped: {e}")
        equal(response.status, 200, f"request {i}")
        connection.close()
    server.stop()
    check(refuses_connections(server.port), "the port is still open")


def test_second_server_on_the_port(t):
    server = t.start(t.suite.model("tiny"))
    done = t.run("serve", "--port", str(server.port), t.suite.model("tiny"))
    equal(done.returncode, 1, f"exit status; {done.stderr}")
    last = done.stderr.strip().splitlines()[-1]
    check(str(server.port) in last, f"the message does not name the port: {done.stderr}")
    server.still_answers()


def test_reload_signal_is_survived(t):
    server = t.start(t.suite.model("tiny"))
    server.process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    equal(server.predict(photos.jpeg()).status, 200, "status after SIGHUP")


def usage_error(t, *args, environ=None, names=""):
    done = t.run(*args, environ=environ)
    equal(done.returncode, 2, f"exit status of {args} {environ}; {done.stderr}")
    check(done.stderr.strip() and not done.stdout, f"{args}: {done.stdout!r} {done.stderr!r}")
    check(names in done.stderr, f"the message does not name '{names}': {done.stderr}")


def test_usage_errors(t):
    model = t.suite.model("tiny")
    usage_error(t, "serve", "--port", "70000", model, names="port")
    usage_error(t, "serve", "--port", "-1", model, names="port")
    usage_error(t, "serve", "--port", "x", model, names="port")
    usage_error(t, "serve", "--port", names="port")
    usage_error(t, "serve", "--no-such-flag", model, names="no-such-flag")
    usage_error(t, "serve", "--queue=0", model, names="queue")
    usage_error(t, "serve", "--isa", "mmx", model, names="isa")
    usage_error(t, "serve", "--max-body", "99999999999999999999", model, names="max-body")
    usage_error(t, "nonsense", names="nonsense")
    usage_error(t)


def test_environment_errors(t):
    model = t.suite.model("tiny")
    usage_error(t, "serve", model, environ={"CONVD_PORT": "70000"}, names="CONVD_PORT")
    usage_error(t, "serve", model, environ={"CONVD_PROT": "80"}, names="CONVD_PROT")


def test_config_file_errors(t):
    def refuse(content, names):
        path = t.write("convd.json", content)
        done = t.run("serve", "--config", path, t.suite.model("tiny"))
        one_of(done.returncode, (1, 2), f"exit status for {content}")
        check(names in done.stderr, f"{content}: the message does not name '{names}': {done.stderr}")

    refuse('{"prot": 80}', "prot")
    refuse('{"port": 70000}', "port")
    refuse('{"port": "x"}', "port")
    refuse('{"port": 80', "convd.json")
    refuse('[]', "convd.json")
    refuse("", "convd.json")
    refuse("\0\xff", "convd.json")
    refuse('{"port": 1, "port": 2}', "port")
    done = t.run("serve", "--config", t.folder + "/nothing.json", t.suite.model("tiny"))
    one_of(done.returncode, (1, 2), "exit status without the file")
    check("nothing.json" in done.stderr, done.stderr)


def test_precedence(t):
    in_file, in_environment, flag = free_ports(3)
    config = t.write("convd.json", json.dumps({"port": in_file, "max_body": 4096}))
    environ = {"CONVD_PORT": str(in_environment)}

    def listens_on(port_flag, environ):
        server = t.start("--config", config, t.suite.model("tiny"), environ=environ, port=port_flag)
        equal(server.predict(bytes(5000)).status, 413, "the file's max_body")
        server.stop()
        return server.port

    equal(listens_on(None, None), in_file, "port of the file")
    equal(listens_on(None, environ), in_environment, "port of the environment")
    equal(listens_on(str(flag), environ), flag, "port of the flag")
    server = t.start(t.suite.model("tiny"), environ={"CONVD_CONFIG": config, "CONVD_MAX_BODY": "8K"}, port="0")
    equal(server.predict(bytes(5000)).status, 415, "the environment's max_body")


def test_model_by_environment(t):
    server = t.start(environ={"CONVD_MODEL": t.suite.model("gray")})
    equal([m["name"] for m in server.get("/models").json()["models"]], ["gray"], "models")


def test_shipped_configurations(t):
    paths = sorted(glob.glob("config/*.json"))
    check(paths, "no config/*.json")
    for path in paths:
        with open(path, encoding="utf-8") as f:
            options = json.load(f)
        args, tls = [], None
        if "tls_cert" in options:
            certificate, key = make_certificate(t, "shipped")
            args, tls = ["--tls-cert", certificate, "--tls-key", key], context_for(certificate)
        if "api_key_file" in options:
            args += ["--api-key-file", t.write("keys", "a-key-of-this-test\n")]
        if t.suite.sanitized:
            args += ["--sandbox", "off"]
        # The port is overridden, so that the test does not depend on a free one.
        server = t.start("--config", path, "--host", "127.0.0.1", *args, t.suite.model("tiny"), tls=tls)
        server.stop()


def test_host_and_port_file(t):
    server = t.start("--host", "0.0.0.0", t.suite.model("tiny"))
    server.wait_log(f"listening on http://0.0.0.0:{server.port}\n")
    done = t.run("serve", "--port", "0", "--host", "not an address", t.suite.model("tiny"))
    one_of(done.returncode, (1, 2), f"exit status; {done.stderr}")
    done = t.run("serve", "--port", "0", "--port-file", t.folder + "/no/such/folder", t.suite.model("tiny"))
    equal(done.returncode, 1, f"exit status; {done.stderr}")


def test_help_and_version(t):
    for args in (("--help",), ("serve", "--help"), ("--version",), ("classify", "--help"), ("health", "--help")):
        done = t.run(*args)
        equal(done.returncode, 0, f"exit status of {args}")
        check(done.stdout and not done.stderr, f"{args}: help is a result and goes to stdout")
    text = t.run("serve", "--help").stdout
    for flag in ("--port", "--max-batch", "--read-timeout-ms", "8080"):
        check(flag in text, f"serve --help lacks {flag}")


def test_health_command(t):
    server = t.start(t.suite.model("tiny"))
    equal(t.run("health", f"http://127.0.0.1:{server.port}").returncode, 0, "ready")
    equal(t.run("health", environ={"CONVD_PORT": str(server.port)}).returncode, 0, "ready, port from the environment")
    server.stop()
    done = t.run("health", f"http://127.0.0.1:{server.port}")
    equal(done.returncode, 1, "not running")
    check(done.stderr.strip(), "no message")


def test_json_log(t):
    server = t.start("--log-format", "json", t.suite.model("tiny"))
    server.predict(photos.jpeg())
    server.get("/no\"quote")
    server.stop()
    for line in server.log().splitlines():
        check({"time", "level", "message"} <= set(json.loads(line)), line)


def test_isa_levels_agree(t):
    answers = []
    for isa in ("portable", "avx2", "avx512", "auto"):
        server = t.start("--isa", isa, t.suite.model("tiny"))
        answers.append(server.predict(photos.jpeg(), "?top=10").json()["predictions"])
        server.stop()
    for other in answers[1:]:
        for a, b in zip(answers[0], other):
            check(abs(a["probability"] - b["probability"]) < 1e-4, f"{a} {b}")


def test_classify_is_the_same_pipeline(t):
    photo = t.write("photo.jpg", photos.jpeg())
    done = t.run("classify", "--model", t.suite.model("tiny"), "--top", "10", "--json", photo)
    equal(done.returncode, 0, done.stderr)
    mine = json.loads(done.stdout)["results"][0]["predictions"]
    theirs = t.server.predict(photos.jpeg(), "?top=10").json()["predictions"]
    equal([p["class"] for p in mine], [p["class"] for p in theirs], "classes")
    bad = t.write("bad.jpg", b"nothing")
    equal(t.run("classify", "--model", t.suite.model("tiny"), bad).returncode, 1, "exit status for a bad photo")
