//! The ledger's promises, on real files.

use common::outcome::{ImageCopy, Outcome, Status};
use common::reason::Reason;
use serde_json::json;

use super::*;

struct Fixture {
    ledger: Ledger,
    run: RunName,
    folder: tempfile::TempDir,
}

fn fixture(max_images: Option<u64>) -> Fixture {
    let folder = tempfile::tempdir().expect("a folder");
    let run: RunName = "run".parse().expect("valid");
    let ledger = Ledger::create(folder.path(), &run, "{}", max_images).expect("a ledger");
    Fixture { ledger, run, folder }
}

fn image(url: &str) -> NewImage {
    NewImage { url: url.to_owned(), host: "host".to_owned(), source: "list", ..NewImage::default() }
}

fn page(url: &str, depth: u32) -> NewPage {
    NewPage {
        url: url.to_owned(),
        host: "host".to_owned(),
        depth,
        kind: PageKind::Page,
        hops: 0,
        like_its_parent: false,
    }
}

/// What a row says in a column.
fn says(row: &Row, column: &str) -> String {
    row.get(column).unwrap_or_else(|| panic!("no column {column}")).text().unwrap_or_else(|| "-".to_owned())
}

impl Fixture {
    fn stored(&self, url: &str, bytes: u8) -> Recording {
        let mut outcome = Outcome::new(ImageId::new(&self.run, url), 1, Status::Stored, None);
        outcome.sha256 = Some(common::image_id::hex(&[bytes; 32]));
        outcome.path = Some(format!("{bytes}.png"));
        outcome.bytes = Some(10);
        Recording { outcome, worker: Some("w".to_owned()), is_final: true, row: None }
    }

    /// Its server was asked by the tag that [`earlier`] gave it, and answered 304.
    fn unchanged(&self, url: &str) -> Recording {
        let mut outcome = Outcome::new(ImageId::new(&self.run, url), 1, Status::Unchanged, None);
        outcome.condition = Some(Validators { etag: Some(tag_of(url)), last_modified: None });
        Recording { outcome, worker: Some("w".to_owned()), is_final: true, row: None }
    }

    async fn rows(&self) -> Vec<Row> {
        let kept = self.ledger.for_each_row(Vec::new(), |rows, row| {
            rows.push(row);
            Ok::<_, ()>(())
        });
        kept.await.expect("readable").expect("nothing fails")
    }
}

#[tokio::test]
async fn an_image_is_accepted_once_and_keeps_its_first_outcome() {
    let it = fixture(None);
    it.ledger.add_listed(vec![image("http://host/a"), image("http://host/a")], 2, false, false).await.expect("written");
    let first = it.ledger.record(vec![it.stored("http://host/a", 1)], vec![], true).await.expect("written");
    assert_eq!(first.len(), 1);
    let mut late = it.stored("http://host/a", 2);
    late.outcome.status = Status::Failed;
    assert!(it.ledger.record(vec![late], vec![], true).await.expect("written").is_empty());
    let rows = it.rows().await;
    assert_eq!(rows.len(), 1);
    assert_eq!(["status", "path"].map(|column| says(&rows[0], column)), ["stored", "1.png"]);
    assert_eq!(it.ledger.counts().of(Status::Stored), 1);
    assert_eq!(it.ledger.counts().bytes, 10);
}

#[tokio::test]
async fn what_is_folded_stands_in_the_file_alone_even_while_the_ledger_is_read() {
    let Fixture { ledger, folder, .. } = fixture(None);
    ledger.add_pages(vec![page("http://a/", 0), page("http://b/", 0)]).await.expect("added");
    ledger.add_listed(vec![image("http://a/1.png")], 1, true, false).await.expect("added");
    let alone = tempfile::tempdir().expect("a folder");
    let place = folder.path().to_owned();
    let pages_alone = move || {
        std::fs::copy(place.join(FILE), alone.path().join(FILE)).expect("copied");
        glance(alone.path()).map(|seen| seen.counts.pages.pending)
    };
    assert!(!pages_alone().is_ok_and(|pending| pending > 0), "it was folded without being asked to");
    let place = folder.path().to_owned();
    let read = ledger.for_each_row(0, move |rows, _| {
        *rows += 1;
        fold_journal(&place)
    });
    assert_eq!(read.await.expect("read").expect("folded"), 1);
    assert_eq!(pages_alone().expect("read"), 2);
    ledger.add_pages(vec![page("http://c/", 0)]).await.expect("added");
    assert_eq!(ledger.counts().pages.pending, 3);
}

#[tokio::test]
async fn equal_bytes_under_another_url_are_a_duplicate_that_leads_to_them() {
    let it = fixture(None);
    it.ledger.add_listed(vec![image("http://host/a"), image("http://host/b")], 2, false, false).await.expect("written");
    let mut twin = it.stored("http://host/b", 1);
    twin.outcome.path = Some("elsewhere.png".to_owned());
    it.ledger.record(vec![it.stored("http://host/a", 1), twin], vec![], false).await.expect("written");
    let rows = it.rows().await;
    assert_eq!(["status", "path"].map(|column| says(&rows[1], column)), ["duplicate", "1.png"]);
    assert_eq!(says(&rows[1], "sha256"), says(&rows[0], "sha256"));
    assert_eq!(it.ledger.counts().bytes, 10, "stored once");
}

/// Downloaders of a fleet may have been told to make different copies, or none.
#[tokio::test]
async fn a_duplicate_has_the_copy_of_the_image_that_is_stored() {
    let it = fixture(None);
    let urls = ["http://host/a", "http://host/b", "http://host/c"];
    it.ledger.add_listed(urls.map(image).to_vec(), 3, false, false).await.expect("written");
    let with_copy = |url, width| {
        let mut recording = it.stored(url, 1);
        let (path, format) = (format!("{width}.jpg"), "jpg".to_owned());
        let sha256 = common::image_id::hex(&[7; 32]);
        let copy = ImageCopy { path, format, width, height: 20, bytes: 30, sha256 };
        recording.outcome.copy = Some(copy.into());
        recording.outcome.phash = Some("0123456789abcdef".to_owned());
        recording
    };
    let outcomes = vec![with_copy(urls[0], 10), with_copy(urls[1], 99), it.stored(urls[2], 1)];
    it.ledger.record(outcomes, vec![], false).await.expect("written");
    let rows = serde_json::to_value(it.rows().await).expect("rows are JSON");
    for row in 0..3 {
        assert_eq!(rows[row]["status"], if row == 0 { "stored" } else { "duplicate" });
        for (field, value) in [
            ("copy_path", json!("10.jpg")),
            ("copy_format", json!("jpg")),
            ("copy_width", json!(10)),
            ("copy_height", json!(20)),
            ("copy_bytes", json!(30)),
            ("copy_sha256", json!("07".repeat(32))),
        ] {
            assert_eq!(rows[row][field], value, "{field} of row {row}");
        }
    }
    assert_eq!(
        (&rows[1]["phash"], &rows[2]["phash"]),
        (&json!("0123456789abcdef"), &json!(null)),
        "of the image itself"
    );
}

#[tokio::test]
async fn an_outcome_of_an_image_that_the_run_does_not_know_changes_nothing() {
    let it = fixture(None);
    assert!(it.ledger.record(vec![it.stored("http://host/x", 1)], vec![], true).await.expect("written").is_empty());
    assert_eq!(it.ledger.counts(), Counts::default());
}

#[tokio::test]
async fn a_try_that_another_follows_leaves_the_image_outstanding_with_its_reason() {
    let it = fixture(None);
    it.ledger.add_listed(vec![image("http://host/a")], 1, false, false).await.expect("written");
    let outcome = Outcome::new(ImageId::new(&it.run, "http://host/a"), 2, Status::Failed, Some(Reason::Http(503)));
    let recording = Recording { outcome, worker: None, is_final: false, row: None };
    it.ledger.record(vec![recording], vec![], true).await.expect("written");
    let rows = it.rows().await;
    let known = ["status", "reason", "attempts"].map(|column| says(&rows[0], column));
    assert_eq!(known, ["outstanding", "http-503", "2"]);
    assert_eq!(it.ledger.pending_images(None, 0, 10).await.expect("read")[0].attempts, 2);
    assert!(it.ledger.counts().reasons.is_empty(), "an outstanding image's reason is not final");
}

#[tokio::test]
async fn a_page_and_what_is_on_it_are_recorded_together() {
    let it = fixture(None);
    it.ledger.add_pages(vec![page("http://host/", 0)]).await.expect("written");
    let waiting = it.ledger.pending_pages(None, 0, 10).await.expect("read");
    let pages = vec![page("http://host/", 1), page("http://host/next", 1)];
    let done = done(waiting[0].id, vec![image("http://host/a")], pages);
    it.ledger.page_done(done, false).await.expect("written");
    let waiting = it.ledger.pending_pages(None, 0, 10).await.expect("read");
    assert_eq!(waiting.iter().map(|page| page.url.as_str()).collect::<Vec<_>>(), ["http://host/next"]);
    assert_eq!(says(&it.rows().await[0], "page_url"), "http://host/");
    let counts = it.ledger.counts();
    assert_eq!(counts.pages, PageCounts { pending: 1, fetched: 1, failed: 0, blocked: 0 });
    assert_eq!(glance(it.folder.path()).expect("readable").counts, counts, "kept and counted agree");
}

#[tokio::test]
async fn images_are_accepted_up_to_the_limit() {
    let it = fixture(Some(2));
    let images = ["http://host/a", "http://host/a", "http://host/b", "http://host/c"].map(image).to_vec();
    it.ledger.add_listed(images, 4, false, false).await.expect("written");
    assert_eq!(it.ledger.counts().found(), 2);
}

#[tokio::test]
async fn waiting_images_are_read_in_order_and_by_host() {
    let it = fixture(None);
    let mut elsewhere = image("http://other/x");
    elsewhere.host = "other".to_owned();
    it.ledger
        .add_listed(vec![image("http://host/a"), elsewhere, image("http://host/b")], 3, false, false)
        .await
        .expect("written");
    let all = it.ledger.pending_images(None, 0, 2).await.expect("read");
    assert_eq!(all.iter().map(|image| image.url.as_str()).collect::<Vec<_>>(), ["http://host/a", "http://other/x"]);
    let of_host = it.ledger.pending_images(Some(all[0].host), all[0].id, 10).await.expect("read");
    assert_eq!(of_host.iter().map(|image| image.url.as_str()).collect::<Vec<_>>(), ["http://host/b"]);
}

#[tokio::test]
async fn what_was_out_is_out_once_and_only_by_the_try_that_is_open() {
    let it = fixture(None);
    let urls = ["http://host/a", "http://host/b", "http://host/c"];
    it.ledger.add_listed(urls.map(image).into(), 3, true, false).await.expect("written");
    let waiting = it.ledger.pending_images(None, 0, 10).await.expect("read");
    let first = |index: usize| Try::of(&waiting[index]);
    it.ledger.note_sent(vec![(5, vec![first(0), first(1)]), (6, vec![first(2)])]).await.expect("written");
    // The first image's try failed for the moment, and the next one is out; the third one's has none yet.
    for url in [urls[0], urls[2]] {
        let outcome = Outcome::new(ImageId::new(&it.run, url), 1, Status::Failed, Some(Reason::Http(503)));
        let recording = Recording { outcome, worker: Some("w".to_owned()), is_final: false, row: None };
        it.ledger.record(vec![recording], vec![], false).await.expect("written");
    }
    let again = Try { attempts: 1, ..first(0) };
    it.ledger.note_sent(vec![(9, vec![again]), (10, vec![again])]).await.expect("written");
    let sent = it.ledger.go_on(true).await.expect("read");
    let out: Vec<Try> = sent.out.iter().map(Try::of).collect();
    assert_eq!((sent.batches, out), (10, vec![first(1), again]));
    assert_eq!(it.ledger.go_on(true).await.expect("read").out.len(), 2, "they stay noted");
    assert!(it.ledger.go_on(false).await.expect("read").out.is_empty());
    assert!(it.ledger.go_on(true).await.expect("read").out.is_empty(), "nothing is noted any more");
}

#[tokio::test]
async fn failed_images_wait_again_and_answers_of_their_old_tries_are_void() {
    let it = fixture(None);
    it.ledger.add_listed(vec![image("http://host/a")], 1, true, false).await.expect("written");
    let failed = |attempt| {
        let id = ImageId::new(&it.run, "http://host/a");
        let outcome = Outcome::new(id, attempt, Status::Failed, Some(Reason::Http(404)));
        Recording { outcome, worker: Some("w".to_owned()), is_final: true, row: None }
    };
    it.ledger.record(vec![failed(1)], vec![], false).await.expect("written");
    assert_eq!(it.ledger.retry(vec![Reason::Timeout], false).await.expect("written"), 0);
    assert_eq!(it.ledger.retry(vec![], false).await.expect("written"), 1);
    assert_eq!(it.ledger.counts().of(Status::Outstanding), 1);
    it.ledger.record(vec![failed(1)], vec![], false).await.expect("written");
    assert_eq!(it.ledger.counts().of(Status::Outstanding), 1, "told twice");
    it.ledger.record(vec![failed(2)], vec![], false).await.expect("written");
    assert_eq!(it.ledger.counts().of(Status::Failed), 1);
}

#[tokio::test]
async fn pages_that_bring_what_is_followed_are_told_and_places_stay_with_the_run() {
    let mut it = fixture(None);
    let all: Sampler = "1".parse().expect("a share");
    let seed = it.ledger.follow(all).await.expect("written");
    it.ledger.add_pages(vec![page("http://host/", 0), page("http://host/2", 0)]).await.expect("written");
    let waiting = it.ledger.pending_pages(None, 0, 10).await.expect("read");
    let refused = NewImage { verdict: Some((Status::Blocked, Reason::Robots).into()), ..image("http://host/refused") };
    let mut followed = Vec::new();
    for (page, images) in
        [(&waiting[0], vec![image("http://host/a")]), (&waiting[1], vec![image("http://host/a"), refused])]
    {
        let recorded = it.ledger.page_done(done(page.id, images, vec![]), false).await.expect("written");
        followed.push(recorded.is_followed);
    }
    assert_eq!(followed, [true, false], "what is known, or not fetched, is nobody's to follow");
    assert_eq!(it.ledger.pending_images(None, 0, 10).await.expect("read")[0].page, Some(waiting[0].id));
    it.ledger.close().await;
    it.ledger = Ledger::open(it.folder.path(), &it.run, None).expect("it opens");
    assert_eq!(it.ledger.follow(Sampler::NONE).await.expect("read"), seed);
    assert_ne!(fixture(None).ledger.follow(all).await.expect("written"), seed, "another run has another");
}

fn done(id: RowId, images: Vec<NewImage>, pages: Vec<NewPage>) -> PageDone {
    PageDone {
        id,
        state: PageState::Fetched,
        reason: None,
        detail: None,
        http_status: Some(200),
        final_url: None,
        truncated: None,
        scopes: Vec::new(),
        images,
        pages,
        traps: Traps { session_id: 1, ..Traps::default() },
    }
}

#[tokio::test]
async fn pages_in_a_row_that_bring_nothing_new_end_and_one_image_begins_the_count_anew() {
    for brings in [false, true] {
        let it = fixture(None);
        it.ledger.add_pages(vec![page("http://host/0", 0)]).await.expect("written");
        let mut read = 0;
        while let Some(waiting) = it.ledger.pending_pages(None, 0, 1).await.expect("read").pop()
            && read < 200
        {
            read += 1;
            let images =
                if brings && read % 30 == 0 { vec![image(&format!("http://host/{read}.png"))] } else { vec![] };
            let next = NewPage { like_its_parent: true, ..page(&format!("http://host/{read}"), read) };
            it.ledger.page_done(done(waiting.id, images, vec![next]), false).await.expect("written");
        }
        assert_eq!((read, it.ledger.counts().traps.endless), if brings { (200, 0) } else { (100, 1) });
        let counts = it.ledger.counts();
        assert_eq!(counts.traps.session_id, u64::from(read));
        assert_eq!(glance(it.folder.path()).expect("readable").counts, counts, "kept and counted agree");
    }
}

#[tokio::test]
async fn an_image_that_stood_in_its_page_is_kept_until_its_outcome_is_known() {
    for (reopened, knows_row) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut it = fixture(None);
        let url = "data:image/png;sha256=00";
        let inline = NewImage { inline: Some(Bytes::from_static(b"bytes")), ..image(url) };
        it.ledger.add_listed(vec![inline], 1, true, false).await.expect("written");
        if reopened {
            it.ledger.close().await;
            it.ledger = Ledger::open(it.folder.path(), &it.run, None).expect("it opens");
        }
        let id = it.ledger.pending_images(None, 0, 1).await.expect("read")[0].id;
        assert_eq!(it.ledger.inline(vec![id]).await.expect("read"), [Some(Bytes::from_static(b"bytes"))]);
        let stored = Recording { row: knows_row.then_some(id), ..it.stored(url, 1) };
        it.ledger.record(vec![stored], vec![], false).await.expect("written");
        assert_eq!(it.ledger.inline(vec![id]).await.expect("read"), [None], "{reopened}, {knows_row}");
    }
}

#[tokio::test]
async fn a_redirect_is_none_of_the_tries_that_people_count() {
    let it = fixture(None);
    let url = "http://host/a";
    it.ledger.add_listed(vec![image(url)], 1, true, false).await.expect("written");
    let mut hop = Outcome::new(ImageId::new(&it.run, url), 1, Status::Failed, Some(Reason::Redirected));
    hop.final_url = Some("http://other/b".to_owned());
    let worker = Some("w".to_owned());
    it.ledger
        .record(vec![Recording { outcome: hop, worker, is_final: false, row: None }], vec![], false)
        .await
        .expect("written");
    let waiting = it.ledger.pending_images(None, 0, 1).await.expect("read").pop().expect("outstanding");
    assert_eq!((waiting.attempts, waiting.attempts_before), (1, 1));
    let mut stored = it.stored(url, 1);
    stored.outcome.attempt = 2;
    it.ledger.record(vec![stored], vec![], false).await.expect("written");
    assert_eq!(says(&it.rows().await[0], "attempts"), "1");
}

#[tokio::test]
async fn what_a_page_opted_out_stays_so_unless_opt_outs_are_ignored() {
    let it = fixture(None);
    let verdict = Some((Status::Blocked, Reason::MetaRobots).into());
    let opted_out = NewImage { verdict, ..image("http://host/a") };
    let inline = NewImage { inline: Some(Bytes::from_static(b"x")), ..image("data:image/png;sha256=00") };
    it.ledger.add_listed(vec![opted_out, inline], 2, true, false).await.expect("written");
    let outcome =
        Outcome::new(ImageId::new(&it.run, "data:image/png;sha256=00"), 1, Status::Rejected, Some(Reason::Empty));
    let worker = Some("w".to_owned());
    it.ledger
        .record(vec![Recording { outcome, worker, is_final: true, row: None }], vec![], false)
        .await
        .expect("written");
    assert_eq!(it.ledger.retry(vec![Reason::MetaRobots, Reason::Empty], false).await.expect("written"), 0);
    assert_eq!(it.ledger.retry(vec![Reason::MetaRobots], true).await.expect("written"), 1);
}

/// An entity tag: the URL's last letter.
fn tag_of(url: &str) -> String {
    format!("\"{}\"", &url[url.len() - 1..])
}

/// An earlier run in a folder of its own, in which these images were stored, each with its URL's last letter as entity tag.
async fn earlier(urls: &[&str]) -> (Fixture, Earlier) {
    let folder = tempfile::tempdir().expect("a folder");
    let run: RunName = "before".parse().expect("valid");
    let ledger = Ledger::create(folder.path(), &run, "{}", None).expect("a ledger");
    let it = Fixture { ledger, run, folder };
    it.ledger.add_listed(urls.iter().map(|url| image(url)).collect(), 0, true, false).await.expect("written");
    let stored = urls.iter().zip(1..).map(|(url, bytes)| {
        let mut stored = it.stored(url, bytes);
        stored.outcome.path = Some(format!("before/{bytes}.png"));
        stored.outcome.etag = Some(tag_of(url));
        stored
    });
    it.ledger.record(stored.collect(), vec![], false).await.expect("written");
    let earlier = Earlier::open(it.folder.path()).expect("readable while it is written");
    (it, earlier)
}

#[tokio::test]
async fn an_image_is_bare_while_only_a_list_names_it() {
    let it = fixture(None);
    let url = |name: &str| format!("http://host/{name}");
    let text = |text: &str| Some(text.to_owned());
    let new = vec![
        image(&url("bare")),
        NewImage { caption: text(""), ..image(&url("empty-caption")) },
        NewImage { extra: text("{\"row\":1}"), ..image(&url("columns")) },
        NewImage { page_url: text("http://host/page"), ..image(&url("page")) },
        NewImage { source: "sitemap", ..image(&url("sitemap")) },
    ];
    it.ledger.add_listed(new, 0, true, false).await.expect("written");
    let waiting = it.ledger.pending_images(None, 0, 10).await.expect("read");
    assert_eq!(waiting.iter().map(|image| image.is_bare).collect::<Vec<_>>(), [true, false, false, false, false]);
    let contexts = it.ledger.contexts(vec![waiting[0].id]).await.expect("read");
    let bare = Context { url: Some(url("bare")), source: text("list"), ..Context::default() };
    assert_eq!(contexts, [bare], "what a bare image's task says of it without a look");
}

/// An outcome leads to the same whether the row is known or looked up, and the first one stays in any case.
#[tokio::test]
async fn an_outcome_is_recorded_once_whether_its_row_is_known_or_not() {
    let it = fixture(None);
    let urls = ["http://host/a", "http://host/b", "http://host/c"];
    it.ledger.add_listed(urls.map(image).into(), 0, true, false).await.expect("written");
    let rows: Vec<RowId> =
        it.ledger.pending_images(None, 0, 10).await.expect("read").iter().map(|image| image.id).collect();
    let known = |index: usize, byte| Recording { row: Some(rows[index]), ..it.stored(urls[index], byte) };
    let another = Recording { row: Some(rows[2]), ..it.stored(urls[1], 2) };
    let recordings = vec![
        known(0, 1),
        // A row that is not the image's: it is looked up.
        another,
        // The same once more, with other bytes.
        known(0, 3),
        known(1, 3),
        Recording { worker: None, ..known(2, 1) },
    ];
    let found = it.ledger.record(recordings, vec![], true).await.expect("written");
    let told: Vec<_> = found.iter().map(|row| [says(row, "url"), says(row, "status")]).collect();
    assert_eq!(told, [[urls[0], "stored"], [urls[1], "stored"], [urls[2], "duplicate"]]);
    let counts = it.ledger.counts();
    assert_eq!((counts.of(Status::Stored), counts.of(Status::Duplicate), counts.of(Status::Outstanding)), (2, 1, 0));
}

#[tokio::test]
async fn an_image_that_did_not_change_stays_where_the_earlier_run_stored_it() {
    let urls = ["http://host/a", "http://host/b"];
    let (before, earlier) = earlier(&urls).await;
    let it = fixture(None);
    it.ledger.look_back(Some(earlier)).await.expect("taken");
    it.ledger.add_listed([urls[0], urls[1], "http://host/c"].map(image).into(), 0, true, false).await.expect("written");
    let waiting = it.ledger.pending_images(None, 0, 10).await.expect("read");
    let etags: Vec<_> = waiting.iter().map(|image| image.validators()?.etag.as_deref()).collect();
    assert_eq!(etags, [Some("\"a\""), Some("\"b\""), None]);
    let redirected = PendingImage { url: "http://host/elsewhere".to_owned(), ..waiting[0].clone() };
    assert_eq!(redirected.validators(), None, "what one address said is not said to another");

    let unchanged = |url: &str, etag: Option<&str>| {
        let mut unchanged = it.unchanged(url);
        (unchanged.outcome.etag, unchanged.outcome.http_status) = (etag.map(str::to_owned), Some(304));
        unchanged
    };
    let told = vec![unchanged(urls[0], None), unchanged(urls[1], Some("\"new\"")), unchanged("http://host/c", None)];
    it.ledger.record(told, vec![], false).await.expect("written");
    let known = ["status", "reason", "path", "bytes", "etag"];
    let rows = it.rows().await;
    let rows: Vec<_> = rows.iter().map(|row| known.map(|column| says(row, column))).collect();
    assert_eq!(rows[0], ["unchanged", "-", "before/1.png", "10", "\"a\""]);
    assert_eq!(rows[1], ["unchanged", "-", "before/2.png", "10", "\"new\""]);
    assert_eq!(rows[2], ["failed", "http-304", "-", "-", "-"], "nobody has its bytes");
    let counts = it.ledger.counts();
    assert_eq!((counts.of(Status::Unchanged), counts.bytes), (2, 0));
    drop(before);
}

#[tokio::test]
async fn what_did_not_change_since_something_else_is_not_what_the_earlier_run_stored() {
    let names: Vec<String> = ('a'..='e').map(|letter| format!("http://host/{letter}")).collect();
    let urls: Vec<&str> = names.iter().map(String::as_str).collect();
    let (_before, earlier) = earlier(&urls).await;
    let it = fixture(None);
    it.ledger.look_back(Some(earlier)).await.expect("taken");
    it.ledger.add_listed(urls.iter().map(|url| image(url)).collect(), 0, true, false).await.expect("written");
    let mut told: Vec<Recording> = urls.iter().map(|url| it.unchanged(url)).collect();
    told[1].outcome.condition = Some(Validators { etag: Some("\"other\"".to_owned()), last_modified: None });
    told[2].outcome.condition = None;
    told[3].outcome.final_url = Some("http://host/elsewhere".to_owned());
    // One that is asked for once more in any case is not settled by this.
    told[4].is_final = false;
    it.ledger.record(told, vec![], false).await.expect("written");
    let rows = it.rows().await;
    let outcomes: Vec<_> =
        rows.iter().map(|row| ["status", "reason", "path"].map(|column| says(row, column))).collect();
    assert_eq!(outcomes[0], ["unchanged", "-", "before/1.png"]);
    for lost in &outcomes[1..4] {
        assert_eq!(lost, &["failed", "http-304", "-"]);
    }
    assert_eq!(outcomes[4], ["outstanding", "-", "-"]);
}

#[tokio::test]
async fn fresh_bytes_are_stored_and_no_duplicate_of_what_an_earlier_run_stored() {
    let urls = ["http://host/a", "http://host/b", "http://host/c"];
    let (_before, earlier) = earlier(&urls[..1]).await;
    let it = fixture(None);
    it.ledger.look_back(Some(earlier)).await.expect("taken");
    it.ledger.add_listed(urls.map(image).to_vec(), 0, true, false).await.expect("written");
    // The bytes that the earlier run stored under the first.
    let told = vec![it.unchanged(urls[0]), it.stored(urls[1], 1), it.stored(urls[2], 1)];
    it.ledger.record(told, vec![], false).await.expect("written");
    let rows = it.rows().await;
    let places: Vec<_> = rows.iter().map(|row| ["status", "path"].map(|column| says(row, column))).collect();
    assert_eq!(places, [["unchanged", "before/1.png"], ["stored", "1.png"], ["duplicate", "1.png"]]);
}

#[tokio::test]
async fn an_earlier_run_of_another_format_or_without_a_name_is_refused() {
    let (before, earlier) = earlier(&["http://host/a"]).await;
    drop(earlier);
    let change = |statement: &str| {
        let sql = Connection::open(before.folder.path().join(FILE)).expect("it opens");
        sql.execute_batch(statement).expect("changed");
    };
    change("DELETE FROM run WHERE key = 'name'");
    assert!(matches!(Earlier::open(before.folder.path()), Err(LedgerError::Damaged { .. })));
    change("PRAGMA user_version = 3");
    assert!(matches!(Earlier::open(before.folder.path()), Err(LedgerError::Format { found: 3, .. })));
}

#[tokio::test]
async fn whatever_comes_twice_late_or_together_every_duplicate_leads_to_bytes_that_are_kept() {
    let names: Vec<String> = (0..12).map(|number| format!("http://host/{number}")).collect();
    let urls: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = move |bound: usize| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        usize::try_from(chance % u64::try_from(bound).expect("small")).expect("small")
    };
    for round in 0..40 {
        let (before, earlier) = earlier(&urls[..4]).await;
        // The other one always looks rows up.
        let (mut it, other) = (fixture(None), fixture(None));
        for (ledger, earlier) in
            [(&it.ledger, earlier), (&other.ledger, Earlier::open(before.folder.path()).expect("readable"))]
        {
            ledger.look_back(Some(earlier)).await.expect("taken");
            ledger.add_listed(urls.iter().map(|url| image(url)).collect(), 0, true, false).await.expect("written");
        }
        for step in 0..40 {
            let mut told = Vec::new();
            for _ in 0..=below(4) {
                let image = below(urls.len());
                let mut recording = it.stored(urls[image], u8::try_from(below(4) + 1).expect("small"));
                // Known, unknown, or another's.
                recording.row = [Some(image), None, Some(below(urls.len()))][below(3)]
                    .map(|index| RowId::try_from(index + 1).expect("small"));
                recording.outcome.path = Some(format!("{round}/{step}/{}", told.len()));
                recording.outcome.attempt = u32::try_from(below(4) + 1).expect("small");
                match below(6) {
                    0 => (recording.outcome.status, recording.outcome.reason) = (Status::Failed, Some(Reason::Timeout)),
                    1 => {
                        recording.outcome.status = Status::Unchanged;
                        recording.outcome.condition = it.unchanged(&names[below(names.len())]).outcome.condition;
                    }
                    2 => recording.is_final = false,
                    3 => {
                        let id = recording.outcome.id;
                        recording.outcome = Outcome::new(id, 1, Status::Failed, Some(Reason::DeadLettered));
                        recording.worker = None;
                    }
                    _ => {}
                }
                told.push(recording);
            }
            let looked_up = told.iter().map(|told| Recording { row: None, ..told.clone() }).collect();
            other.ledger.record(looked_up, vec![], false).await.expect("written");
            it.ledger.record(told, vec![], false).await.expect("written");
            if below(10) == 0 {
                it.ledger.retry(vec![], false).await.expect("written");
                other.ledger.retry(vec![], false).await.expect("written");
            }
        }
        let in_words = |rows: Vec<Row>| {
            let columns = COLUMNS.iter().map(|column| column.name);
            rows.iter().map(|row| columns.clone().map(|name| says(row, name)).collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        assert_eq!(in_words(it.rows().await), in_words(other.rows().await), "whether rows are known or looked up");
        assert_eq!(it.ledger.counts(), other.ledger.counts());
        // As whoever goes on with the run finds it.
        it.ledger.close().await;
        it.ledger = Ledger::open(it.folder.path(), &it.run, None).expect("it opens");
        let rows = it.rows().await;
        let all = |status: &str, sha256: &str| {
            let of = rows.iter().filter(|row| says(row, "status") == status && says(row, "sha256") == sha256);
            of.map(|row| says(row, "path")).collect::<Vec<_>>()
        };
        let digests: std::collections::BTreeSet<String> = rows.iter().map(|row| says(row, "sha256")).collect();
        for sha256 in digests.iter().filter(|sha256| *sha256 != "-") {
            let stored = all("stored", sha256);
            assert!(stored.len() <= 1, "stored twice: {stored:?}");
            for path in all("duplicate", sha256) {
                assert!(stored.contains(&path), "{path}: {stored:?}");
            }
        }
        assert_eq!(glance(it.folder.path()).expect("readable").counts, it.ledger.counts());
    }
}
