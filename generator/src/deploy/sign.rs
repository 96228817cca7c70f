//! Signatures: minisign's, or those of OpenSSH (`ssh-keygen -Y`, PROTOCOL.sshsig).
//!
//! The statement of a place is signed, and with it the hash of every file; the
//! image is signed too, so that `minisign -Vm IMAGE` and `ssh-keygen -Y verify`
//! work on a host that has nothing else. SSH keys are used through the user's
//! own `ssh-keygen`, so agents and hardware keys work; minisign's through the
//! crate that minisign's author keeps.

use std::{
    env, fs,
    io::{Cursor, IsTerminal, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use minisign::{PublicKey, PublicKeyBox, SecretKey, SecretKeyBox, SignatureBox};

use crate::{failure::Failure, report::Diagnostic};

/// What SSH signatures are for; `ssh-keygen -n`.
pub const SSH_NAMESPACE: &str = "applgen";

/// The password of an encrypted minisign key, where nobody can be asked.
const PASSWORD: &str = "APPLGEN_SIGN_PASSWORD";

/// The two kinds of signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// minisign, prehashed: `FILE.minisig`.
    Minisign,
    /// OpenSSH: `FILE.sig`.
    Ssh,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Minisign, Self::Ssh];

    /// What the signature's file is called after the signed one.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Minisign => ".minisig",
            Self::Ssh => ".sig",
        }
    }
}

fn bad_key(path: &Path, why: impl std::fmt::Display) -> Failure {
    Failure::environment(
        Diagnostic::error(format!("`{}` is no key to use here: {why}", path.display())).hint(
            "keys are made by `minisign -G`, or by `ssh-keygen -t ed25519`; sign with the secret one, verify with the public one",
        ),
    )
}

fn read(path: &Path) -> Result<String, Failure> {
    let bytes = fs::read(path).map_err(|error| bad_key(path, error))?;
    if bytes.len() > 1 << 20 {
        return Err(bad_key(path, "it is too large"));
    }
    String::from_utf8(bytes).map_err(|_| bad_key(path, "it is no text"))
}

/// Something that signs.
#[derive(Debug)]
pub enum Signer {
    /// With a minisign key.
    Minisign(Box<SecretKey>),
    /// With an SSH key, secret, or public with the secret one in the agent.
    Ssh(PathBuf),
}

impl Signer {
    /// With the key in a file: what kind it is, the file says.
    pub fn from_file(path: &Path) -> Result<Self, Failure> {
        let text = read(path)?;
        if text.starts_with("untrusted comment:") {
            let parse = || SecretKeyBox::from_string(&text).map_err(|error| bad_key(path, error));
            if let Ok(key) = parse()?.into_unencrypted_secret_key() {
                return Ok(Self::Minisign(Box::new(key)));
            }
            let password = match env::var(PASSWORD) {
                Ok(password) => password,
                Err(_) if std::io::stdin().is_terminal() => {
                    rpassword::prompt_password(format!("password of `{}`: ", path.display()))
                        .map_err(|error| bad_key(path, error))?
                }
                Err(_) => {
                    return Err(bad_key(
                        path,
                        format!(
                            "it is encrypted, and nobody is there to be asked; set `{PASSWORD}`"
                        ),
                    ));
                }
            };
            let key = parse()?.into_secret_key(Some(password));
            let key = key.map_err(|error| bad_key(path, error))?;
            Ok(Self::Minisign(Box::new(key)))
        } else if text.starts_with("-----BEGIN") || ssh_keys(&text).next().is_some() {
            Ok(Self::Ssh(path.to_owned()))
        } else {
            Err(bad_key(path, "neither minisign's nor OpenSSH's"))
        }
    }

    /// The kind of its signatures.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Minisign(_) => Kind::Minisign,
            Self::Ssh(_) => Kind::Ssh,
        }
    }

    /// The signature file of `data`; `comment` is signed too, where the kind
    /// has room for one.
    pub fn sign(&self, data: &[u8], comment: &str) -> Result<Vec<u8>, Failure> {
        let failed = |why: String| {
            Failure::environment(Diagnostic::error(format!("nothing could be signed: {why}")))
        };
        match self {
            Self::Minisign(key) => minisign::sign(
                None,
                key,
                Cursor::new(data),
                Some(comment),
                Some("signature of an applgen deploy"),
            )
            .map(|signature| signature.into_string().into_bytes())
            .map_err(|error| failed(error.to_string())),
            Self::Ssh(path) => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                let mut command = ssh_keygen("sign");
                command.arg("-f").arg(path).args(["-n", SSH_NAMESPACE]);
                ssh(command, data).map_err(failed)
            }
        }
    }
}

/// A key that signatures are checked with.
#[derive(Debug)]
pub enum Verifier {
    /// minisign's public key.
    Minisign(Box<PublicKey>),
    /// Public SSH keys, in the form of `allowed_signers`.
    Ssh(String),
}

impl Verifier {
    /// The public key in a file, or minisign's as a word.
    pub fn from_file(path: &Path) -> Result<Self, Failure> {
        if let Some(key) = path
            .to_str()
            .and_then(|word| PublicKey::from_base64(word).ok())
        {
            return Ok(Self::Minisign(Box::new(key)));
        }
        let text = read(path)?;
        if text.starts_with("untrusted comment:") {
            return PublicKeyBox::from_string(&text)
                .and_then(PublicKeyBox::into_public_key)
                .map(|key| Self::Minisign(Box::new(key)))
                .map_err(|error| bad_key(path, error));
        }
        if let Ok(key) = PublicKey::from_base64(text.trim()) {
            return Ok(Self::Minisign(Box::new(key)));
        }
        let mut allowed = String::new();
        for (kind, key) in ssh_keys(&text) {
            allowed.push_str(&format!(
                "applgen namespaces=\"{SSH_NAMESPACE}\" {kind} {key}\n"
            ));
        }
        if allowed.is_empty() {
            return Err(bad_key(path, "no public key of minisign's or OpenSSH's"));
        }
        Ok(Self::Ssh(allowed))
    }

    /// The kind of signatures that it checks.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Minisign(_) => Kind::Minisign,
            Self::Ssh(_) => Kind::Ssh,
        }
    }

    /// Whether `signature` is this key's, over `data`.
    pub fn holds(&self, data: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Minisign(key) => std::str::from_utf8(signature)
                .ok()
                .and_then(|text| SignatureBox::from_string(text).ok())
                .is_some_and(|signature| {
                    minisign::verify(key, &signature, Cursor::new(data), true, false, false).is_ok()
                }),
            Self::Ssh(allowed) => {
                let Ok(folder) = tempfile::tempdir() else {
                    return false;
                };
                let (keys, file) = (folder.path().join("keys"), folder.path().join("sig"));
                if fs::write(&keys, allowed).is_err() || fs::write(&file, signature).is_err() {
                    return false;
                }
                let mut command = ssh_keygen("verify");
                command.arg("-f").arg(keys).args(["-I", "applgen"]);
                command.args(["-n", SSH_NAMESPACE]).arg("-s").arg(file);
                ssh(command, data).is_ok()
            }
        }
    }
}

/// The public keys in a file of them, or of allowed signers.
fn ssh_keys(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let kind = words.find(|word| {
            ["ssh-", "ecdsa-", "sk-"]
                .iter()
                .any(|start| word.starts_with(start))
        })?;
        let key = words.next()?;
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
        (!line.starts_with('#') && key.bytes().all(is_base64)).then_some((kind, key))
    })
}

fn ssh_keygen(verb: &str) -> Command {
    let mut command = Command::new("ssh-keygen");
    command.args(["-Y", verb]).env("LC_ALL", "C");
    command
}

/// Runs `ssh-keygen` over data that it reads from its standard input.
fn ssh(mut command: Command, data: &[u8]) -> Result<Vec<u8>, String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("`ssh-keygen` cannot be started: {error}"))?;
    let pipe = child.stdin.take();
    let output = std::thread::scope(|threads| {
        threads.spawn(move || {
            if let Some(mut pipe) = pipe {
                let _ = pipe.write_all(data);
            }
        });
        child.wait_with_output()
    })
    .map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("`ssh-keygen` says: {}", said.trim()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minisign_keys(folder: &Path) -> (PathBuf, PathBuf) {
        let pair = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
        let (secret, public) = (folder.join("secret"), folder.join("public"));
        let text = pair.sk.to_box(None).unwrap().into_string();
        fs::write(&secret, text).unwrap();
        fs::write(&public, pair.pk.to_box().unwrap().into_string()).unwrap();
        (secret, public)
    }

    fn ssh_keys_of(folder: &Path) -> (PathBuf, PathBuf) {
        let secret = folder.join("id");
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "ci", "-f"])
            .arg(&secret)
            .status()
            .unwrap();
        assert!(made.success());
        (secret.clone(), folder.join("id.pub"))
    }

    #[test]
    fn a_signature_holds_for_its_data_and_key_alone() {
        for keys in [minisign_keys, ssh_keys_of] {
            let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let (secret, public) = keys(one.path());
            let (_, other) = keys(two.path());
            let signer = Signer::from_file(&secret).unwrap();
            let signature = signer.sign(b"image", "talk/unix/1").unwrap();
            let verifier = Verifier::from_file(&public).unwrap();
            assert_eq!(verifier.kind(), signer.kind());
            assert!(verifier.holds(b"image", &signature));
            assert!(!verifier.holds(b"imagf", &signature));
            assert!(!verifier.holds(b"image", b""));
            assert!(
                !Verifier::from_file(&other)
                    .unwrap()
                    .holds(b"image", &signature)
            );
        }
    }

    #[test]
    fn what_is_no_key_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        fs::write(&path, "hello\n").unwrap();
        assert!(Signer::from_file(&path).is_err());
        assert!(Verifier::from_file(&path).is_err());
        assert!(Verifier::from_file(&folder.path().join("y")).is_err());
        let (secret, public) = minisign_keys(folder.path());
        assert!(Signer::from_file(&public).is_err());
        assert!(Verifier::from_file(&secret).is_err());
    }
}
