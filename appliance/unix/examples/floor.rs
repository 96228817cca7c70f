//! What UDP itself costs, for `ci/bench dns`: every datagram comes back with one fixed
//! record, by the calls that the name server makes, and nothing is looked up or limited.
//! No server on this machine's sockets is faster. `floor ADDRESS:PORT`

use applgen_unix::dns::batch::{Batch, prepare};
use rustix::event::{PollFd, PollFlags, poll};
use std::io::{Error, ErrorKind};
use std::net::UdpSocket;

/// An A record of the name in the question.
const RECORD: &[u8; 16] = b"\xc0\x0c\0\x01\0\x01\0\0\x01\x2c\0\x04\xc0\0\x02\x01";

fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1);
    let address = address.ok_or_else(|| Error::other("usage: floor ADDRESS:PORT"))?;
    let socket = UdpSocket::bind(address)?;
    prepare(&socket, socket.local_addr()?)?;
    let mut batch = Batch::new(&socket);
    loop {
        let count = match batch.receive(&socket) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                poll(&mut [PollFd::new(&socket, PollFlags::IN)], None)?;
                continue;
            }
            Err(error) => return Err(error),
        };
        for index in 0..count {
            let Some(datagram) = batch.datagram(index) else {
                continue;
            };
            let end = datagram.length + RECORD.len();
            let Some(record) = datagram.buffer.get_mut(datagram.length..end) else {
                continue;
            };
            record.copy_from_slice(RECORD);
            // A response, authoritative, with one answer.
            if let Some([_, _, flags, _, _, _, _, answers, ..]) =
                datagram.buffer.first_chunk_mut::<12>()
            {
                (*flags, *answers) = (0x84, 1);
            }
            batch.answer(index, end);
        }
        batch.send(&socket);
    }
}
