"""Networks with seeded random weights, for where nobody has trained ones: ResNet-50 v1.5, MobileNetV2, SqueezeNet 1.1.

Each as it looks once its batch norms are folded into convolutions with a bias; 224×224, 1000 classes.
"""
import os

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

SIZE, CLASSES = 224, 1000


class Network:
    """Appends nodes; each method takes and returns the name of a value."""

    def __init__(self, seed):
        self.nodes, self.constants, self.channels = [], [], {"input": 3}
        self.random = np.random.default_rng(seed)

    def node(self, kind, inputs, channels, **attributes):
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        self.channels[name] = channels
        return name

    def constant(self, array):
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array, dtype=np.float32), name))
        return name

    def weights(self, shape):
        """He-normal weights and small biases."""
        spread = np.sqrt(2 / np.prod(shape[1:]))
        return [self.constant(spread * self.random.standard_normal(shape)),
                self.constant(0.1 * self.random.standard_normal(shape[0]))]

    def conv(self, x, channels, kernel, stride=1, pad=None, groups=1):
        pad = kernel // 2 if pad is None else pad
        return self.node("Conv", [x, *self.weights((channels, self.channels[x] // groups, kernel, kernel))], channels,
                         kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4, group=groups)

    def relu(self, x):
        return self.node("Relu", [x], self.channels[x])

    def relu6(self, x):
        return self.node("Clip", [x, self.constant(0), self.constant(6)], self.channels[x])

    def add(self, a, b):
        return self.node("Add", [a, b], self.channels[a])

    def max_pool(self, x, pad):
        return self.node("MaxPool", [x], self.channels[x], kernel_shape=[3, 3], strides=[2, 2], pads=[pad] * 4)

    def pool_to_rows(self, x):
        x = self.node("GlobalAveragePool", [x], self.channels[x])
        return self.node("Flatten", [x], self.channels[x])

    def classify(self, x):
        return self.node("Gemm", [x, *self.weights((CLASSES, self.channels[x]))], CLASSES, transB=1)

    def model(self, name, output):
        ends = [helper.make_tensor_value_info(end, TensorProto.FLOAT, shape)
                for end, shape in (("input", ["N", 3, SIZE, SIZE]), (output, ["N", CLASSES]))]
        graph = helper.make_graph(self.nodes, name, ends[:1], ends[1:], self.constants)
        return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])


def resnet50():
    """As in torchvision: a block's stride is on its 3×3 convolution."""
    n = Network(50)

    def block(x, width, stride):
        y = n.relu(n.conv(x, width, 1))
        y = n.relu(n.conv(y, width, 3, stride))
        y = n.conv(y, 4 * width, 1)
        if n.channels[x] != 4 * width:
            x = n.conv(x, 4 * width, 1, stride)
        return n.relu(n.add(y, x))

    x = n.max_pool(n.relu(n.conv("input", 64, 7, 2)), 1)
    for width, blocks, stride in [(64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)]:
        for i in range(blocks):
            x = block(x, width, stride if i == 0 else 1)
    return n.model("resnet50", n.classify(n.pool_to_rows(x)))


def mobilenet_v2():
    n = Network(2)

    def block(x, channels, expand, stride):
        inside = n.channels[x] * expand
        y = x if expand == 1 else n.relu6(n.conv(x, inside, 1))
        y = n.relu6(n.conv(y, inside, 3, stride, groups=inside))
        y = n.conv(y, channels, 1)
        return n.add(y, x) if stride == 1 and channels == n.channels[x] else y

    x = n.relu6(n.conv("input", 32, 3, 2))
    for expand, channels, blocks, stride in [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2),
                                             (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]:
        for i in range(blocks):
            x = block(x, channels, expand, stride if i == 0 else 1)
    return n.model("mobilenet_v2", n.classify(n.pool_to_rows(n.relu6(n.conv(x, 1280, 1)))))


def squeezenet():
    n = Network(11)

    def fire(x, squeeze, expand):
        x = n.relu(n.conv(x, squeeze, 1))
        return n.node("Concat", [n.relu(n.conv(x, expand, 1)), n.relu(n.conv(x, expand, 3))], 2 * expand, axis=1)

    x = n.relu(n.conv("input", 64, 3, 2, 0))
    for sizes in [[(16, 64)] * 2, [(32, 128)] * 2, [(48, 192)] * 2 + [(64, 256)] * 2]:
        x = n.max_pool(x, 0)
        for squeeze, expand in sizes:
            x = fire(x, squeeze, expand)
    return n.model("squeezenet", n.pool_to_rows(n.relu(n.conv(x, CLASSES, 1))))


MAKERS = {"squeezenet1.1": squeezenet, "mobilenet_v2_1.0": mobilenet_v2, "resnet50_v1.5": resnet50}


def make_network(name, folder):
    """The path of the network's file in `folder`, made unless it is there."""
    path = os.path.join(folder, name + ".onnx")
    if not os.path.exists(path):
        os.makedirs(folder, exist_ok=True)
        save(MAKERS[name](), path + ".new")
        os.replace(path + ".new", path)
    return path
