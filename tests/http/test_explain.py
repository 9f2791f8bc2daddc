"""`convd explain`: where in a photo a class was seen."""
import io
import json
import os

import make_model
import onnx
import photos
from harness import check, equal
from PIL import Image

HOUSE = "docs/house.jpg"


def explained(t, *args):
    done = t.run("explain", *args, "--json")
    equal(done.returncode, 0, f"exit status; {done.stderr}")
    return json.loads(done.stdout)


def test_explain_house(t):
    """The model that ships with convd, and a photo that is wider than what it sees."""
    out = os.path.join(t.folder, "heat.png")
    got = explained(t, "models/scenes", "--photo", HOUSE, "--out", out)
    equal((got["model"]["name"], got["class"], got["label"]), ("scenes", 0, "buildings"), "model and class")
    check(0.5 < got["probability"] < 1, "probability")
    equal((got["method"], got["map"]["height"], got["map"]["width"]), ("cam", 8, 8), "method and map")
    equal([len(row) for row in got["map"]["values"]], [8] * 8, "values")
    seen, peak, image = got["seen"], got["peak"], got["image"]
    check(seen["left"] > 0 and seen["right"] < image["width"], "the sides are not seen")
    check(seen["left"] < peak["x"] < seen["right"] and seen["top"] < peak["y"] < seen["bottom"], "the peak is seen")
    equal(peak["value"], max(max(row) for row in got["map"]["values"]), "the peak's value")
    before, after = Image.open(HOUSE), Image.open(out)
    equal((after.format, after.mode, after.size), ("PNG", "RGB", before.size), "the picture")
    corner = [(a, b) for a, b in zip(before.getpixel((2, 2)), after.getpixel((2, 2)))]
    check(all(abs(a * 0.4 - b) <= 3 for a, b in corner), f"what is not seen is darker: {corner}")
    text = t.run("explain", "models/scenes", "--photo", HOUSE)
    equal(text.returncode, 0, "exit status")
    check("buildings" in text.stdout and "cam of" in text.stdout and "most at pixel" in text.stdout, text.stdout)


def test_explain_class_and_method(t):
    street = explained(t, "models/scenes", "--photo", HOUSE, "--class", "Street")
    equal((street["class"], street["label"]), (5, "street"), "a class by its label")
    equal(explained(t, "models/scenes", "--photo", HOUSE, "--class", "5")["map"], street["map"], "by its number")
    grad = explained(t, "models/scenes", "--photo", HOUSE, "--class", "5", "--method", "gradcam")
    equal(grad["method"], "gradcam", "method")
    for row, other in zip(grad["map"]["values"], street["map"]["values"]):
        for a, b in zip(row, other):
            check(abs(64 * a - b) < 1e-3, "Grad-CAM is CAM's map by the number of places")
    covered = explained(t, "models/scenes", "--photo", HOUSE, "--method", "occlusion")
    equal((covered["method"], covered["layer"], covered["map"]["width"]), ("occlusion", "", 14), "occlusion")


def test_explain_other_networks(t):
    """One that ends in an average and a Gemm, and one through whose end no gradient leads."""
    tiny = make_model.tiny()
    path = os.path.join(t.folder, "tiny.onnx")
    onnx.save(tiny, path)
    photo = t.write("photo.png", photos.png())
    got = explained(t, path, "--photo", photo, "--class", "3")
    equal(got["method"], "cam", "method")
    # A Floor behind the average: nothing leads back through it.
    tiny.graph.node[-3].output[0] = "average"
    tiny.graph.node.insert(len(tiny.graph.node) - 2, onnx.helper.make_node("Floor", ["average"], ["mean_out"], name="floor"))
    path = os.path.join(t.folder, "floor.onnx")
    onnx.save(tiny, path)
    equal(explained(t, path, "--photo", photo)["method"], "occlusion", "what is left")
    for method in ("cam", "gradcam"):
        done = t.run("explain", path, "--photo", photo, "--method", method)
        equal(done.returncode, 1, "exit status")
        check("'floor': no gradient through Floor" in done.stderr and done.stderr.count("\n") == 1, done.stderr)


def test_explain_refuses(t):
    photo = t.write("photo.png", photos.png())
    cut = t.write("cut.png", photos.png()[:300])
    for code, part, args in (
            (2, "no photo is named", ("models/scenes",)),
            (2, "one model at a time", ("a", "b", "--photo", photo)),
            (2, "--method", ("models/scenes", "--photo", photo, "--method", "guess")),
            (1, "no class 'rocket'", ("models/scenes", "--photo", photo, "--class", "rocket")),
            (1, "no class 6, only 0..5", ("models/scenes", "--photo", photo, "--class", "6")),
            (1, "nothing.png", ("models/scenes", "--photo", "nothing.png")),
            (1, "cut.png", ("models/scenes", "--photo", cut)),
            (1, "missing/heat.png", ("models/scenes", "--photo", photo, "--out", os.path.join(t.folder, "missing/heat.png")))):
        done = t.run("explain", *args)
        equal(done.returncode, code, f"exit status of {args}; {done.stderr}")
        check(part in done.stderr, f"{args}: {done.stderr}")
        equal(done.stdout, "", "nothing on stdout")


def test_explain_large_photo(t):
    """What is written has no side of more than 1600 pixels; the peak is in the photo's own."""
    photo = t.write("large.jpg", photos.jpeg(3200, 1000))
    out = os.path.join(t.folder, "large.png")
    got = explained(t, "models/scenes", "--photo", photo, "--out", out)
    with open(out, "rb") as f:
        equal(Image.open(io.BytesIO(f.read())).size, (1600, 500), "the picture's size")
    equal((got["image"]["width"], got["image"]["height"]), (3200, 1000), "the photo's")
    check(got["seen"]["left"] > 1000 and got["seen"]["right"] < 2200, f"what was seen: {got['seen']}")
