//! Datagrams, many for one system call: `recvmmsg` and `sendmmsg` over one set
//! of buffers, in which each query becomes its answer.
//!
//! The same headers serve both ways: what came from an address goes back to
//! it, and the control message that says which of our addresses a datagram
//! came to (`IP_PKTINFO`) says on the way out which one it leaves from. A
//! server that listens on all addresses would else answer from the wrong one.
//! (`nix` wraps both calls, but gives all messages of a batch one control
//! message, and makes the headers anew for every call.)

#![allow(unsafe_code)]

use libc::{c_int, c_void, iovec, mmsghdr, msghdr, sockaddr_in, sockaddr_in6, sockaddr_storage};
use socket2::Socket;
use std::io;
use std::mem::zeroed;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;

/// Datagrams in one batch.
pub const BATCH: usize = 64;

/// Room for a query, and for its answer.
const BUFFER: usize = 2048;

/// Room for one control message of either family.
const CONTROL: usize = 64;

/// What the system should hold for us while we answer, in bytes; it may allow
/// less (`net.core.rmem_max`).
const RECEIVE_BUFFER: usize = 4 << 20;

/// Asks for what a batch needs: on a socket that listens on all addresses, the
/// one that a datagram came to.
pub fn prepare(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    // Less is as good, only sooner full.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    if !address.ip().is_unspecified() {
        return Ok(());
    }
    let (level, option) = match address {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_PKTINFO),
        SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO),
    };
    let on: c_int = 1;
    // SAFETY: the descriptor is open, and the value is a `c_int` of that size.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const on).cast::<c_void>(),
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
    /// The headers of answers, one after another.
    answers: Box<[mmsghdr]>,
    queued: usize,
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
    /// Empty buffers.
    pub fn new() -> Self {
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
            answers: vec![header; BATCH].into_boxed_slice(),
            queued: 0,
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
        self.queued = 0;
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
        let (Some(vector), Some(header), Some(answer)) = (
            self.vectors.get_mut(index),
            self.headers.get(index),
            self.answers.get_mut(self.queued),
        ) else {
            return;
        };
        vector.iov_len = length.min(BUFFER);
        *answer = *header;
        self.queued += 1;
    }

    /// Sends what is queued. What the system has no room for is lost, as
    /// datagrams may be.
    pub fn send(&mut self, socket: &impl AsRawFd) {
        let mut first = 0;
        while let Some(rest) = self.answers.get_mut(first..self.queued)
            && !rest.is_empty()
        {
            // SAFETY: these headers point to names, vectors and control
            // buffers of ours, as `receive` left them; the system reads them.
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
                _ => match io::Error::last_os_error().kind() {
                    io::ErrorKind::WouldBlock => break,
                    io::ErrorKind::Interrupted => 0,
                    // This one cannot be sent; the next one may.
                    _ => 1,
                },
            };
        }
        self.queued = 0;
    }
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
            let server = Socket::from(server);
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
            let mut batch = Batch::new();
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
    fn what_is_too_long_is_no_datagram() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        let server = Socket::from(server);
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.send_to(&[0; BUFFER + 1], address).unwrap();
        client.send_to(&[0; BUFFER], address).unwrap();
        let mut batch = Batch::new();
        assert_eq!(batch.receive(&server).unwrap(), 2);
        assert!(batch.datagram(0).is_none());
        assert_eq!(batch.datagram(1).unwrap().length, BUFFER);
        assert!(batch.datagram(64).is_none());
    }
}
