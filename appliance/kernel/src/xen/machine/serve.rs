//! A Xen guest from its first hypercall to its last: devices, address, server.

extern crate alloc;

use alloc::{boxed::Box, vec::Vec};
use applgen_bundle::{
    Bundle,
    boot::{Keys, Words},
    show::Show,
};
use applgen_net::{Line, Now, SEED_BYTES, Server, Setup, nic::Nic};

use super::{MACHINE, Machine, fail, off, reboot, write, write_to_hypervisor};
use crate::{
    exit::Exit,
    start::say,
    x86_64::cpu,
    xen::{
        Hypervisor, PAGE_BYTES, Page, Store, StoreError, Transaction,
        netfront::{BUFFER_BYTES, LinkError, Memory, Netfront, Watch},
    },
};

/// How long a backend may take at the start, in nanoseconds: a tool stack that
/// is slow is not one that will never come.
const PATIENCE: u64 = 60_000_000_000;

/// When what a host did not let us do is tried again, in nanoseconds: its XenStore
/// restarts, its former backend still holds our pages.
const AGAIN: u64 = 1_000_000_000;

/// The token of the watch on what the tool stack asks for.
const CONTROL: u8 = 3;

/// What the tool stack asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    PowerOff,
    Reboot,
}

/// Lines for people, as the server writes them.
struct Lines;

impl applgen_net::Console for Lines {
    fn line(&mut self, _: Line, text: &str) {
        say(&[&text]);
    }

    fn access(&mut self, part: &str) {
        write(part);
    }
}

/// Says what is wrong, on both consoles, and stops.
fn stop(why: Exit, message: &[&dyn Show]) -> ! {
    let line: &[&dyn Show] = &[&"error: ", &message, &"\n"];
    line.show(&mut write);
    line.show(&mut write_to_hypervisor);
    fail(why)
}

/// Serves the bundle until the tool stack says otherwise. `heap_left` says how
/// much memory there is.
pub fn serve(words: Words<'static>, bundle: Bundle<'static>, heap_left: impl Fn() -> usize) -> ! {
    let started = match MACHINE.start() {
        Ok(started) => started,
        Err(lacking) => stop(Exit::Machine, &[&lacking]),
    };
    let mut store = started.store;
    let (major, minor) = started.version;
    say(&[
        &concat!("applgen ", env!("CARGO_PKG_VERSION"), " on xen "),
        &u64::from(major),
        &".",
        &u64::from(minor),
        &", ",
        &(heap_left() as u64 / 1000),
        &" kB of memory left",
    ]);
    let mut nic = match Netfront::new(&MACHINE, started.grants, memory(heap_left())) {
        Ok(nic) => nic,
        Err(_) => stop(Exit::Network, &[&"the grant table is too small"]),
    };
    connect(&mut nic, &mut store);
    // XenStore has addresses alone. It is asked key by key, which takes longer than all
    // else of a start, so not for what is known.
    let known = words.ip.is_some() && words.gw.is_some();
    #[cfg(feature = "ipv6")]
    let known = known && words.ip6.is_some();
    let stored = match known {
        true => Words::default(),
        false => address(&nic, &mut store),
    };
    let words = Words {
        ip: words.ip.or(stored.ip),
        gw: words.gw.or(stored.gw),
        #[cfg(feature = "ipv6")]
        ip6: words.ip6.or(stored.ip6),
        ..words
    };
    let mut control = Control::begin(&mut store);

    let setup = Setup {
        bundle,
        words,
        capabilities: nic.capabilities(),
        seed: seed(),
        memory_bytes: heap_left(),
    };
    let mut server = match Server::new(&setup) {
        Ok(server) => server,
        Err(error) => stop(Exit::Bundle, &[&error]),
    };
    let mut lines = Lines;
    loop {
        // Once a turn: where Xen emulates the counter, reading it is a trap.
        let now = MACHINE.now();
        let poll = server.poll(
            &mut nic,
            Now {
                micros: now / 1000,
                unix_seconds: MACHINE.unix_seconds(now),
            },
            &mut lines,
        );
        if poll.stopped {
            match control.wanted {
                Some(Stop::Reboot) => reboot(),
                _ => off(),
            }
        }
        if attend(&mut store, &mut nic, &mut control, now) {
            server.stop();
            continue;
        }
        let deadline = poll
            .deadline_micros
            .map_or(u64::MAX, |at| at.saturating_mul(1000))
            .min(control.again);
        if !poll.frames_left && deadline > now && !store.has_fired() && !nic.arm() {
            MACHINE.wait(deadline);
        }
    }
}

/// Does what XenStore asks for; whether the server is to stop, for the first
/// time.
#[inline(never)]
fn attend(
    store: &mut Store<'static, Machine>,
    nic: &mut Netfront<'static, Machine>,
    control: &mut Control,
    now: u64,
) -> bool {
    // A XenStore that fails is for its host to mend; the server goes on.
    let _ = store.poll();
    let mut fired = store.take_fired();
    let again = control.again <= now;
    if again {
        fired |= Watch::BITS;
    }
    if fired & Watch::BITS != 0 || nic.is_broken() {
        let was_up = nic.is_up();
        let done = nic.attend(store, fired);
        match (was_up, nic.is_up()) {
            (true, false) => say(&[&"network: the backend went away"]),
            (false, true) => say(&[&"network: connected again"]),
            _ => {}
        }
        control.again = u64::MAX;
        if let Err(error) = done
            && error != LinkError::NoDevice
        {
            // Told once, however often it is tried.
            if !again {
                say(&[&"network: ", &Told(error)]);
            }
            if error.may_pass() {
                control.again = MACHINE.now().saturating_add(AGAIN);
            }
        }
    }
    fired & 1 << CONTROL != 0 && control.attend(store)
}

/// Buffers by how much memory there is: a sixteenth for frames that come, half
/// of that for frames that leave.
fn memory(left: usize) -> Memory {
    let receive = (left / 16 / PAGE_BYTES).clamp(32, 255);
    let pages = |count: usize| -> &'static [Page] {
        Vec::leak((0..count).map(|_| Page::new()).collect::<Vec<_>>())
    };
    Memory {
        rings: Box::leak(Box::new([const { Page::new() }; 2])),
        receive: pages(receive),
        transmit: pages((receive / 2).clamp(16, 127)),
        frames: Vec::leak(alloc::vec![[0; BUFFER_BYTES]; (receive / 4).clamp(16, 64)]),
    }
}

/// Waits until the interface is up, or says why it is not and stops.
fn connect(nic: &mut Netfront<'static, Machine>, store: &mut Store<'static, Machine>) {
    let until = MACHINE.now().saturating_add(PATIENCE);
    let mut done = nic.begin(store);
    while !nic.is_up() {
        if done.is_ok() {
            // The first event of a new watch comes by itself.
            done = store.poll().map_err(LinkError::from);
            let fired = store.take_fired();
            if done.is_ok() && (fired & Watch::BITS != 0 || nic.is_broken()) {
                done = nic.attend(store, fired);
                continue;
            }
        }
        if let Err(error) = done {
            stop(Exit::Network, &[&Told(error)]);
        }
        if MACHINE.now() >= until {
            let state = nic.backend_state(store).unwrap_or(0);
            let error = nic.backend_error(store);
            stop(
                Exit::Network,
                &[
                    &"the network's backend stays in state ",
                    &u64::from(state),
                    &" ",
                    &error.as_str(),
                    &"\n\nhint: is there a bridge, and does the host run xen-netback?",
                ],
            );
        }
        MACHINE.wait(until);
    }
}

/// The address that the tool stack left in XenStore, if it did.
#[inline(never)]
fn address(
    nic: &Netfront<'static, Machine>,
    store: &mut Store<'static, Machine>,
) -> Words<'static> {
    let Ok(text) = nic.address(store) else {
        return Words::default();
    };
    let text = Box::leak(Box::new(text)).as_str();
    match Words::parse(text, Keys::GUEST) {
        Ok(words) => words,
        Err(error) => stop(Exit::Words, &[&"the address in XenStore: ", &error]),
    }
}

/// Randomness from the processor: a virtual machine has no other.
fn seed() -> [u8; SEED_BYTES] {
    let mut seed = [0; SEED_BYTES];
    for chunk in seed.chunks_mut(8) {
        match cpu::random() {
            Some(number) => chunk.copy_from_slice(&number.to_le_bytes()),
            None => stop(
                Exit::Entropy,
                &[&"no randomness: the processor has no `rdrand`"],
            ),
        }
    }
    seed
}

/// What the tool stack asks for in `control/shutdown`.
struct Control {
    wanted: Option<Stop>,
    /// When the network's backend is looked at again, without having said anything.
    again: u64,
}

impl Control {
    fn begin(store: &mut Store<'static, Machine>) -> Self {
        let mut say_so = |key: &[u8]| {
            // Tool stacks that want to know made these writable.
            let _ = store.write(Transaction::NONE, key, b"1");
        };
        say_so(b"control/feature-poweroff");
        say_so(b"control/feature-reboot");
        if let Err(error) = store.watch(b"control/shutdown", CONTROL) {
            say(&[
                &"control/shutdown is not watched: ",
                &Told(LinkError::Store(error)),
            ]);
        }
        Self {
            wanted: None,
            again: u64::MAX,
        }
    }

    /// Reads it; whether the server is to stop now.
    fn attend(&mut self, store: &mut Store<'static, Machine>) -> bool {
        let Ok(asked) = store.read::<16>(b"control/shutdown") else {
            return false;
        };
        let wanted = match asked.as_str() {
            "poweroff" | "halt" => Stop::PowerOff,
            "reboot" => Stop::Reboot,
            "" => return false,
            other => {
                // Not acknowledged: the tool stack gives up, and says so.
                say(&[
                    &"`",
                    &other,
                    &"` is refused: this guest serves from where it is",
                ]);
                return false;
            }
        };
        let _ = store.write(Transaction::NONE, b"control/shutdown", b"");
        say(&[&"`", &asked.as_str(), &"` was asked for"]);
        self.wanted.replace(wanted).is_none()
    }
}

/// A link's error for people.
struct Told(LinkError);

impl Show for Told {
    fn show(&self, out: &mut dyn FnMut(&str)) {
        match self.0 {
            LinkError::NoDevice => {
                out("no network interface\n\nhint: a `vif` line gives the domain one");
            }
            LinkError::Key(key) => {
                out("`");
                out(key);
                out("` of the interface makes no sense");
            }
            LinkError::NoRxCopy => out("the backend does not offer `feature-rx-copy`"),
            LinkError::PagesInUse => out("a former backend still uses our pages"),
            LinkError::Port(error) => {
                out("xen gives no event channel: error ");
                error.0.show(out);
            }
            LinkError::Store(error) => out(match error {
                StoreError::Absent => "XenStore lacks a key",
                StoreError::Again => "XenStore is too busy for a transaction",
                StoreError::Refused => "XenStore refuses",
                StoreError::Silent => "XenStore does not answer",
                StoreError::Garbled => "XenStore's answers make no sense",
                StoreError::TooLong => "a value in XenStore is too long",
            }),
        }
    }
}
