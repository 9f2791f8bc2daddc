"""Layouts, slices, reshapes, and how a file may be written."""
from detail import detail, head, start


# --- layout ----------------------------------------------------------------
@detail
def keras_channels_last():
    """Keras: channels last outside, a Transpose in front, the head a MatMul and an Add."""
    net = start("keras_channels_last", (30, 28, 3))
    x = net.transpose("input", 0, 3, 1, 2)
    x = net.clip(net.norm(net.conv(x, 16, 3, stride=2, auto_pad="SAME_UPPER", bias=False)), 0, 6)
    x = net.op("Relu", net.conv(x, 24, 3, group=8))
    x = net.reduce(x, "ReduceMean", [2, 3], keep=False)
    x = net.binary("Add", net.op("MatMul", [x, net.normal(24, 10, scale=0.2)], (1, 10)), net.normal(10))
    return net.finish(net.op("Softmax", x, axis=-1))


@detail
def flatten_channels_last():
    """TensorFlow flattens [H][W][C]: the Transpose before the Reshape may not be lost."""
    net = start("flatten_channels_last", (3, 12, 10))
    x = net.transpose(net.op("Relu", net.conv("input", 8, 3, stride=2)), 0, 2, 3, 1)
    x = net.reshape(x, -1, 240)
    return net.finish(net.op("MatMul", [x, net.normal(240, 10, scale=0.1)], (1, 10)))


@detail
def flatten_channels_first():
    net = start("flatten_channels_first", (3, 12, 10))
    x = net.op("Relu", net.conv("input", 8, 3, stride=2))
    return net.finish(net.dense(net.flatten(x), 10))


@detail
def spatial_softmax():
    net = start("spatial_softmax", (3, 9, 11))
    x = net.op("Softmax", net.conv("input", 6), axis=1)
    y = net.op("Softmax", net.conv("input", 6), axis=3)
    z = net.op("LogSoftmax", net.conv("input", 6), axis=2)
    return net.finish(net.flatten(net.concat([x, y, z])))


@detail
def softmax_coerced():
    """Before opset 13 all axes from `axis` on are one."""
    net = start("softmax_coerced", (3, 9, 11), opset=12)
    x = net.op("Softmax", net.conv("input", 6), axis=1)
    y = net.op("LogSoftmax", net.conv("input", 6), axis=2)
    return net.finish(net.flatten(net.concat([x, y])))


@detail
def attention():
    """Two computed matrices are multiplied, as in self-attention over the pixels."""
    net = start("attention", (3, 12, 12))
    x = net.op("Relu", net.conv("input", 16, 3, stride=2))
    q, k, v = (net.reshape(net.conv(x, 8, 1), 0, 8, 36) for _ in range(3))
    scores = net.op("MatMul", [net.transpose(q, 0, 2, 1), k], (1, 36, 36))
    scores = net.op("Softmax", net.op("Mul", [scores, net.constant(8 ** -0.5)]), axis=-1)
    y = net.op("MatMul", [v, net.transpose(scores, 0, 2, 1)], (1, 8, 36))
    return head(net, net.conv(net.reshape(y, 0, 8, 6, 6), 16, 1))


@detail
def pad_nodes():
    net = start("pad_nodes", (3, 15, 17))
    x = net.op("Relu", net.conv(net.pad("input", [0, 0, 1, 2, 0, 0, 1, 0]), 8, 3, pad=0))
    x = net.conv(net.pad(x, [0, 0, 1, 1, 0, 0, 1, 1], value=0.5), 8, 3, pad=0)
    x = net.max_pool(net.pad(net.op("Relu", x), [0, 0, 0, 0, 0, 0, 1, 1]), 3, 2)
    x = net.pad(net.conv(x, 8), [0, 2, 0, 0, 0, 3, 0, 0])
    x = net.pad(net.conv(x, 8), [0, 0, 2, 1, 0, 0, 1, 2], mode="reflect")
    x = net.pad(net.conv(x, 8), [0, 0, -1, 0, 0, 0, 2, -1], mode="edge")
    return net.finish(net.flatten(net.conv(x, 4)))


@detail
def pad_before_mean_pool():
    """Zeros padded by a node count in the mean; those of the pool need not."""
    net = start("pad_before_mean_pool", (3, 14, 14), opset=11)
    x = net.pad(net.conv("input", 6), [0, 0, 1, 1, 0, 0, 1, 1])
    return head(net, net.mean_pool(x, 3, 2, pad=1, include=False))


@detail
def slices():
    net = start("slices", (3, 20, 18))
    x = net.op("Relu", net.conv("input", 12))
    a = net.slice(x, 1, 0, 5)
    b = net.slice(x, 1, -4, 2 ** 31)
    c = net.slice(net.slice(x, 2, 0, 20, 2), 3, 0, 18, 2)
    d = net.slice(x, 2, 19, -21, -1)
    y = net.concat([net.global_pool(a), net.global_pool(b), net.global_pool(net.conv(d, 5))])
    return net.finish(net.concat([net.flatten(y), net.flatten(c)]))


@detail
def space_to_depth():
    """YOLO's Focus: four strided slices, joined."""
    net = start("space_to_depth")
    parts = [net.slice(net.slice("input", 2, y, 24, 2), 3, x, 24, 2) for x in (0, 1) for y in (0, 1)]
    return head(net, net.op("Relu", net.conv(net.concat(parts), 16)))


@detail
def option_a_shortcut():
    """ResNet on CIFAR: every second pixel, and channels of zero around."""
    net = start("option_a_shortcut", opset=9)
    x = net.op("Relu", net.conv("input", 8))
    y = net.norm(net.conv(net.op("Relu", net.norm(net.conv(x, 16, 3, stride=2))), 16))
    z = net.max_pool(x, 1, 2)
    return head(net, net.op("Relu", net.op("Add", [y, net.pad(z, [0, 4, 0, 0, 0, 4, 0, 0])])))


@detail
def splits():
    net = start("splits", (3, 16, 16), opset=11)
    a, b, c = net.split(net.op("Relu", net.conv("input", 19)), [5, 11, 3])
    b1, b2 = net.split(b, [10, 6], axis=2)
    x = net.concat([net.op("Mul", [a, net.op("Sigmoid", a)]), c, net.conv(b, 4)])
    y = net.concat([net.flatten(b1), net.flatten(net.op("Neg", b2))])
    return net.finish(net.concat([y, net.flatten(net.global_pool(x))]))


@detail
def gathers():
    net = start("gathers", (6, 8, 8))
    x = net.op("Gather", ["input", net.ints(2, 1, 0, 5)], (1, 4, 8, 8), axis=1)
    x = net.conv(x, 8)
    y = net.op("Gather", [x, net.constant(-1, "int64")], (1, 8, 8), axis=3)
    return net.finish(net.concat([net.flatten(y), net.flatten(net.global_pool(x))]))


@detail
def squeezes():
    net = start("squeezes")
    x = net.global_pool(net.op("Relu", net.conv("input", 16, 3, stride=2)), "GlobalMaxPool")
    x = net.op("Squeeze", [x, net.ints(2, -1)], (1, 16))
    x = net.op("Unsqueeze", [net.dense(x, 8), net.ints(2, 3)], (1, 8, 1, 1))
    return net.finish(net.op("Squeeze", [net.conv(x, 10, 1), net.ints(3, 2)], (1, 10)))


@detail
def expands():
    net = start("expands", (4, 7, 9))
    x = net.global_pool(net.conv("input", 6))
    x = net.op("Expand", [x, net.ints(1, 6, 7, 9)], (1, 6, 7, 9))
    return net.finish(net.flatten(net.conv(net.concat([x, "input"]), 4)))


# --- the file --------------------------------------------------------------
@detail
def constants_in_nodes():
    net = start("constants_in_nodes", constant_nodes=True)
    x = net.clip(net.norm(net.conv("input", 16, 3, stride=2)), 0, 6)
    return head(net, net.op("Identity", net.conv(x, 16)))


@detail
def no_weights():
    net = start("no_weights", (3, 10, 10))
    return net.finish(net.flatten(net.mean_pool(net.max_pool("input", 3, 2, 1), 2)))


@detail
def only_input():
    """The output is the input, moved and not."""
    net = start("only_input", (3, 4, 5))
    return net.finish(net.op("Identity", "input"))


@detail
def fixed_batch():
    net = start("fixed_batch", batch=1)
    x = net.reshape(net.conv("input", 8, 3, stride=2), 1, -1)
    return net.finish(net.dense(x, 10))


@detail
def dead_ends():
    """Nodes that no output needs."""
    net = start("dead_ends")
    x = net.op("Relu", net.conv("input", 8))
    net.conv(net.op("Sigmoid", x), 4)
    return head(net, net.conv(x, 8))


@detail
def deep_and_thin():
    """Forty layers, each with few channels: memory is used again many times."""
    net = start("deep_and_thin", (3, 16, 16))
    x = net.conv("input", 6)
    kept = x
    for i in range(40):
        x = net.op("Relu", net.conv(x, 6, 1 + 2 * (i % 3), gain=1.6))
        if i % 7 == 6:
            x, kept = net.op("Add", [x, kept]), x
    return head(net, x)
