"""Padding, strides, odd numbers of channels, groups."""
from detail import detail, head, start


@detail
def same_padding():
    """auto_pad with strides, even and odd sizes; the kernel 1 and the stride above the kernel."""
    net = start("same_padding", (3, 33, 30))
    x = net.conv("input", 8, 3, stride=2, auto_pad="SAME_UPPER")
    x = net.conv(x, 9, 4, stride=3, auto_pad="SAME_LOWER")
    x = net.op("Relu", net.conv(x, 7, 2, auto_pad="SAME_LOWER"))
    x = net.max_pool(x, 3, 2, auto_pad="SAME_UPPER")
    x = net.conv(x, 6, 1, stride=2, auto_pad="SAME_LOWER")
    return net.finish(net.flatten(x))


@detail
def same_pools():
    net = start("same_pools", (5, 19, 22))
    a = net.max_pool("input", 2, 2, auto_pad="SAME_LOWER")
    b = net.mean_pool("input", 2, 2, auto_pad="SAME_UPPER")
    c = net.mean_pool("input", 3, 2, auto_pad="SAME_LOWER", include=True)
    return head(net, net.conv(net.concat([a, b, c]), 12))


@detail
def valid_padding():
    net = start("valid_padding")
    x = net.conv("input", 8, (3, 5), stride=(1, 2), auto_pad="VALID")
    return head(net, net.max_pool(net.op("Relu", x), 3, 3, auto_pad="VALID"))


@detail
def uneven_pads():
    net = start("uneven_pads")
    x = net.op("Relu", net.conv("input", 8, (3, 5), stride=(2, 1), pad=(0, 3, 2, 1)))
    x = net.mean_pool(x, (3, 2), (1, 2), pad=(1, 0, 2, 1), include=False)
    x = net.max_pool(x, (2, 3), (2, 1), pad=(1, 2, 0, 0))
    return net.finish(net.flatten(x))


@detail
def dilated():
    net = start("dilated", (3, 40, 40))
    x = net.op("Relu", net.conv("input", 16, 3, dilation=2))
    x = net.op("Relu", net.conv(x, 16, (3, 5), dilation=(4, 2), stride=2))
    x = net.conv(x, 16, 3, dilation=3, group=16)
    x = net.max_pool(x, 3, 1, 0, dilation=(2, 3))
    return head(net, net.op("Relu", x))


@detail
def ceil_mode():
    net = start("ceil_mode", (6, 23, 26), opset=10)
    a = net.max_pool("input", 3, 2, ceil=True)
    b = net.mean_pool(a, (3, 2), 2, ceil=True)
    c = net.max_pool(a, 2, 3, 1, ceil=True)
    return net.finish(net.concat([net.flatten(b), net.flatten(c)]))


@detail
def ceil_mode_counts_padding():
    net = start("ceil_mode_counts_padding", (6, 22, 25), opset=11)
    a = net.mean_pool("input", 3, 2, 1, ceil=True, include=True)
    b = net.mean_pool("input", 3, 2, 1, ceil=True, include=False)
    return net.finish(net.flatten(net.concat([a, b])))


@detail
def kernel_over_picture():
    """Kernels larger than what they see, with the padding that makes them fit."""
    net = start("kernel_over_picture", (3, 5, 4))
    x = net.op("Relu", net.conv("input", 8, 7, pad=3))
    x = net.op("Relu", net.conv(x, 8, 7, pad=3, group=8))
    x = net.conv(x, 8, 9, pad=4, stride=2)
    x = net.mean_pool(x, 5, 1, 2, include=False)
    x = net.max_pool(x, 5, 1, 2)
    return net.finish(net.flatten(x))


@detail
def whole_picture_kernel():
    """The fully connected layer as a convolution."""
    net = start("whole_picture_kernel", (3, 12, 12))
    x = net.op("Relu", net.conv("input", 24, 12, pad=0))
    return net.finish(net.flatten(net.conv(x, 10, 1)))


@detail
def pointwise_stride():
    net = start("pointwise_stride", (17, 31, 29))
    a = net.conv("input", 20, 1, stride=2)
    b = net.conv("input", 20, 1, stride=(2, 2), bias=False)
    return head(net, net.op("Relu", net.op("Add", [a, b])))


@detail
def odd_channels():
    net = start("odd_channels", (3, 20, 20))
    x = "input"
    for width in (5, 17, 33, 100, 3, 1, 65):
        x = net.op("Relu", net.conv(x, width, 3 if width != 100 else 1))
        if width in (17, 33):
            x = net.op("Relu", net.conv(x, width, 3, group=width))
    return head(net, x, 7)


@detail
def groups():
    """Groups that are no multiple of any vector, and depthwise with a multiplier."""
    net = start("groups", (6, 20, 20))
    x = net.op("Relu", net.conv("input", 15, 3, group=3))
    x = net.op("Relu", net.conv(x, 30, 3, group=15))
    x = net.op("Relu", net.conv(x, 20, 1, group=5, bias=False))
    x = net.op("Relu", net.conv(x, 20, (3, 1), group=20, stride=2, pad=(1, 0, 1, 0)))
    x = net.conv(x, 40, 5, group=2)
    return head(net, x)


@detail
def one_dimensional():
    """Height 1, as sound has it."""
    net = start("one_dimensional", (1, 1, 200))
    x = net.op("Relu", net.norm(net.conv("input", 16, (1, 9), stride=(1, 2), pad=(0, 4, 0, 4))))
    x = net.max_pool(x, (1, 4), (1, 4))
    x = net.op("Relu", net.conv(x, 24, (1, 3)))
    return head(net, x)


@detail
def narrow_pictures():
    net = start("narrow_pictures", (3, 3, 97))
    x = net.op("Relu", net.conv("input", 34, 3))
    x = net.op("Relu", net.conv(x, 34, 3, group=34))
    x = net.op("Relu", net.conv(x, 34, 3, stride=2))
    return head(net, net.max_pool(x, 2, 1, 1))
