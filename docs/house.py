#!/usr/bin/python3
"""Draw house.jpg, the photo of a house that the examples send.

    house.py FILE
"""
import random
import sys

from PIL import Image, ImageChops, ImageDraw, ImageFilter

SCALE = 2  # drawn larger and shrunk, for smooth edges
WIDTH, HEIGHT = 480 * SCALE, 360 * SCALE
GROUND = 318 * SCALE


def noise(width, height, grain, strength):
    """Gray noise of a grain in pixels, around 128."""
    small = Image.new("L", (max(2, width // grain), max(2, height // grain)))
    small.putdata([random.randint(128 - strength, 128 + strength) for _ in range(small.width * small.height)])
    return small.resize((width, height), Image.BICUBIC)


def textured(picture, box, grain, strength):
    """Put noise on a part of the picture."""
    part = picture.crop(box)
    gray = noise(part.width, part.height, grain, strength)
    picture.paste(ImageChops.add(part, Image.merge("RGB", [gray] * 3), 1, -128), box[:2])


def sky():
    picture = Image.new("RGB", (WIDTH, HEIGHT))
    draw = ImageDraw.Draw(picture)
    for y in range(HEIGHT):
        t = y / HEIGHT
        draw.line([(0, y), (WIDTH, y)], fill=(int(96 + 110 * t), int(150 + 75 * t), int(214 + 30 * t)))
    clouds = noise(WIDTH, HEIGHT, 90 * SCALE, 110).filter(ImageFilter.GaussianBlur(8 * SCALE))
    fine = noise(WIDTH, HEIGHT, 22 * SCALE, 70)
    mask = ImageChops.add(clouds, fine, 1, -128).point(lambda v: max(0, min(190, (v - 150) * 4)))
    picture.paste((247, 248, 250), (0, 0), mask)
    return picture


def window(draw, x, y, width, height, shade):
    """Stone frame, sky in the panes, a sill and its shadow."""
    frame = 3 * SCALE
    draw.rectangle([x - 2 * frame, y - 3 * frame, x + width + 2 * frame, y + height + frame], fill=shade)
    draw.rectangle([x, y, x + width, y + height], fill=(52, 62, 76))
    bright = random.randint(0, 40)
    for row in range(height):
        t = row / height
        colour = tuple(int(c * (1 - t) + d * t) + bright // 2 for c, d in zip((120, 148, 176), (44, 52, 64)))
        if random.random() < 0.985:
            draw.line([(x + 1, y + row), (x + width - 1, y + row)], fill=colour)
    draw.line([(x + width // 2, y), (x + width // 2, y + height)], fill=(226, 222, 214), width=frame)
    draw.line([(x, y + height // 3), (x + width, y + height // 3)], fill=(226, 222, 214), width=2 * SCALE)
    draw.rectangle([x, y, x + width, y + frame], fill=(30, 34, 40))
    draw.rectangle([x - 3 * frame, y + height + frame, x + width + 3 * frame, y + height + 2 * frame + 2],
                   fill=(214, 206, 192))


def house(picture, left, right, top, floors, columns, wall, roof):
    """A facade of so many floors and columns of windows under a roof."""
    draw = ImageDraw.Draw(picture)
    eave = 9 * SCALE
    ridge = top - 44 * SCALE
    draw.polygon([(left - eave, top), (left + 40 * SCALE, ridge), (right - 40 * SCALE, ridge), (right + eave, top)],
                 fill=roof)
    textured(picture, (left, ridge, right, top), 3 * SCALE, 22)
    draw = ImageDraw.Draw(picture)
    for x in (left + 62 * SCALE, right - 84 * SCALE):
        draw.rectangle([x, ridge - 26 * SCALE, x + 20 * SCALE, ridge + 12 * SCALE], fill=(134, 78, 62))
    draw.rectangle([left, top, right, GROUND], fill=wall)
    textured(picture, (left, top, right, GROUND), 2 * SCALE, 12)
    textured(picture, (left, top, right, GROUND), 40 * SCALE, 12)
    draw = ImageDraw.Draw(picture)
    draw.rectangle([left - eave, top - 5 * SCALE, right + eave, top + 4 * SCALE], fill=(222, 214, 200))
    height = (GROUND - top) / floors
    shade = tuple(min(255, c + 28) for c in wall)
    step = (right - left) / columns
    for floor in range(floors):
        y = int(top + height * floor + height * 0.26)
        if floor:
            band = int(top + height * floor)
            draw.rectangle([left, band - 2 * SCALE, right, band + 2 * SCALE], fill=shade)
        for column in range(columns):
            x = int(left + step * (column + 0.5) - step * 0.2)
            if floor == floors - 1 and column == columns // 2:
                draw.rectangle([x - 4 * SCALE, y - 6 * SCALE, x + int(step * 0.4) + 4 * SCALE, GROUND], fill=shade)
                draw.rectangle([x, y, x + int(step * 0.4), GROUND], fill=(84, 44, 34))
                continue
            window(draw, x, y, int(step * 0.4), int(height * 0.5), shade)


def street(picture):
    draw = ImageDraw.Draw(picture)
    draw.rectangle([0, GROUND, WIDTH, GROUND + 16 * SCALE], fill=(168, 164, 156))
    draw.rectangle([0, GROUND + 16 * SCALE, WIDTH, HEIGHT], fill=(98, 98, 102))
    textured(picture, (0, GROUND, WIDTH, HEIGHT), 2 * SCALE, 16)


def main():
    random.seed(6)
    picture = sky()
    house(picture, -40 * SCALE, 96 * SCALE, 120 * SCALE, 4, 3, (176, 140, 108), (92, 60, 54))
    house(picture, 388 * SCALE, 540 * SCALE, 96 * SCALE, 4, 3, (150, 156, 160), (78, 82, 92))
    house(picture, 96 * SCALE, 388 * SCALE, 92 * SCALE, 4, 7, (206, 184, 148), (122, 66, 52))
    street(picture)
    light = Image.linear_gradient("L").rotate(90).resize((WIDTH, HEIGHT)).point(lambda v: 104 + v // 5)
    picture = ImageChops.add(picture, Image.merge("RGB", [light] * 3), 1, -128)
    picture.resize((WIDTH // SCALE, HEIGHT // SCALE), Image.LANCZOS).save(sys.argv[1], quality=88)


if __name__ == "__main__":
    main()
