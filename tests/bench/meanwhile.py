#!/usr/bin/python3
"""What strangers who post photos notice of what goes on beside them.

reload: the model is replaced ten times while photos come, twice by a file that is cut off. view: one person walks
through a network on the page. The server has all cores; photos arrive by chance (Poisson) at a share of what it can
do. Times count from when a photo was due. Prints a table each.
"""
import argparse
import http.client
import json
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time

import serving

REPLACED = 10
BROKEN = (4, 8)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", help="the build directory")
    parser.add_argument("--model", default=os.path.join(serving.DATA, "models/squeezenet1.1"), help="its folder")
    parser.add_argument("--seen", help="the folder of the model that is looked at; the same by default")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10, help="of each figure in each round")
    parser.add_argument("--load", type=float, default=0.5, help="photos arrive at this share of the capacity")
    parser.add_argument("--only", choices=["reload", "view"], action="append")
    return parser.parse_args()


def call(port, method, path, body=None, headers=()):
    """The status, and the body when it is JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, body, dict(headers))
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    is_json = (answer.getheader("Content-Type") or "").startswith("application/json")
    return answer.status, json.loads(data) if is_json else data


class Background(threading.Thread):
    """http_load on all cores while something else is done."""

    def __init__(self, arguments, port, photos, seconds, rate):
        super().__init__()
        self.arguments = (arguments, sorted(os.sched_getaffinity(0)), port, photos, seconds, rate)
        self.seen = None
        self.start()

    def run(self):
        self.seen = serving.load(*self.arguments)

    def result(self):
        self.join()
        if self.seen is None:
            sys.exit("the load failed")
        return self.seen


def put_model(repository, source, number, broken):
    """The model as a file that is settled at once; each differs from the last by its name in the metadata."""
    folder = os.path.join(repository, "m", "1")
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir(source):
        if name != "model.onnx" and os.path.isfile(os.path.join(source, name)):
            shutil.copy(os.path.join(source, name), os.path.join(repository, "m", name))
    data = open(os.path.join(source, "model.onnx"), "rb").read()
    # Field 6 of ModelProto, doc_string: protobuf takes the last of several.
    note = b"copy %d" % number
    data = data[:len(data) // 2] if broken else data + b"\x32" + bytes([len(note)]) + note
    new = os.path.join(folder, "new")
    with open(new, "wb") as out:
        out.write(data)
    os.rename(new, os.path.join(folder, "model.onnx"))


def failures(seen):
    """How many, and of which status."""
    other = {status: n for status, n in seen["status"].items() if status != "200"}
    return " ".join([str(sum(other.values()))] + [f"({status})" for status in other])


def table_reload(arguments, cpus, photos):
    print(f"\nThe model is replaced {REPLACED} times under load, {len(BROKEN)} times by a broken file\n")
    with tempfile.TemporaryDirectory() as repository:
        put_model(repository, arguments.model, 0, False)
        with serving.convd(arguments, cpus, "--model-repository", repository) as (process, port):
            capacity = serving.load(arguments, cpus, port, photos, arguments.seconds)["rate"]
            rate = arguments.load * capacity
            before = serving.load(arguments, cpus, port, photos, 2 * arguments.seconds, rate)
            load = Background(arguments, port, photos, 2 * REPLACED + 2, rate)
            resident = []
            time.sleep(2)
            for i in range(1, REPLACED + 1):
                put_model(repository, arguments.model, i, i in BROKEN)
                status, _ = call(port, "POST", "/v2/repository/models/m/load", "{}")
                if (status == 200) == (i in BROKEN):
                    sys.exit(f"load {i} was answered with {status}")
                time.sleep(1.7)
                resident.append(serving.memory(process))
            during = load.result()
        print("%-10s %9s %9s %9s %9s %9s" % ("", "photos", "failed", "p50 ms", "p99 ms", "max ms"))
        for name, seen in (("before", before), ("meanwhile", during)):
            good = seen["good"]
            print("%-10s %9d %9s %9.1f %9.1f %9.1f" % (name, good["n"], failures(seen), good["p50"], good["p99"], good["max"]))
        print(f"the longest took {during['good']['max'] / before['good']['p99']:.2f} of the p99 before; resident after the first "
              f"{resident[0]:.1f} MB, after the last {resident[-1]:.1f} MB ({100 * (resident[-1] / resident[0] - 1):+.1f}%)")


def walk(port, name, photo, stop, strips):
    """What the page asks for: a photo is dropped, the strip drawn, layers opened, the heat map laid over it."""
    body = open(photo, "rb").read()
    _, table = call(port, "GET", f"/models/{name}/layers")
    layers = [layer["name"] for layer in table["layers"] if len(layer["output_shape"]) == 4]
    opened = 0
    while not stop.is_set():
        call(port, "POST", f"/predict?model={name}", body)
        start = time.monotonic()
        status, _ = call(port, "POST", f"/models/{name}/strip", body)
        if status == 200:
            strips.append(1000 * (time.monotonic() - start))
        for _ in range(3):
            if stop.wait(1):
                return
            layer = layers[opened % len(layers)].replace("/", "%2F")
            call(port, "POST", f"/models/{name}/layers/{layer}/activations", body, [("Accept", "image/png")])
            opened += 5
        call(port, "POST", f"/models/{name}/explain", body, [("Accept", "image/png")])
        stop.wait(1)


def table_view(arguments, cpus, photos):
    print("\nOne person walks through a network\n")
    print("%-8s %12s %12s %12s %8s %12s" % ("round", "alone p50", "p99 ms", "beside p99", "ratio", "strip ms"))
    name, models = "model", ["model=" + arguments.model]
    if arguments.seen:
        name = "seen"
        models.append("seen=" + arguments.seen)
    rows = []
    with serving.convd(arguments, cpus, *models) as (_, port):
        rate = arguments.load * serving.load(arguments, cpus, port, photos, arguments.seconds)["rate"]
        for i in range(arguments.rounds):
            alone = serving.load(arguments, cpus, port, photos, arguments.seconds, rate)["good"]
            stop, strips = threading.Event(), []
            person = threading.Thread(target=walk, args=(port, name, photos[i % len(photos)], stop, strips))
            person.start()
            beside = serving.load(arguments, cpus, port, photos, arguments.seconds, rate)["good"]
            stop.set()
            person.join()
            rows.append((alone["p50"], alone["p99"], beside["p99"], beside["p99"] / alone["p99"],
                         statistics.median(strips) if strips else float("nan")))
            print("%-8d %12.1f %12.1f %12.1f %8.2f %12.0f" % (i + 1, *rows[-1]), flush=True)
    print("%-8s %12.1f %12.1f %12.1f %8.2f %12.0f" % ("median", *map(statistics.median, zip(*rows))))


def main():
    arguments = parse_arguments()
    cpus = sorted(os.sched_getaffinity(0))
    print(f"{os.path.basename(arguments.model)}; server and load on CPU {','.join(map(str, cpus))}, photos at "
          f"{100 * arguments.load:.0f}% of the capacity; load of the machine {os.getloadavg()[0]:.1f}")
    tables = {"reload": table_reload, "view": table_view}
    with tempfile.TemporaryDirectory() as folder:
        photos = serving.make_photos(folder)
        for name in arguments.only or tables:
            tables[name](arguments, cpus, photos)


if __name__ == "__main__":
    main()
