//! The ordinary life of a deployment repository.

use std::fs;

use crate::support::Lab;

#[test]
fn a_deploy_is_a_commit_with_trailers_tags_and_everything_beside_the_image() {
    let lab = Lab::new();
    let ran = lab.deploy("ops").code(0);
    let head = lab.head("ops");
    assert_eq!(ran.stdout, format!("talk/unix/1 {head}\n"));
    assert_eq!(lab.head("hub.git"), head);

    let files = lab.git("ops", ["ls-files"]);
    for name in [
        "latest",
        "talk.service",
        "talk.unix",
        "talk.unix.cdx.json",
        "talk.unix.json",
    ] {
        assert!(
            files
                .lines()
                .any(|file| file == format!("talk/unix/{name}")),
            "{files}"
        );
    }
    let trailers = lab.git("ops", ["log", "-1", "--format=%(trailers)"]);
    let source = lab.head("talk");
    assert!(
        trailers.contains(&format!("Source-Commit: {source}")),
        "{trailers}"
    );
    let sum = lab.git(
        "ops",
        [
            "-c",
            "alias.sum=!cd talk/unix && sha256sum -c latest",
            "sum",
        ],
    );
    assert!(sum.contains("talk.unix: OK"), "{sum}");
    let subject = lab.git("ops", ["log", "-1", "--format=%s"]);
    assert_eq!(subject, "deploy talk: the first page");

    // Tags lead both ways.
    assert_eq!(
        lab.git("hub.git", ["rev-parse", "talk/unix/1^{commit}"]),
        head
    );
    assert!(lab.git("hub.git", ["tag", "-n"]).contains(&source));
    assert_eq!(
        lab.git("talk", ["rev-parse", "deployed/talk/unix/1^{commit}"]),
        source
    );
    assert!(lab.git("talk", ["tag", "-n"]).contains(&head));

    lab.deploy("ops").code(0).tells("nothing new to deploy");
    assert_eq!(lab.head("ops"), head);
    // A commit that leaves the image as it is is nothing new either.
    lab.edit("elsewhere", "");
    lab.commit("nothing");
    lab.deploy("ops").code(0).tells("nothing new to deploy");
    lab.is_whole("hub.git");
}

#[test]
fn a_dirty_site_is_refused_unless_told_and_then_marked() {
    let lab = Lab::new();
    lab.edit("talk/index.html", "<h1>changed</h1>");
    lab.deploy("ops")
        .code(1)
        .tells("changes that are not committed");
    assert_eq!(lab.git("hub.git", ["for-each-ref"]), "");
    lab.run(".", ["deploy", "talk", "--to", "ops", "--allow-dirty"])
        .code(0);
    let trailers = lab.git("ops", ["log", "-1", "--format=%(trailers)"]);
    assert!(trailers.contains(" dirty\n"), "{trailers}");
    assert!(lab.run("ops", ["log"]).code(0).stdout.contains(" dirty"));
    // The tag in the site would name a commit that is not what was deployed.
    assert_eq!(lab.git("talk", ["tag"]), "");
}

#[test]
fn thirty_deploys_can_be_asked_about_and_taken_back() {
    let lab = Lab::new();
    for number in 1..=30 {
        match number % 3 {
            0 => lab.edit(
                "talk/applgen.toml",
                &format!("[network]\nhttp = \"{}\"\n", 8000 + number),
            ),
            1 => lab.edit("talk/other.html", &format!("<p>Edit {number}.")),
            _ => lab.edit(&format!("talk/new-{number}.html"), "<p>New."),
        }
        let fault = if number >= 17 {
            "<p>broken"
        } else {
            "<p>works"
        };
        lab.edit_page(&format!("<h1>Deploy {number}</h1>{fault}"));
        lab.deploy("ops").code(0);
    }
    assert_eq!(lab.deploys("hub.git"), 30);
    let log = lab.run("ops", ["log"]).code(0).stdout;
    assert_eq!(log.lines().count(), 30);
    assert!(log.starts_with("* talk/unix/30 "), "{log}");
    assert_eq!(log.matches('*').count(), 1);
    let json = lab.run("ops", ["log", "--json", "-n", "2"]).code(0).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["source"], lab.head("talk"));
    assert_eq!(json.as_array().unwrap().len(), 2);

    let diff = lab
        .run("ops", ["diff", "talk/unix/28", "30"])
        .code(0)
        .stdout;
    for line in [
        "~ path /  ",
        "~ boot boot  http=8027 -> http=8030",
        "+ path /new-29.html  7 bytes",
    ] {
        assert!(
            diff.lines().any(|found| found.starts_with(line)),
            "no `{line}` in {diff}"
        );
    }
    assert!(!diff.contains("/other.html"), "{diff}");
    let same = lab
        .run("ops", ["diff", "HEAD", "HEAD"])
        .code(0)
        .tells("nothing differs");
    assert_eq!(same.stdout, "");

    let test = "test -x $APPLGEN_IMAGE && curl -sf --max-time 9 $APPLGEN_URL | grep -q works";
    let found = lab.run("ops", ["bisect", "--run", test]).code(0);
    assert!(found.stdout.starts_with("talk/unix/17 "), "{found:#?}");
    assert!(found.stderr.lines().count() <= 12, "{found:#?}");
    let found = lab
        .run(
            "ops",
            [
                "bisect",
                "--good",
                "3",
                "--bad",
                "talk/unix/20",
                "--run",
                test,
            ],
        )
        .code(0);
    assert!(found.stdout.starts_with("talk/unix/17 "), "{found:#?}");
    lab.run("ops", ["bisect", "--bad", "9", "--run", test])
        .code(2)
        .tells("is not bad");
    lab.run("ops", ["bisect", "--run", "false"])
        .code(2)
        .tells("is not good");
    lab.run("ops", ["bisect", "--run", "kill -9 $$"])
        .code(2)
        .tells("the test ended with");

    // Back to the one before the fault, and from there to the one before that.
    let before = lab.head("ops");
    let back = lab.run("ops", ["rollback", "talk/unix/16"]).code(0);
    assert_eq!(
        back.stdout,
        format!("talk/unix/31 {}\n", lab.head("hub.git"))
    );
    let blob = |revision: &str| {
        lab.git(
            "hub.git",
            ["rev-parse", &format!("{revision}:talk/unix/talk.unix")],
        )
    };
    assert_eq!(blob("HEAD"), blob("talk/unix/16"));
    assert!(
        lab.git("hub.git", ["log", "-1"])
            .contains("Rollback: talk/unix/16")
    );
    lab.run("ops", ["rollback"]).code(0);
    assert_eq!(blob("HEAD"), blob("talk/unix/15"));
    lab.run("ops", ["rollback", &before]).code(0);
    assert_eq!(blob("HEAD"), blob("talk/unix/30"));
    let log = lab.run("ops", ["log", "-n", "1"]).code(0).stdout;
    assert!(
        log.starts_with("* talk/unix/33") && log.contains("back to talk/unix/30"),
        "{log}"
    );

    // A deploy after it goes on counting.
    lab.edit_page("<h1>The last</h1>");
    lab.deploy("ops").code(0);
    assert!(lab.git("hub.git", ["tag"]).contains("talk/unix/34"));
    let verified = lab.run("ops", ["verify", "--all"]).code(0).stdout;
    assert!(verified.starts_with("talk/unix/34: sha256 "), "{verified}");

    // Plain git goes back too, and what it did is not in the way.
    lab.git("ops", ["revert", "--no-edit", "HEAD"]);
    lab.git("ops", ["push", "-q"]);
    lab.run("ops", ["verify"]).code(0);
    let log = lab.run("ops", ["log"]).code(0).stdout;
    assert!(log.contains("* talk/unix/33"), "{log}");
    lab.edit_page("<h1>Once more</h1>");
    lab.deploy("hub.git").code(0);
    assert!(lab.git("hub.git", ["tag"]).contains("talk/unix/35"));
    lab.is_whole("hub.git");
}

#[test]
fn several_sites_share_a_repository_and_names_may_have_spaces() {
    let lab = Lab::new();
    lab.edit("my talk 100%/index.html", "<h1>Two</h1>");
    lab.deploy("hub.git").code(0);
    lab.run(".", ["deploy", "my talk 100%", "--to", "hub.git"])
        .code(0)
        .tells("in no repository");
    lab.edit_page("<h1>Three</h1>");
    lab.deploy("hub.git").code(0);
    lab.git("ops", ["pull", "-q"]);
    let log = lab.run("ops", ["log"]).code(0).stdout;
    assert!(log.contains("* my%20talk%20100%25/unix/1"), "{log}");
    assert!(log.contains("* talk/unix/2"), "{log}");
    lab.git(
        "ops",
        [
            "-c",
            "alias.sum=!cd 'my talk 100%/unix' && sha256sum -c latest",
            "sum",
        ],
    );
    lab.run("ops", ["verify"]).code(0);
    // A rollback without more takes back what was deployed last, and that alone.
    lab.run("ops", ["rollback"]).code(0);
    let log = lab.run("ops", ["log"]).code(0).stdout;
    assert!(
        log.contains("* my%20talk%20100%25/unix/1") && log.contains("* talk/unix/3"),
        "{log}"
    );
    lab.run("ops", ["rollback", "--site", "my talk 100%"])
        .code(2)
        .tells("no deploy");
    lab.run("ops", ["rollback", "1"])
        .code(2)
        .tells("of several sites");
    lab.run("ops", ["bisect", "--run", "true"])
        .code(2)
        .tells("more than one");
}

#[test]
fn an_image_is_deployed_as_it_was_built() {
    let lab = Lab::new();
    lab.run(".", ["build", "talk"]).code(0);
    lab.run(".", ["deploy", "--image", "dist/talk.unix", "--to", "ops"])
        .code(0);
    for (here, there) in [
        ("dist/talk.unix", "talk.unix"),
        ("dist/talk.unix.json", "talk.unix.json"),
    ] {
        let there = format!("ops/talk/unix/{there}");
        assert_eq!(
            fs::read(lab.path(here)).unwrap(),
            fs::read(lab.path(&there)).unwrap()
        );
    }
    lab.deploy("ops").code(0).tells("nothing new to deploy");
    let mut image = fs::read(lab.path("dist/talk.unix")).unwrap();
    *image.last_mut().unwrap() ^= 1;
    fs::write(lab.path("dist/talk.unix"), image).unwrap();
    lab.run(".", ["deploy", "--image", "dist/talk.unix", "--to", "ops"])
        .code(2)
        .tells("its hash is not the one in its manifest");
    lab.run("ops", ["diff", "talk/unix/1", "talk/unix/talk.unix"])
        .code(0)
        .tells("nothing differs");
}

#[test]
fn an_image_that_does_not_start_is_not_deployed() {
    let lab = Lab::new();
    // The port is taken from the image's own words, which the probe replaces;
    // an image cut off after its headers cannot start at all.
    lab.run(".", ["build", "talk"]).code(0);
    let image = fs::read(lab.path("dist/talk.unix")).unwrap();
    let entry = u64::from_le_bytes(image[24..32].try_into().unwrap());
    let mut broken = image.clone();
    broken[24..32].copy_from_slice(&(entry ^ 0x5555).to_le_bytes());
    fs::write(lab.path("dist/talk.unix"), &broken).unwrap();
    let manifest = fs::read_to_string(lab.path("dist/talk.unix.json")).unwrap();
    let sum = |bytes: &[u8]| {
        use sha2::Digest;
        sha2::Sha256::digest(bytes)
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect::<String>()
    };
    let manifest = manifest.replace(&sum(&image), &sum(&broken));
    fs::write(lab.path("dist/talk.unix.json"), manifest).unwrap();
    lab.run(".", ["deploy", "--image", "dist/talk.unix", "--to", "ops"])
        .code(2)
        .tells("is not to be deployed");
    assert_eq!(lab.git("hub.git", ["for-each-ref"]), "");
}

#[test]
fn prune_says_what_it_would_save_and_rewrites_when_told() {
    let lab = Lab::new();
    for number in 0..6 {
        lab.edit_page(&format!("<h1>{number}</h1>"));
        lab.deploy("ops").code(0);
    }
    let head = lab.head("ops");
    lab.run("ops", ["deploy", "prune", "--keep", "2"])
        .code(0)
        .tells("keeping 2 of 6 commits saves ");
    assert_eq!(lab.head("ops"), head);
    lab.run("ops", ["deploy", "prune", "--keep", "9"])
        .code(0)
        .tells("all would stay");

    let tree = lab.git("ops", ["rev-parse", "HEAD^{tree}"]);
    let ran = lab
        .run("ops", ["deploy", "prune", "--keep", "2", "--rewrite"])
        .code(0);
    assert_eq!(ran.stdout.trim(), lab.head("ops"));
    assert_eq!(lab.git("ops", ["rev-parse", "HEAD^{tree}"]), tree);
    assert_eq!(lab.deploys("ops"), 2);
    assert_eq!(lab.git("ops", ["tag"]), "talk/unix/5\ntalk/unix/6");
    assert_eq!(
        lab.git("ops", ["rev-parse", "talk/unix/6^{commit}"]),
        lab.head("ops")
    );
    assert_eq!(lab.git("ops", ["status", "--short"]), "");
    lab.run("ops", ["verify", "--all"]).code(0);
    lab.is_whole("ops");
    // The remote is as it was, and the clone says so instead of guessing.
    assert_eq!(lab.head("hub.git"), head);
    lab.edit_page("<h1>next</h1>");
    lab.deploy("ops")
        .code(2)
        .tells("was rewritten by `deploy prune`");
    // Once it is told, everything goes on.
    lab.git(
        "ops",
        [
            "push",
            "-q",
            "--force",
            "--prune",
            "origin",
            "+refs/heads/*",
            "+refs/tags/*",
        ],
    );
    lab.deploy("ops").code(0);
    assert_eq!(lab.deploys("hub.git"), 3);
    assert!(lab.git("hub.git", ["tag"]).contains("talk/unix/7"));
}

#[test]
fn no_secret_reaches_the_repository() {
    let lab = Lab::new();
    lab.git(
        "talk",
        [
            "remote",
            "add",
            "origin",
            "https://user:hunter2@example.org/talk.git",
        ],
    );
    lab.edit("talk/.env", "PASSWORD=hunter2");
    lab.edit(
        "talk/id_ed25519",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n",
    );
    lab.commit("with secrets");
    lab.run(".", ["deploy", "talk", "--to", "ops"]).code(0);
    let message = lab.git("ops", ["log", "-1"]);
    assert!(
        message.contains("Source-Repository: https://example.org/talk.git"),
        "{message}"
    );
    let objects = lab.git("hub.git", ["rev-list", "--objects", "--all"]);
    for line in objects.lines() {
        let hash = line.split(' ').next().unwrap();
        let mut command = std::process::Command::new("git");
        command
            .args(["cat-file", "-p", hash])
            .current_dir(lab.path("hub.git"));
        let bytes = command.output().unwrap().stdout;
        for secret in ["hunter2", "PRIVATE KEY-----", lab.root().to_str().unwrap()] {
            let found = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!found, "`{secret}` is in {line}");
        }
    }
}

#[test]
fn zone_records_are_compared_and_serials_do_not_go_back_silently() {
    let lab = Lab::new();
    let zone = |serial: u32, records: &str| {
        format!(
            "$TTL 3600\n@ IN SOA ns hostmaster {serial} 7200 900 1209600 300\n\
             @ NS ns\nns A 192.0.2.1\n{records}"
        )
    };
    let write = |serial, records: &str| {
        lab.edit("talk/zones/example.org.zone", &zone(serial, records));
        lab.commit("records");
    };
    write(7, "www A 192.0.2.2\ntext TXT \"one\"\n");
    lab.deploy("ops").code(0);
    let trailers = lab.git("ops", ["log", "-1", "--format=%(trailers)"]);
    assert!(
        trailers.contains("Zone-Serial: example.org 7"),
        "{trailers}"
    );
    write(8, "www A 192.0.2.3\nmail MX 10 www\n");
    lab.deploy("ops").code(0);
    let diff = lab.run("ops", ["diff", "1", "2"]).code(0).stdout;
    for line in [
        "- record www.example.org. A  3600 192.0.2.2",
        "+ record www.example.org. A  3600 192.0.2.3",
        "- record text.example.org. TXT  3600 \"one\"",
        "+ record mail.example.org. MX  3600 10 www.example.org.",
    ] {
        assert!(
            diff.lines().any(|found| found == line),
            "no `{line}` in {diff}"
        );
    }
    assert!(!diff.contains("record ns."), "{diff}");

    // Hosts would refuse it, and secondary servers would not see it.
    let live = lab.head("hub.git");
    write(6, "www A 192.0.2.4\n");
    lab.deploy("ops")
        .code(1)
        .tells("lower than the 8 that is live");
    assert_eq!(lab.head("hub.git"), live);
    lab.run("ops", ["rollback"])
        .code(0)
        .tells("from serial 8 back to 7");
    lab.run("ops", ["verify", "--since", "talk/unix/1"]).code(0);
    assert!(
        lab.run("ops", ["log"])
            .code(0)
            .stdout
            .contains("example.org 8")
    );
}

#[test]
fn the_site_says_where_it_is_deployed_and_the_command_line_is_stronger() {
    let lab = Lab::new();
    lab.edit(
        "talk/applgen.toml",
        "[deploy]\nto = \"../hub.git\"\nname = \"oscon\"\ntargets = [\"unix\", \"tap\"]\nhost-dir = \"/var/www\"\n",
    );
    lab.commit("where to");
    // The folder counts from the site's, wherever the command is called.
    for (folder, site) in [(".", "talk"), ("talk", "."), ("ops", "../talk")] {
        lab.run(folder, ["deploy", site]).code(0);
    }
    lab.git("ops", ["pull", "-q"]);
    let commits = lab.git("ops", ["rev-list", "--count", "HEAD"]);
    assert_eq!(commits, "1", "the others had nothing new");
    assert_eq!(lab.deploys("ops"), 2);
    let unit = fs::read_to_string(lab.path("ops/oscon/unix/oscon.service")).unwrap();
    assert!(unit.contains("/var/www/oscon/unix/oscon.unix"), "{unit}");
    assert!(lab.path("ops/oscon/tap/oscon.tap").exists());

    lab.run(
        ".",
        ["deploy", "talk", "--name", "other", "--target", "tap"],
    )
    .code(0);
    lab.git(".", ["init", "-q", "--bare", "second.git"]);
    lab.run(".", ["deploy", "talk", "--to", "second.git"])
        .code(0);
    lab.git("ops", ["pull", "-q"]);
    assert!(lab.path("ops/other/tap").exists() && !lab.path("ops/other/unix").exists());
    assert_eq!(lab.deploys("second.git"), 2);

    // An image is no site, so nobody's configuration speaks for it.
    lab.run("talk", ["build", ".", "-o", "../x.unix"]).code(0);
    lab.run("talk", ["deploy", "--image", "../x.unix"])
        .code(2)
        .tells("no deployment repository is named")
        .tells("hint: `--to REPO`");
    lab.edit("talk/applgen.toml", "[deploy]\ntoo = \"../hub.git\"\n");
    lab.run(".", ["deploy", "talk"])
        .code(1)
        .tells("talk/applgen.toml:2:1")
        .tells("did you mean `to`?");
}
