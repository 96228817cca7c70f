//! Over io_uring: one call for a batch of whatever is done and whatever is next.

use io_uring::types::{BufRingEntry, Fixed};
use io_uring::{IoUring, cqueue, opcode, squeue};
use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use std::io;
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU16, Ordering};

/// Connections.
const FILES: u32 = 16 * 1024;
/// Buffers that the system picks from, and bytes of each.
const BUFFERS: u16 = 4096;
const BUFFER_BYTES: usize = 2048;
const GROUP: u16 = 0;

/// What a completion is of: the upper half of its data; the lower is the file.
const ACCEPT: u64 = 0;
const RECEIVE: u64 = 1;
const SEND: u64 = 2;

/// Buffers that are lent to the system, and its ring of them.
struct Buffers {
    memory: Vec<u8>,
    ring: *mut BufRingEntry,
    tail: u16,
}

impl Buffers {
    fn new(uring: &IoUring) -> io::Result<Self> {
        let bytes = usize::from(BUFFERS) * size_of::<BufRingEntry>();
        let layout = Layout::from_size_align(bytes, 4096).map_err(io::Error::other)?;
        // SAFETY: the layout has a size.
        let ring = unsafe { alloc_zeroed(layout) }.cast::<BufRingEntry>();
        if ring.is_null() {
            handle_alloc_error(layout);
        }
        // SAFETY: the ring is of so many entries, and is never freed.
        unsafe {
            uring
                .submitter()
                .register_buf_ring_with_flags(ring as u64, BUFFERS, GROUP, 0)?;
        }
        let mut buffers = Self {
            memory: vec![0; usize::from(BUFFERS) * BUFFER_BYTES],
            ring,
            tail: 0,
        };
        (0..BUFFERS).for_each(|number| buffers.lend(number));
        buffers.publish();
        Ok(buffers)
    }

    /// Lends a buffer, once that is published.
    fn lend(&mut self, number: u16) {
        let start = usize::from(number) * BUFFER_BYTES;
        let address = self.memory[start..start + BUFFER_BYTES].as_mut_ptr();
        // SAFETY: the index is below the number of entries, which the system
        // reads up to the tail alone.
        let entry = unsafe { &mut *self.ring.add(usize::from(self.tail % BUFFERS)) };
        entry.set_addr(address as u64);
        entry.set_len(BUFFER_BYTES as u32);
        entry.set_bid(number);
        self.tail = self.tail.wrapping_add(1);
    }

    fn publish(&self) {
        // SAFETY: the tail lies in the first entry, aligned, and is written
        // here alone.
        unsafe {
            let tail = BufRingEntry::tail(self.ring).cast_mut();
            AtomicU16::from_ptr(tail).store(self.tail, Ordering::Release);
        }
    }
}

/// Answers everybody, for ever.
pub fn serve(
    listener: &TcpListener,
    answer: &[u8],
    ready: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    let mut uring: IoUring = IoUring::builder()
        .setup_single_issuer()
        .setup_coop_taskrun()
        .setup_defer_taskrun()
        .setup_cqsize(16 * 1024)
        .build(4096)?;
    uring.submitter().register_files_sparse(FILES)?;
    let mut buffers = Buffers::new(&uring)?;
    let accept = opcode::AcceptMulti::new(io_uring::types::Fd(listener.as_raw_fd()))
        .allocate_file_index(true)
        .build()
        .user_data(ACCEPT << 32);
    let receive = |file: u32| {
        opcode::RecvMulti::new(Fixed(file), GROUP)
            .build()
            .user_data(RECEIVE << 32 | u64::from(file))
    };
    let send = |file: u32| {
        opcode::Send::new(Fixed(file), answer.as_ptr(), answer.len() as u32)
            .flags(libc::MSG_NOSIGNAL)
            .build()
            // Only what fails is told.
            .flags(squeue::Flags::SKIP_SUCCESS)
            .user_data(SEND << 32 | u64::from(file))
    };
    let close = |file: u32| {
        opcode::Close::new(Fixed(file))
            .build()
            .flags(squeue::Flags::SKIP_SUCCESS)
            .user_data(SEND << 32 | u64::from(file))
    };
    push(&mut uring, &accept)?;
    ready()?;
    let mut done: Vec<cqueue::Entry> = Vec::with_capacity(16 * 1024);
    loop {
        match uring.submit_and_wait(1) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        done.extend(uring.completion());
        for entry in done.drain(..) {
            let file = entry.user_data() as u32;
            let result = entry.result();
            let goes_on = cqueue::more(entry.flags());
            match entry.user_data() >> 32 {
                ACCEPT => {
                    if result >= 0 {
                        push(&mut uring, &receive(result as u32))?;
                    }
                    if !goes_on {
                        push(&mut uring, &accept)?;
                    }
                }
                RECEIVE => {
                    if let Some(number) = cqueue::buffer_select(entry.flags()) {
                        buffers.lend(number);
                    }
                    if result > 0 {
                        push(&mut uring, &send(file))?;
                    }
                    if !goes_on {
                        let gone = result == 0 || result < 0 && -result != libc::ENOBUFS;
                        let next = if gone { close(file) } else { receive(file) };
                        push(&mut uring, &next)?;
                    }
                }
                // A send that failed: its receiving ends as well.
                _ => {}
            }
        }
        buffers.publish();
    }
}

fn push(uring: &mut IoUring, entry: &squeue::Entry) -> io::Result<()> {
    loop {
        // SAFETY: what entries point to, the answer and the buffers, lives for
        // as long as the process.
        if unsafe { uring.submission().push(entry) }.is_ok() {
            return Ok(());
        }
        uring.submit()?;
    }
}
