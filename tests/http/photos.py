"""Pictures for the tests, made on the spot: good, odd and hostile ones."""
import functools
import io
import random
import struct
import zlib

from PIL import Image


@functools.lru_cache(maxsize=None)
def picture(width=160, height=120, seed=1):
    """Smooth colours with a little structure, so that a JPEG of it is like a photo's."""
    r = random.Random(seed)
    small = Image.new("RGB", (9, 7))
    small.putdata([(r.randrange(256), r.randrange(256), r.randrange(256)) for _ in range(63)])
    return small.resize((width, height), Image.BICUBIC)


def encode(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


@functools.lru_cache(maxsize=None)
def jpeg(width=160, height=120, seed=1, quality=85):
    return encode(picture(width, height, seed), "JPEG", quality=quality)


@functools.lru_cache(maxsize=None)
def png(width=160, height=120, seed=1):
    return encode(picture(width, height, seed), "PNG")


def gif():
    return encode(picture().convert("P"), "GIF")


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width, height, depth, colour, compressed, *extra):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + b"".join(extra) +
            png_chunk(b"IDAT", compressed) + png_chunk(b"IEND", b""))


def deflate_zeros(size):
    packer, out, block = zlib.compressobj(9), [], bytes(1 << 20)
    for _ in range(size >> 20):
        out.append(packer.compress(block))
    out.append(packer.compress(bytes(size & 0xFFFFF)))
    out.append(packer.flush())
    return b"".join(out)


def png_bomb(side=30000):
    """One bit a pixel, all zero: a small file that is 900 million pixels."""
    return png_of(side, side, 1, 0, deflate_zeros(side * (1 + (side + 7) // 8)))


def png_text_bomb(size=200 << 20):
    """A good picture of 8 x 8 with a compressed comment of 200 MB."""
    return png_of(8, 8, 8, 0, zlib.compress(bytes(8 * 9)),
                  png_chunk(b"zTXt", b"Comment\0\0" + deflate_zeros(size)))


def jpeg_header(width, height):
    """The first 200 bytes of a JPEG of any size: what stands before its data, filled up with a comment."""
    frame = struct.pack(">HBHHB", 17, 8, height, width, 3) + bytes([1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0])
    head = b"\xff\xd8\xff\xe0\x00\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xc0" + frame
    rest = 200 - len(head) - 4
    return head + b"\xff\xfe" + struct.pack(">H", rest + 2) + bytes(rest)


def flipped(data, seed, bits=8):
    """A copy with some bits of its last nine tenths inverted."""
    r, out = random.Random(seed), bytearray(data)
    for _ in range(bits):
        out[r.randrange(len(out) // 10, len(out))] ^= 1 << r.randrange(8)
    return bytes(out)
