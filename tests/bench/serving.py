#!/usr/bin/python3
"""convd's server from outside, and beside it the server that a web developer would write (peer/server.mjs).

The servers have one half of the cores, who loads them the other; both servers get the same JPEGs of 500 x 375.
Rounds take turns; figures are medians of the rounds. Prints three tables: what of the engine's speed arrives at
the clients, convd beside the peer, and what happens at three times the capacity.
"""
import argparse
import contextlib
import glob
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.abspath(os.environ.get("CONVD_TEST_DATA") or os.path.join(HERE, "../../../shared/data"))
CLIENTS = 64
OVERLOAD_CLIENTS = 2048  # connections of the open loop
MANY_PHOTOS = 16


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", help="the build directory")
    parser.add_argument("--model", default=os.path.join(DATA, "models/squeezenet1.1"), help="its folder")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5, help="of each figure in each round")
    parser.add_argument("--overload-seconds", type=float, default=60)
    parser.add_argument("--only", choices=["engine", "peer", "overload"], action="append")
    return parser.parse_args()


def share_cpus():
    """The cores of the servers and those of the load: halves; where there is only one, both share it."""
    cpus = sorted(os.sched_getaffinity(0))
    half = max(1, len(cpus) // 2)
    return cpus[:half], cpus[half:] or cpus


def on(cpus, command):
    return ["taskset", "-c", ",".join(map(str, cpus))] + command


def make_photos(folder):
    """JPEGs of 500 x 375 out of the test data's photos; of noise where there are none."""
    from PIL import Image
    sources = sorted(glob.glob(os.path.join(DATA, "photos/*.jp*g")))[:MANY_PHOTOS]
    photos = []
    for i, source in enumerate(sources or range(MANY_PHOTOS)):
        image = Image.open(source).convert("RGB") if sources else Image.effect_noise((63, 47), 90).convert("RGB")
        photos.append(os.path.join(folder, f"{i}.jpg"))
        image.resize((500, 375)).save(photos[-1], quality=85)
    return photos


@contextlib.contextmanager
def child(command):
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def convd(arguments, cpus, *models):
    """Serves `models`, options among them, else the model of the arguments."""
    with tempfile.TemporaryDirectory() as folder:
        port_file = os.path.join(folder, "port")
        command = [os.path.join(arguments.build, "convd"), "serve", "--port", "0", "--port-file", port_file,
                   "--threads", str(len(cpus)), *(models or [arguments.model])]
        with child(on(cpus, command)) as process:
            for _ in range(200):
                with contextlib.suppress(OSError, ValueError):
                    yield process, int(open(port_file).read())
                    return
                time.sleep(0.05)
            sys.exit("convd did not start")


@contextlib.contextmanager
def peer(arguments, cpus):
    command = ["node", os.path.join(HERE, "peer/server.mjs"), os.path.join(arguments.build, "peer"),
               os.path.join(arguments.model, "model.onnx"), os.path.join(arguments.model, "labels.txt"), str(len(cpus))]
    with child(on(cpus, command)) as process:
        words = process.stdout.readline().split()
        if not words:
            sys.exit("the peer did not start")
        yield process, int(words[1])


def load(arguments, cpus, port, photos, seconds, rate=0.0, clients=CLIENTS, warm=1.0):
    command = [os.path.join(arguments.build, "tests/bench/http_load"), str(port), "/predict", str(clients), str(rate),
               str(seconds + warm), str(warm), *photos]
    return json.loads(subprocess.run(on(cpus, command), check=True, stdout=subprocess.PIPE).stdout)


def memory(process, which="VmRSS"):
    """Resident megabytes."""
    with open(f"/proc/{process.pid}/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(which + ":")) / 1024


def bench(arguments, cpus, photo):
    command = [os.path.join(arguments.build, "convd"), "bench", "--model", arguments.model, "--threads", "1",
               "--seconds", str(max(1, int(arguments.seconds))), "--json", "--photo", photo]
    runs = [subprocess.Popen(on([cpu], command), stdout=subprocess.PIPE) for cpu in cpus]
    return sum(json.loads(run.communicate()[0])["images_per_second"] for run in runs)


def table_engine(arguments, cpus, others, photos):
    """What of decoding and inference alone is left when photos come over HTTP."""
    print(f"\nOver HTTP, {CLIENTS} clients that post one photo after another\n")
    print("%-8s %14s %14s %7s %9s %9s %7s" % ("round", "engine im/s", "served im/s", "share", "p50 ms", "p99 ms", "p99/p50"))
    rows = []
    with convd(arguments, cpus) as (_, port):
        for i in range(arguments.rounds):
            alone = statistics.mean(bench(arguments, cpus, photos[k % len(photos)]) for k in range(3))
            seen = load(arguments, others, port, photos, arguments.seconds)
            good = seen["good"]
            rows.append((alone, seen["rate"], 100 * seen["rate"] / alone, good["p50"], good["p99"], good["p99"] / good["p50"]))
            print("%-8d %14.1f %14.1f %5.1f %% %9.1f %9.1f %7.2f" % (i + 1, *rows[-1]), flush=True)
    print("%-8s %14.1f %14.1f %5.1f %% %9.1f %9.1f %7.2f" % ("median", *map(statistics.median, zip(*rows))))


def table_peer(arguments, cpus, others, photos):
    print("\nBeside fastify + sharp + onnxruntime-node\n")
    print("%-8s %12s %12s %7s %22s %22s %16s" % ("round", "convd im/s", "peer im/s", "ratio", "p99 ms convd / peer *", "p50 ms convd / peer *", "RSS MB c / p"))
    rows = []
    with convd(arguments, cpus) as (ours, port), peer(arguments, cpus) as (theirs, peer_port):
        load(arguments, others, peer_port, photos, 1)
        for i in range(arguments.rounds):
            seen = [load(arguments, others, p, photos, arguments.seconds)["rate"] for p in (port, peer_port)]
            calm = [load(arguments, others, p, photos, arguments.seconds, rate=0.7 * seen[1])["good"] for p in (port, peer_port)]
            rows.append((*seen, seen[0] / seen[1], calm[0]["p99"], calm[1]["p99"], calm[0]["p50"], calm[1]["p50"],
                         memory(ours), memory(theirs)))
            print("%-8d %12.1f %12.1f %7.2f %10.1f / %9.1f %10.1f / %9.1f %7.0f / %6.0f" % (i + 1, *rows[-1]), flush=True)
    middle = list(map(statistics.median, zip(*rows)))
    print("%-8s %12.1f %12.1f %7.2f %10.1f / %9.1f %10.1f / %9.1f %7.0f / %6.0f" % ("median", *middle))
    print(f"* strangers, Poisson at 70% of the peer's capacity; convd's p99 is {middle[3] / middle[4]:.2f} of the peer's, "
          f"its memory {middle[7] / middle[8]:.2f}")


def table_overload(arguments, cpus, others, photos):
    with convd(arguments, cpus) as (process, port):
        capacity = load(arguments, others, port, photos, arguments.seconds)["rate"]
        before = memory(process)
        flood = load(arguments, others, port, photos, arguments.overload_seconds, rate=3 * capacity,
                     clients=OVERLOAD_CLIENTS, warm=2)
        after = load(arguments, others, port, photos, arguments.seconds, rate=0.5 * capacity, warm=2)
        print(f"\nThree times the capacity for {arguments.overload_seconds:.0f} s\n")
        print(f"capacity           {capacity:10.1f} im/s")
        print(f"goodput            {flood['rate']:10.1f} im/s, {100 * flood['rate'] / capacity:.1f}% of the capacity; "
              f"p50 {flood['good'].get('p50', 0):.0f} ms, p99 {flood['good'].get('p99', 0):.0f} ms")
        print(f"answers            {flood['status']}")
        print(f"refused in         {flood['refused'].get('p50', 0):10.1f} ms (p50), {flood['refused'].get('p99', 0):.1f} ms (p99); "
              f"Retry-After {flood['retry_after'][0]}..{flood['retry_after'][1]} s")
        print(f"memory             {before:10.0f} MB before, {memory(process, 'VmHWM'):.0f} MB at most, {memory(process):.0f} MB after")
        print(f"2 s after, at 50%  {after['good']['p50']:10.1f} ms (p50), {after['good']['p99']:.1f} ms (p99), answers {after['status']}")


def main():
    arguments = parse_arguments()
    cpus, others = share_cpus()
    tables = {"engine": table_engine, "peer": table_peer, "overload": table_overload}
    wanted = arguments.only or list(tables)
    if "peer" in wanted and not (shutil.which("node") and os.path.isdir(os.path.join(arguments.build, "peer/node_modules"))):
        print("no peer: node or its packages are missing")
        wanted.remove("peer")
    print(f"{os.path.basename(arguments.model)}; the servers run on CPU {','.join(map(str, cpus))}, the load on "
          f"{','.join(map(str, others))}; load of the machine {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        photos = make_photos(folder)
        for name in wanted:
            tables[name](arguments, cpus, others, photos)


if __name__ == "__main__":
    main()
