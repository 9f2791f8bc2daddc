"""Output folders that cannot be used, checkpoints that do not fit, disks that are full."""
import os
import resource
import shutil
import signal

import numpy as np

from harness import check, equal
from make_data import CLASSES
from training import KEPT, RESULTS, epochs_saved, quick, read
from test_stopping import check_same

ONCE = quick(epochs=1)
DONE = quick()


def test_folder_that_cannot_be(t):
    file = t.path("file")
    with open(file, "wb") as f:
        f.write(b"mine")
    cases = {file: r"/file: File exists$", os.path.join(file, "deeper"): r"/file(/deeper)?: Not a directory$|/file: ",
             "/proc/none/such": r"^convd train: /proc/none: ", t.path("x" * 300): r": File name too long$"}
    for out, says in cases.items():
        t.refused("split", out, *ONCE, says=says, lines=1)
    equal(read(file), b"mine", "the file in the way")
    link = t.path("link")
    os.makedirs(t.path("other"))
    os.makedirs(link)
    os.symlink(t.path("other/lock"), os.path.join(link, ".lock"))
    t.refused("split", link, *ONCE, says=r"/link/\.lock: ", lines=1)
    equal(os.listdir(t.path("other")), [], "files made through a link")


def test_nothing_is_overwritten(t):
    whole, _ = t.trained("split", *DONE)
    out = shutil.copytree(whole, t.path("out"))
    before = {name: read(os.path.join(out, name)) for name in RESULTS | {"checkpoint"}}
    done = t.run("train", t.suite.data("split"), "--out", out, *DONE)
    equal((done.status, done.stderr.count("\n")), (1, 1), f"status and lines ({done.stderr})")
    check("has the checkpoint of a training: --resume goes on with it" in done.message, done.message)
    os.remove(os.path.join(out, "checkpoint"))
    for more in ((), ("--resume",)):
        done = t.run("train", t.suite.data("split"), "--out", out, *DONE, *more)
        equal((done.status, done.stderr.count("\n")), (1, 1), f"status and lines ({done.stderr})")
        check("has a model already" in done.message, done.message)
    for name in RESULTS:
        equal(read(os.path.join(out, name)), before[name], name)


def test_folder_in_use(t):
    out = t.path("out")
    run = t.start("many", out, *quick(arch="resnet20", size=32, epochs=50))
    run.wait_for_handler()
    for more in ((), ("--resume",)):
        t.refused("split", out, *ONCE, *more, says=r"/out is in use by another convd train$", lines=1)
    check(run.process.poll() is None, "the first one ended")
    run.kill()
    t.train("split", out, *ONCE, "--resume")


def disk_of(limit):
    """For subprocess: the child cannot write files larger than this, as on a full disk."""
    def set_limits():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    return {"restore_signals": False, "preexec_fn": set_limits}


def unfinished(t):
    """A folder with a checkpoint before its end, and that checkpoint."""
    out = t.path("out")
    size = os.path.getsize(os.path.join(t.trained("split", *DONE)[0], "checkpoint"))
    done = t.train("split", out, *DONE, status=1, **disk_of(size - 1))
    check(done.message.endswith("/checkpoint: File too large"), done.message)
    return out, read(os.path.join(out, "checkpoint"))


def test_full_disk(t):
    """The file that could not be written is named, those before it are as they were, and it goes on."""
    whole, _ = t.trained("split", *DONE)
    out, _ = unfinished(t)
    equal(epochs_saved(out), 7, "epochs in the last checkpoint that fitted")
    equal(set(os.listdir(out)), KEPT, "files in the folder")
    t.train("split", out, *DONE, "--resume")
    check_same(out, whole, "after a full disk")
    sizes = {name: os.path.getsize(os.path.join(whole, name)) for name in RESULTS}
    for name in RESULTS:
        for result in RESULTS:
            os.remove(os.path.join(out, result))
        done = t.train("split", out, *DONE, "--resume", status=1, **disk_of(sizes[name] - 8))
        check(done.message.endswith(f"/{name}: File too large"), f"{name}: {done.message}")
        smaller = {result for result in RESULTS if sizes[result] < sizes[name]}
        equal(set(os.listdir(out)), smaller | KEPT, f"files with no room for {name}")
        t.train("split", out, *DONE, "--resume")
        check_same(out, whole, f"after no room for {name}")


def test_full_disk_keeps_old_results(t):
    whole, _ = t.trained("split", *DONE)
    out = shutil.copytree(whole, t.path("out"))
    for name in RESULTS:
        before = read(os.path.join(out, name))
        t.train("split", out, *DONE, "--resume", status=1, **disk_of(len(before) - 8))
        equal(read(os.path.join(out, name)), before, f"{name} after a full disk")


def test_checkpoint_of_something_else(t):
    out, checkpoint = unfinished(t)
    for more in (("--lr", "0.3"), ("--seed", "2"), ("--ema", "1"), ("--optimizer", "adamw"), ("--mixup", "0.1"),
                 ("--no-flip",), ("--resize-short", "18")):
        t.refused("split", out, *DONE, *more, "--resume", says=r"/checkpoint: made with other options", lines=3)
    for changed in (quick(epochs=9), quick(size=20), quick(arch="resnet20")):
        t.refused("split", out, *changed, "--resume", says=r"/checkpoint: made with other options", lines=3)
    t.refused("classes", out, *DONE, "--resume", says=r"other pictures", lines=3)
    data = t.copy("split")
    first = os.path.join(data, "train", CLASSES[0])
    os.rename(os.path.join(first, "001.png"), os.path.join(first, "zzz.png"))
    t.refused(data, out, *DONE, "--resume", says=r"other pictures", lines=3)
    equal(read(os.path.join(out, "checkpoint")), checkpoint, "the checkpoint")


def test_broken_checkpoint(t):
    out, good = unfinished(t)
    path = os.path.join(out, "checkpoint")
    rng = np.random.default_rng(6)
    broken = [good[:n] for n in (0, 1, 100, 128, 159, 160, len(good) // 2, len(good) - 1)]
    broken += [good + b"\0", good[:128] + good[127:], bytes(len(good)), rng.bytes(len(good))]
    for at in (0, 20, 25, 60, 130, 200, len(good) // 2, len(good) - 33, len(good) - 1, *rng.integers(0, len(good), 4)):
        flipped = bytearray(good)
        flipped[at] ^= 1 << int(rng.integers(8))
        broken.append(bytes(flipped))
    for content in broken:
        with open(path, "wb") as f:
            f.write(content)
        t.refused("split", out, *DONE, "--resume", says=r"/checkpoint: ", lines=3)
        equal(read(path), content, "the broken checkpoint")
    os.remove(path)
    os.makedirs(path)
    t.refused("split", out, *DONE, "--resume", says=r"/checkpoint: ", lines=3)
    os.rmdir(path)
    os.mkfifo(path)
    t.refused("split", out, *DONE, "--resume", says=r"/checkpoint: ", lines=3)
    os.remove(path)
    with open(path, "wb") as f:
        f.write(good)
    t.train("split", out, *DONE, "--resume")
    check_same(out, t.trained("split", *DONE)[0], "the good checkpoint")


def test_resume_without_a_checkpoint(t):
    done = t.train("split", t.path("out"), *DONE, "--resume")
    check("/out has no checkpoint: starting anew\n" in done.stderr, done.stderr)
    check_same(t.path("out"), t.trained("split", *DONE)[0], "started anew")
