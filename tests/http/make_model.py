#!/usr/bin/python3
"""Small models with random weights, so that the tests run where there is no test data.

    make_model.py FOLDER       writes FOLDER/tiny, FOLDER/gray, FOLDER/dark, FOLDER/fraction, FOLDER/slow
"""
import json
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 13


class Builder:
    """Nodes one after another, with He-scaled random weights."""

    def __init__(self, name, channels, height, width, seed):
        self.name, self.random = name, np.random.default_rng(seed)
        self.input = [1, channels, height, width]
        self.nodes, self.weights = [], []
        self.at = "picture"

    def weight(self, name, *shape):
        fan_in = int(np.prod(shape[1:])) or 1
        values = self.random.normal(0, np.sqrt(2 / fan_in), shape)
        self.weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def add(self, op, name, *inputs, **attributes):
        self.nodes.append(helper.make_node(op, [self.at, *inputs], [name + "_out"], name=name, **attributes))
        self.at = name + "_out"
        return self.at

    def conv(self, name, c_in, c_out, side=3, stride=1, pad=None, group=1):
        pad = side // 2 if pad is None else pad
        self.add("Conv", name, self.weight(name + "_w", c_out, c_in // group, side, side),
                 self.weight(name + "_b", c_out), kernel_shape=[side, side], strides=[stride, stride],
                 pads=[pad] * 4, group=group)

    def finish(self, c_in, classes):
        self.add("GlobalAveragePool", "mean")
        self.add("Flatten", "flatten", axis=1)
        self.add("Gemm", "classifier", self.weight("classifier_w", classes, c_in),
                 self.weight("classifier_b", classes), transB=1)
        return self.model(classes)

    def model(self, classes):
        graph = helper.make_graph(
            self.nodes, self.name,
            [helper.make_tensor_value_info("picture", TensorProto.FLOAT, self.input)],
            [helper.make_tensor_value_info(self.at, TensorProto.FLOAT, [1, classes])], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="make_model")
        model.ir_version = 7
        return model


def tiny():
    """Every kind of layer a small network has; strides and paddings that do not divide evenly."""
    b = Builder("tiny", 3, 32, 32, 1)
    b.conv("conv1", 3, 8, stride=2)
    skip = b.add("Relu", "relu1")
    b.conv("depthwise", 8, 8, group=8)
    b.add("Relu", "relu2")
    b.conv("pointwise", 8, 8, side=1)
    b.add("Add", "sum", skip)
    b.add("MaxPool", "pool", kernel_shape=[3, 3], strides=[2, 2])
    b.conv("conv2", 8, 16, side=5, stride=2, pad=1)
    b.add("Relu", "relu3")
    return b.finish(16, 10)


def gray():
    b = Builder("gray", 1, 28, 28, 2)
    b.conv("conv1", 1, 4, side=5, pad=2)
    b.add("Relu", "relu1")
    b.add("MaxPool", "pool", kernel_shape=[2, 2], strides=[2, 2])
    return b.finish(4, 7)


def dark():
    """The logarithm of the picture: a black pixel is minus infinity, and its answer no number."""
    b = Builder("dark", 1, 8, 8, 4)
    b.add("Log", "logarithm")
    return b.finish(1, 3)


def fraction():
    """Divides by the picture's brightest pixel, in integers: a black one makes that impossible."""
    b = Builder("fraction", 1, 8, 8, 5)
    b.weights.append(numpy_helper.from_array(np.array([1000], np.int64), "thousand"))
    b.add("GlobalMaxPool", "brightest")
    b.add("Cast", "integer", to=TensorProto.INT64)
    b.nodes.append(helper.make_node("Div", ["thousand", b.at], ["quotient"], name="quotient"))
    b.at = "quotient"
    b.add("Cast", "number", to=TensorProto.FLOAT)
    b.add("Flatten", "flatten", axis=1)
    b.add("Gemm", "classifier", b.weight("classifier_w", 3, 1), b.weight("classifier_b", 3), transB=1)
    return b.model(3)


def slow():
    """About 1.9 G multiply-accumulates: tens of milliseconds on one core, so that a queue can fill."""
    b = Builder("slow", 3, 224, 224, 3)
    b.conv("conv1", 3, 64, stride=2)
    for i in range(2, 6):
        b.add("Relu", f"relu{i}")
        b.conv(f"conv{i}", 64, 64)
    return b.finish(64, 10)


def description(name, side, channels):
    n = 3 if channels == "RGB" else 1
    return {"name": name, "version": "3", "task": "classify",
            "input": {"width": side, "height": side, "resize_short": side + side // 8, "crop": "center",
                      "interpolation": "bilinear-antialias", "channels": channels, "scale": 1,
                      "mean": [127.5] * n, "std": [64.0] * n},
            "output": {"activation": "softmax"}, "labels": "labels.txt", "precision": "fp32",
            "source": "tests/http/make_model.py", "licence": "MIT"}


def write(folder, model, model_json=None, labels=None):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "model.onnx"), "wb") as f:
        f.write(model if isinstance(model, bytes) else model.SerializeToString())
    if model_json is not None:
        with open(os.path.join(folder, "model.json"), "w", encoding="utf-8") as f:
            f.write(model_json if isinstance(model_json, str) else json.dumps(model_json, indent=1))
    if labels is not None:
        with open(os.path.join(folder, "labels.txt"), "w", encoding="utf-8") as f:
            f.writelines(label + "\n" for label in labels)


def labels(n):
    return [f"kind {i}" for i in range(n)]


def make_all(folder):
    for model, classes, side, channels in ((tiny(), 10, 32, "RGB"), (gray(), 7, 28, "L"), (slow(), 10, 224, "RGB")):
        onnx.checker.check_model(model)
        name = model.graph.name
        write(os.path.join(folder, name), model, description(name, side, channels), labels(classes))
    plain = description("dark", 8, "L")
    plain["input"].update(mean=[0], std=[1])
    write(os.path.join(folder, "dark"), dark(), plain, labels(3))
    write(os.path.join(folder, "fraction"), fraction(), dict(plain, name="fraction"), labels(3))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    make_all(sys.argv[1])
