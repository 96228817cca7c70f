//! What is committed for one place: the image, and everything that is derived
//! from it.

use std::{collections::BTreeMap, fs, path::Path};

use applgen_bundle::Bundle;
use serde_json::Value;

use crate::{
    failure::Failure,
    image::{Manifest, digest::sha256, find_bundle, manifest, write::IMAGE_MODE},
    report::Diagnostic,
};

use super::{
    bom, descriptor,
    git::Git,
    history,
    place::Place,
    probe,
    repository::{Change, NewFile},
    sign::{Kind, Signer, Verifier},
    statement::{self, Statement},
};

/// A checked image with its files.
#[derive(Debug)]
pub struct Package {
    /// Where it goes.
    pub place: Place,
    /// What is in it.
    pub manifest: Manifest,
    /// The serials of its zones.
    pub serials: BTreeMap<String, u32>,
    /// Everything but statement and signatures: name, content, executable.
    files: Vec<(String, Vec<u8>, bool)>,
}

fn refuse(message: String, hint: &str) -> Failure {
    Failure::environment(Diagnostic::error(message).hint(hint))
}

impl Package {
    /// Of an image file with its manifest beside it, both checked.
    pub fn of_image(place: Place, path: &Path, host_dir: &str) -> Result<Self, Failure> {
        let shown = path.display();
        let beside = manifest::path_for(path);
        let unreadable = |path: &Path, error: std::io::Error| {
            refuse(
                format!("`{}` cannot be read: {error}", path.display()),
                "name an image that `applgen build` wrote; its manifest lies beside it",
            )
        };
        let image = fs::read(path).map_err(|error| unreadable(path, error))?;
        let text = fs::read(&beside).map_err(|error| unreadable(&beside, error))?;
        let (manifest, facts) = check(&place, &image, &text).map_err(|why| {
            refuse(
                format!("`{shown}` is not to be deployed: {why}"),
                "build it anew: `applgen build SITE`",
            )
        })?;
        if probe::runs_here(&place.target) {
            try_it(path, &image, &manifest).map_err(|why| {
                refuse(
                    format!("`{shown}` is not to be deployed: {why}"),
                    "start it by hand to see more",
                )
            })?;
        }
        let mut files = vec![
            (place.image_name(), image, true),
            (format!("{}.json", place.image_name()), text, false),
            (
                format!("{}.cdx.json", place.image_name()),
                bom::bom(&place.site, &manifest).into_bytes(),
                false,
            ),
        ];
        let descriptors =
            descriptor::descriptors(&place, &manifest, host_dir).map_err(|error| {
                refuse(
                    format!("a descriptor of `{place}` cannot be rendered: {error}"),
                    "deploy it under another name: `--name NAME`",
                )
            })?;
        files.extend(
            descriptors
                .into_iter()
                .map(|d| (d.name, d.text.into_bytes(), d.executable)),
        );
        Ok(Self {
            serials: serials(&facts),
            place,
            manifest,
            files,
        })
    }

    /// Whether a commit has this very image and descriptors live already, and,
    /// where there is a signer, signed with its key.
    pub fn is_live(
        &self,
        git: &Git,
        base: &str,
        live: &Statement,
        signer: Option<&Signer>,
    ) -> bool {
        let image = self.place.image_name();
        let same = self.files.iter().all(|(name, bytes, _)| {
            // Manifest and bill name the source commit, which may change alone.
            let derived = name.starts_with(&image) && *name != image;
            derived || live.files.get(name) == Some(&sha256(bytes))
        });
        same && signer.is_none_or(|signer| {
            let suffix = signer.kind().suffix();
            let path = self
                .place
                .path(&format!("{}{suffix}", statement::FILE_NAME));
            git.file(base, &path).is_some()
        })
    }

    /// The statement under the next number.
    pub fn statement(&self, number: u64) -> Statement {
        Statement {
            name: self.place.deploy_name(number),
            number,
            source: self
                .manifest
                .source
                .as_ref()
                .map(|source| (source.commit.clone(), source.dirty)),
            serials: self.serials.clone(),
            rollback: None,
            files: self
                .files
                .iter()
                .map(|(name, bytes, _)| (name.clone(), sha256(bytes)))
                .collect(),
        }
    }

    /// Adds the files to a change, in place of what is there now.
    pub fn add_to(
        &self,
        change: &mut Change,
        git: &Git,
        base: Option<&str>,
        statement: &Statement,
        signer: Option<&Signer>,
    ) -> Result<(), Failure> {
        put(
            change,
            git,
            base,
            &self.place,
            statement,
            &self.files,
            signer,
        )
    }
}

/// Puts files, their statement and its signatures into a change. What the
/// statement before names and this one does not goes; what people put there
/// themselves stays.
pub fn put(
    change: &mut Change,
    git: &Git,
    base: Option<&str>,
    place: &Place,
    statement: &Statement,
    files: &[(String, Vec<u8>, bool)],
    signer: Option<&Signer>,
) -> Result<(), Failure> {
    let mut new: Vec<(String, Vec<u8>, bool)> = files.to_vec();
    let text = statement.to_text().into_bytes();
    if let Some(signer) = signer {
        let suffix = signer.kind().suffix();
        let image = place.image_name();
        for (name, bytes, _) in files.iter().filter(|(name, ..)| *name == image) {
            let signature = signer.sign(bytes, &format!("{} {name}", statement.name))?;
            new.push((format!("{name}{suffix}"), signature, false));
        }
        let signature = signer.sign(&text, &statement.name)?;
        new.push((
            format!("{}{suffix}", statement::FILE_NAME),
            signature,
            false,
        ));
    }
    new.push((statement::FILE_NAME.to_owned(), text, false));
    if let Some(base) = base
        && let Some(Ok(before)) = history::statement_at(git, base, place)
    {
        let signatures = Kind::ALL.into_iter().flat_map(|kind| {
            [place.image_name(), statement::FILE_NAME.to_owned()]
                .map(|name| format!("{name}{}", kind.suffix()))
        });
        for name in before.files.keys().cloned().chain(signatures) {
            let path = place.path(&name);
            let kept = new.iter().any(|(new, ..)| *new == name);
            if !kept && git.holds(["cat-file", "-e", &format!("{base}:{path}")]) {
                change.removed.push(path);
            }
        }
    }
    change
        .files
        .extend(new.into_iter().map(|(name, bytes, executable)| NewFile {
            path: place.path(&name),
            bytes,
            executable,
        }));
    Ok(())
}

/// Checks an image against its manifest; the error says what is wrong.
pub fn check(place: &Place, image: &[u8], text: &[u8]) -> Result<(Manifest, Value), String> {
    let facts: Value = serde_json::from_slice(text)
        .map_err(|error| format!("its manifest is damaged: {error}"))?;
    let manifest: Manifest = serde_json::from_value(facts.clone())
        .map_err(|error| format!("its manifest is damaged: {error}"))?;
    if manifest.target != place.target {
        return Err(format!(
            "it is for `{}`, and not for `{}`",
            manifest.target, place.target
        ));
    }
    if manifest.sha256 != sha256(image) || manifest.bytes != image.len() as u64 {
        return Err("its hash is not the one in its manifest".to_owned());
    }
    let range = find_bundle(image).ok_or("it holds no bundle")?;
    Bundle::parse(image.get(range).unwrap_or_default()).map_err(|error| error.to_string())?;
    Ok((manifest, facts))
}

/// The serials that a manifest tells: `zones`, a list of objects with a name
/// and a serial.
pub fn serials(manifest: &Value) -> BTreeMap<String, u32> {
    let zones = manifest.get("zones").and_then(Value::as_array);
    zones
        .into_iter()
        .flatten()
        .filter_map(|zone| {
            let name = ["name", "zone", "apex"]
                .iter()
                .find_map(|key| zone.get(key)?.as_str())?;
            let serial = zone.get("serial")?.as_u64()?;
            Some((name.to_owned(), u32::try_from(serial).ok()?))
        })
        .collect()
}

/// Whether a zone's serial went back: in the arithmetic of RFC 1982 §3.2, in
/// which serials wrap around.
pub fn serial_is_lower(new: u32, old: u32) -> bool {
    let ahead = new.wrapping_sub(old);
    ahead != 0 && ahead >= 1 << 31
}

/// The zones whose serials went back between two statements.
pub fn lower_serials(before: &Statement, after: &Statement) -> Vec<(String, u32, u32)> {
    before
        .serials
        .iter()
        .filter_map(|(zone, &old)| {
            let new = *after.serials.get(zone)?;
            serial_is_lower(new, old).then(|| (zone.clone(), old, new))
        })
        .collect()
}

/// Starts a copy of the image that may be run, and asks it.
fn try_it(path: &Path, image: &[u8], manifest: &Manifest) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    let features: Vec<String> = manifest.features.iter().map(|f| f.name.clone()).collect();
    let runs = fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o111 != 0);
    let absolute = std::path::absolute(path).map_err(|error| error.to_string())?;
    if runs {
        return probe::Running::start(&absolute, &features)?.ask_http();
    }
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let copy = folder.path().join("image");
    fs::write(&copy, image)
        .and_then(|()| fs::set_permissions(&copy, fs::Permissions::from_mode(IMAGE_MODE)))
        .map_err(|error| error.to_string())?;
    probe::Running::start(&copy, &features)?.ask_http()
}

/// Whether a place's live deploy has a signature that one of these keys made.
pub fn signature_of(
    git: &Git,
    commit: &str,
    place: &Place,
    name: &str,
    keys: &[Verifier],
) -> Signature {
    let Some(data) = git.file(commit, &place.path(name)) else {
        return Signature::None;
    };
    let mut found = Signature::None;
    for kind in Kind::ALL {
        let path = place.path(&format!("{name}{}", kind.suffix()));
        let Some(signature) = git.file(commit, &path) else {
            continue;
        };
        found = Signature::NotOurs;
        let holds = keys
            .iter()
            .any(|key| key.kind() == kind && key.holds(&data, &signature));
        if holds {
            return Signature::Good;
        }
    }
    found
}

/// What a signature is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature {
    /// One of the keys made it.
    Good,
    /// There is one, and no key made it.
    NotOurs,
    /// There is none.
    None,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn serials_wrap_around() {
        assert!(serial_is_lower(1, 2) && !serial_is_lower(2, 1) && !serial_is_lower(1, 1));
        assert!(!serial_is_lower(0, u32::MAX) && serial_is_lower(u32::MAX, 0));
    }

    #[test]
    fn a_manifest_tells_its_serials() {
        let manifest =
            json!({ "zones": [{ "name": "example.org", "serial": 7 }, { "name": "x" }] });
        assert_eq!(serials(&manifest), [("example.org".to_owned(), 7)].into());
        assert!(serials(&json!({})).is_empty());
    }
}
