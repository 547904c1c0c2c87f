//! How much of a page is read. Numbers only; who enforces them is named beside each.

/// The caps on one page. Each is the largest value that is still taken. Style sheets and linked data have some of their own,
/// in `css` and `json_ld`.
///
/// The defaults let real pages through whole. Together they keep the most hostile page of 8 MiB that we know below a second
/// of one core and 64 MiB of memory: nothing of a page is held but what is open, what was found, and its text.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a page. Default 8 MiB. (`extract` itself)
    pub bytes: usize,
    /// Elements that the parser holds open or would open again at once; formatting elements (`b`, `font`, `a`, ...) are
    /// on both of its lists and count twice. Browsers stop nesting at 512. Default 1,024. (`meter`, `xml`)
    pub depth: usize,
    /// Attributes of one tag; the tokenizer compares each with all before it. Default 1,000. (`tags`, `xml`)
    pub attributes: usize,
    /// Steps of work, mostly the elements that the parser may have to look through, summed over all tags. Default
    /// 60,000,000, below a second; a megabyte of ordinary HTML takes 2 to 5 million. (`budget`)
    pub work: usize,
    /// Images of a page. Default 20,000. (`found`)
    pub images: usize,
    /// Links of a page. Default 50,000. (`found`)
    pub links: usize,
    /// Style sheets of a page; further ones are not named. Default 1,000. (`found`)
    pub style_sheets: usize,
    /// `meta` elements whose name and content are kept; further ones are not. Default 1,000. (`found`)
    pub metas: usize,
    /// Length of a URL in bytes, as written and as resolved; a longer one is skipped. Default 8 KiB. (`base`)
    pub url_bytes: usize,
    /// Length of `alt`, `title`, caption and `meta` in characters; the rest is dropped. Default 2,000. (`scope`)
    pub text_chars: usize,
    /// Bytes of all addresses and words found on a page: few bytes of a page can name long ones, such as a `base` or a caption
    /// that holds for thousands of images. Default 16 MiB. (`found`)
    pub found_bytes: usize,
    /// Decoded bytes of one `data:` URI; a longer one is skipped. Default 512 KiB. (`found`)
    pub data_bytes: usize,
    /// Decoded bytes of all `data:` URIs of a page; further ones are skipped. Default 4 MiB. (`found`)
    pub page_data_bytes: usize,
    /// Bytes of one `style` element, `script` of linked data or `iframe srcdoc`; the rest is not read. Default 2 MiB.
    /// (`blocks`, `links`)
    pub block_bytes: usize,
    /// Pages within pages (`iframe srcdoc`) within each other; deeper ones are not read. Default 3. (`links`)
    pub nested: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 8 << 20,
            depth: 1_024,
            attributes: 1_000,
            work: 60_000_000,
            images: 20_000,
            links: 50_000,
            style_sheets: 1_000,
            metas: 1_000,
            url_bytes: 8 << 10,
            text_chars: 2_000,
            found_bytes: 16 << 20,
            data_bytes: 512 << 10,
            page_data_bytes: 4 << 20,
            block_bytes: 2 << 20,
            nested: 3,
        }
    }
}
