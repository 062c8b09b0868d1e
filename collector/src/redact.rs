//! Secrets taken out of what leaves the collector: by the name of an argument, and by their shape in any text.
//! It is no proof that none is left: it knows the shapes in its table, and errs on the side of taking too much.

mod rules;

use std::borrow::Cow;
use std::ops::Range;

use regex::Captures;

use crate::normalize::value::Value;
use rules::{COMPILED, Compiled, RULES};

/// What stands where a secret stood.
pub const REDACTED: &str = "<redacted>";

/// Takes secrets out and counts them. One for each event.
#[derive(Debug, Default)]
pub struct Redactor {
    taken: u32,
}

impl Redactor {
    /// None taken yet.
    pub fn new() -> Redactor {
        Redactor::default()
    }

    /// How many were taken.
    pub fn taken(&self) -> u32 {
        self.taken
    }

    /// A text of any kind: a comment, a diff, output, a command.
    pub fn text(&mut self, text: String) -> String {
        let Compiled { set, regexes } = &*COMPILED;
        let found = set.matches(&text);
        if !found.matched_any() {
            return text;
        }
        let mut text = text;
        for (rule, regex) in RULES.iter().zip(regexes) {
            // A rule may match only what an earlier one left, so each is asked again once there is anything at all.
            let mut taken = 0;
            let replaced = regex.replace_all(&text, |found: &Captures<'_>| {
                replace(found, rule.is_secret, &mut taken)
            });
            if let Cow::Owned(replaced) = replaced {
                text = replaced;
            }
            self.taken = self.taken.saturating_add(taken);
        }
        text
    }

    /// An argument as a word: `pillar={"a": 1}` by its name, anything else by its shape.
    pub(crate) fn word(&mut self, word: String) -> String {
        match word.split_once('=') {
            Some((name, value)) if names_a_secret(name) && !is_no_secret(value) => {
                self.taken = self.taken.saturating_add(1);
                format!("{name}={REDACTED}")
            }
            _ => self.text(word),
        }
    }

    /// Values in a map whose key names a secret, however deep.
    pub(crate) fn value(&mut self, value: &mut Value<'_>) {
        match value {
            Value::List(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Map(pairs) => {
                for (key, value) in pairs {
                    if names_a_secret(key) && value.truthy() && *value != Value::Bool(true) {
                        *value = Value::Text(REDACTED.into());
                        self.taken = self.taken.saturating_add(1);
                    } else {
                        self.value(value);
                    }
                }
            }
            Value::Nil | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => {}
        }
    }

    /// The same for JSON, with its texts by their shape too.
    pub(crate) fn json(&mut self, value: &mut serde_json::Value) {
        use serde_json::Value as Json;
        match value {
            Json::String(text) => *text = self.text(std::mem::take(text)),
            Json::Array(items) => items.iter_mut().for_each(|item| self.json(item)),
            Json::Object(pairs) => {
                for (key, mut value) in std::mem::take(pairs) {
                    let empty = matches!(value, Json::Null | Json::Bool(_));
                    let empty = empty || value.as_str().is_some_and(is_no_secret);
                    if names_a_secret(&key) && !empty {
                        value = REDACTED.into();
                        self.taken = self.taken.saturating_add(1);
                    } else {
                        self.json(&mut value);
                    }
                    pairs.insert(self.text(key), value); // an orchestration's keys hold commands
                }
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }
}

/// Names of keyword arguments and keys whose values are never published, whole or as a last part: `db_password`.
const SECRET_NAMES: [&str; 20] = [
    "pillar",
    "pillar_override",
    "password",
    "passwd",
    "passphrase",
    "pass",
    "pwd",
    "pw",
    "secret",
    "secrets",
    "token",
    "apikey",
    "api_key",
    "access_key",
    "secret_key",
    "private_key",
    "privatekey",
    "auth",
    "authorization",
    "credentials",
];

fn names_a_secret(name: &str) -> bool {
    if name.len() > 128 {
        return false;
    }
    let name: String = name.to_ascii_lowercase().replace(['-', '.'], "_");
    let is_or_ends = |secret: &str| {
        name.strip_suffix(secret).is_some_and(|before| {
            before.is_empty()
                || before.ends_with('_')
                || (secret.len() > 5 && !before.contains(' '))
        })
    };
    SECRET_NAMES.iter().any(|secret| is_or_ends(secret))
}

/// What may stand after a secret's name without being one.
fn is_no_secret(text: &str) -> bool {
    let plain = [
        "", "True", "False", "true", "false", "None", "null", "yes", "no", REDACTED,
    ];
    plain.contains(&text) || text == crate::normalize::value::VALUE_TRIMMED
}

/// The match with its secret taken out, or as it is.
fn replace(found: &Captures<'_>, is_secret: fn(&str, &str) -> bool, taken: &mut u32) -> String {
    let Some((whole, secret)) = found.get(0).zip(found.name("secret")) else {
        return String::new();
    };
    let unchanged = whole.as_str().to_owned();
    let bare = secret.as_str().trim_matches(['"', '\'']);
    let variable = bare
        .strip_prefix('$')
        .is_some_and(|name| !name.contains('$'))
        || bare.starts_with("{{");
    if is_no_secret(bare) || variable || bare.contains(REDACTED) || !is_secret(whole.as_str(), bare)
    {
        return unchanged;
    }
    let start = secret.start() - whole.start();
    let lead = secret.as_str().len() - secret.as_str().trim_start_matches(['"', '\'']).len();
    let place: Range<usize> = start + lead..start + lead + bare.len();
    *taken += 1;
    let mut text = unchanged;
    text.replace_range(place, REDACTED);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(text: &str) -> (String, u32) {
        let mut redactor = Redactor::new();
        let text = redactor.text(text.to_owned());
        (text, redactor.taken())
    }

    #[test]
    fn every_rule_takes_its_examples_and_only_them() {
        for rule in RULES {
            for (text, expect) in rule.examples {
                let (text, taken) = redacted(text);
                assert_eq!(
                    (text.as_str(), taken),
                    (
                        *expect,
                        u32::try_from(expect.matches(REDACTED).count()).unwrap()
                    ),
                    "{}",
                    rule.name
                );
            }
            assert!(rule.examples.iter().any(|(text, _)| {
                COMPILED.regexes[RULES.iter().position(|r| r.name == rule.name).unwrap()]
                    .is_match(text)
            }));
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "docker run -p 80:80 -p443:443/tcp nginx",
            "mkdir -pv /srv/a && cp -pr a b && find . -perm 0644 -print0 -prune",
            "ssh -p22 root@web1 uptime",
            "git clone git@github.com:saltstack/salt.git",
            "passenger: 6.0.1, compass=north, bypass: all",
            "mail to: bob@example.com",
            "PWD=/root OLDPWD=/tmp",
            "docker pull nginx:latest@sha256:0123456789abcdef",
            "password: None, token=True",
            "mysql -p$MYSQL_PASS -u root",
            "curl -s https://example.com/path",
            "The file /etc/shadow is in the correct state",
            "http://proxy.example.com:3128/a@b",
        ] {
            assert_eq!(redacted(text), (text.to_owned(), 0));
        }
    }

    #[test]
    fn arguments_go_by_their_name() {
        let check = |word: &str, expect: &str| {
            assert_eq!(Redactor::new().word(word.to_owned()), expect);
        };
        check(r#"pillar={"a": {"b": 1}}"#, "pillar=<redacted>");
        check("password=one two\nthree", "password=<redacted>");
        check("db_password=x", "db_password=<redacted>");
        check("dbpassword=x", "dbpassword=<redacted>");
        check("api-key=x", "api-key=<redacted>");
        check("X-Auth-Token=x", "X-Auth-Token=<redacted>");
        check("test=True", "test=True");
        check("password=None", "password=None");
        check("saltenv=base", "saltenv=base");
        check("bypass=x", "bypass=x");
        check("pillarenv=base", "pillarenv=base");
        check("name=mysql -phunter2", "name=mysql -p<redacted>");
    }

    #[test]
    fn keys_go_by_their_name_however_deep() {
        let mut redactor = Redactor::new();
        let mut changes = serde_json::json!({
            "alice": {"passwd": {"old": "x", "new": "y"}, "uid": 7, "password": "XXX"},
            "list": [{"token": "t"}, {"token": null}, "AKIAIOSFODNN7EXAMPLE"],
            "cmd_|-a_|-mysql -phunter2 x_|-run": {},
        });
        redactor.json(&mut changes);
        let expect = serde_json::json!({
            "alice": {"passwd": "<redacted>", "uid": 7, "password": "<redacted>"},
            "list": [{"token": "<redacted>"}, {"token": null}, "<redacted>"],
            "cmd_|-a_|-mysql -p<redacted> x_|-run": {},
        });
        assert_eq!((changes, redactor.taken()), (expect, 5));
    }

    #[test]
    fn redacting_twice_takes_nothing_more() {
        for rule in RULES {
            for (text, _) in rule.examples {
                let (once, _) = redacted(text);
                assert_eq!(redacted(&once), (once.clone(), 0), "{}", rule.name);
            }
        }
    }
}
