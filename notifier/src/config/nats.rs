//! `nats`: as the collector has it, and besides how many servers keep each stream.
//! It connects to nothing.

use std::path::Path;

use pillarbox_config::nats::Nats;
use pillarbox_proto::topology::Topology;

use super::fields::{Fields, Known};
use super::mistake::{Mistake, Notes};
use super::yaml::{Node, Text};

pub(super) use pillarbox_config::nats::login;

const NATS: Known = Known {
    of: "`nats`",
    keys: &[
        "url",
        "credentials",
        "nkey_file",
        "user",
        "password_file",
        "prefix",
        "replicas",
    ],
    not_yet: &["tls", "token_file"],
    needed: &[("url", pillarbox_config::nats::URL_ADVICE)],
    secrets: &[("password", "password_file"), ("token", "token_file")],
};

/// Reads `nats`.
pub(super) fn read(node: Node, beside: &Path, notes: &mut Notes) -> Option<(Nats, Topology)> {
    let fields = Fields::open(node, "nats", &NATS, notes)?;
    let nats = Nats::read(&fields, beside, notes);
    let mut topology = Topology::default();
    if let Some(written) = fields.text("replicas", notes) {
        topology.replicas = replicas(&written, notes).unwrap_or(topology.replicas);
    }
    let nats = nats?;
    if let Some(prefix) = &nats.prefix {
        topology.prefix.clone_from(prefix);
    }
    Some((nats, topology))
}

fn replicas(written: &Text, notes: &mut Notes) -> Option<usize> {
    let replicas = written.text.parse().ok();
    let replicas = replicas.filter(|n| matches!(n, 1 | 3 | 5));
    if replicas.is_none() {
        let mistake = Mistake::OutOfRange {
            key: "replicas",
            text: written.text.clone(),
            expected: "1 on a single server, 3 or 5 on a cluster",
        };
        notes.wrong(written.place, mistake);
    }
    replicas
}
