//! Reads tables of a TOML file so that each complaint names the file, the line and the key, and never shows a value: values
//! are secrets here.

use std::fmt;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is wrong with a file, and where.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    file: PathBuf,
    /// From 1; `None` where it is not about a line.
    line: Option<usize>,
    key: String,
    problem: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if !self.key.is_empty() {
            write!(f, ", {}", self.key)?;
        }
        write!(f, ": {}", self.problem)
    }
}

impl ConfigError {
    /// About a file as a whole.
    pub(super) fn of_file(file: &Path, problem: impl fmt::Display) -> Self {
        Self { file: file.to_owned(), line: None, key: String::new(), problem: problem.to_string() }
    }

    /// About a line of a file that is no TOML.
    pub(super) fn of_line(file: &Path, line: usize, problem: &str) -> Self {
        Self { line: Some(line), ..Self::of_file(file, problem) }
    }
}

/// A file's name and text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) file: &'a Path,
    pub(super) text: &'a str,
}

impl<'a> Source<'a> {
    /// The table that the file is.
    pub(super) fn parse(self) -> Result<Spanned<DeTable<'a>>, ConfigError> {
        // The library's own text would show the line.
        DeTable::parse(self.text).map_err(|error| {
            let line = error.span().map(|span| self.line(span.start));
            ConfigError { line, ..ConfigError::of_file(self.file, format!("this is no TOML: {}", error.message())) }
        })
    }

    pub(super) fn error(self, key: &str, at: usize, problem: impl fmt::Display) -> ConfigError {
        let line = Some(self.line(at));
        ConfigError { line, key: key.to_owned(), ..ConfigError::of_file(self.file, problem) }
    }

    fn line(self, at: usize) -> usize {
        let before = self.text.as_bytes().iter().take(at);
        before.filter(|byte| **byte == b'\n').count() + 1
    }
}

/// A table of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'a> {
    source: Source<'a>,
    /// What its keys are called in complaints, such as `send`; empty for the file's own table.
    name: &'a str,
    at: usize,
    entries: &'a DeTable<'a>,
}

/// A text of a file.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) value: &'a str,
    source: Source<'a>,
    table: &'a str,
    key: &'a str,
    at: usize,
}

impl Text<'_> {
    /// A complaint about it.
    pub(super) fn error(&self, problem: impl fmt::Display) -> ConfigError {
        self.source.error(&path(self.table, self.key), self.at, problem)
    }
}

impl<'a> Table<'a> {
    pub(super) fn new(source: Source<'a>, name: &'a str, at: usize, entries: &'a DeTable<'a>) -> Self {
        Self { source, name, at, entries }
    }

    /// A complaint about the table as a whole.
    pub(super) fn error(&self, problem: impl fmt::Display) -> ConfigError {
        self.source.error(self.name, self.at, problem)
    }

    /// Refuses keys that mean nothing here.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), ConfigError> {
        match self.entries.keys().find(|key| !known.contains(&&**key.get_ref())) {
            Some(key) => {
                let known = known.join(", ");
                Err(self.source.error(
                    &path(self.name, key.get_ref()),
                    key.span().start,
                    format!("no such key; there are {known}"),
                ))
            }
            None => Ok(()),
        }
    }

    /// A text, if it is there.
    pub(super) fn text(&self, key: &'a str) -> Result<Option<Text<'a>>, ConfigError> {
        self.entries.get(key).map(|value| self.as_text(key, value)).transpose()
    }

    /// A text, or a list of texts; none if it is not there.
    pub(super) fn texts(&self, key: &'a str) -> Result<Vec<Text<'a>>, ConfigError> {
        match self.entries.get(key) {
            Some(value) => match value.get_ref().as_array() {
                Some(list) => list.iter().map(|value| self.as_text(key, value)).collect(),
                None => Ok(vec![self.as_text(key, value)?]),
            },
            None => Ok(Vec::new()),
        }
    }

    /// Yes or no; no if it is not there.
    pub(super) fn flag(&self, key: &str) -> Result<bool, ConfigError> {
        self.entries
            .get(key)
            .map_or(Ok(false), |value| value.get_ref().as_bool().ok_or_else(|| self.wrong(key, value, "true or false")))
    }

    /// The texts of a table within, with their keys; none if it is not there.
    pub(super) fn pairs(&self, key: &'a str) -> Result<Vec<(&'a str, Text<'a>)>, ConfigError> {
        let Some(value) = self.entries.get(key) else { return Ok(Vec::new()) };
        let within = value
            .get_ref()
            .as_table()
            .ok_or_else(|| self.wrong(key, value, "a table, such as { Name = \"value\" }"))?;
        within.iter().map(|(name, value)| Ok((&**name.get_ref(), self.as_text(key, value)?))).collect()
    }

    /// A table within, if it is there.
    pub(super) fn table(&self, key: &'a str) -> Result<Option<Table<'a>>, ConfigError> {
        let Some((written, value)) = self.entries.get_key_value(key) else { return Ok(None) };
        let entries = value.get_ref().as_table().ok_or_else(|| self.wrong(key, value, "a table"))?;
        Ok(Some(Table { name: key, entries, at: written.span().start, ..*self }))
    }

    /// The tables of a list of them (`[[key]]`); none if it is not there.
    pub(super) fn tables(&self, key: &'a str) -> Result<Vec<Table<'a>>, ConfigError> {
        let Some(value) = self.entries.get(key) else { return Ok(Vec::new()) };
        let list =
            value.get_ref().as_array().ok_or_else(|| self.wrong(key, value, "tables, each headed by [[...]]"))?;
        let table = |value: &'a Spanned<DeValue<'a>>| match value.get_ref().as_table() {
            Some(entries) => Ok(Table { name: key, entries, at: value.span().start, ..*self }),
            None => Err(self.wrong(key, value, "tables, each headed by [[...]]")),
        };
        list.iter().map(table).collect()
    }

    fn as_text(&self, key: &'a str, value: &'a Spanned<DeValue<'a>>) -> Result<Text<'a>, ConfigError> {
        let text = value.get_ref().as_str().ok_or_else(|| self.wrong(key, value, "text in quotation marks"))?;
        Ok(Text { value: text, source: self.source, table: self.name, key, at: value.span().start })
    }

    fn wrong(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) -> ConfigError {
        let is = value.get_ref().type_str();
        self.source.error(
            &path(self.name, key),
            value.span().start,
            format!("it takes {wanted}, and this is of the type {is}"),
        )
    }
}

fn path(table: &str, key: &str) -> String {
    if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") }
}
