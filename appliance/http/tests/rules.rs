//! Rules and virtual hosts: what answers where no entry does, and for whom.

mod common;

use common::{ask, get};

fn location(target: &str) -> (u16, Option<String>) {
    let answer = get(target, "");
    (answer.status, answer.field("Location"))
}

#[test]
fn redirects_carry_what_was_captured() {
    for (target, status, expected) in [
        ("/r/1/2", 302, "/s?a=b&c=1#2"),
        ("/r/1/2?x", 302, "/s?a=b&c=1#2"),
        ("/r/a%26b/%23?x", 302, "/s?a=b&c=a%26b#%23"),
        ("/r/%0d%0aX:%20y/%7f", 302, "/s?a=b&c=%0D%0AX:%20y#%7F"),
        ("/deep/x/y", 307, "https://example.com/x/y"),
        ("/deep/x?q=1", 307, "https://example.com/x?q=1"),
        ("/deep/%C3%A4&a=b", 307, "https://example.com/%C3%A4&a=b"),
        // An entry goes before a rule.
        ("/deep", 301, "/deep/"),
        ("/out", 301, "/"),
        ("/out/a", 301, "/a"),
        // Nobody is led to another host.
        ("/out//evil.example", 301, "/evil.example"),
        ("/out///evil.example", 301, "/evil.example"),
        ("/out/%5Cevil.example", 301, "/%5Cevil.example"),
    ] {
        assert_eq!(
            location(target),
            (status, Some(expected.into())),
            "{target}"
        );
    }
    assert_eq!(get("/r/1/2", "").field("X-Rule").as_deref(), Some("query"));
    assert_eq!(location("/r/1").0, 404);
    assert_eq!(location("/r/1/2/3").0, 404);
    assert_eq!(location(&format!("/deep/{}", "%20".repeat(2000))).0, 414);
    assert_eq!(
        get("/cached", "").field("Cache-Control").unwrap(),
        "max-age=60"
    );
}

#[test]
fn rewrites_are_the_page_itself() {
    let page = get("/", "");
    for target in [
        "/app",
        "/app/",
        "/app/some/where",
        "/app/x?y",
        "/w/index.html",
    ] {
        assert_eq!(get(target, "").text(), page.text(), "{target}");
    }
    let etag = page.field("ETag").unwrap();
    let cached = get("/app/x", &format!("If-None-Match: {etag}\r\n"));
    assert_eq!(cached.status, 304);
    let part = get("/app/x", "Range: bytes=0-1\r\n");
    assert_eq!((part.status, part.body()), (206, &b"<!"[..]));
    assert_eq!(get("/w/plain.txt", "").body(), b"0123456789");
    assert_eq!(get("/w/empty", "").status, 200);
    assert_eq!(get("/w/nothing", "").status, 404);
    // What a rewrite leads to may redirect, and is not looked up by rules again.
    assert_eq!(location("/w/old"), (302, Some("/new?a=b#part".into())));
    assert_eq!(get("/w/w/plain.txt", "").status, 404);
    assert_eq!(get("/w/..%2fplain.txt", "").status, 404);
}

#[test]
fn what_is_gone_is_said_to_be() {
    let gone = get("/gone", "");
    assert_eq!((gone.status, gone.body()), (410, &b"410 Gone\n"[..]));
    assert_eq!(get("/old/a/b", "").body(), b"410 Gone\n");
    for (target, status) in [("/sorry", 410), ("/lost/x", 404)] {
        let page = get(target, "If-None-Match: *\r\nRange: bytes=0-1\r\n");
        assert_eq!(
            (page.status, page.body()),
            (status, &b"0123456789"[..]),
            "{target}"
        );
    }
    assert_eq!(get("/plain.txt", "").status, 200);
    let head = ask("HEAD /gone HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!((head.status, head.body()), (410, &b""[..]));
}

#[test]
fn options_tell_other_origins() {
    let options = |target: &str| ask(&format!("OPTIONS {target} HTTP/1.1\r\nHost: h\r\n\r\n"));
    let shared = options("/shared.json");
    assert_eq!(shared.status, 204);
    assert_eq!(shared.field("Access-Control-Allow-Origin").unwrap(), "*");
    assert_eq!(
        shared.field("Access-Control-Allow-Methods").unwrap(),
        "GET, HEAD, OPTIONS"
    );
    assert_eq!(options("/").field("Access-Control-Allow-Methods"), None);
    assert_eq!(options("/deep/x").status, 204);
    assert_eq!(options("/app/x").status, 204);
    assert_eq!(options("/nothing").status, 404);
}

#[test]
fn hosts_are_chosen_by_name() {
    let body = |host: &str| {
        let answer = ask(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(answer.status, 200, "{host}");
        String::from_utf8(answer.body().to_vec()).unwrap()
    };
    for host in [
        "a.example.net",
        "A.EXAMPLE.net:8080",
        "a.b.example.net.",
        "[2001:db8::1]:80",
    ] {
        assert_eq!(body(host), "other", "{host}");
    }
    for host in [
        "example.org",
        "unknown.example",
        ".example.net",
        "xexample.net",
        "127.0.0.1",
        "",
        &"a.".repeat(200),
    ] {
        assert_eq!(body(host), "<!doctype html>", "{host}");
    }
    // The target's authority wins over `Host`.
    let answer = ask("GET http://x.example.net/ HTTP/1.1\r\nHost: example.org\r\n\r\n");
    assert_eq!(answer.body(), b"other");
    // What one site has, and its rules, the other has not.
    for target in ["/plain.txt", "/app/x", "/old/x", "/gone"] {
        let answer = ask(&format!(
            "GET {target} HTTP/1.1\r\nHost: a.example.net\r\n\r\n"
        ));
        assert_eq!(
            (answer.status, answer.body()),
            (404, &b"404 Not Found\n"[..]),
            "{target}"
        );
    }
}

#[test]
fn names_redirect_with_path_and_query() {
    for (host, target, status, expected) in [
        ("www.example.org", "/", 301, "//example.org/"),
        (
            "WWW.example.org:80",
            "/a%2fb?c=d",
            301,
            "//example.org/a%2fb?c=d",
        ),
        (
            "www.example.org",
            "//evil.example/",
            301,
            "//example.org//evil.example/",
        ),
        ("www.example.org", "/ä\"", 301, "//example.org/%C3%A4%22"),
        ("example.net", "/x", 308, "https://www.example.net/x"),
    ] {
        let answer = ask(&format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(
            (answer.status, answer.field("Location").unwrap().as_str()),
            (status, expected)
        );
    }
    let answer = ask("OPTIONS * HTTP/1.1\r\nHost: www.example.org\r\n\r\n");
    assert_eq!(answer.status, 204);
}
