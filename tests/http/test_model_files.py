"""What lies beside a model's file: weights, labels, preprocessing."""
import json
import os

import make_model
import onnx
import photos
from harness import check, equal
from test_bad_models import refused


def answer(t, path, *options):
    """`classify --json` of one photo: the predictions, best first."""
    photo = t.write("photo.png", photos.png())
    done = t.run("classify", "--json", "--model", path, "--top", "10", *options, photo)
    equal(done.returncode, 0, f"exit status for {path}; {done.stderr}")
    return json.loads(done.stdout)["results"][0]["predictions"]


def with_weights_beside(t, name, location="weights.bin", model_name="model.onnx"):
    """The model of the folder `tiny`, all of its weights in one other file."""
    folder = os.path.join(t.folder, name)
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, model_name)
    onnx.save_model(make_model.tiny(), path, save_as_external_data=True, location=location, size_threshold=0)
    check(os.path.getsize(os.path.join(folder, location)) > 1000, "the weights are not outside")
    return folder, path


def edit(path, tensor, key, value):
    """Let one tensor say something else of where its data lies."""
    model = onnx.load(path, load_external_data=False)
    for entry in model.graph.initializer[tensor].external_data:
        if entry.key == key:
            entry.value = value
    onnx.save(model, path)
    return model.graph.initializer[tensor].name


def test_external_data(t):
    plain = os.path.join(t.folder, "plain.onnx")
    onnx.save(make_model.tiny(), plain)
    want = answer(t, plain)
    folder, _ = with_weights_beside(t, "beside")
    equal(answer(t, folder), want, "predictions with the weights in another file")
    _, path = with_weights_beside(t, "alone", model_name="alone.onnx")
    equal(answer(t, path), want, "predictions of a file that is not called model.onnx")
    server = t.start(folder)
    served = server.predict(photos.png(), "?top=10").json()["predictions"]
    equal([p["class"] for p in served], [p["class"] for p in want], "the server's order of classes")


def test_external_data_that_is_wrong(t):
    for key, value in (("location", "/etc/passwd"), ("location", "../weights.bin"), ("location", "nothing.bin"),
                       ("location", "model.onnx/x"), ("location", "."), ("offset", "-1"), ("offset", "1000000000000"),
                       ("offset", "x"), ("length", "3"), ("length", "99999999999999999999")):
        folder, path = with_weights_beside(t, "wrong")
        name = edit(path, 2, key, value)
        refused(t, folder, path, f"tensor '{name}'", value if key == "location" else "weights.bin")


def test_external_data_outside_of_the_folder(t):
    folder, path = with_weights_beside(t, "linked")
    weights = os.path.join(folder, "weights.bin")
    os.rename(weights, os.path.join(t.folder, "elsewhere.bin"))
    os.symlink("../elsewhere.bin", weights)
    refused(t, folder, path, "'weights.bin'")
    os.unlink(weights)
    os.mkfifo(weights)
    refused(t, folder, path, "'weights.bin': not a regular file")


def test_external_data_cut_short(t):
    folder, path = with_weights_beside(t, "short")
    weights = os.path.join(folder, "weights.bin")
    os.truncate(weights, os.path.getsize(weights) - 1)
    refused(t, folder, path, "'weights.bin'", "the file has")


def test_max_model_memory(t):
    tiny = t.suite.model("tiny")
    for command in (("serve", "--port", "0", tiny), ("inspect", tiny), ("classify", "--model", tiny, "docs/house.jpg")):
        done = t.run(*command, "--max-model-memory", "20K")
        equal(done.returncode, 1, f"exit status of {command[0]} within 20 KB; {done.stderr}")
        equal(len(done.stderr.strip().splitlines()), 1, f"lines: {done.stderr}")
        check("memory" in done.stderr, done.stderr)
    equal(t.run("inspect", tiny, "--max-model-memory=64M").returncode, 0, "exit status within 64 MB")
    equal(t.run("inspect", tiny, environ={"CONVD_MAX_MODEL_MEMORY": "20K"}).returncode, 1, "the environment's limit")
    config = t.write("convd.json", json.dumps({"max_model_memory": 20480, "models": [tiny], "port": 0}))
    equal(t.run("serve", "--config", config).returncode, 1, "the file's limit")
