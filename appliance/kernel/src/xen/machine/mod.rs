//! The machine that Xen makes: hypercalls, the shared pages, time, sleep.
//!
//! Waiting is one hypercall that blocks in the hypervisor (`SCHEDOP_poll`): it
//! names the channels and the latest time, and returns at once for an event that
//! came between the last look and the call. So there is no interrupt to take,
//! no handler, and no timer to set apart; interrupts stay off for good. An
//! upcall by vector with `sti; hlt` was tried twice in the lab: without a handler
//! that passes over the `hlt`, QEMU's SVM, which forgets the shadow of `sti`, let
//! the upcall come before it, and Xen powers off a guest that halts with
//! interrupts off; with one, and with the one-shot timer, one guest served and
//! slept, and the next was seen to run without end before it listened.
//!
//! An event does nothing but wake; whoever waited looks at everything.

mod hypercall;
mod output;
mod serve;

pub use output::{fail, init, off, reboot, write, write_to_hypervisor};
pub use serve::serve;

use applgen_bundle::show::Show;
use core::cell::Cell;

use super::{
    Clock, Console, Domain, GrantTable, Hypervisor, Page, Port, Refused, SharedInfo, Store,
    abi::{
        event_channel,
        hvm::{CONSOLE_EVTCHN, CONSOLE_PFN, STORE_EVTCHN, STORE_PFN},
        memory::{SPACE_GRANT_TABLE, SPACE_SHARED_INFO},
    },
};
use crate::x86_64::cpu;

/// The oldest Xen that starts guests as this one is: 4.10.
const OLDEST: (u16, u16) = (4, 10);

/// `ENOSPC`, as Xen says it.
const NO_SPACE: i64 = 28;

/// In their place Xen puts its own.
static SHARED_INFO: Page = Page::new();
static GRANTS: [Page; 1] = [const { Page::new() }; 1];

/// The one machine.
pub static MACHINE: Machine = Machine {
    info: SharedInfo::new(&SHARED_INFO),
    clock: Cell::new(Clock::STOPPED),
    ports: Cell::new(Ports {
        open: [0; MOST_PORTS],
        count: 0,
    }),
};

/// Console, XenStore, the network, and one to spare.
const MOST_PORTS: usize = 4;

/// The channels that wake.
#[derive(Debug, Clone, Copy)]
struct Ports {
    open: [u32; MOST_PORTS],
    count: usize,
}

impl Ports {
    fn add(&mut self, port: Port) -> bool {
        let place = self.open.get_mut(self.count);
        let found = place.is_some();
        if let Some(place) = place {
            *place = port.0;
            self.count += 1;
        }
        found
    }

    fn remove(&mut self, port: Port) {
        let open = self.open;
        let count = self.count;
        self.count = 0;
        for other in open.into_iter().take(count) {
            if other != port.0 {
                self.add(Port(other));
            }
        }
    }
}

/// Why a Xen does not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lacking {
    /// It is none.
    Xen,
    /// It is older than [`OLDEST`].
    Version(u16, u16),
    /// It refused something, with its error number.
    Call(&'static str, i64),
    /// The domain has no console or no XenStore.
    Page(&'static str),
}

impl Show for Lacking {
    fn show(&self, out: &mut dyn FnMut(&str)) {
        match self {
            Self::Xen => out("this image is for Xen, and there is none here"),
            Self::Version(major, minor) => {
                out("xen ");
                u64::from(*major).show(out);
                out(".");
                u64::from(*minor).show(out);
                out(" is too old: 4.10 starts guests of `type = \"pvh\"`");
            }
            Self::Call(what, error) => {
                out("xen refuses ");
                out(what);
                out(": error ");
                error.show(out);
            }
            Self::Page(what) => {
                out("the domain was started without ");
                out(what);
            }
        }
    }
}

/// Processor and hypervisor.
#[derive(Debug)]
pub struct Machine {
    info: SharedInfo,
    /// The clock as it was read last.
    clock: Cell<Clock>,
    ports: Cell<Ports>,
}

// SAFETY: one processor, and no interrupt uses it.
unsafe impl Sync for Machine {}

/// Brings the console up for an error that comes before [`Machine::start`];
/// whether it was not up, and is now.
pub fn find_console() -> bool {
    if output::RING.0.get().is_some() || hypercall::find().is_none() {
        return false;
    }
    let Ok((page, port)) = MACHINE.shared(CONSOLE_PFN, CONSOLE_EVTCHN, "a console") else {
        return false;
    };
    output::RING.0.set(Some(Console::new(page, port)));
    true
}

/// What the domain was started with.
#[derive(Debug)]
pub struct Started {
    /// Xen's version.
    pub version: (u16, u16),
    /// XenStore.
    pub store: Store<'static, Machine>,
    /// The grant table.
    pub grants: GrantTable,
}

impl Machine {
    /// Sets everything up: shared pages, console, XenStore.
    pub fn start(&'static self) -> Result<Started, Lacking> {
        let version = hypercall::find().ok_or(Lacking::Xen)?;
        if version < OLDEST {
            return Err(Lacking::Version(version.0, version.1));
        }
        let refused = |what| move |error: Refused| Lacking::Call(what, error.0);
        // SAFETY: the pages are kept for this and hold nothing yet.
        unsafe {
            hypercall::place(&SHARED_INFO, SPACE_SHARED_INFO, 0)
                .map_err(refused("the shared info"))?;
            for (index, page) in (0..).zip(&GRANTS) {
                hypercall::place(page, SPACE_GRANT_TABLE, index)
                    .map_err(refused("the grant table"))?;
            }
        }
        let (page, port) = self.shared(CONSOLE_PFN, CONSOLE_EVTCHN, "a console")?;
        let console = Console::new(page, port);
        console.discard_input();
        output::RING.0.set(Some(console));
        let (page, port) = self.shared(STORE_PFN, STORE_EVTCHN, "XenStore")?;
        Ok(Started {
            version,
            store: Store::new(self, page, port),
            grants: GrantTable::new(&GRANTS),
        })
    }

    /// A page that the tool stack made, and its channel.
    fn shared(
        &self,
        frame: u32,
        port: u32,
        what: &'static str,
    ) -> Result<(&'static Page, Port), Lacking> {
        let get = |index| hypercall::parameter(index).map_err(|error| Lacking::Call(what, error.0));
        let (frame, port) = (get(frame)?, get(port)?);
        let address = frame.wrapping_mul(super::PAGE_BYTES as u64);
        // Mapped are the first 4 GiB; page 0 is nobody's.
        if frame == 0 || address >= 1 << 32 {
            return Err(Lacking::Page(what));
        }
        let page = core::ptr::with_exposed_provenance::<Page>(address as usize);
        let port = Port(port as u32);
        self.wake_by(port);
        // SAFETY: mapped, a whole page, and made for this; others write it, as
        // they may write a `Page`.
        Ok((unsafe { &*page }, port))
    }

    /// Lets a channel's events wake; whether there is room for one more.
    fn wake_by(&self, port: Port) -> bool {
        let mut ports = self.ports.get();
        let added = ports.add(port);
        self.ports.set(ports);
        added
    }

    /// Seconds since 1970, at a time of [`Hypervisor::now`].
    pub fn unix_seconds(&self, now: u64) -> Option<u64> {
        let (seconds, nanos) = self.info.wall_clock()?;
        let since = now.saturating_add(nanos.into()) / 1_000_000_000;
        (seconds != 0).then(|| seconds.saturating_add(since))
    }
}

impl Hypervisor for Machine {
    fn notify(&self, port: Port) {
        hypercall::channel(event_channel::SEND, port);
    }

    fn allocate_port(&self, remote: Domain) -> Result<Port, Refused> {
        let port = hypercall::allocate_port(remote)?;
        if !self.wake_by(port) {
            hypercall::channel(event_channel::CLOSE, port);
            return Err(Refused(NO_SPACE));
        }
        Ok(port)
    }

    fn close_port(&self, port: Port) {
        let mut ports = self.ports.get();
        ports.remove(port);
        self.ports.set(ports);
        hypercall::channel(event_channel::CLOSE, port);
    }

    fn wait(&self, until: u64) {
        let ports = self.ports.get();
        let until = if until == u64::MAX { 0 } else { until.max(1) };
        hypercall::poll(ports.open.get(..ports.count).unwrap_or_default(), until);
        self.info.drain();
    }

    fn now(&self) -> u64 {
        if let Some(clock) = self.info.clock() {
            self.clock.set(clock);
        }
        self.clock.get().nanos(cpu::tsc())
    }
}
