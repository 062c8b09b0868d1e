//! `routes`: in their order, with matchers that can apply and receivers that exist.
//! It routes no event.

use std::collections::BTreeMap;
use std::time::Duration;

use super::file::RouteFile;
use super::matchers;
use super::mistake::{Mistake, Notes};
use super::nearest::nearest;
use super::receivers::name;
use super::templates;
use super::value::{Span, choice, duration};
use super::yaml::Text;
use crate::matcher::{Matcher, Pattern};
use crate::route::{Matchers, Moment, Route};

/// Far below the age of events: an overdue job must still be there to be read.
const FINISH_AFTER: Span = Span {
    key: "finish_after",
    default: Duration::from_secs(600),
    longest: Duration::from_secs(24 * 3600),
    range: "between 1s and 24h",
};

/// Judges `routes`. `receivers` are all names written, so that a receiver's own mistake is not told twice; `text` is the file.
pub(super) fn judge(
    files: Vec<RouteFile>,
    receivers: &[String],
    text: &str,
    notes: &mut Notes,
) -> Vec<Route> {
    let mut lines = BTreeMap::new();
    let mut routes = Vec::new();
    for file in files {
        let name = name("route", file.name.as_ref(), &mut lines, notes);
        let on = moment(file.on.as_ref(), notes);
        if let (Moment::Start | Moment::Return, Some(written)) = (on, &file.finish_after) {
            let what = "finish_after".to_owned();
            let when = matchers::when(on);
            notes.wrong(written.place, Mistake::NotKnownThen { what, when });
        }
        let mut route = Route {
            name: name.unwrap_or_default(),
            on,
            matchers: matchers::judge(&file.matches, on, notes),
            receivers: told(&file, receivers, notes),
            goes_on: file.goes_on.unwrap_or(false),
            finish_after: duration(file.finish_after.as_ref(), &FINISH_AFTER, notes),
            wording: Default::default(),
        };
        route.wording = templates::judge(&file, &route, text, notes);
        routes.push(route);
    }
    routes
}

fn moment(written: Option<&Text>, notes: &mut Notes) -> Moment {
    if let Some(written) = written.filter(|on| matches!(on.text.as_str(), "live" | "quiet-master"))
    {
        let what = format!("on: {}", written.text);
        notes.wrong(written.place, Mistake::NotYet { what });
        return Moment::Finish;
    }
    let moments: &[Moment] = &[Moment::Start, Moment::Return, Moment::Finish];
    let words = (&["start", "return", "finish"][..], moments);
    choice(written, "on", words, Moment::Finish, notes)
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

/// The routes as one text that changes when what they decide changes. Words of their own decide nothing.
pub(super) fn canonical(routes: &[Route]) -> Vec<String> {
    let line = |route: &Route| {
        serde_json::json!({
            "name": route.name,
            "on": route.on.as_str(),
            "match": canonical_matchers(&route.matchers),
            "receivers": route.receivers,
            "continue": route.goes_on,
            "finish_after_ms": u64::try_from(route.finish_after.as_millis()).unwrap_or(u64::MAX),
        })
        .to_string()
    };
    routes.iter().map(line).collect()
}

fn canonical_matchers(matchers: &Matchers) -> serde_json::Value {
    let Matchers {
        cluster,
        master,
        fun,
        user,
        target,
        target_type,
        schedule,
        args,
        test,
        minion,
        outcome,
        state,
        sls,
    } = matchers;
    let words = |matcher: &Matcher| {
        let patterns: Vec<&str> = matcher.patterns().iter().map(Pattern::as_str).collect();
        serde_json::Value::from_iter(patterns)
    };
    serde_json::json!({
        "cluster": words(cluster), "master": words(master), "fun": words(fun), "user": words(user),
        "target": words(target), "target_type": words(target_type), "schedule": words(schedule),
        "args": words(args), "test": test, "minion": words(minion), "outcome": words(outcome),
        "state": words(state), "sls": words(sls),
    })
}
