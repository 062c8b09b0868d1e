//! YAML as a tree in which every value knows its place, and what YAML did to unquoted texts.
//! It knows no key: what the values mean is read from the tree.
//!
//! A derived `Deserialize` stops at the first mistake and loses places inside untagged values; a tree does neither.

use std::collections::{BTreeMap, BTreeSet};

use serde_saphyr::granit_parser::{Event, Marker, Options, Parser, ScalarStyle, Span, Tag};

use crate::mistake::{Mistake, Notes, Place};
use crate::unquoted::{Unquoted, blot, culprit, unquoted};

/// Values nested deeper than this are refused: ours need five.
const MAX_DEPTH: usize = 32;

/// A value at its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where.
    pub place: Place,
    /// What.
    pub value: Value,
}

/// A value as it was written.
#[derive(Debug, Clone)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Nothing,
    /// A scalar, whatever type YAML would give it.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in order, a key perhaps twice.
    Map(Vec<(Text, Node)>),
    /// A mistake that is noted already: say nothing more about it.
    Spoilt,
}

/// A text at its place.
#[derive(Debug, Clone)]
pub struct Text {
    /// Where.
    pub place: Place,
    /// What.
    pub text: String,
}

/// Reads a file's only document. `None` if no tree could be made of it; the reason is noted.
pub fn read(text: &str, notes: &mut Notes) -> Option<Node> {
    let mut text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
    let mut spoilt = BTreeSet::new();
    loop {
        let unquoted = unquoted(&text);
        let tree = Tree {
            unquoted: &unquoted,
            spoilt: &spoilt,
            anchors: BTreeMap::new(),
            found: Vec::new(),
        };
        match tree.read(&text) {
            Ok((node, found)) => {
                for (place, mistake) in found {
                    notes.wrong(place, mistake);
                }
                return node;
            }
            Err((place, mistake)) => {
                // A sign that YAML cannot read in its place: say so, blot it out, and read on.
                let Some(sign) = culprit(&unquoted, place) else {
                    notes.wrong(place, mistake);
                    return None;
                };
                notes.wrong(sign.place, sign.mistake());
                blot(&mut text, sign.place);
                spoilt.insert(sign.place);
            }
        }
    }
}

/// A tree in the making.
struct Tree<'a> {
    unquoted: &'a [Unquoted],
    spoilt: &'a BTreeSet<Place>,
    anchors: BTreeMap<usize, Node>,
    found: Vec<(Place, Mistake)>,
}

type Failed = (Place, Mistake);
type Events<'a> = Parser<'a, serde_saphyr::granit_parser::StrInput<'a>>;

impl Tree<'_> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the parser may learn new events"
    )]
    fn read(mut self, text: &str) -> Result<(Option<Node>, Vec<Failed>), Failed> {
        let mut options = Options::default();
        options.emit_unresolved_aliases = true;
        options.emit_comments = false;
        let mut events = Parser::new_from_str_with_options(text, options);
        let mut root = None;
        loop {
            let (event, span) = next(&mut events)?;
            match event {
                Event::StreamEnd => return Ok((root, self.found)),
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event if root.is_none() => root = Some(self.node(event, span, &mut events, 0)?),
                _ => return Err((place(span.start), Mistake::SecondDocument)),
            }
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the parser may learn new events"
    )]
    fn node(
        &mut self,
        event: Event<'_>,
        span: Span,
        events: &mut Events<'_>,
        depth: usize,
    ) -> Result<Node, Failed> {
        let at = place(span.start);
        if depth > MAX_DEPTH {
            let why = format!("more than {MAX_DEPTH} values inside each other");
            return Err((at, Mistake::Syntax { why }));
        }
        let (value, anchor, tag) = match event {
            Event::Scalar(text, style, anchor, tag) => (self.scalar(at, &text, style), anchor, tag),
            Event::SequenceStart(_, anchor, tag) => (self.list(events, depth)?, anchor, tag),
            Event::MappingStart(_, anchor, tag) => (self.map(events, depth)?, anchor, tag),
            Event::Alias(anchor) => return Ok(self.anchored(anchor, at)),
            event => return self.no_value(event, at),
        };
        let misread = tag.is_some_and(|tag| self.is_misread(&tag, &span));
        let value = if misread { Value::Spoilt } else { value };
        let node = Node { place: at, value };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    /// What an alias stands for.
    fn anchored(&self, anchor: usize, place: Place) -> Node {
        let value = Value::Spoilt;
        let node = self.anchors.get(&anchor).cloned();
        node.unwrap_or(Node { place, value })
    }

    fn no_value(&mut self, event: Event<'_>, place: Place) -> Result<Node, Failed> {
        let Event::UnresolvedAlias(_) = event else {
            let why = "a value is expected".to_owned();
            return Err((place, Mistake::Syntax { why }));
        };
        let (text, as_what) = (self.word(place).unwrap_or_default(), "an alias");
        self.found
            .push((place, Mistake::Unquoted { text, as_what }));
        let value = Value::Spoilt;
        Ok(Node { place, value })
    }

    /// A tag of one's own is a text that was meant to be one.
    fn is_misread(&mut self, tag: &Tag, span: &Span) -> bool {
        if tag.is_yaml_core_schema() {
            return false;
        }
        let at = place(span.tag_start.unwrap_or(span.start));
        let text = self.word(at).unwrap_or_default();
        self.found.push((
            at,
            Mistake::Unquoted {
                text,
                as_what: "a tag",
            },
        ));
        true
    }

    fn scalar(&mut self, at: Place, text: &str, style: ScalarStyle) -> Value {
        if self.spoilt.contains(&at) {
            return Value::Spoilt;
        }
        match (style, text) {
            (ScalarStyle::Plain, "" | "~" | "null" | "Null" | "NULL") => Value::Nothing,
            (_, text) => Value::Text(text.to_owned()),
        }
    }

    fn list(&mut self, events: &mut Events<'_>, depth: usize) -> Result<Value, Failed> {
        let mut list = Vec::new();
        loop {
            match next(events)? {
                (Event::SequenceEnd, _) => return Ok(Value::List(list)),
                (event, span) => {
                    let node = self.node(event, span, events, depth + 1)?;
                    let line = Place {
                        column: 1,
                        ..node.place
                    };
                    list.push(self.uncommented(line, node));
                }
            }
        }
    }

    fn map(&mut self, events: &mut Events<'_>, depth: usize) -> Result<Value, Failed> {
        let (mut map, mut braces) = (Vec::new(), false);
        loop {
            let (event, span) = match next(events)? {
                (Event::MappingEnd, _) if braces => return Ok(Value::Spoilt),
                (Event::MappingEnd, _) => return Ok(Value::Map(map)),
                event => event,
            };
            let key = self.node(event, span, events, depth + 1)?;
            let (event, span) = next(events)?;
            let value = self.node(event, span, events, depth + 1)?;
            let value = self.uncommented(key.place, value);
            match key.value {
                Value::Text(text) => map.push((
                    Text {
                        place: key.place,
                        text,
                    },
                    value,
                )),
                Value::Spoilt => {}
                // `{{ id }}`, as in a template.
                Value::Map(_) if matches!(value.value, Value::Nothing) => {
                    let (text, as_what) = ("{{ … }}".to_owned(), "a mapping");
                    let mistake = Mistake::Unquoted { text, as_what };
                    self.found.push((key.place, mistake));
                    braces = true;
                }
                Value::Nothing | Value::List(_) | Value::Map(_) => {
                    let why = "a key must be a text".to_owned();
                    return Err((key.place, Mistake::Syntax { why }));
                }
            }
        }
    }

    /// Nothing, because `#ops` became a comment in the line where the value should be.
    fn uncommented(&mut self, from: Place, node: Node) -> Node {
        let comment = |word: &&Unquoted| {
            word.sign == '#' && word.place.line == from.line && word.place >= from
        };
        match (&node.value, self.unquoted.iter().find(comment)) {
            (Value::Nothing, Some(word)) => {
                self.found.push((word.place, word.mistake()));
                Node {
                    place: word.place,
                    value: Value::Spoilt,
                }
            }
            _ => node,
        }
    }

    fn word(&self, at: Place) -> Option<String> {
        let word = self.unquoted.iter().find(|word| word.place == at);
        word.map(|word| word.word.clone())
    }
}

fn next<'a>(events: &mut Events<'a>) -> Result<(Event<'a>, Span), Failed> {
    match events.next_event() {
        Some(Ok(event)) => Ok(event),
        Some(Err(error)) => {
            let why = error.kind().to_string();
            Err((place(*error.marker()), Mistake::Syntax { why }))
        }
        None => Ok((Event::StreamEnd, Span::default())),
    }
}

fn place(marker: Marker) -> Place {
    Place {
        line: marker.line().max(1),
        column: marker.col() + 1,
    }
}
