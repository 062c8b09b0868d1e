//! What nobody would write on purpose, and somebody will: every limit holds, and nothing is interpreted.
//! It looks at no wording: `messages.rs` does.

#![allow(clippy::unwrap_used, reason = "a test")]

use jiff::tz::TimeZone;
use pillarbox_notifier::render::template::{Part, Wording, Words};
use pillarbox_notifier::render::{email, seen, slack};
use pillarbox_notifier::route::Moment;
use pillarbox_proto::delivery::{Notification, Start};
use pillarbox_proto::digest::{
    About, Digest, Finding, Job, Missing, SinceClean, Slow, Standing, State, Still, Totals,
};
use pillarbox_proto::salt::{Fun, Jid, MinionId, Target};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

const NASTY: [&str; 18] = [
    "<!channel> <!here> <!everyone>",
    "<@U012ABC> <#C1|x> <!subteam^S1> @here",
    "<https://evil.example|bank> https://evil.example",
    "```\n*bold* _it_ ~s~ `code` > quote :tada:\n```",
    "\u{1b}[31mred\u{1b}[0m\u{1b}]8;;http://x\u{7}",
    "\0\u{1}\u{8}\u{7f}\u{85}\u{9b}5m",
    "\u{202e}gnp.exe\u{2066}\u{200f}\u{feff}",
    "شركة עברית 日本語",
    "👩‍🔧🔥🏳️‍🌈",
    "<script>alert(1)</script><img src=http://x onerror=1>",
    "&amp;&lt;!channel&gt;&&&&&&",
    "' OR \"1\"=\"1\" \\\\ \\n",
    "\r\n\r\n\n\n",
    "Rendering SLS 'base:<!channel>' failed: <@U1>; line 12\n\n---\n",
    "web[001-999]; rm -rf /; $(reboot) `id`",
    "",
    " ",
    "E: no",
];

/// A text of nasty pieces, now and then very long.
fn text() -> BoxedStrategy<String> {
    let piece = prop_oneof![9 => select(&NASTY[..]).prop_map(str::to_owned), 1 => ".{0,40}"];
    let times = prop_oneof![90 => Just(1_usize), 20 => 2..60_usize, 1 => 2_000..30_000_usize];
    (piece, times)
        .prop_map(|(piece, times)| {
            let fits = (1 << 20) / piece.len().max(1);
            piece.repeat(times.min(fits))
        })
        .boxed()
}

fn short() -> BoxedStrategy<String> {
    (select(&NASTY[..]), select(&NASTY[..]))
        .prop_map(|(a, b)| format!("{a}{b}"))
        .boxed()
}

fn standing() -> BoxedStrategy<Standing> {
    let still = prop::option::of((
        select(&["20261119020003123456", "req", "<!here>"][..]),
        any::<u32>(),
    ));
    (short(), 0..10_000_u32, still)
        .prop_map(|(name, number, still)| Standing {
            minion: MinionId(format!("{name}{number}")),
            still: still.map(|(since, count)| Still {
                since: Jid(since.to_owned()),
                count,
            }),
        })
        .boxed()
}

fn state() -> BoxedStrategy<State> {
    (short(), text(), text(), prop::option::of(short()))
        .prop_map(|(function, id, name, sls)| State {
            function,
            id,
            name,
            sls,
        })
        .boxed()
}

fn finding() -> BoxedStrategy<Finding> {
    let about = prop_oneof![3 => state().prop_map(About::State), 1 => Just(About::Start), 1 => Just(About::Function), 1 => Just(About::Report)];
    let minions = prop::collection::vec(standing(), 0..20);
    (
        about,
        text(),
        text(),
        text(),
        minions,
        prop::collection::vec(state(), 0..9),
    )
        .prop_map(
            |(about, comment, output, diff, minions, held_back)| Finding {
                about,
                comment,
                output,
                diff,
                minions,
                held_back,
            },
        )
        .boxed()
}

/// Few of many kinds, or one kind five hundred times.
fn findings() -> BoxedStrategy<Vec<Finding>> {
    prop_oneof![
        4 => prop::collection::vec(finding(), 0..8),
        1 => finding().prop_map(|one| {
            let bounded = Finding { comment: one.comment.chars().take(3_000).collect(), output: String::new(), diff: String::new(), ..one };
            vec![bounded; 500]
        }),
    ]
    .boxed()
}

fn job() -> BoxedStrategy<Job> {
    let target = prop::option::of(prop_oneof![
        short().prop_map(Target::Expression),
        prop::collection::vec(short(), 0..9).prop_map(Target::Minions)
    ]);
    let names = (
        short(),
        short(),
        short(),
        select(&["20261122130211654321", "req", "x-1"][..]),
    );
    let run = (
        short(),
        prop::collection::vec(text(), 0..4),
        prop::option::of(text()),
        prop::option::of(short()),
    );
    let rest = (
        target,
        prop::option::of(select(&["glob", "list", "odd"][..])),
        any::<[bool; 2]>(),
        prop::option::of(short()),
    );
    (names, run, rest)
        .prop_map(
            |(
                (cluster, master, job, jid),
                (fun, args, command, user),
                (target, kind, [test, runner], schedule),
            )| Job {
                cluster,
                master,
                job,
                jid: Jid(jid.to_owned()),
                fun: Fun::One(fun),
                args,
                command,
                user,
                target,
                target_type: kind.map(str::to_owned),
                test,
                runner,
                schedule,
            },
        )
        .boxed()
}

fn digest() -> BoxedStrategy<Digest> {
    let totals = (prop::option::of(0..10_000_u32), any::<[u16; 6]>()).prop_map(
        |(expected, [a, b, c, d, e, f])| Totals {
            expected,
            returned: a.into(),
            failed: b.into(),
            pending: c.into(),
            changed: d.into(),
            clean: e.into(),
            missing: f.into(),
        },
    );
    let missing = prop_oneof![
        3 => prop::collection::vec((standing(), any::<bool>()), 0..6),
        1 => standing().prop_map(|one| (0..10_000).map(|n| (Standing { minion: MinionId(format!("{}{n}", one.minion)), ..one.clone() }, n % 7 == 0)).collect()),
    ];
    let lists = (
        findings(),
        findings(),
        missing,
        prop::collection::vec(short(), 0..20),
        prop::collection::vec(text(), 0..12),
    );
    let slow = prop::option::of((state(), prop::num::f64::ANY));
    (
        job(),
        totals,
        lists,
        prop::option::of(text()),
        slow,
        short(),
    )
        .prop_map(
            |(job, totals, (failures, changes, missing, ids, notes), halted, slow, odd)| Digest {
                of_return: halted
                    .as_ref()
                    .and_then(|_| ids.first().cloned().map(MinionId)),
                job,
                started: if odd.is_empty() {
                    odd.clone()
                } else {
                    "2026-11-22T13:02:11Z".into()
                },
                ended: Some(odd),
                totals,
                failures,
                changes,
                missing: missing
                    .into_iter()
                    .map(|(standing, running)| Missing { standing, running })
                    .collect(),
                no_key: ids.iter().cloned().map(MinionId).collect(),
                since_clean: ids
                    .into_iter()
                    .map(|id| SinceClean {
                        failed: Jid(id.clone()),
                        minion: MinionId(id),
                    })
                    .collect(),
                slowest: slow
                    .into_iter()
                    .map(|(state, duration_ms)| Slow {
                        state,
                        minion: MinionId("web1".into()),
                        duration_ms,
                    })
                    .collect(),
                look_up: notes.clone(),
                notes,
                halted,
            },
        )
        .boxed()
}

fn notification() -> BoxedStrategy<Notification> {
    let start = (
        job(),
        short(),
        prop::option::of(any::<u32>()),
        any::<u32>(),
        any::<bool>(),
    )
        .prop_map(|(job, started, minions, no_key, recovered)| {
            Notification::Start(Box::new(Start {
                job,
                started,
                minions,
                no_key,
                recovered,
            }))
        });
    prop_oneof![1 => start, 8 => digest().prop_map(|digest| Notification::Digest(Box::new(digest)))]
        .boxed()
}

/// Every text that Slack would show, with the kind of object that holds it.
#[allow(clippy::wildcard_enum_match_arm, reason = "only texts are looked at")]
fn texts<'a>(value: &'a Value, kind: &'a str, found: &mut Vec<(&'a str, &'a str)>) {
    let kind = value["type"].as_str().unwrap_or(kind);
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) if key == "text" => found.push((kind, text)),
                    _ => texts(value, kind, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| texts(value, kind, found)),
        _ => {}
    }
}

fn is_shown(text: &str) -> bool {
    let hidden = |c: char| {
        (c.is_control() && c != '\n')
            || ('\u{202a}'..='\u{202e}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c)
    };
    !text.contains(hidden)
}

fn is_escaped(text: &str) -> bool {
    let decoded = text
        .replace("&amp;", "")
        .replace("&lt;", "")
        .replace("&gt;", "");
    !decoded.contains(['&', '<', '>'])
}

fn judge_slack(payload: &Value) -> Result<(), TestCaseError> {
    let top = payload["text"].as_str().unwrap();
    prop_assert!(
        is_escaped(top) && is_shown(top) && !top.trim().is_empty(),
        "{}",
        top
    );
    prop_assert!(top.encode_utf16().count() <= slack::TEXT_CHARS);
    let Some(blocks) = payload["blocks"].as_array() else {
        return Ok(());
    };
    prop_assert!(!blocks.is_empty() && blocks.len() <= slack::BLOCKS);
    prop_assert!(payload["blocks"].to_string().len() <= slack::BLOCK_BYTES);
    let mut found = Vec::new();
    texts(&payload["blocks"], "", &mut found);
    let total: usize = found
        .iter()
        .map(|(_, text)| text.encode_utf16().count())
        .sum();
    prop_assert!(total <= slack::BLOCK_CHARS, "{} characters", total);
    for (kind, text) in found {
        prop_assert!(
            kind == "text" || kind == "plain_text",
            "{} is interpreted",
            kind
        );
        prop_assert!(
            !text.is_empty() && text.chars().count() <= 3_000 && is_shown(text),
            "{:?}",
            text
        );
    }
    Ok(())
}

/// Blocks as anywhere else, or one span of code: nothing ends it, and nothing in it is interpreted.
fn judge_classic(payload: &Value) -> Result<(), TestCaseError> {
    prop_assert!(payload["text"].is_null() && payload["blocks"].is_null());
    let attachment = &payload["attachments"][0];
    let fallback = attachment["fallback"].as_str().unwrap();
    prop_assert!(is_escaped(fallback) && is_shown(fallback) && !fallback.trim().is_empty());
    if attachment["blocks"].is_array() {
        let mut as_modern = attachment.clone();
        as_modern["text"] = fallback.into();
        return judge_slack(&as_modern);
    }
    let text = attachment["text"].as_str().unwrap();
    let fenced = text
        .strip_prefix("```\n")
        .and_then(|text| text.strip_suffix("\n```"));
    let inner = fenced
        .or_else(|| text.strip_prefix('`')?.strip_suffix('`'))
        .unwrap();
    let ends_it = if fenced.is_some() { "```" } else { "`" };
    prop_assert!(is_escaped(inner) && !inner.contains(ends_it), "{}", text);
    prop_assert!(fenced.is_some() || !inner.contains('\n'));
    prop_assert!(text.chars().count() <= slack::TEXT_CHARS);
    Ok(())
}

/// A route's own words, which repeat every text that there is.
fn own_words(n: &Notification, zone: &TimeZone) -> Words {
    const LINE: &str =
        "{{ fun }} {{ args }} {{ command }} {{ user }} {{ target }} {{ cluster }} {{ title }}";
    const LINES: &str = "{{ id }}\n{{ user }}\n{% for f in failures + changes %}{{ f.id }} {{ f.name }}\n{{ f.comment }}\n{{ f.output }}\n{{ f.diff }}\n{% endfor %}";
    let written = [
        (Part::Subject, LINE),
        (Part::Title, LINE),
        (Part::Body, LINES),
    ];
    let written = written.map(|(part, text)| (part, text.to_owned()));
    let wording = Wording::compile(&written, Moment::Finish, |_| true).unwrap();
    wording.words(n, zone).0
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn limits_hold_and_nothing_is_interpreted(n in notification(), follow_up in any::<bool>(), own in any::<bool>()) {
        let zone = TimeZone::UTC;
        let words = if own { own_words(&n, &zone) } else { Words::default() };
        let message = slack::message(&n, &zone, follow_up, &words);
        prop_assert!(message["blocks"].is_array());
        judge_slack(&message)?;
        let classic = slack::Style::Classic { color: None };
        let classic = slack::styled(&n, &zone, follow_up, &words, &classic);
        judge_classic(&classic)?;
        let (details, more) = slack::details(&n, &zone, &words);
        prop_assert!(details.len() <= 6);
        let mut left = &details[..];
        while !left.is_empty() {
            judge_slack(&slack::smaller_reply(left).0)?;
            let (reply, count) = slack::reply(left, more);
            prop_assert!(count > 0);
            judge_slack(&reply)?;
            left = &left[count..];
        }
        let smaller = slack::smaller(&n, &zone, follow_up, &words);
        prop_assert!(smaller["blocks"].is_null());
        judge_slack(&smaller)?;

        let mail = email::mail(&n, &zone, follow_up, &words);
        prop_assert!(is_shown(&mail.subject) && !mail.subject.contains('\n'), "{:?}", mail.subject);
        prop_assert!(mail.subject.chars().count() <= 300, "{}", mail.subject);
        prop_assert!(is_shown(&mail.text) && is_shown(&mail.html));
        prop_assert!(mail.html.len() <= email::HTML_BYTES, "{} bytes", mail.html.len());
        prop_assert!(!mail.html.contains("<script") && !mail.html.contains("<img") && !mail.html.contains("<!channel"));
        prop_assert_eq!(seen(&n, &zone, &words).len(), 32);
    }
}
