//! Bytes of a message: JSON, with a format number and, above 32 KiB, zstd.
//! It knows no subject and no stream; what is too large for the server it says, and does not cut.

use async_nats::HeaderMap;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The format that this build writes. It reads this one and the one before.
pub const FORMAT: u32 = 1;
/// Bodies above this are compressed.
pub const COMPRESS_ABOVE: usize = 32 * 1024;
/// No body may become larger than this when it is decompressed (a bomb costs no more memory than that).
pub const MAX_BODY: usize = 64 * 1024 * 1024;
/// An event's body, without its minions, before compression: beyond it details are cut and marked in `trimmed`.
pub const MAX_EVENT_BODY: usize = 256 * 1024;
/// What a minion gave as JSON is cut below this depth: `serde_json` reads 128 levels, and an event that was written deeper could
/// be read by nobody.
pub const MAX_DEPTH: usize = 64;

/// The header with the format number.
pub const FORMAT_HEADER: &str = "Pillarbox-Format";
/// The header that says how the body is encoded: `zstd`, or absent.
pub const ENCODING_HEADER: &str = "Content-Encoding";

/// Why a message cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Written by a newer Pillarbox: leave it for one that can read it. Notifiers are upgraded first.
    #[error("format {0} is newer than {FORMAT}, which this build reads: upgrade it")]
    Newer(u32),
    /// Not ours, or damaged.
    #[error("the {FORMAT_HEADER} header is missing or no number")]
    NoFormat,
    /// An encoding that is not `zstd`.
    #[error("unknown {ENCODING_HEADER} {0:?}")]
    Encoding(String),
    /// The compressed body is damaged or too large.
    #[error("cannot decompress: {0}")]
    Decompress(#[source] std::io::Error),
    /// Not the JSON that was expected.
    #[error("cannot read the JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// Encodes a value: its body, and the headers that say how to read it.
pub fn encode<T: Serialize>(value: &T) -> Result<(HeaderMap, Bytes), serde_json::Error> {
    let json = serde_json::to_vec(value)?;
    let mut headers = HeaderMap::new();
    headers.insert(FORMAT_HEADER, FORMAT.to_string());
    if json.len() <= COMPRESS_ABOVE {
        return Ok((headers, json.into()));
    }
    match zstd::bulk::compress(&json, zstd::DEFAULT_COMPRESSION_LEVEL) {
        Ok(small) => {
            headers.insert(ENCODING_HEADER, "zstd");
            Ok((headers, small.into()))
        }
        Err(_) => Ok((headers, json.into())), // as it is: a reader needs no compression
    }
}

/// The JSON of a body, decompressed.
pub fn body(headers: Option<&HeaderMap>, payload: &Bytes) -> Result<Bytes, DecodeError> {
    let header = |name: &str| {
        headers
            .and_then(|headers| headers.get(name))
            .map(|value| value.as_str())
    };
    let format: u32 = header(FORMAT_HEADER)
        .and_then(|n| n.parse().ok())
        .ok_or(DecodeError::NoFormat)?;
    if format > FORMAT {
        return Err(DecodeError::Newer(format));
    }
    match header(ENCODING_HEADER) {
        None => Ok(payload.clone()),
        Some("zstd") => decompress(payload).map_err(DecodeError::Decompress),
        Some(other) => Err(DecodeError::Encoding(other.to_owned())),
    }
}

fn decompress(payload: &[u8]) -> Result<Bytes, std::io::Error> {
    use std::io::Read;
    let mut json = Vec::new();
    let limit = u64::try_from(MAX_BODY).unwrap_or(u64::MAX);
    zstd::stream::read::Decoder::new(payload)?
        .take(limit + 1)
        .read_to_end(&mut json)?;
    if json.len() > MAX_BODY {
        return Err(std::io::Error::other(format!("more than {MAX_BODY} bytes")));
    }
    Ok(json.into())
}

/// Decodes a message.
pub fn decode<T: DeserializeOwned>(
    headers: Option<&HeaderMap>,
    payload: &Bytes,
) -> Result<T, DecodeError> {
    Ok(serde_json::from_slice(&body(headers, payload)?)?)
}

/// Encodes an entry of a bucket: plain JSON that carries its format, since buckets' readers have no headers.
pub fn encode_entry<T: Serialize>(entry: &T) -> Result<Bytes, serde_json::Error> {
    #[derive(Serialize)]
    struct Entry<'a, T> {
        format: u32,
        #[serde(flatten)]
        entry: &'a T,
    }
    serde_json::to_vec(&Entry {
        format: FORMAT,
        entry,
    })
    .map(Bytes::from)
}

/// Decodes an entry of a bucket.
pub fn decode_entry<T: DeserializeOwned>(payload: &[u8]) -> Result<T, DecodeError> {
    #[derive(serde::Deserialize)]
    struct Format {
        format: u32,
    }
    let Format { format } = serde_json::from_slice(payload)?;
    if format > FORMAT {
        return Err(DecodeError::Newer(format));
    }
    Ok(serde_json::from_slice(payload)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_is_plain_and_large_is_compressed() {
        let check = |text: String, encoding: Option<&str>| {
            let (headers, body) = encode(&text).unwrap();
            assert_eq!(headers.get(ENCODING_HEADER).map(|v| v.as_str()), encoding);
            assert_eq!(decode::<String>(Some(&headers), &body).unwrap(), text);
        };
        check("x".into(), None);
        check("x".repeat(COMPRESS_ABOVE + 1), Some("zstd"));
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let check = |headers: &[(&'static str, &str)], payload: &str, expect: &str| {
            let map: HeaderMap = headers
                .iter()
                .map(|(k, v)| ((*k).parse().unwrap(), (*v).parse().unwrap()))
                .collect();
            let error = decode::<String>(Some(&map), &Bytes::from(payload.to_owned())).unwrap_err();
            assert!(error.to_string().contains(expect), "{error}");
        };
        check(&[], "\"x\"", "missing or no number");
        check(&[(FORMAT_HEADER, "2")], "\"x\"", "newer than 1");
        check(
            &[(FORMAT_HEADER, "1"), (ENCODING_HEADER, "br")],
            "\"x\"",
            "unknown Content-Encoding \"br\"",
        );
        check(
            &[(FORMAT_HEADER, "1"), (ENCODING_HEADER, "zstd")],
            "junk",
            "cannot decompress",
        );
        check(&[(FORMAT_HEADER, "1")], "{", "cannot read the JSON");
    }

    #[test]
    fn a_bomb_is_refused_at_the_limit() {
        let bomb = zstd::bulk::compress(&vec![b' '; MAX_BODY + 2], 1).unwrap();
        assert!(
            decompress(&bomb)
                .unwrap_err()
                .to_string()
                .contains("more than")
        );
    }

    #[test]
    fn entries_carry_their_format() {
        #[derive(Serialize, serde::Deserialize)]
        struct Entry {
            n: u32,
        }
        let bytes = encode_entry(&Entry { n: 7 }).unwrap();
        assert_eq!(&bytes[..], br#"{"format":1,"n":7}"#);
        assert_eq!(decode_entry::<Entry>(&bytes).unwrap().n, 7);
        assert!(matches!(
            decode_entry::<Entry>(br#"{"format":9,"n":7}"#),
            Err(DecodeError::Newer(9))
        ));
    }
}
