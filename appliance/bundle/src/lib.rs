//! The bundle: everything derived from a site, as one read-only blob.
#![no_std]
#![forbid(unsafe_code)]
