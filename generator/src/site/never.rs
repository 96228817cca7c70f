//! What is never served, whatever the folder: hidden entries, our own files,
//! keys, earlier images. A site is often a repository with more in it than its
//! author means to publish, so the rule is by name first, and by content for keys
//! and images.

use std::{
    ffi::OsStr,
    fs::File,
    io::{Read, Seek},
    os::unix::ffi::OsStrExt,
    path::Path,
};

use crate::image::attach;

/// Why an entry stays out of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Never {
    /// Its name begins with a dot, and is not `.well-known` (RFC 8615).
    Hidden,
    /// It configures applgen.
    Ours,
    /// It looks like a private key.
    Key,
    /// It is an image that applgen built.
    Image,
}

const OURS: [&str; 3] = ["applgen.toml", "_headers", "_redirects"];
const KEY_NAMES: [&str; 5] = ["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_ecdsa_sk"];
const KEY_EXTENSIONS: [&str; 8] = ["key", "p12", "pfx", "jks", "keystore", "kdbx", "ppk", "p8"];
/// A key file is small; a larger file is read for nothing.
const LARGEST_KEY_BYTES: u64 = 64 * 1000;

/// The rule by name alone: files and directories.
pub fn by_name(name: &OsStr) -> Option<Never> {
    let bytes = name.as_bytes();
    if bytes.starts_with(b".") {
        return (bytes != b".well-known").then_some(Never::Hidden);
    }
    if OURS.iter().any(|ours| name == *ours) {
        return Some(Never::Ours);
    }
    if KEY_NAMES.iter().any(|key| name == *key) {
        return Some(Never::Key);
    }
    // What dnssec-keygen and ldns-keygen write: Kexample.org.+013+12345.private
    (bytes.starts_with(b"K") && bytes.ends_with(b".private")).then_some(Never::Key)
}

/// The rule for an opened regular file of `bytes` length, by name and content.
pub fn by_content(path: &Path, mut file: File, bytes: u64) -> Option<Never> {
    if attach::is_image(&mut file, bytes).ok()? {
        return Some(Never::Image);
    }
    let named_key = path
        .extension()
        .and_then(OsStr::to_str)
        .is_some_and(|e| KEY_EXTENSIONS.contains(&e.to_ascii_lowercase().as_str()));
    if !named_key && bytes > LARGEST_KEY_BYTES {
        return None;
    }
    file.rewind().ok()?;
    let mut head = Vec::with_capacity(128);
    file.take(128).read_to_end(&mut head).ok()?;
    // A Keynote presentation ends in `.key` too, and is a ZIP archive.
    let secret = (named_key && !head.starts_with(b"PK\x03\x04")) || holds_private_key(&head);
    secret.then_some(Never::Key)
}

fn holds_private_key(head: &[u8]) -> bool {
    let line = head.split(|&b| b == b'\n').next().unwrap_or(head);
    let text = String::from_utf8_lossy(line);
    (text.starts_with("-----BEGIN ") && text.contains("PRIVATE KEY"))
        || text.starts_with("PuTTY-User-Key-File")
        || text.starts_with("AGE-SECRET-KEY-")
        || (text.starts_with("untrusted comment:") && text.contains("secret key"))
        || text.starts_with("Private-key-format:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_names_stay_out_but_well_known() {
        assert_eq!(by_name(OsStr::new(".git")), Some(Never::Hidden));
        assert_eq!(by_name(OsStr::new(".well-known")), None);
        assert_eq!(by_name(OsStr::new("_redirects")), Some(Never::Ours));
        assert_eq!(by_name(OsStr::new("id_ed25519")), Some(Never::Key));
        assert_eq!(by_name(OsStr::new("id_ed25519.pub")), None);
    }

    #[test]
    fn keys_are_known_by_content_and_keynote_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &[u8]| {
            let path = dir.path().join(name);
            std::fs::write(&path, content).unwrap();
            by_content(&path, File::open(&path).unwrap(), content.len() as u64)
        };
        assert_eq!(
            write("notes.txt", b"-----BEGIN OPENSSH PRIVATE KEY-----\n"),
            Some(Never::Key)
        );
        assert_eq!(write("server.key", b"whatever"), Some(Never::Key));
        assert_eq!(write("talk.key", b"PK\x03\x04rest"), None);
        assert_eq!(write("cert.pem", b"-----BEGIN CERTIFICATE-----\n"), None);
        assert_eq!(
            write(
                "how-to.md",
                b"Never share -----BEGIN RSA PRIVATE KEY-----\n"
            ),
            None
        );
    }
}
