//! One record of every type, as text and as bytes.

use super::super::lexer::Lexer;
use super::*;
use data_encoding::HEXLOWER;

fn data(text: &str) -> Result<String, String> {
    let entry = Lexer::new(text.as_bytes()).next_entry().unwrap().unwrap();
    let (first, rest) = entry.tokens.split_first().unwrap();
    let kind = types::parse(&text.as_bytes()[first.span.clone()]).expect(text);
    let origin = b"\x01o\0";
    parse(kind, text.as_bytes(), rest, first.span.clone(), origin)
        .map(|bytes| HEXLOWER.encode(&bytes))
        .map_err(|mistake| mistake.message)
}

#[test]
fn text_and_wire() {
    for (text, hex) in [
        ("A 192.0.2.1", "c0000201"),
        ("AAAA 2001:db8::1", "20010db8000000000000000000000001"),
        ("MX 10 a", "000a0161016f00"),
        ("TXT a \"b c\" \"\"", "01610362206300"),
        (
            "SOA @ a. 1 1h 2 3 4",
            "016f000161000000000100000e10000000020000000300000004",
        ),
        ("SRV 1 2 3 .", "00010002000300"),
        (
            "CAA 0 issue \"ca.example\"",
            "000569737375656361 2e6578616d706c65",
        ),
        ("URI 1 2 \"http://a/\"", "00010002687474703a2f2f612f"),
        (
            "LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m",
            "00001613 8b3cf018 810cbce0 009895b8",
        ),
        ("LOC 0 N 0 E 0", "00121613800000008000000000989680"),
        (
            "APL 1:192.0.2.0/24 !2:2001:db8::/32",
            "00011803c0000200022084 20010db8",
        ),
        ("TLSA 3 1 1 ab cd", "030101abcd"),
        ("SSHFP 4 2 00ff", "040200ff"),
        ("DS 1 ED25519 2 00", "00010f0200"),
        ("DNSKEY 257 3 13 AQID", "0101030d010203"),
        (
            "NSEC a A TYPE1234 MX",
            "0161016f00000240 01041b 0000000000000000000000000000000000000000000000000000 20",
        ),
        (
            "NSEC3 1 0 10 aabb 2t7b4g4vsa5smi47k61mv5bv1a22bojr A",
            "0100000a02aabb14174eb2409fe28bcb4887a1836f957f0a8425e27b000140",
        ),
        ("NSEC3PARAM 1 0 0 -", "0100000000"),
        (
            "RRSIG A 13 2 1h 20260101000000 0 7 @ AQID",
            "00010d0200000e106955b9000000000000 07016f00010203",
        ),
        (
            "HTTPS 1 . alpn=h2,h3 port=443",
            "0001000001000602683202683300030002 01bb",
        ),
        ("SVCB 0 a", "00000161016f00"),
        ("SVCB 1 a key65000=\"a b\"", "00010161016f00fde80003612062"),
        (
            "SVCB 1 a ipv4hint=192.0.2.1 mandatory=ipv4hint",
            "00010161016f00000000020004 00040004c0000201",
        ),
        ("NAPTR 1 2 u s \"!x!\" .", "00010002017501730321782100"),
        ("EUI48 00-00-5e-00-53-2a", "00005e00532a"),
        ("L64 10 2001:0DB8:1140:1000", "000a20010db811401000"),
        ("NID 10 0014:4fff:ff20:ee64", "000a00144fffff20ee64"),
        ("IPSECKEY 10 1 2 192.0.2.38 AQ==", "0a0102c000022601"),
        ("IPSECKEY 10 0 2 . AQ==", "0a000201"),
        ("AMTRELAY 10 1 3 a.", "0a83016100"),
        ("HIP 2 AABB AQ== a. b.", "02020001aabb01016100016200"),
        ("CERT PGP 0 0 AQ==", "00030000 0001"),
        ("NSAP 0x47.0005", "470005"),
        ("WKS 192.0.2.1 tcp smtp 1", "c0000201 06 40000040"),
        ("X25 311061700956", "0c333131303631373030393536"),
        ("ISDN 1", "0131"),
        (
            "GPOS -32.6882 116.8652 10.0",
            "082d33322e36383832083131362e383635320431302e30",
        ),
        ("CSYNC 1 3 A NS", "000000010003000160"),
        ("ZONEMD 1 1 1 00", "00000001010100"),
        ("DHCID AQ==", "01"),
        ("OPENPGPKEY AQ==", "01"),
        ("TYPE65280 \\# 3 0102 03", "010203"),
        ("A \\# 4 C0000201", "c0000201"),
        ("NULL \\# 0", ""),
        ("HINFO a b", "01610162"),
        ("DSYNC CDS NOTIFY 53 a.", "003b 01 0035 016100"),
        ("DSYNC CDS 2 53 a.", "003b 02 0035 016100"),
        ("NXT a. NS 127", "016100 20000000000000000000000000000001"),
        ("NXT a.", "016100"),
        ("A6 0 2001:db8::1", "00 20010db8000000000000000000000001"),
        ("A6 64 2001:db8::1:2:3:4 a.", "40 0001000200030004 016100"),
        ("A6 127 ::3 a.", "7f 01 016100"),
        ("A6 128 a.", "80 016100"),
    ] {
        assert_eq!(data(text), Ok(hex.replace(' ', "")), "{text}");
    }
}

#[test]
fn mistakes_are_told() {
    for text in [
        "A 1.2.3",
        "A 192.0.2.1 x",
        "A",
        "MX 65536 a",
        "TXT",
        "CAA 0 is-sue x",
        "LOC 91 N 0 E 0",
        "LOC 0 N 0 E",
        "LOC 52 22 -23.000 N 0 E 0",
        "LOC 0 N 0 E 92233720368547758",
        "APL 3:1/1",
        "APL 1:192.0.2.0/33",
        "DS 1 1 1 0",
        "NSEC3PARAM 1 0 0 0",
        "RRSIG A 13 2 1h 20260230000000 0 7 @ AQID",
        "HTTPS 1 . alpn",
        "HTTPS 1 . port=1 port=2",
        "HTTPS 1 . mandatory=alpn",
        "HTTPS 1 . key65535=a",
        "A \\# 3 010203",
        "MX \\# 4 000a0161",
        "TYPE65280 \\# 2 01",
        "NULL x",
        "EUI48 00-00-5e-00-53",
        "IPSECKEY 10 4 2 . AQ==",
        "WKS 192.0.2.1 tcp nosuch",
    ] {
        assert!(data(text).is_err(), "{text}");
    }
    let long = format!("TXT {}", "a".repeat(256));
    assert!(data(&long).unwrap_err().contains("255"));
}

#[test]
fn periods() {
    for (text, seconds) in [
        ("0", Some(0)),
        ("1w2d3h4m5s", Some(788_645)),
        ("1H30", Some(3630)),
        ("4294967295", Some(u32::MAX)),
        ("4294967296", None),
        ("8000w", None),
        ("", None),
        ("h", None),
        ("1x", None),
    ] {
        assert_eq!(period(text.as_bytes()), seconds, "{text}");
    }
}
