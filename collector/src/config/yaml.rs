//! A YAML file as a tree in which every key and value knows its line and column.
//! It knows no configuration key: [`super`] asks for what it wants and says what is wrong.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

/// A place in a file, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The line.
    pub(crate) line: u64,
    /// The column, in characters.
    pub(crate) column: u64,
}

impl Place {
    /// Where a file begins: for what is wrong with all of it.
    pub(crate) const START: Place = Place { line: 1, column: 1 };
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    /// Nothing, `~` or `null`.
    Null,
    /// A scalar, as text.
    Text(String),
    /// A list.
    List(Vec<Placed<Node>>),
    /// A mapping, in the order written.
    Map(Vec<(Placed<String>, Placed<Node>)>),
}

/// Something and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Placed<T> {
    /// What.
    pub(crate) value: T,
    /// Where.
    pub(crate) place: Place,
}

impl<T> From<Spanned<T>> for Placed<T> {
    fn from(spanned: Spanned<T>) -> Placed<T> {
        Placed {
            place: place(spanned.referenced),
            value: spanned.value,
        }
    }
}

fn place(location: serde_saphyr::Location) -> Place {
    Place {
        line: location.line().max(1),
        column: location.column().max(1),
    }
}

/// Reads a file. What is no YAML at all is one mistake: after it nothing can be understood.
pub(crate) fn parse(text: &str) -> Result<Placed<Node>, (Place, String)> {
    match serde_saphyr::from_str::<Spanned<Node>>(text) {
        Ok(node) => Ok(node.into()),
        Err(error) => {
            let place = error.location().map_or(Place::START, place);
            Err((place, first_line(&error)))
        }
    }
}

/// The library's sentence without its drawing of the line and without the position, which stands before it here.
fn first_line(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let line = text.lines().next().unwrap_or_default();
    let line = line.split(" at line ").next().unwrap_or(line);
    line.trim_start_matches("error: ").to_owned()
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element::<Spanned<Node>>()? {
            list.push(item.into());
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<Node>>()? {
            let value = map.next_value::<Spanned<Node>>()?;
            let text = match key.value {
                Node::Text(ref text) => text.clone(),
                Node::Null | Node::List(_) | Node::Map(_) => format!("{:?}", key.value),
            };
            let key = Placed {
                value: text,
                place: place(key.referenced),
            };
            entries.push((key, value.into()));
        }
        Ok(Node::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_and_value_knows_its_place() {
        let root = parse("a: 1\nb:\n  - x\n  - {c: ~}\n").unwrap();
        let Node::Map(entries) = root.value else {
            panic!("a map")
        };
        let places: Vec<_> = entries
            .iter()
            .map(|(k, v)| (k.value.as_str(), k.place, v.place))
            .collect();
        let at = |line, column| Place { line, column };
        assert_eq!(places[0], ("a", at(1, 1), at(1, 4)));
        assert_eq!(places[1].1, at(2, 1));
        assert!(matches!(&entries[1].1.value, Node::List(list) if list.len() == 2));
    }

    #[test]
    fn what_is_no_yaml_says_where() {
        let (place, text) = parse("a: [1\nb: 2\n").unwrap_err();
        assert!(place.line >= 1 && !text.is_empty(), "{place:?} {text}");
    }
}
