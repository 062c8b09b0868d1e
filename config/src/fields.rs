//! A mapping's keys, taken one by one; what is left over, doubled or of the wrong shape is noted.
//! It knows which keys there are, and not what they mean.

use crate::mistake::{Mistake, Notes, Place};
use crate::nearest::nearest;
use crate::yaml::{Node, Text, Value};

/// The keys that a mapping may have.
pub struct Known {
    /// What the mapping is, with its article.
    pub of: &'static str,
    /// Keys of this version.
    pub keys: &'static [&'static str],
    /// Keys of the design that this version has not.
    pub not_yet: &'static [&'static str],
    /// Keys that must be there, and what to write.
    pub needed: &'static [(&'static str, &'static str)],
    /// Keys under which somebody may have written a secret itself, and the key for its file instead.
    pub secrets: &'static [(&'static str, &'static str)],
}

/// A mapping being read.
pub struct Fields {
    /// Where it begins.
    pub place: Place,
    fields: Vec<(Text, Node)>,
}

impl Fields {
    /// Opens a value as a mapping with these keys. `None`, noted, if it is none.
    pub fn open(node: Node, key: &str, known: &Known, notes: &mut Notes) -> Option<Fields> {
        let place = node.place;
        let Value::Map(written) = node.value else {
            wrong_shape(&node, key, "a mapping of keys and values", notes);
            return None;
        };
        let mut fields: Vec<(Text, Node)> = Vec::new();
        for (mut key, mut node) in written {
            if let Some((_, instead)) = known.secrets.iter().find(|(secret, _)| *secret == key.text)
            {
                notes.wrong(key.place, Mistake::InlineSecret { instead });
                key.text = (*instead).to_owned();
                node.value = Value::Spoilt;
            }
            let name = key.text.as_str();
            if known.not_yet.contains(&name) {
                let what = name.to_owned();
                notes.wrong(key.place, Mistake::NotYet { what });
            } else if !known.keys.contains(&name) {
                notes.wrong(key.place, unknown(known, name));
            } else if fields.iter().any(|(there, _)| there.text == name) {
                let key_text = key.text.clone();
                notes.wrong(key.place, Mistake::TwiceKey { key: key_text });
            } else {
                fields.push((key, node));
            }
        }
        let fields = Fields { place, fields };
        fields.need(known, notes);
        Some(fields)
    }

    fn need(&self, known: &Known, notes: &mut Notes) {
        for (key, advice) in known.needed {
            if !self.has(key) {
                let of = known.of;
                notes.wrong(self.place, Mistake::MissingKey { of, key, advice });
            }
        }
    }

    /// Two keys of which one alone says nothing.
    pub fn together(&self, one: &'static str, other: &'static str, notes: &mut Notes) {
        let alone = match (self.has(one), self.has(other)) {
            (true, false) => one,
            (false, true) => other,
            (true, true) | (false, false) => return,
        };
        notes.wrong(self.place_of(alone), Mistake::Alone { key: one, other });
    }

    /// Two keys that say the same thing in two ways.
    pub fn not_both(&self, key: &'static str, other: &'static str, notes: &mut Notes) {
        if self.has(key) && self.has(other) {
            notes.wrong(self.place_of(key), Mistake::Both { key, other });
        }
    }

    /// Whether a key is written, readable or not.
    pub fn has(&self, key: &str) -> bool {
        self.fields.iter().any(|(there, _)| there.text == key)
    }

    /// Where a key is written.
    pub fn place_of(&self, key: &str) -> Place {
        let field = self.fields.iter().find(|(there, _)| there.text == key);
        field.map_or(self.place, |(there, _)| there.place)
    }

    /// A key's value, as it is.
    pub fn node(&self, key: &str) -> Option<Node> {
        let field = self.fields.iter().find(|(there, _)| there.text == key);
        field.map(|(_, node)| node.clone())
    }

    /// A key's value as a text.
    pub fn text(&self, key: &str, notes: &mut Notes) -> Option<Text> {
        text(self.node(key)?, key, "a text", notes)
    }

    /// A key's value as `true` or `false`.
    pub fn flag(&self, key: &str, notes: &mut Notes) -> Option<bool> {
        let expected = "true or false";
        let node = self.node(key)?;
        let flag = match &node.value {
            Value::Text(text) => text.parse().ok(),
            Value::Nothing | Value::List(_) | Value::Map(_) | Value::Spoilt => None,
        };
        if flag.is_none() {
            wrong_shape(&node, key, expected, notes);
        }
        flag
    }

    /// A key's value as texts: one, or a list of them. `None` if the key is not there.
    pub fn texts(&self, key: &str, notes: &mut Notes) -> Option<Vec<Text>> {
        let node = self.node(key)?;
        let Value::List(list) = node.value else {
            return Some(
                text(node, key, "a text or a list of texts", notes)
                    .into_iter()
                    .collect(),
            );
        };
        if list.is_empty() {
            let key = key.to_owned();
            notes.wrong(node.place, Mistake::NoValue { key });
        }
        let texts = list
            .into_iter()
            .filter_map(|node| text(node, key, "a list of texts", notes));
        Some(texts.collect())
    }

    /// A key's value as a list of anything; empty if it is not there. `None`, noted, if it is no list.
    pub fn list(&self, key: &str, notes: &mut Notes) -> Option<Vec<Node>> {
        let Some(node) = self.node(key) else {
            return Some(Vec::new());
        };
        match node.value {
            Value::List(list) => Some(list),
            Value::Nothing | Value::Text(_) | Value::Map(_) | Value::Spoilt => {
                wrong_shape(&node, key, "a list: each entry begins with `- `", notes);
                None
            }
        }
    }
}

fn unknown(known: &Known, key: &str) -> Mistake {
    Mistake::UnknownKey {
        of: known.of,
        key: key.to_owned(),
        nearest: nearest(key, known.keys.iter().copied()),
        known: known.keys,
    }
}

fn text(node: Node, key: &str, expected: &'static str, notes: &mut Notes) -> Option<Text> {
    match node.value {
        Value::Text(text) => Some(Text {
            place: node.place,
            text,
        }),
        Value::Nothing | Value::List(_) | Value::Map(_) | Value::Spoilt => {
            wrong_shape(&node, key, expected, notes);
            None
        }
    }
}

fn wrong_shape(node: &Node, key: &str, expected: &'static str, notes: &mut Notes) {
    let key = key.to_owned();
    let is = match node.value {
        Value::Spoilt => return,
        Value::Nothing => return notes.wrong(node.place, Mistake::NoValue { key }),
        Value::Text(_) => "a text",
        Value::List(_) => "a list",
        Value::Map(_) => "a mapping",
    };
    notes.wrong(node.place, Mistake::WrongShape { key, is, expected });
}
