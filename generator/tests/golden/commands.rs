//! The commands themselves: what they print where, and with which exit code.

use crate::support::{Server, Site, command};

#[test]
fn new_sites_check_build_and_run() {
    for kind in ["slides", "website", "files"] {
        let place = Site::new("unused");
        place
            .run(["new", kind, "fresh"])
            .code(0)
            .tells("applgen run fresh");
        place
            .run(["check", "fresh"])
            .code(0)
            .tells("nothing to mend");
        let server = Server::of(command(place.parent()).args(["run", "fresh", "--http", "0"]));
        assert_eq!(server.get("/").status(), 200, "{kind}");
        place
            .run(["new", kind, "fresh"])
            .code(2)
            .tells("is no empty directory");
    }
}

#[test]
fn run_takes_an_image_too() {
    let site = Site::new("s").file("index.html", "hello");
    let image = site.build().code(0).stdout;
    let server =
        Server::of(command(site.parent()).args(["run", image.trim(), "--http", "127.0.0.1:0"]));
    assert_eq!(server.get("/").text(), "hello");
}

#[test]
fn inspect_tells_paths_sizes_and_reasons() {
    let site = Site::new("s")
        .file("index.html", "words ".repeat(500))
        .file("a/index.html", "x");
    site.build().code(0);
    let text = site.run(["inspect", "dist/s.unix"]).code(0).stdout;
    assert!(
        text.contains("feature http: the site has 3 files"),
        "{text}"
    );
    let json = site
        .run(["inspect", "--json", "dist/s.unix"])
        .code(0)
        .stdout;
    let facts: serde_json::Value = serde_json::from_str(&json).unwrap();
    let paths: Vec<&str> = facts["paths"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["path"].as_str().unwrap())
        .collect();
    assert_eq!(
        paths,
        [
            "/",
            "/404.html",
            "/a",
            "/a/",
            "/a/index.html",
            "/index.html"
        ]
    );
    assert_eq!(facts["paths"][0]["bytes"], 3000);
    assert!(facts["paths"][0]["br_bytes"].as_u64().unwrap() < 100);
    assert_eq!(facts["paths"][4]["alias"], "/a/");
    site.run(["inspect", "s/index.html"])
        .code(2)
        .tells("no image of applgen's");
}

#[test]
fn check_without_anything_wrong_is_0() {
    Site::new("s")
        .file("index.html", "<a href='a.html#x'>a</a>")
        .file("a.html", "<p id=x>x")
        .check()
        .code(0)
        .tells("nothing to mend");
}

#[test]
fn completions_man_and_doctor_print_to_standard_output() {
    let site = Site::new("s");
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            site.run(["completions", shell])
                .code(0)
                .stdout
                .contains("inspect")
        );
    }
    let man = site.run(["man"]).code(0).stdout;
    site.run(["man", "."]).code(0);
    assert!(site.parent().join("applgen-build.1").is_file());
    assert!(
        man.starts_with(".ie") || man.contains(".TH applgen"),
        "{man}"
    );
    let doctor = site.run(["doctor"]).code(0).stdout;
    assert!(doctor.contains("cargo"), "{doctor}");
}

#[test]
fn help_names_every_command() {
    let help = Site::new("s").run(["--help"]).code(0).stdout;
    for name in [
        "build",
        "run",
        "check",
        "inspect",
        "new",
        "doctor",
        "completions",
        "man",
    ] {
        assert!(help.contains(name), "{help}");
    }
}
