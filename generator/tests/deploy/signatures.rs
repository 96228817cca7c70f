//! Signatures, and what does not verify.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::{Lab, Ran};

/// Two pairs of keys, secret and public.
fn minisign(lab: &Lab, name: &str) -> (PathBuf, PathBuf) {
    let pair = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    let (secret, public) = (lab.path(name), lab.path(&format!("{name}.pub")));
    fs::write(&secret, pair.sk.to_box(None).unwrap().into_string()).unwrap();
    fs::write(&public, pair.pk.to_box().unwrap().into_string()).unwrap();
    (secret, public)
}

fn ssh(lab: &Lab, name: &str) -> (PathBuf, PathBuf) {
    let secret = lab.path(name);
    let mut command = Command::new("ssh-keygen");
    command
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&secret);
    assert!(command.status().unwrap().success());
    (secret, lab.path(&format!("{name}.pub")))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn deploy_signed(lab: &Lab, secret: &Path) -> Ran {
    lab.run(
        ".",
        ["deploy", "talk", "--to", "ops", "--sign", text(secret)],
    )
}

#[test]
fn what_is_signed_verifies_with_its_key_and_no_other() {
    for keys in [minisign, ssh] {
        let lab = Lab::new();
        let (secret, public) = keys(&lab, "key");
        let (other_secret, other) = keys(&lab, "other");
        deploy_signed(&lab, &secret).code(0);
        lab.run("ops", ["verify"]).code(0).tells("were not checked");
        let good = lab
            .run("ops", ["verify", "--key", text(&public)])
            .code(0)
            .stdout;
        assert!(good.contains(", signed"), "{good}");
        lab.run("ops", ["verify", "--key", text(&other)])
            .code(1)
            .tells("not by a key that was given");
        // One of several is enough.
        lab.run(
            "ops",
            ["verify", "--key", text(&other), "--key", text(&public)],
        )
        .code(0);
        deploy_signed(&lab, &secret).code(0).tells("nothing new");

        // What is signed once is not replaced by something that is not.
        lab.edit_page("<h1>Two</h1>");
        lab.deploy("ops").code(2).tells("--sign KEY");
        deploy_signed(&lab, &secret).code(0);
        lab.run("ops", ["rollback"]).code(2).tells("--sign KEY");
        lab.run("ops", ["rollback", "--sign", text(&secret)])
            .code(0);
        lab.run("ops", ["verify", "--all", "--key", text(&public)])
            .code(0);
        // A stranger's key makes a deploy that hosts refuse.
        lab.edit_page("<h1>Three</h1>");
        deploy_signed(&lab, &other_secret).code(0);
        lab.run("ops", ["verify", "--key", text(&public)]).code(1);
    }
}

#[test]
fn plain_tools_check_the_signatures_too() {
    let lab = Lab::new();
    let (secret, public) = ssh(&lab, "key");
    deploy_signed(&lab, &secret).code(0);
    let key = fs::read_to_string(public).unwrap();
    lab.edit("allowed", &format!("me {key}"));
    for name in ["latest", "talk.unix"] {
        let mut command = Command::new("sh");
        command.current_dir(lab.path("ops/talk/unix")).args([
            "-c",
            &format!(
                "ssh-keygen -Y verify -f ../../../allowed -I me -n applgen -s {name}.sig <{name}"
            ),
        ]);
        lab.ran(&mut command).code(0);
    }
}

#[test]
fn unsigned_where_a_key_is_given_is_refused() {
    let lab = Lab::new();
    let (_, public) = minisign(&lab, "key");
    lab.deploy("ops").code(0);
    lab.run("ops", ["verify"]).code(0);
    lab.run("ops", ["verify", "--key", text(&public)])
        .code(1)
        .tells("`latest` is not signed");
}

/// Commits a damaged file, as someone with access to the repository could.
fn tamper(lab: &Lab, name: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let path = lab.path("ops/talk/unix").join(name);
    let bytes = change(fs::read(&path).unwrap());
    fs::write(path, bytes).unwrap();
    lab.git("ops", ["commit", "-qam", "tampered"]);
    lab.git("ops", ["push", "-q"]);
}

#[test]
fn corrupted_images_and_tampered_manifests_are_found_and_not_deployed_over() {
    for name in [
        "talk.unix",
        "talk.unix.json",
        "talk.unix.cdx.json",
        "talk.service",
        "latest",
    ] {
        let lab = Lab::new();
        let (secret, public) = minisign(&lab, "key");
        deploy_signed(&lab, &secret).code(0);
        tamper(&lab, name, |mut bytes| {
            // Somewhere in the middle, in a way that keeps JSON and text what they are.
            let at = bytes.len() / 2;
            let at = at
                + bytes[at..]
                    .iter()
                    .position(|b| b.is_ascii_digit() && *b != b'9')
                    .unwrap();
            bytes[at] += 1;
            bytes
        });
        lab.run("ops", ["verify"])
            .code(1)
            .tells("this is not to be run");
        lab.run("ops", ["verify", "--key", text(&public)]).code(1);
        lab.edit_page("<h1>Two</h1>");
        let ran = deploy_signed(&lab, &secret);
        ran.code(2).tells("was edited by hand");
        // Plain git puts it back, and everything goes on.
        lab.git("ops", ["checkout", "-q", "talk/unix/1", "--", "talk/unix"]);
        lab.git("ops", ["commit", "-qm", "put back"]);
        lab.git("ops", ["push", "-q"]);
        deploy_signed(&lab, &secret).code(0);
        lab.run("ops", ["verify", "--key", text(&public)]).code(0);
    }
}

#[test]
fn a_forged_statement_fits_its_files_and_not_its_signature() {
    let lab = Lab::new();
    let (secret, public) = minisign(&lab, "key");
    deploy_signed(&lab, &secret).code(0);
    // A whole other deploy, with the old signatures left beside it.
    let lab2 = Lab::new();
    lab2.edit_page("<h1>Evil</h1>");
    lab2.deploy("ops").code(0);
    for file in [
        "latest",
        "talk.unix",
        "talk.unix.json",
        "talk.unix.cdx.json",
    ] {
        fs::copy(
            lab2.path("ops/talk/unix").join(file),
            lab.path("ops/talk/unix").join(file),
        )
        .unwrap();
    }
    lab.git("ops", ["commit", "-qam", "forged"]);
    lab.run("ops", ["verify"]).code(0);
    lab.run("ops", ["verify", "--key", text(&public)])
        .code(1)
        .tells("or not as it is now");
}

#[test]
fn damage_on_the_disk_is_found_where_git_does_not_look() {
    let lab = Lab::new();
    lab.deploy("ops").code(0);
    let path = lab.path("ops/talk/unix/talk.unix");
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(time)
        .unwrap();
    lab.run("ops", ["verify"])
        .code(1)
        .tells("on the disk is not what was deployed");
}

#[test]
fn a_head_that_does_not_descend_from_the_last_one_is_a_downgrade() {
    let lab = Lab::new();
    lab.deploy("ops").code(0);
    let first = lab.head("ops");
    lab.run("ops", ["verify", "--remember"]).code(0);
    lab.edit_page("<h1>Two</h1>");
    lab.deploy("ops").code(0);
    lab.run("ops", ["verify", "--remember"]).code(0);
    let second = lab.head("ops");
    lab.run("ops", ["verify", "--since", &first]).code(0);
    // The remote goes back without a commit, and a host follows blindly.
    lab.git("ops", ["reset", "-q", "--hard", &first]);
    lab.run("ops", ["verify", "--remember"])
        .code(1)
        .tells("does not descend from");
    lab.run("ops", ["verify", "--since", &second]).code(1);
    lab.run("ops", ["verify", "--since", "nonsense"])
        .code(2)
        .tells("there is no revision");
    // A rollback by a commit is none.
    lab.git("ops", ["reset", "-q", "--hard", &second]);
    lab.run("ops", ["rollback"]).code(0);
    lab.run("ops", ["verify", "--remember"]).code(0);
}

/// Gives what is live a zone with a serial, in manifest and statement, the way
/// a deploy writes it.
fn with_serial(lab: &Lab, serial: u32, extra: &str) {
    use sha2::Digest;
    let folder = lab.path("ops/talk/unix");
    let manifest = fs::read_to_string(folder.join("talk.unix.json")).unwrap();
    let mut facts: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    facts["zones"] = serde_json::json!([{ "name": "example.org", "serial": serial, "records": 1 }]);
    let new = format!("{facts:#}\n");
    let sum = |text: &str| {
        sha2::Sha256::digest(text)
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect::<String>()
    };
    let latest = fs::read_to_string(folder.join("latest")).unwrap();
    let latest: String = latest
        .replace(&sum(&manifest), &sum(&new))
        .lines()
        .filter(|line| !line.starts_with("# serial") && !line.starts_with("# rollback"))
        .flat_map(|line| {
            let facts = if line.starts_with("# source") {
                format!("# serial: example.org {serial}\n{extra}")
            } else {
                String::new()
            };
            [format!("{line}\n"), facts]
        })
        .collect();
    fs::write(folder.join("talk.unix.json"), new).unwrap();
    fs::write(folder.join("latest"), latest).unwrap();
    lab.git("ops", ["commit", "-qam", &format!("serial {serial}")]);
    lab.git("ops", ["push", "-q"]);
}

#[test]
fn a_lower_serial_is_a_downgrade_unless_a_rollback_says_so() {
    let lab = Lab::new();
    lab.deploy("ops").code(0);
    with_serial(&lab, 2_026_112_801, "");
    let seen = lab.head("ops");
    with_serial(&lab, 2_026_112_802, "");
    lab.run("ops", ["verify", "--since", &seen]).code(0);
    with_serial(&lab, 2_026_112_800, "");
    lab.run("ops", ["verify", "--since", &seen])
        .code(1)
        .tells("from serial 2026112802 back to 2026112800");
    with_serial(&lab, 2_026_112_799, "# rollback: 1\n");
    lab.run("ops", ["verify", "--since", "HEAD~1"]).code(0);
    // With a key, the word of a statement that is not signed counts for nothing.
    let (_, public) = minisign(&lab, "key");
    lab.run(
        "ops",
        ["verify", "--since", "HEAD~1", "--key", text(&public)],
    )
    .code(1)
    .tells("no signed rollback");
}
