//! Bad input: one clear error each, exit code 2, and nothing half-done.

use std::fs;

use crate::support::Lab;

#[test]
fn what_is_no_repository_is_told() {
    let lab = Lab::new();
    fs::create_dir(lab.path("plain")).unwrap();
    fs::create_dir(lab.path("ops/below")).unwrap();
    for (to, told) in [
        ("plain", "`plain` is no git repository"),
        ("nowhere", "there is no repository `nowhere`"),
        ("talk/index.html", "is a file, and no repository"),
        ("ops/below", "is a folder in the repository"),
        ("talk", "is the repository of the site itself"),
    ] {
        let ran = lab.deploy(to).code(2).tells(told);
        assert!(ran.stderr.contains("hint: "), "{ran:#?}");
        assert_eq!(ran.stdout, "");
    }
    for command in [
        &["log"][..],
        &["verify"],
        &["bisect", "--run", "true"],
        &["deploy", "prune", "--keep", "1"],
    ] {
        lab.run("plain", command)
            .code(2)
            .tells("is no git repository");
        lab.run("ops", command)
            .code(2)
            .tells("there is no revision `HEAD`");
    }
    lab.run("plain", ["rollback"])
        .code(2)
        .tells("is no git repository");
    lab.run("ops", ["rollback"])
        .code(2)
        .tells("nothing was deployed");
    lab.run("ops", ["log", "--repo", "../elsewhere"])
        .code(2)
        .tells("there is no folder");
    lab.run(".", ["deploy", "talk"])
        .code(2)
        .tells("no deployment repository is named");
    assert_eq!(fs::read_dir(lab.path("plain")).unwrap().count(), 0);
}

#[test]
fn a_detached_head_is_told() {
    let lab = Lab::new();
    lab.deploy("ops").code(0);
    lab.git("ops", ["checkout", "-q", "--detach"]);
    lab.edit_page("<h1>Two</h1>");
    lab.deploy("ops").code(2).tells("detached head");
    lab.run("ops", ["rollback"]).code(2).tells("detached head");
    lab.run("ops", ["log"]).code(0);
    assert_eq!(lab.deploys("hub.git"), 1);
}

#[test]
fn a_clone_that_somebody_edited_is_told() {
    let lab = Lab::new();
    lab.deploy("ops").code(0);
    lab.edit_page("<h1>Two</h1>");
    lab.edit("ops/talk/unix/talk.service", "mine");
    lab.deploy("ops")
        .code(2)
        .tells("`talk/unix/talk.service` differs from what is committed");
    lab.git("ops", ["commit", "-qam", "mine"]);
    lab.deploy("ops")
        .code(2)
        .tells("commits that its remote does not have");
    lab.git("ops", ["push", "-q"]);
    lab.deploy("ops").code(2).tells("was edited by hand");
    assert_eq!(lab.deploys("hub.git"), 1);
    // Files of one's own are nobody else's business.
    lab.git("ops", ["revert", "--no-edit", "HEAD"]);
    lab.edit("ops/README", "ours");
    lab.edit("ops/talk/unix/notes", "ours too");
    lab.git("ops", ["add", "."]);
    lab.git("ops", ["commit", "-qm", "notes"]);
    lab.git("ops", ["push", "-q"]);
    lab.deploy("ops").code(0);
    assert!(lab.path("ops/talk/unix/notes").exists() && lab.path("ops/README").exists());
}

#[test]
fn a_shallow_clone_of_the_site_has_no_dates_and_says_so_once() {
    let lab = Lab::new();
    lab.edit_page("<h1>Two</h1>");
    let url = format!("file://{}", lab.path("talk").display());
    lab.git(".", ["clone", "-q", "--depth", "1", &url, "shallow/talk"]);
    let ran = lab
        .run(".", ["deploy", "shallow/talk", "--to", "ops"])
        .code(0);
    assert_eq!(ran.stderr.matches("shallow clone").count(), 1, "{ran:#?}");
    assert!(lab.git("ops", ["log", "-1"]).contains(&lab.head("talk")));
}

#[test]
fn a_shallow_clone_of_the_deployment_repository_takes_deploys() {
    let lab = Lab::new();
    for number in 1..=3 {
        lab.edit_page(&format!("<h1>{number}</h1>"));
        lab.deploy("ops").code(0);
    }
    let url = format!("file://{}", lab.path("hub.git").display());
    lab.git(
        ".",
        ["clone", "-q", "--depth", "1", "--no-tags", &url, "shallow"],
    );
    let log = lab.run("shallow", ["log"]).code(0).tells("shallow");
    assert_eq!(log.stdout.lines().count(), 1);
    lab.run("shallow", ["rollback"]).code(2).tells("shallow");
    lab.edit_page("<h1>4</h1>");
    lab.deploy("shallow").code(0);
    assert!(lab.git("hub.git", ["tag"]).contains("talk/unix/4"));
    lab.is_whole("hub.git");
    lab.run("hub.git", ["verify", "--all"]).code(0);
}

#[test]
fn names_that_cannot_be_folders_are_told() {
    let lab = Lab::new();
    lab.edit("it's/index.html", "x");
    lab.run(".", ["deploy", "it's", "--to", "ops"])
        .code(2)
        .tells("--name NAME");
    lab.run(".", ["deploy", "it's", "--name", "its", "--to", "ops"])
        .code(0);
    lab.run(".", ["deploy", "talk", "--name", "../x", "--to", "ops"])
        .code(2);
    lab.run(".", ["deploy", "--image", "talk/index.html", "--to", "ops"])
        .code(2)
        .tells("is not called NAME.TARGET");
    assert_eq!(lab.deploys("ops"), 1);
}

#[test]
fn what_diff_and_log_are_given_is_looked_at() {
    let lab = Lab::new();
    lab.deploy("ops").code(0);
    for arguments in [
        &["diff", "nonsense"][..],
        &["diff", "talk/unix/9"],
        &["rollback", "talk/unix/9"],
        &["log", "nonsense"],
        &["verify", "--site", "other"],
        &["verify", "--key", "nonsense"],
        &["bisect", "--good", "nonsense", "--run", "true"],
    ] {
        let ran = lab.run("ops", arguments).code(2);
        assert!(ran.stderr.contains("hint: "), "{ran:#?}");
    }
    lab.edit("ops/text", "text");
    lab.run("ops", ["diff", "text", "text"])
        .code(2)
        .tells("is no image of applgen's");
    lab.run("ops", ["rollback"])
        .code(2)
        .tells("there is no deploy of `talk/unix` before");
}

#[test]
fn a_user_without_a_name_is_told() {
    let lab = Lab::new();
    lab.edit(
        "gitconfig",
        "[user]\nuseConfigOnly = true\n[init]\ndefaultBranch = main\n",
    );
    lab.deploy("ops")
        .code(2)
        .tells("the deploy cannot be committed");
    assert_eq!(lab.git("hub.git", ["for-each-ref"]), "");
}
