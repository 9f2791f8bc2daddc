"""Data that cannot be learned from is refused in a line that says why; a few bad files are named and left out."""
import json
import os
import re
import shutil

import numpy as np
from PIL import Image

from harness import Skip, check, equal
from make_data import CLASSES, TRAIN, VAL
from training import NOBODY, RESULTS, epochs_saved, quick, read

ONCE = quick(epochs=1)
ALL = (TRAIN + VAL) * len(CLASSES)
# From --lr on: the weights run away after a few epochs.
RUNAWAY = ("--lr", "30", "--warmup", "20", "--momentum", "0.99")


def spoil(folder, bad):
    """Put things that are no pictures into a folder: {name: bytes}."""
    for name, content in bad.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(content)


def make(t, name, files):
    folder = t.path(name)
    os.makedirs(folder)
    spoil(folder, files)
    return folder


def test_nothing_to_learn(t):
    png = read(os.path.join(t.suite.data("classes"), "disc/001.png"))
    out = t.path("out")
    cases = {
        "no such": (t.path("none"), r"/none: No such file or directory$"),
        "empty": (make(t, "empty", {}), r"/empty: no pictures"),
        "flat": (make(t, "flat", {"1.png": png, "2.png": png}), r"/flat: no pictures"),
        "single": (make(t, "single", {"cat/1.png": png}), r"/single: 'cat' is the only class"),
        "text": (make(t, "text", {"a/x.png": b"text", "b/y.png": b"text"}), r"/text: .*first is \S+: \S"),
        "a picture": (os.path.join(t.suite.data("classes"), "disc/001.png"), r"001\.png: "),
        "an empty file": (os.path.join(make(t, "file", {"x.tar": b""}), "x.tar"), r"/x\.tar: "),
        "a cut tar": (os.path.join(make(t, "cut", {"x.tar": read(t.suite.data("tar"))[:20000]}), "x.tar"), r"/x\.tar: "),
        "no zeros": (os.path.join(make(t, "noise", {"x.tar": bytes(range(256)) * 40}), "x.tar"), r"/x\.tar: "),
        "a device": ("/dev/null", r"/dev/null: "),
    }
    for what, (data, says) in cases.items():
        done = t.refused(data, out, *ONCE, says=says)
        check("left out" in done.stderr or done.stderr.count("\n") == 1, f"{what}: {done.stderr!r}")


def test_empty_class(t):
    data = t.copy("classes")
    os.makedirs(os.path.join(data, "none"))
    t.refused(data, t.path("out"), *ONCE, says=r"/data: class 'none' has no pictures$", lines=1)
    spoil(data, {"none/x.png": b"not a picture"})
    t.refused(data, t.path("out"), *ONCE, says=r"/data: class 'none' has no pictures that can be read", lines=2)


def test_strange_class(t):
    data = t.copy("split")
    os.makedirs(os.path.join(data, "val/other"))
    t.refused(data, t.path("out"), *ONCE, says=r"'val/other' is no class of train/$", lines=1)
    os.rename(os.path.join(data, "val/other"), os.path.join(data, "train/a\x1b[31m\n"))
    t.refused(data, t.path("out"), *ONCE, says=r"class 'a\?\[31m\?' has a control character", lines=1)


def test_bad_files_are_left_out(t):
    """Named, counted, and without what they would do to a terminal."""
    data = t.copy("classes")
    png = read(os.path.join(data, "disc/001.png"))
    bad = {"disc/text.png": b"not a picture", "disc/empty.jpg": b"", "flat/cut.png": png[:len(png) // 2],
           "flat/\x1b]0;title\x07\r\n.png": b"GIF89a", "tall/deeper/1.png": png, "beside.txt": b"x"}
    spoil(data, bad)
    spoil(data, {"disc/.hidden": b"x", ".git/config": b"x"})
    os.symlink("/none/such", os.path.join(data, "flat/link.png"))
    os.mkfifo(os.path.join(data, "tall/fifo.png"))
    done = t.train(data, t.path("out"), *ONCE)
    named = [line for line in done.stderr.splitlines() if line.startswith("convd train: left out ")]
    wanted = [*bad, "flat/link.png", "tall/fifo.png"]
    equal(len(named), len(wanted), f"files left out: {named}")
    for name in wanted:
        shown = re.sub(r"[\x00-\x1f]", "?", name)
        check(any(line.startswith(f"convd train: left out {shown}: ") for line in named), f"{shown} is not in {named}")
    equal(json.loads(read(t.path("out", "model.json")))["training"]["data"]["skipped"], len(wanted), "skipped")


def test_many_bad_files_are_counted(t):
    data = t.copy("classes")
    spoil(data, {f"disc/x{i:02}.png": b"x" for i in range(25)})
    done = t.train(data, t.path("out"), *ONCE)
    equal(len(re.findall(r"^convd train: left out disc/x\d\d\.png: \S", done.stderr, re.M)), 10, "names")
    check("\nconvd train: left out 25 files in all\n" in done.stderr, done.stderr)


def test_more_than_a_fifth(t):
    data = t.copy("classes")
    fifth = ALL // 4  # of all with the bad ones
    spoil(data, {f"tall/x{i:02}.png": b"x" for i in range(fifth)})
    t.train(data, t.path("fifth"), *ONCE)
    spoil(data, {"tall/y.png": b"x", "tall/z.png": b"x"})
    t.refused(data, t.path("out"), *ONCE,
              says=rf"/data: {fifth + 2} of {ALL + fifth + 2} files cannot be read as pictures, the first is "
                   r"tall/x00\.png: \S")


def test_unreadable_files(t):
    if os.geteuid() != 0:
        how = {}
    else:
        how = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        if os.stat(t.suite.convd).st_mode & 0o005 != 0o005:
            raise Skip("only the owner may run convd")
    data = t.copy("classes")
    os.chmod(t.folder, 0o777)
    os.chmod(os.path.join(data, "disc/001.png"), 0)
    try:
        done = t.train(data, t.path("out"), *ONCE, **how)
    except PermissionError:
        raise Skip("only the owner may run convd") from None
    check("convd train: left out disc/001.png: Permission denied\n" in done.stderr, done.stderr)
    os.chmod(os.path.join(data, "flat"), 0)
    t.refused(data, t.path("none"), *ONCE, says=r"/data/flat: Permission denied$", lines=1, **how)
    os.chmod(data, 0)
    t.refused(data, t.path("none"), *ONCE, says=r"/data: Permission denied$", lines=1, **how)
    os.chmod(data, 0o755)
    os.chmod(os.path.join(data, "flat"), 0o755)
    closed = t.path("closed")
    os.makedirs(closed, 0o755)
    os.chmod(closed, 0o555)
    t.refused("classes", os.path.join(closed, "out"), *ONCE, says=r"/closed/out: Permission denied$", lines=1, **how)
    t.refused("classes", closed, *ONCE, says=r"/closed/\.lock: Permission denied$", lines=1, **how)


def test_pictures_over_the_limit(t):
    """--max-pixels holds for every picture."""
    data = t.copy("classes")
    Image.fromarray(np.zeros((60, 60), np.uint8)).save(os.path.join(data, "flat/huge.png"))
    done = t.train(data, t.path("out"), *ONCE, "--max-pixels", "3000")
    check(re.search(r"^convd train: left out flat/huge\.png: .*60 x 60", done.stderr, re.M), done.stderr)
    t.refused(data, t.path("none"), *ONCE, "--max-pixels", "100", says=r"files cannot be read as pictures")


def test_bad_idx(t):
    first = "train-images-idx3-ubyte"
    whole = t.copy("idx")
    content = read(os.path.join(whole, first))
    labels = read(os.path.join(whole, "train-labels-idx1-ubyte"))
    cases = ((first, content[:-1]), (first, content[:10]), (first, b""), (first, b"\0\0\x0d\x03" + content[4:]),
             (first, content[:4] + b"\xff" * 12 + content[16:]), ("train-labels-idx1-ubyte", labels[:20]),
             ("train-labels-idx1-ubyte", labels[:4] + b"\0\0\0\1" + labels[8:]), ("labels.txt", b"disc\nflat\n"),
             ("t10k-labels-idx1-ubyte", None))
    for i, (name, bad) in enumerate(cases):
        data = shutil.copytree(whole, t.path(f"idx{i}"))
        os.remove(os.path.join(data, name))
        if bad is not None:
            spoil(data, {name: bad})
        t.refused(data, t.path("out"), "--arch", "lenet", "--epochs", "1", says=rf"/idx{i}\b.*: ", lines=1)


def test_loss_is_no_number(t):
    """Named with epoch and step, at once or later; the last good checkpoint stays and goes on to the same."""
    out = t.path("first")
    done = t.refused("split", out, *quick(), "--lr", "100", "--warmup", "0",
                     says=r"^convd train: epoch 1, (after )?step \d of 6: .*lower learning rate")
    equal(epochs_saved(out), 0, "epochs that were saved")
    check("nan" not in done.stdout + done.stderr, done.stderr)

    out = t.path("later")
    options = (*quick(epochs=40), *RUNAWAY)
    done = t.refused("split", out, *options, says=r"^convd train: epoch \d+, (after )?step \d of 6: .*lower")
    saved = epochs_saved(out)
    equal(saved + 1, int(re.search(r"epoch (\d+), (?:after )?step", done.message)[1]), "the epoch that broke")
    check(saved > 0, "broke in its first epoch")
    again = t.refused("split", out, *options, "--resume", says="step")
    check(f"going on after epoch {saved}\n" in again.stderr, again.stderr)
    equal(again.message, done.message, "message after --resume")


def test_usage(t):
    """Mistakes of use end with 2, before anything is read or made."""
    out = t.path("out")
    cases = {
        ("DATA",): "--out is missing",
        ("--out", out): "name one folder",
        ("DATA", "DATA", "--out", out): "name one folder",
        ("DATA", "--out", ""): "--out: must not be empty",
        ("DATA", "--out", out, "--arch", "none"): "--arch=none: must be one of .*resnet20",
        ("DATA", "--out", out, "--arch", ""): "--arch: must not be empty",
        ("DATA", "--out", out, "--unfreeze"): "--unfreeze",
        ("DATA", "--out", out, "--no-such"): "--no-such",
        ("DATA", "--out", out, "--epoch", "3"): "--epoch",
        ("DATA", "--out", out, "--size", "15"): "--size=15: must be at least 16",
        ("DATA", "--out", out, "--resize-short", "17000"): "--resize-short=17000: must be",
    }
    ranges = {"size": ("-1", "4097", "x", "", "99999999999999999999"), "batch": ("-1", "257", "1.5"),
              "epochs": ("-1", "100001"), "lr": ("-1", "101", "nan", "inf", "1e999", "0x1", "1,5"), "pad": ("65",),
              "momentum": ("1",), "val-fraction": ("0.91", "-0.1"), "seed": ("-1", "9223372036854775808"),
              "mixup": ("11",), "min-area": ("1.1",), "threads": ("1025",), "optimizer": ("adam",),
              "max-pixels": ("0",), "jitter": ("1",), "cutout": ("2",), "dropout": ("1",), "ema": ("-1",)}
    cases.update({("DATA", "--out", out, f"--{name}", value): f"--{name}=.*must be"
                  for name, values in ranges.items() for value in values})
    for words, says in cases.items():
        done = t.run("train", *(t.suite.data("split") if word == "DATA" else word for word in words))
        equal(done.status, 2, f"status of {words} ({done.message})")
        lines = done.stderr.splitlines()
        check(re.search(says, lines[0]), f"{words}: says {lines[0]!r}, not {says!r}")
        check(lines[0].startswith("convd") and len(lines) <= 2, f"{words}: {lines}")
        equal(done.stdout, "", "stdout")
    check(not os.path.exists(out), "a folder was made")
    equal(t.run("train", "--help").status, 0, "status of --help")


def test_results_keep_strange_names(t):
    """Classes and data named like markup."""
    data = t.path("<b>&amp; data")
    for i, name in enumerate(("<script>alert(1)", 'a "b" c', "ö 中 %s")):
        shutil.copytree(os.path.join(t.suite.data("classes"), CLASSES[i]), os.path.join(data, name))
    t.train(data, t.path("out"), *ONCE)
    page = read(t.path("out", "report.html")).decode()
    check("<script>alert" not in page and "&lt;script&gt;alert(1)" in page and "<b>&amp;amp; data" not in page, "markup")
    equal(read(t.path("out", "labels.txt")).decode(), '<script>alert(1)\na "b" c\nö 中 %s\n', "labels.txt")
    equal(RESULTS - set(os.listdir(t.path("out"))), set(), "missing files")
