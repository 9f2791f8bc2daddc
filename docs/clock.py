#!/usr/bin/python3
"""Draw clock.jpg, the picture of the examples: a wall clock that networks take for one.

    clock.py FILE
"""
import math
import sys

from PIL import Image, ImageDraw, ImageFilter, ImageFont

SCALE = 3  # drawn larger and shrunk, for smooth edges
WIDTH, HEIGHT = 480 * SCALE, 360 * SCALE
CENTRE_X, CENTRE_Y, RADIUS = WIDTH // 2, HEIGHT // 2, 140 * SCALE
FACE = RADIUS - 16 * SCALE
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSerif-Bold.ttf"
BLACK = (18, 18, 18)


def around(degrees, distance):
    """A point `distance` from the centre, clockwise from twelve o'clock."""
    angle = math.radians(degrees - 90)
    return CENTRE_X + distance * math.cos(angle), CENTRE_Y + distance * math.sin(angle)


def disc(draw, radius, fill, shift_x=0, shift_y=0):
    x, y = CENTRE_X + shift_x, CENTRE_Y + shift_y
    draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=fill)


def wall():
    """Plaster, lit from the left, with the clock's shadow on it."""
    picture = Image.new("RGB", (WIDTH, HEIGHT))
    draw = ImageDraw.Draw(picture)
    for x in range(WIDTH):
        light = 1.12 - 0.32 * x / WIDTH
        draw.line([(x, 0), (x, HEIGHT)], fill=tuple(min(255, int(c * light)) for c in (201, 184, 160)))
    shadow = Image.new("L", (WIDTH, HEIGHT), 0)
    disc(ImageDraw.Draw(shadow), RADIUS, 150, 14 * SCALE, 18 * SCALE)
    picture.paste((60, 48, 40), (0, 0), shadow.filter(ImageFilter.GaussianBlur(10 * SCALE)))
    return picture


def rim_and_face(draw):
    for i in range(16 * SCALE):
        shine = int(40 + 140 * math.sin(math.pi * i / (16 * SCALE)))
        disc(draw, RADIUS - i, (shine, int(shine * 0.72), int(shine * 0.42)))
    disc(draw, FACE, (247, 243, 232))
    outer = FACE - 6 * SCALE
    for minute in range(60):
        hour = minute % 5 == 0
        inner = outer - (12 if hour else 5) * SCALE
        draw.line([around(minute * 6, outer), around(minute * 6, inner)], fill=BLACK, width=(4 if hour else 1) * SCALE)
    font = ImageFont.truetype(FONT, 26 * SCALE)
    for hour in range(1, 13):
        draw.text(around(hour * 30, FACE - 38 * SCALE), str(hour), font=font, fill=BLACK, anchor="mm")


def hand(draw, degrees, length, width, fill):
    tip, tail, side = length * SCALE, -0.18 * length * SCALE, width * SCALE
    right_x, right_y = (math.cos(math.radians(degrees)), math.sin(math.radians(degrees)))
    corners = []
    for distance, offset in ((tail, side), (tip, 0.4 * side), (tip, -0.4 * side), (tail, -side)):
        x, y = around(degrees, distance)
        corners.append((x + offset * right_x, y + offset * right_y))
    draw.polygon(corners, fill=fill)


def main():
    picture = wall()
    draw = ImageDraw.Draw(picture)
    rim_and_face(draw)
    hand(draw, 305, 62, 6, BLACK)
    hand(draw, 54, 92, 4, BLACK)
    hand(draw, 180, 98, 1.6, (170, 30, 25))
    disc(draw, 7 * SCALE, BLACK)
    picture.resize((WIDTH // SCALE, HEIGHT // SCALE), Image.LANCZOS).save(sys.argv[1], quality=88)


if __name__ == "__main__":
    main()
