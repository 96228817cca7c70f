//! How the kernel is linked: by its own script, with nothing of the host's.
//!
//! Segments share pages in the file (`max-page-size=16`), not in memory, where
//! the script gives each its own: what loads a kernel copies it.

use std::{env, path::PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=x86_64.ld");
    if env::var_os("CARGO_FEATURE_MACHINE").is_none() {
        return;
    }
    let folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let script = folder.join("x86_64.ld");
    for argument in ["-nostartfiles", "-nostdlib", "-static", "-no-pie"] {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
    println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", script.display());
    for option in [
        "--build-id=none",
        "--gc-sections",
        "-z,max-page-size=16",
        "-z,common-page-size=16",
        "-z,norelro",
    ] {
        println!("cargo::rustc-link-arg-bins=-Wl,{option}");
    }
}
