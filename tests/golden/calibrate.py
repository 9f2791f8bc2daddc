"""Makes random weights behave like learned ones.

Training keeps a network's values near 1: each batch norm has the mean and variance of what it sees. Here one run
measures them, each norm already at work on its own. The same run measures the scores, and the last layer is scaled so
that probabilities are neither all alike nor certain.
"""
import os
from collections import Counter

import numpy as np
from onnx import helper, numpy_helper

SPREAD = 2.5  # the standard deviation of a picture's scores


class Shadow:
    """A network's nodes with norms that measure, and the names of what is measured."""

    def __init__(self, net):
        self.nodes, self.measured = [], []
        for node in net.nodes:
            if node.op_type == "BatchNormalization":
                x = node.input[0]
                measured = self.moments(x, [0, *range(2, len(net.shape[x]))])
                attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
                node = helper.make_node(node.op_type, [*node.input[:3], *measured], node.output, **attributes)
                self.measured += measured
            self.nodes.append(node)
        self.measured.append(self.moments(net.outputs[0], [1])[1])

    def add(self, kind, inputs, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [f"shadow_{len(self.nodes)}"], **attributes))
        return self.nodes[-1].output[0]

    def moments(self, x, axes):
        """[mean, variance]"""
        mean = self.add("ReduceMean", [x], axes=axes, keepdims=0)
        square = self.add("ReduceMean", [self.add("Mul", [x, x])], axes=axes, keepdims=0)
        return [mean, self.add("Sub", [square, self.add("Mul", [mean, mean])])]


def measure(net, oracle, folder, pictures):
    """A vector: mean and variance of each norm's channels, then the variance of each picture's scores."""
    pictures = pictures[:1] if net.batch == 1 else pictures
    shadow, rows = Shadow(net), len(pictures)
    # A row for each picture, as the oracle wants it.
    shadow.add("Concat", shadow.measured * rows, axis=0)
    path = os.path.join(folder, net.name + "-shadow.onnx")
    net.save(path, shadow.nodes, shadow.nodes[-1].output)
    try:
        return oracle.run(path, pictures, batch=rows)[0]
    finally:
        os.remove(path)


class Weights:
    """A network's initialisers as arrays, by name. What is not set stays as it is: some are large."""

    def __init__(self, tensors):
        self.tensors = {t.name: t for t in tensors}

    def __getitem__(self, name):
        return numpy_helper.to_array(self.tensors[name])

    def __setitem__(self, name, array):
        self.tensors[name] = numpy_helper.from_array(np.asarray(array, np.float32), name)

    def __delitem__(self, name):
        del self.tensors[name]


def fold(net, weights, node, conv):
    """The norm into the convolution before it."""
    scale, shift, mean, variance = (weights[name] for name in node.input[1:])
    epsilon = next(a.f for a in node.attribute if a.name == "epsilon")
    factor = scale / np.sqrt(variance + epsilon)
    weights[conv.input[1]] = weights[conv.input[1]] * factor.reshape(-1, 1, 1, 1)
    weights[node.input[2]] = shift - mean * factor
    conv.input.append(node.input[2])
    conv.output[0] = node.output[0]
    for name in (node.input[1], *node.input[3:]):
        del weights[name]
    net.folded += len(scale)


def fold_norms(net, weights):
    """As exporters do where nothing else reads the convolution's result."""
    maker = {name: node for node in net.nodes for name in node.output}
    readers = Counter(name for node in net.nodes for name in node.input)
    kept = []
    for node in net.nodes:
        conv = maker.get(node.input[0]) if node.op_type == "BatchNormalization" else None
        if conv is not None and conv.op_type == "Conv" and readers[node.input[0]] == 1:
            fold(net, weights, node, conv)
        else:
            kept.append(node)
    net.nodes = kept


def calibrate(net, oracle, folder, pictures):
    found = measure(net, oracle, folder, pictures)
    weights = Weights(net.weights)
    for node in net.nodes:
        if node.op_type == "BatchNormalization":
            for name in node.input[3:]:
                weights[name], found = np.split(found, [len(weights[name])])
    for name in net.last.input[1:]:
        weights[name] = weights[name] * SPREAD / np.sqrt(found.mean())
    if net.fold_norms:
        fold_norms(net, weights)
    net.weights = list(weights.tensors.values())
