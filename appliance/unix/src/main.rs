//! The kernel of `--unix` images: finds its bundle, reads its arguments, serves.

use applgen_unix::{activation, app, image};
use std::process::ExitCode;

/// Holds a program header free: the linker makes a `PT_NOTE` for it, which
/// `applgen build` turns into the `PT_LOAD` of the bundle. A well-formed note
/// of the owner `applgen`, type 1, without content.
#[used]
// SAFETY: the section is for notes, and this is one.
#[unsafe(link_section = ".note.applgen")]
static SPARE_HEADER: [u8; 20] = *b"\x08\0\0\0\0\0\0\0\x01\0\0\0applgen\0";

// SAFETY: linkers define both: the first byte of the image, which is its ELF
// header, and the first byte after it.
unsafe extern "C" {
    static __ehdr_start: u8;
    static _end: u8;
}

/// The bundle that was attached to this image, for as long as it runs.
fn bundle() -> Option<&'static [u8]> {
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

fn main() -> ExitCode {
    // SAFETY: nothing has been opened yet, and this is the only call.
    let sockets = match unsafe { activation::take() } {
        Ok(sockets) => sockets,
        Err(error) => return app::fail(&error),
    };
    let Some(bundle) = bundle() else {
        return app::fail(
            &"no site is attached to this kernel\n\nhint: `applgen build` makes an image of it",
        );
    };
    let mut arguments = Vec::new();
    for argument in std::env::args_os().skip(1) {
        match argument.into_string() {
            Ok(argument) => arguments.push(argument),
            Err(argument) => {
                let shown = argument.to_string_lossy().into_owned();
                return app::fail(&format!("`{shown}`: no such boot word"));
            }
        }
    }
    app::run(bundle, &arguments, sockets)
}
