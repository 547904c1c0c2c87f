//! A real site through RabbitMQ, with three downloaders and without any: nothing is missed, nothing differs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use harness::store::sha256;
use harness::{Nginx, one_at_a_time, scan};
use url::Url;

use crate::{embedded, world};

const MANUAL: &str = "/usr/share/gimp/2.0/help/en";
const WHOLE: [&str; 4] = ["--depth", "50", "--scope", "prefix"];

/// What the manual's pages name and the server has: URL to hash, found by other means than Warren's.
fn images_of_the_manual(nginx: &Nginx) -> BTreeMap<String, String> {
    let mut images = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut pages = vec![nginx.url(Path::new("index.html"))];
    while let Some(page) = pages.pop() {
        let file = nginx.file(&page).filter(|file| file.extension().is_some_and(|extension| extension == "html"));
        let Some(html) = file.and_then(|file| fs::read_to_string(file).ok()) else {
            continue;
        };
        for image in scan::images(&html, &page) {
            if let Some(bytes) = nginx.file(&image).and_then(|file| fs::read(file).ok()) {
                images.insert(image.to_string(), sha256(&bytes));
            }
        }
        let links = scan::links(&html, &page);
        pages.extend(links.into_iter().filter(|link: &Url| seen.insert(link.clone())));
    }
    images
}

#[tokio::test]
async fn the_gimp_manual_arrives_whole_through_three_downloaders_and_embedded_alike() {
    let _turn = one_at_a_time().await;
    let nginx = Nginx::serve(MANUAL, "gimp-help-en").await;
    let seed = nginx.url(Path::new("index.html"));
    let expected = images_of_the_manual(&nginx);
    assert!(expected.len() > 1_900, "the scan found {} images only", expected.len());

    let mut fleet = world("manual").await;
    fleet.downloaders(3).await;
    let crawled = fleet.crawl(&[&WHOLE[..], &[seed.as_str()]].concat()).await;
    crawled.expect_complete().expect_in_store(&fleet.store());
    for (url, hash) in &expected {
        let row = crawled.row(url);
        assert!(["stored", "duplicate"].contains(&row.status()), "{row}");
        assert_eq!(row.text("sha256"), Some(hash.as_str()), "{row}");
    }
    let distinct: BTreeSet<String> = crawled.hashes().into_values().collect();
    crawled.expect_stored(distinct.len());
    let shares = crawled.by_worker();
    println!("shares of the downloaders: {shares:?}, {} images/s", crawled.summary["images_per_second"]);
    assert_eq!(shares.keys().copied().collect::<Vec<_>>(), ["w1", "w2", "w3"], "{shares:?}");

    let mut alone = embedded("manual").await;
    let same = alone.crawl(&[&WHOLE[..], &[seed.as_str()]].concat()).await;
    same.expect_complete().expect_in_store(&alone.store());
    assert_eq!(same.hashes(), crawled.hashes(), "embedded finds the same URLs and bytes");
}

#[tokio::test]
async fn the_password_and_the_queues_of_a_run_stay_where_they_belong() {
    let mut world = world("names").await;
    world.page("/", "<img src=1.png>").image("/1.png", harness::png(2, 2, 1));
    world.downloaders(1).await;
    let finished = world.crawl(&[]).await;
    finished.expect_complete().expect_stored(1);
    let place = world.place().clone();
    let password =
        Url::parse(place.uri()).ok().and_then(|uri| uri.password().map(str::to_owned)).expect("the broker has one");
    let told = [finished.talk, finished.output, world.worker(1).talk(), finished.summary.to_string()];
    assert!(told.iter().all(|text| !text.contains(&password)), "a secret was printed: {told:?}");
    let tasks = place.depth(&place.queue("tasks")).await.expect("the task queue of the contract");
    assert_eq!(tasks.messages, 0, "a complete run leaves no tasks");
    let dead = place.depth(&place.queue("dead")).await.expect("the dead-letter queue of the contract");
    assert_eq!(dead.messages, 0, "a good run has no dead letters");
}
