//! The Sitemaps protocol's own documents: `urlset` with the image and video extensions, and `sitemapindex`.

use url::Url;

use super::Listed;
use super::finds::Finds;
use super::xml::Part;

/// Where in the document.
#[derive(Default)]
pub(super) struct Listing {
    entry: Option<Open>,
    /// The `image:image` that is open.
    image: Option<OpenImage>,
}

/// A `url` or `sitemap` that is open.
struct Open {
    is_page: bool,
    url: Option<Url>,
    images: Vec<Listed>,
}

#[derive(Default)]
struct OpenImage {
    url: Option<Url>,
    title: Option<String>,
    caption: Option<String>,
}

impl Listing {
    pub(super) fn take(&mut self, part: Part<'_>, finds: &mut Finds<'_>) {
        match part {
            Part::Start(tag) => match tag.name.local {
                "url" => self.start_entry(true, finds),
                "sitemap" => self.start_entry(false, finds),
                "image" => self.image = Some(OpenImage::default()),
                _ => {}
            },
            Part::End { name, text } => self.end(name.local, text, finds),
        }
    }

    fn end(&mut self, name: &str, text: &str, finds: &mut Finds<'_>) {
        match (name, &mut self.image) {
            ("loc", Some(image)) => image.url = finds.resolve(text),
            ("title", Some(image)) => image.title = finds.words(text),
            ("caption", Some(image)) => image.caption = finds.words(text),
            ("loc", None) => {
                if let Some(entry) = &mut self.entry {
                    entry.url = finds.resolve(text);
                }
            }
            ("image", _) => self.end_image(finds),
            ("thumbnail_loc", None) => {
                let url = finds.resolve(text);
                self.image = Some(OpenImage { url, ..OpenImage::default() });
                self.end_image(finds);
            }
            ("url" | "sitemap", _) => self.end_entry(finds),
            _ => {}
        }
    }

    fn start_entry(&mut self, is_page: bool, finds: &mut Finds<'_>) {
        self.end_entry(finds);
        self.entry = Some(Open { is_page, url: None, images: Vec::new() });
    }

    fn end_image(&mut self, finds: &mut Finds<'_>) {
        let image = self.image.take().unwrap_or_default();
        let Some(url) = image.url else {
            return;
        };
        let image = Listed { url, title: image.title, caption: image.caption };
        if finds.admit(&image) {
            match &mut self.entry {
                Some(entry) => entry.images.push(image),
                None => finds.images([image]),
            }
        }
    }

    /// Hands over what is open, at its end or where its end is missing.
    pub(super) fn end_entry(&mut self, finds: &mut Finds<'_>) {
        self.end_image(finds);
        let Some(entry) = self.entry.take() else {
            return;
        };
        match entry.url {
            Some(url) if entry.is_page => finds.page(url, entry.images),
            Some(url) => finds.sitemap(url),
            None => finds.images(entry.images),
        }
    }
}
