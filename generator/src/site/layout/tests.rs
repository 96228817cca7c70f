//! What files make of a directory.

use super::*;

fn layout(paths: &[&str]) -> Result<Layout, String> {
    let files = paths
        .iter()
        .map(|path| SourceFile {
            relative: PathBuf::from(path),
            absolute: PathBuf::from("/nowhere").join(path),
            bytes: 0,
            shown: (*path).to_owned(),
        })
        .collect();
    Layout::of_directory(Path::new("site"), files, &mut Diagnostics::new())
        .map_err(|failure| failure.diagnostic.map_or_else(String::new, |d| d.message))
}

/// Decks as `NAME at PATH (base)`, then files as `PATH`, then the index.
fn told(paths: &[&str]) -> Vec<String> {
    let layout = layout(paths).unwrap();
    let mut told: Vec<String> = layout
        .decks
        .iter()
        .map(|d| format!("{} at {} ({})", d.name.to_string_lossy(), d.path, d.base))
        .collect();
    told.extend(layout.files.iter().map(|f| f.path.to_string()));
    told.extend(layout.index.iter().map(|path| format!("index at {path}")));
    told
}

#[test]
fn one_deck_is_at_the_root_and_its_name_redirects() {
    let paths = ["slides/a/content.md", "slides/a/x.png", "README.md"];
    assert_eq!(told(&paths), ["a at / (/)", "/x.png"]);
    let layout = layout(&paths).unwrap();
    assert_eq!(layout.decks[0].redirect_from, Some(UrlPath::from("/a/")));
}

#[test]
fn several_decks_have_an_index() {
    assert_eq!(
        told(&[
            "slides/a/content.md",
            "slides/a/x.png",
            "slides/b/index.html",
            "slides/b/r.js",
            "slides/common.css"
        ]),
        [
            "a at /a/ (/a/)",
            "b at /b/ (/b/)",
            "/a/x.png",
            "/b/r.js",
            "/common.css",
            "index at /"
        ]
    );
}

#[test]
fn content_comes_before_slides_and_index() {
    let layout = layout(&["slides/a/index.md", "slides/a/content.md"]).unwrap();
    assert_eq!(
        layout.decks[0].source.file().relative,
        Path::new("slides/a/content.md")
    );
    assert_eq!(layout.files.len(), 1);
}

#[test]
fn a_home_page_in_static_moves_the_index() {
    assert_eq!(
        told(&["slides/a/content.md", "static/index.html", "static/s.css"]),
        [
            "a at /a/ (/a/)",
            "/index.html",
            "/s.css",
            "index at /slides/"
        ]
    );
}

#[test]
fn slides_at_the_top_take_the_files_beside_them() {
    assert_eq!(
        told(&["slides.md", "img/x.png"]),
        ["slides at / (/)", "/img/x.png"]
    );
}

#[test]
fn bare_markdown_is_a_deck_each() {
    assert_eq!(told(&["talk.md", "x.png"]), ["talk at / (/)", "/x.png"]);
    assert_eq!(
        told(&["a.md", "b.md", "2014/c.md", "img/x.png"]),
        [
            "c at /2014/c/ (/2014/)",
            "a at /a/ (/)",
            "b at /b/ (/)",
            "/img/x.png",
            "index at /"
        ]
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
    );
}

#[test]
fn other_generators_output_is_files() {
    assert_eq!(
        told(&[
            "index.html",
            "README.md",
            "static/a.js",
            "slides/x/index.html"
        ]),
        [
            "/README.md",
            "/index.html",
            "/slides/x/index.html",
            "/static/a.js"
        ]
    );
    assert_eq!(told(&["static/a.txt", "Makefile"]), ["/a.txt"]);
}

#[test]
fn zones_are_no_files() {
    let found = layout(&["zones/a.zone", "zones/hosts.inc", "index.html"]).unwrap();
    assert_eq!(found.zones.len(), 1);
    assert_eq!(found.files.len(), 1);
    let alone = layout(&["zones/a.zone", "zones/hosts.inc"]).unwrap();
    assert!(!alone.has_pages());
    assert_eq!(layout(&["zones/a.txt"]).unwrap().files.len(), 1);
}

#[test]
fn a_website_is_its_configuration_and_its_content() {
    let found = layout(&["content/_index.md", "config.toml", "slides/a/content.md"]).unwrap();
    assert!(found.website.is_some() && found.has_pages());
    assert_eq!(found.decks.len(), 1);
    // Either alone is none.
    for files in [
        &["content/_index.md", "index.html"],
        &["config.toml", "index.html"],
    ] {
        assert!(layout(files).unwrap().website.is_none());
    }
}

#[test]
fn nothing_to_serve_is_refused() {
    assert!(
        layout(&[])
            .unwrap_err()
            .contains("nothing that could be served")
    );
}
