//! Opening a tap device, and what is to be known of it.
#![allow(unsafe_code)]

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::ioctl::{self, IntegerSetter, Opcode, Updater, opcode};
use rustix::net::{AddressFamily, SocketType, socket};
use std::fmt;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;

/// Bytes of the header in front of each frame (virtio 1.2 §5.1.6, without
/// mergeable buffers).
pub const VNET_HEADER_BYTES: usize = 10;

/// `struct ifreq` (netdevice(7)).
#[repr(C)]
#[derive(Clone, Copy)]
struct Request {
    name: [u8; 16],
    value: [u8; 24],
}

const TUNSETIFF: Opcode = opcode::write::<i32>(b'T', 202);
const TUNSETOFFLOAD: Opcode = opcode::write::<u32>(b'T', 208);
const SIOCGIFFLAGS: Opcode = 0x8913;
const SIOCGIFMTU: Opcode = 0x8921;
const SIOCGIFHWADDR: Opcode = 0x8927;

const IFF_TAP: u16 = 0x0002;
const IFF_NO_PI: u16 = 0x1000;
const IFF_VNET_HDR: u16 = 0x4000;
const IFF_UP: u16 = 1;
const TUN_F_CSUM: usize = 1;

/// An open device.
#[derive(Debug)]
pub struct Device {
    /// Its file.
    pub file: OwnedFd,
    /// The Ethernet address that is used on it.
    pub mac: [u8; 6],
    /// The longest payload of a frame, in bytes.
    pub mtu: u16,
    /// Whether a header is in front of each frame, and checksums may be left
    /// open in both directions.
    pub has_header: bool,
}

/// Why a device was not opened.
#[derive(Debug)]
pub struct OpenError {
    name: String,
    what: What,
}

#[derive(Debug)]
enum What {
    /// The system offers no tap devices.
    NoTun(std::io::Error),
    /// There is no such device.
    Absent,
    /// Somebody else has it.
    Busy,
    /// It may not be used.
    Denied,
    /// It is no tap device.
    NotTap,
    /// A call failed that should not.
    Other(&'static str, Errno),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match &self.what {
            What::NoTun(error) => write!(
                f,
                "`/dev/net/tun` cannot be opened: {error}\n\nhint: `modprobe tun`, and a container needs the device"
            ),
            What::Absent => write!(
                f,
                "`tap={name}`: no such device\n\nhint: `ip tuntap add dev {name} mode tap`, then `ip link set {name} up`"
            ),
            What::Busy => write!(f, "`tap={name}`: another process has it"),
            What::Denied => write!(
                f,
                "`tap={name}`: it belongs to somebody else\n\nhint: `ip tuntap add dev {name} mode tap user NAME` gives it to a user"
            ),
            What::NotTap => write!(f, "`tap={name}`: not a tap device"),
            What::Other(call, error) => write!(f, "`tap={name}`: {call} failed: {error}"),
        }
    }
}

impl std::error::Error for OpenError {}

impl Device {
    /// Opens the device of that name, which is there already.
    pub fn open(name: &str) -> Result<Self, OpenError> {
        let fail = |what| OpenError {
            name: name.to_string(),
            what,
        };
        let other = |call| move |error| fail(What::Other(call, error));
        let mut request = Request {
            name: [0; 16],
            value: [0; 24],
        };
        // At most 15 bytes, as boot words have it.
        for (place, byte) in request.name.iter_mut().zip(name.bytes()) {
            *place = byte;
        }

        // A device that is not there would be made, of no use to anybody.
        let socket = socket(AddressFamily::INET, SocketType::DGRAM, None)
            .map_err(other("opening a socket"))?;
        let mtu = match interface::<SIOCGIFMTU>(&socket, request) {
            Ok(answer) => i32::from_ne_bytes(first(&answer.value)),
            Err(Errno::NODEV) => return Err(fail(What::Absent)),
            Err(error) => return Err(other("asking for its mtu")(error)),
        };

        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/net/tun")
            .map_err(|error| fail(What::NoTun(error)))?;
        let file = OwnedFd::from(file);
        // The header is as old as the kernels that Rust's own library supports;
        // an emulated `tun` may lack it all the same.
        let mut has_header = true;
        let mut attached = attach(&file, request, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
        if attached == Err(Errno::INVAL) {
            has_header = false;
            attached = attach(&file, request, IFF_TAP | IFF_NO_PI);
        }
        attached.map_err(|error| {
            fail(match error {
                Errno::BUSY => What::Busy,
                Errno::PERM | Errno::ACCESS => What::Denied,
                Errno::INVAL => What::NotTap,
                error => What::Other("attaching to it", error),
            })
        })?;
        if has_header {
            // SAFETY: the call takes a number, and this is one.
            let offload = unsafe { IntegerSetter::<TUNSETOFFLOAD>::new_usize(TUN_F_CSUM) };
            // Without it frames come with whole checksums, which is as good.
            // SAFETY: the file is a tap device.
            let _ = unsafe { ioctl::ioctl(&file, offload) };
        }
        let address = interface::<SIOCGIFHWADDR>(&socket, request)
            .map_err(other("asking for its address"))?;
        if let Ok(flags) = interface::<SIOCGIFFLAGS>(&socket, request)
            && u16::from_ne_bytes(first(&flags.value)) & IFF_UP == 0
        {
            eprintln!("note: `{name}` is down: `ip link set {name} up`");
        }
        Ok(Self {
            file,
            mac: own_mac(address.value),
            mtu: u16::try_from(mtu).unwrap_or(u16::MAX),
            has_header,
        })
    }
}

/// The address of this end of the link: the other end's, which the device has,
/// with one bit changed, so that it stays for as long as the device does.
fn own_mac(address: [u8; 24]) -> [u8; 6] {
    let [_, _, m0, m1, m2, m3, m4, m5, ..] = address;
    // Locally administered, and not a group.
    [(m0 | 2) & !1, m1, m2, m3, m4, m5 ^ 1]
}

fn first<const N: usize>(value: &[u8; 24]) -> [u8; N] {
    value.first_chunk().copied().unwrap_or([0; N])
}

/// One of the calls that ask for a property of an interface.
fn interface<const CALL: Opcode>(socket: &OwnedFd, mut request: Request) -> Result<Request, Errno> {
    // SAFETY: these calls take an `ifreq` and write into it.
    let call = unsafe { Updater::<CALL, Request>::new(&mut request) };
    // SAFETY: the file is a socket.
    unsafe { ioctl::ioctl(socket, call) }?;
    Ok(request)
}

fn attach(file: &OwnedFd, mut request: Request, flags: u16) -> Result<(), Errno> {
    let [low, high] = flags.to_ne_bytes();
    request.value = [0; 24];
    if let Some(place) = request.value.first_chunk_mut() {
        *place = [low, high];
    }
    // SAFETY: the call takes an `ifreq`, and may write the device's name into it.
    let call = unsafe { Updater::<TUNSETIFF, Request>::new(&mut request) };
    // SAFETY: the file is `/dev/net/tun`.
    unsafe { ioctl::ioctl(file, call) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_address_is_another_and_no_group() {
        let of = |mac: [u8; 6]| {
            let mut answer = [0; 24];
            answer[2..8].copy_from_slice(&mac);
            own_mac(answer)
        };
        assert_eq!(of([0x52, 1, 2, 3, 4, 5]), [0x52, 1, 2, 3, 4, 4]);
        assert_eq!(of([0x01, 0, 0, 0, 0, 0]), [0x02, 0, 0, 0, 0, 1]);
        for first in 0..=255 {
            let own = of([first, 1, 2, 3, 4, 5]);
            assert!(own[0] & 3 == 2 && own[5] == 4);
        }
    }

    #[test]
    fn a_device_that_is_not_there_is_said() {
        let error = Device::open("applgen-none").unwrap_err().to_string();
        assert!(
            error.starts_with("`tap=applgen-none`: no such device"),
            "{error}"
        );
        assert!(error.contains("hint: `ip tuntap add dev applgen-none mode tap`"));
    }
}
