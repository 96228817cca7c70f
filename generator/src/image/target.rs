//! What an image runs on, and which parts of the appliance it needs.

use std::collections::BTreeMap;

/// The one instruction set so far, with the ABI that kernels are compiled for.
pub const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// What an image runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Target {
    /// One static Linux executable on the host's sockets.
    Unix,
}

impl Target {
    /// Every target, in the order that help lists them.
    pub const ALL: &[Self] = &[Self::Unix];

    /// The word that names it: the flag, the suffix of the image's file name,
    /// the value in manifests.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Unix => "unix",
        }
    }

    /// The target of that name.
    pub fn from_suffix(suffix: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|t| t.suffix() == suffix)
    }

    /// The appliance's crate, and the binary in it, that is its kernel.
    pub fn package(self) -> &'static str {
        match self {
            Self::Unix => "applgen-unix",
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
}

impl Feature {
    /// The word that names it in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Dns => "dns",
        }
    }

    /// The cargo feature that compiles it into a target's kernel; `None` where
    /// every kernel of the target has it.
    fn cargo_feature(self, target: Target) -> Option<&'static str> {
        match (target, self) {
            (Target::Unix, Self::Http) => Some("http"),
            (Target::Unix, Self::Dns) => Some("dns"),
        }
    }
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
        self.reasons
            .keys()
            .filter_map(|feature| feature.cargo_feature(target))
            .collect()
    }
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
