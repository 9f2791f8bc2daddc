#!/usr/bin/python3
"""Compare every row of the layer table with a computation of its own from the ONNX file.

    arithmetic.py BUILD [MODEL ...]      MODEL: a folder or file; without: three models of the test data

Shapes come from onnx's shape inference. Receptive fields come from sets: for each position of each tensor the first
and last input row and column that it depends on, worked out node by node with padding counted as pixels outside.
Prints a line a model and, last, "N passed, N failed, N skipped".
"""
import json
import math
import os
import subprocess
import sys

import numpy as np
import onnx
from onnx import numpy_helper, shape_inference

from compare import Report
from runners import DATA, Failure

MODELS = ("squeezenet1.1", "mobilenet_v2_1.0", "resnet20_cifar10")
WINDOWED = ("Conv", "MaxPool", "AveragePool")
SAME = ("Relu", "Clip", "BatchNormalization", "Dropout", "Identity", "LeakyRelu", "Sigmoid", "HardSigmoid", "HardSwish")
WHOLE = ("GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "Flatten", "Reshape", "Gemm", "MatMul", "Softmax", "Squeeze")


def attributes(node):
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


class Network:
    def __init__(self, path):
        model = onnx.load(path)
        for tensor in model.graph.input:
            if tensor.type.tensor_type.shape.dim and not tensor.type.tensor_type.shape.dim[0].dim_value > 0:
                tensor.type.tensor_type.shape.dim[0].dim_value = 1
        model = shape_inference.infer_shapes(model, strict_mode=False, data_prop=True)
        graph = model.graph
        self.nodes = graph.node
        self.weights = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant":
                self.weights[node.output[0]] = np.asarray(numpy_helper.to_array(attributes(node)["value"]))
        self.shape = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim]
                      for v in (*graph.input, *graph.value_info, *graph.output)}
        self.picture = next(i.name for i in graph.input if i.name not in self.weights)
        # By tensor and axis: (first, last) for every position, or None: all of the picture.
        size = self.shape[self.picture][2:]
        self.seen = {self.picture: [(np.arange(n), np.arange(n)) for n in size]}

    def pads(self, node, axis):
        """In front along an axis, as the shapes demand."""
        a = attributes(node)
        before = a.get("pads", [0, 0, 0, 0])[axis]
        if a.get("auto_pad", b"NOTSET") in (b"SAME_UPPER", b"SAME_LOWER"):
            kernel, stride, dilation = self.window(node, axis)
            n, out = self.shape[node.input[0]][2 + axis], self.shape[node.output[0]][2 + axis]
            total = max((out - 1) * stride + (kernel - 1) * dilation + 1 - n, 0)
            before = total // 2 if a["auto_pad"] == b"SAME_UPPER" else (total + 1) // 2
        return before

    def window(self, node, axis):
        a = attributes(node)
        kernel = a["kernel_shape"] if "kernel_shape" in a else self.weights[node.input[1]].shape[2:]
        return kernel[axis], a.get("strides", [1, 1])[axis], a.get("dilations", [1, 1])[axis]

    @staticmethod
    def beyond(ends, position):
        """What a position sees; outside of the tensor it goes on as inside, with the first or last step."""
        n = len(ends)
        if 0 <= position < n:
            return ends[position]
        step = ends[1] - ends[0] if n > 1 else 1
        return ends[0] + position * step if position < 0 else ends[-1] + (position - n + 1) * step

    def slide(self, node, axis, seen):
        kernel, stride, dilation = self.window(node, axis)
        before = self.pads(node, axis)
        n = self.shape[node.output[0]][2 + axis]
        taps = [[o * stride - before + k * dilation for k in range(kernel)] for o in range(n)]
        return (np.array([min(self.beyond(seen[0], t) for t in row) for row in taps]),
                np.array([max(self.beyond(seen[1], t) for t in row) for row in taps]))

    def sliced(self, node, axis):
        starts, ends, *rest = [self.weights[i] for i in node.input[1:]]
        axes = list(rest[0] if rest else range(len(starts)))
        steps = rest[1] if len(rest) > 1 else [1] * len(starts)
        if 2 + axis not in axes:
            return slice(None)
        at = axes.index(2 + axis)
        return slice(int(starts[at]), int(ends[at]), int(steps[at]))

    def padded(self, node, axis, seen):
        pads = self.weights[node.input[1]] if len(node.input) > 1 else attributes(node)["pads"]
        before, after = int(pads[2 + axis]), int(pads[6 + axis])
        positions = range(-before, len(seen[0]) + after)
        return tuple(np.array([self.beyond(e, p) for p in positions]) for e in seen)

    def follow(self, node):
        inputs = [self.seen[i] for i in node.input if i in self.seen]
        if not inputs:
            return
        if node.op_type in WINDOWED:
            out = [s and self.slide(node, axis, s) for axis, s in enumerate(inputs[0])]
        elif node.op_type in SAME:
            out = inputs[0]
        elif node.op_type == "Slice":
            out = [s and tuple(e[self.sliced(node, axis)] for e in s) for axis, s in enumerate(inputs[0])]
        elif node.op_type == "Pad":
            out = [s and self.padded(node, axis, s) for axis, s in enumerate(inputs[0])]
        elif node.op_type in ("Add", "Mul", "Concat"):
            out = [None if any(s[axis] is None for s in inputs) else
                   (np.min([s[axis][0] for s in inputs], axis=0), np.max([s[axis][1] for s in inputs], axis=0))
                   for axis in range(2)]
        elif node.op_type in WHOLE:
            out = [None, None]
        else:
            raise Failure(f"this test does not know {node.op_type}")
        for name in node.output:
            self.seen[name] = out

    def macs(self, node):
        shape = self.shape[node.output[0]]
        if node.op_type == "Conv":
            filters, slices, *kernel = self.weights[node.input[1]].shape
            return filters * slices * math.prod(kernel) * math.prod(shape[2:])
        if node.op_type == "Gemm":
            return self.weights[node.input[1]].size
        if node.op_type == "MatMul":
            return self.weights[node.input[1]].size * math.prod(shape[:-1])
        return 0


def field_of(seen):
    """Size, centre of the first, jump, by axis; None: all of the picture."""
    if any(s is None for s in seen):
        return None
    sizes = [int((last - first).max()) + 1 for first, last in seen]
    starts = [float(first[0] + last[0]) / 2 for first, last in seen]
    jumps = [float(first[1] - first[0]) if len(first) > 1 else None for first, _ in seen]
    return sizes, starts, jumps


def expect(name, what, got, want):
    if got != want:
        raise Failure(f"{name}: {what} is {got}, want {want}")


def check_field(name, row, want):
    if want is None:
        for key in ("receptive_field", "receptive_field_start", "jump"):
            expect(name, key, row[key], None)
        return
    sizes, starts, jumps = want
    expect(name, "receptive_field", row["receptive_field"], sizes)
    expect(name, "receptive_field_start", row["receptive_field_start"], starts)
    for got, jump in zip(row["jump"], jumps):
        if jump is not None:
            expect(name, "jump", got, jump)


def check_inputs(network, rows, by_output):
    """Each row reads what the file says, constants aside."""
    for node, row in rows:
        want = []
        for name in node.input:
            source = None if name == network.picture else by_output.get(name, "none")
            if source != "none" and source not in want:
                want.append(source)
        expect(row["name"], "input_rows", row["input_rows"], want)
        expect(row["name"], "inputs", row["inputs"], ["input" if w is None else rows[w][1]["name"] for w in want])


def check_row(network, node, row, counted):
    name = row["name"]
    shape = network.shape[node.output[0]]
    expect(name, "op", row["op"], node.op_type)
    expect(name, "output_shape", row["output_shape"][1:], shape[1:])
    expect(name, "macs", row["macs"], network.macs(node))
    bytes_out = 4 * math.prod(shape[1:])
    expect(name, "output_bytes", row["output_bytes"], bytes_out)
    if node.op_type in ("Conv", "Gemm", "MatMul"):
        dense = math.prod(row["input_shape"]) * math.prod(shape[1:])
        expect(name, "macs_if_dense", row["macs_if_dense"], dense)
        if abs(row["macs_ratio"] * row["macs"] / dense - 1) > 1e-9:
            raise Failure(f"{name}: macs_ratio is {row['macs_ratio']}")
        fresh = {i for i in node.input if i in network.weights} - counted
        counted |= fresh
        count = sum(network.weights[i].size for i in fresh)
        expect(name, "parameters", row["parameters"], count)
        expect(name, "weight_bytes", row["weight_bytes"], 4 * count)
    check_field(name, row, field_of(network.seen[node.output[0]]))


def check_totals(table):
    rows, totals = table["layers"], table["totals"]
    for key in ("parameters", "weight_bytes", "output_bytes", "macs", "macs_if_dense"):
        expect("totals", key, totals[key], sum(row[key] for row in rows))
    expect("totals", "layers", totals["layers"], len(rows))
    expect("totals", "largest", totals["largest_output_bytes"], max(row["output_bytes"] for row in rows))
    expect("totals", "index", [row["index"] for row in rows], list(range(len(rows))))


def check_model(report, build, path):
    with report.case(f"{os.path.basename(path)}: the arithmetic of every layer") as remarks:
        network = Network(os.path.join(path, "model.onnx") if os.path.isdir(path) else path)
        done = subprocess.run([os.path.join(build, "convd"), "inspect", "--json", path], check=True,
                              capture_output=True)
        table = json.loads(done.stdout)
        rows, by_output, counted, at = [], {}, set(), 0
        for node in network.nodes:
            network.follow(node)
            if node.output[0] not in network.seen:
                continue
            if at < len(table["layers"]) and node.name and node.name != table["layers"][at]["name"]:
                raise Failure(f"row {at} is {table['layers'][at]['name']}, want {node.name}")
            if at == len(table["layers"]):
                raise Failure(f"no row for {node.op_type} {node.name}")
            check_row(network, node, table["layers"][at], counted)
            rows.append((node, table["layers"][at]))
            by_output[node.output[0]] = at
            at += 1
        expect(path, "rows", len(table["layers"]), at)
        check_inputs(network, rows, by_output)
        check_totals(table)
        remarks.append(f"{at} layers, {sum(field_of(network.seen[n.output[0]]) is not None for n, _ in rows)} with a "
                       f"receptive field, {table['totals']['macs']} MACs")


def main():
    report = Report()
    parent = os.path.join(DATA, "models")
    if not sys.argv[2:] and not os.path.isdir(parent):
        report.skip("arithmetic", "no test data (CONVD_TEST_DATA)")
        return report.finish()
    for path in sys.argv[2:] or [os.path.join(parent, name) for name in MODELS]:
        check_model(report, sys.argv[1], path)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
