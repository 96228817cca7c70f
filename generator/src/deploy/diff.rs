//! What changed between two images, read from the bundles themselves: paths,
//! header lines, boot words, features, kernels, and sections of any kind.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use applgen_bundle::{
    Bundle, TAG_BOOT, TAG_DNS, TAG_HTTP, TAG_INFO,
    dns::Zones,
    http::{Encoding, Entry, Kind, Site},
};
use serde::Serialize;
use serde_json::Value;

use crate::image::{digest::sha256, find_bundle};

use super::{place::Place, records};

/// What is compared of one image.
#[derive(Debug, Default)]
pub struct Facts {
    target: String,
    kernel: String,
    boot: String,
    features: Vec<String>,
    sections: BTreeMap<String, String>,
    paths: BTreeMap<String, Answer>,
    records: BTreeSet<(String, String)>,
}

/// What one path answers with.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    what: String,
    body: Option<(u64, String)>,
    headers: Vec<String>,
}

/// One thing that differs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What kind of thing: `path`, `header`, `record`, `boot`, `feature`, `kernel`, `section`,
    /// and `place`, where a whole one came or went.
    pub kind: &'static str,
    /// `added`, `removed` or `changed`.
    pub change: &'static str,
    /// Its name: a path, a feature.
    pub name: String,
    /// What it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The hash of what a path had: content may change and keep its length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_sha256: Option<String>,
    /// The hash of what it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_sha256: Option<String>,
}

impl Facts {
    /// Reads an image; the error says why it is none.
    pub fn of(image: &[u8]) -> Result<Self, String> {
        let range = find_bundle(image).ok_or("it holds no bundle")?;
        let kernel = image.get(..range.start).unwrap_or_default();
        let blob = image.get(range).unwrap_or_default();
        let bundle = Bundle::parse(blob).map_err(|error| error.to_string())?;
        let mut facts = Self {
            kernel: kernel_identity(kernel),
            ..Self::default()
        };
        for section in bundle.sections() {
            let tag = section.tag.escape_ascii().to_string().trim_end().to_owned();
            match section.tag {
                TAG_BOOT => facts.boot = String::from_utf8_lossy(section.bytes).into_owned(),
                TAG_INFO => {
                    let info: Value = serde_json::from_slice(section.bytes).unwrap_or_default();
                    let target = info.get("target").and_then(Value::as_str);
                    facts.target = target.unwrap_or_default().to_owned();
                    facts.features = features(&info);
                }
                TAG_HTTP => {
                    let site = Site::parse(section).map_err(|error| error.to_string())?;
                    facts.paths = site
                        .entries()
                        .map(|entry| (shown(entry.path()), Answer::of(&entry)))
                        .collect();
                }
                TAG_DNS => {
                    let zones = Zones::parse(section).map_err(|error| error.to_string())?;
                    facts.records = records::records(&zones);
                }
                _ => {
                    facts.sections.insert(tag, sha256(section.bytes));
                }
            }
        }
        Ok(facts)
    }

    /// The suffix of what it runs on.
    pub fn target(&self) -> &str {
        &self.target
    }
}

impl Difference {
    /// A place that came or went.
    pub fn of_place(change: &'static str, place: &Place) -> Self {
        Self {
            kind: "place",
            change,
            name: place.to_string(),
            ..Self::default()
        }
    }
}

/// A kernel's hash, without the program header that says how long the bundle is:
/// what lies behind the headers is the kernel's own.
fn kernel_identity(kernel: &[u8]) -> String {
    sha256(kernel.get(4096..).unwrap_or_default())
}

fn features(info: &Value) -> Vec<String> {
    let list = info.get("features").and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|feature| feature.get("name")?.as_str().map(str::to_owned))
        .collect()
}

fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

impl Answer {
    fn of(entry: &Entry<'_>) -> Self {
        let target = shown(entry.target());
        match entry.kind() {
            Kind::Alias => Self::without_body(format!("= {target}")),
            Kind::Redirect => Self::without_body(format!("{} -> {target}", entry.status())),
            Kind::Bare => Self::without_body(entry.status().to_string()),
            Kind::Resource => {
                let identity = entry.representation(Encoding::Identity);
                let mut headers: Vec<String> = identity
                    .iter()
                    .flat_map(|found| {
                        let lines = String::from_utf8_lossy(found.header_lines());
                        lines.split("\r\n").map(str::to_owned).collect::<Vec<_>>()
                    })
                    .filter(|line| !line.is_empty())
                    // These follow from the body.
                    .filter(|line| {
                        !["Content-Length:", "ETag:"]
                            .iter()
                            .any(|own| line.starts_with(own))
                    })
                    .collect();
                headers.sort();
                Self {
                    what: format!("{}", entry.status()),
                    body: identity.map(|found| (found.body().len() as u64, sha256(found.body()))),
                    headers,
                }
            }
        }
    }

    fn without_body(what: String) -> Self {
        Self {
            what,
            body: None,
            headers: Vec::new(),
        }
    }

    fn sha256(&self) -> Option<String> {
        Some(self.body.as_ref()?.1.clone())
    }

    fn shown(&self) -> String {
        match &self.body {
            Some((bytes, _)) if self.what == "200" => format!("{bytes} bytes"),
            Some((bytes, _)) => format!("{}, {bytes} bytes", self.what),
            None => self.what.clone(),
        }
    }
}

/// All differences, by kind and name.
pub fn differences(before: &Facts, after: &Facts) -> Vec<Difference> {
    let mut found = Vec::new();
    let single = |kind, name: &str, a: &str, b: &str| {
        (a != b).then(|| Difference {
            kind,
            change: "changed",
            name: name.to_owned(),
            before: Some(a.to_owned()),
            after: Some(b.to_owned()),
            ..Difference::default()
        })
    };
    let short = |hash: &str| hash.get(..12).unwrap_or(hash).to_owned();
    found.extend(single(
        "kernel",
        "kernel",
        &short(&before.kernel),
        &short(&after.kernel),
    ));
    found.extend(single("boot", "boot", &before.boot, &after.boot));
    let set = |list: &[String]| {
        list.iter()
            .map(|name| (name.clone(), String::new()))
            .collect()
    };
    found.extend(maps(
        "feature",
        &set(&before.features),
        &set(&after.features),
    ));
    found.extend(
        maps("section", &before.sections, &after.sections)
            .into_iter()
            .map(|mut d| {
                d.before = d.before.map(|hash| short(&hash));
                d.after = d.after.map(|hash| short(&hash));
                d
            }),
    );
    let names: BTreeSet<&String> = before.paths.keys().chain(after.paths.keys()).collect();
    for name in names {
        let (old, new) = (before.paths.get(name), after.paths.get(name));
        let content = |answer: &Answer| (answer.what.clone(), answer.body.clone());
        if old.map(content) != new.map(content) {
            found.push(Difference {
                kind: "path",
                change: change(old.is_some(), new.is_some()),
                name: name.clone(),
                before: old.map(Answer::shown),
                after: new.map(Answer::shown),
                before_sha256: old.and_then(Answer::sha256),
                after_sha256: new.and_then(Answer::sha256),
            });
        }
        if let (Some(old), Some(new)) = (old, new) {
            found.extend(header_differences(name, &old.headers, &new.headers));
        }
    }
    // A changed record is one that is gone and one that is new.
    let gone = before.records.difference(&after.records);
    let new = after.records.difference(&before.records);
    let mut records: Vec<Difference> = gone
        .map(|record| ("removed", record))
        .chain(new.map(|record| ("added", record)))
        .map(|(change, (name, data))| Difference {
            kind: "record",
            change,
            name: name.clone(),
            before: (change == "removed").then(|| data.clone()),
            after: (change == "added").then(|| data.clone()),
            ..Difference::default()
        })
        .collect();
    records.sort_by(|a, b| (&a.name, b.change).cmp(&(&b.name, a.change)));
    found.extend(records);
    found
}

fn change(before: bool, after: bool) -> &'static str {
    match (before, after) {
        (false, _) => "added",
        (_, false) => "removed",
        _ => "changed",
    }
}

fn maps(
    kind: &'static str,
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> Vec<Difference> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let some = |value: Option<&String>| value.filter(|value| !value.is_empty()).cloned();
    names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| Difference {
            kind,
            change: change(before.contains_key(name), after.contains_key(name)),
            name: name.clone(),
            before: some(before.get(name)),
            after: some(after.get(name)),
            ..Difference::default()
        })
        .collect()
}

fn header_differences(path: &str, before: &[String], after: &[String]) -> Vec<Difference> {
    let by_name = |lines: &[String]| {
        let mut map: BTreeMap<String, String> = BTreeMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap_or((line, ""));
            map.entry(name.to_owned())
                .and_modify(|all| {
                    all.push_str(", ");
                    all.push_str(value);
                })
                .or_insert_with(|| value.to_owned());
        }
        map
    };
    maps("header", &by_name(before), &by_name(after))
        .into_iter()
        .map(|difference| Difference {
            name: format!("{path} {}", difference.name),
            ..difference
        })
        .collect()
}

/// The differences as lines: a sign, the kind unless it is a path, the name,
/// and what it was and is.
pub fn for_people(differences: &[Difference]) -> String {
    let mut text = String::new();
    for difference in differences {
        let sign = match difference.change {
            "added" => '+',
            "removed" => '-',
            _ => '~',
        };
        let _ = write!(text, "{sign} {} {}", difference.kind, difference.name);
        let _ = match (&difference.before, &difference.after) {
            (Some(before), Some(after)) if before == after => {
                write!(text, "  {after}, other content")
            }
            (Some(before), Some(after)) => write!(text, "  {before} -> {after}"),
            (Some(one), None) | (None, Some(one)) => write!(text, "  {one}"),
            (None, None) => Ok(()),
        };
        text.push('\n');
    }
    text
}
