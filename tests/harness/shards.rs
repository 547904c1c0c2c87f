//! Reads a store of packed shards, and checks it against what a run says of it. Tar files are read by the `tar` crate's own
//! reader, which Warren does not use.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use serde_json::Value;

use crate::run::Row;
use crate::store::{Store, sha256};

/// Everything in the finished shards of layout `webdataset`.
#[derive(Debug)]
pub struct Shards {
    /// What a path of the manifest leads to: its hash and length.
    members: BTreeMap<String, Member>,
    names: BTreeSet<String>,
}

#[derive(Debug)]
struct Member {
    sha256: String,
    length: u64,
    /// What it says, where it is a JSON member.
    json: Option<Value>,
}

impl Shards {
    /// Reads all of them. Panics when one is not whole, or lacks what stands beside it, or anything else is there.
    pub fn read(store: &Store) -> Self {
        let (mut members, mut names) = (BTreeMap::new(), BTreeSet::new());
        let mut others = BTreeSet::new();
        for entry in fs::read_dir(store.folder()).expect("the store is there").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            match name.strip_suffix(".tar") {
                Some(serial) => {
                    names.insert(serial.to_owned());
                    read(&entry.path(), &name, &mut members);
                }
                None => drop(others.insert(name)),
            }
        }
        let beside = |serial: &String| [format!("{serial}.parquet"), format!("{serial}_stats.json")];
        let mut expected: BTreeSet<String> = names.iter().flat_map(beside).collect();
        expected.insert(".part".to_owned());
        assert_eq!(others, expected, "what stands beside the shards");
        Self { members, names }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.names.len()
    }

    /// Images in them.
    pub fn images(&self) -> usize {
        let is_image = |path: &&String| !matches!(path.rsplit_once('.'), Some((_, "json" | "txt")));
        self.members.keys().filter(is_image).count()
    }

    /// Every row with bytes leads to them.
    pub fn expect_holds(&self, rows: &[Row]) -> &Self {
        for row in rows.iter().filter(|row| ["stored", "duplicate"].contains(&row.status())) {
            let path = row.text("path").unwrap_or_else(|| panic!("no path: {row}"));
            let member = self.members.get(path).unwrap_or_else(|| panic!("nothing there: {row}"));
            let (hash, length) = row.kept();
            assert_eq!((hash, length), (Some(member.sha256.as_str()), Some(member.length)), "{row}");
        }
        self
    }

    /// What the sample that a row leads to says of itself.
    pub fn about(&self, row: &Row) -> &Value {
        let path = row.text("path").unwrap_or_else(|| panic!("no path: {row}"));
        let key = path.rsplit_once('.').unwrap_or_else(|| panic!("no ending: {row}")).0;
        let member = self.members.get(&format!("{key}.json"));
        member.and_then(|member| member.json.as_ref()).unwrap_or_else(|| panic!("no JSON: {row}"))
    }
}

fn read(path: &Path, shard: &str, members: &mut BTreeMap<String, Member>) {
    let file = File::open(path).expect("a shard is readable");
    let length = file.metadata().expect("it is there").len();
    let mut archive = tar::Archive::new(file);
    let mut end = 0;
    for entry in archive.entries().expect("a tar file") {
        let mut entry = entry.unwrap_or_else(|error| panic!("{shard} is not whole: {error}"));
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap_or_else(|error| panic!("{shard} is not whole: {error}"));
        assert_eq!(bytes.len() as u64, entry.size(), "{shard} is cut");
        end = entry.raw_file_position() + entry.size().next_multiple_of(512);
        let member = format!("{shard}#{}", entry.path().expect("a path").display());
        let is_json = matches!(member.rsplit_once('.'), Some((_, "json")));
        let json = is_json.then(|| serde_json::from_slice(&bytes).expect("JSON"));
        let found = Member { sha256: sha256(&bytes), length: bytes.len() as u64, json };
        assert!(members.insert(member.clone(), found).is_none(), "{member} is there twice");
    }
    assert_eq!(length, end + 1024, "{shard} ends as tar files do");
}
