//! The layout as the engine uses it: what it adds to a group, and what becomes of that when the group is dropped.

use std::io::{Seek, Write};

use bytes::Bytes;
use common::context::Context;
use common::image_id::hex;
use common::outcome::Status;
use sha2::{Digest, Sha256};

use super::super::packed::Whole;
use super::digests::digest;
use super::member::tests::written;
use super::scan::{Scan, Scanned};
use super::*;

fn asking(run: &str) -> Arc<Asking> {
    let run = run.parse().expect("valid");
    Arc::new(Asking { run, user_agent: "Bot/1".to_owned(), from: None, obeys_robots: true })
}

fn image(asking: &Arc<Asking>, url: &str) -> Image {
    let mut outcome = Outcome::new([7; 16].into(), 1, Status::Stored, None);
    (outcome.fetched_at, outcome.duration_ms) = (1_764_093_600_007, 12);
    let exchange = head::tests::exchange(url, &[("content-type", "image/png; x=y")]);
    let context = Context { page_url: Some("http://h/".to_owned()), ..Context::default() };
    let about = About {
        run: asking.run.clone(),
        url: url.to_owned(),
        hops: 0,
        context,
        outcome,
        asking: Arc::clone(asking),
        exchange: Some(exchange.into()),
        digests: None,
    };
    let bytes = Bytes::from(format!("bytes of {url}"));
    Image { sha256: hex(&Sha256::digest(&bytes)), bytes, format: "png", about: about.into() }
}

fn spot(offset: u64) -> Spot<'static> {
    Spot { shard: "warren-20251125180000007-0123456789-h.warc.gz", number: 0, offset }
}

fn scanned(bytes: &[u8]) -> Vec<Scanned> {
    Scan::new(bytes).collect::<Result<_, _>>().expect("readable")
}

fn types(records: &[Scanned]) -> Vec<&str> {
    records.iter().filter_map(|record| record.field("WARC-Type")).collect()
}

#[test]
fn a_shard_begins_with_who_asked_and_a_member_leads_to_the_answer() {
    let (mut warc, mut group) = (Warc::new("w"), Group::default());
    let name = warc.begin(&mut group).expect("begun");
    assert!(Shards.is_shard(&name) && group.length() == 0, "{name}");
    let (first, _) = warc.append(&spot(0), &image(&asking("r"), "http://h/1.png"), &mut group).expect("added");
    let (second, _) =
        warc.append(&spot(group.length()), &image(&asking("r"), "http://h/2.png"), &mut group).expect("added");
    let records = scanned(&written(&group));
    assert_eq!(types(&records), ["warcinfo", "response", "request", "metadata", "response", "request", "metadata"]);
    for (member, record) in [(first, &records[1]), (second, &records[4])] {
        assert_eq!(member, format!("{},{}", record.offset, record.length));
    }
    let info = records[0].field("WARC-Record-ID");
    assert!(records[1..].iter().all(|record| record.field("WARC-Warcinfo-ID") == info));
}

#[test]
fn each_run_in_a_shard_has_its_own_record_and_each_shard_anew() {
    let (mut warc, mut group) = (Warc::new("w"), Group::default());
    let (a, b) = (asking("a"), asking("b"));
    for asking in [&a, &b, &a, &b] {
        warc.append(&spot(group.length()), &image(asking, "http://h/1.png"), &mut group).expect("added");
    }
    let records = scanned(&written(&group));
    assert_eq!(types(&records).iter().filter(|kind| **kind == "warcinfo").count(), 2);
    assert_eq!(records[8].field("WARC-Warcinfo-ID"), records[0].field("WARC-Record-ID"));
    assert_eq!(records[11].field("WARC-Warcinfo-ID"), records[4].field("WARC-Record-ID"));
    let mut next = Group::default();
    warc.begin(&mut next).expect("begun");
    warc.append(&spot(0), &image(&a, "http://h/1.png"), &mut next).expect("added");
    assert_eq!(types(&scanned(&written(&next)))[0], "warcinfo");
}

#[test]
fn who_asked_is_written_again_when_a_group_was_dropped() {
    let (mut warc, mut group, mut dropped) = (Warc::new("w"), Group::default(), Group::default());
    let (a, b) = (asking("a"), asking("b"));
    warc.append(&spot(0), &image(&a, "http://h/1.png"), &mut dropped).expect("added");
    warc.append(&spot(0), &image(&a, "http://h/1.png"), &mut group).expect("added");
    let safe = group.length();
    warc.append(&spot(safe), &image(&b, "http://h/2.png"), &mut dropped).expect("added");
    warc.append(&spot(safe), &image(&b, "http://h/2.png"), &mut group).expect("added");
    let records = scanned(&written(&group));
    let kinds = ["warcinfo", "response", "request", "metadata"];
    assert_eq!(types(&records), [kinds, kinds].concat());
}

#[test]
fn the_same_bytes_again_are_a_revisit_unless_nobody_was_asked() {
    let (mut warc, mut group) = (Warc::new("w"), Group::default());
    let asking = asking("r");
    let (_, kept) = warc.append(&spot(0), &image(&asking, "http://h/1.png"), &mut group).expect("added");
    let again = image(&asking, "http://h/2.png");
    assert!(warc.append_again(&spot(group.length()), &again, &kept, &mut group).expect("added"));
    let records = scanned(&written(&group));
    assert_eq!(types(&records)[4..], ["revisit", "request", "metadata"]);
    assert_eq!(records[4].field("WARC-Refers-To"), records[1].field("WARC-Record-ID"));
    let inline = About { exchange: None, ..Arc::into_inner(again.about).expect("the only one") }.into();
    let inline = Image { about: inline, ..image(&self::asking("r"), "http://h/") };
    let before = group.length();
    assert!(!warc.append_again(&spot(before), &inline, &kept, &mut group).expect("nothing to add"));
    assert_eq!(group.length(), before);
}

#[test]
fn a_shard_is_whole_up_to_the_last_image_of_which_all_is_there() {
    let (mut warc, mut group) = (Warc::new("w"), Group::default());
    let mut ends = vec![0];
    for number in 0..3 {
        let image = image(&asking(&format!("r{number}")), &format!("http://h/{number}.png"));
        warc.append(&spot(group.length()), &image, &mut group).expect("added");
        ends.push(group.length());
    }
    let bytes = written(&group);
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(&bytes).expect("written");
    for cut in (0..=bytes.len() as u64).rev() {
        file.as_file().set_len(cut).expect("cut");
        let whole = Shards.whole(&std::fs::File::open(file.path()).expect("opened"), spot(0).shard).expect("readable");
        let images = ends.iter().filter(|end| **end <= cut).count() - 1;
        assert_eq!((whole.bytes, whole.images), (ends[images], images as u64), "cut at {cut}");
    }
}

#[test]
fn what_a_deleted_shard_left_on_the_disk_is_not_taken_for_an_image() {
    let mut file = tempfile::tempfile().expect("a file");
    let mut safe = 0;
    for host in ["ours", "theirs"] {
        let (mut warc, mut group) = (Warc::new("w"), Group::default());
        let url = format!("http://{host}/1.png");
        warc.append(&spot(0), &image(&asking("r"), &url), &mut group).expect("added");
        let bytes = written(&group);
        // Of the other all but its beginning.
        let begin = if host == "ours" { 0 } else { scanned(&bytes)[0].length };
        file.write_all(&bytes[usize::try_from(begin).expect("short")..]).expect("written");
        safe = if host == "ours" { bytes.len() as u64 } else { safe };
    }
    file.rewind().expect("rewound");
    assert_eq!(Shards.whole(&file, spot(0).shard).expect("readable"), Whole { bytes: safe, images: 1 });
    file.rewind().expect("rewound");
    assert_eq!(Shards.whole(&file, "another").expect("readable"), Whole::default());
}

#[test]
fn the_index_beside_a_shard_has_a_sorted_line_for_each_that_can_be_looked_up() {
    let (mut warc, mut group) = (Warc::new("w"), Group::default());
    let asking = asking("r");
    let (member, kept) = warc.append(&spot(0), &image(&asking, "http://z/1.png"), &mut group).expect("added");
    let again = image(&asking, "http://a/2.png");
    warc.append_again(&spot(group.length()), &again, &kept, &mut group).expect("added");
    let folder = tempfile::tempdir().expect("a folder");
    let shard = folder.path().join(spot(0).shard);
    std::fs::write(&shard, written(&group)).expect("written");
    let beside = Shards.write_beside(&shard, 2).expect("written");
    assert_eq!(beside, ["warren-20251125180000007-0123456789-h.cdxj"]);
    assert_eq!(Shards.shard_of(&beside[0]).as_deref(), Some(spot(0).shard));
    let lines = std::fs::read_to_string(folder.path().join(&beside[0])).expect("readable");
    let lines: Vec<_> = lines.lines().collect();
    let (offset, length) = member.split_once(',').expect("a place");
    assert!(
        lines[0].starts_with("a)/2.png 20251125180000 {\"url\":\"http://a/2.png\",\"mime\":\"warc/revisit\""),
        "{lines:?}"
    );
    assert_eq!(
        lines[1],
        format!(
            "z)/1.png 20251125180000 {{\"url\":\"http://z/1.png\",\"mime\":\"image/png\",\"status\":\"200\",\"digest\":\"{}\",\
             \"length\":\"{length}\",\"offset\":\"{offset}\",\"filename\":\"{}\"}}",
            digest(&[&image(&asking, "http://z/1.png").bytes]),
            spot(0).shard
        )
    );
    assert_eq!(lines.len(), 2);
}

#[test]
fn the_way_to_an_image_has_a_letter_a_step() {
    let way = |depth, source: Option<&str>, redirects| {
        let about = Arc::into_inner(image(&asking("r"), "http://h/").about).expect("the only one");
        let context = Context { depth, source: source.map(str::to_owned), ..Context::default() };
        hops(&About { context, hops: redirects, ..about })
    };
    assert_eq!(way(Some(1), Some("img"), 0), "LE");
    assert_eq!(way(Some(0), Some("link"), 2), "LRR");
    assert_eq!(way(None, Some("sitemap"), 0), "M");
    assert_eq!(way(None, Some("list"), 1), "R");
    assert_eq!(way(Some(u32::MAX), Some("css"), u32::MAX).len(), 2 * STEPS + 1, "bounded");
}

#[test]
fn what_is_whole_behind_damage_is_seen() {
    let (mut warc, mut group) = (Warc::new("w"), Group::default());
    warc.begin(&mut group).expect("begun");
    let mut ends = Vec::new();
    for url in ["http://h/1.png", "http://h/2.png"] {
        warc.append(&spot(group.length()), &image(&asking("r"), url), &mut group).expect("added");
        ends.push(group.length());
    }
    let whole = written(&group);
    let goes_on = |bytes: &[u8]| {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(bytes).expect("written");
        file.rewind().expect("rewound");
        let whole = Shards.whole(&file, spot(0).shard).expect("read");
        (whole.images, Shards.goes_on(&file, spot(0).shard, whole).expect("read"))
    };
    assert_eq!(goes_on(&whole), (2, false));
    assert_eq!(goes_on(&whole[..whole.len() - 1]), (1, false), "its last record lacks a byte");
    let first = usize::try_from(ends[0]).expect("short");
    assert_eq!(goes_on(&whole[..first + 20]), (1, false));
    let mut damaged = whole;
    damaged[30] ^= 1;
    assert_eq!(goes_on(&damaged), (0, true));
}

#[test]
fn what_was_cut_within_the_first_image_is_told_from_what_was_damaged_there() {
    let (mut warc, mut group) = (Warc::new("w"), Group::default());
    warc.begin(&mut group).expect("begun");
    warc.append(&spot(0), &image(&asking("r"), "http://h/1.png"), &mut group).expect("added");
    let whole = written(&group);
    let ends_in_first = |bytes: &[u8], name| {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(bytes).expect("written");
        Shards.ends_in_first(&file, name).expect("read")
    };
    for cut in 0..whole.len() {
        assert!(ends_in_first(&whole[..cut], spot(0).shard), "cut at {cut}");
    }
    let info = usize::try_from(scanned(&whole)[0].length).expect("short");
    assert!(!ends_in_first(&whole[..whole.len() - 1], "another's"));
    // In the texts of who asked, and of the answer.
    for at in [info / 2, info + 40] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        assert!(!ends_in_first(&damaged, spot(0).shard), "damaged at {at}");
    }
    assert!(!ends_in_first(&[7; 3_000], spot(0).shard));
}
