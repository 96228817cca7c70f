//! The other end: a second smoltcp, with HTTP clients on it.

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr};
use std::collections::VecDeque;

/// Its interface.
#[derive(Debug, Default)]
pub struct Queue {
    pub incoming: VecDeque<Vec<u8>>,
    pub outgoing: VecDeque<Vec<u8>>,
}

pub struct Rx(Vec<u8>);
pub struct Tx<'a>(&'a mut VecDeque<Vec<u8>>);

impl RxToken for Rx {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl TxToken for Tx<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        self.0.push_back(frame);
        result
    }
}

impl Device for Queue {
    type RxToken<'a> = Rx;
    type TxToken<'a> = Tx<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Rx, Tx<'_>)> {
        let frame = self.incoming.pop_front()?;
        Some((Rx(frame), Tx(&mut self.outgoing)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Tx<'_>> {
        Some(Tx(&mut self.outgoing))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

/// A machine with an IPv4 and an IPv6 address.
pub struct Client {
    pub interface: Interface,
    pub queue: Queue,
    pub sockets: SocketSet<'static>,
    pub fetches: Vec<Fetch>,
    next_port: u16,
}

/// One connection that asks for something.
#[derive(Debug)]
pub struct Fetch {
    pub handle: SocketHandle,
    request: Vec<u8>,
    pub answer: Vec<u8>,
    /// Whether it reads what comes.
    pub reads: bool,
    /// Whether its socket is over, however it ended.
    pub over: bool,
    /// Whether it ended without a reset.
    pub clean: bool,
    opened: bool,
    pub done_micros: u64,
}

impl Client {
    pub fn new(mac: [u8; 6], addresses: &[IpCidr]) -> Self {
        let mut queue = Queue::default();
        let config = Config::new(HardwareAddress::Ethernet(EthernetAddress(mac)));
        let mut interface = Interface::new(config, &mut queue, Instant::ZERO);
        interface.update_ip_addrs(|own| own.extend(addresses.iter().copied()));
        Self {
            interface,
            queue,
            sockets: SocketSet::new(vec![]),
            fetches: vec![],
            next_port: 49152,
        }
    }

    /// Connects, and sends this once it is connected.
    pub fn fetch(&mut self, server: IpAddress, port: u16, request: &[u8], window: usize) -> usize {
        let receive = SocketBuffer::new(vec![0; window]);
        let transmit = SocketBuffer::new(vec![0; request.len().max(1)]);
        let mut socket = Socket::new(receive, transmit);
        let local = self.next_port;
        self.next_port = self.next_port.checked_add(1).unwrap_or(49152);
        socket
            .connect(self.interface.context(), (server, port), local)
            .unwrap();
        self.fetches.push(Fetch {
            handle: self.sockets.add(socket),
            request: request.to_vec(),
            answer: vec![],
            reads: true,
            over: false,
            clean: false,
            opened: false,
            done_micros: 0,
        });
        self.fetches.len() - 1
    }

    pub fn socket(&mut self, fetch: usize) -> &mut Socket<'static> {
        self.sockets.get_mut(self.fetches[fetch].handle)
    }

    pub fn poll(&mut self, now: u64) {
        let at = Instant::from_micros(now as i64);
        self.interface.poll(at, &mut self.queue, &mut self.sockets);
        for fetch in &mut self.fetches {
            if fetch.over {
                continue;
            }
            let socket = self.sockets.get_mut::<Socket<'_>>(fetch.handle);
            if socket.state() == State::Established || socket.state() == State::CloseWait {
                fetch.opened = true;
                if !fetch.request.is_empty() {
                    let sent = socket.send_slice(&fetch.request).unwrap();
                    fetch.request.drain(..sent);
                }
            }
            while fetch.reads && socket.can_recv() {
                socket
                    .recv(|bytes| {
                        fetch.answer.extend_from_slice(bytes);
                        (bytes.len(), ())
                    })
                    .unwrap();
            }
            match socket.state() {
                State::CloseWait if fetch.reads => {
                    fetch.clean = true;
                    socket.close();
                }
                State::Closed => {
                    fetch.over = true;
                    fetch.done_micros = now;
                }
                _ => {}
            }
        }
        self.interface.poll(at, &mut self.queue, &mut self.sockets);
    }

    pub fn due(&mut self, now: u64) -> Option<u64> {
        let at = Instant::from_micros(now as i64);
        let due = self.interface.poll_at(at, &self.sockets)?;
        Some((due.total_micros() as u64).max(now))
    }
}

impl Fetch {
    /// Head and body of its answer, if all of it is there.
    pub fn split(&self) -> Option<(&str, &[u8])> {
        let end = self
            .answer
            .windows(4)
            .position(|four| four == b"\r\n\r\n")?
            + 4;
        let head = str::from_utf8(&self.answer[..end]).ok()?;
        Some((head, &self.answer[end..]))
    }
}
