//! An image tried before it is deployed: started as a process on a port of its
//! own and asked for its first page; and the same for bisection.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use crate::image::Target;

/// How long an image may take to say that it listens.
const START: Duration = Duration::from_secs(10);
/// And to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// An image that runs as a process; it ends when this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// The addresses that it printed: `http://…/`, `dns://…`.
    pub addresses: Vec<String>,
}

/// Whether images of a target run as processes here, on the host's sockets.
pub fn runs_here(target: &str) -> bool {
    Target::from_suffix(target) == Some(Target::Unix)
}

impl Running {
    /// Starts an image on free ports of the loopback address. `features` says
    /// what it serves, and so how many lines it will print.
    pub fn start(image: &Path, features: &[String]) -> Result<Self, String> {
        let services: Vec<&str> = ["http", "dns"]
            .into_iter()
            .filter(|service| features.iter().any(|feature| feature == service))
            .collect();
        let mut child = Command::new(image)
            .args(
                services
                    .iter()
                    .map(|service| format!("{service}=127.0.0.1:0")),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("it cannot be started: {error}"))?;
        let (sender, lines) = mpsc::channel();
        if let Some(output) = child.stdout.take() {
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        let mut running = Self {
            child,
            addresses: Vec::new(),
        };
        while running.addresses.len() < services.len() {
            let line = lines
                .recv_timeout(START)
                .map_err(|_| running.last_words())?;
            if let Some(address) = line.strip_prefix("listening ") {
                running.addresses.push(address.trim().to_owned());
            }
        }
        Ok(running)
    }

    /// Why it does not listen.
    fn last_words(&mut self) -> String {
        let _ = self.child.kill();
        let mut said = String::new();
        if let Some(output) = self.child.stderr.take() {
            let _ = output.take(4096).read_to_string(&mut said);
        }
        match said.trim() {
            "" => "it does not say that it listens".to_owned(),
            said => format!("it does not listen: {said}"),
        }
    }

    /// The address of one service.
    pub fn address(&self, service: &str) -> Option<&str> {
        let scheme = format!("{service}://");
        self.addresses
            .iter()
            .map(String::as_str)
            .find(|address| address.starts_with(&scheme))
    }

    /// Asks for `/` over HTTP; any answer but a failure of the server is one.
    pub fn ask_http(&self) -> Result<(), String> {
        let Some(address) = self.address("http") else {
            return Ok(());
        };
        let host = address.trim_start_matches("http://").trim_end_matches('/');
        let ask = || {
            let mut stream = TcpStream::connect(host)?;
            stream.set_read_timeout(Some(ANSWER))?;
            stream.set_write_timeout(Some(ANSWER))?;
            let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes())?;
            let mut head = [0; 12];
            stream.read_exact(&mut head)?;
            std::io::Result::Ok(head)
        };
        let head = ask().map_err(|error| format!("it does not answer: {error}"))?;
        match head.strip_prefix(b"HTTP/1.1 ") {
            Some([b'2' | b'3' | b'4', ..]) => Ok(()),
            _ => Err(format!("it answers `{}`", head.escape_ascii())),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
