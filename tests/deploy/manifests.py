"""What lies in docker/: its files, as data."""
import glob
import json
import os

import yaml

KUBERNETES = "docker/kubernetes"


def load(path):
    with open(path, encoding="utf-8") as f:
        return list(yaml.safe_load_all(f))


def folders():
    """Those with a kustomization."""
    return sorted(os.path.dirname(p) for p in glob.glob(f"{KUBERNETES}/*/kustomization.yaml"))


def resources():
    """[(path, resource)] of every manifest."""
    paths = sorted(glob.glob(f"{KUBERNETES}/**/*.yaml", recursive=True))
    return [(p, r) for p in paths if os.path.basename(p) != "kustomization.yaml" for r in load(p)]


def find(kind, folder="base"):
    return next(r for p, r in resources() if r["kind"] == kind and os.path.dirname(p).endswith(folder))


def pods():
    """[(path, pod's spec, container)] of what runs convd. A patch, which has no image, is not one."""
    found = []
    service = find("InferenceService", "kserve")["spec"]["predictor"]
    for path, resource in resources():
        spec = resource["spec"]
        if resource["kind"] == "ServingRuntime":
            found.append((path, {**spec, **service}, spec["containers"][0]))
        elif resource["kind"] == "Deployment" and "image" in spec["template"]["spec"]["containers"][0]:
            found.append((path, spec["template"]["spec"], spec["template"]["spec"]["containers"][0]))
    return found


def environments():
    """[(where, {name: value})] of every container that is given variables for convd."""
    found = [(path, {e["name"]: e["value"] for e in container["env"]}) for path, _, container in pods()]
    patch = find("Deployment", "models")["spec"]["template"]["spec"]["containers"][0]
    found.append((f"{KUBERNETES}/models", {e["name"]: e["value"] for e in patch["env"]}))
    for path in sorted(glob.glob("docker/compose*.yaml")):
        for name, service in load(path)[0]["services"].items():
            if name.startswith("convd"):
                found.append((f"{path}, {name}", service.get("environment", {})))
    return found


def alerts():
    """[(name, expression)]"""
    return [(rule["alert"], rule["expr"]) for group in load("docker/alerts.yml")[0]["groups"] for rule in group["rules"]]


def dashboard_queries():
    """[(panel's title, expression)], with Grafana's variables put in."""
    found = []
    for path in glob.glob("docker/grafana/dashboards/*.json"):
        with open(path, encoding="utf-8") as f:
            dashboard = json.load(f)
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                text = target["expr"]
                for variable, value in (("$__rate_interval", "1m"), ("$__interval", "1m"), ("$instance", ".*")):
                    text = text.replace(variable, value)
                found.append((panel["title"], text))
    return found
