//! Messages that no worker can read end in the dead-letter queue; the worker lives, and good ones pass.

use std::time::Duration;

use harness::run::json;
use harness::{Gate, World, eventually};
use serde_json::{Value, json};

use crate::{images, plain, world};

/// A task as the producer really sends it, taken from the queue of a run that no downloader serves.
async fn a_real_task(world: &mut World) -> Value {
    let urls = images(world, 1, plain);
    world.urls(&urls, &["--timeout", "1s"]).await.expect_code(4);
    let body = world.place().take(&world.place().queue("tasks")).await.expect("the task is in the queue");
    json(&String::from_utf8(body).expect("a task is text"))
}

#[tokio::test]
async fn unreadable_tasks_end_in_the_dead_letter_queue() {
    let mut world = world("poison").await;
    let task = a_real_task(&mut world).await;
    let mut stranger = task.clone();
    stranger["surprise"] = json!(1);
    let mut newer = task.clone();
    let fields = newer.as_object_mut().expect("a task is an object");
    let (_, version) = fields.iter_mut().find(|(name, _)| name.starts_with('v')).expect("a task has a version");
    *version = json!(999);
    let mut huge = task.clone();
    huge["surprise"] = json!("x".repeat(1 << 20));

    let mut older = task.clone();
    older["v"] = json!(0);

    let mut poison: Vec<Vec<u8>> =
        [stranger, newer, older, huge].iter().map(|task| task.to_string().into_bytes()).collect();
    poison.extend([
        b"no json".to_vec(),
        b"{\"half\": ".to_vec(),
        vec![0; 1 << 20],
        Vec::new(),
        vec![0xff, 0xfe],
        b"[[[[".to_vec(),
    ]);
    let place = world.place().clone();
    let tasks = place.queue("tasks");
    for body in &poison {
        place.publish(&tasks, body).await;
    }
    world.downloaders(1).await;
    let dead = place.queue("dead");
    eventually("all of it in the dead-letter queue", Duration::from_secs(30), async || {
        let depth = place.depth(&dead).await.map_err(|error| error.to_string())?;
        (depth.messages as usize == poison.len()).then_some(()).ok_or(format!("{depth:?} of {}", poison.len()))
    })
    .await;
    world.worker(1).expect_running();

    let urls = images(&world, 5, plain);
    world.urls(&urls, &[]).await.expect_complete().expect_stored(5);
}

#[tokio::test]
async fn the_producer_survives_foreign_replies() {
    let mut world = world("foreign").await;
    let gate = Gate::shut();
    let urls = images(&world, 3, |image| image.behind(&gate));
    world.downloaders(1).await;
    let crawl = world.start_urls(&urls, &["--run", "mine"]);
    gate.reached(1).await;
    let place = world.place().clone();
    let replies = place.queue("replies.mine");
    for body in [&b"no json"[..], b"", b"{\"version\": 999}", b"[]", &[0xff; 64], "x".repeat(1 << 20).as_bytes()] {
        place.publish(&replies, body).await;
    }
    // Well-formed, and not to be believed: of another run, of an image that nobody asked for, of a try that was never
    // made, of other versions, and with what no worker can know.
    let outcome = json!({"id": "0".repeat(32), "attempt": 1, "status": "stored", "fetched_at": 1, "duration_ms": 1});
    let reply = json!({"v": 3, "run": "mine", "worker": "forger", "concurrency": 64, "outcomes": [outcome]});
    let changes: [(&str, Value); 6] = [
        ("/run", json!("mine")),
        ("/run", json!("other")),
        ("/v", json!(0)),
        ("/v", json!(2)),
        ("/outcomes/0/status", json!("duplicate")),
        ("/outcomes/0/attempt", json!(9)),
    ];
    for (field, value) in changes {
        let mut forged = reply.clone();
        *forged.pointer_mut(field).expect("a reply has it") = value;
        place.publish(&replies, forged.to_string().as_bytes()).await;
    }
    gate.open();
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(3);
    assert_eq!(finished.rows.len(), 3, "a foreign reply is no image");
    assert_eq!(finished.by_worker().get("forger"), None);
}
