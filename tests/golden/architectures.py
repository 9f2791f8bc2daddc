"""Well-known convolutional networks at full size, with random weights: the nodes that an export from PyTorch has."""
from blocks import (basic_block, bottleneck, conv_relu, dense_layer, dynamic_flatten, dynamic_shuffle, fire, inception,
                    inverted, preactivated_block, regnet_block, resnet_trunk, shuffle_down, shuffle_unit, transition,
                    unsqueeze)
from net import Net

CLASSES = 1000


class Architecture(Net):
    """A network that calibrate() finishes."""

    def __init__(self, name, side=224, fold_norms=False, **options):
        super().__init__(name, (3, side, side), **options)
        self.fold_norms = fold_norms
        self.folded = 0   # channels whose norm went into a convolution
        self.last = None  # the node that makes the scores

    def classify(self, x):
        x = self.dense(x, CLASSES)
        self.last = self.nodes[-1]
        return self.finish(x)


def divisible(channels):
    """As MobileNetV3 rounds what squeeze and excite keeps: to a multiple of 8, by less than a tenth down."""
    rounded = max(8, (channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


# --- plain stacks --------------------------------------------------------------------------
def alexnet():
    net = Architecture("alexnet", opset=11)
    x = net.max_pool(conv_relu(net, "input", 64, 11, stride=4, pad=2), 3, 2)
    x = net.max_pool(conv_relu(net, x, 192, 5), 3, 2)
    for width in (384, 256, 256):
        x = conv_relu(net, x, width)
    return fully_connected(net, net.max_pool(x, 3, 2))


def vgg16():
    net = Architecture("vgg16", opset=9)
    x = "input"
    for width, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            x = conv_relu(net, x, width)
        x = net.max_pool(x, 2, 2)
    return fully_connected(net, x)


def fully_connected(net, x):
    """The adaptive pool before it finds the size it wants: exporters leave a window of 1."""
    x = net.flatten(net.mean_pool(x, 1))
    for _ in range(2):
        x = net.op("Dropout", net.op("Relu", net.dense(x, 4096, gain=2)))
    return net.classify(x)


def squeezenet1_1():
    net = Architecture("squeezenet1_1", opset=12)
    x = conv_relu(net, "input", 64, 3, stride=2, pad=0)
    for sizes in (((16, 64), (16, 64)), ((32, 128), (32, 128)), ((48, 192), (48, 192), (64, 256), (64, 256))):
        x = net.max_pool(x, 3, 2, ceil=True)
        for squeeze, expand in sizes:
            x = fire(net, x, squeeze, expand)
    x = net.conv(net.op("Dropout", x), CLASSES, 1)
    net.last = net.nodes[-1]
    return net.finish(net.flatten(net.global_pool(net.op("Relu", x))))


# --- residuals -------------------------------------------------------------------------------
def resnet18():
    net = Architecture("resnet18", opset=12)
    return net.classify(net.flatten(resnet_trunk(net, basic_block, (2, 2, 2, 2))))


def resnet50():
    net = Architecture("resnet50", opset=13, fold_norms=True)
    return net.classify(dynamic_flatten(net, resnet_trunk(net, bottleneck, (3, 4, 6, 3))))


def resnet18_v2():
    """The model zoo's, out of MXNet: the pictures pass a norm of their own."""
    net = Architecture("resnet18_v2", opset=7)
    x = net.conv(net.norm("input"), 64, 7, stride=2, bias=False)
    x = net.max_pool(net.op("Relu", net.norm(x)), 3, 2, 1)
    for stage in range(4):
        for i in range(2):
            x = preactivated_block(net, x, 64 << stage, 2 if stage and not i else 1)
    x = net.global_pool(net.op("Relu", net.norm(x)))
    return net.classify(net.reshape(x, 0, -1))


def regnet(net, widths, depths, **options):
    x = net.conv_bn("input", 32, 3, stride=2)
    for width, depth in zip(widths, depths):
        for i in range(depth):
            x = regnet_block(net, x, width, 1 if i else 2, **options)
    return net.classify(net.flatten(net.global_pool(x)))


def regnet_x_400mf():
    return regnet(Architecture("regnet_x_400mf", opset=13), (32, 64, 160, 400), (1, 2, 7, 12), group=16)


def regnet_y_400mf():
    net = Architecture("regnet_y_400mf", opset=13, fold_norms=True)
    return regnet(net, (48, 104, 208, 440), (1, 3, 6, 6), group=8, ratio=0.25)


# --- concatenations ----------------------------------------------------------------------------
def densenet121():
    """What exporters can fold is folded: the norms behind a convolution."""
    net = Architecture("densenet121", opset=13, fold_norms=True)
    x = net.max_pool(net.conv_bn("input", 64, 7, stride=2), 3, 2, 1)
    for stage, count in enumerate((6, 12, 24, 16)):
        values = [x]
        for _ in range(count):
            values.append(dense_layer(net, values, 32))
        x = net.concat(values)
        x = transition(net, x) if stage < 3 else net.op("Relu", net.norm(x))
    return net.classify(net.flatten(net.global_pool(x)))


def transform_input(net):
    """torchvision's pretrained Inceptions want [-1, 1] and turn ImageNet's mean and deviation into it."""
    planes = []
    for channel, (mean, deviation) in enumerate(((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))):
        _, _, height, width = net.shape["input"]
        x = net.op("Gather", ["input", net.constant(channel, "int64")], (1, height, width), axis=1)
        x = net.op("Mul", [unsqueeze(net, x, 1), net.constant(deviation / 0.5)])
        planes.append(net.op("Add", [x, net.constant((mean - 0.5) / 0.5)]))
    return net.concat(planes)


def googlenet():
    net = Architecture("googlenet", opset=11, epsilon=1e-3)
    x = net.conv_bn(transform_input(net), 64, 7, stride=2)
    x = net.max_pool(x, 3, 2, ceil=True)
    x = net.max_pool(net.conv_bn(net.conv_bn(x, 64, 1), 192, 3), 3, 2, ceil=True)
    for sizes in ((64, (96, 128), (16, 32), 32), (128, (128, 192), (32, 96), 64)):
        x = inception(net, x, *sizes)
    x = net.max_pool(x, 3, 2, ceil=True)
    for sizes in ((192, (96, 208), (16, 48), 64), (160, (112, 224), (24, 64), 64), (128, (128, 256), (24, 64), 64),
                  (112, (144, 288), (32, 64), 64), (256, (160, 320), (32, 128), 128)):
        x = inception(net, x, *sizes)
    x = net.max_pool(x, 2, 2, ceil=True)
    for sizes in ((256, (160, 320), (32, 128), 128), (384, (192, 384), (48, 128), 128)):
        x = inception(net, x, *sizes)
    return net.classify(net.flatten(net.global_pool(x)))


# --- Inception v3: its modules are named as in the paper's code ---------------------------------
def chain(net, x, *layers):
    """Convolutions one after another: (channels, kernel) or (channels, kernel, options)."""
    for channels, kernel, *options in layers:
        x = net.conv_bn(x, channels, kernel, **(options[0] if options else {}))
    return x


DOWN = {"stride": 2, "pad": 0}
TALL, WIDE = (7, 1), (1, 7)


def inception_a(net, x, project):
    return net.concat([chain(net, x, (64, 1)), chain(net, x, (48, 1), (64, 5)),
                       chain(net, x, (64, 1), (96, 3), (96, 3)),
                       chain(net, net.mean_pool(x, 3, 1, 1, include=True), (project, 1))])


def inception_b(net, x):
    return net.concat([chain(net, x, (384, 3, DOWN)), chain(net, x, (64, 1), (96, 3), (96, 3, DOWN)),
                       net.max_pool(x, 3, 2)])


def inception_c(net, x, inner):
    return net.concat([
        chain(net, x, (192, 1)),
        chain(net, x, (inner, 1), (inner, WIDE), (192, TALL)),
        chain(net, x, (inner, 1), (inner, TALL), (inner, WIDE), (inner, TALL), (192, WIDE)),
        chain(net, net.mean_pool(x, 3, 1, 1, include=True), (192, 1))])


def inception_d(net, x):
    return net.concat([chain(net, x, (192, 1), (320, 3, DOWN)),
                       chain(net, x, (192, 1), (192, WIDE), (192, TALL), (192, 3, DOWN)), net.max_pool(x, 3, 2)])


def inception_e(net, x):
    def fork(y):
        return net.concat([chain(net, y, (384, (1, 3))), chain(net, y, (384, (3, 1)))])

    return net.concat([chain(net, x, (320, 1)), fork(chain(net, x, (384, 1))), fork(chain(net, x, (448, 1), (384, 3))),
                       chain(net, net.mean_pool(x, 3, 1, 1, include=True), (192, 1))])


def inception_v3():
    net = Architecture("inception_v3", 299, opset=13, fold_norms=True)
    x = chain(net, transform_input(net), (32, 3, DOWN), (32, 3, {"pad": 0}), (64, 3))
    x = chain(net, net.max_pool(x, 3, 2), (80, 1), (192, 3, {"pad": 0}))
    x = net.max_pool(x, 3, 2)
    for project in (32, 64, 64):
        x = inception_a(net, x, project)
    x = inception_b(net, x)
    for inner in (128, 160, 160, 192):
        x = inception_c(net, x, inner)
    x = inception_d(net, x)
    for _ in range(2):
        x = inception_e(net, x)
    return net.classify(net.flatten(net.op("Dropout", net.global_pool(x))))


# --- the mobile ones -------------------------------------------------------------------------------
def mobilenet_v2():
    net = Architecture("mobilenet_v2", opset=10, fold_norms=True)
    x = net.conv_bn("input", 32, 3, stride=2, act="relu6")
    for ratio, width, count, stride in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
                                        (6, 160, 3, 2), (6, 320, 1, 1)):
        for i in range(count):
            x = inverted(net, x, ratio * net.shape[x][1], width, 3, 1 if i else stride, "relu6")
    x = net.global_pool(net.conv_bn(x, 1280, 1, act="relu6"))
    return net.classify(net.flatten(x))


def mobilenet_v3(net, hard_swish, rows, last):
    """Rows are the paper's: kernel, expansion, width, squeeze and excite, hard swish, stride."""
    x = net.conv_bn("input", 16, 3, stride=2, act=hard_swish)
    for kernel, expand, width, excited, swish, stride in rows:
        x = inverted(net, x, expand, width, kernel, stride, hard_swish if swish else "Relu",
                     "HardSigmoid" if excited else None, divisible(expand // 4))
    x = net.global_pool(net.conv_bn(x, 6 * net.shape[x][1], 1, act=hard_swish))
    return net.classify(net.act(net.dense(net.flatten(x), last, gain=2), hard_swish))


def mobilenet_v3_large():
    net = Architecture("mobilenet_v3_large", opset=14, fold_norms=True, epsilon=1e-3)
    return mobilenet_v3(net, "HardSwish", (
        (3, 16, 16, 0, 0, 1), (3, 64, 24, 0, 0, 2), (3, 72, 24, 0, 0, 1), (5, 72, 40, 1, 0, 2), (5, 120, 40, 1, 0, 1),
        (5, 120, 40, 1, 0, 1), (3, 240, 80, 0, 1, 2), (3, 200, 80, 0, 1, 1), (3, 184, 80, 0, 1, 1),
        (3, 184, 80, 0, 1, 1), (3, 480, 112, 1, 1, 1), (3, 672, 112, 1, 1, 1), (5, 672, 160, 1, 1, 2),
        (5, 960, 160, 1, 1, 1), (5, 960, 160, 1, 1, 1)), 1280)


def mobilenet_v3_small():
    net = Architecture("mobilenet_v3_small", opset=12, epsilon=1e-3)
    return mobilenet_v3(net, "hard_swish_of_clip", (
        (3, 16, 16, 1, 0, 2), (3, 72, 24, 0, 0, 2), (3, 88, 24, 0, 0, 1), (5, 96, 40, 1, 1, 2), (5, 240, 40, 1, 1, 1),
        (5, 240, 40, 1, 1, 1), (5, 120, 48, 1, 1, 1), (5, 144, 48, 1, 1, 1), (5, 288, 96, 1, 1, 2),
        (5, 576, 96, 1, 1, 1), (5, 576, 96, 1, 1, 1)), 1024)


def efficientnet_b0():
    net = Architecture("efficientnet_b0", opset=13, fold_norms=True)
    x = net.conv_bn("input", 32, 3, stride=2, act="silu")
    for ratio, kernel, stride, width, count in ((1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3),
                                                (6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1)):
        for i in range(count):
            channels = net.shape[x][1]
            x = inverted(net, x, ratio * channels, width, kernel, 1 if i else stride, "silu", "Sigmoid", channels // 4,
                         inner="silu")
    x = net.global_pool(net.conv_bn(x, 1280, 1, act="silu"))
    return net.classify(net.flatten(x))


def shufflenet_v2():
    net = Architecture("shufflenet_v2", opset=11)
    x = net.max_pool(net.conv_bn("input", 24, 3, stride=2), 3, 2, 1)
    for width, count in ((116, 4), (232, 8), (464, 4)):
        x = shuffle_down(net, x, width, dynamic_shuffle)
        for _ in range(count - 1):
            x = shuffle_unit(net, x, dynamic_shuffle)
    x = net.reduce(net.conv_bn(x, 1024, 1), "ReduceMean", [2, 3], keep=False)
    return net.classify(x)


CONVOLUTIONAL = [squeezenet1_1, shufflenet_v2, mobilenet_v3_small, mobilenet_v3_large, mobilenet_v2, efficientnet_b0,
                 regnet_x_400mf, regnet_y_400mf, resnet18, resnet18_v2, googlenet, densenet121, resnet50, inception_v3,
                 alexnet, vgg16]
