#!/usr/bin/python3
"""Compare engine/image with Pillow: decoding, resizing, and the whole way to a model's input.

    preprocess.py BUILD/tests/golden/fit_dump

Reads the pictures of CONVD_TEST_DATA (default ../shared/data); skipped where that is absent.
Prints a table and, last, "N passed, N failed, N skipped".
"""
import glob
import os
import subprocess
import sys

import numpy as np
from PIL import Image, ImageOps

DATA = os.environ.get("CONVD_TEST_DATA") or "../shared/data"
PHOTO_SIZES = [(224, 224), (455, 256), (100, 7), (33, 301)]
SMALL_SIZES = [(1, 1), (64, 48), (19, 61)]
SHORT, CUT = 256, 224
# What this libjpeg, and so Pillow, does not read.
UNSUPPORTED = ("lossless/", "monkey12.jpg")

passed = failed = skipped = 0


def report(ok, name, text):
    global passed, failed
    passed += bool(ok)
    failed += not ok
    print(f"{'ok' if ok else 'FAILED':7}{name:58} {text}")


def run(helper, args, stdin=None):
    """The array that the helper prints, or its error message."""
    done = subprocess.run([helper, *map(str, args)], input=stdin, capture_output=True)
    if done.returncode:
        return done.stderr.decode().strip() or f"exit status {done.returncode}"
    kind, size, _, pixels = done.stdout.split(b"\n", 3)
    width, height = map(int, size.split())
    shape = (height, width, 3) if kind == b"P6" else (height, width)
    return np.frombuffer(pixels, np.uint8).reshape(shape)


def pnm(picture):
    kind = "P6" if picture.mode == "RGB" else "P5"
    return f"{kind}\n{picture.width} {picture.height}\n255\n".encode() + picture.tobytes()


def difference(got, want):
    """(largest difference, share of values that differ by at most 2), or None."""
    want = np.asarray(want)
    if isinstance(got, str) or got.shape != want.shape:
        return None
    delta = np.abs(got.astype(int) - want.astype(int))
    return int(delta.max()), float((delta <= 2).mean())


def torchvision_fit(picture):
    width, height = picture.size
    short, long = min(width, height), max(width, height)
    new_long = int(SHORT * long / short)
    size = (SHORT, new_long) if width <= height else (new_long, SHORT)
    picture = picture.resize(size, Image.BILINEAR)
    left = int(round((picture.width - CUT) / 2.0))
    top = int(round((picture.height - CUT) / 2.0))
    return picture.crop((left, top, left + CUT, top + CUT))


def check_decode(helper, path, name, picture, mode, channels):
    got = run(helper, ["decode", path, channels])
    diff = difference(got, picture.convert(mode))
    report(diff == (0, 1.0), f"{name} decode {mode}", f"{got if isinstance(got, str) else diff}")


def check_resize(helper, name, picture, sizes):
    worst = -1
    for mode in ("RGB", "L"):
        source = picture.convert(mode)
        for size in sizes:
            got = run(helper, ["resize", *size], pnm(source))
            diff = difference(got, source.resize(size, Image.BILINEAR))
            if diff is None:
                report(False, f"{name} resize {size}", got if isinstance(got, str) else got.shape)
                return
            worst = max(worst, diff[0])
    report(worst <= 1, f"{name} resize", f"largest difference {worst}")


def check_fit(helper, path, name, picture):
    for mode, channels in (("RGB", 3), ("L", 1)):
        got = run(helper, ["read", path, CUT, CUT, SHORT, channels, 0])
        diff = difference(got, torchvision_fit(picture.convert(mode)))
        report(diff and diff[1] >= 0.999, f"{name} fit {mode}",
               got if isinstance(got, str) else diff)


def report_scaled(helper, path, name, picture):
    """DCT scaling averages differently, by design: only a gross error is one."""
    got = run(helper, ["read", path, CUT, CUT, SHORT, 3, 1])
    want = np.asarray(torchvision_fit(picture.convert("RGB")))
    if isinstance(got, str) or got.shape != want.shape:
        report(False, f"{name} scaled", str(got)[:80])
        return
    mean = float(np.abs(got.astype(int) - want.astype(int)).mean())
    report(mean <= 3, f"{name} scaled", f"mean difference {mean:.2f}")


def check_picture(helper, path, name, sizes, scaled):
    global skipped
    try:
        picture = Image.open(path)
        picture.load()
        picture = ImageOps.exif_transpose(picture)
    except (OSError, SyntaxError) as error:
        skipped += 1
        print(f"{'skipped':7}{name:58} Pillow: {error}")
        return
    check_decode(helper, path, name, picture, "RGB", 3)
    check_decode(helper, path, name, picture, "L", 1)
    check_resize(helper, name, picture, sizes)
    check_fit(helper, path, name, picture)
    if scaled:
        report_scaled(helper, path, name, picture)


def check_unsupported(helper, path, name):
    got = run(helper, ["decode", path, 3])
    report(isinstance(got, str) and got.startswith("not a picture"), name, got)


def report_reference(helper, path, name):
    """The reference PNGs were made by another decoder: shown, not judged."""
    reference = path[:-4] + ".png"
    got = run(helper, ["decode", path, 3])
    if not os.path.exists(reference) or isinstance(got, str):
        return
    want = Image.open(reference)
    if want.mode.startswith("I"):  # 16 bits: the high byte, where convert() would clip
        want = Image.fromarray((np.asarray(want) >> 8).astype(np.uint8))
    diff = difference(got, want.convert("RGB"))
    print(f"{'':7}{name:58} against its PNG: {diff or 'another size'}")


def check_orientations(helper, folder, kind):
    """All nine show one picture, recompressed after turning: alike, not equal."""
    pictures = [run(helper, ["decode", f"{folder}/{kind}_{i}.jpg", 1]) for i in range(9)]
    for i, picture in enumerate(pictures):
        name = f"{kind}_{i} upright"
        if isinstance(picture, str) or picture.shape != pictures[0].shape:
            report(False, name, "another size")
            continue
        mean = float(np.abs(picture.astype(int) - pictures[0].astype(int)).mean())
        report(mean < 4, name, f"mean difference {mean:.2f}")


def main():
    global skipped
    if len(sys.argv) != 2:
        sys.exit("usage: preprocess.py PATH_OF_FIT_DUMP")
    helper = sys.argv[1]
    if not os.path.isdir(DATA):
        skipped += 1
    step = 4 if os.environ.get("CONVD_TEST_QUICK") else 1
    for path in sorted(glob.glob(f"{DATA}/photos/*.jp*g"))[::step]:
        check_picture(helper, path, os.path.relpath(path, DATA), PHOTO_SIZES, True)
    for path in sorted(glob.glob(f"{DATA}/jpeg/**/*.jpg", recursive=True))[::step]:
        name = os.path.relpath(path, DATA + "/jpeg")
        if any(part in name for part in UNSUPPORTED):
            check_unsupported(helper, path, name)
            continue
        check_picture(helper, path, name, SMALL_SIZES, False)
        report_reference(helper, path, name)
    for kind in ("Landscape", "Portrait"):
        folder = f"{DATA}/jpeg/exif-orientation"
        if os.path.isdir(folder):
            check_orientations(helper, folder, kind)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
