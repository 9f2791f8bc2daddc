"""The labelled photos through `convd serve`, compared with onnxruntime and Pillow."""
import io
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import numpy as np
import onnx

import pictures
from runners import DATA, PATIENCE, Failure, softmax


def input_dims(path):
    graph = onnx.load(path).graph
    constants = {t.name for t in graph.initializer}
    first = next(v for v in graph.input if v.name not in constants)
    return [d.dim_value for d in first.type.tensor_type.shape.dim]


def labelled():
    """(path, [classes]) of each photo of the test data; no classes where none fits."""
    with open(os.path.join(DATA, "photos/labels.tsv"), encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f][1:]
    return [(os.path.join(DATA, "photos", name), [] if classes == "-" else [int(c) for c in classes.split(",")])
            for name, classes, _ in rows]


SCALING_MODELS = ("squeezenet1.1", "mobilenet_v2_1.0", "mobilenet_v1_0.25")  # those for ImageNet
LABELS_OF_1000 = 1000


class Server:
    """`convd serve` on a free loopback port, with the models of some folders."""

    def __init__(self, build, *args):
        self.folder = tempfile.mkdtemp(prefix="server-", dir=build)
        port_file, log = os.path.join(self.folder, "port"), open(os.path.join(self.folder, "log"), "wb")
        env = {k: v for k, v in os.environ.items() if not k.startswith("CONVD_")}
        with log:
            self.process = subprocess.Popen(
                [os.path.join(build, "convd"), "serve", "--port", "0", "--port-file", port_file, *args],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env)
        end = time.monotonic() + PATIENCE
        while not os.path.exists(port_file):
            if self.process.poll() is not None or time.monotonic() > end:
                with open(log.name, encoding="utf-8", errors="replace") as f:
                    raise Failure(f"convd serve did not start: {f.read().strip()}")
            time.sleep(0.02)
        with open(port_file, encoding="ascii") as f:
            self.address = f"http://127.0.0.1:{int(f.read())}"

    def predict(self, model, body, top=1):
        """The best `top` as [(class, probability)]."""
        request = urllib.request.Request(f"{self.address}/predict?model={model}&top={top}", data=body, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            raise Failure(f"{model}: {error.code} {error.read()[:200]!r}") from None
        return [(p["class"], p["probability"]) for p in answer["predictions"]]

    def stop(self):
        self.process.terminate()
        status = self.process.wait(PATIENCE)
        shutil.rmtree(self.folder, ignore_errors=True)
        if status:
            raise Failure(f"convd serve ended with status {status}")


def read(path):
    with open(path, "rb") as f:
        return f.read()


def large_jpegs():
    """(name, bytes): photos made several times as large, so that they are decoded at a fraction of their size, in
    every subsampling and in gray."""
    names = ("beagle.jpg", "koala.jpg", "bagel.jpg", "coral_hot_dog.jpg")
    for i, name in enumerate(names):
        photo = pictures.load_upright(os.path.join(DATA, "photos", name)).convert("RGB")
        for side in (1500, 3000):
            scale = side / max(photo.size)
            large = photo.resize([round(s * scale) for s in photo.size], pictures.Image.BICUBIC)
            for subsampling in ("4:4:4", "4:2:2", "4:2:0") if i == 0 else ("4:2:0",):
                out = io.BytesIO()
                large.save(out, "JPEG", quality=90, subsampling=subsampling)
                yield f"{name} at {side}, {subsampling}", out.getvalue()
            out = io.BytesIO()
            large.convert("L").save(out, "JPEG", quality=90)
            yield f"{name} at {side}, gray", out.getvalue()


def oracle_answers(oracle, folder, spec, activation, rows):
    """onnxruntime's best class for each photo, prepared by Pillow."""
    values = np.stack([pictures.to_tensor(pictures.fit(pictures.load_upright(path), spec), spec) for path, _ in rows])
    model = os.path.join(folder, "model.onnx")
    shape = input_dims(model)
    if shape[1] != values.shape[1] and shape[3] == values.shape[1]:
        values = np.ascontiguousarray(values.transpose(0, 2, 3, 1))
    scores = oracle.run(model, values)
    scores = softmax(scores) if activation == "softmax" else scores
    return scores.argmax(axis=1), scores.shape[1]


def right(classes, rows, offset):
    return sum(int(c) - offset in want for c, (_, want) in zip(classes, rows) if want)


def check_answers(report, server, oracle, name, rows, may_differ=1):
    """The same best class as onnxruntime's on all photos but at most `may_differ`."""
    folder = os.path.join(DATA, "models", name)
    description = json.loads(read(os.path.join(folder, "model.json")))
    with report.case(f"{name}: photos through /predict") as remarks:
        want, n = oracle_answers(oracle, folder, description["input"], description["output"]["activation"], rows)
        got = [server.predict(name, read(path))[0][0] for path, _ in rows]
        differ = [os.path.basename(path) for (path, _), g, w in zip(rows, got, want) if g != w]
        if n >= LABELS_OF_1000:
            offset = n - LABELS_OF_1000  # 1001 labels: 0 is the background
            remarks.append(f"{right(got, rows, offset)} right, onnxruntime {right(want, rows, offset)}")
        remarks.append(f"{len(differ)} of {len(rows)} differ {differ}")
        if len(differ) > may_differ:
            raise Failure(f"another best class than onnxruntime's: {differ}")


def check_scaling(report, scaled, whole, name, files):
    """Decoding at a fraction of the size changes no best class that is not tied with the next, and no probability
    by more than 0.03."""
    with report.case(f"{name}: JPEG scaling") as remarks:
        worst = 0.0
        for label, body in files:
            (a, p), ((b, q), (_, second)) = scaled.predict(name, body)[0], whole.predict(name, body, 2)
            worst = max(worst, abs(p - q))
            tied = q - second < 0.01
            if (a != b and not tied) or abs(p - q) > 0.03:
                raise Failure(f"{label}: class {a} with {p:.4f}, without scaling {b} with {q:.4f}")
        remarks.append(f"{len(files)} files, at most {worst:.4f}")


def check_server(report, build, oracle, names):
    """`names`: the float models that take pictures."""
    build = os.path.abspath(build)
    folders = [os.path.join(DATA, "models", name) for name in names]
    rows = labelled()
    scaled = whole = None
    try:
        scaled, whole = Server(build, *folders), Server(build, "--jpeg-scaling", "off", *folders)
        for name in names:
            check_answers(report, scaled, oracle, name, rows)
        files = [(os.path.basename(path), read(path)) for path, _ in rows] + list(large_jpegs())
        for name in names:
            if name in SCALING_MODELS:
                check_scaling(report, scaled, whole, name, files)
        exif = os.path.join(DATA, "jpeg/exif-orientation")
        turned = [(os.path.join(exif, f), []) for f in sorted(os.listdir(exif)) if f.endswith(".jpg")]
        check_answers(report, whole, oracle, names[-1], turned, 0)
    finally:
        for server in (scaled, whole):
            if server:
                with report.case("the server ends well"):
                    server.stop()
