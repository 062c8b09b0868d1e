//! What a template may say, what is wrong with one, and what becomes of one that fails.

use super::*;

fn compile(part: Part, text: &str, on: Moment) -> Result<Wording, Vec<TemplateError>> {
    Wording::compile(&[(part, text.to_owned())], on, |_| true)
}

/// The words for a failed return.
fn said(part: Part, text: &str) -> Words {
    let wants = |taken: Taken| taken.as_str() == "failed";
    let wording = Wording::compile(&[(part, text.to_owned())], Moment::Return, wants).unwrap();
    let [notification] = &sample::of(Moment::Return, wants)[..] else {
        panic!("one sample")
    };
    let (words, errors) = wording.words(notification, &TimeZone::UTC);
    assert_eq!(errors, []);
    words
}

#[test]
fn every_name_says_what_it_is_called() {
    let check = |text: &str, expect: &str| {
        assert_eq!(
            said(Part::Subject, text).subject.as_deref(),
            Some(expect),
            "{text}"
        );
    };
    check(
        "Salt master: minion failure or changes: id: {{ id }} jid: {{ jid }}",
        "Salt master: minion failure or changes: id: web1 jid: 20261122130211654321",
    );
    check(
        "{{ cluster }} {{ master }} {{ job }}",
        "prod salt1 20261122130211654321",
    );
    check(
        "{{ fun }} {{ args }} {{ test }} ({{ schedule }})",
        "state.apply nginx False ()",
    );
    check("{{ command }}", "salt -G 'roles:web' state.apply nginx");
    check(
        "{{ user }} {{ target }} {{ target_type }}",
        "sudo_alice roles:web grain",
    );
    check(
        "{{ started }}, {{ ended }}",
        "2026-11-22 13:02:11 UTC, 2026-11-22 13:02:53 UTC",
    );
    check(
        "{{ outcome }} {{ minions | join('+') }} {{ missing | length }}",
        "failed web1 0",
    );
    check(
        "{{ counts.failed }} {{ counts.changed }} {{ counts.clean }}",
        "1 0 0",
    );
    check(
        "{{ counts.pending }} {{ counts.missing }} {{ counts.returned }} {{ counts.expected }}",
        "0 0 1 1",
    );
    check("{{ title }}", "state.apply nginx on web1 failed: a comment");
    check(
        "{{ subject }}",
        "Salt: state.apply nginx on web1 failed - job 20261122130211654321 (prod)",
    );
    check(
        "{% for f in failures + changes %}{{ f.function }} {{ f.id }} {{ f.name }} {{ f.sls }} {{ f.comment }}{{ f.output }}{{ f.diff }} {{ f.minions[0] }}; {% endfor %}",
        "pkg.installed nginx-extras nginx-extras nginx.init a comment web1; file.managed /etc/motd /etc/motd nginx.init a comment web1;",
    );
}

#[test]
fn subject_and_title_are_one_line_and_the_body_is_clean() {
    let subject = said(
        Part::Subject,
        "a\r\nBcc: x@example.com{{ '\\u001b[31m' }}\n",
    )
    .subject;
    assert_eq!(subject.as_deref(), Some("a Bcc: x@example.com"));
    let long = said(Part::Subject, &"x".repeat(5_000)).subject.unwrap();
    assert_eq!(long.chars().count(), SUBJECT_CHARS);
    assert_eq!(
        said(Part::Title, "one\ntwo").title.as_deref(),
        Some("one two")
    );
    let body = said(Part::Body, "one\n\ttwo{{ '\\u001b[31m' }}\n\n").body;
    assert_eq!(body.as_deref(), Some("one\n    two"));
    assert_eq!(
        said(Part::Body, "{# nothing #}  ").body,
        None,
        "said in the built-in words"
    );
}

fn wrong(text: &str, on: Moment) -> String {
    let errors = compile(Part::Body, text, on).unwrap_err();
    let lines = errors
        .iter()
        .map(|error| format!("{}:{} {}", error.line, error.column, error.what));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn mistakes_have_their_places() {
    let check =
        |text: &str, on: Moment, expect: &str| assert_eq!(wrong(text, on), expect, "{text}");
    check("jdi {{ jdi }}", Moment::Return, "1:8 there is no `jdi`");
    check(
        "{{ id }}\n{{ counts.fialed }} {{ nope }}",
        Moment::Return,
        "2:4 there is no `counts.fialed`\n2:24 there is no `nope`",
    );
    check("{{ outcome }}", Moment::Start, "1:4 there is no `outcome`");
    check(
        "{{ counts.failed }}",
        Moment::Start,
        "1:4 there is no `counts.failed`",
    );
    check(
        "a\n{% if test %}",
        Moment::Return,
        "2:12 syntax error: unexpected end of input, expected end of block",
    );
    check(
        "{{ id | uper }}",
        Moment::Return,
        "1:9 unknown filter: filter uper is unknown",
    );
    // Only what failed has a first failure.
    check(
        "{{ failures[0].id }}",
        Moment::Return,
        "1:4 `failures[0].id` stands for nothing",
    );
    check(
        "{% for f in failures %}{{ f.ident }}{% endfor %}",
        Moment::Return,
        "1:27 `f.ident` stands for nothing",
    );
    check(
        "{% include 'x' %}",
        Moment::Return,
        "1:4 syntax error: unknown statement include",
    );
}

#[test]
fn names_that_a_template_makes_itself_are_its_own() {
    for text in [
        "{% for f in failures %}{{ loop.index }} {{ f.id }}{% endfor %}",
        "{% set n = counts.failed + 1 %}{{ n }}",
        "{% for n in range(3) %}{{ n }}{% endfor %}",
        "{{ command or 'nobody typed it' }}",
    ] {
        compile(Part::Body, text, Moment::Return).unwrap();
    }
}

#[test]
fn no_template_runs_or_writes_for_ever() {
    let loops = "{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}";
    assert!(
        wrong(loops, Moment::Start).contains("engine ran out of fuel"),
        "{}",
        wrong(loops, Moment::Start)
    );
    let writes = "{% for a in range(10000) %}0123456789{% endfor %}";
    assert!(
        wrong(writes, Moment::Start).contains("64 KiB"),
        "{}",
        wrong(writes, Moment::Start)
    );
}

#[test]
fn what_fails_later_is_said_in_the_built_in_words() {
    let only_failed = |taken: Taken| taken.as_str() == "failed";
    let written = [
        (Part::Subject, "{{ failures[0].id }}".to_owned()),
        (Part::Title, "{{ id }}".to_owned()),
    ];
    let wording = Wording::compile(&written, Moment::Return, only_failed).unwrap();
    let clean = sample::of(Moment::Return, |taken| taken.as_str() == "clean");
    let (words, errors) = wording.words(&clean[0], &TimeZone::UTC);
    assert_eq!(
        (words.subject, words.title.as_deref()),
        (None, Some("web1"))
    );
    let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        ["`subject`, line 1: `failures[0].id` stands for nothing"]
    );
}

/// Another text is another message, and what a transport does not show makes no difference.
#[test]
fn what_is_seen_is_what_the_words_say() {
    use crate::receiver::{email, slack};
    use crate::render::slack::Look;
    let n = &sample::of(Moment::Return, |_| true)[0];
    let seen = |words: &Words| {
        (
            email::seen(n, words),
            slack::shows(n, words, &Look::default()),
        )
    };
    let ours = seen(&Words::default());
    let subject = seen(&said(Part::Subject, "other"));
    assert!(subject.0 != ours.0 && subject.1 == ours.1);
    for part in [Part::Title, Part::Body] {
        let own = seen(&said(part, "other"));
        assert!(own.0 != ours.0 && own.1 != ours.1);
    }
}
