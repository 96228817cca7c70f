//! Status codes and their words (RFC 9110 §15).
//!
//! One text serves twice: as the end of the status line and as the body of
//! answers that have no page of their own.

/// Code and reason phrase. A code that this server never sends is a 500, so
/// that a damaged bundle still gets a well-formed answer.
pub fn reason(status: u16) -> &'static [u8] {
    match status {
        100 => b"100 Continue",
        200 => b"200 OK",
        204 => b"204 No Content",
        206 => b"206 Partial Content",
        301 => b"301 Moved Permanently",
        302 => b"302 Found",
        303 => b"303 See Other",
        304 => b"304 Not Modified",
        307 => b"307 Temporary Redirect",
        308 => b"308 Permanent Redirect",
        400 => b"400 Bad Request",
        404 => b"404 Not Found",
        405 => b"405 Method Not Allowed",
        408 => b"408 Request Timeout",
        410 => b"410 Gone",
        412 => b"412 Precondition Failed",
        414 => b"414 URI Too Long",
        416 => b"416 Range Not Satisfiable",
        417 => b"417 Expectation Failed",
        431 => b"431 Request Header Fields Too Large",
        501 => b"501 Not Implemented",
        503 => b"503 Service Unavailable",
        505 => b"505 HTTP Version Not Supported",
        _ => b"500 Internal Server Error",
    }
}
