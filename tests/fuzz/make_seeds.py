#!/usr/bin/python3
"""Small files to begin fuzzing with.

    make_seeds.py FOLDER        writes FOLDER/onnx/*, FOLDER/image/* ...

Models: each operator by itself, networks of tests/golden that are small, and FOLDER/backend: ONNX's own tests of
single operators, all inputs but the first made constant, as in networks.
"""
import glob
import os
import sys

import onnx

HERE = os.path.dirname(os.path.abspath(__file__))
BACKEND_TESTS = "/usr/share/libonnx-testdata/data/node"
MAX_BYTES = 32768
RANDOM_GRAPHS = 400
sys.path.insert(0, os.path.join(HERE, "../golden"))


def backend_tests():
    """(name, bytes) of each test whose inputs are tensors."""
    for path in sorted(glob.glob(os.path.join(BACKEND_TESTS, "*/model.onnx"))):
        model, folder = onnx.load(path), os.path.dirname(path)
        for i, value in list(enumerate(model.graph.input))[1:]:
            tensor = onnx.TensorProto()
            source = os.path.join(folder, f"test_data_set_0/input_{i}.pb")
            if not value.type.HasField("tensor_type") or not os.path.exists(source):
                break
            with open(source, "rb") as f:
                tensor.ParseFromString(f.read())
            tensor.name = value.name
            model.graph.initializer.append(tensor)
        else:
            del model.graph.input[1:]
            yield os.path.basename(folder), model.SerializeToString()


def golden_networks():
    import make_models
    import random_graphs

    for name, make in make_models.PARTS["networks"]():
        yield name, make().model().SerializeToString()
    for seed in range(RANDOM_GRAPHS):
        yield f"random_{seed}", random_graphs.make(seed).model().SerializeToString()


def all_seeds():
    """(folder, name, bytes)"""
    import seed_files
    import seed_networks
    import seed_operators

    yield from seed_files.seeds()
    for folder, source in (("onnx", seed_operators.seeds), ("onnx", seed_networks.seeds), ("onnx", golden_networks),
                           ("backend", backend_tests)):
        for name, content in source():
            yield folder, name, content


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    top = sys.argv[1]
    for folder, name, content in all_seeds():
        os.makedirs(os.path.join(top, folder), exist_ok=True)
        if len(content) <= MAX_BYTES:
            with open(os.path.join(top, folder, name), "wb") as f:
                f.write(content)


if __name__ == "__main__":
    main()
