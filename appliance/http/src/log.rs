//! The access log: one line for each answer, in one of two formats.
//!
//! ```text
//! 192.0.2.7 - - [24/Nov/2026:12:00:00 +0000] "GET / HTTP/1.1" 200 1234
//! {"time":"2026-11-24T12:00:00Z","client":"192.0.2.7","request":"GET / HTTP/1.1","status":200,"bytes":1234,"host":"example.org","referer":"","user_agent":"curl/8"}
//! ```
//!
//! The first is the Common Log Format. Everything between quotes is what a
//! client sent: bytes that could fool a terminal or a parser are escaped, as
//! `\xHH` in the one and as `\u00HH` in the other, byte by byte, so that a line
//! is always one line and, in JSON, always valid. What was not sent is `-` or
//! empty. Where the bytes go (a console, stderr) is the caller's.

use crate::Reply;
use crate::date::ImfFixdate;

/// What a line looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The Common Log Format.
    Common,
    /// A JSON object.
    Json,
}

/// Bytes of a header field's value that a line repeats; the rest is cut off.
const FIELD_BYTES: usize = 512;

/// One answer to be logged.
#[derive(Debug, Clone, Copy)]
pub struct Line<'l, 'b> {
    /// The client's address, as text.
    pub client: &'l [u8],
    /// When it was answered.
    pub date: &'l ImfFixdate,
    /// What [`Reply::request_line`] is a range of.
    pub input: &'l [u8],
    /// The answer.
    pub reply: &'l Reply<'b>,
}

impl Line<'_, '_> {
    /// Gives the line to `out`, piece by piece, its end included.
    pub fn write(&self, format: Format, out: &mut dyn FnMut(&[u8])) {
        match format {
            Format::Common => self.common(out),
            Format::Json => self.json(out),
        }
    }

    fn request_line(&self) -> &[u8] {
        let range = self.reply.request_line.clone();
        self.input.get(range).unwrap_or_default()
    }

    /// Day, month, year and time of `Sun, 06 Nov 1994 08:49:37 GMT`.
    fn date_words(&self) -> [&[u8]; 4] {
        let mut words = self.date.split(|&byte| byte == b' ').skip(1);
        [(); 4].map(|()| words.next().unwrap_or_default())
    }

    fn common(&self, out: &mut dyn FnMut(&[u8])) {
        let [day, month, year, time] = self.date_words();
        out(self.client);
        out(b" - - [");
        for (part, behind) in [(day, b"/"), (month, b"/"), (year, b":"), (time, b" ")] {
            out(part);
            out(behind);
        }
        out(b"+0000] \"");
        match self.request_line() {
            b"" => out(b"-"),
            line => escape(line, b"\\x", out),
        }
        out(b"\" ");
        number(self.reply.status.into(), out);
        out(b" ");
        number(self.reply.body_len, out);
        out(b"\n");
    }

    fn json(&self, out: &mut dyn FnMut(&[u8])) {
        let [day, month, year, time] = self.date_words();
        let month = month_number(month);
        out(b"{\"time\":\"");
        for (part, behind) in [(year, b"-"), (&month[..], b"-"), (day, b"T"), (time, b"Z")] {
            out(part);
            out(behind);
        }
        out(b"\",\"client\":\"");
        escape(self.client, b"\\u00", out);
        out(b"\",\"request\":\"");
        escape(self.request_line(), b"\\u00", out);
        out(b"\",\"status\":");
        number(self.reply.status.into(), out);
        out(b",\"bytes\":");
        number(self.reply.body_len, out);
        for (key, name) in [
            (&b",\"host\":\""[..], &b"host"[..]),
            (b",\"referer\":\"", b"referer"),
            (b",\"user_agent\":\"", b"user-agent"),
        ] {
            out(key);
            let value = self.field(name);
            escape(value.get(..FIELD_BYTES).unwrap_or(value), b"\\u00", out);
            out(b"\"");
        }
        out(b"}\n");
    }

    /// The first field of this name, from a head that may be malformed.
    fn field(&self, name: &[u8]) -> &[u8] {
        let head = self.input.get(self.reply.request_line.end..);
        let head = match self.reply.request_line.is_empty() {
            true => &[],
            false => head.unwrap_or_default(),
        };
        head.split(|&byte| byte == b'\n')
            .skip(1)
            .map(<[u8]>::trim_ascii)
            .take_while(|line| !line.is_empty())
            .find_map(|line| {
                let (start, value) = line.split_at_checked(name.len())?;
                let value = value.strip_prefix(b":")?;
                start.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
            })
            .unwrap_or_default()
    }
}

/// `01` to `12`.
fn month_number(name: &[u8]) -> [u8; 2] {
    const NAMES: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let index = NAMES.chunks_exact(3).position(|known| known == name);
    let number = index.unwrap_or(0) as u8 + 1;
    [b'0' + number / 10, b'0' + number % 10]
}

/// Hostile text between quotes; `prefix` is what a byte's two digits follow.
fn escape(text: &[u8], prefix: &[u8], out: &mut dyn FnMut(&[u8])) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let is_plain = |byte: &u8| (b' '..127).contains(byte) && *byte != b'"' && *byte != b'\\';
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or(b'0');
    let mut rest = text;
    while !rest.is_empty() {
        let plain = rest.iter().take_while(|byte| is_plain(byte)).count();
        let (start, after) = rest.split_at_checked(plain).unwrap_or((rest, &[]));
        out(start);
        rest = match after.split_first() {
            Some((&byte, after)) => {
                out(prefix);
                out(&[digit(byte >> 4), digit(byte & 15)]);
                after
            }
            None => &[],
        };
    }
}

fn number(number: u64, out: &mut dyn FnMut(&[u8])) {
    let mut digits = [0; 20];
    out(crate::reply::decimal(number, &mut digits));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;
    use std::vec::Vec;

    const INPUT: &[u8] =
        b"\r\nGET /\"\x1b[31m\xff\\ HTTP/1.1\r\nHOST: h\"h\r\nUser-Agent:  a b \r\n\r\nReferer: no\r\n";

    fn line(format: Format, request_line: core::ops::Range<usize>) -> String {
        let reply = Reply {
            status: 404,
            body_len: 14,
            request_line,
            ..Reply::EMPTY
        };
        let line = Line {
            client: b"192.0.2.7",
            date: b"Sun, 06 Nov 1994 08:49:37 GMT",
            input: INPUT,
            reply: &reply,
        };
        let mut text = Vec::new();
        line.write(format, &mut |piece| text.extend(piece));
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_common_line() {
        assert_eq!(
            line(Format::Common, 2..24),
            "192.0.2.7 - - [06/Nov/1994:08:49:37 +0000] \
             \"GET /\\x22\\x1B[31m\\xFF\\x5C HTTP/1.1\" 404 14\n"
        );
        assert!(line(Format::Common, 0..0).ends_with("\"-\" 404 14\n"));
    }

    #[test]
    fn a_json_line() {
        assert_eq!(
            line(Format::Json, 2..24),
            "{\"time\":\"1994-11-06T08:49:37Z\",\"client\":\"192.0.2.7\",\
             \"request\":\"GET /\\u0022\\u001B[31m\\u00FF\\u005C HTTP/1.1\",\"status\":404,\
             \"bytes\":14,\"host\":\"h\\u0022h\",\"referer\":\"\",\"user_agent\":\"a b\"}\n"
        );
        assert!(line(Format::Json, 0..0).contains("\"request\":\"\",\"status\":404"));
        assert_eq!(
            (month_number(b"Jan"), month_number(b"Dec")),
            (*b"01", *b"12")
        );
    }
}
