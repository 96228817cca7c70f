//! The conversation with the backend over XenBus (`io/xenbus.h`): who it is,
//! what it can do, where our rings are, and in which state either side is.
//!
//! Driven by watches: one on `device/vif`, where the tool stack puts interfaces
//! and takes them away, one on the backend's state. Whatever fires,
//! [`Netfront::attend`] looks at how things are and does the one next step, so
//! that events that come twice, late or bundled make no difference.

use super::{Netfront, Path};
use crate::xen::{
    Hypervisor, InUse, Refused, Store, StoreError, Text,
    abi::xenbus::{CLOSED, CLOSING, CONNECTED, INIT_WAIT, INITIALISING},
};

/// Our watches, as bits of [`Store::take_fired`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch;

impl Watch {
    /// The token of the watch on `device/vif`.
    pub const DEVICES: u8 = 1;
    /// The token of the watch on the backend's state.
    pub const BACKEND: u8 = 2;
    /// Both as bits.
    pub const BITS: u32 = 1 << Self::DEVICES | 1 << Self::BACKEND;
}

/// Why there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkError {
    /// The guest was given no network interface.
    NoDevice,
    /// The tool stack's keys for it are missing or make no sense; the key.
    Key(&'static str),
    /// The backend cannot copy into our pages (`feature-rx-copy`).
    NoRxCopy,
    /// A former backend still uses our pages.
    PagesInUse,
    /// The hypervisor gave no event channel.
    Port(Refused),
    /// XenStore failed.
    Store(StoreError),
}

impl LinkError {
    /// Whether the same may succeed later without anything being changed: what fired
    /// is then to be attended to again.
    pub fn may_pass(self) -> bool {
        matches!(self, Self::PagesInUse | Self::Port(_) | Self::Store(_))
    }
}

impl From<StoreError> for LinkError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<InUse> for LinkError {
    fn from(_: InUse) -> Self {
        Self::PagesInUse
    }
}

/// `device/vif/N/KEY`: where our own keys are.
fn device_path(device: u32, key: &[u8]) -> Path {
    let mut path = Path::new();
    path.push(b"device/vif/")
        .push_number(device)
        .push(b"/")
        .push(key);
    path
}

impl<H: Hypervisor> Netfront<'_, H> {
    /// Watches for interfaces; the first event comes at once.
    pub fn begin(&mut self, store: &mut Store<'_, H>) -> Result<(), LinkError> {
        Ok(store.watch(b"device/vif", Watch::DEVICES)?)
    }

    /// Does what is next, after a watch fired or the ring broke. `fired` are
    /// the bits of [`Store::take_fired`].
    pub fn attend(&mut self, store: &mut Store<'_, H>, fired: u32) -> Result<(), LinkError> {
        if self.link.device.is_none() || fired & (1 << Watch::DEVICES) != 0 {
            self.find(store)?;
        }
        let Some(device) = self.link.device else {
            return Err(LinkError::NoDevice);
        };
        if self.link.broken {
            self.close(store, device)?;
        }
        let state = store.read_number(self.backend_path(b"state").bytes())?;
        match state.map(|state| u8::try_from(state).unwrap_or(0)) {
            Some(INIT_WAIT) if self.link.state != CONNECTED => self.connect(store, device),
            // It started anew before we saw it go.
            Some(INIT_WAIT) if self.link.up => {
                self.close(store, device)?;
                self.connect(store, device)
            }
            Some(CONNECTED) if self.link.state == CONNECTED => {
                self.link.up = true;
                Ok(())
            }
            None | Some(CLOSING | CLOSED) => {
                self.close(store, device)?;
                if state == Some(CLOSED.into()) && self.link.state == CLOSED {
                    self.offer(store, device)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// What the backend's side says went wrong, for a message.
    pub fn backend_error(&self, store: &mut Store<'_, H>) -> Text<128> {
        let path = self.backend_path(b"hotplug-error");
        store.read(path.bytes()).unwrap_or_default()
    }

    /// The state that the backend is in, for a message.
    pub fn backend_state(&self, store: &mut Store<'_, H>) -> Option<u32> {
        store
            .read_number(self.backend_path(b"state").bytes())
            .ok()
            .flatten()
    }

    /// `KEY` below the backend's own path.
    pub(super) fn backend_path(&self, key: &[u8]) -> Path {
        let mut path = self.link.backend;
        path.push(b"/").push(key);
        path
    }

    /// The number of our interface.
    pub(super) fn device(&self) -> Option<u32> {
        self.link.device
    }

    /// Finds the interface, the lowest-numbered of several, and its backend.
    fn find(&mut self, store: &mut Store<'_, H>) -> Result<(), LinkError> {
        let mut lowest: Option<u32> = None;
        let listed = store.list(b"device/vif", |name| {
            if let Some(number) = crate::xen::text::number(name) {
                lowest = Some(lowest.map_or(number, |other| other.min(number)));
            }
        });
        match listed {
            Ok(()) | Err(StoreError::Absent) => {}
            Err(error) => return Err(error.into()),
        }
        let Some(device) = lowest else {
            self.stop();
            self.link.device = None;
            self.link.backend = Path::new();
            return Ok(());
        };
        // Not there yet: a tool stack at work, which the watch tells of again.
        let backend: Path = match store.read(device_path(device, b"backend").bytes()) {
            Ok(backend) => backend,
            Err(StoreError::Absent) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if self.link.device == Some(device) && self.link.backend.bytes() == backend.bytes() {
            return Ok(());
        }
        let domain = store.read_number(device_path(device, b"backend-id").bytes())?;
        let domain = domain.and_then(|domain| u16::try_from(domain).ok());
        let domain = domain.ok_or(LinkError::Key("backend-id"))?;
        self.stop();
        if !self.link.backend.is_empty() {
            // Of an interface that is gone; so may be the watch.
            let _ = store.unwatch(self.backend_path(b"state").bytes(), Watch::BACKEND);
        }
        if self.capabilities.mac == [0; 6] {
            let mac: Text<32> = store
                .read(device_path(device, b"mac").bytes())
                .map_err(|_| LinkError::Key("mac"))?;
            self.capabilities.mac = mac_of(mac.bytes()).ok_or(LinkError::Key("mac"))?;
            let mtu = store.read_number(device_path(device, b"mtu").bytes())?;
            if let Some(mtu) = mtu {
                // More than an Ethernet frame's is not made use of.
                self.capabilities.mtu = mtu.min(1500) as u16;
            }
        }
        self.link.device = Some(device);
        self.link.domain = domain;
        self.link.backend = backend;
        self.link.state = INITIALISING;
        store.watch(self.backend_path(b"state").bytes(), Watch::BACKEND)?;
        Ok(())
    }

    /// Stops using the rings.
    fn stop(&mut self) {
        self.link.up = false;
        self.link.broken = false;
        if let Some(port) = self.port.take() {
            self.hypervisor.close_port(port);
        }
    }

    /// Stops, and tells the backend so.
    fn close(&mut self, store: &mut Store<'_, H>, device: u32) -> Result<(), LinkError> {
        self.stop();
        if self.link.state == CONNECTED {
            self.set_state(store, device, CLOSED)?;
        }
        Ok(())
    }

    /// The backend closed as well: offers to begin anew, if it is to stay.
    fn offer(&mut self, store: &mut Store<'_, H>, device: u32) -> Result<(), LinkError> {
        if store.read_number(self.backend_path(b"online").bytes())? == Some(1) {
            self.set_state(store, device, INITIALISING)?;
        }
        Ok(())
    }

    fn set_state(
        &mut self,
        store: &mut Store<'_, H>,
        device: u32,
        state: u8,
    ) -> Result<(), LinkError> {
        let path = device_path(device, b"state");
        let written = store.write(crate::xen::Transaction::NONE, path.bytes(), &[b'0' + state]);
        match written {
            // The interface is being taken away: there is nobody to tell.
            Ok(()) | Err(StoreError::Absent | StoreError::Refused) => {
                self.link.state = state;
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Shows a waiting backend our rings.
    fn connect(&mut self, store: &mut Store<'_, H>, device: u32) -> Result<(), LinkError> {
        let mut flag = |key: &[u8]| -> Result<bool, LinkError> {
            let value = store.read_number(self.backend_path(key).bytes())?;
            Ok(value.unwrap_or(0) != 0)
        };
        if !flag(b"feature-rx-copy")? {
            return Err(LinkError::NoRxCopy);
        }
        let completes = (
            !flag(b"feature-no-csum-offload")?,
            flag(b"feature-ipv6-csum-offload")?,
        );
        self.stop();
        let domain = self.link.domain;
        let tx = self.transmitter.start(&self.grants, domain, completes)?;
        let rx = self.receiver.start(&self.grants, domain)?;
        // The pages that are posted must be seen with the ring; the backend
        // looks by itself when it starts.
        self.receiver.publish();
        let port = self
            .hypervisor
            .allocate_port(domain)
            .map_err(LinkError::Port)?;
        self.port = Some(port);
        store.transact(|store, transaction| {
            let mut set = |key: &[u8], value: u32| {
                let mut text = Text::<10>::new();
                text.push_number(value);
                store.write(transaction, device_path(device, key).bytes(), text.bytes())
            };
            set(b"tx-ring-ref", tx.0)?;
            set(b"rx-ring-ref", rx.0)?;
            set(b"event-channel", port.0)?;
            set(b"request-rx-copy", 1)?;
            set(b"feature-rx-notify", 1)?;
            set(b"feature-sg", 1)?;
            // `feature-no-csum-offload` is absent: frames may come without.
            set(b"feature-ipv6-csum-offload", 1)
        })?;
        self.set_state(store, device, CONNECTED)
    }
}

/// `00:16:3e:01:02:03`.
fn mac_of(text: &[u8]) -> Option<[u8; 6]> {
    let mut mac = [0; 6];
    let mut parts = text.split(|byte| *byte == b':');
    for byte in &mut mac {
        let part = parts.next()?;
        let digits = core::str::from_utf8(part).ok()?;
        if digits.is_empty() || digits.len() > 2 || digits.starts_with('+') {
            return None;
        }
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    parts.next().is_none().then_some(mac)
}
