//! The kernel of `--kvm` and `--xen` images. All of it is in the library.
#![no_std]
#![no_main]

use applgen_kernel as _;
