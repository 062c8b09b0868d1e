//! Rows of failures: what a minion's runs of one piece of work came to, upserted by jid.
//! It neither reads nor writes the bucket; what a job says is a function of the entries with smaller jids only.

use pillarbox_proto::digest::Still;
use pillarbox_proto::salt::Jid;
use pillarbox_proto::work::{FaultEntry, FaultOutcome, FaultResult};

/// How many outcomes an entry keeps.
const KEPT: usize = 8;

/// Whether an outcome belongs to a row of failures.
fn bad(result: FaultResult) -> bool {
    match result {
        FaultResult::Failed | FaultResult::Missing => true,
        FaultResult::Good => false,
    }
}

/// The entry with a run's outcome in it. Doing it again, late or out of order gives the same.
///
/// An answer stays: a worker that folded before it came and writes after another that folded it knows less.
pub fn upsert(entry: &FaultEntry, jid: &Jid, result: FaultResult) -> FaultEntry {
    let mut outcomes = entry.outcomes.clone();
    let known = outcomes.iter().position(|outcome| outcome.jid == *jid);
    let answered = known
        .and_then(|at| outcomes.get(at))
        .is_some_and(|outcome| outcome.result != FaultResult::Missing);
    if answered && result == FaultResult::Missing {
        return entry.clone();
    }
    let outcome = FaultOutcome {
        jid: jid.clone(),
        result,
    };
    match known {
        Some(at) => outcomes.splice(at..=at, [outcome]).for_each(drop),
        None => {
            let at = outcomes.partition_point(|kept| kept.jid < *jid);
            outcomes.insert(at, outcome);
        }
    }
    let row = outcomes
        .iter()
        .rev()
        .take_while(|outcome| bad(outcome.result))
        .count();
    let (since, count) = row_of(entry, &outcomes, row, known.is_none());
    let surplus = outcomes.len().saturating_sub(KEPT);
    outcomes.drain(..surplus);
    FaultEntry {
        outcomes,
        since,
        count,
        said: entry.said.clone(),
    }
}

/// Start and length of the newest row. Where it reaches beyond what is kept, the entry's own memory of it goes on.
fn row_of(
    entry: &FaultEntry,
    outcomes: &[FaultOutcome],
    row: usize,
    added: bool,
) -> (Option<Jid>, u32) {
    if row == 0 {
        return (None, 0);
    }
    let first = outcomes
        .get(outcomes.len() - row)
        .map(|outcome| outcome.jid.clone());
    let counted = u32::try_from(row).unwrap_or(u32::MAX);
    if row < outcomes.len() || entry.count == 0 {
        return (first, counted);
    }
    let since = entry.since.clone().into_iter().chain(first).min();
    (since, (entry.count + u32::from(added)).max(counted))
}

/// Whether the run before this one was not good either: the row that it goes on, itself included.
pub fn still(entry: &FaultEntry, jid: &Jid) -> Option<Still> {
    let before: Vec<&FaultOutcome> = entry
        .outcomes
        .iter()
        .filter(|outcome| outcome.jid < *jid)
        .collect();
    let row = before
        .iter()
        .rev()
        .take_while(|outcome| bad(outcome.result))
        .count();
    if row == 0 {
        return None;
    }
    let from_here = entry
        .outcomes
        .iter()
        .filter(|outcome| *jid <= outcome.jid && bad(outcome.result))
        .count();
    let from_here = u32::try_from(from_here).unwrap_or(u32::MAX);
    let reaches_beyond =
        row == before.len() && entry.since.as_ref().is_some_and(|since| since < jid);
    let first = before
        .get(before.len() - row)
        .map(|outcome| outcome.jid.clone())?;
    let (since, earlier) = if reaches_beyond {
        (
            entry.since.clone().unwrap_or(first),
            entry.count.saturating_sub(from_here),
        )
    } else {
        (first, u32::try_from(row).unwrap_or(u32::MAX))
    };
    Some(Still {
        since,
        count: earlier + 1,
    })
}

/// Whether a later run of it was good: then this failure is told as over.
pub fn good_since(entry: &FaultEntry, jid: &Jid) -> bool {
    entry
        .outcomes
        .iter()
        .any(|outcome| *jid < outcome.jid && !bad(outcome.result))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn jid(n: u32) -> Jid {
        Jid(format!("{n:020}"))
    }

    fn entry(results: &[(u32, FaultResult)]) -> FaultEntry {
        results
            .iter()
            .fold(FaultEntry::default(), |entry, (n, result)| {
                upsert(&entry, &jid(*n), *result)
            })
    }

    use FaultResult::{Failed, Good, Missing};

    #[test]
    fn a_row_counts_failures_and_silence_until_a_good_run() {
        let check = |results: &[(u32, FaultResult)], expect: Option<(u32, u32)>| {
            let entry = entry(results);
            assert_eq!(
                entry.since.clone().map(|since| (since, entry.count)),
                expect.map(|(n, count)| (jid(n), count))
            );
        };
        check(&[(1, Good)], None);
        check(&[(1, Failed)], Some((1, 1)));
        check(&[(1, Failed), (2, Missing), (3, Failed)], Some((1, 3)));
        check(&[(1, Failed), (2, Good), (3, Failed)], Some((3, 1)));
        check(&[(1, Failed), (2, Failed), (3, Good)], None);
    }

    #[test]
    fn a_row_longer_than_what_is_kept_keeps_its_start_and_length() {
        let long: Vec<(u32, FaultResult)> = (1..=81).map(|n| (n, Failed)).collect();
        let entry = entry(&long);
        assert_eq!(
            (entry.since.clone(), entry.count, entry.outcomes.len()),
            (Some(jid(1)), 81, KEPT)
        );
        assert_eq!(
            still(&entry, &jid(82)),
            Some(Still {
                since: jid(1),
                count: 82
            })
        );
        assert_eq!(
            still(&entry, &jid(81)),
            Some(Still {
                since: jid(1),
                count: 81
            }),
            "folded again, it says the same"
        );
        assert_eq!(
            upsert(&entry, &jid(81), Failed),
            entry,
            "written again, nothing changes"
        );
    }

    #[test]
    fn an_answer_is_not_taken_back_by_who_knew_less() {
        let answered = entry(&[(1, Missing), (1, Good)]);
        assert_eq!(upsert(&answered, &jid(1), Missing), answered);
        assert_eq!((answered.since, answered.count), (None, 0));
        let failed = entry(&[(1, Failed), (1, Missing)]);
        assert_eq!(failed, entry(&[(1, Failed)]));
    }

    #[test]
    fn only_smaller_jids_count() {
        let entry = entry(&[(1, Failed), (2, Failed), (4, Good)]);
        assert_eq!(
            still(&entry, &jid(3)),
            Some(Still {
                since: jid(1),
                count: 3
            })
        );
        assert_eq!(still(&entry, &jid(1)), None);
        assert!(good_since(&entry, &jid(2)));
        assert!(!good_since(&entry, &jid(4)));
    }

    proptest! {
        #[test]
        fn order_and_repetition_do_not_matter(runs in prop::collection::btree_map(0u32..7, 0usize..3, 0..7), seed in any::<u64>()) {
            let results = [Failed, Missing, Good];
            let mut list: Vec<(u32, FaultResult)> = runs.iter().map(|(n, r)| (*n, results[*r])).collect();
            let sorted = entry(&list);
            let twist = usize::try_from(seed % 7).unwrap();
            let len = list.len();
            if len > 0 { list.rotate_left(twist % len); }
            list.extend(list.clone());
            let twisted = entry(&list);
            prop_assert_eq!(&sorted.outcomes, &twisted.outcomes);
            prop_assert_eq!((sorted.since, sorted.count), (twisted.since, twisted.count));
        }
    }
}
