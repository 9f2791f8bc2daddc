"""Requests as the clients of the Open Inference Protocol put them, and answers as they read them.

tritonclient.http: the JSON of json.dumps(), the tensors after it, no Content-Type of its own.
KServe's SDK: everything in the JSON, or the same binary form with its header in lower case.
"""
import json
import struct

import numpy as np

HEADER = "Inference-Header-Content-Length"
DATATYPES = {np.dtype("float32"): "FP32", np.dtype("uint8"): "UINT8", np.dtype("float16"): "FP16",
             np.dtype("int64"): "INT64"}
NUMPY = {name: kind for kind, name in DATATYPES.items()}


def serialize_bytes(elements):
    return b"".join(struct.pack("<I", len(e)) + e for e in elements)


def deserialize_bytes(data):
    out = []
    while data:
        size = struct.unpack_from("<I", data)[0]
        out.append(data[4:4 + size])
        assert len(out[-1]) == size, "an element is cut off"
        data = data[4 + size:]
    return out


def tensor(name, array, binary=True):
    """(the input's JSON, its bytes) as InferInput.set_data_from_numpy() makes them."""
    entry = {"name": name, "shape": list(array.shape), "datatype": DATATYPES[array.dtype]}
    if not binary:
        entry["data"] = array.flatten().tolist()
        return entry, b""
    data = array.tobytes()
    entry["parameters"] = {"binary_data_size": len(data)}
    return entry, data


def pictures(name, files):
    data = serialize_bytes(files)
    return {"name": name, "shape": [len(files)], "datatype": "BYTES",
            "parameters": {"binary_data_size": len(data)}}, data


def requested_output(name, binary=True, classes=0):
    """As InferRequestedOutput."""
    parameters = {"binary_data": binary}
    if classes:
        parameters["classification"] = classes
    return {"name": name, "parameters": parameters}


def request(inputs, outputs=None, request_id="", timeout=None):
    """(body, headers) as tritonclient.http._utils._get_inference_request() makes them."""
    body, parameters = {}, {}
    if request_id:
        body["id"] = request_id
    if timeout is not None:
        parameters["timeout"] = timeout
    body["inputs"] = [entry for entry, _ in inputs]
    if outputs:
        body["outputs"] = outputs
    else:
        parameters["binary_data_output"] = True
    if parameters:
        body["parameters"] = parameters
    text, tail = json.dumps(body).encode(), b"".join(data for _, data in inputs)
    return text + tail, [(HEADER, len(text))] if tail else []


class Result:
    """As tritonclient.http.InferResult reads it."""

    def __init__(self, response):
        length = response.header(HEADER)
        self.json = json.loads(response.body if length is None else response.body[:int(length)])
        self.tail, self.at, offset = b"" if length is None else response.body[int(length):], {}, 0
        for output in self.json["outputs"]:
            size = output.get("parameters", {}).get("binary_data_size")
            if size is not None:
                self.at[output["name"]] = (offset, size)
                offset += size
        assert offset == len(self.tail), "the sizes do not add up to what follows the JSON"

    def as_numpy(self, name):
        output = next(o for o in self.json["outputs"] if o["name"] == name)
        if name in self.at:
            begin, size = self.at[name]
            data = self.tail[begin:begin + size]
            flat = (np.array(deserialize_bytes(data), dtype=object) if output["datatype"] == "BYTES"
                    else np.frombuffer(data, dtype=NUMPY[output["datatype"]]))
        elif output["datatype"] == "BYTES":
            flat = np.array([s.encode() for s in output["data"]], dtype=object)
        else:
            flat = np.array(output["data"], dtype=NUMPY[output["datatype"]])
        return flat.reshape(output["shape"])
