"""However a training is interrupted: it goes on to the very same weights, and no file is ever half there."""
import json
import os
import random
import re
import resource
import shutil
import signal
import time

from harness import check, equal
from training import KEPT, RESULTS, check_plain, epochs_saved, quick, read

EPOCHS = 12
LONG = quick(arch="resnet20", epochs=EPOCHS)
KILLS = 10


def check_same(out, whole, what):
    """The results are those of the unbroken training, apart from times."""
    equal(set(os.listdir(out)), RESULTS | KEPT, f"{what}: files in the folder")
    check(read(os.path.join(out, "model.onnx")) == read(os.path.join(whole, "model.onnx")), f"{what}: other weights")
    descriptions = [json.loads(read(os.path.join(folder, "model.json"))) for folder in (out, whole)]
    for description in descriptions:
        del description["training"]["seconds"], description["name"]
    equal(*descriptions, f"{what}: model.json")


def check_folder(t, out, saved, whole=None):
    """After an end before its time: a checkpoint no older than before, and no results; its epochs. With the folder
    of the unbroken training, a whole checkpoint may have whole results beside it."""
    epochs = epochs_saved(out)
    check(epochs >= saved, f"checkpoint of epoch {epochs} after one of {saved}")
    if not whole or epochs < EPOCHS:
        t.no_results(out)
        return epochs
    there = RESULTS.intersection(os.listdir(out))
    check("model.onnx" not in there or there == RESULTS, f"a model.onnx, but of the others only {there}")
    for name in there & {"labels.txt", "model.onnx"}:
        check(read(os.path.join(out, name)) == read(os.path.join(whole, name)), f"{name} is another")
    if "model.json" in there:
        json.loads(read(os.path.join(out, "model.json")))
    if "report.html" in there:
        check(read(os.path.join(out, "report.html")).rstrip().endswith(b"</html>"), "report.html is cut off")
    return epochs


def test_killed_at_any_moment(t):
    """kill -9, ten times, somewhere within an epoch, a checkpoint, or the start."""
    whole, _ = t.trained("split", *LONG)
    seconds = json.loads(read(whole + "/model.json"))["training"]["seconds"]
    moments, out, saved = random.Random(5), t.path("out"), 0
    for kill in range(KILLS):
        run = t.start("split", out, *LONG, "--resume")
        if moments.random() < 0.7:
            run.wait_for(lambda: epochs_saved(out) > saved, "an epoch is saved")
        time.sleep(moments.uniform(0, 1.5 * seconds / EPOCHS))
        run.kill()
        if run.process.returncode == 0:  # it was done
            break
        equal(run.process.returncode, -signal.SIGKILL, f"status after kill {kill}")
        said = re.search(r"going on after epoch (\d+)\n", run.told())
        check(not said or int(said[1]) == saved, f"after epoch {saved}: {run.told()!r}")
        saved = check_folder(t, out, saved, whole)
    t.train("split", out, *LONG, "--resume")
    check_same(out, whole, "killed")


def killed_by_size(limit):
    """For a child: the write that makes a file larger than this kills it, as if the power went."""
    def set_limits():
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    return set_limits


def test_killed_while_writing(t):
    """Each file is whole or not there when the process dies in the middle of it."""
    whole, _ = t.trained("split", *quick())
    out = shutil.copytree(whole, t.path("out"))
    for name in RESULTS:
        os.remove(os.path.join(out, name))
    order = sorted(RESULTS, key=lambda name: os.path.getsize(os.path.join(whole, name)))
    equal(order, ["labels.txt", "model.json", "report.html", "model.onnx"], "files by size")
    for i, name in enumerate(order):
        size = os.path.getsize(os.path.join(whole, name))
        done = t.run("train", t.suite.data("split"), "--out", out, *quick(), "--resume",
                     preexec_fn=killed_by_size(size // 2))
        equal(done.status, -signal.SIGXFSZ, f"status of the one that died at {name}")
        equal(RESULTS.intersection(os.listdir(out)), set(order[:i]), f"results after dying at {name}")
    t.train("split", out, *quick(), "--resume")
    check_same(out, whole, "died while writing")
    size = os.path.getsize(os.path.join(whole, "checkpoint"))
    out = t.path("checkpoint")
    done = t.run("train", t.suite.data("split"), "--out", out, *quick(), preexec_fn=killed_by_size(size - 1))
    equal(done.status, -signal.SIGXFSZ, "status of the one that died at its last checkpoint")
    equal(check_folder(t, out, 0), 7, "epochs in the last whole checkpoint")
    t.train("split", out, *quick(), "--resume")
    check_same(out, whole, "died at its last checkpoint")


def test_threads_change_nothing(t):
    for arch, epochs in (("lenet", 8), ("resnet20", 2)):
        options = quick("--mixup", "0.2", "--dropout", "0.2", "--ema", "2", "--cutout", "0.3", arch=arch, epochs=epochs)
        whole, _ = t.trained("split", *options, "--threads", "1")
        for threads in ("2", "3", "7"):
            out = t.path(arch + threads)
            t.train("split", out, *options, "--threads", threads)
            check_same(out, whole, f"{arch} with {threads} threads")


def test_seed_changes_the_weights(t):
    weights = {read(t.trained("split", *quick(*more, epochs=1))[0] + "/model.onnx")
               for more in ((), ("--seed", "2"), ("--seed", "3"))}
    equal(len(weights), 3, "different models of three seeds")


def interrupt(t, out, number, *more):
    """Send a signal after a few epochs; the epochs that were done."""
    run = t.start("split", out, *LONG, *more)
    before = epochs_saved(out)
    check(run.wait_for(lambda: epochs_saved(out) > before + 1, "two epochs are done"), run.told())
    run.process.send_signal(number)
    done = run.end()
    equal(done.status, 1, f"status after {number.name}")
    check_plain(done.stderr)
    epochs = check_folder(t, out, before + 2)
    check(epochs < EPOCHS, "went on to the end")
    check("\nconvd train: stopping after this epoch; once more stops at once\n" in done.stderr, done.stderr)
    equal(done.message, f"convd train: stopped after epoch {epochs}; --resume goes on", "last line")
    check(f"\nepoch {epochs}/{EPOCHS}  " in done.stderr and f"\nepoch {epochs + 1}/" not in done.stderr, done.stderr)
    equal(set(os.listdir(out)), KEPT, "files in the folder")
    return epochs


def test_signals_stop_after_the_epoch(t):
    whole, _ = t.trained("split", *LONG)
    out = t.path("out")
    first = interrupt(t, out, signal.SIGINT)
    second = interrupt(t, out, signal.SIGTERM, "--resume")
    check(second > first, f"stopped after epoch {second}, before after {first}")
    done = t.train("split", out, *LONG, "--resume")
    check(f"going on after epoch {second}\nepoch {second + 1}/{EPOCHS}  " in done.stderr, done.stderr)
    check_same(out, whole, "stopped twice")


def test_second_signal_stops_at_once(t):
    out = t.path("out")
    run = t.start("many", out, "--arch", "resnet20", "--size", "32", "--epochs", "3")
    run.wait_for_handler()
    for number, status in ((signal.SIGINT, None), (signal.SIGINT, -signal.SIGINT)):
        run.process.send_signal(number)
        if status is None:
            check(run.wait_for_text("once more stops at once"), run.told())
    equal(run.end().status, status, "status after the second signal")
    equal(epochs_saved(out), 0, "epochs that were saved")
    t.no_results(out)


def test_finished_is_written_again(t):
    whole, _ = t.trained("split", *quick())
    out = shutil.copytree(whole, t.path("out"))
    os.remove(os.path.join(out, "model.onnx"))
    done = t.train("split", out, *quick(), "--resume")
    check("going on after epoch 8\n" in done.stderr and "epoch 8/8" not in done.stderr, done.stderr)
    check_same(out, whole, "written again")
