//! What is said of a ledger, against what was put into it.

use std::time::Duration;

use common::image_id::ImageId;
use common::outcome::Outcome;
use common::run_name::RunName;
use tempfile::TempDir;

use super::choice::Among;
use super::*;
use crate::ledger::{Ledger, NewImage, Recording, RowId};
use crate::report::COMPLETE;

const BEGIN: u64 = 1_795_452_711_000;

struct Run {
    name: RunName,
    ledger: Ledger,
    folder: TempDir,
}

impl Run {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let name: RunName = "run".parse().expect("valid");
        let ledger = Ledger::create(folder.path(), &name, "{}", None).expect("a ledger");
        Self { name, ledger, folder }
    }

    async fn accept(&self, images: Vec<NewImage>) {
        let number = u64::try_from(images.len()).expect("few");
        self.ledger.add_listed(images, number, true, false).await.expect("written");
    }

    async fn record(&self, outcomes: Vec<Outcome>) {
        let recording = |outcome| Recording { outcome, worker: Some("worker-1".to_owned()), is_final: true, row: None };
        self.ledger.record(outcomes.into_iter().map(recording).collect(), vec![], false).await.expect("written");
    }

    fn outcome(&self, url: &str, status: Status, reason: Option<Reason>) -> Outcome {
        Outcome::new(ImageId::new(&self.name, url), 1, status, reason)
    }

    fn insight(&self) -> Insight {
        Insight::open(self.folder.path()).expect("readable")
    }
}

fn image(url: &str, host: &str, alt: &str) -> NewImage {
    let alt = Some(alt.to_owned());
    NewImage { url: url.to_owned(), host: host.to_owned(), alt, source: "list", ..NewImage::default() }
}

/// Images of three hosts, the `number`th of which is fetched after `number` seconds, in as many milliseconds.
async fn of_three_hosts() -> Run {
    let run = Run::new();
    let url = |number: u64| format!("http://h{}.example/{number}.png", number % 3);
    let new = |number: u64| image(&url(number), &format!("h{}.example:80", number % 3), &format!("100% of {number}"));
    run.accept((1..=100).map(new).collect()).await;
    let outcome = |number: u64| {
        let (status, reason) = match number % 10 {
            0 => (Status::Failed, Some(Reason::Http(404))),
            1 => (Status::Rejected, Some(Reason::TooLarge)),
            _ => (Status::Stored, None),
        };
        let mut outcome = run.outcome(&url(number), status, reason);
        (outcome.fetched_at, outcome.duration_ms) = (BEGIN + number * 1000, number);
        (outcome.bytes, outcome.format) = (Some(number * 100), Some("png".to_owned()));
        (outcome.width, outcome.height) = (Some(64), Some(48));
        outcome
    };
    run.record((1..=90).map(outcome).collect()).await;
    run
}

#[tokio::test]
async fn a_survey_counts_what_the_ledger_has() {
    let run = of_three_hosts().await;
    run.ledger.set_state(COMPLETE, Duration::from_millis(2500)).await.expect("written");
    let (overview, survey) = run.insight().survey(10).expect("surveyed");
    assert_eq!((overview.run.as_str(), overview.state.as_str(), overview.killed), ("run", "complete", false));
    assert_eq!(
        (overview.found, overview.images[&Status::Stored], overview.images[&Status::Outstanding]),
        (100, 72, 10)
    );
    let stored = (1..=90).filter(|number| number % 10 > 1);
    assert_eq!(overview.bytes, stored.clone().map(|number| number * 100).sum::<u64>());
    assert_eq!(overview.reasons[&Reason::Http(404)], 9);
    assert!((overview.seconds - 2.5).abs() < 1e-9);

    assert_eq!(survey.outcomes[0], survey::OutcomeCount { status: Status::Stored, reason: None, images: 72 });
    assert_eq!(survey.formats, [survey::FormatCount { format: "png".to_owned(), images: 72, bytes: overview.bytes }]);
    assert_eq!(survey.sizes.len(), 1);
    let size = survey.sizes[0];
    assert!((size.width_from..size.width_to).contains(&64) && (size.height_from..size.height_to).contains(&48));
    assert_eq!(survey.lengths.iter().map(|bin| bin.images).sum::<u64>(), 72);
    let slices = &survey.timeline.slices;
    assert_eq!(
        slices.iter().map(|slice| [slice.kept, slice.refused, slice.failed].iter().sum::<u64>()).sum::<u64>(),
        90
    );
    assert_eq!(slices.iter().map(|slice| slice.bytes).sum::<u64>(), overview.bytes);
    assert_eq!((survey.latency.images, survey.latency.mean_ms), (90, Some(45)));
    assert!(survey.latency.median_ms.is_some_and(|ms| (45..=56).contains(&ms)), "{:?}", survey.latency);
    assert_eq!((survey.workers[0].images, survey.other_workers), (90, 0));
    let json = serde_json::to_value(&survey).expect("JSON");
    assert_eq!((&json["hosts"][0]["name"], &json["hosts"][0]["found"]), (&"h1.example:80".into(), &34.into()));
}

#[tokio::test]
async fn an_overview_is_that_of_a_glance() {
    let run = of_three_hosts().await;
    let (overview, _) = run.insight().survey(1).expect("surveyed");
    let glance = ledger::glance(run.folder.path()).expect("readable");
    assert_eq!((glance.counts.bytes, glance.counts.reasons), (overview.bytes, overview.reasons));
    assert!(overview.killed && overview.state == "interrupted", "nobody holds its folder");
    assert_eq!(Run::new().insight().survey(1).expect("surveyed").0.found, 0);
}

#[tokio::test]
async fn hosts_that_are_not_named_are_counted_together() {
    let run = of_three_hosts().await;
    let (_, survey) = run.insight().survey(1).expect("surveyed");
    let [most, failing] = &survey.hosts[..] else { panic!("{:?}", survey.hosts) };
    assert_eq!((most.name.as_str(), most.tally.found, most.tally.kept), ("h1.example:80", 34, 24));
    assert!(failing.tally.failed > 0 && failing.name != most.name);
    let others = survey.other_hosts.expect("one is left");
    assert_eq!((others.hosts, others.tally.found), (1, 100 - most.tally.found - failing.tally.found));
    assert_eq!(most.tally.first_ms, Some(BEGIN + 1000));
    assert_eq!(most.tally.last_ms, Some(BEGIN + 88 * 1000 + 88));
    assert_eq!(most.tally.per_second, Some(0.3), "30 in 87 seconds");
    assert!(Run::new().insight().survey(1).expect("surveyed").1.hosts.is_empty());
}

/// All pages of what matches, one behind the other.
fn pages(insight: &Insight, filter: &Filter, order: Order, limit: usize) -> Vec<Vec<RowId>> {
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let page = insight.images(filter, order, after, limit).expect("found");
        pages.push(page.images.iter().map(|image| image.id).collect());
        match page.next {
            Some(next) => after = Some(next),
            None => return pages,
        }
    }
}

#[tokio::test]
async fn images_come_a_page_at_a_time_in_either_order() {
    let run = of_three_hosts().await;
    let insight = run.insight();
    let all = Filter::default();
    for limit in [1, 7, 99, 100, 101, 500] {
        assert_eq!(pages(&insight, &all, Order::First, limit).concat(), (1..=100).collect::<Vec<_>>(), "{limit}");
        assert_eq!(pages(&insight, &all, Order::Last, limit).concat(), (1..=100).rev().collect::<Vec<_>>(), "{limit}");
    }
    assert!(pages(&insight, &all, Order::First, 30).iter().all(|page| page.len() <= 30));
    assert_eq!(insight.images(&all, Order::First, Some(RowId::MAX), 5).expect("nothing").images, []);
}

#[tokio::test]
async fn images_are_found_by_what_is_known_of_them() {
    let run = of_three_hosts().await;
    let insight = run.insight();
    let found = |filter: &Filter| pages(&insight, filter, Order::First, 500).concat();
    let none: [RowId; 0] = [];
    let failed = Filter { statuses: vec![Status::Failed], ..Filter::default() };
    assert_eq!(found(&failed), [10, 20, 30, 40, 50, 60, 70, 80, 90]);
    assert_eq!(found(&Filter { host: Some("h0.example:80".to_owned()), ..failed.clone() }), [30, 60, 90]);
    assert_eq!(found(&Filter { host: Some("h0".to_owned()), ..failed.clone() }), none);
    assert_eq!(found(&Filter { reason: Some(Reason::TooLarge), ..failed }), none);
    let waiting = Filter { statuses: vec![Status::Outstanding, Status::Blocked], ..Filter::default() };
    assert_eq!(found(&waiting), (91..=100).collect::<Vec<_>>());
    let text = |text: &str| found(&Filter { text: Some(text.to_owned()), ..Filter::default() });
    assert_eq!(text(" OF 77 "), [77]);
    assert_eq!(text("100% of 100"), [100], "what SQL has for any text is a letter here");
    assert_eq!(text("1_0%"), none);
    assert_eq!(text("/50.png"), [50]);
    assert_eq!(found(&Filter { format: Some("gif".to_owned()), ..Filter::default() }), none);
    let one = insight.image(77).expect("found").expect("there");
    assert_eq!(
        (one.alt.as_deref(), one.host.as_str(), one.fetched_at),
        (Some("100% of 77"), "h2.example:80", Some(BEGIN + 77_000))
    );
    assert_eq!(insight.image(101).expect("looked"), None);
    let ids: Vec<RowId> = insight.images_at(&[5, 1000, 3]).expect("found").iter().map(|image| image.id).collect();
    assert_eq!(ids, [5, 3]);
}

#[tokio::test]
async fn a_run_that_goes_on_can_be_looked_at() {
    let run = of_three_hosts().await;
    let insight = run.insight();
    assert_eq!(insight.survey(5).expect("surveyed").0.found, 100);
    run.accept((0..50).map(|number| image(&format!("http://new.example/{number}"), "new.example:80", "")).collect())
        .await;
    assert_eq!(insight.survey(5).expect("surveyed").0.found, 150);
}

#[tokio::test]
async fn a_choice_has_every_kind_of_image_or_all_of_them() {
    let run = of_three_hosts().await;
    let insight = run.insight();
    assert_eq!(insight.choose(Among::Kept, 1000).expect("chosen").len(), 72);
    assert_eq!(insight.choose(Among::Others, 1000).expect("chosen").len(), 28);
    let few = insight.choose(Among::Others, 9).expect("chosen");
    assert_eq!(few.len(), 9);
    let images = insight.images_at(&few).expect("found");
    let kinds: std::collections::HashSet<_> = images.iter().map(|image| (&image.host, image.reason)).collect();
    assert_eq!(kinds.len(), 9, "three hosts, and three ways to come to nothing");
    assert_eq!(insight.choose(Among::Kept, 0).expect("chosen"), [] as [RowId; 0]);
}

#[test]
fn the_end_of_a_long_text_is_cut_off() {
    assert_eq!((cut("grün", 4), cut("grüne", 4)), ("grün".into(), "grün…".into()));
}
