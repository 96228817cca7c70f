//! ^C and its kin during a build: what is unfinished goes away with the command.
//!
//! Temporary files and running compilers are registered here for as long as
//! they exist. On SIGINT, SIGTERM or SIGHUP a thread of its own ends the
//! compilers, removes the files and exits with 128 and the signal's number, as
//! shells report a death by signal. A signal that was ignored when the command
//! started (`nohup`) stays ignored. Whoever serves takes the signals over
//! ([`take_over`]) and ends in its own way.

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
    sync::{
        Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
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
    /// Who gets the signals, instead of the end.
    taker: Option<Sender<i32>>,
}

static REGISTER: Mutex<Register> = Mutex::new(Register {
    watching: false,
    next: 0,
    unfinished: BTreeMap::new(),
    taker: None,
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

/// From now on signals do not end the command: their numbers come out here.
pub fn take_over() -> io::Result<Receiver<i32>> {
    let (sender, receiver) = channel();
    let mut register = register();
    register.taker = Some(sender);
    if !register.watching {
        watch()?;
        register.watching = true;
    }
    Ok(receiver)
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
            for signal in signals.forever() {
                let register = register();
                if let Some(taker) = &register.taker
                    && taker.send(signal).is_ok()
                {
                    continue;
                }
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
    use crate::image::write::{FILE_MODE, Pending};
    use std::{
        env,
        io::{BufRead, BufReader, Write},
        os::unix::process::CommandExt,
        process::{Command, Stdio},
    };

    /// Set for the process that is to be interrupted: the folder it works in.
    const FOLDER: &str = "APPLGEN_TEST_INTERRUPTED_IN";

    #[test]
    fn what_is_finished_is_forgotten() {
        let folder = tempfile::tempdir().expect("a folder");
        let guard = remove_on_signal(folder.path()).expect("registers");
        let id = guard.0;
        assert!(register().unfinished.contains_key(&id));
        drop(guard);
        assert!(!register().unfinished.contains_key(&id));
    }

    #[test]
    fn a_signal_leaves_neither_files_nor_processes() {
        if let Some(folder) = env::var_os(FOLDER) {
            work_until_interrupted(Path::new(&folder));
        }
        for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
            interrupted_by("--default-signal=INT,HUP", &[signal], code);
        }
        // `nohup` holds: what was ignored before stays ignored.
        interrupted_by("--ignore-signal=HUP", &[Signal::HUP, Signal::TERM], 143);
    }

    /// A build that never ends: half a file, a folder, a compiler at work.
    fn work_until_interrupted(folder: &Path) -> ! {
        let mut half = Pending::create(&folder.join("image"), FILE_MODE).expect("creates");
        half.write_all(&[0; 1 << 20]).expect("writes");
        let scratch = folder.join("scratch");
        fs::create_dir_all(scratch.join("target")).expect("creates");
        let _scratch = remove_on_signal(&scratch).expect("registers");
        let mut compiler = Command::new("sh")
            .args(["-c", "sleep 600 & echo $!; wait"])
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("starts");
        let _compiler = end_on_signal(&compiler).expect("registers");
        let mut inner = String::new();
        let out = compiler.stdout.take().expect("piped");
        BufReader::new(out).read_line(&mut inner).expect("reads");
        eprintln!("processes {} {}", compiler.id(), inner.trim());
        compiler.wait().expect("waits");
        // Whoever waits for the compiler does not get here: its guard blocks.
        drop(_compiler);
        unreachable!("the signal ends this process");
    }

    /// `setting` is an option of env(1), so that it does not matter which signals
    /// whoever runs the tests ignores.
    fn interrupted_by(setting: &str, signals: &[Signal], code: i32) {
        let folder = tempfile::tempdir().expect("a folder");
        let name = "image::interrupt::tests::a_signal_leaves_neither_files_nor_processes";
        let mut build = Command::new("env")
            .arg(setting)
            .arg(env::current_exe().expect("a path"))
            .args(["--exact", name, "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        let lines = BufReader::new(build.stderr.take().expect("piped")).lines();
        let processes = lines
            .map_while(Result::ok)
            .find_map(|line| Some(line.strip_prefix("processes ")?.to_owned()))
            .expect("the build came that far");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2);

        let pid = i32::try_from(build.id()).ok().and_then(Pid::from_raw);
        for signal in signals {
            rustix::process::kill_process(pid.expect("a process"), *signal).expect("signals");
        }
        assert_eq!(build.wait().expect("ends").code(), Some(code));
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
        for process in processes.split(' ') {
            assert!(ends_soon(process), "process {process} goes on");
        }
    }

    /// Whether a process is gone, or dead and only not yet collected.
    fn ends_soon(process: &str) -> bool {
        (0..200).any(|_| {
            let stat = fs::read_to_string(format!("/proc/{process}/stat"));
            let dead = stat.map_or(true, |stat| stat.contains(") Z "));
            if !dead {
                thread::sleep(Duration::from_millis(10));
            }
            dead
        })
    }
}
