//! A route's own words: `subject`, `title` and `template`, in the language of Salt's own templates.
//! It lays nothing out and escapes nothing: what a template makes is plain text, as untrusted as the facts in it.

mod facts;

mod sample;

use std::io;
use std::sync::Arc;

use jiff::tz::TimeZone;
use minijinja::value::Serde;
use minijinja::{Environment, Error, ErrorKind, Template, UndefinedBehavior, Value};
use pillarbox_proto::delivery::Notification;

use super::excerpt::{clean, line};
use crate::route::{Moment, Taken};

/// Steps that a template may take: a loop over 5 000 minions takes some 50 000.
const FUEL: u64 = 1_000_000;
/// Bytes that it may write.
const LONGEST: usize = 64 * 1024;
/// Characters of a subject and of a title.
const SUBJECT_CHARS: usize = 300;
const TITLE_CHARS: usize = 300;

/// What of a message a route may word itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The subject of a mail.
    Subject,
    /// The first line, in Slack and in a mail.
    Title,
    /// The text below it.
    Body,
}

impl Part {
    /// Its key in a route.
    pub fn key(self) -> &'static str {
        match self {
            Part::Subject => "subject",
            Part::Title => "title",
            Part::Body => "template",
        }
    }
}

/// What a route's templates made of one notification; what is `None` is said in the built-in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// One line without controls.
    pub subject: Option<String>,
    /// One line without controls.
    pub title: Option<String>,
    /// Lines without controls.
    pub body: Option<String>,
}

/// A template that cannot be used, or could not be filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}`, line {line}: {what}", .part.key())]
pub struct TemplateError {
    /// Which.
    pub part: Part,
    /// The line in it, from 1.
    pub line: usize,
    /// The column in that line, from 1; 0 for not known.
    pub column: usize,
    /// What is wrong there.
    pub what: Wrong,
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// A name that stands for nothing at the route's moment.
    #[error("there is no `{name}`")]
    Unknown {
        /// As written: `counts.fialed`.
        name: String,
        /// What is there: with the same beginning where it has a dot.
        known: Vec<String>,
    },
    /// Anything else, in the words of the template engine.
    #[error("{0}")]
    Engine(String),
}

/// A route's templates, compiled.
#[derive(Debug, Clone, Default)]
pub struct Wording {
    templates: Option<Arc<Environment<'static>>>,
}

impl Wording {
    /// Compiles templates and tries each on what the route may tell, so that a mistake shows before a job does.
    ///
    /// # Errors
    /// The first mistake of each template, and every name in it that stands for nothing.
    pub fn compile(
        written: &[(Part, String)],
        on: Moment,
        wants: impl Fn(Taken) -> bool,
    ) -> Result<Wording, Vec<TemplateError>> {
        if written.is_empty() {
            return Ok(Wording::default());
        }
        let mut templates = environment();
        let mut errors = Vec::new();
        for (part, source) in written {
            if let Err(error) = templates.add_template_owned(part.key(), source.clone()) {
                errors.push(located(*part, source, &error));
            }
        }
        let samples: Vec<Value> = sample::of(on, wants)
            .iter()
            .map(|notification| Value::from(Serde(facts::of(notification, &TimeZone::UTC))))
            .collect();
        for (part, source) in written {
            if let Ok(template) = templates.get_template(part.key()) {
                errors.extend(tried(*part, source, &template, &samples));
            }
        }
        if errors.is_empty() {
            let templates = Some(Arc::new(templates));
            Ok(Wording { templates })
        } else {
            Err(errors)
        }
    }

    /// The words for a notification, and why some of them could not be made: those are the built-in ones then.
    pub fn words(
        &self,
        notification: &Notification,
        zone: &TimeZone,
    ) -> (Words, Vec<TemplateError>) {
        let mut errors = Vec::new();
        let Some(templates) = &self.templates else {
            return (Words::default(), errors);
        };
        let facts = Value::from(Serde(facts::of(notification, zone)));
        let mut made = |part: Part| {
            let template = templates.get_template(part.key()).ok()?;
            match filled_in(&template, &facts) {
                Ok(text) => Some(text).filter(|text| !text.trim().is_empty()),
                Err(error) => {
                    errors.push(located(part, template.source(), &error));
                    None
                }
            }
        };
        let words = Words {
            subject: made(Part::Subject).map(|text| line(&text, SUBJECT_CHARS)),
            title: made(Part::Title).map(|text| line(&text, TITLE_CHARS)),
            body: made(Part::Body).map(|text| clean(text.trim_end())),
        };
        (words, errors)
    }
}

/// Names must stand for something, and no template runs for ever. Nothing is read from files.
fn environment() -> Environment<'static> {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates.set_fuel(Some(FUEL));
    templates.set_debug(true); // an error knows its place only then
    templates.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    templates
}

/// Unknown names first: the engine would tell only one, and only where it comes by.
fn tried(
    part: Part,
    source: &str,
    template: &Template<'_, '_>,
    samples: &[Value],
) -> Vec<TemplateError> {
    let unknown = unknown(part, source, template, samples);
    if !unknown.is_empty() {
        return unknown;
    }
    let failed = samples
        .iter()
        .find_map(|sample| filled_in(template, sample).err());
    failed
        .map(|error| located(part, source, &error))
        .into_iter()
        .collect()
}

fn unknown(
    part: Part,
    source: &str,
    template: &Template<'_, '_>,
    samples: &[Value],
) -> Vec<TemplateError> {
    let environment = environment();
    let functions: Vec<&str> = environment.globals().map(|(name, _)| name).collect();
    let mut names: Vec<String> = template.undeclared_variables(true).into_iter().collect();
    names.sort();
    let Some(sample) = samples.first() else {
        return Vec::new();
    };
    let unknown = names.into_iter().filter_map(|name| {
        let known = known_beside(&name, sample)?;
        let (line, column) = place_of(&name, source);
        (!functions.contains(&name.as_str())).then_some(TemplateError {
            part,
            line,
            column,
            what: Wrong::Unknown { name, known },
        })
    });
    unknown.collect()
}

/// Of a dotted name that stands for nothing, what does where it leaves the path; `None` where all is well.
fn known_beside(name: &str, facts: &Value) -> Option<Vec<String>> {
    let (mut at, mut path) = (facts.clone(), String::new());
    for step in name.split('.') {
        let next = at.get_attr(step).unwrap_or(Value::UNDEFINED);
        if next.is_undefined() {
            let keys = at.try_iter().into_iter().flatten();
            let known = keys.filter_map(|key| Some(format!("{path}{}", key.as_str()?)));
            return Some(known.collect());
        }
        path = format!("{path}{step}.");
        at = next;
    }
    None
}

/// Where a name stands between braces, in lines and columns from 1.
fn place_of(name: &str, source: &str) -> (usize, usize) {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let stands = |at: &usize| {
        let (before, from) = source.split_at(*at);
        let after = from.get(name.len()..).unwrap_or_default();
        let opened = before.rfind("{{").max(before.rfind("{%"));
        let closed = before.rfind("}}").max(before.rfind("%}"));
        opened > closed
            && !before.ends_with(part_of_word)
            && !after.starts_with(|c: char| c.is_alphanumeric() || c == '_')
    };
    let at = source.match_indices(name).map(|(at, _)| at).find(stands);
    at.map_or((1, 0), |at| lines_and_columns(source, at))
}

fn lines_and_columns(source: &str, at: usize) -> (usize, usize) {
    let before = source.get(..at).unwrap_or(source);
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    (before.matches('\n').count() + 1, column)
}

fn located(part: Part, source: &str, error: &Error) -> TemplateError {
    let range = error.range();
    let begins = range.as_ref().map(|range| expression(source, range.start));
    let (line, column) = match begins {
        Some(at) => lines_and_columns(source, at),
        None => (error.line().unwrap_or(1), 0),
    };
    let about = begins
        .zip(range)
        .and_then(|(at, range)| source.get(at..range.end));
    let why = match (error.kind(), error.detail(), about) {
        (ErrorKind::WriteFailure, ..) => "it writes more than 64 KiB".to_owned(),
        (ErrorKind::UndefinedError, _, Some(about)) => format!("`{about}` stands for nothing"),
        (kind, Some(detail), _) => format!("{kind}: {detail}"),
        (kind, None, _) => kind.to_string(),
    };
    TemplateError {
        part,
        line,
        column,
        what: Wrong::Engine(super::excerpt::line(&why, 200)),
    }
}

/// Where the expression begins that the engine points into: of `failures[0].id` it names `[0].id`.
fn expression(source: &str, at: usize) -> usize {
    let before = source.get(..at).unwrap_or_default();
    let inside = |c: char| c.is_alphanumeric() || "_.[]".contains(c);
    before.trim_end_matches(inside).len()
}

fn filled_in(template: &Template<'_, '_>, facts: &Value) -> Result<String, Error> {
    let mut text = Bounded(Vec::new());
    template.render_captured_to(facts.clone(), &mut text)?;
    Ok(String::from_utf8_lossy(&text.0).into_owned())
}

/// Takes so many bytes, and no more.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
