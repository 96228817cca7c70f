//! Policies of pages.

use super::*;

fn page(text: &str) -> Page {
    Page::read(text.as_bytes(), &|script| script == "eval('ours')").unwrap()
}

fn whole(text: &str) -> String {
    let policy = page(text).whole(&Files::default(), Framed::AsRulesSay);
    policy.unwrap()
}

fn files() -> Files {
    let scripts = [("/a.js", false), ("/adds.js", true)];
    Files {
        scripts: scripts.map(|(path, adds)| (path.into(), adds)).into(),
        imports: BTreeSet::new(),
        base_url: Some("https://example.org".to_owned()),
    }
}

fn careful(text: &str) -> String {
    page(text).careful(&"/d/p.html".into(), &files(), Framed::BySelf)
}

const LEAST: &str = "object-src 'self'; base-uri 'self'; frame-ancestors 'self'";

#[test]
fn a_page_without_code() {
    let policy = "script-src 'none'; style-src 'self'; object-src 'none'; base-uri 'self'";
    assert_eq!(whole("<p>x"), policy);
    assert_eq!(careful("<p>x"), format!("{policy}; frame-ancestors 'self'"));
}

#[test]
fn what_the_page_has_is_named() {
    // Hashes from `printf … | openssl dgst -sha256 -binary | base64`.
    let text = whole(
        "<script>alert(1)</script><script src=/a.js></script>\
         <script src='https://CDN.example/x.js?y'></script>\
         <script type='application/ld+json'>{}</script>\
         <style>a{}@import url(\"//fonts.example/css\");</style>\
         <link rel=stylesheet href='http://s.example:8080/s.css'>",
    );
    assert!(
        text.starts_with(
            "script-src 'self' 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI=' \
             https://cdn.example; style-src 'self' 'sha256-"
        ),
        "{text}"
    );
    assert!(
        text.contains("' fonts.example http://s.example:8080; object-src"),
        "{text}"
    );
    assert_eq!(text.matches("sha256").count(), 2, "{text}");
}

#[test]
fn attributes_and_pages_in_pages() {
    let text = whole(
        "<a onclick='alert(1)' style='x:y'>b</a><a href=' JavaScript:alert(1)'>c</a><embed src=x>\
         <iframe srcdoc='&lt;script&gt;2&lt;/script&gt;'></iframe>",
    );
    assert!(
        text.contains("'unsafe-hashes' 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='; "),
        "{text}"
    );
    assert!(
        text.contains("style-src-attr 'unsafe-inline'; base-uri"),
        "{text}"
    );
    assert_eq!(text.matches("sha256").count(), 2, "{text}");
    let text = whole("<noscript><link rel=stylesheet href=//s.example></noscript>");
    assert!(text.contains("style-src 'self' s.example;"), "{text}");
    let text = whole("<base href='https://b.example/x/'><script src=a.js></script>");
    assert!(
        text.contains("script-src 'self' https://b.example; "),
        "{text}"
    );
    assert!(
        text.ends_with("base-uri 'self' https://b.example"),
        "{text}"
    );
}

#[test]
fn line_ends_are_hashed_as_browsers_see_them() {
    assert_eq!(
        whole("<script>a\r\nb</script>"),
        whole("<script>a\nb</script>")
    );
}

#[test]
fn a_header_has_an_end() {
    let many: String = (0..100).map(|n| format!("<script>{n}</script>")).collect();
    assert_eq!(
        page(&many).whole(&Files::default(), Framed::AsRulesSay),
        None
    );
    assert_eq!(
        careful(&many),
        "object-src 'none'; base-uri 'self'; frame-ancestors 'self'"
    );
    assert_eq!(Page::read(b"\xff", &|_| false), None);
}

#[test]
fn a_careful_policy_stops_nothing_that_scripts_add() {
    for page in [
        "<script>document.write(1)</script>",
        "<script src='https://cdn.example/a.js'></script>",
        "<script src=//example.org.evil.example/a.js></script>",
        "<script src=/adds.js></script>",
        "<script src=/missing.js></script>",
        "<script type=module>import './a.js'</script>",
        "<p onclick='eval(1)'>",
        "<a href='javascript:x()'>",
        "<base href=/d/><script src=a.js></script>",
        "<?xml version='1.0'?><html/>",
    ] {
        assert_eq!(careful(page), LEAST, "{page}");
    }
    for page in [
        "<script>document.title = 1</script>",
        "<script src=../a.js?v=2></script>",
        "<script src='https://example.org/a.js'></script>",
        "<p onclick='this.remove()'>",
    ] {
        let text = careful(page);
        assert!(text.starts_with("script-src 'self'"), "{page}: {text}");
        assert!(text.contains("; style-src 'self'"), "{page}: {text}");
    }
    // Ours is known.
    assert!(careful("<script>eval('ours')</script>").starts_with("script-src 'self' 'sha256-"));
    // What others' style sheets import is in none of the site's files.
    let text = careful("<link rel=stylesheet href=//fonts.example/a.css>");
    assert!(
        text.starts_with("script-src 'none'; object-src 'none'; "),
        "{text}"
    );
    let files = Files {
        imports: ["https://fonts.example".to_owned()].into(),
        ..Files::default()
    };
    let text = page("x").careful(&"/".into(), &files, Framed::BySelf);
    assert!(!text.contains("style-src"), "{text}");
    let text = page("x").whole(&files, Framed::BySelf).unwrap();
    assert!(
        text.contains("style-src 'self' https://fonts.example;"),
        "{text}"
    );
}
