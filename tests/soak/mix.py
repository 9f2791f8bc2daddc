"""What the soak sends: requests to every endpoint, good and bad, and what each must get."""
import base64
import gzip
import json
import re
import zlib

import numpy as np
import oip_client
import photos
from http_client import multipart

MODEL = "tiny"  # of tests/http/make_model.py, beside the model under test
SPARE = "spare"  # of the repository; loaded and unloaded all the time
INPUT, OUTPUT, SIDE = "picture", "classifier_out", 32
CLOSED = 0  # in the place of a status: closed without an answer


class Kind:
    """One exchange: bytes that go over the wire and what is done with the answers.

    weight: how often, beside the others; statuses: any of them, the first one is the usual; answers: to so many
    requests; contains: what the body with the first status has; learn: a pattern, its match in the first answer is
    what all must contain; flags, cut, leave: see kinds.h.
    """

    def __init__(self, name, data, statuses=200, weight=1.0, answers=1, contains=b"", learn=None, flags="", cut=-1,
                 leave=-1):
        self.name, self.data, self.weight, self.answers = name, data, weight, answers
        self.statuses = (statuses,) if isinstance(statuses, int) else statuses
        self.contains, self.learn, self.flags, self.cut, self.leave = contains, learn, flags, cut, leave

    def encoded(self):
        head = (f"{self.name} {self.weight} {self.answers} {','.join(map(str, self.statuses))} {self.flags or '-'} "
                f"{self.cut} {self.leave} {len(self.data)} {len(self.contains)}\n")
        return head.encode() + self.data + self.contains + b"\n"


def request(method, target, body=None, *headers, length=None):
    """`length`: a Content-Length that may not be the body's; `headers` are whole lines."""
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *headers]
    if body is not None or length is not None:
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


def chunked(target, body, pieces=5, *headers):
    size = -(-len(body) // pieces)
    data = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (body[i:i + size] for i in range(0, len(body), size)))
    return request("POST", target, None, "Transfer-Encoding: chunked", *headers) + data + b"0\r\n\r\n"


def get_kinds(model):
    layer = "classifier"
    for target, weight, contains in (
            ("/", 2, b"<html"), ("/openapi.json", 1, b'"openapi"'), ("/health", 12, b'"status"'), ("/health/live", 12, b""),
            ("/health/ready", 12, b""), ("/metrics", 3, b"convd_"), ("/models", 3, b'"models"'),
            (f"/models/{model}", 3, b'"sha256"'), (f"/models/{MODEL}", 4, b'"sha256"'),
            (f"/models/{MODEL}:3", 2, b'"sha256"'), (f"/models/{model}/layers", 0.5, b'"totals"'),
            (f"/models/{MODEL}/layers", 3, b'"totals"'), (f"/models/{MODEL}/layers?format=text", 3, b"classifier"),
            (f"/models/{MODEL}/layers/{layer}", 3, b'"Gemm"'), ("/v2", 3, b'"extensions"'),
            ("/v2/health/live", 8, b"true"), ("/v2/health/ready", 8, b"true"), ("/v2/models", 3, b'"models"'),
            ("/v2/models/stats", 2, b'"model_stats"'), (f"/v2/models/{MODEL}", 3, b'"platform"'),
            (f"/v2/models/{MODEL}/ready", 4, b'"ready"'), (f"/v2/models/{MODEL}/config", 2, b'"max_batch_size"'),
            (f"/v2/models/{MODEL}/stats", 2, b'"model_stats"'), (f"/v2/models/{MODEL}/versions/3", 2, b'"platform"'),
            (f"/v2/models/{MODEL}/versions/3/ready", 2, b'"ready"'),
            (f"/v2/models/{MODEL}/versions/3/config", 2, b'"max_batch_size"'),
            (f"/v2/models/{MODEL}/versions/3/stats", 2, b'"model_stats"'), ("/v1/models", 2, b'"models"'),
            (f"/v1/models/{MODEL}", 2, b'"ready"'), ("/%68ealth/", 2, b'"status"')):
        yield Kind("GET" + target, request("GET", target), 200, weight, contains=contains)
    for target in ("/", "/health", "/metrics", f"/models/{MODEL}"):
        yield Kind("HEAD" + target, request("HEAD", target), flags="h")
    yield Kind("OPTIONS", request("OPTIONS", "/predict"), (200, 204))
    yield Kind("http-1.0", b"GET /health HTTP/1.0\r\n\r\n", flags="f")
    yield Kind("trace", request("GET", "/debug/trace?seconds=1"), (200, 409), 0.02)


def predict_kinds():
    small, big, png, top = photos.jpeg(64, 48), photos.jpeg(500, 375, 2), photos.png(64, 48), rb'"class": ?\d+'
    to_tiny = f"/predict?model={MODEL}"
    yield Kind("jpeg", request("POST", to_tiny, small), weight=8, learn=top)
    yield Kind("jpeg-put", request("PUT", to_tiny + "&top=2", small), weight=3, learn=top)
    yield Kind("jpeg-named", request("PUT", f"/predict/a%20photo.jpg?model={MODEL}", small), weight=2, learn=top)
    yield Kind("jpeg-big", request("POST", to_tiny, big), weight=2, learn=top)
    yield Kind("png", request("POST", to_tiny, png), weight=4, learn=top)
    yield Kind("jpeg-default", request("POST", "/predict", big, "X-Request-Id: soak"), weight=2, learn=top)
    yield Kind("jpeg-chunked", chunked(to_tiny, small), weight=2, learn=top)
    yield Kind("jpeg-expect", request("POST", to_tiny, small, "Expect: 100-continue"), learn=top)
    yield Kind("jpeg-wishes", request("POST", to_tiny, small, "X-Request-Priority: 1", "X-Request-Timeout-Ms: 30000"),
               learn=top)
    yield Kind("jpeg-late", request("POST", "/predict", big, "X-Request-Timeout-Ms: 1"), (504, 503, 200))
    for n, files in (("1", [small]), ("4", [small, png, b"no picture", small]), ("0", [])):
        body, kind = multipart([("image", f"{i}.jpg", "image/jpeg", f) for i, f in enumerate(files)])
        yield Kind("form-" + n, request("POST", to_tiny, body, "Content-Type: " + kind), 200 if files else 400, 2,
                   learn=top if files else None)
    body, kind = multipart([("image", "x.jpg", "image/jpeg", small)] * 40)
    yield Kind("form-too-many", request("POST", to_tiny, body, "Content-Type: " + kind), (400, 413), flags="f")
    yield Kind("form-cut", request("POST", to_tiny, body[:len(body) // 2], "Content-Type: " + kind), (400, 413),
               flags="f")
    yield Kind("gzip", request("POST", to_tiny, gzip.compress(small, mtime=0), "Content-Encoding: gzip"), weight=3,
               learn=top)
    yield Kind("deflate", request("POST", to_tiny, zlib.compress(png), "Content-Encoding: deflate"), weight=3, learn=top)
    yield Kind("gzip-cut", request("POST", to_tiny, gzip.compress(small, mtime=0)[:-9], "Content-Encoding: gzip"), 400)
    yield Kind("gzip-none", request("POST", to_tiny, small, "Content-Encoding: gzip"), (400, CLOSED), flags="f")
    yield Kind("gzip-bomb", request("POST", to_tiny, gzip.compress(bytes(40 << 20), mtime=0), "Content-Encoding: gzip"),
               (413, CLOSED), 0.05, flags="f")
    yield Kind("brotli", request("POST", to_tiny, small, "Content-Encoding: br"), 415)


def picture_kinds():
    """Bodies that are no good picture."""
    small, png = photos.jpeg(64, 48), photos.png(64, 48)
    for name, body, statuses in (
            ("jpeg-cut", small[:700], 422), ("png-cut", png[:len(png) // 2], 422), ("empty", b"", 400),
            ("text", b"no picture" * 20, 415), ("gif", photos.gif(), 415), ("jpeg-head", photos.jpeg_header(60000, 60000), 422),
            ("png-too-large", photos.png_of(30000, 30000, 1, 0, zlib.compress(bytes(3751 * 8))), 422),
            ("png-short", photos.png_of(64, 64, 8, 2, zlib.compress(bytes(100))), 422)):
        yield Kind("bad-" + name, request("POST", f"/predict?model={MODEL}", body), statuses, 1.5)
    for seed in range(12):
        yield Kind(f"bad-bits-{seed}", request("POST", f"/predict?model={MODEL}", photos.flipped(small, seed)),
                   (200, 422), 0.3)
        yield Kind(f"bad-png-bits-{seed}", request("POST", f"/predict?model={MODEL}", photos.flipped(png, seed)),
                   (200, 422), 0.3)


def infer_kinds():
    small = photos.jpeg(64, 48)
    x = np.random.default_rng(1).normal(0, 1, (3, 3, SIDE, SIDE)).astype(np.float32)
    target = f"/v2/models/{MODEL}/infer"

    def infer(name, inputs, outputs=None, statuses=200, weight=2.0, at=target, **more):
        body, headers = oip_client.request(inputs, outputs)
        return Kind(name, request("POST", at, body, *(f"{n}: {v}" for n, v in headers)), statuses, weight, **more)

    yield infer("v2-json", [oip_client.tensor(INPUT, x[:1], False)], [oip_client.requested_output(OUTPUT, False)],
                learn=rb'"data": ?\[-?\d+\.\d\d')
    yield infer("v2-json-3", [oip_client.tensor(INPUT, x, False)], weight=1)
    yield infer("v2-binary", [oip_client.tensor(INPUT, x[:1])], weight=5)
    yield infer("v2-binary-3", [oip_client.tensor(INPUT, x)], weight=3)
    yield infer("v2-version", [oip_client.tensor(INPUT, x[:1])], at=f"/v2/models/{MODEL}/versions/3/infer")
    yield infer("v2-classes", [oip_client.tensor(INPUT, x[:1])], [oip_client.requested_output(OUTPUT, False, 3)])
    yield infer("v2-pictures", [oip_client.pictures(INPUT, [small, photos.png(64, 48)])],
                [oip_client.requested_output(OUTPUT, False, 3)])
    yield infer("v2-bad-picture", [oip_client.pictures(INPUT, [small, b"none"])], statuses=(400, 415, 422))
    yield infer("v2-bad-name", [oip_client.tensor("nothing", x[:1])], statuses=400)
    yield infer("v2-bad-shape", [oip_client.tensor(INPUT, x[:, :2])], statuses=400)
    yield infer("v2-no-model", [oip_client.tensor(INPUT, x[:1])], statuses=404, at="/v2/models/nobody/infer")
    good = json.dumps({"inputs": [oip_client.tensor(INPUT, x[:1], False)[0]]}).encode()
    for name, body in (("cut", good[:3000]), ("deep", b'{"inputs":' + b"[" * 20000), ("empty", b""), ("list", b"[]"),
                       ("nan", re.sub(rb'"data": \[', b'"data": [NaN, ', good)), ("bits", photos.flipped(good, 3, 40))):
        yield Kind("v2-bad-json-" + name, request("POST", target, body), 400)
    yield Kind("v2-bad-header", request("POST", target, good, "Inference-Header-Content-Length: 999999999"), 400)
    yield Kind("v2-gzip", request("POST", target, gzip.compress(good, mtime=0), "Content-Encoding: gzip"))
    v1, picture = f"/v1/models/{MODEL}:predict", {"b64": base64.b64encode(small).decode()}
    yield Kind("v1-pictures", request("POST", v1, json.dumps({"instances": [picture, picture]}).encode()), weight=2,
               contains=b'"predictions"')
    yield Kind("v1-numbers", request("POST", v1, json.dumps({"instances": x[:1].tolist()}).encode()), weight=2,
               contains=b'"predictions"')
    yield Kind("v1-bad", request("POST", v1, b'{"instances": [1, [2]]}'), 400)
    yield Kind("v1-no-model", request("POST", "/v1/models/nobody:predict", b'{"instances": [1]}'), 404)


def repository_kinds():
    at = "/v2/repository"
    yield Kind("index", request("POST", at + "/index", b"{}"), weight=1, contains=SPARE.encode())
    yield Kind("load", request("POST", f"{at}/models/{SPARE}/load", b""), (200, 400, 409, 503), 0.2)
    yield Kind("unload", request("POST", f"{at}/models/{SPARE}/unload", b""), (200, 400, 409, 503), 0.1)
    yield Kind("load-nobody", request("POST", at + "/models/nobody/load", b""), (400, 404))
    yield Kind("bad-unload", request("POST", f"{at}/models/{SPARE}/unload", b"[]"), 400)
    yield Kind("spare", request("POST", f"/predict?model={SPARE}", photos.jpeg(64, 48)), (200, 404, 503), 2)
    yield Kind("spare-ready", request("GET", f"/v2/models/{SPARE}/ready"), (200, 400, 404, 503))


def http_kinds():
    """Requests that no well-meant client sends."""
    small = photos.jpeg(64, 48)
    yield Kind("no-path", request("GET", "/nothing/here"), 404, 3)
    yield Kind("no-model", request("GET", "/models/nobody"), 404, 2)
    yield Kind("no-layer", request("GET", f"/models/{MODEL}/layers/nobody"), 404, 2)
    yield Kind("predict-nobody", request("POST", "/predict?model=nobody", small), 404)
    yield Kind("no-such-query", request("GET", "/models?x=1"), 400, 2)
    yield Kind("bad-top", request("POST", "/predict?top=-1", small), 400)
    yield Kind("bad-escape", request("GET", "/models/%zz"), 400)
    for method, target in (("GET", "/predict"), ("POST", "/metrics"), ("DELETE", "/models"), ("BREW", "/"),
                           ("PATCH", f"/v2/models/{MODEL}")):
        yield Kind(f"{method}{target}", request(method, target, b"" if method == "POST" else None), 405, 1.5)
    yield Kind("body-after-get", request("GET", "/health", b"GET /metrics HTTP/1.1\r\n\r\n"), 200)
    yield Kind("too-large", request("POST", "/predict", length=21 << 20), 413, 2, flags="f")
    yield Kind("too-large-sent", request("POST", "/predict", bytes(1 << 20), length=64 << 20), 413, 0.2, flags="f")
    yield Kind("too-large-refused", request("POST", "/nothing", bytes(200000)), 404, 0.5, flags="f")
    yield Kind("long-header", request("GET", "/health", None, "X: " + "y" * 40000), 431, 0.5, flags="f")
    yield Kind("many-headers", request("GET", "/health", None, *["X-A: b"] * 5000), 431, 0.5, flags="f")
    yield Kind("long-target", request("GET", "/" + "a" * 40000), (414, 431), 0.5, flags="f")
    yield Kind("long-path", request("GET", "/models/" + "a" * 9000), (404, 431))
    # libmicrohttpd refuses a wrong Content-Length by itself, and sends that answer's header twice: it is not read.
    for i, lines in enumerate((["Content-Length: -1"], ["Content-Length: x"], ["Content-Length: 5", "Content-Length: 6"],
                               ["Transfer-Encoding: chunked", "Content-Length: 5"], ["Content-Length: " + "9" * 400])):
        yield Kind(f"bad-length-{i}", request("POST", "/predict", None, *lines) + b"hello", (400, 413, CLOSED), flags="f",
                   leave=20)
    yield Kind("bad-chunk", request("POST", "/predict", None, "Transfer-Encoding: chunked") + b"zz\r\nhello\r\n0\r\n\r\n",
               (400, CLOSED), flags="fs")
    yield Kind("bad-encoding", request("POST", "/predict", None, "Transfer-Encoding: gzip"), (400, 411, 501, CLOSED),
               flags="fs")
    for i, data in enumerate((b"hello\r\n\r\n", b"\0" * 4096, b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" * 20, b"GET\r\n\r\n",
                              b"GET /health HTTP/9.9\r\nHost: a\r\n\r\n", b"GET /health HTTP/1.1\r\nno colon\r\n\r\n",
                              b"\xff\xfe\xfd" * 100 + b"\r\n\r\n", b"GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n")):
        yield Kind(f"garbage-{i}", data, (400, 404, 405, 200, 501, 505, CLOSED), 0.5, flags="fs")


def client_kinds():
    """Clients that send much at once, and those that leave."""
    small, big = photos.jpeg(64, 48), photos.jpeg(500, 375, 2)
    post, health = request("POST", f"/predict?model={MODEL}", small), request("GET", "/health")
    yield Kind("pipeline-gets", request("GET", "/health/live") * 16, answers=16, weight=4)
    yield Kind("pipeline-posts", (post + health) * 4, answers=8)
    yield Kind("pipeline-bad", health + request("GET", "/nothing") + health, (200, 404), answers=3)
    yield Kind("pipeline-large", request("GET", "/openapi.json") * 12, answers=12, weight=0.2)
    yield Kind("cut-line", health, CLOSED, flags="f", cut=9)
    yield Kind("cut-header", health, CLOSED, flags="f", cut=len(health) - 3)
    yield Kind("cut-body", post, CLOSED, 2, flags="f", cut=len(post) // 2)
    yield Kind("cut-body-reset", post, CLOSED, 2, flags="fr", cut=len(post) - 20)
    yield Kind("cut-form", request("POST", "/predict", big, "Content-Type: multipart/form-data; boundary=x"), CLOSED,
               flags="fr", cut=9000)
    yield Kind("cut-gzip", request("POST", "/predict", gzip.compress(big, mtime=0), "Content-Encoding: gzip"), CLOSED,
               flags="fr", cut=9000)
    yield Kind("cut-chunk", chunked("/predict", big), CLOSED, flags="f", cut=9000)
    yield Kind("half-closed", post[:-20], (400, 408, CLOSED), flags="fs")
    yield Kind("leave", post, CLOSED, 2, flags="f", leave=0)
    yield Kind("leave-work", request("POST", "/predict", big), CLOSED, flags="fr", leave=0)
    yield Kind("leave-answer", request("GET", "/openapi.json") * 50, CLOSED, 0.2, answers=50, flags="f", leave=1000)
    yield Kind("leave-answer-reset", request("GET", "/openapi.json") * 50, CLOSED, 0.2, answers=50, flags="fr", leave=1)
    yield Kind("leave-load", request("POST", f"/v2/repository/models/{SPARE}/load", b""), CLOSED, 0.05, flags="f", leave=0)
    yield Kind("leave-trace", request("GET", "/debug/trace?seconds=1"), CLOSED, 0.02, flags="f", leave=0)


def view_kinds():
    """Looks into the network; a few of them, as the queue for them is short: 503 is an answer."""
    small, at = photos.jpeg(64, 48), f"/models/{MODEL}"
    for name, target, contains in (
            ("activations", "/layers/conv1/activations", b"\x89PNG"), ("input", "/input", b"\x89PNG"),
            ("strip", "/strip?width=24", b"\x89PNG"), ("explain", "/explain", b"\x89PNG"),
            ("occlusion", "/explain?method=occlusion", b"\x89PNG")):
        yield Kind("view-" + name, request("POST", at + target, small), (200, 503), 0.3, contains=contains)
    for accept in ("application/json", "application/octet-stream"):
        yield Kind("view-" + accept[12:], request("POST", at + "/layers/conv1/activations", small, f"Accept: {accept}"),
                   (200, 503), 0.3)
    yield Kind("view-leave", request("POST", at + "/explain?method=occlusion", small, "Accept: text/event-stream"), CLOSED,
               0.2, flags="fr", leave=0)
    yield Kind("view-filters", request("GET", at + "/layers/conv1/filters"), (200, 503), 0.5)
    yield Kind("view-filters-png", request("GET", at + "/layers/conv1/filters.png"), (200, 503), 0.5, contains=b"\x89PNG")
    yield Kind("view-no-layer", request("POST", at + "/layers/nobody/activations", small), 404, 0.5)
    yield Kind("view-no-filters", request("GET", at + "/layers/classifier/filters"), (400, 503), 0.5)
    yield Kind("view-bad-picture", request("POST", at + "/strip", b"none"), (415, 503), 0.3)
    yield Kind("view-bad-query", request("POST", at + "/strip?width=0", small), (400, 503), 0.3)


def all_kinds(model):
    for part in (get_kinds(model), view_kinds(), predict_kinds(), picture_kinds(), infer_kinds(), repository_kinds(), http_kinds(),
                 client_kinds()):
        yield from part


def write(path, kinds):
    with open(path, "wb") as f:
        f.write(b"%d\n" % len(kinds) + b"".join(kind.encoded() for kind in kinds))


def learn(kinds, fetch):
    """fetch(data): the body that a request gets when there is nothing else to do."""
    for kind in kinds:
        if kind.learn:
            body = fetch(kind.data)
            match = re.search(kind.learn, body)
            if not match:
                raise ValueError(f"{kind.name}: {body[:300]!r}")
            kind.contains = match[0]
