"""ConvNeXt and DeiT at full size, with random weights: networks with layer norms, GELU, attention."""
import numpy as np
import onnx.helper
from onnx import TensorProto

from architectures import Architecture
from blocks import join_sizes, size_of, view

GELU = "gelu_halved_last"


# --- ConvNeXt --------------------------------------------------------------------------------------
def channel_norm(net, x):
    """torchvision's LayerNorm2d: the channels are brought to the end and back."""
    return net.transpose(net.layer_norm(net.transpose(x, 0, 2, 3, 1)), 0, 3, 1, 2)


def convnext_block(net, x, width):
    y = net.transpose(net.conv(x, width, 7, group=width), 0, 2, 3, 1)
    y = net.linear(net.act(net.linear(net.layer_norm(y), 4 * width), GELU), width, gain=2.5)
    y = net.binary("Mul", net.uniform(0.2, 0.8, width, 1, 1), net.transpose(y, 0, 3, 1, 2))
    return net.op("Add", [y, x])


def convnext(net):
    x = channel_norm(net, net.conv("input", 96, 4, stride=4, pad=0))
    for stage, count in enumerate((3, 3, 9, 3)):
        width = 96 << stage
        if stage:
            x = net.conv(channel_norm(net, x), width, 2, stride=2, pad=0)
        for _ in range(count):
            x = convnext_block(net, x, width)
    return net.classify(net.flatten(channel_norm(net, net.global_pool(x))))


def convnext_tiny():
    return convnext(Architecture("convnext_tiny", opset=13))


def convnext_tiny_opset17():
    return convnext(Architecture("convnext_tiny_opset17", opset=17))


# --- DeiT ------------------------------------------------------------------------------------------
WIDTH, HEADS, DEPTH, PATCH = 192, 3, 12, 16
HEAD = WIDTH // HEADS


def tokens_of(net, x):
    """x.flatten(2).transpose(1, 2)"""
    _, width, rows, columns = net.shape[x]
    if net.batch == 1:
        x = net.reshape(x, 1, width, -1)
    else:
        shape = net.op("Shape", x, (4,))
        front = net.op("Slice", [shape, *map(net.ints, (0, 2, 0))], (2,))
        sizes = net.op("Concat", [front, net.ints(-1)], (3,), axis=0)
        x = net.op("Reshape", [x, sizes], (1, width, rows * columns))
    return net.transpose(x, 0, 2, 1)


def class_token(net, batch):
    """expand(batch, -1, -1): sizes of -1 are replaced by 1 before Expand."""
    token = net.normal(1, 1, WIDTH)
    if net.batch == 1:
        return token
    sizes = net.op("Reshape", [join_sizes(net, [batch, -1, -1]), net.ints(-1)], (3,))
    one = onnx.helper.make_tensor("one", TensorProto.INT64, [1], [1])
    ones = net.op("ConstantOfShape", net.op("Shape", sizes, (1,)), (3,), value=one)
    kept = net.op("Equal", [sizes, net.op("Mul", [ones, net.constant(-1, np.int64)])])
    return net.op("Expand", [token, net.op("Where", [kept, ones, sizes], (3,))], (1, 1, WIDTH))


def sizes_of(net, x):
    """B, N, C = x.shape: numbers where the batch is fixed."""
    return net.shape[x] if net.batch == 1 else [size_of(net, x, axis) for axis in range(3)]


def reshape(net, x, sizes, shape):
    return net.reshape(x, *shape) if net.batch == 1 else view(net, x, sizes, shape)


def split_heads(net, x, sizes):
    """reshape(B, N, 3, heads, C // heads).permute(2, 0, 3, 1, 4), then its three parts."""
    count = net.shape[x][1]
    batch, tokens, width = sizes
    if net.batch != 1:
        width = net.op("Div", [width, net.constant(HEADS, np.int64)])
        width = net.op("Cast", net.op("Cast", width, to=TensorProto.INT64), to=TensorProto.INT64)
    x = reshape(net, x, [batch, tokens, 3, HEADS, width], (1, count, 3, HEADS, HEAD))
    x = net.transpose(x, 2, 0, 3, 1, 4)
    part = (1, HEADS, count, HEAD)
    if net.opset < 17:
        return [net.op("Gather", [x, net.constant(i, np.int64)], part, axis=0) for i in range(3)]
    return [net.squeeze(y, 0) for y in net.split(x, [1, 1, 1], axis=0)]


def attention(net, x):
    """From opset 17 on as scaled_dot_product_attention is exported: both sides are scaled by the scale's root."""
    sizes, shape = sizes_of(net, x), net.shape[x]
    q, k, v = split_heads(net, net.linear(x, 3 * WIDTH), sizes)
    k = net.transpose(k, 0, 1, 3, 2)
    if net.opset < 17:
        scores = net.op("Mul", [net.matmul(q, k), net.constant(HEAD ** -0.5)])
    else:
        root = net.constant(HEAD ** -0.25)
        scores = net.matmul(net.op("Mul", [q, root]), net.op("Mul", [k, root]))
    y = net.transpose(net.matmul(net.op("Softmax", scores, axis=-1), v), 0, 2, 1, 3)
    # Many tokens' mean is small.
    return net.linear(reshape(net, y, sizes, shape), WIDTH, gain=30)


def deit(net):
    x = tokens_of(net, net.conv("input", WIDTH, PATCH, stride=PATCH, pad=0))
    batch = None if net.batch == 1 else size_of(net, x, 0)
    x = net.concat([class_token(net, batch), x])
    x = net.op("Add", [x, net.normal(1, *net.shape[x][1:], scale=0.5)])
    for _ in range(DEPTH):
        x = net.op("Add", [x, attention(net, net.layer_norm(x))])
        y = net.linear(net.act(net.linear(net.layer_norm(x), 4 * WIDTH), GELU), WIDTH, gain=2.5)
        x = net.op("Add", [x, y])
    x = net.op("Gather", [net.layer_norm(x), net.constant(0, np.int64)], (1, WIDTH), axis=1)
    return net.classify(x)


def deit_tiny():
    """Exported for a batch of 1, as all is that names no dynamic axes."""
    return deit(Architecture("deit_tiny", opset=13, batch=1))


def deit_tiny_dynamic():
    return deit(Architecture("deit_tiny_dynamic", opset=11))


def deit_tiny_opset17():
    return deit(Architecture("deit_tiny_opset17", opset=17))


WITH_LAYER_NORMS = [deit_tiny, deit_tiny_dynamic, deit_tiny_opset17, convnext_tiny, convnext_tiny_opset17]
