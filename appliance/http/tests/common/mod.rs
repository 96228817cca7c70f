//! What the tests share: a site that has one of everything, and a driver that
//! does with a connection what a server does.
#![allow(dead_code)]

use applgen_bundle::write::{
    BundleWriter, HttpSection, Pattern, Redirect, Resource, Rule, Template,
};
use applgen_bundle::{Bundle, TAG_HTTP, http::Site};
use applgen_http::limits::{HEAD_MAX, REQUEST_BYTES};
use applgen_http::{Connection, Reply, Step};

pub const DATE: &[u8; 29] = b"Tue, 24 Nov 2026 12:00:00 GMT";

fn resource(path: &str, media_type: &str, body: &str) -> Resource {
    Resource {
        path: path.into(),
        media_type: media_type.into(),
        identity: body.as_bytes().into(),
        ..Resource::default()
    }
}

/// `/` and `/index.html` in three encodings, `/plain.txt` in one, a directory
/// with a 404 page, redirects.
pub fn bundle() -> Vec<u8> {
    let mut http = HttpSection::new();
    let index = Resource {
        gzip: Some(b"GZIP".to_vec().into()),
        brotli: Some(b"BR".to_vec().into()),
        last_modified: Some(784_111_777),
        cache_control: Some("no-cache".into()),
        ..resource("/index.html", "text/html; charset=utf-8", "<!doctype html>")
    };
    http.resource(index).unwrap();
    http.alias(b"/".to_vec(), b"/index.html".to_vec());
    let plain = resource("/plain.txt", "text/plain", "0123456789");
    http.resource(plain).unwrap();
    http.resource(resource("/a b/ä.txt", "text/plain", "odd name"))
        .unwrap();
    http.resource(resource("/empty", "text/plain", "")).unwrap();
    for (path, text) in [("/404.html", "top"), ("/very/deep/404.html", "deep")] {
        let page = Resource {
            status: 404,
            ..resource(path, "text/html", text)
        };
        http.resource(page).unwrap();
    }
    http.redirect(b"/deep".to_vec(), 301, "/deep/".into());
    http.redirect(b"/old".to_vec(), 302, "/new?a=b#part".into());
    http.redirect(b"/mark".to_vec(), 308, "/new#part".into());
    let cached = Redirect {
        status: 301,
        location: "/plain.txt".into(),
        headers: vec![("Cache-Control".into(), "max-age=60".into())],
    };
    http.redirect_with(b"/cached".to_vec(), cached).unwrap();
    http.bare(b"/gone".to_vec(), 410).unwrap();
    http.alias_as(b"/sorry".to_vec(), b"/plain.txt".to_vec(), 410);
    let shared = Resource {
        headers: vec![("Access-Control-Allow-Origin".into(), "*".into())],
        ..resource("/shared.json", "application/json", "{}")
    };
    http.resource(shared).unwrap();
    for rule in rules() {
        http.rule(rule).unwrap();
    }
    http.name("example.org").unwrap();
    http.redirect_name("www.example.org", 301, "//example.org")
        .unwrap();
    http.begin_host().unwrap();
    http.name("*.example.net").unwrap();
    http.name("[2001:db8::1]").unwrap();
    http.resource(resource("/", "text/plain", "other")).unwrap();
    http.redirect_name("example.net", 308, "https://www.example.net")
        .unwrap();
    let mut writer = BundleWriter::new();
    writer.http(http);
    writer.finish().unwrap().to_vec()
}

/// `/r/:a/:b` and below redirects, `/app/*` is one page, `/w/*` is sent from
/// the top, `/old/*` is gone, `/lost/*` has a page, and `/out/*` leads to `/`.
fn rules() -> [Rule; 7] {
    let splat = |prefix: &str, status, to: &str, capture: Option<u8>| {
        let mut pattern = Pattern::new();
        pattern.literal(prefix.as_bytes());
        pattern.slash_rest().unwrap();
        let mut target = Template::new();
        target.literal(to.as_bytes());
        if let Some(number) = capture {
            target.capture(number);
        }
        Rule {
            pattern,
            status,
            target,
            headers: Vec::new(),
        }
    };
    let mut query = splat("/r", 302, "/s?a=b&c=", Some(0));
    query.pattern = Pattern::new();
    query.pattern.literal(b"/r/");
    query.pattern.segment("a").unwrap();
    query.pattern.literal(b"/");
    query.pattern.segment("b").unwrap();
    query.target.literal(b"#");
    query.target.capture(1);
    query.headers = vec![("X-Rule".into(), "query".into())];
    [
        query,
        splat("/app", 200, "/index.html", None),
        splat("/w", 200, "/", Some(0)),
        splat("/old", 410, "", None),
        splat("/lost", 404, "/plain.txt", None),
        splat("/out", 301, "/", Some(0)),
        splat("/deep", 307, "https://example.com/", Some(0)),
    ]
}

pub fn site(bytes: &[u8]) -> Site<'_> {
    Site::parse(Bundle::parse(bytes).unwrap().section(TAG_HTTP).unwrap()).unwrap()
}

/// One answer, as it would be on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub bytes: Vec<u8>,
    pub close: bool,
    pub request_line: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub fn body(&self) -> &[u8] {
        let end = self.bytes.windows(4).position(|end| end == b"\r\n\r\n");
        &self.bytes[end.unwrap() + 4..]
    }

    /// The values of a field.
    pub fn fields(&self, name: &str) -> Vec<String> {
        let text = self.text();
        let head = text.split("\r\n\r\n").next().unwrap();
        head.split("\r\n")
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .filter(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_string())
            .collect()
    }

    /// The value of a field that is there once at most.
    pub fn field(&self, name: &str) -> Option<String> {
        let mut values = self.fields(name);
        assert!(values.len() < 2, "{name} twice in {}", self.text());
        values.pop()
    }
}

/// What a server does with one connection.
pub struct Driver<'b> {
    site: Site<'b>,
    connection: Connection,
    kept: Vec<u8>,
    pub answers: Vec<Answer>,
    pub closed: bool,
    /// An answer of which more is to come.
    begun: Option<Answer>,
}

impl<'b> Driver<'b> {
    pub fn new(site: Site<'b>) -> Self {
        Self {
            site,
            connection: Connection::new(),
            kept: Vec::new(),
            answers: Vec::new(),
            closed: false,
            begun: None,
        }
    }

    /// Takes in a piece, which may be longer than what a server keeps.
    pub fn receive(&mut self, piece: &[u8]) {
        for piece in piece.chunks(1024) {
            self.kept.extend(piece);
            self.run();
            assert!(self.kept.len() <= REQUEST_BYTES + 1024, "keeps too much");
        }
    }

    fn run(&mut self) {
        let mut head = [0xee; HEAD_MAX];
        // A step that consumes nothing and says nothing is the last.
        for _ in 0..=2 * self.kept.len() + 1 {
            let step = self
                .connection
                .step(&self.site, &self.kept, Some(DATE), &mut head);
            match step {
                Step::Need { consumed } => {
                    self.kept.drain(..consumed);
                    return;
                }
                Step::Reply { consumed, reply } => {
                    assert!(!self.closed, "an answer after the last");
                    let mut answer = answer(&head, &reply, &self.kept);
                    if let Some(begun) = self.begun.take() {
                        assert_eq!(begun.request_line, answer.request_line);
                        answer.bytes.splice(0..0, begun.bytes);
                    }
                    if reply.unfinished && reply.status != 100 {
                        assert!(!reply.close && self.kept[..consumed].trim_ascii().is_empty());
                        self.kept.drain(..consumed);
                        self.begun = Some(answer);
                        continue;
                    }
                    check(&answer);
                    assert!(reply.unfinished || reply.body_len == answer.body().len() as u64);
                    self.answers.push(answer);
                    self.closed = reply.close;
                    self.kept.drain(..consumed);
                }
            }
            if self.kept.is_empty() {
                return;
            }
        }
        panic!("the connection makes no progress");
    }
}

fn answer(head: &[u8], reply: &Reply<'_>, input: &[u8]) -> Answer {
    let bytes = [&head[..reply.head_len], &reply.slices.concat()].concat();
    assert_eq!(bytes.len(), reply.len());
    Answer {
        status: reply.status,
        close: reply.close,
        request_line: input[reply.request_line.clone()].to_vec(),
        bytes,
    }
}

/// What holds for every answer.
fn check(answer: &Answer) {
    let text = answer.text();
    assert!(
        text.starts_with(&format!("HTTP/1.1 {} ", answer.status)),
        "{text}"
    );
    let head = text.split_once("\r\n\r\n").expect("a blank line").0;
    assert!(
        !head.replace("\r\n", "").contains(['\r', '\n', '\0']),
        "{text}"
    );
    let length = answer.field("Content-Length");
    match answer.status {
        // RFC 9110 §8.6, §15.4.5: no body, and no length that is not the 200's.
        100 | 204 | 304 => assert!(length.is_none() && answer.body().is_empty(), "{text}"),
        _ if answer.request_line.starts_with(b"HEAD ") && answer.body().is_empty() => {}
        _ => assert_eq!(length.unwrap(), answer.body().len().to_string(), "{text}"),
    }
    if answer.status != 100 {
        assert_eq!(answer.field("Date").unwrap().as_bytes(), DATE);
        let connection = answer.field("Connection");
        assert_eq!(
            answer.close,
            connection.as_deref() == Some("close"),
            "{text}"
        );
    }
    for field in [
        "ETag",
        "Vary",
        "Content-Type",
        "Location",
        "Content-Range",
        "Allow",
    ] {
        answer.field(field);
    }
}

/// All answers to an input that comes in one piece.
pub fn exchange(input: &[u8]) -> Vec<Answer> {
    let bytes = bundle();
    let mut driver = Driver::new(site(&bytes));
    driver.receive(input);
    driver.answers
}

/// The one answer to a request.
pub fn ask(input: &str) -> Answer {
    let mut answers = exchange(input.as_bytes());
    assert_eq!(answers.len(), 1, "{input:?}: {answers:?}");
    answers.pop().unwrap()
}

/// The answer to a `GET` with further header lines.
pub fn get(target: &str, lines: &str) -> Answer {
    ask(&format!(
        "GET {target} HTTP/1.1\r\nHost: example.org\r\n{lines}\r\n"
    ))
}
