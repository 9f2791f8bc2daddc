"""The replies as server/web/openapi.json describes them."""
import json
import os
import re
from urllib.parse import unquote

import jsonschema


class Mismatch(Exception):
    pass


class Contract:
    """Where the document is missing or empty only the test of the document itself fails."""

    def __init__(self, path):
        self.bytes = b"{}"
        if os.path.exists(path):
            with open(path, "rb") as f:
                self.bytes = f.read()
        self.document = json.loads(self.bytes)
        self.resolver = jsonschema.RefResolver("", self.document)
        self.templates = []
        for template, item in self.document.get("paths", {}).items():
            pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
            # A fixed segment goes before a variable one.
            self.templates.append((template.count("{"), re.compile(pattern + "/?$"), item))
        self.templates.sort(key=lambda t: t[0])

    def resolve(self, node):
        while "$ref" in node:
            node = self.resolver.resolve(node["$ref"])[1]
        return node

    def operation(self, method, path):
        for _, pattern, item in self.templates:
            if pattern.match(path):
                return item.get(method.lower())
        return None

    def schema(self, method, path, status):
        """The schema of a JSON reply, or None. What any path may answer is only in components."""
        operation = self.operation(method, path)
        if operation:
            responses = operation["responses"]
            response = responses.get(str(status)) or responses.get(f"{status // 100}XX") or responses.get("default")
            if response:
                content = self.resolve(response).get("content", {})
                return content.get("application/json", {}).get("schema")
        if status >= 400:
            oip = path.split("/")[1] in ("v1", "v2")
            return {"$ref": "#/components/schemas/" + ("OipError" if oip else "Error")}
        return None

    def verify(self, method, target, response):
        path = "/".join(unquote(s).replace("/", "%2F") for s in target.split("?")[0].split("/"))
        if response.status >= 400 and method != "HEAD":
            if not response.body:
                raise Mismatch(f"{method} {path}: {response.status} with an empty body")
            if not response.is_json():
                raise Mismatch(f"{method} {path}: {response.status} is not JSON: {response.body[:120]!r}")
        if not response.is_json() or not response.body or method == "HEAD":
            return
        if path == "/openapi.json" or not self.templates:
            return
        schema = self.schema(method, path, response.status)
        if schema is None:
            raise Mismatch(f"openapi.json does not describe {method} {path} -> {response.status}")
        validator = jsonschema.Draft202012Validator(schema, resolver=self.resolver)
        for error in validator.iter_errors(response.json()):
            where = "/".join(str(p) for p in error.absolute_path)
            raise Mismatch(f"{method} {path} -> {response.status}: '{where}': {error.message[:300]}")
