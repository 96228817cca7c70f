//! QEMU's arguments for an image: one place for `applgen run` and for the script
//! beside an image.

use std::{ffi::OsString, fs, fs::File, net::SocketAddr, path::Path};

/// The program.
pub const PROGRAM: &str = "qemu-system-x86_64";

/// The guest's address and gateway in QEMU's user network, as boot words.
pub const USER_NETWORK: &str = "ip=10.0.2.15/24 gw=10.0.2.2";

/// The port that guests of `applgen run` listen on for HTTP, inside.
pub const GUEST_PORT: u16 = 80;

/// The same for DNS.
pub const GUEST_DNS_PORT: u16 = 53;

/// What a machine has beside the image, in megabytes, when nothing is said.
const SPARE_MB: u64 = 64;

/// One machine.
#[derive(Debug)]
pub struct Machine<'a> {
    /// The image.
    pub image: &'a Path,
    /// Its memory, in megabytes.
    pub memory_mb: u64,
    /// Where the guest's HTTP is reached, if it serves any.
    pub http: Option<SocketAddr>,
    /// The same for DNS, by UDP and TCP.
    pub dns: Option<SocketAddr>,
}

/// Enough memory for an image of so many bytes, in megabytes (2²⁰ bytes).
pub fn memory_mb(image_bytes: u64) -> u64 {
    SPARE_MB + image_bytes.div_ceil(1 << 20)
}

/// The accelerator: KVM where it is usable. The device alone says little, since
/// a machine can have it without a processor that virtualises; every instruction
/// is emulated then, slower than by QEMU.
pub fn accelerator() -> &'static str {
    let opens = File::options()
        .read(true)
        .write(true)
        .open("/dev/kvm")
        .is_ok();
    let flags = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let virtualises = flags.split_whitespace().any(|f| f == "vmx" || f == "svm");
    if opens && virtualises { "kvm" } else { "tcg" }
}

impl Machine<'_> {
    /// The arguments, in groups that belong together; not the accelerator.
    pub fn arguments(&self) -> Vec<Vec<OsString>> {
        let text = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let memory = self.memory_mb.to_string();
        let mut network = "user,id=net".to_owned();
        let forwarded = [
            ("tcp", self.http, GUEST_PORT),
            ("udp", self.dns, GUEST_DNS_PORT),
            ("tcp", self.dns, GUEST_DNS_PORT),
        ];
        for (protocol, address, port) in forwarded {
            if let Some(address) = address {
                network.push_str(&format!(",hostfwd={protocol}:{address}-:{port}"));
            }
        }
        let mut kernel = text(&["-kernel"]);
        kernel.push(self.image.as_os_str().to_owned());
        vec![
            text(&["-M", "microvm", "-cpu", "max", "-m", &memory]),
            kernel,
            text(&["-nodefaults", "-no-user-config", "-no-reboot"]),
            text(&["-display", "none", "-serial", "stdio"]),
            text(&["-netdev", &network]),
            text(&["-device", "virtio-net-device,netdev=net"]),
            // Why a guest stopped becomes the exit status.
            text(&["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_grows_with_the_image() {
        assert_eq!(memory_mb(1), 65);
        assert_eq!(memory_mb(5 << 20), 69);
        assert_eq!(memory_mb((5 << 20) + 1), 70);
    }
}
