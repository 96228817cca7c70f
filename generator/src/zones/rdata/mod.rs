//! Record data: from the tokens of a master file to wire form, field by field.
//!
//! Each type is a list of fields ([`super::types::KINDS`]). Any type may also be
//! written `\# LENGTH HEX` (RFC 3597 §5); for one that is known the bytes are
//! checked against its fields.

mod fits;
mod special;
mod svcb;
#[cfg(test)]
mod tests;

use super::{
    lexer::{Mistake, Token, unescape},
    name,
    types::{self, Field},
};
use data_encoding::{BASE32HEX_NOPAD, BASE64, HEXLOWER_PERMISSIVE};
use std::{
    net::{Ipv4Addr, Ipv6Addr},
    ops::Range,
    str::FromStr,
};

/// Reads the data of a record from its tokens. `whole` is where the type is,
/// for what is missing; `origin` completes names.
pub fn parse(
    kind: u16,
    text: &[u8],
    tokens: &[Token],
    whole: Range<usize>,
    origin: &[u8],
) -> Result<Vec<u8>, Mistake> {
    let mut reader = Reader {
        kind,
        text,
        tokens,
        at: 0,
        whole,
        origin,
        out: Vec::new(),
    };
    let is_generic = tokens
        .first()
        .is_some_and(|token| !token.quoted && reader.bytes(token) == b"\\#");
    let known = types::by_number(kind).filter(|kind| !kind.fields.is_empty());
    match known {
        Some(known) if !is_generic => {
            for field in known.fields {
                reader.field(*field)?;
            }
        }
        _ if is_generic => {
            reader.generic()?;
            if let Some(known) = known
                && !fits::fits(known.fields, &reader.out)
            {
                return Err(Mistake::new(
                    reader.whole.clone(),
                    format!("these bytes are no {} record", known.name),
                    format!("write the fields of {} as text", known.name),
                ));
            }
        }
        _ => {
            return Err(Mistake::new(
                reader.whole.clone(),
                format!(
                    "the data of {} can only be written in hexadecimal",
                    types::show(kind)
                ),
                "write it `\\# LENGTH HEX`, as RFC 3597 has it",
            ));
        }
    }
    if let Some(more) = reader.tokens.get(reader.at) {
        let last = reader.tokens.last().unwrap_or(more);
        return Err(Mistake::new(
            more.span.start..last.span.end,
            format!("{} has no more fields", types::show(kind)),
            "remove what follows, or quote a string with blanks in it",
        ));
    }
    if reader.out.len() > usize::from(u16::MAX) {
        return Err(Mistake::new(
            reader.whole,
            format!(
                "the data has {} bytes, and 65535 are the most",
                reader.out.len()
            ),
            "make the record shorter",
        ));
    }
    Ok(reader.out)
}

/// Seconds, as digits or with units: `1w2d3h4m5s`.
pub fn period(text: &[u8]) -> Option<u32> {
    let mut total = 0_u64;
    let mut number: Option<u64> = None;
    for &byte in text {
        if let Some(digit) = char::from(byte).to_digit(10) {
            number = Some(number.unwrap_or(0) * 10 + u64::from(digit));
            number.filter(|&number| number <= u64::from(u32::MAX))?;
            continue;
        }
        let unit = match byte.to_ascii_lowercase() {
            b's' => 1,
            b'm' => 60,
            b'h' => 3600,
            b'd' => 86_400,
            b'w' => 604_800,
            _ => return None,
        };
        total += number.take()? * unit;
    }
    // Digits without a unit are seconds, also behind others.
    let seconds = match number {
        Some(number) => total + number,
        None if text.is_empty() => return None,
        None => total,
    };
    u32::try_from(seconds).ok()
}

struct Reader<'a> {
    kind: u16,
    text: &'a [u8],
    tokens: &'a [Token],
    at: usize,
    whole: Range<usize>,
    origin: &'a [u8],
    out: Vec<u8>,
}

impl<'a> Reader<'a> {
    fn bytes(&self, token: &Token) -> &'a [u8] {
        self.text.get(token.span.clone()).unwrap_or_default()
    }

    /// The next token; `what` is said when there is none.
    fn next(&mut self, what: &str) -> Result<&'a Token, Mistake> {
        let token = self.tokens.get(self.at).ok_or_else(|| {
            Mistake::new(
                self.whole.clone(),
                format!("{} lacks {what}", types::show(self.kind)),
                "records end with their line, unless `(` is open",
            )
        })?;
        self.at += 1;
        Ok(token)
    }

    fn rest(&mut self) -> &'a [Token] {
        let rest = self.tokens.get(self.at..).unwrap_or_default();
        self.at = self.tokens.len();
        rest
    }

    /// A mistake in a token, which should be `expected`.
    fn wrong(&self, token: &Token, expected: &str) -> Mistake {
        let shown = String::from_utf8_lossy(self.bytes(token)).into_owned();
        Mistake::new(
            token.span.clone(),
            format!("`{shown}` in {} is not {expected}", types::show(self.kind)),
            format!("write {expected}"),
        )
    }

    fn parsed<T: FromStr>(&mut self, what: &str) -> Result<T, Mistake> {
        let token = self.next(what)?;
        std::str::from_utf8(self.bytes(token))
            .ok()
            .filter(|text| !text.starts_with('+'))
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| self.wrong(token, what))
    }

    fn field(&mut self, field: Field) -> Result<(), Mistake> {
        match field {
            Field::Name => {
                let name = self.name("a domain name")?;
                self.out.extend(name);
            }
            Field::U8 => {
                let number: u8 = self.parsed("a number from 0 to 255")?;
                self.out.push(number);
            }
            Field::U16 => {
                let number: u16 = self.parsed("a number from 0 to 65535")?;
                self.out.extend(number.to_be_bytes());
            }
            Field::U32 => {
                let number: u32 = self.parsed("a number from 0 to 4294967295")?;
                self.out.extend(number.to_be_bytes());
            }
            Field::U64 => {
                let number: u64 = self.parsed("a number of 64 bits")?;
                self.out.extend(number.to_be_bytes());
            }
            Field::Period => {
                const WHAT: &str = "a time in seconds, or like `1h30m`";
                let token = self.next(WHAT)?;
                let seconds = period(self.bytes(token));
                let seconds = seconds.ok_or_else(|| self.wrong(token, WHAT))?;
                self.out.extend(seconds.to_be_bytes());
            }
            Field::Time => {
                const WHAT: &str = "a time like `20260131235959`, or in seconds since 1970";
                let token = self.next(WHAT)?;
                let seconds = special::time(self.bytes(token));
                let seconds = seconds.ok_or_else(|| self.wrong(token, WHAT))?;
                self.out.extend(seconds.to_be_bytes());
            }
            Field::Ipv4 => {
                let address: Ipv4Addr = self.parsed("an IPv4 address")?;
                self.out.extend(address.octets());
            }
            Field::Ipv6 => {
                let address: Ipv6Addr = self.parsed("an IPv6 address")?;
                self.out.extend(address.octets());
            }
            Field::Text => {
                let token = self.next("a string")?;
                self.text(token)?;
            }
            Field::OptionalText => {
                if self.at < self.tokens.len() {
                    self.field(Field::Text)?;
                }
            }
            Field::Texts => {
                self.field(Field::Text)?;
                for token in self.rest() {
                    self.text(token)?;
                }
            }
            Field::RawText => {
                let token = self.next("a string")?;
                let bytes = self.unescaped(token)?;
                self.out.extend(bytes);
            }
            Field::Tag => {
                const WHAT: &str = "a tag of letters and digits";
                let token = self.next(WHAT)?;
                let bytes = self.bytes(token);
                if bytes.is_empty()
                    || bytes.len() > 255
                    || !bytes.iter().all(u8::is_ascii_alphanumeric)
                {
                    return Err(self.wrong(token, WHAT));
                }
                self.out.push(bytes.len() as u8);
                self.out.extend(bytes);
            }
            Field::Hex | Field::OptionalHex => {
                self.joined(field == Field::OptionalHex, "hexadecimal digits", |text| {
                    HEXLOWER_PERMISSIVE.decode(text).ok()
                })?;
            }
            Field::Base64 | Field::OptionalBase64 => {
                self.joined(field == Field::OptionalBase64, "Base64", |text| {
                    BASE64.decode(text).ok()
                })?;
            }
            Field::Salt => {
                const WHAT: &str = "a salt in hexadecimal, or `-`";
                let token = self.next(WHAT)?;
                let bytes = self.bytes(token);
                let salt = match bytes {
                    b"-" => Some(Vec::new()),
                    _ => HEXLOWER_PERMISSIVE.decode(bytes).ok(),
                };
                let salt = salt.filter(|salt| salt.len() <= 255);
                let salt = salt.ok_or_else(|| self.wrong(token, WHAT))?;
                self.out.push(salt.len() as u8);
                self.out.extend(salt);
            }
            Field::Base32 => {
                const WHAT: &str = "a hash in Base32 of the extended alphabet";
                let token = self.next(WHAT)?;
                let upper = self.bytes(token).to_ascii_uppercase();
                let hash = BASE32HEX_NOPAD.decode(&upper).ok();
                let hash = hash.filter(|hash| (1..=255).contains(&hash.len()));
                let hash = hash.ok_or_else(|| self.wrong(token, WHAT))?;
                self.out.push(hash.len() as u8);
                self.out.extend(hash);
            }
            Field::Type => {
                const WHAT: &str = "a type of record";
                let token = self.next(WHAT)?;
                let kind = types::parse(self.bytes(token));
                let kind = kind.ok_or_else(|| self.wrong(token, WHAT))?;
                self.out.extend(kind.to_be_bytes());
            }
            Field::Types => {
                let mut kinds = Vec::new();
                for token in self.rest() {
                    let kind = types::parse(self.bytes(token));
                    kinds.push(kind.ok_or_else(|| self.wrong(token, "a type of record"))?);
                }
                self.out.extend(special::bitmap(kinds));
            }
            Field::OldTypes => {
                const WHAT: &str = "a type of record below 128";
                let mut bits = [0_u8; 16];
                for token in self.rest() {
                    let text = self.bytes(token);
                    let kind = types::parse(text).or_else(|| {
                        // BIND writes and reads those without a name as bare numbers.
                        std::str::from_utf8(text).ok()?.parse().ok()
                    });
                    let kind = kind.filter(|kind| (1..128).contains(kind));
                    let kind = kind.ok_or_else(|| self.wrong(token, WHAT))?;
                    bits[usize::from(kind / 8)] |= 0x80 >> (kind % 8);
                }
                let length = bits
                    .iter()
                    .rposition(|&byte| byte != 0)
                    .map_or(0, |last| last + 1);
                self.out.extend(&bits[..length]);
            }
            Field::Scheme => {
                let number = self.named(
                    "a scheme: `NOTIFY`, or a number from 0 to 255",
                    |text| match text.eq_ignore_ascii_case("NOTIFY") {
                        true => Some(1),
                        false => text.parse().ok(),
                    },
                )?;
                let number: u8 = number;
                self.out.push(number);
            }
            Field::Suffix => self.suffix()?,
            Field::Algorithm => {
                let number = self.named("a DNSSEC algorithm", |text| {
                    let named = types::ALGORITHMS
                        .iter()
                        .find(|(name, _)| name.eq_ignore_ascii_case(text));
                    named
                        .map(|&(_, number)| number)
                        .or_else(|| text.parse().ok())
                })?;
                self.out.push(number);
            }
            Field::Certificate => {
                let number: u16 = self.named("a type of certificate", |text| {
                    let named = types::CERTIFICATES
                        .iter()
                        .find(|(name, _)| name.eq_ignore_ascii_case(text));
                    named
                        .map(|&(_, number)| number)
                        .or_else(|| text.parse().ok())
                })?;
                self.out.extend(number.to_be_bytes());
            }
            Field::Parameters => self.parameters()?,
            _ => self.special(field)?,
        }
        Ok(())
    }

    fn named<T>(&mut self, what: &str, find: impl Fn(&str) -> Option<T>) -> Result<T, Mistake> {
        let token = self.next(what)?;
        std::str::from_utf8(self.bytes(token))
            .ok()
            .and_then(find)
            .ok_or_else(|| self.wrong(token, what))
    }

    fn name(&mut self, what: &str) -> Result<Vec<u8>, Mistake> {
        let token = self.next(what)?;
        self.name_in(token)
    }

    fn name_in(&self, token: &Token) -> Result<Vec<u8>, Mistake> {
        name::parse(self.bytes(token), self.origin).map_err(|error| {
            let shown = String::from_utf8_lossy(self.bytes(token)).into_owned();
            Mistake::new(
                token.span.clone(),
                format!("`{shown}`: {}", error.message()),
                "names without a dot at their end are completed by `$ORIGIN`",
            )
        })
    }

    fn unescaped(&self, token: &Token) -> Result<Vec<u8>, Mistake> {
        unescape(self.bytes(token)).map_err(|at| {
            let start = token.span.start + at;
            Mistake::new(
                start..(start + 4).min(token.span.end),
                "this escape stands for no byte",
                "write `\\` and a character, or `\\` and three digits, at most 255",
            )
        })
    }

    /// A character string with its length.
    fn text(&mut self, token: &Token) -> Result<(), Mistake> {
        let bytes = self.unescaped(token)?;
        let length = u8::try_from(bytes.len()).map_err(|_| {
            Mistake::new(
                token.span.clone(),
                format!(
                    "this string has {} bytes, and 255 are the most",
                    bytes.len()
                ),
                "cut it into several strings: `\"…\" \"…\"`",
            )
        })?;
        self.out.push(length);
        self.out.extend(bytes);
        Ok(())
    }

    /// Everything up to the end, joined and decoded.
    fn joined(
        &mut self,
        optional: bool,
        what: &str,
        decode: impl Fn(&[u8]) -> Option<Vec<u8>>,
    ) -> Result<(), Mistake> {
        let tokens = self.rest();
        let text: Vec<u8> = tokens
            .iter()
            .flat_map(|token| self.bytes(token).to_vec())
            .collect();
        let span = match (tokens.first(), tokens.last()) {
            (Some(first), Some(last)) => first.span.start..last.span.end,
            _ if optional => return Ok(()),
            _ => {
                self.next(what)?;
                return Ok(());
            }
        };
        let bytes = decode(&text).ok_or_else(|| {
            Mistake::new(
                span,
                format!("this is not {what}"),
                format!("the last field of {} is {what}", types::show(self.kind)),
            )
        })?;
        self.out.extend(bytes);
        Ok(())
    }

    /// `\# LENGTH HEX` (RFC 3597 §5).
    fn generic(&mut self) -> Result<(), Mistake> {
        self.at = 1;
        let length: u16 = self.parsed("the number of bytes")?;
        self.joined(true, "hexadecimal digits", |text| {
            HEXLOWER_PERMISSIVE.decode(text).ok()
        })?;
        if self.out.len() != usize::from(length) {
            return Err(Mistake::new(
                self.whole.clone(),
                format!(
                    "{length} bytes are announced, and there are {}",
                    self.out.len()
                ),
                "correct the number after `\\#`",
            ));
        }
        Ok(())
    }
}
