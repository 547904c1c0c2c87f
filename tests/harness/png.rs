//! Valid PNG files without an image library: small, and as many different ones as a test wants.

/// A grey PNG of `width` by `height` pixels. Equal arguments give equal bytes, different seeds different ones.
pub fn png(width: u32, height: u32, seed: u64) -> Vec<u8> {
    let mut file = start(width, height);
    chunk(&mut file, *b"tEXt", format!("Comment\0seed {seed}").as_bytes());
    file.extend(noise_chunk(width, height, seed));
    chunk(&mut file, *b"IEND", &[]);
    file
}

/// The signature and the header.
pub(crate) fn start(width: u32, height: u32) -> Vec<u8> {
    let mut header = Vec::new();
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    // Eight bits a sample, greyscale, and the only compression, filter and interlace there are or that we use.
    header.extend([8, 0, 0, 0, 0]);

    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut file, *b"IHDR", &header);
    file
}

/// The chunk that holds the picture.
pub(crate) fn noise_chunk(width: u32, height: u32, seed: u64) -> Vec<u8> {
    let mut data = Vec::new();
    chunk(&mut data, *b"IDAT", &stored(&pixels(width, height, seed)));
    data
}

/// A filter byte before every row, then noise: it does not matter what is seen, only that it differs.
fn pixels(width: u32, height: u32, seed: u64) -> Vec<u8> {
    let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
    let mut noise = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..height)
        .flat_map(|_| {
            let mut row = vec![0];
            row.extend((0..width).map(|_| noise()));
            row
        })
        .collect()
}

/// A zlib stream that stores its data uncompressed.
fn stored(data: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let blocks: Vec<&[u8]> = data.chunks(usize::from(u16::MAX)).collect();
    for (index, block) in blocks.iter().enumerate() {
        let length = u16::try_from(block.len()).expect("a block is that long at most");
        stream.push(u8::from(index + 1 == blocks.len()));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(*block);
    }
    stream.extend(adler32(data).to_be_bytes());
    stream
}

/// Appends a chunk with its length and checksum.
pub(crate) fn chunk(file: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    let length = u32::try_from(data.len()).expect("a test's image is small");
    file.extend(length.to_be_bytes());
    let checked = file.len();
    file.extend(kind);
    file.extend(data);
    let sum = crc32(&file[checked..]);
    file.extend(sum.to_be_bytes());
}

fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    })
}

fn adler32(data: &[u8]) -> u32 {
    let (low, high) = data.iter().fold((1_u32, 0_u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    high << 16 | low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksums_are_the_known_ones() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
    }

    #[test]
    fn images_differ_by_their_seed_alone() {
        assert_eq!(png(3, 2, 1), png(3, 2, 1));
        assert_ne!(png(3, 2, 1), png(3, 2, 2));
    }

    #[test]
    fn an_image_larger_than_one_block_is_whole() {
        let image = png(400, 400, 7);
        assert!(image.len() > 400 * 400);
        assert!(image.ends_with(b"IEND\xae\x42\x60\x82"));
    }
}
