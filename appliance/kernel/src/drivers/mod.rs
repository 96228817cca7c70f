//! Drivers: one device, one file.
