"""A photo as a model's input, done by Pillow as data/MANIFEST.md says."""
import numpy as np
from PIL import Image, ImageOps

BILINEAR = Image.BILINEAR


def load_upright(path):
    return ImageOps.exif_transpose(Image.open(path))


def fit(picture, spec):
    """uint8 [H][W][C], R G B or luma, of the size that model.json's "input" asks for."""
    picture = picture.convert("L" if spec["channels"] == "L" else "RGB")
    width, height = spec["width"], spec["height"]
    if spec.get("crop") == "none":
        picture = picture.resize((width, height), BILINEAR)
    else:
        short = spec["resize_short"]
        w, h = picture.size
        size = (short, int(short * h / w)) if w <= h else (int(short * w / h), short)
        picture = picture.resize(size, BILINEAR)
        left, top = round((size[0] - width) / 2), round((size[1] - height) / 2)
        picture = picture.crop((left, top, left + width, top + height))
    return np.asarray(picture).reshape(height, width, -1)


def to_tensor(pixels, spec):
    """float32 [C][H][W] of fit()'s pixels."""
    if spec["channels"] == "BGR":
        pixels = pixels[:, :, ::-1]
    scale = float(spec["scale"])
    if scale > 1:  # what pixels are divided by
        scale = 1 / scale
    values = (pixels * scale - np.array(spec["mean"])) / np.array(spec["std"])
    return np.ascontiguousarray(values.transpose(2, 0, 1), np.float32)
