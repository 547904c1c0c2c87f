//! From an image in a store to its thumbnail on the shelf.

use std::fs;
use std::time::Duration;

use common::outcome::Status;

use super::*;

/// One pixel, grey.
const PNG: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00, 0x00, 0x00,
    0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00, 0x00, 0x3a, 0x7e, 0x9b, 0x55, 0x00, 0x00, 0x00, 0x0a, 0x49,
    0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0x68, 0x00, 0x00, 0x00, 0x82, 0x00, 0x81, 0x77, 0xcd, 0x72, 0xb6, 0x00, 0x00,
    0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];

/// An image that is stored, if it has a path.
pub(crate) fn image(path: Option<&str>, format: &str) -> Image {
    Image {
        id: 1,
        url: "http://h/1".to_owned(),
        host: "h:80".to_owned(),
        page_url: None,
        source: "img".to_owned(),
        alt: None,
        title: None,
        caption: None,
        status: Status::Stored,
        reason: None,
        detail: None,
        http_status: Some(200),
        format: Some(format.to_owned()),
        width: Some(1),
        height: Some(1),
        scripted: None,
        bytes: Some(67),
        path: path.map(str::to_owned),
        copy_path: None,
        copy_format: None,
        copy_width: None,
        copy_height: None,
        copy_bytes: None,
        attempts: 1,
        worker: None,
        fetched_at: None,
        duration_ms: None,
    }
}

#[tokio::test]
async fn a_thumbnail_is_made_once() {
    let (run, store) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    fs::write(store.path().join("1.png"), PNG).expect("written");
    let thumbnails = Thumbnails::new(run.path(), &Location::Folder(store.path().to_owned())).expect("thumbnails");
    let made = thumbnails.of(&image(Some("1.png"), "png")).await.expect("made");
    assert_eq!((made.width, made.height), (1, 1));
    fs::remove_file(store.path().join("1.png")).expect("removed");
    assert_eq!(thumbnails.of(&image(Some("1.png"), "png")).await, Ok(made));
    assert!(run.path().join(FILE).is_file());
}

#[tokio::test]
async fn what_has_no_thumbnail_says_why() {
    let (run, store) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    fs::write(store.path().join("bad.png"), "no picture").expect("written");
    let thumbnails = Thumbnails::new(run.path(), &Location::Folder(store.path().to_owned())).expect("thumbnails");
    assert_eq!(thumbnails.of(&image(None, "png")).await, Err(Nothing::NotStored));
    assert_eq!(thumbnails.of(&image(Some("x.svg"), "svg")).await, Err(Nothing::Svg));
    assert!(matches!(thumbnails.of(&image(Some("bad.png"), "png")).await, Err(Nothing::Undecodable(_))));
    let late = image(Some("late.png"), "png");
    assert!(matches!(thumbnails.of(&late).await, Err(Nothing::Unreadable(_))));
    fs::write(store.path().join("late.png"), PNG).expect("written");
    assert!(thumbnails.of(&late).await.is_ok(), "what could not be read is tried again");
}

#[tokio::test]
async fn runs_that_share_a_workshop_share_its_bounds() {
    let (run, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    fs::write(run.path().join("1.png"), PNG).expect("written");
    let store = Location::Folder(run.path().to_owned());
    let workshop = Workshop::open().expect("a workshop");
    let of = |folder: &Path| Thumbnails::made_in(Arc::clone(&workshop), folder, &store).expect("thumbnails");
    let all = [of(run.path()), of(other.path())];
    let most = u32::try_from(AT_ONCE).expect("a few");
    let busy = Arc::clone(&workshop.turns).acquire_many_owned(most).await.expect("all turns");
    let image = image(Some("1.png"), "png");
    for thumbnails in &all {
        let made = tokio::time::timeout(Duration::from_millis(100), thumbnails.of(&image)).await;
        assert!(made.is_err(), "as many are being made as may be at once");
    }
    drop(busy);
    for thumbnails in &all {
        assert!(thumbnails.of(&image).await.is_ok());
    }
    assert_eq!(workshop.turns.available_permits(), AT_ONCE);
}

#[test]
fn a_copy_is_looked_at_rather_than_its_image() {
    let copied = Image {
        copy_path: Some("copy.jpg".to_owned()),
        copy_format: Some("jpg".to_owned()),
        copy_width: Some(20),
        copy_height: Some(10),
        ..image(Some("1.png"), "png")
    };
    assert_eq!(Spot::of(&copied), Ok(Spot { path: "copy.jpg", format: "jpg", pixels: 200 }));
    assert_eq!(Spot::of(&image(Some("1.png"), "png")), Ok(Spot { path: "1.png", format: "png", pixels: 1 }));
}
