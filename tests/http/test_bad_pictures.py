"""Bodies that are no good picture: each gets its 4xx, none a 500, and the server goes on."""
import photos
from harness import check, equal, one_of
from http_client import multipart


def refused(t, body, wanted, what):
    response = t.server.predict(body)
    one_of(response.status, wanted, what)
    error = response.json()["error"]
    check(error["code"] and "\n" not in error["message"], f"{what}: {error}")
    return error


def test_empty_body(t):
    refused(t, b"", (400,), "empty body")


def test_not_a_picture(t):
    for body in (b"hello", b"\0", b"<svg/>", photos.gif(), b"BM" + bytes(100), b"RIFF\0\0\0\0WEBPVP8 ", bytes(100000)):
        refused(t, body, (415,), f"{body[:12]!r}")


def test_truncated_jpeg(t):
    whole = photos.jpeg(320, 240)
    for part in range(1, 20):
        cut = len(whole) * part // 20
        refused(t, whole[:cut], (422,), f"{cut} of {len(whole)} bytes")
    for cut in (3, 10, 20, 100):
        refused(t, whole[:cut], (415, 422), f"{cut} bytes")


def test_truncated_progressive_jpeg(t):
    whole = photos.encode(photos.picture(320, 240), "JPEG", progressive=True)
    for part in range(4, 20, 3):
        refused(t, whole[:len(whole) * part // 20], (422,), f"{part}/20")


def test_truncated_png(t):
    whole = photos.png(320, 240)
    for part in range(1, 20):
        refused(t, whole[:len(whole) * part // 20], (422,), f"{part}/20")


def test_bit_flips(t):
    for seed in range(120):
        for whole in (photos.jpeg(), photos.png()):
            response = t.server.predict(photos.flipped(whole, seed))
            one_of(response.status, (200, 415, 422), f"seed {seed}")
    t.server.still_answers()


def test_huge_jpeg_header(t):
    header = photos.jpeg_header(65500, 65500)
    equal(len(header), 200, "bytes")
    error = refused(t, header, (422,), "65500 x 65500")
    check("65500" in error["message"], f"the message does not say the size: {error}")
    refused(t, photos.jpeg_header(0, 100), (422,), "width 0")
    refused(t, photos.jpeg_header(160, 120), (422,), "a header without data")


def test_png_bomb(t):
    before = t.server.memory()
    error = refused(t, photos.png_bomb(), (422,), "30000 x 30000")
    check("30000" in error["message"], f"the message does not say the size: {error}")
    grown = t.server.memory() - before
    check(grown < 64 << 20, f"memory grew by {grown >> 20} MB")


def test_png_text_bomb(t):
    before = t.server.memory()
    one_of(t.server.predict(photos.png_text_bomb()).status, (200, 422), "status")
    grown = t.server.memory() - before
    limit = 64 if not t.suite.sanitized else 400
    check(grown < limit << 20, f"memory grew by {grown >> 20} MB")


def test_max_pixels(t):
    server = t.start("--max-pixels", "19200", t.suite.model("tiny"))
    equal(server.predict(photos.jpeg(160, 120)).status, 200, "160 x 120")
    for body in (photos.jpeg(161, 120), photos.png(160, 121)):
        response = server.predict(body)
        equal(response.status, 422, "a pixel row too many")
        check("19200" in response.json()["error"]["message"], f"the limit is not named: {response}")


def test_max_body(t):
    server = t.start("--max-body", "4096", t.suite.model("tiny"))
    equal(server.predict(bytes(4097)).status, 413, "one byte too many")
    equal(server.predict(bytes(4096)).status, 415, "as many as allowed")
    equal(server.predict(bytes(300000)).status, 413, "many bytes too many")
    server.still_answers()


def form(t, body, kind="multipart/form-data; boundary=b", wanted=(400,), what=""):
    response = t.server.predict(body, headers=[("Content-Type", kind)])
    one_of(response.status, wanted, what or f"{kind}: {body[:60]!r}")
    return response


PART = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'


def test_multipart_boundary(t):
    good = PART + photos.jpeg() + b"\r\n--b--\r\n"
    form(t, good, wanted=(200,))
    form(t, good, 'multipart/form-data; boundary="b"', (200,))
    form(t, good, 'Multipart/Form-Data; charset=utf-8; BOUNDARY=b', (200,))
    for kind in ("multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=c",
                 'multipart/form-data; boundary="', "multipart/form-data; boundary=" + "b" * 71):
        form(t, good, kind)


def test_multipart_malformed(t):
    photo = photos.jpeg()
    form(t, PART + photo, what="no closing boundary")
    form(t, PART + photo + b"\r\n--b", what="cut in the closing boundary")
    form(t, PART[:30], what="cut in the part's header")
    form(t, b"--b--\r\n", what="no part")
    form(t, b"", what="nothing")
    form(t, b"\r\n" * 1000, what="empty lines")
    form(t, b"--b\r\n" + b"X: y\r\n" * 100000 + b"\r\n" + photo + b"\r\n--b--\r\n", what="a part with 100,000 headers")
    form(t, b"--b\r\nX-Long: " + b"y" * 500000 + b"\r\n\r\n" + photo + b"\r\n--b--\r\n", what="a header of 500 KB")
    t.server.still_answers()


def test_multipart_too_many_parts(t):
    body, kind = multipart([("image", f"{i}", None, b"x") for i in range(1000)])
    form(t, body, kind, (400, 413), "1000 files")
    body, kind = multipart([("image", f"{i}", None, photos.jpeg(40, 30)) for i in range(17)])
    form(t, body, kind, (400, 413), "a file more than --max-files")
    body, kind = multipart([("image", f"{i}", None, photos.jpeg(40, 30)) for i in range(16)])
    equal(len(form(t, body, kind, (200,), "--max-files").json()["results"]), 16, "results")


def test_multipart_all_bad(t):
    body, kind = multipart([("image", "a", None, b"x"), ("image", "b", None, photos.jpeg()[:500])])
    response = t.server.predict(body, headers=[("Content-Type", kind)])
    one_of(response.status, (200, 415, 422), "status")
    if response.status == 200:
        check(all("error" in r for r in response.json()["results"]), f"{response}")
