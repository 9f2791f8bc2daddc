"""`convd see`: what a layer makes of a photo, and its filters."""
import io
import json
import os
import subprocess

import numpy as np
import onnx
import photos
from harness import check, equal
from PIL import Image

HOUSE = "docs/house.jpg"
MODEL = "models/scenes"


def seen(t, *args):
    done = t.run("see", MODEL, *args, "--json")
    equal(done.returncode, 0, f"exit status; {done.stderr}")
    return json.loads(done.stdout)


def rows(t):
    return json.loads(t.run("inspect", MODEL, "--json").stdout)["layers"]


def first_convolution(t):
    return next(row for row in rows(t) if row["op"] == "Conv")


def floats(path):
    return np.fromfile(path, np.float32)


def test_see_maps(t):
    row = first_convolution(t)
    _, channels, height, width = row["output_shape"]
    raw, png = os.path.join(t.folder, "maps.raw"), os.path.join(t.folder, "maps.png")
    done = t.run("see", MODEL, "--photo", HOUSE, "--layer", row["name"], "--raw", "--out", raw)
    equal(done.returncode, 0, f"exit status; {done.stderr}")
    maps = floats(raw).reshape(channels, height, width)
    got = seen(t, "--photo", HOUSE, "--layer", row["name"], "--out", png)
    equal((got["layer"]["name"], got["shape"]), (row["name"], [channels, height, width]), "layer and shape")
    equal([c["channel"] for c in got["channels"]], list(range(channels)), "channels")
    for c in got["channels"]:
        m = maps[c["channel"]]
        for key, want in (("min", m.min()), ("max", m.max()), ("mean", m.mean()), ("strength", np.abs(m).mean()),
                          ("sparsity", (m == 0).mean())):
            check(abs(c[key] - want) < 1e-4 * max(1, abs(want)), f"{key} of {c}: {want}")
        equal(m[tuple(c["max_at"])], m.max(), "where the largest is")
    picture, layout = Image.open(png), got["picture"]
    equal((picture.format, picture.mode, layout["tiles"]), ("PNG", "RGB", channels), "picture")
    columns, gap = layout["columns"], layout["gap"]
    equal(picture.width, gap + columns * (layout["tile_width"] + gap), "its width")
    equal((layout["tile_width"], layout["tile_height"]), (layout["zoom"] * width, layout["zoom"] * height), "a tile's size")
    number = str(rows(t).index(row))
    done = subprocess.run([t.suite.convd, "see", MODEL, "--photo", HOUSE, "--layer", number, "--channels", "3", "--raw"],
                          capture_output=True, check=True)
    equal(done.stdout, maps[3].tobytes(), "one map on stdout, the layer by its number")


def test_see_chosen_channels(t):
    name = first_convolution(t)["name"]
    every = seen(t, "--photo", HOUSE, "--layer", name)["channels"]
    strongest = sorted(every, key=lambda c: (-c["strength"], c["channel"]))[:5]
    equal(seen(t, "--photo", HOUSE, "--layer", name, "--strongest", "5")["channels"], strongest, "the strongest")
    chosen = seen(t, "--photo", HOUSE, "--layer", name, "--channels", "7,0,2-4")["channels"]
    equal(chosen, [every[i] for i in (7, 0, 2, 3, 4)], "those listed, in their order")
    text = t.run("see", MODEL, "--photo", HOUSE, "--layer", name, "--strongest", "3").stdout
    check(f"{name}, Conv: " in text and len(text.splitlines()) == 6, text)


def test_see_filters(t):
    """The numbers are those of the file, the picture is drawn from them."""
    row = first_convolution(t)
    graph = onnx.load(os.path.join(MODEL, "model.onnx")).graph
    node = next(n for n in graph.node if n.op_type == "Conv")
    weights = onnx.numpy_helper.to_array(next(i for i in graph.initializer if i.name == node.input[1]))
    raw, png = os.path.join(t.folder, "filters.raw"), os.path.join(t.folder, "filters.png")
    done = t.run("see", MODEL, "--layer", row["name"], "--filters", "--raw", "--out", raw)
    equal(done.returncode, 0, f"exit status; {done.stderr}")
    check(np.abs(floats(raw).reshape(weights.shape) - weights).max() < 1e-6, "weights")
    got = seen(t, "--layer", row["name"], "--filters", "--out", png)
    equal((got["shape"], len(got["filters"])), (list(weights.shape), weights.shape[0]), "shape")
    picture, layout = Image.open(png), got["picture"]
    tile = np.asarray(picture)[layout["gap"]:layout["gap"] + layout["tile_height"]:layout["zoom"],
                               layout["gap"]:layout["gap"] + layout["tile_width"]:layout["zoom"]]
    w = weights[0]
    want = ((w - w.min()) / (w.max() - w.min()) * 255).transpose(1, 2, 0)
    check(np.abs(tile - want).max() <= 1, f"the first filter in its colours: {tile} {want}")


def test_see_all_layers(t):
    png = os.path.join(t.folder, "all.png")
    got = seen(t, "--photo", HOUSE, "--out", png)
    equal([x["layer"] for x in got["thumbnails"]], [row["name"] for row in rows(t)], "layers")
    with open(png, "rb") as f:
        picture = Image.open(io.BytesIO(f.read()))
    rows_of_sheet = -(-len(got["thumbnails"]) // got["columns"])
    equal(picture.size, (96 * got["columns"], 96 * rows_of_sheet), "the sheet's size")


def test_see_refuses(t):
    photo = t.write("photo.png", photos.png())
    cut = t.write("cut.png", photos.png()[:300])
    name, pool = first_convolution(t)["name"], next(row["name"] for row in rows(t) if row["op"] != "Conv")
    for code, part, args in (
            (2, "no photo is named", (MODEL,)),
            (2, "thumbnails of all layers need --out", (MODEL, "--photo", photo)),
            (2, "one model at a time", ("a", "b", "--photo", photo)),
            (2, "--filters needs --layer", (MODEL, "--filters")),
            (2, "--raw needs --layer", (MODEL, "--photo", photo, "--raw", "--out", "x")),
            (2, "either --channels or --strongest", (MODEL, "--photo", photo, "--layer", name, "--channels", "1", "--strongest", "2")),
            (2, "--scale", (MODEL, "--photo", photo, "--layer", name, "--scale", "big")),
            (1, "has no layer 'nothing'", (MODEL, "--photo", photo, "--layer", "nothing")),
            (1, "has no layer '99999'", (MODEL, "--photo", photo, "--layer", "99999")),
            (1, "no convolution", (MODEL, "--layer", pool, "--filters")),
            (1, "100000", (MODEL, "--photo", photo, "--layer", name, "--channels", "100000")),
            (1, "is no list of numbers", (MODEL, "--photo", photo, "--layer", name, "--channels", "1,")),
            (1, "is no list of numbers", (MODEL, "--photo", photo, "--layer", name, "--channels", "9-3")),
            (1, "nothing.png", (MODEL, "--photo", "nothing.png", "--layer", name)),
            (1, "cut.png", (MODEL, "--photo", cut, "--layer", name)),
            (1, "missing/x.png", (MODEL, "--photo", photo, "--layer", name, "--out", os.path.join(t.folder, "missing/x.png")))):
        done = t.run("see", *args)
        equal(done.returncode, code, f"exit status of {args}; {done.stderr}")
        check(part in done.stderr, f"{args}: {done.stderr}")
        equal(done.stdout, "", f"nothing on stdout: {args}")
