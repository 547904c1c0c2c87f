//! Parquet files that are written here, and read through the list's door.

use std::path::PathBuf;
use std::sync::Arc;

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type};
use parquet::file::properties::WriterVersion::PARQUET_2_0;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use tempfile::TempDir;

use crate::seeds::list::{List, ListError, ListOptions, ROW_BYTES, Row, open};

type Texts<'a> = &'a [Option<&'a [u8]>];

/// Writes the next column of texts.
fn texts(group: &mut SerializedRowGroupWriter<'_, Vec<u8>>, texts: Texts<'_>) {
    let levels: Vec<i16> = texts.iter().map(|text| i16::from(text.is_some())).collect();
    let values: Vec<ByteArray> = texts.iter().flatten().map(|text| text.to_vec().into()).collect();
    let mut column = group.next_column().expect("memory").expect("a column");
    column.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None).expect("memory");
    column.close().expect("memory");
}

/// A file with a row group for each.
fn written(
    schema: &str,
    properties: WriterPropertiesBuilder,
    groups: usize,
    mut group: impl FnMut(usize, &mut SerializedRowGroupWriter<'_, Vec<u8>>),
) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(schema).expect("a schema"));
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties.build())).expect("memory");
    for number in 0..groups {
        let mut rows = writer.next_row_group().expect("memory");
        group(number, &mut rows);
        rows.close().expect("memory");
    }
    writer.into_inner().expect("memory")
}

const URLS: &str = "message list { optional binary url (UTF8); }";

/// `groups` groups of `rows` URLs, one page for each hundred.
fn urls(groups: usize, rows: usize, properties: WriterPropertiesBuilder) -> Vec<u8> {
    let properties = properties.set_data_page_row_count_limit(100).set_write_batch_size(100);
    written(URLS, properties, groups, |group, writer| {
        let urls: Vec<_> = (0..rows).map(|row| format!("http://h/{group}/{}", row / 2)).collect();
        texts(writer, &urls.iter().map(|url| Some(url.as_bytes())).collect::<Vec<_>>());
    })
}

fn file(content: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("list.parquet");
    std::fs::write(&path, content).expect("a file");
    (folder, path)
}

fn list(content: &[u8], columns: &[&str]) -> Result<List, ListError> {
    let (_folder, path) = file(content);
    let columns = columns.iter().map(|name| (*name).to_owned()).collect();
    // It is open after the folder is gone.
    open(&[path], &ListOptions { columns, ..ListOptions::default() })
}

/// `line url|caption|extra` or `line! why: text`.
fn shown(content: &[u8], columns: &[&str]) -> Vec<String> {
    let show = |row: Result<Row, ListError>| match row {
        Ok(Row::Url { line, url, caption, extra }) => {
            format!("{line} {url}|{}|{}", caption.unwrap_or_default(), extra.unwrap_or_default())
        }
        Ok(Row::Bad { line, text, why }) => format!("{line}! {why}: {}", &text[..text.len().min(20)]),
        Err(error) => error.to_string(),
    };
    list(content, columns).expect("a list").map(show).collect()
}

fn without_dictionary(encoding: Encoding) -> WriterPropertiesBuilder {
    WriterProperties::builder().set_dictionary_enabled(false).set_encoding(encoding)
}

#[test]
fn every_encoding_and_compression_gives_the_same_rows() {
    let expected: Vec<_> =
        (0..3).flat_map(|group| (0..500).map(move |row| format!("http://h/{group}/{}", row / 2))).collect();
    let plain = WriterProperties::builder;
    for (what, properties) in [
        ("dictionary", plain()),
        ("plain", plain().set_dictionary_enabled(false)),
        ("version 2", plain().set_writer_version(PARQUET_2_0)),
        ("lengths", without_dictionary(Encoding::DELTA_LENGTH_BYTE_ARRAY)),
        ("prefixes", without_dictionary(Encoding::DELTA_BYTE_ARRAY)),
        ("prefixes, version 2", without_dictionary(Encoding::DELTA_BYTE_ARRAY).set_writer_version(PARQUET_2_0)),
        ("snappy", plain().set_compression(Compression::SNAPPY)),
        ("zstd", plain().set_compression(Compression::ZSTD(ZstdLevel::default()))),
        ("gzip", plain().set_compression(Compression::GZIP(parquet::basic::GzipLevel::default()))),
        ("lz4", plain().set_compression(Compression::LZ4_RAW)),
    ] {
        let read: Vec<_> = list(&urls(3, 500, properties), &[])
            .expect("a list")
            .map(|row| match row {
                Ok(Row::Url { url, .. }) => url,
                other => format!("{other:?}"),
            })
            .collect();
        assert_eq!(read, expected, "{what}");
    }
}

#[test]
fn a_bad_row_is_a_row() {
    let long = vec![b'x'; ROW_BYTES + 1];
    let content = written(URLS, WriterProperties::builder(), 1, |_, group| {
        texts(group, &[Some(b" http://a/ "), None, Some(b" "), Some(b"http://\xff/"), Some(&long), Some(b"http://b/")]);
    });
    let rows = shown(&content, &[]);
    assert_eq!((rows[0].as_str(), rows[5].as_str(), rows.len()), ("1 http://a/||", "6 http://b/||", 6));
    assert!(rows[1].starts_with("2! the URL is null: row 2 of "), "{rows:?}");
    assert!(rows[2].starts_with("3! the URL is blank: row 3 of "), "{rows:?}");
    assert_eq!(rows[3], "4! not UTF-8: http://\u{fffd}/");
    assert!(rows[4].starts_with("5! longer than 64 KiB: xxx"), "{rows:?}");
}

#[test]
fn captions_and_further_columns() {
    let schema = "message list {
        optional binary caption (UTF8);
        required int32 width;
        optional binary url (UTF8);
        optional binary raw;
        optional group tags (LIST) { repeated group list { optional binary element (UTF8); } }
        optional group size { required double ratio; }
    }";
    let content = written(schema, WriterProperties::builder(), 2, |_, group| {
        texts(group, &[Some(b"a \xffcat"), None]);
        let mut column = group.next_column().expect("memory").expect("a column");
        column.typed::<Int32Type>().write_batch(&[7, -8], None, None).expect("memory");
        column.close().expect("memory");
        texts(group, &[Some(b"http://a/"), Some(b"http://b/")]);
        texts(group, &[Some(b"\x00\x01"), None]);
        let mut column = group.next_column().expect("memory").expect("a column");
        let tags = [ByteArray::from("x"), ByteArray::from("y")];
        column.typed::<ByteArrayType>().write_batch(&tags, Some(&[3, 3, 0]), Some(&[0, 1, 0])).expect("memory");
        column.close().expect("memory");
        let mut column = group.next_column().expect("memory").expect("a column");
        column.typed::<DoubleType>().write_batch(&[0.5], Some(&[1, 0]), None).expect("memory");
        column.close().expect("memory");
    });
    let rows = shown(&content, &["width", "tags", "raw", "size", "size.ratio"]);
    let first = r#"{"raw":"AAE=","size":{"ratio":0.5},"size.ratio":0.5,"tags":["x","y"],"width":7}"#;
    let second = r#"{"raw":null,"size":null,"size.ratio":null,"tags":null,"width":-8}"#;
    assert_eq!(rows[0], format!("1 http://a/|a \u{fffd}cat|{first}"));
    assert_eq!(rows[1], format!("2 http://b/||{second}"));
    assert_eq!((rows[2].as_str(), rows.len()), (format!("3 http://a/|a \u{fffd}cat|{first}").as_str(), 4));
}

/// As by standard input, which cannot be read from its end.
#[test]
fn a_pipe_is_kept_in_a_file_while_it_is_read() {
    let content = urls(2, 500, WriterProperties::builder());
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
    assert!(made.success());
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::write(pipe, content)
    });
    let list = open(&[pipe], &ListOptions::default()).expect("a list");
    assert_eq!(list.flatten().count(), 1_000);
    writer.join().expect("no panic").expect("written");
}

#[test]
fn the_url_must_be_a_text() {
    let tags = "message list { optional group url (LIST) { repeated group list { optional binary element (UTF8); } } }";
    for (schema, says) in [
        ("message list { optional int64 url; }", "the column `url` is INT64, not text"),
        (tags, "the column `url` is a list or a group, not text"),
        ("message list { optional binary link (UTF8); }", "no column `url`; there are: link"),
    ] {
        let text = list(&written(schema, WriterProperties::builder(), 0, |_, _| ()), &[]).err().expect("an error");
        assert!(text.to_string().contains(says), "{text}");
    }
    let number = "message list { optional binary url (UTF8); optional int64 text; }";
    let content = written(number, WriterProperties::builder(), 0, |_, _| ());
    assert!(list(&content, &[]).is_ok(), "a column that happens to be called like a caption");
}

#[test]
fn empty_files() {
    for groups in [0, 1] {
        let content = urls(groups, 0, WriterProperties::builder());
        let error = list(&content, &[]).expect("a list").last().expect("an end").expect_err("no rows");
        assert!(matches!(error, ListError::Empty { .. }), "{error}");
    }
}

#[test]
fn rows_are_passed_over_by_the_group() {
    let content = urls(3, 500, WriterProperties::builder());
    for (passed, next) in [
        (0, Some("http://h/0/0")),
        (499, Some("http://h/0/249")),
        (500, Some("http://h/1/0")),
        (1_200, Some("http://h/2/100")),
        (1_500, None),
        (9_999, None),
    ] {
        let mut list = list(&content, &[]).expect("a list");
        list.pass_over(passed).expect("rows");
        assert_eq!(list.rows_read(), passed.min(1_500));
        let found = list.next().map(|row| match row {
            Ok(Row::Url { line, url, .. }) => {
                assert_eq!(line, passed + 1);
                url
            }
            other => format!("{other:?}"),
        });
        assert_eq!(found.as_deref(), next, "{passed}");
    }
}

#[test]
fn what_is_damaged_gives_its_rows_and_then_says_where() {
    let content = urls(3, 500, WriterProperties::builder().set_dictionary_enabled(false));
    let needle = b"http://h/1/200";
    let at = content.windows(needle.len()).position(|window| window == needle).expect("it is written");
    let mut damaged = content.clone();
    // The length of a text, which comes before it.
    damaged[at - 1] = 0xff;
    let mut list = list(&damaged, &[]).expect("a list");
    let good = list.by_ref().take_while(Result::is_ok).count();
    assert!((500..=900).contains(&good), "{good}");
    let (_folder, path) = file(&damaged);
    let error = open(&[path], &ListOptions::default()).expect("a list").last().expect("an end").expect_err("damaged");
    assert!(matches!(error, ListError::Parquet { group: 2, rows, .. } if rows == good as u64), "{error}");
}

/// Bits are flipped and ends cut off: there are rows, or an error, and no panic that leaves the room.
#[test]
fn whatever_is_damaged_is_an_error_or_a_row() {
    let content = urls(2, 300, WriterProperties::builder().set_compression(Compression::SNAPPY));
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..1_000 {
        let mut damaged = content.clone();
        for _ in 0..=round % 4 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = usize::try_from(random >> 33).expect("small") % damaged.len();
            damaged[at] ^= 1 << (random % 8);
        }
        if round % 10 == 0 {
            damaged.truncate(damaged.len() * (round + 1) / 1_000);
        }
        if let Ok(list) = list(&damaged, &[]) {
            assert!(list.take(1_000_000).count() < 1_000_000, "round {round}");
        }
    }
}

#[test]
fn a_page_that_unpacks_to_too_much_is_refused_before_it_does() {
    // A long value and some thousands that begin with all of it: two bytes for each in the file.
    let long = vec![b'x'; 60_000];
    let of = |rows: usize| {
        written(URLS, without_dictionary(Encoding::DELTA_BYTE_ARRAY), 1, |_, group| {
            texts(group, &vec![Some(&long[..]); rows]);
        })
    };
    let most = super::PAGE_BYTES / long.len();
    assert!(of(most + 1).len() < 2 * long.len());
    let said = |rows| shown(&of(rows), &[]).pop().expect("a row");
    assert!(said(most).starts_with(&format!("{most} xxx")));
    assert!(said(most + 1).contains("a page that unpacks to more than 128 MiB"), "{}", said(most + 1));
}
