//! What a return that is no map of states says about its failure, as texts for people.
//! It decides neither that it failed nor how much of it is kept.

use pillarbox_proto::salt::{Fun, PerFunction};

use super::returned::Said;
use super::value::Value;
use super::words::word;

/// Texts in one return; a state run names each mistake, and nobody reads a thousand.
const MAX_ERRORS: usize = 100;

/// Why it failed, in its own words.
pub(super) fn errors(said: &Said<'_>, fun: &Fun, codes: Option<&PerFunction<i64>>) -> Vec<String> {
    let mut errors = match said {
        Said::Whole(Value::List(items)) if items.iter().all(|item| item.as_text().is_some()) => {
            items.iter().map(word).collect()
        }
        Said::Whole(Value::Nil) => Vec::new(),
        Said::Whole(value) => vec![word(value)],
        Said::ByKey(pairs) => by_key(pairs, fun, codes),
    };
    errors.retain(|error| !error.trim().is_empty());
    errors.truncate(MAX_ERRORS);
    errors
}

type Pairs<'p, 'de> = &'p [(std::borrow::Cow<'de, str>, Value<'de>)];

fn by_key(pairs: Pairs<'_, '_>, fun: &Fun, codes: Option<&PerFunction<i64>>) -> Vec<String> {
    let value = |name: &str| {
        pairs
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| word(value))
    };
    match fun {
        // `cmd.run_all`: what it printed, not its process id.
        Fun::One(_) if value("stdout").is_some() || value("stderr").is_some() => {
            [value("stdout"), value("stderr")]
                .into_iter()
                .flatten()
                .collect()
        }
        Fun::One(_) if pairs.is_empty() => Vec::new(),
        Fun::One(_) => {
            let lines: Vec<String> = pairs
                .iter()
                .map(|(key, value)| format!("{key}: {}", word(value)))
                .collect();
            vec![lines.join("\n")]
        }
        Fun::Several(_) => pairs
            .iter()
            .filter(|(name, _)| failed(name, codes))
            .map(|(name, value)| format!("{name}: {}", word(value)))
            .collect(),
    }
}

/// One of several functions failed, as far as the codes tell them apart.
fn failed(name: &str, codes: Option<&PerFunction<i64>>) -> bool {
    match codes {
        Some(PerFunction::ByName(codes)) => codes.get(name).is_none_or(|code| *code != 0),
        Some(PerFunction::One(_) | PerFunction::InOrder(_)) | None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &'static str) -> Value<'static> {
        Value::Text(text.into())
    }

    #[test]
    fn a_failure_is_told_in_its_own_words() {
        let one = Fun::One("cmd.run".into());
        let check = |said: Said<'_>, expect: &[&str]| assert_eq!(errors(&said, &one, None), expect);
        check(Said::Whole(text("no such file")), &["no such file"]);
        check(
            Said::Whole(Value::List(vec![text("a"), text(""), text("b\nc")])),
            &["a", "b\nc"],
        );
        check(
            Said::Whole(Value::List(vec![text("a"), Value::Int(1)])),
            &[r#"["a", 1]"#],
        );
        check(Said::Whole(Value::Nil), &[]);
        check(Said::Whole(Value::Bool(false)), &["False"]);
        check(Said::ByKey(vec![]), &[]);
        check(
            Said::ByKey(vec![("a".into(), Value::Int(1)), ("b".into(), text("x"))]),
            &["a: 1\nb: x"],
        );
        let all = vec![
            ("pid".into(), Value::Int(1)),
            ("stdout".into(), text("")),
            ("stderr".into(), text("bad")),
        ];
        check(Said::ByKey(all), &["bad"]);
    }

    #[test]
    fn of_several_functions_those_that_failed_speak() {
        let several = Fun::Several(vec!["a.b".into(), "c.d".into()]);
        let said = Said::ByKey(vec![
            ("a.b".into(), text("fine")),
            ("c.d".into(), text("bad")),
        ]);
        let codes = [("a.b".to_owned(), 0), ("c.d".to_owned(), 3)].into();
        assert_eq!(
            errors(&said, &several, Some(&PerFunction::ByName(codes))),
            ["c.d: bad"]
        );
        assert_eq!(errors(&said, &several, None), ["a.b: fine", "c.d: bad"]);
    }
}
