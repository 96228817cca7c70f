//! What the words after a fence mean: ```` ```rust [25: 1,4-8|10] ````.

/// A fence's info string, taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::slides) struct FenceInfo {
    /// `rust`
    pub language: Option<String>,
    /// What stands in brackets, without the first number; empty for `[]`.
    pub steps: Option<String>,
    /// The number of the first line.
    pub first: Option<String>,
}

impl FenceInfo {
    /// Reads an info string. The brackets may stand anywhere; the language is
    /// the first word of the rest, up to a comma or brace (`rust,ignore`).
    pub fn parse(info: &str) -> Self {
        let brackets = Brackets::find(info);
        let rest = match &brackets {
            Some(found) => format!("{} {}", &info[..found.start], &info[found.end..]),
            None => info.to_owned(),
        };
        let language: String = rest
            .trim()
            .trim_start_matches(['{', '.'])
            .chars()
            .take_while(|c| !c.is_whitespace() && !matches!(c, ',' | '{' | '}' | '"'))
            .collect();
        Self {
            language: (!language.is_empty()).then_some(language),
            first: brackets.as_ref().and_then(|found| found.first.clone()),
            steps: brackets.map(|found| found.steps),
        }
    }

    /// As attributes of a `code` element.
    pub fn attributes(&self) -> impl Iterator<Item = (&'static str, String)> + '_ {
        let class = self.language.as_ref().map(|language| {
            let class = match language.as_str() {
                "nohighlight" | "no-highlight" => language.clone(),
                _ => format!("language-{language}"),
            };
            ("class", class)
        });
        let steps = self.steps.clone().map(|steps| ("data-line-numbers", steps));
        let first = self.first.clone().map(|n| ("data-ln-start-from", n));
        [class, steps, first].into_iter().flatten()
    }
}

/// `[` spaces, digits and `:` or not, then only digits, spaces, `,`, `|`, `-`, `]`.
struct Brackets {
    start: usize,
    end: usize,
    first: Option<String>,
    steps: String,
}

impl Brackets {
    fn find(info: &str) -> Option<Self> {
        info.match_indices('[').find_map(|(start, _)| {
            let close = info[start..].find(']')?;
            let inner = info[start + 1..start + close].trim_start();
            let (first, steps) = match inner.split_once(':') {
                Some((first, steps)) if first.bytes().all(|b| b.is_ascii_digit()) => {
                    (Some(first), steps)
                }
                _ => (None, inner),
            };
            let allowed =
                |c: char| c.is_ascii_digit() || c.is_whitespace() || matches!(c, ',' | '|' | '-');
            steps.chars().all(allowed).then(|| Self {
                start,
                end: start + close + 1,
                first: first.filter(|n| !n.is_empty()).map(str::to_owned),
                steps: steps.trim().to_owned(),
            })
        })
    }
}

/// The language that a list of classes names.
pub(super) fn language(classes: &[String]) -> Option<String> {
    let prefixed = classes.iter().find_map(|class| {
        let name = class
            .strip_prefix("language-")
            .or_else(|| class.strip_prefix("lang-"))?;
        (!name.is_empty()).then(|| name.to_owned())
    });
    // Hand-written HTML often names it bare; only a known name counts then.
    prefixed.or_else(|| {
        classes
            .iter()
            .find(|class| super::highlight::is_language(class))
            .cloned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(info: &str) -> (Option<String>, Option<String>, Option<String>) {
        let FenceInfo {
            language,
            steps,
            first,
        } = FenceInfo::parse(info);
        (language, steps, first)
    }

    #[test]
    fn info_strings() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(parse("rust [1-2|3]"), (some("rust"), some("1-2|3"), None));
        assert_eq!(parse("js[1]"), (some("js"), some("1"), None));
        assert_eq!(
            parse("js [25: 1,4-8]"),
            (some("js"), some("1,4-8"), some("25"))
        );
        assert_eq!(parse("[]"), (None, some(""), None));
        assert_eq!(parse("rust,ignore {1}"), (some("rust"), None, None));
        assert_eq!(parse("{.python}"), (some("python"), None, None));
        assert_eq!(parse("c [a]"), (some("c"), None, None));
        assert_eq!(parse(""), (None, None, None));
    }
}
