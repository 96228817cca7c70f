//! The sandbox: what a process gives up once it has everything it needs.
//!
//! A server that has opened its sockets needs no file, no other program, no
//! right of root and few system calls. [`Sandbox::enter`] gives all of that up,
//! in this order, for the calling thread and for every thread that it starts
//! afterwards; so it is called before there is a second one:
//!
//! 1. **Privileges**: the capability bounding and ambient sets are emptied;
//!    root becomes another user, without further groups; the remaining
//!    capabilities go; `no_new_privs` keeps them gone.
//! 2. **Landlock**: no path in the file system may be opened, made or removed,
//!    no TCP port bound or connected to, no abstract socket or signal outside
//!    of this process reached; as much of that as the kernel knows.
//! 3. **seccomp**: system calls that are not on the list fail with `EPERM`,
//!    `clone` makes threads and nothing else, memory never becomes executable.
//!
//! `/proc/PID/status` shows it: `NoNewPrivs: 1`, `Seccomp: 2`, all `Cap…` zero.
//!
//! | what is kept open | [`Calls`] |
//! |---|---|
//! | listening sockets, UDP sockets | [`Calls::Sockets`] |
//! | a tap device, read and written as a file | [`Calls::Frames`] |

use landlock::{
    ABI, Access, AccessFs, AccessNet, RestrictionStatus, Ruleset, RulesetAttr, RulesetStatus, Scope,
};
use rustix::process::{Gid, Uid, geteuid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs, set_thread_groups,
    set_thread_res_gid, set_thread_res_uid,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};
use std::collections::BTreeMap;
use std::fmt;
use std::io;

/// Whom root becomes when nothing else is said: `nobody`, by number, since an
/// empty root directory has no `/etc/passwd`.
pub const NOBODY: Identity = Identity {
    uid: 65_534,
    gid: 65_534,
};

/// A user and a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The user's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
}

/// Which system calls stay, beside memory, threads, time and what is written
/// to stdout and stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// Accepting, receiving, sending on sockets that are there; none is made.
    Sockets,
    /// Reading and writing files that are open, such as a tap device.
    Frames,
}

/// A sandbox to be entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sandbox {
    /// Which system calls stay.
    pub calls: Calls,
    /// Whom to become. Without a word, root becomes [`NOBODY`] where it can (a
    /// user namespace may know no such user), and others stay who they are.
    pub identity: Option<Identity>,
}

/// What holds once the sandbox is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entered {
    /// Whether this kernel has Landlock, and enforces it. (A kernel that knows
    /// only a part of it counts: the rest is for later kernels.)
    pub landlock: bool,
}

/// Why a sandbox could not be entered.
#[derive(Debug)]
pub struct SandboxError {
    /// What was being given up.
    what: String,
    error: io::Error,
}

impl fmt::Display for SandboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, error } = self;
        write!(
            f,
            "cannot enter the sandbox: {what}: {error}\n\nhint: `sandbox=off` starts without one"
        )
    }
}

impl std::error::Error for SandboxError {}

/// Turns an error of step `what` into ours.
fn failed<E: Into<io::Error>>(what: &str) -> impl FnOnce(E) -> SandboxError {
    let what = what.to_owned();
    move |error| SandboxError {
        what,
        error: error.into(),
    }
}

impl Sandbox {
    /// Gives up what is not needed. Where this fails, some of it may be gone
    /// already: the process is to end.
    pub fn enter(&self) -> Result<Entered, SandboxError> {
        drop_bounding_set();
        self.become_other()?;
        let none = CapabilitySets {
            effective: CapabilitySet::empty(),
            permitted: CapabilitySet::empty(),
            inheritable: CapabilitySet::empty(),
        };
        set_capabilities(None, none).map_err(failed("capabilities"))?;
        set_no_new_privs(true).map_err(failed("no_new_privs"))?;
        let landlock = restrict_paths().map_err(failed("Landlock"))?;
        restrict_calls(self.calls).map_err(failed("seccomp"))?;
        Ok(Entered { landlock })
    }

    /// Credentials are a thread's own here; those that it starts inherit them.
    fn become_other(&self) -> Result<(), SandboxError> {
        let Some(Identity { uid, gid }) = self.identity.or_else(|| {
            let is_root = geteuid().is_root();
            is_root.then_some(NOBODY)
        }) else {
            return Ok(());
        };
        let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
        let become_it = || {
            set_thread_groups(&[])?;
            set_thread_res_gid(gid, gid, gid)?;
            set_thread_res_uid(uid, uid, uid)
        };
        match become_it() {
            // A user namespace that has no other user: root in there is none
            // of the host's, and its capabilities go all the same.
            Err(_) if self.identity.is_none() => Ok(()),
            result => result.map_err(failed(&format!(
                "becoming user {} and group {}",
                uid.as_raw(),
                gid.as_raw()
            ))),
        }
    }
}

/// Without `CAP_SETPCAP` the set stays; `no_new_privs` makes it meaningless.
fn drop_bounding_set() {
    for number in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        // The kernel knows fewer than 64, and says so.
        if remove_capability_from_bounding_set(capability).is_err() {
            break;
        }
    }
    // Kernels before 4.3 have no such set.
    let _ = clear_ambient_capability_set();
}

/// A Landlock domain without a single rule. Whether it is enforced.
fn restrict_paths() -> Result<bool, io::Error> {
    let abi = ABI::V7;
    let restrict = || -> Result<RestrictionStatus, landlock::RulesetError> {
        Ruleset::default()
            .handle_access(AccessFs::from_all(abi))?
            .handle_access(AccessNet::from_all(abi))?
            .scope(Scope::from_all(abi))?
            .create()?
            .restrict_self()
    };
    let status = restrict().map_err(io::Error::other)?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

fn restrict_calls(calls: Calls) -> Result<(), io::Error> {
    let other = |error| io::Error::other(format!("{error}"));
    for program in [no_clone3(), allowed(calls)] {
        let program = program.map_err(|error| io::Error::other(error.to_string()))?;
        seccompiler::apply_filter(&program).map_err(other)?;
    }
    Ok(())
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn compile(
    rules: Rules,
    otherwise: SeccompAction,
    matched: SeccompAction,
) -> Result<BpfProgram, seccompiler::BackendError> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, otherwise, matched, arch)?.try_into()
}

/// The flags of `clone3` lie in memory, where a filter cannot look: a C library
/// that is told that there is no such call goes back to `clone`.
fn no_clone3() -> Result<BpfProgram, seccompiler::BackendError> {
    let rules = Rules::from([(libc::SYS_clone3, Vec::new())]);
    let absent = SeccompAction::Errno(libc::ENOSYS as u32);
    compile(rules, SeccompAction::Allow, absent)
}

/// The list.
fn allowed(calls: Calls) -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules = Rules::new();
    let own = match calls {
        Calls::Sockets => SOCKETS,
        Calls::Frames => FRAMES,
    };
    for &call in EVERYWHERE.iter().chain(own) {
        rules.insert(call, Vec::new());
    }
    let bits = |argument: u8, mask: i32, value: i32| {
        let masked = SeccompCmpOp::MaskedEq(mask as u64);
        let bits = SeccompCmpArgLen::Dword;
        let condition = SeccompCondition::new(argument, bits, masked, value as u64)?;
        Ok::<_, seccompiler::BackendError>(vec![SeccompRule::new(vec![condition])?])
    };
    // Threads, and no processes.
    rules.insert(
        libc::SYS_clone,
        bits(0, libc::CLONE_THREAD, libc::CLONE_THREAD)?,
    );
    // Nothing that can be written or comes new is ever run.
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(call, bits(2, libc::PROT_EXEC, 0)?);
    }
    let refused = SeccompAction::Errno(libc::EPERM as u32);
    compile(rules, refused, SeccompAction::Allow)
}

/// Memory, threads, time, output, and ending.
const EVERYWHERE: &[i64] = &[
    // First overruled by the filter above, which the kernel asks as well.
    libc::SYS_clone3,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_fcntl,
    libc::SYS_lseek,
    libc::SYS_poll,
    libc::SYS_ppoll,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_wait,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_prctl,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
    libc::SYS_restart_syscall,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // What stops a server wakes its threads through these.
    libc::SYS_recvfrom,
    libc::SYS_sendto,
];

const SOCKETS: &[i64] = &[
    libc::SYS_accept4,
    libc::SYS_recvmsg,
    libc::SYS_recvmmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_shutdown,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
];

const FRAMES: &[i64] = &[];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_compile() {
        for calls in [Calls::Sockets, Calls::Frames] {
            assert!(!allowed(calls).unwrap().is_empty());
        }
        assert!(!no_clone3().unwrap().is_empty());
    }

    #[test]
    fn what_was_given_up_is_gone() {
        // Everything that is entered here is this thread's alone.
        let entered = std::thread::spawn(|| {
            let sandbox = Sandbox {
                calls: Calls::Sockets,
                identity: None,
            };
            let entered = sandbox.enter().unwrap();
            let refused = |result: io::Result<()>| {
                assert_eq!(result.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
            };
            refused(std::fs::File::open("/dev/null").map(drop));
            refused(std::net::TcpListener::bind("127.0.0.1:0").map(drop));
            refused(std::net::TcpStream::connect("127.0.0.1:9").map(drop));
            refused(std::process::Command::new("/bin/true").status().map(drop));
            assert!(
                !geteuid().is_root()
                    || set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT).is_err()
            );
            // Threads are still to be had.
            assert_eq!(std::thread::spawn(|| 7).join().unwrap(), 7);
            entered
        });
        entered.join().unwrap();
    }
}
