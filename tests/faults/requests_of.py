"""A request of each kind, for servers with the model `tiny` and the repository of make_repository()."""
import base64
import dataclasses
import gzip
import json
import os

import http_client
import make_model
import numpy as np
import oip_client
import photos


@dataclasses.dataclass
class Request:
    name: str
    target: str
    body: bytes = None
    method: str = "POST"
    headers: tuple = ()
    good: tuple = (200,)
    most: int = None  # that are tried: it takes a while


PLAIN = Request("predict", "/predict?model=tiny", photos.jpeg())


def make_repository(suite):
    root = os.path.join(suite.folder, "repository")
    builder = make_model.Builder("net", 3, 16, 16, 1)
    builder.conv("conv", 3, 4, stride=2)
    builder.add("Relu", "relu")
    make_model.write(os.path.join(root, "net"), builder.finish(4, 10), make_model.description("net", 16, "RGB"),
                     make_model.labels(10))
    return root


def get(name, target, **more):
    return Request(name, target, method="GET", **more)


def view(name, target, accept):
    return Request(name, target, photos.jpeg(), headers=(("Accept", accept),))


def kinds():
    picture = photos.jpeg(seed=2)
    form, form_type = http_client.multipart([("image", "a.jpg", "image/jpeg", picture), ("top", None, None, b"3")])
    values = np.random.default_rng(1).uniform(-1, 1, (1, 3, 32, 32)).astype(np.float32)
    encoded = json.dumps({"instances": [{"b64": base64.b64encode(picture).decode()}]}).encode()

    def infer(name, inputs, outputs=None, **more):
        body, headers = oip_client.request(inputs, outputs, **more)
        return Request(name, "/v2/models/tiny/infer", body, headers=tuple((k, str(v)) for k, v in headers))

    at = "/models/tiny"
    return [
        PLAIN,
        Request("png", "/predict?model=tiny&top=10", photos.png()),
        Request("form", "/predict", form, headers=(("Content-Type", form_type),)),
        Request("gzip", "/predict?model=tiny", gzip.compress(picture), headers=(("Content-Encoding", "gzip"),)),
        Request("put", "/predict/photo.jpg?model=tiny", picture, method="PUT"),
        Request("v1", "/v1/models/tiny:predict", encoded),
        infer("v2 json", [oip_client.tensor("picture", values, binary=False)], request_id="one"),
        infer("v2 binary", [oip_client.tensor("picture", values)]),
        infer("v2 pictures", [oip_client.pictures("picture", [picture, photos.png()])],
              [oip_client.requested_output("classifier_out", classes=3)]),
        get("page", "/"),
        get("docs", "/docs", headers=(("Accept-Encoding", "gzip"), ("Accept-Language", "fr"))),
        get("openapi", "/openapi.json"),
        get("health", "/health"),
        get("metrics", "/metrics"),
        get("trace", "/debug/trace?seconds=1", most=5),
        get("models", "/models"),
        get("model", at),
        get("layers", at + "/layers"),
        get("layers csv", at + "/layers", headers=(("Accept", "text/csv"),)),
        get("layer", at + "/layers/conv1"),
        get("filters", at + "/layers/conv1/filters"),
        get("filters png", at + "/layers/conv1/filters.png"),
        view("activations", at + "/layers/conv1/activations", "image/png"),
        view("activations json", at + "/layers/conv1/activations?strongest=2", "application/json"),
        view("activations floats", at + "/layers/conv1/activations", "application/octet-stream"),
        view("input", at + "/input", "image/png"),
        view("strip", at + "/strip", "image/png"),
        view("explain", at + "/explain", "image/png"),
        view("explain json", at + "/explain?method=occlusion", "application/json"),
        view("explain events", at + "/explain?method=occlusion", "text/event-stream"),
        get("v2 server", "/v2"),
        get("v2 model", "/v2/models/tiny"),
        get("v2 config", "/v2/models/tiny/config"),
        get("v2 statistics", "/v2/models/stats"),
        Request("v2 index", "/v2/repository/index", b"{}"),
        Request("v2 load", "/v2/repository/models/net/load", b"{}", good=(200, 400)),
        Request("v2 unload", "/v2/repository/models/net/unload", b"{}", good=(200, 400)),
        Request("no picture", "/predict", b"no picture at all", good=(400, 415)),
        Request("cut off", "/predict", picture[:len(picture) // 2], good=(400, 422)),
        Request("bad json", "/v2/models/tiny/infer", b'{"inputs":[', good=(400,)),
        get("unknown", "/nowhere", good=(404,)),
        Request("wrong method", "/health", method="DELETE", good=(405,)),
        Request("head", "/health", method="HEAD"),
    ]
