//! What an image runs on, and which parts of the appliance it needs.

use applgen_bundle::boot::Keys;
use std::collections::BTreeMap;

/// The one instruction set so far, with the ABI that kernels are compiled for.
pub const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// What an image runs on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Target {
    /// One static Linux executable on the host's sockets.
    #[default]
    Unix,
    /// One static Linux executable on a tap device, with a network of its own.
    Tap,
    /// A virtual machine with virtio devices, without an operating system:
    /// QEMU, Firecracker, Cloud Hypervisor.
    Kvm,
    /// A guest of Xen with its paravirtual devices, without an operating system.
    Xen,
}

/// What the code of every kernel is compiled with, beside the path remappings
/// and the profile in the staged manifest.
const FLAGS: &[&str] = &[
    "-Ctarget-cpu=x86-64",
    "-Crelocation-model=static",
    "-Clink-arg=-Wl,--build-id=none",
    // Lints judge the source where it is written.
    "--cap-lints=warn",
];

impl Target {
    /// Every target, in the order that help lists them.
    pub const ALL: &[Self] = &[Self::Unix, Self::Tap, Self::Kvm, Self::Xen];

    /// The word that names it: the flag, the suffix of the image's file name,
    /// the value in manifests.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Unix => "unix",
            Self::Tap => "tap",
            Self::Kvm => "kvm",
            Self::Xen => "xen",
        }
    }

    /// The target of that name.
    pub fn from_suffix(suffix: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|t| t.suffix() == suffix)
    }

    /// The appliance's crate that its kernel is in.
    pub fn package(self) -> &'static str {
        match self {
            Self::Unix | Self::Tap => "applgen-unix",
            Self::Kvm | Self::Xen => "applgen-kernel",
        }
    }

    /// The binary of that crate that is its kernel.
    pub fn binary(self) -> &'static str {
        match self {
            Self::Unix => "applgen-unix",
            Self::Tap => "applgen-tap",
            Self::Kvm | Self::Xen => "applgen-kernel",
        }
    }

    /// The profile that its kernels are compiled with.
    pub fn profile(self) -> &'static str {
        match self {
            Self::Unix | Self::Tap => "appliance",
            Self::Kvm | Self::Xen => "machine",
        }
    }

    /// The compiler's flags.
    pub fn flags(self) -> Vec<&'static str> {
        let mut flags = FLAGS.to_vec();
        match self {
            Self::Unix | Self::Tap => flags.push("-Ctarget-feature=+crt-static"),
            // A table of a switch is larger than its comparisons. How machines'
            // kernels are linked is their own build script's.
            Self::Kvm | Self::Xen => flags.push("-Cjump-tables=no"),
        }
        flags
    }

    /// The boot words that its images take.
    pub fn boot_keys(self) -> Keys {
        match self {
            Self::Unix => Keys::PROCESS,
            Self::Tap => Keys::TAP_PROCESS,
            Self::Kvm | Self::Xen => Keys::GUEST,
        }
    }

    /// Whether its images are machines' kernels, with a network of their own.
    pub fn is_guest(self) -> bool {
        match self {
            Self::Unix | Self::Tap => false,
            Self::Kvm | Self::Xen => true,
        }
    }

    /// Whether one of its kernels could be without a feature and still serve
    /// something.
    pub fn can_do_without(self, feature: Feature, features: &Features) -> bool {
        let serves = |feature: Feature| feature.is_protocol();
        let others = features
            .iter()
            .any(|(other, _)| other != feature && serves(other));
        feature.cargo_feature(self).is_some() && (!serves(feature) || others)
    }

    /// The cargo features that all of its kernels have.
    fn own_features(self) -> &'static [&'static str] {
        match self {
            Self::Unix => &[],
            Self::Tap => &["tap"],
            Self::Kvm => &["machine", "virtio"],
            Self::Xen => &["machine", "xen"],
        }
    }
}

/// A part of the appliance that an image has only when its site needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Feature {
    /// Answers over HTTP.
    Http,
    /// Answers over DNS.
    Dns,
    /// IPv6 and neighbour discovery.
    Ipv6,
    /// The IPv4 address from a DHCP server.
    Dhcp,
    /// Virtual hosts, and redirects and rewrites with patterns.
    Rules,
    /// Signed zones: signatures, and proofs that there is nothing.
    Dnssec,
    /// The access log of HTTP.
    Log,
    /// Parts of what HTTP serves.
    Ranges,
}

impl Feature {
    /// Every feature.
    pub const ALL: &[Self] = &[
        Self::Http,
        Self::Dns,
        Self::Ipv6,
        Self::Dhcp,
        Self::Rules,
        Self::Dnssec,
        Self::Log,
        Self::Ranges,
    ];

    /// The word that names it in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Dns => "dns",
            Self::Ipv6 => "ipv6",
            Self::Dhcp => "dhcp",
            Self::Rules => "rules",
            Self::Dnssec => "dnssec",
            Self::Log => "log",
            Self::Ranges => "ranges",
        }
    }

    /// The feature of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|feature| feature.name() == name)
    }

    /// Whether it is something to serve, without which there is no server.
    fn is_protocol(self) -> bool {
        match self {
            Self::Http | Self::Dns => true,
            Self::Ipv6 | Self::Dhcp | Self::Rules | Self::Dnssec | Self::Log | Self::Ranges => {
                false
            }
        }
    }

    /// The protocol that it is a part of, if it is one.
    fn protocol(self) -> Option<Self> {
        match self {
            Self::Rules | Self::Log | Self::Ranges => Some(Self::Http),
            Self::Dnssec => Some(Self::Dns),
            Self::Http | Self::Dns | Self::Ipv6 | Self::Dhcp => None,
        }
    }

    /// Which of the kernels that a release carries have it.
    fn carried(self) -> Carried {
        match self {
            Self::Http | Self::Dns | Self::Ipv6 | Self::Dhcp => Carried::Apart,
            Self::Rules | Self::Dnssec => Carried::Together,
            // Sites want them unless they say otherwise.
            Self::Log | Self::Ranges => Carried::Always,
        }
    }

    /// The cargo feature that compiles it into a target's kernel; `None` where
    /// every kernel of the target has it.
    fn cargo_feature(self, target: Target) -> Option<&'static str> {
        match (target, self) {
            (Target::Unix, Self::Http | Self::Dns) => Some(self.name()),
            // The network of a process is its host's, or all that there is; and
            // processes are not counted in bytes.
            (Target::Unix | Target::Tap, _) => None,
            (Target::Kvm | Target::Xen, feature) => Some(feature.name()),
        }
    }
}

/// Which kernels of a release have a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carried {
    /// Those of every combination with the others.
    Apart,
    /// All such features, or none of them.
    Together,
    /// All that have its protocol.
    Always,
}

/// The features of one image, each with the reason: derived from the site,
/// never typed by the user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Features {
    reasons: BTreeMap<Feature, String>,
}

impl Features {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a feature; the first reason given for it stays.
    pub fn need(&mut self, feature: Feature, reason: impl Into<String>) {
        self.reasons.entry(feature).or_insert_with(|| reason.into());
    }

    /// The sets that a release carries a target's kernels for, each kernel once.
    ///
    /// Every combination of what decides whom the image serves and how it is
    /// reached ([`Carried::Apart`]); what nearly every site wants; and of all
    /// else, everything or nothing, so that one more feature doubles their number
    /// once at most.
    pub fn carried_for(target: Target) -> Vec<Self> {
        let those = |carried: Carried| -> Vec<Feature> {
            let all = Feature::ALL.iter().copied();
            all.filter(|feature| feature.carried() == carried).collect()
        };
        let mut all: Vec<Self> = Vec::new();
        for mut features in combinations(&those(Carried::Apart), &those(Carried::Together)) {
            for feature in those(Carried::Always) {
                features.need(feature, "a release carries it");
            }
            let features = features.of_its_protocols();
            let kernel = features.cargo_features(target);
            let is_new = all
                .iter()
                .all(|other| other.cargo_features(target) != kernel);
            if is_new && features.reasons.keys().any(|feature| feature.is_protocol()) {
                all.push(features);
            }
        }
        all
    }

    /// The same without one, to see what that costs.
    #[must_use]
    pub fn without(&self, feature: Feature) -> Self {
        let mut reasons = self.reasons.clone();
        reasons.remove(&feature);
        Self { reasons }.of_its_protocols()
    }

    /// The same without parts of protocols that are not among them.
    fn of_its_protocols(&self) -> Self {
        let has = |feature: &Feature| feature.protocol().is_none_or(|whole| self.has(whole));
        let mut reasons = self.reasons.clone();
        reasons.retain(|feature, _| has(feature));
        Self { reasons }
    }

    /// Whether the image has it.
    pub fn has(&self, feature: Feature) -> bool {
        self.reasons.contains_key(&feature)
    }

    /// The features with their reasons, always in the same order.
    pub fn iter(&self) -> impl Iterator<Item = (Feature, &str)> {
        self.reasons.iter().map(|(f, reason)| (*f, reason.as_str()))
    }

    /// The cargo features that the target's kernel is compiled with.
    pub fn cargo_features(&self, target: Target) -> Vec<&'static str> {
        let chosen = self.reasons.keys();
        let own = target.own_features().iter().copied();
        own.chain(chosen.filter_map(|feature| feature.cargo_feature(target)))
            .collect()
    }
}

/// Every combination of some features, each without and with all of the others.
fn combinations(apart: &[Feature], together: &[Feature]) -> Vec<Features> {
    let mut all = Vec::new();
    for chosen in 0..1_u32 << apart.len() {
        for others in [&[][..], together] {
            let mut features = Features::new();
            for (bit, &feature) in apart.iter().enumerate() {
                if chosen & (1 << bit) != 0 {
                    features.need(feature, "a release carries it");
                }
            }
            for &feature in others {
                features.need(feature, "a release carries it");
            }
            all.push(features);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_found_by_its_suffix() {
        for target in Target::ALL {
            assert_eq!(Target::from_suffix(target.suffix()), Some(*target));
        }
        assert_eq!(Target::from_suffix("amiga"), None);
    }

    #[test]
    fn a_server_keeps_something_to_serve() {
        let mut features = Features::new();
        features.need(Feature::Http, "slides");
        features.need(Feature::Ipv6, "an address");
        assert!(!Target::Kvm.can_do_without(Feature::Http, &features));
        assert!(Target::Kvm.can_do_without(Feature::Ipv6, &features));
        assert!(!Target::Unix.can_do_without(Feature::Ipv6, &features));
    }

    #[test]
    fn a_release_carries_each_kernel_once_and_not_too_many() {
        let mut count = 0;
        for &target in Target::ALL {
            let sets = Features::carried_for(target);
            let mut kernels: Vec<_> = sets.iter().map(|set| set.cargo_features(target)).collect();
            kernels.sort();
            kernels.dedup();
            assert_eq!(kernels.len(), sets.len());
            count += kernels.len();
        }
        assert!(Features::carried_for(Target::Unix).len() >= 3);
        assert!(Features::carried_for(Target::Kvm).len() >= 12);
        // Half a minute each on one core is half an hour.
        assert!(count <= 64, "a release has {count} kernels");
    }

    #[test]
    fn what_is_carried_together_is_there_as_a_whole_or_not_at_all() {
        let sets = combinations(
            &[Feature::Http, Feature::Dns],
            &[Feature::Ipv6, Feature::Dhcp],
        );
        assert_eq!(sets.len(), 8);
        assert!(
            sets.iter()
                .all(|set| set.has(Feature::Ipv6) == set.has(Feature::Dhcp))
        );
    }

    #[test]
    fn the_first_reason_stays() {
        let mut features = Features::new();
        features.need(Feature::Http, "slides");
        features.need(Feature::Http, "files");
        assert_eq!(
            features.iter().collect::<Vec<_>>(),
            [(Feature::Http, "slides")]
        );
        assert!(features.has(Feature::Http));
    }
}
