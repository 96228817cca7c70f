//! Plain files: served as they are, with finished representations.

use crate::support::Site;

#[test]
fn files_are_served_with_types_tags_and_encodings() {
    let page = format!(
        "<!doctype html><title>x</title>{}",
        "<p>words words words</p>".repeat(100)
    );
    let server = Site::new("s")
        .file("index.html", &page)
        .file("sub/index.html", "sub")
        .file("data.json", "{}")
        .file(".well-known/security.txt", "Contact: x")
        .file(".git/config", "x")
        .file("LICENSE", "words")
        .serve();
    let plain = server.get("/");
    assert_eq!((plain.status(), plain.text()), (200, page.clone()));
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(plain.header("vary"), Some("Accept-Encoding"));
    let tag = plain.header("etag").unwrap().to_owned();
    let with = |header: &str| {
        server.request(&format!(
            "GET / HTTP/1.1\r\nHost: x\r\n{header}\r\nConnection: close\r\n\r\n"
        ))
    };
    let brotli = with("Accept-Encoding: gzip, br");
    assert_eq!(brotli.header("content-encoding"), Some("br"));
    assert_ne!(brotli.header("etag"), Some(tag.as_str()));
    assert!(brotli.body.len() < page.len() / 4);
    assert_eq!(
        with("Accept-Encoding: gzip, br;q=0").header("content-encoding"),
        Some("gzip")
    );
    let unchanged = with(&format!("If-None-Match: {tag}"));
    assert_eq!((unchanged.status(), unchanged.body.len()), (304, 0));

    assert_eq!(server.get("/sub").status(), 301);
    assert_eq!(server.get("/sub/").text(), "sub");
    assert_eq!(
        server.get("/data.json").header("content-type"),
        Some("application/json")
    );
    assert_eq!(
        server.get("/LICENSE").header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(server.get("/.well-known/security.txt").status(), 200);
    assert_eq!(server.get("/.git/config").status(), 404);
}

#[test]
fn what_is_not_found_gets_the_nearest_page() {
    let server = Site::new("s")
        .file("index.html", "x")
        .file("404.html", "ours")
        .file("docs/404.html", "docs")
        .file("docs/index.html", "x")
        .serve();
    for (target, body) in [
        ("/none", "ours"),
        ("/docs/none", "docs"),
        ("/docs/a/b/none", "docs"),
    ] {
        let response = server.get(target);
        assert_eq!(
            (response.status(), response.text().as_str()),
            (404, body),
            "{target}"
        );
    }
    let server = Site::new("s").file("index.html", "x").serve();
    let response = server.get("/none");
    assert_eq!(response.status(), 404);
    assert_eq!(
        response.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(response.text().contains("<html"), "{}", response.text());
}

#[test]
fn the_output_directory_is_never_input() {
    let site = Site::new("s").file("index.html", "x");
    for _ in 0..2 {
        let ran = crate::support::ran(crate::support::command(site.root()).arg("build")).code(0);
        assert_eq!(ran.stdout, "dist/s.unix\n");
    }
    let server = crate::support::Server::start(&site.root().join("dist/s.unix"));
    assert_eq!(server.get("/").status(), 200);
    assert_eq!(server.get("/dist/s.unix").status(), 404);
    assert_eq!(server.get("/dist/s.unix.json").status(), 404);
}

#[test]
fn what_others_put_into_dist_is_content_and_images_never_are() {
    let site = Site::new("s")
        .file("index.html", "<script src=dist/reveal.js></script>")
        .file("dist/reveal.js", "x");
    let build = |site: &Site| {
        crate::support::ran(crate::support::command(site.root()).arg("build")).code(0)
    };
    build(&site);
    build(&site);
    // From elsewhere it is the same site.
    for image in [
        site.root().join("dist/s.unix"),
        site.parent().join(site.build().code(0).stdout.trim()),
    ] {
        let server = crate::support::Server::start(&image);
        assert_eq!(server.get("/dist/reveal.js").status(), 200);
        assert_eq!(server.get("/dist/s.unix").status(), 404);
        assert_eq!(server.get("/dist/s.unix.json").status(), 404);
    }
    std::fs::rename(
        site.root().join("dist/s.unix"),
        site.root().join("old.unix"),
    )
    .unwrap();
    let ran = site.check().code(0);
    ran.tells("`s/old.unix` is an image that applgen built, and is left out");
}

#[test]
fn what_was_probably_meant_is_told() {
    let zone = "@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n";
    let site = Site::new("s")
        .file("index.html", "x")
        .file("zones/db.example.com", zone);
    site.check()
        .code(1)
        .tells("is this `zones/example.com.zone`?");
    assert_eq!(site.serve().get("/zones/db.example.com").status(), 404);
    let site = Site::new("s").file("index.html", "x").file("b.zone", zone);
    site.check()
        .code(1)
        .tells("`s/b.zone` is a zone, and is served as a file");
    // Pages about zones are no zones.
    let site = Site::new("s")
        .file("index.html", "x")
        .file("zones/soa.html", "@ SOA ns h 1 2 3 4 5")
        .file("zones/soa.txt", "the SOA record begins a zone");
    site.check().code(0);
    assert_eq!(site.serve().get("/zones/soa").status(), 200);

    let site = Site::new("s")
        .file("talk.md", "# One")
        .file("a/b.html", "x");
    let ran = site.check().code(0).tells("`s/talk.md` is served as it is");
    ran.tells("nothing answers at `/`");
    let site = Site::new("s")
        .file("talk.md", "# One")
        .file("node_modules/a/README.html", "x")
        .file("node_modules/a/README.md", "x");
    let server = site.serve();
    assert_eq!(server.get("/").status(), 200);
    assert_eq!(server.get("/node_modules/a/README.html").status(), 404);

    let site = Site::new("s")
        .file("book.toml", "")
        .file("src/SUMMARY.md", "# Summary");
    site.check()
        .code(1)
        .tells("this is what mdBook makes a site from");
}

#[test]
fn a_page_that_reads_its_slides_itself_is_the_deck() {
    let page = "<section data-markdown=\"slides.md\"></section>";
    for folder in ["", "slides/a/"] {
        let site = Site::new("s")
            .file(format!("{folder}index.html"), page)
            .file(format!("{folder}slides.md"), "# One");
        let server = site.serve();
        assert_eq!(server.get("/").text(), page, "{folder}");
        assert_eq!(server.get("/slides.md").text(), "# One", "{folder}");
    }
}

#[test]
fn a_pipe_in_the_output_directory_is_not_waited_for() {
    let site = Site::new("s").file("index.html", "x");
    let dist = site.parent().join("dist");
    std::fs::create_dir(&dist).unwrap();
    let pipe = std::process::Command::new("mkfifo")
        .arg(dist.join("pipe"))
        .status();
    assert!(pipe.unwrap().success());
    site.build().code(0);
}

#[test]
fn only_images_are_run_and_they_are_no_sites() {
    let site = Site::new("s").file("index.html", "x");
    let image = site.build().code(0).stdout;
    site.run(["run", "/bin/true"])
        .code(2)
        .tells("no site of its own");
    site.run(["check", image.trim()])
        .code(2)
        .tells("is an image, and no site");
    let path = site.parent().join(image.trim());
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    site.run(["run", image.trim()]).code(2).tells("chmod +x");
}

#[test]
fn the_image_does_not_hold_its_own_name() {
    let build = |name: &str| {
        let site = Site::new(name).file("index.html", "x");
        let image = site.parent().join(site.build().code(0).stdout.trim());
        std::fs::read(image).unwrap()
    };
    assert!(
        build("one-name") == build("another"),
        "the name is in the image"
    );
}
