//! Fields that belong to one type, or to few.

use super::{Mistake, Reader};
use crate::zones::types::Field;
use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, Ipv6Addr},
};

impl Reader<'_> {
    pub(super) fn special(&mut self, field: Field) -> Result<(), Mistake> {
        match field {
            Field::Nsap => self.hexadecimal("an address like `0x47.0005…`", |text| {
                text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))
            }),
            Field::Eui(length) => {
                let what = match length {
                    6 => "six bytes like `00-00-5e-00-53-2a`",
                    _ => "eight bytes like `00-00-5e-ef-10-00-00-2a`",
                };
                self.grouped(what, '-', 2, length.into())
            }
            Field::Locator => self.grouped("four groups like `2001:db8:1140:1000`", ':', 4, 4),
            Field::Location => self.location(),
            Field::Prefixes => self.prefixes(),
            Field::Gateway => self.gateway(),
            Field::Relay => self.relay(),
            Field::HostIdentity => self.host_identity(),
            Field::Services => self.services(),
            Field::Digits => {
                const WHAT: &str = "a string of digits";
                let token = self.next(WHAT)?;
                let bytes = self.unescaped(token)?;
                if bytes.len() < 4 || !bytes.iter().all(u8::is_ascii_digit) {
                    return Err(self.wrong(token, WHAT));
                }
                self.text(token)
            }
            Field::Atm => {
                let token = self.next("an ATM address")?;
                let text = String::from_utf8_lossy(self.bytes(token)).into_owned();
                if let Some(number) = text.strip_prefix('+') {
                    self.out.push(1);
                    self.out.extend(number.bytes());
                    let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
                    return digits
                        .then_some(())
                        .ok_or_else(|| self.wrong(token, "a number like `+358400123456`"));
                }
                self.out.push(0);
                self.at -= 1;
                self.hexadecimal("an address in hexadecimal", |text| Some(text))
            }
            _ => unreachable!("the other fields are read by their common reader"),
        }
    }

    /// Hexadecimal digits, with dots anywhere between them.
    fn hexadecimal(
        &mut self,
        what: &str,
        strip: impl Fn(&str) -> Option<&str>,
    ) -> Result<(), Mistake> {
        let token = self.next(what)?;
        let bytes = std::str::from_utf8(self.bytes(token))
            .ok()
            .and_then(strip)
            .map(|text| text.replace('.', ""))
            .and_then(|digits| HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok())
            .filter(|bytes| !bytes.is_empty());
        self.out
            .extend(bytes.ok_or_else(|| self.wrong(token, what))?);
        Ok(())
    }

    /// Groups of so many digits with something between them.
    fn grouped(
        &mut self,
        what: &str,
        between: char,
        digits: usize,
        count: usize,
    ) -> Result<(), Mistake> {
        let token = self.next(what)?;
        let text = String::from_utf8_lossy(self.bytes(token)).into_owned();
        let groups: Vec<&str> = text.split(between).collect();
        let whole = |group: &&str| {
            let length = group.len();
            let fits = if between == ':' {
                (1..=digits).contains(&length)
            } else {
                length == digits
            };
            fits && group.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        if groups.len() != count || !groups.iter().all(whole) {
            return Err(self.wrong(token, what));
        }
        for group in groups {
            let number = u16::from_str_radix(group, 16).unwrap_or(0);
            match digits {
                2 => self.out.push(number as u8),
                _ => self.out.extend(number.to_be_bytes()),
            }
        }
        Ok(())
    }

    /// LOC (RFC 1876 §3): degrees, minutes, seconds, height, and precisions.
    fn location(&mut self) -> Result<(), Mistake> {
        let latitude = self.angle(90, ["N", "S"])?;
        let longitude = self.angle(180, ["E", "W"])?;
        let token = self.next("a height in metres")?;
        let height = metres(self.bytes(token))
            .and_then(|centimetres| centimetres.checked_add(10_000_000))
            .and_then(|height| u32::try_from(height).ok())
            .ok_or_else(|| self.wrong(token, "a height in metres, such as `10.5m`"))?;
        // Size, horizontal and vertical precision: 1 m, 10 km, 10 m.
        let mut precisions = [0x12, 0x16, 0x13];
        for precision in &mut precisions {
            if self.at < self.tokens.len() {
                let token = self.next("a size")?;
                *precision = metres(self.bytes(token))
                    .and_then(exponent)
                    .ok_or_else(|| self.wrong(token, "a size in metres, such as `30m`"))?;
            }
        }
        self.out.push(0);
        self.out.extend(precisions);
        for number in [latitude, longitude, height] {
            self.out.extend(number.to_be_bytes());
        }
        Ok(())
    }

    /// Thousandths of a second of arc, from the equator or the meridian at 2^31.
    fn angle(&mut self, most: u32, letters: [&str; 2]) -> Result<u32, Mistake> {
        let mut total = 0_u32;
        let mut part = 0;
        loop {
            let what = format!("`{}` or `{}`", letters[0], letters[1]);
            let token = self.next(&what)?;
            let text = String::from_utf8_lossy(self.bytes(token)).into_owned();
            let side = letters.iter().position(|l| l.eq_ignore_ascii_case(&text));
            if let (Some(side), true) = (side, part > 0) {
                if total > most * 3_600_000 {
                    return Err(self.wrong(token, "an angle that there is"));
                }
                let middle = 1_u32 << 31;
                return Ok(if side == 0 {
                    middle + total
                } else {
                    middle - total
                });
            }
            let thousandths = match part {
                0 => text
                    .parse()
                    .ok()
                    .filter(|&n: &u32| n <= most)
                    .map(|n| n * 3_600_000),
                1 => text
                    .parse()
                    .ok()
                    .filter(|&n: &u32| n < 60)
                    .map(|n| n * 60_000),
                2 => decimal(&text, 3)
                    .filter(|n| (0..60_000).contains(n))
                    .map(|n| n as u32),
                _ => None,
            };
            let expected = ["degrees", "minutes", "seconds", &what];
            total += thousandths.ok_or_else(|| self.wrong(token, expected[part.min(3)]))?;
            part += 1;
        }
    }

    /// APL (RFC 3123 §5): `[!]FAMILY:ADDRESS/PREFIX`, any number of them.
    fn prefixes(&mut self) -> Result<(), Mistake> {
        for token in self.rest() {
            let item = std::str::from_utf8(self.bytes(token)).ok().and_then(prefix);
            let expected = "a prefix like `1:192.0.2.0/24` or `!2:2001:db8::/32`";
            self.out
                .extend(item.ok_or_else(|| self.wrong(token, expected))?);
        }
        Ok(())
    }

    /// A6 (RFC 2874 §3.1): the prefix's length, what of the address is not in it, and the
    /// name that has the rest.
    pub(super) fn suffix(&mut self) -> Result<(), Mistake> {
        const WHAT: &str = "the length of a prefix from 0 to 128";
        let token = self.next(WHAT)?;
        let prefix = std::str::from_utf8(self.bytes(token)).ok();
        let prefix = prefix.and_then(|text| text.parse().ok());
        let prefix: u8 = prefix
            .filter(|prefix| *prefix <= 128)
            .ok_or_else(|| self.wrong(token, WHAT))?;
        self.out.push(prefix);
        if prefix < 128 {
            let address: Ipv6Addr = self.parsed("an IPv6 address")?;
            let address = u128::from(address) << prefix >> prefix;
            let own = &address.to_be_bytes()[usize::from(prefix / 8)..];
            self.out.extend(own);
        }
        if prefix > 0 {
            self.field(Field::Name)?;
        }
        Ok(())
    }

    /// IPSECKEY (RFC 4025 §3.1) behind its precedence.
    fn gateway(&mut self) -> Result<(), Mistake> {
        let kind: u8 = self.parsed("a type of gateway from 0 to 3")?;
        let algorithm: u8 = self.parsed("an algorithm from 0 to 255")?;
        self.out.extend([kind, algorithm]);
        self.host(kind)?;
        self.field(Field::OptionalBase64)
    }

    /// AMTRELAY (RFC 8777 §4.3.1) behind its precedence.
    fn relay(&mut self) -> Result<(), Mistake> {
        let discovery: u8 = self.parsed("0 or 1")?;
        let kind: u8 = self.parsed("a type of relay from 0 to 3")?;
        if discovery > 1 || kind > 3 {
            return Err(Mistake::new(
                self.whole.clone(),
                "AMTRELAY has a bit and a type from 0 to 3 behind its precedence",
                "write it like `10 0 1 203.0.113.15`",
            ));
        }
        self.out.push(discovery << 7 | kind);
        if kind == 0 && self.at == self.tokens.len() {
            return Ok(());
        }
        self.host(kind)
    }

    /// Nothing, an address, or a name that is not compressed.
    fn host(&mut self, kind: u8) -> Result<(), Mistake> {
        match kind {
            0 => {
                let token = self.next("`.`")?;
                if self.bytes(token) != b"." {
                    return Err(self.wrong(token, "`.`, since there is none"));
                }
            }
            1 => self.field(Field::Ipv4)?,
            2 => self.field(Field::Ipv6)?,
            3 => self.field(Field::Name)?,
            _ => {
                return Err(Mistake::new(
                    self.whole.clone(),
                    format!("there is no type {kind} of gateway"),
                    "0 is none, 1 and 2 are addresses, 3 is a name",
                ));
            }
        }
        Ok(())
    }

    /// HIP (RFC 8005 §5): algorithm, tag, key, servers.
    fn host_identity(&mut self) -> Result<(), Mistake> {
        let algorithm: u8 = self.parsed("an algorithm from 0 to 255")?;
        let token = self.next("a host identity tag")?;
        let tag = HEXLOWER_PERMISSIVE.decode(self.bytes(token)).ok();
        let tag = tag.filter(|tag| (1..=255).contains(&tag.len()));
        let tag = tag.ok_or_else(|| self.wrong(token, "a host identity tag in hexadecimal"))?;
        let token = self.next("a public key")?;
        let key = BASE64.decode(self.bytes(token)).ok();
        let key = key.filter(|key| (1..=65535).contains(&key.len()));
        let key = key.ok_or_else(|| self.wrong(token, "a public key in Base64"))?;
        self.out.extend([tag.len() as u8, algorithm]);
        self.out.extend((key.len() as u16).to_be_bytes());
        self.out.extend(tag);
        self.out.extend(key);
        for token in self.rest() {
            let name = self.name_in(token)?;
            self.out.extend(name);
        }
        Ok(())
    }

    /// WKS (RFC 1035 §3.4.2): a protocol, and a bitmap of its ports.
    fn services(&mut self) -> Result<(), Mistake> {
        let protocol: u8 = self.named("a protocol", |text| {
            match text.to_ascii_lowercase().as_str() {
                "icmp" => Some(1),
                "tcp" => Some(6),
                "udp" => Some(17),
                _ => text.parse().ok(),
            }
        })?;
        self.out.push(protocol);
        let mut bits: Vec<u8> = Vec::new();
        for token in self.rest() {
            let text = String::from_utf8_lossy(self.bytes(token)).to_ascii_lowercase();
            let named = SERVICES.iter().find(|(name, _)| *name == text);
            let port: Option<u16> = named.map(|&(_, port)| port).or_else(|| text.parse().ok());
            let port = port.ok_or_else(|| self.wrong(token, "a port's number"))?;
            let byte = usize::from(port / 8);
            if bits.len() <= byte {
                bits.resize(byte + 1, 0);
            }
            bits[byte] |= 0x80 >> (port % 8);
        }
        self.out.extend(bits);
        Ok(())
    }
}

/// Services that WKS records of old name.
const SERVICES: [(&str, u16); 16] = [
    ("echo", 7),
    ("ftp-data", 20),
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("time", 37),
    ("domain", 53),
    ("tftp", 69),
    ("gopher", 70),
    ("finger", 79),
    ("http", 80),
    ("pop3", 110),
    ("nntp", 119),
    ("ntp", 123),
    ("https", 443),
];

/// Seconds since 1970 modulo 2^32, from `YYYYMMDDHHmmSS` or a number.
pub(super) fn time(text: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(text).ok()?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if text.len() != 14 {
        return text.parse().ok();
    }
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_in_month = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days_in_month).contains(&day) || hour > 23 || minute > 59 || second > 60 || year < 1970
    {
        return None;
    }
    // Days from a year that begins in March, so that leap days come last.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    Some((days * 86_400 + hour * 3600 + minute * 60 + second) as u32)
}

/// The bitmap of types, window by window (RFC 4034 §4.1.2).
pub(super) fn bitmap(kinds: Vec<u16>) -> Vec<u8> {
    let mut windows: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
    for kind in kinds {
        let bits = windows.entry((kind >> 8) as u8).or_default();
        let byte = usize::from(kind & 0xff) / 8;
        if bits.len() <= byte {
            bits.resize(byte + 1, 0);
        }
        bits[byte] |= 0x80 >> (kind % 8);
    }
    let mut out = Vec::new();
    for (window, bits) in windows {
        out.extend([window, bits.len() as u8]);
        out.extend(bits);
    }
    out
}

/// A decimal number in units of ten to the minus `places`.
fn decimal(text: &str, places: usize) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(fraction) || fraction.len() > places {
        return None;
    }
    let number: i64 = format!("{whole}{fraction:0<places$}").parse().ok()?;
    Some(if negative { -number } else { number })
}

/// Centimetres.
fn metres(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let text = text.strip_suffix(['m', 'M']).unwrap_or(text);
    decimal(text, 2)
}

/// Centimetres as a digit and a power of ten (RFC 1876 §2).
fn exponent(centimetres: i64) -> Option<u8> {
    let mut number = u64::try_from(centimetres).ok()?;
    let mut power = 0;
    while number > 9 {
        number /= 10;
        power += 1;
    }
    (power <= 9).then_some((number as u8) << 4 | power)
}

/// One item of APL on the wire (RFC 3123 §4).
fn prefix(text: &str) -> Option<Vec<u8>> {
    let (negated, text) = match text.strip_prefix('!') {
        Some(text) => (0x80, text),
        None => (0, text),
    };
    let (family, text) = text.split_once(':')?;
    let (address, length) = text.rsplit_once('/')?;
    let length: u8 = length.parse().ok()?;
    let (family, mut bytes) = match family {
        "1" => (1_u16, address.parse::<Ipv4Addr>().ok()?.octets().to_vec()),
        "2" => (2_u16, address.parse::<Ipv6Addr>().ok()?.octets().to_vec()),
        _ => return None,
    };
    if usize::from(length) > bytes.len() * 8 {
        return None;
    }
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    let mut out = family.to_be_bytes().to_vec();
    out.extend([length, negated | bytes.len() as u8]);
    out.extend(bytes);
    Some(out)
}
