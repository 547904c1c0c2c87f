//! Elements that speak of the page as a whole: `meta` and `link`. What a refresh means is in `refresh`; what is asked of
//! robots is only handed on.

use std::rc::Rc;

use super::Source;
use super::element::{Element, words};
use super::found::Words;
use super::refresh;
use super::scope::{Line, Scope};
use super::walk::Walk;

/// `property`, `name` or `itemprop` of a `meta` whose content is an image's address (lower case).
const IMAGES: [&str; 18] = [
    "og:image",
    "og:image:url",
    "og:image:secure_url",
    "twitter:image",
    "twitter:image:src",
    "image",
    "image_src",
    "thumbnail",
    "thumbnailurl",
    "logo",
    "contenturl",
    "primaryimageofpage",
    "msapplication-tileimage",
    "msapplication-square70x70logo",
    "msapplication-square150x150logo",
    "msapplication-wide310x150logo",
    "msapplication-square310x310logo",
    "sailthru.image.full",
];

/// `itemprop` of a `link` that leads to an image (lower case).
const ITEM_IMAGES: [&str; 4] = ["image", "thumbnailurl", "logo", "contenturl"];

/// `rel` of a `link` to an icon (lower case).
const ICONS: [&str; 6] = [
    "icon",
    "apple-touch-icon",
    "apple-touch-icon-precomposed",
    "apple-touch-startup-image",
    "mask-icon",
    "fluid-icon",
];

/// The words for the image that a page announces: `og:image:alt` stands behind its `og:image`, as a rule.
#[derive(Debug, Default)]
pub(super) struct Announced {
    open_graph: Option<Alt>,
    twitter: Option<Alt>,
}

#[derive(Debug)]
struct Alt {
    line: Rc<Line>,
    has_image: bool,
}

impl Walk<'_> {
    /// A `meta`. One in a page within the page, or in a template, does not speak for the page.
    pub(super) fn meta(&mut self, element: &Element<'_>, outer: &Scope) {
        let Some(content) = element.get("content") else { return };
        let of_page = self.nested == 0 && !outer.template;
        let pragma = element.get("http-equiv").unwrap_or_default();
        if of_page
            && pragma.eq_ignore_ascii_case("refresh")
            && let Some(url) = refresh::target(content).and_then(|target| self.found.resolve(target))
        {
            self.found.refresh(url);
        }
        if let Some(name) = element.get("name").filter(|_| of_page) {
            self.found.meta(name, content);
        }
        let keys = ["property", "name", "itemprop"].into_iter().filter_map(|name| element.get(name)).flat_map(words);
        for key in keys.map(str::to_ascii_lowercase).take(8) {
            self.announce(&key, content);
        }
    }

    fn announce(&mut self, key: &str, content: &str) {
        let longest = self.found.limits.text_chars;
        let announced = &mut self.announced;
        let place = if key.starts_with("og:") { &mut announced.open_graph } else { &mut announced.twitter };
        if IMAGES.contains(&key) {
            let mut words = Words::default();
            if key.starts_with("og:") || key.starts_with("twitter:") {
                // The other forms are further addresses of the same image.
                let new = matches!(key, "og:image" | "twitter:image");
                let alt = match place.take().filter(|alt| !(new && alt.has_image)) {
                    Some(alt) => alt.line,
                    None => Line::new(longest),
                };
                words.later.alt = Some(Rc::clone(&alt));
                *place = Some(Alt { line: alt, has_image: true });
            }
            self.image(content, Source::Meta, &words);
        } else if matches!(key, "og:image:alt" | "twitter:image:alt") {
            let alt = place.get_or_insert_with(|| Alt { line: Line::new(longest), has_image: false });
            let line = Rc::clone(&alt.line);
            if line.is_empty() {
                self.found.words(&line, content);
            }
        }
    }

    /// A `link`.
    pub(super) fn link_element(&mut self, element: &Element<'_>) {
        let href = element.get("href");
        let is = |word| element.has_word("rel", word);
        let loads = |kind: &str| {
            (is("preload") || is("prefetch")) && element.get("as").is_some_and(|value| value.eq_ignore_ascii_case(kind))
        };
        if is("stylesheet") || loads("style") {
            if let Some(url) = href.and_then(|href| self.found.resolve(href)) {
                self.found.style_sheet(url);
            }
        } else if loads("image") {
            self.set(href, element.get("imagesrcset"), [Source::Link; 2], &Words::default());
        }
        let source = if ICONS.iter().any(|word| is(word)) {
            Source::Icon
        } else if is("image_src") {
            Source::Link
        } else if ITEM_IMAGES.iter().any(|word| element.has_word("itemprop", word)) {
            Source::Meta
        } else {
            return;
        };
        if let Some(href) = href {
            self.image(href, source, &Words::default());
        }
    }
}
