//! HTTP/1.1 over a bundle: bytes in, (head, slices of the bundle) out.
#![no_std]
#![forbid(unsafe_code)]
