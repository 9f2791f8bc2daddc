"""Every form of data is learned from, and what is left and said is what it should be."""
import json
import os
import re

from harness import check, equal
from make_data import CLASSES, TRAIN, VAL
from training import KEPT, QUICK, RESULTS, quick, read

SANE = 0.8  # chance is a third


def check_report(path):
    """A page that loads nothing."""
    page = read(path).decode()
    check(page.startswith("<!") or page.startswith("<html"), "report.html is no page")
    check(re.search(r"</html>\s*$", page), "report.html is cut off")
    for load in (r"https?://", r"<script[^>]*\ssrc", r"<link\b", r"@import", r"<iframe", r"src=[\"']?(?!data:)[\w/.]",
                 r"url\((?![\"']?data:)"):
        check(not re.search(load, page), f"report.html loads something: {load}")


def check_trained(out, done, val, train, arch="lenet", side=16, epochs=8):
    """Files and messages of a training that went well; its model.json."""
    name = os.path.basename(out)
    equal(set(os.listdir(out)), RESULTS | KEPT, "files in the folder")
    equal(read(os.path.join(out, "labels.txt")).decode(), "".join(c + "\n" for c in CLASSES), "labels.txt")
    check_report(os.path.join(out, "report.html"))
    model = json.loads(read(os.path.join(out, "model.json")))
    training = model["training"]
    equal((model["name"], model["task"], model["labels"]), (name, "classify", "labels.txt"), "model.json")
    equal((model["input"]["width"], model["input"]["height"]), (side, side), "size in model.json")
    equal([training["data"][k] for k in ("classes", "train", "val", "skipped")], [len(CLASSES), train, val, 0],
          "the data in model.json")
    equal((training["epochs"], training["arch"]), (epochs, arch), "epochs and network in model.json")
    accuracy = training["metrics"]["val_accuracy"]
    check(accuracy >= SANE, f"validation accuracy {accuracy}")

    right = round(accuracy * val)
    equal(done.stdout, f"{out}: wrote model.onnx, labels.txt, model.json and report.html\n"
                       f"validation accuracy {100 * right / val:.2f}%, {right} of {val} pictures\n"
                       f"next: convd serve {out}\n", "stdout")
    lines = done.stderr.splitlines()
    equal(len(lines), 2 + epochs, f"lines on stderr: {lines}")
    check(re.fullmatch(rf"\S+: 3 classes, {train} pictures to train and {val} to validate, {side} × {side} pixels",
                       lines[0]), lines[0])
    check(re.fullmatch(rf"{arch}: \d+\.\d\d million parameters, \d+ million multiplications a picture", lines[1]),
          lines[1])
    for epoch, line in enumerate(lines[2:], 1):
        check(re.fullmatch(rf"epoch {epoch}/{epochs}  loss \d+\.\d{{3}}  accuracy \d+\.\d%  "
                           r"validation: loss \d+\.\d{3}  accuracy \d+\.\d%  [\d:]+( s)?", line), line)
    return model


def test_folder_with_held_out_pictures(t):
    out, done = t.trained("classes", *quick("--val-fraction", "0.25"))
    held_out = round((TRAIN + VAL) * 0.25 + 0.01) * len(CLASSES)
    check_trained(out, done, held_out, (TRAIN + VAL) * len(CLASSES) - held_out)


def test_folder_with_val(t):
    check_trained(*t.trained("split", *QUICK), (VAL + 1) * len(CLASSES), TRAIN * len(CLASSES))


def test_folder_with_test(t):
    check_trained(*t.trained("tested", *QUICK), (VAL + 1) * len(CLASSES), TRAIN * len(CLASSES))


def test_tar_teaches_the_same(t):
    out, done = t.trained("tar", *QUICK)
    check_trained(out, done, (VAL + 1) * len(CLASSES), TRAIN * len(CLASSES))
    equal(read(out + "/model.onnx"), read(t.trained("split", *QUICK)[0] + "/model.onnx"), "model.onnx")


def test_idx_keeps_its_size(t):
    options = ("--arch", "lenet", "--epochs", "8", "--batch", "16")
    model = check_trained(*t.trained("idx", *options), VAL * len(CLASSES), TRAIN * len(CLASSES))
    equal((model["input"]["channels"], model["input"]["resize_short"]), ("L", 16), "input of gray pictures")


def test_resnet_learns(t):
    options = quick("--optimizer", "adamw", "--ema", "1", arch="resnet20")
    check_trained(*t.trained("split", *options), (VAL + 1) * len(CLASSES), TRAIN * len(CLASSES), "resnet20")


def test_without_validation(t):
    done = t.train("classes", t.path("out"), *quick("--val-fraction", "0", epochs=1))
    check("accuracy" not in done.stdout and "validation" not in done.stderr, f"claims {done.stdout!r}")
    metrics = json.loads(read(t.path("out", "model.json")))["training"]["metrics"]
    equal((metrics["val_accuracy"], metrics["val_loss"]), (None, None), "metrics")


def test_pretrained_goes_on(t):
    """Frozen and not, from a model of three classes to one of two; what is asked for it takes."""
    source, _ = t.trained("split", *QUICK)
    two = t.path("two")
    for name in CLASSES[:2]:
        os.makedirs(os.path.join(two, name))
        for file in os.listdir(os.path.join(t.suite.data("classes"), name)):
            os.symlink(os.path.join(t.suite.data("classes"), name, file), os.path.join(two, name, file))
    for how in ((), ("--mixup", "0.4"), ("--unfreeze",), ("--unfreeze", "--keep-batch-norm")):
        out = t.path("out" + "".join(how).replace(".", ""))
        t.train(two, out, "--from", source, "--epochs", "3", "--val-fraction", "0.25", *how)
        training = json.loads(read(os.path.join(out, "model.json")))["training"]
        equal(training["arch"], os.path.basename(source), "arch")
        check(training["metrics"]["val_accuracy"] >= SANE, f"{how}: {training['metrics']}")
        equal(read(os.path.join(out, "labels.txt")), b"disc\nflat\n", "labels.txt")


def test_resize_short(t):
    """Small pictures are shown whole; larger networks see the middle; what was said holds."""
    def used(out):
        return json.loads(read(os.path.join(out, "model.json")))["input"]["resize_short"]
    equal(used(t.trained("split", *QUICK)[0]), 16, "resize_short of size 16")
    for size, said, want in ((16, 20, 20), (16, 16, 16), (72, 0, 82)):
        out = t.path(f"{size}-{said}")
        t.train("split", out, *quick("--resize-short", str(said), size=size, epochs=1))
        equal(used(out), want, f"resize_short of size {size}, --resize-short {said}")
    t.refused("split", t.path("none"), *quick("--resize-short", "31", size=32), status=2, says="--resize-short=31")


def test_name(t):
    t.train("split", t.path("out"), *quick("--name", "my shapes", epochs=1))
    equal(json.loads(read(t.path("out", "model.json")))["name"], "my shapes", "name")
