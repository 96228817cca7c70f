//! Types of records: their names, numbers, and the fields of their data.
//!
//! The table is the IANA registry "Resource Record (RR) TYPEs"; what stands
//! nowhere in it is written `TYPEn \# …` (RFC 3597).

/// A field of record data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// A domain name.
    Name,
    /// A number of one byte.
    U8,
    /// A number of two bytes.
    U16,
    /// A number of four bytes.
    U32,
    /// A number of eight bytes.
    U64,
    /// A time span in seconds, or with units (`1h30m`).
    Period,
    /// A point in time: `YYYYMMDDHHmmSS`, or seconds (RFC 4034 §3.2).
    Time,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// A character string.
    Text,
    /// A character string that may be left out (ISDN).
    OptionalText,
    /// One or more character strings, up to the end.
    Texts,
    /// Bytes without a length, up to the end, as one string (URI, CAA).
    RawText,
    /// A tag of letters and digits (CAA).
    Tag,
    /// Hexadecimal digits up to the end.
    Hex,
    /// The same, and there may be none.
    OptionalHex,
    /// Base64 up to the end.
    Base64,
    /// The same, and there may be none.
    OptionalBase64,
    /// A salt with its length: hexadecimal, or `-` (RFC 5155 §3.3).
    Salt,
    /// A hash with its length in base32hex (RFC 5155 §3.3).
    Base32,
    /// A bitmap of types up to the end (RFC 4034 §4.1.2).
    Types,
    /// A bitmap of types below 128 up to the end (RFC 2535 §5.2).
    OldTypes,
    /// A type.
    Type,
    /// A DNSSEC algorithm.
    Algorithm,
    /// A scheme of DSYNC (RFC 9859 §2.1).
    Scheme,
    /// A prefix's length, an address without the prefix, and a name that has it (RFC 2874
    /// §3.1).
    Suffix,
    /// A type of certificate (RFC 4398 §2.1).
    Certificate,
    /// Bytes after `0x` (NSAP, RFC 1706).
    Nsap,
    /// Six or eight bytes with dashes (RFC 7043).
    Eui(u8),
    /// Eight bytes as four groups of hexadecimal digits (RFC 6742).
    Locator,
    /// A location (RFC 1876).
    Location,
    /// Address prefixes (RFC 3123).
    Prefixes,
    /// Service parameters (RFC 9460 §2.1).
    Parameters,
    /// IPSECKEY's gateway and key (RFC 4025).
    Gateway,
    /// AMTRELAY's relay (RFC 8777).
    Relay,
    /// HIP's tag, key and servers (RFC 8005).
    HostIdentity,
    /// Address, protocol and ports (RFC 1035 §3.4.2).
    Services,
    /// A telephone or X.121 address as a string of digits.
    Digits,
    /// An ATM address (ATMA).
    Atm,
}

use Field::*;

/// A type of record.
#[derive(Debug)]
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// Its number.
    pub number: u16,
    /// The fields of its data; none for a type that is only written `\# …`.
    pub fields: &'static [Field],
}

const fn kind(name: &'static str, number: u16, fields: &'static [Field]) -> Kind {
    Kind {
        name,
        number,
        fields,
    }
}

const DS: &[Field] = &[U16, Algorithm, U8, Hex];
const KEY: &[Field] = &[U16, U8, Algorithm, OptionalBase64];
const TLSA: &[Field] = &[U8, U8, U8, Hex];
const SVCB: &[Field] = &[U16, Name, Parameters];
const SIG: &[Field] = &[Type, Algorithm, U8, Period, Time, Time, U16, Name, Base64];

/// Every type with a name.
pub const KINDS: &[Kind] = &[
    kind("A", 1, &[Ipv4]),
    kind("NS", 2, &[Name]),
    kind("MD", 3, &[Name]),
    kind("MF", 4, &[Name]),
    kind("CNAME", 5, &[Name]),
    kind("SOA", 6, &[Name, Name, U32, Period, Period, Period, Period]),
    kind("MB", 7, &[Name]),
    kind("MG", 8, &[Name]),
    kind("MR", 9, &[Name]),
    kind("NULL", 10, &[]),
    kind("WKS", 11, &[Ipv4, Services]),
    kind("PTR", 12, &[Name]),
    kind("HINFO", 13, &[Text, Text]),
    kind("MINFO", 14, &[Name, Name]),
    kind("MX", 15, &[U16, Name]),
    kind("TXT", 16, &[Texts]),
    kind("RP", 17, &[Name, Name]),
    kind("AFSDB", 18, &[U16, Name]),
    kind("X25", 19, &[Digits]),
    kind("ISDN", 20, &[Text, OptionalText]),
    kind("RT", 21, &[U16, Name]),
    kind("NSAP", 22, &[Nsap]),
    kind("NSAP-PTR", 23, &[Name]),
    kind("SIG", 24, SIG),
    kind("KEY", 25, KEY),
    kind("PX", 26, &[U16, Name, Name]),
    kind("GPOS", 27, &[Text, Text, Text]),
    kind("AAAA", 28, &[Ipv6]),
    kind("LOC", 29, &[Location]),
    kind("NXT", 30, &[Name, OldTypes]),
    kind("EID", 31, &[Hex]),
    kind("NIMLOC", 32, &[Hex]),
    kind("SRV", 33, &[U16, U16, U16, Name]),
    kind("ATMA", 34, &[Atm]),
    kind("NAPTR", 35, &[U16, U16, Text, Text, Text, Name]),
    kind("KX", 36, &[U16, Name]),
    kind("CERT", 37, &[Certificate, U16, Algorithm, Base64]),
    kind("A6", 38, &[Suffix]),
    kind("DNAME", 39, &[Name]),
    kind("SINK", 40, &[U8, U8, U8, OptionalBase64]),
    kind("APL", 42, &[Prefixes]),
    kind("DS", 43, DS),
    kind("SSHFP", 44, &[U8, U8, Hex]),
    kind("IPSECKEY", 45, &[U8, Gateway]),
    kind("RRSIG", 46, SIG),
    kind("NSEC", 47, &[Name, Types]),
    kind("DNSKEY", 48, KEY),
    kind("DHCID", 49, &[Base64]),
    kind("NSEC3", 50, &[U8, U8, U16, Salt, Base32, Types]),
    kind("NSEC3PARAM", 51, &[U8, U8, U16, Salt]),
    kind("TLSA", 52, TLSA),
    kind("SMIMEA", 53, TLSA),
    kind("HIP", 55, &[HostIdentity]),
    kind("NINFO", 56, &[Texts]),
    kind("RKEY", 57, KEY),
    kind("TALINK", 58, &[Name, Name]),
    kind("CDS", 59, DS),
    kind("CDNSKEY", 60, KEY),
    kind("OPENPGPKEY", 61, &[Base64]),
    kind("CSYNC", 62, &[U32, U16, Types]),
    kind("ZONEMD", 63, &[U32, U8, U8, Hex]),
    kind("SVCB", 64, SVCB),
    kind("HTTPS", 65, SVCB),
    kind("DSYNC", 66, &[Type, Scheme, U16, Name]),
    kind("HHIT", 67, &[Base64]),
    kind("BRID", 68, &[Base64]),
    kind("SPF", 99, &[Texts]),
    kind("UINFO", 100, &[]),
    kind("UID", 101, &[]),
    kind("GID", 102, &[]),
    kind("UNSPEC", 103, &[]),
    kind("NID", 104, &[U16, Locator]),
    kind("L32", 105, &[U16, Ipv4]),
    kind("L64", 106, &[U16, Locator]),
    kind("LP", 107, &[U16, Name]),
    kind("EUI48", 108, &[Eui(6)]),
    kind("EUI64", 109, &[Eui(8)]),
    kind("NXNAME", 128, &[]),
    kind("URI", 256, &[U16, U16, RawText]),
    kind("CAA", 257, &[U8, Tag, RawText]),
    kind("AVC", 258, &[Texts]),
    kind("DOA", 259, &[U32, U32, U8, Text, OptionalBase64]),
    kind("AMTRELAY", 260, &[U8, Relay]),
    kind("RESINFO", 261, &[Texts]),
    kind("WALLET", 262, &[Texts]),
    kind("CLA", 263, &[Texts]),
    kind("IPN", 264, &[U64]),
    kind("TA", 32768, DS),
    kind("DLV", 32769, DS),
];

/// Numbers of types that the checks know something about.
pub mod number {
    /// An IPv4 address.
    pub const A: u16 = 1;
    /// A name server.
    pub const NS: u16 = 2;
    /// An alias.
    pub const CNAME: u16 = 5;
    /// The start of a zone.
    pub const SOA: u16 = 6;
    /// A mail exchange.
    pub const MX: u16 = 15;
    /// An IPv6 address.
    pub const AAAA: u16 = 28;
    /// A service.
    pub const SRV: u16 = 33;
    /// An alias of all below.
    pub const DNAME: u16 = 39;
    /// A delegation signer.
    pub const DS: u16 = 43;
    /// A signature.
    pub const RRSIG: u16 = 46;
    /// The next name.
    pub const NSEC: u16 = 47;
    /// The next hashed name.
    pub const NSEC3: u16 = 50;
    /// How NSEC3 records hash names.
    pub const NSEC3PARAM: u16 = 51;
}

/// The type of that number.
pub fn by_number(number: u16) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.number == number)
}

/// The number of a type, by name or as `TYPEn`.
pub fn parse(text: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(text).ok()?;
    let named = KINDS
        .iter()
        .find(|kind| kind.name.eq_ignore_ascii_case(text));
    if let Some(kind) = named {
        return Some(kind.number);
    }
    let prefix = text.get(..4)?;
    let digits = text.get(4..)?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    (prefix.eq_ignore_ascii_case("TYPE") && plain)
        .then(|| digits.parse().ok())
        .flatten()
}

/// The name of a type.
pub fn show(number: u16) -> String {
    match by_number(number) {
        Some(kind) => kind.name.to_owned(),
        None => format!("TYPE{number}"),
    }
}

/// Whether a type is never data of a zone (RFC 6895 §3.1): OPT, TKEY, TSIG,
/// transfers, ANY and the like.
pub fn is_meta(number: u16) -> bool {
    matches!(number, 0 | 41 | 128 | 249..=255 | 65535)
}

/// Names of DNSSEC algorithms (IANA, "DNS Security Algorithm Numbers").
pub const ALGORITHMS: &[(&str, u8)] = &[
    ("RSAMD5", 1),
    ("DH", 2),
    ("DSA", 3),
    ("RSASHA1", 5),
    ("DSA-NSEC3-SHA1", 6),
    ("RSASHA1-NSEC3-SHA1", 7),
    ("RSASHA256", 8),
    ("RSASHA512", 10),
    ("ECC-GOST", 12),
    ("ECDSAP256SHA256", 13),
    ("ECDSAP384SHA384", 14),
    ("ED25519", 15),
    ("ED448", 16),
    ("INDIRECT", 252),
    ("PRIVATEDNS", 253),
    ("PRIVATEOID", 254),
];

/// Names of certificate types (RFC 4398 §2.1).
pub const CERTIFICATES: &[(&str, u16)] = &[
    ("PKIX", 1),
    ("SPKI", 2),
    ("PGP", 3),
    ("IPKIX", 4),
    ("ISPKI", 5),
    ("IPGP", 6),
    ("ACPKIX", 7),
    ("IACPKIX", 8),
    ("URI", 253),
    ("OID", 254),
];
