"""Pictures that are easy to tell apart, in every form that `convd train` reads."""
import os
import struct
import tarfile

import numpy as np
from PIL import Image, ImageDraw

CLASSES = ("disc", "flat", "tall")
TRAIN, VAL = 30, 12  # of each class


def shape(kind, side, rng):
    """A bright disc or bar on dark noise, RGB."""
    picture = Image.fromarray(rng.integers(0, 90, (side, side, 3)).astype(np.uint8))
    long, short = side * 0.28, side * (0.28 if kind == "disc" else 0.1)
    x, y = side / 2 + rng.uniform(-0.1, 0.1, 2) * side
    box = (x - short, y - long, x + short, y + long) if kind == "tall" else (x - long, y - short, x + long, y + short)
    draw = ImageDraw.Draw(picture)
    (draw.ellipse if kind == "disc" else draw.rectangle)(box, fill=tuple(int(v) for v in rng.integers(160, 256, 3)))
    return picture


def write_classes(folder, each, side, seed, forms=("jpg", "png"), classes=CLASSES):
    """folder/CLASS/000.jpg, 001.png ...: the forms take turns."""
    rng = np.random.default_rng(seed)
    for name in classes:
        os.makedirs(os.path.join(folder, name))
        for i in range(each):
            shape(name, side, rng).save(os.path.join(folder, name, f"{i:03}.{forms[i % len(forms)]}"), quality=90)


def make_classes(folder):
    write_classes(folder, TRAIN + VAL, 24, 1)


def make_split(folder, held_out="val"):
    """Some of the validation pictures are so large that JPEGs are decoded at a fraction of their size."""
    write_classes(os.path.join(folder, "train"), TRAIN, 24, 1)
    write_classes(os.path.join(folder, held_out), VAL, 24, 2)
    rng = np.random.default_rng(3)
    for name in CLASSES:
        shape(name, 200, rng).resize((200, 150)).save(os.path.join(folder, held_out, name, "large.jpg"))


def make_exact(folder):
    """Of the network's size, without loss: every program sees the same pixels."""
    write_classes(os.path.join(folder, "train"), TRAIN, 16, 1, ("png",))
    write_classes(os.path.join(folder, "val"), VAL, 16, 2, ("png",))


def make_tar(folder):
    """shapes.tar, all of it within one folder."""
    make_split(os.path.join(folder, "files"))
    with tarfile.open(os.path.join(folder, "shapes.tar"), "w", format=tarfile.PAX_FORMAT) as tar:
        tar.add(os.path.join(folder, "files"), "shapes")


def write_idx(path, values):
    with open(path, "wb") as f:
        f.write(struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape))
        f.write(values.astype(np.uint8).tobytes())


def make_idx(folder):
    os.makedirs(folder)
    for seed, (prefix, each) in enumerate((("train", TRAIN), ("t10k", VAL))):
        rng = np.random.default_rng(seed)
        labels = np.arange(each * len(CLASSES)) % len(CLASSES)
        pictures = [np.asarray(shape(CLASSES[label], 16, rng).convert("L")) for label in labels]
        write_idx(os.path.join(folder, f"{prefix}-images-idx3-ubyte"), np.stack(pictures))
        write_idx(os.path.join(folder, f"{prefix}-labels-idx1-ubyte"), labels)
    with open(os.path.join(folder, "labels.txt"), "w", encoding="ascii") as f:
        f.write("".join(name + "\n" for name in CLASSES))


def make_many(folder):
    """Enough that an epoch of resnet20 takes a while."""
    write_classes(folder, 150, 32, 1, ("png",))


MAKERS = {"classes": make_classes, "split": make_split, "exact": make_exact, "tar": make_tar, "idx": make_idx,
          "many": make_many, "tested": lambda folder: make_split(folder, "test")}
