//! `producer status`: what the downloaders, the queues and the runs say of themselves, soon, whoever is silent.

use std::process::Stdio;
use std::time::{Duration, Instant};

use harness::run::json;
use harness::{Broker, Exit, Finished, Gate, Mount, Signal, World, eventually, one_at_a_time};
use serde_json::{Value, json};

use crate::{PROGRAMS, images, plain, world};

const SOON: Duration = Duration::from_secs(30);

/// `producer status` with these arguments, of the world's runs and broker.
async fn status(world: &mut World, arguments: &[&str]) -> Finished {
    let place = world.place().arguments();
    let place: Vec<&str> = place.iter().map(String::as_str).collect();
    let runs = world.folder().join("runs").to_string_lossy().into_owned();
    world.producer(&[&["status", "--runs", &runs], arguments, &place].concat()).await
}

async fn status_json(world: &mut World) -> Value {
    let shown = status(world, &["--format", "json"]).await;
    json(&shown.expect_code(0).output)
}

/// Looks until the status is as it should be: numbers of a fleet at work change while one looks.
async fn eventually_shown(world: &mut World, what: &str, is_right: impl Fn(&Value) -> bool) -> Value {
    eventually(what, SOON, async || {
        let shown = status_json(world).await;
        if is_right(&shown) { Ok(shown) } else { Err(shown.to_string()) }
    })
    .await
}

fn workers(status: &Value) -> &Vec<Value> {
    status["broker"]["workers"].as_array().expect("the downloaders are listed")
}

fn sum(status: &Value, field: &str) -> u64 {
    workers(status).iter().filter_map(|worker| worker[field].as_u64()).sum()
}

#[tokio::test]
async fn downloaders_at_work_are_listed_with_their_numbers() {
    let mut world = world("status-fleet").await;
    let gate = Gate::shut();
    let mut urls = images(&world, 30, plain);
    for number in 0..6 {
        let path = format!("/held-{number}.png");
        world.route(&path, harness::Response::image(harness::png(4, 4, number)).behind(&gate));
        urls.push(world.url(&path));
    }
    for _ in 0..3 {
        world.start_downloader(&["--concurrency", "16", "--per-host", "0"]);
    }
    eventually_shown(&mut world, "three downloaders", |shown| {
        workers(shown).len() == 3 && shown["broker"]["downloaders"] == 3
    })
    .await;
    let crawl = world.start_urls(&urls, &["--run", "mine", "--per-host", "0"]);
    gate.reached(6).await;
    let shown = eventually_shown(&mut world, "all but the held images done", |shown| {
        sum(shown, "done") == 30 && sum(shown, "in_flight") == 6
    })
    .await;
    let broker = &shown["broker"];
    // One that went from few batches to many is counted twice while those that it had before are in hand.
    assert!(broker["downloaders"].as_u64() >= Some(3), "{shown}");
    assert_eq!(broker["blocked"], false, "{shown}");
    let names: Vec<&str> = workers(&shown).iter().filter_map(|worker| worker["worker"].as_str()).collect();
    assert_eq!(names, ["w1", "w2", "w3"]);
    for worker in workers(&shown) {
        assert_eq!((&worker["concurrency"], &worker["store"]["state"]), (&json!(16), &json!("ok")), "{worker}");
        assert!(worker["host"].is_string() && worker["started_at"].is_string() && worker["version"].is_string());
    }
    assert!(sum(&shown, "bytes") > 0, "{shown}");
    assert!(workers(&shown).iter().any(|worker| worker["images_per_second"].as_f64() > Some(0.0)), "{shown}");
    let run = &shown["runs"][0];
    assert_eq!((&run["state"], &run["killed"], &run["replies_waiting"]), (&json!("running"), &json!(false), &json!(0)));

    // The table says the same.
    let table = status(&mut world, &[]).await;
    let table = &table.expect_code(0).output;
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    for worker in workers(&shown) {
        let row = rows.iter().find(|row| row.first() == worker["worker"].as_str().as_ref()).expect("a row");
        let cells = [&worker["in_flight"], &worker["concurrency"]].map(ToString::to_string);
        assert_eq!(row[2..4], cells, "{table}");
        assert_eq!(row[5], worker["done"].to_string(), "{table}");
        assert_eq!(row.last(), Some(&"ok"), "{table}");
    }
    let mine = rows.iter().find(|row| row.first() == Some(&"mine")).expect("the run is listed");
    assert_eq!((mine[1], mine[3]), ("running", "36"), "{table}");
    gate.open();
    world.finish(crawl).await.expect_complete().expect_stored(36);
}

#[tokio::test]
async fn a_frozen_downloader_holds_nobody_up() {
    let mut world = world("status-frozen").await;
    world.downloaders(3).await;
    eventually_shown(&mut world, "three downloaders", |shown| workers(shown).len() == 3).await;
    world.worker(2).signal(Signal::Stop);
    let begun = Instant::now();
    let shown = status(&mut world, &[]).await;
    let took = begun.elapsed();
    let table = &shown.expect_code(0).output;
    // The wait for answers is a second and a half; the rest is a busy machine's.
    assert!(took < Duration::from_secs(8), "{took:?}");
    assert!(table.contains("1 of 3 did not answer"), "{table}");
    assert!(table.contains("w1 ") && table.contains("w3 ") && !table.contains("w2 "), "{table}");
    world.worker(2).signal(Signal::Cont);
    eventually_shown(&mut world, "it answers again", |shown| workers(shown).len() == 3).await;
}

#[tokio::test]
async fn what_is_no_question_is_dropped_and_the_next_one_is_answered() {
    let mut world = world("status-questions").await;
    world.downloaders(1).await;
    eventually_shown(&mut world, "a downloader", |shown| workers(shown).len() == 1).await;
    let question = json!({"v": 3, "answers": "warren.tasks"}).to_string();
    let newer = json!({"v": 3, "shape": "new"}).to_string();
    let place = world.place().clone();
    let control = place.queue("control");
    for body in [&b"no json"[..], b"", &[0xff, 0xfe], question.as_bytes(), newer.as_bytes(), &vec![b'x'; 1 << 20]] {
        place.publish_to_exchange(&control, body).await;
    }
    eventually("all of it is dropped with a line", SOON, async || {
        let lines = world.worker(1).talk().matches("is not a question").count();
        (lines == 6).then_some(()).ok_or(format!("{lines}"))
    })
    .await;
    eventually_shown(&mut world, "the downloader still answers", |shown| workers(shown).len() == 1).await;
    assert_eq!(place.depth(&place.queue("tasks")).await.expect("the queue is there").messages, 0);
    world.worker(1).expect_running();
}

#[tokio::test]
async fn forged_answers_are_dropped() {
    let mut world = world("status-answers").await;
    world.downloaders(1).await;
    eventually_shown(&mut world, "a downloader", |shown| workers(shown).len() == 1).await;
    let place = world.place().clone();
    let listener = place.queue("control.forger");
    place.declare_classic(&listener).await;
    place.bind(&listener, &place.queue("control")).await;
    // A frozen downloader keeps the command waiting for the forger.
    world.worker(1).signal(Signal::Stop);
    let runs = world.folder().join("runs").to_string_lossy().into_owned();
    let mut arguments: Vec<String> = ["status", "--format", "json", "--runs", &runs].map(str::to_owned).into();
    arguments.extend(place.arguments());
    let mut command = world.start_producer(&arguments, Stdio::null());
    let question = eventually("the question", SOON, async || place.take(&listener).await.ok_or("none yet")).await;
    let question = json(&String::from_utf8(question).expect("a question is text"));
    let answers = place.queue(&format!("answers.{}", question["answers"].as_str().expect("where to answer")));
    let answer = json!({
        "v": 3, "worker": "forged", "host": "h", "version": "1", "started_at": 1, "concurrency": 1, "in_flight": 0,
        "done": 1, "bytes": 1, "images_per_second": 1.0,
    });
    let changed = |field: &str, value: Value| {
        let mut changed = answer.clone();
        changed[field] = value;
        changed.to_string()
    };
    let forged = [
        "no json".to_owned(),
        changed("worker", json!("\u{1b}[2Jw")),
        changed("surprise", json!(1)),
        changed("v", json!(4)),
        changed("done", json!(u64::MAX)),
        changed("host", json!("h".repeat(1 << 20))),
        answer.to_string(),
    ];
    place.publish_all(&answers, forged.iter().map(String::as_bytes)).await;
    assert_eq!(command.wait(SOON).await, Exit::Code(0), "{}", command.talk());
    let shown = json(&command.output());
    let names: Vec<&str> = workers(&shown).iter().filter_map(|worker| worker["worker"].as_str()).collect();
    assert_eq!(names, ["forged"], "the one that keeps to the format: {}", command.talk());
    assert_eq!(command.talk().matches("is not a downloader's answer").count(), 6, "{}", command.talk());
    world.worker(1).signal(Signal::Cont);
}

#[tokio::test]
async fn a_blocked_broker_is_said() {
    let _turn = one_at_a_time().await;
    let node = Broker::private("status-blocked", "").await;
    let mut world = World::at("status-blocked", PROGRAMS, Some(node.place("status").await)).await;
    world.downloaders(1).await;
    assert_eq!(status_json(&mut world).await["broker"]["blocked"], false);
    node.rabbitmqctl(&["set_vm_memory_high_watermark", "0.0001"]).await;
    eventually_shown(&mut world, "the broker is blocked", |shown| shown["broker"]["blocked"] == true).await;
    let begun = Instant::now();
    let table = status(&mut world, &[]).await;
    let took = begun.elapsed();
    assert!(table.expect_code(0).output.contains("The broker is blocked"), "{}", table.output);
    assert!(took < Duration::from_secs(12), "{took:?}");
    node.rabbitmqctl(&["set_vm_memory_high_watermark", "0.4"]).await;
    eventually_shown(&mut world, "the broker takes messages", |shown| {
        shown["broker"]["blocked"] == false && workers(shown).len() == 1
    })
    .await;
}

#[tokio::test]
async fn a_killed_run_is_not_said_to_run_and_its_waiting_replies_are_counted() {
    let mut world = world("status-killed").await;
    let gate = Gate::shut();
    let urls = images(&world, 3, |image| image.behind(&gate));
    world.downloaders(1).await;
    let mut crawl = world.start_urls(&urls, &["--run", "mine"]);
    gate.reached(3).await;
    assert_eq!(status_json(&mut world).await["runs"][0]["state"], "running");
    crawl.process.signal(Signal::Kill);
    crawl.process.wait(SOON).await;
    gate.open();
    let shown =
        eventually_shown(&mut world, "replies wait", |shown| shown["runs"][0]["replies_waiting"].as_u64() > Some(0))
            .await;
    let run = &shown["runs"][0];
    assert_eq!((&run["state"], &run["killed"]), (&json!("interrupted"), &json!(true)), "{shown}");
    let table = status(&mut world, &["mine"]).await;
    assert!(table.expect_code(0).output.contains("producer resume mine"), "{}", table.output);
}

#[tokio::test]
async fn a_store_in_trouble_is_said() {
    let mut world = world("status-store").await;
    let disk = Mount::in_memory(world.store().folder(), "size=2m");
    world.downloaders(1).await;
    disk.change("ro");
    let urls = images(&world, 5, plain);
    let crawl = world.start_urls(&urls, &[]);
    let shown = eventually_shown(&mut world, "the trouble", |shown| {
        workers(shown).first().is_some_and(|worker| worker["store"]["state"] == "trouble")
    })
    .await;
    let store = &workers(&shown)[0]["store"];
    assert!(store["why"].as_str().is_some_and(|why| why.contains("Read-only file system")), "{store}");
    assert!(store["since"].is_string(), "{store}");
    let table = status(&mut world, &[]).await;
    assert!(table.expect_code(0).output.contains("takes nothing for"), "{}", table.output);
    disk.change("rw");
    world.finish(crawl).await.expect_complete().expect_stored(5);
    eventually_shown(&mut world, "no trouble", |shown| {
        workers(shown).first().is_some_and(|worker| worker["store"]["state"] == "ok")
    })
    .await;
}

#[tokio::test]
async fn the_documented_permissions_are_enough_and_without_questions_a_downloader_works_on() {
    let _turn = one_at_a_time().await;
    let node = Broker::private("permissions", "").await;
    for (name, configure, answers) in [("all", r"^warren\.", 1), ("mute", r"^warren\.(tasks$|dead$|replies\.)", 0)] {
        let place = node.place(name).await;
        let write = r"^(warren\.|amq\.default$)";
        node.rabbitmqctl(&["set_permissions", "-p", name, "warren", configure, write, r"^warren\."]).await;
        let mut world = World::at(name, PROGRAMS, Some(place)).await;
        let urls = images(&world, 5, plain);
        world.downloaders(1).await;
        world.urls(&urls, &[]).await.expect_complete().expect_stored(5);
        let shown = eventually_shown(&mut world, "the answers", |shown| workers(shown).len() == answers).await;
        assert_eq!(shown["broker"]["downloaders"], 1, "{shown}");
        let muted = world.worker(1).talk().contains("cannot listen for questions");
        assert_eq!(muted, answers == 0, "{}", world.worker(1).talk());
        world.worker(1).expect_running();
    }
}
