//! Free TCP ports of 127.0.0.1 for servers that want to be told theirs, and want the same one after a restart.
//! A server that can say which port it took binds port 0 itself and does not need this.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

use anyhow::bail;
use rand::RngExt;

static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port that nobody listens on and that this process has not given away before.
///
/// It lies below the range from which kernels take the near end of outgoing connections, so that no connection can
/// take it while its server is down.
///
/// # Errors
/// When a thousand tries found none.
pub fn free() -> anyhow::Result<u16> {
    for _ in 0..1000 {
        let port = rand::rng().random_range(20_000..32_000);
        let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
        if !given.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            given.insert(port);
            return Ok(port);
        }
    }
    bail!("no free port between 20000 and 32000 on 127.0.0.1")
}
