"""What lies beside a model's file: weights, labels, preprocessing."""
import json
import os

import make_model
import numpy as np
import onnx
import photos
from harness import check, equal
from onnx import TensorProto, helper, numpy_helper
from test_bad_models import folder, refused


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


def described(t, path, *options):
    """What `inspect --json` says of a model."""
    done = t.run("inspect", "--json", path, *options)
    equal(done.returncode, 0, f"exit status for {path}; {done.stderr}")
    return json.loads(done.stdout)["model"]


def told(model, part):
    check(any(part in sentence for sentence in model["assumed"]), f"'{part}' is not told: {model['assumed']}")


def near(got, want, what):
    check(all(abs(a - b) < 1e-6 for a, b in zip(got, want, strict=True)), f"{what}: is {got}, want {want}")


def with_files(t, name, model=None, **files):
    """A folder with a model and JSON files beside it: config={...}, preprocessor_config={...}."""
    path = folder(t, name, model)
    for file, content in files.items():
        with open(os.path.join(path, file + ".json"), "w", encoding="utf-8") as f:
            f.write(content if isinstance(content, str) else json.dumps(content))
    return path


def with_metadata(model, **texts):
    for key, text in texts.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, text
    return model


def open_size(model):
    """Batch, channels, height and width without numbers, as exporters leave them."""
    for i, dim in enumerate(model.graph.input[0].type.tensor_type.shape.dim):
        dim.dim_param = f"d{i}"
    return model


NAMES = [f"Name {i}" for i in range(10)]
ID2LABEL = {str(i): name for i, name in enumerate(NAMES)}
PROCESSOR = {"do_resize": True, "size": {"shortest_edge": 40}, "do_center_crop": True,
             "crop_size": {"height": 32, "width": 32}, "resample": 3, "do_rescale": True, "rescale_factor": 1 / 255,
             "do_normalize": True, "image_mean": [0.5, 0.25, 0.125], "image_std": [0.5, 0.4, 0.3]}


def test_hugging_face(t):
    path = with_files(t, "hugging", open_size(make_model.tiny()), preprocessor_config=PROCESSOR,
                      config={"id2label": ID2LABEL, "problem_type": "multi_label_classification", "num_channels": 3})
    model = described(t, path)
    equal(model["labels"], NAMES, "labels")
    equal(model["input"]["shape"], [1, 3, 32, 32], "input")
    equal(model["output"]["activation"], "sigmoid", "activation")
    used = model["preprocessing"]
    equal((used["resize_short"], used["crop"]), (40, "center"), "resize and crop")
    near(used["mean"], [0.5, 0.25, 0.125], "mean")
    near(used["std"], [0.5, 0.4, 0.3], "std")
    near([used["scale"]], [1 / 255], "scale")
    for part in ("id2label", "problem_type", "resize_short: 40", "bicubic", "scale, mean, std"):
        told(model, part)
    # The same as model.json says it.
    plain = folder(t, "said", open_size(make_model.tiny()), labels=NAMES, model_json={
        "input": {key: used[key] for key in ("width", "height", "resize_short", "crop", "channels", "scale", "mean", "std")},
        "output": {"activation": "sigmoid"}})
    equal(answer(t, path), answer(t, plain), "predictions")
    served = t.start(path).get("/models/hugging").json()
    equal(served["assumed"], model["assumed"], "what the server says it assumed")


def test_model_json_is_stronger_than_hugging_face(t):
    path = with_files(t, "both", preprocessor_config=PROCESSOR, config={"id2label": ID2LABEL})
    make_model.write(path, make_model.tiny(), {"input": {"mean": [0, 0, 0], "std": 1, "crop": "none"},
                                               "output": {"activation": "none"}}, make_model.labels(10))
    model = described(t, path)
    equal(model["labels"], make_model.labels(10), "labels")
    equal(model["preprocessing"]["crop"], "none", "crop")
    near(model["preprocessing"]["std"], [1, 1, 1], "std")
    equal(model["output"]["activation"], "none", "activation")


def test_hugging_face_that_is_wrong(t):
    for config in ("", "[]", '{"id2label": 3}', '{"id2label": {"0": "a", "0": "b"}}', '{"id2label": {"a": "b"}}',
                   "[" * 100000, '{"id2label": {"0": "one"}}', '{"id2label": {"0": "\\ud800"}}'):
        refused(t, with_files(t, "wrong config", config=config), "config.json")
    for wrong in ({"size": "x"}, {"crop_pct": 2}, {"resample": "bicubic"}, {"image_std": [0, 1, 1]},
                  {"crop_size": {"height": 64, "width": 64}}, {"size": {"shortest_edge": 16}}, {"do_normalize": 1}):
        refused(t, with_files(t, "wrong processor", preprocessor_config={**PROCESSOR, **wrong}),
                "preprocessor_config.json")


def test_metadata(t):
    names = str(dict(enumerate(NAMES)))
    model = with_metadata(open_size(make_model.tiny()), names=names, imgsz="[48, 32]", mean="[123.5, 116.5, 103.5]",
                          std="58")
    got = described(t, t.write("meta.onnx", model.SerializeToString()))
    equal(got["labels"], NAMES, "labels")
    equal(got["input"]["shape"], [1, 3, 48, 32], "input")
    near(got["preprocessing"]["mean"], [123.5, 116.5, 103.5], "mean")
    near([got["preprocessing"]["scale"]], [1], "scale")
    for part in ("imgsz", "\"names\"", "mean, std"):
        told(got, part)
    lines = described(t, t.write("lines.onnx", with_metadata(make_model.tiny(), labels="\n".join(NAMES))
                                 .SerializeToString()))
    equal(lines["labels"], NAMES, "labels on lines")
    few = described(t, t.write("few.onnx", with_metadata(make_model.tiny(), classes="a,b").SerializeToString()))
    equal(few["labels"], [], "labels that do not fit")
    told(few, "does not have one for each of 10 classes")
    # Files in the folder are stronger.
    both = described(t, with_files(t, "stronger", with_metadata(make_model.tiny(), names=names),
                                   config={"id2label": {str(i): f"other {i}" for i in range(10)}}))
    equal(both["labels"][3], "other 3", "labels of both")


def test_metadata_of_ultralytics(t):
    model = with_metadata(open_size(make_model.tiny()), author="Ultralytics", task="classify", imgsz="[32, 32]",
                          names=str(dict(enumerate(NAMES))))
    got = described(t, t.write("ultralytics.onnx", model.SerializeToString()))
    equal(got["preprocessing"]["resize_short"], 32, "resize_short")
    near(got["preprocessing"]["mean"], [0, 0, 0], "mean")
    near(got["preprocessing"]["std"], [1, 1, 1], "std")


def two_outputs():
    """The mean of each channel, and ten classes."""
    model = make_model.tiny()
    model.graph.output.insert(0, helper.make_tensor_value_info("relu1_out", TensorProto.FLOAT, [1, 8, 16, 16]))
    return model


def test_output_by_name(t):
    first = described(t, folder(t, "first", two_outputs()))
    equal(first["output"]["name"], "relu1_out", "the output that is taken without a word")
    told(first, "the first of 2")
    second = folder(t, "second", two_outputs(), {"output": {"name": "classifier_out"}})
    model = described(t, second)
    equal((model["output"]["name"], model["output"]["classes"]), ("classifier_out", 10), "the output that is named")
    plain = folder(t, "only", make_model.tiny(), {"output": {"name": "classifier_out"}})
    equal(answer(t, second), answer(t, plain), "predictions")
    refused(t, folder(t, "none", two_outputs(), {"output": {"name": "logits"}}), "model.json", "'logits'",
            "'relu1_out', 'classifier_out'")
    refused(t, folder(t, "number", two_outputs(), {"output": {"name": 3}}), "model.json")


def begin_with(model, *nodes):
    """Nodes (operator, constant or attributes) between the input and the rest."""
    graph, at = model.graph, "picture"
    first = next(n for n in graph.node if "picture" in n.input)
    for i, (op, what) in enumerate(nodes):
        inputs, attributes = [at], {}
        if isinstance(what, dict):
            attributes = what
        else:
            graph.initializer.append(numpy_helper.from_array(np.array(what, np.float32), f"c{i}"))
            inputs.append(f"c{i}")
        at = f"begin{i}"
        graph.node.insert(i, helper.make_node(op, inputs, [at], name=at, **attributes))
    first.input[0] = at
    return model


def test_normalisation_in_the_graph(t):
    mean, std = [[[0.485]], [[0.456]], [[0.406]]], [[[0.229]], [[0.224]], [[0.225]]]
    inside = folder(t, "inside", begin_with(make_model.tiny(), ("Div", 255.0), ("Sub", mean), ("Div", std)))
    model = described(t, inside)
    told(model, "pixels of 0..255 as they are")
    near([model["preprocessing"]["scale"]], [1], "scale")
    near(model["preprocessing"]["mean"], [0, 0, 0], "mean")
    near(model["preprocessing"]["std"], [1, 1, 1], "std")
    # ImageNet's convention, which is taken where nothing says anything, gives the same.
    outside = answer(t, folder(t, "outside", make_model.tiny()))
    got = answer(t, inside)
    equal([p["class"] for p in got], [p["class"] for p in outside], "order of classes")
    near([p["probability"] for p in got], [p["probability"] for p in outside], "probabilities")
    unit = described(t, folder(t, "unit", begin_with(make_model.tiny(), ("Sub", mean), ("Div", std))))
    near([unit["preprocessing"]["scale"]], [1 / 255], "scale for ImageNet's mean")
    said = folder(t, "said", begin_with(make_model.tiny(), ("Div", 255.0)), {"input": {"scale": 0.5}})
    near([described(t, said)["preprocessing"]["scale"]], [0.5], "scale of model.json")


def test_files_of_tensorflow(t):
    model = begin_with(make_model.tiny(), ("Transpose", {"perm": [0, 3, 1, 2]}))
    shape = model.graph.input[0].type.tensor_type.shape.dim
    shape[1].dim_value, shape[3].dim_value = 32, 3
    model.producer_name = "tf2onnx"
    got = described(t, folder(t, "tensorflow", model))
    told(got, "tf2onnx")
    near([got["preprocessing"]["scale"]], [1 / 127.5], "scale")
    near(got["preprocessing"]["mean"], [1, 1, 1], "mean")
    model.producer_name = "pytorch"
    near(described(t, folder(t, "pytorch", model))["preprocessing"]["mean"], [0.485, 0.456, 0.406], "mean")
