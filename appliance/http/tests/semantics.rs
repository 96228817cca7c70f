//! RFC 9110: what is answered to what, in raw messages.

mod common;

use common::{ask, exchange, get};

const ETAG: &str = "\"AAAAAAAAAAAAAAAAAAAAAA\"";
const ETAG_BR: &str = "\"AAAAAAAAAAAAAAAAAAAAAA-b\"";

#[test]
fn a_get_byte_by_byte() {
    assert_eq!(
        get("/", "Accept-Encoding: gzip, br\r\n").text(),
        "HTTP/1.1 200 OK\r\nDate: Tue, 24 Nov 2026 12:00:00 GMT\r\nContent-Length: 2\r\n\
         Content-Type: text/html; charset=utf-8\r\nAccept-Ranges: bytes\r\n\
         Content-Encoding: br\r\nETag: \"AAAAAAAAAAAAAAAAAAAAAA-b\"\r\n\
         Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nVary: Accept-Encoding\r\n\
         Cache-Control: no-cache\r\n\r\nBR"
    );
}

#[test]
fn a_304_byte_by_byte() {
    assert_eq!(
        get("/", &format!("If-None-Match: {ETAG}\r\n")).text(),
        "HTTP/1.1 304 Not Modified\r\nDate: Tue, 24 Nov 2026 12:00:00 GMT\r\n\
         ETag: \"AAAAAAAAAAAAAAAAAAAAAA\"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
         Vary: Accept-Encoding\r\nCache-Control: no-cache\r\n\r\n"
    );
}

#[test]
fn head_is_get_without_the_body() {
    for (target, lines) in [
        ("/", ""),
        ("/", "Accept-Encoding: br\r\n"),
        ("/nothing", ""),
    ] {
        let whole = get(target, lines);
        let head = ask(&format!("HEAD {target} HTTP/1.1\r\nHost: h\r\n{lines}\r\n"));
        assert_eq!(head.status, whole.status);
        assert_eq!(
            head.text() + &String::from_utf8_lossy(whole.body()),
            whole.text()
        );
    }
    let refused = ask("HEAD /deep HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!((refused.status, refused.body()), (301, &b""[..]));
    assert_eq!(refused.field("Content-Length").unwrap(), "22");
}

#[test]
fn encodings_are_chosen_by_weight() {
    for (lines, encoding) in [
        ("", None),
        ("Accept-Encoding: gzip, deflate, br, zstd\r\n", Some("br")),
        ("Accept-Encoding: gzip\r\n", Some("gzip")),
        (
            "Accept-Encoding: gzip;q=0\r\nAccept-Encoding: br;q=0.1\r\n",
            Some("br"),
        ),
        ("Accept-Encoding: identity;q=0, *;q=0\r\n", None),
        ("Accept-Encoding: compress\r\n", None),
        ("Accept-Encoding:\r\n", None),
    ] {
        let answer = get("/index.html", lines);
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.field("Content-Encoding").as_deref(),
            encoding,
            "{lines}"
        );
        assert_eq!(answer.field("Vary").unwrap(), "Accept-Encoding");
    }
    let plain = get("/plain.txt", "Accept-Encoding: br\r\n");
    assert_eq!(
        (plain.field("Content-Encoding"), plain.field("Vary")),
        (None, None)
    );
}

#[test]
fn conditions() {
    let older = "Sun, 06 Nov 1994 08:49:36 GMT";
    let same = "Sun, 06 Nov 1994 08:49:37 GMT";
    for (lines, status) in [
        (format!("If-None-Match: {ETAG}\r\n"), 304),
        (format!("If-None-Match: W/{ETAG}\r\n"), 304),
        (format!("If-None-Match: \"x\", {ETAG}\r\n"), 304),
        (
            format!("If-None-Match: \"x\"\r\nIf-None-Match: {ETAG}\r\n"),
            304,
        ),
        ("If-None-Match: *\r\n".into(), 304),
        ("If-None-Match: \"x\"\r\n".into(), 200),
        (format!("If-None-Match: {ETAG_BR}\r\n"), 200),
        (
            format!("If-None-Match: {ETAG_BR}\r\nAccept-Encoding: br\r\n"),
            304,
        ),
        (
            format!("If-None-Match: \"x\"\r\nIf-Modified-Since: {same}\r\n"),
            200,
        ),
        (
            format!("If-None-Match: {ETAG}\r\nIf-Modified-Since: {older}\r\n"),
            304,
        ),
        (format!("If-Modified-Since: {same}\r\n"), 304),
        (format!("If-Modified-Since: {older}\r\n"), 200),
        ("If-Modified-Since: whenever\r\n".into(), 200),
        (format!("If-Match: {ETAG}\r\n"), 200),
        ("If-Match: *\r\n".into(), 200),
        (format!("If-Match: W/{ETAG}\r\n"), 412),
        ("If-Match: \"x\"\r\n".into(), 412),
        (
            format!("If-Match: {ETAG}\r\nIf-Unmodified-Since: {older}\r\n"),
            200,
        ),
        (
            format!("If-Match: {ETAG}\r\nIf-None-Match: {ETAG}\r\n"),
            304,
        ),
        (format!("If-Unmodified-Since: {older}\r\n"), 412),
        (format!("If-Unmodified-Since: {same}\r\n"), 200),
        ("If-Unmodified-Since: whenever\r\n".into(), 200),
    ] {
        assert_eq!(get("/", &lines).status, status, "{lines}");
    }
    // Without a date there is nothing to compare a date with.
    let lines = format!("If-Modified-Since: {same}\r\nIf-Unmodified-Since: {older}\r\n");
    assert_eq!(get("/plain.txt", &lines).status, 200);
    let failed = get("/", "If-Match: \"x\"\r\n");
    assert_eq!(failed.field("Vary").unwrap(), "Accept-Encoding");
    assert!(!failed.close);
    // What is no 200 has no preconditions.
    assert_eq!(get("/nothing", "If-None-Match: *\r\n").status, 404);
    assert_eq!(get("/deep", "If-Match: \"x\"\r\n").status, 301);
}

#[test]
fn ranges() {
    let part = get("/plain.txt", "Range: bytes=2-4\r\n");
    assert_eq!((part.status, part.body()), (206, &b"234"[..]));
    assert_eq!(part.field("Content-Range").unwrap(), "bytes 2-4/10");
    assert_eq!(part.field("Content-Type").unwrap(), "text/plain");
    assert_eq!(part.field("ETag").unwrap(), ETAG);
    assert_eq!(get("/plain.txt", "Range: bytes=-3\r\n").body(), b"789");
    let compressed = get("/", "Range: bytes=1-\r\nAccept-Encoding: br\r\n");
    assert_eq!(compressed.body(), b"R");
    assert_eq!(compressed.field("Content-Range").unwrap(), "bytes 1-1/2");
    assert_eq!(compressed.field("ETag").unwrap(), ETAG_BR);
    for (lines, status) in [
        ("Range: bytes=10-\r\n".into(), 416),
        ("Range: bytes=alpha\r\n".into(), 416),
        ("Range: lines=1-2\r\n".into(), 200),
        ("Range: bytes=0-1,4-5\r\n".into(), 206),
        ("Range: bytes=0-7,2-9\r\n".into(), 200),
        ("Range: bytes=0-1,20-30\r\n".into(), 206),
        ("Range: bytes=0-1,x\r\n".into(), 416),
        ("Range: bytes=20-,30-\r\n".into(), 416),
        (
            "Range: bytes=0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0\r\n".into(),
            200,
        ),
        ("Range: bytes=0-1,4-5\r\nIf-Range: \"x\"\r\n".into(), 200),
        ("Range: bytes=0-1\r\nRange: bytes=4-5\r\n".into(), 200),
        (format!("Range: bytes=0-1\r\nIf-Range: {ETAG}\r\n"), 206),
        (format!("Range: bytes=0-1\r\nIf-Range: W/{ETAG}\r\n"), 200),
        ("Range: bytes=0-1\r\nIf-Range: \"x\"\r\n".into(), 200),
        (
            "Range: bytes=0-1\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n".into(),
            200,
        ),
        ("Range: bytes=10-\r\nIf-Range: \"x\"\r\n".into(), 200),
        (
            format!("Range: bytes=0-1\r\nIf-None-Match: {ETAG}\r\n"),
            304,
        ),
        ("Range: bytes=0-1\r\nIf-Match: \"x\"\r\n".into(), 412),
    ] {
        assert_eq!(get("/plain.txt", &lines).status, status, "{lines}");
    }
    let dated = "Range: bytes=0-1\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    assert_eq!(get("/", dated).status, 206);
    assert_eq!(
        get("/plain.txt", "Range: bytes=10-\r\n")
            .field("Content-Range")
            .unwrap(),
        "bytes */10"
    );
    let head = ask("HEAD /plain.txt HTTP/1.1\r\nHost: h\r\nRange: bytes=2-4\r\n\r\n");
    assert_eq!(
        (head.status, head.field("Content-Length").unwrap()),
        (200, "10".into())
    );
    assert_eq!(get("/nothing", "Range: bytes=0-1\r\n").status, 404);
    assert_eq!(get("/empty", "Range: bytes=0-\r\n").status, 416);
}

#[test]
fn several_ranges_byte_by_byte() {
    let lines = "Range: bytes=0-1, -3,20-\r\n";
    let answer = get("/plain.txt", lines);
    assert_eq!(
        answer.text(),
        "HTTP/1.1 206 Partial Content\r\nDate: Tue, 24 Nov 2026 12:00:00 GMT\r\n\
         Content-Type: multipart/byteranges; boundary=AAAAAAAAAAAAAAAAAAAAAA\r\n\
         Content-Length: 205\r\nAccept-Ranges: bytes\r\n\
         ETag: \"AAAAAAAAAAAAAAAAAAAAAA\"\r\n\r\n\
         \r\n--AAAAAAAAAAAAAAAAAAAAAA\r\nContent-Type: text/plain\r\n\
         Content-Range: bytes 0-1/10\r\n\r\n01\
         \r\n--AAAAAAAAAAAAAAAAAAAAAA\r\nContent-Type: text/plain\r\n\
         Content-Range: bytes 7-9/10\r\n\r\n789\
         \r\n--AAAAAAAAAAAAAAAAAAAAAA--\r\n"
    );
    // Behind it the connection goes on, or closes, as after any other.
    let ask = |end: &str| {
        let first = format!("GET /plain.txt HTTP/1.1\r\nHost: h\r\n{lines}{end}");
        exchange(format!("{first}GET /empty HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes())
    };
    for (end, count) in [
        ("\r\n", 2),
        ("Content-Length: 3\r\n\r\nabc", 2),
        ("Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", 2),
        ("Connection: close\r\n\r\n", 1),
        ("Content-Length: 99999\r\n\r\n", 1),
    ] {
        let answers = ask(end);
        assert_eq!(answers.len(), count, "{end}");
        assert_eq!((answers[0].status, answers[0].close), (206, count == 1));
        assert_eq!(answers[0].body().len(), 205, "{end}");
    }
    // Of a coded body parts are not sent several at once, but one is.
    let coded = get("/", "Range: bytes=0-0,1-1\r\nAccept-Encoding: br\r\n");
    assert_eq!((coded.status, coded.body()), (200, &b"BR"[..]));
    let plain = get("/", "Range: bytes=0-0,1-1\r\n");
    assert_eq!(plain.status, 206);
    let text = plain.text();
    assert_eq!(
        text.matches("Content-Type: text/html; charset=utf-8\r\n")
            .count(),
        2
    );
}

#[test]
fn methods() {
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE"] {
        let answer = ask(&format!("{method} / HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert_eq!((answer.status, answer.close), (405, false), "{method}");
        assert_eq!(answer.field("Allow").unwrap(), "GET, HEAD, OPTIONS");
    }
    let connect = ask("CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\nnoise");
    assert_eq!((connect.status, connect.close), (405, true));
    for method in ["get", "PROPFIND", "X"] {
        let answer = ask(&format!("{method} / HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert_eq!((answer.status, answer.close), (501, false), "{method}");
    }
    for target in ["*", "/", "/plain.txt", "http://h", "/deep"] {
        let answer = ask(&format!("OPTIONS {target} HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert_eq!(answer.status, 204, "{target}");
        assert_eq!(answer.field("Allow").unwrap(), "GET, HEAD, OPTIONS");
    }
    assert_eq!(
        ask("OPTIONS /nothing HTTP/1.1\r\nHost: h\r\n\r\n").status,
        404
    );
    assert_eq!(get("*", "").status, 400);
}

#[test]
fn missing_things_get_the_nearest_page() {
    for (target, page) in [
        ("/nothing", "top"),
        ("/deeper/nothing", "top"),
        ("/very/deep/nothing", "deep"),
        ("/very/deep/", "deep"),
        ("/very/deep/a/b/c/d", "deep"),
        ("/very/deep/..%2fx", "deep"),
        ("/very/deep/%41/%2f", "deep"),
        ("/plain.txt/", "top"),
        ("//", "top"),
        ("//plain.txt", "top"),
        ("/404.html", "top"),
    ] {
        let answer = get(target, "");
        assert_eq!(
            (answer.status, answer.body()),
            (404, page.as_bytes()),
            "{target}"
        );
        assert!(!answer.close);
    }
    assert_eq!(get(&"/a".repeat(4000), "").body(), b"top");
}

#[test]
fn without_a_page_the_status_speaks() {
    let bytes = {
        let mut writer = applgen_bundle::write::BundleWriter::new();
        writer.http(applgen_bundle::write::HttpSection::new());
        writer.finish().unwrap().to_vec()
    };
    let mut driver = common::Driver::new(common::site(&bytes));
    driver.receive(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    let answer = &driver.answers[0];
    assert_eq!(
        (answer.status, answer.body()),
        (404, &b"404 Not Found\n"[..])
    );
}

#[test]
fn paths_are_decoded_once_and_never_lead_out() {
    for target in [
        "/a%20b/%C3%A4.txt",
        "/a%20b/../a%20b/%c3%a4.txt",
        "/x/%2e%2e/a%20b/./ä.txt",
    ] {
        assert_eq!(get(target, "").body(), b"odd name", "{target}");
    }
    assert_eq!(get("/%70lain.txt", "").status, 200);
    assert_eq!(get("/%2570lain.txt", "").status, 404);
    for target in [
        "/..",
        "/../plain.txt",
        "/%2e%2e/",
        "/%00",
        "/plain.txt%00",
        "/%",
        "/%zz",
    ] {
        let answer = get(target, "");
        assert_eq!((answer.status, answer.close), (400, true), "{target}");
    }
    assert_eq!(get("/a%2fb", "").status, 404);
    assert_eq!(get("/plain.txt?x=%zz", "").status, 200);
}

#[test]
fn redirects_keep_the_query() {
    for (target, status, location) in [
        ("/deep", 301, "/deep/"),
        ("/deep?x=1&y", 301, "/deep/?x=1&y"),
        ("/%64eep?", 301, "/deep/?"),
        ("/old?x=1", 302, "/new?a=b#part"),
        ("/mark?x=1", 308, "/new?x=1#part"),
        ("/mark?a=\"ä", 308, "/new?a=%22%C3%A4#part"),
    ] {
        let answer = get(target, "");
        assert_eq!(
            (answer.status, answer.field("Location").unwrap()),
            (status, location.into())
        );
    }
    assert_eq!(get(&format!("/deep?{}", "x".repeat(5000)), "").status, 414);
}

#[test]
fn targets_and_hosts() {
    let ok = "HTTP/1.1\r\nHost: h\r\n\r\n";
    for (target, status) in [
        ("http://example.org/plain.txt", 200),
        ("HTTP://example.org:80/plain.txt?q", 200),
        ("https://example.org", 200),
        ("ftp://example.org/", 400),
        ("http://user@example.org/", 400),
        ("plain.txt", 400),
        ("example.org:80", 400),
        ("/plain.txt#part", 400),
    ] {
        assert_eq!(
            ask(&format!("GET {target} {ok}")).status,
            status,
            "{target}"
        );
    }
    for (head, status) in [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", 200),
        ("GET / HTTP/1.0\r\n\r\n", 200),
        ("GET http://h/ HTTP/1.0\r\n\r\n", 200),
    ] {
        assert_eq!(ask(head).status, status, "{head}");
    }
}

#[test]
fn versions_and_persistence() {
    let answer = ask("GET /empty HTTP/1.0\r\n\r\n");
    assert_eq!((answer.status, answer.close), (200, true));
    let answer = ask("GET /empty HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(answer.field("Connection").as_deref(), Some("keep-alive"));
    let answer = get("/empty", "Connection: close\r\n");
    assert!(answer.close);
    assert_eq!(get("/empty", "").field("Connection"), None);
    assert_eq!(ask("GET / HTTP/1.7\r\nHost: h\r\n\r\n").status, 200);
    let answer = ask("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert_eq!((answer.status, answer.close), (505, true));
    assert_eq!(ask("GET /\r\n\r\n").status, 400);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let input = "GET /plain.txt HTTP/1.1\r\nHost: h\r\n\r\n\r\n\r\nHEAD / HTTP/1.1\r\nHost: h\r\n\r\n\
                 POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET /empty HTTP/1.1\r\n\
                 Host: h\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n";
    let answers = exchange(input.as_bytes());
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 200, 405, 200]);
    let lines: Vec<_> = answers
        .iter()
        .map(|answer| String::from_utf8_lossy(&answer.request_line).into_owned())
        .collect();
    assert_eq!(
        lines,
        [
            "GET /plain.txt HTTP/1.1",
            "HEAD / HTTP/1.1",
            "POST / HTTP/1.1",
            "GET /empty HTTP/1.1"
        ]
    );
}
