//! Proofs that there is nothing, from the NSEC (RFC 4035 §3.1.3) or NSEC3
//! records (RFC 5155 §7.2) that a zone came with. Only for queries with DO, and
//! only from signed zones.

mod nsec;
mod nsec3;

use crate::message::{Message, Owner, Section};
use crate::question::QueryName;
use crate::respond::kind;
use applgen_bundle::dns::{Node, Zone};
use nsec::covering;
use nsec3::Chain;

/// Of a delegation: its DS records, or that there are none (RFC 4035 §3.1.4,
/// RFC 5155 §7.2.7).
pub fn delegation<'b>(message: &mut Message<'_, 'b>, zone: Zone<'b>, cut: Node<'b>) {
    let Some(name) = cut.name() else { return };
    let own = match Chain::of(zone) {
        Some(chain) if cut.set(kind::DS).is_none() => return chain.exact(message, name),
        Some(_) => None,
        None => cut.set(kind::NSEC),
    };
    let proof = cut.set(kind::DS).or(own);
    // Without a signature it proves nothing.
    if let Some(set) = proof.filter(|set| set.signatures().is_some()) {
        message.set(Section::Authority, Owner::Name(name), &set, set.ttl());
    }
}

/// That a name has no records of the type.
pub fn no_type<'b>(
    message: &mut Message<'_, 'b>,
    zone: Zone<'b>,
    node: Node<'b>,
    encloser: Option<Node<'b>>,
    name: &QueryName,
) {
    if !wanted(message, zone) {
        return;
    }
    if let Some(chain) = Chain::of(zone) {
        // Behind a wildcard: that the name is not there, and what the wildcard has.
        if let Some(above) = encloser.and_then(|encloser| encloser.name()) {
            chain.missing(message, above, name.wire(), false);
        }
        if let Some(name) = node.name() {
            chain.exact(message, name);
        }
        return;
    }
    if node.set(kind::NSEC).is_some() {
        put(message, Some(node), kind::NSEC);
    } else if encloser.is_none() {
        // An empty non-terminal.
        put(message, covering(zone, name.wire()), kind::NSEC);
    }
    if encloser.is_some() {
        put(message, covering(zone, name.wire()), kind::NSEC);
    }
}

/// That a name does not exist, and no wildcard stands for it.
pub fn no_name<'b>(
    message: &mut Message<'_, 'b>,
    zone: Zone<'b>,
    encloser: Node<'b>,
    name: &QueryName,
) {
    if !wanted(message, zone) {
        return;
    }
    let Some(above) = encloser.name() else { return };
    if let Some(chain) = Chain::of(zone) {
        return chain.missing(message, above, name.wire(), true);
    }
    put(message, covering(zone, name.wire()), kind::NSEC);
    let mut wildcard = [0; 257];
    let length = above.wire().len() + 2;
    let bytes = b"\x01*".iter().chain(above.wire());
    for (to, from) in wildcard.iter_mut().zip(bytes) {
        *to = *from;
    }
    if let Some(wildcard) = wildcard.get(..length) {
        put(message, covering(zone, wildcard), kind::NSEC);
    }
}

/// The owner of the record which proves that a name does not exist that a
/// wildcard answered for. It goes into the message once the answer is whole
/// ([`denial`]).
pub fn behind_wildcard<'b>(
    message: &Message<'_, 'b>,
    zone: Zone<'b>,
    encloser: Node<'b>,
    name: &QueryName,
) -> Option<Node<'b>> {
    if !wanted(message, zone) {
        return None;
    }
    match Chain::of(zone) {
        // RFC 5155 §7.2.6: the answer's signature tells the encloser.
        Some(chain) => chain.next_closer(name.wire(), encloser.name()?.labels()),
        None => covering(zone, name.wire()),
    }
}

/// Adds the record of a node that [`behind_wildcard`] found.
pub fn denial<'b>(message: &mut Message<'_, 'b>, node: Node<'b>) {
    let hashed = node.zone().is_some_and(|zone| zone.hashing().is_some());
    let kind = if hashed { kind::NSEC3 } else { kind::NSEC };
    put(message, Some(node), kind);
}

fn wanted(message: &Message<'_, '_>, zone: Zone<'_>) -> bool {
    message.dnssec() && zone.nsec_count() > 0
}

/// Adds a node's NSEC or NSEC3 record, once.
fn put<'b>(message: &mut Message<'_, 'b>, node: Option<Node<'b>>, kind: u16) {
    let set = node.and_then(|node| node.set(kind));
    let name = node.and_then(|node| node.name());
    if let (Some(node), Some(set), Some(name)) = (node, set, name)
        && message.is_new(node.id())
    {
        message.set(Section::Authority, Owner::Name(name), &set, set.ttl());
    }
}
