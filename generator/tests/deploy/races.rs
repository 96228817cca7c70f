//! Several deployers at once, and repositories that are reached over a network.

use std::{
    fs,
    net::TcpStream,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use crate::support::Lab;

/// So many deploys each of two deployers makes.
const ROUNDS: usize = 6;

#[test]
fn two_deployers_race_and_no_deploy_is_lost() {
    let lab = Lab::new();
    lab.git(".", ["clone", "-q", "hub.git", "ops2"]);
    for name in ["one", "two"] {
        lab.edit(&format!("{name}/index.html"), "<h1>0</h1>");
        lab.git(name, ["init", "-q"]);
    }
    let deployer = |site: &str, to: &str| {
        for round in 1..=ROUNDS {
            lab.edit(
                &format!("{site}/index.html"),
                &format!("<h1>{site} {round}</h1>"),
            );
            lab.git(site, ["add", "."]);
            lab.git(site, ["commit", "-q", "-m", &format!("round {round}")]);
            lab.run(".", ["deploy", site, "--to", to]).code(0);
        }
    };
    thread::scope(|threads| {
        threads.spawn(|| deployer("one", "ops"));
        threads.spawn(|| deployer("two", "ops2"));
    });
    assert_eq!(lab.deploys("hub.git"), 2 * ROUNDS);
    let log = lab.run("hub.git", ["log"]).code(0).stdout;
    for site in ["one", "two"] {
        assert!(log.contains(&format!("* {site}/unix/{ROUNDS} ")), "{log}");
        for round in 1..=ROUNDS {
            lab.git(
                "hub.git",
                ["rev-parse", &format!("{site}/unix/{round}^{{commit}}")],
            );
        }
    }
    // One after the other, and every one of them whole.
    assert_eq!(lab.git("hub.git", ["rev-list", "--merges", "HEAD"]), "");
    lab.run("hub.git", ["verify", "--all"]).code(0);
    lab.is_whole("hub.git");
    for clone in ["ops", "ops2"] {
        assert_eq!(lab.git(clone, ["status", "--porcelain"]), "");
        lab.git(clone, ["pull", "-q", "--ff-only"]);
        assert_eq!(lab.head(clone), lab.head("hub.git"));
    }
}

#[test]
fn many_race_for_one_site_and_the_latest_source_is_live() {
    let lab = Lab::new();
    lab.deploy("hub.git").code(0);
    // Clones of the site at commits one after another, all deployed at once.
    for number in 1..=4 {
        lab.edit_page(&format!("<h1>{number}</h1>"));
        lab.git(".", ["clone", "-q", "talk", &format!("at{number}/talk")]);
        lab.git(".", ["clone", "-q", "hub.git", &format!("ops{number}")]);
    }
    thread::scope(|threads| {
        for number in 1..=4 {
            let lab = &lab;
            threads.spawn(move || {
                let site = format!("at{number}/talk");
                // All know the history up to the last commit, as in a pipeline.
                lab.git(&site, ["fetch", "-q", "../../talk"]);
                lab.run(".", ["deploy", &site, "--to", &format!("ops{number}")])
                    .code(0);
            });
        }
    });
    lab.run("hub.git", ["verify", "--all"]).code(0);
    lab.is_whole("hub.git");
    let deploys = lab.deploys("hub.git");
    assert!((2..=5).contains(&deploys), "{deploys}");
    let numbers = lab.git(
        "hub.git",
        ["log", "--format=%(trailers:key=Deploy,valueonly)"],
    );
    let mut numbers: Vec<&str> = numbers.lines().filter(|line| !line.is_empty()).collect();
    let all = numbers.len();
    numbers.dedup();
    assert_eq!(numbers.len(), all, "a number was given twice");
}

#[test]
fn a_later_source_that_came_in_between_stays() {
    let lab = Lab::new();
    lab.deploy("ops").code(0);
    lab.edit_page("<h1>old</h1>");
    lab.git(".", ["clone", "-q", "talk", "at/talk"]);
    lab.edit_page("<h1>new</h1>");
    lab.git("at/talk", ["fetch", "-q", "../../talk"]);
    // While the older source is on its way, the newer one arrives: the hook of
    // the clone runs just before the push.
    let nested = format!(
        "rm -f \"$0\"\nunset $(git rev-parse --local-env-vars)\ncd '{0}'\nexec '{1}' deploy talk --to hub.git 1>&2",
        lab.root().display(),
        env!("CARGO_BIN_EXE_applgen"),
    );
    crate::support::script(&lab.path("ops/.git/hooks/pre-push"), &nested);
    lab.run(".", ["deploy", "at/talk", "--to", "ops"])
        .code(0)
        .tells("from a later commit of the site");
    assert_eq!(lab.deploys("hub.git"), 2);
    let trailers = lab.git("hub.git", ["log", "-1", "--format=%(trailers)"]);
    assert!(trailers.contains(&lab.head("talk")), "{trailers}");
    assert_eq!(lab.head("ops"), lab.head("hub.git"));
}

/// `git daemon` on a port of its own, ended with the test.
struct Daemon {
    child: Child,
    url: String,
}

impl Daemon {
    fn start(lab: &Lab) -> Self {
        for attempt in 0..20 {
            let port = 20_000 + (std::process::id() as u16 % 2000) * 20 + attempt;
            let mut command = Command::new("git");
            command
                .args([
                    "daemon",
                    "--reuseaddr",
                    "--export-all",
                    "--enable=receive-pack",
                    "--listen=127.0.0.1",
                ])
                .arg(format!("--port={port}"))
                .arg(format!("--base-path={}", lab.root().display()))
                .stderr(Stdio::null());
            lab.surround(&mut command);
            let mut child = command.spawn().unwrap();
            for _ in 0..100 {
                if child.try_wait().unwrap().is_some() {
                    break;
                }
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    let url = format!("git://127.0.0.1:{port}/hub.git");
                    return Self { child, url };
                }
                thread::sleep(Duration::from_millis(20));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        panic!("no git daemon");
    }

    fn stop(&mut self) {
        // The daemon's own process is a child of `git`'s.
        let group = self.child.id().to_string();
        let _ = Command::new("pkill").args(["-TERM", "-P", &group]).status();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop();
    }
}

#[test]
fn a_remote_that_is_away_changes_nothing_and_is_caught_up_with() {
    let lab = Lab::new();
    let mut daemon = Daemon::start(&lab);
    let url = daemon.url.clone();
    lab.deploy(&url).code(0);
    lab.git(".", ["clone", "-q", &url, "far"]);
    lab.edit_page("<h1>Two</h1>");
    lab.deploy("far").code(0);
    lab.edit_page("<h1>Three</h1>");
    daemon.stop();
    let before = lab.head("far");
    for to in [url.as_str(), "far"] {
        lab.deploy(to).code(2).tells("cannot be reached");
    }
    assert_eq!(lab.head("far"), before);
    assert_eq!(lab.git("far", ["status", "--porcelain"]), "");
    assert_eq!(lab.deploys("hub.git"), 2);
    // What is here can be asked about all the same.
    assert_eq!(lab.run("far", ["log"]).code(0).stdout.lines().count(), 2);
    lab.git("far", ["remote", "set-url", "origin", "../hub.git"]);
    lab.deploy("far").code(0);
    assert_eq!(lab.deploys("hub.git"), 3);
    let _ = fs::remove_dir_all(lab.path("far"));
}
