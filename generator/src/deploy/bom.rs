//! The bill of materials of an image: CycloneDX 1.6 in JSON.
//!
//! What is linked into a kernel is known from the one lockfile that travels in
//! applgen: every package that the target's own package reaches there, with the
//! checksum that the registry gave it. A feature that a kernel was compiled
//! without may leave some of them out, so the list says what may be in it.
//!
//! Nothing here is of the moment: no timestamp, and the serial number comes
//! from the image's hash. The same image has the same bill.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use toml::Table;

use crate::image::{Manifest, Target, sources::Sources};

/// A package of the lockfile.
#[derive(Debug)]
struct Package {
    version: String,
    checksum: Option<String>,
    dependencies: Vec<String>,
}

/// The packages by name and version, since a name may be there twice.
fn packages(lockfile: &str) -> BTreeMap<String, Package> {
    let lockfile: Table = lockfile.parse().unwrap_or_default();
    let list = lockfile.get("package").and_then(|list| list.as_array());
    list.into_iter()
        .flatten()
        .filter_map(|package| {
            let text = |key: &str| package.get(key)?.as_str().map(str::to_owned);
            let (name, version) = (text("name")?, text("version")?);
            let dependencies = package
                .get("dependencies")
                .and_then(|list| list.as_array())
                .into_iter()
                .flatten()
                .filter_map(|dependency| dependency.as_str().map(str::to_owned))
                .collect();
            let package = Package {
                checksum: text("checksum"),
                dependencies,
                version,
            };
            Some((format!("{name} {}", package.version), package))
        })
        .collect()
}

/// The keys of what a package needs, itself included.
fn reached(packages: &BTreeMap<String, Package>, root: &str) -> BTreeSet<String> {
    // A lockfile names a dependency by its name alone where that is enough.
    let key = |name: &str| {
        let mut words = name.split(' ');
        let (name, version) = (words.next().unwrap_or_default(), words.next());
        packages
            .keys()
            .find(|key| match (key.split_once(' '), version) {
                (Some((found, at)), Some(version)) => found == name && at == version,
                (Some((found, _)), None) => found == name,
                (None, _) => false,
            })
            .cloned()
    };
    let mut found = BTreeSet::new();
    let mut next: Vec<String> = key(root).into_iter().collect();
    while let Some(name) = next.pop() {
        if let Some(package) = packages.get(&name)
            && found.insert(name)
        {
            next.extend(package.dependencies.iter().filter_map(|name| key(name)));
        }
    }
    found
}

/// The bill of one image, as the file's text.
pub fn bom(site: &str, manifest: &Manifest) -> String {
    let lockfile = Sources::embedded().text("Cargo.lock").unwrap_or_default();
    let packages = packages(&lockfile);
    let root = Target::from_suffix(&manifest.target).map_or("", Target::package);
    let reached = reached(&packages, root);
    let kernel = format!("kernel:{}", manifest.kernel.key);
    let image = format!("image:{site}.{}", manifest.target);

    let mut components = vec![
        json!({
            "type": "firmware",
            "bom-ref": kernel,
            "name": root,
            "version": manifest.applgen,
            "description": "the appliance, compiled for one target; the same for every site",
            "hashes": [{ "alg": "SHA-256", "content": manifest.kernel.sha256 }],
            "properties": [
                { "name": "applgen:sources", "value": manifest.kernel.sources },
                { "name": "applgen:c-library", "value": manifest.kernel.c_library },
            ],
        }),
        json!({
            "type": "application",
            "bom-ref": "rustc",
            "name": "rustc",
            "version": manifest.kernel.compiler,
            "description": "the compiler, whose standard library is linked in",
        }),
    ];
    let purl = |key: &str| {
        let (name, version) = key.split_once(' ').unwrap_or((key, ""));
        format!("pkg:cargo/{name}@{version}")
    };
    let mut dependencies = vec![json!({ "ref": image, "dependsOn": [kernel] })];
    let mut direct = vec!["rustc".to_owned()];
    for key in &reached {
        let Some(package) = packages.get(key) else {
            continue;
        };
        let (name, version) = key.split_once(' ').unwrap_or((key, ""));
        let mut component = json!({
            "type": "library",
            "bom-ref": purl(key),
            "name": name,
            "version": version,
            "purl": purl(key),
        });
        if let Some(checksum) = &package.checksum {
            component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
        }
        components.push(component);
        direct.push(purl(key));
    }
    dependencies.push(json!({ "ref": kernel, "dependsOn": direct }));

    let mut component = json!({
        "type": "application",
        "bom-ref": image,
        "name": site,
        "version": manifest.sha256.get(..12),
        "hashes": [{ "alg": "SHA-256", "content": manifest.sha256 }],
    });
    if let Some(source) = &manifest.source {
        component["properties"] = json!([
            { "name": "applgen:source-commit", "value": source.commit },
            { "name": "applgen:source-dirty", "value": source.dirty.to_string() },
        ]);
    }
    let bom = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": serial_number(&manifest.sha256),
        "version": 1,
        "metadata": {
            "tools": { "components": [
                { "type": "application", "name": "applgen", "version": manifest.applgen },
            ] },
            "component": component,
        },
        "components": components,
        "dependencies": dependencies,
    });
    format!("{bom:#}\n")
}

/// A version 8 UUID (RFC 9562 §5.8): of the image's hash.
fn serial_number(sha256: &str) -> String {
    let part = |from: usize, to: usize| sha256.get(from..to).unwrap_or_default();
    format!(
        "urn:uuid:{}-{}-8{}-8{}-{}",
        part(0, 8),
        part(8, 12),
        part(13, 16),
        part(17, 20),
        part(20, 32)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_package_reaches_is_followed_by_name_and_version() {
        let packages = packages(
            "[[package]]\nname = \"a\"\nversion = \"1\"\ndependencies = [\"b 2\", \"c\"]\n\
             [[package]]\nname = \"b\"\nversion = \"1\"\n\
             [[package]]\nname = \"b\"\nversion = \"2\"\ndependencies = [\"a\"]\n\
             [[package]]\nname = \"c\"\nversion = \"3\"\nchecksum = \"00\"\n\
             [[package]]\nname = \"d\"\nversion = \"1\"\n",
        );
        let found: Vec<_> = reached(&packages, "a").into_iter().collect();
        assert_eq!(found, ["a 1", "b 2", "c 3"]);
    }

    #[test]
    fn every_target_has_packages() {
        let lockfile = Sources::embedded().text("Cargo.lock").unwrap();
        let packages = packages(&lockfile);
        for target in Target::ALL {
            let reached = reached(&packages, target.package());
            assert!(reached.iter().any(|key| key.starts_with("applgen-bundle ")));
        }
    }
}
