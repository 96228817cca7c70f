//! A guest from its first line of Rust to its last.

#[cfg(feature = "virtio")]
use crate::drivers::virtio_net::{MOST_BUFFERS, Options};
use crate::exit::Exit;
use crate::heap::Heap;
use crate::memory::{self, TooLittle};
#[cfg(feature = "virtio")]
use crate::pc::{Firmware, Machine};
#[cfg(feature = "virtio")]
use crate::serve;
use crate::start_info::{self, Range, StartInfo};
use crate::trial;
use crate::x86_64::interrupts::{self, Frame};
use crate::x86_64::paging::{PAGE, Regions};
use crate::x86_64::power::Physical;
use crate::x86_64::tables;
#[cfg(feature = "virtio")]
use crate::x86_64::{power, serial};
#[cfg(feature = "xen")]
use crate::xen::machine::{self as power, self as serial};
use applgen_bundle::boot::{Keys, Words};
use applgen_bundle::image;
use applgen_bundle::show::{Hex, Show};
use applgen_bundle::{Bundle, TAG_BOOT};
#[cfg(feature = "virtio")]
use applgen_net::{SEED_BYTES, Setup, nic::Nic};
use core::cell::UnsafeCell;
use core::panic::PanicInfo;
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};

#[global_allocator]
pub(crate) static HEAP: Heap = Heap::empty();

// SAFETY: the linker script defines them all.
unsafe extern "C" {
    static __ehdr_start: u8;
    static __text_end: u8;
    static __rodata_start: u8;
    static __rodata_end: u8;
    static __guard: u8;
    static __stack_end: u8;
    static _end: u8;
}

/// The longest command line, in bytes with its end, as Linux has it on x86.
const COMMAND_LINE_BYTES: usize = 2048;

/// The command line's own place: the monitor's may be where the heap will be.
struct Line(UnsafeCell<[u8; COMMAND_LINE_BYTES]>);

// SAFETY: written once, before anything refers to it.
unsafe impl Sync for Line {}

static LINE: Line = Line(UnsafeCell::new([0; COMMAND_LINE_BYTES]));

/// Called by the boot code: `start_info` is the address that the monitor gave,
/// `entered` the time stamp counter at the first instruction.
pub(crate) extern "C" fn start(start_info: u64, entered: u64) -> ! {
    serial::init();
    interrupts::init();
    let info = start_information(start_info);
    let line = match info.and_then(|info| command_line(info.command_line)) {
        Some(Ok(line)) => line,
        Some(Err(message)) => fail(Exit::Words, &[&message]),
        None => fail(
            Exit::Machine,
            &[&"this machine does not start kernels by PVH"],
        ),
    };
    let Some(info) = info else { power::off() };

    // Power-off first, so that every failure has a way out.
    #[cfg(feature = "virtio")]
    let firmware = Firmware::read(info.rsdp);

    let bytes = bundle_bytes();
    let layout = match memory::layout(memory_map(&info), image_start(), bytes.end) {
        Ok(layout) => layout,
        Err(error) => too_little_memory(error),
    };
    tables::protect(&Regions {
        text: image_start()
            ..(&raw const __text_end)
                .addr()
                .next_multiple_of(PAGE as usize) as u64,
        rodata: (&raw const __rodata_start).addr() as u64
            ..(&raw const __rodata_end)
                .addr()
                .next_multiple_of(PAGE as usize) as u64,
        guard: (&raw const __guard).addr() as u64,
        bundle: bytes.clone(),
        memory_end: layout.memory_end,
    });
    // SAFETY: inside of the memory that was found, above the image, and mapped
    // as data; what the monitor and the firmware left there has been read.
    unsafe {
        let start = layout.image_end.next_multiple_of(PAGE) as usize;
        HEAP.init(start..layout.memory_end as usize);
    }
    // SAFETY: mapped read-only from here on, and inside of the memory.
    let bundle = unsafe {
        let start = ptr::with_exposed_provenance::<u8>(bytes.start as usize);
        core::slice::from_raw_parts(start, (bytes.end - bytes.start) as usize)
    };
    let bundle = match Bundle::parse(bundle) {
        Ok(bundle) => bundle,
        Err(error) => fail(Exit::Bundle, &[&error]),
    };
    let words = words(&bundle, line);
    trial::run(line);
    #[cfg(feature = "virtio")]
    on_pc(firmware, line, words, bundle, entered);
    #[cfg(feature = "xen")]
    let _ = entered;
    #[cfg(feature = "xen")]
    crate::xen::machine::serve(words, bundle, || HEAP.left());
}

/// The rest of a guest's life on a PC with virtio devices.
#[cfg(feature = "virtio")]
fn on_pc(firmware: Firmware, line: &str, words: Words<'_>, bundle: Bundle<'_>, entered: u64) -> ! {
    let mut machine = match Machine::start(firmware) {
        Ok(machine) => machine,
        Err((why, message)) => fail(why, &[&message]),
    };
    let Some(entropy) = machine.entropy(line) else {
        fail(
            Exit::Entropy,
            &[
                &"this machine has no source of entropy\n\nhint: give it a processor with \
                 `rdrand` (QEMU: `-cpu max`) or a virtio-rng device",
            ],
        );
    };
    let mut seed = [0; SEED_BYTES];
    let (for_seed, for_mac) = entropy.split_at(SEED_BYTES);
    seed.copy_from_slice(for_seed);
    // Locally administered, of one station.
    let mut mac = *for_mac.first_chunk().unwrap_or(&[0; 6]);
    mac[0] = mac[0] & 0xfc | 2;
    // A sixteenth of the memory at most, both directions together.
    let buffers = (HEAP.left() / (32 * 1536)).min(MOST_BUFFERS.into()) as u16;
    let options = Options {
        receive: buffers,
        transmit: buffers,
        mac,
    };
    let card = match machine.card(line, &options) {
        Some(Ok(card)) => card,
        Some(Err(error)) => fail(Exit::Network, &[&"the network device: ", &error]),
        None => fail(Exit::Network, &[&"this machine has no network device"]),
    };
    let setup = Setup {
        bundle,
        words,
        capabilities: card.capabilities(),
        seed,
        memory_bytes: HEAP.left(),
    };
    let since = trial::wants_ticks(line).then_some(entered);
    serve::serve(machine, card, &setup, since)
}

/// The monitor's structure; `None` if there is none.
fn start_information(address: u64) -> Option<StartInfo> {
    StartInfo::parse(physical(address, start_info::BYTES)?.first_chunk()?)
}

/// The command line, copied.
fn command_line(address: u64) -> Option<Result<&'static str, &'static str>> {
    if address == 0 {
        return Some(Ok(""));
    }
    let given = physical(address, COMMAND_LINE_BYTES)?;
    let Some(length) = given.iter().position(|&byte| byte == 0) else {
        return Some(Err("the command line is longer than 2047 bytes"));
    };
    // SAFETY: nothing refers to it yet, and this runs once.
    let line = unsafe { &mut *LINE.0.get() };
    let line = line.get_mut(..length)?;
    line.copy_from_slice(given.get(..length)?);
    Some(str::from_utf8(line).map_err(|_| "the command line is no text"))
}

/// The memory map's ranges.
fn memory_map(info: &StartInfo) -> impl Iterator<Item = Range> + use<> {
    let bytes = info.map_entries as usize * start_info::MAP_ENTRY_BYTES;
    let map = physical(info.memory_map, bytes).unwrap_or_default();
    map.as_chunks().0.iter().map(Range::parse)
}

/// Memory that the monitor filled; used only before the heap is made.
fn physical(address: u64, bytes: usize) -> Option<&'static [u8]> {
    use crate::acpi::Memory;
    Physical.read(address, bytes)
}

fn image_start() -> u64 {
    (&raw const __ehdr_start).addr() as u64
}

/// Where the bundle lies. An image without one is told so.
fn bundle_bytes() -> core::ops::Range<u64> {
    let base = &raw const __ehdr_start;
    let end = (&raw const _end).addr();
    // SAFETY: the image begins with its headers, and is longer than this.
    let header = unsafe { core::slice::from_raw_parts(base, image::HEADER_BYTES) };
    match image::find_bundle(header, base.addr(), end) {
        Some(range) => range.start as u64..range.end as u64,
        None => fail(Exit::Bundle, &[&"no site is attached to this kernel"]),
    }
}

/// The boot words: those given, over those of the bundle.
fn words<'a>(bundle: &Bundle<'a>, line: &'a str) -> Words<'a> {
    let section = bundle.section(TAG_BOOT).map_or(&[][..], |boot| boot.bytes);
    let Ok(defaults) = str::from_utf8(section) else {
        fail(Exit::Bundle, &[&"the boot words in the bundle are no text"]);
    };
    let mut words = Words::default();
    // Later words win.
    let all = [defaults, line]
        .into_iter()
        .flat_map(str::split_ascii_whitespace);
    for word in all {
        if let Err(error) = words.take(word, Keys::GUEST) {
            fail(Exit::Words, &[&error]);
        }
    }
    words
}

fn too_little_memory(error: TooLittle) -> ! {
    const MB: u64 = 1 << 20;
    fail(
        Exit::Memory,
        &[
            &"too little memory: the machine has ",
            &(error.has / MB),
            &" MB, this image needs ",
            &error.needed.div_ceil(MB),
            &" MB",
        ],
    )
}

/// Shows a line on the console.
pub(crate) fn say(message: &[&dyn Show]) {
    message.show(&mut serial::write);
    serial::write("\n");
}

/// Shows a part of a line.
#[cfg(feature = "virtio")]
pub(crate) fn say_part(text: &str) {
    serial::write(text);
}

/// Says what is wrong, and stops.
pub(crate) fn fail(why: Exit, message: &[&dyn Show]) -> ! {
    say(&[&"error: ", &message]);
    // So far the hypervisor's own console has it, where guests' owners do not look.
    #[cfg(feature = "xen")]
    if crate::xen::machine::find_console() {
        say(&[&"error: ", &message]);
    }
    power::fail(why)
}

/// Whether the kernel is already reporting an error of its own: another one
/// while it does is not reported.
static FAILING: AtomicBool = AtomicBool::new(false);

/// An exception of the processor: tells where, and stops.
pub(crate) fn exception(frame: &Frame, address: u64) -> ! {
    if !FAILING.swap(true, Ordering::Relaxed) {
        say(&[
            &"error: exception ",
            &frame.vector,
            &" at ",
            &Hex(frame.instruction),
            &", error code ",
            &Hex(frame.error),
            &", address ",
            &Hex(address),
            &", stack ",
            &Hex(frame.stack),
        ]);
    }
    power::fail(Exit::Exception)
}

/// A panic: tells from where, and stops.
///
/// Neither message nor place are told: of all the panics that code can end in,
/// they are a fifth of the kernel's bytes. An address leads to the line, in the
/// same kernel with its symbols, which anyone can compile from the same sources.
#[panic_handler]
fn panic(_info: &PanicInfo<'_>) -> ! {
    if !FAILING.swap(true, Ordering::Relaxed) {
        serial::write("error: panic, called from");
        for address in callers() {
            serial::write(" ");
            Hex(address).show(&mut serial::write);
        }
        serial::write("\n");
    }
    power::fail(Exit::Panic)
}

/// What looks like a return address on the stack, from the newest on.
fn callers() -> impl Iterator<Item = u64> {
    const MOST: usize = 12;
    let here = 0u64;
    let start = (&raw const here).expose_provenance();
    let end = (&raw const __stack_end).addr();
    let text = image_start()..(&raw const __text_end).addr() as u64;
    (start..end)
        .step_by(size_of::<u64>())
        .map(|address| {
            let word = ptr::with_exposed_provenance::<u64>(address);
            // SAFETY: the stack, which is mapped up to its end, and on which
            // nothing is written meanwhile that could tear a word.
            unsafe { word.read_volatile() }
        })
        .filter(move |word| text.contains(word))
        .take(MOST)
}
