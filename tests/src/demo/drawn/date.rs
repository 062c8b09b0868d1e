//! `<!date^…>`: a moment in the reader's own zone, in the words that Slack has for it.
//! `{date_pretty}` and its kin are the plain form: nothing here knows what day it is.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// `1392734382^{date_short} at {time}`; what cannot be read is shown as its fallback.
pub(super) fn shown(written: &str, fallback: &str, zone: &TimeZone) -> String {
    moment(written, zone).unwrap_or_else(|| fallback.to_owned())
}

fn moment(written: &str, zone: &TimeZone) -> Option<String> {
    let mut parts = written.split('^');
    let seconds = parts.next()?.parse().ok()?;
    let at = Timestamp::from_second(seconds).ok()?.to_zoned(zone.clone());
    let mut rest = parts.next()?;
    let mut out = String::new();
    while let Some((before, after)) = rest.split_once('{') {
        let (token, behind) = after.split_once('}')?;
        out.push_str(before);
        out.push_str(&token_of(token.trim_end_matches("_pretty"), &at)?);
        rest = behind;
    }
    Some(out + rest)
}

fn token_of(token: &str, at: &Zoned) -> Option<String> {
    let form = match token {
        "date_num" => "%Y-%m-%d",
        "date_slash" => "%m/%d/%Y",
        "date" => return Some(format!("{} {}", at.strftime("%B"), day(at))),
        "date_long" => return Some(format!("{} {}", at.strftime("%A, %B"), day(at))),
        "date_short" => "%b %-d, %Y",
        "time" => "%-I:%M %p",
        "time_secs" => "%-I:%M:%S %p",
        _ => return None,
    };
    Some(at.strftime(form).to_string())
}

/// `22nd, 2026`
fn day(at: &Zoned) -> String {
    let day = at.day();
    let ending = match (day % 10, day) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{day}{ending}, {}", at.year())
}

#[cfg(test)]
mod tests {
    use jiff::tz::{Offset, TimeZone};

    use super::shown;

    #[track_caller]
    fn check(written: &str, expect: &str) {
        let berlin = TimeZone::fixed(Offset::constant(1));
        assert_eq!(shown(written, "then", &berlin), expect);
    }

    #[test]
    fn a_moment_is_said_in_the_readers_zone() {
        check(
            "1795352531^{date_short} at {time}",
            "Nov 22, 2026 at 2:02 PM",
        );
        check(
            "1795352531^{date_long_pretty}",
            "Sunday, November 22nd, 2026",
        );
        check(
            "1795352531^on {date_num} {time_secs}.",
            "on 2026-11-22 2:02:11 PM.",
        );
        check("1795352531^{date}^https://a.example", "November 22nd, 2026");
    }

    #[test]
    fn what_cannot_be_read_is_its_fallback() {
        check("soon^{date}", "then");
        check("1795352531^{ago}", "then");
        check("1795352531^{date", "then");
        check("1795352531", "then");
    }
}
