//! The connections of a thread, and which of them has waited for how long.
//!
//! Each connection waits for one thing at a time, and each thing has a time-out
//! that is the same for all. So for each thing there is a list in the order of
//! time: who begins to wait goes to its end, and only its front can be over
//! time. That is all that timers have to do here, at the cost of a few writes;
//! the same lists say who has been idle for longest.

use crate::output::Rest;
use applgen_http::Connection;
use mio::net::TcpStream;
use slab::Slab;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// A request.
    Idle = 0,
    /// The rest of a request.
    Request,
    /// That the client takes its answer.
    Send,
    /// That the client stops sending, after the last answer.
    Linger,
}

/// Every [`Waiting`].
pub const ALL: [Waiting; 4] = [
    Waiting::Idle,
    Waiting::Request,
    Waiting::Send,
    Waiting::Linger,
];

/// One connection.
#[derive(Debug)]
pub struct Peer<'b> {
    /// Its socket.
    pub stream: TcpStream,
    /// What it has said so far.
    pub http: Connection,
    /// The part of a request that has come, or what came while an answer is
    /// being sent: no more than [`applgen_http::limits::REQUEST_BYTES`].
    pub input: Vec<u8>,
    /// What is left of the answers.
    pub rest: Rest<'b>,
    /// Whether there may be more to read than was read, while answers are sent.
    pub unread: bool,
    /// Who it is.
    pub address: IpAddr,
    /// Whether it closes once all is sent, and how.
    pub ending: Ending,
    link: Link,
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Not yet.
    Open,
    /// At once.
    Close,
    /// After reading what the client still sends.
    Linger,
}

impl Peer<'_> {
    /// A connection on which nothing has happened.
    pub fn new(stream: TcpStream, address: IpAddr) -> Self {
        Self {
            stream,
            http: Connection::new(),
            input: Vec::new(),
            rest: Rest::default(),
            unread: false,
            address,
            ending: Ending::Open,
            link: Link {
                waiting: Waiting::Idle,
                since: Instant::now(),
                before: NONE,
                after: NONE,
            },
        }
    }

    /// What it waits for.
    pub fn waiting(&self) -> Waiting {
        self.link.waiting
    }
}

const NONE: u32 = u32::MAX;

/// A place in a list.
#[derive(Debug, Clone, Copy)]
struct Link {
    waiting: Waiting,
    since: Instant,
    before: u32,
    after: u32,
}

#[derive(Debug, Clone, Copy)]
struct List {
    first: u32,
    last: u32,
}

/// The connections, the four lists, and how many each network has.
#[derive(Debug)]
pub struct Peers<'b> {
    slab: Slab<Peer<'b>>,
    lists: [List; 4],
    networks: HashMap<Network, u32>,
}

/// What counts as one client: an IPv4 address, or an IPv6 network of 64 bits,
/// the smallest that a customer is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Network {
    /// An IPv4 address.
    V4(u32),
    /// The upper half of an IPv6 address.
    V6(u64),
}

impl Network {
    /// The network of an address.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.to_bits()),
            IpAddr::V6(address) => Self::V6((address.to_bits() >> 64) as u64),
        }
    }
}

impl<'b> Peers<'b> {
    /// None yet.
    pub fn new() -> Self {
        Self {
            slab: Slab::new(),
            lists: [List {
                first: NONE,
                last: NONE,
            }; 4],
            networks: HashMap::new(),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Takes one in; it is idle.
    pub fn insert(&mut self, mut peer: Peer<'b>, now: Instant) -> usize {
        peer.link.since = now;
        *self.networks.entry(Network::of(peer.address)).or_default() += 1;
        let key = self.slab.insert(peer);
        self.append(key, Waiting::Idle);
        key
    }

    /// The one with this key, if there still is one.
    pub fn get_mut(&mut self, key: usize) -> Option<&mut Peer<'b>> {
        self.slab.get_mut(key)
    }

    /// Lets one go; its socket closes when the value is dropped.
    pub fn remove(&mut self, key: usize) -> Option<Peer<'b>> {
        self.unlink(key);
        let peer = self.slab.try_remove(key)?;
        if let Entry::Occupied(mut count) = self.networks.entry(Network::of(peer.address)) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        Some(peer)
    }

    /// How many connections a network has.
    pub fn of_network(&self, network: Network) -> usize {
        self.networks
            .get(&network)
            .map_or(0, |&count| count as usize)
    }

    /// The network's connection that has been idle for longest, among the
    /// `most` that have been so.
    pub fn oldest_idle_of(&self, network: Network, most: usize) -> Option<usize> {
        let mut key = self.lists[Waiting::Idle as usize].first;
        for _ in 0..most {
            let peer = self.slab.get(key as usize)?;
            if Network::of(peer.address) == network {
                return Some(key as usize);
            }
            key = peer.link.after;
        }
        None
    }

    /// From `now` on it waits for this.
    pub fn wait(&mut self, key: usize, waiting: Waiting, now: Instant) {
        self.unlink(key);
        if let Some(peer) = self.slab.get_mut(key) {
            peer.link.since = now;
            self.append(key, waiting);
        }
    }

    /// The one that has waited for this for longest, and since when.
    pub fn oldest(&self, waiting: Waiting) -> Option<(usize, Instant)> {
        let key = self.lists[waiting as usize].first as usize;
        self.slab.get(key).map(|peer| (key, peer.link.since))
    }

    /// How long until the first time-out; `None` while nobody waits.
    pub fn next_timeout(&self, limits: [Duration; 4], now: Instant) -> Option<Duration> {
        ALL.into_iter()
            .filter_map(|waiting| {
                let (_, since) = self.oldest(waiting)?;
                Some((since + limits[waiting as usize]).saturating_duration_since(now))
            })
            .min()
    }

    /// The keys of all.
    pub fn keys(&self) -> Vec<usize> {
        self.slab.iter().map(|(key, _)| key).collect()
    }

    fn link(&mut self, key: u32) -> Option<&mut Link> {
        Some(&mut self.slab.get_mut(key as usize)?.link)
    }

    fn append(&mut self, key: usize, waiting: Waiting) {
        // Keys are below the number of files that a process can have.
        let key = key as u32;
        let last = self.lists[waiting as usize].last;
        if let Some(link) = self.link(key) {
            link.waiting = waiting;
            link.before = last;
            link.after = NONE;
        }
        match self.link(last) {
            Some(link) => link.after = key,
            None => self.lists[waiting as usize].first = key,
        }
        self.lists[waiting as usize].last = key;
    }

    fn unlink(&mut self, key: usize) {
        let Some(link) = self.link(key as u32).copied() else {
            return;
        };
        match self.link(link.before) {
            Some(before) => before.after = link.after,
            None => self.lists[link.waiting as usize].first = link.after,
        }
        match self.link(link.after) {
            Some(after) => after.before = link.before,
            None => self.lists[link.waiting as usize].last = link.before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn peer_of(address: &str) -> Peer<'static> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        Peer::new(TcpStream::from_std(stream), address.parse().unwrap())
    }

    fn peer() -> Peer<'static> {
        peer_of("192.0.2.1")
    }

    fn order(peers: &Peers<'_>, waiting: Waiting) -> Vec<usize> {
        let mut order = Vec::new();
        let mut key = peers.lists[waiting as usize].first;
        while let Some(peer) = peers.slab.get(key as usize) {
            order.push(key as usize);
            assert_eq!(peer.link.waiting, waiting);
            key = peer.link.after;
        }
        order
    }

    #[test]
    fn lists_are_in_the_order_of_time() {
        let mut peers = Peers::new();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let keys: Vec<_> = (0..4)
            .map(|second| peers.insert(peer(), at(second)))
            .collect();
        assert_eq!(order(&peers, Waiting::Idle), keys);
        peers.wait(keys[1], Waiting::Send, at(5));
        peers.wait(keys[0], Waiting::Idle, at(6));
        assert_eq!(order(&peers, Waiting::Idle), [keys[2], keys[3], keys[0]]);
        assert_eq!(order(&peers, Waiting::Send), [keys[1]]);
        assert_eq!(peers.oldest(Waiting::Idle), Some((keys[2], at(2))));
        assert_eq!(peers.oldest(Waiting::Linger), None);

        let limits = [10, 1, 3, 1].map(Duration::from_secs);
        let next = peers.next_timeout(limits, at(7));
        assert_eq!(next, Some(Duration::from_secs(1)));
        assert_eq!(peers.next_timeout(limits, at(60)), Some(Duration::ZERO));

        for key in [keys[2], keys[0], keys[3], keys[3]] {
            peers.remove(key);
        }
        assert_eq!(order(&peers, Waiting::Idle), []);
        assert_eq!(peers.len(), 1);
        peers.remove(keys[1]);
        assert_eq!(peers.next_timeout(limits, at(60)), None);
        // A key that is nobody's changes nothing.
        peers.wait(keys[1], Waiting::Idle, at(8));
        assert_eq!(peers.oldest(Waiting::Idle), None);
    }

    #[test]
    fn connections_are_counted_by_network() {
        let mut peers = Peers::new();
        let network = |text: &str| Network::of(text.parse().unwrap());
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        let now = Instant::now();
        let keys: Vec<_> = ["192.0.2.1", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"]
            .into_iter()
            .map(|address| peers.insert(peer_of(address), now))
            .collect();
        let ours = network("2001:db8::");
        assert_eq!(peers.of_network(ours), 2);
        assert_eq!(peers.oldest_idle_of(ours, 9), Some(keys[1]));
        assert_eq!(peers.oldest_idle_of(ours, 1), None);
        peers.wait(keys[1], Waiting::Send, now);
        assert_eq!(peers.oldest_idle_of(ours, 9), Some(keys[2]));
        for key in keys {
            peers.remove(key);
        }
        assert!(peers.networks.is_empty());
    }

    #[test]
    fn an_idle_connection_is_small() {
        assert!(size_of::<Peer<'_>>() <= 192, "{}", size_of::<Peer<'_>>());
    }
}
