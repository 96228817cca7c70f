//! Tests of the boot words: every word, every way to get one wrong.

use super::*;
use core::net::IpAddr;
use std::string::ToString;

fn parse(text: &str) -> Result<Words<'_>, WordError<'_>> {
    Words::parse(text, Keys::ALL)
}

#[test]
fn every_word_is_read() {
    let words = parse(
        "ip=192.0.2.2/24 gw=192.0.2.1 ip6=2001:db8::2/64 gw6=fe80::1 \
         http=80 dns=[::1]:5353 tap=tap0 log=common threads=2 \
         user=1000:33 sandbox=off handover=on \
         cookie-secret=000102030405060708090A0b0c0d0e0f",
    )
    .unwrap();
    let address = Ipv4Addr::new(192, 0, 2, 2);
    assert_eq!(
        words.ip,
        Some(Ip4::Static {
            address,
            prefix: 24
        })
    );
    assert_eq!(words.gw, Some(Ipv4Addr::new(192, 0, 2, 1)));
    assert_eq!(words.ip6.unwrap().prefix, 64);
    assert_eq!(words.gw6.unwrap().to_string(), "fe80::1");
    let http = words.http.unwrap();
    assert_eq!((http.address, http.port), (None, 80));
    let dns = words.dns.unwrap();
    assert_eq!(
        (dns.address, dns.port),
        (Some(IpAddr::V6(Ipv6Addr::LOCALHOST)), 5353)
    );
    assert_eq!(words.tap, Some("tap0"));
    assert_eq!(words.log, Some(Log::Common));
    assert_eq!(words.threads, Some(2));
    let user = words.user.unwrap();
    assert_eq!((user.uid, user.gid), (1000, 33));
    assert_eq!((words.sandbox, words.handover), (Some(false), Some(true)));
    let secret = std::array::from_fn(|index| index as u8);
    assert_eq!(words.cookie_secret, Some(secret));
}

#[test]
fn nothing_said_is_nothing_set() {
    assert_eq!(parse("").unwrap(), Words::default());
    assert_eq!(parse(" \t\n ").unwrap(), Words::default());
}

#[test]
fn later_words_win_and_given_words_win_over_defaults() {
    let given = parse("http=1 http=2").unwrap();
    assert_eq!(given.http.unwrap().port, 2);
    let defaults = parse("http=3 ip=dhcp").unwrap();
    let words = given.or(defaults);
    assert_eq!(words.http.unwrap().port, 2);
    assert_eq!(words.ip, Some(Ip4::Dhcp));
}

#[test]
fn what_monitors_add_is_passed_over() {
    let text = "virtio_mmio.device=4K@0xc0001000:5 console=ttyS0 reboot=k panic=1 \
                pci=off root=/dev/vda ro rw quiet http=80";
    assert_eq!(parse(text).unwrap().http.unwrap().port, 80);
}

#[test]
fn malformed_words_are_named() {
    for word in [
        "ip=",
        "ip=192.0.2.2",
        "ip=192.0.2.2/33",
        "ip=192.0.2.2/",
        "ip=192.0.2/24",
        "ip=DHCP",
        "ip=192.0.2.2/+8",
        "gw=192.0.2.1/24",
        "gw=",
        "ip6=::1",
        "ip6=::1/129",
        "gw6=1.2.3.4",
        "http=",
        "http=65536",
        "http=-1",
        "http=:80",
        "http=::1:80",
        "http=[::1]",
        "http=[::1:80",
        "http=1.2.3.4:",
        "http=80 ",
        "http=0x50",
        "dns=53:1.2.3.4",
        "tap=",
        "tap=a/b",
        "tap=0123456789abcdef",
        "log=",
        "log=xml",
        "user=",
        "user=0",
        "user=1:0",
        "user=nobody",
        "user=+1",
        "user=4294967295",
        "sandbox=",
        "sandbox=no",
        "handover",
        "cookie-secret=",
        "cookie-secret=0g",
        "cookie-secret=000102030405060708090a0b0c0d0e0",
        "threads=0",
        "threads=257",
        "threads=",
        "http",
    ] {
        let word = word.trim_end_matches(' ');
        match parse(word) {
            Err(error) => {
                assert_eq!(error.word, word);
                assert!(matches!(error.fault, Fault::Malformed(_)), "{word}");
                assert!(error.to_string().contains(word));
            }
            Ok(_) => assert_eq!(word, "http=80"),
        }
    }
}

#[test]
fn unknown_words_are_named() {
    for word in [
        "htpp=80",
        "=",
        "HTTP=80",
        "ip4=dhcp",
        "-h",
        "--http=80",
        "x",
    ] {
        let error = parse(word).unwrap_err();
        assert_eq!((error.word, error.fault), (word, Fault::Unknown));
    }
    let error = parse("http=80 foo=1 bar=2").unwrap_err();
    assert_eq!(error.to_string(), "`foo=1`: no such boot word");
}

#[test]
fn a_target_refuses_what_it_does_not_take() {
    let error = Words::parse("ip=dhcp", Keys::PROCESS).unwrap_err();
    assert_eq!(error.fault, Fault::NotHere);
    assert!(Words::parse("tap=tap0", Keys::GUEST).is_err());
    assert!(Words::parse("tap=tap0", Keys::TAP_PROCESS).is_ok());
    assert!(Words::parse("threads=1", Keys::GUEST).is_err());
}

/// Texts that are nearly addresses, and addresses.
fn nearly(state: &mut u64) -> std::string::String {
    let mut random = |below: u64| {
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) % below
    };
    const PIECES: [&str; 16] = [
        ":", ":", ":", "::", ".", ".", "0", "1", "25", "255", "256", "00", "f", "aB9", "12345", "g",
    ];
    let mut text = std::string::String::new();
    match random(3) {
        0 => {}
        1 => text = Ipv4Addr::from_bits(random(1 << 31) as u32).to_string(),
        _ => {
            let groups = [(); 8].map(|()| (random(1 << 16) * random(2)) as u16);
            text = Ipv6Addr::from(groups).to_string();
        }
    }
    for _ in 0..random(4) * random(4) {
        let at = random(text.len() as u64 + 1) as usize;
        match random(3) {
            0 if at < text.len() => _ = text.remove(at),
            _ => text.insert_str(at, PIECES[random(16) as usize]),
        }
    }
    text
}

#[test]
fn addresses_are_read_as_the_library_reads_them() {
    let mut state = 1;
    let mut right = [0; 2];
    for _ in 0..200_000 {
        let text = nearly(&mut state);
        let v4 = text.parse::<Ipv4Addr>().ok();
        assert_eq!(value::ip4(&text).ok(), v4, "{text}");
        right[0] += usize::from(v4.is_some());
        #[cfg(feature = "ipv6")]
        {
            let v6 = text.parse::<Ipv6Addr>().ok();
            assert_eq!(value::ip6(&text).ok(), v6, "{text}");
            right[1] += usize::from(v6.is_some());
        }
    }
    assert!(right[0] > 1000 && (right[1] > 1000 || cfg!(not(feature = "ipv6"))));
}
