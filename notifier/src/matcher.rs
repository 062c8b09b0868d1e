//! Matchers in Salt's habits: globs, `E@` for a regular expression, a list for any, a leading `!` to exclude.
//! It knows no event and no route: it matches texts.

use regex::Regex;

/// One entry of a matcher: `web*`, `E@web\d+`, `!saltmaster`.
#[derive(Debug, Clone)]
pub struct Pattern {
    written: String,
    exclude: bool,
    regex: Regex,
}

/// A pattern that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{pattern}` is no pattern: {why}")]
pub struct PatternError {
    /// As it was written.
    pub pattern: String,
    /// What is wrong with it.
    pub why: String,
}

impl Pattern {
    /// Reads one entry.
    pub fn parse(written: &str) -> Result<Pattern, PatternError> {
        let error = |why: String| PatternError {
            pattern: written.to_owned(),
            why,
        };
        let (exclude, text) = match written.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, written),
        };
        if text.is_empty() && exclude {
            return Err(error("there is nothing after the `!`".to_owned()));
        }
        let source = match text.strip_prefix("E@") {
            Some(expression) => format!("^(?:{expression})$"),
            None => {
                glob_to_regex(text).ok_or_else(|| error("the `[` is never closed".to_owned()))?
            }
        };
        let regex = Regex::new(&format!("(?s){source}"))
            .map_err(|cause| error(last_line(&cause.to_string())))?;
        Ok(Pattern {
            written: written.to_owned(),
            exclude,
            regex,
        })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// A plain glob without exclusion, which a subject filter may be able to say.
    pub fn positive_glob(&self) -> Option<&str> {
        (!self.exclude && !self.written.starts_with("E@")).then_some(self.written.as_str())
    }

    /// Whether it only excludes.
    pub fn is_exclusion(&self) -> bool {
        self.exclude
    }
}

/// Python's `fnmatch` (which Salt's globs are): `*`, `?`, `[seq]`, `[!seq]`; `None` for a `[` that is never closed.
fn glob_to_regex(glob: &str) -> Option<String> {
    let mut regex = String::from("^");
    let mut chars = glob.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            '[' => {
                let rest = chars.as_str();
                let negated = rest.starts_with('!');
                let body_from = usize::from(negated);
                // A `]` right after the opening stands for itself.
                let end = rest
                    .char_indices()
                    .skip(body_from + 1)
                    .find(|(_, c)| *c == ']')
                    .map(|(at, _)| at)?;
                let body = rest.get(body_from..end)?;
                let escaped: String = body.chars().map(class_char).collect();
                regex.push_str(&format!("[{}{escaped}]", if negated { "^" } else { "" }));
                chars = rest.get(end + 1..)?.chars();
            }
            _ => regex.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    regex.push('$');
    Some(regex)
}

/// A character inside a class: a range's hyphen keeps its meaning, all else stands for itself.
fn class_char(c: char) -> String {
    if c.is_alphanumeric() || c == '-' {
        c.to_string()
    } else {
        format!("\\{c}")
    }
}

fn last_line(text: &str) -> String {
    text.lines()
        .last()
        .unwrap_or_default()
        .trim_start_matches("error: ")
        .to_owned()
}

/// A list of patterns: any positive one, and no exclusion.
#[derive(Debug, Clone, Default)]
pub struct Matcher {
    patterns: Vec<Pattern>,
}

impl Matcher {
    /// A matcher of these entries; none matches everything.
    pub fn new(patterns: Vec<Pattern>) -> Matcher {
        Matcher { patterns }
    }

    /// Reads a list of entries, all mistakes at once.
    pub fn parse<S: AsRef<str>>(written: &[S]) -> Result<Matcher, Vec<PatternError>> {
        let (mut patterns, mut errors) = (Vec::new(), Vec::new());
        for entry in written {
            match Pattern::parse(entry.as_ref()) {
                Ok(pattern) => patterns.push(pattern),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() {
            Ok(Matcher { patterns })
        } else {
            Err(errors)
        }
    }

    /// Its entries.
    pub fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }

    /// It says nothing: everything matches.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Matches one text. An absent field is the empty text.
    pub fn matches(&self, text: &str) -> bool {
        self.matches_any(&[text])
    }

    /// Matches a list field: any element may match, and an exclusion holds only if it excludes all of them.
    pub fn matches_any(&self, texts: &[&str]) -> bool {
        let texts = if texts.is_empty() { &[""][..] } else { texts };
        self.wanted(texts)
            && !self
                .exclusions()
                .any(|pattern| texts.iter().all(|text| pattern.regex.is_match(text)))
    }

    /// Matches one thing that goes by several names: by any of them it is wanted, and by any of them it is excluded.
    pub fn matches_named(&self, names: &[&str]) -> bool {
        self.wanted(names)
            && !self
                .exclusions()
                .any(|pattern| names.iter().any(|name| pattern.regex.is_match(name)))
    }

    fn wanted(&self, texts: &[&str]) -> bool {
        let mut positive = self
            .patterns
            .iter()
            .filter(|pattern| !pattern.exclude)
            .peekable();
        positive.peek().is_none()
            || positive.any(|pattern| texts.iter().any(|text| pattern.regex.is_match(text)))
    }

    fn exclusions(&self) -> impl Iterator<Item = &Pattern> {
        self.patterns.iter().filter(|pattern| pattern.exclude)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(patterns: &[&str], text: &str, expect: bool) {
        let matcher = Matcher::parse(patterns).unwrap();
        assert_eq!(matcher.matches(text), expect, "{patterns:?} on {text:?}");
    }

    #[test]
    fn globs_are_salts() {
        check(&["web*"], "web1", true);
        check(&["web*"], "xweb1", false);
        check(&["web?"], "web12", false);
        check(&["web[0-2]"], "web1", true);
        check(&["web[!0-2]"], "web1", false);
        check(&["[]]x"], "]x", true);
        check(&["a.b"], "axb", false);
        check(&["state.*"], "state.apply", true);
        check(&["*"], "several\nlines", true);
        check(&[], "anything", true);
    }

    #[test]
    fn lists_mean_any_and_exclusions_win() {
        check(&["web*", "db*"], "db1", true);
        check(&["!saltmaster"], "web1", true);
        check(&["!saltmaster"], "saltmaster", false);
        check(&["web*", "!web3"], "web3", false);
        check(&["!web3"], "", true);
        check(&["E@web\\d+"], "web12", true);
        check(&["E@web\\d+"], "web12x", false);
        check(&["!E@web\\d+"], "web12", false);
    }

    #[test]
    fn a_list_field_matches_when_any_element_does() {
        let matcher = |patterns: &[&str]| Matcher::parse(patterns).unwrap();
        assert!(matcher(&["state.*"]).matches_any(&["test.ping", "state.apply"]));
        assert!(
            matcher(&["!test.*"]).matches_any(&["test.ping", "state.apply"]),
            "an exclusion holds only for all"
        );
        assert!(!matcher(&["!test.*"]).matches_any(&["test.ping", "test.version"]));
        assert!(!matcher(&["state.*"]).matches_any(&[]));
    }

    #[test]
    fn a_thing_of_several_names_is_known_by_any_of_them() {
        let check = |patterns: &[&str], names: &[&str], expect: bool| {
            let matcher = Matcher::parse(patterns).unwrap();
            assert_eq!(
                matcher.matches_named(names),
                expect,
                "{patterns:?} {names:?}"
            );
        };
        let state = ["nginx-conf", "/etc/nginx.conf", "file.managed"];
        check(&["file.*"], &state, true);
        check(&["nginx-*"], &state, true);
        check(&["pkg.*"], &state, false);
        check(&["!file.*"], &state, false);
        check(&["nginx*", "!/etc/*"], &state, false);
        check(&["!pkg.*"], &state, true);
        check(&["!root"], &[""], true);
    }

    #[test]
    fn mistakes_name_the_entry() {
        let errors = Matcher::parse(&["ok", "web[1", "!", "E@("]).unwrap_err();
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts[0], "`web[1` is no pattern: the `[` is never closed");
        assert_eq!(
            texts[1],
            "`!` is no pattern: there is nothing after the `!`"
        );
        assert!(
            texts[2].starts_with("`E@(` is no pattern: unclosed group"),
            "{}",
            texts[2]
        );
    }
}
