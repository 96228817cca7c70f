//! Names as parts of paths: how a file name, a term or a heading becomes one.

/// A strategy of `[slugify]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Slugify {
    /// ASCII letters, digits and hyphens.
    #[default]
    On,
    /// Only what no file system takes is removed.
    Safe,
    /// As it stands.
    Off,
}

impl Slugify {
    /// By its name in the configuration.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "on" => Some(Self::On),
            "safe" => Some(Self::Safe),
            "off" => Some(Self::Off),
            _ => None,
        }
    }

    /// A part of a path.
    pub fn path(self, text: &str) -> String {
        match self {
            Self::On => slug::slugify(text),
            Self::Safe => safe(text),
            Self::Off => text.to_owned(),
        }
    }

    /// The id of a heading: only spaces are no part of one.
    pub fn anchor(self, text: &str) -> String {
        match self {
            Self::On => slug::slugify(text),
            Self::Safe | Self::Off => text.split_whitespace().collect::<Vec<_>>().join("_"),
        }
    }
}

/// Without the characters that Windows or Unix keep out of file names, without
/// blanks and dots at the ends, with `_` for white space.
fn safe(text: &str) -> String {
    const GONE: &str = "<>:/|?*#\\()[]\"\n\r\t";
    let kept: String = text.chars().filter(|c| !GONE.contains(*c)).collect();
    let kept = kept.trim().trim_end_matches('.').trim();
    kept.split_whitespace().collect::<Vec<_>>().join("_")
}

/// The id itself, or with the first number behind it that is still free.
pub fn free_id(wanted: String, taken: impl Fn(&str) -> bool) -> String {
    if !taken(&wanted) {
        return wanted;
    }
    let mut number = 1_u64;
    loop {
        let candidate = format!("{wanted}-{number}");
        if !taken(&candidate) {
            return candidate;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn strategies() {
        assert_eq!(
            Slugify::On.path("Élevage & Chèvre 2.0"),
            "elevage-chevre-2-0"
        );
        assert_eq!(Slugify::Safe.path(" élevage: chèvre? . "), "élevage_chèvre");
        assert_eq!(Slugify::Off.path("a b/c"), "a b/c");
        assert_eq!(Slugify::Safe.anchor("Ça va #1"), "Ça_va_#1");
    }

    proptest! {
        #[test]
        fn a_slug_is_ascii_and_stays_what_it_is(text in ".{0,60}") {
            let slug = Slugify::On.path(&text);
            prop_assert!(slug.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
            prop_assert!(!slug.starts_with('-') && !slug.ends_with('-') && !slug.contains("--"));
            prop_assert_eq!(Slugify::On.path(&slug), slug.clone());
        }

        #[test]
        fn a_safe_name_has_one_part(text in ".{0,60}") {
            let name = Slugify::Safe.path(&text);
            prop_assert!(!name.contains(['/', '\\', '\n', ' ', '?', '#']));
            prop_assert_eq!(Slugify::Safe.path(&name), name.clone());
        }

        #[test]
        fn ids_are_never_taken(names in proptest::collection::vec("[a-c](-[1-3])?", 0..30)) {
            let mut taken = std::collections::HashSet::new();
            for name in names {
                let id = free_id(name, |id| taken.contains(id));
                prop_assert!(taken.insert(id));
            }
        }
    }
}
