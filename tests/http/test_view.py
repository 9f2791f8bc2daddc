"""What a network sees, over HTTP: feature maps, filters, thumbnails, heat maps."""
import io
import json
import os
import re
import shutil
import signal
import threading
import time

import make_model
import numpy as np
import photos
from harness import check, equal, one_of, wait_until
from PIL import Image

HOUSE = "docs/house.jpg"
JSON, FLOATS, EVENTS = ("application/json", "application/octet-stream", "text/event-stream")


def post(server, target, body=None, accept=None, headers=()):
    headers = [*headers, *([("Accept", accept)] if accept else [])]
    return server.fetch("POST", target, photos.jpeg() if body is None else body, headers)


def good(response, what):
    equal(response.status, 200, f"{what}: {response.body[:200]}")
    return response


def floats(response):
    shape = [int(n) for n in response.header("X-Shape").split(",")]
    return np.frombuffer(response.body, "<f4").reshape(shape)


def picture(response):
    equal(response.header("Content-Type"), "image/png", "type")
    return Image.open(io.BytesIO(response.body))


def error(response, status, code, part=""):
    equal((response.status, response.json()["error"]["code"]), (status, code), "error")
    check(part in response.json()["error"]["message"], response.json())


def test_view_activations(t):
    at = "/models/tiny/layers/conv1/activations"
    shape = t.server.get("/models/tiny/layers/conv1").json()["output_shape"][1:]
    maps = floats(good(post(t.server, at, accept=FLOATS), "floats"))
    equal(list(maps.shape), shape, "shape")
    told = good(post(t.server, at, accept=JSON), "statistics").json()
    equal((told["layer"], told["shape"]), ("conv1", shape), "layer and shape")
    for c in told["channels"]:
        m = maps[c["channel"]]
        for key, want in (("min", m.min()), ("max", m.max()), ("mean", m.mean()), ("sparsity", (m == 0).mean())):
            check(abs(c[key] - want) < 1e-4 * max(1, abs(want)), f"{key} of {c}: {want}")
        equal(m[tuple(c["max_position"])], m.max(), "where the largest is")
    strongest = good(post(t.server, at + "?strongest=2", accept=JSON), "strongest").json()["channels"]
    order = sorted(told["channels"], key=lambda c: (-c["strength"], c["channel"]))
    equal(strongest, order[:2], "the strongest")
    some = good(post(t.server, at + "?channels=3,0", accept=FLOATS), "some")
    check((floats(some) == maps[[3, 0]]).all(), "chosen maps")
    equal(some.header("X-Channels"), "3,0", "which")
    shown = picture(good(post(t.server, at + "?channels=3,0&zoom=2"), "mosaic"))
    check(shown.width >= 2 * shape[2], f"its width {shown.width}")
    # What serving computes as a part of another layer is seen too.
    relu = next(r for r in t.server.get("/models/tiny/layers").json()["layers"] if r["op"] == "Relu")
    after = floats(good(post(t.server, f"/models/tiny/layers/{relu['index']}/activations", accept=FLOATS), "relu"))
    check(after.min() == 0, "a Relu's output")


def test_view_vectors(t):
    """A layer without places has maps of one number."""
    told = good(post(t.server, "/models/tiny/layers/classifier/activations", accept=JSON), "vector").json()
    equal(told["shape"][1:], [1, 1], "shape")
    picture(good(post(t.server, "/models/tiny/layers/classifier/activations"), "as a picture"))


def test_view_filters(t):
    """Window times weights, summed up, are what the map has."""
    row = t.server.get("/models/tiny/layers/conv1").json()
    told = good(t.server.get("/models/tiny/layers/conv1/filters?channels=2"), "filters").json()
    one = told["chosen"][0]
    equal((one["filter"], told["stride"], told["padding"]), (2, row["stride"], row["padding"]), "filter")
    weights = np.array(one["weights"], np.float32)
    raw = floats(good(t.server.get("/models/tiny/layers/conv1/filters?channels=2", [("Accept", FLOATS)]), "floats"))
    check(np.abs(raw[0] - weights).max() < 1e-6, "the same numbers")
    x = floats(good(post(t.server, "/models/tiny/input", accept=FLOATS), "input"))
    maps = floats(good(post(t.server, "/models/tiny/layers/conv1/activations", accept=FLOATS), "maps"))
    top, left, bottom, right = row["padding"]
    x = np.pad(x, ((0, 0), (top, bottom), (left, right)))
    for y, at in ((0, 0), (1, 5), (maps.shape[1] - 1, maps.shape[2] - 1)):
        window = x[:, y * row["stride"][0]:, at * row["stride"][1]:][:, :weights.shape[1], :weights.shape[2]]
        check(abs((window * weights).sum() + one["bias"] - maps[2, y, at]) < 1e-4, f"the sum at {y}, {at}")
    png = good(t.server.get("/models/tiny/layers/conv1/filters.png"), "picture")
    equal(picture(png).format, "PNG", "format")
    equal(t.server.get("/models/tiny/layers/conv1/filters.png", [("If-None-Match", png.header("ETag"))]).status, 304, "again")


def test_view_input_and_strip(t):
    description = t.server.get("/models/tiny").json()
    shown = picture(good(post(t.server, "/models/tiny/input"), "input"))
    equal(shown.size, (make_model_side(description), make_model_side(description)), "what the network takes")
    rows = t.server.get("/models/tiny/layers").json()["layers"]
    told = good(post(t.server, "/models/tiny/strip?width=24&columns=4", accept=JSON), "strip").json()
    equal([row["name"] for row in told["layers"]], [row["name"] for row in rows], "layers")
    check(told["sheet"].startswith("data:image/png;base64,"), told["sheet"][:40])
    best = t.server.predict(photos.jpeg(), "?model=tiny").json()["predictions"][0]
    equal(told["predictions"][0]["class"], best["class"], "the class")
    check(abs(told["predictions"][0]["probability"] - best["probability"]) < 1e-4, f"{told['predictions'][0]} {best}")
    equal(picture(good(post(t.server, "/models/tiny/strip?width=24&columns=4"), "sheet")).width, 96, "width")


def make_model_side(description):
    return description["input"]["shape"][-1]


def test_view_explain(t):
    server = t.start("models/scenes")
    with open(HOUSE, "rb") as f:
        house = f.read()
    told = good(post(server, "/models/scenes/explain", house, JSON), "map").json()
    equal((told["label"], told["method"], told["height"], told["width"]), ("buildings", "cam", 8, 8), "map")
    window, peak = told["window"], told["peak"]
    check(window["left"] < peak["x"] < window["right"] and window["top"] < peak["y"] < window["bottom"], "the peak is seen")
    over = good(post(server, "/models/scenes/explain?class=street&opacity=0.5", house), "overlay")
    equal((picture(over).size, over.header("X-Method"), over.header("X-Class")), ((480, 360), "cam", "5"), "overlay")
    body, kind = photos_form(house)
    equal(picture(good(server.fetch("POST", "/models/scenes/explain", body, [("Content-Type", kind)]), "form")).size,
          (480, 360), "from a form")
    events = good(post(server, "/models/scenes/explain?method=occlusion", house, EVENTS), "events")
    equal(events.header("Content-Type").split(";")[0], EVENTS, "type")
    names = re.findall(r"^event: (\w+)$", events.body.decode(), re.M)
    equal((set(names), names[-1], names.count("result")), ({"progress", "result"}, "result", 1), "events")
    last = json.loads(events.body.decode().strip().splitlines()[-1].removeprefix("data: "))
    equal((last["method"], last["label"]), ("occlusion", "buildings"), "result")
    error(post(server, "/models/scenes/explain?class=rocket", house), 404, "class_not_found", "rocket")


def photos_form(body):
    from http_client import multipart
    return multipart([("image", "house.jpg", "image/jpeg", body)])


def test_view_refuses(t):
    s, at = t.server, "/models/tiny"
    error(post(s, "/models/nobody/strip"), 404, "model_not_found")
    error(post(s, at + "/layers/nobody/activations"), 404, "layer_not_found", "nobody")
    error(post(s, at + "/layers/999/activations"), 404, "layer_not_found")
    error(post(s, at + "/layers/conv1/activations?channels=999"), 404, "channel_not_found", "999")
    error(s.get(at + "/layers/classifier/filters"), 400, "not_a_convolution", "classifier")
    for query in ("?channels=1,", "?channels=x", "?strongest=0", "?zoom=0", "?scale=big", "?nothing=1", "?channels=1&strongest=2"):
        error(post(s, at + "/layers/conv1/activations" + query), 400, "bad_query")
    for query in ("?width=0", "?width=100000", "?columns=x"):
        error(post(s, at + "/strip" + query), 400, "bad_query")
    for query in ("?method=guess", "?opacity=2", "?opacity=x", "?opacity=nan"):
        error(post(s, at + "/explain" + query), 400, "bad_query")
    error(post(s, at + "/strip", b"no picture"), 415, "image_unsupported")
    error(post(s, at + "/strip", photos.jpeg()[:300]), 422, "image_corrupt")
    error(post(s, at + "/strip", b""), 400, "empty_body")
    error(post(s, at + "/explain", accept="text/html"), 406, "not_acceptable")
    for path in ("/strip", "/input", "/explain", "/layers/conv1/activations"):
        response = s.get(at + path)
        equal((response.status, "POST" in response.header("Allow")), (405, True), path)
    equal(t.start("--view-bytes", "0", t.suite.model("tiny")).get(at + "/layers/conv1/filters").status, 404, "switched off")


def test_view_that_is_too_large(t):
    """Hundreds of megabytes of floats, from a network of few weights."""
    b = make_model.Builder("wide", 3, 512, 512, 1)
    b.conv("conv1", 3, 256)
    path = os.path.join(t.folder, "wide")
    make_model.write(path, b.finish(256, 4), make_model.description("wide", 512, "RGB"), make_model.labels(4))
    server = t.start(path)
    at = "/models/wide/layers/conv1/activations"
    error(post(server, at, accept=FLOATS), 413, "answer_too_large", "choose some")
    equal(floats(good(post(server, at + "?channels=7", accept=FLOATS), "one")).shape, (1, 512, 512), "one of them")
    server.still_answers()


def test_view_queue_and_deadline(t):
    """Predictions go on beside views; more views than may wait are refused, and those that are late end."""
    server = t.start("--threads", "1", "--view-queue", "1", t.suite.model("slow"))
    target, results = "/models/slow/explain?method=occlusion", []
    threads = [threading.Thread(target=lambda: results.append(post(server, target))) for _ in range(6)]
    for thread in threads:
        thread.start()
    wait_until(lambda: server.metric("convd_view_requests") > 0 or results, 20 * t.suite.patience, "a view runs")
    for _ in range(3):
        equal(server.predict(photos.jpeg()).status, 200, "a prediction beside it")
    for thread in threads:
        thread.join()
    statuses = [r.status for r in results]
    equal(set(statuses) - {200, 503, 504}, set(), "other statuses")
    for r in results:
        if r.status == 503:
            check(r.header("Retry-After"), "Retry-After")
    late = post(server, target, headers=[("X-Request-Timeout-Ms", "1")])
    one_of(late.status, (504, 200), "one that is late")
    server.still_answers()


def test_view_client_leaves(t):
    server = t.start("--threads", "1", t.suite.model("slow"))
    for accept in (EVENTS, "image/png"):
        with server.connect() as connection:
            connection.send_request("POST", "/models/slow/explain?method=occlusion", photos.jpeg(), [("Accept", accept)])
            time.sleep(0.1)
    wait_until(lambda: server.metric("convd_view_requests") == 0, 60 * t.suite.patience, "nothing is computed for nobody")
    equal(post(server, "/models/slow/input").status, 200, "afterwards")


def test_view_of_a_changed_file(t):
    """What is open goes on being seen; a file that is not that of the served model is not shown in its place."""
    path = os.path.join(t.folder, "changing")
    shutil.copytree(t.suite.model("tiny"), path)
    server = t.start("changing=" + path)
    shutil.copy(os.path.join(t.suite.model("gray"), "model.onnx"), os.path.join(path, "new"))
    os.rename(os.path.join(path, "new"), os.path.join(path, "model.onnx"))
    error(post(server, "/models/changing/strip"), 409, "model_changed", "changed")
    equal(server.predict(photos.jpeg()).status, 200, "predictions")


def test_view_drain(t):
    """A view that was accepted is finished."""
    server = t.start("--threads", "1", t.suite.model("slow"))
    results = []
    thread = threading.Thread(target=lambda: results.append(post(server, "/models/slow/strip")))
    thread.start()
    wait_until(lambda: server.metric("convd_view_requests") > 0 or results, 20 * t.suite.patience, "it is accepted")
    server.stop(signal.SIGTERM)
    thread.join()
    equal([r.status for r in results], [200], "its answer")
