//! What a bot does next about a message: post it, change it, add to its thread, or nothing.
//! It sends nothing: what the ledger knows comes in, one step comes out.

use pillarbox_proto::delivery::Receipt;

use crate::render::slack::Detail;

/// Details of one message over all its versions: a message that changes for ever must not grow for ever.
const MOST_DETAILS: usize = 24;

/// The next step.
#[derive(Debug, PartialEq)]
pub(super) enum Step<'a> {
    /// A new message.
    Post,
    /// Another text in the same message. Repeating it changes nothing.
    Update(Said<'a>),
    /// These details into the thread.
    Reply(Said<'a>, Vec<Detail>),
    /// All has been said.
    Nothing(Said<'a>),
}

/// A message that was posted, as the ledger has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Said<'a> {
    pub(super) channel: &'a str,
    pub(super) ts: &'a str,
    pub(super) shows: &'a str,
    pub(super) details: &'a [String],
    pub(super) refused: Option<&'a String>,
}

impl<'a> Said<'a> {
    /// Of a receipt, if it is of a message that can be named.
    pub(super) fn of(receipt: Option<&'a Receipt>) -> Option<Said<'a>> {
        match receipt? {
            Receipt::Slack {
                channel,
                ts,
                shows,
                details,
                details_refused,
            } => Some(Said {
                channel,
                ts,
                shows,
                details,
                refused: details_refused.as_ref(),
            }),
            Receipt::SlackWebhook | Receipt::Smtp { .. } => None,
        }
    }

    /// As a receipt, showing this.
    pub(super) fn showing(&self, shows: &str) -> Receipt {
        Receipt::Slack {
            channel: self.channel.to_owned(),
            ts: self.ts.to_owned(),
            shows: shows.to_owned(),
            details: self.details.to_vec(),
            details_refused: self.refused.cloned(),
        }
    }

    /// As a receipt, with these details settled: said, or refused for this reason.
    pub(super) fn with(&self, settled: &[Detail], refused: Option<String>) -> Receipt {
        let ids = settled.iter().map(|detail| detail.id.clone());
        Receipt::Slack {
            channel: self.channel.to_owned(),
            ts: self.ts.to_owned(),
            shows: self.shows.to_owned(),
            details: self.details.iter().cloned().chain(ids).collect(),
            details_refused: refused.or_else(|| self.refused.cloned()),
        }
    }
}

/// Decides, for a message that shall show this and have these details.
pub(super) fn next<'a>(receipt: Option<&'a Receipt>, shows: &str, details: &[Detail]) -> Step<'a> {
    let Some(said) = Said::of(receipt) else {
        return Step::Post;
    };
    if said.shows != shows {
        return Step::Update(said);
    }
    let room = MOST_DETAILS.saturating_sub(said.details.len());
    let new = details
        .iter()
        .filter(|detail| !said.details.contains(&detail.id));
    let new: Vec<Detail> = new.take(room).cloned().collect();
    if new.is_empty() {
        Step::Nothing(said)
    } else {
        Step::Reply(said, new)
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use pillarbox_proto::delivery::Notification;

    use super::*;
    use crate::render::slack::details;
    use crate::render::template::Words;

    const SEVERAL: &str = include_str!("../../../tests/digests/several_findings_many_minions.json");

    fn several() -> Vec<Detail> {
        let notification: Notification = serde_json::from_str(SEVERAL).unwrap();
        let (details, _) = details(&notification, &TimeZone::UTC, &Words::default());
        assert!(details.len() > 1, "{details:?}");
        details
    }

    fn receipt(shows: &str, details: &[String]) -> Receipt {
        Receipt::Slack {
            channel: "C1".into(),
            ts: "1.0".into(),
            shows: shows.into(),
            details: details.to_vec(),
            details_refused: None,
        }
    }

    #[test]
    fn a_message_comes_first_and_its_details_once() {
        let details = several();
        let ids: Vec<String> = details.iter().map(|detail| detail.id.clone()).collect();
        let check = |receipt: Option<Receipt>, expect: &str| {
            let step = format!("{:?}", next(receipt.as_ref(), "a", &details));
            assert!(step.starts_with(expect), "{step}");
        };
        check(None, "Post");
        check(Some(Receipt::SlackWebhook), "Post");
        check(Some(receipt("b", &ids)), "Update");
        check(Some(receipt("", &ids)), "Update");
        check(Some(receipt("a", &[])), "Reply");
        check(Some(receipt("a", &ids)), "Nothing");
        let first = receipt("a", &ids[..1]);
        let Step::Reply(said, left) = next(Some(&first), "a", &details) else {
            panic!("something is left to say")
        };
        assert_eq!(left, details[1..]);
        assert_eq!(said.with(&left, None), receipt("a", &ids));
        assert_eq!(said.showing("c"), receipt("c", &ids[..1]));
    }

    #[test]
    fn a_thread_does_not_grow_for_ever() {
        let old: Vec<String> = (0..MOST_DETAILS).map(|n| n.to_string()).collect();
        let full = receipt("a", &old);
        assert!(matches!(
            next(Some(&full), "a", &several()),
            Step::Nothing(_)
        ));
    }
}
