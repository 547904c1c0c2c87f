//! Of what kind each field is in what a Parquet file says of itself, by the format's own definition
//! (<https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift>). The decoder reads a field that it
//! knows as what it should be, whatever the bytes say that it is; what they say must be that, or the look before it saw
//! something else.

/// What a field is, or an element of a list.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// A whole number of 16 bits or more, or a choice.
    Number,
    /// A whole number of 8 bits.
    Byte,
    Truth,
    Double,
    /// Bytes or a text.
    Binary,
    List(&'static Self),
    Struct(Fields),
    /// What the decoder passes over by what the bytes say.
    Unknown,
}

/// The fields of a struct, or the choices of a union, by their numbers. Others are unknown.
pub(super) type Fields = &'static [(i64, Shape)];

use Shape::{Binary, Byte, Double, List, Number, Struct, Truth};

const EMPTY: Shape = Struct(&[]);

/// `FileMetaData`, the footer.
pub(super) const FOOTER: Fields = &[
    (1, Number),
    (2, List(&Struct(COLUMN_OF_SCHEMA))),
    (3, Number),
    (4, List(&Struct(ROW_GROUP))),
    (5, List(&Struct(KEY_AND_VALUE))),
    (6, Binary),
    (7, List(&Struct(&[(1, EMPTY), (2, EMPTY), (3, EMPTY)]))),
    (8, Struct(ENCRYPTION)),
    (9, Binary),
];

/// `PageHeader`.
pub(super) const PAGE_HEADER: Fields = &[
    (1, Number),
    (2, Number),
    (3, Number),
    (4, Number),
    (5, Struct(&[(1, Number), (2, Number), (3, Number), (4, Number), (5, Struct(STATISTICS))])),
    (6, EMPTY),
    (7, Struct(&[(1, Number), (2, Number), (3, Truth)])),
    (
        8,
        Struct(&[
            (1, Number),
            (2, Number),
            (3, Number),
            (4, Number),
            (5, Number),
            (6, Number),
            (7, Truth),
            (8, Struct(STATISTICS)),
        ]),
    ),
];

/// `SchemaElement`.
const COLUMN_OF_SCHEMA: Fields = &[
    (1, Number),
    (2, Number),
    (3, Number),
    (4, Binary),
    (5, Number),
    (6, Number),
    (7, Number),
    (8, Number),
    (9, Number),
    (10, Struct(LOGICAL_TYPE)),
];

const LOGICAL_TYPE: Fields = &[
    (1, EMPTY),
    (2, EMPTY),
    (3, EMPTY),
    (4, EMPTY),
    (5, Struct(&[(1, Number), (2, Number)])),
    (6, EMPTY),
    (7, TIME),
    (8, TIME),
    (10, Struct(&[(1, Byte), (2, Truth)])),
    (11, EMPTY),
    (12, EMPTY),
    (13, EMPTY),
    (14, EMPTY),
    (15, EMPTY),
    (16, Struct(&[(1, Byte)])),
    (17, Struct(&[(1, Binary)])),
    (18, Struct(&[(1, Binary), (2, Number)])),
];

const TIME: Shape = Struct(&[(1, Truth), (2, Struct(&[(1, EMPTY), (2, EMPTY), (3, EMPTY)]))]);

const ROW_GROUP: Fields = &[
    (1, List(&Struct(COLUMN_CHUNK))),
    (2, Number),
    (3, Number),
    (4, List(&Struct(&[(1, Number), (2, Truth), (3, Truth)]))),
    (5, Number),
    (6, Number),
    (7, Number),
];

const COLUMN_CHUNK: Fields = &[
    (1, Binary),
    (2, Number),
    (3, Struct(COLUMN)),
    (4, Number),
    (5, Number),
    (6, Number),
    (7, Number),
    (8, Struct(&[(1, EMPTY), (2, Struct(&[(1, List(&Binary)), (2, Binary)]))])),
    (9, Binary),
];

/// `ColumnMetaData`.
const COLUMN: Fields = &[
    (1, Number),
    (2, List(&Number)),
    (3, List(&Binary)),
    (4, Number),
    (5, Number),
    (6, Number),
    (7, Number),
    (8, List(&Struct(KEY_AND_VALUE))),
    (9, Number),
    (10, Number),
    (11, Number),
    (12, Struct(STATISTICS)),
    (13, List(&Struct(&[(1, Number), (2, Number), (3, Number)]))),
    (14, Number),
    (15, Number),
    (16, Struct(&[(1, Number), (2, List(&Number)), (3, List(&Number))])),
    (17, Struct(&[(1, Struct(BOX)), (2, List(&Number))])),
];

/// `BoundingBox`.
const BOX: Fields =
    &[(1, Double), (2, Double), (3, Double), (4, Double), (5, Double), (6, Double), (7, Double), (8, Double)];

const STATISTICS: Fields = &[
    (1, Binary),
    (2, Binary),
    (3, Number),
    (4, Number),
    (5, Binary),
    (6, Binary),
    (7, Truth),
    (8, Truth),
    (9, Number),
];

const KEY_AND_VALUE: Fields = &[(1, Binary), (2, Binary)];

const ENCRYPTION: Fields = &[(1, CIPHER), (2, CIPHER)];
const CIPHER: Shape = Struct(&[(1, Binary), (2, Binary), (3, Truth)]);
