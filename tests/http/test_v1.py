"""Version 1 of the protocol: what KServe's V1 clients send."""
import base64
import json

import numpy as np
import photos
from harness import check, equal
from test_oip import numbers, reference, softmax

PREDICT = "/v1/models/tiny:predict"


def post(t, body, path=PREDICT):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return t.server.fetch("POST", path, body)


def predictions(t, body, path=PREDICT):
    response = post(t, body, path)
    equal(response.status, 200, f"status; {response}")
    return np.array(response.json()["predictions"], np.float32)


def refused(t, body, status=400, says=None, path=PREDICT):
    response = post(t, body, path)
    equal(response.status, status, f"{str(body)[:200]}: {response}")
    error = response.json()["error"]
    check(isinstance(error, str) and error and "\n" not in error, f"error: {error}")
    check(says is None or says in error, f"{error} does not say '{says}'")


def encoded(file):
    return {"b64": base64.b64encode(file).decode()}


def test_v1_models(t):
    equal(t.server.get("/v1/models").json(), {"models": ["tiny", "gray"]}, "models")
    equal(t.server.get("/v1/models/tiny").json(), {"name": "tiny", "ready": True}, "model")
    reply = t.server.get("/v1/models/nobody")
    equal(reply.status, 404, "unknown")
    check(isinstance(reply.json()["error"], str), f"{reply}")


def test_v1_tensors(t):
    x = numbers(3)
    want = reference(t, "tiny", x)
    for path in (PREDICT, "/v1/models/tiny%3Apredict", "/v1/models/tiny%3apredict/", "/v1/models/%74iny:pr%65dict"):
        got = predictions(t, {"instances": x.tolist(), "signature_name": "ignored"}, path)
        equal(got.shape, (3, 10), "shape")
        check(np.abs(got - want).max() < 1e-3, f"{got} is not {want}")
    flat = predictions(t, {"instances": [x[0].flatten().tolist()]})
    check(np.abs(flat - want[:1]).max() < 1e-3, "a flat instance")


def test_v1_pictures(t):
    files = [photos.jpeg(seed=4), photos.png(seed=5)]
    want = [t.server.predict(f).json()["predictions"][0] for f in files]
    for instances in ([encoded(f) for f in files], [{"picture": encoded(f)} for f in files]):
        for scores, best in zip(predictions(t, {"instances": instances}), want):
            equal(int(np.argmax(scores)), best["class"], "best class")
            check(abs(softmax(scores).max() - best["probability"]) < 1e-4, "its probability")


def test_v1_refused(t):
    x = numbers()[0].tolist()
    good = encoded(photos.jpeg())
    for body in (b"", b"{", b"[]", {}, {"instances": []}, {"instances": {}}, {"instances": [1]}, {"instances": [[]]},
                 {"instances": [[1, 2]]}, {"instances": [x, good]}, {"instances": [good, x]},
                 {"instances": [{"b64": "!"}]}, {"instances": [{"b64": 1}]}, {"instances": [{}]},
                 {"instances": [[1]] * 300}, {"instances": [["a"]]}, {"inputs": x},
                 b'{"instances":[' + b"[" * 1000 + b"]" * 1000 + b"]}", {"instances": [{"a": {"a": {"b64": ""}}}]}):
        refused(t, body)
    refused(t, {"instances": [good, encoded(photos.jpeg()[:200])]}, says="instance 1")
    refused(t, {"instances": [good, encoded(b"")]}, says="instance 1")
    refused(t, {"instances": [x]}, 404, path="/v1/models/nobody:predict")
    refused(t, {"instances": [x]}, 405, path="/v1/models/tiny")
    refused(t, {"instances": [x]}, 405, path="/v1/models/tiny:explain")
    refused(t, {"instances": [x]}, 405, path="/v1/models/:predict")
    equal(t.server.fetch("GET", PREDICT).status, 405, "GET")
    t.server.still_answers()
