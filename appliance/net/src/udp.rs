//! UDP, answered in place: the answer is written into the buffer that the
//! question came in, and goes back to where it came from.
//!
//! There is no socket: a service is a function from a question to an answer.
//! What it answers fits into one packet; nothing is fragmented.

use crate::frame::{Datagram, Flow};
use crate::link::Link;
use crate::nic::Checksum;
use crate::wire::{ETHERNET_BYTES, HOPS, Packet, UDP, checksum, headers, ip_bytes, pseudo_header};
use smoltcp::wire::EthernetAddress;

/// Bytes of a UDP header.
const HEADER_BYTES: usize = 8;
/// Where in it the checksum lies.
const CHECKSUM: u16 = 6;

/// What is to be known of a datagram to answer it, when its frame is written to.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    sender: EthernetAddress,
    flow: Flow,
    /// Where in the frame the payload lies.
    start: usize,
    length: usize,
}

impl Question {
    /// The question in a datagram of `frame`, if its checksum is right.
    pub fn new(
        frame: &[u8],
        sender: EthernetAddress,
        datagram: &Datagram<'_>,
        checked: bool,
    ) -> Option<Self> {
        let flow = &datagram.flow;
        // Nobody can be answered at port 0.
        if !(checked || datagram.is_right()) || flow.remote_port == 0 {
            return None;
        }
        // The datagram is a part of the frame.
        let offset = datagram
            .bytes
            .as_ptr()
            .addr()
            .checked_sub(frame.as_ptr().addr())?;
        Some(Self {
            sender,
            flow: *flow,
            start: offset + HEADER_BYTES,
            length: datagram.bytes.len().checked_sub(HEADER_BYTES)?,
        })
    }

    /// Between whom it is.
    pub fn flow(&self) -> &Flow {
        &self.flow
    }

    /// Writes the answer over the frame: `respond` is given the payload, its
    /// length, and room behind it, and says how long the answer is that it has
    /// put there. Returns the length of the frame to be sent.
    pub fn answer(
        &self,
        buffer: &mut [u8],
        link: &Link,
        respond: impl FnOnce(&mut [u8], usize) -> Option<usize>,
    ) -> Option<(usize, Checksum)> {
        let Flow {
            remote,
            local,
            remote_port,
            local_port,
        } = self.flow;
        let udp_start = ETHERNET_BYTES + ip_bytes(local);
        let start = udp_start + HEADER_BYTES;
        // Options of the question's packet are not the answer's.
        if self.start > start {
            buffer.copy_within(self.start..self.start.checked_add(self.length)?, start);
        }
        let end = buffer.len().min(ETHERNET_BYTES + link.mtu);
        let payload = buffer.get_mut(start..end)?;
        let length = respond(payload, self.length).filter(|&length| length <= payload.len())?;

        let frame = buffer.get_mut(..start + length)?;
        let packet = Packet {
            from: link.mac,
            to: self.sender,
            source: local,
            destination: remote,
            protocol: UDP,
            hops: HOPS,
        };
        headers(frame, &packet);
        let udp = frame.get_mut(udp_start..)?;
        let [s1, s2] = local_port.to_be_bytes();
        let [d1, d2] = remote_port.to_be_bytes();
        let [l1, l2] = u16::try_from(udp.len()).ok()?.to_be_bytes();
        *udp.first_chunk_mut()? = [s1, s2, d1, d2, l1, l2, 0, 0];
        let (sum, checksum) = match link.completes_checksums {
            true => (
                pseudo_header(local, remote, UDP, udp.len()),
                Checksum::Complete {
                    start: udp_start as u16,
                    offset: CHECKSUM,
                },
            ),
            false => match checksum(local, remote, UDP, udp) {
                // 0 is for none (RFC 768).
                0 => (0xffff, Checksum::Done),
                sum => (sum, Checksum::Done),
            },
        };
        let at = usize::from(CHECKSUM);
        udp.get_mut(at..at + 2)?.copy_from_slice(&sum.to_be_bytes());
        Some((start + length, checksum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Frame, Kind};
    use crate::nic::{Capabilities, FRAME_BYTES};
    use smoltcp::wire::{IpAddress, Ipv4Cidr, Ipv4Packet, UdpPacket};
    use std::vec;
    use std::vec::Vec;

    const OWN: [u8; 6] = [2, 0, 0, 0, 0, 1];
    const OTHER: [u8; 6] = [2, 0, 0, 0, 0, 9];

    fn link(completes_checksums: bool) -> Link {
        let mut link = Link::new(&Capabilities {
            mac: OWN,
            mtu: 1500,
            completes_checksums,
            slices: 0,
        });
        link.ipv4 = Some(Ipv4Cidr::new([192, 0, 2, 2].into(), 24));
        link
    }

    /// A datagram with `options` in its IPv4 header.
    fn question(options: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![];
        frame.extend(OWN);
        frame.extend(OTHER);
        frame.extend([0x08, 0x00]);
        let total = 20 + options.len() + 8 + payload.len();
        frame.extend([0x45 + (options.len() / 4) as u8, 0]);
        frame.extend((total as u16).to_be_bytes());
        frame.extend([0, 1, 0, 0, 64, 17, 0, 0, 192, 0, 2, 9, 192, 0, 2, 2]);
        frame.extend(options);
        Ipv4Packet::new_unchecked(&mut frame[14..]).fill_checksum();
        let udp = frame.len();
        frame.extend(1234_u16.to_be_bytes());
        frame.extend(53_u16.to_be_bytes());
        frame.extend((8 + payload.len() as u16).to_be_bytes());
        frame.extend([0, 0]);
        frame.extend(payload);
        let (remote, local) = ([192, 0, 2, 9].into(), [192, 0, 2, 2].into());
        UdpPacket::new_unchecked(&mut frame[udp..])
            .fill_checksum(&IpAddress::Ipv4(remote), &IpAddress::Ipv4(local));
        frame
    }

    fn parse(frame: &[u8]) -> Option<Question> {
        let parsed = Frame::parse(frame, EthernetAddress(OWN), false)?;
        let Kind::Udp(datagram) = &parsed.kind else {
            return None;
        };
        Question::new(frame, parsed.sender, datagram, false)
    }

    #[test]
    fn the_answer_goes_back() {
        for options in [&[][..], &[1, 1, 1, 0]] {
            let frame = question(options, b"question");
            let parsed = parse(&frame).unwrap();
            let mut buffer = frame.clone();
            buffer.resize(FRAME_BYTES, 0xa5);
            let answered = parsed.answer(&mut buffer, &link(false), |payload, length| {
                assert_eq!(&payload[..length], b"question");
                payload[..11].copy_from_slice(b"the answer!");
                Some(11)
            });
            let (length, checksum) = answered.unwrap();
            assert_eq!(checksum, Checksum::Done);
            let frame = &buffer[..length];
            assert_eq!((&frame[..6], &frame[6..12]), (&OTHER[..], &OWN[..]));
            let packet = Ipv4Packet::new_checked(&frame[14..]).unwrap();
            assert!(packet.verify_checksum());
            assert_eq!(packet.dst_addr().octets(), [192, 0, 2, 9]);
            let udp = UdpPacket::new_checked(packet.payload()).unwrap();
            assert_eq!((udp.src_port(), udp.dst_port()), (53, 1234));
            let (source, destination) = (packet.src_addr().into(), packet.dst_addr().into());
            assert!(udp.checksum() != 0 && udp.verify_checksum(&source, &destination));
            assert_eq!(udp.payload(), b"the answer!");
        }
    }

    #[test]
    fn a_wrong_checksum_is_no_question() {
        let mut frame = question(&[], b"question");
        assert!(parse(&frame).is_some());
        *frame.last_mut().unwrap() ^= 1;
        assert!(parse(&frame).is_none());
        // IPv4 has datagrams without one.
        frame[40..42].fill(0);
        assert!(parse(&frame).is_some());
    }

    #[test]
    fn an_answer_fits_into_a_packet() {
        let frame = question(&[], b"q");
        let mut buffer = frame.clone();
        buffer.resize(4096, 0);
        let parsed = parse(&frame).unwrap();
        let answered = parsed.answer(&mut buffer, &link(true), |payload, _| {
            assert_eq!(payload.len(), 1500 - 28);
            Some(payload.len())
        });
        let complete = Checksum::Complete {
            start: 34,
            offset: 6,
        };
        assert_eq!(answered, Some((1514, complete)));
        let too_long = |payload: &mut [u8], _| Some(payload.len() + 1);
        assert_eq!(parsed.answer(&mut buffer, &link(false), too_long), None);
        assert_eq!(parsed.answer(&mut buffer, &link(false), |_, _| None), None);
    }
}
