//! From a well-formed request to its answer.

use crate::conditional::{self, Verdict};
use crate::date::ImfFixdate;
use crate::encoding;
#[cfg(feature = "rules")]
use crate::host;
use crate::limits::PATH_BYTES;
use crate::method::{ALLOW, Method};
#[cfg(feature = "ranges")]
use crate::multipart;
use crate::not_found;
use crate::path::{self, Resolved};
#[cfg(feature = "ranges")]
use crate::range::{self, Wanted};
use crate::reply::{Head, Persistence, Reply};
#[cfg(feature = "ranges")]
use crate::request::Field;
use crate::request::Request;
#[cfg(feature = "rules")]
use crate::rules;
use crate::target::Target;
#[cfg(feature = "rules")]
use applgen_bundle::http::Host;
use applgen_bundle::http::{Encoding, Entry, HostId, Kind, Representation, Site};

/// What every answer needs.
pub struct Context<'r, 'b> {
    pub site: &'r Site<'b>,
    pub date: Option<&'r ImfFixdate>,
    pub persistence: Persistence,
    /// Which part of an answer in several parts is wanted.
    #[cfg(feature = "ranges")]
    pub part: u8,
}

impl<'b> Context<'_, 'b> {
    /// The beginning of an answer.
    pub fn head<'h>(&self, scratch: &'h mut [u8], status: u16) -> Head<'h> {
        Head::new(scratch, status, self.date, self.persistence)
    }

    /// Answers a request.
    pub fn answer(&self, request: &Request<'_, '_>, scratch: &mut [u8]) -> Reply<'b> {
        let method = request.line.method;
        if let Some(status) = method.refusal() {
            return self.head(scratch, status).with_reason(with_body(method));
        }
        let (authority, path, query) = match Target::parse(method, request.line.target) {
            Some(Target::Path {
                authority,
                path,
                query,
            }) => (authority, path, query),
            Some(Target::Asterisk) => return self.options(None, scratch),
            None => return self.bad_request(scratch),
        };
        #[cfg(feature = "rules")]
        let host = match self.site.host(authority.or(request.host).map(host::name)) {
            Host::Served(host) => host,
            Host::Redirected { status, prefix } => {
                return self.redirect_host(request, status, prefix, scratch);
            }
        };
        #[cfg(not(feature = "rules"))]
        let (host, _) = (HostId::DEFAULT, authority);
        let asked = Asked {
            request,
            host,
            query,
        };
        match path::is_plain(path) {
            true => self.route(&asked, path, scratch),
            false => self.route_decoded(&asked, path, scratch),
        }
    }

    /// The rare path that is not its own result, and the room that it needs.
    #[inline(never)]
    fn route_decoded(
        &self,
        asked: &Asked<'_, '_, '_>,
        path: &[u8],
        scratch: &mut [u8],
    ) -> Reply<'b> {
        let mut room = [0; PATH_BYTES];
        match path::resolve(path, &mut room) {
            Resolved::Path(path) => self.route(asked, path, scratch),
            Resolved::Nowhere(directory) => self.missing(asked, directory, scratch),
            Resolved::Bad => self.bad_request(scratch),
        }
    }

    /// Answers for a decoded path.
    fn route(&self, asked: &Asked<'_, '_, '_>, path: &[u8], scratch: &mut [u8]) -> Reply<'b> {
        match self.site.lookup(asked.host, path) {
            Some(entry) => self.entry(asked, &entry, scratch),
            #[cfg(feature = "rules")]
            None if !self.site.rules().is_empty() => rules::answer(self, asked, path, scratch),
            None => self.missing(asked, path, scratch),
        }
    }

    /// What an entry answers.
    pub fn entry(
        &self,
        asked: &Asked<'_, '_, '_>,
        entry: &Entry<'b>,
        scratch: &mut [u8],
    ) -> Reply<'b> {
        let method = asked.request.line.method;
        match (method, entry.kind()) {
            (Method::Options, _) => self.options(Some(entry), scratch),
            (_, Kind::Redirect) => {
                let mut location = |head: &mut Head<'_>| head.put(entry.target());
                let has_query = entry.target().contains(&b'?');
                let redirect = Redirect {
                    status: entry.status(),
                    lines: entry.lines(),
                    has_query,
                };
                self.redirect(asked, &redirect, &mut location, scratch)
            }
            (_, Kind::Bare) => self
                .head(scratch, entry.status())
                .with_reason(with_body(method)),
            _ => match encoding::choose(asked.request, entry) {
                Some(form) => self.resource(asked.request, entry, form, scratch),
                // Only a damaged bundle has a resource without a body.
                None => self.head(scratch, 500).with_reason(with_body(method)),
            },
        }
    }

    /// The nearest page for what is not there.
    pub fn missing(&self, asked: &Asked<'_, '_, '_>, path: &[u8], scratch: &mut [u8]) -> Reply<'b> {
        let method = asked.request.line.method;
        let page = match method {
            Method::Options => None,
            _ => not_found::nearest(self.site, asked.host, path),
        };
        match page {
            Some(page) => self.entry(asked, &page, scratch),
            None => self.head(scratch, 404).with_reason(with_body(method)),
        }
    }

    /// A refusal that closes the connection, whatever was asked of it.
    pub fn bad_request(&self, scratch: &mut [u8]) -> Reply<'b> {
        crate::reply::refusal(400, self.date, scratch)
    }

    /// RFC 9110 §9.3.7; and, where the resource has a word for other origins,
    /// the answer to a preflight (Fetch, §3.3.4).
    pub fn options(&self, entry: Option<&Entry<'b>>, scratch: &mut [u8]) -> Reply<'b> {
        let mut head = self.head(scratch, 204);
        head.put(b"Allow: ");
        head.put(ALLOW);
        head.put(b"\r\n");
        let form = entry.and_then(|entry| entry.representation(Encoding::Identity));
        let lines = form.map_or(&[][..], |form| form.validator_lines());
        let mut allowed = lines
            .split_inclusive(|&byte| byte == b'\n')
            .filter(|line| starts_with(line, b"access-control-"))
            .peekable();
        if allowed.peek().is_some() {
            head.put(b"Access-Control-Allow-Methods: ");
            head.put(ALLOW);
            head.put(b"\r\nAccess-Control-Allow-Headers: *\r\nAccess-Control-Max-Age: 86400\r\n");
            for line in allowed {
                head.put(line);
            }
        }
        head.put(b"\r\n");
        head.with([&[], &[]], 0)
    }

    /// `Location` with the request's query behind it, unless it has one of its
    /// own; a fragment stays last.
    pub fn redirect(
        &self,
        asked: &Asked<'_, '_, '_>,
        redirect: &Redirect<'b>,
        location: &mut dyn FnMut(&mut Head<'_>),
        scratch: &mut [u8],
    ) -> Reply<'b> {
        let with_body = with_body(asked.request.line.method);
        let mut head = self.head(scratch, redirect.status);
        head.put(b"Location: ");
        let start = head.len();
        location(&mut head);
        if !redirect.has_query {
            head.put_query(start, asked.query);
        }
        head.put(b"\r\n");
        head.put(redirect.lines);
        if !head.has_room_for_reason() {
            return self.head(scratch, 414).with_reason(with_body);
        }
        head.with_reason(with_body)
    }

    /// The same path and query at another host.
    #[cfg(feature = "rules")]
    #[inline(never)]
    fn redirect_host(
        &self,
        request: &Request<'_, '_>,
        status: u16,
        prefix: &[u8],
        scratch: &mut [u8],
    ) -> Reply<'b> {
        let with_body = with_body(request.line.method);
        let Some(Target::Path { path, query, .. }) =
            Target::parse(request.line.method, request.line.target)
        else {
            return self.bad_request(scratch);
        };
        let mut head = self.head(scratch, status);
        head.put(b"Location: ");
        head.put(prefix);
        head.put_reference(path);
        head.put_reference(query);
        head.put(b"\r\nCache-Control: max-age=300\r\n");
        if !head.has_room_for_reason() {
            return self.head(scratch, 414).with_reason(with_body);
        }
        head.with_reason(with_body)
    }

    /// A representation: whole, a part of it, or word that it did not change.
    fn resource(
        &self,
        request: &Request<'_, '_>,
        entry: &Entry<'b>,
        form: Representation<'b>,
        scratch: &mut [u8],
    ) -> Reply<'b> {
        let method = request.line.method;
        let body = form.body().len() as u64;
        if entry.status() == 200 {
            match conditional::judge(request, form.etag(), entry.last_modified()) {
                Verdict::Send => {}
                Verdict::NotModified => {
                    return self
                        .head(scratch, 304)
                        .with([form.validator_lines(), &[]], 0);
                }
                Verdict::Failed => {
                    let mut head = self.head(scratch, 412);
                    put_vary(&mut head, entry);
                    return head.with_reason(method != Method::Head);
                }
            }
            #[cfg(feature = "ranges")]
            if method == Method::Get
                && let Some(value) = request.single(Field::Range)
                && conditional::range_applies(request, form.etag(), entry.last_modified())
            {
                match range::parse(value, body) {
                    Wanted::Whole => {}
                    Wanted::Part(start, end) => {
                        return self.part(&form, start, end, scratch);
                    }
                    // See `range`: a coded body is not sent in several parts.
                    Wanted::Several(_) if form.encoding() != Encoding::Identity => {}
                    Wanted::Several(ranges) => {
                        return multipart::part(self, &form, &ranges, scratch);
                    }
                    Wanted::Unsatisfiable => {
                        let mut head = self.head(scratch, 416);
                        put_vary(&mut head, entry);
                        head.put(b"Content-Range: bytes */");
                        head.put_number(body);
                        head.put(b"\r\n");
                        return head.with_reason(true);
                    }
                }
            }
        }
        let head = self.head(scratch, entry.status());
        if method == Method::Head {
            head.with([form.header_lines(), &[]], 0)
        } else {
            head.with([form.run(), &[]], body)
        }
    }

    /// RFC 9110 §15.3.7.
    #[cfg(feature = "ranges")]
    fn part(
        &self,
        form: &Representation<'b>,
        start: u64,
        end: u64,
        scratch: &mut [u8],
    ) -> Reply<'b> {
        let body = form.body();
        let part = body.get(start as usize..end as usize).unwrap_or_default();
        let mut head = self.head(scratch, 206);
        multipart::put_content_range(&mut head, start, end, body.len() as u64);
        head.put(b"Content-Length: ");
        head.put_number(part.len() as u64);
        head.put(b"\r\n");
        head.with(
            [form.header_lines_without_length(), part],
            part.len() as u64,
        )
    }
}

/// A request, and what it is about.
pub struct Asked<'q, 'i, 'h> {
    /// The request.
    pub request: &'q Request<'i, 'h>,
    /// The site that it means.
    pub host: HostId,
    /// The query with its `?`, or nothing.
    pub query: &'q [u8],
}

/// A redirect, but for its location.
pub struct Redirect<'b> {
    /// Its status.
    pub status: u16,
    /// Further header lines.
    pub lines: &'b [u8],
    /// Whether the location has a query of its own.
    pub has_query: bool,
}

/// Whether the answer to this method has a body.
pub fn with_body(method: Method) -> bool {
    method != Method::Head
}

/// Whether a line begins with this, which is in lower case.
fn starts_with(line: &[u8], start: &[u8]) -> bool {
    line.get(..start.len())
        .is_some_and(|begin| begin.eq_ignore_ascii_case(start))
}

/// `Vary` where an answer that has not the bundle's lines could have been
/// another for another `Accept-Encoding`.
fn put_vary(head: &mut Head<'_>, entry: &Entry<'_>) {
    if entry.varies() {
        head.put(b"Vary: Accept-Encoding\r\n");
    }
}
