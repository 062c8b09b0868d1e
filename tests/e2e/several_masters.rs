//! Two real masters of two clusters, three notifiers in one group: each message names its master and comes once, whoever
//! is started or killed meanwhile. What one worker does with a burst is not measured here.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::TryStreamExt;
use pillarbox_e2e::chaos::judge::{self, Heard, Kind};
use pillarbox_e2e::programs::Program;
use pillarbox_e2e::salt::Salt;
use pillarbox_e2e::stack::Stack;
use pillarbox_e2e::wait::until;
use pillarbox_proto::delivery::LedgerEntry;
use pillarbox_proto::topology::{Bucket, Topology};
use pillarbox_proto::wire;

use crate::scenes::scenario;

const ROUTES: &str = r#"
  - name: audit
    on: start
    match: { fun: [state.apply, test.echo] }
    receivers: [ops-slack]
  - name: all
    match: { fun: [state.apply, test.echo], outcome: [failed, changed, clean, missing] }
    receivers: [ops-slack]
    finish_after: 60s
"#;

const FINE: &str = "ready:\n  test.nop\n";
const PROD: &str = "on salt1.example.com (prod)";
const LAB: &str = "on salt2.example.com (lab)";
/// Jobs of a burst, on each master.
const BURST: usize = 8;
/// While Slack answers so late, a burst takes two workers 16 s: time enough to start or kill one.
const SLOW: Duration = Duration::from_secs(1);
const QUICK: Duration = Duration::from_millis(50);
/// After a killed worker: its lease of 60 s ends, and what it had in hand comes back.
const DEADLINE: Duration = Duration::from_secs(180);

#[tokio::test]
async fn each_message_names_its_master_and_comes_once() {
    let (prod, lab) = tokio::join!(Salt::start(&["web1"]), Salt::start(&["web1"]));
    let (prod, lab) = (prod.unwrap(), lab.unwrap());
    for master in [&prod, &lab] {
        master.state("fine.sls", FINE).unwrap();
    }
    let mut stack = scenario(ROUTES).notifiers(2).on_salt(prod).await.unwrap();
    stack.listens().await.unwrap();
    let of_lab = ("salt2.example.com", "lab");
    let collector = stack.another_collector("collector-lab", of_lab, &lab);
    let mut collector = collector.await.unwrap();
    collector.restart().await.unwrap();
    collector
        .says("reading the master's event bus")
        .await
        .unwrap();
    stack.beside.push(collector);

    // The same command on the same minion's name, at once.
    let command = ["*", "state.apply", "fine"];
    let (one, other) = tokio::join!(stack.master.run(&command), lab.run(&command));
    let mut jobs = Jobs::default();
    jobs.add(PROD, [one.unwrap().jid.unwrap()]);
    jobs.add(LAB, [other.unwrap().jid.unwrap()]);
    stack.told(4).await.unwrap();

    // A third worker comes while a burst is delivered, and takes its share.
    stack.slack.answer_after(SLOW);
    burst(&stack, &lab, &mut jobs).await;
    let mut third = stack.another_notifier().await.unwrap();
    third.restart().await.unwrap();
    stack.notifiers.push(third);
    works(&stack.notifiers[2], 0).await;
    stack.slack.answer_after(QUICK);
    all_told(&mut stack, &jobs).await;
    stack.settled().await.unwrap(); // a worker says "delivered" when it has the answer
    let shares: Vec<usize> = stack.notifiers.iter().map(delivered).collect();
    assert!(shares.iter().all(|share| *share > 0), "{shares:?}");
    assert_eq!(shares.iter().sum::<usize>(), stack.slack.posted().len());

    // One is killed in the middle of the next burst.
    stack.slack.answer_after(SLOW);
    burst(&stack, &lab, &mut jobs).await;
    works(&stack.notifiers[0], shares[0]).await;
    stack.notifiers[0].kill_9().await.unwrap();
    let told = heard(&stack, &jobs).len();
    assert!(told < jobs.messages(), "it was not killed in the middle");
    stack.slack.answer_after(QUICK);
    all_told(&mut stack, &jobs).await;
    stack.settled().await.unwrap();

    jobs.check(&heard(&stack, &jobs), &in_doubt(&stack).await);
    stack.finish().await.unwrap();
}

/// Jobs on both masters at once.
async fn burst(stack: &Stack<Salt>, lab: &Salt, jobs: &mut Jobs) {
    let (of_prod, of_lab) = tokio::join!(
        stack.master.burst("*", "test.echo", BURST),
        lab.burst("*", "test.echo", BURST)
    );
    jobs.add(PROD, of_prod.unwrap());
    jobs.add(LAB, of_lab.unwrap());
}

/// Waits until this worker has delivered more than so many.
async fn works(notifier: &Program, before: usize) {
    let more = async || (delivered(notifier) > before).then_some(());
    until(DEADLINE, "a worker to deliver", more).await.unwrap();
}

/// Waits until each job's start and digest have come.
async fn all_told(stack: &mut Stack<Salt>, jobs: &Jobs) {
    let told = async || {
        stack.all_run().unwrap();
        (heard(stack, jobs).len() == jobs.messages()).then_some(())
    };
    until(DEADLINE, "a start and a digest of each job", told)
        .await
        .unwrap();
}

fn heard(stack: &Stack<Salt>, jobs: &Jobs) -> Heard {
    let jids: Vec<String> = jobs.0.keys().cloned().collect();
    judge::heard(&stack.slack.posted(), &[], &jids)
}

/// How many messages this worker says it has delivered.
fn delivered(notifier: &Program) -> usize {
    let (_, log) = notifier.said();
    log.matches(r#""message":"delivered""#).count()
}

/// How many messages of each job nobody knows of whether they arrived.
async fn in_doubt(stack: &Stack<Salt>) -> BTreeMap<String, usize> {
    let jetstream = async_nats::jetstream::new(stack.nats.client().await.unwrap());
    let bucket = Topology::default().bucket_name(Bucket::Ledger);
    let ledger = jetstream.get_key_value(bucket).await.unwrap();
    let keys: Vec<String> = ledger.keys().await.unwrap().try_collect().await.unwrap();
    let mut doubts = BTreeMap::new();
    for key in keys {
        let entry = ledger.get(key).await.unwrap().unwrap();
        let entry: LedgerEntry = wire::decode_entry(&entry).unwrap();
        if judge::in_doubt(&entry) {
            *doubts.entry(entry.key.job).or_default() += 1;
        }
    }
    doubts
}

/// Each job's id, and how its messages say where it ran.
#[derive(Default)]
struct Jobs(BTreeMap<String, &'static str>);

impl Jobs {
    fn add(&mut self, place: &'static str, jids: impl IntoIterator<Item = String>) {
        self.0.extend(jids.into_iter().map(|jid| (jid, place)));
    }

    /// A start and a digest of each.
    fn messages(&self) -> usize {
        2 * self.0.len()
    }

    /// Each message came once, or twice where the ledger says that nobody could know, and says whose job it is.
    fn check(&self, heard: &Heard, doubts: &BTreeMap<String, usize>) {
        let expected = self.0.keys().flat_map(|jid| {
            let kinds = [Kind::Start, Kind::Digest].into_iter();
            kinds.map(move |kind| (jid.clone(), kind))
        });
        assert!(heard.keys().cloned().eq(expected), "{heard:#?}");
        for (jid, place) in &self.0 {
            let of_job = heard.iter().filter(|((of, _), _)| of == jid);
            let told: Vec<_> = of_job.flat_map(|(_, told)| told).collect();
            let again = doubts.get(jid).copied().unwrap_or(0);
            assert!((2..=2 + again).contains(&told.len()), "{told:#?} {again}");
            for message in told {
                assert!(message.facts.contains(place), "{place}: {message:?}");
            }
        }
    }
}
