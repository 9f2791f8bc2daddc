"""The blocks that well-known networks are made of, for networks.py and architectures.py."""
import math


# --- sizes read at run time, as PyTorch exports them ---------------------------------
def size_of(net, x, axis):
    """x.size(axis): a scalar."""
    size = net.op("Shape", x, (len(net.shape[x]),))
    return net.op("Gather", [size, net.constant(axis, "int64")], (), axis=0)


def unsqueeze(net, x, axis):
    dims = list(net.shape[x])
    dims.insert(axis, 1)
    if net.opset < 13:
        return net.op("Unsqueeze", x, dims, axes=[axis])
    return net.op("Unsqueeze", [x, net.ints(axis)], dims)


def join_sizes(net, sizes):
    """Numbers and scalars as one shape."""
    parts = [net.ints(s) if isinstance(s, int) else unsqueeze(net, s, 0) for s in sizes]
    return net.op("Concat", parts, (len(parts),), axis=0)


def view(net, x, sizes, shape):
    """x.view(sizes), which gives `shape`."""
    return net.op("Reshape", [x, join_sizes(net, sizes)], shape)


def dynamic_flatten(net, x):
    """x.view(x.size(0), -1)"""
    return view(net, x, [size_of(net, x, 0), -1], (1, math.prod(net.shape[x][1:])))


# --- ResNet, ResNeXt (torchvision's v1.5: the stride is in the 3x3), RegNet ------------
def join(net, x, y, stride):
    """The residual's end; x is projected where it does not fit."""
    width = net.shape[y][1]
    if stride != 1 or net.shape[x][1] != width:
        x = net.conv_bn(x, width, 1, stride=stride, act=None)
    return net.op("Relu", net.op("Add", [y, x]))


def basic_block(net, x, width, stride):
    y = net.conv_bn(x, width, 3, stride=stride)
    return join(net, x, net.conv_bn(y, width, 3, act=None), stride)


def bottleneck(net, x, width, stride, group=1, base=1.0):
    inner = int(width * base) * group
    y = net.conv_bn(x, inner, 1)
    y = net.conv_bn(y, inner, 3, stride=stride, group=group)
    return join(net, x, net.conv_bn(y, width * 4, 1, act=None), stride)


def regnet_block(net, x, width, stride, group, ratio=None):
    """Groups of so many channels; `ratio`: of the block's input that squeeze and excite keeps."""
    y = net.conv_bn(x, width, 1)
    y = net.conv_bn(y, width, 3, stride=stride, group=width // group)
    if ratio:
        y = excite(net, y, round(ratio * net.shape[x][1]), "Sigmoid")
    return join(net, x, net.conv_bn(y, width, 1, act=None), stride)


def preactivated_block(net, x, width, stride):
    """ResNet v2: norm and ReLU come first, the shortcut is bare."""
    first = net.op("Relu", net.norm(x))
    if stride != 1 or net.shape[x][1] != width:
        x = net.conv(first, width, 1, stride=stride, bias=False)
    y = net.conv(first, width, 3, stride=stride, bias=False)
    y = net.conv(net.op("Relu", net.norm(y)), width, 3, bias=False)
    return net.op("Add", [y, x])


def resnet_trunk(net, block, counts, **options):
    x = net.conv_bn("input", 64, 7, stride=2)
    x = net.max_pool(x, 3, 2, 1)
    for stage, count in enumerate(counts):
        for i in range(count):
            x = block(net, x, 64 << stage, 2 if stage and not i else 1, **options)
    return net.global_pool(x)


# --- DenseNet, GoogLeNet, SqueezeNet ---------------------------------------------------
def dense_layer(net, values, growth):
    """What the layer adds to the values so far. PyTorch joins even a single one."""
    y = net.conv_bn(net.op("Relu", net.norm(net.concat(values))), 4 * growth, 1)
    return net.conv(y, growth, 3, bias=False)


def transition(net, x):
    x = net.conv(net.op("Relu", net.norm(x)), net.shape[x][1] // 2, 1, bias=False)
    return net.mean_pool(x, 2, 2)


def conv_relu(net, x, channels, kernel=3, **options):
    return net.op("Relu", net.conv(x, channels, kernel, **options))


def conv_bn(net, x, channels, kernel=3, **options):
    return net.conv_bn(x, channels, kernel, **options)


def inception(net, x, one, threes, fives, project, layer=conv_bn, kernel=3):
    """GoogLeNet's module. `threes`, `fives`: (reduced, full); kernel: of the latter, 5 in the paper and 3 in
    torchvision."""
    branches = [layer(net, x, one, 1)]
    for (reduced, full), side in ((threes, 3), (fives, kernel)):
        branches.append(layer(net, layer(net, x, reduced, 1), full, side))
    branches.append(layer(net, net.max_pool(x, 3, 1, 1, ceil=True), project, 1))
    return net.concat(branches)


def fire(net, x, squeeze, expand):
    x = conv_relu(net, x, squeeze, 1)
    return net.concat([conv_relu(net, x, expand, 1), conv_relu(net, x, expand, 3)])


# --- the mobile ones ---------------------------------------------------------------------
def excite(net, x, squeeze, gate, inner="Relu", pool="global"):
    """Squeeze to so many channels, and excite."""
    channels = net.shape[x][1]
    y = net.global_pool(x) if pool == "global" else net.reduce(x, "ReduceMean", [2, 3])
    y = net.act(net.conv(y, squeeze, 1), inner)
    y = net.conv(y, channels, 1)
    y = net.op("HardSigmoid", y, alpha=1 / 6, beta=0.5) if gate == "HardSigmoid" else net.op(gate, y)
    return net.binary("Mul", x, y)


def inverted(net, x, expand, width, kernel, stride, act, gate=None, squeeze=None, **options):
    y = net.conv_bn(x, expand, 1, act=act) if expand != net.shape[x][1] else x
    y = net.conv_bn(y, expand, kernel, stride=stride, group=expand, act=act)
    if gate:
        y = excite(net, y, squeeze or max(4, expand // 4), gate, **options)
    y = net.conv_bn(y, width, 1, act=None)
    return net.op("Add", [x, y]) if net.shape[x] == net.shape[y] else y


def shuffle(net, x, groups):
    _, channels, height, width = net.shape[x]
    x = net.reshape(x, 1 if net.batch == 1 else -1, groups, channels // groups, height, width)
    x = net.transpose(x, 0, 2, 1, 3, 4)
    return net.reshape(x, 1 if net.batch == 1 else -1, channels, height, width)


def dynamic_shuffle(net, x, groups):
    """As torchvision writes it, all sizes read at run time."""
    shape = _, channels, height, width = net.shape[x]
    batch, count, *sides = [size_of(net, x, axis) for axis in range(4)]
    share = net.op("Div", [count, net.constant(groups, "int64")], ())
    x = view(net, x, [batch, groups, share, *sides], (1, groups, channels // groups, height, width))
    return view(net, net.transpose(x, 0, 2, 1, 3, 4), [batch, count, *sides], shape)


def shuffle_branch(net, x, width, stride):
    x = net.conv_bn(x, width, 1)
    x = net.conv_bn(x, width, 3, stride=stride, group=width, act=None)
    return net.conv_bn(x, width, 1)


def shuffle_down(net, x, width, mix=shuffle):
    """ShuffleNetV2's unit with a stride."""
    left = net.conv_bn(x, net.shape[x][1], 3, stride=2, group=net.shape[x][1], act=None)
    left = net.conv_bn(left, width // 2, 1)
    return mix(net, net.concat([left, shuffle_branch(net, x, width // 2, 2)]), 2)


def shuffle_unit(net, x, mix=shuffle):
    half = net.shape[x][1] // 2
    left, right = net.split(x, [half, half])
    return mix(net, net.concat([left, shuffle_branch(net, right, half, 1)]), 2)
