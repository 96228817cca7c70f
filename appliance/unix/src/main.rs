//! The kernel of `--unix` images: finds its bundle, reads its arguments, serves.

use applgen_unix::{activation, app, attached};
use std::process::ExitCode;

/// Holds a program header free: the linker makes a `PT_NOTE` for it, which
/// `applgen build` turns into the `PT_LOAD` of the bundle. A well-formed note
/// of the owner `applgen`, type 1, without content.
#[used]
// SAFETY: the section is for notes, and this is one.
#[unsafe(link_section = ".note.applgen")]
static SPARE_HEADER: [u8; 20] = *b"\x08\0\0\0\0\0\0\0\x01\0\0\0applgen\0";

fn main() -> ExitCode {
    // SAFETY: nothing has been opened yet, and this is the only call.
    let sockets = match unsafe { activation::take() } {
        Ok(sockets) => sockets,
        Err(error) => return app::fail(&error),
    };
    let Some(bundle) = attached::bundle() else {
        return app::fail(
            &"no site is attached to this kernel\n\nhint: `applgen build` makes an image of it",
        );
    };
    match app::arguments() {
        Ok(arguments) => app::run(bundle, &arguments, sockets),
        Err(code) => code,
    }
}
