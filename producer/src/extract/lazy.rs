//! Attributes that a script turns into an image's address when it is needed. No standard names them: this is a table of what
//! sites and the well-known libraries use.

use html5ever::{local_name, ns};

use super::base::names_image;
use super::data_uri::is_data;
use super::element::Element;
use super::found::Words;
use super::images::picture_words;
use super::scope::Scope;
use super::walk::Walk;
use super::{Source, css};

/// What the attribute's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// What will be `src`. Of an element that is no image it may be anything that can be loaded.
    Src,
    /// What will be `srcset`.
    Set,
    /// A further image: a small or a large form of the one that is shown.
    Other,
    /// What will be the background: an address, or a value of CSS.
    Background,
}

/// Attributes and their roles: lazysizes, lozad, vanilla-lazyload, jQuery's Lazy Load, Unveil, bLazy, Echo, slick, Flickity,
/// Splide, Swiper, Jetpack, WP Rocket, Smush, Elementor, Mirage, `PageSpeed`, Magento, Shopify, Discuz, Zhihu, galleries.
#[rustfmt::skip]
const TABLE: [(&str, Role); 73] = [
    ("data-src", Role::Src), ("data-original", Role::Src), ("data-original-src", Role::Src),
    ("data-lazy", Role::Src), ("data-lazy-src", Role::Src), ("data-lazysrc", Role::Src),
    ("data-lazyload", Role::Src), ("data-lazy-load", Role::Src), ("data-lazyload-src", Role::Src),
    ("data-defer-src", Role::Src), ("data-deferred", Role::Src), ("data-default-src", Role::Src),
    ("data-real-src", Role::Src), ("data-actualsrc", Role::Src), ("data-echo", Role::Src),
    ("data-cfsrc", Role::Src), ("data-ezsrc", Role::Src), ("data-pagespeed-lazy-src", Role::Src),
    ("data-flickity-lazyload", Role::Src), ("data-flickity-lazyload-src", Role::Src), ("data-splide-lazy", Role::Src),
    ("data-nitro-lazy-src", Role::Src), ("data-srclazy", Role::Src), ("data-src-img", Role::Src),
    ("data-image", Role::Src), ("data-image-src", Role::Src), ("data-image-url", Role::Src),
    ("data-img", Role::Src), ("data-img-src", Role::Src), ("data-img-url", Role::Src), ("data-imgsrc", Role::Src),
    ("data-desktop-src", Role::Other), ("data-mobile-src", Role::Other), ("data-tablet-src", Role::Other),
    ("lazy-src", Role::Src), ("lazysrc", Role::Src), ("loadsrc", Role::Src),

    ("data-srcset", Role::Set), ("data-lazy-srcset", Role::Set), ("data-lazysrcset", Role::Set),
    ("data-original-set", Role::Set), ("data-original-srcset", Role::Set), ("data-cfsrcset", Role::Set),
    ("data-ezsrcset", Role::Set), ("data-flickity-lazyload-srcset", Role::Set), ("data-splide-lazy-srcset", Role::Set),
    ("data-nitro-lazy-srcset", Role::Set), ("data-bgset", Role::Set), ("data-responsive", Role::Set),
    ("lazy-srcset", Role::Set),

    ("data-hi-res-src", Role::Other), ("data-highres", Role::Other), ("data-hires", Role::Other),
    ("data-src-retina", Role::Other), ("data-retina", Role::Other), ("data-at2x", Role::Other),
    ("data-thumb", Role::Other), ("data-thumbnail", Role::Other), ("data-full", Role::Other),
    ("data-full-src", Role::Other), ("data-large", Role::Other), ("data-large-src", Role::Other),
    ("data-orig-file", Role::Other), ("data-medium-file", Role::Other), ("data-large-file", Role::Other),
    ("data-zoom-image", Role::Other), ("data-poster", Role::Other),

    ("data-bg", Role::Background), ("data-background", Role::Background), ("data-background-image", Role::Background),
    ("data-bg-image", Role::Background), ("data-bg-src", Role::Background), ("data-lazy-bg", Role::Background),
];

/// The role of an attribute; `None` for nearly all.
pub(super) fn role(attribute: &str) -> Option<Role> {
    if !(attribute.starts_with("data-") || attribute.starts_with("la") || attribute.starts_with("lo")) {
        return None;
    }
    TABLE.iter().find(|(name, _)| *name == attribute).map(|(_, role)| *role)
}

impl Walk<'_> {
    /// The lazy attributes of an element that has some.
    pub(super) fn lazy(&mut self, element: &Element<'_>, outer: &Scope) {
        let html = element.name.ns == ns!(html);
        let is = match &*element.name.local {
            "script" | "link" | "meta" | "style" | "html" => return,
            "iframe" | "frame" if html => Kind::Frame,
            "img" | "input" | "amp-img" | "amp-anim" if html => Kind::Image,
            "source" if outer.picture.is_some() => Kind::Image,
            _ => Kind::Other,
        };
        let words = match element.name.local {
            local_name!("source") => picture_words(outer),
            _ => self.words(element, outer),
        };
        let (mut src, mut set) = (None, None);
        for attribute in element.attributes.iter().filter(|attribute| attribute.name.ns == ns!()) {
            let text = attribute.value.trim_ascii();
            match role(&attribute.name.local) {
                Some(Role::Src) if is == Kind::Frame => self.follow(text, element, outer),
                Some(Role::Src) if is == Kind::Image && src.is_none() && is_address(text) => src = Some(text),
                Some(Role::Set) if is == Kind::Image && set.is_none() => set = Some(text),
                Some(Role::Set) => self.set(None, Some(text), [Source::Lazy; 2], &words),
                Some(Role::Background) => self.lazy_background(text, &words),
                Some(Role::Src | Role::Other) => self.lazy_image(text, is == Kind::Image, &words),
                None => {}
            }
        }
        self.set(src, set, [Source::Lazy; 2], &words);
    }

    fn lazy_image(&mut self, text: &str, trusted: bool, words: &Words) {
        if !is_address(text) {
            return;
        }
        if let Some(url) = self.address(text, words).filter(|url| trusted || names_image(url)) {
            self.add(url, Source::Lazy, None, words);
        }
    }

    fn lazy_background(&mut self, text: &str, words: &Words) {
        if !text.contains("url(") && !text.contains("image-set(") {
            // Colours and gradients have dots too.
            if is_address(text) && !text.contains(['(', ' ']) {
                self.image(text, Source::Lazy, words);
            }
            return;
        }
        self.found.budget.charge(text.len());
        for image in css::style_attribute(text, &css::Limits::default()).images {
            self.image(&image, Source::Lazy, words);
        }
    }
}

/// What an element is that has a lazy attribute.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Image,
    Frame,
    Other,
}

/// Whether the value can be an address: many are flags (`true`), numbers or JSON.
fn is_address(text: &str) -> bool {
    is_data(text) || (text.contains(['.', '/']) && !text.starts_with(['{', '[', '<']) && text.parse::<f64>().is_err())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_attribute_stands_once_in_the_table() {
        for (at, (name, _)) in TABLE.iter().enumerate() {
            assert!(TABLE[at + 1..].iter().all(|(other, _)| other != name), "{name}");
            assert_eq!(*name, name.to_ascii_lowercase());
            assert!(role(name).is_some(), "{name}");
        }
        assert_eq!(role("data-id"), None);
    }

    #[test]
    fn flags_are_no_addresses() {
        for text in ["a.png", "/a", "//cdn/a", "a/b", "data:,x"] {
            assert!(is_address(text), "{text}");
        }
        for text in ["true", "1", "0.5", "", "{\"a\": \"/b.png\"}", "lazy", "[1.5]"] {
            assert!(!is_address(text), "{text}");
        }
    }
}
