//! Each attempt and its fate, and the laws of the delays.
//! Nothing here waits.

use proptest::prelude::*;

use super::*;
use crate::receiver::tests::receipt;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn so_far() -> SoFar {
    SoFar {
        failures: 0,
        destination_failures: 0,
        age: Duration::ZERO,
        deadline: DAY,
        smaller: false,
        on_ambiguous: OnAmbiguous::Resend,
    }
}

fn why() -> String {
    "because".into()
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn after(verdict: &Verdict) -> Duration {
    match verdict.message {
        Fate::Again { after, .. } => after,
        Fate::Done | Fate::Next | Fate::Smaller | Fate::GiveUp { .. } => panic!("{verdict:?}"),
    }
}

/// Every attempt that is not the end of it.
fn passing() -> Vec<Attempt> {
    vec![
        Attempt::Throttled {
            retry_after: Some(seconds(7)),
            why: why(),
        },
        Attempt::Throttled {
            retry_after: None,
            why: why(),
        },
        Attempt::Throttled {
            retry_after: Some(seconds(7200)),
            why: why(),
        },
        Attempt::Unreached { why: why() },
        Attempt::Retry {
            at_least: Duration::ZERO,
            why: why(),
        },
        Attempt::Partly {
            receipt: receipt(),
            at_least: Duration::ZERO,
            why: why(),
        },
        Attempt::Ambiguous { why: why() },
        Attempt::Unclear { why: why() },
        Attempt::Broken { why: why() },
    ]
}

#[test]
fn each_attempt_has_its_fate() {
    let check = |attempt: Attempt, so_far: SoFar, message: Fate, pause: Option<u64>| {
        let expect = Verdict {
            message,
            pause: pause.map(seconds),
        };
        // A jitter of a half is none at all, but for a quarter of a second on Retry-After.
        assert_eq!(verdict(&attempt, &so_far, 0.5), expect, "{attempt:?}");
    };
    let again = |after: f64, failures| Fate::Again {
        after: Duration::from_secs_f64(after),
        failures,
    };
    check(Attempt::Delivered(receipt()), so_far(), Fate::Done, None);
    check(
        Attempt::Refused { why: why() },
        so_far(),
        Fate::GiveUp { reason: "refused" },
        None,
    );
    check(
        Attempt::TooLarge { why: why() },
        so_far(),
        Fate::Smaller,
        None,
    );
    let small = SoFar {
        smaller: true,
        ..so_far()
    };
    check(
        Attempt::TooLarge { why: why() },
        small,
        Fate::GiveUp { reason: "refused" },
        None,
    );
    let third = SoFar {
        failures: 2,
        ..so_far()
    };
    check(
        Attempt::Retry {
            at_least: Duration::ZERO,
            why: why(),
        },
        third,
        again(30.0, 3),
        None,
    );
    check(
        Attempt::Retry {
            at_least: seconds(60),
            why: why(),
        },
        third,
        again(60.0, 3),
        None,
    );
    let partly = Attempt::Partly {
        receipt: receipt(),
        at_least: seconds(60),
        why: why(),
    };
    check(partly, third, again(60.0, 1), None);
    check(
        Attempt::Unreached { why: why() },
        so_far(),
        again(2.5, 1),
        Some(2),
    );
    check(
        Attempt::Unreached { why: why() },
        third,
        again(30.5, 3),
        Some(2),
    );
    let away = SoFar {
        destination_failures: 40,
        ..so_far()
    };
    check(
        Attempt::Unreached { why: why() },
        away,
        again(300.5, 1),
        Some(300),
    );
    check(
        Attempt::Unclear { why: why() },
        so_far(),
        again(2.5, 1),
        Some(2),
    );
    let odd = SoFar {
        destination_failures: 2,
        ..so_far()
    };
    check(
        Attempt::Unclear { why: why() },
        odd,
        again(300.5, 0),
        Some(300),
    );
    check(
        Attempt::Broken { why: why() },
        so_far(),
        again(30.5, 0),
        Some(30),
    );
    check(
        Attempt::Broken { why: why() },
        away,
        again(3600.5, 0),
        Some(3600),
    );
    check(
        Attempt::Ambiguous { why: why() },
        so_far(),
        again(2.5, 1),
        Some(2),
    );
    let hold = SoFar {
        on_ambiguous: OnAmbiguous::Hold,
        ..so_far()
    };
    check(
        Attempt::Ambiguous { why: why() },
        hold,
        Fate::GiveUp {
            reason: "ambiguous",
        },
        Some(2),
    );
}

#[test]
fn parts_and_refusals_that_nobody_knows() {
    let fate = |attempt: &Attempt, failures| {
        let so_far = SoFar {
            failures,
            ..so_far()
        };
        verdict(attempt, &so_far, 0.5)
    };
    let begun = Attempt::Begun { receipt: receipt() };
    let next = on_its_own(Fate::Next);
    assert_eq!(fate(&begun, 0), next, "the rest is sent at once");
    let gone = Attempt::Unchangeable { why: why() };
    let anew = again(Duration::ZERO, 2);
    assert_eq!(fate(&gone, 2), anew, "no failure, and no pause");
    let unheard = Attempt::Unheard { why: why() };
    assert_eq!(fate(&unheard, 0), again(seconds(2), 1));
    assert_eq!(fate(&unheard, 2), again(seconds(30), 3));
    assert_eq!(fate(&unheard, 3), give_up("refused"));
}

#[test]
fn age_alone_ends_it() {
    for attempt in passing() {
        let young = SoFar {
            failures: 1000,
            age: DAY - SECOND,
            ..so_far()
        };
        assert_eq!(
            after(&verdict(&attempt, &young, 0.9)),
            SECOND,
            "{attempt:?}"
        );
        let old = SoFar {
            age: DAY,
            ..so_far()
        };
        let end = verdict(&attempt, &old, 0.9);
        assert_eq!(
            end.message,
            Fate::GiveUp { reason: "expired" },
            "{attempt:?}"
        );
        let throttled = matches!(attempt, Attempt::Throttled { .. });
        assert_eq!(end.pause.is_some(), throttled, "{attempt:?}");
    }
}

proptest! {
    #[test]
    fn delays_are_ordered_and_capped(failures in 0u32..30, a in 0.0..1.0f64, b in 0.0..1.0f64) {
        if failures + 1 < 8 {
            prop_assert!(backoff(failures, a) < backoff(failures + 1, b));
        }
        prop_assert!(backoff(failures, a) >= seconds(1));
        prop_assert!(backoff(failures, a) <= HOUR.mul_f64(1.2));
    }

    #[test]
    fn retry_after_is_never_undercut_and_at_most_a_second_late(
        asked in 0u64..=3600, jitter in 0.0..1.0f64, failures in 0u32..20,
    ) {
        let attempt = Attempt::Throttled { retry_after: Some(seconds(asked)), why: why() };
        let so_far = SoFar { failures, destination_failures: failures, ..so_far() };
        let verdict = verdict(&attempt, &so_far, jitter);
        for wait in [verdict.pause.unwrap(), after(&verdict)] {
            prop_assert!(wait >= seconds(asked) && wait <= seconds(asked + 1));
        }
    }

    #[test]
    fn nothing_is_given_up_before_its_time(
        which in 0usize..9, failures in 0u32..2000, age in 0u64..86_400, jitter in 0.0..1.0f64,
    ) {
        let attempt = &passing()[which];
        let so_far = SoFar { failures, destination_failures: failures, age: seconds(age), ..so_far() };
        let verdict = verdict(attempt, &so_far, jitter);
        let again = matches!(verdict.message, Fate::Again { .. });
        prop_assert!(again, "{:?}", verdict);
        prop_assert!(verdict.pause.is_none_or(|pause| pause <= HOUR.mul_f64(1.2)));
    }
}
