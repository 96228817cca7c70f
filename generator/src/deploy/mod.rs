//! Push to deploy: images are committed to a repository, hosts follow it, and
//! git is the operator's console.
//!
//! # The repository
//!
//! A [`place`] is one site on one target, a folder `SITE/TARGET/`. In it lie the
//! image as it is (raw, since git's own deltas are smaller than any compressed
//! image), its manifest, its bill of materials ([`bom`]), the descriptors that
//! start it ([`descriptor`]), and `latest`, the [`statement`] of what is
//! deployed there, which names every other file by its hash. With `--sign`
//! there are signatures of statement and image ([`sign`]).
//!
//! The paths never change, so git compares each image with the one before it,
//! a host finds what it boots where it was yesterday, and history is the
//! history of these files. Each deploy is a commit with trailers ([`trailers`])
//! and a tag `SITE/TARGET/NUMBER`.
//!
//! # The rules
//!
//! **All of it works with plain git too**: `git log` is the history, `git
//! checkout` goes back, `sha256sum -c latest` checks, `minisign -V` and
//! `ssh-keygen -Y verify` check signatures.
//!
//! **One step makes a deploy visible** ([`repository`]): before it nothing has
//! changed, after it everything has.
//!
//! **The image decides.** What differs between two deploys is read from the
//! bundles ([`diff`]); whether there is anything to deploy, from the hash.

pub mod bisect;
pub mod bom;
pub mod branch;
pub mod cli;
pub mod descriptor;
pub mod diff;
pub mod forgotten;
pub mod git;
pub mod history;
pub mod lock;
pub mod package;
pub mod place;
pub mod probe;
pub mod prune;
pub mod records;
pub mod repository;
pub mod rollback;
pub mod sign;
pub mod statement;
pub mod trailers;
pub mod verify;
