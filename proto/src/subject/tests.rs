//! Cases and laws of tokens, filters and ids.

use proptest::prelude::*;

use super::token::{FUN_BYTES, NAME_BYTES};
use super::*;
use crate::salt::MinionId;

#[test]
fn tokens_are_readable_where_they_can_be() {
    let check = |text: &str, expect: &str| assert_eq!(Token::new(text).as_str(), expect);
    check("prod", "prod");
    check("web1.example.com", "web1=2Eexample=2Ecom");
    check("", "=");
    check("a=b", "a=3Db");
    check("ü", "=C3=BC");
}

#[test]
fn functions_keep_salts_dot() {
    let check = |fun: &str, expect: &str| assert_eq!(fun_tokens(fun), expect);
    check("state.apply", "state.apply");
    check("", "=");
    check("a..b", "a=2E=2Eb");
    check(".x", "=2Ex");
    check("state.*", "state.=2A");
    assert!(fun_tokens(&"x.".repeat(2500)).len() <= FUN_BYTES);
    assert!(
        !fun_tokens(&"x.".repeat(2500)).contains(".="),
        "no empty token before the hash"
    );
}

#[test]
fn filters_say_what_a_subject_can() {
    let check = |fun: &str, expect: &str| assert_eq!(fun_filter(fun), expect);
    check("*", ">");
    check("state.*", "state.>");
    check("state.apply", "state.apply");
    check("*.sls", ">");
    check("E@state\\..*", ">");
    check("!test.ping", ">");
    check("state.s*", ">");
    assert_eq!(
        event_filter(EventKind::Ret(Outcome::Failed), "state.*"),
        "salt.v1.*.*.ret.failed.state.>"
    );
}

#[test]
fn a_hash_is_sixteen_bytes_of_sha_256_over_a_json_array() {
    // printf '["a","b"]' | sha256sum | cut -c1-32
    assert_eq!(
        hash(["a", "b"]),
        "0473ef2dc0d324ab659d3580c1134e9d".to_owned()
    );
}

#[test]
fn ids_tell_a_batch_from_its_only_chunk() {
    let minions = [MinionId("b".into()), MinionId("a".into())];
    let of = |batch| {
        let published = id::Published {
            fun: "test.ping",
            target_type: "list",
            target: "a,b",
            batch,
            minions: &minions,
        };
        id::new("prod", "20261122012254116336", &published)
    };
    assert_ne!(of(true), of(false));
    assert!(of(true).starts_with("prod/20261122012254116336/new/"));
}

#[test]
fn group_names_that_subjects_need_are_refused() {
    assert!(
        Group::new("dead").is_none()
            && Group::new("lookup").is_none()
            && Group::new("collector").is_none()
            && Group::new("").is_none()
    );
    assert_eq!(
        Group::new("main").unwrap().work_filter(),
        "pillarbox.v1.main.>"
    );
}

proptest! {
    #[test]
    fn tokens_are_bounded_and_valid_in_subjects_and_keys(text in ".{0,200}") {
        let token = Token::new(&text);
        prop_assert!(token.as_str().len() <= NAME_BYTES);
        prop_assert_eq!(Token::parse(token.as_str()), Some(token));
    }

    #[test]
    fn different_texts_are_different_tokens(a in "[a-f0-9=.]{0,70}", b in "[a-f0-9=.]{0,70}") {
        prop_assert_eq!(a == b, Token::new(&a) == Token::new(&b));
    }

    #[test]
    fn functions_are_bounded_and_make_no_empty_token(fun in ".{0,300}") {
        let tokens = fun_tokens(&fun);
        prop_assert!(tokens.len() <= FUN_BYTES);
        prop_assert!(tokens.split('.').all(|token| Token::parse(token).is_some()), "{}", tokens);
    }
}
