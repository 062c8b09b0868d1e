//! Arguments as the words that a person would have typed after the function.
//! It quotes nothing and redacts nothing: the command line and the redaction come after.

use super::value::Value;

/// What Salt adds to the keyword arguments of a runner that nobody typed, and that differs with every run.
const NOT_TYPED: [&str; 1] = ["orchestration_jid"];

/// The mark of a map that holds keyword arguments (`salt/utils/args.py`).
const KWARG_MARK: &str = "__kwarg__";

/// The words of `arg` or `fun_args`. A runner's keyword arguments carry no mark; several functions have a list each, and a
/// comma stands between them as on the command line.
pub(crate) fn words(args: &Value<'_>, runner: bool, several: bool) -> Vec<String> {
    let Some(args) = args.as_list() else {
        return Some(args)
            .filter(|args| **args != Value::Nil)
            .map(word)
            .into_iter()
            .collect();
    };
    let mut words = Vec::new();
    for (n, arg) in args.iter().enumerate() {
        let Some(items) = arg.as_list().filter(|_| several) else {
            push(&mut words, arg, runner);
            continue;
        };
        if n > 0 {
            words.push(",".to_owned());
        }
        for item in items {
            push(&mut words, item, runner);
        }
    }
    if words.iter().all(|word| word == ",") {
        words.clear();
    }
    words
}

fn push(words: &mut Vec<String>, arg: &Value<'_>, runner: bool) {
    if let Value::Map(pairs) = arg
        && (runner || arg.get(KWARG_MARK).is_some_and(Value::truthy))
    {
        words.extend(keywords(pairs));
        return;
    }
    words.push(word(arg));
}

/// `key=value`, in their order, without what Salt adds for itself.
pub(crate) fn keywords<'v>(
    pairs: &'v [(std::borrow::Cow<'_, str>, Value<'_>)],
) -> impl Iterator<Item = String> + use<'v> {
    pairs
        .iter()
        .filter(|(key, _)| !key.starts_with("__") && !NOT_TYPED.contains(&key.as_ref()))
        .map(|(key, value)| format!("{key}={}", word(value)))
}

/// The words ask for a dry run.
pub(crate) fn ask_for_test(words: &[String]) -> bool {
    words
        .iter()
        .filter_map(|word| word.strip_prefix("test="))
        .any(|value| value.eq_ignore_ascii_case("true"))
}

/// One value as Salt's command line takes it: texts as they are, `True`, `None`, and YAML's flow style for the rest.
pub(crate) fn word(value: &Value<'_>) -> String {
    match value {
        Value::Nil => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => float(*value),
        Value::Text(text) => text.clone().into_owned(),
        Value::List(_) | Value::Map(_) => {
            let mut text = String::new();
            flow(value, &mut text);
            text
        }
    }
}

/// JSON with a space after each comma and colon, which is YAML too.
fn flow(value: &Value<'_>, out: &mut String) {
    match value {
        Value::Nil => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Text(text) => quoted(text, out),
        Value::Int(_) | Value::Float(_) => out.push_str(&word(value)),
        Value::List(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                out.push_str(if n > 0 { ", " } else { "" });
                flow(item, out);
            }
            out.push(']');
        }
        Value::Map(pairs) => {
            out.push('{');
            for (n, (key, value)) in pairs.iter().enumerate() {
                out.push_str(if n > 0 { ", " } else { "" });
                quoted(key, out);
                out.push_str(": ");
                flow(value, out);
            }
            out.push('}');
        }
    }
}

fn quoted(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

/// As Python's `repr`: `1.5`, `3.0`, `1e+22`, `nan`.
fn float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    let text = format!("{value:?}");
    match text.split_once('e') {
        None => text,
        Some((digits, exponent)) => {
            let (sign, exponent) = match exponent.strip_prefix('-') {
                Some(exponent) => ('-', exponent),
                None => ('+', exponent),
            };
            format!("{digits}e{sign}{exponent:0>2}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value<'_> {
        Value::Text(text.into())
    }

    fn map<'v>(pairs: &[(&'v str, Value<'v>)]) -> Value<'v> {
        Value::Map(
            pairs
                .iter()
                .map(|(k, v)| ((*k).into(), v.clone()))
                .collect(),
        )
    }

    #[test]
    fn words_are_as_typed() {
        let check = |args: Vec<Value<'_>>, expect: &[&str]| {
            assert_eq!(words(&Value::List(args), false, false), expect);
        };
        check(vec![], &[]);
        check(
            vec![text("nginx"), Value::Bool(true), Value::Nil],
            &["nginx", "True", "None"],
        );
        check(
            vec![Value::Int(30), Value::Float(0.5), Value::Float(1e22)],
            &["30", "0.5", "1e+22"],
        );
        check(
            vec![Value::Float(3.0), Value::Float(1e-5)],
            &["3.0", "1e-05"],
        );
        check(
            vec![map(&[
                ("__kwarg__", Value::Bool(true)),
                ("test", Value::Bool(true)),
                ("b", text("c d")),
            ])],
            &["test=True", "b=c d"],
        );
        check(vec![map(&[("a", Value::Nil)])], &[r#"{"a": null}"#]);
        check(
            vec![Value::List(vec![Value::Int(1), text("x\ny")])],
            &[r#"[1, "x\ny"]"#],
        );
    }

    #[test]
    fn runners_have_no_mark_and_several_functions_have_commas() {
        let runner = Value::List(vec![
            text("orch.ok"),
            map(&[
                ("orchestration_jid", text("2026")),
                ("__pub_user", text("root")),
                ("k", text("v")),
            ]),
        ]);
        assert_eq!(words(&runner, true, false), ["orch.ok", "k=v"]);
        let lists = |lists: Vec<Vec<Value<'static>>>| {
            Value::List(lists.into_iter().map(Value::List).collect())
        };
        assert_eq!(
            words(
                &lists(vec![vec![], vec![], vec![text("echo multi")]]),
                false,
                true
            ),
            [",", ",", "echo multi"]
        );
        assert_eq!(
            words(&lists(vec![vec![], vec![]]), false, true),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_dry_run_is_asked_for_by_word() {
        let check = |word: &str, expect: bool| assert_eq!(ask_for_test(&[word.to_owned()]), expect);
        check("test=True", true);
        check("test=true", true);
        check("test=False", false);
        check("test", false);
    }
}
