//! `applgen serve`: a site on the loopback while it is written.
//!
//! What is served is a bundle, and what answers is `applgen-http`, the very
//! code that ships in an image: paths, redirects, headers, ranges and the page
//! for what is missing are what they will be. Three things differ, and only here:
//!
//! - addresses in pages are the local ones, and nothing is compressed;
//! - every page of HTML gets a script ([`inject`]) that hears of changes
//!   ([`live`]) on a path that no bundle has, since hidden files are never served;
//! - a bundle is replaced as a whole when the site changes ([`watch`]), between
//!   two requests ([`http`]). What is being answered is finished from the old one.
//!
//! A site that cannot be built is no reason to stop: the last one that could
//! stays ([`state`]), and the error is shown over it.

pub mod generation;
pub mod http;
pub mod inject;
pub mod live;
pub mod state;
pub mod watch;

pub use generation::{Generation, Print};
pub use state::Shared;
