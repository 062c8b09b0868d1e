//! Salt's `hash_type`: how a jid becomes the name of its directory in the job cache (SALT.md §5).
//! It protects nothing: it only spreads directories.

use sha2::Digest as _;

/// The hashes that Salt documents for `hash_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashType {
    /// `md5`
    Md5,
    /// `sha1`
    Sha1,
    /// `sha224`
    Sha224,
    /// `sha256`, Salt's default.
    Sha256,
    /// `sha384`
    Sha384,
    /// `sha512`
    Sha512,
}

impl HashType {
    /// As they stand in configurations.
    pub const NAMES: [&str; 6] = ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"];

    /// In the same order.
    pub(crate) const ALL: [HashType; 6] = [
        HashType::Md5,
        HashType::Sha1,
        HashType::Sha224,
        HashType::Sha256,
        HashType::Sha384,
        HashType::Sha512,
    ];

    /// By its name, which Salt gives to Python's `hashlib` as it is.
    pub fn parse(name: &str) -> Option<HashType> {
        Some(match name {
            "md5" => HashType::Md5,
            "sha1" => HashType::Sha1,
            "sha224" => HashType::Sha224,
            "sha256" => HashType::Sha256,
            "sha384" => HashType::Sha384,
            "sha512" => HashType::Sha512,
            _ => return None,
        })
    }

    /// The hash of a text in lower-case hex.
    pub(super) fn hex(self, text: &str) -> String {
        match self {
            HashType::Md5 => hex(&md5::Md5::digest(text)),
            HashType::Sha1 => hex(&sha1::Sha1::digest(text)),
            HashType::Sha224 => hex(&sha2::Sha224::digest(text)),
            HashType::Sha256 => hex(&sha2::Sha256::digest(text)),
            HashType::Sha384 => hex(&sha2::Sha384::digest(text)),
            HashType::Sha512 => hex(&sha2::Sha512::digest(text)),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `hashlib` prints them.
    #[test]
    fn each_type_is_the_one_of_its_name() {
        let check = |name: &str, begins: &str, length: usize| {
            let hex = HashType::parse(name).unwrap().hex("20261122012254116336");
            assert_eq!(
                (hex.get(..8).unwrap(), hex.len()),
                (begins, length),
                "{name}"
            );
        };
        check("md5", "a6d3953f", 32);
        check("sha1", "fd981cd3", 40);
        check("sha224", "78adbb9a", 56);
        check("sha256", "ad5dc71b", 64);
        check("sha384", "1548c5ad", 96);
        check("sha512", "bee22823", 128);
        assert_eq!(HashType::parse("blake2b"), None);
        assert!(
            HashType::NAMES
                .iter()
                .all(|name| HashType::parse(name).is_some())
        );
    }
}
