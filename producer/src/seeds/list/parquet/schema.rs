//! The columns of a Parquet file by name, and which of them are read.

use std::sync::Arc;

use parquet::basic::Type as Physical;
use parquet::errors::Result;
use parquet::schema::types::{SchemaDescPtr, SchemaDescriptor, Type};

use super::super::ListError;
use super::super::columns::Wanted;

/// What is read of every row.
pub(super) struct Plan {
    /// Leaf columns, by their number.
    pub(super) url: usize,
    pub(super) caption: Option<usize>,
    /// Under the names that were asked for.
    pub(super) extra: Vec<(String, Source)>,
}

/// Where a column's values are.
#[derive(Clone)]
pub(super) enum Source {
    /// In a leaf column, one a row at most.
    Leaf(usize),
    /// In the leaves of a list, a map or a group: a schema with nothing else.
    Nested(SchemaDescPtr),
}

impl Plan {
    pub(super) fn new(schema: &SchemaDescriptor, wanted: &Wanted, name: &str) -> std::result::Result<Self, ListError> {
        let unreadable = |why: parquet::errors::ParquetError| ListError::Parquet {
            name: name.to_owned(),
            rows: 0,
            group: 0,
            why: why.to_string(),
        };
        let (names, sources) = columns(schema).map_err(unreadable)?;
        let chosen = wanted.among(&names, name)?;
        let text = |column: usize| match &sources[column] {
            Source::Leaf(leaf) if schema.column(*leaf).physical_type() == Physical::BYTE_ARRAY => Ok(*leaf),
            source => Err(ListError::ColumnType {
                name: name.to_owned(),
                column: names[column].clone(),
                kind: match source {
                    Source::Leaf(leaf) => schema.column(*leaf).physical_type().to_string(),
                    Source::Nested(_) => "a list or a group".to_owned(),
                },
            }),
        };
        let caption = match chosen.caption.map(text) {
            Some(Err(error)) if wanted.caption_is_asked_for() => return Err(error),
            // A column that happens to have a usual name.
            caption => caption.and_then(std::result::Result::ok),
        };
        let extra = chosen.extra.into_iter().map(|(name, column)| (name, sources[column].clone())).collect();
        Ok(Self { url: text(chosen.url)?, caption, extra })
    }
}

/// Every column of the first rank, and those within groups, `group.column`.
fn columns(schema: &SchemaDescriptor) -> Result<(Vec<String>, Vec<Source>)> {
    let (mut names, mut sources) = (Vec::new(), Vec::new());
    for (leaf, column) in schema.columns().iter().enumerate() {
        if column.max_rep_level() == 0 {
            names.push(column.path().string());
            sources.push(Source::Leaf(leaf));
        }
    }
    for field in schema.root_schema().get_fields() {
        if names.iter().all(|name| name != field.name()) {
            let alone = Type::group_type_builder(schema.name()).with_fields(vec![Arc::clone(field)]).build()?;
            names.push(field.name().to_owned());
            sources.push(Source::Nested(Arc::new(SchemaDescriptor::new(Arc::new(alone)))));
        }
    }
    Ok((names, sources))
}
