//! Several files as one list, and columns beside the URL's.

use super::*;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, content) in files {
        fs::write(folder.path().join(name), content).expect("a file");
    }
    folder
}

fn list(folder: &TempDir, names: &[&str]) -> Result<List, ListError> {
    let paths: Vec<_> = names.iter().map(|name| folder.path().join(name)).collect();
    open(&paths, &ListOptions::default())
}

fn urls(list: List) -> Vec<String> {
    let url = |row| match row {
        Ok(Row::Url { url, .. }) => url,
        other => format!("{other:?}"),
    };
    list.map(url).collect()
}

#[test]
fn files_in_their_order_are_one_list() {
    let folder = folder(&[("b.txt", "b1\nb2\n"), ("a.csv", "x,url\n1,a1\n"), ("none.csv", ""), ("head.csv", "url\n")]);
    let read = urls(list(&folder, &["b.txt", "none.csv", "a.csv", "head.csv"]).expect("a list"));
    assert_eq!(read, ["b1", "b2", "a1"]);
    let mut passed = list(&folder, &["b.txt", "none.csv", "a.csv"]).expect("a list");
    passed.pass_over(2).expect("rows");
    assert_eq!(passed.rows_read(), 2);
    assert!(matches!(passed.next(), Some(Ok(Row::Url { line: 2, url, .. })) if url == "a1"));
    assert!(passed.name().ends_with("a.csv") && passed.next().is_none());
    let mut beyond = list(&folder, &["b.txt"]).expect("a list");
    beyond.pass_over(9).expect("rows");
    assert_eq!(beyond.rows_read(), 2);
    let empty = list(&folder, &["none.csv", "head.csv"]).expect("files").last();
    assert!(matches!(empty, Some(Err(ListError::Empty { .. }))));
    let missing = list(&folder, &["b.txt", "missing.txt"]).err();
    assert!(matches!(missing, Some(ListError::NotFound { .. })), "known before the first is read");
    assert!(matches!(open(&["-".into(), "-".into()], &ListOptions::default()), Err(ListError::InputTwice)));
}

#[test]
fn a_folder_is_its_lists_sorted_by_name() {
    let folder = folder(&[
        ("part-10.txt", "c\n"),
        ("part-02.txt", "b\n"),
        ("part-01.jsonl", "\"a\"\n"),
        (".part-00.txt", "hidden\n"),
        ("_SUCCESS", ""),
        ("picture.png", "no list\n"),
    ]);
    fs::create_dir(folder.path().join("deeper.txt")).expect("a folder");
    assert_eq!(urls(list(&folder, &[""]).expect("a list")), ["a", "b", "c"]);
    assert!(matches!(list(&folder, &["deeper.txt"]), Err(ListError::Folder { .. })));
}

#[test]
fn the_format_is_in_the_name() {
    for (name, format) in [
        ("a.csv", Some(Format::Csv)),
        ("A.CSV.GZ", Some(Format::Csv)),
        ("a.b.tsv.zst", Some(Format::Tsv)),
        ("a.ndjson", Some(Format::JsonLines)),
        ("a.parquet", Some(Format::Parquet)),
        ("a.gz", None),
        ("a.png", None),
        ("csv", None),
        ("-", None),
    ] {
        assert_eq!(Format::known(Path::new(name)), format, "{name}");
    }
}

/// `url|caption|extra` of each row.
fn columns(name: &str, content: &str, columns: &[&str]) -> Vec<String> {
    let (_folder, path) = file(name, content);
    let columns = columns.iter().map(|name| (*name).to_owned()).collect();
    let list = open(&[path], &ListOptions { columns, ..ListOptions::default() }).expect("a list");
    let show = |row| match row {
        Ok(Row::Url { url, caption, extra, .. }) => {
            format!("{url}|{}|{}", caption.unwrap_or_default(), extra.unwrap_or_default())
        }
        other => format!("{other:?}"),
    };
    list.map(show).collect()
}

#[test]
fn captions_and_further_columns() {
    let csv = "url,TEXT,width,note\na, a cat ,5,\"x \"\"y\"\"\"\nb,,,\n";
    assert_eq!(columns("l.csv", csv, &[]), ["a|a cat|", "b||"]);
    assert_eq!(
        columns("l.csv", csv, &["note", "Width"]),
        [r#"a|a cat|{"Width":"5","note":"x \"y\""}"#, r#"b||{"Width":"","note":""}"#]
    );
    let json = "{\"image_url\": \"a\", \"alt\": \"a cat\", \"n\": {\"x\": [1, null]}}\n\"b\"\n{\"url\": \"c\", \"alt\": 1, \"N\": 2.5}\n";
    assert_eq!(columns("l.jsonl", json, &["n"]), [r#"a|a cat|{"n":{"x":[1,null]}}"#, "b||", r#"c||{"n":2.5}"#]);
}

#[test]
fn a_value_that_is_too_large_does_not_cost_the_row() {
    let csv = format!("url,a,b\nhttp://a/,{},small\n", "x".repeat(EXTRA_BYTES));
    assert_eq!(columns("l.csv", &csv, &["a", "b"]), [r#"http://a/||{"_left_out":["a"],"b":"small"}"#]);
    let caption = format!("url,caption\nhttp://a/,{}\n", "é".repeat(CAPTION_BYTES));
    assert_eq!(columns("l.csv", &caption, &[])[0].len(), "http://a/||".len() + CAPTION_BYTES);
}
