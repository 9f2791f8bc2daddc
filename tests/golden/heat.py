#!/usr/bin/python3
"""Compare `convd explain` with PyTorch: class activation maps, and Grad-CAM's with the gradients of autograd.

    heat.py BUILD/convd

Small networks of every form of head, with seeded weights, written by PyTorch's exporter. Skipped without Debian's
python3-torch. Prints a table and, last, "N passed, N failed, N skipped".
"""
import json
import os
import subprocess
import sys
import tempfile
import warnings

import numpy as np
from PIL import Image

try:
    import torch
    from torch import nn
except ImportError:
    print("0 passed, 0 failed, 1 skipped")
    sys.exit()

SIDE, CLASSES = 64, 7
MEAN, STD = (0.45, 0.4, 0.5), (0.25, 0.3, 0.2)


def stem(channels):
    return nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, channels, 3, 2, 1),
                         nn.ReLU())


class Gate(nn.Module):
    """Squeeze and excitation."""
    def __init__(self, n):
        super().__init__()
        self.way = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(n, 4, 1), nn.ReLU(), nn.Conv2d(4, n, 1),
                                 nn.Hardsigmoid())

    def forward(self, x):
        return x * self.way(x)


class Do(nn.Module):
    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, x):
        return self.f(x)


def flat():
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten()]


def both_pools(x):
    return torch.cat([torch.nn.functional.adaptive_avg_pool2d(x, 1), torch.nn.functional.adaptive_max_pool2d(x, 1)], 1)


def networks():
    """{name: (method, layers up to the maps, layers behind them)}"""
    return {
        "average, linear": ("cam", stem(32), [*flat(), nn.Linear(32, CLASSES)]),
        "average, batch norm, dropout, linear":
            ("cam", stem(32), [*flat(), nn.BatchNorm1d(32), nn.Dropout(), nn.Linear(32, CLASSES)]),
        "average, two linears, softmax":
            ("cam", stem(32), [*flat(), nn.Linear(32, 9), nn.Linear(9, CLASSES), nn.Softmax(1)]),
        "classes' maps, average": ("cam", nn.Sequential(stem(32), nn.Conv2d(32, CLASSES, 1), nn.ReLU()), flat()),
        "average, 1x1 convolution": ("cam", stem(32), [nn.AdaptiveAvgPool2d(1), nn.Conv2d(32, CLASSES, 1), nn.Flatten()]),
        "channels last, mean":
            ("cam", stem(32), [Do(lambda x: x.permute(0, 2, 3, 1).mean((1, 2))), nn.Linear(32, CLASSES)]),
        "gate, average, linear": ("cam", nn.Sequential(stem(32), Gate(32)), [*flat(), nn.Linear(32, CLASSES)]),
        "places' own weights": ("gradcam", stem(8), [nn.Flatten(), nn.Linear(8 * 256, CLASSES)]),
        "pool, three linears":
            ("gradcam", stem(8), [nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 64, 20), nn.ReLU(), nn.Dropout(),
                                  nn.Linear(20, 20), nn.ReLU(), nn.Linear(20, CLASSES)]),
        "average, hard-swish between":
            ("gradcam", nn.Sequential(stem(24), nn.Hardswish()),
             [*flat(), nn.Linear(24, 20), nn.Hardswish(), nn.Linear(20, CLASSES)]),
        "average, layer norm":
            ("gradcam", stem(24), [*flat(), nn.LayerNorm(24), nn.Linear(24, CLASSES)]),
        "average, gelu, sigmoid":
            ("gradcam", stem(24), [*flat(), nn.Linear(24, 20), nn.GELU(), nn.Linear(20, CLASSES), nn.Sigmoid()]),
        "average and maximum": ("gradcam", stem(24), [Do(both_pools), nn.Flatten(), nn.Linear(48, CLASSES)]),
    }


def want(body, head, pixels, cls, method):
    """The map, and the class's score."""
    x = (torch.from_numpy(pixels).float() / 255 - torch.tensor(MEAN)) / torch.tensor(STD)
    maps = body(x.permute(2, 0, 1)[None]).detach().requires_grad_()
    last = head[:-1] if isinstance(head[-1], (nn.Softmax, nn.Sigmoid)) else head
    last(maps)[0, cls].backward()
    weights = maps.grad.mean((2, 3)) if method == "gradcam" else maps.grad.sum((2, 3))
    return (weights[0, :, None, None] * maps[0]).sum(0).detach().numpy(), head(maps)[0, cls].item()


def write(folder, network):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network, torch.zeros(1, 3, SIDE, SIDE), f"{folder}/model.onnx", opset_version=13)
    inside = {"width": SIDE, "height": SIDE, "crop": "none", "channels": "RGB", "scale": 255, "mean": MEAN, "std": STD}
    with open(f"{folder}/model.json", "w", encoding="utf-8") as f:
        json.dump({"name": "heat", "input": inside, "output": {"activation": "none"}}, f)


def try_network(convd, folder, pixels, name, method, body, head):
    network = nn.Sequential(body, head).eval()
    write(folder, network)
    worst = 0
    for cls in (0, CLASSES - 1):
        done = subprocess.run([convd, "explain", folder, "--photo", f"{folder}/photo.png", "--class", str(cls), "--json"],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            return f"exit status {done.returncode}: {done.stderr.strip()}"
        got = json.loads(done.stdout)
        if got["method"] != method:
            return f"by {got['method']}, want {method}"
        expected, score = want(body, head, pixels, cls, method)
        heat = np.array(got["map"]["values"])
        if heat.shape != expected.shape:
            return f"a map of {heat.shape}, want {expected.shape}"
        largest = max(np.abs(expected).max(), 1e-6)
        worst = max(worst, np.abs(heat - expected).max() / largest, abs(got["probability"] - score))
    return worst


def main():
    convd = os.path.abspath(sys.argv[1])
    passed = failed = 0
    torch.manual_seed(3)
    pixels = np.random.default_rng(3).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        Image.fromarray(pixels).save(f"{folder}/photo.png")
        for name, (method, body, head) in networks().items():
            for module in nn.Sequential(body, *head).modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.running_mean.normal_()
                    module.running_var.uniform_(0.5, 2)
            difference = try_network(convd, folder, pixels, name, method, body.eval(), nn.Sequential(*head).eval())
            good = not isinstance(difference, str) and difference < 1e-4
            text = difference if isinstance(difference, str) else f"{difference:.1e}"
            print(f"{'ok' if good else 'FAILED':7}{name:40} {method:8} {text}")
            passed += good
            failed += not good
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
