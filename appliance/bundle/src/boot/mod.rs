//! Boot words: the run-time arguments, the same on every target.
//!
//! On bare metal they come on the kernel's command line, in a process as
//! arguments, and a bundle's `boot` section holds the site's defaults:
//!
//! ```text
//! ip=192.0.2.2/24 gw=192.0.2.1 http=80
//! ```
//!
//! | word | meaning |
//! |---|---|
//! | `ip=ADDR/PREFIX`, `ip=dhcp` | own IPv4 address |
//! | `gw=ADDR` | IPv4 gateway |
//! | `ip6=ADDR/PREFIX` | own IPv6 address |
//! | `gw6=ADDR` | IPv6 gateway |
//! | `http=[ADDR:]PORT`, `dns=[ADDR:]PORT` | where to listen; an IPv6 address in brackets |
//! | `tap=NAME` | the tap device |
//! | `log=off`, `log=common`, `log=json` | the access log |
//! | `cookie-secret=HEX` | 32 digits that DNS cookies are made with (RFC 9018); else random |
//! | `threads=N` | event loops of a process, 1 to 256; else one for each core |
//! | `user=UID[:GID]` | whom a process becomes that was started by root; else `nobody` |
//! | `sandbox=off`, `sandbox=on` | whether a process locks itself in; else it does |
//! | `handover=on`, `handover=off` | whether an address may be shared with the process that is to be replaced |
//!
//! Later words win over earlier ones, and words given at boot over the
//! bundle's ([`Words::or`]). An unknown or malformed word is an error that
//! names it, never a guess. Passed over, since machine monitors add them on
//! their own: a word whose key holds a dot (`virtio_mmio.device=…`), and
//! [`PASSED_OVER`].
//!
//! Each target takes some of the words ([`Keys::PROCESS`], [`Keys::TAP`],
//! [`Keys::GUEST`]) and refuses the others in a sentence.

mod value;

#[cfg(feature = "ipv6")]
pub use value::Ip6;
pub use value::{Ip4, Listen, Log, User};

use crate::show::{Show, display};
use core::fmt;
use core::net::Ipv4Addr;
#[cfg(feature = "ipv6")]
use core::net::Ipv6Addr;

/// Words that machine monitors and boot loaders add, by key; none is ours.
pub const PASSED_OVER: [&str; 8] = [
    "console", "reboot", "panic", "pci", "root", "ro", "rw", "quiet",
];

/// A set of keys: the words that a target takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keys(u16);

impl Keys {
    /// `ip=`
    pub const IP: Self = Self(1);
    /// `gw=`
    pub const GW: Self = Self(1 << 1);
    /// `ip6=`
    pub const IP6: Self = Self(1 << 2);
    /// `gw6=`
    pub const GW6: Self = Self(1 << 3);
    /// `http=`
    pub const HTTP: Self = Self(1 << 4);
    /// `dns=`
    pub const DNS: Self = Self(1 << 5);
    /// `tap=`
    pub const TAP: Self = Self(1 << 6);
    /// `log=`
    pub const LOG: Self = Self(1 << 7);
    /// `threads=`
    pub const THREADS: Self = Self(1 << 8);
    /// `user=`
    pub const USER: Self = Self(1 << 9);
    /// `sandbox=`
    pub const SANDBOX: Self = Self(1 << 10);
    /// `handover=`
    pub const HANDOVER: Self = Self(1 << 11);
    /// `cookie-secret=`
    pub const COOKIE_SECRET: Self = Self(1 << 12);

    /// What `--unix` takes: its addresses are the host's.
    pub const PROCESS: Self = Self::HTTP
        .with(Self::DNS)
        .with(Self::COOKIE_SECRET)
        .with(Self::LOG)
        .with(Self::THREADS)
        .with(Self::USER)
        .with(Self::SANDBOX)
        .with(Self::HANDOVER);
    /// What `--kvm` and `--xen` take.
    pub const GUEST: Self = Self::IP
        .with(Self::GW)
        .with(Self::IP6)
        .with(Self::GW6)
        .with(Self::HTTP)
        .with(Self::DNS)
        .with(Self::COOKIE_SECRET)
        .with(Self::LOG);
    /// What `--tap` takes.
    pub const TAP_PROCESS: Self = Self::GUEST
        .with(Self::TAP)
        .with(Self::USER)
        .with(Self::SANDBOX);
    /// Every word that there is.
    pub const ALL: Self = Self(0x1fff);

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `other` is wholly in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    fn of(key: &str) -> Option<Self> {
        Some(match key {
            "ip" => Self::IP,
            "gw" => Self::GW,
            #[cfg(feature = "ipv6")]
            "ip6" => Self::IP6,
            #[cfg(feature = "ipv6")]
            "gw6" => Self::GW6,
            "http" => Self::HTTP,
            "dns" => Self::DNS,
            "tap" => Self::TAP,
            "log" => Self::LOG,
            "threads" => Self::THREADS,
            "user" => Self::USER,
            "sandbox" => Self::SANDBOX,
            "handover" => Self::HANDOVER,
            "cookie-secret" => Self::COOKIE_SECRET,
            _ => return None,
        })
    }
}

/// What is wrong with a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No word has this key.
    Unknown,
    /// This target does not take it.
    NotHere,
    /// It wants a value of another form, which is said.
    Malformed(&'static str),
}

/// A word that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WordError<'a> {
    /// The word as it was given.
    pub word: &'a str,
    /// What is wrong with it.
    pub fault: Fault,
}

impl fmt::Display for WordError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display(self, f)
    }
}

impl Show for WordError<'_> {
    fn show(&self, out: &mut dyn FnMut(&str)) {
        out("`");
        out(self.word);
        match self.fault {
            Fault::Unknown => out("`: no such boot word"),
            Fault::NotHere => out("`: this kind of image takes no such boot word"),
            Fault::Malformed(expected) => {
                out("`: expected ");
                out(expected);
            }
        }
    }
}

impl core::error::Error for WordError<'_> {}

/// The words of one source, read. What was not said is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Words<'a> {
    /// `ip=`
    pub ip: Option<Ip4>,
    /// `gw=`
    pub gw: Option<Ipv4Addr>,
    /// `ip6=`
    #[cfg(feature = "ipv6")]
    pub ip6: Option<Ip6>,
    /// `gw6=`
    #[cfg(feature = "ipv6")]
    pub gw6: Option<Ipv6Addr>,
    /// `http=`
    pub http: Option<Listen>,
    /// `dns=`
    pub dns: Option<Listen>,
    /// `tap=`
    pub tap: Option<&'a str>,
    /// `log=`
    pub log: Option<Log>,
    /// `threads=`
    pub threads: Option<u16>,
    /// `user=`
    pub user: Option<User>,
    /// `sandbox=`
    pub sandbox: Option<bool>,
    /// `handover=`
    pub handover: Option<bool>,
    /// `cookie-secret=`
    pub cookie_secret: Option<[u8; 16]>,
}

impl<'a> Words<'a> {
    /// Reads words parted by white space; `takes` is what the target takes.
    pub fn parse(text: &'a str, takes: Keys) -> Result<Self, WordError<'a>> {
        let mut words = Self::default();
        for word in text.split_ascii_whitespace() {
            words.take(word, takes)?;
        }
        Ok(words)
    }

    /// Takes one word in; a later word wins over an earlier one.
    pub fn take(&mut self, word: &'a str, takes: Keys) -> Result<(), WordError<'a>> {
        let (key, value) = match word.split_once('=') {
            Some((key, value)) => (key, value),
            None => (word, ""),
        };
        if key.contains('.') || PASSED_OVER.contains(&key) {
            return Ok(());
        }
        let refused = |fault| WordError { word, fault };
        let known = Keys::of(key).ok_or(refused(Fault::Unknown))?;
        if !takes.contains(known) {
            return Err(refused(Fault::NotHere));
        }
        self.set(known, value)
            .map_err(|expected| refused(Fault::Malformed(expected)))
    }

    /// Sets one value, or says what was expected of it.
    fn set(&mut self, key: Keys, text: &'a str) -> Result<(), &'static str> {
        match key {
            Keys::IP => self.ip = Some(Ip4::parse(text)?),
            Keys::GW => self.gw = Some(value::ip4(text)?),
            #[cfg(feature = "ipv6")]
            Keys::IP6 => self.ip6 = Some(Ip6::parse(text)?),
            #[cfg(feature = "ipv6")]
            Keys::GW6 => self.gw6 = Some(value::ip6(text)?),
            Keys::HTTP => self.http = Some(Listen::parse(text)?),
            Keys::DNS => self.dns = Some(Listen::parse(text)?),
            Keys::TAP => self.tap = Some(value::device(text)?),
            Keys::LOG => self.log = Some(Log::parse(text)?),
            Keys::THREADS => self.threads = Some(value::threads(text)?),
            Keys::USER => self.user = Some(User::parse(text)?),
            Keys::SANDBOX => self.sandbox = Some(value::switch(text)?),
            Keys::HANDOVER => self.handover = Some(value::switch(text)?),
            Keys::COOKIE_SECRET => self.cookie_secret = Some(value::secret(text)?),
            _ => {}
        }
        Ok(())
    }

    /// These words, and `defaults` where nothing was said.
    #[must_use]
    pub fn or(self, defaults: Self) -> Self {
        Self {
            ip: self.ip.or(defaults.ip),
            gw: self.gw.or(defaults.gw),
            #[cfg(feature = "ipv6")]
            ip6: self.ip6.or(defaults.ip6),
            #[cfg(feature = "ipv6")]
            gw6: self.gw6.or(defaults.gw6),
            http: self.http.or(defaults.http),
            dns: self.dns.or(defaults.dns),
            tap: self.tap.or(defaults.tap),
            log: self.log.or(defaults.log),
            threads: self.threads.or(defaults.threads),
            user: self.user.or(defaults.user),
            sandbox: self.sandbox.or(defaults.sandbox),
            handover: self.handover.or(defaults.handover),
            cookie_secret: self.cookie_secret.or(defaults.cookie_secret),
        }
    }
}

#[cfg(test)]
mod tests;
