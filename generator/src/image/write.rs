//! Writing output: a whole file or none, under a name that is never half true.
//!
//! A file is written under a temporary name in the same folder, flushed to the
//! disk, given its mode (whatever the umask is) and only then renamed. Every
//! failure before that, a full disk, a signal, leaves what was there before.

use crate::{
    image::{
        attach::Attached,
        digest::Digest,
        interrupt::{self, Guard},
    },
    report::Diagnostic,
};
use applgen_bundle::write::FinishedBundle;
use std::{
    fs::{self, File, Permissions},
    io::{self, BufWriter, ErrorKind, Write},
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
};
use tempfile::NamedTempFile;
use thiserror::Error;

/// The mode of images: anyone may run them.
pub const IMAGE_MODE: u32 = 0o755;

/// The mode of what lies beside them.
pub const FILE_MODE: u32 = 0o644;

/// Writes are gathered to this size: bundles come in many small pieces.
const BUFFER_BYTES: usize = 1 << 18;

/// Why a file was not written.
#[derive(Debug, Error)]
#[error("`{}` cannot be written: {}", path.display(), reason(error))]
pub struct WriteError {
    path: PathBuf,
    error: io::Error,
}

impl WriteError {
    fn new(path: &Path, error: io::Error) -> Self {
        Self {
            path: path.to_owned(),
            error,
        }
    }

    /// The error for people, with advice.
    pub fn diagnostic(&self) -> Diagnostic {
        let error = Diagnostic::error(self.to_string());
        match self.error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                error.hint("free some space, or write elsewhere with `-o FILE`")
            }
            ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => {
                error.hint("write elsewhere with `-o FILE`")
            }
            _ => error,
        }
    }
}

/// The cause as a clause: lower case, without the number that `io::Error` adds.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::StorageFull => "the disk is full".to_owned(),
        ErrorKind::QuotaExceeded => "the disk quota is used up".to_owned(),
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::FileTooLarge => "the file system takes no file of that size".to_owned(),
        ErrorKind::IsADirectory => "it is a directory".to_owned(),
        _ => {
            let text = error.to_string();
            let text = text.split(" (os error").next().unwrap_or_default();
            let mut letters = text.chars();
            letters.next().map_or_else(String::new, |first| {
                first.to_lowercase().chain(letters).collect()
            })
        }
    }
}

/// A file on its way: everything in it is counted and hashed.
pub struct Pending {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
    digest: Digest,
    bytes: u64,
    mode: u32,
    _guard: Guard,
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending")
            .field("path", &self.path)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl Pending {
    /// Starts a file that will be `path`. Missing folders are made; a symbolic
    /// link is followed, so that what it leads to is replaced.
    pub fn create(path: &Path, mode: u32) -> Result<Self, WriteError> {
        let failed = |error| WriteError::new(path, error);
        let target = match fs::canonicalize(path) {
            Ok(existing) => existing,
            Err(_) => path.to_owned(),
        };
        if let Ok(metadata) = fs::metadata(&target) {
            refuse_special(&metadata).map_err(failed)?;
        }
        let folder = match target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        fs::create_dir_all(folder).map_err(failed)?;
        let file = tempfile::Builder::new()
            .prefix(".applgen-")
            .suffix(".part")
            .tempfile_in(folder)
            .map_err(failed)?;
        let guard = interrupt::remove_on_signal(file.path()).map_err(failed)?;
        Ok(Self {
            path: target,
            file: BufWriter::with_capacity(BUFFER_BYTES, file),
            digest: Digest::new(),
            bytes: 0,
            mode,
            _guard: guard,
        })
    }

    /// Flushes the file to the disk: after this only the rename can fail.
    pub fn finish(self) -> Result<Finished, WriteError> {
        let failed = |error| WriteError::new(&self.path, error);
        let file = self
            .file
            .into_inner()
            .map_err(|error| failed(error.into_error()))?;
        file.as_file()
            .set_permissions(Permissions::from_mode(self.mode))
            .and_then(|()| file.as_file().sync_all())
            .map_err(failed)?;
        Ok(Finished {
            written: Written {
                sha256: self.digest.finish(),
                bytes: self.bytes,
            },
            file,
            path: self.path,
            _guard: self._guard,
        })
    }

    /// Fills the file, with errors that name it.
    pub fn fill(
        &mut self,
        with: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> Result<(), WriteError> {
        with(self).map_err(|error| WriteError::new(&self.path, error))
    }
}

impl Write for Pending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.digest.update(&bytes[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A file that is whole and on the disk, but has its temporary name.
#[derive(Debug)]
pub struct Finished {
    written: Written,
    file: NamedTempFile,
    path: PathBuf,
    _guard: Guard,
}

/// What a file came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The hash of all of it.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
}

impl Finished {
    /// What it came to.
    pub fn written(&self) -> &Written {
        &self.written
    }

    /// Gives it its name, in place of what had it.
    pub fn commit(self) -> Result<Written, WriteError> {
        self.file
            .persist(&self.path)
            .map_err(|error| WriteError::new(&self.path, error.error))?;
        // The rename itself is on the disk once the folder is. File systems
        // that cannot flush folders keep their own order.
        if let Some(folder) = self.path.parent()
            && let Ok(folder) = File::open(folder)
        {
            let _ = folder.sync_all();
        }
        Ok(self.written)
    }
}

/// A device or a folder is not replaced by a file.
fn refuse_special(metadata: &fs::Metadata) -> io::Result<()> {
    let kind = metadata.file_type();
    if kind.is_dir() {
        Err(ErrorKind::IsADirectory.into())
    } else if kind.is_char_device() || kind.is_block_device() || kind.is_fifo() || kind.is_socket()
    {
        Err(io::Error::other("it is not a regular file"))
    } else {
        Ok(())
    }
}

/// Writes an image up to its rename.
pub fn image(
    path: &Path,
    attached: &Attached,
    bundle: &FinishedBundle,
) -> Result<Finished, WriteError> {
    let mut pending = Pending::create(path, IMAGE_MODE)?;
    pending.fill(|file| {
        file.write_all(attached.prefix())?;
        bundle.write_to(file)
    })?;
    pending.finish()
}

/// Writes a small file beside an image up to its rename.
pub fn file(path: &Path, bytes: &[u8], mode: u32) -> Result<Finished, WriteError> {
    let mut pending = Pending::create(path, mode)?;
    pending.fill(|file| file.write_all(bytes))?;
    pending.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name())
            .map(|name| name.into_string().expect("text"))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn nothing_has_its_name_before_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("dist/site.unix");
        let finished = file(&path, b"abc", FILE_MODE).expect("writes");
        assert!(!path.exists());
        assert_eq!(finished.written().bytes, 3);
        assert!(finished.written().sha256.starts_with("ba7816bf"));
        finished.commit().expect("renames");
        assert_eq!(fs::read(&path).expect("reads"), b"abc");
        assert_eq!(names(path.parent().expect("a folder")), ["site.unix"]);
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o7777, FILE_MODE);
    }

    #[test]
    fn what_is_given_up_leaves_the_old_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("site.unix");
        fs::write(&path, "old").expect("writes");
        drop(file(&path, b"new", FILE_MODE).expect("writes"));
        let mut pending = Pending::create(&path, FILE_MODE).expect("creates");
        let full = pending.fill(|file| {
            file.write_all(b"half")?;
            Err(ErrorKind::StorageFull.into())
        });
        drop(pending);
        let text = full.expect_err("full").diagnostic().render(false);
        assert!(
            text.contains("site.unix` cannot be written: the disk is full"),
            "{text}"
        );
        assert_eq!(fs::read(&path).expect("reads"), b"old");
        assert_eq!(names(folder.path()), ["site.unix"]);
    }

    #[test]
    fn devices_and_folders_are_not_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = file(folder.path(), b"", FILE_MODE).expect_err("a folder");
        assert!(error.to_string().ends_with("it is a directory"), "{error}");
        let error = file(Path::new("/dev/null"), b"", FILE_MODE).expect_err("a device");
        assert!(
            error.to_string().ends_with("it is not a regular file"),
            "{error}"
        );
    }

    #[test]
    fn a_link_leads_to_what_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, "old").expect("writes");
        std::os::unix::fs::symlink("real", &link).expect("links");
        file(&link, b"new", FILE_MODE)
            .expect("writes")
            .commit()
            .expect("renames");
        assert_eq!(fs::read(&real).expect("reads"), b"new");
        assert!(link.is_symlink());
    }

    #[test]
    fn a_file_in_the_way_of_a_folder_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("dist"), "").expect("writes");
        let error =
            file(&folder.path().join("dist/site.unix"), b"", FILE_MODE).expect_err("no folder");
        let text = error.to_string();
        assert!(!text.contains("os error"), "{text}");
        assert!(
            text.contains("dist/site.unix` cannot be written: "),
            "{text}"
        );
    }
}
