"""Sums, joins, and values that more than one node reads."""
from detail import detail, head, start


@detail
def residual_of_convs():
    """Both sides of the sum are convolutions; and the sum of one with itself."""
    net = start("residual_of_convs")
    x = net.op("Relu", net.conv("input", 16))
    y = net.op("Relu", net.op("Add", [net.norm(net.conv(x, 16)), net.norm(net.conv(x, 16, 1))]))
    z = net.conv(y, 16)
    return head(net, net.op("Add", [z, z]))


@detail
def sum_used_twice():
    """What comes before the Relu is read by another node too, so that it may not be fused away."""
    net = start("sum_used_twice")
    x = net.conv("input", 16)
    y = net.op("Add", [x, net.conv(net.op("Relu", x), 16)])
    a, b = net.op("Relu", y), net.op("Sigmoid", y)
    return head(net, net.op("Add", [net.conv(a, 8), net.conv(b, 8)]))


@detail
def relu_used_twice():
    net = start("relu_used_twice")
    x = net.op("Relu", net.op("Add", [net.conv("input", 12), net.conv("input", 12, 1)]))
    y = net.op("Relu", net.op("Add", [x, net.conv(x, 12)]))
    return head(net, net.concat([x, y, net.op("Mul", [x, y])]))


@detail
def output_inside():
    """The first output is read by later nodes as well."""
    net = start("output_inside")
    x = net.op("Relu", net.conv("input", 8, 3, stride=2))
    y = net.op("Relu", net.conv(x, 8))
    return net.finish(x, y)


@detail
def output_before_relu():
    net = start("output_before_relu")
    x = net.norm(net.conv("input", 8, 3, stride=2))
    return net.finish(x, net.op("Relu", x))


@detail
def normed_twice():
    """One convolution under two batch norms."""
    net = start("normed_twice")
    x = net.conv("input", 16)
    return head(net, net.op("Add", [net.op("Relu", net.norm(x)), net.norm(x)]))


@detail
def shared_weights():
    """Two convolutions with one weight tensor, of which one has a norm to be folded."""
    net = start("shared_weights")
    x = net.conv("input", 8)
    y = net.conv(x, 8)
    weights, bias = net.nodes[-1].input[1:3]
    z = net.op("Conv", [y, weights, bias], net.shape[y], kernel_shape=(3, 3), pads=(1,) * 4)
    return head(net, net.op("Relu", net.norm(z)))


@detail
def norm_before_padded_conv():
    """May not be folded into a convolution that pads with zeros."""
    net = start("norm_before_padded_conv")
    x = net.norm("input")
    x = net.op("Relu", net.conv(x, 16))
    x = net.conv(net.norm(x), 16, 1)
    return head(net, net.norm(net.norm(x, epsilon=1e-2), epsilon=0.5))


@detail
def norm_of_dense():
    net = start("norm_of_dense")
    x = net.norm(net.dense(net.flatten(net.conv("input", 8, 3, stride=4)), 33))
    return net.finish(net.dense(net.op("Relu", x), 10))


@detail
def affine_by_mul_and_add():
    """A scale and a shift per channel, written as Mul, Add, Sub, Div, constants on either side."""
    net = start("affine_by_mul_and_add")
    x = net.op("Div", [net.op("Sub", ["input", net.uniform(0, 1, 3, 1, 1)]), net.uniform(0.5, 1.5, 1, 3, 1, 1)])
    x = net.conv(x, 16)
    x = net.binary("Mul", net.uniform(0.5, 1.5, 16, 1, 1), x)
    x = net.binary("Add", x, net.normal(1, 16, 1, 1))
    x = net.op("Relu", net.binary("Sub", net.normal(1), net.conv(x, 12)))
    x = net.binary("Div", net.constant(2), net.op("Add", [x, net.constant(1)]))
    return head(net, net.conv(x, 9))


@detail
def constants_of_other_shapes():
    """Added constants that are not one number a channel: per pixel, per row, per column."""
    net = start("constants_of_other_shapes", (4, 10, 12))
    x = net.conv("input", 8)
    x = net.op("Relu", net.binary("Add", x, net.normal(1, 1, 10, 12)))
    x = net.binary("Mul", net.conv(x, 8), net.normal(12))
    x = net.binary("Add", net.conv(x, 8), net.normal(8, 10, 12))
    x = net.binary("Max", net.conv(x, 8), net.normal(10, 1))
    return net.finish(net.flatten(x))


@detail
def equal_sides():
    """Channels, height and width are the same number: an axis mixed up still fits."""
    net = start("equal_sides", (8, 8, 8))
    x = net.binary("Add", net.conv("input", 8), net.normal(8))
    x = net.binary("Mul", net.conv(x, 8), net.normal(8, 1))
    x = net.binary("Add", net.conv(x, 8), net.normal(8, 1, 1))
    x = net.transpose(net.conv(x, 8), 0, 3, 1, 2)
    x = net.op("Softmax", net.conv(x, 8), axis=1)
    return net.finish(net.reshape(net.conv(x, 8), 0, -1))


@detail
def three_sums():
    net = start("three_sums")
    a, b, c = (net.conv("input", 12, k) for k in (1, 3, 5))
    x = net.op("Relu", net.op("Sum", [a, b, c]))
    y = net.op("Mean", [net.op("Min", [a, b]), net.op("Max", [b, c, a]), x])
    return head(net, net.conv(y, 5))


@detail
def nested_concat():
    net = start("nested_concat")
    a = net.op("Relu", net.conv("input", 7))
    b = net.concat([a, net.conv("input", 5), a])
    c = net.concat([net.conv(b, 9), b, "input"])
    d = net.op("Sigmoid", net.concat([net.max_pool(c, 3, 1, 1), c]))
    return head(net, net.conv(d, 11, 1))


@detail
def concat_of_rows():
    net = start("concat_of_rows")
    a, b = net.conv("input", 9, 3, stride=(2, 1)), net.op("Relu", net.conv("input", 9))
    x = net.concat([a, b], axis=2)
    x = net.concat([net.slice(x, 3, 3, 20), x, net.slice(x, 3, 0, 1)], axis=-1)
    return head(net, net.conv(x, 6, 5, stride=3))
