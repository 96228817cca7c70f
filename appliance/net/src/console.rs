//! The seam between the network code and whatever shows lines to people: a
//! serial port, a process's streams, a test.

/// What a line is, for platforms that have more than one place to put it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// A socket answers from now on: `listening http://192.0.2.2:80/`. Data:
    /// a process writes it to standard output.
    Listening,
    /// A line of the access log.
    Access,
    /// Something an operator may want to know, such as a lease that was lost.
    Notice,
}

/// Takes whole lines.
pub trait Console {
    /// Shows one line. `text` is printable ASCII, has no line end, and is at
    /// most [`LINE_BYTES`] long.
    fn line(&mut self, kind: Line, text: &str);
}

/// The longest line that a [`Console`] is given, in bytes; longer request
/// lines are cut in the access log.
pub const LINE_BYTES: usize = 1024;
