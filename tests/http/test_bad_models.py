"""Model files that are no good: one line that names the file and the reason, exit status 1."""
import json
import os
import random

import numpy as np
import make_model
from harness import check, equal
from onnx import TensorProto, helper, numpy_helper


def refused(t, path, *names):
    """`convd serve` ends with one line that has each of `names`."""
    done = t.run("serve", "--port", "0", path)
    equal(done.returncode, 1, f"exit status for {os.path.basename(path)}; {done.stderr}")
    lines = done.stderr.strip().splitlines()
    equal(len(lines), 1, f"lines for {os.path.basename(path)}: {done.stderr}")
    for name in names:
        check(name in lines[0], f"{os.path.basename(path)}: the message does not name '{name}': {lines[0]}")
    return lines[0]


def folder(t, name, model=None, model_json=None, labels=None):
    path = os.path.join(t.folder, name)
    make_model.write(path, model or make_model.tiny(), model_json, labels)
    return path


def graph_of(nodes, weights=(), channels=3, side=8, out="y"):
    graph = helper.make_graph(
        nodes, "bad", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, channels, side, side])],
        [helper.make_tensor_value_info(out, TensorProto.FLOAT, None)], list(weights))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 7
    return model


def weight(name, *shape):
    return numpy_helper.from_array(np.ones(shape, np.float32), name)


def test_missing_file(t):
    refused(t, os.path.join(t.folder, "no-such-thing"), "no-such-thing")
    refused(t, os.path.join(t.folder, "no-such-thing.onnx"), "no-such-thing.onnx")
    refused(t, "/dev/null", "/dev/null")


def test_folder_without_model(t):
    path = os.path.join(t.folder, "empty-folder")
    os.makedirs(path, exist_ok=True)
    refused(t, path, "empty-folder", "model.onnx")


def test_empty_and_random_files(t):
    refused(t, t.write("empty.onnx", b""), "empty.onnx")
    for seed in range(5):
        refused(t, t.write(f"random{seed}.onnx", random.Random(seed).randbytes(5000)), f"random{seed}.onnx")
    refused(t, t.write("text.onnx", "this is no model\n" * 50), "text.onnx")
    refused(t, t.write("zeros.onnx", bytes(100000)), "zeros.onnx")


def test_truncated_files(t):
    whole = make_model.tiny().SerializeToString()
    for part in range(1, 12):
        refused(t, t.write(f"cut{part}.onnx", whole[:len(whole) * part // 12]), f"cut{part}.onnx")


def test_flipped_files(t):
    """A bit flip may still be a model; but convd must say so or serve, not crash."""
    whole = make_model.gray().SerializeToString()
    for seed in range(30):
        r, content = random.Random(seed), bytearray(whole)
        for _ in range(4):
            content[r.randrange(len(content))] ^= 1 << r.randrange(8)
        path = t.write(f"flip{seed}.onnx", bytes(content))
        # inspect loads the model in the same way, and ends.
        done = t.run("inspect", "--model", path)
        check(done.returncode in (0, 1), f"seed {seed}: exit status {done.returncode}: {done.stderr}")
        check(done.returncode == 0 or done.stderr.strip(), f"seed {seed}: no message")


def test_cyclic_graph(t):
    model = graph_of([helper.make_node("Add", ["x", "b"], ["a"], name="first"),
                      helper.make_node("Relu", ["a"], ["b"], name="second"),
                      helper.make_node("Relu", ["b"], ["y"], name="last")])
    line = refused(t, t.write("cyclic.onnx", model.SerializeToString()), "cyclic.onnx")
    check("first" in line or "second" in line, f"no node is named: {line}")


def test_unknown_opset(t):
    for opset in (0, -5, 9999):
        model = make_model.tiny()
        model.opset_import[0].version = opset
        refused(t, t.write("opset.onnx", model.SerializeToString()), "opset.onnx", "opset")


def test_unknown_operator(t):
    model = graph_of([helper.make_node("Frobnicate", ["x"], ["y"], name="strange")])
    refused(t, t.write("op.onnx", model.SerializeToString()), "op.onnx", "strange", "Frobnicate")
    model = graph_of([helper.make_node("Relu", ["x"], ["y"], name="strange", domain="org.nowhere")])
    refused(t, t.write("domain.onnx", model.SerializeToString()), "domain.onnx", "strange")


def test_missing_input_of_a_node(t):
    model = graph_of([helper.make_node("Relu", ["nowhere"], ["y"], name="orphan")])
    refused(t, t.write("orphan.onnx", model.SerializeToString()), "orphan.onnx", "nowhere")
    model = graph_of([helper.make_node("Relu", ["x"], ["z"], name="a")])
    refused(t, t.write("output.onnx", model.SerializeToString()), "output.onnx", "y")


def test_shapes_that_do_not_fit(t):
    conv = helper.make_node("Conv", ["x", "w"], ["y"], name="wrong_conv")
    for shape in ((4, 5, 3, 3), (4, 3, 99, 99), (4, 3, 3), (0, 3, 3, 3)):
        model = graph_of([conv], [weight("w", *shape)])
        refused(t, t.write("conv.onnx", model.SerializeToString()), "conv.onnx", "wrong_conv")
    model = graph_of([helper.make_node("Add", ["x", "w"], ["y"], name="wrong_add")], [weight("w", 5)])
    refused(t, t.write("add.onnx", model.SerializeToString()), "add.onnx", "wrong_add")
    model = graph_of([helper.make_node("Flatten", ["x"], ["f"], name="flat"),
                      helper.make_node("Gemm", ["f", "w"], ["y"], name="wrong_gemm")], [weight("w", 7, 10)])
    refused(t, t.write("gemm.onnx", model.SerializeToString()), "gemm.onnx", "wrong_gemm")


def test_hostile_attributes(t):
    big = (1 << 31) - 1
    for name, attributes in (("stride", {"strides": [0, 1]}), ("negative", {"strides": [-1, 1]}),
                             ("pads", {"pads": [big] * 4}), ("dilation", {"dilations": [big, big]}),
                             ("group", {"group": 0}), ("groups", {"group": 2}), ("few", {"strides": [1]}),
                             ("wide", {"pads": [1 << 62] * 4})):
        model = graph_of([helper.make_node("Conv", ["x", "w"], ["y"], name="hostile", **attributes)],
                         [weight("w", 4, 3, 3, 3)])
        refused(t, t.write(name + ".onnx", model.SerializeToString()), name + ".onnx", "hostile")


def test_hostile_tensors(t):
    model = graph_of([helper.make_node("Conv", ["x", "w"], ["y"], name="c")], [weight("w", 4, 3, 3, 3)])
    tensor = model.graph.initializer[0]
    for name, dims in (("huge", [1 << 40, 1 << 40]), ("negative", [-4, 3, 3, 3]), ("more", [5, 3, 3, 3]),
                       ("less", [3, 3, 3, 3])):
        del tensor.dims[:]
        tensor.dims.extend(dims)
        refused(t, t.write(name + ".onnx", model.SerializeToString()), name + ".onnx", "w")
    model = graph_of([helper.make_node("Relu", ["x"], ["y"], name="r")], side=1 << 30)
    refused(t, t.write("input.onnx", model.SerializeToString()), "input.onnx")


def test_bad_model_json(t):
    good = make_model.description("tiny", 32, "RGB")
    cases = {"syntax": '{"name": ', "array": "[]", "empty": "", "twice": '{"name": "a", "name": "b"}'}
    for key, value in (("name", 7), ("name", ""), ("input", []), ("output", "softmax")):
        cases[f"{key}-{type(value).__name__}"] = json.dumps({**good, key: value})
    for key, value in (("std", [0, 1, 1]), ("std", 0), ("mean", "x"), ("mean", [1, 2]), ("width", -1), ("width", "32"),
                       ("width", 1.5), ("width", 1 << 40), ("resize_short", 16), ("scale", 0), ("crop", "left"),
                       ("channels", "CMYK"), ("interpolation", "nearest"), ("width", 64)):
        cases[f"{key}-{value}"] = json.dumps({**good, "input": {**good["input"], key: value}})
    cases["activation"] = json.dumps({**good, "output": {"activation": "tanh"}})
    for name, text in cases.items():
        path = folder(t, "json " + name.replace("/", "_"), model_json=text, labels=make_model.labels(10))
        refused(t, path, "model.json")


def test_bad_labels(t):
    description = make_model.description("tiny", 32, "RGB")
    for count in (9, 11, 1):
        path = folder(t, f"labels{count}", model_json=description, labels=make_model.labels(count))
        refused(t, path, "labels.txt", str(count), "10")
    path = folder(t, "no labels", model_json=description)
    refused(t, path, "labels.txt")
    outside = folder(t, "outside", model_json={**description, "labels": "../../../../../../etc/passwd"})
    line = refused(t, outside)
    check("root" not in line, line)


def test_one_bad_model_among_good(t):
    done = t.run("serve", "--port", "0", t.suite.model("tiny"), t.write("bad.onnx", b"bad"))
    equal(done.returncode, 1, f"exit status; {done.stderr}")
    check("bad.onnx" in done.stderr, done.stderr)


def test_same_name_twice(t):
    done = t.run("serve", "--port", "0", t.suite.model("tiny"), "tiny=" + t.suite.model("gray"))
    check(done.returncode in (1, 2), f"exit status {done.returncode}; {done.stderr}")
    check("tiny" in done.stderr, done.stderr)
