//! The address that a tool stack chose for the guest, where it left it.
//!
//! `xl` writes `ip=` of a `vif` line beside the backend's keys; XAPI (XCP-ng)
//! writes a static setting below `xenserver/device/vif/N`; Qubes writes
//! `qubes-ip` and its companions. Each ends as boot words, to be read by the
//! parser of those.

use super::Netfront;
use crate::xen::{Hypervisor, Store, StoreError, Text};

/// Boot words, such as `ip=192.0.2.2/24 gw=192.0.2.1`.
pub type Address = Text<160>;

impl<H: Hypervisor> Netfront<'_, H> {
    /// The words for the address in XenStore; none if there is none there.
    pub fn address(&self, store: &mut Store<'_, H>) -> Result<Address, StoreError> {
        let mut words = Address::new();
        let Some(device) = self.device() else {
            return Ok(words);
        };
        let mut get = |path: &[u8]| -> Result<Text<96>, StoreError> {
            match store.read(path) {
                Ok(value) => Ok(value),
                // A tool stack that hides what is not ours has said nothing.
                Err(StoreError::Absent | StoreError::Refused) => Ok(Text::new()),
                Err(error) => Err(error),
            }
        };
        let ip = get(self.backend_path(b"ip").bytes())?;
        if !ip.is_empty() {
            // Several, with spaces in between: the first of each family.
            let mut parts = ip.bytes().split(|byte| *byte == b' ');
            let (mut v4, mut v6) = (false, false);
            for part in &mut parts {
                let is_v6 = part.contains(&b':');
                let seen = if is_v6 { &mut v6 } else { &mut v4 };
                if part.is_empty() || core::mem::replace(seen, true) {
                    continue;
                }
                words
                    .push(if is_v6 { b" ip6=" } else { b" ip=" })
                    .push(part);
                if !part.contains(&b'/') {
                    words.push(if is_v6 { b"/64" } else { b"/24" });
                }
            }
            return Ok(words);
        }
        let mut xapi = |key: &[u8]| {
            let mut path = super::Path::new();
            path.push(b"xenserver/device/vif/")
                .push_number(device)
                .push(b"/static-ip-setting/")
                .push(key);
            get(path.bytes())
        };
        let (ip, gateway) = (xapi(b"address")?, xapi(b"gateway")?);
        if !ip.is_empty() {
            words.push(b" ip=").push(ip.bytes());
            if !gateway.is_empty() {
                words.push(b" gw=").push(gateway.bytes());
            }
            return Ok(words);
        }
        let ip = get(b"/qubes-ip")?;
        let ip = if ip.is_empty() { get(b"qubes-ip")? } else { ip };
        if !ip.is_empty() {
            let (mask, gateway) = (get(b"qubes-netmask")?, get(b"qubes-gateway")?);
            words.push(b" ip=").push(ip.bytes());
            words
                .push(b"/")
                .push_number(prefix_of(mask.bytes()).unwrap_or(32));
            if !gateway.is_empty() {
                words.push(b" gw=").push(gateway.bytes());
            }
        }
        Ok(words)
    }
}

/// `255.255.255.0` is 24.
fn prefix_of(mask: &[u8]) -> Option<u32> {
    let mut value = 0u32;
    let mut parts = mask.split(|byte| *byte == b'.');
    for _ in 0..4 {
        let byte = crate::xen::text::number(parts.next()?)?;
        value = value << 8 | u32::from(u8::try_from(byte).ok()?);
    }
    (parts.next().is_none() && value.leading_ones() + value.trailing_zeros() == 32)
        .then(|| value.leading_ones())
}

#[cfg(test)]
mod tests {
    use crate::xen::netfront::tests::{BACKEND, World};
    use std::format;

    #[test]
    fn addresses_as_tool_stacks_write_them() {
        let backend_ip = format!("{BACKEND}/ip");
        for (keys, expected) in [
            (&[][..], ""),
            (&[(backend_ip.as_str(), "10.0.0.2")], " ip=10.0.0.2/24"),
            (
                &[(backend_ip.as_str(), "10.0.0.2/16 2001:db8::2 10.0.0.3")],
                " ip=10.0.0.2/16 ip6=2001:db8::2/64",
            ),
            (
                &[
                    (
                        "xenserver/device/vif/0/static-ip-setting/address",
                        "10.1.0.2/20",
                    ),
                    (
                        "xenserver/device/vif/0/static-ip-setting/gateway",
                        "10.1.0.1",
                    ),
                ],
                " ip=10.1.0.2/20 gw=10.1.0.1",
            ),
            (
                &[
                    ("qubes-ip", "10.137.0.9"),
                    ("qubes-netmask", "255.255.255.255"),
                    ("qubes-gateway", "10.137.0.8"),
                ],
                " ip=10.137.0.9/32 gw=10.137.0.8",
            ),
        ] {
            let (mut world, _, _) = World::connected();
            for (key, value) in keys {
                world.host.set(key, value);
            }
            let address = world.nic.address(&mut world.store).unwrap();
            assert_eq!(address.as_str(), expected);
        }
    }
}
