//! Laws of the splitter, and the streams that a master or an enemy may send.

use proptest::prelude::*;

use super::*;

/// `{"head": {}, "body": …}` with the body as bytes.
fn bare(body: &[u8]) -> Vec<u8> {
    let mut frame = b"\x82\xa4head\x80\xa4body\xc6".to_vec();
    frame.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
    frame.extend(body);
    frame
}

fn prefixed(body: &[u8]) -> Vec<u8> {
    let inside = bare(body);
    let mut frame = u32::try_from(inside.len()).unwrap().to_be_bytes().to_vec();
    frame.extend(inside);
    frame
}

/// Everything that comes of some pieces: bodies, and how it ended.
fn split(
    max: usize,
    pieces: impl IntoIterator<Item = Vec<u8>>,
) -> (Vec<Bytes>, Option<FrameError>, bool) {
    let mut frames = Frames::new(max);
    let mut bodies = Vec::new();
    for piece in pieces {
        frames.push(&piece);
        loop {
            match frames.next() {
                Ok(Some(frame)) => bodies.push(frame.body),
                Ok(None) => break,
                Err(error) => return (bodies, Some(error), frames.is_empty()),
            }
        }
    }
    (bodies, None, frames.is_empty())
}

#[test]
fn both_framings_may_follow_each_other() {
    let stream = [bare(b"one"), prefixed(b"two"), bare(b""), prefixed(b"four")].concat();
    let (bodies, error, empty) = split(100, [stream]);
    assert_eq!(bodies, [&b"one"[..], b"two", b"", b"four"]);
    assert_eq!((error, empty), (None, true));
}

#[test]
fn a_body_may_be_text_and_a_head_may_be_full() {
    let (bodies, ..) = split(
        100,
        [b"\x82\xa4head\x81\xa1a\x93\x01\xc0\xd4\x05x\xa4body\xa3one".to_vec()],
    );
    assert_eq!(bodies, [&b"one"[..]]);
}

#[test]
fn what_is_no_frame_ends_the_connection() {
    let check = |stream: &[u8], expect: &str| {
        let (_, error, empty) = split(1 << 20, [bare(b"ok"), stream.to_vec()]);
        assert_eq!(error.unwrap().to_string(), expect);
        assert!(!empty);
    };
    let at = bare(b"ok").len();
    check(
        b"GET / HTTP/1.1\r\n",
        &format!("byte {at}: a frame of at least 1195725856 bytes; 1048576 are allowed"),
    );
    check(
        b"\xff\xff\xff\xff",
        &format!("byte {at}: a frame of at least 4294967295 bytes; 1048576 are allowed"),
    );
    check(
        b"\x82\xa4head\x80\xa4body\xc6\xff\xff\xff\xff",
        &format!("byte {at}: a frame of at least 4294967312 bytes; 1048576 are allowed"),
    );
    check(
        b"\x82\xa4head\xdd\xff\xff\xff\xff",
        &format!("byte {at}: a frame of at least 4294967308 bytes; 1048576 are allowed"),
    );
    check(
        b"\x82\xc1",
        &format!("byte {at}: no frame of the event bus"),
    );
    check(
        b"\0\0\0\0",
        &format!("byte {at}: no frame of the event bus"),
    );
    check(
        b"\0\0\0\x02\x01\x01",
        &format!("byte {at}: no frame of the event bus"),
    );
    check(
        b"\0\0\0\x02\xa1a",
        &format!("byte {at}: a frame without a body"),
    );
    check(
        b"\x82\xa4head\x80\xa4body\x07",
        &format!("byte {at}: a frame without a body"),
    );
}

#[test]
fn an_error_stays_and_holds_nothing() {
    let mut frames = Frames::new(10);
    frames.push(b"\xff\xff\xff\xff");
    let error = frames.next().unwrap_err();
    frames.push(&[0; 1000]);
    assert_eq!(frames.next().unwrap_err(), error);
    assert!(frames.buffer.capacity() < 100);
}

#[test]
fn a_cut_frame_is_noticed() {
    let stream = prefixed(b"whole");
    for cut in 1..stream.len() {
        let (bodies, error, empty) = split(100, [stream[..cut].to_vec()]);
        assert_eq!((bodies.len(), error, empty), (0, None, false), "{cut}");
    }
}

#[test]
fn single_bytes_take_linear_time() {
    let mut frames = Frames::new(1 << 24);
    let items: Vec<u8> = [
        b"\x82\xa4head\xdd\x00\x03\x0d\x40".to_vec(),
        vec![0xc0; 200_000],
    ]
    .concat();
    for byte in &items {
        frames.push(std::slice::from_ref(byte));
        assert_eq!(frames.next(), Ok(None));
    }
    assert!(frames.wanted >= items.len());
}

proptest! {
    #[test]
    fn any_split_gives_the_same_frames(
        bodies in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..300)), 0..8),
        piece in 1usize..64,
    ) {
        let stream: Vec<u8> = bodies
            .iter()
            .flat_map(|(with, body)| if *with { prefixed(body) } else { bare(body) })
            .collect();
        let (found, error, empty) = split(1000, stream.chunks(piece).map(<[u8]>::to_vec));
        prop_assert_eq!((error, empty), (None, true));
        let expect: Vec<_> = bodies.into_iter().map(|(_, body)| Bytes::from(body)).collect();
        prop_assert_eq!(found, expect);
    }

    #[test]
    fn any_bytes_are_survived_in_bounded_memory(
        start in prop::sample::select(vec![&b""[..], b"\x82", b"\x82\xa4head", b"\0\0\0\x10", b"\x82\xa4body\xc4"]),
        noise in prop::collection::vec(any::<u8>(), 0..2000),
        piece in 1usize..64,
    ) {
        let stream = [start, &noise].concat();
        let whole = split(256, [stream.clone()]);
        let mut frames = Frames::new(256);
        let mut bodies = Vec::new();
        let mut failed = None;
        'stream: for piece in stream.chunks(piece) {
            frames.push(piece);
            prop_assert!(frames.buffer.len() <= 256 + PREFIX + 64, "held {}", frames.buffer.len());
            loop {
                match frames.next() {
                    Ok(Some(frame)) => bodies.push(frame.body),
                    Ok(None) => break,
                    Err(error) => { failed = Some(error); break 'stream; }
                }
            }
        }
        prop_assert_eq!(bodies, whole.0);
        // In pieces it does not look again before a frame can be complete, so it may learn of the damage a little later.
        if failed.is_none() && whole.1.is_some() {
            frames.push(&[0; 256 + PREFIX]);
            while let Ok(Some(_)) = frames.next() {}
            failed = frames.next().err();
        }
        prop_assert_eq!(failed.is_some(), whole.1.is_some());
    }
}
