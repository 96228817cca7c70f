//! Forgetting old deploys, here and at the remote.

use crate::support::Lab;

/// A lab with so many deploys.
fn deployed(count: usize) -> Lab {
    let lab = Lab::new();
    for number in 1..=count {
        lab.edit_page(&format!("<h1>{number}</h1>"));
        lab.deploy("ops").code(0);
    }
    lab
}

#[test]
fn what_was_forgotten_stays_forgotten_and_is_pushed_when_told() {
    let lab = deployed(4);
    lab.git(".", ["clone", "-q", "hub.git", "host"]);
    lab.run("host", ["verify", "--remember"]).code(0);
    // What is no deploy is not touched.
    lab.git("ops", ["tag", "release", "HEAD~3"]);
    lab.git(
        "ops",
        ["push", "-q", "origin", "release", "HEAD~3:refs/heads/other"],
    );
    let before = lab.git("hub.git", ["for-each-ref"]);
    lab.run("ops", ["deploy", "prune", "--push"])
        .code(2)
        .tells("nothing was forgotten");

    lab.run("ops", ["deploy", "prune", "--keep", "2", "--rewrite"])
        .code(0)
        .tells("`applgen deploy prune --push`");
    let kept = "talk/unix/3\ntalk/unix/4";
    let tags = || lab.git("ops", ["tag", "--list", "talk/*"]);
    assert_eq!(tags(), kept);
    // Neither a deploy nor a rollback brings anything back, or hints at it.
    lab.edit_page("<h1>next</h1>");
    for arguments in [&["deploy", "../talk", "--to", "."][..], &["rollback"]] {
        let ran = lab
            .run("ops", arguments)
            .code(2)
            .tells("rewritten by `deploy prune`")
            .tells("`applgen deploy prune --push`");
        assert!(!ran.stderr.contains("`git push`"), "{ran:#?}");
        assert_eq!(tags(), kept);
    }
    assert_eq!(lab.git("hub.git", ["for-each-ref"]), before);

    // Plain git may bring the tags back; the push knows what was forgotten.
    lab.git("ops", ["fetch", "-q", "--tags", "--force"]);
    lab.run("ops", ["deploy", "prune", "--push"]).code(0);
    let refs = "refs/heads/main\nrefs/heads/other\nrefs/tags/release\n\
                refs/tags/talk/unix/3\nrefs/tags/talk/unix/4";
    let names = |folder| {
        lab.git(
            folder,
            [
                "for-each-ref",
                "--format=%(refname)",
                "refs/heads",
                "refs/tags",
            ],
        )
    };
    assert_eq!(names("hub.git"), refs);
    assert_eq!(tags(), kept);
    assert_eq!(lab.head("hub.git"), lab.head("ops"));
    assert_eq!(
        lab.git("hub.git", ["rev-parse", "talk/unix/4^{commit}"]),
        lab.head("ops")
    );
    assert_eq!(
        lab.git("hub.git", ["rev-parse", "talk/unix/3^{commit}"]),
        lab.git("ops", ["rev-parse", "HEAD~1"])
    );
    lab.run("ops", ["verify", "--all"]).code(0);
    lab.is_whole("hub.git");

    // A host takes it for a downgrade until it is told.
    lab.git("host", ["fetch", "-q"]);
    lab.run("host", ["verify", "@{u}", "--remember"])
        .code(1)
        .tells("does not descend from");
    lab.git(
        "host",
        ["fetch", "-q", "--prune", "--prune-tags", "--force"],
    );
    lab.git("host", ["reset", "-q", "--hard", "@{u}"]);
    lab.git("host", ["update-ref", "-d", "refs/applgen/verified"]);
    lab.run("host", ["verify", "--remember"]).code(0);
    assert_eq!(lab.git("host", ["tag", "--list", "talk/*"]), kept);

    let ran = lab.deploy("ops").code(0);
    assert!(ran.stdout.starts_with("talk/unix/5 "), "{ran:#?}");
    assert_eq!(names("hub.git"), format!("{refs}\nrefs/tags/talk/unix/5"));
    lab.git("host", ["pull", "-q"]);
    lab.run("host", ["verify", "--remember"]).code(0);
}

#[test]
fn what_was_deployed_in_between_is_not_overwritten() {
    let lab = deployed(3);
    lab.run("ops", ["deploy", "prune", "--keep", "1", "--rewrite"])
        .code(0);
    lab.edit_page("<h1>in between</h1>");
    lab.deploy("hub.git").code(0);
    let refs = lab.git("hub.git", ["for-each-ref"]);
    lab.run("ops", ["deploy", "prune", "--push"])
        .code(2)
        .tells("somebody deployed")
        .tells("git reset --hard @{u}");
    assert_eq!(lab.git("hub.git", ["for-each-ref"]), refs);
    // What the hint says takes the rewriting back, and pruning begins anew.
    lab.git("ops", ["fetch", "-q", "--tags", "--force"]);
    lab.git("ops", ["reset", "-q", "--hard", "@{u}"]);
    lab.deploy("ops").code(0).tells("nothing new");
    lab.run(
        "ops",
        ["deploy", "prune", "--keep", "2", "--rewrite", "--push"],
    )
    .code(0);
    assert_eq!(
        lab.git("hub.git", ["tag", "--list"]),
        "talk/unix/3\ntalk/unix/4"
    );
    assert_eq!(lab.deploys("hub.git"), 2);
}

#[test]
fn rewriting_twice_is_pushed_once() {
    let lab = deployed(4);
    for keep in ["3", "1"] {
        lab.run("ops", ["deploy", "prune", "--keep", keep, "--rewrite"])
            .code(0);
    }
    lab.run("ops", ["deploy", "prune", "--push"]).code(0);
    assert_eq!(lab.git("hub.git", ["tag", "--list"]), "talk/unix/4");
    assert_eq!(lab.head("hub.git"), lab.head("ops"));
}

#[test]
fn one_commit_is_one() {
    let lab = deployed(1);
    let ran = lab.run("ops", ["deploy", "prune", "--keep", "1"]).code(0);
    assert!(
        ran.stderr.contains("there is 1 commit, and it would stay"),
        "{ran:#?}"
    );
}
