//! `applgen serve`: what changes on the disk changes in the browser.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::support::{Response, Server, Site, command};

fn serve(site: &Site) -> Server {
    let mut command = command(site.parent());
    Server::of(command.args(["serve", site.name(), "--http", "0"]))
}

/// Asks until the answer is as wanted.
#[track_caller]
fn until(server: &Server, path: &str, wanted: impl Fn(&Response) -> bool) -> Response {
    let since = Instant::now();
    loop {
        let response = server.get(path);
        if wanted(&response) {
            return response;
        }
        assert!(since.elapsed() < Duration::from_secs(20), "{response:#?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[track_caller]
fn until_text(server: &Server, path: &str, text: &str) -> Response {
    until(server, path, |response| response.text().contains(text))
}

/// The tag in a page's script.
fn tag(page: &Response) -> String {
    let text = page.text();
    let (_, rest) = text.split_once("data-tag=\"").expect("no script");
    rest.split('"').next().unwrap().to_owned()
}

/// A page without the script of `serve`.
fn without_script(text: &str) -> String {
    let Some(start) = text.find("<script async nonce=\"applgen\"") else {
        return text.to_owned();
    };
    let end = start + text[start..].find("</script>").unwrap() + "</script>".len();
    format!("{}{}", &text[..start], &text[end..])
}

/// The events that a page hears.
struct Events(BufReader<TcpStream>);

impl Events {
    fn of(server: &Server, page: &str, tag: &str) -> Self {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        let timeout = Some(Duration::from_secs(20));
        stream.set_read_timeout(timeout).unwrap();
        let target = format!("/.applgen/live?tag={tag}&page={page}");
        write!(stream, "GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        Self(BufReader::new(stream))
    }

    /// The next event, and its data.
    #[track_caller]
    fn next(&mut self) -> (String, String) {
        let mut name = String::new();
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream ended");
            if let Some(event) = line.trim().strip_prefix("event: ") {
                name = event.to_owned();
            } else if let (false, Some(data)) = (name.is_empty(), line.strip_prefix("data:")) {
                return (name, data.trim().to_owned());
            }
        }
    }
}

fn website() -> Site {
    Site::new("w")
        .file("config.toml", "base_url = \"https://example.org/sub\"\ntitle = \"W\"\ncompile_sass = true\n")
        .file("content/_index.md", "+++\ntitle = \"Root\"\n+++\n")
        .file("content/a.md", "+++\ntitle = \"A\"\n+++\nfirst\n")
        .file("content/b.md", "+++\ntitle = \"B\"\n+++\nsecond\n")
        .file("sass/site.scss", "body { color: red; }\n")
        .file(
            "templates/page.html",
            "<!doctype html><html><head><title>{{ page.title }}</title></head><body>{{ page.permalink | safe }} {{ page.content | safe }}",
        )
}

#[test]
fn a_website_changes_under_its_reader() {
    let site = website();
    let server = serve(&site);
    let page = server.get("/a/");
    assert!(
        page.text()
            .contains(&format!("http://{}/a/", server.address))
    );
    assert_eq!(page.header("etag").unwrap(), format!("\"{}\"", tag(&page)));
    let (mut of_a, mut of_b) = (
        Events::of(&server, "%2Fa%2F", &tag(&page)),
        Events::of(&server, "%2Fb%2F", &tag(&server.get("/b/"))),
    );
    // Saved as many editors do: a new file, and a rename.
    let write = |path: &str, text: &str| {
        let path = site.root().join(path);
        let new = path.with_file_name(".new");
        fs::write(&new, text).unwrap();
        fs::rename(&new, &path).unwrap();
    };
    write("content/a.md", "+++\ntitle = \"A\"\n+++\nchanged\n");
    until_text(&server, "/a/", "changed");
    assert_eq!(of_a.next().0, "reload");
    write("sass/site.scss", "body { color: blue; }\n");
    until_text(&server, "/site.css", "blue");
    // The other page was not touched by the first change.
    assert_eq!(of_b.next().0, "style");
    write("templates/page.html", "<!doctype html>new {{ page.title }}");
    until_text(&server, "/b/", "new B");
    assert_eq!(of_b.next().0, "reload");
    write(
        "config.toml",
        "base_url = \"/\"\ntitle = \"X\"\ncompile_sass = true\ntaxonomies = [{ name = \"t\" }]\n",
    );
    fs::create_dir_all(site.root().join("content/n/e")).unwrap();
    fs::write(
        site.root().join("content/n/e/w.md"),
        "+++\ntitle = \"N\"\n+++\n",
    )
    .unwrap();
    until_text(&server, "/n/e/w/", "new N");
    fs::remove_dir_all(site.root().join("content/n")).unwrap();
    until(&server, "/n/e/w/", |response| response.status() == 404);
}

#[test]
fn an_error_is_shown_over_what_was_there() {
    let site = website();
    let server = serve(&site);
    let mut events = Events::of(&server, "%2Fa%2F", &tag(&server.get("/a/")));
    let broken = "+++\ntitle = \"A\"\n+++\n[<b>](@/none.md)\n";
    fs::write(site.root().join("content/a.md"), broken).unwrap();
    let (name, data) = events.next();
    let text: String = serde_json::from_str(&data).unwrap();
    assert_eq!(name, "fault");
    assert!(
        text.contains("content/a.md:4") && text.contains("none.md"),
        "{text}"
    );
    assert!(server.get("/a/").text().contains("first"));
    // Who comes later is told too.
    let mut late = Events::of(&server, "%2Fb%2F", &tag(&server.get("/b/")));
    assert_eq!(late.next().0, "fault");
    fs::write(
        site.root().join("content/a.md"),
        "+++\ntitle = \"A\"\n+++\nfirst\n",
    )
    .unwrap();
    assert_eq!(events.next().0, "fine");
    assert_eq!(late.next().0, "fine");
}

#[test]
fn a_site_that_cannot_be_built_yet_is_waited_for() {
    let site = website().file("content/a.md", "+++\ntitle = <script>\n+++\n");
    let server = serve(&site);
    let page = server.get("/a/");
    assert_eq!(page.status(), 500);
    let text = page.text();
    assert!(
        text.contains("a.md:2") && text.contains("&lt;script&gt;"),
        "{text}"
    );
    let mut events = Events::of(&server, "%2Fa%2F", &tag(&page));
    fs::write(
        site.root().join("content/a.md"),
        "+++\ntitle = \"A\"\n+++\n",
    )
    .unwrap();
    assert_eq!(events.next().0, "reload");
    assert_eq!(server.get("/a/").status(), 200);
}

#[test]
fn decks_files_and_single_files_too() {
    let deck = Site::new("d").file("slides.md", "# One\n");
    let server = serve(&deck);
    fs::write(deck.root().join("slides.md"), "# Two\n").unwrap();
    until_text(&server, "/", "Two");

    let files = Site::new("f")
        .file("index.html", "<p>one")
        .file("_redirects", "/old /new\n");
    let server = serve(&files);
    assert_eq!(server.get("/old").header("location"), Some("/new"));
    fs::write(files.root().join("_redirects"), "/old /newer\n").unwrap();
    until(&server, "/old", |r| r.header("location") == Some("/newer"));
    fs::write(files.root().join("other.txt"), "other").unwrap();
    until_text(&server, "/other.txt", "other");

    let single = Site::new("s").file("talk.md", "# One\n\n![x](x.svg)\n");
    fs::write(single.root().join("x.svg"), "<svg/>").unwrap();
    let mut command = command(single.parent());
    let server = Server::of(command.args(["serve", "s/talk.md", "--http", "0"]));
    fs::write(single.root().join("x.svg"), "<svg id=\"x\"/>").unwrap();
    until_text(&server, "/x.svg", "id=");
}

#[test]
fn a_policy_lets_the_script_in() {
    let site = website().file("applgen.toml", "[http]\ncontent-security-policy = true\n");
    let server = serve(&site);
    let page = server.get("/a/");
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("'nonce-applgen'"), "{policy}");
    let script = server.get("/.applgen/live.js");
    assert_eq!(script.status(), 200);
    assert!(script.text().contains("EventSource"));
    assert_eq!(server.get("/.applgen/other").status(), 404);
}

#[test]
fn it_is_served_as_the_image_serves_it() {
    let site = website();
    let server = serve(&site);
    let base = format!("base-url = \"http://{}\"\n", server.address);
    fs::write(site.root().join("applgen.toml"), base).unwrap();
    let image = site.serve();
    for path in [
        "/",
        "/a/",
        "/a",
        "/b/index.html",
        "/site.css",
        "/sitemap.xml",
        "/404.html",
        "/none",
        "/robots.txt",
    ] {
        let (ours, theirs) = (server.get(path), image.get(path));
        assert_eq!(ours.status(), theirs.status(), "{path}");
        assert_eq!(ours.header("location"), theirs.header("location"), "{path}");
        assert_eq!(
            ours.header("content-type"),
            theirs.header("content-type"),
            "{path}"
        );
        assert_eq!(without_script(&ours.text()), theirs.text(), "{path}");
    }
    assert!(!image.get("/a/").text().contains("/.applgen/"));
    assert_eq!(image.get("/.applgen/live.js").status(), 404);
}

#[test]
fn it_ends_when_it_is_asked_to_and_says_when_it_cannot_begin() {
    let site = website();
    let server = serve(&site);
    let mut second = command(site.parent());
    let output = second
        .args(["serve", "w", "--http", &server.address])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        told.contains("is in use already") && told.contains("--http"),
        "{told}"
    );
    let none = site.run(["serve", "none"]).code(2);
    assert!(none.stderr.contains("there is no `none`"), "{none:?}");
    assert_eq!(server.end(rustix::process::Signal::INT), Some(0));
    let server = serve(&site);
    // A page that listens does not keep it.
    let _events = Events::of(&server, "%2Fa%2F", "");
    assert_eq!(server.end(rustix::process::Signal::TERM), Some(0));
}

#[test]
fn links_lead_out_of_no_site() {
    let outside = Site::new("outside").file("secret.txt", "secret");
    let site = website();
    let server = serve(&site);
    std::os::unix::fs::symlink(outside.root(), site.root().join("static")).unwrap();
    let mut events = Events::of(&server, "%2Fa%2F", &tag(&server.get("/a/")));
    let (name, data) = events.next();
    assert_eq!(name, "fault");
    assert!(data.contains("leads out of the site"), "{data}");
    assert_eq!(server.get("/secret.txt").status(), 404);
}

#[test]
fn warnings_are_told_once() {
    let site = website();
    let mut command = command(site.parent());
    let log = site.parent().join("log");
    let server = Server::of(
        command
            .args(["serve", "w", "--http", "0"])
            .stderr(Stdio::from(fs::File::create(&log).unwrap())),
    );
    let append = |text: &str| {
        let path = site.root().join("content/a.md");
        let page = format!("+++\ntitle = \"A\"\nunknown = 1\n+++\n{text}\n");
        fs::write(path, page).unwrap();
        until_text(&server, "/a/", text);
    };
    append("one");
    append("two");
    let told = fs::read_to_string(log).unwrap();
    assert_eq!(told.matches("unknown key `unknown`").count(), 1, "{told}");
}

#[test]
fn a_browser_that_is_not_there_is_told() {
    let site = website();
    let mut command: Command = command(site.parent());
    let log = site.parent().join("log");
    let server = Server::of(
        command
            .args(["serve", "w", "--http", "0", "--open"])
            .env("PATH", Path::new("/nonexistent"))
            .stderr(Stdio::from(fs::File::create(&log).unwrap())),
    );
    let since = Instant::now();
    while !fs::read_to_string(&log)
        .unwrap()
        .contains("no browser can be started")
    {
        assert!(since.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(server.get("/a/").status(), 200);
}
