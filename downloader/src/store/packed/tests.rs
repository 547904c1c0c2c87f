//! The engine, with the `webdataset` layout, on a real disk.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};

use super::PROBE;
use super::append::Appender;
use super::finish::names;
use super::recover::LONGEST_GROUP;
use crate::settings::ShardSize;
use crate::store::sweep::PartFolder;
use crate::store::webdataset::WebDataset;
use crate::store::webdataset::tests::image;
use crate::store::{Image, OpenShard, Request, StoreError};

const ANY: ShardSize = ShardSize { bytes: u64::MAX, images: 10_000 };

/// A store's writer at work.
struct Writer {
    requests: mpsc::Sender<Request>,
    thread: JoinHandle<()>,
}

impl Writer {
    fn start(root: &Path, size: ShardSize) -> Self {
        let parts = PartFolder::open(root, "w").expect("a part folder");
        let layout = WebDataset::new("w", size.images);
        let appender = Appender::new(layout, size, root.to_owned(), parts, OpenShard::default()).expect("an appender");
        let (requests, received) = mpsc::channel(256);
        Self { requests, thread: std::thread::spawn(move || appender.run(received)) }
    }

    /// Sends a request; the answer comes when it comes.
    fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> oneshot::Receiver<T> {
        let (done, answer) = oneshot::channel();
        self.requests.blocking_send(request(done)).unwrap_or_else(|_| panic!("it takes requests"));
        answer
    }

    fn put(&self, image: Image) -> Result<String, StoreError> {
        self.ask(|done| Request::Put(image, done)).blocking_recv().expect("an answer")
    }

    fn probe(&self, image: Image) -> Result<(), StoreError> {
        self.ask(|done| Request::Probe(image, done)).blocking_recv().expect("an answer")
    }

    fn complete_shards(&self) {
        self.ask(Request::CompleteShards).blocking_recv().expect("an answer").expect("completed");
    }

    fn end(self) {
        drop(self.requests);
        self.thread.join().expect("no panic");
    }
}

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let root = fs::canonicalize(folder.path()).expect("it is there");
    (folder, root)
}

/// The bytes that a path of the manifest leads to.
fn read(root: &Path, path: &str) -> Vec<u8> {
    let (shard, member) = path.split_once('#').expect("a shard and a member");
    let mut archive = tar::Archive::new(fs::File::open(root.join(shard)).expect("the shard is there"));
    for entry in archive.entries().expect("a tar file") {
        let mut entry = entry.expect("a member");
        if entry.path().expect("a path").to_str() == Some(member) {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut bytes).expect("read");
            return bytes;
        }
    }
    panic!("no {member} in {shard}");
}

fn is_tar(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|ending| ending == "tar")
}

/// The shards in a folder, by their number of images.
fn shards(root: &Path) -> Vec<usize> {
    let mut shards: Vec<String> = names(root).expect("read").into_iter().filter(|name| is_tar(name)).collect();
    shards.sort();
    let images = |name: &String| {
        let mut archive = tar::Archive::new(fs::File::open(root.join(name)).expect("opened"));
        let entries = archive.entries().expect("a tar file");
        entries
            .filter(|entry| {
                entry.as_ref().expect("a member").path().expect("a path").extension().is_some_and(|e| e == "png")
            })
            .count()
    };
    shards.iter().map(images).collect()
}

#[test]
fn images_are_where_their_paths_say_and_equal_bytes_once() {
    let (_folder, root) = folder();
    let writer = Writer::start(&root, ANY);
    let paths: Vec<String> = (1..=5).map(|number| writer.put(image(number, 5_000)).expect("kept")).collect();
    assert_eq!(writer.put(image(3, 5_000)).expect("known"), paths[2]);
    assert!(shards(&root).is_empty(), "no open shard has its name");
    writer.end();
    assert_eq!(shards(&root), [5]);
    for (number, path) in (1..).zip(&paths) {
        assert_eq!(read(&root, path), vec![number; 5_000]);
    }
    let mut left = names(&root).expect("read");
    left.retain(|name| name != ".part");
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(names(&root.join(".part")).expect("read").is_empty());
}

/// Several at once are a group, which waits a moment for more; whatever comes meanwhile is dealt with.
#[test]
fn whatever_comes_while_a_group_waits_for_company_is_answered() {
    let (_folder, root) = folder();
    let writer = Writer::start(&root, ANY);
    for round in 0..20_u8 {
        let put = |number| writer.ask(|done| Request::Put(image(round * 4 + number, 600), done));
        let answers: Vec<_> = (0..4).map(put).collect();
        if round % 2 == 0 {
            writer.complete_shards();
        } else {
            writer.probe(image(255, 600)).expect("there is room");
        }
        let paths: Vec<String> =
            answers.into_iter().map(|answer| answer.blocking_recv().expect("an answer").expect("kept")).collect();
        if round % 2 == 0 {
            for (number, path) in (0..).zip(&paths) {
                assert_eq!(read(&root, path), vec![round * 4 + number; 600]);
            }
        }
    }
    writer.end();
    assert_eq!(shards(&root).iter().sum::<usize>(), 80);
}

#[test]
fn a_full_shard_is_followed_by_another() {
    // Of a sample: three headers, the JSON, the text and 600 bytes, in blocks.
    let (_folder, root) = folder();
    let writer = Writer::start(&root, ANY);
    writer.put(image(1, 600)).expect("kept");
    writer.put(image(2, 600)).expect("kept");
    writer.end();
    let shard = names(&root).expect("read").into_iter().find(|name| is_tar(name)).expect("a shard");
    let two = fs::metadata(root.join(shard)).expect("it is there").len();

    let filled = |size: ShardSize, images: u8| {
        let (_folder, root) = folder();
        let writer = Writer::start(&root, size);
        let paths: Vec<String> = (1..=images).map(|number| writer.put(image(number, 600)).expect("kept")).collect();
        writer.end();
        (1..).zip(&paths).for_each(|(number, path)| assert_eq!(read(&root, path), vec![number; 600]));
        let mut shards = shards(&root);
        shards.sort_unstable();
        shards
    };
    assert_eq!(filled(ShardSize { bytes: two, ..ANY }, 4), [2, 2]);
    assert_eq!(filled(ShardSize { bytes: two + 1, ..ANY }, 4), [2, 2]);
    assert_eq!(filled(ShardSize { bytes: two - 1, ..ANY }, 3), [1, 1, 1]);
    assert_eq!(filled(ShardSize { bytes: 1, ..ANY }, 2), [1, 1], "an image that is too long has a shard of its own");
    assert_eq!(filled(ShardSize { images: 3, ..ANY }, 7), [1, 3, 3]);
}

#[test]
fn a_shard_is_completed_when_somebody_asks_and_the_next_image_begins_another() {
    let (_folder, root) = folder();
    let writer = Writer::start(&root, ANY);
    writer.complete_shards();
    let first = writer.put(image(1, 5_000)).expect("kept");
    writer.complete_shards();
    assert_eq!((shards(&root), read(&root, &first)), (vec![1], vec![1; 5_000]));
    assert_eq!(writer.put(image(1, 5_000)).expect("known"), first);
    let second = writer.put(image(2, 5_000)).expect("kept");
    writer.end();
    assert_eq!((shards(&root), read(&root, &second)), (vec![1, 1], vec![2; 5_000]));
}

#[test]
fn a_shard_that_cannot_be_completed_is_not_read_again_for_each_that_is_full() {
    let (_folder, root) = folder();
    let writer = Writer::start(&root, ShardSize { images: 1, ..ANY });
    let parts = root.join(".part").join(&names(&root.join(".part")).expect("read")[0]);
    let shard_of = |path: String| path.split('#').next().expect("a shard").to_owned();
    let first = shard_of(writer.put(image(1, 600)).expect("kept"));
    fs::write(root.join(&first), "somebody's").expect("written");
    writer.complete_shards();
    // It was made for the first try, and would be for another.
    let table = first.replace(".tar", ".parquet");
    fs::remove_file(parts.join(&table)).expect("it was tried");
    let second = shard_of(writer.put(image(2, 600)).expect("kept"));
    writer.put(image(3, 600)).expect("kept");
    let completed = root.join(second.replace(".tar", "_stats.json"));
    let begun = Instant::now();
    while !completed.exists() && begun.elapsed() < Duration::from_secs(20) {
        std::thread::yield_now();
    }
    assert!(completed.exists() && !parts.join(&table).exists());
    fs::remove_file(root.join(&first)).expect("removed");
    writer.complete_shards();
    assert!(root.join(&table).exists());
    writer.end();
    assert_eq!(shards(&root), [1, 1, 1]);
}

#[test]
fn bytes_whose_shard_was_taken_away_are_written_again() {
    let (_folder, root) = folder();
    let writer = Writer::start(&root, ANY);
    let first = writer.put(image(1, 5_000)).expect("kept");
    writer.complete_shards();
    fs::remove_file(root.join(first.split('#').next().expect("a shard"))).expect("removed");
    let second = writer.put(image(1, 5_000)).expect("kept");
    assert_ne!(first, second);
    assert_eq!(writer.put(image(1, 5_000)).expect("known"), second);
    writer.end();
    assert_eq!((shards(&root), read(&root, &second)), (vec![1], vec![1; 5_000]));
}

#[test]
fn a_shard_that_cannot_be_completed_keeps_no_other_from_it() {
    let (_folder, root) = folder();
    let shards = [(); 3].map(|()| in_an_open_shard(&root));
    for paths in &shards {
        die(&root, paths, b"");
    }
    let dead = root.join(".part/dead-0");
    let name = |paths: &[String]| paths[0].split('#').next().expect("a shard").to_owned();
    // One before and one behind it, in the order in which they are listed.
    let listed: Vec<String> = names(&dead).expect("read").into_iter().filter(|name| is_tar(name)).collect();
    for taken in [&listed[0], &listed[2]] {
        fs::write(root.join(taken), "somebody's").expect("written");
        fs::write(root.join(taken.replace(".tar", ".parquet")), "somebody's").expect("written");
    }
    drop(PartFolder::open(&root, "next").expect("opened"));
    let paths = shards.iter().find(|paths| name(paths) == listed[1]).expect("it is one of them");
    assert_eq!(read(&root, &paths[0]), vec![1; 5_000]);
    for taken in [&listed[0], &listed[2]] {
        assert_eq!(fs::read(root.join(taken.replace(".tar", ".parquet"))).expect("read"), b"somebody's");
        assert!(dead.join(taken).exists());
    }
}

#[test]
fn what_is_whole_behind_damage_is_not_thrown_away() {
    for damaged in [0, 1] {
        let (_folder, root) = folder();
        let paths = left_by_the_dead(&root, b"");
        let dead = root.join(".part/dead-0");
        let shard = paths[0].split('#').next().expect("a shard");
        let mut bytes = fs::read(dead.join(shard)).expect("read");
        let at = bytes.len() / 3 * damaged + 2_600;
        bytes[at] ^= 1;
        fs::write(dead.join(shard), &bytes).expect("written");
        for _ in 0..2 {
            drop(PartFolder::open(&root, "next").expect("opened"));
            assert_eq!(shards(&root), vec![1; damaged]);
            assert_eq!(fs::read(dead.join(format!("{shard}.damaged"))).expect("kept"), bytes);
        }
    }
}

/// Neither of these was written for an image, and what was is kept, whole or not.
#[test]
fn of_a_shard_without_an_image_nothing_is_thrown_away_that_was_written_for_one() {
    let shard = "202611251806000000000001.tar";
    let (hole, probe) = (vec![0; 300_000], [PROBE, &[7; 300]].concat());
    for (bytes, is_kept) in [(&b""[..], false), (&hole, false), (&probe, false), (&[7; 3_000], true)] {
        let (_folder, root) = folder();
        let dead = root.join(".part/dead-0");
        fs::create_dir_all(&dead).expect("created");
        fs::write(dead.join("lock"), "").expect("written");
        fs::write(dead.join(shard), bytes).expect("written");
        drop(PartFolder::open(&root, "next").expect("opened"));
        assert_eq!(names(&root).expect("read"), [".part"]);
        let copy = fs::read(dead.join(format!("{shard}.damaged"))).ok();
        assert_eq!((copy.as_deref(), dead.exists()), (Some(bytes).filter(|_| is_kept), is_kept));
        assert!(!dead.join(shard).exists());
    }
}

/// A worker that was killed while it wrote its first group had told of nothing.
#[test]
fn what_ends_within_the_first_image_goes_and_what_is_damaged_there_stays() {
    let (_folder, root) = folder();
    let paths = left_by_the_dead(&root, b"");
    let shard = paths[0].split('#').next().expect("a shard").to_owned();
    let bytes = fs::read(root.join(".part/dead-0").join(&shard)).expect("read");
    let sample = bytes.len() / 3;
    let mut damaged = bytes[..sample].to_vec();
    damaged[2_600] ^= 1;
    let cuts = [1, 511, 512, 513, sample / 2, sample - 513].map(|cut| (&bytes[..cut], false));
    for (left, is_kept) in cuts.into_iter().chain([(&damaged[..], true)]) {
        let (_folder, root) = folder();
        let dead = root.join(".part/dead-0");
        fs::create_dir_all(&dead).expect("created");
        fs::write(dead.join("lock"), "").expect("written");
        fs::write(dead.join(&shard), left).expect("written");
        drop(PartFolder::open(&root, "next").expect("opened"));
        assert_eq!(names(&root).expect("read"), [".part"]);
        assert_eq!(dead.exists(), is_kept, "{} bytes", left.len());
        assert_eq!(dead.join(format!("{shard}.damaged")).exists(), is_kept, "{} bytes", left.len());
    }
}

#[test]
fn more_than_a_group_is_not_cut_off_without_a_copy() {
    for (length, is_kept) in [(LONGEST_GROUP - 1, false), (LONGEST_GROUP, false), (LONGEST_GROUP + 1, true)] {
        let (_folder, root) = folder();
        let paths = left_by_the_dead(&root, b"");
        let dead = root.join(".part/dead-0");
        let shard = dead.join(paths[0].split('#').next().expect("a shard"));
        let file = fs::OpenOptions::new().write(true).open(&shard).expect("opened");
        file.set_len(fs::metadata(&shard).expect("it is there").len() + length).expect("set");
        drop(PartFolder::open(&root, "next").expect("opened"));
        assert_eq!((shards(&root), dead.exists()), (vec![3], is_kept), "{length}");
    }
}

#[test]
fn many_workers_start_at_once_on_what_a_dead_one_left() {
    let (_folder, root) = folder();
    let paths = left_by_the_dead(&root, &[0xa5; 5_000]);
    let _open: Vec<PartFolder> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| PartFolder::open(&root, "w").expect("opened"))).collect();
        starts.into_iter().map(|start| start.join().expect("no panic")).collect()
    });
    assert_eq!(shards(&root), [3]);
    (1..).zip(&paths).for_each(|(number, path)| assert_eq!(read(&root, path), vec![number; 5_000]));
    let mut there = names(&root).expect("read");
    there.retain(|name| name != ".part");
    assert_eq!(there.len(), 3, "{there:?}");
    assert!(!root.join(".part/dead-0").exists());
}

#[test]
fn a_probe_leaves_nothing() {
    let (_folder, root) = folder();
    let writer = Writer::start(&root, ANY);
    writer.probe(image(1, 5_000)).expect("it could be kept");
    let path = writer.put(image(2, 5_000)).expect("kept");
    writer.probe(image(3, 50_000)).expect("it could be kept");
    writer.end();
    assert_eq!((shards(&root), read(&root, &path)), (vec![1], vec![2; 5_000]));
    let (_folder, root) = folder();
    let writer = Writer::start(&root, ANY);
    writer.probe(image(1, 5_000)).expect("it could be kept");
    writer.end();
    assert_eq!(names(&root).expect("read"), [".part"]);
}

/// What a killed worker leaves: its part folder, without the lock, with something behind the last image.
fn left_by_the_dead(root: &Path, behind: &[u8]) -> Vec<String> {
    let paths = in_an_open_shard(root);
    die(root, &paths, behind);
    paths
}

/// Three images of a worker that lives on; its own shard is of no interest later.
fn in_an_open_shard(root: &Path) -> Vec<String> {
    let writer = Writer::start(root, ANY);
    let paths = (1..=3).map(|number| writer.put(image(number, 5_000)).expect("kept")).collect();
    std::mem::forget(writer);
    paths
}

/// Leaves a copy of the part folder that has these images.
fn die(root: &Path, paths: &[String], behind: &[u8]) {
    let parts = root.join(".part");
    let shard = paths[0].split('#').next().expect("a shard");
    let mut folders = names(&parts).expect("read").into_iter().map(|name| parts.join(name));
    let living = folders.find(|folder| folder.join(shard).exists()).expect("it is open");
    let dead = parts.join("dead-0");
    fs::create_dir_all(&dead).expect("created");
    for name in names(&living).expect("read") {
        let mut bytes = fs::read(living.join(&name)).expect("read");
        bytes.extend_from_slice(if is_tar(&name) { behind } else { b"" });
        fs::write(dead.join(name), bytes).expect("written");
    }
}

#[test]
fn the_next_start_completes_what_the_dead_left() {
    for behind in [&b""[..], &[0; 700], &[0xa5; 5_000]] {
        let (_folder, root) = folder();
        let paths = left_by_the_dead(&root, behind);
        let next = PartFolder::open(&root, "next").expect("opened");
        assert_eq!(shards(&root), [3]);
        (1..).zip(&paths).for_each(|(number, path)| assert_eq!(read(&root, path), vec![number; 5_000]));
        assert!(!root.join(".part/dead-0").exists() && next.path().exists());
        let stats = names(&root).expect("read").into_iter().filter(|name| name.ends_with("_stats.json")).count();
        assert_eq!(stats, 1);
    }
}

#[test]
fn a_worker_that_died_while_it_completed_a_shard_is_made_good_for() {
    // After the shard, and after the table, had their names.
    for gone in [1, 2] {
        let (_folder, root) = folder();
        let writer = Writer::start(&root, ANY);
        writer.put(image(1, 5_000)).expect("kept");
        writer.end();
        let dead = root.join(".part/dead-0");
        fs::create_dir(&dead).expect("created");
        fs::write(dead.join("lock"), "").expect("written");
        let endings = ["_stats.json", ".parquet"];
        for name in names(&root).expect("read") {
            if endings[..gone].iter().any(|ending| name.ends_with(ending)) {
                fs::rename(root.join(&name), dead.join(&name)).expect("renamed");
            }
        }
        drop(PartFolder::open(&root, "next").expect("opened"));
        assert_eq!(names(&root).expect("read").len(), 4, "the shard, its table, its statistics, the part folder");
        assert!(!dead.exists());
    }
}

#[test]
fn what_is_not_whole_in_any_image_goes() {
    let (_folder, root) = folder();
    let dead = root.join(".part/dead-0");
    fs::create_dir_all(&dead).expect("created");
    fs::write(dead.join("lock"), "").expect("written");
    fs::write(dead.join("202611251806000000000001.tar"), [0; 3_000]).expect("written");
    fs::write(dead.join("202611251806000000000002.parquet"), [7; 30]).expect("written");
    drop(PartFolder::open(&root, "next").expect("opened"));
    assert_eq!(names(&root).expect("read"), [".part"]);
    assert!(names(&root.join(".part")).expect("read").is_empty());
}

#[test]
fn a_shard_that_is_there_is_not_replaced() {
    let (_folder, root) = folder();
    let paths = left_by_the_dead(&root, b"");
    let shard = paths[0].split('#').next().expect("a shard");
    fs::write(root.join(shard), "somebody's").expect("written");
    let dead = root.join(".part/dead-0");
    drop(PartFolder::open(&root, "next").expect("the others work"));
    assert_eq!(fs::read(root.join(shard)).expect("read"), b"somebody's");
    assert!(dead.join(shard).exists(), "nothing is thrown away");
}
