//! `routes`: in their order, with matchers that can apply and receivers that exist.
//! It routes no event.

use std::collections::BTreeMap;
use std::time::Duration;

use super::file::{MatchFile, RouteFile};
use super::mistake::{Mistake, Notes};
use super::nearest::nearest;
use super::receivers::name;
use super::value::{Span, choice, duration};
use super::yaml::Text;
use crate::matcher::{Matcher, Pattern};
use crate::route::{Matchers, Moment, Route, Taken};

/// Far below the age of events: an overdue job must still be there to be read.
const FINISH_AFTER: Span = Span {
    key: "finish_after",
    default: Duration::from_secs(600),
    longest: Duration::from_secs(24 * 3600),
    range: "between 1s and 24h",
};

const OUTCOMES: &[&str] = &["failed", "changed", "pending", "clean", "missing"];

/// Judges `routes`. `receivers` are all names written, so that a receiver's own mistake is not told twice.
pub(super) fn judge(files: Vec<RouteFile>, receivers: &[String], notes: &mut Notes) -> Vec<Route> {
    let mut lines = BTreeMap::new();
    let mut routes = Vec::new();
    for file in files {
        let name = name("route", file.name.as_ref(), &mut lines, notes);
        let on = moment(file.on.as_ref(), notes);
        if on == Moment::Start {
            not_at_start(&file, notes);
        }
        let route = Route {
            name: name.unwrap_or_default(),
            on,
            matchers: matchers(&file.matches, notes),
            receivers: told(&file, receivers, notes),
            goes_on: file.goes_on.unwrap_or(false),
            finish_after: duration(file.finish_after.as_ref(), &FINISH_AFTER, notes),
        };
        routes.push(route);
    }
    routes
}

fn moment(written: Option<&Text>, notes: &mut Notes) -> Moment {
    if let Some(written) =
        written.filter(|on| matches!(on.text.as_str(), "return" | "live" | "quiet-master"))
    {
        let what = format!("on: {}", written.text);
        notes.wrong(written.place, Mistake::NotYet { what });
        return Moment::Finish;
    }
    let words: (&[&str], &[Moment]) = (&["start", "finish"], &[Moment::Start, Moment::Finish]);
    choice(written, "on", words, Moment::Finish, notes)
}

fn not_at_start(file: &RouteFile, notes: &mut Notes) {
    let first = |texts: &Option<Vec<Text>>| {
        texts
            .as_ref()
            .and_then(|texts| texts.first())
            .map(|text| text.place)
    };
    let impossible = [
        ("minion", first(&file.matches.minion)),
        ("outcome", first(&file.matches.outcome)),
        (
            "finish_after",
            file.finish_after.as_ref().map(|text| text.place),
        ),
    ];
    for (key, place) in impossible {
        if let Some(place) = place {
            notes.wrong(place, Mistake::NotAtStart { key });
        }
    }
}

fn matchers(file: &MatchFile, notes: &mut Notes) -> Matchers {
    Matchers {
        fun: Matcher::new(patterns(&file.fun, notes)),
        target: Matcher::new(patterns(&file.target, notes)),
        minion: Matcher::new(patterns(&file.minion, notes)),
        outcome: outcomes(&file.outcome, notes),
    }
}

fn patterns(written: &Option<Vec<Text>>, notes: &mut Notes) -> Vec<Pattern> {
    let mut patterns = Vec::new();
    for text in written.iter().flatten() {
        match Pattern::parse(&text.text) {
            Ok(pattern) => patterns.push(pattern),
            Err(error) => notes.wrong(text.place, Mistake::Pattern(error.to_string())),
        }
    }
    patterns
}

/// Outcomes are a closed set: a pattern that matches none of them is a slip of the pen.
fn outcomes(written: &Option<Vec<Text>>, notes: &mut Notes) -> Matcher {
    for text in written.iter().flatten() {
        let word = text.text.strip_prefix('!').unwrap_or(&text.text);
        if word == "recovered" {
            let what = "outcome: recovered".to_owned();
            notes.wrong(text.place, Mistake::NotYet { what });
            continue;
        }
        let Ok(pattern) = Pattern::parse(&text.text).and(Pattern::parse(word)) else {
            continue; // told with the patterns
        };
        let matcher = Matcher::new(vec![pattern]);
        if !Taken::ALL
            .iter()
            .any(|taken| matcher.matches(taken.as_str()))
        {
            let mistake = Mistake::NoOutcome {
                pattern: text.text.clone(),
                nearest: nearest(word, OUTCOMES.iter().copied()),
                known: OUTCOMES,
            };
            notes.wrong(text.place, mistake);
        }
    }
    Matcher::new(patterns(written, notes))
}

fn told(file: &RouteFile, receivers: &[String], notes: &mut Notes) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    for Text { place, text } in file.receivers.iter().flatten() {
        let name = text.clone();
        if !receivers.contains(text) && !receivers.is_empty() {
            let nearest = nearest(text, receivers.iter().map(String::as_str)).map(str::to_owned);
            let known = receivers.to_vec();
            notes.wrong(
                *place,
                Mistake::UnknownReceiver {
                    name,
                    nearest,
                    known,
                },
            );
        } else if told.contains(text) {
            notes.wrong(*place, Mistake::TwiceTold { name });
        } else {
            told.push(name);
        }
    }
    told
}

/// The routes as one text that changes when what they mean changes.
pub(super) fn canonical(routes: &[Route]) -> Vec<String> {
    let words = |matcher: &Matcher| {
        let patterns: Vec<&str> = matcher.patterns().iter().map(Pattern::as_str).collect();
        serde_json::Value::from_iter(patterns)
    };
    let line = |route: &Route| {
        let Matchers {
            fun,
            target,
            minion,
            outcome,
        } = &route.matchers;
        serde_json::json!({
            "name": route.name,
            "on": match route.on { Moment::Start => "start", Moment::Finish => "finish" },
            "match": { "fun": words(fun), "target": words(target), "minion": words(minion), "outcome": words(outcome) },
            "receivers": route.receivers,
            "continue": route.goes_on,
            "finish_after_ms": u64::try_from(route.finish_after.as_millis()).unwrap_or(u64::MAX),
        })
        .to_string()
    };
    routes.iter().map(line).collect()
}
