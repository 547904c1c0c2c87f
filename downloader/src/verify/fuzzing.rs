//! What must hold of any bytes, for the fuzz targets.

#![allow(clippy::expect_used, clippy::missing_panics_doc, reason = "to panic is how a finding is told")]

use super::filters::Filters;
use super::{Checks, decode, svg as document};
use crate::format::Format;

/// Most pixels of an image that a target decodes: the fuzzer's memory and patience are short.
const MOST_PIXELS: u64 = 1 << 16;

/// An image, or what looks like one, through all checks; and what is let in, through the decoder.
pub fn verify(data: &[u8]) {
    let checks = Checks { max_pixels: MOST_PIXELS, filters: Filters::default() };
    let verified = super::verify(data, &checks);
    assert_eq!(verified, super::verify(data, &checks));
    let Ok(verified) = verified else { return };
    assert_eq!(verified.size.is_none(), verified.format == Format::Svg);
    assert_eq!(verified.scripted.is_some(), verified.format == Format::Svg);
    if let Some((width, height)) = verified.size {
        let pixels = u64::from(width) * u64::from(height);
        assert!((1..=MOST_PIXELS).contains(&pixels), "{width} times {height}");
    }
    if let Some(memory) = decode::memory(verified.format, verified.pixels) {
        let decoded = decode::decode(data, verified.format, memory, MOST_PIXELS);
        let refused = decoded.expect("no process is started").err();
        assert!(refused.is_none_or(|refused| refused.detail.is_none_or(|detail| detail.len() <= 200)));
    }
}

/// An SVG: cut anywhere, it is not whole, unless what was cut is behind its end.
pub fn svg(data: &[u8]) {
    let Ok(Some(whole)) = document::walk(data) else { return };
    let behind = [data, b"<!-- behind the end -->"].concat();
    assert_eq!(document::walk(&behind), Ok(Some(whole)));
}
