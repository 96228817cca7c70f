//! Messages, decoded without any of the code under test.

use std::{collections::BTreeSet, fmt};

/// A record in a form that compares: names in lower case and in full.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// Its owner.
    pub owner: String,
    /// Its type.
    pub kind: u16,
    /// Its TTL.
    pub ttl: u32,
    /// Its data as text.
    pub data: String,
}

/// A message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// Its flags and code.
    pub flags: u16,
    /// The question as it was sent back.
    pub question: Vec<u8>,
    /// Answer, authority, additional; OPT left out.
    pub sections: [BTreeSet<Record>; 3],
    /// Records in the three sections, with those that are there twice.
    pub counts: [usize; 3],
    /// The OPT record: class, TTL.
    pub opt: Option<(u16, u32)>,
    /// Bytes.
    pub length: usize,
}

/// Types whose data has names in it: bytes before, names.
fn names(kind: u16) -> Option<(usize, usize)> {
    Some(match kind {
        2 | 5 | 12 | 39 => (0, 1),
        6 => (0, 2),
        15 => (2, 1),
        33 => (6, 1),
        _ => return None,
    })
}

fn name(message: &[u8], at: &mut usize) -> Option<String> {
    let mut text = String::new();
    let mut place = *at;
    let mut jumped = false;
    loop {
        let length = usize::from(*message.get(place)?);
        match length {
            0 => {
                place += 1;
                break;
            }
            0xc0.. => {
                let low = usize::from(*message.get(place + 1)?);
                let target = (length & 0x3f) << 8 | low;
                // Backwards only: no message of ours needs more.
                if target >= place {
                    return None;
                }
                if !jumped {
                    *at = place + 2;
                }
                jumped = true;
                place = target;
                continue;
            }
            1..=63 => {
                let label = message.get(place + 1..place + 1 + length)?;
                for &byte in label {
                    text.push(byte.to_ascii_lowercase().into());
                }
                text.push('.');
                place += 1 + length;
            }
            _ => return None,
        }
    }
    if !jumped {
        *at = place;
    }
    if text.is_empty() {
        text.push('.');
    }
    Some(text)
}

fn number(message: &[u8], at: &mut usize) -> Option<u16> {
    let two = message.get(*at..)?.first_chunk()?;
    *at += 2;
    Some(u16::from_be_bytes(*two))
}

impl Message {
    /// Reads one; `None` when it is malformed, or has bytes behind it.
    pub fn read(message: &[u8]) -> Option<Self> {
        let mut at = 2;
        let flags = number(message, &mut at)?;
        let questions = number(message, &mut at)?;
        let mut counts = [0; 3];
        for count in &mut counts {
            *count = usize::from(number(message, &mut at)?);
        }
        let start = at;
        for _ in 0..questions {
            name(message, &mut at)?;
            at += 4;
        }
        let mut read = Self {
            flags,
            question: message.get(start..at)?.to_vec(),
            counts,
            length: message.len(),
            ..Self::default()
        };
        for (section, count) in counts.into_iter().enumerate() {
            for _ in 0..count {
                let owner = name(message, &mut at)?;
                let kind = number(message, &mut at)?;
                let class = number(message, &mut at)?;
                let high = number(message, &mut at)?;
                let low = number(message, &mut at)?;
                let ttl = u32::from(high) << 16 | u32::from(low);
                let length = usize::from(number(message, &mut at)?);
                let end = at + length;
                let bytes = message.get(at..end)?;
                if kind == 41 {
                    read.opt = Some((class, ttl));
                    at = end;
                    continue;
                }
                let data = match names(kind) {
                    Some((before, count)) => {
                        let mut text = hex(bytes.get(..before)?);
                        at += before;
                        for _ in 0..count {
                            text.push(' ');
                            text.push_str(&name(message, &mut at)?);
                        }
                        text.push_str(&hex(message.get(at..end)?));
                        text
                    }
                    None => hex(bytes),
                };
                at = end;
                read.sections[section].insert(Record {
                    owner,
                    kind,
                    ttl,
                    data,
                });
            }
        }
        (at == message.len()).then_some(read)
    }

    /// The code, the high bits in OPT included.
    pub fn code(&self) -> u16 {
        let high = self.opt.map_or(0, |(_, ttl)| (ttl >> 24) as u16);
        high << 4 | self.flags & 15
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "flags {:04x} code {} {} bytes",
            self.flags,
            self.code(),
            self.length
        )?;
        for (name, section) in ["AN", "AU", "AD"].iter().zip(&self.sections) {
            for record in section {
                write!(
                    f,
                    "\n    {name} {} {} TYPE{} {}",
                    record.owner, record.ttl, record.kind, record.data
                )?;
            }
        }
        Ok(())
    }
}
