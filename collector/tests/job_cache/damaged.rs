//! Files that no Salt should leave and a disk, or somebody, will: each costs what it held, and the rest is answered.
//! What a payload may hold otherwise is tested with the bus.

use std::fs::{self, File};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::symlink;

use pillarbox_collector::job_cache::LookupError;
use pillarbox_proto::lookup::{LookupReply, LookupRequest};
use pillarbox_proto::salt::Jid;
use pillarbox_proto::wire;
use proptest::prelude::*;
use serde_json::json;

use crate::{Cache, JID, ids, origin, problems, request};

/// web1 is damaged in some way, web2 is fine.
fn check(damage: impl Fn(&Cache), expect: &[(&str, &str)]) -> LookupReply {
    let cache = Cache::new();
    cache.returned("web1");
    cache.returned("web2");
    damage(&cache);
    let reply = cache.answer();
    assert_eq!(problems(&reply), expect);
    assert!(reply.returns.iter().any(|ret| ret.ret.minion.0 == "web2"));
    assert_eq!(reply.missing, []);
    reply
}

const CUT: (&str, &str) = ("web1", "return.p is no MessagePack, or ends within it");

#[test]
fn a_return_that_is_no_value_is_named() {
    let bytes = |bytes: &'static [u8], expect| {
        check(move |cache| cache.write("web1/return.p", bytes), &[expect]);
    };
    bytes(b"", CUT);
    bytes(b"\xc1", CUT);
    bytes(b"\x81\xa6return", CUT);
    bytes(b"\x81\xa6return\xdb\xff\xff\xff\xffx", CUT); // 4 GiB are announced
    bytes(b"\xdf\xff\xff\xff\xff", CUT);
}

#[test]
fn what_is_nested_beyond_reason_is_named() {
    let deep = [&b"\x81\xa6return"[..], &[0x91; 10_000], b"\xc0"].concat();
    let too_deep = "return.p cannot be read: the payload is nested deeper than 128";
    check(
        |cache| cache.write("web1/return.p", &deep),
        &[("web1", too_deep)],
    );
}

#[test]
fn a_file_of_4_gib_is_not_read() {
    let huge = |cache: &Cache| {
        let file = File::create(cache.path("web1/return.p")).unwrap();
        file.set_len(4 << 30).unwrap();
    };
    check(huge, &[("web1", "return.p is longer than 16 MiB")]);
}

#[test]
fn nothing_leads_out_of_the_cache() {
    let outside = Cache::new();
    outside.returned("secret");
    let to_file = |cache: &Cache| {
        fs::remove_file(cache.path("web1/return.p")).unwrap();
        symlink(outside.path("secret/return.p"), cache.path("web1/return.p")).unwrap();
    };
    let link = "return.p is a link, or no directory; links are not followed";
    check(to_file, &[("web1", link)]);
    let to_dir = |cache: &Cache| {
        fs::remove_dir_all(cache.path("web1")).unwrap();
        symlink(outside.path("secret"), cache.path("web1")).unwrap();
    };
    let reply = check(
        to_dir,
        &[("web1", "is no directory; links are not followed")],
    );
    assert_eq!(reply.returned, ids(&["web2"]), "nobody can say of web1");
    let load = |cache: &Cache| {
        fs::remove_file(cache.path(".load.p")).unwrap();
        symlink(outside.path(".load.p"), cache.path(".load.p")).unwrap();
    };
    check(
        load,
        &[(
            "-",
            ".load.p is a link, or no directory; links are not followed",
        )],
    );
}

#[test]
fn a_pipe_is_not_waited_for() {
    let pipe = |name: &'static str| {
        move |cache: &Cache| {
            let _ = fs::remove_file(cache.path(name));
            let made = std::process::Command::new("mkfifo")
                .arg(cache.path(name))
                .status();
            assert!(made.unwrap().success());
        }
    };
    check(
        pipe("web1/return.p"),
        &[("web1", "return.p is no regular file")],
    );
    check(pipe(".load.p"), &[("-", ".load.p is no regular file")]);
    check(
        pipe("web3"),
        &[("web3", "is no directory; links are not followed")],
    );
    let dir = |cache: &Cache| {
        fs::remove_file(cache.path("web1/return.p")).unwrap();
        fs::create_dir(cache.path("web1/return.p")).unwrap();
    };
    check(dir, &[("web1", "return.p is no regular file")]);
}

#[test]
fn what_the_jobs_own_files_do_not_say_is_not_known() {
    let reply = check(
        |cache| cache.write(".load.p", b"\xc1"),
        &[("-", ".load.p is no MessagePack, or ends within it")],
    );
    assert_eq!((reply.load, reply.returned.len()), (None, 2));
    let reply = check(
        |cache| cache.write(".minions.p", b"\x92\xa1x"),
        &[(
            "-",
            ".minions.p cannot be read: the payload ends within a value",
        )],
    );
    assert_eq!(reply.expected, []);
    let reply = check(|cache| fs::remove_file(cache.path(".load.p")).unwrap(), &[]);
    assert_eq!((reply.load, reply.returned.len()), (None, 2));
}

#[test]
fn a_syndics_minions_are_expected_too() {
    let cache = Cache::new();
    cache.returned("web2");
    cache.pack(".minions.syndic1.p", &json!(["web2", "web3"]));
    let reply = cache.answer();
    assert_eq!(reply.expected, ids(&["web1", "web2", "web3"]));
    assert_eq!(reply.missing, ids(&["web1", "web3"]));
}

#[test]
fn a_job_whose_returns_are_not_kept_misses_nobody() {
    let cache = Cache::new();
    cache.write("nocache", b"");
    let reply = cache.answer();
    assert_eq!(
        (reply.expected, reply.missing),
        (ids(&["web1", "web2"]), ids(&[]))
    );
    assert_eq!(
        problems(&cache.answer()),
        [("-", "Salt was told not to keep the returns of this job")]
    );
}

#[test]
fn a_name_that_is_no_utf8_is_nobody() {
    let cache = Cache::new();
    let name = std::ffi::OsString::from_vec(b"web\xff".to_vec());
    fs::create_dir(cache.path("").join(name)).unwrap();
    let expect = [("-", "a minion's directory has a name that is no UTF-8")];
    assert_eq!(problems(&cache.answer()), expect);
}

#[test]
fn a_directory_is_its_jids_or_none() {
    let cache = Cache::new();
    cache.returned("web1");
    cache.write("jid", b"20261122012254116337");
    let reply = cache.answer();
    assert_eq!(problems(&reply), [("-", "jid names another job")]);
    assert_eq!((reply.load, reply.returned.len()), (None, 0));
    for rubbish in [fs::remove_file as fn(_) -> _, |path| fs::write(path, b"")] {
        let cache = Cache::new();
        rubbish(cache.path("jid")).unwrap();
        assert!(!cache.answer().knows(), "it is being made, or removed");
    }
}

#[test]
fn a_job_that_is_not_there_is_not_known() {
    let cache = Cache::new();
    let other = request("20261122012254116337");
    assert!(!cache.asked(&other).knows());
    let nowhere = crate::at(std::path::Path::new("/nowhere/at/all"));
    assert!(!nowhere.answer(&origin(), &other).unwrap().knows());
    for jid in [
        "",
        "req",
        "../../etc",
        "2026112201225411633",
        "20261122012254116336_x",
    ] {
        let refused = nowhere.answer(&origin(), &request(jid));
        assert_eq!(refused.unwrap_err(), LookupError::Jid, "{jid}");
    }
}

#[test]
fn very_old_returns_are_bare() {
    let cache = Cache::new();
    cache.pack("web1/return.p", &json!("pong"));
    let request = LookupRequest {
        full: true,
        ..request(JID)
    };
    let reply = cache.asked(&request);
    assert_eq!(reply.problems, []);
    assert_eq!(reply.returns.first().unwrap().full, Some(json!("pong")));
}

/// Who waits for a return asks for names that somebody else wrote.
#[test]
fn only_names_of_minions_are_waited_for() {
    let cache = Cache::new();
    cache.returned("web1");
    let has = |names: &[&str]| cache.cache().has_returns(&Jid(JID.into()), &ids(names));
    assert!(has(&[]) && has(&["web1"]));
    assert!(!has(&["web1", "web2"]));
    assert!(!has(&["../web1"]) && !has(&["web2/../web1"]) && !has(&["."]) && !has(&["web1\0"]));
}

#[test]
fn what_is_large_is_cut_and_says_so() {
    let cache = Cache::new();
    let line = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n";
    let output = line.repeat(15 << 14); // 15 MiB
    for minion in ["web1", "web2", "web3"] {
        let ret = json!({"return": {"stdout": output, "stderr": "short"}, "retcode": 1, "success": false});
        cache.pack(&format!("{minion}/return.p"), &ret);
    }
    let reply = cache.asked(&LookupRequest {
        full: true,
        ..request(JID)
    });
    assert_eq!(reply.problems, []);
    for ret in &reply.returns {
        assert_eq!(
            ret.trimmed,
            ["/full/stdout"],
            "its failure is told by the end of the output"
        );
        let full = ret.full.as_ref().unwrap();
        assert!(full["stdout"].as_str().unwrap().ends_with(line));
        assert_eq!(full["stderr"], "short");
    }
    let size = serde_json::to_vec(&reply).unwrap().len();
    assert!(1 << 20 < size && size < wire::MAX_BODY / 2, "{size}");
}

/// Return codes of several functions are never cut.
#[test]
fn more_returns_than_fit_are_counted() {
    let cache = Cache::new();
    let code = |n| (format!("function.number_{n:04}"), json!(1));
    let codes: serde_json::Map<_, _> = (0..600).map(code).collect();
    let ret = json!({"return": true, "retcode": codes});
    let bytes = rmp_serde::to_vec(&ret).unwrap();
    for n in 0..1500 {
        cache.write(&format!("m{n:04}/return.p"), &bytes);
    }
    let reply = cache.answer();
    assert_eq!(reply.returned.len(), 1500);
    let left = 1500 - reply.returns.len();
    assert!((1..1000).contains(&left), "{left}");
    let expect = format!("returns that did not fit into the answer: {left}");
    assert_eq!(problems(&reply), [("-", expect.as_str())]);
    let names = reply.returns.iter().map(|ret| &ret.ret.minion);
    assert!(names.is_sorted());
    let size = serde_json::to_vec(&reply).unwrap().len();
    assert!(size < wire::MAX_BODY / 2, "{size}");
}

proptest! {
    #[test]
    fn any_bytes_are_survived(
        ret in prop::collection::vec(any::<u8>(), 0..300),
        out in prop::collection::vec(any::<u8>(), 0..20),
        load in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let cache = Cache::new();
        cache.returned("web2");
        cache.write("web1/return.p", &ret);
        cache.write("web1/out.p", &out);
        cache.write(".load.p", &load);
        cache.write(".batch.p", &load);
        let reply = cache.asked(&LookupRequest { full: true, ..request(JID) });
        prop_assert_eq!(&reply.returned, &ids(&["web1", "web2"]));
        let text = serde_json::to_vec(&reply).unwrap();
        let read: LookupReply = serde_json::from_slice(&text).unwrap();
        // `serde_json` reads a float to within its last digit.
        prop_assert_eq!((read.returned, read.problems), (reply.returned, reply.problems));
    }

    /// Bytes that are nearly a return go further than any bytes do.
    #[test]
    fn a_return_with_one_wrong_byte_is_survived(at in 0_usize..200, byte in any::<u8>(), end in 0_usize..400) {
        let state = json!({"result": false, "changes": {"a": [1, null, 2.5]}, "comment": "x", "duration": 1.5});
        let ret = json!({"return": {"test_|-a_|-b_|-nop": state}, "retcode": 2, "success": false});
        let mut bytes = rmp_serde::to_vec(&ret).unwrap();
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        bytes.truncate(end);
        let cache = Cache::new();
        cache.write("web1/return.p", &bytes);
        let reply = cache.asked(&LookupRequest { full: true, ..request(JID) });
        prop_assert_eq!(reply.returned.len(), 1);
        prop_assert_eq!(reply.returns.len() + reply.problems.len(), 1);
    }
}
