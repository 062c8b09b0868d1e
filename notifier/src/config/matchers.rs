//! `match` of a route: patterns that are patterns, and only such as can apply at the route's moment.
//! It matches nothing.

use super::file::MatchFile;
use super::mistake::{Mistake, Notes, Place};
use super::nearest::nearest;
use super::yaml::Text;
use crate::matcher::{Matcher, Pattern};
use crate::route::{Matchers, Moment, Taken};

const OUTCOMES: &[&str] = &["failed", "changed", "pending", "clean", "missing"];
const OF_A_RETURN: &[&str] = &["failed", "changed", "pending", "clean"];

/// The moment in words, for what cannot be known then.
pub(super) fn when(on: Moment) -> &'static str {
    match on {
        Moment::Start => "a job starts",
        Moment::Return => "a minion returns",
        Moment::Finish => "a job is over",
    }
}

/// Judges `match`.
pub(super) fn judge(file: &MatchFile, on: Moment, notes: &mut Notes) -> Matchers {
    if on == Moment::Start {
        not_at_start(file, notes);
    }
    let mut read = |written: &Option<Vec<Text>>| Matcher::new(patterns(written, notes));
    let matchers = Matchers {
        cluster: read(&file.cluster),
        master: read(&file.master),
        fun: read(&file.fun),
        user: read(&file.user),
        target: read(&file.target),
        target_type: read(&file.target_type),
        schedule: read(&file.schedule),
        args: read(&file.args),
        test: file.test,
        minion: read(&file.minion),
        state: read(&file.state),
        sls: read(&file.sls),
        outcome: outcomes(&file.outcome, on, notes),
    };
    if on != Moment::Start {
        stateless(file, &matchers, notes);
    }
    matchers
}

fn first(texts: &Option<Vec<Text>>) -> Option<Place> {
    Some(texts.as_ref()?.first()?.place)
}

/// A schedule's runs are announced by nobody, and what came of a job nobody knows yet.
fn not_at_start(file: &MatchFile, notes: &mut Notes) {
    let impossible = [
        ("minion", &file.minion),
        ("outcome", &file.outcome),
        ("state", &file.state),
        ("sls", &file.sls),
        ("schedule", &file.schedule),
    ];
    for (key, texts) in impossible {
        if let Some(place) = first(texts) {
            let (what, when) = (key.to_owned(), when(Moment::Start));
            notes.wrong(place, Mistake::NotKnownThen { what, when });
        }
    }
}

/// A route that names states, and asks for nothing that has any.
fn stateless(file: &MatchFile, matchers: &Matchers, notes: &mut Notes) {
    let with_states = &Taken::ALL[..3];
    let asks = |taken: &Taken| matchers.outcome.matches(taken.as_str());
    if with_states.iter().any(asks) || !Taken::ALL.iter().any(asks) {
        return;
    }
    let named = [
        ("state", &file.state, &matchers.state),
        ("sls", &file.sls, &matchers.sls),
    ];
    for (key, texts, matcher) in named {
        if let (Some(place), false) = (first(texts), matcher.matches("")) {
            notes.wrong(place, Mistake::NoState { key });
        }
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
fn outcomes(written: &Option<Vec<Text>>, on: Moment, notes: &mut Notes) -> Matcher {
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
        let known = match on {
            Moment::Return => OF_A_RETURN,
            Moment::Start | Moment::Finish => OUTCOMES,
        };
        if known.iter().any(|outcome| matcher.matches(outcome)) {
            continue;
        }
        let mistake = if OUTCOMES.iter().any(|outcome| matcher.matches(outcome)) {
            let what = format!("outcome: {word}");
            let when = when(on);
            Mistake::NotKnownThen { what, when }
        } else {
            Mistake::NoOutcome {
                pattern: text.text.clone(),
                nearest: nearest(word, known.iter().copied()),
                known,
            }
        };
        notes.wrong(text.place, mistake);
    }
    Matcher::new(patterns(written, notes))
}
