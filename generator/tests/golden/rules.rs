//! Rules and hosts through the real command: what is served, and what stops a
//! build.

use crate::support::Site;

#[test]
fn rules_are_served() {
    let site = Site::new("s")
        .file("index.html", "<title>x</title>")
        .file("about.html", "about")
        .file("_redirects", "/old/* /about?was=:splat 302\n/gone 410\n")
        .file("_headers", "/about\n  X-A: b\n");
    let server = site.serve();
    let old = server.get("/old/x");
    assert_eq!(
        (old.status(), old.header("Location")),
        (302, Some("/about?was=x"))
    );
    assert_eq!(server.get("/gone").status(), 410);
    let about = server.get("/about");
    assert_eq!(
        (about.text().as_str(), about.header("X-A")),
        ("about", Some("b"))
    );
    assert_eq!(server.get("/").header("X-A"), None);
    assert_eq!(server.get("/_redirects").status(), 404);
}

#[test]
fn hosts_have_sites_of_their_own() {
    let site = Site::new("s")
        .file("one/index.html", "one")
        .file("two/slides.md", "# Two\n")
        .file(
            "applgen.toml",
            "[[hosts]]\nnames = [\"one.example\"]\ndirectory = \"one\"\nwww = \"strip\"\n\
             [[hosts]]\nnames = [\"two.example\"]\ndirectory = \"two\"\n",
        );
    site.check().code(0);
    let server = site.serve();
    let ask = |host: &str| {
        server.request(&format!(
            "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        ))
    };
    assert_eq!(ask("one.example").text(), "one");
    assert_eq!(ask("unknown.example").text(), "one");
    assert!(ask("two.example").text().contains("Two"));
    let www = ask("www.one.example");
    assert_eq!(
        (www.status(), www.header("Location")),
        (301, Some("//one.example/"))
    );
}

#[test]
fn mistakes_stop_the_build_with_file_line_and_hint() {
    for (file, text, says) in [
        ("_redirects", "/ok /\n/a /b 999\n", "s/_redirects:2:1"),
        ("_redirects", "/ok /\n/a /c\n/c /a\n", "s/_redirects:2:1"),
        ("_redirects", "/a/* /\n/a/b /\n", "s/_redirects:2:1"),
        ("_headers", "/*\n  Content-Length: 3\n", "s/_headers:2:3"),
        (
            "applgen.toml",
            "[http]\ncors = \"x\"\n",
            "s/applgen.toml:2:8",
        ),
        (
            "applgen.toml",
            "[[hosts]]\nnames = [\"a b\"]\n",
            "s/applgen.toml:2:9",
        ),
        (
            "applgen.toml",
            "[[hosts]]\nnames = [\"a\"]\ndirectory = \"..\"\n",
            "s/applgen.toml:2:9",
        ),
    ] {
        let site = Site::new("s").file("index.html", "x").file(file, text);
        site.build().code(1).tells(says).tells("hint: ");
    }
}
