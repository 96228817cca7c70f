//! From a well-formed request to its answer.

use crate::conditional::{self, Verdict};
use crate::date::ImfFixdate;
use crate::encoding;
use crate::host;
use crate::method::{ALLOW, Method};
use crate::multipart;
use crate::not_found;
use crate::path::{Resolved, resolve};
use crate::range::{self, Wanted};
use crate::reply::{Head, Persistence, Reply};
use crate::request::{Field, Request};
use crate::target::Target;
use applgen_bundle::http::{Encoding, Entry, Kind, Representation, Site};

/// What every answer needs.
pub struct Context<'r, 'b> {
    pub site: &'r Site<'b>,
    pub date: Option<&'r ImfFixdate>,
    pub persistence: Persistence,
    /// Which part of an answer in several parts is wanted.
    pub part: u8,
}

impl<'b> Context<'_, 'b> {
    fn head<'h>(&self, scratch: &'h mut [u8], status: u16) -> Head<'h> {
        Head::new(scratch, status, self.date, self.persistence)
    }

    /// Answers a request.
    pub fn answer(&self, request: &Request<'_, '_>, scratch: &mut [u8]) -> Reply<'b> {
        let method = request.line.method;
        let with_body = method != Method::Head;
        if let Some(status) = method.refusal() {
            return self.head(scratch, status).with_reason(with_body);
        }
        let (authority, path, query) = match Target::parse(method, request.line.target) {
            Some(Target::Path {
                authority,
                path,
                query,
            }) => (authority, path, query),
            Some(Target::Asterisk) => return self.options(scratch),
            None => return self.bad_request(scratch),
        };
        let site = self.site;
        let host = site.host(authority.or(request.host).map(host::name));
        let (entry, missing) = match resolve(path, scratch) {
            Resolved::Path(path) => match site.lookup(host, path) {
                Some(entry) => (Some(entry), false),
                None => (not_found::nearest(site, host, path), true),
            },
            Resolved::Nowhere(directory) => (not_found::nearest(site, host, directory), true),
            Resolved::Bad => return self.bad_request(scratch),
        };
        let Some(entry) = entry.filter(|_| !(missing && method == Method::Options)) else {
            return self.head(scratch, 404).with_reason(with_body);
        };
        match (method, entry.kind()) {
            (Method::Options, _) => self.options(scratch),
            (_, Kind::Redirect) => self.redirect(&entry, query, with_body, scratch),
            _ => match encoding::choose(request, &entry) {
                Some(form) => self.resource(request, &entry, form, scratch),
                // Only a damaged bundle has a resource without a body.
                None => self.head(scratch, 500).with_reason(with_body),
            },
        }
    }

    /// A refusal that closes the connection, whatever was asked of it.
    fn bad_request(&self, scratch: &mut [u8]) -> Reply<'b> {
        crate::reply::refusal(400, self.date, scratch)
    }

    /// RFC 9110 §9.3.7.
    fn options(&self, scratch: &mut [u8]) -> Reply<'b> {
        let mut head = self.head(scratch, 204);
        head.put(b"Allow: ");
        head.put(ALLOW);
        head.put(b"\r\n\r\n");
        head.with([&[], &[]], 0)
    }

    /// `Location` with the request's query behind it, unless it has one of its
    /// own; a fragment stays last.
    fn redirect(
        &self,
        entry: &Entry<'b>,
        query: &[u8],
        with_body: bool,
        scratch: &mut [u8],
    ) -> Reply<'b> {
        let location = entry.target();
        let end = location.iter().position(|&byte| byte == b'#');
        let (location, fragment) = location
            .split_at_checked(end.unwrap_or(location.len()))
            .unwrap_or_default();
        let mut head = self.head(scratch, entry.status());
        head.put(b"Location: ");
        head.put(location);
        if !location.contains(&b'?') {
            head.put(query);
        }
        head.put(fragment);
        head.put(b"\r\n");
        if head.overflowed() {
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

/// `Vary` where an answer that has not the bundle's lines could have been
/// another for another `Accept-Encoding`.
fn put_vary(head: &mut Head<'_>, entry: &Entry<'_>) {
    if entry.varies() {
        head.put(b"Vary: Accept-Encoding\r\n");
    }
}
