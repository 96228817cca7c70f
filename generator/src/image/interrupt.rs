//! ^C and its kin during a build: what is unfinished goes away with the command.
//!
//! Temporary files and running compilers are registered here for as long as
//! they exist. On SIGINT, SIGTERM or SIGHUP a thread of its own ends the
//! compilers, removes the files and exits with 128 and the signal's number, as
//! shells report a death by signal. A signal that was ignored when the command
//! started (`nohup`) stays ignored.

use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    process,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// What would be left behind.
#[derive(Debug)]
enum Unfinished {
    /// A file, or a folder with all that is in it.
    Path(PathBuf),
    /// A compiler and what it started: one process group.
    Group(Pid),
}

#[derive(Debug)]
struct Register {
    watching: bool,
    next: u64,
    unfinished: BTreeMap<u64, Unfinished>,
}

static REGISTER: Mutex<Register> = Mutex::new(Register {
    watching: false,
    next: 0,
    unfinished: BTreeMap::new(),
});

fn register() -> MutexGuard<'static, Register> {
    REGISTER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps something registered until it is dropped.
#[derive(Debug)]
#[must_use = "what is dropped is no longer cleaned up"]
pub struct Guard(u64);

impl Drop for Guard {
    fn drop(&mut self) {
        // Once a signal came the register stays locked until the exit, so this
        // waits: nobody goes on with a compiler that was just ended.
        register().unfinished.remove(&self.0);
    }
}

/// Removes a file or a folder should a signal come.
pub fn remove_on_signal(path: &Path) -> io::Result<Guard> {
    enter(Unfinished::Path(path.to_owned()))
}

/// Ends a process group should a signal come.
pub fn end_on_signal(leader: &process::Child) -> io::Result<Guard> {
    let pid = i32::try_from(leader.id()).ok().and_then(Pid::from_raw);
    enter(Unfinished::Group(pid.ok_or(io::ErrorKind::InvalidInput)?))
}

fn enter(unfinished: Unfinished) -> io::Result<Guard> {
    let mut register = register();
    if !register.watching {
        watch()?;
        register.watching = true;
    }
    let id = register.next;
    register.next += 1;
    register.unfinished.insert(id, unfinished);
    Ok(Guard(id))
}

fn watch() -> io::Result<()> {
    let ignored = ignored_signals();
    let heeded = [SIGINT, SIGTERM, SIGHUP]
        .into_iter()
        .filter(|signal| ignored & (1 << (signal - 1)) == 0);
    let mut signals = Signals::new(heeded)?;
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            if let Some(signal) = signals.forever().next() {
                let register = register();
                clean_up(&register);
                process::exit(128 + signal);
            }
        })?;
    Ok(())
}

fn clean_up(register: &Register) {
    for unfinished in register.unfinished.values() {
        if let Unfinished::Group(leader) = unfinished {
            // It may have ended by itself.
            let _ = kill_process_group(*leader, Signal::KILL);
        }
    }
    for unfinished in register.unfinished.values() {
        if let Unfinished::Path(path) = unfinished {
            remove(path);
        }
    }
}

/// Removes a path, again for a while if need be: a compiler that was told to
/// end may still write its last file.
fn remove(path: &Path) {
    for _ in 0..100 {
        let removed = match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
            Ok(_) => fs::remove_file(path),
            Err(_) => return,
        };
        if removed.is_ok() {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// The signals that this process ignores, as bits; see `proc_pid_status(5)`.
fn ignored_signals() -> u64 {
    fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let line = status.lines().find_map(|l| l.strip_prefix("SigIgn:"))?;
            u64::from_str_radix(line.trim(), 16).ok()
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_finished_is_forgotten() {
        let folder = tempfile::tempdir().expect("a folder");
        let guard = remove_on_signal(folder.path()).expect("registers");
        let id = guard.0;
        assert!(register().unfinished.contains_key(&id));
        drop(guard);
        assert!(!register().unfinished.contains_key(&id));
    }
}
