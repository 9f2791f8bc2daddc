"""What the program says of itself for others: the manual page, the shells' completion; and the units that start it."""
import os
import re
import shutil
import subprocess

from harness import Skip, check, equal

COMMANDS = ("serve", "classify", "inspect", "see", "explain", "bench", "health", "train")


def flags_of(t, command):
    return re.findall(r"^  (--[a-z0-9-]+)", t.run(command, "--help").stdout, re.M)


def topic(t, name):
    done = t.run("help", name)
    equal((done.returncode, done.stderr), (0, ""), f"convd help {name}")
    return done.stdout


def printed_by(command, text=None):
    """Standard output and error of a program that must succeed."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=120)
    equal(done.returncode, 0, f"exit status of {command[0]}; {done.stdout} {done.stderr}")
    return done.stdout + done.stderr


def test_help_topics(t):
    usage = t.run("help").stdout
    for command in COMMANDS:
        check(f"convd {command}" in usage, f"no {command} in {usage}")
        equal(topic(t, command), t.run(command, "--help").stdout, f"help {command}")
    done = t.run("help", "nonsense")
    equal((done.returncode, done.stdout), (2, ""), "an unknown topic")
    check("nonsense" in done.stderr, done.stderr)


def test_version(t):
    text = t.run("--version").stdout
    check(re.fullmatch(r"convd \d+\.\d+\.\d+(\+\d+(\.g[0-9a-f]+)?)?(\.dirty)?\n", text), text)


def test_version_of_a_checkout(t):
    """What git knows follows the release's number: nothing at its tag, else how far away the commit is."""
    git = t.suite.tool("git")
    root = os.path.join(t.folder, "checkout")
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(root)
    script = os.path.abspath("config/version.sh")

    def run(*command):
        return printed_by([git, "-C", root, "-c", "user.name=n", "-c", "user.email=e", *command]).strip()

    def version():
        done = subprocess.run(["sh", script, "1.2.3"], cwd=root, capture_output=True, text=True)
        equal((done.returncode, done.stderr), (0, ""), "version.sh")
        return done.stdout.strip()

    def commit():
        run("commit", "-q", "--allow-empty", "-m", "m")
        return run("rev-parse", "--short=7", "HEAD")

    run("init", "-q")
    equal(version(), "", "without a commit")
    first = commit()
    equal(version(), f"+1.g{first}", "without a tag")
    with open(root + "/file", "w", encoding="utf-8") as f:
        f.write("1")
    run("add", "file")
    equal(version(), f"+1.g{first}.dirty", "changed")
    commit()
    run("tag", "v1.2.3")
    equal(version(), "", "at the tag")
    with open(root + "/file", "w", encoding="utf-8") as f:
        f.write("2")
    equal(version(), "+0.dirty", "changed at the tag")
    run("checkout", "-q", "file")
    second = commit()
    equal(version(), f"+1.g{second}", "after the tag")


def test_manual_has_every_option(t):
    page = topic(t, "man")
    for section in ("NAME", "SYNOPSIS", "COMMANDS", "ENVIRONMENT", "FILES", "SIGNALS", "EXIT STATUS", "EXAMPLES"):
        check(f"\n.Sh {section}\n" in page, f"no section {section}")
    parts = dict(re.findall(r"^\.Ss convd (\w+)\n(.*?)(?=^\.S)", page, re.M | re.S))
    equal(tuple(parts), COMMANDS, "commands of the page")
    for command, text in parts.items():
        equal(["-" + f for f in re.findall(r"^\.It Fl (-\S+)", text, re.M)], flags_of(t, command), command)


def test_manual_is_clean(t):
    path = t.write("convd.1", topic(t, "man"))
    equal(printed_by([t.suite.tool("mandoc"), "-T", "lint", "-W", "warning", path]), "", "mandoc's complaints")


def test_manual_in_groff(t):
    path = t.write("convd.1", topic(t, "man"))
    text = printed_by([t.suite.tool("groff"), "-mandoc", "-Tutf8", "-ww", "-rHY=0", "-P-cbou", path])
    check("warning" not in text and "--max-batch N" in text, text[-2000:])


COMPLETE = """source "$1"; shift
compopt() { echo files; }
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_convd
[ ${#COMPREPLY[@]} = 0 ] || printf '%s\\n' "${COMPREPLY[@]}"
"""


def test_bash_completion(t):
    script = t.write("convd.bash", topic(t, "bash"))
    bash = t.suite.tool("bash")

    def complete(*words):
        return printed_by([bash, "--norc", "-c", COMPLETE, "bash", script, "convd", *words]).split()

    equal(complete("s"), ["serve", "see"], "commands")
    equal(complete("help", "m"), ["man"], "topics")
    for command in COMMANDS:
        known = complete(command, "--")
        equal([f for f in known if not f.startswith("--no-")], flags_of(t, command), command)
    check("--no-watch" in complete("serve", "--no-"), "--no-watch is not offered")
    equal(complete("serve", "--log-f"), ["--log-format"], "an option")
    equal(complete("serve", "--log-format", ""), ["text", "json"], "its values")
    equal(complete("serve", "--log-format", "=", "j"), ["json"], "a value behind =")
    equal(complete("serve", "--log-format", "="), ["text", "json"], "values behind =")
    equal(complete("serve", "--config", ""), ["files"], "a file")
    equal(complete("serve", "--port", ""), [], "a number")
    equal(complete("classify", ""), ["files"], "photos")


def test_fish_completion(t):
    script = t.write("convd.fish", topic(t, "fish"))
    fish = t.suite.tool("fish")

    def complete(line):
        text = printed_by([fish, "--no-config", "-c", f"source {script}; complete -C '{line}'"])
        return sorted(row.split("\t")[0] for row in text.splitlines())

    equal(complete("convd se"), ["see", "serve"], "commands")
    equal(complete("convd serve --log-f"), ["--log-format"], "an option")
    equal(complete("convd serve --log-format "), ["json", "text"], "its values")
    for command in COMMANDS:
        known = [f for f in complete(f"convd {command} --") if not f.startswith("--no-")]
        equal(known, sorted(set(flags_of(t, command)) - {"--help"}), command)


# _arguments gets what it is told to complete by.
ARGUMENTS = "_arguments() { print -rl -- $@ }; words=(convd %s '') CURRENT=3; source %s"


def test_zsh_completion(t):
    script = t.write("_convd", topic(t, "zsh"))
    for command in COMMANDS:
        text = printed_by([t.suite.tool("zsh"), "-f", "-c", ARGUMENTS % (command, script)])
        known = [f for f in re.findall(r"^(--[a-z0-9-]+)", text, re.M) if not f.startswith("--no-")]
        equal(known + ["--help"], flags_of(t, command), command)


def test_systemd_units(t):
    analyze = t.suite.tool("systemd-analyze")
    for name in ("convd.service", "convd.socket"):
        path = os.path.join("config/systemd", name)
        with open(path, encoding="utf-8") as f:
            # What the unit starts must exist.
            t.write(name, f.read().replace("/usr/bin/convd", t.suite.convd))
    units = [os.path.join(t.folder, name) for name in ("convd.service", "convd.socket")]
    equal(printed_by([analyze, "verify", "--man=no", *units]), "", "complaints")
    printed_by([analyze, "security", "--offline=true", "--threshold=20", units[0]])


def test_install(t):
    """make install and uninstall, into a folder; what it leaves is the configuration."""
    make = t.suite.tool("make")
    if t.suite.sanitized:
        raise Skip("it installs what was built without sanitizers")
    root = os.path.join(t.folder, "root")
    shutil.rmtree(root, ignore_errors=True)
    build = os.path.dirname(t.suite.convd)

    def run(target):
        # What was built is up to date: the flags it was built with are not known here.
        printed_by([make, "-s", "-o", f"{build}/convd", f"B={build}", target, f"DESTDIR={root}", "PREFIX=/opt/convd"])
        return sorted(os.path.relpath(os.path.join(folder, f), root) for folder, _, files in os.walk(root) for f in files)

    installed = run("install")
    for name in ("bin/convd", "etc/convd/convd.json", "share/convd/models/scenes/model.onnx", "share/man/man1/convd.1",
                 "share/bash-completion/completions/convd", "lib/systemd/system/convd.service"):
        check("opt/convd/" + name in installed, f"{name} is not installed: {installed}")
    with open(root + "/opt/convd/lib/systemd/system/convd.service", encoding="utf-8") as f:
        start = re.search(r"^ExecStart=(.*)", f.read(), re.M)[1]
    equal(start, "/opt/convd/bin/convd serve --config /opt/convd/etc/convd/convd.json", "ExecStart")
    done = subprocess.run([root + "/opt/convd/bin/convd", "classify", "docs/house.jpg"], capture_output=True, timeout=60)
    equal(done.returncode, 0, f"the installed program: {done.stderr}")
    equal(run("uninstall"), ["opt/convd/etc/convd/convd.json"], "what is left")
