//! How long each step took, for the table at the end.
//! It is not a benchmark: steps run beside each other, and on whatever machine this is.

use std::time::Duration;

use tokio::time::Instant;

use super::show;

#[derive(Debug, Default)]
pub(super) struct Times {
    steps: Vec<(String, Duration)>,
}

impl Times {
    /// Does a step and keeps how long it took.
    pub(super) async fn of<T>(
        &mut self,
        step: &str,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        let (value, took) = taken(work).await?;
        self.add(step, took);
        Ok(value)
    }

    pub(super) fn add(&mut self, step: &str, took: Duration) {
        self.steps.push((step.to_owned(), took));
    }

    pub(super) fn print(&self) {
        show::times(&self.steps);
    }
}

/// Does some work and tells how long it took.
pub(super) async fn taken<T>(
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<(T, Duration)> {
    let start = Instant::now();
    let value = work.await?;
    Ok((value, start.elapsed()))
}
