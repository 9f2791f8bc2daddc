"""POST /predict: pictures in, class probabilities out."""
import math
import re
import subprocess

import photos
from harness import check, equal, one_of
from http_client import multipart
from PIL import Image


def check_prediction(reply, top, classes=10):
    """What every answer promises, whatever the picture."""
    rows = reply["predictions"]
    equal(len(rows), min(top, classes), "number of predictions")
    chances = [row["probability"] for row in rows]
    check(all(math.isfinite(p) and 0 <= p <= 1 for p in chances), f"not probabilities: {chances}")
    equal(chances, sorted(chances, reverse=True), "order of the probabilities")
    equal(len({row["class"] for row in rows}), len(rows), "different classes")
    check(all(0 <= row["class"] < classes for row in rows), f"class out of range: {rows}")
    if top >= classes:
        check(abs(sum(chances) - 1) < 1e-4, f"probabilities sum to {sum(chances)}")
    times = reply["timing_ms"]
    equal(set(times), {"decode", "queue", "inference", "total"}, "timing_ms")
    check(all(t >= 0 for t in times.values()), f"negative time: {times}")
    check(times["total"] >= times["inference"], f"total below inference: {times}")
    check(reply["batch"] >= 1, f"batch {reply['batch']}")


def predict(t, body, query="", headers=()):
    response = t.server.predict(body, query, headers)
    equal(response.status, 200, f"status; {response}")
    return response.json()


def test_jpeg_by_post(t):
    reply = predict(t, photos.jpeg())
    check_prediction(reply, 5)
    equal(reply["image"], {"format": "jpeg", "width": 160, "height": 120}, "image")
    equal(reply["model"]["name"], "tiny", "model")
    equal(reply["model"]["version"], "3", "version")
    check(re.fullmatch("[0-9a-f]{64}", reply["model"]["sha256"]), "sha256")
    for row in reply["predictions"]:
        equal(row["label"], f"kind {row['class']}", "label")


def test_png_by_post(t):
    reply = predict(t, photos.png())
    check_prediction(reply, 5)
    equal(reply["image"], {"format": "png", "width": 160, "height": 120}, "image")


def test_content_type_does_not_matter(t):
    want = predict(t, photos.jpeg())["predictions"]
    for kind in ("application/x-www-form-urlencoded", "image/png", "text/plain", "nonsense", ""):
        equal(predict(t, photos.jpeg(), headers=[("Content-Type", kind)])["predictions"], want, kind)


def test_put_with_curl(t):
    photo = t.write("photo.jpg", photos.jpeg())
    for target in ("/predict", "/predict/", "/predict?top=3"):
        done = subprocess.run([t.suite.tool("curl"), "-sS", "-f", "-T", photo, "-w", "\n%{http_code}",
                               f"http://127.0.0.1:{t.server.port}{target}"], capture_output=True, timeout=60)
        equal(done.returncode, 0, f"curl -T to {target}: {done.stderr.decode()} {done.stdout.decode()}")
        equal(done.stdout.split(b"\n")[-1], b"200", f"status of {target}")


def test_form_with_curl(t):
    photo = t.write("photo.jpg", photos.jpeg())
    done = subprocess.run([t.suite.tool("curl"), "-sS", "-f", "-F", f"image=@{photo}",
                           f"http://127.0.0.1:{t.server.port}/predict"], capture_output=True, timeout=60)
    equal(done.returncode, 0, f"curl -F: {done.stderr.decode()}")
    check(b'"predictions"' in done.stdout, f"no predictions: {done.stdout!r}")


def test_expect_100_continue(t):
    with t.server.connect() as connection:
        body = photos.jpeg()
        connection.send_request("POST", "/predict", None, [("Content-Length", len(body)),
                                                           ("Expect", "100-continue")])
        equal(connection.read_head()[0], 100, "interim answer")
        connection.send(body)
        equal(connection.read_response("POST").status, 200, "status")


def test_chunked_body(t):
    body = photos.jpeg()
    with t.server.connect() as connection:
        connection.send_request("POST", "/predict", None, [("Transfer-Encoding", "chunked")])
        for at in range(0, len(body), 700):
            part = body[at:at + 700]
            connection.send(b"%x\r\n%s\r\n" % (len(part), part))
        connection.send(b"0\r\n\r\n")
        response = connection.read_response("POST")
    equal(response.status, 200, f"status; {response}")
    equal(response.json()["predictions"], predict(t, body)["predictions"], "the same answer")


def test_multipart_one_file(t):
    want = predict(t, photos.jpeg())["predictions"]
    body, kind = multipart([("image", "a.jpg", "image/jpeg", photos.jpeg())])
    reply = predict(t, body, headers=[("Content-Type", kind)])
    reply = reply["results"][0] if "results" in reply else reply
    check_prediction(reply, 5)
    equal(reply["predictions"], want, "the same answer as for the raw body")


def test_multipart_other_fields_are_no_pictures(t):
    body, kind = multipart([("note", None, None, b"hello"), ("image", "a.jpg", "image/jpeg", photos.jpeg()),
                            ("empty", "", "application/octet-stream", b"")])
    reply = predict(t, body, headers=[("Content-Type", kind)])
    equal(len(reply.get("results", [reply])), 1, "number of results")


def test_multipart_several_files(t):
    pictures = [photos.jpeg(seed=1), photos.png(seed=2), photos.jpeg(seed=3, width=80)]
    body, kind = multipart([("image", f"{i}", None, p) for i, p in enumerate(pictures)])
    results = predict(t, body, "?top=10", [("Content-Type", kind)])["results"]
    equal(len(results), 3, "number of results")
    for picture, result in zip(pictures, results):
        check_prediction(result, 10)
        alone = predict(t, picture, "?top=10")["predictions"]
        equal([r["class"] for r in result["predictions"]], [r["class"] for r in alone], "order of the classes")
        for a, b in zip(result["predictions"], alone):
            check(abs(a["probability"] - b["probability"]) < 1e-5, f"a batch changes the answer: {a} {b}")


def test_multipart_one_bad_among_good(t):
    pictures = [photos.jpeg(seed=1), b"not a picture", photos.jpeg(seed=2)[:900], photos.png(seed=3)]
    body, kind = multipart([("image", f"{i}.jpg", "image/jpeg", p) for i, p in enumerate(pictures)])
    results = predict(t, body, headers=[("Content-Type", kind)])["results"]
    equal(len(results), 4, "number of results")
    for i in (0, 3):
        check_prediction(results[i], 5)
    for i in (1, 2):
        error = results[i].get("error")
        check(error and error["code"] and error["message"], f"result {i} is no error: {results[i]}")
    check(results[1]["error"]["code"] != results[2]["error"]["code"], "no picture and a broken one differ")


def test_top(t):
    for top in (1, 3, 10):
        check_prediction(predict(t, photos.jpeg(), f"?top={top}"), top)
    best = predict(t, photos.jpeg(), "?top=1")["predictions"][0]
    equal(predict(t, photos.jpeg(), "?top=10")["predictions"][0], best, "the best of 1 and of 10")


def test_top_out_of_range(t):
    for top in ("0", "-1", "x", "", "1.5", "1e9", "99999999999999999999", "+3", "%203", "0x3"):
        response = t.server.predict(photos.jpeg(), f"?top={top}")
        equal(response.status, 400, f"top={top}")
        check("top" in response.json()["error"]["message"], f"the message does not name it: {response}")


def test_top_above_classes(t):
    response = t.server.predict(photos.jpeg(), "?top=1000000000")
    one_of(response.status, (200, 400), "status")
    if response.status == 200:
        check_prediction(response.json(), 10)


def test_model_by_query(t):
    reply = predict(t, photos.jpeg(), "?model=gray&top=7")
    equal(reply["model"]["name"], "gray", "model")
    check_prediction(reply, 7, classes=7)
    equal(predict(t, photos.jpeg(), "?top=2&model=tiny")["model"]["name"], "tiny", "model")


def test_unknown_model(t):
    for name in ("nothing", "", "tin", "TINY", "..%2Ftiny", "%F0%9F%90%88"):
        response = t.server.predict(photos.jpeg(), f"?model={name}")
        one_of(response.status, (400, 404) if not name else (404,), f"model={name}")


def test_unknown_query(t):
    for query in ("?topp=3", "?top=3&x=1", "?=", "?top=3&top=4", "?%00", "?top=%", "?top=%zz"):
        equal(t.server.predict(photos.jpeg(), query).status, 400, query)


def test_server_timing(t):
    response = t.server.predict(photos.jpeg())
    value = response.header("Server-Timing") or ""
    seen = dict(re.findall(r"(\w+);dur=([0-9.]+)", value))
    times = response.json()["timing_ms"]
    equal(set(seen), set(times), f"Server-Timing: {value}")
    for name, ms in seen.items():
        # The total goes on until the header is written.
        off = 5 * t.suite.patience if name == "total" else 0.051
        check(abs(float(ms) - times[name]) <= off, f"Server-Timing {name} is {ms}, JSON says {times[name]}")


def test_request_id_is_echoed(t):
    for method, target in (("GET", "/health"), ("GET", "/nothing"), ("POST", "/predict")):
        response = t.server.fetch(method, target, photos.jpeg() if method == "POST" else None,
                                  [("X-Request-Id", "abc-123_x.Y")])
        equal(response.header("X-Request-Id"), "abc-123_x.Y", f"id of {method} {target}")


def test_request_id_is_made(t):
    ids = {t.server.get("/health").header("X-Request-Id") for _ in range(20)}
    check(None not in ids and len(ids) == 20, f"ids: {ids}")
    for hostile in ("x" * 4000, "a b", '"><script>', "\x7f", "caf\xe9"):
        made = t.server.get("/health", [("X-Request-Id", hostile)]).header("X-Request-Id")
        check(made and re.fullmatch(r"[\x21-\x7e]{1,200}", made), f"id for {hostile[:20]!r}: {made!r}")


def test_orientation_and_alpha(t):
    upright = photos.picture(120, 90, 5)
    want = predict(t, photos.encode(upright, "PNG"), "?top=1")
    turned = photos.encode(upright.rotate(90, expand=True), "JPEG", quality=95,
                           exif=b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0")
    got = predict(t, turned, "?top=1")
    equal(got["image"], {"format": "jpeg", "width": 120, "height": 90}, "image as seen")
    equal(got["predictions"][0]["class"], want["predictions"][0]["class"], "class of the turned photo")
    alpha = upright.copy()
    alpha.putalpha(17)
    equal(predict(t, photos.encode(alpha, "PNG"), "?top=1")["predictions"], want["predictions"], "with alpha")


def test_odd_sizes(t):
    for width, height in ((1, 1), (1, 300), (300, 1), (31, 33), (2000, 3)):
        for body in (photos.jpeg(width, height), photos.png(width, height)):
            check_prediction(predict(t, body, "?top=10"), 10)


def test_gray_and_cmyk(t):
    for mode in ("L", "CMYK"):
        check_prediction(predict(t, photos.encode(photos.picture().convert(mode), "JPEG")), 5)
    for mode in ("1", "L", "P", "LA", "RGBA", "I;16"):
        image = photos.picture().convert("L").point(lambda v: v * 256, "I").convert("I;16") if mode == "I;16" \
            else photos.picture().convert(mode)
        check_prediction(predict(t, photos.encode(image, "PNG")), 5)


def test_picture_that_a_network_cannot_run(t):
    """A 500 that names the node, for that picture and not for those that ran beside it."""
    server = t.start(t.suite.model("fraction"), "--max-delay-us", "200000", "--threads", "1")
    black, white = (photos.encode(Image.new("L", (16, 16), level), "PNG") for level in (0, 255))
    response = server.predict(black)
    equal(response.status, 500, "status of a black picture")
    check("node 'quotient'" in response.json()["error"]["message"], response.body)
    body, kind = multipart([("image", f"{i}.png", None, black if i == 1 else white) for i in range(3)])
    results = server.predict(body, headers=[("Content-Type", kind)]).json()["results"]
    equal(["error" in r for r in results], [False, True, False], "which of three failed")
    equal(results[0]["batch"], 3, "pictures that ran together")


def test_answer_that_is_no_number(t):
    """A 500 for the picture that made it; not for its neighbours, and not a made-up probability."""
    server = t.start(t.suite.model("dark"))
    black, white = (photos.encode(Image.new("L", (16, 16), level), "PNG") for level in (0, 255))
    response = server.predict(black)
    equal(response.status, 500, "status of a black picture")
    check("not a finite number" in response.json()["error"]["message"], response.body)
    equal(server.predict(white).status, 200, "status of a white picture")
    body, kind = multipart([("image", "w.png", None, white), ("image", "b.png", None, black)])
    results = server.predict(body, headers=[("Content-Type", kind)]).json()["results"]
    equal(["error" in r for r in results], [False, True], "which of two failed")
    done = t.run("classify", "--model", t.suite.model("dark"), t.write("black.png", black))
    equal(done.returncode, 1, f"exit status of classify; {done.stdout}")
    check("not a finite number" in done.stderr, done.stderr)
