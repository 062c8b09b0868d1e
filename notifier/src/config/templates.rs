//! `subject`, `title` and `template` of a route: compiled, and tried on what the route may tell.
//! It renders no message.

use super::file::RouteFile;
use super::mistake::{Mistake, Notes, Place};
use super::nearest::nearest;
use super::yaml::Text;
use crate::render::template::{Part, TemplateError, Wording, Wrong};
use crate::route::Route;

/// Judges a route's templates; `text` is the file, in which their mistakes have places.
pub(super) fn judge(file: &RouteFile, route: &Route, text: &str, notes: &mut Notes) -> Wording {
    let written = [
        (Part::Subject, &file.subject),
        (Part::Title, &file.title),
        (Part::Body, &file.template),
    ];
    let written: Vec<(Part, &Text)> = written
        .into_iter()
        .filter_map(|(part, text)| Some((part, text.as_ref()?)))
        .collect();
    let sources: Vec<(Part, String)> = written
        .iter()
        .map(|(part, text)| (*part, text.text.clone()))
        .collect();
    let wants = |taken| route.wants(taken);
    let errors = match Wording::compile(&sources, route.on, wants) {
        Ok(wording) => return wording,
        Err(errors) => errors,
    };
    for error in errors {
        let of = written.iter().find(|(part, _)| *part == error.part);
        let place = of.map_or(Place::START, |(_, written)| place(written, &error, text));
        let (key, why) = (error.part.key(), why(&error));
        notes.wrong(place, Mistake::Template { key, why });
    }
    Wording::default()
}

fn why(error: &TemplateError) -> String {
    match &error.what {
        Wrong::Unknown { name, known } => {
            let quoted = |name: &str| format!("`{name}`");
            let meant = match nearest(name, known.iter().map(String::as_str)) {
                Some(nearest) => format!("did you mean {}?", quoted(nearest)),
                None => {
                    let known: Vec<String> = known.iter().map(|name| quoted(name)).collect();
                    format!("there is {}", known.join(", "))
                }
            };
            format!("there is no `{name}` at this moment; {meant}")
        }
        Wrong::Engine(why) => format!("{why}; correct it, or leave the key out"),
    }
}

/// Where in the file something inside a template stands.
///
/// A text in quotes begins after them; a block below the line with its sign, indented as its first words are.
fn place(written: &Text, error: &TemplateError, file: &str) -> Place {
    let Place { line, column } = written.place;
    let inside = error.column.max(1) - 1;
    if let Some(header) = header_of_block(file, line) {
        return Place {
            line: header + error.line,
            column: column + inside,
        };
    }
    let sign = file
        .lines()
        .nth(line - 1)
        .and_then(|text| text.chars().nth(column - 1));
    let quote = usize::from(matches!(sign, Some('"' | '\'')));
    Place {
        line: line + error.line - 1,
        column: if error.line == 1 {
            column + quote + inside
        } else {
            inside + 1
        },
    }
}

/// The line that ends in `|` or `>`, if the text at this line is what is below it.
fn header_of_block(file: &str, line: usize) -> Option<usize> {
    let above: Vec<&str> = file.lines().take(line - 1).collect();
    let at = above.iter().rposition(|text| !text.trim().is_empty())?;
    let header = above.get(at)?.split(" #").next()?.trim_end();
    let chomping = |c: char| c == '+' || c == '-' || c.is_ascii_digit();
    let is_block = header.trim_end_matches(chomping).ends_with(['|', '>']);
    is_block.then_some(at + 1)
}
