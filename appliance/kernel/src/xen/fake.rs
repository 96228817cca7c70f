//! A host for tests: XenStore's daemon, event channels and a network backend,
//! on pages that are shared as a guest's are. Time passes when the guest waits.

use core::cell::{Cell, RefCell};
use std::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::{
    Domain, Hypervisor, PAGE_BYTES, Page, Port, Refused,
    abi::{ring as ring_abi, store},
};

/// Pages that live as long as the test's process.
pub fn pages(count: usize) -> &'static [Page] {
    Vec::leak((0..count).map(|_| Page::new()).collect::<Vec<_>>())
}

/// The event channel of XenStore.
pub const STORE_PORT: Port = Port(1);

/// The host.
#[derive(Debug)]
pub struct Host {
    pub store_page: &'static Page,
    pub tree: RefCell<BTreeMap<String, String>>,
    watches: RefCell<Vec<(String, String)>>,
    /// Messages on their way to the guest, of which the ring takes a part at a
    /// time.
    outgoing: RefCell<VecDeque<u8>>,
    incoming: RefCell<Vec<u8>>,
    pub time: Cell<u64>,
    /// Events sent to the backend.
    pub rings: Cell<u32>,
    pub open_ports: RefCell<Vec<u32>>,
    next_port: Cell<u32>,
    /// How many of the next transactions end with `EAGAIN`.
    pub disturbed: Cell<u32>,
    /// The daemon answers nothing.
    pub silent: Cell<bool>,
    /// At most so many bytes go to the guest at once.
    pub trickle: Cell<usize>,
}

impl Host {
    pub fn new() -> &'static Self {
        Box::leak(Box::new(Self {
            store_page: &pages(1)[0],
            tree: RefCell::default(),
            watches: RefCell::default(),
            outgoing: RefCell::default(),
            incoming: RefCell::default(),
            time: Cell::new(0),
            rings: Cell::new(0),
            open_ports: RefCell::default(),
            next_port: Cell::new(10),
            disturbed: Cell::new(0),
            silent: Cell::new(false),
            trickle: Cell::new(usize::MAX),
        }))
    }

    /// Where a path of the guest's leads: relative ones are its own.
    fn absolute(path: &str) -> String {
        match path.starts_with('/') {
            true => path.to_string(),
            false => format!("/local/domain/7/{path}"),
        }
    }

    pub fn get(&self, path: &str) -> Option<String> {
        self.tree.borrow().get(&Self::absolute(path)).cloned()
    }

    /// Writes a key, as the daemon does for anybody, and fires watches.
    pub fn set(&self, path: &str, value: &str) {
        let path = Self::absolute(path);
        self.tree
            .borrow_mut()
            .insert(path.clone(), value.to_string());
        self.fire(&path);
    }

    /// Removes a key and all below it.
    pub fn remove(&self, path: &str) {
        let path = Self::absolute(path);
        self.tree.borrow_mut().retain(|key, _| !below(key, &path));
        self.fire(&path);
    }

    fn fire(&self, path: &str) {
        for (watched, token) in self.watches.borrow().iter() {
            let absolute = Self::absolute(watched);
            if below(path, &absolute) || below(&absolute, path) {
                self.message(store::WATCH_EVENT, 0, &format!("{watched}\0{token}\0"));
            }
        }
    }

    pub fn message(&self, kind: u32, request: u32, payload: &str) {
        let mut outgoing = self.outgoing.borrow_mut();
        for field in [kind, request, 0, payload.len() as u32] {
            outgoing.extend(field.to_le_bytes());
        }
        outgoing.extend(payload.bytes());
    }

    /// The daemon's turn.
    pub fn run(&self) {
        if self.silent.get() {
            return;
        }
        let page = self.store_page;
        let mut incoming = self.incoming.borrow_mut();
        let (mut read, end) = (page.load32(store::REQ_CONS), page.load32(store::REQ_PROD));
        assert!(end.wrapping_sub(read) <= store::RING_BYTES);
        while read != end {
            incoming.push(page.load8(store::REQ + (read % store::RING_BYTES) as usize));
            read = read.wrapping_add(1);
        }
        page.store32(store::REQ_CONS, read);
        while incoming.len() >= 16 {
            let field = |at: usize| u32::from_le_bytes(incoming[at..at + 4].try_into().unwrap());
            let (kind, request, length) = (field(0), field(4), field(12) as usize);
            if incoming.len() < 16 + length {
                break;
            }
            let payload = String::from_utf8(incoming[16..16 + length].to_vec()).unwrap();
            incoming.drain(..16 + length);
            self.request(kind, request, &payload);
        }
        let mut outgoing = self.outgoing.borrow_mut();
        let mut produced = page.load32(store::RSP_PROD);
        let used = produced.wrapping_sub(page.load32(store::RSP_CONS));
        let room = (store::RING_BYTES - used) as usize;
        let count = room.min(outgoing.len()).min(self.trickle.get());
        for byte in outgoing.drain(..count) {
            let place = produced % store::RING_BYTES;
            page.store8(store::RSP + place as usize, byte);
            produced = produced.wrapping_add(1);
        }
        page.store32(store::RSP_PROD, produced);
    }

    fn request(&self, kind: u32, request: u32, payload: &str) {
        let parts: Vec<&str> = payload.split('\0').collect();
        let path = Self::absolute(parts[0]);
        match kind {
            store::READ => match self.get(&path) {
                Some(value) => self.message(kind, request, &value),
                None => self.message(store::ERROR, request, "ENOENT\0"),
            },
            store::WRITE => {
                self.set(&path, parts[1]);
                self.message(kind, request, "OK\0");
            }
            store::DIRECTORY => {
                let tree = self.tree.borrow();
                let below = format!("{path}/");
                let mut names: Vec<&str> = tree
                    .keys()
                    .filter_map(|key| key.strip_prefix(&below)?.split('/').next())
                    .collect();
                names.dedup();
                let answer: String = names.iter().map(|name| format!("{name}\0")).collect();
                self.message(kind, request, &answer);
            }
            store::WATCH => {
                let watch = (parts[0].to_string(), parts[1].to_string());
                self.message(kind, request, "OK\0");
                self.message(
                    store::WATCH_EVENT,
                    0,
                    &format!("{}\0{}\0", parts[0], parts[1]),
                );
                self.watches.borrow_mut().push(watch);
            }
            store::UNWATCH => {
                self.watches.borrow_mut().retain(|(path, token)| {
                    (path.as_str(), token.as_str()) != (parts[0], parts[1])
                });
                self.message(kind, request, "OK\0");
            }
            store::TRANSACTION_START => self.message(kind, request, "5\0"),
            store::TRANSACTION_END => match self.disturbed.get() {
                0 => self.message(kind, request, "OK\0"),
                left => {
                    self.disturbed.set(left - 1);
                    self.message(store::ERROR, request, "EAGAIN\0");
                }
            },
            _ => self.message(store::ERROR, request, "ENOSYS\0"),
        }
    }
}

/// Whether a key is a path or below it.
fn below(key: &str, path: &str) -> bool {
    key.strip_prefix(path)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Hypervisor for Host {
    fn notify(&self, port: Port) {
        if port == STORE_PORT {
            self.run();
        } else {
            assert!(self.open_ports.borrow().contains(&port.0), "a closed port");
            self.rings.set(self.rings.get() + 1);
        }
    }

    fn allocate_port(&self, _: Domain) -> Result<Port, Refused> {
        let port = self.next_port.get();
        self.next_port.set(port + 1);
        self.open_ports.borrow_mut().push(port);
        Ok(Port(port))
    }

    fn close_port(&self, port: Port) {
        self.open_ports.borrow_mut().retain(|open| *open != port.0);
    }

    fn wait(&self, until: u64) {
        self.time.set((self.time.get() + 1_000_000).min(until));
        self.run();
    }

    fn now(&self) -> u64 {
        // A look at the clock takes time too, so that no loop is endless.
        self.time.set(self.time.get() + 1000);
        self.time.get()
    }
}

/// The other end of a ring: an honest backend, if the test wants it to be.
#[derive(Debug)]
pub struct Backend {
    pub page: &'static Page,
    pub entry: usize,
    pub requests: u32,
    pub responses: u32,
}

impl Backend {
    pub fn new(page: &'static Page, entry: usize) -> Self {
        Self {
            page,
            entry,
            requests: 0,
            responses: 0,
        }
    }

    fn place(&self, index: u32) -> usize {
        ring_abi::ENTRIES + (index % 256) as usize * self.entry
    }

    /// The next request.
    pub fn take(&mut self) -> Option<Vec<u8>> {
        if self.page.load32(ring_abi::REQ_PROD) == self.requests {
            return None;
        }
        let mut request = std::vec![0; self.entry];
        self.page.read(self.place(self.requests), &mut request);
        self.requests = self.requests.wrapping_add(1);
        Some(request)
    }

    /// Answers, in the place of the oldest request without one.
    pub fn answer(&mut self, response: &[u8]) {
        self.page.write(self.place(self.responses), response);
        self.responses = self.responses.wrapping_add(1);
        self.page.store32(ring_abi::RSP_PROD, self.responses);
    }

    /// Asks for an event with the next request.
    pub fn arm(&self) {
        self.page
            .store32(ring_abi::REQ_EVENT, self.requests.wrapping_add(1));
    }
}

/// The page that a grant permits, out of those that there are.
pub fn granted(table: &[Page], all: &[&'static [Page]], grant: u32) -> Option<&'static Page> {
    let at = grant as usize * 8;
    let entry = table.get(at / PAGE_BYTES)?;
    if entry.load16(at % PAGE_BYTES) & 1 == 0 {
        return None;
    }
    let frame = entry.load32(at % PAGE_BYTES + 4);
    all.iter()
        .flat_map(|pages| pages.iter())
        .find(|page| (page.address() / PAGE_BYTES) as u32 == frame)
}
