"""Activations, reductions, norms and dense layers."""
from detail import detail, head, start


# --- activations and reductions --------------------------------------------
@detail
def activations():
    """Each behind a convolution, where it may be fused, and two in a row."""
    net = start("activations", (3, 11, 13), opset=14)
    kinds = ["Relu", "Sigmoid", "Tanh", "Elu", "Selu", "Softplus", "HardSigmoid", "HardSwish", "LeakyRelu", "Erf",
             "relu6", "silu", "leaky", "prelu", "mish", "gelu", "hard_swish_of_clip", "hard_swish_of_sigmoid"]
    parts = [net.act(net.conv("input", 5), kind) for kind in kinds]
    parts.append(net.act(net.act(net.conv("input", 5), "Relu"), "Sigmoid"))
    parts.append(net.act(net.clip(net.conv("input", 5), -1, 0.5), "Relu"))
    parts.append(net.op("Elu", net.conv("input", 5), alpha=0.3))
    parts.append(net.op("Selu", net.conv("input", 5), alpha=1.5, gamma=1.1))
    return net.finish(net.flatten(net.concat(parts)))


@detail
def activations_after_sums():
    net = start("activations_after_sums", (8, 9, 9), opset=14)
    parts = []
    for kind in ("Sigmoid", "HardSwish", "silu", "leaky", "prelu", "relu6", "Tanh", "HardSigmoid"):
        parts.append(net.act(net.op("Add", [net.conv("input", 8), "input"]), kind))
    return net.finish(net.flatten(net.concat(parts)))


@detail
def activations_of_the_input():
    net = start("activations_of_the_input", (3, 7, 9))
    parts = net.ops("input", "Relu"), net.act("input", "prelu"), net.op("Abs", "input"), net.op("Neg", "input")
    parts = net.ops("input", "Relu"), net.act("input", "prelu"), net.op("Abs", "input"), net.op("Neg", "input")
    parts += net.ops("input", "Abs", "Sqrt"), net.ops("input", "Tanh", "Exp"), net.ops("input", "Floor")
    parts += net.ops("input", "Ceil"), net.ops("input", "Softplus", "Log"), net.ops("input", "Exp", "Reciprocal")
    return net.finish(net.flatten(net.concat(parts)))


@detail
def prelu_slopes():
    """One slope for all, and one for each element."""
    net = start("prelu_slopes", (3, 7, 9))
    x = net.op("PRelu", [net.conv("input", 6), net.uniform(0.1, 0.3, 1)])
    x = net.op("PRelu", [net.conv(x, 6), net.uniform(0.1, 0.3, 6, 7, 9)])
    x = net.op("PRelu", [net.conv(x, 6), net.uniform(0.1, 0.3, 1, 1, 9)])
    return net.finish(net.flatten(x))


@detail
def nearly_hard_swish():
    """Patterns that are one constant away from an activation with a name."""
    net = start("nearly_hard_swish", (3, 9, 9))
    x = net.conv("input", 8)
    a = net.op("Div", [net.op("Mul", [x, net.clip(net.op("Add", [x, net.constant(3)]), 0, 5)]), net.constant(6)])
    b = net.op("Mul", [x, net.op("HardSigmoid", x, alpha=0.2, beta=0.5)])
    c = net.op("Mul", [x, net.op("Sigmoid", net.op("Mul", [x, net.constant(1.702)]))])
    d = net.op("Mul", [net.conv("input", 8), net.op("Sigmoid", x)])
    e = net.op("Div", [net.clip(net.op("Add", [x, net.constant(3)]), 0, 6), net.constant(6)])
    f = net.op("Mul", [x, net.clip(net.op("Add", [net.conv("input", 8), net.constant(3)]), 0, 6)])
    return net.finish(net.flatten(net.concat([a, b, c, d, e, f])))


@detail
def clips():
    net = start("clips", (3, 9, 9))
    x = net.conv("input", 8)
    low, high = net.constant(-0.5), net.constant(0.75)
    return net.finish(net.flatten(net.concat([
        net.op("Clip", [x, low, high]), net.op("Clip", [x, low]), net.op("Clip", [x, "", high]), net.op("Clip", x)])))


@detail
def reductions():
    net = start("reductions", (6, 9, 8))
    x = net.conv("input", 8)
    kinds = ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd")
    parts = []
    for kind, axes in zip(kinds, ([1], [2], [-1], [2, 3], [3])):
        parts.append(net.flatten(net.reduce(net.op("Sigmoid", x), kind, axes)))
    parts.append(net.flatten(net.reduce(x, "ReduceMean", [1, 2, 3])))
    return net.finish(net.concat(parts))


@detail
def channel_attention():
    """The mean and the maximum over the channels decide about each pixel (CBAM)."""
    net = start("channel_attention", (3, 14, 14))
    x = net.op("Relu", net.conv("input", 12))
    y = net.concat([net.reduce(x, "ReduceMean", [1]), net.reduce(x, "ReduceMax", [1])])
    return head(net, net.binary("Mul", x, net.op("Sigmoid", net.conv(y, 1, 7))))


@detail
def gate_by_dense():
    """Squeeze and excite through Gemm: the gate comes back by Reshape."""
    net = start("gate_by_dense")
    x = net.op("Relu", net.conv("input", 12))
    y = net.op("Relu", net.dense(net.flatten(net.global_pool(x)), 4))
    y = net.reshape(net.op("Sigmoid", net.dense(y, 12)), 1, 12, 1, 1)
    return head(net, net.binary("Mul", y, x))


@detail
def lrn():
    """Odd sizes only: onnxruntime refuses the others."""
    net = start("lrn", (7, 9, 9))
    x = net.op("LRN", net.conv("input", 7), size=3, alpha=0.5, beta=0.6, bias=1.5)
    x = net.op("LRN", net.conv(x, 5), size=1, alpha=0.8)
    return net.finish(net.flatten(net.op("LRN", x, size=9, alpha=1.0, beta=1.0)))


# --- dense layers ----------------------------------------------------------
@detail
def gemms():
    net = start("gemms", (3, 6, 6))
    x = net.flatten("input")
    x = net.op("Gemm", [x, net.normal(108, 40, scale=0.1), net.normal(40)], (1, 40), alpha=0.7, beta=0.3)
    x = net.op("Gemm", [net.op("Relu", x), net.normal(20, 40, scale=0.1)], (1, 20), transB=1, alpha=-1.5)
    x = net.op("Gemm", [net.op("Sigmoid", x), net.normal(20, 17), net.normal(1, 17)], (1, 17))
    x = net.op("Gemm", [x, net.normal(17, 9), net.constant(0.5)], (1, 9), beta=2.0)
    return net.finish(x)


@detail
def matmuls():
    """Constants on the right and on the left, with and without the bias in a node of its own."""
    net = start("matmuls", (3, 8, 6))
    x = net.op("MatMul", ["input", net.normal(6, 10, scale=0.4)], (1, 3, 8, 10))
    x = net.op("Relu", net.binary("Add", x, net.normal(10)))
    x = net.op("MatMul", [net.normal(5, 8, scale=0.4), x], (1, 3, 5, 10))
    x = net.op("MatMul", [x, net.normal(3, 10, 7, scale=0.4)], (1, 3, 5, 7))
    x = net.binary("Add", net.normal(11), net.op("MatMul", [net.flatten(x), net.normal(105, 11, scale=0.1)], (1, 11)))
    return net.finish(x)


@detail
def many_classes():
    net = start("many_classes", (3, 6, 6))
    return net.finish(net.op("Softmax", net.dense(net.flatten("input"), 5003, gain=4), axis=1))
