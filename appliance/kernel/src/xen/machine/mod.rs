//! The machine that Xen makes: hypercalls, the shared pages, time, sleep.
//!
//! Events come as an upcall ([`upcall`]): an interrupt of the halted processor,
//! which Xen runs somebody else on meanwhile. Interrupts are off otherwise. The
//! latest time to wake at is the one-shot timer's, which is an event as well.
//!
//! An event does nothing but wake; whoever waited looks at everything.

mod hypercall;
mod output;
mod serve;
mod upcall;

pub use output::{fail, init, off, reboot, write, write_to_hypervisor};
pub use serve::serve;

use applgen_bundle::show::Show;
use core::cell::Cell;

use super::{
    Clock, Console, Domain, GrantTable, Hypervisor, Page, Port, Refused, SharedInfo, Store,
    abi::{
        event_channel::{CLOSE, SEND, VIRQ_TIMER},
        hvm::{CONSOLE_EVTCHN, CONSOLE_PFN, STORE_EVTCHN, STORE_PFN},
        memory::{SPACE_GRANT_TABLE, SPACE_SHARED_INFO},
    },
};
use crate::x86_64::{cpu, interrupts::vector};

/// The oldest Xen that starts guests as this one is: 4.10.
const OLDEST: (u16, u16) = (4, 10);

/// In their place Xen puts its own.
static SHARED_INFO: Page = Page::new();
static GRANTS: [Page; 1] = [const { Page::new() }; 1];

/// The one machine.
pub static MACHINE: Machine = Machine {
    info: SharedInfo::new(&SHARED_INFO),
    clock: Cell::new(Clock::STOPPED),
    timer: Cell::new(Port(0)),
    timer_nanos: Cell::new(0),
};

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
    /// The channel of the one-shot timer.
    timer: Cell<Port>,
    /// When it is to run out; 0 once it has.
    timer_nanos: Cell<u64>,
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
        self.info.unmask();
        self.timer
            .set(hypercall::bind_virq(VIRQ_TIMER).map_err(refused("a timer"))?);
        // SAFETY: the gates are in force before anything else here; the handler
        // speaks to no controller.
        unsafe { hypercall::interrupt_by(vector::UPCALL) }.map_err(refused("an upcall"))?;
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
        // SAFETY: mapped, a whole page, and made for this; others write it, as
        // they may write a `Page`.
        Ok((unsafe { &*page }, port))
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
        hypercall::channel(SEND, port);
    }

    fn allocate_port(&self, remote: Domain) -> Result<Port, Refused> {
        hypercall::allocate_port(remote)
    }

    fn close_port(&self, port: Port) {
        hypercall::channel(CLOSE, port);
    }

    fn wait(&self, until: u64) {
        // An earlier time that is set wakes too soon once, which costs less than
        // to set it anew at each wait.
        let set = self.timer_nanos.get();
        if until != u64::MAX && (set == 0 || until < set) {
            // 0 would stop it.
            let until = until.max(1);
            hypercall::set_timer(until);
            self.timer_nanos.set(until);
        }
        upcall::wait();
        if self.info.drain(self.timer.get()) {
            self.timer_nanos.set(0);
        }
    }

    fn now(&self) -> u64 {
        if let Some(clock) = self.info.clock() {
            self.clock.set(clock);
        }
        self.clock.get().nanos(cpu::tsc())
    }
}
