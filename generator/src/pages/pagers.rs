//! Pagination: which pages are on which pager, and where the pagers are.

/// One pager of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pager {
    /// From 1.
    pub index: usize,
    /// Where it is.
    pub path: String,
    /// Its pages.
    pub pages: Vec<usize>,
}

/// The pagers of a list at `path`, `by` pages each; at least one. The first is
/// at the list's own path, the others below it and `word`.
pub fn pagers(path: &str, word: &str, pages: &[usize], by: usize, reversed: bool) -> Vec<Pager> {
    let mut pages = pages.to_vec();
    if reversed {
        pages.reverse();
    }
    let mut chunks: Vec<Vec<usize>> = pages.chunks(by.max(1)).map(<[usize]>::to_vec).collect();
    if chunks.is_empty() {
        chunks.push(Vec::new());
    }
    chunks
        .into_iter()
        .enumerate()
        .map(|(n, pages)| Pager {
            index: n + 1,
            path: if n == 0 {
                path.to_owned()
            } else {
                numbered(path, word, n + 1)
            },
            pages,
        })
        .collect()
}

/// The directory that pagers are in.
pub fn base(path: &str, word: &str) -> String {
    match word.trim_matches('/') {
        "" => path.to_owned(),
        word => format!("{path}{word}/"),
    }
}

/// The path of a pager by its number.
pub fn numbered(path: &str, word: &str, index: usize) -> String {
    format!("{}{index}/", base(path, word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_is_the_list_itself() {
        let paths: Vec<String> = pagers("/blog/", "page", &[1, 2, 3], 2, false)
            .into_iter()
            .map(|p| p.path)
            .collect();
        assert_eq!(paths, ["/blog/", "/blog/page/2/"]);
        assert_eq!(numbered("/", "", 2), "/2/");
    }

    proptest! {
        #[test]
        fn every_page_is_on_one_pager(count in 0_usize..200, by in 1_usize..30, reversed: bool) {
            let pages: Vec<usize> = (0..count).collect();
            let all = pagers("/x/", "page", &pages, by, reversed);
            prop_assert_eq!(all.len(), count.div_ceil(by).max(1));
            let mut joined: Vec<usize> = all.iter().flat_map(|p| p.pages.clone()).collect();
            if reversed {
                joined.reverse();
            }
            prop_assert_eq!(joined, pages);
            prop_assert!(all.iter().rev().skip(1).all(|p| p.pages.len() == by));
            let paths: std::collections::BTreeSet<&str> = all.iter().map(|p| p.path.as_str()).collect();
            prop_assert_eq!(paths.len(), all.len());
        }
    }
}
