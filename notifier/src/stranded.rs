//! Messages that lie in a work queue and that its consumer has lost sight of: a server killed again while it recovers keeps
//! some so, and would never hand them out. They are queued anew.
//! It does not work on them: whoever takes them finds in the ledger, or in `JOBS`, what was done already.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::message::{PublishMessage, StreamMessage};
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use pillarbox_proto::subject::Token;
use pillarbox_proto::topology::{deliver_name, open_name};
use pillarbox_proto::work::OpenItem;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::nats::Nats;
use crate::outbox;
use crate::read_back::subjects;
use crate::telemetry::chain;

/// How often messages are counted.
const EVERY: Duration = Duration::from_secs(30);

/// A work queue, as one consumer sees it.
struct Queue {
    stream: String,
    consumer: String,
    filter: String,
}

/// What a count came to.
struct Count {
    /// Subjects that hold a message.
    held: Vec<String>,
    /// The highest sequence that the consumer has handed out.
    handed_out: u64,
    /// Messages that it neither will hand out nor awaits an acknowledgement of.
    stranded: usize,
}

/// Counts until `shutdown`. What is missing twice in a row was not just on its way between two reads.
pub async fn run(nats: Nats, config: Arc<Config>, shutdown: CancellationToken) {
    let queues = queues(&nats, &config);
    let mut suspected = BTreeSet::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        for queue in &queues {
            if let Err(error) = look(&nats, queue, &mut suspected).await {
                tracing::debug!(
                    error = chain(&*error),
                    "could not count a queue; trying again"
                );
            }
        }
    }
}

fn queues(nats: &Nats, config: &Config) -> Vec<Queue> {
    let open_jobs = Queue {
        stream: nats.topology.open_jobs_name(),
        consumer: open_name(&nats.group),
        filter: nats.group.work_filter(),
    };
    let deliveries = config.receivers.iter().map(|receiver| {
        let transport = receiver.transport.name();
        Queue {
            stream: nats.topology.deliveries_name(),
            consumer: deliver_name(&nats.group, &receiver.name, transport),
            filter: nats.group.deliver_filter(&receiver.name, transport),
        }
    });
    std::iter::once(open_jobs).chain(deliveries).collect()
}

async fn look(
    nats: &Nats,
    queue: &Queue,
    suspected: &mut BTreeSet<String>,
) -> Result<(), async_nats::Error> {
    let count = count(nats, queue).await?;
    if count.stranded == 0 {
        suspected.remove(&queue.consumer);
        return Ok(());
    }
    if suspected.insert(queue.consumer.clone()) {
        return Ok(());
    }
    suspected.remove(&queue.consumer);
    let queued = queue_again(nats, queue, &count).await?;
    let (stranded, consumer) = (count.stranded, &queue.consumer);
    tracing::warn!(
        stranded,
        queued,
        consumer,
        "NATS holds messages that it would hand out to nobody: queued them anew"
    );
    Ok(())
}

async fn count(nats: &Nats, queue: &Queue) -> Result<Count, async_nats::Error> {
    let (_, held) = subjects(nats, &queue.stream, &queue.filter).await?;
    let stream = nats.jetstream.get_stream_no_info(&queue.stream).await?;
    let info = stream.consumer_info(&queue.consumer).await?;
    let ahead = usize::try_from(info.num_pending).unwrap_or(usize::MAX);
    let seen = ahead.saturating_add(info.num_ack_pending);
    Ok(Count {
        stranded: held.values().sum::<usize>().saturating_sub(seen),
        held: held.into_keys().collect(),
        handed_out: info.delivered.stream_sequence,
    })
}

/// Everything that was handed out once, since nobody says which of it is stranded: what is in somebody's hands is taken once
/// more, and found to be done. How many.
async fn queue_again(
    nats: &Nats,
    queue: &Queue,
    count: &Count,
) -> Result<usize, async_nats::Error> {
    let stream = nats.jetstream.get_stream_no_info(&queue.stream).await?;
    let mut queued = 0;
    for subject in &count.held {
        let message = match stream.get_last_raw_message_by_subject(subject).await {
            Ok(message) => message,
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => continue,
            Err(error) => return Err(error.into()),
        };
        if message.sequence <= count.handed_out {
            let tokens: Vec<&str> = subject.split('.').collect();
            match tokens.as_slice() {
                [_, _, _, "deliver", ..] => deliver(nats, &queue.stream, message).await?,
                [_, _, _, kind, cluster, job, ..] => {
                    reopen(nats, &stream, *kind == "open", (cluster, job), &message).await?;
                }
                _ => continue,
            }
            queued += 1;
        }
    }
    Ok(queued)
}

/// The same delivery takes its own place, unless a newer one has.
async fn deliver(
    nats: &Nats,
    stream: &str,
    message: StreamMessage,
) -> Result<(), async_nats::Error> {
    let again = PublishMessage::build()
        .headers(message.headers)
        .payload(message.payload)
        .expected_stream(stream)
        .expected_last_subject_sequence(message.sequence);
    let sent = nats.jetstream.send_publish(message.subject, again).await?;
    sent.await?;
    Ok(())
}

/// A job is opened again: a look finds what is left to do. An open message must go first, since there is never more than one;
/// should this worker end just then, the hourly sweep opens the job.
async fn reopen(
    nats: &Nats,
    stream: &Stream<()>,
    is_open: bool,
    (cluster, job): (&str, &str),
    message: &StreamMessage,
) -> Result<(), async_nats::Error> {
    let (Some(cluster), Some(job)) = (Token::parse(cluster), Token::parse(job)) else {
        return Ok(()); // none of ours
    };
    let item = OpenItem {
        cluster: cluster.to_string(),
        job: job.to_string(),
        event: 0,
    };
    if is_open {
        stream.delete_message(message.sequence).await?;
        outbox::open(nats, &cluster, &job, &item).await?;
    } else {
        outbox::open(nats, &cluster, &job, &item).await?;
        stream.delete_message(message.sequence).await?;
    }
    Ok(())
}
