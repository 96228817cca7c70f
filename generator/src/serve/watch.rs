//! What happens in a site directory: a signal that something did, once it has
//! come to rest.
//!
//! `notify` tells (inotify on Linux, its like elsewhere). Each directory is
//! watched by itself, not recursively: so hidden folders (`.git`, with a
//! thousand events a commit), output and whatever a link leads to are not. After
//! every event all is looked at again, which makes it no matter how an editor
//! saves: in place, or by a new file and a rename, or how often.
//!
//! A directory that is new is watched before it is read, so nothing that is
//! written into it afterwards is missed. One that took another's place is told
//! from it by its number.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Component, Path, PathBuf},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    time::{Duration, Instant},
};

use notify::{
    Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode},
};

use crate::{
    failure::Failure,
    report::Diagnostic,
    site::{never, tree::MAX_FILES},
};

/// After the last event it is quiet for so long before anything is built.
const QUIET: Duration = Duration::from_millis(8);
/// But nobody waits for longer than this.
const AT_MOST: Duration = Duration::from_millis(150);
/// How often a directory that is not there is looked for.
const MISSING: Duration = Duration::from_millis(300);

/// Watches a site.
pub struct Watch {
    watcher: RecommendedWatcher,
    events: Receiver<notify::Result<Event>>,
    /// Directories that are watched, and their numbers.
    watched: BTreeMap<PathBuf, (u64, u64)>,
    root: PathBuf,
    outputs: Vec<PathBuf>,
}

impl Watch {
    /// Of the site at `named`: a directory, or a file, whose directory it is then.
    /// `outputs` are not looked into.
    pub fn new(named: &Path, outputs: &[PathBuf]) -> Result<Self, Failure> {
        let root = match named.is_file() {
            true => match named.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent,
                _ => Path::new("."),
            },
            false => named,
        };
        let root = fs::canonicalize(root).map_err(|error| cannot(&notify::Error::io(error)))?;
        let (sender, events): (Sender<_>, _) = channel();
        let config = Config::default().with_follow_symlinks(false);
        let watcher = RecommendedWatcher::new(sender, config).map_err(|error| cannot(&error))?;
        let outputs = outputs.iter().filter_map(|path| {
            fs::canonicalize(path)
                .or_else(|_| std::path::absolute(path))
                .ok()
        });
        let mut watch = Self {
            watcher,
            events,
            watched: BTreeMap::new(),
            outputs: outputs.filter(|path| *path != root).collect(),
            root,
        };
        watch.look_again()?;
        Ok(watch)
    }

    /// Watches what is there now. Call it before a build reads the site.
    pub fn look_again(&mut self) -> Result<(), Failure> {
        // What appears in a new directory before it is watched is found in the
        // next round; the last round finds nothing new.
        loop {
            let there = self.directories();
            let gone: Vec<PathBuf> = self
                .watched
                .iter()
                .filter(|(path, number)| there.get(*path) != Some(number))
                .map(|(path, _)| path.clone())
                .collect();
            for path in gone {
                self.watched.remove(&path);
                // The system has forgotten it already where it was removed.
                let _ = self.watcher.unwatch(&path);
            }
            let mut is_new = false;
            for (path, number) in there {
                if self.watched.contains_key(&path) {
                    continue;
                }
                match self.watcher.watch(&path, RecursiveMode::NonRecursive) {
                    Ok(()) => {
                        is_new = true;
                        self.watched.insert(path, number);
                    }
                    // It came and went.
                    Err(_) if !path.exists() => {}
                    Err(error) => return Err(cannot(&error)),
                }
            }
            if !is_new {
                return Ok(());
            }
        }
    }

    /// Waits until something happened and it is quiet again.
    pub fn wait(&mut self) {
        loop {
            let event = match self.watched.contains_key(&self.root) {
                true => self
                    .events
                    .recv()
                    .map_err(|_| RecvTimeoutError::Disconnected),
                false => self.events.recv_timeout(MISSING),
            };
            match event {
                Ok(event) if self.matters(&event) => break self.settle(),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) if self.root.is_dir() => return,
                Err(RecvTimeoutError::Timeout) => {}
                // Cannot happen while the watcher lives; and if so, slowly.
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(MISSING),
            }
        }
    }

    /// Whether something more happens within so long.
    pub fn goes_on(&mut self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            match self.events.recv_timeout(left) {
                Ok(event) if self.matters(&event) => {
                    self.settle();
                    return true;
                }
                Ok(_) => {}
                Err(_) => return false,
            }
        }
        false
    }

    fn settle(&mut self) {
        let until = Instant::now() + AT_MOST;
        while Instant::now() < until {
            match self.events.recv_timeout(QUIET) {
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }

    /// Whether an event is of the site's input. What we read ourselves is told
    /// too, and would never end.
    fn matters(&self, event: &notify::Result<Event>) -> bool {
        let Ok(event) = event else { return true };
        match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => {}
            EventKind::Access(_) => return false,
            _ => {}
        }
        event.need_rescan()
            || event.paths.is_empty()
            || event.paths.iter().any(|path| self.is_input(path))
    }

    fn is_input(&self, path: &Path) -> bool {
        let Ok(below) = path.strip_prefix(&self.root) else {
            return true;
        };
        let is_hidden = |part: Component<'_>| is_hidden(part.as_os_str());
        !below.components().any(is_hidden) && !self.is_output(path)
    }

    fn is_output(&self, path: &Path) -> bool {
        self.outputs.iter().any(|output| path.starts_with(output))
    }

    /// Every directory of the site that may hold input.
    fn directories(&self) -> BTreeMap<PathBuf, (u64, u64)> {
        let mut found = BTreeMap::new();
        let mut open = vec![self.root.clone()];
        while let Some(directory) = open.pop() {
            let Ok(metadata) = fs::symlink_metadata(&directory) else {
                continue;
            };
            if !metadata.is_dir() || found.len() > MAX_FILES {
                continue;
            }
            let below = fs::read_dir(&directory).into_iter().flatten().flatten();
            found.insert(directory, (metadata.dev(), metadata.ino()));
            open.extend(
                below
                    .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                    .filter(|entry| !is_hidden(&entry.file_name()))
                    .map(|entry| entry.path())
                    .filter(|path| !self.is_output(path)),
            );
        }
        found
    }
}

fn is_hidden(name: &OsStr) -> bool {
    matches!(never::by_name(name), Some(never::Never::Hidden))
}

fn cannot(error: &notify::Error) -> Failure {
    let is_limit = match &error.kind {
        notify::ErrorKind::MaxFilesWatch => true,
        notify::ErrorKind::Io(error) => error.kind() == io::ErrorKind::StorageFull,
        _ => false,
    };
    let hint = match is_limit {
        true => "the system allows no more watches: `sysctl fs.inotify.max_user_watches=524288`",
        false => "is the directory there, and may you read it?",
    };
    Failure::environment(
        Diagnostic::error(format!("the site cannot be watched for changes: {error}")).hint(hint),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn watch(root: &Path) -> Watch {
        Watch::new(root, &[root.join("dist")]).unwrap()
    }

    /// Whether what `act` does is seen.
    fn sees(watch: &mut Watch, act: impl FnOnce()) -> bool {
        while watch.goes_on(Duration::from_millis(30)) {}
        act();
        let seen = watch.goes_on(Duration::from_millis(500));
        watch.look_again().unwrap();
        seen
    }

    #[test]
    fn whatever_an_editor_does_is_seen() {
        let site = tempfile::tempdir().unwrap();
        let root = site.path();
        fs::write(root.join("a.md"), "1").unwrap();
        let mut watch = watch(root);
        assert!(sees(&mut watch, || fs::write(root.join("a.md"), "2").unwrap()));
        assert!(sees(&mut watch, || {
            fs::write(root.join(".a.md.swp"), "3").unwrap();
            fs::rename(root.join(".a.md.swp"), root.join("a.md")).unwrap();
        }));
        assert!(sees(&mut watch, || fs::create_dir_all(root.join("x/y")).unwrap()));
        assert!(sees(&mut watch, || fs::write(root.join("x/y/b.md"), "4")
            .unwrap()));
        assert!(sees(&mut watch, || fs::remove_file(root.join("a.md")).unwrap()));
        // Another directory under the same name.
        assert!(sees(&mut watch, || {
            fs::rename(root.join("x"), root.join("z")).unwrap();
            fs::create_dir_all(root.join("x/y")).unwrap();
        }));
        assert!(sees(&mut watch, || fs::write(root.join("x/y/c.md"), "5")
            .unwrap()));
        assert!(sees(&mut watch, || fs::write(root.join("z/y/b.md"), "6")
            .unwrap()));
        assert!(sees(&mut watch, || fs::remove_dir_all(root.join("x")).unwrap()));
    }

    #[test]
    fn hidden_files_output_and_reading_are_not() {
        let site = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let root = site.path();
        for directory in [".git", "dist"] {
            fs::create_dir(root.join(directory)).unwrap();
        }
        fs::write(root.join("a.md"), "1").unwrap();
        symlink(other.path(), root.join("out")).unwrap();
        let mut watch = watch(root);
        assert!(!sees(&mut watch, || {
            fs::write(root.join(".git/HEAD"), "x").unwrap();
            fs::write(root.join("dist/x.unix"), "x").unwrap();
            fs::write(root.join(".a.md.swp"), "x").unwrap();
            fs::write(other.path().join("b.md"), "x").unwrap();
            fs::read(root.join("a.md")).unwrap();
        }));
    }
}
