#!/usr/bin/python3
"""Draw the pictures that the page offers to try: sea.jpg and mountain.jpg, and small copies of house.jpg and clock.jpg.

    samples.py FOLDER
"""
import os
import sys

import numpy as np
from PIL import Image, ImageFilter

WIDTH, HEIGHT = 320, 240
HERE = os.path.dirname(os.path.abspath(__file__))


def noise(rng, height, width, octaves, stretch=1):
    """Clouds of numbers in 0..1, coarse and fine; `stretch` makes them wider than high."""
    total = np.zeros((height, width))
    for octave in range(octaves):
        rows, columns = 2 ** (octave + 1) * stretch + 1, 2 ** (octave + 1) + 1
        small = Image.fromarray((rng.random((rows, columns)) * 255).astype(np.uint8))
        total += np.asarray(small.resize((width, height), Image.BICUBIC), float) / 255 / 1.7 ** octave
    return (total - total.min()) / (total.max() - total.min())


def blend(low, high, amount):
    """A colour between two for each of the numbers in 0..1."""
    return np.asarray(low, float) + (np.asarray(high, float) - np.asarray(low, float)) * amount[..., None]


def sky(rng, height, top, bottom):
    picture = blend(top, bottom, np.linspace(0, 1, height)[:, None].repeat(WIDTH, 1))
    clouds = np.clip((noise(rng, height, WIDTH, 6, 2) - 0.5) * 3, 0, 1)[..., None]
    return picture * (1 - 0.8 * clouds) + np.array([250, 250, 250]) * 0.8 * clouds


def sea(rng):
    horizon, shore = 92, 196
    picture = np.zeros((HEIGHT, WIDTH, 3))
    picture[:horizon] = sky(rng, horizon, (78, 136, 196), (186, 212, 230))
    depth = np.linspace(0, 1, HEIGHT - horizon)[:, None].repeat(WIDTH, 1)
    picture[horizon:] = blend((34, 86, 128), (62, 148, 160), depth)
    waves = noise(rng, HEIGHT - horizon, WIDTH, 7, 6) - 0.5
    picture[horizon:] += (waves * 90 * (0.35 + depth))[..., None]
    foam = noise(rng, HEIGHT - horizon, WIDTH, 7, 8)
    crests = np.clip((foam - 0.72 + 0.12 * depth) * 8, 0, 1)[..., None]
    picture[horizon:] = picture[horizon:] * (1 - crests) + np.array([236, 244, 246]) * crests
    for x in range(WIDTH):
        edge = int(shore + 10 * np.sin(x / 47) + 5 * np.sin(x / 13) + x * 0.04)
        picture[edge:, x] = np.array([206, 184, 142]) + rng.normal(0, 7, (HEIGHT - edge, 1))
        picture[edge - 5:edge + 1, x] = 240
    return picture


def ridge(rng, base, height, roughness):
    """The line of a range's tops, by halving."""
    points = np.array([base, base - height, base - height * 0.3], float)
    spread = height * roughness
    while len(points) < WIDTH:
        middle = (points[1:] + points[:-1]) / 2 + rng.normal(0, spread, len(points) - 1)
        merged = np.empty(len(points) + len(middle))
        merged[::2], merged[1::2] = points, middle
        points, spread = merged, spread * 0.52
    return np.interp(np.linspace(0, len(points) - 1, WIDTH), np.arange(len(points)), points)


def mountain(rng):
    picture = sky(rng, HEIGHT, (70, 124, 190), (200, 218, 232))
    rows = np.arange(HEIGHT)[:, None]
    for base, height, rock, snow in ((150, 96, (112, 122, 140), 0.75), (196, 108, (84, 82, 84), 0.5), (222, 34, (58, 78, 52), 0)):
        tops = ridge(rng, base, height, 0.2)
        inside = rows >= tops[None, :]
        rough = noise(rng, HEIGHT, WIDTH, 8)
        slope = np.gradient(np.convolve(np.pad(tops, 3, "edge"), np.ones(7) / 7, "valid"))
        light = np.clip(0.85 + slope[None, :] * 0.3 + (rough - 0.5) * 0.9, 0.35, 1.35)
        colour = np.asarray(rock, float) * light[..., None]
        white = (rough * 0.5 + 0.75 - (rows - tops[None, :]) / (height * 0.7)) * (snow > 0)
        amount = np.clip((white - (1 - snow)) * 4, 0, 1)[..., None]
        colour = colour * (1 - amount) + np.array([240, 244, 250]) * np.clip(light, 0.6, 1.05)[..., None] * amount
        picture = np.where(inside[..., None], colour, picture)
    return picture


def main():
    folder = sys.argv[1]
    for name, draw, seed in (("sea", sea, 3), ("mountain", mountain, 5)):
        picture = Image.fromarray(np.clip(draw(np.random.default_rng(seed)), 0, 255).astype(np.uint8))
        picture.filter(ImageFilter.GaussianBlur(0.5)).save(os.path.join(folder, f"sample-{name}.jpg"), quality=70, optimize=True)
    for name in ("house", "clock"):
        picture = Image.open(os.path.join(HERE, name + ".jpg")).resize((WIDTH, HEIGHT), Image.LANCZOS)
        picture.save(os.path.join(folder, f"sample-{name}.jpg"), quality=72, optimize=True)


if __name__ == "__main__":
    main()
