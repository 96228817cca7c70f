//! Tests of what rules do to a site.

use super::*;
use crate::output::{Content, Resource};
use crate::report::{Level, SourceText};
use crate::rules::policy::CleanUrls;
use crate::rules::redirects;

fn site(paths: &[&str]) -> Output {
    let mut output = Output::new();
    for path in paths {
        let resource = Resource {
            content: Content::Bytes(Vec::new()),
            media_type: None,
            last_modified: None,
            origin: path.trim_start_matches('/').to_owned(),
        };
        output.resource((*path).into(), resource).unwrap();
    }
    output.clean_urls(CleanUrls::Alias);
    output
}

/// The site after the rules, and what was told.
fn applied(paths: &[&str], text: &str) -> (Output, String) {
    let mut diagnostics = Diagnostics::new();
    let rules = Rules {
        redirects: redirects::parse(&SourceText::new("_redirects", text), &mut diagnostics),
        headers: Vec::new(),
    };
    let mut output = site(paths);
    apply(&mut output, &rules, &mut diagnostics);
    let told: Vec<_> = diagnostics.iter().map(|d| d.render(false)).collect();
    assert!(diagnostics.iter().all(|d| d.level >= Level::Warning));
    (output, told.join("\n"))
}

const SITE: [&str; 5] = [
    "/index.html",
    "/a/index.html",
    "/b.html",
    "/app.html",
    "/404.html",
];

#[test]
fn rules_become_answers() {
    let (output, told) = applied(
        &SITE,
        "/old /a/ 302\n/app/* /app.html 200\n/gone 410\n/lost /404.html 404\n/n/:y/* /a/?y=:y\n/new/ https://x.example/\n",
    );
    assert_eq!(told, "");
    let exact = |path: &str| output.rules.exact.get(&UrlPath::from(path)).cloned();
    let redirect = |status, location: &str| {
        let location = location.to_owned();
        Some(Answer::Redirect { status, location })
    };
    assert_eq!(exact("/old"), redirect(302, "/a/"));
    assert_eq!(exact("/old/"), redirect(302, "/a/"));
    assert_eq!(exact("/new"), redirect(301, "https://x.example/"));
    assert_eq!(exact("/gone"), Some(Answer::Bare(410)));
    assert!(matches!(
        exact("/lost"),
        Some(Answer::Alias { status: 404, .. })
    ));
    assert_eq!(output.rules.patterns.len(), 2);
    assert!(output.answers(&"/n/1/2".into()));
}

#[test]
fn forced_rules_take_the_place_of_files() {
    let (output, told) = applied(&SITE, "/a/* /b/:splat 301!\n/index.html /b 302!\n");
    assert_eq!(told, "");
    assert!(!output.resources.contains_key(&UrlPath::from("/a/")));
    for (path, to) in [
        ("/a/", "/b/"),
        ("/a/index.html", "/b/index.html"),
        ("/index.html", "/b"),
    ] {
        let answer = &output.rules.exact[&UrlPath::from(path)];
        assert!(
            matches!(answer, Answer::Redirect { location, .. } if location == to),
            "{path}: {answer:?}"
        );
    }
    // Its page is still there at the directory.
    assert!(output.resources.contains_key(&UrlPath::from("/")));
    assert!(output.slashes().next().is_none());
    // One page for everything, itself included.
    let (output, told) = applied(&SITE, "/* /app.html 200!\n");
    assert_eq!(told, "");
    assert_eq!(output.resources.len(), 1);
}

#[test]
fn conflicts_are_told_with_their_line() {
    for (text, line, says) in [
        ("/x /a/\n/x /b", 2, "never used: `/x` above"),
        ("/x/* /a/\n/x/y /b", 2, "`/x/*` above goes before it"),
        ("/x/* /a/\n/x/:y /b", 2, "move it above"),
        ("/* /a/ 404\n/x/* /b", 2, "never used"),
        ("/b.html /a/", 1, "`b.html` is served there"),
        ("/a/ /b", 1, "write `301!`"),
        ("/x /nowhere 200", 1, "nothing is there"),
        ("/x /ap.html 200", 1, "did you mean `/app.html`?"),
        ("/x/* /nowhere 200", 1, "nothing is there"),
        ("/x /nowhere.html 404", 1, "nothing is there"),
        ("/x /nowhere", 1, "warning: the rule leads to `/nowhere`"),
    ] {
        let (_, told) = applied(&SITE, text);
        assert!(told.contains(says), "{text}: {told}");
        assert!(
            told.contains(&format!("_redirects:{line}:1")),
            "{text}: {told}"
        );
        assert_eq!(told.matches("hint: ").count(), 1, "{told}");
    }
}

#[test]
fn circles_are_told_once() {
    for text in [
        "/x /x",
        "/x /y\n/y /x",
        "/x /y?a\n/y /z#b\n/z /x",
        "/x/* /x/y/:splat",
        "/x/* /y/:splat\n/y/* /x/:splat",
        "/b /b.html 301!\n/b.html /b 301!",
        "/* /:splat",
    ] {
        let (_, told) = applied(&SITE, text);
        assert_eq!(
            told.matches("leads in a circle").count(),
            1,
            "{text}: {told}"
        );
        assert!(told.starts_with("error: "), "{told}");
    }
    for text in [
        "/x /x/y\n/x/y /a/",
        "/x/* /a/:splat",
        "/* / 302",
        "/a/:b /b",
        "/x /x/\n/x/ /a/",
    ] {
        assert_eq!(applied(&SITE, text).1, "", "{text}");
    }
}

#[test]
fn pages_have_clean_urls() {
    let output = site(&[
        "/a.html",
        "/b.html",
        "/b/index.html",
        "/404.html",
        "/c/index.html",
        "/d.html",
        "/d",
    ]);
    let alias = |path: &str| {
        output
            .aliases
            .get(&UrlPath::from(path))
            .map(ToString::to_string)
    };
    assert_eq!(alias("/a").as_deref(), Some("/a.html"));
    assert_eq!(alias("/b").as_deref(), Some("/b.html"));
    assert_eq!(alias("/d"), None);
    assert_eq!(alias("/404"), None);
    assert_eq!(
        output
            .redirects
            .get(&UrlPath::from("/a/"))
            .map(ToString::to_string)
            .as_deref(),
        Some("/a")
    );
    assert_eq!(output.redirects.get(&UrlPath::from("/b/")), None);
    let slashes: Vec<_> = output
        .slashes()
        .map(|(from, to)| format!("{from} {to}"))
        .collect();
    assert_eq!(slashes, ["/c /c/"]);
    let mut output = site(&["/index.html"]);
    let resource = output.resources[&UrlPath::root()].clone();
    output.resource("/x.html".into(), resource).unwrap();
    output.clean_urls(CleanUrls::Redirect);
    assert!(output.resources.contains_key(&UrlPath::from("/x")));
    assert_eq!(
        output.redirects[&UrlPath::from("/x.html")].to_string(),
        "/x"
    );
}
