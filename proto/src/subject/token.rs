//! Tokens and hashes: how any text becomes a bounded part of a subject, a key or an id.
//! It knows no subject.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::salt::MinionId;

/// Longest cluster or job token, in bytes.
pub(super) const NAME_BYTES: usize = 64;
/// Longest function, dots included, in bytes.
pub(super) const FUN_BYTES: usize = 96;
/// Longest minion token in an id, in bytes.
const MINION_BYTES: usize = 255;
/// A hash as written: 16 bytes in hex.
const HASH_BYTES: usize = 32;

/// One part of a subject or key, escaped and bounded: `A-Za-z0-9_-` and `=XX` for every other byte.
///
/// A text too long becomes its beginning, `=` and its hash; the body of a message has the full text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(String);

impl Token {
    /// A cluster, a job, a group, a receiver: 64 bytes at most.
    pub fn new(text: &str) -> Token {
        Token::bounded(text, NAME_BYTES)
    }

    pub(super) fn bounded(text: &str, max: usize) -> Token {
        let escaped = if text.is_empty() {
            "=".to_owned()
        } else {
            escape(text, b"-_")
        };
        Token(bound(escaped, text, max))
    }

    /// A token read back from a subject; `None` if none of ours looks so.
    pub fn parse(token: &str) -> Option<Token> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=".contains(&byte);
        (!token.is_empty() && token.len() <= MINION_BYTES && token.bytes().all(plain))
            .then(|| Token(token.to_owned()))
    }

    /// As it stands in a subject.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(super) fn escape(text: &str, plain: &[u8]) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("={byte:02X}"));
        }
    }
    escaped
}

/// Cuts an escaped text to `max` bytes, so that two texts never become one token: what looks like a cut one is hashed too.
fn bound(escaped: String, text: &str, max: usize) -> String {
    let keep = max - HASH_BYTES - 1;
    let looks_cut = escaped.len() == max
        && escaped.as_bytes().get(keep) == Some(&b'=')
        && escaped
            .bytes()
            .skip(keep + 1)
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if escaped.len() <= max && !looks_cut {
        return escaped;
    }
    let mut prefix: String = escaped.chars().take(keep).collect();
    if let Some(at) = prefix.rfind('=').filter(|at| at + 3 > prefix.len()) {
        prefix.truncate(at); // never in the middle of an escape
    }
    format!("{}={}", prefix.trim_end_matches('.'), hash([text]))
}

/// The first 16 bytes of SHA-256 over the parts as a JSON array, in lower-case hex: every hash that Pillarbox writes.
pub fn hash<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let array = serde_json::Value::from_iter(parts);
    hex(&Sha256::digest(array.to_string())[..HASH_BYTES / 2])
}

/// The whole SHA-256 of some bytes, in lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A function at the end of a subject, with Salt's own dot where that is possible.
pub(super) fn fun_tokens(fun: &str) -> String {
    let dots = !fun.split('.').any(str::is_empty);
    let escaped = match (fun.is_empty(), dots) {
        (true, _) => "=".to_owned(),
        (false, true) => escape(fun, b"-_."),
        (false, false) => escape(fun, b"-_"),
    };
    bound(escaped, fun, FUN_BYTES)
}

/// A minion in a key or id.
pub fn minion_token(minion: &MinionId) -> Token {
    Token::bounded(&minion.0, MINION_BYTES)
}
