//! Stages the appliance's sources for embedding: what kernels are compiled
//! from travels inside the `applgen` binary.
//!
//! The staged tree is a workspace of its own: the crates under `appliance/`
//! without their tests and benches, a manifest cut down from the root one, and
//! a pruned `Cargo.lock`. Everything that is not needed to compile a kernel is
//! left out, because the tree's bytes are part of the key that kernels are
//! cached by: a new test must not compile every kernel anew.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};
use toml::{Table, Value};

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"))
        .parent()
        .expect("the generator lies in the workspace")
        .to_owned();
    let stage = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo")).join("appliance");
    if stage.exists() {
        fs::remove_dir_all(&stage).expect("the old staged tree can be removed");
    }

    watch(&root.join("appliance"));
    let mut inherited = BTreeSet::new();
    for dir in sorted_entries(&root.join("appliance")) {
        if dir.join("Cargo.toml").is_file() {
            let name = dir.file_name().expect("an entry has a name");
            stage_crate(&dir, &stage.join("appliance").join(name), &mut inherited);
        }
    }
    stage_workspace(&root, &stage, &inherited);
    prune_lock(&root, &stage);
}

/// One crate: sources, build script, linker scripts, and a manifest without
/// what only its tests need. Names of inherited dependencies go to `inherited`.
fn stage_crate(from: &Path, to: &Path, inherited: &mut BTreeSet<String>) {
    copy_tree(&from.join("src"), &to.join("src"));
    for path in sorted_entries(from) {
        let linker_script = path.extension().is_some_and(|e| e == "ld");
        if linker_script || path.file_name().is_some_and(|n| n == "build.rs") {
            copy(
                &path,
                &to.join(path.file_name().expect("an entry has a name")),
            );
        }
    }

    let mut manifest = read_toml(&from.join("Cargo.toml"));
    // Lints judge the source where it is written, not where it is compiled.
    for key in ["lints", "dev-dependencies", "test", "bench", "example"] {
        manifest.remove(key);
    }
    if let Some(Value::Table(targets)) = manifest.get_mut("target") {
        for (_, target) in targets.iter_mut() {
            if let Value::Table(target) = target {
                target.remove("dev-dependencies");
                collect_inherited(target, inherited);
            }
        }
    }
    collect_inherited(&manifest, inherited);
    write_toml(&to.join("Cargo.toml"), &manifest);
}

/// Notes the dependencies that say `workspace = true`.
fn collect_inherited(table: &Table, inherited: &mut BTreeSet<String>) {
    for kind in ["dependencies", "build-dependencies"] {
        let Some(Value::Table(dependencies)) = table.get(kind) else {
            continue;
        };
        for (name, value) in dependencies {
            if value.get("workspace").and_then(Value::as_bool) == Some(true) {
                inherited.insert(name.clone());
            }
        }
    }
}

/// The manifest over the staged crates, cut down from the root one.
fn stage_workspace(root: &Path, stage: &Path, inherited: &BTreeSet<String>) {
    watch(&root.join("Cargo.toml"));
    let full = read_toml(&root.join("Cargo.toml"));
    let from = full["workspace"].as_table().expect("a workspace");

    let mut workspace = Table::new();
    workspace.insert("members".into(), vec!["appliance/*"].into());
    for key in ["resolver", "package"] {
        workspace.insert(key.into(), from[key].clone());
    }
    let mut dependencies = from["dependencies"]
        .as_table()
        .expect("a table of dependencies")
        .clone();
    dependencies.retain(|name, _| inherited.contains(name));
    workspace.insert("dependencies".into(), dependencies.into());

    let mut profiles = Table::new();
    for (name, bases) in [
        ("appliance", &["release", "appliance"][..]),
        ("machine", &["release", "appliance", "machine"]),
    ] {
        let profile = whole_profile(&full["profile"], bases);
        profiles.insert(name.into(), profile.into());
    }
    let mut manifest = Table::new();
    manifest.insert("workspace".into(), workspace.into());
    manifest.insert("profile".into(), profiles.into());
    write_toml(&stage.join("Cargo.toml"), &manifest);

    // The channel alone says which compiler; the components are for developers.
    watch(&root.join("rust-toolchain.toml"));
    let pinned = read_toml(&root.join("rust-toolchain.toml"));
    let channel = pinned["toolchain"]["channel"]
        .as_str()
        .expect("a pinned channel");
    println!("cargo::rustc-env=APPLGEN_PINNED_TOOLCHAIN={channel}");
}

/// A profile that kernels are compiled with, every setting of it and of those
/// that it inherits stated: what it leaves open would come from `release`, which
/// a user's own cargo configuration may change.
fn whole_profile(profiles: &Value, names: &[&str]) -> Table {
    let mut whole: Table = [
        ("debug-assertions", false),
        ("overflow-checks", false),
        ("rpath", false),
        ("incremental", false),
        ("debug", false),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), Value::from(value)))
    .collect();
    for name in names {
        let profile = profiles[*name].as_table().expect("a profile is a table");
        whole.extend(profile.clone());
    }
    whole
}

/// The one lockfile, without the packages that only the generator uses:
/// `--locked` refuses a lockfile with packages that the tree does not use.
/// Cargo itself prunes, since which packages remain depends on its resolver.
fn prune_lock(root: &Path, stage: &Path) {
    watch(&root.join("Cargo.lock"));
    copy(&root.join("Cargo.lock"), &stage.join("Cargo.lock"));
    let output = Command::new(env::var_os("CARGO").expect("set by cargo"))
        .args(["update", "--workspace", "--offline"])
        .current_dir(stage)
        .output()
        .expect("cargo can be run");
    assert!(
        output.status.success(),
        "the appliance's lockfile could not be pruned: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Makes cargo run this script again when `path`, or anything in it, changes.
fn watch(path: &Path) {
    println!("cargo::rerun-if-changed={}", path.display());
}

/// The entries of a directory but the hidden ones, by name.
fn sorted_entries(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap_or_else(|e| panic!("`{}` can be read: {e}", dir.display()))
        .map(|entry| entry.expect("an entry can be read").path())
        .filter(|path| {
            path.file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| !name.starts_with('.'))
        })
        .collect();
    paths.sort();
    paths
}

fn copy_tree(from: &Path, to: &Path) {
    for path in sorted_entries(from) {
        let target = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy_tree(&path, &target);
        } else {
            copy(&path, &target);
        }
    }
}

fn copy(from: &Path, to: &Path) {
    let bytes = fs::read(from).unwrap_or_else(|e| panic!("`{}` can be read: {e}", from.display()));
    write(to, &bytes);
}

fn write(to: &Path, bytes: &[u8]) {
    fs::create_dir_all(to.parent().expect("a file lies in a directory"))
        .and_then(|()| fs::write(to, bytes))
        .unwrap_or_else(|e| panic!("`{}` can be written: {e}", to.display()));
}

fn read_toml(path: &Path) -> Table {
    let text = fs::read_to_string(path)
        .unwrap_or_else(|e| panic!("`{}` can be read: {e}", path.display()));
    text.parse()
        .unwrap_or_else(|e| panic!("`{}` is TOML: {e}", path.display()))
}

/// Sorted keys, no comments: the same bytes for the same meaning.
fn write_toml(path: &Path, table: &Table) {
    write(path, table.to_string().as_bytes());
}
