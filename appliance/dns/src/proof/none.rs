//! No proofs: in place of those from signed zones, in servers that have none.

use crate::message::Message;
use crate::question::QueryName;
use applgen_bundle::dns::{Node, Zone};

/// Nothing to show of a delegation.
pub fn delegation<'b>(_: &mut Message<'_, 'b>, _: Zone<'b>, _: Node<'b>) {}

/// Nor of a type that is not there.
pub fn no_type<'b>(
    _: &mut Message<'_, 'b>,
    _: Zone<'b>,
    _: Node<'b>,
    _: Option<Node<'b>>,
    _: &QueryName,
) {
}

/// Nor of a name.
pub fn no_name<'b>(_: &mut Message<'_, 'b>, _: Zone<'b>, _: Node<'b>, _: &QueryName) {}

/// Nor behind a wildcard.
pub fn behind_wildcard<'b>(
    _: &Message<'_, 'b>,
    _: Zone<'b>,
    _: Node<'b>,
    _: &QueryName,
) -> Option<Node<'b>> {
    None
}

/// Never called for a node, since none is found.
pub fn denial<'b>(_: &mut Message<'_, 'b>, _: Node<'b>) {}
