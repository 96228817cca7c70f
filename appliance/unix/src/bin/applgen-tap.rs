//! The kernel of `--tap` images: finds its bundle, reads its arguments, serves
//! on a tap device.

use applgen_unix::{app, attached, tap};
use std::process::ExitCode;

/// Holds a program header free: the linker makes a `PT_NOTE` for it, which
/// `applgen build` turns into the `PT_LOAD` of the bundle. A well-formed note
/// of the owner `applgen`, type 1, without content.
#[used]
// SAFETY: the section is for notes, and this is one.
#[unsafe(link_section = ".note.applgen")]
static SPARE_HEADER: [u8; 20] = *b"\x08\0\0\0\0\0\0\0\x01\0\0\0applgen\0";

fn main() -> ExitCode {
    let Some(bundle) = attached::bundle() else {
        return app::fail(
            &"no site is attached to this kernel\n\nhint: `applgen build --tap` makes an image of it",
        );
    };
    match app::arguments() {
        Ok(arguments) => tap::run(bundle, &arguments),
        Err(code) => code,
    }
}
