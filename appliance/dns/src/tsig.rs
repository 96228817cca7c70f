//! Signed queries (RFC 8945), for a server without keys: every key is unknown,
//! and that is said as NSD and Knot say it, with NOTAUTH and BADKEY.

use crate::question::QueryName;
use crate::request::u16_at;

/// The type of record.
pub const KIND: u16 = 250;

/// The error that a key is not known (RFC 8945 §5.2.1).
const BADKEY: u8 = 17;

/// Two names at most, and what stands between and behind them.
const MOST_BYTES: usize = 255 + 10 + 255 + 16;

/// The record that refuses a signature: key, algorithm and time are the query's,
/// there is no MAC (RFC 8945 §5.3.2).
#[derive(Debug)]
pub struct Refusal {
    bytes: [u8; MOST_BYTES],
    length: usize,
}

impl Refusal {
    /// To the record at an offset of a query; `None` if that is malformed.
    pub fn to(message: &[u8], at: usize) -> Option<Self> {
        let mut refusal = Self {
            bytes: [0; MOST_BYTES],
            length: 0,
        };
        let fixed = refusal.name(message, at)?;
        let head = message.get(fixed..)?.first_chunk::<10>()?;
        let [_, _, _, _, ttl @ .., l0, l1] = *head;
        // RFC 8945 §4.2: the class is ANY, the TTL is 0.
        if u16_at(head, 2)? != 255 || ttl != [0; 4] {
            return None;
        }
        let start = fixed + 10;
        let end = start + usize::from(u16::from_be_bytes([l0, l1]));
        let data = message.get(start..end)?;
        // RFC 8945 §4.2 lets no one compress the algorithm's name.
        let (algorithm, rest) = data.split_at_checked(QueryName::new().set(data)?)?;
        // Time and fudge, MAC, original ID, error, other data.
        let (time, rest) = rest.split_first_chunk::<8>()?;
        let mac = usize::from(u16_at(rest, 0)?);
        let rest = rest.get(2 + mac..)?;
        let (&[i0, i1], rest) = rest.split_first_chunk()?;
        if rest.len() != 4 + usize::from(u16_at(rest, 2)?) {
            return None;
        }
        let [l0, l1] = u16::try_from(algorithm.len() + 16).ok()?.to_be_bytes();
        refusal.put(&[0, KIND as u8, 0, 255, 0, 0, 0, 0, l0, l1])?;
        refusal.put(algorithm)?;
        refusal.put(time)?;
        refusal.put(&[0, 0, i0, i1, 0, BADKEY, 0, 0])?;
        Some(refusal)
    }

    /// The record.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.length.checked_add(bytes.len())?;
        let to = self.bytes.get_mut(self.length..end)?;
        to.copy_from_slice(bytes);
        self.length = end;
        Some(())
    }

    /// Writes the name at an offset in full, and says where it ends there.
    fn name(&mut self, message: &[u8], at: usize) -> Option<usize> {
        let mut end = None;
        let mut place = at;
        // Pointers lead backwards alone: there is no circle.
        let mut before = at;
        loop {
            let length = *message.get(place)?;
            match length {
                0 => {
                    self.put(&[0])?;
                    return (self.length <= 255).then_some(end.unwrap_or(place + 1));
                }
                1..=63 => {
                    let next = place + 1 + usize::from(length);
                    self.put(message.get(place..next)?)?;
                    place = next;
                }
                0xc0.. => {
                    end = end.or(Some(place + 2));
                    place = usize::from(u16_at(message, place)? & 0x3fff);
                    if place >= before {
                        return None;
                    }
                    before = place;
                }
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: &[u8] = b"\x03alg\0\0\0\x01\x02\x03\x04\x01\x2c\0\x02xy\x12\x34\0\0\0\0";

    fn record(owner: &[u8], class: u8, ttl: u8, data: &[u8]) -> std::vec::Vec<u8> {
        let head = [0, 250, 0, class, 0, 0, 0, ttl, 0, data.len() as u8];
        [b"\x01a\x01b\0", owner, &head, data].concat()
    }

    #[test]
    fn a_key_is_refused_by_its_name() {
        let expected = b"\x01k\x01b\0\0\xfa\0\xff\0\0\0\0\0\x15\x03alg\0\0\0\x01\x02\x03\x04\x01\x2c\0\0\x12\x34\0\x11\0\0";
        for owner in [&b"\x01k\x01b\0"[..], b"\x01k\xc0\x02"] {
            let refusal = Refusal::to(&record(owner, 255, 0, DATA), 5).unwrap();
            assert_eq!(refusal.bytes(), expected);
        }
    }

    #[test]
    fn what_is_no_signature_is_refused_as_a_message() {
        let is_read = |bytes: &[u8]| Refusal::to(bytes, 5).is_some();
        assert!(is_read(&record(b"\0", 255, 0, DATA)));
        assert!(!is_read(&record(b"\0", 1, 0, DATA)));
        assert!(!is_read(&record(b"\0", 255, 1, DATA)));
        assert!(!is_read(&record(b"\0", 255, 0, &[DATA, b"x"].concat())));
        for length in 0..DATA.len() {
            assert!(!is_read(&record(b"\0", 255, 0, &DATA[..length])));
        }
        // Circles, and pointers that lead nowhere.
        assert!(!is_read(&record(b"\xc0\x05", 255, 0, DATA)));
        assert!(!is_read(&record(b"\x01x\xc0\x05", 255, 0, DATA)));
        assert!(!is_read(&record(b"\xff\xff", 255, 0, DATA)));
    }
}
