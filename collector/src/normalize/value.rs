//! One MessagePack value as Salt packs it, borrowed from the frame; whatever it is, it can be read.
//! It knows no field of an event, and is built only for what is kept: the rest is skipped where it stands.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What Salt puts in place of a value that made an event too large.
pub(crate) const VALUE_TRIMMED: &str = "VALUE_TRIMMED";

/// A value. Texts that are UTF-8 are borrowed; keys that are no texts are written as Python would.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'de> {
    Nil,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(Cow<'de, str>),
    List(Vec<Value<'de>>),
    Map(Vec<(Cow<'de, str>, Value<'de>)>),
}

impl<'de> Value<'de> {
    pub(crate) fn as_text(&self) -> Option<&str> {
        if let Value::Text(text) = self {
            return Some(text);
        }
        None
    }

    pub(crate) fn as_list(&self) -> Option<&[Value<'de>]> {
        if let Value::List(items) = self {
            return Some(items);
        }
        None
    }

    /// Python's truth: empty and zero are false.
    pub(crate) fn truthy(&self) -> bool {
        match self {
            Value::Nil => false,
            Value::Bool(value) => *value,
            Value::Int(value) => *value != 0,
            Value::Float(value) => *value != 0.0,
            Value::Text(text) => !text.is_empty(),
            Value::List(items) => !items.is_empty(),
            Value::Map(pairs) => !pairs.is_empty(),
        }
    }

    /// A return code: numbers as they are, texts that are numbers, and Python's truth for the rest; nothing for null.
    pub(crate) fn as_code(&self) -> Option<i64> {
        match self {
            Value::Nil => None,
            Value::Int(code) => Some(i64::try_from(*code).unwrap_or(i64::MAX)),
            Value::Text(text) => Some(text.trim().parse().unwrap_or(i64::from(self.truthy()))),
            Value::Bool(_) | Value::Float(_) | Value::List(_) | Value::Map(_) => {
                Some(i64::from(self.truthy()))
            }
        }
    }

    /// The value of a key, if this is a map that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Value<'de>> {
        let Value::Map(pairs) = self else {
            return None;
        };
        pairs.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }
}

/// How much may be built of one field. Every value costs its place in memory, every copied text its length.
#[derive(Debug)]
pub(crate) struct Budget {
    left: Cell<usize>,
    exceeded: Cell<bool>,
}

impl Budget {
    pub(crate) fn new(bytes: usize) -> Budget {
        Budget {
            left: Cell::new(bytes),
            exceeded: Cell::new(false),
        }
    }

    /// Takes so many bytes, or says that they are not there.
    pub(crate) fn spend(&self, bytes: usize) -> bool {
        match self.left.get().checked_sub(bytes) {
            Some(left) => {
                self.left.set(left);
                true
            }
            None => {
                self.exceeded.set(true);
                false
            }
        }
    }

    /// Something was left out.
    pub(crate) fn exceeded(&self) -> bool {
        self.exceeded.get()
    }
}

/// What a reader makes of a value, by its shape.
pub(crate) trait Read<'de>: Sized {
    type Out;
    /// Neither list nor map.
    fn scalar(self, value: Value<'de>) -> Self::Out;
    fn list<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Out, A::Error>;
    fn map<A: MapAccess<'de>>(self, pairs: A) -> Result<Self::Out, A::Error>;
}

/// Makes a reader serde's: bytes and wrong UTF-8 become text, extension types become what they stand for.
pub(crate) struct Reader<R>(pub(crate) R);

impl<'de, R: Read<'de>> DeserializeSeed<'de> for Reader<R> {
    type Value = R::Out;
    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<R::Out, D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de, R: Read<'de>> Visitor<'de> for Reader<R> {
    type Value = R::Out;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_unit<E>(self) -> Result<R::Out, E> {
        Ok(self.0.scalar(Value::Nil))
    }
    fn visit_bool<E>(self, value: bool) -> Result<R::Out, E> {
        Ok(self.0.scalar(Value::Bool(value)))
    }
    fn visit_i64<E>(self, value: i64) -> Result<R::Out, E> {
        Ok(self.0.scalar(Value::Int(value.into())))
    }
    fn visit_u64<E>(self, value: u64) -> Result<R::Out, E> {
        Ok(self.0.scalar(Value::Int(value.into())))
    }
    fn visit_f64<E>(self, value: f64) -> Result<R::Out, E> {
        Ok(self.0.scalar(Value::Float(value)))
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<R::Out, E> {
        Ok(self.0.scalar(Value::Text(text.into())))
    }
    fn visit_str<E>(self, text: &str) -> Result<R::Out, E> {
        Ok(self.0.scalar(Value::Text(text.to_owned().into())))
    }
    fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<R::Out, E> {
        Ok(self.0.scalar(Value::Text(String::from_utf8_lossy(bytes))))
    }
    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<R::Out, E> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        Ok(self.0.scalar(Value::Text(text.into())))
    }
    fn visit_newtype_struct<D: Deserializer<'de>>(self, ext: D) -> Result<R::Out, D::Error> {
        Ok(self.0.scalar(Value::Text(ext.deserialize_any(Ext)?.into())))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<R::Out, A::Error> {
        self.0.list(items)
    }
    fn visit_map<A: MapAccess<'de>>(self, pairs: A) -> Result<R::Out, A::Error> {
        self.0.map(pairs)
    }
}

/// An extension type as text: 78 a datetime, 79 one of Salt's constants (SALT.md §2).
struct Ext;

impl<'de> Visitor<'de> for Ext {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an extension type")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<String, A::Error> {
        let kind: i8 = parts.next_element()?.unwrap_or_default();
        let bytes: &[u8] = parts.next_element()?.unwrap_or_default();
        Ok(match kind {
            78 => datetime(bytes),
            79 => constant(bytes),
            _ => None,
        }
        .unwrap_or_else(|| format!("<extension {kind}, {} bytes>", bytes.len())))
    }
}

/// `20200102T03:04:05.000006` as `2020-01-02T03:04:05.000006`.
fn datetime(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok().filter(|t| t.is_ascii())?;
    let part = |range: std::ops::Range<usize>| {
        text.get(range)
            .filter(|t| t.bytes().all(|b| b.is_ascii_digit()))
    };
    let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
    Some(format!("{year}-{month}-{day}{}", text.get(8..)?))
}

/// The name in `[name, value]`.
fn constant(bytes: &[u8]) -> Option<String> {
    let mut reader = rmp_serde::Deserializer::from_read_ref(bytes);
    reader.set_max_depth(8);
    let (name, _): (String, IgnoredAny) = serde::Deserialize::deserialize(&mut reader).ok()?;
    Some(name)
}

/// Reads a whole value within a budget; beyond it items are left out.
#[derive(Clone, Copy)]
pub(crate) struct Tree<'b>(pub(crate) &'b Budget);

impl<'de> Read<'de> for Tree<'_> {
    type Out = Value<'de>;

    fn scalar(self, value: Value<'de>) -> Value<'de> {
        if let Value::Text(Cow::Owned(text)) = &value
            && !self.0.spend(text.len())
        {
            return Value::Nil;
        }
        value
    }

    fn list<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value<'de>, A::Error> {
        let mut list = Vec::new();
        while self.0.spend(size_of::<Value<'_>>()) {
            match items.next_element_seed(Reader(self))? {
                Some(item) => list.push(item),
                None => return Ok(Value::List(list)),
            }
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::List(list))
    }

    fn map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Value<'de>, A::Error> {
        let mut map = Vec::new();
        while self.0.spend(size_of::<(Cow<'_, str>, Value<'_>)>()) {
            match pairs.next_key_seed(Reader(Key(self.0)))? {
                Some(key) => map.push((key, pairs.next_value_seed(Reader(self))?)),
                None => return Ok(Value::Map(map)),
            }
        }
        skip(pairs)?;
        Ok(Value::Map(map))
    }
}

/// Reads what is left of a map and keeps nothing.
pub(crate) fn skip<'de, A: MapAccess<'de>>(mut pairs: A) -> Result<(), A::Error> {
    while pairs.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

/// A map's key, as text.
pub(crate) struct Key<'b>(pub(crate) &'b Budget);

impl<'de> Read<'de> for Key<'_> {
    type Out = Cow<'de, str>;

    fn scalar(self, value: Value<'de>) -> Cow<'de, str> {
        let value = Tree(self.0).scalar(value);
        if let Value::Text(text) = value {
            return text;
        }
        super::words::word(&value).into()
    }
    fn list<A: SeqAccess<'de>>(self, items: A) -> Result<Cow<'de, str>, A::Error> {
        Ok(super::words::word(&Tree(self.0).list(items)?).into())
    }
    fn map<A: MapAccess<'de>>(self, pairs: A) -> Result<Cow<'de, str>, A::Error> {
        Ok(super::words::word(&Tree(self.0).map(pairs)?).into())
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::word;
    use super::*;

    fn read(bytes: &[u8], budget: &Budget) -> String {
        let mut reader = rmp_serde::Deserializer::from_read_ref(bytes);
        word(&Reader(Tree(budget)).deserialize(&mut reader).unwrap())
    }

    #[test]
    fn every_kind_of_value_can_be_read() {
        let check =
            |bytes: &[u8], expect: &str| assert_eq!(read(bytes, &Budget::new(1000)), expect);
        check(b"\xa3abc", "abc");
        check(b"\xa3a\xffc", "a\u{fffd}c");
        check(b"\xc4\x03abc", "abc");
        check(
            b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
            "18446744073709551615",
        );
        check(b"\xcb\x7f\xf8\0\0\0\0\0\0", "nan");
        check(
            b"\xc7\x18\x4e20200102T03:04:05.000006",
            "2020-01-02T03:04:05.000006",
        );
        check(b"\xc7\x05\x4f\x92\xa2xy\x01", "xy");
        check(b"\xd4\x05x", "<extension 5, 1 bytes>");
        check(
            b"\x83\x01\xa1t\xc0\x02\xcb\x40\x04\0\0\0\0\0\0\xc3",
            r#"{"1": "t", "None": 2, "2.5": true}"#,
        );
    }

    #[test]
    fn beyond_its_budget_a_value_is_cut() {
        let budget = Budget::new(10 * size_of::<Value<'_>>());
        let bytes = [&b"\xdc\x27\x10"[..], &[0xc0; 10_000]].concat();
        assert_eq!(read(&bytes, &budget).matches("null").count(), 10);
        assert!(budget.exceeded());
    }
}
