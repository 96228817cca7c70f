//! Server cookies that every server with one secret understands (RFC 9018).

use core::hash::Hasher;
use core::net::IpAddr;
use siphasher::sip::SipHasher24;

/// How long a cookie counts, in seconds (RFC 9018 §4.3).
const VALID_SECONDS: u32 = 3600;
/// How far a cookie may be ahead of this clock, in seconds.
const AHEAD_SECONDS: u32 = 300;

/// The server's part of a cookie, made at a time.
pub fn make(secret: &[u8; 16], client: &[u8; 8], address: IpAddr, seconds: u32) -> [u8; 16] {
    let mut cookie = [0; 16];
    let [t0, t1, t2, t3] = seconds.to_be_bytes();
    let head = [1, 0, 0, 0, t0, t1, t2, t3];
    let mut hasher = SipHasher24::new_with_key(secret);
    hasher.write(client);
    hasher.write(&head);
    match address {
        IpAddr::V4(address) => hasher.write(&address.octets()),
        IpAddr::V6(address) => hasher.write(&address.octets()),
    }
    let hash = hasher.finish().to_le_bytes();
    for (to, from) in cookie.iter_mut().zip(head.iter().chain(&hash)) {
        *to = *from;
    }
    cookie
}

/// Whether a server's part is one of ours, and still counts.
pub fn is_valid(
    cookie: &[u8; 16],
    secret: &[u8; 16],
    client: &[u8; 8],
    address: IpAddr,
    seconds: u32,
) -> bool {
    let [_, _, _, _, t0, t1, t2, t3, ..] = *cookie;
    let made = u32::from_be_bytes([t0, t1, t2, t3]);
    // Serial number arithmetic (RFC 1982): the clock may pass its end.
    let age = seconds.wrapping_sub(made);
    let timely = age <= VALID_SECONDS || made.wrapping_sub(seconds) <= AHEAD_SECONDS;
    // Every byte is compared, so that the time taken tells nothing.
    let expected = make(secret, client, address, made);
    let differs = expected
        .iter()
        .zip(cookie)
        .fold(0, |differs, (a, b)| differs | (a ^ b));
    timely && differs == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: [u8; 8] = [0x24, 0x64, 0xc4, 0xab, 0xcf, 0x10, 0xc9, 0x57];
    const SECRET: [u8; 16] = [
        0xe5, 0xe9, 0x73, 0xe5, 0xa6, 0xb2, 0xa4, 0x3f, 0x48, 0xe7, 0xdc, 0x84, 0x9e, 0x37, 0xbf,
        0xcf,
    ];

    /// RFC 9018, appendix A.1.
    #[test]
    fn the_test_vector() {
        let made = make(&SECRET, &CLIENT, [198, 51, 100, 100].into(), 0x5cf7_9f11);
        let expected = [
            0x01, 0, 0, 0, 0x5c, 0xf7, 0x9f, 0x11, 0x1f, 0x81, 0x30, 0xc3, 0xee, 0xe2, 0x94, 0x80,
        ];
        assert_eq!(made, expected);
    }

    #[test]
    fn cookies_count_for_an_hour_and_for_one_address() {
        let address: IpAddr = [198, 51, 100, 100].into();
        let cookie = make(&SECRET, &CLIENT, address, 10_000);
        let valid = |address, seconds| is_valid(&cookie, &SECRET, &CLIENT, address, seconds);
        assert!(valid(address, 10_000) && valid(address, 13_600) && valid(address, 9_700));
        assert!(!valid(address, 13_601) && !valid(address, 9_699));
        assert!(!valid([198, 51, 100, 101].into(), 10_000));
    }
}
