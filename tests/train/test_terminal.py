"""On a terminal: one line that is rewritten, and a line that stays for each epoch."""
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios

from harness import Skip, check, clean_environment, equal
from training import quick


def run_on_terminal(t, columns, *args):
    """(status, everything that came) of a command whose stderr is a terminal."""
    try:
        master, slave = pty.openpty()
    except OSError as error:  # containers may come without devpts
        raise Skip(f"no pseudo-terminals: {error}") from error
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen([t.suite.convd, *args], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=slave,
                          env=clean_environment()) as process:
        os.close(slave)
        came = b""
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            came += part
        os.close(master)
        return process.wait(60 * t.suite.patience), came.decode().replace("\r\n", "\n")


def shown(line):
    """What a terminal shows of a line with carriage returns and erasures, and all that it showed meanwhile."""
    seen, row, at = [], "", 0
    for part in re.findall(r"\r|\x1b\[K|[^\r\x1b]+", line):
        if part == "\r":
            at = 0
        elif part == "\x1b[K":
            row = row[:at]
            seen.append(row)
        else:
            row = row[:at] + part + row[at + len(part):]
            at += len(part)
    return row, seen


def check_terminal(t, columns):
    status, came = run_on_terminal(t, columns, *t.command("split", t.path(f"out{columns}"), quick(epochs=3)))
    equal(status, 0, f"status ({came!r})")
    check(not re.search(r"[\x00-\x09\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]|\x1b(?!\[K)", came), f"controls in {came!r}")
    check(came.endswith("\n"), f"the last line is left open: {came!r}")
    lines, bars = [], []
    for line in came.split("\n")[:-1]:
        row, seen = shown(line)
        lines.append(row)
        bars += [s for s in seen if s]
    return lines, bars


def test_terminal(t):
    lines, bars = check_terminal(t, 80)
    equal(len(lines), 5, f"lines that stay: {lines}")
    for epoch in (1, 2, 3):
        check(re.match(rf"epoch {epoch}/3  loss .*  validation: ", lines[1 + epoch]), lines[1 + epoch])
        check(any(re.fullmatch(rf"epoch {epoch}/3  \[#+\]  (\d+)/\1  loss \d+\.\d{{3}}  accuracy \d+\.\d%  .*", bar)
                  for bar in bars), f"no bar of the whole epoch {epoch} in {bars}")
    check(all(len(bar) < 80 for bar in bars), f"wider than the terminal: {bars}")
    check(all(re.match(r"epoch \d/3  \[|reading pictures  \d+/\d+$", bar) for bar in bars), f"{bars}")


def test_narrow_terminal(t):
    for columns in (1, 20, 40):
        lines, bars = check_terminal(t, columns)
        equal(len(lines), 5, f"lines that stay: {lines}")
        wide = [bar for bar in bars if not bar.startswith("reading") and len(bar) >= columns]
        check(not wide, f"wider than {columns} columns: {wide}")
