#!/usr/bin/env python3
"""Python's http.client against a server that serves ci/http/site.

usage: clients.py HOST:PORT
"""

import email
import http.client
import sys


def expect(what, got, wanted):
    if got != wanted:
        sys.exit(f"error: {what} is {got!r}, not {wanted!r}")


def main():
    connection = http.client.HTTPConnection(sys.argv[1], timeout=10)

    def ask(method, path, body=None, **fields):
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        coded = "Transfer-Encoding" in headers
        connection.request(method, path, body, headers, encode_chunked=coded)
        answer = connection.getresponse()
        return answer, answer.read()

    answer, body = ask("GET", "/plain.txt")
    first = connection.sock
    expect("the body", body, b"0123456789")
    answer, _ = ask("GET", "/plain.txt", If_None_Match=answer.headers["ETag"])
    expect("the status for a known tag", answer.status, 304)
    answer, body = ask("HEAD", "/plain.txt")
    expect("HEAD", (answer.status, answer.length, body), (200, 0, b""))
    answer, body = ask("GET", "/plain.txt", Range="bytes=0-1,-3")
    expect("the status of two ranges", answer.status, 206)
    kind = f"Content-Type: {answer.headers['Content-Type']}\r\n\r\n".encode()
    message = email.message_from_bytes(kind + body)
    parts = [(part["Content-Range"], part.get_payload()) for part in message.get_payload()]
    expect("two ranges", parts, [("bytes 0-1/10", "01"), ("bytes 7-9/10", "789")])
    answer, _ = ask("POST", "/plain.txt", b"x" * 5000)
    expect("POST with a body", answer.status, 405)
    answer, _ = ask("POST", "/plain.txt", iter([b"chunk"] * 50), Transfer_Encoding="chunked")
    expect("POST in chunks", answer.status, 405)
    answer, _ = ask("GET", "/old/x?y")
    expect("a redirect", (answer.status, answer.headers["Location"]), (301, "/pages/x?y"))
    answer, body = ask("GET", "/")
    expect("a page", (answer.status, len(body)), (200, 379))
    expect("the connection", connection.sock is first, True)
    print("http.client: one connection for all of it")


main()
