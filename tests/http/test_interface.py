"""What is not /predict: health, metrics, models, methods, the interface's own description."""
import hashlib
import json
import math
import os
import re
import shutil
import subprocess

import onnx
import photos
from harness import Skip, check, equal, one_of


def test_openapi(t):
    response = t.server.get("/openapi.json")
    equal(response.status, 200, "status")
    check(response.body == t.suite.contract.bytes, "/openapi.json is not server/web/openapi.json")
    document = response.json()
    check(document["openapi"].startswith("3.1"), "schemas are JSON Schema only from OpenAPI 3.1 on")
    for path in ("/predict", "/health", "/health/live", "/health/ready", "/metrics", "/models", "/openapi.json"):
        check(path in document["paths"], f"{path} is not described")


def test_metrics_with_promtool(t):
    promtool = t.suite.tool("promtool")
    t.server.predict(photos.jpeg())
    t.server.predict(b"nothing")
    response = t.server.get("/metrics")
    equal(response.status, 200, "status")
    check(response.header("Content-Type").startswith("text/plain; version=0.0.4"), response.header("Content-Type"))
    done = subprocess.run([promtool, "check", "metrics"], input=response.body, capture_output=True, timeout=60)
    equal(done.returncode, 0, f"promtool: {(done.stdout + done.stderr).decode()}")
    equal(done.stdout + done.stderr, b"", "promtool's remarks")


def test_metrics_count(t):
    def lines():
        text = t.server.get("/metrics").body.decode()
        return dict(re.findall(r"^(\w+(?:\{.*\})?) (\S+)$", text, re.M))

    before = lines()
    for _ in range(3):
        equal(t.server.predict(photos.jpeg()).status, 200, "status")
    after = lines()
    grown = [name for name in after
             if name.split("{")[0].endswith("_total") and float(after[name]) - float(before.get(name, 0)) == 3]
    check(grown, "no counter went up by the three predictions")
    check(all(math.isfinite(float(v)) for v in after.values()), "a value that is not finite")
    check(any("_bucket{" in name for name in after), "no histogram")


def test_health(t):
    for path in ("/health", "/health/live", "/health/ready"):
        response = t.server.get(path)
        equal(response.status, 200, path)
        check(isinstance(response.json(), dict), f"{path}: {response}")


def test_no_model(t):
    # A program far from models/ finds no default model.
    alone = os.path.join(t.folder, "a/b/convd")
    os.makedirs(os.path.dirname(alone), exist_ok=True)
    shutil.copy(t.suite.convd, alone)
    server = t.start(ready=False, program=alone)
    health = server.get("/health")
    equal(health.status, 503, "/health")
    equal(server.get("/health/live").status, 200, "alive without a model")
    for path in ("/health", "/health/ready"):
        response = server.get(path)
        equal(response.status, 503, path)
        check("model" in response.body.decode(), f"{path} does not say why: {response}")
    response = server.predict(photos.jpeg())
    equal(response.status, 503, "/predict")
    check("model" in response.json()["error"]["message"], f"{response}")
    equal(server.get("/models").json(), {"models": []}, "/models")
    equal(server.get("/metrics").status, 200, "/metrics")


def test_default_model(t):
    server = t.start()
    equal([m["name"] for m in server.get("/models").json()["models"]], ["scenes"], "models")
    with open("docs/house.jpg", "rb") as f:
        best = server.predict(f.read()).json()["predictions"][0]
    equal(best["label"], "buildings", f"{best}")
    done = t.run("classify", "--json", "docs/house.jpg")
    mine = json.loads(done.stdout)["results"][0]["predictions"][0]
    equal(mine["label"], best["label"], "by hand and over HTTP")
    check(abs(mine["probability"] - best["probability"]) < 1e-6, f"{mine} by hand, {best} over HTTP")


def test_models(t):
    listed = t.server.get("/models").json()["models"]
    equal([m["name"] for m in listed], ["tiny", "gray"], "names")
    for m in listed:
        equal(t.server.get(f"/models/{m['name']}").json(), m, "the same object")
    tiny = listed[0]
    with open(os.path.join(t.suite.model("tiny"), "model.onnx"), "rb") as f:
        content = f.read()
    equal(tiny["sha256"], hashlib.sha256(content).hexdigest(), "sha256")
    weights = onnx.load_from_string(content).graph.initializer
    equal(tiny["parameters"], sum(math.prod(w.dims) for w in weights), "parameters")
    equal((tiny["version"], tiny["licence"], tiny["precision"]), ("3", "MIT", "fp32"), "version, licence, precision")
    check("make_model" in tiny["source"], tiny["source"])
    text = json.dumps(tiny)
    for value in ("127.5", "64", "softmax", "32"):
        check(value in text, f"the preprocessing's {value} is not shown: {text}")


def test_unknown_model_and_layer(t):
    for path in ("/models/nothing", "/models/nothing/layers", "/models/nothing/layers/conv1",
                 "/models/tiny/layers/nothing", "/models/tiny/nothing", "/models/tiny/layers/conv1/nothing"):
        equal(t.server.get(path).status, 404, path)


def work_out(text):
    """The value of one side of a formula: sums, products, quotients, rounding brackets."""
    for sign, plain in (("·", "*"), ("×", "*"), ("−", "-"), ("⌊", "floor("), ("⌋", ")"), ("⌈", "ceil("), ("⌉", ")")):
        text = text.replace(sign, plain)
    check(re.fullmatch(r"(?:[0-9 +\-*/().]|floor|ceil)+", text), f"not arithmetic: {text}")
    return eval(text, {"__builtins__": {}, "floor": math.floor, "ceil": math.ceil})


def check_row(row):
    what = f"layer {row['name']}"
    for side in re.split(r", (?=W: )", row["formula"] or ""):
        if " = " in side:
            left, right = re.sub("^[HW]: ", "", side).split(" = ")
            equal(work_out(left), int(right), f"{what}: formula {side}")
            check(int(right) in row["output_shape"], f"{what}: {side} is not in {row['output_shape']}")
    if row["op"] in ("Conv", "MaxPool", "AveragePool"):
        check(" = " in row["formula"], f"{what} has no formula")
        for axis in (0, 1):
            pads = row["padding"]
            pad = pads[axis] + pads[axis + 2]
            extent = row["dilation"][axis] * (row["kernel"][axis] - 1) + 1
            exact = (row["input_shape"][2 + axis] + pad - extent) / row["stride"][axis] + 1
            one_of(row["output_shape"][2 + axis], (math.floor(exact), math.ceil(exact)), f"{what}: size")
    if row["op"] == "Conv":
        c_in, (c_out, h, w) = row["input_shape"][1], row["output_shape"][1:]
        macs = math.prod(row["kernel"]) * c_in // row["groups"] * h * w * c_out
        equal(row["macs"], macs, f"{what}: macs")
        dense = math.prod(row["input_shape"]) * math.prod(row["output_shape"])
        equal(row["macs_if_dense"], dense, f"{what}: macs_if_dense")


def check_table(server, name):
    table = server.get(f"/models/{name}/layers").json()
    rows = table["layers"]
    check(rows, "no layers")
    for row in rows:
        check_row(row)
    for key in ("parameters", "macs"):
        equal(table["totals"][key], sum(row[key] for row in rows), f"total {key}")
    info = server.get(f"/models/{name}").json()
    equal(info["macs"], table["totals"]["macs"], "macs of the model and of the table")
    return rows


def test_layers(t):
    rows = check_table(t.server, "tiny")
    ops = [row["op"] for row in rows]
    equal(ops.count("Conv"), 4, f"convolutions in {ops}")
    conv = next(row for row in rows if row["name"] == "conv1")
    equal((conv["kernel"], conv["stride"], conv["groups"]), ([3, 3], [2, 2], 1), "conv1")
    equal((conv["input_shape"][1:], conv["output_shape"][1:]), ([3, 32, 32], [8, 16, 16]), "conv1")
    equal(conv["parameters"], 3 * 8 * 9 + 8, "conv1's parameters")
    check("= 16" in conv["formula"], conv["formula"])
    equal(t.server.get("/models/tiny/layers/conv1").json(), conv, "the row by its name")


def test_layers_as_text(t):
    response = t.server.get("/models/tiny/layers?format=text")
    equal(response.status, 200, "status")
    check(response.header("Content-Type").startswith("text/plain"), response.header("Content-Type"))
    text = response.body.decode()
    for word in ("conv1", "depthwise", "classifier", "MaxPool", "= 16"):
        check(word in text, f"'{word}' is not in the table:\n{text}")
    total = t.server.get("/models/tiny").json()["parameters"]
    totals = [line for line in text.splitlines() if "parameters in" in line]
    check(len(totals) == 1 and f"{total:,} parameters" in totals[0], f"the total {total} is not there: {totals}")
    equal(t.server.get("/models/tiny/layers?format=json").status, 200, "format=json")
    equal(t.server.get("/models/tiny/layers?format=xml").status, 400, "format=xml")


def test_layers_of_real_models(t):
    if not t.suite.data:
        raise Skip("no test data (CONVD_TEST_DATA)")
    names = ("squeezenet1.1", "mobilenet_v2_1.0", "resnet20_cifar10", "mnist-8")
    server = t.start(*[os.path.join(t.suite.data, "models", name) for name in names])
    for name in names:
        check_table(server, name)
    photo = os.path.join(t.suite.data, "photos")
    for name in sorted(os.listdir(photo)):
        if name.endswith((".jpg", ".png")):
            with open(os.path.join(photo, name), "rb") as f:
                response = server.predict(f.read(), "?top=1000&model=squeezenet1.1")
            equal(response.status, 200, name)
            total = sum(p["probability"] for p in response.json()["predictions"])
            check(abs(total - 1) < 1e-4, f"{name}: probabilities sum to {total}")


def test_head(t):
    for path in ("/health", "/models", "/models/tiny", "/openapi.json", "/"):
        head, get = t.server.fetch("HEAD", path), t.server.get(path)
        equal(head.status, get.status, f"status of HEAD {path}")
        equal(head.header("Content-Type"), get.header("Content-Type"), f"Content-Type of HEAD {path}")
        length = head.header("Content-Length") or ""
        check(length.isdigit() and int(length) > 0, f"Content-Length of HEAD {path}: '{length}'")
        # Uptime is written with as many digits as it has: from one answer to the next the length may change.
        if path != "/health":
            equal(length, get.header("Content-Length"), f"Content-Length of HEAD {path}")
    equal(t.server.fetch("HEAD", "/nothing").status, 404, "HEAD /nothing")
    # A body after HEAD would be read as the next answer.
    with t.server.connect() as connection:
        connection.send_request("HEAD", "/models", close=False)
        equal(connection.read_response("HEAD").status, 200, "HEAD")
        connection.send_request("GET", "/health")
        equal(connection.read_response().status, 200, "GET after HEAD")


def test_options(t):
    for path, methods in (("/predict", {"POST", "PUT"}), ("/health", {"GET", "HEAD"}), ("/models/tiny", {"GET"})):
        response = t.server.fetch("OPTIONS", path)
        one_of(response.status, (200, 204), f"OPTIONS {path}")
        allowed = set(re.split(r", *", response.header("Allow") or ""))
        check(methods <= allowed and "OPTIONS" in allowed, f"Allow of {path}: {allowed}")


def test_wrong_method(t):
    for method, path, want in (("GET", "/predict", "POST"), ("DELETE", "/predict", "PUT"), ("HEAD", "/predict", "POST"),
                               ("POST", "/health", "GET"), ("PUT", "/models/tiny", "GET"), ("PATCH", "/", "GET"),
                               ("BREW", "/health", "GET"), ("get", "/health", "GET"), ("TRACE", "/health", "GET")):
        response = t.server.fetch(method, path, b"x" if method in ("POST", "PUT") else None)
        equal(response.status, 405, f"{method} {path}")
        check(want in (response.header("Allow") or ""), f"Allow of {method} {path}: {response.header('Allow')}")


def test_unknown_path(t):
    for path in ("/nothing", "/predictx", "/health/x", "/models/", "//", "/predict/a/b", "/%2e", "/index.php?a=b"):
        response = t.server.get(path)
        one_of(response.status, (404, 405) if path.startswith("/predict/") else (200, 404) if path == "/models/"
               else (404,), path)


def test_path_traversal(t):
    with open("/etc/hostname", "rb") as f:
        secret = f.read().strip()
    for path in ("/../../etc/hostname", "/%2e%2e/%2e%2e/etc/hostname", "/models/..%2f..%2fetc%2fhostname",
                 "/models/../../../etc/hostname", "/..\\..\\etc\\hostname", "/models/tiny/layers/..%2f..%2fmodel.onnx",
                 "/models/%2e%2e/layers", "/web/../../etc/hostname"):
        response = t.server.get(path)
        one_of(response.status, (400, 404), path)
        check(len(secret) < 4 or secret not in response.body or secret in path.encode(), f"{path} shows a file")


def test_percent_encoded_path(t):
    equal(t.server.get("/%6dodels/t%69ny").status, 200, "/models/tiny in escapes")
    equal(t.server.fetch("POST", "/pr%65dict", photos.jpeg()).status, 200, "/predict in escapes")
    for path in ("/models/%", "/models/%4", "/models/%zz", "/models/tiny%00", "/models/%00tiny", "/models/a%0d%0ab"):
        response = t.server.get(path)
        one_of(response.status, (400, 404), path)
        check(response.header("b") is None, "a header out of the path")


def test_web_page(t):
    response = t.server.get("/")
    equal(response.status, 200, "status")
    check(response.header("Content-Type").startswith("text/html"), response.header("Content-Type"))
    check(b"<html" in response.body.lower(), "no page")
