//! What is wrong on the command line is refused before anything happens; what is wrong in a list is an outcome.

use std::fs::File;

use harness::{Finished, World, png};

use crate::{embedded, images, plain};

/// Refused as wrong usage, with a word that says what is wrong.
fn expect_refused(finished: &Finished, word: &str) {
    finished.expect_code(2);
    assert!(finished.talk.contains(word), "nothing about {word}:\n{}", finished.talk);
    assert!(!finished.talk.contains("panicked"), "{}", finished.talk);
}

/// A list as a file of the world's folder, read to the end.
async fn read_list(world: &mut World, name: &str, content: impl AsRef<[u8]>) -> Finished {
    let list = world.folder().file(name, content);
    let crawl = world.start_run(&["urls", &list.to_string_lossy()]);
    world.finish(crawl).await
}

#[tokio::test]
async fn malformed_urls_and_unknown_options_are_wrong_usage() {
    let mut world = embedded("usage").await;
    for seed in ["http://", "no url", "http://[::1", "ftp://127.0.0.1/"] {
        expect_refused(&world.producer(&["crawl", "--embedded", seed]).await, seed);
    }
    let seed = world.url("/");
    for wrong in [
        &["--no-such-option"][..],
        &["--depth", "deep"],
        &["--timeout", "soon"],
        &["--scope", "moon"],
        &["--include", "("],
    ] {
        let arguments = [&["crawl", "--embedded"], wrong, &[&seed]].concat();
        expect_refused(&world.producer(&arguments).await, wrong[0]);
    }
    expect_refused(&world.producer(&["crawl", "--embedded"]).await, "URL");
    assert_eq!(world.site().log().connections(), 0, "nothing happens before all input is known to be good");
}

#[tokio::test]
async fn the_options_of_a_downloader_need_embedded() {
    let mut world = embedded("store").await;
    let seed = world.url("/");
    // There is no broker at that address: the usage is checked before it is looked for.
    let arguments = ["crawl", "--broker", "amqp://127.0.0.1:1/%2f", "--store", "x", &seed];
    let refused = world.producer(&arguments).await;
    expect_refused(&refused, "--store");
    assert!(refused.talk.contains("--embedded"), "it does not say what would help:\n{}", refused.talk);
}

#[tokio::test]
async fn a_bad_row_is_an_outcome_and_the_rest_goes_on() {
    let mut world = embedded("rows").await;
    let good = images(&world, 2, plain);
    // The same URL again and again is one image. The bad row is line 138.
    let mut lines = vec![good[0].clone(); 137];
    lines.extend(["this is no URL".to_owned(), good[1].clone()]);
    let finished = read_list(&mut world, "list.txt", lines.join("\n")).await;
    finished.expect_complete().expect_stored(2);
    finished.row("this is no URL").expect("rejected", Some("bad-url"));
    assert_eq!(finished.rows.len(), 3);
    assert!(finished.talk.lines().any(|line| line.contains("138")), "no line number:\n{}", finished.talk);
    assert_eq!(world.site().log().hits("/image-1.png"), 1, "an image is fetched once");
}

#[tokio::test]
async fn a_line_of_ten_megabytes_is_an_outcome_and_the_rest_goes_on() {
    let mut world = embedded("long").await;
    let good = images(&world, 2, plain);
    let endless = format!("{}{}", world.url("/"), "x".repeat(10 << 20));
    let finished = read_list(&mut world, "list.txt", format!("{}\n{endless}\n{}\n", good[0], good[1])).await;
    finished.expect_complete().expect_stored(2);
    assert_eq!((finished.rows.len(), finished.count("rejected")), (3, 1));
    assert!(finished.talk.len() < 1 << 20, "ten megabytes of talk");
}

#[tokio::test]
async fn a_list_that_cannot_be_one_is_wrong_usage() {
    let mut world = embedded("no-list").await;
    expect_refused(&read_list(&mut world, "empty.txt", "").await, "empty.txt");
    expect_refused(&read_list(&mut world, "blank.txt", "\n\n \n").await, "blank.txt");
    expect_refused(&read_list(&mut world, "image.txt", png(64, 64, 1)).await, "image.txt");
    expect_refused(&read_list(&mut world, "headless.csv", "name,size\na,1\n").await, "url");
    let missing = world.start_run(&["urls", "no-such-file.txt"]);
    expect_refused(&world.finish(missing).await, "no-such-file.txt");
}

#[tokio::test]
async fn lists_come_as_text_tables_and_json_lines() {
    let mut world = embedded("formats").await;
    let urls = images(&world, 2, plain);
    let [first, second] = [&urls[0], &urls[1]];
    let lists = [
        ("list.txt", format!("{first}\r\n\r\n  {second}  \n")),
        ("list.csv", format!("name,url\n\"one, the first\",{first}\ntwo,\"{second}\"\n")),
        ("list.jsonl", format!("{{\"url\": \"{first}\", \"name\": 1}}\n{{\"url\": \"{second}\"}}\n")),
    ];
    for (name, content) in lists {
        let finished = read_list(&mut world, name, content).await;
        finished.expect_complete().expect_stored(2);
        assert_eq!(finished.row(first).text("source"), Some("list"), "{name}");
    }
}

#[tokio::test]
async fn a_bad_row_of_a_table_is_an_outcome_too() {
    let mut world = embedded("bad-table").await;
    let urls = images(&world, 1, plain);
    let csv = format!("url\n{}\nnonsense\n", urls[0]);
    let finished = read_list(&mut world, "list.csv", csv).await;
    finished.expect_complete().expect_stored(1);
    finished.row("nonsense").expect("rejected", Some("bad-url"));
    let lines = format!("{{\"url\": \"{}\"}}\n{{\"url\": \n[]\n", urls[0]);
    let finished = read_list(&mut world, "list.jsonl", lines).await;
    finished.expect_complete().expect_stored(1);
    assert_eq!(finished.count("rejected"), 2);
}

#[tokio::test]
async fn a_list_comes_from_standard_input() {
    let mut world = embedded("stdin").await;
    let urls = images(&world, 3, plain);
    let list = world.folder().file("input", urls.join("\n"));
    let crawl = world.start_run_reading(&["urls", "-"], File::open(list).expect("it was just written"));
    world.finish(crawl).await.expect_complete().expect_stored(3);
    let empty = world.folder().file("nothing", "");
    let crawl = world.start_run_reading(&["urls", "-"], File::open(empty).expect("it was just written"));
    world.finish(crawl).await.expect_code(2);
}
