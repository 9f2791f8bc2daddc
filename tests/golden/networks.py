"""Well-known topologies, with random weights and small pictures."""
from blocks import (basic_block, bottleneck, conv_relu, dense_layer, dynamic_flatten, inception, inverted, resnet_trunk,
                    shuffle, shuffle_down, shuffle_unit, transition)
from net import Net


# --- ResNet, ResNeXt -----------------------------------------------------------------
def resnet(name, block, counts, side=64, opset=13, batch="N", head="flatten", **options):
    net = Net(name, (3, side, side), opset=opset, batch=batch)
    x = resnet_trunk(net, block, counts, **options)
    x = net.flatten(x) if head == "flatten" else dynamic_flatten(net, x)
    return net.finish(net.dense(x, 1000))


def resnet18():
    return resnet("resnet18", basic_block, (2, 2, 2, 2))


def resnet50(side=64):
    return resnet("resnet50", bottleneck, (3, 4, 6, 3), side)


def resnet18_dynamic_flatten():
    return resnet("resnet18_dynamic_flatten", basic_block, (1, 1, 1, 1), opset=11, head="dynamic")


def resnet18_opset7_batch1():
    return resnet("resnet18_opset7_batch1", basic_block, (1, 1, 1, 1), opset=7, batch=1)


def resnext():
    return resnet("resnext", bottleneck, (1, 1, 1, 1), group=8, base=8 / 64 / 2)


# --- VGG, DenseNet, Inception ----------------------------------------------------
def vgg():
    net = Net("vgg", (3, 64, 64), opset=9)
    x = "input"
    for width, count in ((32, 1), (64, 1), (96, 2), (128, 2)):
        for _ in range(count):
            x = conv_relu(net, x, width)
        x = net.max_pool(x, 2, 2)
    x = net.flatten(x)
    for width in (256, 256):
        x = net.op("Dropout", net.op("Relu", net.dense(x, width, gain=2)))
    return net.finish(net.dense(x, 100))


def densenet():
    net = Net("densenet", (3, 64, 64), opset=12)
    x = net.max_pool(net.conv_bn("input", 24, 7, stride=2), 3, 2, 1)
    for stage in range(3):
        values = [x]
        for _ in range(4):
            values.append(dense_layer(net, values, 12))
        x = net.concat(values)
        x = transition(net, x) if stage < 2 else x
    x = net.op("Relu", net.norm(x))
    return net.finish(net.dense(net.flatten(net.global_pool(x)), 100))


def googlenet():
    """LRN, ceil_mode pools, four branches."""
    net = Net("googlenet", (3, 96, 96), opset=10)
    x = conv_relu(net, "input", 32, 7, stride=2)
    x = net.op("LRN", net.max_pool(x, 3, 2, ceil=True), size=5, alpha=1e-2, beta=0.75, bias=1.0)
    x = conv_relu(net, conv_relu(net, x, 32, 1), 48, 3)
    x = net.max_pool(net.op("LRN", x, size=5, alpha=0.1, beta=0.5, bias=2.0), 3, 2, ceil=True)
    for width in (16, 24):
        x = inception(net, x, width, (width, width + 8), (width, width + 8), width, conv_relu, 5)
    x = net.op("Dropout", net.max_pool(x, 3, 2, ceil=True))
    x = net.flatten(net.global_pool(x))
    return net.finish(net.op("Softmax", net.dense(x, 50), axis=1))


def inception_v3():
    """1x7 and 7x1 kernels, branches that join twice, average pools that count the padding and don't."""
    net = Net("inception_v3", (3, 75, 75), opset=13)
    x = net.conv_bn("input", 16, 3, stride=2, pad=0)
    x = net.max_pool(net.conv_bn(x, 24, 3), 3, 2)
    for include in (False, True):
        a = net.conv_bn(x, 20, 1)
        b = net.conv_bn(net.conv_bn(net.conv_bn(x, 16, 1), 16, (1, 7)), 20, (7, 1))
        c = net.conv_bn(x, 16, 1)
        c = net.concat([net.conv_bn(c, 12, (1, 3)), net.conv_bn(c, 12, (3, 1))])
        d = net.conv_bn(net.mean_pool(x, 3, 1, 1, include=include), 12, 1)
        x = net.concat([a, b, c, d])
    y = net.conv_bn(net.conv_bn(x, 16, 1), 24, 3, stride=2, pad=0)
    x = net.concat([y, net.max_pool(x, 3, 2), net.mean_pool(x, 3, 2, include=False)])
    return net.finish(net.dense(net.flatten(net.global_pool(x)), 60))


# --- the mobile ones ---------------------------------------------------------------
def mobilenet_v2():
    net = Net("mobilenet_v2", (3, 64, 64), opset=10)
    x = net.conv_bn("input", 16, 3, stride=2, act="relu6")
    for expand, width, stride in ((48, 12, 1), (72, 12, 1), (72, 20, 2), (120, 20, 1), (120, 33, 2), (200, 33, 1)):
        x = inverted(net, x, expand, width, 3, stride, "relu6")
    x = net.global_pool(net.conv_bn(x, 200, 1, act="relu6"))
    x = net.reshape(x, 0, -1)
    return net.finish(net.op("Softmax", net.dense(x, 101), axis=-1))


def mobilenet_v3(name, opset, act):
    net = Net(name, (3, 64, 64), opset=opset)
    x = net.conv_bn("input", 16, 3, stride=2, act=act)
    x = inverted(net, x, 16, 16, 3, 1, "Relu", "HardSigmoid")
    x = inverted(net, x, 72, 24, 3, 2, "Relu")
    x = inverted(net, x, 88, 24, 5, 1, act, "HardSigmoid")
    x = inverted(net, x, 96, 40, 5, 2, act, "HardSigmoid")
    x = inverted(net, x, 240, 40, 5, 1, act, "HardSigmoid")
    x = net.global_pool(net.conv_bn(x, 160, 1, act=act))
    x = net.act(net.dense(net.flatten(x), 128), act)
    return net.finish(net.dense(x, 100))


def mobilenet_v3_hard_swish():
    return mobilenet_v3("mobilenet_v3_hard_swish", 14, "HardSwish")


def mobilenet_v3_of_clip():
    return mobilenet_v3("mobilenet_v3_of_clip", 11, "hard_swish_of_clip")


def mobilenet_v3_of_sigmoid():
    return mobilenet_v3("mobilenet_v3_of_sigmoid", 13, "hard_swish_of_sigmoid")


def efficientnet():
    net = Net("efficientnet", (3, 80, 80), opset=13)
    x = net.conv_bn("input", 32, 3, stride=2, act="silu")
    for expand, width, kernel, stride in ((32, 16, 3, 1), (96, 24, 3, 2), (144, 24, 3, 1), (144, 40, 5, 2),
                                          (240, 40, 5, 1)):
        x = inverted(net, x, expand, width, kernel, stride, "silu", "Sigmoid", inner="silu", pool="reduce")
    x = net.conv_bn(x, 160, 1, act="silu")
    x = net.reduce(x, "ReduceMean", [-1, -2], keep=False)
    return net.finish(net.dense(x, 100))


def shufflenet_v1():
    net = Net("shufflenet_v1", (3, 64, 64), opset=11)
    x = net.max_pool(net.conv_bn("input", 24, 3, stride=2), 3, 2, 1)
    for stride in (2, 1, 1):
        width = 60 - 24 if stride == 2 else 60
        y = net.conv_bn(x, 15, 1, group=3) if stride == 1 else net.conv_bn(x, 15, 1)
        y = net.conv_bn(shuffle(net, y, 3), 15, 3, stride=stride, group=15, act=None)
        y = net.conv_bn(y, width, 1, group=3, act=None)
        x = net.concat([y, net.mean_pool(x, 3, 2, 1)]) if stride == 2 else net.op("Add", [x, y])
        x = net.op("Relu", x)
    return net.finish(net.dense(net.flatten(net.global_pool(x)), 50))


def shufflenet_v2():
    net = Net("shufflenet_v2", (3, 64, 64), opset=13)
    x = net.max_pool(net.conv_bn("input", 24, 3, stride=2), 3, 2, 1)
    for width in (48, 96):
        x = shuffle_unit(net, shuffle_down(net, x, width))
    x = net.reduce(net.conv_bn(x, 128, 1), "ReduceMean", [2, 3], keep=False)
    return net.finish(net.dense(x, 50))


def convnext():
    """7x7 depthwise, GELU, a residual scaled per channel; its norm is a batch norm here."""
    net = Net("convnext", (3, 64, 64), opset=13)
    x = net.conv("input", 32, 4, stride=4, pad=0)
    for _ in range(2):
        y = net.norm(net.conv(x, 32, 7, group=32))
        y = net.conv(net.act(net.conv(y, 128, 1), "gelu"), 32, 1)
        x = net.op("Add", [x, net.binary("Mul", y, net.uniform(0.2, 0.8, 1, 32, 1, 1))])
    return net.finish(net.dense(net.flatten(net.global_pool(x)), 40))


NETWORKS = [resnet18, resnet50, resnet18_dynamic_flatten, resnet18_opset7_batch1, resnext, vgg, densenet, googlenet,
            inception_v3, mobilenet_v2, mobilenet_v3_hard_swish, mobilenet_v3_of_clip, mobilenet_v3_of_sigmoid,
            efficientnet, shufflenet_v1, shufflenet_v2, convnext]
