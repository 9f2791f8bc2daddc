#!/usr/bin/python3
"""Networks with seeded random weights, for golden.py and bench.py.

    make_models.py FOLDER [NAME ...]        write the named ones, or all, as FOLDER/NAME.onnx
    make_models.py FOLDER random:17         one of the random graphs
"""
import os
import sys

import detail_functions
import detail_joins
import detail_movement
import detail_windows
import networks
import random_graphs
from detail import DETAILS

RANDOM_GRAPHS = 60
assert detail_functions and detail_joins and detail_movement and detail_windows  # they fill DETAILS


def named(functions):
    return [(f.__name__, f) for f in functions]


def random_part():
    first = int(os.environ.get("GOLDEN_SEED", 1))
    count = int(os.environ.get("GOLDEN_COUNT", RANDOM_GRAPHS))
    return [(f"random:{seed}", lambda seed=seed: random_graphs.make(seed)) for seed in range(first, first + count)]


PARTS = {
    "networks": lambda: named(networks.NETWORKS) + named(DETAILS),
    "random": random_part,
}


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    folder, wanted = sys.argv[1], sys.argv[2:]
    os.makedirs(folder, exist_ok=True)
    makers = dict(PARTS["networks"]() + random_part())
    for name in wanted or makers:
        if name not in makers:
            sys.exit(f"make_models.py: no network '{name}'")
        makers[name]().save(os.path.join(folder, name + ".onnx"))


if __name__ == "__main__":
    main()
