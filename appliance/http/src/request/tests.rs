//! Tests of request heads: what is read, and what is refused with which status.

use super::*;
use std::format;
use std::string::String;

fn parse(head: &str) -> Result<(BodyLength, bool), u16> {
    let mut buffer = NO_FIELDS;
    Request::parse(head.as_bytes(), &mut buffer).map(|request| (request.body, request.keep_alive))
}

fn with(fields: &str) -> Result<(BodyLength, bool), u16> {
    parse(&format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n"))
}

#[test]
fn request_lines() {
    let line = |line: &str| RequestLine::parse(line.as_bytes()).map(|line| line.http_1_1);
    assert_eq!(line("GET / HTTP/1.1"), Ok(true));
    assert_eq!(line("GET / HTTP/1.0"), Ok(false));
    assert_eq!(line("GET / HTTP/1.9"), Ok(true));
    assert_eq!(line("PRI * HTTP/2.0"), Err(505));
    assert_eq!(line("GET / HTTP/0.9"), Err(505));
    for bad in [
        "",
        "GET",
        "GET /",
        "GET / ",
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET / HTTP/1.1 ",
        " GET / HTTP/1.1",
        "GET / http/1.1",
        "GET / HTTP/1",
        "GET / HTTP/1.10",
        "GET / HTTP/11",
        "GET /a b HTTP/1.1",
        "GET /#a HTTP/1.1",
        "GET /\t HTTP/1.1",
        "GET /\0 HTTP/1.1",
        "G(T / HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET / XTTP/1.1",
        "GET / HTTP/1,1",
    ] {
        assert_eq!(line(bad), Err(400), "{bad:?}");
    }
    let long = format!("GET /{} HTTP/1.1", "a".repeat(TARGET_BYTES));
    assert_eq!(line(&long), Err(414));
    assert_eq!(line(&long.replacen("aa", "a", 1)), Ok(true));
}

#[test]
fn malformed_fields_are_refused() {
    for fields in [
        "A : b\r\n",
        " A: b\r\n",
        "A: b\r\n c\r\n",
        "A: b\r\n\tc\r\n",
        ": b\r\n",
        "A\r\n",
        "A: \0\r\n",
        "A: \x01\r\n",
        "A: \x7f\r\n",
        "A\0: b\r\n",
        "A B: c\r\n",
        "(: b\r\n",
    ] {
        assert_eq!(with(fields), Err(400), "{fields:?}");
    }
    assert!(with("A:\r\nB:b\r\nC: \t c \t\r\n").is_ok());
}

#[test]
fn there_is_a_most_of_fields() {
    let fields: String = (1..FIELDS)
        .map(|number| format!("A{number}: b\r\n"))
        .collect();
    assert!(with(&fields).is_ok());
    assert_eq!(with(&format!("{fields}B: b\r\n")), Err(431));
}

#[test]
fn hosts() {
    assert_eq!(parse("GET / HTTP/1.1\r\n\r\n"), Err(400));
    assert!(parse("GET / HTTP/1.0\r\n\r\n").is_ok());
    assert!(parse("GET / HTTP/1.1\r\nHost:\r\n\r\n").is_ok());
    assert_eq!(with("Host: h\r\n"), Err(400));
    assert_eq!(with("host: other\r\n"), Err(400));
    assert_eq!(
        parse("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"),
        Err(400)
    );
    assert_eq!(parse("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), Err(400));
    assert_eq!(parse("GET http://h/ HTTP/1.1\r\n\r\n"), Err(400));
}

#[test]
fn lengths_of_bodies() {
    use BodyLength::{Chunked, Sized};
    for (fields, expected) in [
        ("", Ok(Sized(0))),
        ("Content-Length: 0\r\n", Ok(Sized(0))),
        (
            "Content-Length: 18446744073709551615\r\n",
            Ok(Sized(u64::MAX)),
        ),
        ("Content-Length: 18446744073709551616\r\n", Err(400)),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", Err(400)),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", Err(400)),
        ("Content-Length: 5, 5\r\n", Err(400)),
        ("Content-Length: +5\r\n", Err(400)),
        ("Content-Length: -5\r\n", Err(400)),
        ("Content-Length: 0x5\r\n", Err(400)),
        ("Content-Length: 5 5\r\n", Err(400)),
        ("Content-Length:\r\n", Err(400)),
        ("Transfer-Encoding: chunked\r\n", Ok(Chunked)),
        ("Transfer-Encoding: CHUNKED\r\n", Ok(Chunked)),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            Err(400),
        ),
        (
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            Err(400),
        ),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            Err(400),
        ),
        ("Transfer-Encoding: chunked, chunked\r\n", Err(400)),
        ("Transfer-Encoding: chunked, identity\r\n", Err(400)),
        ("Transfer-Encoding: identity\r\n", Err(400)),
        ("Transfer-Encoding: gzip\r\n", Err(400)),
        ("Transfer-Encoding: xchunked\r\n", Err(400)),
        ("Transfer-Encoding: \"chunked\"\r\n", Err(400)),
        ("Transfer-Encoding:\r\n", Err(400)),
        ("Transfer-Encoding: gzip, chunked\r\n", Err(501)),
        (
            "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
            Err(501),
        ),
    ] {
        assert_eq!(with(fields).map(|(body, _)| body), expected, "{fields:?}");
    }
    let old = "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(parse(old), Err(400));
}

#[test]
fn connections_stay_or_close() {
    let stays = |version: &str, value: &str| {
        let head = format!("GET / HTTP/{version}\r\nHost: h\r\nConnection: {value}\r\n\r\n");
        parse(&head).unwrap().1
    };
    assert!(stays("1.1", ""));
    assert!(stays("1.1", "keep-alive"));
    assert!(stays("1.1", "upgrade"));
    assert!(!stays("1.1", "Close"));
    assert!(!stays("1.1", "keep-alive, close"));
    assert!(!stays("1.0", ""));
    assert!(stays("1.0", "Keep-Alive"));
    assert!(!stays("1.0", "close, keep-alive"));
}

#[test]
fn expectations() {
    let expects = |head: &str| {
        let mut buffer = NO_FIELDS;
        Request::parse(head.as_bytes(), &mut buffer).map(|request| request.expects_continue)
    };
    assert_eq!(
        expects("GET / HTTP/1.1\r\nHost:\r\nExpect: 100-Continue\r\n\r\n"),
        Ok(true)
    );
    assert_eq!(
        expects("GET / HTTP/1.1\r\nHost:\r\nExpect: wonders\r\n\r\n"),
        Err(417)
    );
    assert_eq!(
        expects("GET / HTTP/1.0\r\nExpect: wonders\r\n\r\n"),
        Ok(false)
    );
}

#[test]
fn repeated_single_fields_are_as_if_absent() {
    let head = "GET / HTTP/1.1\r\nHost:\r\nRange: bytes=0-1\r\nRange: bytes=2-3\r\n\
                Accept-Encoding: gzip\r\nA: b\r\naccept-encoding: br\r\n\r\n";
    let mut buffer = NO_FIELDS;
    let request = Request::parse(head.as_bytes(), &mut buffer).unwrap();
    assert!(request.has(Field::Range));
    assert_eq!(request.single(Field::Range), None);
    let encodings: std::vec::Vec<_> = request.values(Field::AcceptEncoding).collect();
    assert_eq!(encodings, [b"gzip".as_slice(), b"br"]);
    assert!(!request.has(Field::IfRange));
}
