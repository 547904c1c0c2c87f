//! Lists as text files, read through the room's own door.

mod compressed;
mod several;

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

/// A list in a folder of its own.
fn file(name: &str, content: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    fs::write(&path, content).expect("a file");
    (folder, path)
}

fn rows(name: &str, content: impl AsRef<[u8]>) -> Vec<Row> {
    let (_folder, path) = file(name, content);
    let list = open(std::slice::from_ref(&path), &ListOptions::default()).expect("a list");
    list.collect::<Result<_, _>>().expect("rows")
}

/// `line url` of a good row, `line! why` of a bad one.
fn shown(name: &str, content: impl AsRef<[u8]>) -> Vec<String> {
    let show = |row| match row {
        Row::Url { line, url, .. } => format!("{line} {url}"),
        Row::Bad { line, why, .. } => format!("{line}! {why}"),
    };
    rows(name, content).into_iter().map(show).collect()
}

/// The error of a list that opens or ends with one.
fn error(name: &str, content: impl AsRef<[u8]>) -> ListError {
    let (_folder, path) = file(name, content);
    match open(std::slice::from_ref(&path), &ListOptions::default()) {
        Err(error) => error,
        Ok(list) => list.last().expect("an end").expect_err("an error"),
    }
}

#[test]
fn text() {
    let list = "\u{feff}http://a/\r\n\n  # note\n\t http://b/ x \n#\nnot a url\nhttp://c/";
    assert_eq!(shown("l.txt", list), ["1 http://a/", "4 http://b/ x", "6 not a url", "7 http://c/"]);
    assert_eq!(shown("list", "http://a/\n"), ["1 http://a/"]);
}

#[test]
fn csv() {
    let list = "\u{feff}id,URL,text\r\n1,http://a/,x\r\n\r\n2,\"http://b/?q=\"\"1,2\"\"\",\"two\nlines\"\n3,http://c/\n4, ,x\n5,a,b,c\n6,http://d/,x";
    assert_eq!(
        shown("l.csv", list),
        [
            "2 http://a/",
            "4 http://b/?q=\"1,2\"",
            "6! 2 fields, where the header has 3",
            "7! the URL is blank",
            "8! 4 fields, where the header has 3",
            "9 http://d/",
        ]
    );
}

#[test]
fn tsv() {
    assert_eq!(shown("l.tsv", "text\turl\nx, y\t http://a/ \n\"q\tr\"\thttp://b/\n"), ["2 http://a/", "3 http://b/"]);
}

#[test]
fn the_column_as_written_comes_first() {
    assert_eq!(shown("l.csv", "URL,url\na,b\n"), ["2 b"]);
}

#[test]
fn json_lines() {
    let list = "{\"url\": \" http://a/ \", \"x\": [1]}\n\n\"http://b/\"\n{\"URL\": 1, \"a\": 2}\n{\"url\": 1}\n{\"url\": \"\"}\n{\n[1]\n";
    assert_eq!(
        shown("l.jsonl", list),
        [
            "1 http://a/",
            "3 http://b/",
            "4! the URL is not a string",
            "5! the URL is not a string",
            "6! the URL is blank",
            "7! bad JSON: EOF while parsing an object at line 1 column 1",
            "8! the URL is not a string",
        ]
    );
}

#[test]
fn options_override_the_name() {
    let (_folder, path) = file("l.txt", "link;x\n{\"link\": \"http://a/\"}\n");
    let options =
        ListOptions { format: Some(Format::JsonLines), url_column: Some("link".into()), ..ListOptions::default() };
    let rows: Vec<_> =
        open(std::slice::from_ref(&path), &options).expect("a list").map(|row| row.expect("a row")).collect();
    assert!(matches!(&rows[1], Row::Url { line: 2, url, .. } if url == "http://a/"), "{rows:?}");
}

#[test]
fn rows_read_is_a_position() {
    let (_folder, path) = file("l.csv", "url\na\nx,y\nb\n");
    let mut list = open(std::slice::from_ref(&path), &ListOptions::default()).expect("a list");
    assert_eq!(list.rows_read(), 0);
    let (first, second) = (list.next(), list.next());
    assert!(matches!((first, second), (Some(Ok(Row::Url { .. })), Some(Ok(Row::Bad { .. })))));
    assert_eq!(list.rows_read(), 2);
    let again = open(std::slice::from_ref(&path), &ListOptions::default()).expect("a list").nth(2);
    assert!(matches!(again, Some(Ok(Row::Url { line: 4, .. }))));
}

#[test]
fn a_row_at_the_cap() {
    for (name, head, tail) in
        [("l.txt", "", ""), ("l.csv", "url\n", ""), ("l.tsv", "url\n", ""), ("l.jsonl", "\"", "\"")]
    {
        let json = name.ends_with("jsonl");
        for (length, good) in [(ROW_BYTES - 1, true), (ROW_BYTES, true), (ROW_BYTES + 1, false)] {
            for end in ["\n", "\r\n", ""] {
                let url = "a".repeat(if json { length - 2 } else { length });
                let rows = rows(name, format!("{head}{url}{tail}{end}"));
                assert_eq!(rows.len(), 1);
                assert_eq!(matches!(rows[0], Row::Url { .. }), good, "{name} {length} {end:?}");
            }
        }
    }
}

#[test]
fn a_line_of_10_mb_is_one_bad_row() {
    let long = "é".repeat(5 << 20);
    let lists = [
        ("l.txt", format!("a\n{long}\nb\n"), 2),
        ("l.csv", format!("url\na\n{long}\nb\n"), 3),
        ("l.csv", format!("url,x\na,1\n\"{long}\",1\nb,1\n"), 3),
        ("l.tsv", format!("x\turl\n1\ta\n{long}\t1\n1\tb\n"), 3),
        ("l.jsonl", format!("\"a\"\n{{\"url\": \"{long}\"}}\n\"b\"\n"), 2),
    ];
    for (name, list, line) in lists {
        let rows = rows(name, list);
        let good = |row: &Row, expected: &str| matches!(row, Row::Url { url, .. } if url == expected);
        assert!(good(&rows[0], "a") && good(&rows[2], "b") && rows.len() == 3, "{name}");
        let Row::Bad { line: found, text, why } = &rows[1] else { panic!("{name}: a good row") };
        assert_eq!((*found, why.as_str()), (line, "longer than 64 KiB"));
        assert!(text.len() <= BAD_TEXT_BYTES && text.len() > BAD_TEXT_BYTES - 4 && text.contains("éé"), "{name}");
    }
}

#[test]
fn a_quote_never_closed_costs_its_own_line_alone() {
    let good = "http://a/,1\n".repeat(20_000);
    let rows = rows("l.csv", format!("url,n\n\"oops,1\n{good}"));
    assert!(matches!(&rows[0], Row::Bad { line: 2, .. }));
    assert_eq!(rows.len(), 20_001);
    assert!(matches!(rows.last(), Some(Row::Url { line: 20_002, .. })));
    assert_eq!(shown("l.csv", "url\n\"a\nb\n"), ["2! a quote is not closed before the end of the list", "3 b"]);
}

#[test]
fn too_many_fields() {
    let wide = format!("url\n{}\na\n", ",".repeat(5_000));
    assert_eq!(shown("l.csv", wide), ["2! more than 4096 fields", "3 a"]);
}

#[test]
fn what_is_not_utf_8_is_bad() {
    for (name, list) in [
        ("l.txt", &b"a\nhttp://h/\xff\nb\n"[..]),
        ("l.csv", b"url\na\nhttp://h/\xff\nb\n"),
        ("l.jsonl", b"\"a\"\n\"http://h/\xff\"\n\"b\"\n"),
    ] {
        let rows = rows(name, list);
        assert_eq!(rows.len(), 3, "{name}");
        assert!(
            matches!(&rows[1], Row::Bad { text, why, .. } if text.contains("http://h/\u{fffd}") && why == "not UTF-8")
        );
    }
}

#[test]
fn empty_lists() {
    for (name, list) in [
        ("a", ""),
        ("a.txt", "\n# x\n\n"),
        ("a.csv", ""),
        ("a.csv", "url\n\n"),
        ("a.jsonl", "\r\n"),
        ("a.txt", "\u{feff}"),
    ] {
        assert!(matches!(error(name, list), ListError::Empty { .. }), "{name} {list:?}");
    }
}

#[test]
fn what_is_no_list() {
    assert!(matches!(error("a.txt", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), ListError::Binary { .. }));
    assert!(matches!(error("a.txt", b"\x01\x02\x03 text"), ListError::Binary { .. }));
    assert!(matches!(error("a.csv", b"PAR1\x15\x04"), ListError::Parquet { rows: 0, group: 0, .. }));
    assert!(matches!(error("a.parquet", b"http://h/\n"), ListError::NotParquet { .. }));
    assert!(matches!(error("a.txt", b"\xff\xfeh\0t\0"), ListError::Utf16 { .. }));
    for (magic, command) in [(&b"\xfd7zXZ\0"[..], "xzcat"), (b"BZh91AY&SY", "bzcat")] {
        let text = error("a.txt", magic).to_string();
        assert!(text.contains(&format!("{command} ")) && text.contains("| producer urls -"), "{text}");
    }
}

#[test]
fn a_late_nul_is_the_rows_trouble() {
    let rows = rows("a.txt", "x\n".repeat(5_000) + "a\0b\nend\n");
    assert_eq!(rows.len(), 5_002);
}

#[test]
fn what_cannot_be_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    let opened = |path: &Path| open(&[path.to_owned()], &ListOptions::default()).err().expect("an error");
    let (missing, is_folder) = (opened(&folder.path().join("missing.txt")), opened(folder.path()));
    assert!(matches!(missing, ListError::NotFound { .. }) && missing.to_string().contains("missing.txt"));
    assert!(matches!(is_folder, ListError::Folder { .. }));
    for error in [missing, is_folder] {
        assert!(error.to_string().contains("\nhint: "), "{error}");
    }
}

#[test]
fn a_table_without_the_column() {
    let text = error("a.csv", "id, link ,text\n1,2,3\n").to_string();
    assert!(text.contains("no column `url`; there are: id, link, text"), "{text}");
    assert!(matches!(error("a.csv", "\"url\n1\n"), ListError::Header { .. }));
    assert!(matches!(error("a.csv", "a".repeat(ROW_BYTES + 1)), ListError::Header { .. }));
}
