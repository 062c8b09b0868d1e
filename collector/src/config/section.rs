//! One mapping of a configuration file while it is read: asked for its keys, it notes every mistake.
//! What a value means is [`super`]'s: this only gives texts, sizes and lists, and says which keys nobody asked for.

use super::mistake::{Mistakes, nearest};
use super::size;
use super::yaml::{Node, Place, Placed};

/// A mapping, by the name under which it stands (`nats`; empty at the top).
pub(crate) struct Section<'a> {
    name: &'a str,
    place: Place,
    entries: &'a [(Placed<String>, Placed<Node>)],
}

impl<'a> Section<'a> {
    /// `known` are all its keys; any other is a mistake, with the nearest of them.
    pub(crate) fn new(
        name: &'a str,
        node: &'a Placed<Node>,
        known: &[&str],
        mistakes: &mut Mistakes,
    ) -> Section<'a> {
        let entries: &[_] = match &node.value {
            Node::Map(entries) => entries,
            Node::Null => &[],
            Node::Text(_) | Node::List(_) => {
                let whom = if name.is_empty() { "the file" } else { name };
                mistakes.add(node.place, format!("{whom}: expected keys and values"));
                &[]
            }
        };
        let section = Section {
            name,
            place: node.place,
            entries,
        };
        for (key, _) in entries {
            if !known.contains(&key.value.as_str()) {
                let meant = match nearest(&key.value, known) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("known are {}", known.join(", ")),
                };
                let path = section.path(&key.value);
                mistakes.add(key.place, format!("{path}: unknown key; {meant}"));
            }
        }
        section
    }

    /// Where it begins.
    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// `nats.url`
    pub(crate) fn path(&self, key: &str) -> String {
        match self.name {
            "" => key.to_owned(),
            name => format!("{name}.{key}"),
        }
    }

    /// What stands under a key; a key without a value counts as absent.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Placed<Node>> {
        let (_, node) = self.entries.iter().find(|(k, _)| k.value == key)?;
        (node.value != Node::Null).then_some(node)
    }

    /// A text that is not empty.
    pub(crate) fn text(&self, key: &str, mistakes: &mut Mistakes) -> Option<Placed<String>> {
        let node = self.get(key)?;
        match &node.value {
            Node::Text(text) if !text.trim().is_empty() => Some(Placed {
                value: text.clone(),
                place: node.place,
            }),
            Node::Text(_) | Node::Null | Node::List(_) | Node::Map(_) => {
                mistakes.add(node.place, format!("{}: expected a text", self.path(key)));
                None
            }
        }
    }

    /// One text, or a list of them.
    pub(crate) fn texts(&self, key: &str, mistakes: &mut Mistakes) -> Vec<Placed<String>> {
        let Some(node) = self.get(key) else {
            return Vec::new();
        };
        let items = match &node.value {
            Node::List(items) => items.as_slice(),
            Node::Text(_) | Node::Null | Node::Map(_) => std::slice::from_ref(node),
        };
        let mut texts = Vec::new();
        for item in items {
            match &item.value {
                Node::Text(text) if !text.trim().is_empty() => texts.push(Placed {
                    value: text.clone(),
                    place: item.place,
                }),
                Node::Text(_) | Node::Null | Node::List(_) | Node::Map(_) => {
                    mistakes.add(item.place, format!("{}: expected a text", self.path(key)));
                }
            }
        }
        texts
    }

    /// A size in bytes with its unit.
    pub(crate) fn size(&self, key: &str, mistakes: &mut Mistakes) -> Option<Placed<usize>> {
        let text = self.text(key, mistakes)?;
        match size::parse(&text.value) {
            Some(value) => Some(Placed {
                value,
                place: text.place,
            }),
            None => {
                let path = self.path(key);
                let text_ = &text.value;
                mistakes.add(
                    text.place,
                    format!("{path}: `{text_}` is no size; write it like 64MiB"),
                );
                None
            }
        }
    }
}
