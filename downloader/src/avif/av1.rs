//! From the bytes that AV1 has coded to a picture of brightness and two colours, on one thread.

use re_rav1d::{Decoder, Error, Picture, Settings};

const NO_PICTURE: &str = "there is no picture in what AV1 has coded";

/// Decodes the first picture of `coded`, which has no more than so many pixels.
///
/// # Errors
///
/// Why there is none, in words for a manifest.
pub(super) fn decode(coded: &[u8], most_pixels: u64) -> Result<Picture, String> {
    // The decoder takes nothing for its caller's mistake.
    if coded.is_empty() {
        return Err(NO_PICTURE.to_owned());
    }
    let mut settings = Settings::new();
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    // Of layers the best, not one after the other.
    settings.set_all_layers(false);
    settings.set_frame_size_limit(u32::try_from(most_pixels).unwrap_or(u32::MAX));
    let mut decoder = Decoder::with_settings(&settings).map_err(in_words)?;
    let mut sent = decoder.send_data(coded.to_vec(), None, None, None);
    loop {
        let waits = match sent {
            Ok(()) => false,
            Err(Error::Again) => true,
            Err(error) => return Err(in_words(error)),
        };
        match decoder.get_picture() {
            Err(Error::Again) if waits => sent = decoder.send_pending_data(),
            Err(Error::Again) => return Err(NO_PICTURE.to_owned()),
            found => return found.map_err(in_words),
        }
    }
}

fn in_words(error: Error) -> String {
    format!("AV1: {error}")
}
