//! What goes wrong on the way: kills, hooks, and a disk that cannot be written.

use std::{fs, path::Path, process::Command};

use crate::support::{Lab, Ran, script};

/// A `git` that stands before the user's own: it counts, writes down what it is
/// asked, and at one count ends whoever asks instead.
fn counting_git(lab: &Lab) {
    let real = String::from_utf8(
        Command::new("sh")
            .args(["-c", "command -v git"])
            .output()
            .unwrap()
            .stdout,
    )
    .unwrap();
    script(
        &lab.path("bin/git"),
        &format!(
            "case $(cat /proc/$PPID/comm) in applgen) ;; *) exec {real} \"$@\" ;; esac\n\
             echo \"$*\" >>\"$LAB/trace\"\n\
             if [ \"$(wc -l <\"$LAB/trace\")\" -eq \"${{STOP_AT:-0}}\" ]; then kill -9 $PPID; exit 1; fi\n\
             exec {real} \"$@\"",
            real = real.trim(),
        ),
    );
}

/// Deploys under it; the kill is at the action of this number.
fn deploy_until(lab: &Lab, stop_at: usize, arguments: &[&str]) -> Ran {
    let _ = fs::remove_file(lab.path("trace"));
    let path = format!(
        "{}:{}",
        lab.path("bin").display(),
        std::env::var("PATH").unwrap()
    );
    let mut command = lab.command(".");
    command
        .args(arguments)
        .env("PATH", path)
        .env("LAB", lab.root())
        .env("STOP_AT", stop_at.to_string());
    lab.ran(&mut command)
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    let copied = Command::new("cp")
        .arg("-a")
        .arg(from)
        .arg(to)
        .status()
        .unwrap();
    assert!(copied.success());
}

/// Whether a git command, as it was written down, leaves something behind.
fn changes_something(command: &str) -> bool {
    let reading = [
        "cat-file",
        "check-ref-format",
        "config",
        "for-each-ref",
        "log",
        "ls-remote",
        "ls-tree",
        "merge-base",
        "rev-list",
        "rev-parse",
        "show-ref",
        "status",
        "symbolic-ref",
        "-c",
    ];
    !reading
        .iter()
        .any(|verb| command.split(' ').next() == Some(verb))
}

/// Kills a command before each of its actions, and each time holds that the
/// repository is whole and that running it again does what was to be done. The
/// kills begin with the first action that is called `since`; nothing: the first.
fn killed_everywhere(lab: &Lab, arguments: &[&str], deploys_after: usize, since: &str) {
    counting_git(lab);
    for name in ["hub.git", "ops", "talk"] {
        copy(&lab.path(name), &lab.path(&format!("kept-{name}")));
    }
    let restore = || {
        for name in ["hub.git", "ops", "talk"] {
            copy(&lab.path(&format!("kept-{name}")), &lab.path(name));
        }
    };
    deploy_until(lab, 0, arguments).code(0);
    let trace = fs::read_to_string(lab.path("trace")).unwrap();
    let steps: Vec<bool> = trace.lines().map(changes_something).collect();
    assert!(
        steps.iter().filter(|&&changes| changes).count() > 8,
        "{trace}"
    );
    let actions = steps.len();
    // Between two changes every moment is the same, so one kill is enough there.
    let first = trace
        .lines()
        .position(|line| line.starts_with(since))
        .unwrap_or_else(|| panic!("no `{since}`: {trace}"))
        + 1;
    let moments = (first..=actions).filter(|&n| n == 1 || steps[n - 1] || steps[n - 2]);
    let expected = |folder: &str| lab.git(folder, ["rev-parse", "HEAD^{tree}"]);
    let tree = expected("ops");
    for stop_at in moments {
        restore();
        let killed = deploy_until(lab, stop_at, arguments);
        assert_eq!(
            killed.code, None,
            "action {stop_at} of {actions}: {killed:#?}"
        );
        for folder in ["hub.git", "ops"] {
            lab.is_whole(folder);
        }
        // Either nothing of it can be seen, or all of it.
        let seen = lab.deploys("hub.git");
        assert!(
            seen + 1 == deploys_after || seen == deploys_after,
            "action {stop_at}: {seen}"
        );
        lab.run("ops", ["verify"]).code(0);

        lab.run(".", arguments).code(0);
        assert_eq!(lab.deploys("hub.git"), deploys_after, "action {stop_at}");
        assert_eq!(expected("hub.git"), tree);
        assert_eq!(lab.head("ops"), lab.git("ops", ["rev-parse", "HEAD"]));
        assert_eq!(lab.git("ops", ["status", "--porcelain"]), "");
        assert_eq!(expected("ops"), tree);
        let tag = format!("talk/unix/{deploys_after}^{{commit}}");
        assert_eq!(lab.git("ops", ["rev-parse", &tag]), lab.head("ops"));
        lab.git("talk", ["rev-parse", &format!("deployed/{tag}")]);
    }
    lab.run("ops", ["verify", "--all"]).code(0);
}

#[test]
fn killed_between_any_two_actions_nothing_is_broken_and_a_re_run_finishes() {
    let lab = Lab::new();
    lab.deploy("ops").code(0);
    lab.edit_page("<h1>Two</h1>");
    killed_everywhere(&lab, &["deploy", "talk", "--to", "ops"], 2, "");
}

#[test]
fn the_same_in_a_repository_that_pushes_nowhere() {
    let lab = Lab::new();
    lab.git("ops", ["remote", "remove", "origin"]);
    lab.deploy("ops").code(0);
    lab.edit_page("<h1>Two</h1>");
    // `hub.git` stands for the clone here, which is what everything goes to.
    fs::remove_dir_all(lab.path("hub.git")).unwrap();
    std::os::unix::fs::symlink("ops", lab.path("hub.git")).unwrap();
    // Up to the commit all is as with a remote.
    killed_everywhere(&lab, &["deploy", "talk", "--to", "ops"], 2, "write-tree");
}

#[test]
fn a_hook_that_refuses_is_heard_on_either_side() {
    let lab = Lab::new();
    lab.deploy("ops").code(0);
    lab.edit_page("<h1>Two</h1>");
    let before = lab.head("ops");
    for hook in [
        "hub.git/hooks/pre-receive",
        "ops/.git/hooks/pre-commit",
        "ops/.git/hooks/commit-msg",
        "ops/.git/hooks/pre-push",
    ] {
        script(&lab.path(hook), "echo 'not on a Friday' >&2; exit 1");
        lab.deploy("ops").code(2).tells("not on a Friday");
        for folder in ["ops", "hub.git"] {
            assert_eq!(lab.head(folder), before, "{hook}");
            assert_eq!(lab.deploys(folder), 1);
        }
        assert_eq!(lab.git("ops", ["status", "--porcelain"]), "");
        assert!(!lab.git("hub.git", ["tag"]).contains("talk/unix/2"));
        fs::remove_file(lab.path(hook)).unwrap();
    }
    // Hooks that agree see the commit as it will be, and may change it.
    script(
        &lab.path("ops/.git/hooks/pre-commit"),
        "git diff --cached --name-only HEAD | grep -q talk/unix/talk.unix",
    );
    script(
        &lab.path("ops/.git/hooks/commit-msg"),
        "echo 'Reviewed-by: hook' >>\"$1\"",
    );
    lab.deploy("ops").code(0);
    assert!(
        lab.git("hub.git", ["log", "-1"])
            .contains("Reviewed-by: hook")
    );
    assert_eq!(lab.run("ops", ["log"]).code(0).stdout.lines().count(), 2);
}

#[test]
fn a_lock_that_a_dead_push_left_is_told_and_nobody_was_faster() {
    let lab = Lab::new();
    lab.deploy("ops").code(0);
    lab.edit_page("<h1>Two</h1>");
    let lock = lab.path("hub.git/refs/heads/main.lock");
    fs::write(&lock, "").unwrap();
    lab.deploy("ops").code(2).tells("main.lock");
    assert_eq!(lab.deploys("hub.git"), 1);
    fs::remove_file(lock).unwrap();
    lab.deploy("ops").code(0);
    assert_eq!(lab.deploys("hub.git"), 2);
}

#[test]
fn a_repository_that_cannot_be_written_is_told_and_stays() {
    let lab = Lab::new();
    lab.deploy("ops").code(0);
    lab.edit_page("<h1>Two</h1>");
    let before = lab.head("hub.git");
    // Root writes everywhere, so the objects' folder is replaced by a file.
    let objects = lab.path("ops/.git/objects");
    let everything = lab.git("ops", ["pack-objects", "--all", "--stdout", "--quiet"]);
    drop(everything);
    let mut denied = lab.command(".");
    denied.args(["deploy", "talk", "--to", "ops"]);
    if rustix::process::geteuid().is_root() {
        use std::os::unix::process::CommandExt;
        // The nobody of every system; the lab is open to it but for this.
        for folder in ["", "talk", "ops"] {
            let open = Command::new("chmod")
                .args(["-R", "a+rX"])
                .arg(lab.path(folder))
                .status();
            assert!(open.unwrap().success());
        }
        denied.uid(65_534).gid(65_534).env("HOME", lab.root());
        lab.git(
            ".",
            ["config", "--file", "gitconfig", "safe.directory", "*"],
        );
    } else {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&objects, fs::Permissions::from_mode(0o555)).unwrap();
        fs::set_permissions(lab.path("ops/.git"), fs::Permissions::from_mode(0o555)).unwrap();
    }
    let ran = lab.ran(&mut denied);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    assert!(
        ran.stderr.to_lowercase().contains("permission denied"),
        "{ran:#?}"
    );
    if !rustix::process::geteuid().is_root() {
        use std::os::unix::fs::PermissionsExt;
        for folder in ["ops/.git", "ops/.git/objects"] {
            fs::set_permissions(lab.path(folder), fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    assert_eq!(lab.head("hub.git"), before);
    lab.deploy("ops").code(0);
    assert_eq!(lab.deploys("hub.git"), 2);
}
