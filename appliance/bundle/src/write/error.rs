//! Why a bundle cannot be written.

use std::fmt;
use std::string::String;
use std::vec::Vec;

/// Why a bundle cannot be written. Paths are named as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteError {
    /// Two answers claim one path.
    DuplicatePath {
        /// The path.
        path: Vec<u8>,
    },
    /// A path does not begin with `/`, holds a zero byte, or is longer than
    /// [`MAX_PATH_BYTES`](super::MAX_PATH_BYTES).
    Path {
        /// The path.
        path: Vec<u8>,
    },
    /// An alias leads to no entry, or in a circle.
    AliasTarget {
        /// The alias.
        path: Vec<u8>,
        /// What it stands for.
        to: Vec<u8>,
    },
    /// A status that the answer cannot have.
    Status {
        /// The path.
        path: Vec<u8>,
        /// The status.
        status: u16,
    },
    /// A header line that cannot be sent, or is the server's own to send.
    Header {
        /// The path.
        path: Vec<u8>,
        /// The header's name.
        name: String,
    },
    /// A `Location` that is no URI reference, or longer than
    /// [`MAX_LOCATION_BYTES`](super::MAX_LOCATION_BYTES).
    Location {
        /// The path.
        path: Vec<u8>,
        /// The location.
        location: String,
    },
    /// The bundle, or one answer's header, is over a limit of the format.
    TooLarge {
        /// What is too large.
        what: String,
        /// How many bytes it has.
        bytes: u64,
        /// How many it may have.
        limit: u64,
    },
    /// What is no name of a host, with or without `*.` before it.
    HostName {
        /// The name.
        name: String,
    },
    /// Two hosts claim one name.
    DuplicateHost {
        /// The name.
        name: String,
    },
    /// A zone cannot be served as it is.
    Zone {
        /// Its apex, in wire form.
        apex: Vec<u8>,
        /// What is wrong.
        problem: &'static str,
    },
    /// Two sections have one tag.
    DuplicateSection {
        /// The tag.
        tag: [u8; 4],
    },
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicatePath { path } => {
                write!(f, "two answers claim `{}`", show(path))
            }
            Self::Path { path } => write!(
                f,
                "`{}` cannot be a path: it must begin with `/`, hold no zero byte and have at \
                 most {} bytes",
                show(path),
                super::MAX_PATH_BYTES
            ),
            Self::AliasTarget { path, to } => write!(
                f,
                "`{}` stands for `{}`, which leads to no answer",
                show(path),
                show(to)
            ),
            Self::Status { path, status } => {
                write!(f, "`{}` cannot have the status {status}", show(path))
            }
            Self::Header { path, name } => write!(
                f,
                "`{}` cannot have the header `{}`",
                show(path),
                name.escape_debug()
            ),
            Self::Location { path, location } => write!(
                f,
                "`{}` cannot redirect to `{}`",
                show(path),
                location.escape_debug()
            ),
            Self::TooLarge { what, bytes, limit } => {
                write!(f, "{what} has {bytes} bytes, the limit is {limit}")
            }
            Self::HostName { name } => {
                write!(f, "`{}` cannot be the name of a host", name.escape_debug())
            }
            Self::DuplicateHost { name } => {
                write!(f, "two hosts claim the name `{}`", name.escape_debug())
            }
            Self::Zone { apex, problem } => {
                f.write_str("zone `")?;
                for label in super::dns::labels(apex).unwrap_or_default() {
                    write!(f, "{}.", label.escape_ascii())?;
                }
                write!(f, "`: {problem}")
            }
            Self::DuplicateSection { tag } => {
                write!(f, "two sections are called `{}`", tag.escape_ascii())
            }
        }
    }
}

impl std::error::Error for WriteError {}

/// A path for people: as it is where it is UTF-8, with escapes where not.
pub(super) fn show(path: &[u8]) -> String {
    String::from_utf8_lossy(path).escape_debug().collect()
}
