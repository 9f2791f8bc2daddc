"""The labelled photos through `convd serve`, compared with onnxruntime and Pillow."""
import os

from runners import DATA


def labelled():
    """(path, [classes]) of each photo of the test data; no classes where none fits."""
    with open(os.path.join(DATA, "photos/labels.tsv"), encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f][1:]
    return [(os.path.join(DATA, "photos", name), [] if classes == "-" else [int(c) for c in classes.split(",")])
            for name, classes, _ in rows]
