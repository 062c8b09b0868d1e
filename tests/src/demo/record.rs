//! Keeps what the master's bus carries during a demo, byte for byte, for the tests that replay it.
//! It reads as any listener does, and understands nothing of it.

use std::path::Path;

use anyhow::Context;
use tokio::fs::File;
use tokio::net::UnixStream;
use tokio_util::task::AbortOnDropHandle;

use crate::bus::SOCKET;

/// Listens from now on until it is dropped.
#[derive(Debug)]
pub(super) struct Recording(AbortOnDropHandle<std::io::Result<u64>>);

impl Recording {
    pub(super) async fn start(sock_dir: &Path, file: &Path) -> anyhow::Result<Self> {
        let mut bus = UnixStream::connect(sock_dir.join(SOCKET))
            .await
            .context("cannot listen to the master's bus")?;
        let mut file = File::create(file)
            .await
            .with_context(|| format!("cannot write {}", file.display()))?;
        let copy = async move { tokio::io::copy(&mut bus, &mut file).await };
        Ok(Self(AbortOnDropHandle::new(tokio::spawn(copy))))
    }

    /// Fails if it no longer listens.
    pub(super) fn still_listens(&self) -> anyhow::Result<()> {
        anyhow::ensure!(!self.0.is_finished(), "the recording ended by itself");
        Ok(())
    }
}
