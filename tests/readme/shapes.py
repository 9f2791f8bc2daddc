"""Whether a command prints what the page shows: the same words, and about the same numbers."""
import json
import re

NUMBER = re.compile(r"-?\d+(?:[.,]\d+)*(?:e-?\d+)?")


class Differs(Exception):
    pass


def near(a, b):
    return abs(a - b) <= 0.05 * max(abs(a), abs(b)) + 1e-9


def compare_json(shown, got, where="$"):
    if isinstance(shown, dict) and isinstance(got, dict):
        if list(shown) != list(got):
            raise Differs(f"{where} has {list(got)}, the page {list(shown)}")
        for key in shown:
            # Times are other ones each time.
            if key != "timing_ms":
                compare_json(shown[key], got[key], f"{where}.{key}")
            elif list(shown[key]) != list(got[key]):
                raise Differs(f"{where}.{key} has {list(got[key])}")
    elif isinstance(shown, list) and isinstance(got, list):
        if len(shown) != len(got):
            raise Differs(f"{where} has {len(got)} parts, the page {len(shown)}")
        for i, (a, b) in enumerate(zip(shown, got)):
            compare_json(a, b, f"{where}[{i}]")
    elif isinstance(shown, str) and isinstance(got, str):
        compare_words(shown, got, where)
    elif isinstance(shown, (int, float)) and isinstance(got, (int, float)):
        if not near(shown, got):
            raise Differs(f"{where} is {got}, on the page {shown}")
    elif shown != got:
        raise Differs(f"{where} is {got!r}, on the page {shown!r}")


def compare_words(shown, got, where):
    """"…" stands for anything; spaces do not count."""
    value = lambda text: float(text.replace(",", ""))
    shown, got = " ".join(shown.split()), " ".join(got.split())
    pattern = "".join(".*" if part == "…" else r"(-?\d+(?:[.,]\d+)*(?:e-?\d+)?)" if NUMBER.fullmatch(part) else
                      re.escape(part) for part in re.split(r"(…|-?\d+(?:[.,]\d+)*(?:e-?\d+)?)", shown))
    match = re.fullmatch(pattern, got)
    if not match:
        raise Differs(f"{where} is {got!r}, on the page {shown!r}")
    for a, b in zip(NUMBER.findall(shown), match.groups()):
        if not near(value(a), value(b)):
            raise Differs(f"{where}: {b}, on the page {a}: {got!r}")


def compare(shown, got):
    if shown.startswith("{"):
        # The page breaks lines where JSON needs no space.
        compare_json(json.loads(shown.replace("\n", "")), json.loads(got))
    else:
        compare_words(shown, got, "the output")
