//! What can be wrong with a configuration: where, what, and what to do about it.
//! It finds no mistake itself; no sentence here ever holds a secret's text.

use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

/// A place in the file, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl Place {
    /// The first character.
    pub const START: Place = Place { line: 1, column: 1 };
}

/// One mistake, as `what; what to do`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the sentence of each says it")]
pub enum Mistake {
    #[error("the file cannot be read: {why}; check the path and its rights")]
    Unreadable { why: String },
    #[error("this is not YAML: {why}; check indentation, quotes and brackets around here")]
    Syntax { why: String },
    #[error("the file holds a second document; keep one, without `---` in between")]
    SecondDocument,
    #[error("the file is empty; it needs {needs}")]
    EmptyFile { needs: &'static str },
    #[error("YAML reads `{text}` as {as_what}; quote it: \"{text}\"", text = .text)]
    Unquoted { text: String, as_what: &'static str },

    #[error("{of} has no key `{key}`{}", did_you_mean(.nearest, .known))]
    UnknownKey {
        of: &'static str,
        key: String,
        nearest: Option<&'static str>,
        known: &'static [&'static str],
    },
    #[error("`{what}` is not supported by this version; leave it out")]
    NotYet { what: String },
    #[error("`{key}` stands here twice; keep one")]
    TwiceKey { key: String },
    #[error("{of} needs `{key}`; {advice}")]
    MissingKey {
        of: &'static str,
        key: &'static str,
        advice: &'static str,
    },
    #[error("`{key}` has no value; give it one, or leave the line out")]
    NoValue { key: String },
    #[error("`{key}` is {is}; it must be {expected}")]
    WrongShape {
        key: String,
        is: &'static str,
        expected: &'static str,
    },
    #[error("`{text}` is no choice for `{key}`; {}", choose(.nearest, .known))]
    NoChoice {
        key: &'static str,
        text: String,
        nearest: Option<&'static str>,
        known: &'static [&'static str],
    },
    #[error("`{text}` is no size for `{key}`; write it like 64MiB")]
    NoSize { key: &'static str, text: String },
    #[error("`{text}` is no duration for `{key}`; write it like 30s, 10m or 1h30m")]
    NoDuration { key: &'static str, text: String },
    #[error("`{key}` is {text}; it must be {expected}")]
    OutOfRange {
        key: &'static str,
        text: String,
        expected: &'static str,
    },

    #[error("the {of} `{name}` stands in line {line} already; give each its own name")]
    TwiceName {
        of: &'static str,
        name: String,
        line: usize,
    },
    #[error("nobody is told anything; add at least one {of}")]
    Nothing { of: &'static str },
    #[error("there is no receiver `{name}`{}", known_names(.nearest, .known))]
    UnknownReceiver {
        name: String,
        nearest: Option<String>,
        known: Vec<String>,
    },
    #[error("`{name}` is told already in this route; name it once")]
    TwiceTold { name: String },
    #[error("{0}; write a glob like web*, or an expression like E@web\\d+")]
    Pattern(String),
    #[error("`{pattern}` matches no outcome; {}", choose(.nearest, .known))]
    NoOutcome {
        pattern: String,
        nearest: Option<&'static str>,
        known: &'static [&'static str],
    },
    #[error("`{what}` cannot be known when {when}; leave it out, or use `on: finish`")]
    NotKnownThen { what: String, when: &'static str },
    #[error(
        "`{key}` can match nothing here: what is clean or missing has no state; leave it out, or ask for other outcomes"
    )]
    NoState { key: &'static str },
    #[error("the template in `{key}`: {why}")]
    Template { key: &'static str, why: String },

    #[error(
        "a receiver has one transport, and this one has {count}; write `slack:` or `email:`, and two receivers for both"
    )]
    Transports { count: usize },
    #[error(
        "a secret does not belong into this file; put it into a file of its own and write `{instead}: /path/to/it`"
    )]
    InlineSecret { instead: &'static str },
    #[error("{path}, the file for `{key}`, cannot be read: {why}; check the path and its rights", path = .path.display())]
    SecretFile {
        key: &'static str,
        path: PathBuf,
        why: String,
    },
    #[error(
        "`{key}` takes the path of a file, and what stands there looks like the secret itself; put that into a file, and the file's path here"
    )]
    SecretItself { key: &'static str },
    #[error("{path}, the file for `{key}`, is empty; put the secret into it", path = .path.display())]
    EmptySecret { key: &'static str, path: PathBuf },
    #[error("{path} holds no URL of a webhook; it must be one line that begins with https://", path = .path.display())]
    NoWebhook { path: PathBuf },
    #[error(
        "`slack` needs to know who posts; write `webhook_url_file` or `token_file`, the path of a file that holds the webhook's URL or the bot's token"
    )]
    NoPoster,
    #[error("`webhook_url_file` and `token_file` are two ways to post; keep one")]
    TwoPosters,
    #[error("`icon_emoji` and `icon_url` are two pictures; keep one")]
    TwoIcons,
    #[error("`{key}` is only for a bot; leave it out, or write `token_file`")]
    OnlyBot { key: &'static str },
    #[error("`{key}` is only seen in the classic style; leave it out, or write `style: classic`")]
    OnlyClassic { key: &'static str },
    #[error("{path} holds no token; it must be one line, like xoxb-…", path = .path.display())]
    NoToken { path: PathBuf },
    #[error(
        "`{text}` is no address for a token; it must begin with https://, like https://slack.com/api/"
    )]
    NoApi { text: String },
    #[error("`{text}` is no channel; write its name like \"#ops\", or its id like C0123456789")]
    NoChannel { text: String },
    #[error(
        "`{text}` is a person's name, which a bot cannot write to; write the person's id, like U0123456789, or a channel like \"#ops\""
    )]
    NoPerson { text: String },
    #[error("`{text}` is no colour; write it like \"#F35A00\", or good, warning or danger")]
    NoColor { text: String },
    #[error("`{text}` is no emoji; write its name between colons, like \":computer:\"")]
    NoEmoji { text: String },
    #[error("`{text}` is no image's address; it must begin with https://")]
    NoImage { text: String },
    #[error("`{key}` and `{other}` go together; write both or none")]
    Alone {
        key: &'static str,
        other: &'static str,
    },
    #[error("`{key}` and `{other}` are two ways to log in; keep one")]
    Both {
        key: &'static str,
        other: &'static str,
    },
    #[error("`{text}` is no {of} server; write it like {example}")]
    NoServer {
        of: &'static str,
        text: String,
        example: &'static str,
    },
    #[error("the address holds a user or a password; write `{user}` and `password_file` instead")]
    LoginInUrl { user: &'static str },
    #[error("`{text}` is no mail address; write one, like \"Salt <salt@example.com>\"")]
    NoAddress { text: String },
    #[error("`{name}` cannot be a group's name; choose another, `main` for instance")]
    NoGroup { name: String },
    #[error("`{text}` is no time zone; write one like Europe/Berlin, or UTC")]
    NoTimezone { text: String },
    #[error("the master's configuration, {why}; {advice}")]
    MasterFile { why: String, advice: &'static str },
    #[error(
        "`{text}` is no address with a port; write it like 127.0.0.1:9464, or 0.0.0.0:9464 for all the world"
    )]
    NoListen { text: String },
    #[error("`{text}` cannot begin names of streams; use letters, digits, `_` and `-`, 32 at most")]
    NoPrefix { text: String },
}

fn did_you_mean(nearest: &Option<&'static str>, known: &[&str]) -> String {
    match nearest {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None => format!("; it has {}", list(known)),
    }
}

fn choose(nearest: &Option<&'static str>, known: &[&str]) -> String {
    match nearest {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("choose from {}", list(known)),
    }
}

fn known_names(nearest: &Option<String>, known: &[String]) -> String {
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    match nearest {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None if names.is_empty() => "; add it under `receivers`".to_owned(),
        None => format!("; there is {}", list(&names)),
    }
}

fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// What is not wrong, and should be otherwise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the sentence of each says it")]
pub enum Warning {
    #[error(
        "{path} can be read by every user of this host; `chmod o-r` it", path = .path.display()
    )]
    WorldReadable { path: PathBuf },
    #[error(
        "the webhook in {path} is not https: what is posted can be read on the way; use its https address", path = .path.display()
    )]
    Unencrypted { path: PathBuf },
    #[error(
        "the token in {path} does not begin with xoxb-, so it is no bot's; use the \"Bot User OAuth Token\" of the app", path = .path.display()
    )]
    NoBotToken { path: PathBuf },
}

/// Something at a place of the file, as one line: `FILE:LINE:COL: what; what to do`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<T> {
    /// The file.
    pub file: PathBuf,
    /// The place in it.
    pub place: Place,
    /// What is there.
    pub what: T,
}

impl<T: fmt::Display> fmt::Display for At<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { line, column } = self.place;
        write!(f, "{}:{line}:{column}: {}", self.file.display(), self.what)
    }
}

/// Every mistake of a file, in the order of their places: one line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes(Vec<At<Mistake>>);

impl Mistakes {
    /// The only one, about the file as a whole.
    pub fn one(file: &Path, mistake: Mistake) -> Mistakes {
        Mistakes(located(file, vec![(Place::START, mistake)]))
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &At<Mistake>> {
        self.0.iter()
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            write!(f, "{newline}{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// Where mistakes and warnings are put down while a file is read.
#[derive(Debug, Default)]
pub struct Notes {
    mistakes: Vec<(Place, Mistake)>,
    warnings: Vec<(Place, Warning)>,
    secrets: Vec<SecretFile>,
}

/// A secret's file as it was read: whether a secret was rotated is seen by it.
#[derive(Debug, Clone)]
pub struct SecretFile {
    /// The file.
    pub path: PathBuf,
    /// What stood in it.
    pub content: SecretString,
}

/// What there is to say of a file without mistakes, besides what is true.
#[derive(Debug, Clone, Default)]
pub struct Remarks {
    /// What should be otherwise and does no harm.
    pub warnings: Vec<At<Warning>>,
    /// The secrets that it names.
    pub secrets: Vec<SecretFile>,
}

impl Notes {
    /// A mistake.
    pub fn wrong(&mut self, place: Place, mistake: Mistake) {
        self.mistakes.push((place, mistake));
    }

    /// A warning.
    pub fn warn(&mut self, place: Place, warning: Warning) {
        self.warnings.push((place, warning));
    }

    /// A secret was read.
    pub fn secret(&mut self, path: PathBuf, content: SecretString) {
        self.secrets.push(SecretFile { path, content });
    }

    /// The first mistake, in the order of finding.
    pub fn first(&self) -> Option<&(Place, Mistake)> {
        self.mistakes.first()
    }

    /// What else there is to say, or if there is any mistake, the mistakes.
    ///
    /// # Errors
    /// Every mistake, in the order of their places.
    pub fn close(self, file: &Path) -> Result<Remarks, Mistakes> {
        if self.mistakes.is_empty() {
            Ok(Remarks {
                warnings: located(file, self.warnings),
                secrets: self.secrets,
            })
        } else {
            Err(Mistakes(located(file, self.mistakes)))
        }
    }
}

fn located<T>(file: &Path, mut notes: Vec<(Place, T)>) -> Vec<At<T>> {
    notes.sort_by_key(|(place, _)| *place);
    let at = |(place, what)| At {
        file: file.to_owned(),
        place,
        what,
    };
    notes.into_iter().map(at).collect()
}
