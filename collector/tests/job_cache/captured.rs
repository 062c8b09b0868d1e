//! The captured caches of 3006 and 3008: every job is read without a problem, and says what its events on the bus said.
//! `UPDATE_EXPECT=1` rewrites the goldens; the difference is read before it is committed.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use pillarbox_collector::frame::Frames;
use pillarbox_collector::normalize::{Reading, normalize};
use pillarbox_proto::event::{Event, JobNew, What};
use pillarbox_proto::lookup::{LookupReply, LookupRequest};

use crate::{at, ids, origin, request, tests};

/// Version, jid and what was done, of every captured job.
fn cases() -> Vec<[String; 3]> {
    let table = fs::read_to_string(tests().join("job_caches/cases.tsv")).unwrap();
    let cells = |line: &str| line.split('\t').map(str::to_owned).collect::<Vec<_>>();
    table
        .lines()
        .map(|line| cells(line).try_into().unwrap())
        .collect()
}

fn looked_up(version: &str, request: &LookupRequest) -> LookupReply {
    let dir = tests().join("job_caches").join(version);
    let reply = at(&dir).answer(&origin(), request).unwrap();
    assert!(reply.knows(), "{version} {}", request.jid);
    assert_eq!(reply.problems, [], "{version} {}", request.jid);
    reply
}

fn expect_file(path: &Path, found: &str) {
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(path, found).unwrap();
    }
    let expect = fs::read_to_string(path).unwrap_or_default();
    for (n, (found, expect)) in found.lines().zip(expect.lines()).enumerate() {
        assert_eq!(found, expect, "{}:{}", path.display(), n + 1);
    }
    assert_eq!(found.lines().count(), expect.lines().count());
}

#[test]
fn every_job_is_told_as_the_table_says() {
    let mut table = "version\tcase\tcommand\texpected\tmissing\treturns\n".to_owned();
    for [version, jid, case] in cases() {
        let reply = looked_up(&version, &request(&jid));
        let command = reply.load.map_or("-".to_owned(), |load| load.new.command);
        let outcome = |ret: &pillarbox_proto::lookup::CachedReturn| {
            format!("{} {}", ret.ret.minion, ret.ret.outcome.as_str())
        };
        let returns: Vec<String> = reply.returns.iter().map(outcome).collect();
        let names = |ids: &[pillarbox_proto::salt::MinionId]| {
            ids.iter()
                .map(|id| id.0.clone())
                .collect::<Vec<_>>()
                .join(" ")
        };
        let (expected, missing) = (names(&reply.expected), names(&reply.missing));
        let returns = returns.join(", ");
        writeln!(
            table,
            "{version}\t{case}\t{command}\t{expected}\t{missing}\t{returns}"
        )
        .unwrap();
    }
    expect_file(&tests().join("job_caches/told.tsv"), &table);
}

#[test]
fn whole_answers_are_as_wanted() {
    let check = |version: &str, case: &str, minions: Option<&[&str]>| {
        let found = cases()
            .into_iter()
            .find(|[v, _, c]| v == version && c == case);
        let [_, jid, _] = found.unwrap();
        let request = LookupRequest {
            minions: minions.map(ids),
            full: true,
            ..request(&jid)
        };
        let reply = looked_up(version, &request);
        let json = serde_json::to_string_pretty(&reply).unwrap() + "\n";
        expect_file(
            &tests().join(format!("job_caches/{version}-{case}.json")),
            &json,
        );
    };
    check("3008.5", "state_fail", Some(&["3008-m2"]));
    check("3008.5", "minion_down", None);
    check("3008.5", "batch.2", None);
    check("3008.5", "schedule.4", None);
    check("3008.5", "orch_ok", None);
    check("3006.30", "multi_fun", None);
    check("3006.30", "shape_datetime", None);
    check("3006.30", "state_change_diff", None);
}

/// Every job event of a captured bus, as it is published, by jid.
fn heard(version: &str) -> HashMap<String, Vec<Event>> {
    let mut frames = Frames::new(1 << 20);
    frames.push(&fs::read(tests().join(format!("captures/{version}.bin"))).unwrap());
    let mut heard: HashMap<String, Vec<Event>> = HashMap::new();
    while let Some(frame) = frames.next().unwrap() {
        if let Reading::Event(event) | Reading::Noise { event, .. } =
            normalize(&origin(), &frame.body, None)
        {
            heard.entry(event.jid.0.clone()).or_default().push(*event);
        }
    }
    heard
}

/// What the bus alone says: the cache knows no order of minions, and no target without a key.
fn as_cached(new: &JobNew) -> JobNew {
    let mut new = new.clone();
    new.minions.sort_unstable();
    new.missing.clear();
    new
}

#[test]
fn the_cache_says_what_the_bus_said() {
    let (mut loads, mut returns) = (0, 0);
    for version in ["3006.30", "3008.5"] {
        let heard = heard(version);
        for [_, jid, case] in cases().into_iter().filter(|[v, _, _]| v == version) {
            let Some(events) = heard.get(&jid) else {
                assert!(case.starts_with("p2_"), "{case} was not captured");
                continue;
            };
            let reply = looked_up(version, &request(&jid));
            let news = events.iter().filter_map(|event| match &event.what {
                What::New(new) => Some((&event.fun, as_cached(new))),
                What::Ret(_) | What::End(_) | What::Beat(_) => None,
            });
            let news: Vec<_> = news.collect();
            let whole = news.iter().find(|(_, new)| new.batch).or(news.first());
            let cached = reply
                .load
                .as_ref()
                .map(|load| (&load.fun, load.new.clone()));
            assert_eq!(cached.as_ref(), whole, "{version} {case}");
            loads += usize::from(whole.is_some());
            for cached in &reply.returns {
                let same = |event: &&Event| match &event.what {
                    What::Ret(ret) => ret.minion == cached.ret.minion,
                    What::New(_) | What::End(_) | What::Beat(_) => false,
                };
                let event = events.iter().find(same).unwrap();
                assert_eq!(
                    event.what,
                    What::Ret(Box::new(cached.ret.clone())),
                    "{version} {case}"
                );
                let about = |fun, redacted, trimmed| (fun, redacted, trimmed);
                assert_eq!(
                    about(&cached.fun, cached.redacted, &cached.trimmed),
                    about(&event.fun, event.redacted, &event.trimmed),
                    "{version} {case}"
                );
                returns += 1;
            }
        }
    }
    assert_eq!((loads, returns), (59, 84));
}

#[test]
fn only_returns_that_are_asked_for_are_given() {
    let jid = "20261122012432185068";
    let check = |minions: &[&str], expect: &[&str]| {
        let request = LookupRequest {
            minions: Some(ids(minions)),
            ..request(jid)
        };
        let reply = looked_up("3008.5", &request);
        assert_eq!(reply.returned, ids(&["3008-m1", "3008-m2"]));
        let given: Vec<&str> = reply
            .returns
            .iter()
            .map(|ret| ret.ret.minion.0.as_str())
            .collect();
        assert_eq!(given, expect);
    };
    check(&["3008-m2"], &["3008-m2"]);
    check(&["3008-m2", "ghost", "3008-m1"], &["3008-m1", "3008-m2"]);
    check(&["../3008-m1", "", "."], &[]);
    check(&[], &[]);
}

/// Its directory is `vm_master`; its event names a runner's minion after the master, or by the data that it returned.
#[test]
fn a_runner_is_called_as_its_event_calls_it() {
    let check = |case: &str, minion: &str| {
        let found = cases()
            .into_iter()
            .find(|[v, _, c]| v == "3008.5" && c == case);
        let [_, jid, _] = found.unwrap();
        let asked = |minions: &[&str]| {
            let minions = Some(ids(minions));
            looked_up(
                "3008.5",
                &LookupRequest {
                    minions,
                    ..request(&jid)
                },
            )
        };
        assert_eq!(asked(&[minion]).returned, ids(&[minion]));
        assert_eq!(asked(&[minion]).returns.len(), 1);
        assert_eq!(asked(&["web1"]).returns.len(), 0);
    };
    check("orch_ok", "vm_master");
    check("runner_arg", "salt1_master");
}
