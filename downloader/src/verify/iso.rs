//! The boxes of ISO base media files (ISO/IEC 14496-12, 4.2): a length, a name and a content, one behind the other.

use super::walk::{be32, be64};

/// A box that is there whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IsoBox<'a> {
    /// Its four letters.
    pub(super) name: &'a [u8; 4],
    /// What is in it.
    pub(super) content: &'a [u8],
}

/// The boxes in some bytes. One that does not end in them is an error, with what is there of it if its name is, and the last.
pub(super) struct Boxes<'a> {
    bytes: &'a [u8],
}

impl<'a> Boxes<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The next box and what is behind it.
    fn split(&self) -> Option<(IsoBox<'a>, &'a [u8])> {
        let name = self.bytes.get(4..)?.first_chunk()?;
        let (header, length) = match be32(self.bytes, 0).ok()? {
            // To the end of what it is in.
            0 => (8, self.bytes.len()),
            1 => (16, usize::try_from(be64(self.bytes, 8).ok()?).ok()?),
            length => (8, usize::try_from(length).ok()?),
        };
        let content = self.bytes.get(header..length)?;
        Some((IsoBox { name, content }, &self.bytes[length..]))
    }

    /// What is there of a box that does not end.
    fn begun(&self) -> Option<IsoBox<'a>> {
        let name = self.bytes.get(4..)?.first_chunk()?;
        let header = if be32(self.bytes, 0).ok()? == 1 { 16 } else { 8 };
        Some(IsoBox { name, content: self.bytes.get(header..).unwrap_or_default() })
    }
}

impl<'a> Iterator for Boxes<'a> {
    type Item = Result<IsoBox<'a>, Option<IsoBox<'a>>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.bytes.is_empty() {
            return None;
        }
        if let Some((found, rest)) = self.split() {
            self.bytes = rest;
            return Some(Ok(found));
        }
        let begun = self.begun();
        self.bytes = &[];
        Some(Err(begun))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_end_where_they_say() {
        let bytes = b"\0\0\0\x09onlya\0\0\0\x01wide\0\0\0\0\0\0\0\x12bc\0\0\0\0lastrest";
        let boxes: Result<Vec<_>, _> = Boxes::of(bytes).collect();
        let expected = [(b"only", &b"a"[..]), (b"wide", b"bc"), (b"last", b"rest")];
        assert_eq!(boxes, Ok(expected.map(|(name, content)| IsoBox { name, content }).to_vec()));
    }

    #[test]
    fn a_box_that_does_not_end_is_the_last() {
        for (bytes, begun) in [
            (&b"\0\0\0\x0ashort"[..], Some((b"shor", &b"t"[..]))),
            (b"\0\0\0\x07less", Some((b"less", b""))),
            (b"\0\0\0\x01huge\xff\xff\xff\xff\xff\xff\xff\xffpart", Some((b"huge", b"part"))),
            (b"\0\0\0\x01huge\xff", Some((b"huge", b""))),
            (b"\0\0\0\x08nam", None),
            (b"\n", None),
        ] {
            let mut boxes = Boxes::of(bytes);
            assert_eq!(boxes.next(), Some(Err(begun.map(|(name, content)| IsoBox { name, content }))));
            assert_eq!(boxes.next(), None);
        }
    }
}
