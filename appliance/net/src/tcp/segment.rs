//! Segments: how they are read, and how they are written.

use crate::frame::Flow;
use crate::link::Link;
use crate::nic::Checksum;
use crate::wire::{ETHERNET_BYTES, HOPS, Out, Packet, TCP, checksum, ip_bytes, pseudo_header};
use smoltcp::wire::{EthernetAddress, IpAddress};

/// Bits of the control field (RFC 9293 §3.1).
pub const FIN: u8 = 1;
/// Opens a connection.
pub const SYN: u8 = 2;
/// Ends one at once.
pub const RST: u8 = 4;
/// There is no more for now.
pub const PSH: u8 = 8;
/// The acknowledgement number is one.
pub const ACK: u8 = 16;

/// Bytes of a header without options.
const HEADER_BYTES: usize = 20;
/// Where in it the checksum lies.
const CHECKSUM: u16 = 16;
/// Bytes of the one option that is sent, the longest segment.
const MSS_BYTES: usize = 4;

/// A segment that has come, its checksum right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'f> {
    /// Whose it is.
    pub flow: Flow,
    /// Its control bits.
    pub control: u8,
    /// The sequence number of its first byte, or of its SYN.
    pub seq: u32,
    /// The number that is acknowledged, if `control` says so.
    pub ack: u32,
    /// Bytes that the client has room for.
    pub window: u16,
    /// The longest segment that the client takes, if it says so, in bytes.
    pub mss: Option<u16>,
    /// Its bytes.
    pub payload: &'f [u8],
}

impl<'f> Segment<'f> {
    /// Reads a segment from its header on; does not look at its checksum.
    pub fn parse(bytes: &'f [u8], remote: IpAddress, local: IpAddress) -> Option<Self> {
        let &[
            s1,
            s2,
            d1,
            d2,
            q1,
            q2,
            q3,
            q4,
            a1,
            a2,
            a3,
            a4,
            offset,
            control,
            w1,
            w2,
            ..,
        ] = bytes.first_chunk::<HEADER_BYTES>()?;
        let flow = Flow {
            remote,
            local,
            remote_port: u16::from_be_bytes([s1, s2]),
            local_port: u16::from_be_bytes([d1, d2]),
        };
        // Nobody can be answered at port 0.
        if flow.remote_port == 0 || flow.local_port == 0 {
            return None;
        }
        let header = usize::from(offset >> 4) * 4;
        let options = bytes.get(HEADER_BYTES..header)?;
        Some(Self {
            flow,
            control,
            seq: u32::from_be_bytes([q1, q2, q3, q4]),
            ack: u32::from_be_bytes([a1, a2, a3, a4]),
            window: u16::from_be_bytes([w1, w2]),
            mss: match control & SYN {
                0 => None,
                _ => mss(options),
            },
            payload: bytes.get(header..)?,
        })
    }

    /// Whether it has that control bit.
    pub fn has(&self, bit: u8) -> bool {
        self.control & bit != 0
    }

    /// Whether it opens a connection: SYN, and none of ACK, RST and FIN.
    pub fn opens(&self) -> bool {
        self.control & (SYN | ACK | RST | FIN) == SYN
    }

    /// How many sequence numbers it takes.
    pub fn length(&self) -> u32 {
        self.payload.len() as u32 + u32::from(self.has(SYN)) + u32::from(self.has(FIN))
    }
}

/// The option of the longest segment (RFC 9293 §3.2).
fn mss(mut options: &[u8]) -> Option<u16> {
    loop {
        options = match options {
            [1, rest @ ..] => rest,
            [2, 4, high, low, ..] => return Some(u16::from_be_bytes([*high, *low])),
            // At the end there is a 0, or nothing.
            [kind, length, ..] if *kind > 0 && *length >= 2 => {
                options.get(usize::from(*length)..)?
            }
            _ => return None,
        };
    }
}

/// A segment that is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Its control bits.
    pub control: u8,
    /// Its sequence number.
    pub seq: u32,
    /// What it acknowledges.
    pub ack: u32,
    /// How much may be sent to us, in bytes.
    pub window: u16,
}

/// The longest segment that this link takes, of a flow's protocol, in bytes.
pub fn mss_of(mtu: usize, flow: &Flow) -> u16 {
    let headers = HEADER_BYTES + ip_bytes(flow.local);
    mtu.saturating_sub(headers).min(usize::from(u16::MAX)) as u16
}

/// Writes a segment. `payload` is its bytes, in two parts.
pub fn write(
    out: &mut Out,
    link: &Link,
    to: EthernetAddress,
    flow: &Flow,
    header: &Header,
    payload: [&[u8]; 2],
) {
    let start = ETHERNET_BYTES + ip_bytes(flow.local);
    let options = match header.control & SYN {
        0 => 0,
        _ => MSS_BYTES,
    };
    let [first, second] = payload;
    let head = HEADER_BYTES + options;
    let packet = Packet {
        from: link.mac,
        to,
        source: flow.local,
        destination: flow.remote,
        protocol: TCP,
        hops: HOPS,
    };
    let Some(frame) = out.packet(&packet, head + first.len() + second.len()) else {
        return;
    };
    let Some((fields, rest)) = frame
        .get_mut(start..)
        .and_then(|segment| segment.split_first_chunk_mut::<HEADER_BYTES>())
    else {
        return;
    };
    fields[..2].copy_from_slice(&flow.local_port.to_be_bytes());
    fields[2..4].copy_from_slice(&flow.remote_port.to_be_bytes());
    fields[4..8].copy_from_slice(&header.seq.to_be_bytes());
    fields[8..12].copy_from_slice(&header.ack.to_be_bytes());
    fields[12] = (head as u8 / 4) << 4;
    fields[13] = header.control;
    fields[14..16].copy_from_slice(&header.window.to_be_bytes());
    fields[16..].fill(0);
    let (option, bytes) = rest.split_at_mut_checked(options).unwrap_or_default();
    if let Some(option) = option.first_chunk_mut() {
        let [high, low] = mss_of(link.mtu, flow).to_be_bytes();
        *option = [2, 4, high, low];
    }
    if let Some((one, two)) = bytes.split_at_mut_checked(first.len()) {
        one.copy_from_slice(first);
        two.copy_from_slice(second);
    }
    let segment = frame.get(start..).unwrap_or_default();
    let sum = match link.completes_checksums {
        true => pseudo_header(flow.local, flow.remote, TCP, segment.len()),
        false => checksum(flow.local, flow.remote, TCP, segment),
    };
    let at = start + usize::from(CHECKSUM);
    if let Some(place) = frame.get_mut(at..at + 2) {
        place.copy_from_slice(&sum.to_be_bytes());
    }
    if link.completes_checksums {
        out.complete(Checksum::Complete {
            start: start as u16,
            offset: CHECKSUM,
        });
    }
}

/// Refuses a segment of no connection (RFC 9293 §3.5.2): never one that is a
/// refusal itself.
pub fn refuse(segment: &Segment<'_>, out: &mut Out, link: &Link, to: EthernetAddress) {
    if segment.has(RST) {
        return;
    }
    let (control, seq, ack) = match segment.has(ACK) {
        true => (RST, segment.ack, 0),
        false => (RST | ACK, 0, segment.seq.wrapping_add(segment.length())),
    };
    let header = Header {
        control,
        seq,
        ack,
        window: 0,
    };
    write(out, link, to, &segment.flow, &header, [&[]; 2]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_segment_is_found_among_options() {
        assert_eq!(mss(&[2, 4, 5, 0xb4]), Some(1460));
        assert_eq!(mss(&[1, 1, 3, 3, 7, 2, 4, 1, 0, 0]), Some(256));
        for options in [
            &[][..],
            &[0, 2, 4, 5, 5],
            &[2],
            &[2, 4, 5],
            &[3, 0, 2, 4, 5, 5],
            &[3, 1, 2, 4, 5, 5],
            &[8, 200, 2, 4, 5, 5],
        ] {
            assert_eq!(mss(options), None, "{options:?}");
        }
    }
}
