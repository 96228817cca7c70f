//! The kernel as images have it: static, with a bundle attached, in a root
//! directory that holds nothing else.

mod common;

use common::{GET, GET_LARGE, LARGE, answer, ask, connect, is_closed};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The kernel, compiled as `applgen build` compiles it.
fn kernel() -> &'static [u8] {
    static KERNEL: OnceLock<Vec<u8>> = OnceLock::new();
    KERNEL.get_or_init(|| {
        // A target directory of its own: the one of this test run is locked.
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kernel");
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--offline", "--package", "applgen-unix"])
            .args([
                "--bin",
                "applgen-unix",
                "--profile",
                "appliance",
                "--target",
                TARGET,
            ])
            .arg("--target-dir")
            .arg(&directory)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env(
                "RUSTFLAGS",
                "-C target-feature=+crt-static -C relocation-model=static",
            )
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .status()
            .unwrap();
        assert!(status.success(), "the kernel does not compile");
        std::fs::read(directory.join(TARGET).join("appliance/applgen-unix")).unwrap()
    })
}

fn u16_at(bytes: &[u8], offset: usize) -> usize {
    u16::from_le_bytes(*bytes[offset..].first_chunk().unwrap()).into()
}

fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(*bytes[offset..].first_chunk().unwrap())
}

/// The offsets of the program headers in the file, with their types.
fn program_headers(elf: &[u8]) -> Vec<(usize, u32)> {
    let table = u64_at(elf, 32) as usize;
    (0..u16_at(elf, 56))
        .map(|index| table + index * 56)
        .map(|at| (at, u32::from_le_bytes(*elf[at..].first_chunk().unwrap())))
        .collect()
}

/// What `applgen build` does, in its simplest form: the spare header becomes a
/// `PT_LOAD` for bytes at the end of the file, above everything else.
fn attach(kernel: &[u8], bundle: &[u8]) -> Vec<u8> {
    let mut image = kernel.to_vec();
    image.resize(image.len().next_multiple_of(4096), 0);
    let headers = program_headers(&image);
    let end = headers
        .iter()
        .filter(|&&(_, kind)| kind == 1)
        .map(|&(at, _)| u64_at(&image, at + 16) + u64_at(&image, at + 40))
        .max()
        .unwrap();
    let spare = headers
        .iter()
        .find(|&&(at, kind)| {
            let note = u64_at(&image, at + 8) as usize;
            kind == 4 && image[note + 12..].starts_with(b"applgen\0")
        })
        .expect("a PT_NOTE of the owner `applgen`")
        .0;
    let offset = image.len() as u64;
    let address = end.next_multiple_of(4096);
    let length = bundle.len() as u64;
    let mut header = Vec::new();
    header.extend(1_u32.to_le_bytes());
    header.extend(4_u32.to_le_bytes());
    for number in [offset, address, address, length, length, 0] {
        header.extend(number.to_le_bytes());
    }
    image[spare..spare + 56].copy_from_slice(&header);
    image.extend(bundle);
    image
}

/// A new directory that holds an image and nothing else.
fn root(name: &str, image: &[u8]) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("root-{name}"));
    let _ = std::fs::remove_dir_all(&root);
    std::fs::create_dir_all(&root).unwrap();
    let path = root.join("image");
    std::fs::write(&path, image).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    root
}

/// Runs the image with its directory as `/`.
fn command(root: &Path, arguments: &[&str]) -> Command {
    let is_root = rustix::process::geteuid().is_root();
    let mut command = match is_root {
        true => Command::new("chroot"),
        false => {
            let mut command = Command::new("unshare");
            command.args(["--map-root-user", "chroot"]);
            command
        }
    };
    command.arg(root).arg("/image").args(arguments);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A running image; it is ended with the value.
struct Running {
    child: Child,
    _stdout: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Running {
    fn new(root: &Path, arguments: &[&str]) -> Self {
        let mut child = command(root, arguments).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line
            .strip_prefix("listening http://")
            .and_then(|rest| rest.strip_suffix("/\n"))
            .unwrap_or_else(|| panic!("{line:?}"))
            .parse()
            .unwrap();
        Self {
            child,
            _stdout: stdout,
            address,
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id() as i32).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Its exit code and what it wrote to stderr.
    fn wait(mut self) -> (Option<i32>, String) {
        let mut text = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut text).unwrap();
        (self.child.wait().unwrap().code(), text)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What an image says that does not run: exit code, stdout, stderr.
fn refused(root: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = command(root, arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn an_image_serves_from_an_empty_root_directory() {
    let image = attach(kernel(), &common::bundle("http=127.0.0.1:0 log=common"));
    let root = root("serve", &image);
    for (signal, threads) in [(Signal::TERM, 1), (Signal::INT, 2), (Signal::HUP, 3)] {
        let running = Running::new(&root, &[&format!("threads={threads}")]);
        let mut client = connect(running.address);
        assert_eq!(ask(&mut client, GET).1, b"hello\n");
        assert_eq!(ask(&mut client, GET_LARGE).1.len(), LARGE);
        // In flight when the signal comes, and finished all the same.
        client.write_all(GET_LARGE).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(50));
        running.signal(signal);
        assert_eq!(answer(&mut client).1.len(), LARGE);
        assert!(is_closed(&mut client));
        let (code, log) = running.wait();
        assert_eq!(code, Some(0));
        let lines: Vec<_> = log.lines().collect();
        assert_eq!(lines.len(), 3, "{log}");
        assert!(lines[0].starts_with("127.0.0.1 - - ["), "{log}");
        assert!(lines[0].ends_with("] \"GET / HTTP/1.1\" 200 6"), "{log}");
    }
}

#[test]
fn words_given_at_the_start_win() {
    let image = attach(kernel(), &common::bundle("http=127.0.0.1:1 log=common"));
    let root = root("words", &image);
    let running = Running::new(&root, &["http=127.0.0.1:0", "log=off", "a.b=c", "quiet"]);
    ask(&mut connect(running.address), GET);
    let address = running.address.to_string();
    // The same address again is taken.
    let (code, stdout, stderr) = refused(&root, &[&format!("http={address}")]);
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    assert!(
        stderr.starts_with(&format!("error: `{address}` is in use")),
        "{stderr}"
    );
    running.signal(Signal::TERM);
    assert_eq!(running.wait(), (Some(0), String::new()));
}

#[test]
fn what_is_wrong_is_said_in_a_sentence() {
    let good = root("good", &attach(kernel(), &common::bundle("")));
    for (word, says) in [
        ("htpp=80", "`htpp=80`: no such boot word"),
        (
            "ip=192.0.2.2/24",
            "`ip=192.0.2.2/24`: this kind of image takes no such boot word",
        ),
        ("http=x", "`http=x`: expected `PORT`"),
        (
            "http=192.0.2.1:80",
            "`192.0.2.1:80` is no address of this machine",
        ),
        ("threads=0", "`threads=0`: expected"),
    ] {
        let (code, stdout, stderr) = refused(&good, &[word]);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{word}");
        assert!(stderr.starts_with(&format!("error: {says}")), "{stderr}");
    }
    let (code, stdout, stderr) = refused(&good, &["--help"]);
    assert!(stdout.contains("http=[ADDR:]PORT"), "{stdout}");
    assert_eq!((code, stderr.as_str()), (Some(0), ""));

    let says = |name: &str, image: &[u8], expected: &str| {
        let (code, stdout, stderr) = refused(&root(name, image), &[]);
        assert_eq!((code, stdout.as_str()), (Some(2), ""));
        assert!(stderr.contains(expected), "{stderr}");
    };
    says("bare", kernel(), "no site is attached to this kernel");
    let mut damaged = common::bundle("");
    damaged[20] ^= 1;
    says(
        "damaged",
        &attach(kernel(), &damaged),
        "the bundle's head is damaged",
    );
    let boot = common::bundle("ip=dhcp");
    says("boot", &attach(kernel(), &boot), "in the bundle: `ip=dhcp`");
}
