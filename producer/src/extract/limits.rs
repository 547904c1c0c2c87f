//! How much of a page is read. Numbers only; who enforces them is named beside each.

/// The caps on one page. Each is the largest value that is still taken.
///
/// The defaults let real pages through whole and keep the most hostile page of 2 MiB that we know under a second.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Elements that the parser holds open or would open again at once; formatting elements (`b`, `font`, `a`, ...) are
    /// on both of its lists and count twice. Browsers stop nesting at 512. Default 1,024. (`meter`)
    pub depth: usize,
    /// Attributes of one tag; the tokenizer compares each with all before it. Default 1,000. (`tags`)
    pub attributes: usize,
    /// Nodes of the document, about 250 bytes each with their text; a few bytes can make the parser open hundreds of
    /// elements again. Default 500,000, a page of some 9 MB. (`meter`)
    pub nodes: usize,
    /// Steps of the parser, mostly the elements that it may have to look through, summed over all tags. Default
    /// 60,000,000, below a second; a megabyte of ordinary HTML takes 2 to 5 million. (`meter`)
    pub work: usize,
    /// Images of a page. Default 20,000. (`page`)
    pub images: usize,
    /// Links of a page. Default 50,000. (`page`)
    pub links: usize,
    /// Length of a URL in bytes, as written and as resolved; a longer one is skipped. Default 8 KiB. (`base`)
    pub url_bytes: usize,
    /// Length of `alt`, `title` and caption in characters; the rest is dropped. Default 2,000. (`context`)
    pub text_chars: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 1_024,
            attributes: 1_000,
            nodes: 500_000,
            work: 60_000_000,
            images: 20_000,
            links: 50_000,
            url_bytes: 8 * 1024,
            text_chars: 2_000,
        }
    }
}
