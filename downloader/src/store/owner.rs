//! Whose a spool is, the folder where shards for a bucket are until they are there. It is a part of the store, and belongs to
//! one: `.store` in it says which, so that no shard ever goes to another bucket.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

use super::StoreError;
use crate::location::BucketLocation;

const OWNER: &str = ".store";

/// Takes the spool in `root` for a bucket, if it does not belong to another.
pub(super) fn claim(root: &Path, location: &BucketLocation) -> Result<(), StoreError> {
    let path = root.join(OWNER);
    let ours = owner(location);
    match fs::read_to_string(&path) {
        Ok(theirs) if theirs == ours => Ok(()),
        Ok(theirs) => Err(StoreError::new("use the spool", root, not_ours(&theirs))),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            write(root, &path, &ours).map_err(|error| StoreError::new("write", &path, error))?;
            // Others may have claimed it at the same time.
            claim(root, location)
        }
        Err(error) => Err(StoreError::new("read", &path, error)),
    }
}

fn owner(location: &BucketLocation) -> String {
    let endpoint = location.endpoint.as_ref().map_or("", |endpoint| endpoint.as_str());
    format!("{location}\n{endpoint}\n")
}

fn not_ours(theirs: &str) -> io::Error {
    let place = theirs.split_whitespace().collect::<Vec<_>>().join(" at ");
    let place: String = place.chars().filter(|found| !found.is_control()).take(1_000).collect();
    io::Error::new(
        ErrorKind::AlreadyExists,
        format!(
            "its shards belong to {place}; give another --spool, or remove {OWNER} in it if that is the same bucket"
        ),
    )
}

/// Appears whole and once, whoever does the same meanwhile.
fn write(root: &Path, path: &Path, text: &str) -> io::Result<()> {
    let new = root.join(format!("{OWNER}-{:016x}", rand::random::<u64>()));
    let mut file = File::create_new(&new)?;
    let linked =
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).and_then(|()| match fs::hard_link(&new, path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        });
    fs::remove_file(&new)?;
    linked.and_then(|()| File::open(root)?.sync_all())
}

#[cfg(test)]
mod tests {
    use common::chain::Chain;

    use super::*;
    use crate::location::Location;

    fn location(store: &str, endpoint: Option<&str>) -> BucketLocation {
        match Location::new(store.into(), endpoint).expect("valid") {
            Location::Bucket(bucket) => bucket,
            Location::Folder(folder) => panic!("{} is no bucket", folder.display()),
        }
    }

    #[test]
    fn a_spool_belongs_to_one_bucket() {
        let root = tempfile::tempdir().expect("a folder");
        let ours = location("s3://bucket/a", Some("http://host:9000"));
        claim(root.path(), &ours).expect("nobody's");
        claim(root.path(), &ours).expect("ours");
        for other in [location("s3://bucket/b", Some("http://host:9000")), location("s3://bucket/a", None)] {
            let error = claim(root.path(), &other).expect_err("another's");
            let text = Chain(&error).to_string();
            assert!(text.contains("belong to s3://bucket/a at http://host:9000/;"), "{text}");
        }
        assert_eq!(fs::read_dir(root.path()).expect("readable").count(), 1);
    }

    #[test]
    fn many_claim_a_spool_at_once() {
        let root = tempfile::tempdir().expect("a folder");
        let claims = std::thread::scope(|scope| {
            let claims: Vec<_> = (0..16)
                .map(|number| {
                    let location = location(&format!("s3://bucket/{}", number % 2), None);
                    let root = root.path();
                    scope.spawn(move || claim(root, &location).is_ok())
                })
                .collect();
            claims.into_iter().map(|claim| claim.join().expect("no panic")).filter(|ours| *ours).count()
        });
        assert_eq!(claims, 8);
    }
}
