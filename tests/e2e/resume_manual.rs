//! A real site, and a producer that is killed at random points of its crawl: each time the run goes on, and ends as if
//! nothing had been.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use harness::{Finished, Nginx, World, eventually, one_at_a_time};
use rusqlite::{Connection, OpenFlags};
use url::Url;

use crate::world;

const MANUAL: &str = "/usr/share/gimp/2.0/help/en";

/// What a run came to, apart from who did what when: equal bytes under two URLs are stored under either.
fn outcomes(finished: &Finished) -> BTreeMap<&str, (bool, Option<&str>, Option<&str>)> {
    let outcome = |row: &'_ harness::Row| ["stored", "duplicate"].contains(&row.status());
    finished.rows.iter().map(|row| (row.url(), (outcome(row), row.reason(), row.text("sha256")))).collect()
}

/// The pages that the run's ledger has as done.
fn done_pages(folder: &Path) -> rusqlite::Result<BTreeSet<String>> {
    let sql = Connection::open_with_flags(folder.join("ledger.db"), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut pages = sql.prepare("SELECT url FROM pages WHERE state = 'fetched'")?;
    pages.query_map([], |row| row.get(0))?.collect()
}

async fn crawl_and_kill(world: &mut World, nginx: &Nginx, seed: &Url, after_pages: usize) -> Finished {
    let before = nginx.hits();
    let mut crawl = world.start_crawl(&["--depth", "50", "--scope", "prefix", seed.as_str()]);
    eventually("the run has come so far", Duration::from_mins(1), async || {
        crawl.process.expect_running();
        let done = done_pages(&crawl.folder).map_err(|error| error.to_string())?.len();
        if done >= after_pages { Ok(()) } else { Err(format!("{done} pages of {after_pages}")) }
    })
    .await;
    crawl.process.kill();
    let done = done_pages(&crawl.folder).expect("a ledger");
    let finished = world.again("resume", &crawl.folder, &[]).await;
    finished.expect_complete().expect_in_store(&world.store());
    let after = nginx.hits();
    let asked = |path: &str| after.get(path).copied().unwrap_or(0) - before.get(path).copied().unwrap_or(0);
    for page in &done {
        let path = Url::parse(page).expect("a URL").path().to_owned();
        assert_eq!(asked(&path), 1, "{page} was done when the producer was killed");
    }
    let images = finished.rows.iter().filter(|row| row.reason().is_none());
    let paths: BTreeSet<String> =
        images.filter_map(|row| Some(Url::parse(row.url()).ok()?.path().to_owned())).collect();
    let twice: usize = paths.iter().map(|path| asked(path).saturating_sub(1)).sum();
    println!("killed after {after_pages} pages ({} done): {twice} images fetched twice", done.len());
    finished
}

/// `WARREN_TEST_POINTS` sets the number of points; two by default.
#[tokio::test]
async fn a_crawl_that_is_killed_anywhere_ends_as_if_nothing_had_been() {
    let _turn = one_at_a_time().await;
    let points: usize =
        std::env::var("WARREN_TEST_POINTS").map_or(2, |number| number.parse().expect("WARREN_TEST_POINTS is a number"));
    let nginx = Nginx::serve(MANUAL, "gimp-help-en").await;
    let seed = nginx.url(Path::new("index.html"));
    let mut world = world("points").await;
    world.downloaders(2).await;
    let undisturbed = world.crawl(&["--depth", "50", "--scope", "prefix", seed.as_str()]).await;
    undisturbed.expect_complete();
    let pages = usize::try_from(undisturbed.summed("pages", "fetched")).expect("few");
    for point in 0..points {
        // Anywhere in its share of the crawl; where exactly is up to the clock.
        let share = pages / points;
        let jitter = usize::from(std::process::id().to_le_bytes()[0]) * (point + 3);
        let finished = crawl_and_kill(&mut world, &nginx, &seed, 1 + point * share + jitter % share.max(1)).await;
        assert_eq!(outcomes(&finished), outcomes(&undisturbed));
        assert_eq!(finished.summary["pages"], undisturbed.summary["pages"]);
    }
}
