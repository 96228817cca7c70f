//! The bundle that is attached to the image that runs.
#![allow(unsafe_code)]

use applgen_bundle::image;

// SAFETY: linkers define both: the first byte of the image, which is its ELF
// header, and the first byte after it.
unsafe extern "C" {
    static __ehdr_start: u8;
    static _end: u8;
}

/// The bundle that was attached to this image, for as long as it runs.
pub fn bundle() -> Option<&'static [u8]> {
    let base = &raw const __ehdr_start;
    let end = &raw const _end;
    // SAFETY: the image begins with its headers, which the linker maps
    // read-only together with at least a page of what follows.
    let header = unsafe { std::slice::from_raw_parts(base, image::HEADER_BYTES) };
    let range = image::find_bundle(header, base.addr(), end.addr())?;
    let start = base.with_addr(range.start);
    // SAFETY: the program header says that the system has mapped this range of
    // the file, read-only; nothing else lies there, and it is never unmapped.
    Some(unsafe { std::slice::from_raw_parts(start, range.len()) })
}
