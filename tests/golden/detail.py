"""The register of small networks, each with one thing that is easily got wrong."""
from net import Net

DETAILS = []


def detail(function):
    DETAILS.append(function)
    return function


def start(name, dims=(3, 24, 24), **options):
    return Net("detail_" + name, dims, **options)


def head(net, x, classes=10):
    return net.finish(net.dense(net.flatten(net.global_pool(x)), classes))
