//! Whether an image's bytes reach to the image's end. HTTP cannot always tell that a body was cut (a server that closes
//! the connection instead of announcing a length), the format's own structure can. Nothing is decoded; bytes after the end
//! are nobody's business.

/// Whether the structure of a `format` image is there to its end. Formats without a check here count as whole.
pub(crate) fn is_whole(format: &str, bytes: &[u8]) -> bool {
    match format {
        "png" => png(bytes).is_some(),
        "jpg" => jpeg(bytes).is_some(),
        "gif" => gif(bytes).is_some(),
        "webp" => webp(bytes).is_some(),
        _ => true,
    }
}

/// Walks the chunks to IEND (PNG specification, 5.3).
fn png(bytes: &[u8]) -> Option<()> {
    let mut rest = bytes.get(8..)?;
    loop {
        let length = u32::from_be_bytes(rest.first_chunk().copied()?);
        let name = rest.get(4..8)?;
        // Length, name and checksum are four bytes each.
        rest = rest.get(usize::try_from(length).ok()?.checked_add(12)?..)?;
        if name == b"IEND" {
            return Some(());
        }
    }
}

/// Walks the segments to the start of the picture's data, and looks for the end-of-image marker behind it (ITU T.81, B.1).
/// Before it an embedded thumbnail may have such a marker of its own; in the data a byte 0xff is followed by 0.
fn jpeg(bytes: &[u8]) -> Option<()> {
    let mut rest = bytes.get(2..)?;
    loop {
        match rest.get(..2)? {
            [0xff, 0xda] => return rest.windows(2).any(|pair| pair == [0xff, 0xd9]).then_some(()),
            // Fill bytes before a marker.
            [0xff, 0xff] => rest = rest.get(1..)?,
            // Markers that stand alone.
            [0xff, 0x01 | 0xd0..=0xd7] => rest = rest.get(2..)?,
            [0xff, _] => {
                let length = u16::from_be_bytes(rest.get(2..4)?.first_chunk().copied()?);
                rest = rest.get(2 + usize::from(length)..)?;
            }
            // Not where a segment should be: decoders look on, and so the marker is all there is to go by.
            _ => return rest.windows(2).any(|pair| pair == [0xff, 0xd9]).then_some(()),
        }
    }
}

/// Walks the blocks to the trailer (`GIF89a` specification, 27).
fn gif(bytes: &[u8]) -> Option<()> {
    let colours = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let mut rest = bytes.get(13 + colours(*bytes.get(10)?)..)?;
    loop {
        rest = match rest.first()? {
            0x21 => sub_blocks(rest.get(2..)?)?,
            0x2c => sub_blocks(rest.get(11 + colours(*rest.get(9)?)..)?)?,
            // The trailer, or what is not a block: browsers stop there and show what they have.
            _ => return Some(()),
        };
    }
}

/// Passes over data sub-blocks to their terminator.
fn sub_blocks(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let (length, after) = rest.split_first()?;
        rest = after.get(usize::from(*length)..)?;
        if *length == 0 {
            return Some(rest);
        }
    }
}

/// Compares with the length in the RIFF header (WebP container specification).
fn webp(bytes: &[u8]) -> Option<()> {
    let length = u32::from_le_bytes(bytes.get(4..8)?.first_chunk().copied()?);
    bytes.get(..usize::try_from(length).ok()?.checked_add(8)?).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images() -> [(&'static str, Vec<u8>); 4] {
        let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
        for (name, data) in [(b"IHDR", &[0; 13][..]), (b"IDAT", b"data"), (b"IEND", b"")] {
            png.extend(u32::try_from(data.len()).expect("short").to_be_bytes());
            png.extend(name);
            png.extend(data);
            png.extend([0; 4]);
        }
        let gif = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff\x21\xf9\x04\0\0\0\0\0\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
        // With a thumbnail, and its end, in the first segment.
        let jpeg = b"\xff\xd8\xff\xe0\0\x04\xff\xd9\xff\xda\0\x02\x12\xff\0\x34\xff\xd9";
        let webp = b"RIFF\x0c\0\0\0WEBPVP8 data";
        [("png", png), ("gif", gif.to_vec()), ("jpg", jpeg.to_vec()), ("webp", webp.to_vec())]
    }

    #[test]
    fn whole_images_are_whole_with_anything_after_them() {
        for (format, mut bytes) in images() {
            assert!(is_whole(format, &bytes), "{format}");
            bytes.extend(b"trailing");
            assert!(is_whole(format, &bytes), "{format}");
        }
    }

    #[test]
    fn an_image_that_is_cut_anywhere_is_not_whole() {
        for (format, bytes) in images() {
            for length in 0..bytes.len() {
                // The last four bytes of a PNG are a checksum, which is counted too.
                assert!(!is_whole(format, &bytes[..length]), "{format} cut at {length}");
            }
        }
    }
}
