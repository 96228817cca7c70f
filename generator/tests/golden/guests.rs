//! Images for machines, where no machine is at hand: what monitors other than
//! QEMU do with the file, by the loader that they have in common.

use crate::support::Site;
use linux_loader::loader::{
    KernelLoader,
    elf::{Elf, PvhBootCapability},
};
use std::{fs, fs::File};
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

/// Where Firecracker and Cloud Hypervisor want kernels to begin at the earliest.
const HIGH_MEMORY: GuestAddress = GuestAddress(1 << 20);

/// What is loaded for the image: where the last segment ends, and its bytes.
fn bundle_of(image: &[u8]) -> (u64, &[u8]) {
    let word = |at: usize| u64::from_le_bytes(*image[at..].first_chunk().unwrap());
    let half = |at: usize| u16::from_le_bytes(*image[at..].first_chunk().unwrap());
    let (table, count) = (word(32) as usize, usize::from(half(56)));
    let last = (0..count)
        .map(|number| table + 56 * number)
        .filter(|at| image[*at..*at + 4] == [1, 0, 0, 0])
        .max_by_key(|at| word(at + 24))
        .unwrap();
    let (offset, address, bytes) = (word(last + 8), word(last + 24), word(last + 32));
    let range = offset as usize..(offset + bytes) as usize;
    (address, &image[range])
}

#[test]
fn the_loader_of_firecracker_and_cloud_hypervisor_starts_images_by_pvh() {
    let page = "one page\n".repeat(40_000);
    let site = Site::new("talk").file("index.html", page);
    for target in ["kvm", "xen"] {
        let name = format!("talk.{target}");
        site.run(["build", "talk", &format!("--{target}"), "-o", &name])
            .code(0);
        let path = site.parent().join(&name);
        let image = fs::read(&path).unwrap();
        let (address, bundle) = bundle_of(&image);
        assert!(
            bundle.starts_with(b"applgenB"),
            "{target}: no bundle comes last"
        );

        let memory = GuestMemoryMmap::<()>::from_ranges(&[(GuestAddress(0), 32 << 20)]).unwrap();
        let mut file = File::open(&path).unwrap();
        let loaded = Elf::load(&memory, None, &mut file, Some(HIGH_MEMORY)).unwrap();
        let PvhBootCapability::PvhEntryPresent(entry) = loaded.pvh_boot_cap else {
            panic!("{target}: {:?}", loaded.pvh_boot_cap);
        };
        assert!(
            entry >= HIGH_MEMORY && entry.0 < address,
            "{target}: {entry:?}"
        );
        assert!(loaded.kernel_end >= address + bundle.len() as u64);
        let mut there = vec![0; bundle.len()];
        memory
            .read_slice(&mut there, GuestAddress(address))
            .unwrap();
        assert!(there == bundle, "{target}: the bundle is not in memory");
        // The first instruction is where the note says: a kernel with its code
        // elsewhere would run into zeros.
        let mut code = [0; 16];
        memory.read_slice(&mut code, entry).unwrap();
        assert_ne!(code, [0; 16]);
    }
}

#[test]
fn firecracker_s_configuration_names_what_lies_beside_it() {
    let site = Site::new("talk")
        .file("index.html", "<p>one</p>")
        .file("applgen.toml", "[network]\nip = \"192.0.2.2/24\"\n");
    site.run(["build", "talk", "--kvm", "-o", "talk.kvm"])
        .code(0);
    let text = fs::read_to_string(site.parent().join("talk.kvm.firecracker.json")).unwrap();
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    // Its fields are those of Firecracker's `VmmConfig`, which takes no others.
    let fields = |value: &serde_json::Value| -> Vec<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    let of = [
        (
            &told,
            &[
                "boot-source",
                "drives",
                "machine-config",
                "network-interfaces",
            ][..],
        ),
        (
            &told["boot-source"],
            &["boot_args", "kernel_image_path"][..],
        ),
        (&told["machine-config"], &["mem_size_mib", "vcpu_count"][..]),
        (
            &told["network-interfaces"][0],
            &["host_dev_name", "iface_id"][..],
        ),
    ];
    for (value, mut expected) in of.map(|(value, expected)| (value, expected.to_vec())) {
        let mut fields = fields(value);
        fields.sort();
        expected.sort_unstable();
        assert_eq!(fields, expected);
    }
    let image = told["boot-source"]["kernel_image_path"].as_str().unwrap();
    assert!(site.parent().join(image).is_file(), "{image}");
    let memory = told["machine-config"]["mem_size_mib"].as_u64().unwrap();
    assert!((4..=128).contains(&memory), "{memory} MB");
}
