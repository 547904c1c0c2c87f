//! `producer dashboard` and `--dashboard`: who is let in, what is shown, and that pausing, cancelling and retrying really do it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::dashboard::{Dashboard, Reply};
use harness::{Crawl, Gate, Process, Response, World, eventually, png};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{embedded, images, plain, world};

const SOON: Duration = Duration::from_mins(1);

/// Method, path, headers, body, and the status of the answer.
type Case<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>, &'a str, u16);

/// What every answer carries.
const HARDENED: [(&str, &str); 4] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-frame-options", "DENY"),
];

const SCRIPTED: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><script>alert(1)</script><rect width='9' height='9'/></svg>";

/// A dashboard of the world's runs, by a process of its own.
async fn dashboard(world: &mut World, options: &[&str]) -> (Process, Dashboard) {
    let runs = world.folder().join("runs").to_string_lossy().into_owned();
    let mut arguments: Vec<String> = ["dashboard", "--listen", "127.0.0.1:0", "--runs", &runs]
        .iter()
        .chain(options)
        .map(|&word| word.to_owned())
        .collect();
    let store = world.store().folder().to_string_lossy().into_owned();
    arguments.extend(["--store".to_owned(), store]);
    let mut process = world.start_another(&arguments);
    let dashboard = Dashboard::of(&mut process).await;
    (process, dashboard)
}

/// The same with a broker that is asked.
async fn dashboard_of_fleet(world: &mut World) -> (Process, Dashboard) {
    let place = world.place().arguments();
    let place: Vec<&str> = place.iter().map(String::as_str).collect();
    dashboard(world, &place).await
}

/// An ended run `run-1` of three images: a picture, an SVG with script, and one that is not there.
async fn gallery(name: &str) -> World {
    let mut world = embedded(name).await;
    world.image("/a.png", png(40, 30, 1));
    world.route("/b.svg", Response::ok("image/svg+xml", SCRIPTED));
    world.route("/c.png", Response::status(404));
    world
        .page("/", "<img src=a.png alt='<script>alert(1)</script>'><img src=b.svg alt=vector><img src=c.png alt=gone>");
    world.crawl(&["--run", "run-1"]).await.expect_complete().expect_stored(2);
    world
}

fn run_of<'a>(state: &'a Value, name: &str) -> &'a Value {
    let runs = state["runs"].as_array().map_or(&[][..], Vec::as_slice);
    runs.iter().find(|run| run["name"] == name).unwrap_or(&Value::Null)
}

/// Images by status, as the ledger has them.
fn counted(folder: &Path) -> Vec<(String, u64)> {
    let ledger = Connection::open(folder.join("ledger.db")).expect("a ledger");
    let mut counts = ledger.prepare("SELECT status, count(*) FROM images GROUP BY status").expect("a question");
    let rows = counts.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    rows.map(|row| row.expect("a row")).collect()
}

fn expect_hardened(reply: &Reply, what: &str) {
    for (name, value) in HARDENED {
        assert_eq!(reply.header(name), value, "{name} of {what}: {reply:?}");
    }
    let policy = reply.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{what}: {policy}");
    assert!(!policy.contains("unsafe"), "{what}: {policy}");
}

/// What of a run would have changed if an order had got through.
fn traces(folder: &Path) -> Vec<PathBuf> {
    ["pause", "cancel", "dashboard.log"]
        .map(|file| folder.join(file))
        .into_iter()
        .filter(|file| file.exists())
        .collect()
}

#[tokio::test]
async fn whoever_is_not_its_own_page_sees_and_changes_nothing() {
    let mut world = gallery("dash-guard").await;
    let folder = world.folder().join("runs/run-1");
    let before = counted(&folder);
    let (_process, dashboard) = dashboard(&mut world, &["--offline"]).await;
    let (host, word, port) = (dashboard.host(), dashboard.word().await, dashboard.port());
    let (own, evil) = (format!("http://{host}"), "http://evil.example".to_owned());
    let named = format!("localhost:{port}");
    let rebound = format!("evil.example:{port}");
    let host = host.as_str();
    let retry = "/runs/run-1/retry";
    let led = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
    let large = "x".repeat(5000);
    let cases: Vec<Case<'_>> = vec![
        // Our own page.
        ("GET", "/", vec![("host", host)], "", 200),
        ("GET", "/", vec![("host", &named)], "", 200),
        ("HEAD", "/", vec![("host", host)], "", 200),
        ("GET", "/runs/run-1/images", vec![("host", host), ("sec-fetch-site", "same-origin")], "", 200),
        ("GET", "/", vec![("host", host), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")], "", 200),
        ("GET", "/", [&[("host", host)][..], &led, &[("sec-fetch-dest", "document")]].concat(), "", 200),
        // By another name: DNS rebinding.
        ("GET", "/", vec![("host", &rebound)], "", 421),
        ("GET", "/", vec![("host", "127.0.0.1")], "", 421),
        ("GET", "/", vec![], "", 421),
        ("GET", "/", vec![("host", host), ("host", &rebound)], "", 421),
        ("GET", "/runs/run-1/images", vec![("host", &rebound)], "", 421),
        ("GET", "/events", vec![("host", &rebound)], "", 421),
        ("GET", "/assets/dashboard.js", vec![("host", &rebound)], "", 421),
        ("POST", retry, vec![("host", &rebound), ("origin", &own), ("x-warren-page", &word)], "", 421),
        // Embedded by another site's page.
        ("GET", "/runs/run-1/images", vec![("host", host), ("sec-fetch-site", "cross-site")], "", 403),
        ("GET", "/events", vec![("host", host), ("sec-fetch-site", "same-site"), ("sec-fetch-mode", "cors")], "", 403),
        ("GET", "/", [&[("host", host)][..], &led, &[("sec-fetch-dest", "iframe")]].concat(), "", 403),
        ("GET", "/", [&[("host", host)][..], &led, &[("sec-fetch-dest", "object")]].concat(), "", 403),
        ("GET", "/events", [&[("host", host)][..], &led, &[("sec-fetch-dest", "embed")]].concat(), "", 403),
        // Forged orders.
        ("POST", retry, vec![("host", host)], "", 403),
        ("POST", retry, vec![("host", host), ("x-warren-page", &word)], "", 403),
        ("POST", retry, vec![("host", host), ("origin", &evil), ("x-warren-page", &word)], "", 403),
        ("POST", retry, vec![("host", host), ("origin", "null"), ("x-warren-page", &word)], "", 403),
        ("POST", retry, vec![("host", host), ("origin", &own)], "", 403),
        ("POST", retry, vec![("host", host), ("origin", &own), ("x-warren-page", &word[1..])], "", 403),
        (
            "POST",
            retry,
            vec![("host", host), ("origin", &own), ("x-warren-page", &word), ("sec-fetch-site", "cross-site")],
            "",
            403,
        ),
        ("POST", "/leave", vec![("host", host), ("origin", &evil)], "", 403),
        // Orders are given by POST, and only known ones.
        ("GET", retry, vec![("host", host), ("x-warren-page", &word)], "", 405),
        ("GET", "/runs/run-1/cancel?yes=1", vec![("host", host)], "", 405),
        ("PUT", retry, vec![("host", host), ("origin", &own), ("x-warren-page", &word)], "", 405),
        ("POST", "/runs/run-1/explode", vec![("host", host), ("origin", &own), ("x-warren-page", &word)], "", 404),
        ("POST", "/runs/none/retry", vec![("host", host), ("origin", &own), ("x-warren-page", &word)], "", 404),
        ("POST", retry, vec![("host", host), ("origin", &own), ("x-warren-page", &word)], "{\"reason\": 7}", 400),
        ("POST", retry, vec![("host", host), ("origin", &own), ("x-warren-page", &word)], "{\"command\": \"rm\"}", 400),
        ("POST", retry, vec![("host", host), ("origin", &own), ("x-warren-page", &word)], &large, 413),
        ("POST", "/runs/run-1/pause", vec![("host", host), ("origin", &own), ("x-warren-page", &word)], "", 409),
        // Names that lead elsewhere.
        ("GET", "/runs/../images", vec![("host", host)], "", 400),
        ("GET", "/runs/%2e%2e/images", vec![("host", host)], "", 400),
        ("GET", "/runs/..%2f..%2fetc/images", vec![("host", host)], "", 400),
        ("GET", "/runs/%2Fetc%2Fpasswd/images/1/original", vec![("host", host)], "", 400),
        ("GET", "/runs/run-1/images/..%2f..%2f1/original", vec![("host", host)], "", 400),
        ("GET", "/runs/run-1/images/1e9/original", vec![("host", host)], "", 400),
        ("GET", "/runs/run-1/images/-1/original", vec![("host", host)], "", 404),
        ("GET", "/runs/run-1/images/9223372036854775807/thumbnail", vec![("host", host)], "", 404),
        ("GET", "/assets/..%2fdashboard.html", vec![("host", host)], "", 404),
        ("GET", "/assets/../../ledger.db", vec![("host", host)], "", 404),
        ("GET", "/events?run=..%2f..", vec![("host", host)], "", 400),
        ("GET", "/runs/run-1/images?status=nonsense", vec![("host", host)], "", 400),
        ("GET", "/runs/run-1/images?limit=-1", vec![("host", host)], "", 400),
    ];
    for (method, path, headers, body, expected) in cases {
        let reply = dashboard.ask(method, path, &headers, body).await;
        let what = format!("{method} {path} {headers:?}");
        assert_eq!(reply.status, expected, "{what}: {}", reply.text());
        expect_hardened(&reply, &what);
        if expected >= 400 {
            assert!(!reply.text().contains("run-1") && !reply.text().contains(&word), "{what}: {}", reply.text());
        }
        assert_eq!(traces(&folder), [] as [PathBuf; 0], "{what}");
    }
    assert_eq!(counted(&folder), before);

    // What is no request at all, or too much of one, ends a connection and nothing else.
    let long = format!("GET / HTTP/1.1\r\nhost: {host}\r\nx: {}\r\n\r\n", "x".repeat(40_000));
    assert_eq!(dashboard.send(long.as_bytes()).await.status, 431);
    let many = format!("GET / HTTP/1.1\r\nhost: {host}\r\n{}\r\n", "x: y\r\n".repeat(100));
    assert_eq!(dashboard.send(many.as_bytes()).await.status, 431);
    assert_eq!(dashboard.send(b"\x16\x03\x01\x02\x00\x01\r\n\r\n").await.status, 400);
    assert_eq!(dashboard.get("/").await.status, 200);
}

#[tokio::test]
async fn pictures_are_found_by_their_row_and_are_nothing_that_runs() {
    let mut world = gallery("dash-pictures").await;
    let (_process, dashboard) = dashboard(&mut world, &["--offline"]).await;
    let page = dashboard.get("/runs/run-1/images?limit=2").await.json();
    let found = page["images"].as_array().expect("images");
    assert_eq!((found.len(), &found[0]["text"]), (2, &json!("<script>alert(1)</script>")), "as text, and bounded");
    let rest = dashboard.get(&format!("/runs/run-1/images?limit=2&after={}", page["next"])).await.json();
    assert_eq!((rest["images"].as_array().map(Vec::len), &rest["next"]), (Some(1), &Value::Null));
    let failed = dashboard.get("/runs/run-1/images?status=failed&reason=http-404&host=&text=GONE").await.json();
    assert_eq!(failed["images"][0]["url"], world.url("/c.png"));
    let id = |url: &str| {
        let all = found.iter().chain(rest["images"].as_array().into_iter().flatten());
        let image = all.into_iter().find(|image| image["url"] == world.url(url)).expect("it is listed");
        image["id"].to_string()
    };
    for (url, kind, status) in
        [("/a.png", "image/png", 200), ("/b.svg", "text/plain; charset=utf-8", 200), ("/c.png", "", 404)]
    {
        let reply = dashboard.get(&format!("/runs/run-1/images/{}/original", id(url))).await;
        assert_eq!(reply.status, status, "{url}: {}", reply.text());
        expect_hardened(&reply, url);
        if status == 200 {
            assert_eq!(reply.header("content-type"), kind, "{url}");
            assert!(reply.header("content-security-policy").contains("sandbox"), "{url}");
        }
    }
    assert_eq!(dashboard.get(&format!("/runs/run-1/images/{}/original", id("/a.png"))).await.body, png(40, 30, 1));
    let small = dashboard.get(&format!("/runs/run-1/images/{}/thumbnail", id("/a.png"))).await;
    assert_eq!((small.status, small.header("content-type")), (200, "image/webp"), "{}", small.text());
    assert_eq!(&small.body[8..12], b"WEBP");
    assert!(small.header("content-security-policy").contains("sandbox"));
    for url in ["/b.svg", "/c.png"] {
        let nothing = dashboard.get(&format!("/runs/run-1/images/{}/thumbnail", id(url))).await;
        assert_eq!((nothing.status, nothing.body.len()), (204, 0), "{url}");
    }
}

#[tokio::test]
async fn where_others_reach_it_a_token_is_demanded() {
    const TOKEN: &str = "a-token-of-30-characters-or-so";
    let mut world = gallery("dash-token").await;
    let runs = world.folder().join("runs").to_string_lossy().into_owned();
    let everywhere = ["dashboard", "--offline", "--listen", "0.0.0.0:0", "--runs", &runs];
    for (token, hint) in [("", "it demands a token"), ("fifteen-letters", "less than 16 characters")] {
        world.set_variable("WARREN_DASHBOARD_TOKEN", token);
        let refused = world.producer(&everywhere).await;
        assert!(refused.expect_code(2).talk.contains(hint), "{}", refused.talk);
    }
    let named = ["dashboard", "--offline", "--listen", "127.0.0.1:0", "--host", "warren.example", "--runs", &runs];
    world.unset_variable("WARREN_DASHBOARD_TOKEN");
    assert!(world.producer(&named).await.expect_code(2).talk.contains("it demands a token"));

    world.set_variable("WARREN_DASHBOARD_TOKEN", TOKEN);
    let mut process = world.start_another(&everywhere.map(str::to_owned));
    let dashboard = Dashboard::of(&mut process).await;
    let host = dashboard.host();
    let host = host.as_str();
    for path in ["/", "/events", "/runs/run-1/images", "/runs/run-1/images/1/original"] {
        let reply = dashboard.get(path).await;
        assert_eq!(reply.status, 401, "{path}");
        expect_hardened(&reply, path);
    }
    let page = dashboard.ask("GET", "/", &[("host", host), ("accept", "text/html,*/*")], "").await;
    assert_eq!((page.status, page.header("location")), (303, "/login"));
    assert_eq!(dashboard.get("/login").await.status, 200);
    let form = [("host", host), ("content-type", "application/x-www-form-urlencoded")];
    for wrong in ["token=", "token=a-token-of-30-characters-or-s", "nothing", "token=a-token-of-30-characters-or-so2"] {
        let reply = dashboard.ask("POST", "/login", &form, wrong).await;
        assert_eq!((reply.status, reply.header("set-cookie")), (403, ""), "{wrong}");
    }
    // A browser that reached it by HTTP says the origin of a form and nothing else of where it comes from.
    for said in [("sec-fetch-site", "cross-site"), ("origin", "http://evil.example"), ("origin", "null")] {
        let foreign = [&form[..], &[said]].concat();
        assert_eq!(dashboard.ask("POST", "/login", &foreign, &format!("token={TOKEN}")).await.status, 403, "{said:?}");
    }
    let own = format!("http://{host}");
    let form = [&form[..], &[("origin", &own)]].concat();
    let entered = dashboard.ask("POST", "/login", &form, &format!("token={TOKEN}")).await;
    assert_eq!((entered.status, entered.header("location")), (303, "/"));
    let kept = entered.header("set-cookie").to_owned();
    assert!(kept.contains("HttpOnly") && kept.contains("SameSite=Strict") && !kept.contains(TOKEN), "{kept}");
    let cookie = kept.split(';').next().expect("a cookie");
    let within = dashboard.ask("GET", "/runs/run-1/images", &[("host", host), ("cookie", cookie)], "").await;
    assert_eq!(within.status, 200);
    let bearer = format!("Bearer {TOKEN}");
    let program = [("host", host), ("authorization", bearer.as_str())];
    assert_eq!(dashboard.ask("GET", "/runs/run-1/images", &program, "").await.status, 200);
    // A cookie alone gives no orders; whoever sends the token itself is no page.
    let forged = dashboard.ask("POST", "/runs/run-1/retry", &[("host", host), ("cookie", cookie)], "").await;
    assert_eq!(forged.status, 403);
    assert_eq!(dashboard.ask("POST", "/runs/run-1/pause", &program, "").await.status, 409, "it has ended");
    let talk = process.talk();
    assert!(!talk.contains(TOKEN) && !talk.contains(cookie), "{talk}");
    assert!(talk.contains("wrong token"), "{talk}");
}

#[tokio::test]
async fn who_tries_tokens_waits_and_keeps_nobody_out() {
    const TOKEN: &str = "a-token-of-30-characters-or-so";
    /// Wrong ones at once, each of which takes a second.
    const WRONG: usize = 5;
    let mut world = gallery("dash-tries").await;
    world.set_variable("WARREN_DASHBOARD_TOKEN", TOKEN);
    let (_process, dashboard) = dashboard(&mut world, &["--offline"]).await;
    let begun = std::time::Instant::now();
    let tries = (0..WRONG).map(|number| {
        tokio::spawn(async move {
            let host = dashboard.host();
            let form = [("host", &*host), ("content-type", "application/x-www-form-urlencoded")];
            let program = [("host", &*host), ("authorization", "Bearer a-token-of-30-characters-or-s")];
            let reply = if number % 2 == 0 {
                dashboard.ask("GET", "/runs/run-1/images", &program, "").await
            } else {
                dashboard.ask("POST", "/login", &form, "token=a-token-of-30-characters-or-s").await
            };
            (number, reply.status)
        })
    });
    let tries: Vec<_> = tries.collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let host = dashboard.host();
    let form = [("host", &*host), ("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(dashboard.ask("POST", "/login", &form, &format!("token={TOKEN}")).await.status, 303);
    let bearer = format!("Bearer {TOKEN}");
    let program = [("host", &*host), ("authorization", &*bearer)];
    assert_eq!(dashboard.ask("GET", "/runs/run-1/images", &program, "").await.status, 200);
    assert!(tries.iter().any(|tried| !tried.is_finished()), "the right token did not queue behind the wrong ones");
    for tried in tries {
        let (number, status) = tried.await.expect("an answer");
        assert_eq!(status, if number % 2 == 0 { 401 } else { 403 });
    }
    let taken = begun.elapsed();
    assert!(taken >= Duration::from_secs(5), "one at a time, a second each: {taken:?}");
}

#[tokio::test]
async fn a_port_in_use_is_said_before_anything_begins() {
    let mut world = embedded("dash-port").await;
    world.page("/", "");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = taken.local_addr().expect("an address").to_string();
    let refused = world.producer(&["dashboard", "--offline", "--listen", &at]).await;
    assert!(refused.expect_code(2).talk.contains(&format!("cannot listen on {at}")), "{}", refused.talk);
    let mut crawl = world.start_crawl(&["--dashboard", &at]);
    assert_eq!(crawl.process.wait(SOON).await, harness::Exit::Code(2));
    assert!(crawl.process.talk().contains("hint:"), "{}", crawl.process.talk());
    assert!(!crawl.folder.exists(), "a run that could not begin leaves nothing behind");
}

#[tokio::test]
async fn a_crawl_shows_itself_and_its_last_numbers_are_the_ledgers() {
    let mut world = embedded("dash-crawl").await;
    let gate = Gate::shut();
    let mut urls = images(&world, 30, plain);
    world.route("/held.png", Response::image(png(5, 5, 99)).behind(&gate));
    world.route("/gone.png", Response::status(404));
    urls.extend(["/held.png", "/gone.png"].map(|path| world.url(path)));
    let mut crawl = world.start_urls(&urls, &["--run", "mine", "--dashboard", "127.0.0.1:0"]);
    let dashboard = Dashboard::of(&mut crawl.process).await;
    let mut events = dashboard.watch(Some("mine")).await;
    assert!(events.status().contains("200"), "{}", events.status());
    let state = events
        .until("state", "all but the held one", |state| {
            run_of(state, "mine")["live"]["out"] == 1 && run_of(state, "mine")["tally"]["images"]["stored"] == 30
        })
        .await;
    let run = run_of(&state, "mine");
    assert_eq!((&run["state"], &run["held"], &run["paused"]), (&json!("running"), &json!(true), &json!(false)));
    assert_eq!((&run["tally"]["found"], &run["tally"]["images"]["failed"]), (&json!(32), &json!(1)), "{run}");
    assert_eq!(state["broker"]["state"], "not-asked");
    let detail = events
        .until("run", "the newest images", |detail| detail["stored"].as_array().is_some_and(|all| !all.is_empty()))
        .await;
    assert_eq!(detail["failed"][0]["reason"], "http-404", "{detail}");
    assert_eq!(detail["resting"], json!([]), "{detail}");
    assert_eq!(detail["workers"].as_array().map(Vec::len), Some(1), "{detail}");
    gate.open();
    let mut last = Value::Null;
    while let Some((name, value)) = events.next().await {
        if name == "state" {
            last = value;
        }
    }
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(31);
    let run = run_of(&last, "mine");
    assert_eq!((&run["state"], &run["held"]), (&json!("complete"), &json!(false)), "{last}");
    for (status, number) in counted(&finished.folder) {
        assert_eq!(run["tally"]["images"][&status], number, "{status}");
    }
    assert_eq!(run["tally"]["found"], 32);
    assert!(!finished.folder.join("live.json").exists() && !finished.folder.join("watched").exists());
}

#[tokio::test]
async fn hosts_at_rest_are_named() {
    let mut world = embedded("dash-rest").await;
    world.route("/busy.png", Response::status(503).header("retry-after", "50"));
    let crawl = world.start_urls(&[world.url("/busy.png")], &["--run", "mine"]);
    let (_process, dashboard) = dashboard(&mut world, &["--offline"]).await;
    let mut events = dashboard.watch(Some("mine")).await;
    let detail = events.until("run", "a host at rest", |detail| detail["resting"][0]["host"].is_string()).await;
    let authority = world.url("");
    let host = authority.trim_start_matches("http://").trim_end_matches('/');
    assert_eq!(detail["resting"][0]["host"], host, "{detail}");
    assert!(detail["resting"][0]["for_ms"].as_u64().is_some_and(|ms| (1_000..=50_000).contains(&ms)), "{detail}");
    drop(crawl);
}

/// A run of ten images, two at a time, the first two of which are held.
async fn held_run(world: &mut World, gate: &Gate, options: &[&str]) -> Crawl {
    let mut urls: Vec<String> = images(world, 8, plain);
    for number in 0..2 {
        let path = format!("/held-{number}.png");
        world.route(&path, Response::image(png(4, 4, 70 + number)).behind(gate));
        urls.insert(0, world.url(&path));
    }
    let crawl = world.start_urls(&urls, &[&["--run", "mine", "--per-host", "2"], options].concat());
    gate.reached(2).await;
    crawl
}

#[tokio::test]
async fn a_paused_run_hands_nothing_out_is_not_given_up_and_goes_on() {
    let mut world = world("dash-pause").await;
    world.downloaders(1).await;
    let gate = Gate::shut();
    let mut crawl = held_run(&mut world, &gate, &["--timeout", "2s"]).await;
    let (_process, dashboard) = dashboard_of_fleet(&mut world).await;
    assert_eq!(dashboard.order("mine", "pause", "").await.status, 202);
    let mut events = dashboard.watch(None).await;
    events.until("state", "the pause", |state| run_of(state, "mine")["paused"] == true).await;
    crawl.process.says(&["the run is paused"], SOON).await;
    gate.open();
    let state =
        events.until("state", "what was out is finished", |state| run_of(state, "mine")["live"]["out"] == 0).await;
    let stored = run_of(&state, "mine")["tally"]["images"]["stored"].as_u64().expect("a count");
    assert!(stored < 10, "{state}");
    let runs = world.folder().join("runs").to_string_lossy().into_owned();
    let table = world.producer(&["status", "--offline", "--runs", &runs]).await;
    assert!(table.expect_code(0).output.contains("paused"), "{}", table.output);
    let shown = world.producer(&["status", "--offline", "--runs", &runs, "--format", "json"]).await;
    let shown = harness::run::json(&shown.output);
    assert_eq!((&shown["runs"][0]["state"], &shown["runs"][0]["paused"]), (&json!("running"), &json!(true)));
    // Longer than its time-out: that nothing happens can be seen only by waiting.
    tokio::time::sleep(Duration::from_secs(5)).await;
    crawl.process.expect_running();
    let kept = counted(&crawl.folder).into_iter().find(|(status, _)| status == "stored");
    assert_eq!(kept, Some(("stored".to_owned(), stored)), "nothing was handed out");
    assert_eq!(dashboard.order("mine", "unpause", "").await.status, 202);
    world.finish(crawl).await.expect_complete().expect_stored(10);
}

#[tokio::test]
async fn a_pause_outlives_its_producer_and_ends_by_command() {
    let mut world = embedded("dash-unpause").await;
    let urls = images(&world, 5, plain);
    let gate = Gate::shut();
    world.route("/held.png", Response::image(png(4, 4, 70)).behind(&gate));
    let held = [&[world.url("/held.png")], &urls[..]].concat();
    let mut crawl = world.start_urls(&held, &["--run", "mine", "--per-host", "1"]);
    gate.reached(1).await;
    let runs = world.folder().join("runs").to_string_lossy().into_owned();
    world.producer(&["pause", "--runs", &runs, "mine"]).await.expect_code(0);
    crawl.process.signal(harness::Signal::Int);
    crawl.process.wait(SOON).await;
    gate.open();
    let mut again = world.start_again("resume", &crawl.folder, &[]);
    again.process.says(&["the run is paused"], SOON).await;
    world.producer(&["unpause", "--runs", &runs, "mine"]).await.expect_code(0);
    world.finish(again).await.expect_complete().expect_stored(6);
    let refused = world.producer(&["pause", "--runs", &runs, "mine"]).await;
    assert!(refused.expect_code(0).talk.contains("nothing is left to pause"), "{}", refused.talk);
    assert!(!crawl.folder.join("pause").exists());
}

#[tokio::test]
async fn a_run_is_cancelled_while_its_producer_works() {
    let mut world = world("dash-cancel").await;
    world.downloaders(1).await;
    let gate = Gate::shut();
    let mut crawl = held_run(&mut world, &gate, &[]).await;
    let (_process, dashboard) = dashboard_of_fleet(&mut world).await;
    let mut events = dashboard.watch(None).await;
    let state = events
        .until("state", "the fleet", |state| state["broker"]["workers"].as_array().is_some_and(|all| all.len() == 1))
        .await;
    assert_eq!(
        (&state["broker"]["workers"][0]["worker"], &state["broker"]["state"]),
        (&json!("w1"), &json!("reached"))
    );
    assert_eq!(dashboard.order("mine", "cancel", "").await.status, 202);
    assert_eq!(crawl.process.wait(SOON).await, harness::Exit::Code(130), "{}", crawl.process.talk());
    let state = events.until("state", "the end of the cancelling", |state| state["tasks"][0]["ended"] == true).await;
    assert_eq!(state["tasks"][0], json!({"run": "mine", "command": "cancel", "ended": true, "exit": 0, "said": null}));
    let state = events.until("state", "the end", |state| run_of(state, "mine")["state"] == "cancelled").await;
    assert_eq!(run_of(&state, "mine")["tally"]["images"]["outstanding"], 10, "{state}");
    gate.open();
    let replies = world.place().queue("replies.mine");
    eventually("the reply queue is gone", SOON, async || match world.place().depth(&replies).await {
        Err(_) => Ok(()),
        Ok(depth) => Err(format!("{depth:?}")),
    })
    .await;
    assert_eq!(dashboard.order("mine", "resume", "").await.status, 409, "that is for good");
}

#[tokio::test]
async fn failed_images_are_tried_again_and_an_interrupted_run_goes_on() {
    let mut world = world("dash-retry").await;
    world.downloaders(1).await;
    let mut urls = images(&world, 3, plain);
    world.site().sequence("/once.png", vec![Response::status(404), Response::image(png(7, 7, 2))]);
    world.route("/never.png", Response::status(410));
    urls.extend(["/once.png", "/never.png"].map(|path| world.url(path)));
    world.urls(&urls, &["--run", "mine"]).await.expect_complete().expect_stored(3);
    let (_process, dashboard) = dashboard_of_fleet(&mut world).await;
    let mut events = dashboard.watch(None).await;
    let state = events.until("state", "the run", |state| run_of(state, "mine")["tally"].is_object()).await;
    assert_eq!(run_of(&state, "mine")["tally"]["images"]["failed"], 2, "{state}");
    assert_eq!(dashboard.order("mine", "retry", "{\"reason\": \"http-404\"}").await.status, 202);
    let state = events
        .until("state", "the end of the retry", |state| {
            state["tasks"][0]["ended"] == true && run_of(state, "mine")["tally"]["images"]["stored"] == 4
        })
        .await;
    assert_eq!((&state["tasks"][0]["command"], &state["tasks"][0]["exit"]), (&json!("retry"), &json!(0)), "{state}");
    assert_eq!(world.site().log().hits("/never.png"), 1, "only what has the reason is tried again");
    let folder = world.folder().join("runs/mine");
    assert!(std::fs::read_to_string(folder.join("dashboard.log")).expect("a log").contains("producer retry"));

    let gate = Gate::shut();
    world.route("/held.png", Response::image(png(4, 4, 70)).behind(&gate));
    let mut crawl = world.start_urls(&[world.url("/held.png")], &["--run", "other"]);
    gate.reached(1).await;
    assert_eq!(dashboard.order("other", "resume", "").await.status, 409, "a producer works on it");
    crawl.process.signal(harness::Signal::Int);
    crawl.process.wait(SOON).await;
    gate.open();
    assert_eq!(dashboard.order("other", "resume", "").await.status, 202);
    events.until("state", "its end", |state| run_of(state, "other")["state"] == "complete").await;
    assert_eq!(counted(&crawl.folder), [("stored".to_owned(), 1)]);
}

#[tokio::test]
async fn so_many_may_watch_and_nothing_is_written_while_nobody_does() {
    let mut world = embedded("dash-watchers").await;
    let gate = Gate::shut();
    world.route("/held.png", Response::image(png(4, 4, 1)).behind(&gate));
    let crawl = world.start_urls(&[world.url("/held.png")], &["--run", "mine"]);
    gate.reached(1).await;
    let (_process, dashboard) = dashboard(&mut world, &["--offline"]).await;
    assert_eq!(dashboard.get("/").await.status, 200);
    assert!(!crawl.folder.join("watched").exists() && !crawl.folder.join("live.json").exists());
    let mut watchers = Vec::new();
    for _ in 0..32 {
        watchers.push(dashboard.watch(None).await);
    }
    assert!(watchers.iter().all(|watcher| watcher.status().contains("200")));
    assert!(dashboard.watch(None).await.status().contains("503"));
    watchers[0].until("state", "the producer speaks", |state| run_of(state, "mine")["live"]["out"] == 1).await;
    assert!(crawl.folder.join("live.json").exists());
    drop(watchers);
    eventually("the producer is left alone", SOON, async || {
        let left = ["watched", "live.json"].iter().filter(|file| crawl.folder.join(file).exists()).count();
        if left == 0 { Ok(()) } else { Err(format!("{left} files are there")) }
    })
    .await;
    assert!(dashboard.watch(None).await.status().contains("200"), "there is room again");
    gate.open();
    world.finish(crawl).await.expect_complete().expect_stored(1);
}
