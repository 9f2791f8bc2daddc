#!/usr/bin/python3
"""An ONNX network as the plan that onednn_rate runs: OUT.plan, a step a line, and OUT.weights.

    onednn_plan.py MODEL.onnx OUT

onednn_plan.h says what the numbers of a line are. A Relu, Clip or Add behind a convolution becomes part of its
step; Flatten, Reshape, Dropout and Identity vanish.
"""
import collections
import math
import sys

import numpy as np
import onnx
from onnx import numpy_helper

Value = collections.namedtuple("Value", "index shape")  # shape: channels, height, width
CLIPS = ("Relu", "Clip")
NO_CLIP = (-math.inf, math.inf)
ALIASES = ("Flatten", "Reshape", "Dropout", "Identity")


class Unsupported(Exception):
    """The network has something that this does not know."""


class Planner:
    """Goes through the nodes in order; self.values has what is computed so far, by name."""

    def __init__(self, model):
        self.graph = model.graph
        self.constants = {t.name: numpy_helper.to_array(t) for t in self.graph.initializer}
        self.values, self.lines, self.weights, self.floats = {}, [], [], 0
        self.done = set()  # nodes that are emitted or part of another's step, by their output
        self.readers = collections.defaultdict(list)
        for node in self.graph.node:
            for name in node.input:
                self.readers[name].append(node)

    def plan(self):
        given = [i for i in self.graph.input if i.name not in self.constants]
        shape = tuple(d.dim_value for d in given[0].type.tensor_type.shape.dim[1:])
        if len(given) != 1 or len(shape) != 3 or min(shape) < 1:
            raise Unsupported("an input other than one picture of a fixed size")
        self.emit("input", given[0].name, shape, [])
        for node in self.graph.node:
            if node.output[0] not in self.done:
                self.node(node)
                self.done.add(node.output[0])
        last = self.values[self.graph.output[0].name]
        if last.index != len(self.lines) - 1:
            raise Unsupported("an output that is not computed last")
        return self.lines, self.weights

    def node(self, node):
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        kind = node.op_type
        if kind == "Constant":
            self.constants[node.output[0]] = numpy_helper.to_array(attributes["value"])
        elif kind in ALIASES:
            self.alias(node)
        elif kind in ("MaxPool", "AveragePool", "GlobalAveragePool"):
            self.pool(node, attributes)
        elif kind in CLIPS:
            self.emit("clip", node.output[0], self.values[node.input[0]].shape, node.input[:1],
                      clip=self.clip_range(node))
        else:
            methods = {"Conv": self.conv, "Gemm": self.gemm, "MatMul": self.matmul, "Add": self.add,
                       "Concat": self.concat, "Softmax": self.softmax}
            if kind not in methods:
                raise Unsupported(f"operator {kind}")
            methods[kind](node, attributes)

    # --- steps ---
    def emit(self, kind, name, shape, sources, **more):
        """Append a step that computes `name`."""
        step = {"kernel": (1, 1), "stride": (1, 1), "before": (0, 0), "after": (0, 0), "groups": 1, "weights": -1,
                "bias": -1, "sum": -1, "clip": NO_CLIP, **more}
        numbers = [*shape, *step["kernel"], *step["stride"], *step["before"], *step["after"], step["groups"],
                   step["weights"], step["bias"], step["sum"], *step["clip"], len(sources),
                   *(self.values[source].index for source in sources)]
        self.values[name] = Value(len(self.lines), tuple(shape))
        self.lines.append(" ".join([kind, *map(str, numbers)]))

    def keep(self, array):
        """Where it lies in the weights."""
        self.weights.append(np.ascontiguousarray(array, dtype=np.float32))
        self.floats += array.size
        return self.floats - array.size

    def only_reader(self, name):
        nodes = self.readers[name]
        return nodes[0] if len(nodes) == 1 and name != self.graph.output[0].name else None

    def clip_range(self, node):
        if node.op_type == "Relu":
            return 0.0, math.inf
        ends = [(a.name, a.f) for a in node.attribute]
        ends += [(key, float(self.constants[name])) for key, name in zip(("min", "max"), node.input[1:]) if name]
        return dict(ends).get("min", -math.inf), dict(ends).get("max", math.inf)

    def absorb_clip(self, name):
        """(the name after a Relu or Clip that alone reads `name`, its range)."""
        reader = self.only_reader(name)
        if reader is None or reader.op_type not in CLIPS:
            return name, NO_CLIP
        self.done.add(reader.output[0])
        return reader.output[0], self.clip_range(reader)

    def absorb_add(self, name, shape):
        """(the name after an Add that alone reads `name`, the value it adds), if that may be overwritten."""
        reader = self.only_reader(name)
        if reader is None or reader.op_type != "Add":
            return name, -1
        other = [i for i in reader.input if i != name]
        if len(other) != 1 or other[0] not in self.values or self.values[other[0]].shape != shape:
            return name, -1
        later = [n for n in self.readers[other[0]] if n is not reader and n.output[0] not in self.done]
        if later or self.values[other[0]].index == 0:
            return name, -1
        self.done.add(reader.output[0])
        return reader.output[0], self.values[other[0]].index

    def window(self, attributes, kernel, shape):
        """(stride, padding before, after, height and width of the result)."""
        if attributes.get("auto_pad", b"NOTSET") != b"NOTSET" or set(attributes.get("dilations", [1])) != {1} or \
                attributes.get("ceil_mode"):
            raise Unsupported("auto_pad, dilations or ceil_mode")
        stride, pads = attributes.get("strides", [1, 1]), attributes.get("pads", [0] * 4)
        sizes = [(shape[1 + i] + pads[i] + pads[2 + i] - kernel[i]) // stride[i] + 1 for i in (0, 1)]
        return stride, pads[:2], pads[2:], sizes

    def conv(self, node, attributes):
        weights = self.constants[node.input[1]]
        shape = self.values[node.input[0]].shape
        kernel = weights.shape[2:]
        stride, before, after, sizes = self.window(attributes, kernel, shape)
        shape = (weights.shape[0], *sizes)
        name, added = self.absorb_add(node.output[0], shape)
        name, clip = self.absorb_clip(name)
        bias = self.keep(self.constants[node.input[2]]) if len(node.input) > 2 else -1
        self.emit("conv", name, shape, node.input[:1], kernel=kernel, stride=stride, before=before, after=after,
                  groups=attributes.get("group", 1), weights=self.keep(weights), bias=bias, sum=added, clip=clip)

    def pool(self, node, attributes):
        shape = self.values[node.input[0]].shape
        if node.op_type == "GlobalAveragePool":
            attributes = {"kernel_shape": shape[1:]}
        kernel = attributes["kernel_shape"]
        stride, before, after, sizes = self.window(attributes, kernel, shape)
        if attributes.get("count_include_pad") and any([*before, *after]):
            raise Unsupported("count_include_pad")
        self.emit("max" if node.op_type == "MaxPool" else "average", node.output[0], (shape[0], *sizes),
                  node.input[:1], kernel=kernel, stride=stride, before=before, after=after)

    def inner(self, node, weights, bias, name):
        name, clip = self.absorb_clip(name)
        if weights.shape[1] != math.prod(self.values[node.input[0]].shape):
            raise Unsupported("a product of other than whole pictures")
        self.emit("inner", name, (weights.shape[0], 1, 1), node.input[:1], weights=self.keep(weights), clip=clip,
                  bias=-1 if bias is None else self.keep(bias))

    def gemm(self, node, attributes):
        if attributes.get("alpha", 1) != 1 or attributes.get("beta", 1) != 1 or attributes.get("transA"):
            raise Unsupported("alpha, beta or transA")
        weights = self.constants[node.input[1]]
        bias = self.constants[node.input[2]].ravel() if len(node.input) > 2 else None
        self.inner(node, weights if attributes.get("transB") else weights.T, bias, node.output[0])

    def matmul(self, node, _):
        name, bias = node.output[0], None
        reader = self.only_reader(name)
        if reader is not None and reader.op_type == "Add":
            added = [self.constants[i] for i in reader.input if i in self.constants]
            if added:
                name, bias = reader.output[0], added[0].ravel()
                self.done.add(name)
        self.inner(node, self.constants[node.input[1]].T, bias, name)

    def add(self, node, _):
        shapes = [self.values[i].shape for i in node.input if i in self.values]
        if len(shapes) != 2 or shapes[0] != shapes[1]:
            raise Unsupported("an Add of other than two values of one shape")
        name, clip = self.absorb_clip(node.output[0])
        self.emit("add", name, shapes[0], node.input, clip=clip)

    def concat(self, node, attributes):
        shapes = [self.values[i].shape for i in node.input]
        if attributes["axis"] != 1:
            raise Unsupported("a Concat of other than channels")
        self.emit("concat", node.output[0], (sum(s[0] for s in shapes), *shapes[0][1:]), node.input)

    def softmax(self, node, _):
        shape = self.values[node.input[0]].shape
        if shape[1:] != (1, 1):
            raise Unsupported("a Softmax of other than a row of classes")
        self.emit("softmax", node.output[0], shape, node.input)

    def alias(self, node):
        if node.op_type == "Reshape" and len(self.constants[node.input[1]]) != 2:
            raise Unsupported("a Reshape to other than rows")
        self.values[node.output[0]] = self.values[node.input[0]]


def write_plan(model, out):
    """Writes OUT.plan and OUT.weights of the ONNX file `model`, or raises Unsupported."""
    lines, weights = Planner(onnx.load(model)).plan()
    with open(out + ".plan", "w", encoding="ascii") as f:
        f.write("\n".join(lines) + "\n")
    with open(out + ".weights", "wb") as f:
        for array in weights:
            f.write(array.tobytes())


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    write_plan(*sys.argv[1:])
