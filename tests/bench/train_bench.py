#!/usr/bin/python3
"""How fast training steps are: forward, backward and update, counted as three times the forward multiply-adds.

    train_bench.py BUILD [--rounds N]

Beside PyTorch's figure for the same networks where Debian's python3-torch is installed. Rounds are interleaved; the
table has medians.
"""
import argparse
import re
import statistics
import subprocess
import time

# Name, size of the pictures, batch.
CASES = [("resnet20", 32, 128), ("resnet-small", 128, 64), ("lenet", 28, 128), ("mobilenet-small", 128, 64)]
CLASSES = 10

try:
    import torch
    from torch import nn
except ImportError:
    torch = None


def convd(build, name, size, batch, threads):
    """Milliseconds of a step, and the share of the measured peak."""
    done = subprocess.run([f"{build}/tests/bench/train_rate", name, str(size), str(batch), str(threads)],
                          check=True, capture_output=True, text=True)
    found = re.search(r"([\d.]+) ms a step.* (\d+) GFLOP/s, (\d+)% of the peak of (\d+)", done.stdout)
    return float(found[1]), int(found[3])


def torch_network(name, size):
    """The same layers as engine/train/arch.c draws."""
    def unit(c, out, kernel, stride, groups=1, act=None):
        layers = [nn.Conv2d(c, out, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(out)]
        return nn.Sequential(*layers, *([act] if act else []))

    class Block(nn.Module):
        def __init__(self, c, out, stride):
            super().__init__()
            self.main = nn.Sequential(unit(c, out, 3, stride, act=nn.ReLU(True)), unit(out, out, 3, 1))
            self.short = nn.Identity() if stride == 1 and c == out else unit(c, out, 1, stride)

        def forward(self, x):
            return torch.relu(self.main(x) + self.short(x))

    def tail(c):
        return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, CLASSES)]

    if name == "resnet20":
        widths = [(16, 1)] * 3 + [(32, 2), (32, 1), (32, 1), (64, 2), (64, 1), (64, 1)]
        layers, c = [unit(3, 16, 3, 1, act=nn.ReLU(True))], 16
    elif name == "resnet-small":
        widths = [(40, 2), (80, 2), (80, 1), (160, 2), (160, 1)]
        layers, c = [unit(3, 24, 3, 2, act=nn.ReLU(True))], 24
    elif name == "lenet":
        side = size // 4
        return nn.Sequential(unit(3, 16, 5, 1, act=nn.ReLU(True)), nn.MaxPool2d(2),
                             unit(16, 32, 5, 1, act=nn.ReLU(True)), nn.MaxPool2d(2), nn.Flatten(),
                             nn.Linear(32 * side * side, 128), nn.ReLU(True), nn.Linear(128, CLASSES))
    else:
        layers, c = [unit(3, 16, 3, 2, act=nn.ReLU(True))], 16
        for out, stride in [(32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (256, 1)]:
            layers += [unit(c, c, 3, stride, groups=c, act=nn.ReLU6(True)), unit(c, out, 1, 1, act=nn.ReLU6(True))]
            c = out
        return nn.Sequential(*layers, *tail(c))
    for out, stride in widths:
        layers.append(Block(c, out, stride))
        c = out
    return nn.Sequential(*layers, *tail(c))


def pytorch(name, size, batch, threads, seconds=3.0):
    """Milliseconds of a step."""
    torch.set_num_threads(threads)
    model = torch_network(name, size).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, nesterov=True, weight_decay=5e-4)
    x = torch.randn(batch, 3, size, size).contiguous(memory_format=torch.channels_last)
    y = torch.randint(CLASSES, (batch,))

    def step():
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    step()
    start, steps = time.monotonic(), 0
    while steps == 0 or time.monotonic() - start < seconds:
        step()
        steps += 1
    return 1e3 * (time.monotonic() - start) / steps


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    print(f"\ntraining steps, {args.threads} threads" + ("" if torch else "; python3-torch is not installed"))
    print(f"{'network':<16} {'size':>4} {'batch':>5} {'convd ms':>9} {'% of peak':>9} {'PyTorch ms':>10} {'ratio':>6}")
    for name, size, batch in CASES:
        ours, theirs = [], []
        for _ in range(args.rounds):
            ours.append(convd(args.build, name, size, batch, args.threads))
            if torch:
                theirs.append(pytorch(name, size, batch, args.threads))
        ms, peak = statistics.median(o[0] for o in ours), statistics.median(o[1] for o in ours)
        other = f"{statistics.median(theirs):>10.1f} {statistics.median(theirs) / ms:>6.2f}" if theirs else ""
        print(f"{name:<16} {size:>4} {batch:>5} {ms:>9.1f} {peak:>9.0f} {other}", flush=True)


if __name__ == "__main__":
    main()
