"""The commands of a page in Markdown."""
import re
import subprocess

FENCE = re.compile(r"^```(sh|console)\n(.*?)^```$", re.M | re.S)
# A command between backticks has more than one word; one alone is a name.
INLINE = re.compile(r"`((?:build/)?(?:curl|convd \w+|make) [^`]*)`")


class Command:
    def __init__(self, line, text, output=""):
        self.line = line      # of the page
        self.text = text
        self.output = output  # what the page shows of it; "": nothing


def is_whole(text):
    """Whether the shell waits for no more lines."""
    done = subprocess.run(["bash", "-n", "-c", text], capture_output=True, text=True)
    return not text.endswith("\\") and "unexpected" not in done.stderr and "here-document" not in done.stderr


def split_block(first_line, lines, console):
    commands, i = [], 0
    while i < len(lines):
        start = i
        text = lines[i]
        i += 1
        if console and not text.startswith("$ "):
            if commands:
                commands[-1].output += text + "\n"
            continue
        if console:
            text = text[2:]
        while not is_whole(text):
            text += "\n" + lines[i]
            i += 1
        if text.strip() and not text.startswith("#"):
            commands.append(Command(first_line + start, text))
    return commands


def extract(page):
    """All of them, in their order."""
    commands = []
    for match in FENCE.finditer(page):
        line = page.count("\n", 0, match.start()) + 2
        commands += split_block(line, match[2].splitlines(), match[1] == "console")
    # Blocks without a language show files, and words between backticks in them are no commands.
    prose = re.sub(r"^```.*?^```$", lambda m: "\n" * m[0].count("\n"), page, flags=re.M | re.S)
    for match in INLINE.finditer(prose):
        commands.append(Command(prose.count("\n", 0, match.start()) + 1, match[1]))
    return sorted(commands, key=lambda c: c.line)
