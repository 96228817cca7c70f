//! RFC 9112: where messages end, and what is refused because two servers might
//! not agree on it.

mod common;

use applgen_http::limits::{LINE_BYTES, REQUEST_BYTES, REQUESTS_PER_CONNECTION};
use applgen_http::{Connection, Step};
use common::{ask, bundle, exchange, site};

fn statuses(input: &str) -> Vec<u16> {
    exchange(input.as_bytes())
        .iter()
        .map(|answer| answer.status)
        .collect()
}

/// The request is refused with 400, and nothing behind it is answered.
#[track_caller]
fn refused(head: &str) {
    let input = format!("{head}GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    let answers = exchange(input.as_bytes());
    assert_eq!(answers.len(), 1, "{input:?}");
    assert_eq!(
        (answers[0].status, answers[0].close),
        (400, true),
        "{input:?}"
    );
}

#[test]
fn framing_faults_are_400_before_anything_else() {
    for method in ["GET", "POST", "BREW"] {
        for lines in [
            "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
            "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
            "Content-Length: 3,3\r\n\r\nabc",
            "Content-Length: -1\r\n\r\n",
            "Content-Length: 3\r\n Transfer-Encoding: chunked\r\n\r\n",
            "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\nZ\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n0\r\nbad trailer\r\n\r\n",
            "Transfer-Encoding: xchunked\r\n\r\n",
            "A: b\n\r\n",
            "A: b\r\r\n\r\n",
            "A: b\0c\r\n\r\n",
            "A: b\r\n\n",
            "\u{b}Transfer-Encoding: chunked\r\n\r\n",
        ] {
            refused(&format!("{method} / HTTP/1.1\r\nHost: h\r\n{lines}"));
        }
    }
    refused("GET / HTTP/1.1\nHost: h\n\n");
    refused("GET / HTTP/1.1\r\n Host: h\r\n\r\n");
    refused("\n");
    refused("\0");
    refused("\x16\x03\x01\x02");
    refused("GET /\r/ HTTP/1.1\r\nHost: h\r\n\r\n");
    refused("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
}

#[test]
fn bodies_are_read_and_dropped() {
    let end = "GET /empty HTTP/1.1\r\nHost: h\r\n\r\n";
    for (body, first) in [
        ("Content-Length: 5\r\n\r\nhello", 200),
        ("Content-Length: 0\r\n\r\n", 200),
        (
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            200,
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nA: b\r\n\r\n",
            200,
        ),
    ] {
        let get = format!("GET / HTTP/1.1\r\nHost: h\r\n{body}{end}");
        assert_eq!(statuses(&get), [first, 200], "{body:?}");
        let post = format!("POST / HTTP/1.1\r\nHost: h\r\n{body}{end}");
        assert_eq!(statuses(&post), [405, 200], "{body:?}");
    }
    // A body that looks like a request is none.
    let inner = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    let outer = format!(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{inner}{end}",
        inner.len()
    );
    assert_eq!(statuses(&outer), [405, 200]);
}

#[test]
fn long_bodies_are_answered_and_closed_upon() {
    for lines in [
        format!("Content-Length: {REQUEST_BYTES}\r\n\r\n"),
        "Content-Length: 18446744073709551615\r\n\r\n".into(),
        "Transfer-Encoding: chunked\r\n\r\nfffff\r\n".into(),
        "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n".into(),
        format!(
            "Transfer-Encoding: chunked\r\n\r\n{}",
            "1\r\nx\r\n".repeat(3000)
        ),
    ] {
        for (method, status) in [("GET", 200), ("POST", 405)] {
            let answer = ask(&format!("{method} / HTTP/1.1\r\nHost: h\r\n{lines}"));
            assert_eq!(
                (answer.status, answer.close),
                (status, true),
                "{method} {lines:.60}"
            );
        }
    }
}

#[test]
fn a_client_that_waits_is_told_to_go_on() {
    let bytes = bundle();
    let mut driver = common::Driver::new(site(&bytes));
    driver.receive(
        b"\r\nGET /empty HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n",
    );
    assert_eq!(driver.answers.len(), 1);
    assert_eq!(driver.answers[0].text(), "HTTP/1.1 100 Continue\r\n\r\n");
    driver.receive(b"a");
    assert_eq!(driver.answers.len(), 1);
    driver.receive(b"b");
    assert_eq!(driver.answers.len(), 2);
    assert_eq!(driver.answers[1].status, 200);
    assert_eq!(driver.answers[1].request_line, b"GET /empty HTTP/1.1");

    let expect = "Host: h\r\nExpect: 100-continue\r\n";
    // What is refused is refused before the body is sent.
    let answer = ask(&format!(
        "POST / HTTP/1.1\r\n{expect}Content-Length: 5\r\n\r\n"
    ));
    assert_eq!((answer.status, answer.close), (405, true));
    let answer = ask(&format!(
        "GET / HTTP/1.1\r\n{expect}Content-Length: 99999\r\n\r\n"
    ));
    assert_eq!((answer.status, answer.close), (200, true));
    let answer = ask(&format!("GET /empty HTTP/1.1\r\n{expect}\r\n"));
    assert_eq!((answer.status, answer.close), (200, false));
    let answer = ask("GET / HTTP/1.1\r\nHost: h\r\nExpect: wonders\r\n\r\n");
    assert_eq!((answer.status, answer.close), (417, true));
}

#[test]
fn limits_have_their_status() {
    let answer = ask(&format!(
        "GET /{} HTTP/1.1\r\nHost: h\r\n\r\n",
        "a".repeat(8192)
    ));
    assert_eq!((answer.status, answer.close), (414, true));
    let answer = ask(&format!("GET /{}", "a".repeat(LINE_BYTES)));
    assert_eq!((answer.status, answer.close), (414, true));
    assert_eq!(answer.request_line.len(), LINE_BYTES);
    let answer = ask(&format!(
        "GET / HTTP/1.1\r\nA: {}",
        "a".repeat(REQUEST_BYTES)
    ));
    assert_eq!((answer.status, answer.close), (431, true));
    let lines: String = (0..101).map(|number| format!("A{number}: b\r\n")).collect();
    let answer = ask(&format!("GET / HTTP/1.1\r\n{lines}\r\n"));
    assert_eq!((answer.status, answer.close), (431, true));
}

#[test]
fn the_last_request_of_a_connection_closes_it() {
    let bytes = bundle();
    let site = site(&bytes);
    let mut connection = Connection::new();
    let mut head = [0; applgen_http::limits::HEAD_MAX];
    for number in 1..=REQUESTS_PER_CONNECTION {
        let input = b"HEAD /empty HTTP/1.1\r\nHost: h\r\n\r\n";
        match connection.step(&site, input, None, &mut head) {
            Step::Reply { reply, .. } => {
                assert_eq!(reply.close, number == REQUESTS_PER_CONNECTION);
            }
            Step::Need { .. } => panic!("the request is whole"),
        }
    }
    let more = connection.step(&site, b"more", None, &mut head);
    assert_eq!(more, Step::Need { consumed: 4 });
}
