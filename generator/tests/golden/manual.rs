//! The manual (`sites/manual`) is complete: every command and option, every key
//! of every configuration, every boot word, every exit status of a guest. And
//! none of its links is broken.

use std::{collections::BTreeMap, fs, path::Path};

use applgen::{cli::Cli, pages, site, slides};
use clap::CommandFactory;

use crate::support::{command, ran};

fn manual() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sites/manual")
}

/// A page of the manual, by its headings: what stands below each.
fn sections(page: &str) -> BTreeMap<String, String> {
    let path = manual().join("content").join(page);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{page}: {error}"));
    let mut sections = BTreeMap::new();
    let mut heading = String::new();
    let mut is_code = false;
    for line in text.lines() {
        is_code ^= line.starts_with("```");
        match line.split_once(' ') {
            Some((marks, name))
                if !is_code && !marks.is_empty() && marks.bytes().all(|b| b == b'#') =>
            {
                heading = name.to_owned();
            }
            _ => {
                let section: &mut String = sections.entry(heading.clone()).or_default();
                section.push_str(line);
                section.push('\n');
            }
        }
    }
    sections
}

/// Every word or phrase that stands as code.
fn code(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

fn has_word(text: &str, word: &str) -> bool {
    code(text)
        .iter()
        .any(|code| code.split([' ', ',', '=']).any(|part| part == word))
}

/// What is missing of `words` in the section of a page, described.
fn missing<'a>(
    page: &str,
    section: Option<&str>,
    words: impl IntoIterator<Item = &'a str>,
) -> Vec<String> {
    let sections = sections(page);
    let text = match section {
        Some(name) => sections
            .get(name)
            .cloned()
            .unwrap_or_else(|| panic!("{page} has no heading `{name}`")),
        None => sections.into_values().collect(),
    };
    words
        .into_iter()
        .filter(|word| !has_word(&text, word))
        .map(|word| {
            format!(
                "`{word}` in {page}, below {}",
                section.unwrap_or("anything")
            )
        })
        .collect()
}

/// Commands that people call, with the words before them.
fn commands(command: &clap::Command, before: &str, all: &mut Vec<(String, clap::Command)>) {
    for inner in command.get_subcommands() {
        if inner.is_hide_set() || inner.get_name() == "help" {
            continue;
        }
        let name = format!("{before} {}", inner.get_name());
        commands(inner, &name, all);
        all.push((name, inner.clone()));
    }
}

#[test]
fn every_command_and_option_is_in_it() {
    let mut all = Vec::new();
    commands(&Cli::command(), "applgen", &mut all);
    assert!(all.len() > 10);
    let sections = sections("commands.md");
    let mut lacking = Vec::new();
    for (name, command) in all {
        let Some(text) = sections.get(&name) else {
            lacking.push(format!("a heading `{name}` in commands.md"));
            continue;
        };
        for argument in command
            .get_arguments()
            .filter(|argument| !argument.is_hide_set())
        {
            let flag = match (argument.get_long(), argument.get_short()) {
                (Some("help" | "version"), _) => continue,
                (Some(long), _) => format!("--{long}"),
                (None, Some(short)) => format!("-{short}"),
                (None, None) => continue,
            };
            if !has_word(text, &flag) {
                lacking.push(format!("`{flag}` in commands.md, below {name}"));
            }
        }
    }
    assert!(lacking.is_empty(), "the manual lacks {lacking:#?}");
}

#[test]
fn every_key_is_in_it() {
    let mut lacking = Vec::new();
    for (table, keys) in site::config::keys() {
        // Tables have headings of their own.
        let keys = keys.iter().copied().filter(|key| {
            !table.is_empty()
                || !site::config::keys()
                    .iter()
                    .any(|(name, _)| name.trim_matches(['[', ']']) == *key)
        });
        let section = if table.is_empty() { "The top" } else { table };
        lacking.extend(missing("configuration.md", Some(section), keys));
    }
    for (section, keys) in pages::settings::keys() {
        lacking.extend(missing("websites.md", Some(section), keys.iter().copied()));
    }
    for (section, keys) in pages::front_matter::keys() {
        lacking.extend(missing("websites.md", Some(section), keys.iter().copied()));
    }
    lacking.extend(missing(
        "decks.md",
        Some("Front matter"),
        slides::front_matter_keys().iter().copied(),
    ));
    assert!(lacking.is_empty(), "the manual lacks {lacking:#?}");
}

#[test]
fn every_boot_word_and_exit_status_is_in_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../appliance");
    let read = |path: &str| fs::read_to_string(folder.join(path)).unwrap();
    // `"ip" => Self::IP,`
    let words = read("bundle/src/boot/mod.rs");
    let words: Vec<&str> = words
        .lines()
        .filter_map(|line| line.trim().strip_prefix('"')?.split_once("\" => Self::"))
        .map(|(word, _)| word)
        .collect();
    assert!(words.len() >= 13, "{words:?}");
    let mut lacking = missing("boot-words.md", None, words);
    // `    Panic = 1,`
    let exits = read("kernel/src/exit.rs");
    let statuses = exits
        .lines()
        .filter_map(|line| {
            line.strip_prefix("    ")?
                .strip_suffix(',')?
                .split_once(" = ")
        })
        .map(|(_, code)| format!("| {} |", code.parse::<u8>().unwrap() * 2 + 1));
    let text = &sections("errors.md")["Exit codes of a guest"];
    lacking.extend(statuses.filter(|status| !text.contains(status.as_str())));
    assert!(lacking.is_empty(), "the manual lacks {lacking:#?}");
}

#[test]
fn every_limit_of_http_is_in_it() {
    use applgen_http::limits;
    let text = &sections("limits.md")["HTTP"];
    for figure in [
        limits::REQUEST_BYTES,
        limits::TARGET_BYTES,
        limits::FIELDS,
        limits::CHUNK_LINE_BYTES,
        limits::HEAD_MAX,
        limits::LIST_ELEMENTS,
        limits::RANGES,
        limits::REQUESTS_PER_CONNECTION as usize,
    ] {
        let is_there = text
            .split(|c: char| !c.is_ascii_digit())
            .any(|number| number == figure.to_string());
        assert!(is_there, "the manual lacks the limit {figure}");
    }
    let serve = &sections("limits.md")["`serve`"];
    assert!(serve.contains(&applgen::serve::http::CONNECTIONS.to_string()));
}

#[test]
fn the_limit_of_a_sites_own_files_is_in_it() {
    let digits = site::MAX_CONFIG_BYTES.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap())
        .collect();
    let row = format!(
        "| `applgen.toml`, `_redirects`, `_headers` | {} bytes each | an error |",
        groups.join(",")
    );
    let text = &sections("limits.md")["A site"];
    assert!(text.contains(&row), "no `{row}` in {text}");
}

#[test]
fn none_of_its_links_is_broken() {
    let mut command = command(&manual());
    let ran = ran(command.args(["check", "."])).code(0);
    assert!(ran.stderr.contains("nothing to mend"), "{ran:#?}");
}

#[test]
fn it_has_the_theme_that_new_sites_have() {
    let scaffold = Path::new(env!("CARGO_MANIFEST_DIR")).join("../templates/new/website");
    let read = |path: std::path::PathBuf| fs::read_to_string(path).unwrap();
    for same in ["macros.html", "section.html", "404.html"] {
        assert_eq!(
            read(manual().join("templates").join(same)),
            read(scaffold.join("templates").join(same)),
            "{same} is not that of `templates/new/website`"
        );
    }
    // The manual's own rules follow those of the theme.
    let theme = read(scaffold.join("sass/site.scss"));
    let own = read(manual().join("sass/site.scss"));
    assert!(
        own.strip_prefix(theme.as_str())
            .is_some_and(|rest| rest.starts_with("\n// The manual:")),
        "`sites/manual/sass/site.scss` does not begin with that of `templates/new/website`"
    );
}
