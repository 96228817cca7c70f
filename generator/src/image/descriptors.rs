//! What lies beside a guest's image, so that a monitor boots it as it is: a
//! configuration for Firecracker, a script for QEMU, or one for `xl create`.
//!
//! Each names the image by its bare file name: the folder can be moved.

use crate::image::{
    qemu::{self, Machine},
    target::Target,
    write::{FILE_MODE, IMAGE_MODE},
    xl,
};
use minijinja::{Environment, context};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};
use thiserror::Error;

const FIRECRACKER: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../templates/guest/firecracker.json"
));
const QEMU: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../templates/guest/qemu.sh"
));

/// What is added to an image's name.
const FIRECRACKER_SUFFIX: &str = ".firecracker.json";
const QEMU_SUFFIX: &str = ".qemu.sh";

/// Why there can be no such file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DescriptorError {
    /// `xl` has no way to write such a name.
    #[error("`{0}` cannot be named in a configuration for xl")]
    Name(String),
    /// The image would have the configuration's own name.
    #[error("`{}` is the name that the configuration for xl gets", .0.display())]
    Taken(PathBuf),
}

/// A file beside an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// Where it goes.
    pub path: PathBuf,
    /// What is in it.
    pub text: String,
    /// Its mode.
    pub mode: u32,
}

/// Where an image's descriptors go, those of every target.
pub fn paths(image: &Path) -> impl Iterator<Item = PathBuf> {
    [FIRECRACKER_SUFFIX, QEMU_SUFFIX]
        .into_iter()
        .map(|suffix| beside(image, suffix))
        .chain([xl::path_for(image)])
}

/// What an image serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Serves {
    /// Pages and files.
    pub http: bool,
    /// Zones.
    pub dns: bool,
}

/// The descriptors of an image that is so long.
pub fn of(
    target: Target,
    image: &Path,
    image_bytes: u64,
    serves: Serves,
) -> Result<Vec<Descriptor>, DescriptorError> {
    Ok(match target {
        Target::Unix | Target::Tap => Vec::new(),
        Target::Xen => vec![Descriptor {
            path: xl::path_for(image),
            text: xl::configuration(image, image_bytes)?,
            mode: FILE_MODE,
        }],
        Target::Kvm => {
            let name = PathBuf::from(image.file_name().unwrap_or_default());
            vec![
                Descriptor {
                    path: beside(image, FIRECRACKER_SUFFIX),
                    text: firecracker(&name, image_bytes),
                    mode: FILE_MODE,
                },
                Descriptor {
                    path: beside(image, QEMU_SUFFIX),
                    text: qemu_script(&name, image_bytes, serves),
                    mode: IMAGE_MODE,
                },
            ]
        }
    })
}

fn beside(image: &Path, suffix: &str) -> PathBuf {
    let mut name = image.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The configuration for `firecracker --no-api --config-file`.
fn firecracker(name: &Path, image_bytes: u64) -> String {
    let context = context! {
        image => serde_json::Value::from(name.to_string_lossy()).to_string(),
        // Its own words, when none are given, are for Linux.
        words => "reboot=k panic=1",
        memory_mb => qemu::memory_mb(image_bytes),
    };
    render(FIRECRACKER, context)
}

fn qemu_script(name: &Path, image_bytes: u64, serves: Serves) -> String {
    let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let machine = Machine {
        // A name that begins with a dash is not to be taken for an argument.
        image: &Path::new(".").join(name),
        memory_mb: qemu::memory_mb(image_bytes),
        http: serves.http.then(|| local(8080)),
        dns: serves.dns.then(|| local(5353)),
    };
    let arguments: Vec<String> = machine
        .arguments()
        .iter()
        .map(|group| {
            let words: Vec<String> = group
                .iter()
                .map(|word| quoted(&word.to_string_lossy()))
                .collect();
            words.join(" ")
        })
        .collect();
    render(
        QEMU,
        context! { arguments, http => serves.http, dns => serves.dns },
    )
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=+@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

pub(super) fn render(template: &str, context: minijinja::Value) -> String {
    let mut text = Environment::new()
        .render_str(template, context)
        .unwrap_or_else(|error| panic!("the built-in template: {error:#}"));
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGES: Serves = Serves {
        http: true,
        dns: false,
    };

    #[test]
    fn the_script_forwards_what_the_image_serves() {
        for (http, dns) in [(true, false), (false, true), (true, true)] {
            let serves = Serves { http, dns };
            let all = of(Target::Kvm, Path::new("a.kvm"), 1, serves).expect("a plain name");
            let script = &all[1].text;
            for (there, forward) in [
                (http, "hostfwd=tcp:127.0.0.1:8080-:80"),
                (
                    dns,
                    "hostfwd=udp:127.0.0.1:5353-:53,hostfwd=tcp:127.0.0.1:5353-:53",
                ),
                (http, "guest's HTTP at"),
                (dns, "guest's DNS at"),
            ] {
                assert_eq!(script.contains(forward), there, "{forward}: {script}");
            }
        }
    }

    #[test]
    fn processes_have_none() {
        assert_eq!(
            of(Target::Unix, Path::new("dist/a.unix"), 1, PAGES),
            Ok(vec![])
        );
    }

    #[test]
    fn they_name_the_image_by_its_bare_name() {
        let name = Path::new("dist/it's a \"talk\".kvm");
        let all = of(Target::Kvm, name, 5 << 20, PAGES);
        let all = all.expect("names that every monitor can take");
        let paths: Vec<_> = all.iter().map(|d| d.path.clone()).collect();
        let expected: Vec<_> = super::paths(Path::new("dist/it's a \"talk\".kvm"))
            .take(2)
            .collect();
        assert_eq!(paths, expected);

        let json: serde_json::Value = serde_json::from_str(&all[0].text).expect("JSON");
        assert_eq!(
            json["boot-source"]["kernel_image_path"],
            "it's a \"talk\".kvm"
        );
        assert_eq!(json["machine-config"]["mem_size_mib"], 69);

        let script = &all[1].text;
        assert!(script.starts_with("#!/bin/sh\n"), "{script}");
        assert!(
            script.contains(r#"-kernel './it'\''s a "talk".kvm' \"#),
            "{script}"
        );
        assert!(script.ends_with("    \"$@\"\n"), "{script}");
    }
}
