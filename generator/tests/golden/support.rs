//! A site in a temporary directory, the real binary, and a small HTTP client.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

pub use crate::ran::Ran;

/// A site under construction, in a directory of its own.
pub struct Site {
    temporary: tempfile::TempDir,
    root: PathBuf,
}

impl Site {
    /// An empty directory called `name`.
    pub fn new(name: &str) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let root = temporary.path().join(name);
        fs::create_dir(&root).unwrap();
        // Other users than root build from it, too.
        open_to_all(temporary.path());
        Self { temporary, root }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The directory that commands run in: the site's parent.
    pub fn parent(&self) -> &Path {
        self.temporary.path()
    }

    /// Adds a file.
    pub fn file(self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) -> Self {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// Runs a command beside the site.
    pub fn run<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Ran {
        ran(command(self.parent()).args(arguments))
    }

    /// Runs a command as a user without rights.
    pub fn run_as_nobody<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Ran {
        let mut command = command(self.parent());
        // Whoever is not root has no more rights than this already.
        if rustix::process::geteuid().is_root() {
            command.uid(65_534).gid(65_534);
        }
        ran(command.args(arguments))
    }

    /// The site's name, as commands take it.
    pub fn name(&self) -> &str {
        self.root.file_name().unwrap().to_str().unwrap()
    }

    /// `applgen build NAME`.
    pub fn build(&self) -> Ran {
        self.run(["build", self.name()])
    }

    /// `applgen check NAME`.
    pub fn check(&self) -> Ran {
        self.run(["check", self.name()])
    }

    /// Builds the site and starts its image.
    #[track_caller]
    pub fn serve(&self) -> Server {
        let ran = self.build().code(0);
        Server::start(&self.parent().join(ran.stdout.trim()))
    }
}

/// Makes a directory one that everybody may enter.
pub fn open_to_all(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
}

/// The real binary, in `directory`. Kernels are cached for all tests together.
pub fn command(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_applgen"));
    command
        .current_dir(directory)
        .env(
            "APPLGEN_CACHE",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"),
        )
        .env("NO_COLOR", "1")
        .stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub fn ran(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// An image that runs, and is ended with the test.
pub struct Server {
    child: Child,
    pub address: String,
}

impl Server {
    /// Starts an image on a free port.
    #[track_caller]
    pub fn start(image: &Path) -> Self {
        Self::of(Command::new(image).arg("http=127.0.0.1:0").current_dir("/"))
    }

    /// Starts a command that prints a `listening` line.
    #[track_caller]
    pub fn of(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line
            .trim()
            .strip_prefix("listening http://")
            .and_then(|rest| rest.strip_suffix('/'))
            .unwrap_or_else(|| panic!("no listening line but `{line}`"))
            .to_owned();
        Self { child, address }
    }

    /// Sends a signal, and gives the exit code that comes of it.
    pub fn end(mut self, signal: rustix::process::Signal) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
        self.child.wait().unwrap().code()
    }

    /// `GET` of a target as it stands.
    #[track_caller]
    pub fn get(&self, target: &str) -> Response {
        self.request(&format!(
            "GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        ))
    }

    /// A request as it stands, and everything that comes back.
    #[track_caller]
    pub fn request(&self, request: &str) -> Response {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let end = bytes
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .unwrap_or_else(|| panic!("no head in {:?}", String::from_utf8_lossy(&bytes)));
        Response {
            head: String::from_utf8_lossy(&bytes[..end]).into_owned(),
            body: bytes[end + 4..].to_vec(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer.
#[derive(Debug)]
pub struct Response {
    pub head: String,
    pub body: Vec<u8>,
}

impl Response {
    pub fn status(&self) -> u16 {
        self.head
            .split(' ')
            .nth(1)
            .and_then(|s| s.parse().ok())
            .unwrap_or(0)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .split("\r\n")
            .filter_map(|line| line.split_once(": "))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
