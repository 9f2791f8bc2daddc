"""Building and running an image with whatever is at hand.

CONVD_CONTAINER names the program: podman, docker, or one with commands of this form:

    PROGRAM build -t TAG -f FILE DIR
    PROGRAM run [-v HOST:DIR[:ro]]... [-e NAME=VALUE]... TAG [-- ARGUMENT...]    in the foreground, read-only root, no
                                                 capabilities, no new privileges, on the host's network
    PROGRAM size TAG                             the first line is the image's bytes

Without it ../shared/tools/container is taken where it is, else podman, else docker.
"""
import os
import shutil
import subprocess

from harness import Failure, Skip, clean_environment

CONFINED = ["--rm", "--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", "--network", "host",
            # Podman's own are higher than what it may ask for inside another container.
            "--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096"]
BASE = "docker.io/library/debian:bookworm-slim"
BUILD_LIMIT_S = 1200


def quietly(command, limit=60):
    """Exit status and all that it printed."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env=clean_environment(), timeout=limit)
    except (OSError, subprocess.TimeoutExpired) as e:
        return 1, str(e)
    return done.returncode, done.stdout.decode(errors="replace")


def find():
    for program in (os.environ.get("CONVD_CONTAINER"), "../shared/tools/container", "podman", "docker"):
        path = program and shutil.which(program)
        if path:
            return os.path.abspath(path)
    raise Skip("no podman, no docker, and CONVD_CONTAINER names no program")


class Containers:
    def __init__(self):
        self.program = find()
        self.common = os.path.basename(self.program) in ("podman", "docker")
        if not self.common and os.geteuid() != 0:
            raise Skip(f"{self.program} wants root")
        if self.common:
            self._try("info")
            if quietly([self.program, "image", "inspect", BASE])[0] != 0:
                self._try("pull", BASE)

    def _try(self, *args):
        status, text = quietly([self.program, *args], 300)
        if status != 0:
            last = (text.strip().splitlines() or ["no word"])[-1]
            raise Skip(f"{os.path.basename(self.program)} {args[0]}: {last}")

    def build(self, tag, dockerfile, folder):
        status, text = quietly([self.program, "build", "-t", tag, "-f", dockerfile, folder], BUILD_LIMIT_S)
        if status != 0 and "FROM debian" not in text:
            raise Skip(f"{self.program} has not come to the Dockerfile: {text[-300:]}")
        if status != 0:
            raise Failure(f"build: status {status}: {text[-3000:]}")

    def command(self, tag, args=(), environ=None, volumes=()):
        """The command line that runs it in the foreground."""
        options = [word for v in volumes for word in ("-v", v)]
        options += [word for item in (environ or {}).items() for word in ("-e", "=".join(item))]
        if self.common:
            return [self.program, "run", *CONFINED, *options, tag, *args]
        return [self.program, "run", *options, tag, *(["--", *args] if args else [])]

    def size(self, tag):
        words = ["image", "inspect", "--format", "{{.Size}}", tag] if self.common else ["size", tag]
        status, text = quietly([self.program, *words])
        if status != 0 or not text.split()[:1] or not text.split()[0].isdigit():
            raise Failure(f"size: status {status}: {text}")
        return int(text.split()[0])
