//! The check after a settlement: an event that landed between the last look and its acknowledgement opens the job again.
//! It tells nobody anything; a job with minions missing keeps its check, so that a late return is found.

use std::time::Duration;

use async_nats::jetstream::Message;
use pillarbox_proto::wire;
use pillarbox_proto::work::{OpenItem, VerifyItem};

use super::{DigestError, Digester, Name, Next, bucket};
use crate::elapsed::elapsed;
use crate::outbox;
use crate::read_back::{self, last, timestamp};

/// The open message is not acknowledged yet: ask again.
const NOT_YET: Duration = Duration::from_millis(200);
/// A kept check is looked at after 1, 2, 4 … min, at most an hour, for a day.
const FIRST: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

impl Digester {
    pub(super) async fn verify(&self, name: &Name, message: &Message) -> Result<Next, DigestError> {
        let item: VerifyItem = match wire::decode(message.headers.as_ref(), &message.payload) {
            Ok(item) => item,
            Err(error) => {
                tracing::warn!(salt.cluster = %name.cluster, salt.job = %name.job, %error, "cannot read a check; another worker may");
                return Ok(Next::Back(HOUR));
            }
        };
        let nats = &self.nats;
        let open = nats.group.open(&name.cluster, &name.job);
        let waiting = last(nats, &nats.topology.open_jobs_name(), &open)
            .await
            .map_err(bucket("OPEN_JOBS"))?;
        if waiting.is_some_and(|(sequence, _)| sequence == item.open) {
            return Ok(Next::Back(NOT_YET));
        }
        let (entry, _) = self.entry(name).await?;
        let look = read_back::look(nats, &name.cluster, &name.job, |_| None).await?;
        if let Some((event, _)) = look
            .last
            .filter(|(sequence, _)| entry.settled_to < *sequence)
        {
            let item = OpenItem {
                cluster: item.cluster,
                job: item.job,
                event,
            };
            outbox::open(nats, &name.cluster, &name.job, &item).await?;
            return Ok(Next::Done);
        }
        let superseded = item.settled_to < entry.settled_to; // a later settlement has a check of its own
        let age = message
            .info()
            .map(|info| elapsed(timestamp(info.published), look.now));
        match age {
            Ok(age) if item.awaiting && !superseded && age < DAY => {
                Ok(Next::Back(age.clamp(FIRST, HOUR)))
            }
            _ => Ok(Next::Done),
        }
    }
}
