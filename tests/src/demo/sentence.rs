//! A published event in one readable line, with a word that says how good or bad it is.
//! It is for the page's list of events; messages for people are the notifier's.

use pillarbox_proto::event::{Event, JobReturn, What};
use pillarbox_proto::highstate::{StateReturn, Summary};

/// `changed`, and `web1 returned state.apply: 1 of 2 states changed, 120 ms`.
pub(super) struct Sentence {
    /// `new`, `end`, `beat`, or a return's outcome.
    pub(super) mark: &'static str,
    pub(super) text: String,
}

pub(super) fn sentence(event: &Event) -> Sentence {
    let fun = &event.fun;
    let (mark, text) = match &event.what {
        What::New(new) => {
            let by = if new.user.is_empty() {
                String::new()
            } else {
                format!(", by {}", new.user)
            };
            let on = minions(new.of());
            ("new", format!("{}: on {on}{by}", new.command))
        }
        What::Ret(ret) => {
            let what = format!("{} returned {fun}{}", ret.minion, returned(ret));
            (ret.outcome.as_str(), what)
        }
        What::End(end) if end.missing.is_empty() => {
            ("end", format!("the batch of {fun} is complete"))
        }
        What::End(end) => {
            let silent = minions(u32::try_from(end.missing.len()).unwrap_or(u32::MAX));
            (
                "end",
                format!("the batch of {fun} is complete without {silent}"),
            )
        }
        What::Beat(beat) => ("beat", format!("{} still runs {fun}", beat.minion)),
    };
    Sentence { mark, text }
}

fn minions(count: u32) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} minion{plural}")
}

/// Why it is what it is: the first failed state, the first error, or the states in numbers.
fn returned(ret: &JobReturn) -> String {
    if let Some(failure) = ret.failures.first() {
        let more = match ret.failures.len() {
            1 => String::new(),
            count => format!(", and {} more", count - 1),
        };
        let (function, id) = (&failure.function, &failure.id);
        return format!(": {function} {id}: {}{more}", why(failure));
    }
    let mut errors = ret.errors.iter().flat_map(|it| it.lines());
    if let Some(error) = errors.find(|line| !line.trim().is_empty()) {
        return format!(": {}", error.trim());
    }
    ret.summary.as_ref().map_or(String::new(), numbers)
}

/// The last line of what it wrote, or of what it says of itself.
fn why(failure: &StateReturn) -> &str {
    let written = failure.stderr.as_deref().and_then(last_line);
    let said = || last_line(&failure.comment);
    written.or_else(said).unwrap_or("failed")
}

fn last_line(text: &str) -> Option<&str> {
    let mut lines = text.lines().rev().map(str::trim);
    lines.find(|line| !line.is_empty())
}

fn numbers(summary: &Summary) -> String {
    let of = summary.total;
    let states = if of == 1 { "state" } else { "states" };
    let took = match summary.duration_ms {
        short if short < 1000.0 => format!("{short:.0} ms"),
        long => format!("{:.1} s", long / 1000.0),
    };
    match (summary.pending, summary.changed) {
        (0, 0) => format!(": {of} {states}, nothing to do, {took}"),
        (0, changed) => format!(": {changed} of {of} {states} changed, {took}"),
        (pending, _) => format!(": {pending} of {of} {states} would change, {took}"),
    }
}

#[cfg(test)]
mod tests {
    use pillarbox_proto::event::Event;
    use serde_json::{Value, json};

    use super::sentence;

    #[track_caller]
    fn check(fun: &str, what: &Value, mark: &str, text: &str) {
        let mut event = json!({
            "id": "i", "cluster": "prod", "master": "salt1", "jid": "20261122130211654321",
            "job": "20261122130211654321", "fun": fun, "stamp": "2026-11-22T13:02:11Z", "received": null,
        });
        let (event_map, more) = (event.as_object_mut().unwrap(), what.as_object().unwrap());
        event_map.extend(more.clone());
        let event: Event = serde_json::from_value(event).unwrap();
        let said = sentence(&event);
        assert_eq!((said.mark, said.text.as_str()), (mark, text));
    }

    fn ret(outcome: &str, more: &Value) -> Value {
        let mut ret = json!({
            "kind": "ret", "minion": "web1", "outcome": outcome, "retcode": 0, "success": true, "args": [],
            "schedule": null, "test": false, "summary": null, "failures": [], "changes": [], "errors": [],
            "reporting_problem": false, "run": "r",
        });
        let (ret_map, more) = (ret.as_object_mut().unwrap(), more.as_object().unwrap());
        ret_map.extend(more.clone());
        ret
    }

    #[test]
    fn a_start_is_its_command() {
        let new = json!({
            "kind": "new", "command": "salt '*' state.apply nginx", "user": "sudo_alice", "target": "*",
            "target_type": "glob", "args": ["nginx"], "minions": ["web1", "web2"], "missing": [], "run": "r",
        });
        let text = "salt '*' state.apply nginx: on 2 minions, by sudo_alice";
        check("state.apply", &new, "new", text);
    }

    #[test]
    fn a_return_says_why() {
        let summary = json!({"total": 2, "succeeded": 2, "failed": 0, "changed": 1, "pending": 0, "duration_ms": 120.0});
        check(
            "state.apply",
            &ret("changed", &json!({"summary": summary})),
            "changed",
            "web1 returned state.apply: 1 of 2 states changed, 120 ms",
        );
        let failure = json!({"function": "pkg.installed", "id": "nginx", "name": "a b", "result": false, "comment": "Problem:\nE: no\n"});
        check(
            "state.apply",
            &ret("failed", &json!({"failures": [failure, failure]})),
            "failed",
            "web1 returned state.apply: pkg.installed nginx: E: no, and 1 more",
        );
        check(
            "state.apply",
            &ret("failed", &json!({"errors": ["\nRendering failed\nmore"]})),
            "failed",
            "web1 returned state.apply: Rendering failed",
        );
        check(
            "test.ping",
            &ret("clean", &json!({})),
            "clean",
            "web1 returned test.ping",
        );
    }

    #[test]
    fn a_batch_ends_and_a_job_lives() {
        check(
            "test.ping",
            &json!({"kind": "end"}),
            "end",
            "the batch of test.ping is complete",
        );
        check(
            "test.ping",
            &json!({"kind": "end", "missing": ["web1"]}),
            "end",
            "the batch of test.ping is complete without 1 minion",
        );
        check(
            "test.ping",
            &json!({"kind": "beat", "minion": "web1"}),
            "beat",
            "web1 still runs test.ping",
        );
    }
}
