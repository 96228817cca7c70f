//! Every limit of the HTTP server, with its figure. kB = 1000 bytes elsewhere;
//! these are buffer sizes, and powers of two.

/// Bytes of a request: head and body together. What has a longer head is
/// refused with 431; what has a longer body is answered, and the connection
/// closed instead of reading the body. A caller keeps no more than this of a
/// connection's input.
pub const REQUEST_BYTES: usize = 16 * 1024;

/// Bytes of a request target; more is 414.
pub const TARGET_BYTES: usize = 8 * 1024;

/// Bytes of a request line: a target, with method and version; more is 414.
pub const LINE_BYTES: usize = TARGET_BYTES + 64;

/// Header fields of a request; more is 431.
pub const FIELDS: usize = 100;

/// Bytes of a line inside a chunked body: a chunk's size with its extensions,
/// or a trailer field; more is 400.
pub const CHUNK_LINE_BYTES: usize = 512;

/// Bytes of the scratch that a caller lends for the head of an answer. What
/// does not fit (a redirect of a query that is too long) is 414.
pub const HEAD_MAX: usize = 4096;

/// Bytes of a decoded path, where it is not the path as it came; what is longer
/// is longer than any path of a bundle, and leads nowhere.
pub const PATH_BYTES: usize = 4096;

/// Requests that one connection may make; the last is answered with
/// `Connection: close`.
pub const REQUESTS_PER_CONNECTION: u32 = 100_000;

/// Elements of a list field (`If-None-Match`, `Accept-Encoding`, `Range`) that
/// are looked at; the rest is as if it were not there.
pub const LIST_ELEMENTS: usize = 64;

/// Ranges of one request; more are answered with the whole.
pub const RANGES: usize = 16;
