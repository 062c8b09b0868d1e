//! Moments, ranges and durations in words, in the reader's zone.
//! It reads no clock: what is not in the facts is not said.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use pillarbox_proto::salt::Jid;

use super::excerpt;

/// A moment in the reader's zone; `None` if the fact cannot be read.
pub(crate) fn moment(rfc3339: &str, zone: &TimeZone) -> Option<Zoned> {
    let at: Timestamp = rfc3339.parse().ok()?;
    Some(at.to_zoned(zone.clone()))
}

/// `Sun 22 Nov 2026, 14:02:11–14:03:53 CET, 1m 42s`; a fact that cannot be read is given as it is.
pub(crate) fn range(started: &str, ended: Option<&str>, zone: &TimeZone) -> String {
    let Some(from) = moment(started, zone) else {
        return excerpt::line(started, 40);
    };
    let Some(to) = ended.and_then(|ended| moment(ended, zone)) else {
        return full(&from);
    };
    let took = to.timestamp().as_second() - from.timestamp().as_second();
    if took <= 0 {
        return full(&from);
    }
    let took = duration(took);
    let shown = |zoned: &Zoned, format: &str| zoned.strftime(format).to_string();
    if from.date() != to.date() {
        let (from, to) = (
            shown(&from, "%a %-d %b %Y, %H:%M:%S %Z"),
            shown(&to, "%a %-d %b, %H:%M:%S %Z"),
        );
        format!("{from} to {to}, {took}")
    } else {
        // In the hour that the clocks go back, the second 02:30 is told from the first.
        let zone_of_from = if from.offset() == to.offset() {
            ""
        } else {
            " %Z"
        };
        let from = shown(&from, &format!("%a %-d %b %Y, %H:%M:%S{zone_of_from}"));
        format!("{from}–{}, {took}", shown(&to, "%H:%M:%S %Z"))
    }
}

/// `Sun 22 Nov 2026, 14:02:11 CET`
fn full(at: &Zoned) -> String {
    at.strftime("%a %-d %b %Y, %H:%M:%S %Z").to_string()
}

/// `Thu 19 Nov 03:00`, with the year where it is not the job's.
pub(crate) fn since(jid: &Jid, job: Option<&Zoned>, zone: &TimeZone) -> Option<String> {
    let at = jid.started()?.to_zoned(zone.clone());
    let format = match job {
        Some(job) if job.date() == at.date() => "%H:%M",
        Some(job) if job.year() == at.year() => "%a %-d %b %H:%M",
        _ => "%a %-d %b %Y %H:%M",
    };
    Some(at.strftime(format).to_string())
}

/// `1m 42s`, `2h 5m`, `3d 9h`: the two largest units.
pub(crate) fn duration(seconds: i64) -> String {
    let pair = |large: i64, l: char, small: i64, s: char| match small {
        0 => format!("{large}{l}"),
        _ => format!("{large}{l} {small}{s}"),
    };
    match seconds {
        ..60 => format!("{}s", seconds.max(0)),
        60..3600 => pair(seconds / 60, 'm', seconds % 60, 's'),
        3600..86400 => pair(seconds / 3600, 'h', seconds % 3600 / 60, 'm'),
        86400.. => pair(seconds / 86400, 'd', seconds % 86400 / 3600, 'h'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> TimeZone {
        TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
    }

    #[test]
    fn ranges_name_date_and_zone_once() {
        let check = |from, to, expect: &str| assert_eq!(range(from, to, &berlin()), expect);
        check(
            "2026-11-22T13:02:11Z",
            Some("2026-11-22T13:03:53Z"),
            "Sun 22 Nov 2026, 14:02:11–14:03:53 CET, 1m 42s",
        );
        check(
            "2026-11-22T13:02:11Z",
            None,
            "Sun 22 Nov 2026, 14:02:11 CET",
        );
        check(
            "2026-11-22T13:02:11.1Z",
            Some("2026-11-22T13:02:11.9Z"),
            "Sun 22 Nov 2026, 14:02:11 CET",
        );
        check(
            "2026-11-22T22:59:00Z",
            Some("2026-11-22T23:01:00Z"),
            "Sun 22 Nov 2026, 23:59:00 CET to Mon 23 Nov, 00:01:00 CET, 2m",
        );
        check(
            "2026-10-25T00:50:00Z",
            Some("2026-10-25T01:10:00Z"),
            "Sun 25 Oct 2026, 02:50:00 CEST–02:10:00 CET, 20m",
        );
        check("<nonsense>", None, "<nonsense>");
    }

    #[test]
    fn durations_have_two_units() {
        let check = |seconds, expect: &str| assert_eq!(duration(seconds), expect);
        check(0, "0s");
        check(102, "1m 42s");
        check(120, "2m");
        check(7500, "2h 5m");
        check(291_600, "3d 9h");
    }

    #[test]
    fn a_row_began_at_its_first_jid() {
        let jid = Jid("20261119020000000000".into());
        let job = moment("2026-11-22T13:02:11Z", &berlin());
        assert_eq!(
            since(&jid, job.as_ref(), &berlin()).unwrap(),
            "Thu 19 Nov 03:00"
        );
        assert_eq!(
            since(&jid, None, &berlin()).unwrap(),
            "Thu 19 Nov 2026 03:00"
        );
        assert_eq!(since(&Jid("req".into()), None, &berlin()), None);
    }
}
