"""A builder of ONNX networks with seeded random weights. Shapes are one picture's: the batch is 1."""
import math

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
from onnx import TensorProto

IR_VERSION = {7: 3, 8: 3, 9: 4, 10: 5, 11: 6, 12: 7, 13: 7, 14: 7, 15: 8, 16: 8, 17: 8}


def pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


class Net:
    def __init__(self, name, dims=(3, 64, 64), opset=13, batch="N", seed=1, constant_nodes=False, sizes=None,
                 epsilon=1e-5):
        """`sizes`: what the file says of dims, where that is not their value (names for open ones).
        Before opset 9 weights are listed among the inputs, as IR version 3 wants it."""
        self.name, self.opset, self.batch = name, opset, batch
        self.rng = np.random.default_rng(seed)
        self.constant_nodes = constant_nodes
        self.epsilon = epsilon
        self.sizes = list(sizes or dims)
        self.shape = {"input": (1, *dims)}
        self.nodes, self.weights, self.outputs = [], [], []
        self.count = 0

    # --- the parts ------------------------------------------------------------
    def new(self, kind, shape):
        self.count += 1
        name = f"{kind}_{self.count}"
        self.shape[name] = tuple(map(int, shape))
        return name

    def constant(self, value, dtype=np.float32):
        value = np.asarray(value, dtype)
        name = self.new("const", value.shape)
        tensor = onnx.numpy_helper.from_array(np.ascontiguousarray(value).reshape(value.shape), name)
        if self.constant_nodes and value.size < 100000:
            self.nodes.append(onnx.helper.make_node("Constant", [], [name], value=tensor))
        else:
            self.weights.append(tensor)
        return name

    def ints(self, *values):
        return self.constant(values, np.int64)

    def normal(self, *shape, scale=1.0):
        if math.prod(shape) > 1 << 20:
            return self.constant(self.rng.standard_normal(shape, np.float32) * np.float32(scale))
        return self.constant(self.rng.standard_normal(shape) * scale)

    def uniform(self, low, high, *shape):
        return self.constant(self.rng.uniform(low, high, shape))

    def op(self, kind, inputs, shape=None, **attributes):
        """A node with one output, by default of its first input's shape."""
        inputs = [inputs] if isinstance(inputs, str) else list(inputs)
        out = self.new(kind.lower(), self.shape[inputs[0]] if shape is None else shape)
        self.nodes.append(onnx.helper.make_node(kind, inputs, [out], name="node_" + out, **attributes))
        return out

    def ops(self, x, *kinds):
        for kind in kinds:
            x = self.op(kind, x)
        return x

    # --- layers ---------------------------------------------------------------
    def window(self, x, kernel, stride, pad, dilation=1, ceil=False, auto_pad=None):
        """(attributes, height, width) of a convolution or a pool."""
        kernel, stride, dilation = pair(kernel), pair(stride), pair(dilation)
        pad = (pad,) * 4 if isinstance(pad, int) else tuple(pad)
        attributes = {"kernel_shape": kernel, "strides": stride}
        if auto_pad:
            attributes["auto_pad"] = auto_pad
        else:
            attributes["pads"] = pad
        sides = []
        for i in range(2):
            size, reach = self.shape[x][2 + i], dilation[i] * (kernel[i] - 1) + 1
            if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
                side = -(-size // stride[i])
            else:
                room = size - reach + (0 if auto_pad == "VALID" else pad[i] + pad[2 + i])
                side = (math.ceil if ceil else math.floor)(room / stride[i]) + 1
                # A window that would begin beyond the picture and its padding before it is dropped.
                if ceil and (side - 1) * stride[i] >= size + pad[i]:
                    side -= 1
            assert side >= 1, (self.name, x, self.shape[x], kernel, stride, pad)
            sides.append(side)
        return attributes, *sides

    def conv(self, x, channels, kernel=3, stride=1, pad=None, dilation=1, group=1, bias=True, auto_pad=None, gain=2.0):
        kernel = pair(kernel)
        if pad is None:
            reach = [pair(dilation)[i] * (kernel[i] - 1) // 2 for i in range(2)]
            pad = (*reach, *reach)
        attributes, height, width = self.window(x, kernel, stride, pad, dilation, auto_pad=auto_pad)
        fan_in = self.shape[x][1] // group * kernel[0] * kernel[1]
        inputs = [x, self.normal(channels, self.shape[x][1] // group, *kernel, scale=math.sqrt(gain / fan_in))]
        if bias:
            inputs.append(self.normal(channels, scale=0.1))
        if pair(dilation) != (1, 1):
            attributes["dilations"] = pair(dilation)
        if group > 1:
            attributes["group"] = group
        return self.op("Conv", inputs, (1, channels, height, width), **attributes)

    def norm(self, x, epsilon=None):
        channels = self.shape[x][1]
        parts = [self.uniform(0.8, 1.2, channels), self.normal(channels, scale=0.1),
                 self.normal(channels, scale=0.1), self.uniform(0.5, 1.5, channels)]
        return self.op("BatchNormalization", [x, *parts], epsilon=epsilon or self.epsilon)

    def conv_bn(self, x, channels, kernel=3, act="Relu", **options):
        return self.act(self.norm(self.conv(x, channels, kernel, bias=False, **options)), act)

    def pool(self, x, kind, kernel, stride=1, pad=0, ceil=False, include=None, auto_pad=None, dilation=1):
        attributes, height, width = self.window(x, kernel, stride, pad, dilation, ceil=ceil, auto_pad=auto_pad)
        if ceil:
            attributes["ceil_mode"] = 1
        if include is not None:
            attributes["count_include_pad"] = int(include)
        if pair(dilation) != (1, 1):
            attributes["dilations"] = pair(dilation)
        return self.op(kind, x, (1, self.shape[x][1], height, width), **attributes)

    def max_pool(self, x, kernel, stride=1, pad=0, **options):
        return self.pool(x, "MaxPool", kernel, stride, pad, **options)

    def mean_pool(self, x, kernel, stride=1, pad=0, **options):
        return self.pool(x, "AveragePool", kernel, stride, pad, **options)

    def global_pool(self, x, kind="GlobalAveragePool"):
        return self.op(kind, x, (1, self.shape[x][1], 1, 1))

    def act(self, x, kind):
        """An activation by its ONNX name, or by its own where it takes several nodes."""
        if kind is None:
            return x
        return getattr(self, "act_" + kind)(x) if hasattr(self, "act_" + kind) else self.op(kind, x)

    def act_silu(self, x):
        return self.op("Mul", [x, self.op("Sigmoid", x)])

    def act_relu6(self, x):
        return self.clip(x, 0, 6)

    def act_hard_swish_of_clip(self, x):
        """x * relu6(x + 3) / 6, as exporters wrote it before opset 14."""
        inner = self.clip(self.op("Add", [x, self.constant(3)]), 0, 6)
        return self.op("Div", [self.op("Mul", [x, inner]), self.constant(6)])

    def act_hard_swish_of_sigmoid(self, x):
        return self.op("Mul", [x, self.op("HardSigmoid", x, alpha=1 / 6, beta=0.5)])

    def act_mish(self, x):
        return self.op("Mul", [x, self.ops(x, "Softplus", "Tanh")])

    def act_gelu(self, x):
        return self.op("Mul", [self.op("Mul", [x, self.constant(0.5)]), self.erf_and_one(x)])

    def act_gelu_halved_last(self, x):
        """PyTorch's order."""
        return self.op("Mul", [self.op("Mul", [x, self.erf_and_one(x)]), self.constant(0.5)])

    def erf_and_one(self, x):
        return self.op("Add", [self.op("Erf", self.op("Div", [x, self.constant(math.sqrt(2))])), self.constant(1)])

    def act_prelu(self, x):
        channels = self.shape[x][1]
        return self.op("PRelu", [x, self.uniform(0.05, 0.4, channels, *[1] * (len(self.shape[x]) - 2))])

    def act_leaky(self, x):
        return self.op("LeakyRelu", x, alpha=0.1)

    def clip(self, x, low, high):
        if self.opset < 11:
            return self.op("Clip", x, min=float(low), max=float(high))
        return self.op("Clip", [x, self.constant(low), self.constant(high)])

    def dense(self, x, classes, bias=True, gain=1.0):
        """Gemm as PyTorch writes it, transB = 1."""
        features = self.shape[x][1]
        inputs = [x, self.normal(classes, features, scale=math.sqrt(gain / features))]
        if bias:
            inputs.append(self.normal(classes, scale=0.1))
        return self.op("Gemm", inputs, (1, classes), transB=1)

    def linear(self, x, features, gain=1.0):
        """Over the last axis of many, as PyTorch writes it: MatMul, then Add with the bias in front."""
        dims = self.shape[x]
        weights = self.normal(dims[-1], features, scale=math.sqrt(gain / dims[-1]))
        y = self.op("MatMul", [x, weights], (*dims[:-1], features))
        return self.op("Add", [self.normal(features, scale=0.1), y], self.shape[y])

    def layer_norm(self, x, epsilon=1e-6):
        """Over the last axis; before opset 17 by its formula."""
        width = self.shape[x][-1]
        scale, shift = self.uniform(0.8, 1.2, width), self.normal(width, scale=0.1)
        if self.opset >= 17:
            return self.op("LayerNormalization", [x, scale, shift], axis=-1, epsilon=epsilon)
        y = self.binary("Sub", x, self.reduce(x, "ReduceMean", [-1]))
        variance = self.reduce(self.op("Pow", [y, self.constant(2)]), "ReduceMean", [-1])
        y = self.binary("Div", y, self.op("Sqrt", self.op("Add", [variance, self.constant(epsilon)])))
        return self.op("Add", [self.op("Mul", [y, scale]), shift])

    def matmul(self, a, b):
        (*front, rows, _), columns = self.shape[a], self.shape[b][-1]
        return self.op("MatMul", [a, b], (*front, rows, columns))

    # --- movement ---------------------------------------------------------------
    def flatten(self, x, axis=1):
        dims = self.shape[x]
        return self.op("Flatten", x, (math.prod(dims[:axis]), math.prod(dims[axis:])), axis=axis)

    def reshape(self, x, *dims):
        sizes = [self.shape[x][i] if d == 0 else d for i, d in enumerate(dims)]
        known = math.prod(d for d in sizes if d != -1)
        total = math.prod(self.shape[x])
        return self.op("Reshape", [x, self.ints(*dims)], [total // known if d == -1 else d for d in sizes])

    def transpose(self, x, *perm):
        return self.op("Transpose", x, [self.shape[x][i] for i in perm], perm=perm)

    def squeeze(self, x, axis):
        dims = list(self.shape[x])
        del dims[axis]
        if self.opset < 13:
            return self.op("Squeeze", x, dims, axes=[axis])
        return self.op("Squeeze", [x, self.ints(axis)], dims)

    def concat(self, values, axis=1):
        dims = list(self.shape[values[0]])
        dims[axis] = sum(self.shape[v][axis] for v in values)
        return self.op("Concat", values, dims, axis=axis)

    def split(self, x, sizes, axis=1):
        dims, outs = list(self.shape[x]), []
        for size in sizes:
            dims[axis] = size
            outs.append(self.new("split", dims))
        inputs, attributes = [x], {"axis": axis}
        if self.opset < 13:
            attributes["split"] = sizes
        else:
            inputs.append(self.ints(*sizes))
        self.nodes.append(onnx.helper.make_node("Split", inputs, outs, **attributes))
        return outs

    def slice(self, x, axis, start, end, step=1):
        dims = list(self.shape[x])
        dims[axis] = len(range(dims[axis])[start:end:step])
        if self.opset < 10:
            return self.op("Slice", x, dims, axes=[axis], starts=[start], ends=[end])
        return self.op("Slice", [x, *map(self.ints, (start, end, axis, step))], dims)

    def pad(self, x, pads, mode="constant", value=0.0):
        rank = len(self.shape[x])
        dims = [d + pads[i] + pads[rank + i] for i, d in enumerate(self.shape[x])]
        if self.opset < 11:
            return self.op("Pad", x, dims, pads=pads, mode=mode, value=value)
        extra = [self.constant(value)] if mode == "constant" else []
        return self.op("Pad", [x, self.ints(*pads), *extra], dims, mode=mode)

    def reduce(self, x, kind, axes, keep=True):
        rank = len(self.shape[x])
        drop = {a % rank for a in axes}
        dims = [1 if i in drop else d for i, d in enumerate(self.shape[x]) if keep or i not in drop]
        if kind == "ReduceSum" and self.opset >= 13:
            return self.op(kind, [x, self.ints(*axes)], dims, keepdims=int(keep))
        return self.op(kind, x, dims, axes=axes, keepdims=int(keep))

    def binary(self, kind, a, b):
        return self.op(kind, [a, b], np.broadcast_shapes(self.shape[a], self.shape[b]))

    # --- the result ---------------------------------------------------------------
    def finish(self, *outputs):
        self.outputs = list(outputs)
        return self

    def sample(self, n):
        return np.random.default_rng(7).standard_normal((n, *self.shape["input"][1:])).astype(np.float32)

    def model(self, nodes=None, outputs=None):
        """Other nodes and outputs, of any size, where they are given."""
        def info(name, dims):
            return onnx.helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)

        inputs = [info("input", [self.batch, *self.sizes])]
        if self.opset < 9:
            inputs += [onnx.helper.make_tensor_value_info(w.name, w.data_type, w.dims) for w in self.weights]
        outputs = ([info(name, None) for name in outputs] if outputs else
                   [info(name, [self.batch, *self.shape[name][1:]]) for name in self.outputs])
        graph = onnx.helper.make_graph(nodes or self.nodes, self.name, inputs, outputs, self.weights)
        opset = onnx.helper.make_opsetid("", self.opset)
        return onnx.helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION[self.opset],
                                      producer_name="make_models")

    def save(self, path, nodes=None, outputs=None):
        with open(path, "wb") as f:
            f.write(self.model(nodes, outputs).SerializeToString())
