//! The seam between the network code and whatever shows lines to people: a
//! serial port, a process's streams, a test.

/// What a line is, for platforms that have more than one place to put it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// A socket answers from now on: `listening http://192.0.2.2:80/`. Data:
    /// a process writes it to standard output.
    Listening,
    /// Something an operator may want to know, such as a lease that was lost.
    Notice,
}

/// Takes lines: printable ASCII, whatever a client has sent.
pub trait Console {
    /// Shows one line, without its end, of at most [`LINE_BYTES`].
    fn line(&mut self, kind: Line, text: &str);

    /// Shows a part of a line of the access log. A line comes in parts one
    /// after another, its end (`\n`) included, and may be long.
    fn access(&mut self, part: &str);
}

/// The longest line that a [`Console`] is given at once, in bytes.
pub const LINE_BYTES: usize = 256;
