//! Salt's words as types: job ids, minion ids, functions, targets, and the command line as a person typed it.
//! It parses no MessagePack and knows no event: the collector does.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A job id as Salt writes it: UTC `%Y%m%d%H%M%S%f`, 20 digits, with `unique_jid` followed by `_<pid>` (`salt/utils/jid.py`).
///
/// Salt also fires `req` and `nocache`; [`Jid::is_regular`] tells them apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Jid(pub String);

impl Jid {
    /// 20 digits, optionally followed by `_` and digits: an id that names one job and nothing else.
    pub fn is_regular(&self) -> bool {
        let (time, pid) = match self.0.split_once('_') {
            Some((time, pid)) => (time, Some(pid)),
            None => (self.0.as_str(), None),
        };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        time.len() == 20 && digits(time) && pid.is_none_or(|pid| !pid.is_empty() && digits(pid))
    }

    /// When the master (or the minion, for its own jobs) made the id, in UTC. Only shown to people, never computed with.
    pub fn started(&self) -> Option<jiff::Timestamp> {
        if !self.is_regular() {
            return None;
        }
        let part = |from: usize, to: usize| self.0.get(from..to)?.parse::<i16>().ok();
        let micros: i32 = self.0.get(14..20)?.parse().ok()?;
        jiff::civil::DateTime::new(
            part(0, 4)?,
            i8::try_from(part(4, 6)?).ok()?,
            i8::try_from(part(6, 8)?).ok()?,
            i8::try_from(part(8, 10)?).ok()?,
            i8::try_from(part(10, 12)?).ok()?,
            i8::try_from(part(12, 14)?).ok()?,
            micros * 1000,
        )
        .ok()?
        .to_zoned(jiff::tz::TimeZone::UTC)
        .ok()
        .map(|zoned| zoned.timestamp())
    }
}

impl fmt::Display for Jid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A minion's id, as it stands in its key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MinionId(pub String);

impl fmt::Display for MinionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The function of a job: one, or several in one call (`salt '*' test.ping,test.version`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Fun {
    /// `state.apply`
    One(String),
    /// `["test.ping", "test.version"]`
    Several(Vec<String>),
}

impl Fun {
    /// Every function named, in order.
    pub fn names(&self) -> &[String] {
        match self {
            Fun::One(name) => std::slice::from_ref(name),
            Fun::Several(names) => names,
        }
    }

    /// What stands for it in a subject: the name, or `multi`.
    pub fn subject_name(&self) -> &str {
        match self {
            Fun::One(name) => name,
            Fun::Several(_) => "multi",
        }
    }
}

impl fmt::Display for Fun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(","))
    }
}

/// Whom a job was aimed at: an expression, or with `tgt_type: list` the ids themselves.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Target {
    /// `web*`, `roles:web`, `G@dc:lab and web1`
    Expression(String),
    /// `["web1", "web2"]`
    Minions(Vec<String>),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Expression(expression) => f.write_str(expression),
            Target::Minions(minions) => f.write_str(&minions.join(",")),
        }
    }
}

/// A value that a call of several functions gives once per function (`salt/minion.py`: by name, or with `multifunc_ordered` in order).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PerFunction<T> {
    /// One function, one value.
    One(T),
    /// Several, keyed by function.
    ByName(BTreeMap<String, T>),
    /// Several, in the order of the functions.
    InOrder(Vec<T>),
}

impl<T> PerFunction<T> {
    /// Every value in it.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        let (one, by_name, in_order) = match self {
            PerFunction::One(value) => (Some(value), None, None),
            PerFunction::ByName(map) => (None, Some(map.values()), None),
            PerFunction::InOrder(list) => (None, None, Some(list.iter())),
        };
        one.into_iter()
            .chain(by_name.into_iter().flatten())
            .chain(in_order.into_iter().flatten())
    }
}

/// The switch of `salt` that chooses a target type; none for a glob.
pub fn target_switch(target_type: &str) -> Option<&'static str> {
    match target_type {
        "list" => Some("-L"),
        "grain" => Some("-G"),
        "grain_pcre" => Some("-P"),
        "pcre" => Some("-E"),
        "compound" => Some("-C"),
        "pillar" => Some("-I"),
        "pillar_pcre" => Some("-J"),
        "ipcidr" => Some("-S"),
        "nodegroup" => Some("-N"),
        "range" => Some("-R"),
        _ => None,
    }
}

/// One word quoted so that a POSIX shell gives it back unchanged (XCU §2.2).
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A job's command line as a person would type it: `salt -G 'roles:web' state.apply nginx test=True`.
///
/// `args` are the words after the function, unquoted.
pub fn command_line(target: &Target, target_type: &str, fun: &Fun, args: &[String]) -> String {
    let mut words = vec!["salt".to_owned()];
    words.extend(target_switch(target_type).map(str::to_owned));
    words.push(quote_target(&target.to_string()));
    words.push(quote(&fun.to_string()));
    words.extend(args.iter().map(|arg| quote(arg)));
    words.join(" ")
}

/// A runner's command line: `salt-run state.orchestrate deploy.rolling`.
pub fn runner_command_line(fun: &Fun, args: &[String]) -> String {
    let mut words = vec!["salt-run".to_owned(), quote(&fun.to_string())];
    words.extend(args.iter().map(|arg| quote(arg)));
    words.join(" ")
}

/// Targets with a colon or a star are quoted even where a shell would not need it: that is how Salt's manual writes them.
fn quote_target(target: &str) -> String {
    let quoted = quote(target);
    if quoted == target && target.contains(':') {
        format!("'{target}'")
    } else {
        quoted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jids_are_told_from_other_texts() {
        let check = |text: &str, regular: bool| {
            assert_eq!(Jid(text.into()).is_regular(), regular, "{text}")
        };
        check("20261122012254116336", true);
        check("20261122012254116336_4711", true);
        check("20261122012254116336_", false);
        check("2026112201225411633", false);
        check("req", false);
        check("nocache", false);
        check("2026112201225411633x", false);
    }

    #[test]
    fn a_jid_says_when_it_was_made() {
        let at = |text: &str| Jid(text.into()).started().map(|t| t.to_string());
        assert_eq!(
            at("20261122012254116336").as_deref(),
            Some("2026-11-22T01:22:54.116336Z")
        );
        assert_eq!(at("20261322012254116336"), None, "month 13");
        assert_eq!(at("req"), None);
    }

    #[test]
    fn commands_read_as_typed() {
        let check = |target: &str, kind: &str, fun: &str, args: &[&str], expect: &str| {
            let args: Vec<String> = args.iter().map(ToString::to_string).collect();
            let line = command_line(
                &Target::Expression(target.into()),
                kind,
                &Fun::One(fun.into()),
                &args,
            );
            assert_eq!(line, expect);
        };
        check("*", "glob", "state.apply", &[], "salt '*' state.apply");
        check(
            "roles:web",
            "grain",
            "state.apply",
            &["nginx", "test=True"],
            "salt -G 'roles:web' state.apply nginx test=True",
        );
        check(
            "db1",
            "glob",
            "cmd.run",
            &["echo 'hi'; id"],
            r"salt db1 cmd.run 'echo '\''hi'\''; id'",
        );
        check(
            "G@dc:lab and web1",
            "compound",
            "test.ping",
            &[""],
            "salt -C 'G@dc:lab and web1' test.ping ''",
        );
    }

    #[test]
    fn lists_are_joined_as_the_command_takes_them() {
        let target = Target::Minions(vec!["web1".into(), "web2".into()]);
        let fun = Fun::Several(vec!["test.ping".into(), "test.version".into()]);
        assert_eq!(
            command_line(&target, "list", &fun, &[]),
            "salt -L web1,web2 test.ping,test.version"
        );
    }
}
