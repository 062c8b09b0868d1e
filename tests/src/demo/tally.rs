//! Counts messages against what was expected: of each job a start and a digest in Slack, and a mail.
//! It knows a job's messages by the job's id in them, and shows nothing itself.

const SLACK_EACH: usize = 2; // the start, and the digest
const MAILS_EACH: usize = 1;

/// The jobs so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    jobs: Vec<(String, &'static str)>,
}

/// Every message in Slack, as text that holds the job's id.
pub(super) struct Slack(pub(super) Vec<String>);
/// Every mail, as text that holds the job's id.
pub(super) struct Mails(pub(super) Vec<String>);

/// What came: of each job, and of none of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Count {
    each: Vec<(usize, usize)>,
    others: usize,
}

impl Tally {
    /// From now on the messages of this job are expected too.
    pub(super) fn expect(&mut self, jid: String, name: &'static str) {
        self.jobs.push((jid, name));
    }

    /// Whether nothing is expected at all: then nothing that comes is wrong.
    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    pub(super) fn count(&self, slack: &Slack, mails: &Mails) -> Count {
        let about =
            |texts: &[String], jid: &str| texts.iter().filter(|it| it.contains(jid)).count();
        let each = |(jid, _): &(String, _)| (about(&slack.0, jid), about(&mails.0, jid));
        let foreign = |text: &&String| !self.jobs.iter().any(|(jid, _)| text.contains(jid));
        Count {
            each: self.jobs.iter().map(each).collect(),
            others: slack.0.iter().chain(&mails.0).filter(foreign).count(),
        }
    }

    /// Whether at least the expected messages are there.
    pub(super) fn complete(&self, count: &Count) -> bool {
        count
            .each
            .iter()
            .all(|(slack, mails)| *slack >= SLACK_EACH && *mails >= MAILS_EACH)
    }

    /// Whether exactly the expected messages are there.
    pub(super) fn right(&self, count: &Count) -> bool {
        count.others == 0 && count.each.iter().all(|it| *it == (SLACK_EACH, MAILS_EACH))
    }

    /// What the newest job still waits for.
    pub(super) fn awaited(&self, count: &Count) -> String {
        let (slack, mails) = count.each.last().copied().unwrap_or_default();
        format!("{slack} of {SLACK_EACH} in Slack, {mails} of {MAILS_EACH} by mail")
    }

    /// A line for each job, and one for what belongs to none.
    pub(super) fn lines(&self, count: &Count) -> Vec<(bool, String)> {
        let jobs = self.jobs.iter().zip(&count.each).map(|((jid, name), (slack, mails))| {
            let right = (*slack, *mails) == (SLACK_EACH, MAILS_EACH);
            (right, format!("{slack} of {SLACK_EACH} in Slack, {mails} of {MAILS_EACH} by mail: {name} (job {jid})"))
        });
        let others = (
            count.others == 0,
            format!("{} other messages", count.others),
        );
        jobs.chain([others]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Mails, Slack, Tally};

    #[track_caller]
    fn check(slack: &[&str], mails: &[&str], complete: bool, right: bool) {
        let mut tally = Tally::default();
        tally.expect("2026".to_owned(), "a job");
        let texts = |texts: &[&str]| texts.iter().map(|it| (*it).to_owned()).collect();
        let count = tally.count(&Slack(texts(slack)), &Mails(texts(mails)));
        assert_eq!(
            (tally.complete(&count), tally.right(&count)),
            (complete, right),
            "{count:?}"
        );
    }

    #[test]
    fn one_too_few_and_one_too_many_are_wrong() {
        check(&["start 2026", "digest 2026"], &["mail 2026"], true, true);
        check(&["start 2026"], &["mail 2026"], false, false);
        check(&["start 2026", "digest 2026"], &[], false, false);
        check(
            &["start 2026", "digest 2026", "digest 2026"],
            &["mail 2026"],
            true,
            false,
        );
        check(
            &["start 2026", "digest 2026", "about nothing"],
            &["mail 2026"],
            true,
            false,
        );
    }
}
