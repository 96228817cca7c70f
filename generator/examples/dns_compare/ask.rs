//! Questions near what is in a zone, and servers that are asked them.

use crate::{random::Random, wire::Message, zones::Zone};
use std::{
    fmt,
    io::{Read, Write},
    net::{TcpStream, UdpSocket},
    time::Duration,
};

/// Types that are asked for.
const KINDS: [u16; 19] = [
    1, 1, 1, 28, 2, 6, 5, 39, 15, 16, 33, 43, 43, 12, 255, 65280, 65281, 46, 47,
];

/// Types that zones hold.
const NAMED: [(&str, u16); 13] = [
    ("A", 1),
    ("AAAA", 28),
    ("NS", 2),
    ("SOA", 6),
    ("CNAME", 5),
    ("DNAME", 39),
    ("MX", 15),
    ("TXT", 16),
    ("SRV", 33),
    ("DS", 43),
    ("PTR", 12),
    ("TYPE65280", 65280),
    ("ANY", 255),
];

/// A question and how it is asked.
pub struct Query {
    /// The message.
    pub bytes: Vec<u8>,
    /// The name, in lower case, with a dot at its end.
    pub name: String,
    /// The type.
    pub kind: u16,
    /// Whether over TCP.
    pub tcp: bool,
    /// What it says of its buffer, if it has EDNS.
    pub size: Option<u16>,
    /// Whether it wants DNSSEC records.
    pub dnssec: bool,
}

impl Query {
    /// One near what is in a zone; with DO, and mostly over TCP, if it is signed.
    pub fn near(zone: &Zone, zones: &[Zone], random: &mut Random, id: u16, signed: bool) -> Self {
        let owners: Vec<&String> = zone.owners.keys().collect();
        let owner = (*random.pick(&owners)).clone();
        // Often a type that is there.
        let there: Vec<u16> = zone.owners[&owner]
            .iter()
            .filter_map(|(kind, _)| NAMED.iter().find(|(name, _)| name == kind))
            .map(|&(_, number)| number)
            .collect();
        let kind = match random.chance(50) && !there.is_empty() {
            true => *random.pick(&there),
            false => *random.pick(&KINDS),
        };
        let kind = match there.contains(&43) && random.chance(40) {
            true => 43,
            false => kind,
        };
        let mut name = match random.below(12) {
            // What a wildcard answers for.
            0..=3 if owner.starts_with("*.") && random.chance(60) => owner.replacen('*', "any", 1),
            0..=3 => owner,
            4 | 5 => format!("x.{owner}"),
            6 => format!("*.{owner}"),
            7 => owner
                .split_once('.')
                .map_or(owner.clone(), |(_, above)| above.to_owned()),
            8 => zone.name(random, 3),
            9 => format!("x.y.{owner}"),
            // What a record points to.
            10 => {
                let data = zone.owners[&owner].iter();
                let words = data.filter_map(|(_, data)| data.split(' ').next_back());
                let names: Vec<&str> = words.filter(|word| word.ends_with('.')).collect();
                names
                    .first()
                    .map_or(owner.clone(), |name| (*name).to_owned())
            }
            _ if random.chance(50) => "www.elsewhere.example.".to_owned(),
            _ => {
                let other = random.pick(zones);
                format!("sibling.{}", other.apex)
            }
        };
        if name.is_empty() {
            name = ".".to_owned();
        }
        while name.len() > 254 {
            name = name
                .split_once('.')
                .map_or(".".into(), |(_, above)| above.to_owned());
        }
        // DNAMEs that make names too long.
        let dnames: Vec<&String> = zone
            .owners
            .iter()
            .filter(|(_, records)| records.iter().any(|(kind, _)| *kind == "DNAME"))
            .map(|(owner, _)| owner)
            .collect();
        let long = random.chance(10);
        if long && !dnames.is_empty() {
            name = (*random.pick(&dnames)).clone();
        }
        if long && name.len() < 240 {
            let filler = "long.".repeat((254 - name.len()) / 5);
            name = format!("{filler}{name}");
        }
        let mixed: String = name
            .chars()
            .map(|letter| match random.chance(30) {
                true => letter.to_ascii_uppercase(),
                false => letter,
            })
            .collect();
        let mut query = Self {
            bytes: Vec::new(),
            name: name.to_ascii_lowercase(),
            kind,
            tcp: random.chance(25),
            size: random
                .chance(60)
                .then(|| *random.pick(&[0, 512, 513, 1232, 4096])),
            dnssec: random.chance(20),
        };
        if signed {
            query.dnssec = true;
            query.size = Some(1232);
            query.tcp |= random.chance(70);
        }
        let rd = u8::from(random.chance(50));
        let cd = if random.chance(20) { 0x10 } else { 0 };
        query.bytes.extend(id.to_be_bytes());
        query
            .bytes
            .extend([rd, cd, 0, 1, 0, 0, 0, 0, 0, u8::from(query.size.is_some())]);
        for label in mixed.split('.').filter(|label| !label.is_empty()) {
            query.bytes.push(label.len() as u8);
            query.bytes.extend(label.bytes());
        }
        query.bytes.push(0);
        query.bytes.extend(query.kind.to_be_bytes());
        query.bytes.extend([0, 1]);
        if let Some(size) = query.size {
            query.bytes.extend([0, 0, 41]);
            query.bytes.extend(size.to_be_bytes());
            query
                .bytes
                .extend([0, 0, if query.dnssec { 0x80 } else { 0 }, 0, 0, 0]);
        }
        query
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = if self.tcp { "TCP" } else { "UDP" };
        write!(
            f,
            "{} TYPE{} {transport} EDNS {:?} DO {}",
            self.name, self.kind, self.size, self.dnssec
        )
    }
}

/// A server on loopback.
pub struct Server {
    socket: UdpSocket,
    port: u16,
}

impl Server {
    /// The one on that port.
    pub fn new(port: u16) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.connect(("127.0.0.1", port)).expect("a port");
        socket
            .set_read_timeout(Some(Duration::from_secs(3)))
            .expect("a time-out");
        Self { socket, port }
    }

    /// Its answer, as bytes.
    pub fn bytes(&self, query: &Query) -> Vec<u8> {
        let mut answer = vec![0; 65_536];
        if query.tcp {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a connection");
            stream
                .set_read_timeout(Some(Duration::from_secs(3)))
                .expect("a time-out");
            let mut message = (query.bytes.len() as u16).to_be_bytes().to_vec();
            message.extend(&query.bytes);
            stream.write_all(&message).expect("it takes the query");
            let mut length = [0; 2];
            stream.read_exact(&mut length).expect("it answers");
            answer.truncate(u16::from_be_bytes(length).into());
            stream.read_exact(&mut answer).expect("it answers whole");
            return answer;
        }
        for _ in 0..3 {
            self.socket.send(&query.bytes).expect("it takes the query");
            if let Ok(length) = self.socket.recv(&mut answer) {
                answer.truncate(length);
                return answer;
            }
        }
        panic!("no answer on port {} to {query}", self.port);
    }

    /// Its answer.
    pub fn ask(&self, query: &Query) -> Message {
        let bytes = self.bytes(query);
        assert_eq!(bytes[..2], query.bytes[..2], "the answer to another query");
        if let Err(error) = hickory_proto::op::Message::from_vec(&bytes) {
            panic!("hickory-proto cannot read the answer to {query}: {error}");
        }
        Message::read(&bytes)
            .unwrap_or_else(|| panic!("a malformed answer to {query}: {bytes:02x?}"))
    }
}
