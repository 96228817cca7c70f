//! `SITE/TARGET/latest`: what is deployed there, in the form that
//! `sha256sum -c` reads.
//!
//! ```text
//! # applgen-deploy 1: talk/unix/7
//! # source: 91ac2d0e… (the commit of the site; ` dirty` when it was changed)
//! # serial: example.org 2026112801
//! # rollback: 5
//! 0f3a…  talk.unix
//! 77b2…  talk.unix.json
//! ```
//!
//! The statement names every file of the deploy by its hash, so one signature
//! over it covers all of them, its number and its serials. Numbers of a place
//! grow with every deploy, a rollback included.

use std::{collections::BTreeMap, fmt::Write};

use super::place::Place;

/// The statement's name in the folder of its place.
pub const FILE_NAME: &str = "latest";

/// The first line up to the deploy's name.
const HEAD: &str = "# applgen-deploy 1: ";

/// A statement longer than this is none.
const MAX_BYTES: usize = 1 << 20;

/// What a place has live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The deploy's name.
    pub name: String,
    /// The deploy's number at its place: 1 for the first.
    pub number: u64,
    /// The commit that the site was built from, and whether it was changed.
    pub source: Option<(String, bool)>,
    /// The serial of each zone.
    pub serials: BTreeMap<String, u32>,
    /// The deploy that this one goes back to.
    pub rollback: Option<u64>,
    /// The files beside it, with their SHA-256.
    pub files: BTreeMap<String, String>,
}

impl Statement {
    /// As the file's text.
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEAD}{}\n", self.name);
        if let Some((commit, dirty)) = &self.source {
            let dirty = if *dirty { " dirty" } else { "" };
            let _ = writeln!(text, "# source: {commit}{dirty}");
        }
        for (zone, serial) in &self.serials {
            let _ = writeln!(text, "# serial: {zone} {serial}");
        }
        if let Some(number) = self.rollback {
            let _ = writeln!(text, "# rollback: {number}");
        }
        for (name, hash) in &self.files {
            let _ = writeln!(text, "{hash}  {name}");
        }
        text
    }

    /// Reads the statement of a place; the error says what is wrong with it.
    pub fn parse(place: &Place, text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text)
            .ok()
            .filter(|text| text.len() <= MAX_BYTES)
            .ok_or("it is no text")?;
        let mut lines = text.lines();
        let name = lines
            .next()
            .and_then(|line| line.strip_prefix(HEAD))
            .ok_or("its first line is not that of a deploy")?;
        let number = name
            .rsplit('/')
            .next()
            .and_then(|number| number.parse().ok())
            .filter(|&number| place.deploy_name(number) == name)
            .ok_or_else(|| format!("it is about `{name}`"))?;
        let mut statement = Self {
            name: name.to_owned(),
            number,
            source: None,
            serials: BTreeMap::new(),
            rollback: None,
            files: BTreeMap::new(),
        };
        for line in lines {
            statement
                .line(line)
                .ok_or_else(|| format!("it has the line `{}`", line.escape_debug()))?;
        }
        if !statement.files.contains_key(&place.image_name()) {
            return Err(format!("it does not name `{}`", place.image_name()));
        }
        Ok(statement)
    }

    fn line(&mut self, line: &str) -> Option<()> {
        if let Some(fact) = line.strip_prefix("# ") {
            let (key, value) = fact.split_once(": ")?;
            match key {
                "source" => {
                    let (commit, dirty) = match value.strip_suffix(" dirty") {
                        Some(commit) => (commit, true),
                        None => (value, false),
                    };
                    is_hash(commit).then(|| self.source = Some((commit.to_owned(), dirty)))
                }
                "serial" => {
                    let (zone, serial) = value.split_once(' ')?;
                    self.serials.insert(zone.to_owned(), serial.parse().ok()?);
                    Some(())
                }
                "rollback" => {
                    self.rollback = Some(value.parse().ok()?);
                    Some(())
                }
                _ => None,
            }
        } else {
            let (hash, name) = line.split_once("  ")?;
            let named = hash.len() == 64 && is_hash(hash) && super::place::is_name(name);
            let first = self
                .files
                .insert(name.to_owned(), hash.to_owned())
                .is_none();
            (named && first).then_some(())
        }
    }
}

fn is_hash(text: &str) -> bool {
    matches!(text.len(), 40 | 64)
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Target;

    fn statement(place: &Place) -> Statement {
        Statement {
            name: place.deploy_name(7),
            number: 7,
            source: Some(("a".repeat(40), true)),
            serials: [("example.org".to_owned(), 4_294_967_295)].into(),
            rollback: Some(5),
            files: [(place.image_name(), "0".repeat(64))].into(),
        }
    }

    #[test]
    fn statements_come_back() {
        let place = Place::new("my talk", Target::Unix).unwrap();
        let statement = statement(&place);
        let text = statement.to_text();
        assert_eq!(Statement::parse(&place, text.as_bytes()), Ok(statement));
        assert!(text.ends_with(&format!("{}  my talk.unix\n", "0".repeat(64))));
    }

    #[test]
    fn what_is_no_statement_of_the_place_is_told() {
        let place = Place::new("talk", Target::Unix).unwrap();
        let text = statement(&place).to_text();
        let other = Place::new("other", Target::Unix).unwrap();
        assert!(
            Statement::parse(&other, text.as_bytes())
                .unwrap_err()
                .contains("talk/unix/7")
        );
        for (from, to) in [
            ("# source: a", "# source: x"),
            ("# rollback: 5", "# rollback: five"),
            ("talk.unix\n", "../talk.unix\n"),
            ("# serial", "# cereal"),
            ("unix/7", "unix/07"),
            ("talk.unix\n", "else.unix\n"),
        ] {
            let damaged = text.replacen(from, to, 1);
            assert_ne!(damaged, text);
            assert!(
                Statement::parse(&place, damaged.as_bytes()).is_err(),
                "{to}"
            );
        }
        assert!(Statement::parse(&place, b"\xff").is_err());
    }
}
