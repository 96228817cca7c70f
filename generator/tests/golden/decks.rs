//! Decks: what is served where, and what stays out.

use std::fs;

use crate::support::Site;

const DECK: &str = "---\ntitle: First words\nspeakers: [Ada, Grace]\ndate: 2024-05-01\nvenue: Here\n---\n\
    # One\n\n![dot](img/dot.svg)\n\nNote: a secret remark\n\n---\n\n# Two\n";
const DOT: &str = "<svg xmlns='http://www.w3.org/2000/svg'/>";

#[test]
fn one_deck_is_served_at_the_root() {
    let server = Site::new("s")
        .file("slides/first/content.md", DECK)
        .file("slides/first/img/dot.svg", DOT)
        .serve();
    let page = server.get("/");
    assert_eq!(page.status(), 200);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let text = page.text();
    assert!(
        text.contains("<title>First words</title>") && text.contains("a secret remark"),
        "{text}"
    );
    assert_eq!(server.get("/index.html").text(), text);
    assert_eq!(
        server.get("/img/dot.svg").header("content-type"),
        Some("image/svg+xml")
    );
    for target in ["/first/", "/first"] {
        let redirect = server.get(target);
        assert_eq!(redirect.status(), 301, "{redirect:?}");
    }
    assert_eq!(server.get("/first/").header("location"), Some("/"));
    assert_eq!(
        server.get("/content.md").status(),
        404,
        "the source is not served"
    );
}

#[test]
fn notes_can_be_left_out_of_the_image() {
    let site = Site::new("s")
        .file("slides/first/content.md", DECK)
        .file("slides/first/img/dot.svg", DOT)
        .file("applgen.toml", "[slides]\nnotes = \"exclude\"\n");
    let image = site.parent().join(site.build().code(0).stdout.trim());
    let image = fs::read(image).unwrap();
    let needle = b"secret remark";
    assert!(!image.windows(needle.len()).any(|w| w == needle));
    assert!(!site.serve().get("/").text().contains("secret remark"));
}

#[test]
fn several_decks_have_an_index() {
    let server = Site::new("s")
        .file("slides/first/content.md", DECK)
        .file("slides/first/img/dot.svg", DOT)
        .file("slides/second talk/slides.md", "# Zwei\n")
        .file(
            "slides/done/index.html",
            "<title>Finished elsewhere</title><p>x",
        )
        .file("applgen.toml", "title = \"My talks\"\n")
        .serve();
    let index = server.get("/").text().replace("&#x2f;", "/");
    for part in [
        "My talks",
        "First words",
        "Ada",
        "Grace",
        "2024",
        "Here",
        "Zwei",
        "Finished elsewhere",
        "href=\"/first/\"",
        "href=\"/second%20talk/\"",
        "href=\"/done/\"",
    ] {
        assert!(index.contains(part), "no {part} in {index}");
    }
    assert!(server.get("/first/").text().contains("First words"));
    assert_eq!(server.get("/first").status(), 301);
    assert_eq!(
        server.get("/done/").text(),
        "<title>Finished elsewhere</title><p>x"
    );
}

#[test]
fn bare_markdown_files_find_what_lies_beside_them() {
    let site = Site::new("s")
        .file("a.md", "# A\n\n![dot](img/dot.svg)\n\n[b](b/)\n")
        .file("b.md", "# B\n")
        .file("img/dot.svg", DOT);
    site.check().code(0);
    let server = site.serve();
    let page = server.get("/a/").text();
    assert!(page.contains("src=\"../img/dot.svg\""), "{page}");
    assert!(page.contains("href=\"../b/\""), "{page}");
    assert_eq!(server.get("/img/dot.svg").status(), 200);
}

#[test]
fn a_single_file_takes_along_what_it_references_and_nothing_else() {
    let site = Site::new("s")
        .file(
            "talk.md",
            "# A\n\n![dot](img/dot.svg)\n\n![no](../outside.svg) ![h](.hidden.svg)\n",
        )
        .file("img/dot.svg", DOT)
        .file("private.txt", "x")
        .file(".hidden.svg", DOT);
    fs::write(site.parent().join("outside.svg"), DOT).unwrap();
    let ran = site.run(["build", "s/talk.md"]).code(0);
    assert_eq!(ran.stdout, "dist/talk.unix\n");
    let server = crate::support::Server::start(&site.parent().join("dist/talk.unix"));
    assert_eq!(server.get("/").status(), 200);
    assert_eq!(server.get("/img/dot.svg").status(), 200);
    for target in ["/private.txt", "/outside.svg", "/.hidden.svg", "/talk.md"] {
        assert_eq!(server.get(target).status(), 404, "{target}");
    }
}

#[test]
fn separators_are_inferred_and_told() {
    let site = Site::new("s").file(
        "slides/m/content.md",
        "# T\n\n\n----\n\n## A\n\n\n## B\n\n\n----\n\n## C\n",
    );
    site.build()
        .code(0)
        .tells("4 slides in 3 columns")
        .tells("mirage");
    let inspected = site.run(["inspect", "dist/s.unix"]).code(0);
    assert!(
        inspected
            .stdout
            .contains("4 slides in 3 columns, separators mirage"),
        "{inspected:?}"
    );
    let site = site.file("applgen.toml", "[slides]\nseparators = \"reveal\"\n");
    site.build().code(0).tells("1 slide in 1 column");
}
