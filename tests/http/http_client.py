"""A small HTTP/1.1 client on raw sockets: tests need requests that no library would send."""
import json
import socket


class Closed(Exception):
    """The server closed the connection before a whole answer."""


class Response:
    def __init__(self, status, reason, headers, body):
        self.status, self.reason, self.headers, self.body = status, reason, headers, body

    def header(self, name):
        """The value, or None. A header that comes twice is joined, as HTTP allows."""
        values = [v for n, v in self.headers if n.lower() == name.lower()]
        return ", ".join(values) if values else None

    def is_json(self):
        return (self.header("Content-Type") or "").split(";")[0] == "application/json"

    def json(self):
        def refuse(text):
            raise ValueError(f"{text} is not JSON")

        return json.loads(self.body, parse_constant=refuse)

    def __repr__(self):
        return f"{self.status} {self.body[:200]!r}"


class Connection:
    def __init__(self, port, timeout=30, tls=None):
        """`tls` is an ssl.SSLContext."""
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def send_request(self, method, target, body=None, headers=(), close=True):
        """`headers` is a list of (name, value); Content-Length is added for a body."""
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost"]
        lines += [f"{name}: {value}" for name, value in headers]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        if close:
            lines.append("Connection: close")
        data = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")
        try:
            self.send(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before the whole body was sent: the answer is still to be read

    def _fill(self):
        try:
            got = self.socket.recv(65536)
        except ConnectionResetError:
            got = b""
        if not got:
            raise Closed(f"closed after {self.buffer[:80]!r}")
        self.buffer += got

    def _line(self):
        while b"\r\n" not in self.buffer:
            self._fill()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line.decode("latin-1")

    def _take(self, n):
        while len(self.buffer) < n:
            self._fill()
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def read_head(self):
        """(status, reason, headers) of the next answer, which may be 100."""
        version, status, reason = (self._line() + " ").split(" ", 2)
        if version not in ("HTTP/1.1", "HTTP/1.0"):
            raise ValueError(f"not an HTTP answer: {version}")
        headers = []
        while line := self._line():
            name, value = line.split(":", 1)
            headers.append((name, value.strip()))
        return int(status), reason.strip(), headers

    def read_response(self, method="GET"):
        status, reason, headers = self.read_head()
        while status == 100:
            status, reason, headers = self.read_head()
        response = Response(status, reason, headers, b"")
        if method == "HEAD" or status in (204, 304):
            return response
        if (response.header("Transfer-Encoding") or "").lower() == "chunked":
            while size := int(self._line().split(";")[0], 16):
                response.body += self._take(size)
                self._line()
            while self._line():
                pass
        elif response.header("Content-Length") is not None:
            response.body = self._take(int(response.header("Content-Length")))
        else:
            response.body = self.read_to_end()
        return response

    def read_to_end(self):
        try:
            while True:
                self._fill()
        except Closed:
            data, self.buffer = self.buffer, b""
            return data


def multipart(parts, boundary="ten-legged-octopus"):
    """(body, content type) of a form; a part is (name, file name or None, content type or None, bytes)."""
    body = b""
    for name, filename, content_type, data in parts:
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'.encode()
        if filename is not None:
            body += f'; filename="{filename}"'.encode()
        if content_type:
            body += f"\r\nContent-Type: {content_type}".encode()
        body += b"\r\n\r\n" + data + b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"
