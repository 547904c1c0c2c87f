//! `producer dead`: looking loses nothing, replaying is safe to repeat and to kill, purging removes what it says.

use std::time::Duration;

use harness::run::json;
use harness::{Finished, Signal, World, eventually};
use serde_json::{Value, json};

use crate::{images, plain, world};

const SOON: Duration = Duration::from_secs(30);

/// `producer dead` with these arguments, at the world's broker.
async fn dead(world: &mut World, arguments: &[&str]) -> Finished {
    let place = world.place().arguments();
    let place: Vec<&str> = place.iter().map(String::as_str).collect();
    world.producer(&[&["dead"], arguments, &place].concat()).await
}

/// What `producer dead list --format json` shows.
async fn listed(world: &mut World, arguments: &[&str]) -> Vec<Value> {
    let shown = dead(world, &[&["list", "--format", "json"], arguments].concat()).await;
    shown.expect_code(0).output.lines().map(json).collect()
}

async fn expect_depth(world: &World, queue: &str, count: usize) {
    let place = world.place();
    let name = place.queue(queue);
    eventually(&format!("{count} messages in {name}"), SOON, async || {
        let depth = place.depth(&name).await.map_err(|error| error.to_string())?;
        (depth.messages as usize == count).then_some(()).ok_or(format!("{depth:?}"))
    })
    .await;
}

/// A run of `urls` under way that no downloader serves, and all of its images as letters of one image each, so many times,
/// which are dead: out of the task queue, and in the dead-letter queue.
async fn a_run_of_dead_letters(world: &mut World, urls: &[String], times: usize) -> harness::world::Crawl {
    let crawl = world.start_urls(urls, &["--run", "mine", "--per-host", "0", "--window", "1000", "--timeout", "90s"]);
    let place = world.place().clone();
    let (tasks, dead) = (place.queue("tasks"), place.queue("dead"));
    let mut letters = Vec::new();
    eventually("all images in the task queue", SOON, async || {
        // A queue that is being made takes no other question well.
        if place.depth(&tasks).await.is_ok_and(|depth| depth.messages > 0)
            && let Some(body) = place.take(&tasks).await
        {
            let task = json(&String::from_utf8(body).expect("a task is text"));
            for image in task["images"].as_array().expect("a task has images") {
                let mut letter = task.clone();
                letter["images"] = json!([image]);
                letters.push(letter.to_string());
            }
        }
        (letters.len() == urls.len()).then_some(()).ok_or(format!("{} of {}", letters.len(), urls.len()))
    })
    .await;
    let all = letters.iter().cycle().take(letters.len() * times);
    place.publish_all(&dead, all.map(String::as_bytes)).await;
    crawl
}

/// Letters of every kind that the broker makes: two that no build reads, one of a newer version, and a readable one that
/// was delivered too often.
async fn letters_of_all_kinds(world: &mut World) {
    let urls = images(world, 2, plain);
    world.urls(&urls, &["--run", "mine", "--timeout", "1s"]).await.expect_code(4);
    let place = world.place().clone();
    let tasks = place.queue("tasks");
    // The run's own batch dies of its deliveries.
    place.give_back_until_it_is_gone(&tasks).await;
    expect_depth(world, "dead", 1).await;
    let newer = json!({"v": 4, "run": "mine", "shape": "new"}).to_string();
    place.publish_all(&tasks, [&b"no json"[..], newer.as_bytes(), &[0xff, 0xfe]]).await;
    world.downloaders(1).await;
    expect_depth(world, "dead", 4).await;
}

#[tokio::test]
async fn letters_of_all_kinds_are_listed_and_stay_however_often_one_looks() {
    let mut world = world("dead-list").await;
    letters_of_all_kinds(&mut world).await;
    let letters = listed(&mut world, &[]).await;
    assert_eq!(letters.len(), 4, "{letters:?}");
    let readable: Vec<&Value> = letters.iter().filter(|letter| letter["unreadable"].is_null()).collect();
    let [readable] = readable[..] else { panic!("one can be read: {letters:?}") };
    assert_eq!((&readable["run"], &readable["images"]), (&json!("mine"), &json!(2)));
    assert_eq!((&readable["reason"], &readable["deliveries"]), (&json!("delivery-limit"), &json!(21)));
    assert!(readable["first_image"].as_str().is_some_and(|url| url.starts_with(&world.url("/image-"))), "{readable}");
    assert!(readable["age_seconds"].as_u64().is_some_and(|age| age < 120), "{readable}");
    let whys: Vec<&str> = letters.iter().filter_map(|letter| letter["unreadable"].as_str()).collect();
    assert!(whys.iter().any(|why| why.contains("version 3")), "{whys:?}");
    let rejected = letters.iter().filter(|letter| letter["reason"] == "rejected").count();
    assert_eq!(rejected, 3, "{letters:?}");

    for _ in 0..30 {
        let again = dead(&mut world, &["list"]).await;
        assert!(again.expect_code(0).output.ends_with("\n4 dead letters\n"), "{}", again.output);
    }
    let table = dead(&mut world, &["list"]).await.output;
    for shown in ["mine", "rejected", "delivery-limit", "version 3", "/image-"] {
        assert!(table.contains(shown), "{shown}:\n{table}");
    }
    let looked = listed(&mut world, &[]).await;
    assert!(looked.iter().all(|letter| letter["looks"].as_u64() >= Some(31)), "{looked:?}");
    assert_eq!(listed(&mut world, &["--run", "mine"]).await.len(), 1);
    assert_eq!(listed(&mut world, &["--run", "other"]).await.len(), 0);
    assert_eq!(listed(&mut world, &["--limit", "3"]).await.len(), 3);
    expect_depth(&world, "dead", 4).await;
}

#[tokio::test]
async fn a_replay_is_safe_to_repeat() {
    let mut world = world("dead-replay").await;
    let urls = images(&world, 40, plain);
    let crawl = a_run_of_dead_letters(&mut world, &urls, 1).await;
    world.place().publish(&world.place().queue("dead"), b"no json").await;
    let replayed = dead(&mut world, &["replay", "--limit", "10", "--format", "json"]).await;
    assert_eq!(json(&replayed.expect_code(0).output)["replayed"], 10, "{}", replayed.output);
    expect_depth(&world, "dead", 31).await;
    expect_depth(&world, "tasks", 10).await;
    let rest = dead(&mut world, &["replay", "--run", "mine"]).await;
    let said = rest.expect_code(0).output.clone();
    assert!(said.contains("mine: 30 letters, 30 images; its replies are awaited"), "{said}");
    let again = dead(&mut world, &["replay", "--format", "json"]).await;
    let said = json(&again.expect_code(0).output);
    assert_eq!((&said["replayed"], &said["unreadable"]), (&json!(0), &json!(1)), "{said}");
    assert!(again.talk.contains("--all"), "{}", again.talk);

    world.downloaders(2).await;
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(40).expect_in_store(&world.store());
    // What nobody can read comes straight back, and is not offered for ever.
    let all = dead(&mut world, &["replay", "--all"]).await;
    assert!(all.expect_code(0).output.contains("Replayed 1 dead letters"), "{}", all.output);
    expect_depth(&world, "dead", 1).await;
}

#[tokio::test]
async fn letters_of_a_run_that_is_over_are_replayed_with_a_hint() {
    let mut world = world("dead-over").await;
    let task = json!({
        "v": 3, "run": "over", "batch": 1, "user_agent": "Warren",
        "images": [{"id": "0".repeat(32), "url": "http://site.example/a.png", "attempt": 1}],
    });
    world.downloaders(1).await;
    world.place().publish(&world.place().queue("dead"), task.to_string().as_bytes()).await;
    let replayed = dead(&mut world, &["replay"]).await;
    let said = &replayed.expect_code(0).output;
    assert!(said.contains("over: 1 letters, 1 images; nobody waits for its replies"), "{said}");
    assert!(replayed.talk.contains("producer retry over --reason dead-lettered"), "{}", replayed.talk);
    expect_depth(&world, "dead", 0).await;
}

#[tokio::test]
async fn a_replay_that_is_killed_in_the_middle_loses_nothing() {
    // Each image thrice: so many letters that there is a middle, and what comes twice is counted once.
    const LETTERS: usize = 300;
    let mut world = world("dead-killed").await;
    let urls = images(&world, LETTERS as u64 / 3, plain);
    let crawl = a_run_of_dead_letters(&mut world, &urls, 3).await;
    let place = world.place().clone();
    let tasks = place.queue("tasks");
    let mut arguments = vec!["dead".to_owned(), "replay".to_owned()];
    arguments.extend(place.arguments());
    let mut replay = world.start_producer(&arguments, std::process::Stdio::null());
    eventually("the replay is under way", SOON, async || {
        let depth = place.depth(&tasks).await.map_err(|error| error.to_string())?;
        (depth.messages > 20).then_some(()).ok_or(format!("{depth:?}"))
    })
    .await;
    replay.signal(Signal::Kill);
    replay.wait(SOON).await;
    let dead_letters = place.queue("dead");
    let [waiting, left] = eventually("the broker gives back what the replay held", SOON, async || {
        let depths = [place.depth(&tasks).await, place.depth(&dead_letters).await];
        let [Ok(waiting), Ok(left)] = depths else { return Err("no depth".to_owned()) };
        let all = waiting.messages + left.messages;
        (all as usize >= LETTERS).then_some([waiting.messages, left.messages]).ok_or(format!("{all}"))
    })
    .await;
    assert!(left > 0, "it was to be killed in the middle");
    assert!((waiting + left) as usize <= LETTERS + 1, "{waiting} and {left}: at most one in both queues");

    let rest = dead(&mut world, &["replay", "--format", "json"]).await;
    assert_eq!(json(&rest.expect_code(0).output)["replayed"], left);
    expect_depth(&world, "dead", 0).await;
    world.downloaders(2).await;
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(LETTERS / 3).expect_in_store(&world.store());
}

#[tokio::test]
async fn a_purge_removes_what_it_says() {
    let mut world = world("dead-purge").await;
    letters_of_all_kinds(&mut world).await;
    let none = dead(&mut world, &["purge", "--run", "other"]).await;
    assert_eq!(none.expect_code(0).output, "Removed 0 dead letters of run other.\n");
    expect_depth(&world, "dead", 4).await;
    let one = dead(&mut world, &["purge", "--run", "mine"]).await;
    assert_eq!(one.expect_code(0).output, "Removed 1 dead letters of run mine.\n");
    expect_depth(&world, "dead", 3).await;
    assert!(listed(&mut world, &[]).await.iter().all(|letter| letter["run"].is_null()));
    let all = dead(&mut world, &["purge", "--format", "json"]).await;
    assert_eq!(json(&all.expect_code(0).output)["purged"], 3);
    expect_depth(&world, "dead", 0).await;
    let empty = dead(&mut world, &["list"]).await;
    assert_eq!(empty.expect_code(0).output, "No dead letters.\n");
}

#[tokio::test]
async fn dead_letters_without_a_broker_are_the_brokers_error() {
    let mut world = crate::embedded("dead-nowhere").await;
    let nowhere = format!("amqp://127.0.0.1:{}/%2f", harness::ports::free_port());
    world.producer(&["dead", "list", "--broker", &nowhere]).await.expect_code(3);
}
