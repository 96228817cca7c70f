//! What redirects do to a site, and what is wrong with them.
//!
//! A rule for one path becomes an answer of its own; a rule with a pattern is
//! kept for paths that nothing else answers. So the server looks a path up
//! first, and asks rules only when there is nothing: a file goes before a rule,
//! unless the rule is forced, and then it has taken the file's place here.
//!
//! Told as errors, with the line: a rule that an earlier one or a file hides, a
//! rewrite to what is not there, redirects that lead in a circle. A redirect to
//! what is not there is a warning, as any broken reference is.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use applgen_bundle::{
    http::pattern::{Captures, Piece, pieces},
    write,
};
use percent_encoding::{AsciiSet, percent_decode_str, percent_encode};

use super::{HeaderRule, Redirect, Rules, pattern::PathPattern, policy::redirect_lines};
use crate::{
    output::Output,
    report::{Diagnostic, Diagnostics, did_you_mean},
    site::{ENCODED_IN_PATH, UrlPath},
};

/// Rules with a pattern that a site may have: each costs time where nothing is found.
const MOST_PATTERNS: usize = 1000;

/// Redirects in a row that browsers follow; more is a circle to people.
const MOST_HOPS: usize = 10;

/// What a rule makes of one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A redirect.
    Redirect {
        /// The status.
        status: u16,
        /// The location, percent-encoded.
        location: String,
    },
    /// Another path's answer, with this status unless it is 200.
    Alias {
        /// The path.
        to: UrlPath,
        /// The status.
        status: u16,
    },
    /// A status without a page.
    Bare(u16),
}

/// The rules of a site, compiled.
#[derive(Debug, Default)]
pub struct Compiled {
    /// By path.
    pub exact: BTreeMap<UrlPath, Answer>,
    /// Those with a pattern, in their order.
    pub patterns: Vec<write::Rule>,
}

/// Applies a site's redirects to what it serves.
pub fn apply(output: &mut Output, rules: &Rules, diagnostics: &mut Diagnostics) {
    let mut compiler = Compiler {
        output,
        redirects: &rules.redirects,
        exact: rules
            .redirects
            .iter()
            .filter_map(|r| r.from.exact())
            .collect(),
        headers: &rules.headers,
        diagnostics,
    };
    let mut known = Known::default();
    for index in 0..rules.redirects.len() {
        compiler.rule(index, &mut known);
    }
    compiler.check_targets();
}

/// The rules so far, by what they fit: there may be tens of thousands for one
/// path each.
#[derive(Default)]
struct Known<'a> {
    exact: HashMap<&'a [u8], &'a Redirect>,
    patterns: Vec<&'a Redirect>,
}

impl<'a> Known<'a> {
    fn add(&mut self, rule: &'a Redirect) {
        match rule.from.exact() {
            Some(path) => drop(self.exact.entry(path.as_bytes()).or_insert(rule)),
            None => self.patterns.push(rule),
        }
    }

    /// Whether an earlier rule fits a path.
    fn fits(&self, path: &[u8]) -> bool {
        let fits = |rule: &&Redirect| rule.from.matches(path).is_some();
        self.exact.contains_key(path) || self.patterns.iter().any(fits)
    }

    /// The earlier rule that fits all of these paths.
    fn hides(&self, paths: &[Vec<u8>]) -> Option<&'a Redirect> {
        if let [path] = paths
            && let Some(rule) = self.exact.get(path.as_slice())
        {
            return Some(rule);
        }
        let fits = |rule: &&&Redirect| {
            let mut paths = paths.iter();
            paths.all(|path| rule.from.matches(path).is_some())
        };
        self.patterns.iter().find(fits).copied()
    }
}

struct Compiler<'a> {
    output: &'a mut Output,
    redirects: &'a [Redirect],
    /// The paths that have a rule of their own.
    exact: HashSet<&'a UrlPath>,
    headers: &'a [HeaderRule],
    diagnostics: &'a mut Diagnostics,
}

impl<'a> Compiler<'a> {
    fn error(&mut self, rule: &Redirect, message: String, hint: String) {
        self.diagnostics
            .push(Diagnostic::error(message).at(rule.place.clone()).hint(hint));
    }

    fn rule(&mut self, index: usize, known: &mut Known<'a>) {
        let rule = &self.redirects[index];
        let earlier = known.hides(&samples(&rule.from));
        if let Some(earlier) = earlier {
            let message = format!(
                "the rule for `{}` is never used: `{}` above goes before it",
                rule.from.written(),
                earlier.from.written()
            );
            let hint = match earlier.from.exact() {
                Some(_) => "remove one of the two",
                None => "move it above the other, or remove it",
            };
            return self.error(rule, message, hint.to_owned());
        }
        match rule.from.exact() {
            Some(path) => self.exact(rule, &path.clone(), known),
            None => self.pattern(rule, known),
        }
        known.add(rule);
    }

    fn exact(&mut self, rule: &Redirect, path: &UrlPath, known: &Known<'_>) {
        if let Some(origin) = self.output.claim_of(path).map(str::to_owned) {
            if !rule.force {
                let message =
                    format!("the rule for `{path}` is never used: `{origin}` is served there");
                let status = rule.status;
                let hint = format!("write `{status}!` to let the rule go first, or remove it");
                return self.error(rule, message, hint);
            }
            self.output.withdraw(path);
        }
        let Some(answer) = self.answer(rule, path) else {
            return;
        };
        // With a slash at the end or without one: both are meant.
        let twin = match path.as_bytes().strip_suffix(b"/") {
            Some([]) => None,
            Some(bare) => Some(bare.to_vec()),
            None => Some([path.as_bytes(), b"/"].concat()),
        };
        if let Some(twin) = twin.map(UrlPath::from_bytes)
            && self.output.claim_of(&twin).is_none()
            && !self.exact.contains(&twin)
            && !known.fits(twin.as_bytes())
            && internal(&answer).as_ref() != Some(&twin)
        {
            self.insert(twin, answer.clone());
        }
        self.insert(path.clone(), answer);
    }

    fn insert(&mut self, path: UrlPath, answer: Answer) {
        self.output.redirects.remove(&path);
        self.output.aliases.remove(&path);
        self.output.rules.exact.insert(path, answer);
    }

    fn pattern(&mut self, rule: &Redirect, known: &Known<'_>) {
        if rule.force {
            // What is there already, and no earlier rule has a word on.
            let taken: Vec<UrlPath> = self
                .output
                .paths()
                .filter(|path| rule.from.matches(path.as_bytes()).is_some())
                .filter(|path| !known.fits(path.as_bytes()))
                .cloned()
                .collect();
            // A rewrite's own target stays what it is.
            let target = self.static_target(rule);
            for path in taken {
                if rule.status == 200 && target.as_ref() == Some(&path) {
                    continue;
                }
                self.output.withdraw(&path);
                if let Some(answer) = self.answer(rule, &path) {
                    self.insert(path, answer);
                }
            }
        }
        if !self.has_target(rule, self.static_target(rule)) {
            return;
        }
        let is_redirect = (300..400).contains(&rule.status);
        let target = match &rule.to {
            Some(to) => rule.from.template(to, is_redirect).unwrap_or_default(),
            None => write::Template::new(),
        };
        let headers = match is_redirect {
            true => redirect_lines(&self.output.policy, self.headers, None, rule.status),
            false => Vec::new(),
        };
        let mut patterns = vec![rule.from.compiled().clone()];
        // As for one path: with a slash at the end or without one.
        if !rule.from.written().contains('*')
            && !rule.from.written().ends_with('/')
            && let Ok(twin) = PathPattern::parse(&format!("{}/", rule.from.written()))
        {
            patterns.push(twin.compiled().clone());
        }
        for pattern in patterns {
            self.output.rules.patterns.push(write::Rule {
                pattern,
                status: rule.status,
                target: target.clone(),
                headers: headers.clone(),
            });
        }
        if self.output.rules.patterns.len() > MOST_PATTERNS {
            self.error(
                rule,
                format!("more than {MOST_PATTERNS} rules with a pattern"),
                "rules for one path each are free, and have no such limit".to_owned(),
            );
        }
    }

    /// The path that a rewrite or a page leads to, where no capture is in it.
    fn static_target(&self, rule: &Redirect) -> Option<UrlPath> {
        let to = rule
            .to
            .as_deref()
            .filter(|_| !(300..400).contains(&rule.status))?;
        let template = rule.from.template(to, false).ok()?;
        let is_static = pieces(template.encoded()).all(|piece| matches!(piece, Piece::Literal(_)));
        is_static.then(|| UrlPath::from_bytes(template.fill(&Captures::default())))
    }

    /// Whether what a rewrite leads to is there; if not, that is told.
    fn has_target(&mut self, rule: &Redirect, target: Option<UrlPath>) -> bool {
        let Some(target) = target else {
            return true;
        };
        let mut path = target.clone();
        for _ in 0..=self.output.rules.exact.len() {
            match self.output.rules.exact.get(&path) {
                Some(Answer::Alias { to, .. }) => path = to.clone(),
                Some(_) => return true,
                None if self.output.leads_exactly(&path) => return true,
                None => break,
            }
        }
        let own: Vec<String> = self.output.paths().map(ToString::to_string).collect();
        let hint = match did_you_mean(&target.to_string(), own.iter().map(String::as_str)) {
            Some(close) => format!("did you mean `{close}`?"),
            None => "a rewrite leads to a path that is served".to_owned(),
        };
        let message = format!("the rule leads to `{target}`, and nothing is there");
        self.error(rule, message, hint);
        false
    }

    /// What a rule makes of one path that fits it.
    fn answer(&mut self, rule: &Redirect, path: &UrlPath) -> Option<Answer> {
        let Some(to) = &rule.to else {
            return Some(Answer::Bare(rule.status));
        };
        let captures = rule.from.matches(path.as_bytes())?;
        let is_redirect = (300..400).contains(&rule.status);
        let template = rule.from.template(to, is_redirect).ok()?;
        if is_redirect {
            return Some(Answer::Redirect {
                status: rule.status,
                location: location(&template, &captures),
            });
        }
        let to = UrlPath::from_bytes(template.fill(&captures));
        self.has_target(rule, Some(to.clone()))
            .then_some(Answer::Alias {
                to,
                status: rule.status,
            })
    }

    /// Follows every redirect of a rule to where it ends.
    fn check_targets(&mut self) {
        let mut told: BTreeSet<UrlPath> = BTreeSet::new();
        for rule in self.redirects {
            let is_redirect = (300..400).contains(&rule.status);
            let to = rule
                .to
                .as_deref()
                .filter(|_| is_redirect)
                .unwrap_or_default();
            if !to.starts_with('/') || to.starts_with("//") {
                continue;
            }
            let mut circle = None;
            for sample in samples(&rule.from) {
                let start = UrlPath::from_bytes(sample);
                if let Err(path) = self.follow(&start) {
                    circle = Some(path);
                }
            }
            if let Some(path) = circle {
                // The rules of one circle are told once.
                if told.insert(path.clone()) {
                    let message = format!(
                        "the rule for `{}` leads in a circle, by way of `{path}`",
                        rule.from.written()
                    );
                    let hint = "let it lead to a path that no rule redirects".to_owned();
                    self.error(rule, message, hint);
                }
                continue;
            }
            let Ok(template) = rule.from.template(to, true) else {
                continue;
            };
            let is_static = pieces(template.encoded()).all(|p| matches!(p, Piece::Literal(_)));
            let target = path_of(to).filter(|_| is_static);
            if let Some(target) = target
                && !self.output.answers(&target)
            {
                self.diagnostics.push(
                    Diagnostic::warning(format!(
                        "the rule leads to `{target}`, and nothing is there"
                    ))
                    .at(rule.place.clone())
                    .hint("write the path of a file or a page of the site"),
                );
            }
        }
    }

    /// Follows redirects from a path; the error is a path that comes again.
    fn follow(&self, start: &UrlPath) -> Result<(), UrlPath> {
        let mut path = start.clone();
        let mut seen = BTreeSet::new();
        for _ in 0..=MOST_HOPS {
            let Some(next) = self.output.redirect_of(&path) else {
                return Ok(());
            };
            if !seen.insert(path.clone()) {
                return Err(seen.into_iter().next().unwrap_or(path));
            }
            path = next;
        }
        Err(start.clone())
    }
}

/// Where an answer leads inside the site, as a redirect.
pub fn internal(answer: &Answer) -> Option<UrlPath> {
    match answer {
        Answer::Redirect { location, .. } => path_of(location),
        Answer::Alias { .. } | Answer::Bare(_) => None,
    }
}

/// The path of a reference that stays on the site.
pub fn path_of(location: &str) -> Option<UrlPath> {
    if !location.starts_with('/') || location.starts_with("//") {
        return None;
    }
    let end = location.find(['?', '#']).unwrap_or(location.len());
    let path: Vec<u8> = percent_decode_str(&location[..end]).collect();
    Some(UrlPath::from_bytes(path))
}

/// What a capture cannot have in a query, whose fields `&` parts.
const IN_QUERY: &AsciiSet = &ENCODED_IN_PATH.add(b'&').add(b'=').add(b'+');

/// A template filled as the server fills it.
pub fn location(template: &write::Template, captures: &Captures<'_>) -> String {
    let mut text = String::new();
    for piece in pieces(template.encoded()) {
        match piece {
            Piece::Literal(literal) => text.push_str(&String::from_utf8_lossy(literal)),
            Piece::Capture(number) => {
                let set = match text.contains('?') {
                    true => IN_QUERY,
                    false => ENCODED_IN_PATH,
                };
                text.push_str(&percent_encode(captures.get(number), set).to_string());
            }
        }
    }
    // Two slashes at the front would name a host.
    let trimmed = text.trim_start_matches('/');
    let slashes = text.len() - trimmed.len();
    let is_written = matches!(pieces(template.encoded()).next(), Some(Piece::Literal(l)) if l.starts_with(b"//"));
    if slashes > 1 && !is_written {
        text = format!("/{trimmed}");
    }
    text
}

/// Paths that fit a pattern, one of each kind.
fn samples(pattern: &PathPattern) -> Vec<Vec<u8>> {
    if let Some(path) = pattern.exact() {
        return vec![path.as_bytes().to_vec()];
    }
    let mut samples = Vec::new();
    for (segment, splat) in [
        ("x7q", ""),
        ("x7q", "y8w"),
        ("index.html", "z9v/u0t"),
        ("x7q", "y8w/z9v.html"),
    ] {
        let written: Vec<String> = pattern
            .written()
            .split('/')
            .map(|part| match part.starts_with(':') {
                true => segment.to_owned(),
                false => part.replace('*', splat),
            })
            .collect();
        let path: Vec<u8> = percent_decode_str(&written.join("/")).collect();
        // A `:` that is no placeholder, and other odd ones, are left out.
        if pattern.matches(&path).is_some() {
            samples.push(path);
        }
    }
    samples
}

#[cfg(test)]
mod tests;
