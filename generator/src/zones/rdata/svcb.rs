//! Service parameters of SVCB and HTTPS (RFC 9460 §2.1 and appendix A).

use super::{Mistake, Reader};
use crate::zones::lexer::{Token, unescape};
use data_encoding::BASE64;
use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, Ipv6Addr},
};

const MANDATORY: u16 = 0;

/// Keys with names, and how their values are written.
const KEYS: [(&str, u16); 10] = [
    ("mandatory", MANDATORY),
    ("alpn", 1),
    ("no-default-alpn", 2),
    ("port", 3),
    ("ipv4hint", 4),
    ("ech", 5),
    ("ipv6hint", 6),
    ("dohpath", 7),
    ("ohttp", 8),
    ("tls-supported-groups", 9),
];

impl Reader<'_> {
    /// `key`, `key=value`, `key="value"`, in any order.
    pub(super) fn parameters(&mut self) -> Result<(), Mistake> {
        let mut parameters: BTreeMap<u16, Vec<u8>> = BTreeMap::new();
        while let Some(token) = self.tokens.get(self.at) {
            self.at += 1;
            let (name, mut value) = match self.bytes(token).iter().position(|&b| b == b'=') {
                Some(at) => {
                    let (name, value) = self.bytes(token).split_at(at);
                    (name, Some(value[1..].to_vec()))
                }
                None => (self.bytes(token), None),
            };
            // A value in quotes is a token of its own, right behind.
            if let Some(next) = self.adjacent(token)
                && value.as_ref().is_some_and(Vec::is_empty)
            {
                value = Some(self.bytes(next).to_vec());
                self.at += 1;
            }
            let key = key(name).ok_or_else(|| self.wrong(token, "a service parameter"))?;
            let value =
                encode(key, value.as_deref()).map_err(|expected| self.wrong(token, expected))?;
            if parameters.insert(key, value).is_some() {
                return Err(Mistake::new(
                    token.span.clone(),
                    "this service parameter is there twice",
                    "remove one of them",
                ));
            }
        }
        for listed in parameters
            .get(&MANDATORY)
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .chunks_exact(2)
        {
            let key = u16::from_be_bytes([*listed[0], *listed[1]]);
            if !parameters.contains_key(&key) {
                return Err(Mistake::new(
                    self.whole.clone(),
                    "a mandatory service parameter is missing",
                    "write the parameter, or take it off the list in `mandatory`",
                ));
            }
        }
        if parameters.contains_key(&2) && !parameters.contains_key(&1) {
            return Err(Mistake::new(
                self.whole.clone(),
                "`no-default-alpn` says nothing without `alpn`",
                "add `alpn=…`, or remove it",
            ));
        }
        for (key, value) in parameters {
            self.out.extend(key.to_be_bytes());
            let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
            self.out.extend(length.to_be_bytes());
            self.out.extend(value);
        }
        Ok(())
    }

    /// The string in quotes that follows a token without a blank.
    fn adjacent(&self, token: &Token) -> Option<&Token> {
        let next = self.tokens.get(self.at)?;
        (next.quoted && next.span.start == token.span.end + 1).then_some(next)
    }
}

/// The number of a key: by name, or as `keyN`.
fn key(name: &[u8]) -> Option<u16> {
    let name = std::str::from_utf8(name).ok()?;
    if let Some(&(_, number)) = KEYS.iter().find(|(known, _)| *known == name) {
        return Some(number);
    }
    let digits = name.strip_prefix("key")?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let padded = digits.len() > 1 && digits.starts_with('0');
    let number = digits.parse().ok().filter(|_| plain && !padded)?;
    (number != u16::MAX).then_some(number)
}

/// A value on the wire, or what was expected of it.
fn encode(key: u16, value: Option<&[u8]>) -> Result<Vec<u8>, &'static str> {
    let text = match value {
        Some(value) => unescape(value).map_err(|_| "a value without wrong escapes")?,
        None => Vec::new(),
    };
    let items = || {
        let items: Vec<&str> = std::str::from_utf8(&text)
            .unwrap_or("")
            .split(',')
            .collect();
        items
    };
    match key {
        MANDATORY => {
            let mut keys = Vec::new();
            for item in items() {
                let number = self::key(item.as_bytes()).filter(|&number| number != MANDATORY);
                keys.push(number.ok_or("a list of other keys")?);
            }
            let count = keys.len();
            keys.sort_unstable();
            keys.dedup();
            if keys.len() != count {
                return Err("a list of different keys");
            }
            Ok(keys.into_iter().flat_map(u16::to_be_bytes).collect())
        }
        1 => protocols(&text).ok_or("a list of protocols such as `alpn=h2,h3`"),
        2 | 8 => match value {
            None => Ok(Vec::new()),
            Some(_) => Err("a key without a value"),
        },
        3 => {
            let port = std::str::from_utf8(&text)
                .ok()
                .and_then(|text| text.parse::<u16>().ok());
            Ok(port
                .ok_or("a port such as `port=8443`")?
                .to_be_bytes()
                .to_vec())
        }
        4 => {
            let mut out = Vec::new();
            for item in items() {
                let address: Ipv4Addr = item.parse().map_err(|_| "a list of IPv4 addresses")?;
                out.extend(address.octets());
            }
            Ok(out)
        }
        5 => {
            let bytes = BASE64.decode(&text).map_err(|_| "Base64")?;
            if bytes.is_empty() {
                Err("Base64")
            } else {
                Ok(bytes)
            }
        }
        6 => {
            let mut out = Vec::new();
            for item in items() {
                let address: Ipv6Addr = item.parse().map_err(|_| "a list of IPv6 addresses")?;
                out.extend(address.octets());
            }
            Ok(out)
        }
        9 => {
            let mut out = Vec::new();
            for item in items() {
                let number: u16 = item.parse().map_err(|_| "a list of group numbers")?;
                out.extend(number.to_be_bytes());
            }
            Ok(out)
        }
        7 => match text.is_empty() {
            true => Err("a path such as `dohpath=/dns-query{?dns}`"),
            false => Ok(text),
        },
        _ => Ok(text),
    }
}

/// The protocols of `alpn`: parted by commas, which `\,` is not; each with its
/// length (RFC 9460 §7.1.1).
fn protocols(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut item = Vec::new();
    let mut bytes = text.iter();
    let end = |item: &mut Vec<u8>, out: &mut Vec<u8>| {
        let length = u8::try_from(item.len()).ok().filter(|&length| length > 0)?;
        out.push(length);
        out.append(item);
        Some(())
    };
    while let Some(&byte) = bytes.next() {
        match byte {
            b',' => end(&mut item, &mut out)?,
            b'\\' => item.push(*bytes.next()?),
            _ => item.push(byte),
        }
    }
    end(&mut item, &mut out)?;
    Some(out)
}
