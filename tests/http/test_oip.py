"""The Open Inference Protocol, version 2: what tritonclient, Triton's image_client.py and KServe's SDK send."""
import base64
import functools
import io
import json
import os
import shutil
import struct

import numpy as np
import onnx
import photos
import reference as network
from harness import check, equal, one_of, wait_until
from http_client import Closed
from oip_client import HEADER, Result, pictures, request, requested_output, serialize_bytes, tensor
from PIL import Image

IN, OUT = "picture", "classifier_out"
INFER = "/v2/models/tiny/infer"


@functools.lru_cache(maxsize=None)
def numbers(n=1, side=32, channels=3, seed=1):
    return np.random.default_rng(seed).normal(0, 1, (n, channels, side, side)).astype(np.float32)


def reference(t, model, x):
    """What the network says, computed by somebody else."""
    return network.run(onnx.load(os.path.join(t.suite.model(model), "model.onnx")), x)


def near(got, want, what):
    equal(got.shape, want.shape, f"{what}: shape")
    check(np.abs(got - want).max() < 1e-3, f"{what}: {got} is not {want}")


def post(t, body, headers=(), path=INFER, server=None):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return (server or t.server).fetch("POST", path, body, headers)


def infer(t, body, headers=(), path=INFER, server=None):
    response = post(t, body, headers, path, server)
    equal(response.status, 200, f"status; {response}")
    return Result(response)


def refused(t, body, headers=(), status=400, says=None, path=INFER, server=None):
    response = post(t, body, headers, path, server)
    equal(response.status, status, f"{str(body)[:200]}: {response}")
    reply = response.json()
    equal(list(reply), ["error"], "members of an error")
    check(isinstance(reply["error"], str) and reply["error"] and "\n" not in reply["error"], f"error: {reply}")
    check(says is None or says in reply["error"], f"{reply} does not say '{says}'")


def plain(**changes):
    """A good request, with changes to its one input; None takes a member away."""
    entry = {"name": IN, "shape": [1, 3, 32, 32], "datatype": "FP32", "data": [0.5] * 3072}
    entry.update(changes)
    return {"inputs": [{k: v for k, v in entry.items() if v is not None}]}


# --- what is told of the server and its models ---------------------------------------------------

def test_v2_server(t):
    for path in ("/v2", "/v2/"):
        reply = t.server.get(path)
        equal(reply.status, 200, path)
        equal(reply.json()["name"], "convd", "name")
        check({"binary_tensor_data", "classification", "model_configuration",
               "statistics"} <= set(reply.json()["extensions"]), f"extensions: {reply}")
    equal(t.server.get("/v2/health/live").json(), {"live": True}, "live")
    equal(t.server.get("/v2/health/ready").json(), {"ready": True, "live": True}, "ready")
    equal(t.server.get("/v2/models").json(), {"models": ["tiny", "gray"]}, "models")


def test_v2_model(t):
    for path in ("/v2/models/tiny", "/v2/models/tiny/versions/3", "/v2/models/%74iny/"):
        equal(t.server.get(path).json(), {
            "name": "tiny", "versions": ["3"], "platform": "onnx_onnxv1",
            "inputs": [{"name": IN, "datatype": "FP32", "shape": [-1, 3, 32, 32]}],
            "outputs": [{"name": OUT, "datatype": "FP32", "shape": [-1, 10]}]}, path)
        equal(t.server.get(path.rstrip("/") + "/ready").json(), {"name": "tiny", "ready": True}, "ready")
    config = t.server.get("/v2/models/tiny/config").json()
    equal(config["max_batch_size"], 8, "max_batch_size")
    equal(config["input"], [{"name": IN, "data_type": "TYPE_FP32", "format": "FORMAT_NCHW", "dims": [3, 32, 32]}],
          "input")
    equal(config["output"], [{"name": OUT, "data_type": "TYPE_FP32", "dims": [10]}], "output")
    equal(t.server.get("/v2/models/tiny/versions/3/config").json(), config, "config of the version")


def test_v2_batch_of_one(t):
    server = t.start("--max-batch", "1", t.suite.model("tiny"))
    equal(server.get("/v2/models/tiny").json()["inputs"][0]["shape"], [1, 3, 32, 32], "shape")
    equal(server.get("/v2/models/tiny/config").json()["max_batch_size"], 1, "max_batch_size")
    result = infer(t, *request([tensor(IN, numbers(3))]), server=server)
    near(result.as_numpy(OUT), reference(t, "tiny", numbers(3)), "three runs of one")


def test_v2_no_model(t):
    alone = os.path.join(t.folder, "a/b/convd")
    os.makedirs(os.path.dirname(alone), exist_ok=True)
    shutil.copy(t.suite.convd, alone)
    server = t.start(ready=False, program=alone)
    reply = server.get("/v2/health/ready")
    equal((reply.status, reply.json()), (503, {"ready": False, "live": True}), "ready")
    equal(server.get("/v2/health/live").status, 200, "live")
    equal(server.get("/v2/models").json(), {"models": []}, "models")
    equal(server.get("/v2/models/stats").json(), {"model_stats": []}, "stats")
    refused(t, plain(), status=404, server=server)


def test_v2_unknown(t):
    for path in ("/v2/models/nobody", "/v2/models/tiny/versions/4", "/v2/models/nobody/ready", "/v2/nothing",
                 "/v2/models/nobody/config", "/v2/models/tiny/versions/1/stats", "/v2/models/nobody/stats"):
        reply = t.server.get(path)
        equal(reply.status, 404, path)
        check(isinstance(reply.json()["error"], str), f"{path}: {reply}")
    refused(t, plain(), status=404, path="/v2/models/nobody/infer")
    refused(t, plain(), status=404, path="/v2/models/tiny/versions/9/infer")


def test_v2_errors_of_the_http_layer(t):
    for method, path, status in (("GET", INFER, 405), ("PUT", INFER, 405), ("POST", "/v2", 405),
                                 ("DELETE", "/v2/models", 405), ("GET", "/v2/models/%zz", 400),
                                 ("GET", "/v2?a=%zz", 400), ("GET", "/v2x/y", 404)):
        reply = t.server.fetch(method, path)
        equal(reply.status, status, f"{method} {path}")
        equal(isinstance(reply.json()["error"], str), path != "/v2x/y", f"{method} {path}: {reply}")
    server = t.start("--max-body", "5000", t.suite.model("tiny"))
    refused(t, plain(), status=413, server=server)
    with server.connect() as connection:
        connection.send_request("POST", INFER, None, [("Transfer-Encoding", "chunked")])
        connection.send(b"2000\r\n" + b" " * 0x2000 + b"\r\n0\r\n\r\n")
        reply = connection.read_response("POST")
    equal(reply.status, 413, "chunked")
    check(isinstance(reply.json()["error"], str), f"{reply}")


# --- tensors ---------------------------------------------------------------------------------------

def test_v2_json_tensor(t):
    x = numbers(2)
    want = reference(t, "tiny", x)
    entry, _ = tensor(IN, x, binary=False)
    nested = dict(entry, data=x.tolist())
    odd = dict(entry, data=[x[0].tolist(), [x[1].flatten().tolist()]])
    for one in (entry, nested, odd):
        response = post(t, {"id": "42", "unknown": [{}], "inputs": [dict(one, unknown=None)]})
        equal(response.header("Content-Type"), "application/json", "Content-Type")
        equal(response.header(HEADER), None, HEADER)
        reply = response.json()
        equal((reply["model_name"], reply["model_version"], reply["id"]), ("tiny", "3", "42"), "names")
        equal(reply["outputs"][0]["datatype"], "FP32", "datatype")
        near(Result(response).as_numpy(OUT), want, "JSON")
    check("id" not in post(t, {"inputs": [entry]}).json(), "an id that nobody gave")
    nulls = {"id": None, "parameters": None, "outputs": None, "inputs": [dict(entry, parameters=None)]}
    near(infer(t, nulls).as_numpy(OUT), want, "null for what is not given")


def test_v2_order_of_members(t):
    """Data may come before the shape that it is for."""
    data = json.dumps([0.5] * 3072)
    text = f'{{"inputs":[{{"data":{data},"datatype":"FP32","shape":[1,3,32,32],"name":"{IN}"}}], "id" : "\\u00e9\\ud83d\\ude00"}}'
    result = infer(t, text.encode())
    equal(result.json["id"], "é😀", "id")
    near(result.as_numpy(OUT), reference(t, "tiny", np.full((1, 3, 32, 32), 0.5, np.float32)), "the same")


def test_v2_binary_tensor(t):
    x = numbers(3)
    want = reference(t, "tiny", x)
    for name in (HEADER, HEADER.lower()):
        body, headers = request([tensor(IN, x)], request_id="7")
        response = post(t, body, [(name, headers[0][1]), ("Content-Type", "application/x-www-form-urlencoded")])
        equal(response.header("Content-Type"), "application/octet-stream", "Content-Type")
        result = Result(response)
        equal(result.json["id"], "7", "id")
        equal(result.json["outputs"][0]["parameters"], {"binary_data_size": 3 * 10 * 4}, "parameters")
        near(result.as_numpy(OUT), want, "binary")
    # whatever the length of the JSON is, the numbers behind it are not aligned
    for pad in range(4):
        body, headers = request([tensor(IN, x)], request_id="a" * (pad + 1))
        near(infer(t, body, headers).as_numpy(OUT), want, "alignment")


def test_v2_on_one_connection(t):
    """One after another as tritonclient's pool does, in one piece and in chunks, refusals between them."""
    x = numbers(2)
    body, headers = request([tensor(IN, x)])
    with t.server.connect() as connection:
        for _ in range(3):
            connection.send_request("POST", INFER, body, headers, close=False)
            near(Result(connection.read_response("POST")).as_numpy(OUT), reference(t, "tiny", x), "in one piece")
            connection.send_request("POST", INFER, body[:-4], headers, close=False)
            equal(connection.read_response("POST").status, 400, "cut off")
            connection.send_request("POST", INFER, None, headers + [("Transfer-Encoding", "chunked")], close=False)
            for at in range(0, len(body), 5000):
                part = body[at:at + 5000]
                connection.send(b"%x\r\n%s\r\n" % (len(part), part))
            connection.send(b"0\r\n\r\n")
            near(Result(connection.read_response("POST")).as_numpy(OUT), reference(t, "tiny", x), "in chunks")


def test_v2_many_at_once(t):
    """Each gets its own answer."""
    inputs = [numbers(1 + seed % 3, seed=seed) for seed in range(12)]
    connections = [t.server.connect() for _ in inputs]
    try:
        for round_number in range(3):
            for c, x in zip(connections, inputs):
                c.send_request("POST", INFER, *request([tensor(IN, x, binary=round_number != 1)]), close=False)
            for c, x in zip(connections, inputs):
                near(Result(c.read_response("POST")).as_numpy(OUT), reference(t, "tiny", x), "its own")
    finally:
        for c in connections:
            c.close()


def test_v2_choice_of_outputs(t):
    entry, data = tensor(IN, numbers())
    for parameters, output, binary in (
            ({}, None, False), ({"binary_data_output": True}, None, True), ({"binary_data_output": False}, None, False),
            ({"binary_data_output": True}, {"name": OUT}, True),
            ({"binary_data_output": True}, requested_output(OUT, False), False),
            ({}, requested_output(OUT, True), True), ({"binary_data_output": False}, requested_output(OUT, True), True),
            ({"sequence_id": 4, "priority": 1}, {"name": OUT, "parameters": {"unknown": 1}}, False)):
        for order in (1, -1):
            members = [("parameters", parameters), ("inputs", [entry]), ("outputs", [output] if output else [])]
            text = json.dumps(dict(members[::order])).encode()
            response = post(t, text + data, [(HEADER, len(text))])
            equal(response.status, 200, f"{response}")
            equal(response.header(HEADER) is not None, binary, f"binary with {parameters} and {output}")
            near(Result(response).as_numpy(OUT), reference(t, "tiny", numbers()), "output")


def test_v2_raw_body(t):
    x = numbers()
    result = infer(t, x.tobytes(), [(HEADER, "0")])
    equal(list(result.at), [OUT], "outputs that are binary")
    near(result.as_numpy(OUT), reference(t, "tiny", x), "raw")
    file = photos.png()
    near(infer(t, file, [(HEADER, "0")]).as_numpy(OUT), infer(t, *request([pictures(IN, [file])])).as_numpy(OUT),
         "an encoded picture as the raw body")
    refused(t, x.tobytes() + b"1234", [(HEADER, "0")])
    refused(t, x.tobytes()[4:], [(HEADER, "0")])
    refused(t, b"{}", [(HEADER, "0")])


def test_v2_large_batch_is_split(t):
    x = numbers(40)
    body, headers = request([tensor(IN, x)])
    near(infer(t, body, headers).as_numpy(OUT), reference(t, "tiny", x), "forty in runs of at most eight")


def test_v2_classification(t):
    x = numbers(2)
    want = reference(t, "tiny", x)
    body, headers = request([tensor(IN, x)], [requested_output(OUT, True, 3)])
    result = infer(t, body, headers)
    equal(result.json["outputs"][0]["shape"], [2, 3], "shape")
    equal(result.json["outputs"][0]["datatype"], "BYTES", "datatype")
    for row, scores in zip(result.as_numpy(OUT), want):
        best = np.argsort(-scores)[:3]
        for text, index in zip(row, best):
            value, number, label = text.decode().split(":")
            equal((int(number), label), (index, f"kind {index}"), "class")
            check(abs(float(value) - scores[index]) < 1e-3, f"{text} is not {scores[index]}")
    as_json, headers = request([tensor(IN, x)], [requested_output(OUT, False, 3)])
    equal(infer(t, as_json, headers).as_numpy(OUT).tolist(), result.as_numpy(OUT).tolist(), "as JSON")
    all_of_them, headers = request([tensor(IN, x)], [requested_output(OUT, True, 1000)])
    equal(infer(t, all_of_them, headers).json["outputs"][0]["shape"], [2, 10], "more than there are")
    bare = t.start("bare=" + os.path.join(t.suite.model("tiny"), "model.onnx"))
    os.makedirs(os.path.join(t.folder, "bare"), exist_ok=True)
    near(infer(t, *request([tensor(IN, x)]), path="/v2/models/bare/infer", server=bare).as_numpy(OUT), want, "bare")


def test_v2_as_image_client_does(t):
    """image_client.py -m tiny -s INCEPTION -b 2 -c 3: its checks of metadata and configuration, its request."""
    metadata = t.server.get("/v2/models/tiny").json()
    config = t.server.get("/v2/models/tiny/config").json()
    equal((len(metadata["inputs"]), len(metadata["outputs"]), len(config["input"])), (1, 1, 1), "tensors")
    equal(metadata["outputs"][0]["datatype"], "FP32", "the output's type")
    equal(sum(dim > 1 for dim in metadata["outputs"][0]["shape"][1:]), 1, "a vector")
    check(config["max_batch_size"] > 0, "it batches")
    equal(len(metadata["inputs"][0]["shape"]), 4, "axes of the input")
    one_of(config["input"][0]["format"], ("FORMAT_NCHW", "FORMAT_NHWC"), "format")
    _, c, h, w = metadata["inputs"][0]["shape"]
    image = Image.open(io.BytesIO(photos.jpeg())).convert("RGB").resize((w, h), Image.BILINEAR)
    scaled = (np.array(image).astype(np.float32) / 127.5) - 1
    batch = np.stack([np.transpose(scaled, (2, 0, 1))] * 2, axis=0)
    equal(batch.shape, (2, c, h, w), "batch")
    body, headers = request([tensor(metadata["inputs"][0]["name"], batch)],
                            [requested_output(metadata["outputs"][0]["name"], True, 3)], request_id="1")
    output = infer(t, body, headers).as_numpy(metadata["outputs"][0]["name"])
    equal(len(output), 2, "results")
    want = reference(t, "tiny", batch)
    for results, scores in zip(output, want):
        for result, index in zip(results, np.argsort(-scores)):
            # the client joins the bytes' characters and splits at the colons
            parts = "".join(chr(x) for x in result).split(":")
            equal(parts[1:3], [str(index), f"kind {index}"], "its line")


def test_v2_input_that_is_no_picture(t):
    weights = np.random.default_rng(3).normal(0, 1, (6, 4)).astype(np.float32)
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])], "vector",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 6])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", 4])],
        [onnx.numpy_helper.from_array(weights, "w")])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)])
    model.ir_version = 7
    path = t.write("vector.onnx", model.SerializeToString())
    server = t.start(path)
    equal(server.get("/v2/models/vector").json()["inputs"][0]["shape"], [-1, 6], "shape")
    equal(server.get("/v2/models/vector/config").json()["input"][0]["format"], "FORMAT_NONE", "format")
    x = np.arange(18, dtype=np.float32).reshape(3, 6)
    result = infer(t, *request([tensor("x", x)]), path="/v2/models/vector/infer", server=server)
    near(result.as_numpy("y"), x @ weights, "a matrix product")
    refused(t, *request([pictures("x", [photos.jpeg()])]), path="/v2/models/vector/infer", server=server,
            says="pictures")
    equal(server.predict(photos.jpeg()).json()["error"]["code"], "model_takes_no_pictures", "/predict")


def test_v2_bytes_network(t):
    """A network whose input is UINT8: its tensors are bytes, in binary and in JSON."""
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Cast", ["x"], ["f"], to=onnx.TensorProto.FLOAT),
         onnx.helper.make_node("GlobalAveragePool", ["f"], ["m"]), onnx.helper.make_node("Flatten", ["m"], ["y"])],
        "bytes", [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.UINT8, ["n", 3, 8, 8])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", 3])])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)])
    model.ir_version = 7
    server = t.start(t.write("bytes.onnx", model.SerializeToString()))
    path = "/v2/models/bytes/infer"
    equal(server.get("/v2/models/bytes").json()["inputs"][0]["datatype"], "UINT8", "datatype")
    x = np.random.default_rng(1).integers(0, 256, (2, 3, 8, 8)).astype(np.uint8)
    want = x.astype(np.float32).mean((2, 3))
    near(infer(t, *request([tensor("x", x)]), path=path, server=server).as_numpy("y"), want, "binary")
    entry, _ = tensor("x", x, binary=False)
    near(infer(t, {"inputs": [entry]}, path=path, server=server).as_numpy("y"), want, "JSON")
    for value in (256, -1, 1.5, "1"):
        bad = dict(entry, data=entry["data"][:-1] + [value])
        refused(t, {"inputs": [bad]}, path=path, server=server)


# --- pictures ------------------------------------------------------------------------------------------

def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def test_v2_pictures(t):
    files = [photos.jpeg(seed=1), photos.png(seed=2), photos.jpeg(seed=3, width=90)]
    want = [{p["class"]: p["probability"] for p in t.server.predict(f, "?top=10").json()["predictions"]} for f in files]
    text = [base64.b64encode(f).decode() for f in files]
    bodies = [request([pictures(IN, files)]),
              ({"inputs": [{"name": IN, "shape": [3], "datatype": "BYTES", "data": text}]}, []),
              ({"inputs": [{"name": IN, "shape": [3, 1], "datatype": "BYTES", "data": [{"b64": x} for x in text]}]}, [])]
    for body, headers in bodies:
        got = infer(t, body, headers).as_numpy(OUT)
        equal(got.shape, (3, 10), "shape")
        for row, probabilities in zip(got, want):
            for index, p in enumerate(softmax(row)):
                check(abs(p - probabilities[index]) < 1e-4, f"class {index}: {p}, /predict says {probabilities[index]}")


def test_v2_bad_pictures(t):
    good, broken = photos.jpeg(), photos.jpeg()[:300]
    for bad in (broken, b"", b"not a picture", photos.gif()):
        refused(t, *request([pictures(IN, [good, good, bad])]), says="element 2")
    refused(t, {"inputs": [{"name": IN, "shape": [1], "datatype": "BYTES", "data": ["!!!"]}]}, says="base64")
    refused(t, {"inputs": [{"name": IN, "shape": [1], "datatype": "BYTES", "data": [{"x": 1}]}]})
    refused(t, {"inputs": [{"name": IN, "shape": [2], "datatype": "BYTES", "data": ["aaaa"]}]})
    refused(t, {"inputs": [{"name": IN, "shape": [], "datatype": "BYTES", "data": ["aaaa"]}]})
    for elements in (b"", b"\0\0\0", struct.pack("<I", 5) + b"1234", struct.pack("<I", 2**32 - 1) + good,
                     serialize_bytes([good]) + b"x"):
        text = json.dumps({"inputs": [{"name": IN, "shape": [1], "datatype": "BYTES",
                                       "parameters": {"binary_data_size": len(elements)}}]}).encode()
        refused(t, text + elements, [(HEADER, len(text))])
    t.server.still_answers()


# --- what is wrong ---------------------------------------------------------------------------------------

def test_v2_hostile_json(t):
    deep = b"[" * 100000
    texts = [b"", b" ", b"{", b"[]", b"null", b"{}", b'{"inputs":[]}', b'{"inputs":{}}', b'{"inputs":[1]}', deep,
             b'{"inputs":' + deep, b'{"x":' + deep, b'{"inputs":[{}]}', b'{"inputs":[{"name":1}]}', b"\xff\xfe",
             b'{"id":1,"inputs":[]}', b'{"id":"\xff","inputs":[]}', b'{"id":"\\ud800","inputs":[]}',
             b'{"id":"\\u0000","inputs":[]}', b'{"a":nul}', b'{"a":01}', b'{"a":1.}', b'{"a":.5}', b'{"a":+1}',
             b'{"a":1e}', b'{"a" 1}', b'{"a":1,}', b"{'a':1}", b'{"a":"\n"}', b'{"a":"\\x"}', b"NaN",
             json.dumps(plain()).encode() + b"x", json.dumps(plain()).encode() * 2]
    for text in texts:
        refused(t, text)
    duplicated = json.dumps(plain()).encode()
    refused(t, duplicated[:-1] + b',"inputs":[]}', says="twice")
    t.server.still_answers()


def test_v2_hostile_inputs(t):
    ones = [1.0] * 3072
    for changes, says in (
            ({"name": "nobody"}, "nobody"), ({"name": None}, "name"), ({"datatype": None}, "datatype"),
            ({"shape": None}, "shape"), ({"data": None}, "data"), ({"datatype": "FP64"}, "FP64"),
            ({"datatype": "FP16"}, "FP16"), ({"datatype": "BF16"}, "BF16"), ({"datatype": "INT8"}, "INT8"),
            ({"datatype": "nonsense"}, "nonsense"), ({"datatype": 5}, None), ({"data": ones[1:]}, "fewer"),
            ({"data": ones + [1]}, "more"), ({"data": 1}, "fewer"), ({"data": {}}, None), ({"data": "x"}, None),
            ({"data": ones[1:] + ["1"]}, None), ({"data": ones[1:] + [None]}, None), ({"data": ones[1:] + [True]}, None),
            ({"data": ones[1:] + [{}]}, None), ({"data": ones[1:] + [1e39]}, "3071"), ({"data": []}, "fewer"),
            ({"shape": [3, 32, 32]}, "shape"), ({"shape": [1, 3, 32, 31]}, "shape"), ({"shape": []}, "shape"),
            ({"shape": [1, 3072]}, "shape"), ({"shape": [-1, 3, 32, 32]}, "negative"), ({"shape": [0, 3, 32, 32]}, "batch"),
            ({"shape": [2, 3, 32, 32]}, "fewer"), ({"shape": [257, 3, 32, 32]}, "batch"),
            ({"shape": [2**62, 3, 32, 32]}, "batch"), ({"shape": [2**63 - 1] * 4}, "shape"), ({"shape": [2**64]}, None),
            ({"shape": [1.0, 3, 32, 32]}, None), ({"shape": [1] * 9}, "axes"), ({"shape": "x"}, None),
            ({"shape": [2**32, 2**32], "datatype": "BYTES"}, "overflows"),
            ({"shape": [2**40], "datatype": "BYTES"}, "batch"),
            ({"parameters": {"binary_data_size": 12288}}, "both"), ({"parameters": {"binary_data_size": -1}}, "negative"),
            ({"parameters": []}, None)):
        refused(t, plain(**changes), says=says)
    for number in ("NaN", "Infinity", "-Infinity", "nan", "1e400", "0x10", "1" * 500, "--1", "1_0"):
        text = json.dumps(plain(data=None))[:-3] + ',"data":[' + "1," * 3071 + number + "]}]}"
        refused(t, text.encode())
    refused(t, {"inputs": plain()["inputs"] * 2}, says="twice")
    refused(t, {"inputs": plain()["inputs"] + plain(name="other")["inputs"]}, says="other")
    refused(t, {"inputs": plain()["inputs"] * 100})
    for outputs in ([{"name": "nobody"}], [{"name": OUT}] * 2, [{}], [1], {}, [requested_output(OUT, True, -1)],
                    [{"name": OUT, "parameters": {"classification": "x"}}],
                    [{"name": OUT, "parameters": {"binary_data": 1}}]):
        refused(t, dict(plain(), outputs=outputs))
    for parameters in ({"timeout": -1}, {"timeout": "1"}, {"binary_data_output": 1}, []):
        refused(t, dict(plain(), parameters=parameters))
    t.server.still_answers()


def test_v2_hostile_binary(t):
    body, headers = request([tensor(IN, numbers())])
    length = headers[0][1]
    for value in ("-1", "x", "", "1.5", "0x10", "99999999999999999999", str(len(body) + 1), str(length - 1),
                  str(length + 1), " ", "+5"):
        refused(t, body, [(HEADER, value)])
    refused(t, body, headers * 2)
    refused(t, body)  # without the header all of it should be JSON
    refused(t, body + b"1234", headers)
    refused(t, body[:-4], headers)
    refused(t, body[:length], headers)
    for size in (-1, 0, 12287, 12292, 2**63 - 1, 2**64, "12288", None):
        entry, data = tensor(IN, numbers())
        entry["parameters"]["binary_data_size"] = size
        text = json.dumps({"inputs": [entry]}).encode()
        refused(t, text + data, [(HEADER, len(text))])
    text = json.dumps(plain()).encode()
    refused(t, text + b"1234", [(HEADER, len(text))], says="follow")
    half, data = tensor(IN, numbers().astype(np.float16))
    text = json.dumps({"inputs": [half]}).encode()
    refused(t, text + data, [(HEADER, len(text))], says="FP16")
    t.server.still_answers()


def test_v2_numbers_that_json_cannot_hold(t):
    server = t.start(t.suite.model("dark"))
    path = "/v2/models/dark/infer"
    name = server.get("/v2/models/dark").json()["outputs"][0]["name"]
    dark = [tensor(IN, np.zeros((1, 1, 8, 8), np.float32))]
    got = infer(t, *request(dark), path=path, server=server).as_numpy(name)
    check(not np.isfinite(got).any(), f"as they are: {got}")
    refused(t, *request(dark, [requested_output(name, False)]), path=path, server=server, says="finite")
    refused(t, *request(dark, [requested_output(name, True, 1)]), path=path, server=server, says="finite")
    nan = [tensor(IN, np.full((1, 1, 8, 8), np.nan, np.float32))]
    check(np.isnan(infer(t, *request(nan), path=path, server=server).as_numpy(name)).all(), "NaN in, NaN out")


def test_v2_network_that_fails(t):
    server = t.start(t.suite.model("fraction"))
    name = server.get("/v2/models/fraction").json()["outputs"][0]["name"]
    path = "/v2/models/fraction/infer"
    x = np.full((3, 1, 8, 8), 5, np.float32)
    infer(t, *request([tensor(IN, x)]), path=path, server=server).as_numpy(name)
    x[1] = 0
    refused(t, *request([tensor(IN, x)]), status=500, path=path, server=server, says="element 1")
    server.still_answers()


def test_v2_large_json_takes_little_memory(t):
    server = t.start(t.suite.model("slow"))
    x = numbers(1, side=224)
    entry, _ = tensor(IN, x, binary=False)
    head = json.dumps({"inputs": [dict(entry, data=None)]}).encode().replace(b"null}]}", b"[")
    small, huge = (head + b"0," * (n - 1) + b"0]}]}" for n in (x.size, 10000000))
    infer(t, small, path="/v2/models/slow/infer", server=server)
    before = server.memory()
    result = infer(t, {"inputs": [entry]}, path="/v2/models/slow/infer", server=server)
    equal(result.json["outputs"][0]["shape"], [1, 10], "shape")
    for _ in range(3):
        refused(t, huge, path="/v2/models/slow/infer", server=server, says="more")
    grown = server.memory() - before
    if not t.suite.sanitized:
        check(grown < 80 << 20, f"{grown >> 20} MB more for bodies of up to 20 MB")


# --- load, time, counts ------------------------------------------------------------------------------------

def test_v2_timeout(t):
    server = t.start("--threads", "1", t.suite.model("slow"))
    x = numbers(8, side=224)
    response = post(t, *request([tensor(IN, x)], timeout=2000), path="/v2/models/slow/infer", server=server)
    equal(response.status, 504, f"{response}")
    check(isinstance(response.json()["error"], str), f"{response}")
    body, headers = request([tensor(IN, x[:1])], timeout=0)
    equal(post(t, body, headers, "/v2/models/slow/infer", server).status, 200, "no limit of its own")


def test_v2_queue_full(t):
    server = t.start("--threads", "1", "--queue", "4", t.suite.model("slow"))
    path = "/v2/models/slow/infer"
    refused(t, *request([tensor(IN, numbers(5, side=224))]), path=path, server=server, says="at most 4")
    body, headers = request([tensor(IN, numbers(4, side=224))])
    connections = [server.connect() for _ in range(8)]
    try:
        for c in connections:
            c.send_request("POST", path, body, headers)
        replies = [c.read_response("POST") for c in connections]
    finally:
        for c in connections:
            c.close()
    statuses = [r.status for r in replies]
    check(200 in statuses and 503 in statuses, f"statuses {statuses}")
    for reply in replies:
        one_of(reply.status, (200, 503), "status")
        if reply.status == 503:
            check(isinstance(reply.json()["error"], str) and reply.header("Retry-After"), f"{reply}")


def test_v2_clients_that_leave(t):
    server = t.start("--threads", "1", t.suite.model("slow"))
    body, headers = request([tensor(IN, numbers(4, side=224))])
    for _ in range(6):
        with server.connect() as connection:
            connection.send_request("POST", "/v2/models/slow/infer", body, headers)
    wait_until(lambda: server.metric("convd_http_body_bytes") == 0, 30 * t.suite.patience, "their memory is free")


def test_v2_with_pictures_together(t):
    """Tensors and pictures share the queue, and runs."""
    server = t.start("--threads", "1", "--max-delay-us", "20000", t.suite.model("tiny"))
    want = server.predict(photos.jpeg()).json()["predictions"]
    expected = reference(t, "tiny", numbers(3))
    body, headers = request([tensor(IN, numbers(3))])
    for _ in range(5):
        with server.connect() as a, server.connect() as b, server.connect() as c:
            a.send_request("POST", INFER, body, headers)
            b.send_request("POST", "/predict", photos.jpeg())
            c.send_request("POST", INFER, *request([pictures(IN, [photos.jpeg()])]))
            near(Result(a.read_response("POST")).as_numpy(OUT), expected, "tensors")
            equal(b.read_response("POST").json()["predictions"], want, "picture")
            got = softmax(Result(c.read_response("POST")).as_numpy(OUT)[0])
            check(abs(got.max() - want[0]["probability"]) < 1e-4, f"{got} is not {want}")


def test_v2_drain(t):
    server = t.start("--threads", "1", t.suite.model("slow"))
    body, headers = request([tensor(IN, numbers(4, side=224))])
    with server.connect() as connection:
        connection.send_request("POST", "/v2/models/slow/infer", body, headers)
        wait_until(lambda: server.metric("convd_http_requests_in_flight") >= 2, 30, "it is being worked on")
        server.process.send_signal(15)
        try:
            equal(connection.read_response("POST").status, 200, "what was accepted is answered")
        except Closed:
            check(False, "cut off")


def test_v2_statistics(t):
    server = t.start("--threads", "1", t.suite.model("tiny"), "gray=" + t.suite.model("gray"))

    def stats(path="/v2/models/tiny/stats"):
        return server.get(path).json()["model_stats"]

    equal(stats()[0]["inference_stats"]["success"], {"count": 0, "ns": 0}, "at first")
    equal(stats()[0]["batch_stats"], [], "at first")
    for _ in range(3):
        infer(t, *request([tensor(IN, numbers(2))]), server=server)
    refused(t, plain(data=[1]), server=server)
    equal(server.predict(photos.jpeg()).status, 200, "/predict")
    one = stats()[0]
    equal((one["name"], one["version"]), ("tiny", "3"), "names")
    equal(one["inference_count"], 7, "items")
    check(1 <= one["execution_count"] <= 7, f"runs: {one}")
    check(one["last_inference"] > 1600000000000, f"{one}")
    inner = one["inference_stats"]
    equal((inner["success"]["count"], inner["fail"]["count"]), (4, 1), "requests")
    for name in ("queue", "compute_input", "compute_infer", "compute_output"):
        equal(inner[name]["count"], 4, name)
    check(0 < inner["compute_infer"]["ns"] < inner["success"]["ns"], f"{inner}")
    equal(sum(b["batch_size"] * b["compute_infer"]["count"] for b in one["batch_stats"]), 7, "items by batch")
    equal([m["name"] for m in stats("/v2/models/stats")], ["tiny", "gray"], "all models")
    equal(stats("/v2/models/tiny/versions/3/stats"), stats(), "of the version")
