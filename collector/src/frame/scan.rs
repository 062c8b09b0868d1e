//! Where one MessagePack value ends, found without reading it, and resumed where the bytes ran out.
//! It knows nothing of frames and builds no value.

use rmp::Marker;

/// Finds the end of one MessagePack value, resuming where it stopped. It needs no stack: how many values are still to
/// come is enough.
#[derive(Debug)]
pub(super) struct Scan {
    at: u64,
    left: u64,
}

pub(super) enum Step {
    /// The value ends here.
    Done(usize),
    /// Nothing more can be said before this many bytes are there.
    Wants(u64),
}

/// 0xc1, which MessagePack never uses.
pub(super) struct Reserved;

impl Scan {
    pub(super) fn new() -> Scan {
        Scan { at: 0, left: 1 }
    }

    pub(super) fn run(&mut self, bytes: &[u8]) -> Result<Step, Reserved> {
        while self.left > 0 {
            let at = usize::try_from(self.at).unwrap_or(usize::MAX);
            let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) else {
                return Ok(Step::Wants(self.at.saturating_add(self.left))); // each takes a byte at least
            };
            let (head, length, children) = match Extent::of(rest)? {
                Extent::Cut(head) => (head, 0, 0),
                Extent::Known(head, length, children) => (head, length, children),
            };
            let after = self.at.saturating_add(head).saturating_add(length);
            let left = (self.left - 1).saturating_add(children);
            if after > as_u64(bytes.len()) {
                return Ok(Step::Wants(after.saturating_add(left)));
            }
            (self.at, self.left) = (after, left);
        }
        Ok(Step::Done(usize::try_from(self.at).unwrap_or(usize::MAX)))
    }
}

/// How far one value reaches, without what is nested in it.
enum Extent {
    /// Its head has this many bytes, and they are not all there.
    Cut(u64),
    /// Bytes of its head, bytes of its content, values nested in it.
    Known(u64, u64, u64),
}

impl Extent {
    fn of(bytes: &[u8]) -> Result<Extent, Reserved> {
        let Some(&first) = bytes.first() else {
            return Ok(Extent::Cut(1));
        };
        Ok(match Marker::from_u8(first) {
            Marker::FixPos(_) | Marker::FixNeg(_) | Marker::Null | Marker::True | Marker::False => {
                Extent::Known(1, 0, 0)
            }
            Marker::U8 | Marker::I8 => Extent::Known(1, 1, 0),
            Marker::U16 | Marker::I16 => Extent::Known(1, 2, 0),
            Marker::U32 | Marker::I32 | Marker::F32 => Extent::Known(1, 4, 0),
            Marker::U64 | Marker::I64 | Marker::F64 => Extent::Known(1, 8, 0),
            Marker::FixStr(length) => Extent::Known(1, length.into(), 0),
            Marker::FixArray(items) => Extent::Known(1, 0, items.into()),
            Marker::FixMap(pairs) => Extent::Known(1, 0, u64::from(pairs) * 2),
            Marker::FixExt1 => Extent::Known(1, 2, 0),
            Marker::FixExt2 => Extent::Known(1, 3, 0),
            Marker::FixExt4 => Extent::Known(1, 5, 0),
            Marker::FixExt8 => Extent::Known(1, 9, 0),
            Marker::FixExt16 => Extent::Known(1, 17, 0),
            Marker::Str8 | Marker::Bin8 => Extent::counted(bytes, 1, |n| (n, 0)),
            Marker::Str16 | Marker::Bin16 => Extent::counted(bytes, 2, |n| (n, 0)),
            Marker::Str32 | Marker::Bin32 => Extent::counted(bytes, 4, |n| (n, 0)),
            Marker::Ext8 => Extent::counted(bytes, 1, |n| (n + 1, 0)),
            Marker::Ext16 => Extent::counted(bytes, 2, |n| (n + 1, 0)),
            Marker::Ext32 => Extent::counted(bytes, 4, |n| (n + 1, 0)),
            Marker::Array16 => Extent::counted(bytes, 2, |n| (0, n)),
            Marker::Array32 => Extent::counted(bytes, 4, |n| (0, n)),
            Marker::Map16 => Extent::counted(bytes, 2, |n| (0, n * 2)),
            Marker::Map32 => Extent::counted(bytes, 4, |n| (0, n * 2)),
            Marker::Reserved => return Err(Reserved),
        })
    }

    /// A value whose count stands in the `width` bytes after the marker.
    fn counted(bytes: &[u8], width: usize, extent: impl Fn(u64) -> (u64, u64)) -> Extent {
        let head = as_u64(width) + 1;
        let Some(digits) = bytes.get(1..=width) else {
            return Extent::Cut(head);
        };
        let count = digits
            .iter()
            .fold(0, |count, byte| count << 8 | u64::from(*byte));
        let (length, children) = extent(count);
        Extent::Known(head, length, children)
    }
}

/// The value with which some bytes begin, and what follows it; none if they end within it, or it is no MessagePack.
pub(crate) fn first_value(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    match Scan::new().run(bytes) {
        Ok(Step::Done(length)) => bytes.split_at_checked(length),
        Ok(Step::Wants(_)) | Err(Reserved) => None,
    }
}

/// What a text or some bytes hold, given the whole value.
pub(crate) fn content(value: &[u8]) -> Option<&[u8]> {
    let marker = Marker::from_u8(*value.first()?);
    let head = if matches!(marker, Marker::FixStr(_)) {
        1
    } else if matches!(marker, Marker::Str8 | Marker::Bin8) {
        2
    } else if matches!(marker, Marker::Str16 | Marker::Bin16) {
        3
    } else if matches!(marker, Marker::Str32 | Marker::Bin32) {
        5
    } else {
        return None;
    };
    value.get(head..)
}

/// How many pairs a map has, and where the first begins.
pub(crate) fn map(value: &[u8]) -> Option<(u64, &[u8])> {
    match Extent::of(value).ok()? {
        Extent::Known(head, 0, children) if is_map(*value.first()?) => {
            Some((children / 2, value.get(usize::try_from(head).ok()?..)?))
        }
        Extent::Known(..) | Extent::Cut(_) => None,
    }
}

fn is_map(first: u8) -> bool {
    matches!(
        Marker::from_u8(first),
        Marker::FixMap(_) | Marker::Map16 | Marker::Map32
    )
}

pub(super) fn as_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
