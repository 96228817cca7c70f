//! What a deploy's commit message says, for people and for
//! `git log --format='%(trailers)'` (git-interpret-trailers(1)).
//!
//! | trailer | value |
//! |---|---|
//! | `Deploy` | the deploy's name, `SITE/TARGET/NUMBER`, which is its tag too |
//! | `Image-SHA256` | the image's hash and its path |
//! | `Source-Commit` | the commit of the site; ` dirty` where it was changed |
//! | `Source-Repository` | where that commit can be fetched, without passwords |
//! | `Zone-Serial` | a zone and its serial |
//! | `Rollback` | the deploy that this one goes back to |
//! | `Applgen-Version` | what made it |

use std::fmt::Write;

use super::{place::Place, statement::Statement};

/// The message of a commit that deploys to these places.
pub fn message(
    subject: &str,
    source_repository: Option<&str>,
    places: &[(&Place, &Statement)],
) -> String {
    let mut text = format!("{}\n\n", subject.lines().next().unwrap_or_default().trim());
    let mut said = Vec::new();
    let mut once = |text: &mut String, line: String| {
        if !said.contains(&line) {
            let _ = writeln!(text, "{line}");
            said.push(line);
        }
    };
    for (place, statement) in places {
        once(&mut text, format!("Deploy: {}", statement.name));
        let image = place.image_name();
        if let Some(hash) = statement.files.get(&image) {
            once(
                &mut text,
                format!("Image-SHA256: {hash} {}", place.path(&image)),
            );
        }
        if let Some(number) = statement.rollback {
            once(
                &mut text,
                format!("Rollback: {}", place.deploy_name(number)),
            );
        }
    }
    for (_, statement) in places {
        if let Some((commit, dirty)) = &statement.source {
            let dirty = if *dirty { " dirty" } else { "" };
            once(&mut text, format!("Source-Commit: {commit}{dirty}"));
        }
    }
    if let Some(address) = source_repository {
        once(&mut text, format!("Source-Repository: {address}"));
    }
    for (_, statement) in places {
        for (zone, serial) in &statement.serials {
            once(&mut text, format!("Zone-Serial: {zone} {serial}"));
        }
    }
    let version = env!("CARGO_PKG_VERSION");
    once(&mut text, format!("Applgen-Version: {version}"));
    text
}

/// The values of one trailer in what `%(trailers:only,unfold)` prints.
pub fn values<'t>(trailers: &'t str, key: &str) -> impl Iterator<Item = &'t str> {
    trailers.lines().filter_map(move |line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case(key).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Target;

    #[test]
    fn what_is_said_can_be_read() {
        let place = Place::new("talk", Target::Unix).unwrap();
        let statement = Statement {
            name: place.deploy_name(2),
            number: 2,
            source: Some(("b".repeat(40), false)),
            serials: [("example.org".to_owned(), 7)].into(),
            rollback: Some(1),
            files: [(place.image_name(), "0".repeat(64))].into(),
        };
        let text = message(
            "deploy talk\nand more",
            Some("https://x/y"),
            &[(&place, &statement)],
        );
        let (subject, trailers) = text.split_once("\n\n").unwrap();
        assert_eq!(subject, "deploy talk");
        let of = |key| values(trailers, key).collect::<Vec<_>>();
        assert_eq!(of("deploy"), ["talk/unix/2"]);
        assert_eq!(of("Rollback"), ["talk/unix/1"]);
        assert_eq!(of("Zone-Serial"), ["example.org 7"]);
        assert_eq!(of("Source-Commit"), ["b".repeat(40)]);
        assert!(of("Image-SHA256")[0].ends_with(" talk/unix/talk.unix"));
    }
}
