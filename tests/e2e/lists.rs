//! Lists in all their forms, as files and as live pipes; what breaks off is gone on with.

use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use harness::{World, eventually};

use crate::{embedded, images, plain};

/// What a compressor of the system makes of `content`.
fn piped(program: &str, content: &str) -> Vec<u8> {
    let mut child = Command::new(program)
        .arg("-c")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    child.stdin.take().expect("a pipe").write_all(content.as_bytes()).expect("written");
    let mut compressed = Vec::new();
    child.stdout.take().expect("a pipe").read_to_end(&mut compressed).expect("read");
    assert!(child.wait().expect("it ends").success());
    compressed
}

async fn finished(world: &mut World, arguments: &[&str]) -> harness::Finished {
    let run = world.start_run(arguments);
    world.finish(run).await
}

#[tokio::test]
async fn several_lists_of_several_kinds_are_one() {
    let mut world = embedded("several-lists").await;
    let urls = images(&world, 5, plain);
    let folder = world.folder().folder("lists");
    let csv = format!("URL,TEXT,width\n{},a cat,8\n", urls[0]);
    fs::write(folder.join("a.csv.gz"), piped("gzip", &csv)).expect("written");
    let lines = format!("{{\"url\": \"{}\", \"caption\": \"two\", \"tags\": [\"x\", 1]}}\n{}", urls[1], "[]");
    fs::write(folder.join("b.jsonl"), lines).expect("written");
    fs::write(folder.join("ignored.png"), "no list").expect("written");
    let text = world.folder().file("further.txt", format!("{}\n{}\n", urls[2], urls[3]));
    let (folder, text) = (folder.to_string_lossy().into_owned(), text.to_string_lossy().into_owned());
    // The first has all columns that are asked for; in JSON Lines each row has those that it has.
    let refused = finished(&mut world, &["urls", "--columns", "tags", &folder, &text]).await;
    refused.expect_code(2);
    assert!(refused.talk.contains("no column `tags`"), "{}", refused.talk);
    let done = finished(&mut world, &["urls", "--columns", "width", &folder, &text]).await;
    done.expect_complete().expect_stored(4);
    assert_eq!(done.row(&urls[0]).text("caption"), Some("a cat"));
    assert_eq!(done.row(&urls[1]).text("caption"), Some("two"));
    done.row("[]").expect("rejected", Some("bad-url"));
    let manifest = fs::read_to_string(done.folder.join("results.jsonl")).expect("a manifest");
    assert!(manifest.lines().next().expect("a row").contains(r#""extra":{"width":"8"}"#), "{manifest}");
}

#[tokio::test]
async fn a_live_pipe_is_fetched_as_it_comes() {
    let mut world = embedded("live").await;
    let urls = images(&world, 2, plain);
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    writeln!(writer, "{}", urls[0]).expect("written");
    let run = world.start_run_reading(&["urls", "-"], reader);
    let site = world.site();
    eventually("the first image is asked for", Duration::from_secs(20), async || {
        if site.log().hits("/image-1.png") > 0 { Ok(()) } else { Err("no request") }
    })
    .await;
    writeln!(writer, "{}", urls[1]).expect("written");
    drop(writer);
    world.finish(run).await.expect_complete().expect_stored(2);
}

#[tokio::test]
async fn a_list_that_is_cut_off_keeps_its_rows_and_is_gone_on_with() {
    let mut world = embedded("cut-off").await;
    let urls = images(&world, 2, plain);
    // Rows that do not compress away, so that the cut is after many of them.
    let between: String = (0_u64..20_000)
        .map(|row| format!("no url {:x}\n", row.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
        .collect::<Vec<_>>()
        .concat();
    let whole = piped("gzip", &format!("{}\n{between}{}\n", urls[0], urls[1]));
    let list = world.folder().file("list.txt.gz", &whole[..whole.len() / 2]);
    let broken = finished(&mut world, &["urls", &list.to_string_lossy()]).await;
    broken.expect_code(2);
    assert!(broken.talk.contains("list.txt.gz: cannot be read beyond row "), "{}", broken.talk);
    fs::write(&list, whole).expect("made whole");
    let done = world.again("resume", &broken.folder, &[]).await;
    done.expect_complete().expect_stored(2);
    assert_eq!(done.count("rejected"), 20_000);
}
