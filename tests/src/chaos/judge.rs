//! Whether what people were told is what they were to be told: nothing lost, and nothing twice without saying so.
//! It asks nobody: messages and the ledger's entries come in, and a verdict goes out.

use std::collections::BTreeMap;

use pillarbox_proto::delivery::{LedgerEntry, LedgerState};
use serde_json::Value;

use crate::mail::Mail;
use crate::slack::reader;

/// What an update says of itself.
const UPDATE: &str = "This replaces the earlier message about this job.";

/// What each job is told by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// In Slack, the moment it starts.
    Start,
    /// In Slack, when it is over.
    Digest,
    /// The same by mail.
    Mail,
}

impl Kind {
    /// All three.
    pub const ALL: [Kind; 3] = [Kind::Start, Kind::Digest, Kind::Mail];
}

/// One of the messages that are expected: of which job, and by what.
pub type Key = (String, Kind);

/// A message as its reader has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// It says that it replaces an earlier one.
    pub update: bool,
    /// All the rest of it.
    pub facts: String,
}

/// Messages by what they are about; those about none of the jobs have no id.
pub type Heard = BTreeMap<Key, Vec<Told>>;

/// What is wrong with a run, and what is right though it is unusual.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Expected messages that never came.
    pub lost: Vec<Key>,
    /// Messages that came again, without a doubt in the ledger, and without news.
    pub twice: Vec<Key>,
    /// The last message is another than in an undisturbed run, or nobody expected it.
    pub other: Vec<Key>,
    /// Messages that came again, and the ledger says that nobody could know.
    pub ambiguous: Vec<Key>,
    /// Entries of the ledger that say so, whether the message came again or not.
    pub in_doubt: usize,
    /// Messages that were followed by an update with other facts.
    pub updates: usize,
}

impl Verdict {
    /// Nothing is wrong.
    #[must_use]
    pub fn right(&self) -> bool {
        self.lost.is_empty() && self.twice.is_empty() && self.other.is_empty()
    }
}

/// Sorts messages by job and kind.
#[must_use]
pub fn heard(slack: &[Value], mails: &[Mail], jobs: &[String]) -> Heard {
    let mut heard = Heard::new();
    let mut put = |kind: Kind, text: &str| {
        let jid = jobs.iter().find(|jid| text.contains(jid.as_str()));
        let key = (jid.cloned().unwrap_or_default(), kind);
        heard.entry(key).or_default().push(told(text));
    };
    for message in slack {
        let short = message.get("text").and_then(Value::as_str);
        let start = short.is_some_and(|text| text.starts_with("Started:"));
        let kind = if start { Kind::Start } else { Kind::Digest };
        put(kind, &reader::plain(message));
    }
    for mail in mails {
        put(Kind::Mail, &format!("{}\n{}", mail.subject, mail.text));
    }
    heard
}

/// Whether somebody answered a look-up depends on who was killed just then, and is no fact about the job.
fn without_look_up(flat: &str) -> String {
    let Some((before, note)) = flat.split_once("Told without a look-up on ") else {
        return flat.to_owned();
    };
    let after = note.split_once(". ").map_or("", |(_, after)| after);
    without_look_up(&format!("{before}{after}"))
}

fn told(text: &str) -> Told {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let facts = without_look_up(&flat.replace(UPDATE, "").replace("update: ", ""));
    Told {
        update: flat.contains(UPDATE),
        facts: facts.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

/// Judges a run by an undisturbed one.
#[must_use]
pub fn judge(heard: &Heard, usual: &Heard, ledger: &BTreeMap<Key, LedgerEntry>) -> Verdict {
    let mut verdict = Verdict::default();
    for (key, expected) in usual {
        let told = heard.get(key).map_or(&[][..], Vec::as_slice);
        let doubt = ledger.get(key).is_some_and(in_doubt);
        verdict.in_doubt += usize::from(doubt);
        match told.last().map(|last| &last.facts) {
            None => verdict.lost.push(key.clone()),
            Some(last) if expected.last().is_none_or(|it| it.facts != *last) => {
                verdict.other.push(key.clone());
            }
            Some(_) => {}
        }
        for (place, again) in told.iter().enumerate().skip(1) {
            let news = told.iter().take(place).all(|it| it.facts != again.facts);
            match (again.update && news, doubt) {
                (true, _) => verdict.updates += 1,
                (false, true) => verdict.ambiguous.push(key.clone()),
                (false, false) => verdict.twice.push(key.clone()),
            }
        }
    }
    let unexpected = heard.keys().filter(|key| !usual.contains_key(*key));
    verdict.other.extend(unexpected.cloned());
    verdict
}

/// Nobody knows of one of its messages whether it arrived.
#[must_use]
pub fn in_doubt(entry: &LedgerEntry) -> bool {
    entry.in_doubt > 0 || matches!(entry.state, LedgerState::Ambiguous { .. })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pillarbox_proto::delivery::{LedgerEntry, LedgerState};
    use pillarbox_proto::subject::DeliveryKey;

    use super::{Heard, Kind, Verdict, judge, told};

    fn heard(texts: &[&str]) -> Heard {
        let told = texts.iter().map(|text| told(text)).collect();
        Heard::from([(("1".to_owned(), Kind::Digest), told)])
    }

    fn entry(in_doubt: u64) -> LedgerEntry {
        LedgerEntry {
            key: DeliveryKey {
                cluster: "prod".into(),
                job: "1".into(),
                route: "r".into(),
                receiver: "ops".into(),
                transport: "slack".into(),
                moment: "digest".into(),
            },
            state: LedgerState::Delivered,
            attempts: 1,
            version: 1,
            seen: String::new(),
            said: 1,
            said_at: None,
            receipt: None,
            in_doubt,
        }
    }

    /// Lost, twice, other, ambiguous, updates.
    #[track_caller]
    fn check(texts: &[&str], doubt: u64, expect: [usize; 5]) {
        let heard = if texts.is_empty() {
            Heard::new()
        } else {
            heard(texts)
        };
        let ledger = BTreeMap::from([(("1".to_owned(), Kind::Digest), entry(doubt))]);
        let verdict = judge(&heard, &super::tests::heard(&["changed 2"]), &ledger);
        let Verdict {
            lost,
            twice,
            other,
            ambiguous,
            updates,
            ..
        } = verdict;
        let got = [
            lost.len(),
            twice.len(),
            other.len(),
            ambiguous.len(),
            updates,
        ];
        assert_eq!(got, expect, "{texts:?}");
    }

    #[test]
    fn what_came_is_judged_by_the_ledger_and_by_what_it_says() {
        let update = "update: changed 2 This replaces the earlier message about this job.";
        check(&["changed 2"], 0, [0, 0, 0, 0, 0]);
        check(&[], 0, [1, 0, 0, 0, 0]);
        check(&["changed 2", "changed 2"], 0, [0, 1, 0, 0, 0]);
        check(&["changed 2", "changed 2"], 7, [0, 0, 0, 1, 0]);
        check(&["changed 1", update], 0, [0, 0, 0, 0, 1]);
        check(&["changed 2", update], 0, [0, 1, 0, 0, 0]);
        check(&["changed 1"], 0, [0, 0, 1, 0, 0]);
    }
}
