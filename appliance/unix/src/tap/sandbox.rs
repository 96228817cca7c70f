//! What the process gives up once its device is open.
//!
//! - **Capabilities**: all, from every set, and for good: nothing that it could
//!   execute would bring one back (`no_new_privs`).
//! - **Files**: no path can be opened, made or removed, and no TCP port bound
//!   or connected to (Landlock, as far as the kernel has it).
//! - **System calls**: those that the loop makes, and those that the allocator
//!   and the end of a process make. Any other ends the process (seccomp). No
//!   memory can be made executable.

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, Scope,
};
use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};
use std::error::Error;

/// The newest rules that are asked for; older kernels get those that they know.
const LANDLOCK_ABI: ABI = ABI::V6;

/// System calls that are made with any arguments.
const ALLOWED: &[libc::c_long] = &[
    // The loop.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_poll,
    libc::SYS_ppoll,
    // Time, where the kernel maps no code for it.
    libc::SYS_clock_gettime,
    libc::SYS_gettimeofday,
    // Signals: the handler, which writes to a socket, and its return.
    libc::SYS_sendto,
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
    // The allocator.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_futex,
    // The end, also the one by a panic.
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigaction,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_tgkill,
];

/// Gives everything up.
pub fn enter() -> Result<(), Box<dyn Error>> {
    drop_capabilities()?;
    set_no_new_privs(true)?;
    restrict_files()?;
    restrict_calls()
}

fn drop_capabilities() -> Result<(), Errno> {
    clear_ambient_capability_set()?;
    for number in 0..64 {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        match remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            // There are no more; or it may not be done, and then there are none
            // to be lost.
            Err(Errno::INVAL | Errno::PERM) => break,
            Err(error) => return Err(error),
        }
    }
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, none)
}

fn restrict_files() -> Result<(), Box<dyn Error>> {
    // Nothing is allowed of what is handled: the set has no rules.
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(LANDLOCK_ABI))?
        .handle_access(AccessNet::from_all(LANDLOCK_ABI))?
        .scope(Scope::from_all(LANDLOCK_ABI))?
        .create()?
        .restrict_self()?;
    Ok(())
}

fn restrict_calls() -> Result<(), Box<dyn Error>> {
    let no_execution = |argument| -> Result<SeccompRule, seccompiler::BackendError> {
        SeccompRule::new(vec![SeccompCondition::new(
            argument,
            SeccompCmpArgLen::Dword,
            SeccompCmpOp::MaskedEq(libc::PROT_EXEC as u64),
            0,
        )?])
    };
    let mut rules: std::collections::BTreeMap<_, _> =
        ALLOWED.iter().map(|&call| (call, vec![])).collect();
    rules.insert(libc::SYS_mmap, vec![no_execution(2)?]);
    rules.insert(libc::SYS_mprotect, vec![no_execution(2)?]);
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::KillProcess,
        SeccompAction::Allow,
        TargetArch::try_from(std::env::consts::ARCH)?,
    )?;
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter(&program)?;
    Ok(())
}
