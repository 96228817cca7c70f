//! Datagrams, many for one system call: `recvmmsg` and `sendmmsg` over one set
//! of buffers, in which each query becomes its answer.
//!
//! The same headers serve both ways: what came from an address goes back to
//! it, and the control message that says which of our addresses a datagram
//! came to (`IP_PKTINFO`) says on the way out which one it leaves from. A
//! server that listens on all addresses would else answer from the wrong one.
//!
//! Answers of one length that go to one socket of a client leave as one message, which
//! the system cuts up (UDP segmentation, `UDP_SEGMENT` in udp(7)): most of what a datagram
//! costs is its way through the system, and there is one for all of them. Forwarders and
//! load balancers ask like that. (`nix` wraps both calls, but gives all messages of a batch one control
//! message, and makes the headers anew for every call.)

#![allow(unsafe_code)]

use libc::{c_int, c_void, iovec, mmsghdr, msghdr, sockaddr_in, sockaddr_in6, sockaddr_storage};
use std::io;
use std::mem::zeroed;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;

/// Datagrams in one batch.
pub const BATCH: usize = 64;

/// Room for a query, and for its answer.
const BUFFER: usize = 2048;

/// Room for one control message of either family, and for the length of segments.
const CONTROL: usize = 64;

/// The longest answer that is a segment: any link takes it (RFC 8200 §5).
const SEGMENT: usize = 1232;

/// What the system should hold for us while we answer, in bytes; it may allow
/// less (`net.core.rmem_max`).
const RECEIVE_BUFFER: c_int = 4 << 20;

/// Asks for what a batch needs: on a socket that listens on all addresses, the
/// one that a datagram came to.
pub fn prepare(socket: &impl AsRawFd, address: SocketAddr) -> io::Result<()> {
    // Less is as good, only sooner full.
    let _ = set(socket, libc::SOL_SOCKET, libc::SO_RCVBUF, RECEIVE_BUFFER);
    if !address.ip().is_unspecified() {
        return Ok(());
    }
    let (level, option) = match address {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_PKTINFO),
        SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO),
    };
    set(socket, level, option, 1)
}

/// Sets an option that is a number.
fn set(socket: &impl AsRawFd, level: c_int, option: c_int, value: c_int) -> io::Result<()> {
    // SAFETY: the descriptor is open, and the value is a `c_int` of that size.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const value).cast::<c_void>(),
            size_of::<c_int>() as libc::socklen_t,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL]);

/// Buffers and headers of one thread.
///
/// The headers point into the other boxes, which are allocated once, never
/// moved or resized, and live as long as the headers.
pub struct Batch {
    buffers: Box<[[u8; BUFFER]]>,
    names: Box<[sockaddr_storage]>,
    controls: Box<[Control]>,
    vectors: Box<[iovec]>,
    headers: Box<[mmsghdr]>,
    /// What is queued: which datagram's buffer, and which message it goes with.
    queue: Vec<(usize, usize)>,
    /// The messages, each by the datagram whose header it takes, and how many answers it
    /// has.
    messages: Vec<(usize, usize)>,
    /// Which message was begun last of those with one hash.
    latest: [usize; BATCH],
    /// The same for the system: headers, buffers in the order of the messages, and control
    /// messages.
    answers: Box<[mmsghdr]>,
    gathered: Box<[iovec]>,
    segmented: Box<[Control]>,
    /// Whether the system cuts messages up.
    segments: bool,
}

// SAFETY: the pointers in it lead to its own boxes, which move with it, and
// nothing in it belongs to a thread.
unsafe impl Send for Batch {}

/// A datagram that came.
pub struct Datagram<'d> {
    /// The buffer, longer than the query.
    pub buffer: &'d mut [u8],
    /// Bytes of the query.
    pub length: usize,
    /// Whom it is from.
    pub from: IpAddr,
}

impl Batch {
    /// Empty buffers, for a socket that was [prepared](prepare).
    pub fn new(socket: &impl AsRawFd) -> Self {
        // SAFETY: these are structures of the C library, of numbers and
        // pointers, for which zeros are valid.
        let (name, vector, header): (sockaddr_storage, iovec, mmsghdr) =
            unsafe { (zeroed(), zeroed(), zeroed()) };
        let mut batch = Self {
            buffers: vec![[0; BUFFER]; BATCH].into_boxed_slice(),
            names: vec![name; BATCH].into_boxed_slice(),
            controls: vec![Control([0; CONTROL]); BATCH].into_boxed_slice(),
            vectors: vec![vector; BATCH].into_boxed_slice(),
            headers: vec![header; BATCH].into_boxed_slice(),
            queue: Vec::with_capacity(BATCH),
            messages: Vec::with_capacity(BATCH),
            latest: [0; BATCH],
            answers: vec![header; BATCH].into_boxed_slice(),
            gathered: vec![vector; BATCH].into_boxed_slice(),
            segmented: vec![Control([0; CONTROL]); BATCH].into_boxed_slice(),
            // Of no length, which is none; but systems before Linux 4.18 know no such thing,
            // and would send many answers as one datagram.
            segments: set(socket, libc::SOL_UDP, libc::UDP_SEGMENT, 0).is_ok(),
        };
        for index in 0..BATCH {
            batch.vectors[index].iov_base = batch.buffers[index].as_mut_ptr().cast();
            let header = &mut batch.headers[index].msg_hdr;
            header.msg_name = (&raw mut batch.names[index]).cast();
            header.msg_iov = &raw mut batch.vectors[index];
            header.msg_iovlen = 1;
            header.msg_control = (&raw mut batch.controls[index]).cast();
        }
        batch
    }

    /// Takes what has come, without waiting; how many datagrams.
    pub fn receive(&mut self, socket: &impl AsRawFd) -> io::Result<usize> {
        self.queue.clear();
        self.messages.clear();
        for (header, vector) in self.headers.iter_mut().zip(&mut self.vectors) {
            vector.iov_len = BUFFER;
            header.msg_hdr.msg_namelen = size_of::<sockaddr_storage>() as libc::socklen_t;
            header.msg_hdr.msg_controllen = CONTROL as _;
            header.msg_hdr.msg_flags = 0;
        }
        // SAFETY: every header points to a name, a vector with one buffer, and
        // a control buffer of the lengths that it says, all of them ours.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                BATCH as _,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    /// A datagram of the last receive; `None` for one that did not fit, or
    /// whose sender cannot be told.
    pub fn datagram(&mut self, index: usize) -> Option<Datagram<'_>> {
        let header = self.headers.get(index)?;
        if header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
            return None;
        }
        let from = address(self.names.get(index)?, &header.msg_hdr)?;
        Some(Datagram {
            buffer: self.buffers.get_mut(index)?,
            length: header.msg_len as usize,
            from,
        })
    }

    /// Queues the first bytes of a datagram's buffer, back to its sender.
    pub fn answer(&mut self, index: usize, length: usize) {
        let (Some(vector), Some(name)) = (self.vectors.get_mut(index), self.names.get(index))
        else {
            return;
        };
        let length = length.min(BUFFER);
        vector.iov_len = length;
        let mut message = self.messages.len();
        let hash = (port(name) ^ length.wrapping_mul(37)) % BATCH;
        if self.segments && length <= SEGMENT {
            let latest = self.latest.get(hash).copied().unwrap_or(0);
            let other = self.messages.get(latest).copied();
            match other {
                Some((other, _)) if self.goes_with(index, other) => message = latest,
                _ => self.latest[hash] = message,
            }
        }
        match self.messages.get_mut(message) {
            Some((_, count)) => *count += 1,
            None => self.messages.push((index, 1)),
        }
        self.queue.push((index, message));
    }

    /// Whether two answers have the same length, and go from and to the same addresses.
    fn goes_with(&self, one: usize, other: usize) -> bool {
        let length = |index: usize| self.vectors.get(index).map(|vector| vector.iov_len);
        let (Some(a), Some(b)) = (self.headers.get(one), self.headers.get(other)) else {
            return false;
        };
        let (a, b) = (&a.msg_hdr, &b.msg_hdr);
        length(one) == length(other)
            && name_bytes(&self.names[one], a) == name_bytes(&self.names[other], b)
            && control_bytes(&self.controls[one], a) == control_bytes(&self.controls[other], b)
    }

    /// Sends what is queued. What the system has no room for is lost, as
    /// datagrams may be.
    pub fn send(&mut self, socket: &impl AsRawFd) {
        self.gather();
        let mut first = 0;
        while let Some(rest) = self.answers.get_mut(first..self.messages.len())
            && !rest.is_empty()
        {
            // SAFETY: these headers point to names, vectors and control
            // buffers of ours, as `receive` and `gather` left them; the system reads them.
            let sent = unsafe {
                libc::sendmmsg(
                    socket.as_raw_fd(),
                    rest.as_mut_ptr(),
                    rest.len() as _,
                    libc::MSG_DONTWAIT as _,
                )
            };
            first += match usize::try_from(sent) {
                Ok(sent) if sent > 0 => sent,
                _ => match io::Error::last_os_error().raw_os_error() {
                    Some(libc::EAGAIN) => break,
                    Some(libc::EINTR) => 0,
                    // What udp(7) has for what cannot be cut up.
                    Some(libc::EINVAL | libc::EIO | libc::EMSGSIZE) => {
                        self.apart(socket, first);
                        1
                    }
                    // This one cannot be sent; the next one may.
                    _ => 1,
                },
            };
        }
        self.queue.clear();
        self.messages.clear();
    }

    /// Lays the messages out for the system.
    fn gather(&mut self) {
        let mut start = 0;
        for (number, (first, count)) in self.messages.iter_mut().enumerate() {
            let answer = &mut self.answers[number];
            *answer = self.headers[*first];
            answer.msg_hdr.msg_iov = &raw mut self.gathered[start];
            answer.msg_hdr.msg_iovlen = *count as _;
            if *count > 1 {
                let control = &mut self.segmented[number];
                let length = self.vectors[*first].iov_len as u16;
                answer.msg_hdr.msg_controllen =
                    segment(control, &self.controls[*first], &answer.msg_hdr, length) as _;
                answer.msg_hdr.msg_control = (&raw mut *control).cast();
            }
            // From here on: where the next of its buffers goes.
            (start, *count) = (start + *count, start);
        }
        for &(index, message) in &self.queue {
            let place = &mut self.messages[message].1;
            self.gathered[*place] = self.vectors[index];
            *place += 1;
        }
    }

    /// Sends the answers of a message one by one: some links take no segments. Once is enough
    /// to know.
    fn apart(&mut self, socket: &impl AsRawFd, message: usize) {
        if self.answers[message].msg_hdr.msg_iovlen < 2 {
            return;
        }
        self.segments = false;
        for &(index, _) in self.queue.iter().filter(|queued| queued.1 == message) {
            // SAFETY: the header points to a name, a vector and a control buffer of ours, as
            // `receive` left them; the system reads them.
            unsafe {
                libc::sendmsg(
                    socket.as_raw_fd(),
                    &raw const self.headers[index].msg_hdr,
                    libc::MSG_DONTWAIT as _,
                );
            }
        }
    }
}

/// Writes the control messages of a segmented message: those that came, and the length of
/// segments. How many bytes they are.
fn segment(to: &mut Control, came: &Control, header: &msghdr, length: u16) -> usize {
    let mut used = 0;
    for &byte in control_bytes(came, header) {
        to.0[used] = byte;
        used += 1;
    }
    // struct cmsghdr: its length, level and type; then the value, in whole words.
    let words = [
        (size_of::<libc::cmsghdr>() + size_of::<u16>()) as u64,
        u64::from(libc::SOL_UDP as u32) | u64::from(libc::UDP_SEGMENT as u32) << 32,
        length.into(),
    ];
    used = used.next_multiple_of(8);
    for word in words {
        let Some(place) = to.0.get_mut(used..used + 8) else {
            return 0;
        };
        place.copy_from_slice(&word.to_ne_bytes());
        used += 8;
    }
    used
}

/// The port of an address.
fn port(name: &sockaddr_storage) -> usize {
    let name: *const sockaddr_storage = name;
    // SAFETY: the port lies at the same place for both families, within the storage.
    usize::from(unsafe { (*name.cast::<sockaddr_in>()).sin_port })
}

/// The bytes of an address, as far as the system wrote them.
fn name_bytes<'n>(name: &'n sockaddr_storage, header: &msghdr) -> &'n [u8] {
    let length = (header.msg_namelen as usize).min(size_of::<sockaddr_storage>());
    let name: *const sockaddr_storage = name;
    // SAFETY: the storage was zeros at first; all of it is initialized, and longer than this.
    unsafe { std::slice::from_raw_parts(name.cast(), length) }
}

/// The bytes of the control messages that came.
fn control_bytes<'c>(control: &'c Control, header: &msghdr) -> &'c [u8] {
    let length = (header.msg_controllen as usize).min(CONTROL);
    control.0.get(..length).unwrap_or_default()
}

fn address(name: &sockaddr_storage, header: &msghdr) -> Option<IpAddr> {
    let length = header.msg_namelen as usize;
    let name: *const sockaddr_storage = name;
    // SAFETY: the storage is as long and as aligned as any address; the family
    // and the length, which the system wrote, say which one it is.
    unsafe {
        match c_int::from((*name).ss_family) {
            libc::AF_INET if length >= size_of::<sockaddr_in>() => {
                let address = (*name.cast::<sockaddr_in>()).sin_addr.s_addr;
                Some(IpAddr::from(address.to_ne_bytes()))
            }
            libc::AF_INET6 if length >= size_of::<sockaddr_in6>() => {
                let address = (*name.cast::<sockaddr_in6>()).sin6_addr.s6_addr;
                // IPv4 on a socket of both families is IPv4.
                Some(IpAddr::from(address).to_canonical())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn answers_leave_from_the_address_that_was_asked() {
        for (listen, ask) in [
            ("0.0.0.0:0", "127.0.0.2"),
            ("127.0.0.1:0", "127.0.0.1"),
            ("[::]:0", "::1"),
            ("[::]:0", "127.0.0.3"),
        ] {
            let server = UdpSocket::bind(listen).unwrap();
            let address = server.local_addr().unwrap();

            prepare(&server, address).unwrap();
            let asked = SocketAddr::new(ask.parse().unwrap(), address.port());
            let client = match asked {
                SocketAddr::V4(_) => UdpSocket::bind("127.0.0.1:0"),
                SocketAddr::V6(_) => UdpSocket::bind("[::1]:0"),
            }
            .unwrap();
            for text in ["one", "two", "three"] {
                client.send_to(text.as_bytes(), asked).unwrap();
            }
            let mut batch = Batch::new(&server);
            assert_eq!(batch.receive(&server).unwrap(), 3);
            for index in [0, 2] {
                let datagram = batch.datagram(index).unwrap();
                assert!(datagram.from.is_loopback());
                let length = datagram.length;
                datagram.buffer[0] = b'O' + index as u8;
                batch.answer(index, length);
            }
            batch.send(&server);
            let mut buffer = [0; 16];
            for text in ["One", "Qhree"] {
                let (length, from) = client.recv_from(&mut buffer).unwrap();
                assert_eq!((&buffer[..length], from), (text.as_bytes(), asked));
            }
            let error = batch.receive(&server).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        }
    }

    #[test]
    fn answers_that_go_together_arrive_apart() {
        for (listen, ask) in [
            ("127.0.0.1:0", "127.0.0.1"),
            ("[::]:0", "::1"),
            ("[::]:0", "127.0.0.3"),
        ] {
            let server = UdpSocket::bind(listen).unwrap();
            let address = server.local_addr().unwrap();
            prepare(&server, address).unwrap();
            let asked = SocketAddr::new(ask.parse().unwrap(), address.port());
            let any = if asked.is_ipv4() {
                "127.0.0.1:0"
            } else {
                "[::1]:0"
            };
            let clients = [(); 3].map(|()| UdpSocket::bind(any).unwrap());
            for segments in [true, false] {
                let mut batch = Batch::new(&server);
                batch.segments &= segments;
                for number in 0..60_u8 {
                    let client = &clients[usize::from(number % 3)];
                    client.send_to(&[number; 40], asked).unwrap();
                }
                assert_eq!(batch.receive(&server).unwrap(), 60);
                for index in 0..60 {
                    let number = usize::from(batch.datagram(index).unwrap().buffer[0]);
                    batch.answer(index, if number % 4 == 0 { 41 } else { 39 });
                }
                assert_eq!(batch.messages.len(), if batch.segments { 6 } else { 60 });
                batch.send(&server);
                for (turn, client) in clients.iter().enumerate() {
                    let mut came = Vec::new();
                    let mut buffer = [0; 64];
                    for _ in 0..20 {
                        let (length, from) = client.recv_from(&mut buffer).unwrap();
                        assert_eq!(from, asked);
                        assert_eq!(length, if buffer[0] % 4 == 0 { 41 } else { 39 });
                        came.push(buffer[0]);
                    }
                    came.sort_unstable();
                    let sent: Vec<u8> = (0..60)
                        .filter(|number| usize::from(number % 3) == turn)
                        .collect();
                    assert_eq!(came, sent);
                }
            }
        }
    }

    #[test]
    fn what_is_too_long_is_no_datagram() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();

        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.send_to(&[0; BUFFER + 1], address).unwrap();
        client.send_to(&[0; BUFFER], address).unwrap();
        let mut batch = Batch::new(&server);
        assert_eq!(batch.receive(&server).unwrap(), 2);
        assert!(batch.datagram(0).is_none());
        assert_eq!(batch.datagram(1).unwrap().length, BUFFER);
        assert!(batch.datagram(64).is_none());
    }
}
