//! The machine that QEMU, Firecracker and Cloud Hypervisor make: a PC with
//! virtio devices, found by the command line (MMIO) or on PCI.

use crate::acpi::{Events, Fixed, IoApic, MmioDevice, Tables};
use crate::drivers::pci::{PortConfiguration, Ports};
use crate::drivers::registers::Mmio;
use crate::drivers::virtio::AnyTransport;
use crate::drivers::virtio_mmio::{self, VirtioMmio};
use crate::drivers::virtio_net::{self, Options, VirtioNet};
use crate::drivers::virtio_pci::{self, Message, VirtioPci};
use crate::drivers::virtio_rng::{self, VirtioRng};
use crate::drivers::{Dma, Platform, StartError};
use crate::exit::Exit;
use crate::heap::Heap;
use crate::x86_64::apic::{self, LocalApic};
use crate::x86_64::interrupts::vector;
use crate::x86_64::power::{self, Physical};
use crate::x86_64::time::Clock;
use crate::x86_64::{cpu, interrupts, tables};
use applgen_net::{Now, SEED_BYTES};
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{self, NonNull};

/// How long a wait may be, in nanoseconds, so that it fits every timer.
const LONGEST_WAIT: u32 = 4_000_000_000;

/// Random bytes that a start takes: the server's seed, and an Ethernet address.
pub const ENTROPY_BYTES: usize = SEED_BYTES + 8;

/// How long a source of entropy may take, in nanoseconds.
const ENTROPY_PATIENCE: u64 = 5_000_000_000;

/// I/O APICs that are remembered. QEMU's machines have two at most.
const IO_APICS: usize = 4;

/// Virtio devices that are remembered of ACPI's tables: QEMU's microvm names 24,
/// most of which are empty.
const VIRTIO_DEVICES: usize = 32;

/// Where an I/O APIC is when nobody says.
const USUAL_IO_APIC: IoApic = IoApic {
    address: 0xfec0_0000,
    first: 0,
};

/// The network device of this machine.
pub type Card = VirtioNet<AnyTransport<Mmio>>;

/// The interrupt controllers and whatever else ACPI's tables told of.
#[derive(Debug)]
pub struct Firmware {
    fixed: Fixed,
    io_apics: [Option<IoApic>; IO_APICS],
    virtio: [Option<MmioDevice>; VIRTIO_DEVICES],
}

impl Firmware {
    /// Reads the tables, and from then on failures power the machine off by
    /// its own door. Has to be done before there is a heap.
    pub fn read(rsdp: u64) -> Self {
        let tables = Tables::find(Physical, rsdp);
        let fixed = tables.as_ref().and_then(Tables::fixed).unwrap_or_default();
        power::set(fixed.power_off);
        let mut io_apics = [None; IO_APICS];
        let mut virtio = [None; VIRTIO_DEVICES];
        if let Some(tables) = tables {
            let mut free = io_apics.iter_mut();
            tables.io_apics(|apic| {
                if let Some(free) = free.next() {
                    *free = Some(apic);
                }
            });
            let mut free = virtio.iter_mut();
            tables.virtio_devices(|device| {
                if let Some(free) = free.next() {
                    *free = Some(device);
                }
            });
        }
        if io_apics.iter().all(Option::is_none) {
            io_apics = [Some(USUAL_IO_APIC), None, None, None];
        }
        Self {
            fixed,
            io_apics,
            virtio,
        }
    }
}

/// The machine, once it runs.
#[derive(Debug)]
pub struct Machine {
    firmware: Firmware,
    apic: LocalApic,
    clock: Clock,
    /// Ticks of the local APIC's timer in 2³² nanoseconds, where it takes no
    /// time stamps.
    timer_ticks: u64,
}

impl Machine {
    /// Starts interrupts and clock.
    pub fn start(firmware: Firmware) -> Result<Self, (Exit, &'static str)> {
        let apic = LocalApic::init();
        let clock = Clock::find(firmware.fixed.timer).ok_or((
            Exit::Machine,
            "this machine has no clock that is known here",
        ))?;
        let mut machine = Self {
            firmware,
            apic,
            clock,
            timer_ticks: 0,
        };
        if !machine.apic.has_deadline() {
            machine.measure_timer();
        }
        machine.listen_to_power_button();
        Ok(machine)
    }

    /// The time.
    pub fn now(&mut self) -> Now {
        let now = self.clock.now();
        Now {
            micros: now / 1000,
            unix_seconds: self.clock.unix_seconds(now),
        }
    }

    /// Waits for an interrupt, at the latest until that time on [`Self::now`]'s
    /// clock; perhaps shorter.
    pub fn wait(&mut self, until_micros: Option<u64>) {
        // A clock that was measured wants mending in time, however idle all is.
        let until = until_micros.map_or(u64::MAX, |until| until.saturating_mul(1000));
        let until = until.min(self.clock.next_mending());
        let timed = until != u64::MAX;
        if timed {
            let left = until.saturating_sub(self.clock.now());
            if left == 0 {
                return;
            }
            let left = u32::try_from(left).unwrap_or(u32::MAX).min(LONGEST_WAIT);
            if self.apic.has_deadline() {
                self.apic.wake_at(cpu::tsc() + self.clock.ticks(left));
            } else {
                let ticks = (u128::from(left) * u128::from(self.timer_ticks)) >> 32;
                let ticks = u32::try_from(ticks).unwrap_or(u32::MAX).max(1);
                self.apic.wake_after(ticks);
            }
        }
        cpu::wait();
        self.apic.end_of_interrupt();
        if timed {
            if self.apic.has_deadline() {
                self.apic.wake_at(0);
            } else {
                self.apic.wake_after(0);
            }
        }
    }

    /// How fast the local APIC's timer counts: a twentieth of a millisecond by the
    /// clock. A wait that is off by a few percent does no harm.
    fn measure_timer(&mut self) {
        let start = self.clock.now();
        self.apic.wake_after(u32::MAX);
        let mut took = 0;
        while took < 50_000 {
            took = self.clock.now() - start;
        }
        let ticks = u32::MAX - self.apic.ticks_left();
        self.apic.wake_after(0);
        self.timer_ticks = (u64::from(ticks) << 32) / took;
    }

    /// Random bytes; `None` where the machine has no source of them.
    pub fn entropy(&mut self, command_line: &str) -> Option<[u8; ENTROPY_BYTES]> {
        let mut bytes = [0; ENTROPY_BYTES];
        let mut words = bytes.as_chunks_mut::<8>().0.iter_mut();
        if words.all(|word| {
            cpu::random().is_some_and(|number| {
                *word = number.to_le_bytes();
                true
            })
        }) {
            return Some(bytes);
        }
        let transport = self.device(command_line, virtio_rng::DEVICE)?.ok()?;
        let mut source = VirtioRng::new(transport, &mut Devices).ok()?;
        let limit = self.clock.now() + ENTROPY_PATIENCE;
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            filled += source.fill(rest, || self.clock.now() < limit).ok()?;
        }
        Some(bytes)
    }

    /// The network device; `None` if there is none.
    pub fn card(
        &mut self,
        command_line: &str,
        options: &Options,
    ) -> Option<Result<Card, StartError>> {
        let transport = self.device(command_line, virtio_net::DEVICE)?;
        Some(transport.and_then(|transport| VirtioNet::new(transport, &mut Devices, options)))
    }

    /// The first virtio device of a type, with its interrupt led to us.
    fn device(
        &mut self,
        command_line: &str,
        device: u16,
    ) -> Option<Result<AnyTransport<Mmio>, StartError>> {
        let named = command_line.split_ascii_whitespace().filter_map(|word| {
            let (key, value) = word.split_once('=')?;
            let place = virtio_mmio::parse(value).filter(|_| key == virtio_mmio::WORD)?;
            Some(MmioDevice {
                address: place.address,
                bytes: place.bytes,
                interrupt: place.interrupt,
            })
        });
        let listed = self.firmware.virtio.iter().flatten().copied();
        for place in named.chain(listed) {
            let Some(registers) = Devices.map(place.address, place.bytes as usize) else {
                continue;
            };
            match VirtioMmio::new(registers, device) {
                Ok(transport) => {
                    self.route(place.interrupt, vector::NETWORK);
                    return Some(Ok(AnyTransport::Mmio(transport)));
                }
                Err(StartError::NotThere) => {}
                Err(error) => return Some(Err(error)),
            }
        }
        let mut configuration = PortConfiguration(MachinePorts);
        let function = virtio_pci::find(&mut configuration, device)?;
        let (address, data) = apic::message(vector::NETWORK, self.apic.id());
        let message = Message { address, data };
        let transport = VirtioPci::new(&mut configuration, function, &mut Devices, message);
        Some(transport.map(AnyTransport::Pci))
    }

    /// Leads an interrupt to the processor.
    fn route(&self, interrupt: u32, vector: u8) {
        for apic in self.firmware.io_apics.iter().flatten() {
            // SAFETY: firmware says that an I/O APIC is there, or every PC has
            // one there; it is mapped, as everything below 4 GiB.
            unsafe {
                if let Some(input) = interrupt.checked_sub(apic.first)
                    && input < apic::inputs(apic.address)
                {
                    apic::route(apic.address, input as u8, vector, self.apic.id());
                }
            }
        }
    }

    /// Makes the power button interrupt, where there is one.
    fn listen_to_power_button(&self) {
        const ENABLE_POWER_BUTTON: u16 = 1 << 8;
        let Some(events) = self.firmware.fixed.events else {
            return;
        };
        // SAFETY: the registers are there, firmware says; they concern power
        // and events alone.
        unsafe {
            if let Events::Ports(port) = events {
                if let Some((port, value)) = self.firmware.fixed.enable {
                    cpu::out8(port, value);
                }
                // What was pressed before is not for us.
                cpu::out16(port, ENABLE_POWER_BUTTON);
                cpu::out16(port + 2, ENABLE_POWER_BUTTON);
            }
        }
        self.route(self.firmware.fixed.interrupt.into(), vector::POWER);
    }

    /// Whether the power button was pressed since the last time, where an
    /// interrupt told of it.
    pub fn power_button_told(&mut self) -> bool {
        interrupts::take_power_event() && self.power_button()
    }

    /// Whether the power button was pressed since the last time. Who never waits
    /// takes no interrupt, and asks now and then.
    pub fn power_button(&mut self) -> bool {
        const POWER_BUTTON: u32 = 1 << 8;
        const POWER_DOWN: u32 = 1 << 1;
        // SAFETY: as above.
        unsafe {
            match self.firmware.fixed.events {
                Some(Events::Ports(port)) => {
                    let status = cpu::in16(port);
                    cpu::out16(port, status);
                    u32::from(status) & POWER_BUTTON != 0
                }
                Some(Events::Memory(address)) => {
                    let events = ptr::with_exposed_provenance::<u32>(address as usize);
                    events.read_volatile() & POWER_DOWN != 0
                }
                None => false,
            }
        }
    }
}

/// What drivers need of this machine: memory from the heap, and the address
/// space as it is mapped.
struct Devices;

impl Platform for Devices {
    type Registers = Mmio;

    fn allocate(&mut self, bytes: usize, align: usize) -> Option<Dma> {
        let layout = Layout::from_size_align(bytes, align).ok()?;
        if bytes == 0 {
            return None;
        }
        // SAFETY: the layout is not empty.
        let start = NonNull::new(unsafe { Heap::alloc(&crate::start::HEAP, layout) })?;
        // SAFETY: fresh from the heap, never given back, and mapped one to one;
        // what the machine left there is a value of every byte.
        Some(unsafe { Dma::new(start, bytes) })
    }

    fn map(&mut self, address: u64, bytes: usize) -> Option<Mmio> {
        if !tables::map_device(address, bytes as u64) {
            return None;
        }
        let start = NonNull::new(ptr::with_exposed_provenance_mut(address as usize))?;
        // SAFETY: mapped to itself and not cached. It is a device's: a monitor
        // that says otherwise could as well change our memory on its own.
        Some(unsafe { Mmio::new(start, bytes) })
    }
}

/// The processor's ports.
struct MachinePorts;

impl Ports for MachinePorts {
    fn out32(&mut self, port: u16, value: u32) {
        // SAFETY: only PCI's configuration is reached this way.
        unsafe { cpu::out32(port, value) };
    }

    fn in32(&mut self, port: u16) -> u32 {
        // SAFETY: as above.
        unsafe { cpu::in32(port) }
    }
}
