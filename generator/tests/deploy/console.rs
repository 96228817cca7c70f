//! What an operator asks of a deployment repository, and gets told.

use std::fs;

use serde_json::Value;

use crate::support::{Lab, Ran};

fn json(ran: Ran) -> Value {
    serde_json::from_str(&ran.code(0).stdout).unwrap()
}

/// A lab whose site has been deployed for both targets twice.
fn two_targets() -> Lab {
    let lab = Lab::new();
    for page in ["<h1>One</h1>", "<h1>Two</h1>"] {
        lab.edit_page(page);
        lab.run(
            ".",
            ["deploy", "talk", "--to", "ops", "--target", "unix,tap"],
        )
        .code(0);
    }
    lab
}

#[test]
fn a_bisection_is_handed_an_address_that_a_path_follows() {
    let lab = Lab::new();
    for feed in ["<feed>works", "<feed>works still", "<feed>broken"] {
        lab.edit("talk/feed.xml", feed);
        lab.commit(feed);
        lab.deploy("ops").code(0);
    }
    // As README and the manual write it.
    let test = "curl -sf --max-time 9 $APPLGEN_URL/feed.xml | grep -q works";
    let found = lab.run("ops", ["bisect", "--run", test]).code(0);
    assert!(found.stdout.starts_with("talk/unix/3 "), "{found:#?}");
}

#[test]
fn a_comparison_looks_at_the_place_that_is_named() {
    let lab = two_targets();
    for arguments in [
        &["diff", "talk/unix/1"][..],
        &["diff", "talk/unix/1", "HEAD"],
        &["diff", "HEAD", "talk/unix/1"],
    ] {
        let ran = lab.run("ops", arguments).code(0);
        assert!(!format!("{ran:?}").contains("tap"), "{ran:#?}");
        assert!(ran.stdout.contains("~ path /  "), "{ran:#?}");
    }
    // Two deploys are compared with each other, wherever they are.
    let ran = lab
        .run("ops", ["diff", "talk/unix/2", "talk/tap/2"])
        .code(0);
    assert!(!ran.stdout.contains("path /"), "{ran:#?}");
    assert!(ran.stdout.contains("~ kernel kernel"), "{ran:#?}");

    // An image is compared with what runs on the same.
    lab.edit_page("<h1>Three</h1>");
    lab.run(".", ["build", "talk", "-o", "x.unix"]).code(0);
    let all = json(lab.run("ops", ["diff", "../x.unix", "--json"]));
    assert_eq!(all.as_array().unwrap().len(), 1, "{all:#}");
    assert_eq!(all[0]["place"], "talk/unix");
    lab.run("ops", ["diff", "../x.unix", "--target", "tap"])
        .code(2)
        .tells("`../x.unix` is for the target `unix`");
}

#[test]
fn a_comparison_for_programs_has_places_that_came_and_hashes_of_what_changed() {
    let lab = Lab::new();
    lab.deploy("ops").code(0);
    lab.edit_page("<h1>Two</h1>");
    lab.run(
        ".",
        ["deploy", "talk", "--to", "ops", "--target", "unix,tap"],
    )
    .code(0);
    let all = json(lab.run("ops", ["diff", "HEAD~1", "HEAD", "--json"]));
    let of = |name: &str| {
        let list = all.as_array().unwrap();
        let found = list.iter().find(|one| one["place"] == name);
        found.unwrap_or_else(|| panic!("no `{name}` in {all:#}"))["differences"].clone()
    };
    assert_eq!(
        of("talk/tap"),
        serde_json::json!([{ "kind": "place", "change": "added", "name": "talk/tap" }])
    );
    let page = &of("talk/unix")[0];
    assert_eq!(page["name"], "/");
    // One and Two are as long as each other.
    assert_eq!(page["before"], page["after"]);
    let hash = |key: &str| page[key].as_str().unwrap().to_owned();
    assert_eq!(hash("before_sha256").len(), 64);
    assert_ne!(hash("before_sha256"), hash("after_sha256"));
    let back = lab.run("ops", ["diff", "HEAD", "HEAD~1"]).code(0).stdout;
    assert!(back.starts_with("- place talk/tap\n"), "{back}");
}

#[test]
fn another_branch_of_a_repository_counts_on_and_its_name_is_checked_first() {
    let lab = Lab::new();
    lab.deploy("hub.git").code(0);
    let deploy = |branch: &str| {
        lab.run(
            ".",
            ["deploy", "talk", "--to", "hub.git", "--branch", branch],
        )
    };
    let ran = deploy("other").code(0);
    assert!(ran.stdout.starts_with("talk/unix/2 "), "{ran:#?}");
    assert_eq!(
        lab.git("hub.git", ["for-each-ref", "--format=%(refname)"]),
        "refs/heads/main\nrefs/heads/other\nrefs/tags/talk/unix/1\nrefs/tags/talk/unix/2"
    );
    for name in ["a..b", "-x", "a b", "x.lock", ""] {
        let ran = lab
            .run(
                ".",
                [
                    "deploy",
                    "talk",
                    "--to",
                    "hub.git",
                    &format!("--branch={name}"),
                ],
            )
            .code(2)
            .tells("cannot be the name of a branch");
        assert!(!ran.stderr.contains("git says"), "{ran:#?}");
    }
    // The first branch goes on above what the other one has.
    lab.edit_page("<h1>next</h1>");
    let ran = lab.deploy("ops").code(0);
    assert!(ran.stdout.starts_with("talk/unix/3 "), "{ran:#?}");
}

#[test]
fn a_rollback_takes_back_what_can_be_and_names_what_stays() {
    let lab = Lab::new();
    lab.deploy("ops").code(0);
    lab.edit_page("<h1>Two</h1>");
    lab.run(
        ".",
        ["deploy", "talk", "--to", "ops", "--target", "unix,tap"],
    )
    .code(0);
    let ran = lab
        .run("ops", ["rollback"])
        .code(0)
        .tells("warning: `talk/tap` stays as it is: there is no deploy of it before `talk/tap/1`")
        .tells("`talk/unix/3` is `talk/unix/1` again");
    assert_eq!(ran.stdout.lines().count(), 1, "{ran:#?}");
    // Where nothing can be taken back, that is an error.
    lab.run("ops", ["rollback", "--target", "tap"])
        .code(2)
        .tells("there is no deploy of `talk/tap` before `talk/tap/1`");
}

#[test]
fn a_log_of_what_is_not_there_is_an_error_and_a_dirty_source_is_a_field() {
    let lab = Lab::new();
    lab.edit("talk/index.html", "<h1>changed</h1>");
    lab.run(".", ["deploy", "talk", "--to", "ops", "--allow-dirty"])
        .code(0);
    for arguments in [["--target", "foo"], ["--site", "nope"]] {
        lab.run("ops", [&["log"][..], &arguments].concat())
            .code(2)
            .tells("nothing that was asked for was deployed here")
            .tells("there is `talk/unix`");
    }
    let log = json(lab.run("ops", ["log", "--json"]));
    assert_eq!(log[0]["source"], lab.head("talk"));
    assert_eq!(log[0]["source_dirty"], true);
    lab.commit("clean");
    lab.edit_page("<h1>next</h1>");
    lab.deploy("ops").code(0);
    let log = json(lab.run("ops", ["log", "--json"]));
    assert_eq!(log[0]["source_dirty"], false);
}

#[test]
fn verifying_all_names_all() {
    let lab = Lab::new();
    for number in 1..=3 {
        lab.edit_page(&format!("<h1>{number}</h1>"));
        lab.deploy("ops").code(0);
    }
    let verified = lab.run("ops", ["verify", "--all"]).code(0).stdout;
    let names: Vec<&str> = verified
        .lines()
        .map(|line| line.split_once(": sha256 ").unwrap().0)
        .collect();
    assert_eq!(names, ["talk/unix/3", "talk/unix/2", "talk/unix/1"]);
    let hashes: std::collections::BTreeSet<&str> = verified
        .lines()
        .map(|line| line.split_once(": sha256 ").unwrap().1)
        .collect();
    assert_eq!(hashes.len(), 3);
}

#[test]
fn an_image_that_is_not_its_manifests_is_told_by_inspect() {
    let lab = Lab::new();
    lab.run(".", ["build", "talk"]).code(0);
    let path = lab.path("dist/talk.unix");
    lab.run(".", ["inspect", "dist/talk.unix"]).code(0);
    let mut image = fs::read(&path).unwrap();
    let middle = image.len() / 3;
    image[middle] ^= 1;
    fs::write(&path, image).unwrap();
    for arguments in [&["inspect"][..], &["inspect", "--json"]] {
        let arguments = [arguments, &["dist/talk.unix"]].concat();
        let ran = lab
            .run(".", arguments)
            .code(1)
            .tells("`dist/talk.unix` is not the image of its manifest `dist/talk.unix.json`");
        // What it holds is shown all the same.
        assert!(ran.stdout.contains("/other.html"), "{ran:#?}");
    }
    // An image that travels alone is one.
    fs::remove_file(lab.path("dist/talk.unix.json")).unwrap();
    lab.run(".", ["inspect", "dist/talk.unix"]).code(0);
}

#[test]
fn targets_may_be_named_by_several_flags() {
    let lab = Lab::new();
    let ran = lab
        .run(".", ["deploy", "talk", "--to", "ops", "--unix", "--tap"])
        .code(0);
    assert_eq!(ran.stdout.lines().count(), 2, "{ran:#?}");
    lab.run(
        ".",
        [
            "deploy", "talk", "--to", "ops", "--unix", "--target", "tap,unix",
        ],
    )
    .code(0)
    .tells("nothing new to deploy");
}

#[test]
fn a_site_with_things_to_mend_is_told_and_with_strict_refused() {
    let lab = Lab::new();
    lab.edit_page("<h1>One</h1><a href=\"missing.html\">gone</a>");
    let head = lab.git("hub.git", ["for-each-ref"]);
    lab.run(".", ["deploy", "talk", "--to", "ops", "--strict"])
        .code(1)
        .tells("missing.html")
        .tells("1 thing to mend");
    assert_eq!(lab.git("hub.git", ["for-each-ref"]), head);
    lab.deploy("ops")
        .code(0)
        .tells("missing.html")
        .tells("1 warning");
    lab.edit_page("<h1>One</h1><a href=\"other.html\">there</a>");
    lab.run(".", ["deploy", "talk", "--to", "ops", "--strict"])
        .code(0);
}

#[test]
fn a_deploy_is_found_by_the_sites_own_name_too() {
    let lab = Lab::new();
    for page in ["<h1>One</h1>", "<h1>Two</h1>"] {
        lab.edit("mein Vörtrag/index.html", page);
        lab.run(".", ["deploy", "mein Vörtrag", "--to", "ops"])
            .code(0);
    }
    for name in ["mein Vörtrag/unix/1", "mein%20Vörtrag/unix/1"] {
        let diff = lab.run("ops", ["diff", name]).code(0).stdout;
        assert!(diff.contains("~ path /  "), "{diff}");
    }
    lab.run("ops", ["rollback", "mein Vörtrag/unix/1"]).code(0);
}
