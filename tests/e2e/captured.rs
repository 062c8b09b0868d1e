//! What real masters put on their bus, as the collector's tests keep it.
//! It knows of a frame only where it ends and what its tag is.

use std::io::Cursor;
use std::path::PathBuf;

use serde::Deserialize as _;
use serde::de::IgnoredAny;

/// Every byte of a capture: `3006.30`, `3007.17` or `3008.5`.
pub(crate) fn stream(version: &str) -> Vec<u8> {
    let captures = pillarbox_e2e::tools::workspace().join("collector/tests/captures");
    let file: PathBuf = captures.join(format!("{version}.bin"));
    std::fs::read(file).unwrap()
}

/// The frames of a bare capture whose tag or payload names this jid, in their order.
pub(crate) fn frames_of(version: &str, jid: &str) -> Vec<Vec<u8>> {
    let bytes = stream(version);
    let mut rest = bytes.as_slice();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let mut reader = rmp_serde::Deserializer::new(Cursor::new(rest));
        IgnoredAny::deserialize(&mut reader).unwrap();
        let end = usize::try_from(reader.position()).unwrap();
        let (frame, behind) = rest.split_at(end);
        if contains(frame, jid.as_bytes()) {
            found.push(frame.to_vec());
        }
        rest = behind;
    }
    assert!(!found.is_empty(), "{version} has no frame of {jid}");
    found
}

/// A frame with this in its tag, in which every state has failed; any other frame as it is.
pub(crate) fn failing(mut frame: Vec<u8>, tag: &str) -> Vec<u8> {
    const TRUE: &[u8] = b"\xa6result\xc3";
    if contains(&frame, format!("{tag}\n\n").as_bytes()) {
        while let Some(at) = frame.windows(TRUE.len()).position(|part| part == TRUE) {
            frame[at + TRUE.len() - 1] = 0xc2;
        }
    }
    frame
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
