"""The files of the web page: types, compression, and what browsers keep."""
import gzip
import json
import re

from harness import check, equal

TYPES = {"page.js": "text/javascript", "base.css": "text/css", "icon.svg": "image/svg+xml", "sample-sea.jpg": "image/jpeg"}


def test_web_files(t):
    for name, wanted in TYPES.items():
        response = t.server.get("/web/" + name)
        equal(response.status, 200, name)
        check(response.header("Content-Type").startswith(wanted), f"{name}: {response.header('Content-Type')}")
        equal(response.header("X-Content-Type-Options"), "nosniff", name)
        with open("server/web/" + name, "rb") as f:
            check(response.body == f.read(), f"{name} is another")
    for name in ("index.html", "openapi.json", "nothing.js", "..%2Fmain.c", "%2e%2e", "page.js%00"):
        check(t.server.get("/web/" + name).status in (400, 404), name)


def test_web_pages_run_their_own_scripts_only(t):
    for path in ("/", "/docs"):
        response = t.server.get(path)
        policy = response.header("Content-Security-Policy")
        check("unsafe" not in policy and "script-src 'self'" in policy, policy)
        page = response.body.decode()
        check(not re.search(r"<style|<script>| style=| on\w+=", page), f"{path}: code within the page")
        for address in re.findall(r'(?:src|href)="([^"]+)"', page):
            if address.startswith("web/"):
                equal(t.server.get("/" + address).status, 200, address)
            check("//" not in address, f"{path}: {address}")


def test_web_compression(t):
    plain = t.server.get("/web/page.js")
    for accept in ("gzip", "br, gzip;q=0.5", "deflate, gzip"):
        response = t.server.get("/web/page.js", [("Accept-Encoding", accept)])
        equal(response.header("Content-Encoding"), "gzip", accept)
        equal(response.header("Vary"), "Accept-Encoding", accept)
        check(gzip.decompress(response.body) == plain.body, accept)
    for accept in ("gzip;q=0", "identity", "br", "gzip;q=0.00"):
        equal(t.server.get("/web/page.js", [("Accept-Encoding", accept)]).header("Content-Encoding"), None, accept)
    # What is compressed already stays as it is.
    equal(t.server.get("/web/sample-sea.jpg", [("Accept-Encoding", "gzip")]).header("Content-Encoding"), None, "a JPEG")


def test_web_files_are_sent_once(t):
    for path in ("/", "/docs", "/web/page.js", "/openapi.json"):
        etag = t.server.get(path).header("ETag")
        for known in (etag, f'"other", {etag}', "*"):
            response = t.server.get(path, [("If-None-Match", known)])
            equal((response.status, response.body), (304, b""), f"{path} with {known}")
            equal(response.header("ETag"), etag, path)
        equal(t.server.get(path, [("If-None-Match", '"other"')]).status, 200, path)


def test_web_docs_with_a_slash(t):
    response = t.server.get("/docs/")
    equal((response.status, response.header("Location")), (308, "../docs"), "/docs/")


def test_web_server_facts(t):
    facts = json.loads(t.server.get("/web/server.json").body)
    equal(facts["key_needed"], False, "key_needed")
    check(isinstance(facts["views"], bool), facts)
