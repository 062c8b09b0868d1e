//! Job events that cannot be read: named without their bytes, and the rest goes on.
//! Damaged frames are `frame`'s own tests.

use pillarbox_collector::command::decode::decode;
use pillarbox_collector::normalize::{Reading, Unreadable, normalize};
use pillarbox_proto::subject::sha256_hex;
use serde_json::{Value, json};

use crate::{JID, body, origin, packed, unreadable};

#[test]
fn names_that_cannot_be_published_are_dead_letters() {
    let said = |tag: &str, payload: Value| unreadable(&packed(tag, &payload)).error;
    let long = "x".repeat(20_000);
    assert_eq!(
        said(&format!("salt/job/{JID}/new"), json!({ "fun": long })),
        "a function of 20000 bytes"
    );
    assert_eq!(
        said(&format!("salt/job/{JID}/ret/{long}"), json!({})),
        "a minion id of 20000 bytes"
    );
    assert_eq!(
        said(&format!("salt/job/{long}/new"), json!({})),
        "a jid of 20000 bytes"
    );
}

#[test]
fn what_cannot_be_read_is_named_without_its_bytes() {
    let tag = format!("salt/job/{JID}/new");
    let check = |payload: &[u8], error: &str| {
        let body = body(&tag, payload);
        let expect = Unreadable {
            tag: tag.clone(),
            length: body.len(),
            sha256: sha256_hex(&body),
            error: error.into(),
        };
        assert_eq!(unreadable(&body), expect);
    };
    let deep = |depth: usize| [&b"\x81\xa1a"[..], &vec![0x91; depth], b"\xc0"].concat();
    check(b"", "the payload ends within a value");
    check(b"\x81\xa3fun", "the payload ends within a value");
    check(
        b"\x81\xa3fun\xdb\xff\xff\xff\xff",
        "the payload ends within a value",
    );
    check(b"\xdf\xff\xff\xff\xff", "the payload ends within a value");
    check(b"\xa6secret", "the payload is no map");
    check(b"\x91\x01", "the payload is no map");
    check(b"\x81\xa3fun\xc1", "the payload is no MessagePack");
    check(&deep(200), "the payload is nested deeper than 128");
    check(&deep(1_000_000), "the payload is nested deeper than 128");
    for key in ["arg", "return", "state", "tgt"] {
        let key = [&[0xa0 + u8::try_from(key.len()).unwrap()], key.as_bytes()].concat();
        check(
            &[&b"\x81"[..], &key, &vec![0x91; 100_000]].concat(),
            "the payload is nested deeper than 128",
        );
    }
    assert!(matches!(
        normalize(&origin(), &body(&tag, &deep(100)), None),
        Reading::Event(_)
    ));
    let no_tag = unreadable(b"salt/job/x/new secret");
    assert_eq!(
        (no_tag.tag.as_str(), no_tag.error.as_str()),
        ("", "no empty line after the tag")
    );
    let binary = unreadable(b"salt/job/x/ret/a\x01secret\n\n");
    assert_eq!(binary.tag, "salt/job/x/ret/a");
}

#[test]
fn what_follows_the_payload_is_ignored() {
    let bytes = [
        packed(&format!("salt/job/{JID}/new"), &json!({"fun": "test.ping"})),
        b"rest".to_vec(),
    ]
    .concat();
    assert!(matches!(
        normalize(&origin(), &bytes, None),
        Reading::Event(_)
    ));
}

#[test]
fn one_unreadable_event_stops_nothing() {
    let framed = |body: &[u8]| {
        let mut frame = b"\x82\xa4head\x80\xa4body\xc6".to_vec();
        frame.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
        frame.extend(body);
        frame
    };
    let good = packed(&format!("salt/job/{JID}/new"), &json!({"fun": "test.ping"}));
    let bad = body(&format!("salt/job/{JID}/new"), b"\x81\xa6secret");
    let stream = [framed(&good), framed(&bad), framed(&good)].concat();
    let (mut out, mut report) = (Vec::new(), Vec::new());
    let tally = decode(&origin(), &stream[..], &mut out, &mut report).unwrap();
    let report = String::from_utf8(report).unwrap();
    assert_eq!(
        (tally.events, tally.unreadable, tally.broken),
        (2, 1, false)
    );
    assert!(
        report.starts_with(&format!("unreadable: tag \"salt/job/{JID}/new\", "))
            && !report.contains("secret")
    );
}
