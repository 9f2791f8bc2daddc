"""Random small networks: any operator may meet any other. What a seed gives is always the same."""
import random

import numpy as np

from net import Net, pair

MAX_ELEMENTS = 40000
ACTIVATIONS = ["Relu"] * 5 + ["Sigmoid", "Tanh", "Elu", "Selu", "Softplus", "HardSigmoid", "HardSwish", "relu6", "relu6",
               "silu", "silu", "leaky", "prelu", "mish", "gelu", "hard_swish_of_clip", "hard_swish_of_sigmoid", "Neg",
               "Abs", "Erf"]


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        pick = self.random
        opset = pick.choice([7, 9, 10, 11, 12, 13, 13, 14, 17])
        channels = pick.choice([1, 3, 3, 4, 8])
        dims = (channels, pick.randint(6, 33), pick.randint(6, 33))
        self.net = Net(f"random_{seed}", dims, opset=opset, batch=pick.choice(["N", 1]), seed=seed,
                       constant_nodes=pick.random() < 0.2)
        self.values = ["input"]

    def shape(self, x):
        return self.net.shape[x]

    def any(self):
        """A value: mostly a late one, at times one that was used before."""
        recent = self.values[-3:] if self.random.random() < 0.75 else self.values
        return self.random.choice(recent)

    def chance(self, p):
        return self.random.random() < p

    # --- operators --------------------------------------------------------------
    def window(self, x, biggest):
        """A kernel, a stride and pads that fit the picture. onnxruntime's pools refuse SAME with a stride above
        the kernel, whose pads would be negative."""
        pick = self.random
        kernel = pick.choice([(1, 1), (1, 1), (3, 3), (3, 3), (3, 3), (2, 2), (5, 5), (1, 3), (3, 1), (7, 7), (4, 2)])
        kernel = tuple(min(k, biggest) for k in kernel)
        stride = pick.choice([1, 1, 1, 2, 2, (1, 2), 3])
        style = pick.choice(["same", "same", "none", "uneven", "SAME_UPPER", "SAME_LOWER"])
        if min(kernel) < max(pair(stride)) and style.startswith("SAME"):
            style = "none"
        pads = (0,) * 4
        if style == "same":
            pads = tuple((k - 1) // 2 for k in kernel) * 2
        elif style == "uneven":
            pads = tuple(pick.randint(0, max(0, kernel[i % 2] - 1)) for i in range(4))
        for i in range(2):
            if not style.startswith("SAME") and self.shape(x)[2 + i] + pads[i] + pads[2 + i] < kernel[i]:
                return (1, 1), stride, pads if max(pads) == 0 else (0,) * 4, None
        return kernel, stride, pads, style if style.startswith("SAME") else None

    def width(self):
        return self.random.choice([1, 3, 4, 5, 8, 12, 16, 16, 17, 24, 32, 33, 40, 48, 64])

    def conv(self, x):
        pick, channels = self.random, self.shape(x)[1]
        kernel, stride, pads, auto_pad = self.window(x, 7)
        group, width = 1, self.width()
        style = pick.random()
        if style < 0.25:
            group, width = channels, channels * pick.choice([1, 1, 1, 2])
        elif style < 0.4:
            group = pick.choice([g for g in range(1, channels + 1) if channels % g == 0])
            width = group * pick.randint(1, max(1, 48 // group))
        dilation = 1
        if auto_pad is None and self.chance(0.15):
            room = min((self.shape(x)[2 + i] + pads[i] + pads[2 + i] - 1) // max(1, kernel[i] - 1) for i in range(2))
            dilation = min(pick.choice([2, 3]), max(1, room))
        return self.net.conv(x, width, kernel, stride, pads, dilation, group, self.chance(0.6), auto_pad)

    def conv_bn(self, x):
        x = self.net.norm(self.conv(x), epsilon=self.random.choice([1e-5, 1e-3, 0.1]))
        return self.net.act(x, self.activation(x)) if self.chance(0.6) else x

    def activation(self, x):
        kind = self.random.choice(ACTIVATIONS)
        needed = {"HardSwish": 14, "Erf": 9, "gelu": 9}.get(kind, 1)
        return kind if self.net.opset >= needed else "Relu"

    def act(self, x):
        return self.net.act(x, self.activation(x))

    def norm(self, x):
        return self.net.norm(x)

    def pool(self, x):
        net, pick = self.net, self.random
        kernel, stride, pads, auto_pad = self.window(x, 5)
        pads = tuple(min(p, kernel[i % 2] - 1) for i, p in enumerate(pads))
        mean = self.chance(0.5)
        ceil = auto_pad is None and net.opset >= 10 and self.chance(0.3)
        include = pick.choice([None, False, True]) if mean and not (ceil and max(pads)) else None
        kind = "AveragePool" if mean else "MaxPool"
        return net.pool(x, kind, kernel, stride, pads, ceil, include, auto_pad)

    def add_branch(self, x):
        """x joined with a branch of its own."""
        net, pick = self.net, self.random
        channels = self.shape(x)[1]
        y = x
        for _ in range(pick.randint(1, 2)):
            kernel = pick.choice([1, 3, 5])
            group = channels if self.chance(0.3) else 1
            y = net.conv(y, channels, kernel, group=group, bias=self.chance(0.5))
            y = net.norm(y) if self.chance(0.5) else y
            y = self.act(y) if self.chance(0.4) else y
        kind = pick.choice(["Add"] * 5 + ["Mul", "Sub", "Max", "Min"])
        if kind in ("Max", "Min") and net.opset < 8:
            kind = "Add"
        pairs = [x, y] if self.chance(0.5) else [y, x]
        out = net.op(kind, pairs)
        self.values.append(y if self.chance(0.2) else out)
        return self.act(out) if self.chance(0.6) else out

    def add_same(self, x):
        """Two values of one shape that happen to be there."""
        same = [v for v in self.values if self.shape(v) == self.shape(x)]
        kind = self.random.choice(["Add", "Add", "Sub", "Sum", "Mul"])
        return self.net.op(kind, [x, self.random.choice(same)])

    def scale(self, x):
        """A constant on one side, of one of the shapes that broadcast."""
        pick, (_, c, h, w) = self.random, self.shape(x)
        dims = pick.choice([(), (1,), (c, 1, 1), (1, c, 1, 1), (1, c, 1, 1), (w,), (h, 1), (c, h, w), (1, 1, h, w)])
        kind = pick.choice(["Add", "Mul", "Sub", "Div", "Max", "Min"])
        if kind in ("Max", "Min") and self.net.opset < 8:
            kind = "Mul"
        value = self.net.uniform(0.5, 1.5, *dims)
        if self.chance(0.7) or kind == "Div":
            return self.net.binary(kind, x, value)
        return self.net.binary(kind, value, x)

    def excite(self, x):
        net, channels = self.net, self.shape(x)[1]
        y = net.global_pool(x, self.random.choice(["GlobalAveragePool", "GlobalMaxPool"]))
        y = net.act(net.conv(y, max(1, channels // 2), 1), self.random.choice(["Relu", "silu"]))
        y = net.conv(y, channels, 1)
        y = net.op(self.random.choice(["Sigmoid", "HardSigmoid", "Tanh"]), y)
        return net.binary("Mul", *([x, y] if self.chance(0.5) else [y, x]))

    def concat(self, x):
        axis = self.random.choice([1, 1, 1, 2, 3, -1])
        fits = [v for v in self.values
                if all(a == b or i == axis % 4 for i, (a, b) in enumerate(zip(self.shape(v), self.shape(x))))]
        return self.net.concat([x, *self.random.choices(fits, k=self.random.randint(1, 2))], axis)

    def split(self, x):
        axis = self.random.choice([1, 1, 2, 3])
        size = self.shape(x)[axis]
        if size < 2:
            return self.act(x)
        cut = self.random.randint(1, size - 1)
        parts = self.net.split(x, [cut, size - cut], axis)
        self.values.append(parts[1])
        return parts[0]

    def slice(self, x):
        axis = self.random.choice([1, 2, 3])
        size = self.shape(x)[axis]
        begin = self.random.randint(0, size - 1)
        end = self.random.randint(begin + 1, size)
        step = self.random.choice([1, 1, 2]) if self.net.opset >= 10 else 1
        return self.net.slice(x, axis, begin, end, step)

    def pad(self, x):
        pick = self.random
        mode = pick.choice(["constant", "constant", "constant", "edge", "reflect"])
        most = min(2, min(self.shape(x)[2:]) - 1) if mode == "reflect" else 2
        pads = [0, 0, pick.randint(0, most), pick.randint(0, most)] + [0, 0, pick.randint(0, most), pick.randint(0, most)]
        if mode == "constant" and self.chance(0.2):
            pads[1], pads[5] = pick.randint(0, 2), pick.randint(0, 2)
        return self.net.pad(x, pads, mode, pick.choice([0.0, 0.0, 0.5]))

    def shuffle(self, x):
        _, c, h, w = self.shape(x)
        groups = [g for g in range(2, c + 1) if c % g == 0]
        if not groups:
            return self.act(x)
        g = self.random.choice(groups)
        y = self.net.transpose(self.net.reshape(x, 0, g, c // g, h, w), 0, 2, 1, 3, 4)
        return self.net.reshape(y, 0, c, h, w)

    def transpose(self, x):
        perm = self.random.choice([(0, 1, 3, 2), (0, 3, 1, 2), (0, 2, 3, 1), (0, 2, 1, 3)])
        y = self.net.transpose(x, *perm)
        if self.chance(0.5):
            y = self.net.transpose(self.act(y), *np.argsort(perm).tolist())
        return y

    def reduce(self, x):
        kind = self.random.choice(["ReduceMean", "ReduceMean", "ReduceMax", "ReduceSum", "ReduceMin"])
        axis = self.random.choice([1, 2, 3, -1])
        y = self.net.reduce(x, kind, [axis])
        return self.net.binary(self.random.choice(["Mul", "Add", "Sub"]), x, y) if self.chance(0.7) else y

    def softmax(self, x):
        kind = self.random.choice(["Softmax", "Softmax", "LogSoftmax"])
        return self.net.op(kind, x, axis=self.random.choice([1, 2, 3]))

    def lrn(self, x):
        return self.net.op("LRN", x, size=self.random.choice([1, 3, 5, 9]), alpha=0.3, beta=0.7, bias=1.2)

    def passing(self, x):
        """A node that does nothing at inference."""
        return self.net.op(self.random.choice(["Identity", "Dropout"]), x)

    def dense_pixels(self, x):
        """MatMul over the last axis."""
        size, out = self.shape(x)[3], self.width()
        return self.net.op("MatMul", [x, self.net.normal(size, out, scale=size ** -0.5)], (*self.shape(x)[:3], out))

    # --- a whole -------------------------------------------------------------------
    def step(self):
        kinds = ((self.conv, 6), (self.conv_bn, 6), (self.act, 4), (self.norm, 2), (self.pool, 3), (self.add_branch, 5),
                 (self.add_same, 2), (self.scale, 3), (self.excite, 2), (self.concat, 2), (self.split, 1),
                 (self.slice, 1), (self.pad, 1), (self.shuffle, 1), (self.transpose, 1), (self.reduce, 1),
                 (self.softmax, 1), (self.lrn, 1), (self.passing, 1), (self.dense_pixels, 1))
        make = self.random.choices([k for k, _ in kinds], [n for _, n in kinds])[0]
        y = make(self.any())
        size = int(np.prod(self.shape(y)))
        if size > MAX_ELEMENTS:
            y = self.net.max_pool(self.net.conv(y, 8, 1), 2, 2)
        self.values.append(y)

    def head(self, x):
        net, pick = self.net, self.random
        style = pick.choice(["gap", "gap", "flatten", "mean", "conv", "map", "raw"])
        if style == "raw":
            return x
        if style == "map":
            return net.flatten(net.conv(x, 3, 1))
        if style == "conv":
            return net.flatten(net.global_pool(net.conv(x, 10, 1)))
        if style == "mean":
            y = net.reduce(x, "ReduceMean", [2, 3], keep=False)
            y = net.op("MatMul", [y, net.normal(self.shape(x)[1], 10)], (1, 10))
            return net.binary("Add", y, net.normal(10))
        if style == "flatten":
            return net.dense(net.flatten(x), 10)
        return net.dense(net.flatten(net.global_pool(x, pick.choice(["GlobalAveragePool", "GlobalMaxPool"]))), 10)

    def make(self):
        for _ in range(self.random.randint(4, 16)):
            self.step()
        outputs = [self.head(self.values[-1])]
        if self.chance(0.3):
            outputs[0] = self.net.op("Softmax", outputs[0], axis=1)
        inner = self.random.choice(self.values[1:])
        if self.chance(0.2) and inner not in outputs:
            outputs.insert(self.random.randint(0, 1), inner)
        return self.net.finish(*outputs)


def make(seed):
    return Maker(seed).make()
