//! Whether bytes that were written `\# …` are data of a known type.

use crate::zones::types::Field;

/// Whether the fields fill the data exactly.
pub(super) fn fits(fields: &[Field], data: &[u8]) -> bool {
    let mut rest = data;
    for field in fields {
        match take(*field, rest) {
            Some(behind) => rest = behind,
            None => return false,
        }
    }
    rest.is_empty()
}

/// What is behind a field.
fn take(field: Field, data: &[u8]) -> Option<&[u8]> {
    let skip = |bytes: usize| data.get(bytes..);
    let with_length = |least: usize| {
        let (&length, rest) = data.split_first()?;
        (usize::from(length) >= least).then(|| rest.get(length.into()..))?
    };
    match field {
        Field::Name => name(data),
        Field::U8 | Field::Algorithm | Field::Scheme => skip(1),
        Field::U16 | Field::Type | Field::Certificate => skip(2),
        Field::U32 | Field::Period | Field::Time | Field::Ipv4 => skip(4),
        Field::U64 | Field::Locator => skip(8),
        Field::Ipv6 | Field::Location => skip(16),
        Field::Eui(bytes) => skip(bytes.into()),
        Field::Text | Field::Salt => with_length(0),
        Field::Tag | Field::Base32 | Field::Digits => with_length(1),
        Field::OptionalText if data.is_empty() => Some(data),
        Field::OptionalText => with_length(0),
        Field::Texts => {
            let mut rest = take(Field::Text, data)?;
            while !rest.is_empty() {
                rest = take(Field::Text, rest)?;
            }
            Some(rest)
        }
        Field::Hex | Field::Base64 | Field::Nsap | Field::Atm => (!data.is_empty()).then_some(&[]),
        Field::RawText | Field::OptionalHex | Field::OptionalBase64 => Some(&[]),
        Field::Types => windows(data).then_some(&[]),
        Field::OldTypes => (data.len() <= 16).then_some(&[]),
        Field::Suffix => {
            let (&prefix, rest) = data.split_first()?;
            let own = usize::from(128_u8.checked_sub(prefix)?).div_ceil(8);
            let rest = rest.get(own..)?;
            match prefix {
                0 => Some(rest),
                _ => name(rest),
            }
        }
        Field::Prefixes => prefixes(data).then_some(&[]),
        Field::Parameters => parameters(data).then_some(&[]),
        Field::Services => (!data.is_empty() && data.len() <= 1 + 8192).then_some(&[]),
        Field::Gateway => {
            let (&kind, rest) = data.split_first()?;
            host(kind, rest.get(1..)?).map(|_| &[][..])
        }
        Field::Relay => {
            let (&kind, rest) = data.split_first()?;
            host(kind & 0x7f, rest)
        }
        Field::HostIdentity => {
            let &[tag, _, k0, k1] = data.first_chunk()?;
            let key = usize::from(u16::from_be_bytes([k0, k1]));
            let mut rest = data.get(4 + usize::from(tag) + key..)?;
            while !rest.is_empty() {
                rest = name(rest)?;
            }
            (tag > 0 && key > 0).then_some(rest)
        }
    }
}

fn name(data: &[u8]) -> Option<&[u8]> {
    let mut at = 0_usize;
    loop {
        let length = usize::from(*data.get(at)?);
        at += 1 + length;
        if length > 63 || at > 255 {
            return None;
        }
        if length == 0 {
            return data.get(at..);
        }
    }
}

fn host(kind: u8, data: &[u8]) -> Option<&[u8]> {
    match kind {
        0 => Some(data),
        1 => data.get(4..),
        2 => data.get(16..),
        3 => name(data),
        _ => None,
    }
}

/// Windows in ascending order, each of 1 to 32 bytes, the last not zero.
fn windows(data: &[u8]) -> bool {
    let mut rest = data;
    let mut last: Option<u8> = None;
    while let Some((&[window, length], behind)) = rest.split_first_chunk() {
        let Some((bits, next)) = behind.split_at_checked(length.into()) else {
            return false;
        };
        let ascending = last.is_none_or(|last| last < window);
        if !ascending || !(1..=32).contains(&length) || bits.last() == Some(&0) {
            return false;
        }
        (last, rest) = (Some(window), next);
    }
    rest.is_empty()
}

fn prefixes(data: &[u8]) -> bool {
    let mut rest = data;
    while let Some((&[f0, f1, prefix, length], behind)) = rest.split_first_chunk() {
        let most = match u16::from_be_bytes([f0, f1]) {
            1 => 4,
            2 => 16,
            _ => 127,
        };
        let length = usize::from(length & 0x7f);
        let Some((bytes, next)) = behind.split_at_checked(length) else {
            return false;
        };
        let bits = if most == 127 { 255 } else { most * 8 };
        if length > most || usize::from(prefix) > bits || bytes.last() == Some(&0) {
            return false;
        }
        rest = next;
    }
    rest.is_empty()
}

/// Keys in ascending order, each with its length.
fn parameters(data: &[u8]) -> bool {
    let mut rest = data;
    let mut last: Option<u16> = None;
    while let Some((&[k0, k1, l0, l1], behind)) = rest.split_first_chunk() {
        let key = u16::from_be_bytes([k0, k1]);
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let Some(next) = behind.get(length..) else {
            return false;
        };
        if last.is_some_and(|last| last >= key) {
            return false;
        }
        (last, rest) = (Some(key), next);
    }
    rest.is_empty()
}
