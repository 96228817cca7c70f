//! The paravirtual console: bytes into a ring that `xenconsoled` empties.

use core::sync::atomic::{Ordering, fence};

use super::{
    Hypervisor, PAGE_BYTES, Page, Port,
    abi::console::{IN_CONS, IN_PROD, OUT, OUT_BYTES, OUT_CONS, OUT_PROD},
};

/// How long a full ring is waited for, in nanoseconds: a console that nobody
/// reads must not stop the server. What does not fit by then is dropped.
const PATIENCE: u64 = 50_000_000;

/// The console's ring.
#[derive(Debug, Clone, Copy)]
pub struct Console {
    page: &'static Page,
    port: Port,
}

impl Console {
    /// The ring on its page, with its event channel.
    pub fn new(page: &'static Page, port: Port) -> Self {
        Self { page, port }
    }

    /// Writes bytes; waits a little for room if it has to.
    pub fn write(&self, hypervisor: &impl Hypervisor, mut bytes: &[u8]) {
        let mut until = None;
        while !bytes.is_empty() {
            let (taken, rest) = bytes.split_at(self.put(bytes));
            hypervisor.notify(self.port);
            if taken.is_empty() {
                let now = hypervisor.now();
                let until = *until.get_or_insert(now.saturating_add(PATIENCE));
                if now >= until {
                    return;
                }
                hypervisor.wait(until);
            }
            bytes = rest;
        }
    }

    /// Puts in what there is room for; how much that was.
    fn put(&self, bytes: &[u8]) -> usize {
        let produced = self.page.load32(OUT_PROD);
        let used = produced.wrapping_sub(self.page.load32(OUT_CONS));
        fence(Ordering::SeqCst);
        // More in use than there is: not a ring that can be written to.
        let room = OUT_BYTES.saturating_sub(used) as usize;
        let length = bytes.len().min(room);
        for (index, byte) in bytes.iter().take(length).enumerate() {
            let place = produced.wrapping_add(index as u32) % OUT_BYTES;
            self.page.store8(OUT + place as usize, *byte);
        }
        fence(Ordering::Release);
        let end = produced.wrapping_add(length as u32);
        self.page.store32(OUT_PROD, end);
        length
    }

    /// Throws away what was typed: nobody here reads it.
    pub fn discard_input(&self) {
        self.page.store32(IN_CONS, self.page.load32(IN_PROD));
    }
}

const _: () = assert!(OUT + OUT_BYTES as usize <= PAGE_BYTES);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xen::{Domain, Refused};
    use core::cell::Cell;
    use std::boxed::Box;

    /// Reads a little from the ring whenever the guest waits.
    struct Reader {
        page: &'static Page,
        takes: u32,
        now: Cell<u64>,
        seen: Cell<u32>,
    }

    impl Hypervisor for Reader {
        fn notify(&self, _: Port) {
            self.now.set(self.now.get() + 1000);
        }
        fn allocate_port(&self, _: Domain) -> Result<Port, Refused> {
            Err(Refused(1))
        }
        fn close_port(&self, _: Port) {}
        fn wait(&self, until: u64) {
            let read = self.page.load32(OUT_CONS).wrapping_add(self.takes);
            self.page.store32(OUT_CONS, read);
            self.seen.set(self.seen.get() + 1);
            self.now.set(if self.takes == 0 {
                until
            } else {
                self.now.get() + 1
            });
        }
        fn now(&self) -> u64 {
            self.now.get()
        }
    }

    fn reader(takes: u32) -> Reader {
        Reader {
            page: Box::leak(Box::new(Page::new())),
            takes,
            now: Cell::new(0),
            seen: Cell::new(0),
        }
    }

    #[test]
    fn bytes_arrive_in_order_and_wrap() {
        let reader = reader(100);
        for index in [OUT_CONS, OUT_PROD] {
            reader.page.store32(index, 2040);
        }
        Console::new(reader.page, Port(1)).write(&reader, b"0123456789abcdef");
        let mut out = [0; 8];
        reader.page.read(OUT + 2040, &mut out);
        assert_eq!(&out, b"01234567");
        reader.page.read(OUT, &mut out);
        assert_eq!(&out, b"89abcdef");
    }

    #[test]
    fn a_slow_reader_gets_everything() {
        let reader = reader(100);
        Console::new(reader.page, Port(1)).write(&reader, &[7; 5000]);
        assert_eq!(reader.page.load32(OUT_PROD), 5000);
    }

    #[test]
    fn a_reader_that_is_not_there_is_not_waited_for() {
        let reader = reader(0);
        Console::new(reader.page, Port(1)).write(&reader, &[7; 5000]);
        assert_eq!(reader.page.load32(OUT_PROD), 2048);
        assert!(reader.seen.get() < 3);
        // Nonsense in the other index: nothing is written, nothing waits long.
        reader.page.store32(OUT_CONS, 77_777);
        Console::new(reader.page, Port(1)).write(&reader, &[7; 50]);
        assert_eq!(reader.page.load32(OUT_PROD), 2048);
    }
}
