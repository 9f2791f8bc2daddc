"""Small files of every other kind that a target reads."""
import io
import json
import struct
import tarfile
import zlib

import numpy as np
from PIL import Image


def png(width=3, height=2, mode="RGB", **options):
    pixels = np.arange(width * height * 4, dtype=np.uint8).reshape(height, width, 4)
    out = io.BytesIO()
    Image.fromarray(pixels, "RGBA").convert(mode).save(out, "PNG", **options)
    return out.getvalue()


def jpeg(width=17, height=9, mode="RGB", **options):
    pixels = np.arange(width * height * 3, dtype=np.uint8).reshape(height, width, 3)
    out = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(out, "JPEG", quality=40, **options)
    return out.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_by_hand(depth, colour, interlace, *more):
    """4 x 4 pixels in a form that Pillow does not write."""
    head = struct.pack(">IIBBBBB", 4, 4, depth, colour, 0, 0, interlace)
    rows = zlib.compress(bytes(i * 37 % 256 * (i % 33 != 0) for i in range(200)))
    return b"\x89PNG\r\n\x1a\n" + b"".join([chunk(b"IHDR", head), *more, chunk(b"IDAT", rows), chunk(b"IEND", b"")])


def image():
    for mode in ("RGB", "RGBA", "L", "LA", "P", "1", "I"):
        yield f"{mode}.png", png(mode=mode)
    palette = chunk(b"PLTE", bytes(range(48)))
    for depth, colour in ((16, 0), (2, 0), (16, 2), (4, 3), (16, 4), (16, 6)):
        for interlace in (0, 1):
            more = [palette, chunk(b"tRNS", b"\0\x80")] if colour == 3 else [chunk(b"gAMA", b"\0\0\xb1\x8f")]
            yield f"png_{depth}_{colour}_{interlace}", png_by_hand(depth, colour, interlace, *more)
    exif = Image.Exif()
    exif[0x0112] = 6
    for name, options in (("plain", {}), ("progressive", {"progressive": True}), ("exif", {"exif": exif.tobytes()}),
                          ("full", {"subsampling": 0}), ("half", {"subsampling": 1})):
        yield f"jpeg_{name}", jpeg(**options)
    yield "jpeg_gray", jpeg(mode="L")
    yield "jpeg_cmyk", jpeg(mode="CMYK")


def tar():
    def archive(entries, form):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=form) as t:
            for name, content in entries:
                info = tarfile.TarInfo(name)
                if content is None:
                    info.type = tarfile.DIRTYPE
                elif isinstance(content, str):
                    info.type, info.linkname = tarfile.SYMTYPE, content
                else:
                    info.size = len(content)
                t.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
        return out.getvalue()[:-8 * 1024 or None].rstrip(b"\0") + bytes(1024)

    a, b = png(4, 4, "L"), png(3, 5)
    plain = [("d/", None), ("d/a/1.png", a), ("d/a/2.png", b), ("d/b/1.png", b), ("d/b/link.png", "1.png"), ("d/notes.txt", b"x")]
    split = [(f"{part}/{cls}/1.png", a) for part in ("train", "val") for cls in ("x", "y")]
    long_name = [("a" * 120 + f"/{cls}/1.png", a) for cls in "xy"]
    digits = [("train-images-idx3-ubyte", idx(2, 3, 2)), ("train-labels-idx1-ubyte", idx(2)), ("labels.txt", b"zero\none\n")]
    for name, entries in (("plain", plain), ("split", split), ("long_name", long_name), ("idx", digits)):
        for form, number in (("ustar", tarfile.USTAR_FORMAT), ("gnu", tarfile.GNU_FORMAT), ("pax", tarfile.PAX_FORMAT)):
            if not (name == "long_name" and form == "ustar"):
                yield f"{name}_{form}", archive(entries, number)


def idx(*dims):
    n = int(np.prod(dims))
    return bytes([0, 0, 8, len(dims)]) + struct.pack(f">{len(dims)}I", *dims) + bytes(i % 2 for i in range(n))


def idx_folders():
    """The first byte is explained in fuzz_idx.c."""
    yield "gray", bytes([4]) + idx(4) + idx(4, 3, 3)
    yield "colour", bytes([64 | 4]) + idx(4) + idx(4, 2, 2, 3)
    yield "named", bytes([128 | 32 | 4]) + idx(4) + b"a\nb\n" + idx(4, 8, 6)


def describe():
    """The parts are explained in fuzz_describe.c."""
    ours = {"name": "tiny", "version": "2", "task": "classify", "source": "here", "licence": "MIT", "precision": "fp32",
            "labels": "labels.txt", "input": {"width": 8, "height": 6, "resize_short": 9, "crop": "center", "channels": "BGR",
                                             "interpolation": "bilinear-antialias", "mean": [0.5, 0.4, 0.3], "std": 0.2,
                                             "scale": 255},
            "output": {"activation": "softmax", "name": "y"}}
    config = {"id2label": {"0": "a", "1": "b", "2": "c"}, "problem_type": "multi_label_classification", "num_channels": 3}
    processor = {"do_resize": True, "do_center_crop": True, "size": {"shortest_edge": 9}, "crop_size": {"height": 8, "width": 8},
                 "crop_pct": 0.9, "resample": 3, "do_flip_channel_order": False, "do_rescale": True, "rescale_factor": 0.00392,
                 "do_normalize": True, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "rescale_offset": False,
                 "include_top": False}
    other = {"size": 384, "crop_pct": 0.875, "image_mean": [0, 0, 0], "image_std": [1, 1, 1]}
    pair = {"size": [7, 5], "do_flip_channel_order": True}
    ultralytics = "author=Ultralytics\ntask=classify\nimgsz=[8, 6]\nnames={0: 'a', 1: 'b', 2: 'c'}"
    numbers = "mean=[123.7, 116.3, 103.5]\nstd=58.4\nimgsz=9\nlabels=[\"x\", \"\\u00e9\\ud83d\\ude00\", \"z\"]"

    def parts(*texts):
        return b"\0".join(t.encode() if isinstance(t, str) else json.dumps(t).encode() for t in texts)

    yield "all", parts(ours, config, processor, "classes=a,b,c", "x\ny\r\nz\n")
    yield "none", parts("{}", "{}", "{}", "", "")
    yield "huggingface", parts({"input": None}, config, processor, "")
    yield "short_side", parts("{}", {"problem_type": "regression"}, other, "class_names=a, b, c")
    yield "pair", parts("{}", "{}", pair, "names=a")
    yield "ultralytics", parts("{}", "{}", "{}", ultralytics)
    yield "numbers", parts("{}", "{}", "{}", numbers, "\ufeffeins\nzwei\ndrei")


def multipart():
    body = ('--B\r\nContent-Disposition: form-data; name="top"\r\n\r\n3\r\n--B\r\ncontent-type: image/png\r\n'
            'content-disposition: form-data; filename="a\\"b.png"; name=image\r\n\r\nx\r\n--B  \r\n'
            'Content-Disposition: form-data; name=e; filename*=""\r\nContent-Transfer-Encoding: binary\r\n\r\n\r\n--B--\r\n')
    yield "three", ('multipart/form-data; charset=x; boundary="B"\n' + body).encode()


def query():
    yield "escapes", b"top=5&image=a+b%20c%c3%a9&layout&x=&=y"


def config():
    yield "all", json.dumps({"$schema": "x", "model": "a", "models": ["a", "b=c"], "max_model_memory": "1G", "host": "::1",
                             "port": 0, "threads": 2, "max-batch": 4, "max_delay_us": 0, "queue": "1K", "max_body": 4096,
                             "max_header": 4096, "max_files": 3, "max_pixels": "1M", "max_connections": 10,
                             "read_timeout_ms": 100, "jpeg_scaling": "off", "isa": "avx2", "log_format": "json"}).encode()


def seeds():
    """(target, name, bytes)"""
    for target, family in (("image", image), ("tar", tar), ("idx", idx_folders), ("describe", describe),
                           ("multipart", multipart), ("query", query), ("config", config)):
        for name, content in family():
            yield target, name, content
