//! Bad input: each is one clear message and the right exit code, and never
//! half an image.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
    },
};

use crate::support::{Site, open_to_all};

const DECK: &str = "# One\n\n---\n\n# Two\n";

#[test]
fn no_such_directory() {
    let site = Site::new("s");
    site.run(["build", "nowhere"])
        .code(2)
        .tells("error: there is no `nowhere`")
        .tells("hint: ");
    assert!(!site.parent().join("dist").exists());
}

#[test]
fn empty_site() {
    Site::new("s")
        .build()
        .code(1)
        .tells("holds nothing that could be served")
        .tells("hint: ");
}

#[test]
fn unreadable_file() {
    let site = Site::new("s").file("index.html", "x").file("a.txt", "x");
    fs::set_permissions(site.root().join("a.txt"), fs::Permissions::from_mode(0o000)).unwrap();
    site.run_as_nobody(["check", "s"])
        .code(1)
        .tells("`s/a.txt` cannot be read: Permission denied");
}

#[test]
fn names_of_every_kind_are_served() {
    let site = Site::new("s")
        .file("index.html", "<p>home")
        .file("a b.txt", "space")
        .file("100%.txt", "percent")
        .file("what?.txt", "question")
        .file("#.txt", "hash")
        .file("é.txt", "accent")
        .file(OsStr::from_bytes(b"latin-\xe9.txt"), "not UTF-8");
    let server = site.serve();
    for (target, body) in [
        ("/", "<p>home"),
        ("/a%20b.txt", "space"),
        ("/100%25.txt", "percent"),
        ("/what%3F.txt", "question"),
        ("/%23.txt", "hash"),
        ("/%C3%A9.txt", "accent"),
        ("/latin-%E9.txt", "not UTF-8"),
    ] {
        let response = server.get(target);
        assert_eq!(
            (response.status(), response.text().as_str()),
            (200, body),
            "{target}"
        );
    }
}

#[test]
fn symlink_out_of_the_site() {
    let site = Site::new("s").file("index.html", "x");
    fs::write(site.parent().join("secret"), "x").unwrap();
    symlink("../secret", site.root().join("link")).unwrap();
    site.build().code(1).tells("`s/link` leads out of the site");
    assert!(!site.parent().join("dist").exists());
}

#[test]
fn two_files_claim_one_path() {
    Site::new("s")
        .file("slides/a/content.md", DECK)
        .file("slides/b/content.md", DECK)
        .file("slides/b/x.txt", "1")
        .file("static/b/x.txt", "2")
        .build()
        .code(1)
        .tells("two files claim the path `/b/x.txt`: `s/slides/b/x.txt` and `s/static/b/x.txt`");
}

#[test]
fn file_over_the_limit() {
    let site = Site::new("s").file("index.html", "x");
    let file = fs::File::create(site.root().join("huge.bin")).unwrap();
    file.set_len(3_000_000_000).unwrap();
    site.build()
        .code(1)
        .tells("1900000000 bytes")
        .tells("huge.bin");
}

#[test]
fn site_over_its_own_limit() {
    Site::new("s")
        .file("index.html", "x".repeat(600))
        .file("b.txt", "x".repeat(600))
        .file("applgen.toml", "[image]\nmax-bytes = 1000\n")
        .build()
        .code(1)
        .tells("larger than 1000 bytes");
}

#[test]
fn front_matter_that_does_not_parse() {
    Site::new("s")
        .file(
            "slides/a/content.md",
            "---\ntitle: [unclosed\ndate: x\n---\n\n# One\n",
        )
        .build()
        .code(1)
        .tells("s/slides/a/content.md:")
        .tells("hint: ");
}

#[test]
fn configuration_mistakes() {
    Site::new("s")
        .file("index.html", "x")
        .file("applgen.toml", "titel = \"x\"\n")
        .build()
        .code(1)
        .tells("unknown key `titel`")
        .tells("s/applgen.toml:1:1")
        .tells("hint: did you mean `title`?");
}

#[test]
fn broken_reference_is_a_warning_at_build_and_an_error_at_check() {
    let site = Site::new("s")
        .file("slides/a/content.md", "# One\n\n![x](picture.jpg)\n")
        .file("slides/a/picture.png", "x");
    for ran in [site.build().code(0), site.check().code(1)] {
        ran.tells("warning: `picture.jpg` leads to nothing in the site")
            .tells("s/slides/a/content.md:3:6")
            .tells("hint: did you mean `picture.png`?");
    }
}

#[test]
fn text_that_is_not_utf8() {
    Site::new("s")
        .file("slides/a/content.md", b"# One\n\ncaf\xe9\n")
        .build()
        .code(1)
        .tells("not valid UTF-8")
        .tells("s/slides/a/content.md:3:4");
}

#[test]
fn read_only_output() {
    let site = Site::new("s").file("index.html", "x");
    // The kernel is in the cache before a user without rights needs it.
    site.build().code(0);
    let out = site.parent().join("out");
    fs::create_dir(&out).unwrap();
    fs::set_permissions(&out, fs::Permissions::from_mode(0o555)).unwrap();
    site.run_as_nobody(["build", "s", "-o", "out/s.unix"])
        .code(2)
        .tells("out/s.unix")
        .tells("permission denied");
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
    open_to_all(&out);
}

#[test]
fn a_failed_build_leaves_the_previous_image_alone() {
    let site = Site::new("s").file("slides/a/content.md", DECK);
    let image = site.parent().join(site.build().code(0).stdout.trim());
    let before = fs::read(&image).unwrap();
    let site = site.file("slides/a/content.md", "+++\ntitle = \n+++\n");
    site.build().code(1);
    assert!(fs::read(&image).unwrap() == before, "the image changed");
    let names: Vec<_> = fs::read_dir(image.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn usage_errors_are_2() {
    let site = Site::new("s");
    site.run(["build", "--no-such-flag"]).code(2);
    site.run(["frobnicate"]).code(2);
    site.run(["run", "s", "--http", "70000"]).code(2);
    let site = site.file("x.pdf", "x");
    site.run(["build", "s/x.pdf"])
        .code(2)
        .tells("a kind that is no site of its own");
}
