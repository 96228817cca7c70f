//! What holds of any content: every page under each of its terms, once; in
//! order; with the neighbours that the order gives it.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::pages::{dates::Date, front_matter::Meta, settings::Language, slugs::Slugify};

/// A page's terms and its date, by the day of a month.
type Written = (Vec<String>, Option<u32>);

fn entry(path: &str, section: bool, meta: Meta) -> Entry {
    Entry {
        section,
        relative: format!("{path}.md"),
        directories: Vec::new(),
        canonical: path.to_owned(),
        lang: "en".into(),
        colocated: None,
        source: None,
        body_at: 0,
        meta,
        slug: path.to_owned(),
        path: format!("/{path}/"),
        permalink: format!("https://example.org/{path}/"),
        assets: Vec::new(),
        words: 0,
    }
}

fn library(pages: &[Written]) -> Library {
    let root = Meta {
        sort_by: SortBy::Date,
        ..Meta::of_section()
    };
    let mut entries = vec![entry("_index", true, root)];
    for (n, (terms, day)) in pages.iter().enumerate() {
        let meta = Meta {
            render: true,
            date: day.and_then(|day| Date::parse(&format!("2020-01-{:02}", day % 28 + 1))),
            taxonomies: BTreeMap::from([("tags".to_owned(), terms.clone())]),
            ..Meta::default()
        };
        entries.push(entry(&format!("p{n}"), false, meta));
    }
    let language = Language {
        taxonomies: vec![Taxonomy {
            name: "tags".into(),
            slug: "tags".into(),
            render: true,
            ..Taxonomy::default()
        }],
        ..Language::default()
    };
    let settings = Settings {
        base_url: "https://example.org".into(),
        default_language: "en".into(),
        languages: BTreeMap::from([("en".to_owned(), language)]),
        ..Settings::default()
    };
    Library::new(entries, &settings, &mut Diagnostics::new())
}

fn written() -> impl Strategy<Value = Written> {
    let term = prop_oneof!["[a-cA-C]", "[a-b] [a-b]", "É|ü|日本"];
    (
        proptest::collection::vec(term, 0..5),
        proptest::option::of(0_u32..28),
    )
}

proptest! {
    #[test]
    fn every_page_is_once_under_each_of_its_terms(pages in proptest::collection::vec(written(), 0..20)) {
        let library = library(&pages);
        let terms = &library.taxonomy("tags", "en").unwrap().terms;
        let slugs: Vec<&str> = terms.iter().map(|term| term.slug.as_str()).collect();
        let distinct: BTreeSet<&str> = slugs.iter().copied().collect();
        prop_assert_eq!(slugs.len(), distinct.len());
        for (n, (names, _)) in pages.iter().enumerate() {
            let at = library.find(&format!("p{n}.md")).unwrap();
            let own: BTreeSet<String> = names.iter().map(|name| Slugify::On.path(name)).collect();
            for term in terms {
                let times = term.pages.iter().filter(|page| **page == at).count();
                let is_own = own.contains(&term.slug) && !library.around[at].ignored;
                prop_assert_eq!(times, usize::from(is_own), "{} under {}", n, &term.slug);
            }
        }
        for term in terms {
            prop_assert!(!term.pages.is_empty());
            prop_assert_eq!(&term.path, &format!("/tags/{}/", term.slug));
            let dates: Vec<_> = term.pages.iter().map(|at| library.entries[*at].meta.date.as_ref().map(|d| d.seconds)).collect();
            prop_assert!(dates.windows(2).all(|pair| pair[0] >= pair[1]), "{:?}", dates);
        }
    }

    #[test]
    fn neighbours_are_those_of_the_order(pages in proptest::collection::vec(written(), 0..20)) {
        let library = library(&pages);
        let sorted = &library.around[0].pages;
        prop_assert_eq!(sorted.len(), pages.iter().filter(|(_, day)| day.is_some()).count());
        for (n, at) in sorted.iter().enumerate() {
            prop_assert_eq!(library.around[*at].lower, n.checked_sub(1).map(|n| sorted[n]));
            prop_assert_eq!(library.around[*at].higher, sorted.get(n + 1).copied());
            prop_assert!(!library.around[*at].ignored);
        }
    }
}
