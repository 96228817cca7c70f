//! The reload channel: a script and a stream of events, below a path that no
//! site can have, because hidden files are never served.
//!
//! Server-sent events (WHATWG HTML §9.2), since news go one way only and
//! browsers reconnect by themselves. A page says which tag it has; as soon as
//! the server would answer its path with another one it is told to reload. So
//! nothing is missed between a page's load and its first event, and pages that
//! an edit did not touch stay as they are.
//!
//! | event | when | data |
//! |---|---|---|
//! | `reload` | the page is another one, or something that may be in it changed | – |
//! | `style` | style sheets changed, and nothing else that is in the page | – |
//! | `fault` | the site cannot be built | the error, a JSON text |
//! | `fine` | it can again | – |
//!
//! No header lets other origins listen: what is told holds lines of the site.

use std::{
    io::{self, Write},
    net::TcpStream,
    sync::Arc,
    time::Duration,
};

use applgen_http::limits::REQUEST_BYTES;
use percent_encoding::percent_decode_str;

use super::{generation::Changes, state::Shared};
use crate::templates;

/// The folder of everything here.
const FOLDER: &str = "/.applgen/";
/// The script.
pub const SCRIPT_PATH: &str = "/.applgen/live.js";
/// The stream.
const STREAM_PATH: &str = "/.applgen/live";
/// So often a comment is sent, to find out who is gone.
const PULSE: Duration = Duration::from_secs(10);
/// The tag of the page that says what is wrong.
const FAULT_TAG: &str = "fault";

/// A request for something here.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    path: String,
    query: String,
    host: String,
}

/// Whether the input begins with such a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// It is for the site.
    No,
    /// More has to come.
    Incomplete,
    /// It is.
    Yes(Request),
}

/// Looks at the start of a connection's input.
pub fn find(input: &[u8]) -> Found {
    let start = format!("GET {FOLDER}");
    if !input.starts_with(start.as_bytes()) {
        return match start.as_bytes().starts_with(input) {
            true => Found::Incomplete,
            false => Found::No,
        };
    }
    let Some(end) = input.windows(4).position(|four| four == b"\r\n\r\n") else {
        return match input.len() < REQUEST_BYTES {
            true => Found::Incomplete,
            false => Found::No,
        };
    };
    let head = String::from_utf8_lossy(&input[..end]);
    let mut lines = head.split("\r\n");
    let target = lines.next().and_then(|line| line.split(' ').nth(1));
    let target = target.unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let host = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("host"))
        .map_or("", |(_, value)| value.trim());
    Found::Yes(Request {
        path: path.to_owned(),
        query: query.to_owned(),
        host: host.to_owned(),
    })
}

/// Answers it. The connection is used up.
pub fn answer(stream: &mut TcpStream, request: &Request, shared: &Arc<Shared>) -> io::Result<()> {
    match request.path.as_str() {
        SCRIPT_PATH => {
            let script = templates::directory("serve").get_file("serve/live.js");
            let script = script.map_or(&[][..], |file| file.contents());
            whole(stream, "200 OK", "text/javascript; charset=utf-8", script)
        }
        STREAM_PATH => events(stream, request, shared),
        _ => whole(
            stream,
            "404 Not Found",
            "text/plain; charset=utf-8",
            b"not found\n",
        ),
    }
}

/// The answer to everything while there is no site yet.
pub fn no_site(stream: &mut TcpStream, shared: &Shared) -> io::Result<()> {
    let text = shared.now().fault;
    let text = text
        .as_deref()
        .unwrap_or("it is being built for the first time");
    let page = templates::directory("serve").get_file("serve/fault.html");
    let page = page
        .and_then(|file| file.contents_utf8())
        .unwrap_or_default();
    let page = page.replace("{{ text }}", &tera::escape_html(text));
    whole(
        stream,
        "500 Internal Server Error",
        "text/html; charset=utf-8",
        page.as_bytes(),
    )
}

fn whole(stream: &mut TcpStream, status: &str, media_type: &str, body: &[u8]) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat())
}

/// Tells a page of what concerns it, until it is gone.
fn events(stream: &mut TcpStream, request: &Request, shared: &Arc<Shared>) -> io::Result<()> {
    let value = |key: &str| {
        let mut pairs = request
            .query
            .split('&')
            .filter_map(|pair| pair.split_once('='));
        let (_, value) = pairs.find(|(name, _)| *name == key)?;
        Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
    };
    let tag = value("tag").unwrap_or_default();
    let page = value("page").unwrap_or_default();
    stream.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\
          Connection: close\r\n\r\nretry: 500\n\n",
    )?;
    let mut state = shared.now();
    let mut changes = Some(Changes::default());
    let mut told = None;
    loop {
        if let Some(generation) = &state.generation {
            let now = generation.tag_of(&request.host, &page);
            let event = what_to_do(&tag, now.as_deref(), changes);
            if let Some(event) = event {
                stream.write_all(format!("event: {event}\ndata:\n\n").as_bytes())?;
                if event == "reload" {
                    return Ok(());
                }
            }
        }
        if state.fault != told {
            let event = match &state.fault {
                // Without a generation the page that is shown says it already.
                Some(_) if state.generation.is_none() && told.is_none() => String::new(),
                Some(text) => format!("event: fault\ndata: {}\n\n", serde_json::json!(&**text)),
                None => "event: fine\ndata:\n\n".to_owned(),
            };
            stream.write_all(event.as_bytes())?;
            told.clone_from(&state.fault);
        }
        let serial = state.serial;
        loop {
            state = shared.wait(serial, told.as_ref(), PULSE);
            if state.serial != serial || state.fault != told {
                break;
            }
            stream.write_all(b":\n\n")?;
        }
        changes = state.changes_since(serial);
    }
}

/// What a page has to do, that has one tag where the server has another, after
/// those changes; none are known of it where it was away for too long.
fn what_to_do(tag: &str, now: Option<&str>, changes: Option<Changes>) -> Option<&'static str> {
    let Some(changes) = changes else {
        return Some("reload");
    };
    match now {
        _ if tag == FAULT_TAG || changes.others > 0 => Some("reload"),
        Some(now) if now != tag => Some("reload"),
        None if changes.pages > 0 => Some("reload"),
        _ if changes.styles > 0 => Some("style"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_found_whole_and_nothing_else_is() {
        assert_eq!(find(b"GET / HTTP/1.1\r\n"), Found::No);
        assert_eq!(find(b"GET /.apl"), Found::No);
        assert_eq!(find(b"GET /.ap"), Found::Incomplete);
        assert_eq!(
            find(b"GET /.applgen/live.js HTTP/1.1\r\n"),
            Found::Incomplete
        );
        let Found::Yes(request) =
            find(b"GET /.applgen/live?page=%2Fa&tag=x HTTP/1.1\r\nhOST: localhost:1\r\n\r\nrest")
        else {
            panic!("not found");
        };
        assert_eq!(request.path, STREAM_PATH);
        assert_eq!(request.query, "page=%2Fa&tag=x");
        assert_eq!(request.host, "localhost:1");
        assert_eq!(
            find(&[b"GET /.applgen/", &[b'x'; 20_000][..]].concat()),
            Found::No
        );
    }

    #[test]
    fn a_page_reloads_for_what_concerns_it() {
        let changes = |pages, styles, others| {
            Some(Changes {
                pages,
                styles,
                others,
            })
        };
        let tests = [
            ("a", Some("a"), changes(0, 0, 0), None),
            ("a", Some("a"), changes(7, 0, 0), None),
            ("a", Some("a"), changes(7, 1, 0), Some("style")),
            ("a", Some("a"), changes(0, 1, 1), Some("reload")),
            ("a", Some("b"), changes(0, 0, 0), Some("reload")),
            ("a", None, changes(1, 0, 0), Some("reload")),
            ("a", None, changes(0, 0, 0), None),
            ("a", Some("a"), None, Some("reload")),
            ("fault", None, changes(0, 0, 0), Some("reload")),
        ];
        for (tag, now, changes, expected) in tests {
            assert_eq!(what_to_do(tag, now, changes), expected, "{tag} {now:?}");
        }
    }
}
