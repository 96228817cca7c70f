//! Glob patterns of `ignored_content` and `ignored_static`: `*`, `**`, `?`,
//! `[a-z]` and `{a,b}`, turned into one regular expression.

use regex::Regex;

/// Some patterns.
#[derive(Debug, Default)]
pub struct Globs(Vec<Regex>);

impl Globs {
    /// Reads patterns; the first that is broken is the error.
    pub fn new(patterns: &[String]) -> Result<Self, String> {
        patterns
            .iter()
            .map(|pattern| {
                Regex::new(&translate(pattern)).map_err(|_| format!("`{pattern}` is no glob"))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether any pattern fits the path, or its file name.
    pub fn fit(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        self.0
            .iter()
            .any(|glob| glob.is_match(path) || glob.is_match(name))
    }
}

fn translate(glob: &str) -> String {
    let mut out = String::from("^");
    let mut chars = glob.chars().peekable();
    let mut braces = 0_usize;
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.peek() == Some(&'*') => {
                chars.next();
                if chars.peek() == Some(&'/') {
                    chars.next();
                    out.push_str("(?:.*/)?");
                } else {
                    out.push_str(".*");
                }
            }
            // As Zola's matcher takes it, `*` also passes over `/`.
            '*' => out.push_str(".*"),
            '?' => out.push('.'),
            '{' => {
                braces += 1;
                out.push_str("(?:");
            }
            '}' if braces > 0 => {
                braces -= 1;
                out.push(')');
            }
            ',' if braces > 0 => out.push('|'),
            '[' => {
                out.push('[');
                if chars.peek() == Some(&'!') {
                    chars.next();
                    out.push('^');
                }
                for c in chars.by_ref() {
                    match c {
                        ']' => break,
                        '-' => out.push('-'),
                        c => out.push_str(&regex::escape(&c.to_string())),
                    }
                }
                out.push(']');
            }
            '\\' => {
                if let Some(c) = chars.next() {
                    out.push_str(&regex::escape(&c.to_string()));
                }
            }
            c => out.push_str(&regex::escape(&c.to_string())),
        }
    }
    out.push('$');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let globs = |pattern: &str| Globs::new(&[pattern.to_owned()]).unwrap();
        assert!(globs("*.{graphml,xlsx}").fit("a/b.xlsx"));
        assert!(!globs("*.{graphml,xlsx}").fit("a/b.xls"));
        assert!(globs("temp.?").fit("x/temp.a"));
        assert!(globs("**/build/*").fit("a/b/build/x"));
        assert!(globs("[a-c].md").fit("b.md") && !globs("[!a-c].md").fit("b.md"));
        assert!(Globs::new(&["{a".into()]).is_err());
    }
}
