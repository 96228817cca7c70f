//! Images: a kernel and a bundle become one file that runs.
pub mod attach;
