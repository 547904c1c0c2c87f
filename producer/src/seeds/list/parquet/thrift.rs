//! A look over what a Parquet file says of itself (its footer, the headers of its pages) before it is decoded: Thrift structs
//! in the compact protocol
//! (<https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>). The decoder takes memory and time
//! for as many elements as a list says that it has. None that is true has more of them than bytes, so one that has is found
//! here, where nothing is taken for it.

use super::shapes::{Fields, Shape};

/// Structs, lists and maps inside one another, at most. The footer's own are six deep.
const DEPTH: u8 = 32;

/// What bytes that should begin with a struct are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Struct {
    /// A struct, up to its end. What it counts is bounded by its bytes.
    Whole,
    /// Good as far as it goes.
    Cut,
    /// None that is true.
    Wrong,
}

/// Looks over the struct that `bytes` begin with, which has these `fields`, and maybe others.
pub(super) fn look(bytes: &[u8], fields: Fields) -> Struct {
    let mut walk = Walk { rest: bytes, elements: bytes.len() };
    match walk.fields(fields, DEPTH) {
        Ok(()) => Struct::Whole,
        Err(end) => end,
    }
}

/// The types of the protocol.
mod kind {
    pub(super) const TRUE: u8 = 1;
    pub(super) const FALSE: u8 = 2;
    pub(super) const BYTE: u8 = 3;
    pub(super) const I16: u8 = 4;
    pub(super) const I64: u8 = 6;
    pub(super) const DOUBLE: u8 = 7;
    pub(super) const BINARY: u8 = 8;
    pub(super) const LIST: u8 = 9;
    pub(super) const SET: u8 = 10;
    pub(super) const MAP: u8 = 11;
    pub(super) const STRUCT: u8 = 12;
    pub(super) const UUID: u8 = 13;
}

struct Walk<'a> {
    rest: &'a [u8],
    /// How many elements lists and maps may have from here on, all together. An element takes a byte at least, by the protocol;
    /// the decoder passes over truths without taking any, which is why they are counted rather than their bytes.
    elements: usize,
}

impl Walk<'_> {
    fn fields(&mut self, fields: Fields, depth: u8) -> Result<(), Struct> {
        let mut last = 0;
        loop {
            let header = self.byte()?;
            let (delta, kind) = (header >> 4, header & 0x0f);
            if kind == 0 {
                return Ok(());
            }
            let number = if delta == 0 { self.signed()? } else { last + i64::from(delta) };
            // The decoder may take a larger one for what is left of it in 16 bits.
            if i16::try_from(number).is_err() {
                return Err(Struct::Wrong);
            }
            let known = fields.iter().find(|(known, _)| *known == number);
            self.value(kind, known.map_or(Shape::Unknown, |(_, shape)| *shape), depth)?;
            last = number;
        }
    }

    fn value(&mut self, kind: u8, shape: Shape, depth: u8) -> Result<(), Struct> {
        let depth = depth.checked_sub(1).ok_or(Struct::Wrong)?;
        match (kind, shape) {
            (kind::TRUE | kind::FALSE, Shape::Truth | Shape::Unknown) => Ok(()),
            (kind::BYTE, Shape::Byte | Shape::Unknown) => self.skip(1),
            (kind::I16..=kind::I64, Shape::Number | Shape::Unknown) => self.number().map(drop),
            (kind::DOUBLE, Shape::Double | Shape::Unknown) => self.skip(8),
            (kind::BINARY, Shape::Binary | Shape::Unknown) => self.number().and_then(|length| self.skip(length)),
            (kind::LIST, Shape::List(element)) => self.list(*element, depth),
            (kind::LIST | kind::SET, Shape::Unknown) => self.list(Shape::Unknown, depth),
            (kind::MAP, Shape::Unknown) => self.map(depth),
            (kind::STRUCT, Shape::Struct(fields)) => self.fields(fields, depth),
            (kind::STRUCT, Shape::Unknown) => self.fields(&[], depth),
            (kind::UUID, Shape::Unknown) => self.skip(16),
            _ => Err(Struct::Wrong),
        }
    }

    fn list(&mut self, element: Shape, depth: u8) -> Result<(), Struct> {
        let header = self.byte()?;
        let size = match header >> 4 {
            15 => self.number()?,
            size => usize::from(size),
        };
        self.count(size)?;
        (0..size).try_for_each(|_| self.value(header & 0x0f, element, depth))
    }

    fn map(&mut self, depth: u8) -> Result<(), Struct> {
        let size = self.number()?;
        if size == 0 {
            return Ok(());
        }
        self.count(size)?;
        let kinds = self.byte()?;
        (0..size).try_for_each(|_| {
            self.value(kinds >> 4, Shape::Unknown, depth)?;
            self.value(kinds & 0x0f, Shape::Unknown, depth)
        })
    }

    fn count(&mut self, elements: usize) -> Result<(), Struct> {
        self.elements = self.elements.checked_sub(elements).ok_or(Struct::Wrong)?;
        Ok(())
    }

    fn byte(&mut self) -> Result<u8, Struct> {
        let (&byte, rest) = self.rest.split_first().ok_or(Struct::Cut)?;
        self.rest = rest;
        Ok(byte)
    }

    /// A number, or of one that has a sign, its bits.
    fn number(&mut self) -> Result<usize, Struct> {
        let (cut, number) = (self.rest.len() < LONGEST_NUMBER, number(&mut self.rest));
        let number = number.ok_or(if cut { Struct::Cut } else { Struct::Wrong })?;
        Ok(usize::try_from(number).unwrap_or(usize::MAX))
    }

    /// A number that has a sign, which is its lowest bit, or the most there is.
    fn signed(&mut self) -> Result<i64, Struct> {
        let bits = self.number()?;
        let number = i64::try_from(bits >> 1).unwrap_or(i64::MAX >> 1);
        Ok(if bits & 1 == 0 { number } else { -number - 1 })
    }

    fn skip(&mut self, bytes: usize) -> Result<(), Struct> {
        self.rest = self.rest.get(bytes..).ok_or(Struct::Cut)?;
        Ok(())
    }
}

/// Bytes of a number, at most.
const LONGEST_NUMBER: usize = 10;

/// Takes a number of up to 64 bits, seven in a byte (ULEB128). `None` where there is none, or only its beginning.
pub(super) fn number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for (&byte, shift) in rest.iter().zip((0..64).step_by(7)) {
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            *rest = &rest[shift / 7 + 1..];
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structs_are_walked_to_their_ends() {
        for (bytes, expected) in [
            (&[0][..], Struct::Whole),
            // Two numbers, a field by its own number, a truth, a text, a byte, a double, sixteen bytes.
            (&[0x15, 2, 0x15, 0x80, 1, 0x05, 90, 7, 0x11, 0x18, 2, b'h', b'i', 0x13, 9, 0], Struct::Whole),
            (&[0x17, 0, 0, 0, 0, 0, 0, 0, 0, 0x1d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], Struct::Whole),
            // A struct in a struct, a list of two numbers, a map of one, an empty one.
            (&[0x1c, 0x15, 2, 0, 0x19, 0x25, 4, 6, 0x1b, 1, 0x58, 3, 1, b'x', 0x1b, 0, 0], Struct::Whole),
            (&[0x15], Struct::Cut),
            (&[0x18, 3, b'h', b'i'], Struct::Cut),
            (&[0x15, 2], Struct::Cut),
            (b"", Struct::Cut),
            // A field by a number that no field has, a type that there is none of, a number without end.
            (&[0x05, 0x80, 0x80, 4, 0, 0], Struct::Wrong),
            (&[0x1f, 0], Struct::Wrong),
            (&[0x15, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0], Struct::Wrong),
        ] {
            assert_eq!(look(bytes, &[]), expected, "{bytes:?}");
        }
    }

    #[test]
    fn lists_have_no_more_elements_than_there_are_bytes() {
        // Truths, of which the decoder takes two billion for nothing; then as many as there are bytes, and one more.
        assert_eq!(look(&[0x19, 0xf1, 0xff, 0xff, 0xff, 0xff, 7, 0], &[]), Struct::Wrong);
        assert_eq!(look(&[0x19, 0xf1, 5, 0, 0], &[]), Struct::Whole);
        assert_eq!(look(&[0x19, 0xf1, 6, 0, 0], &[]), Struct::Wrong);
        // The same of several together.
        assert_eq!(look(&[0x19, 0xf1, 4, 0x19, 0xf1, 4, 0], &[]), Struct::Wrong);
        assert_eq!(look(&[0x1b, 0xff, 0xff, 0xff, 0xff, 7, 0x11, 0], &[]), Struct::Wrong);
    }

    /// A field that the decoder knows is read as what it should be, whatever the bytes say.
    #[test]
    fn a_field_is_what_the_format_says() {
        // The version is a number, the schema a list of structs whose names are texts.
        for (bytes, expected) in [
            (&[0x15, 2, 0][..], Struct::Whole),
            (&[0x18, 1, b'2', 0], Struct::Wrong),
            (&[0x29, 0x1c, 0x48, 1, b'a', 0, 0], Struct::Whole),
            (&[0x05, 4, 2, 0], Struct::Wrong),
            (&[0x09, 4, 0x1c, 0x48, 1, b'a', 0, 0], Struct::Whole),
            (&[0x29, 0x1c, 0x45, 1, 0, 0], Struct::Wrong),
            (&[0x29, 0x15, 1, 0], Struct::Wrong),
            (&[0x2a, 0x1c, 0, 0], Struct::Wrong),
            // What the format has not, or not yet, is what it says.
            (&[0x0b, 200, 1, 1, 0x58, 3, 1, b'x', 0], Struct::Whole),
        ] {
            assert_eq!(look(bytes, super::super::shapes::FOOTER), expected, "{bytes:?}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| [vec![0x1c; depth], vec![0; depth + 1]].concat();
        assert_eq!(look(&nested(usize::from(DEPTH)), &[]), Struct::Whole);
        assert_eq!(look(&nested(usize::from(DEPTH) + 1), &[]), Struct::Wrong);
    }
}
