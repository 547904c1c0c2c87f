//! The manifest in all its forms, as other people's readers see it: the same rows, of the types that are documented.

use harness::{Python, Response, png};

use crate::embedded;

/// Compares what `pyarrow`, `duckdb` and Python's own `csv` read with `results.jsonl`, field by field.
const COMPARE: &str = r#"
import csv, datetime, json, sys
import duckdb, pyarrow.parquet

folder, exported = sys.argv[1:3]
expected = [json.loads(line) for line in open(folder + "/results.jsonl", encoding="utf-8")]
columns = list(expected[0])
parquet = folder + "/results.parquet"

typed = {"http_status": ("int32", "INTEGER"), "fetched_at": ("timestamp[ms, tz=UTC]", "TIMESTAMP WITH TIME ZONE")}
typed["scripted"] = ("bool", "BOOLEAN")
numbers = ["width", "height", "bytes", "copy_width", "copy_height", "copy_bytes", "attempts", "duration_ms"]
typed |= dict.fromkeys(numbers, ("int64", "BIGINT"))
types = [typed.get(name, ("string", "VARCHAR")) for name in columns]

def moment(text):
    return text and int(datetime.datetime.fromisoformat(text).timestamp() * 1000 + 0.5)

def plain(row):
    row = dict(row)
    row["fetched_at"] = moment(row["fetched_at"])
    return row

def parsed(row):
    for name in ["sources", "extra"]:
        row[name] = row[name] and json.loads(row[name])
    return row

table = pyarrow.parquet.read_table(parquet)
assert table.column_names == columns, table.column_names
assert [str(field.type) for field in table.schema] == [arrow for arrow, _ in types], table.schema
assert all(field.nullable for field in table.schema)
def arrow(row):
    at = row["fetched_at"]
    row["fetched_at"] = at and int(at.timestamp() * 1000 + 0.5)
    return parsed(row)
found = [arrow(row) for row in table.to_pylist()]
assert found == [plain(row) for row in expected], "pyarrow"
meta = pyarrow.parquet.ParquetFile(parquet).metadata
assert meta.num_rows == len(expected)
assert {meta.row_group(0).column(i).compression for i in range(meta.num_columns)} == {"ZSTD"}

described = duckdb.sql(f"DESCRIBE SELECT * FROM '{parquet}'").fetchall()
assert [(row[0], row[1]) for row in described] == [(name, kind[1]) for name, kind in zip(columns, types)], described
rows = duckdb.sql(f"SELECT * REPLACE (epoch_ms(fetched_at) AS fetched_at) FROM '{parquet}'").fetchall()
assert [parsed(dict(zip(columns, row))) for row in rows] == [plain(row) for row in expected], "duckdb"

def as_csv(row):
    def text(name, value):
        if value is None:
            return ""
        if name in ["sources", "extra"]:
            return json.loads(json.dumps(value))
        if isinstance(value, bool):
            return str(value).lower()
        text = str(value)
        dangerous = isinstance(value, str) and text[:1] in set("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20") and text
        return "'" + text if dangerous else text
    return {name: text(name, value) for name, value in row.items()}
with open(exported + ".csv", encoding="utf-8", newline="") as file:
    rows = list(csv.DictReader(file, strict=True))
for row in rows:
    for name in ["sources", "extra"]:
        row[name] = json.loads(row[name]) if row[name] else ""
assert rows == [as_csv(row) for row in expected], "csv"

again = pyarrow.parquet.read_table(exported + ".parquet")
assert again.equals(table), "the exported Parquet file"
print(len(expected), sum(row["status"] == "stored" for row in expected))
"#;

#[tokio::test]
async fn pyarrow_duckdb_and_csv_read_what_the_json_lines_say() {
    let mut world = embedded("manifest").await;
    let page = concat!(
        "<img src=a.png alt='=HYPERLINK(\"http://evil.example\")' title='a, \"quoted\" &#233;&#128512;'>",
        "<figure><picture><source srcset='b.png 2x'><img src=b.png srcset='b.png 2x'></picture>",
        "<figcaption>+1 &amp; two\nlines</figcaption></figure>",
        "<img src=twin.png alt='-'><img src=gone.png alt=\"'@\"><img src=text.png alt='&#xff1d;1'>",
        "<img src=moved.png alt=''><img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>",
    );
    world
        .page("/", page)
        .route("/a.png", Response::image(png(7, 5, 1)).header("ETag", "\"a,b\"").header("Content-Type", "=image"))
        .image("/b.png", png(7, 5, 2))
        .image("/twin.png", png(7, 5, 1))
        .route("/text.png", Response::html("<p>"))
        .route("/moved.png", Response::redirect("/b.png?again"));
    check(&mut world, &[]).await;
}

#[tokio::test]
async fn rows_of_lists_come_out_of_every_form_with_their_columns() {
    let mut world = embedded("manifest-list").await;
    world.image("/a.png", png(7, 5, 1));
    let rows = [
        serde_json::json!({"url": world.url("/a.png"), "caption": "\t=1\r\n,\"", "tags": ["x", {"y": null}], "n": 1.5}),
        serde_json::json!({"url": "=no url\u{0}", "caption": "", "tags": "=1", "n": null}),
        serde_json::json!({"url": world.url("/gone.png"), "n": -3}),
    ];
    let list = rows.map(|row| row.to_string()).join("\n");
    let list = world.folder().file("list.jsonl", list).to_string_lossy().into_owned();
    check(&mut world, &["urls", "--columns", "tags,n", &list]).await;
}

/// Runs, a crawl of the site if nothing else is asked for, and has all forms compared.
async fn check(world: &mut harness::World, arguments: &[&str]) {
    let run = if arguments.is_empty() { world.start_crawl(&[]) } else { world.start_run(arguments) };
    let done = world.finish(run).await;
    done.expect_complete().expect_counts();
    let (runs, name) = (done.folder.parent().expect("runs"), done.folder.file_name().expect("a name"));
    let (runs, name) = (runs.to_string_lossy(), name.to_string_lossy());
    let exported = world.folder().join("exported");
    for ending in ["csv", "parquet"] {
        let file = exported.with_extension(ending);
        let file = file.to_string_lossy();
        world.producer(&["export", "--runs", &runs, "--output", &file, &name]).await.expect_code(0);
    }
    let read = Python::get().run(COMPARE, &[&done.folder, &exported]);
    assert_eq!(read, format!("{} {}\n", done.rows.len(), done.count("stored")));
}
