//! The kernel cache, held with a stand-in for the appliance that compiles in a
//! second, through the real cargo.

use super::*;
use crate::image::release;
use std::{
    fs,
    path::Path,
    process::Command,
    sync::{Arc, Barrier, Mutex},
};

const LOCK: &str = "version = 4\n[[package]]\nname = \"applgen-unix\"\nversion = \"0.1.0\"\n";
const CRATE: &str = "[package]\nname = \"applgen-unix\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
/// Says where it thinks its source lies.
const MAIN: &str = "fn main() { print!(\"kernel from {}\", file!()) }";

/// The appliance's own workspace manifest, and so its profile.
fn manifest() -> String {
    let manifest = Sources::embedded().get("Cargo.toml");
    String::from_utf8(manifest.expect("a manifest")).expect("text")
}

/// Compiled quickly.
fn stand_in(main: &str) -> Sources {
    let quick = manifest()
        .replace("lto = \"fat\"", "lto = \"off\"")
        .replace("opt-level = 3", "opt-level = 0");
    Sources::default()
        .with("Cargo.toml", quick)
        .with("Cargo.lock", LOCK)
        .with("appliance/unix/Cargo.toml", CRATE)
        .with("appliance/unix/src/main.rs", main)
}

/// A machine with this one's compiler and an empty cache.
struct Machine {
    folder: tempfile::TempDir,
    environment: Environment,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let environment =
            Environment::current().with("APPLGEN_CACHE", folder.path().join("a cache"));
        Self {
            folder,
            environment,
        }
    }

    fn get(&self, sources: &Sources) -> (Result<Kernel, KernelError>, Vec<String>) {
        get(&self.environment, sources)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// The kernel, and what was told on the way.
fn get(environment: &Environment, sources: &Sources) -> (Result<Kernel, KernelError>, Vec<String>) {
    let told = Told::default();
    let wanted = Wanted {
        environment,
        sources,
        target: Target::Unix,
        features: &[],
        exact: false,
    };
    let kernel = wanted.get(&told);
    (kernel, told.0.into_inner().expect("no panic"))
}

#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Progress for Told {
    fn step(&self, what: &str) {
        self.0.lock().expect("no panic").push(what.to_owned());
    }
}

fn run(kernel: &Kernel, folder: &Path) -> String {
    let path = folder.join("kernel");
    fs::write(&path, &kernel.elf).expect("writes");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&path, mode).expect("sets");
    let output = Command::new(path).output().expect("runs");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn compiled_once_then_taken_from_the_cache_without_a_compiler() {
    let machine = Machine::new();
    let sources = stand_in(MAIN);
    let (cold, told) = machine.get(&sources);
    let cold = cold.expect("compiles");
    assert_eq!(told[0], "compiling the kernel, once for this version");
    assert!(told.contains(&"compiling the kernel: applgen-unix".to_owned()));
    assert_eq!(
        run(&cold, machine.path()),
        "kernel from appliance/unix/src/main.rs"
    );

    let (warm, told) = machine.get(&sources);
    assert!(warm.expect("cached") == cold);
    assert!(told.is_empty(), "{told:?}");

    let no_programs = machine.environment.clone().with("PATH", "/nowhere");
    let (bare, told) = get(&no_programs, &sources);
    assert!(bare.expect("cached") == cold);
    assert!(told.is_empty(), "{told:?}");
    // Nothing but kernels, the lock and the memory of the toolchain is left.
    let cache = machine.path().join("a cache");
    let mut names: Vec<_> = [cache.clone(), cache.join("kernels")]
        .iter()
        .flat_map(|folder| fs::read_dir(folder).expect("a folder"))
        .map(|entry| entry.expect("an entry").file_name().into_string())
        .collect::<Result<_, _>>()
        .expect("text");
    names.sort();
    let mut expected = [".lock", "kernels", "toolchain.json", &cold.key];
    expected.sort_unstable();
    assert_eq!(names, expected);
}

#[test]
fn a_damaged_kernel_is_compiled_anew() {
    let machine = Machine::new();
    let sources = stand_in(MAIN);
    let cold = machine.get(&sources).0.expect("compiles");
    let elf = machine
        .path()
        .join("a cache/kernels")
        .join(&cold.key)
        .join("kernel.elf");
    let mut bytes = fs::read(&elf).expect("reads");
    bytes[4000] ^= 1;
    fs::write(&elf, bytes).expect("writes");
    let (again, told) = machine.get(&sources);
    assert!(again.expect("compiles") == cold);
    assert!(told[0].contains("damaged"), "{told:?}");
    assert!(fs::read(&elf).expect("reads") == cold.elf);
}

#[test]
fn a_users_settings_change_no_byte() {
    let plain = Machine::new();
    let odd = Machine::new();
    let home = odd.path().join("cargo home");
    fs::create_dir(&home).expect("creates");
    let config = r#"
[build]
rustflags = ["--cfg=user", "-Cno-such-flag"]
rustc-wrapper = "/nowhere/wrapper"
[target.x86_64-unknown-linux-gnu]
linker = "/nowhere/linker"
rustflags = ["-Cno-such-flag"]
[profile.release]
debug-assertions = true
overflow-checks = true
opt-level = 0
lto = "off"
codegen-units = 16
"#;
    fs::write(home.join("config.toml"), config).expect("writes");
    let main = r#"fn main() { print!("{} {} {}", cfg!(user), cfg!(debug_assertions), file!()) }"#;
    let sources = stand_in(main).with("Cargo.toml", manifest());
    let environment = odd
        .environment
        .clone()
        .with("CARGO_HOME", &home)
        .with("RUSTFLAGS", "-Cno-such-flag")
        .with("CARGO_ENCODED_RUSTFLAGS", "-Cno-such-flag")
        .with("CARGO_PROFILE_APPLIANCE_OPT_LEVEL", "3")
        .with("CARGO_TARGET_DIR", odd.path())
        .with("RUSTC_WRAPPER", "/nowhere/wrapper")
        .with("RUSTC", "/nowhere/rustc")
        .with("RUSTUP_TOOLCHAIN", "none")
        .with("TZ", "Asia/Tokyo")
        .with("LANG", "de_DE.UTF-8");
    let ours = plain.get(&sources).0.expect("compiles");
    let theirs = get(&environment, &sources).0.expect("compiles");
    assert_eq!(ours.key, theirs.key);
    assert_eq!(ours.record.sha256, theirs.record.sha256);
    assert_eq!(
        run(&ours, plain.path()),
        "false false appliance/unix/src/main.rs"
    );
}

#[test]
fn other_sources_are_another_kernel() {
    let machine = Machine::new();
    let one = machine.get(&stand_in(MAIN)).0.expect("compiles");
    let two = machine.get(&stand_in("fn main() {}")).0.expect("compiles");
    assert_ne!(one.key, two.key);
}

#[test]
fn builds_at_the_same_time_compile_once() {
    let machine = Machine::new();
    let sources = Arc::new(stand_in(MAIN));
    let start = Barrier::new(3);
    let told: Vec<Vec<String>> = thread::scope(|threads| {
        let builds: Vec<_> = (0..3)
            .map(|_| {
                threads.spawn(|| {
                    start.wait();
                    let (kernel, told) = machine.get(&sources);
                    kernel.expect("a kernel");
                    told
                })
            })
            .collect();
        builds
            .into_iter()
            .map(|build| build.join().expect("no panic"))
            .collect()
    });
    let compiled = told
        .iter()
        .flatten()
        .filter(|what| *what == "compiling the kernel, once for this version")
        .count();
    assert_eq!(compiled, 1, "{told:?}");
}

#[test]
fn a_release_needs_no_compiler_and_no_cache() {
    let machine = Machine::new();
    let sources = stand_in(MAIN);
    let kernel = machine.get(&sources).0.expect("compiles");
    let section = machine.path().join("section");
    let packed = release::pack(&release::Origin::default(), std::slice::from_ref(&kernel));
    fs::write(&section, packed.expect("packs")).expect("writes");
    let executable = machine.path().join("applgen");
    let added = Command::new("objcopy")
        .arg(format!(
            "--add-section={}={}",
            release::SECTION,
            section.display()
        ))
        .arg("/bin/sh")
        .arg(&executable)
        .status();
    assert!(added.expect("objcopy runs").success());
    let released = Environment::installed_at(executable);
    let (found, told) = get(&released, &sources);
    assert!(found.expect("prebuilt") == kernel);
    assert!(told.is_empty(), "{told:?}");
    let own = released.with("APPLGEN_KERNELS", "compile");
    let error = get(&own, &sources).0.expect_err("no compiler");
    assert!(matches!(error, KernelError::NoCache));
}

#[test]
fn what_does_not_compile_is_shown_with_the_compilers_words() {
    let machine = Machine::new();
    let error = machine
        .get(&stand_in("fn main() { missing() }"))
        .0
        .expect_err("does not compile");
    let text = error.diagnostic().render(false);
    assert!(
        text.starts_with("error: the kernel did not compile"),
        "{text}"
    );
    assert!(text.contains("cannot find function `missing`"), "{text}");
    assert!(text.contains("\n\nhint: "), "{text}");
    // What failed is tried again: nothing of it was stored.
    assert!(machine.get(&stand_in(MAIN)).0.is_ok());
}

#[test]
fn an_unusable_cache_and_a_missing_compiler_are_told() {
    let machine = Machine::new();
    let file = machine.path().join("file");
    fs::write(&file, "").expect("writes");
    let environment = machine.environment.clone().with("APPLGEN_CACHE", &file);
    let error = get(&environment, &stand_in(MAIN)).0.expect_err("no folder");
    assert!(error.to_string().contains("file/kernels"), "{error}");
    assert!(
        error
            .diagnostic()
            .hint
            .expect("a hint")
            .contains("APPLGEN_CACHE")
    );

    let bare = machine.environment.clone().with("PATH", "/nowhere");
    let error = get(&bare, &stand_in(MAIN)).0.expect_err("no compiler");
    let text = error.diagnostic().render(false);
    assert!(text.contains("`cargo` is not installed"), "{text}");
    assert!(text.contains("hint: install Rust"), "{text}");

    let homeless = Environment::default().with("PATH", "/nowhere");
    let error = get(&homeless, &stand_in(MAIN)).0.expect_err("no cache");
    assert!(matches!(error, KernelError::NoCache));
}
