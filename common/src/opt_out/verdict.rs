//! What follows from what is said: whether an image may be kept, and a page's links followed.

use super::{Directive, Directives};
use crate::reason::Reason;

/// A wish that is obeyed, and its cause in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The manifest's reason.
    pub reason: Reason,
    /// Which directives, and whose; never longer than [`crate::wire::MAX_DETAIL`] bytes.
    pub detail: String,
}

/// What a page's wishes come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PageVerdict {
    /// Why none of its images is taken.
    pub images: Option<Refusal>,
    /// Why none of its links is followed.
    pub links: Option<Refusal>,
}

/// What stands against an image of which the headers of its own answer say `header`.
#[must_use]
pub fn image_verdict(header: Directives, obeyed: Directives) -> Option<Refusal> {
    against_images(header & obeyed, Reason::XRobotsTag, "")
}

/// What a page's headers and its `meta` elements come to, for a run that obeys `obeyed`. Both count; the header is named
/// where both refuse.
#[must_use]
pub fn page_verdict(header: Directives, meta: Directives, obeyed: Directives) -> PageVerdict {
    let (header, meta) = (header & obeyed, meta & obeyed);
    let in_meta = || against_images(meta, Reason::MetaRobots, ", meta of the page");
    let images = against_images(header, Reason::XRobotsTag, ", header of the page").or_else(in_meta);
    let place = if header.contains(Directive::NoFollow) {
        Some("header of the page")
    } else {
        meta.contains(Directive::NoFollow).then_some("meta of the page")
    };
    let links = place.map(|place| Refusal { reason: Reason::NoFollow, detail: format!("nofollow, {place}") });
    PageVerdict { images, links }
}

fn against_images(said: Directives, reason: Reason, place: &str) -> Option<Refusal> {
    let said = said & Directives::OF_IMAGES;
    let words = said.without(Directive::Tdm);
    if !words.is_empty() {
        return Some(Refusal { reason, detail: format!("{words}{place}") });
    }
    let reserved = said.contains(Directive::Tdm);
    reserved.then(|| Refusal { reason: Reason::TdmReservation, detail: format!("tdm-reservation: 1{place}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::MAX_DETAIL;

    fn set(words: &str) -> Directives {
        words.parse().expect("words")
    }

    #[test]
    fn an_image_is_refused_by_what_speaks_of_images_and_is_obeyed() {
        let refusal = |reason, detail: &str| Some(Refusal { reason, detail: detail.to_owned() });
        for (said, obeyed, expected) in [
            ("", "noai", None),
            ("noai", "noai", refusal(Reason::XRobotsTag, "noai")),
            ("noai", "noindex", None),
            ("noai", "", None),
            ("nofollow", "nofollow", None),
            ("noindex,noai,nofollow", "noindex,noai,nofollow", refusal(Reason::XRobotsTag, "noai,noindex")),
            ("tdm", "tdm", refusal(Reason::TdmReservation, "tdm-reservation: 1")),
            ("tdm,noimageindex", "tdm,noimageindex", refusal(Reason::XRobotsTag, "noimageindex")),
            ("tdm,noimageindex", "tdm", refusal(Reason::TdmReservation, "tdm-reservation: 1")),
        ] {
            assert_eq!(image_verdict(set(said), set(obeyed)), expected, "{said} {obeyed}");
        }
    }

    #[test]
    fn a_page_speaks_for_its_images_and_its_links() {
        for (header, meta, obeyed, images, links) in [
            ("", "", "noai,nofollow", None, None),
            ("noai", "", "noai", Some((Reason::XRobotsTag, "noai, header of the page")), None),
            ("", "noai", "noai", Some((Reason::MetaRobots, "noai, meta of the page")), None),
            ("noindex", "noai", "noindex,noai", Some((Reason::XRobotsTag, "noindex, header of the page")), None),
            ("noindex", "noai", "noai", Some((Reason::MetaRobots, "noai, meta of the page")), None),
            ("", "tdm", "tdm", Some((Reason::TdmReservation, "tdm-reservation: 1, meta of the page")), None),
            ("nofollow", "nofollow", "nofollow", None, Some("nofollow, header of the page")),
            ("", "nofollow", "nofollow", None, Some("nofollow, meta of the page")),
            ("", "nofollow", "noindex", None, None),
        ] {
            let verdict = page_verdict(set(header), set(meta), set(obeyed));
            let found = verdict.images.as_ref().map(|refusal| (refusal.reason, refusal.detail.as_str()));
            assert_eq!(found, images, "{header} {meta} {obeyed}");
            assert_eq!(
                verdict.links.as_ref().map(|refusal| refusal.detail.as_str()),
                links,
                "{header} {meta} {obeyed}"
            );
            assert!(verdict.links.is_none_or(|refusal| refusal.reason == Reason::NoFollow));
        }
    }

    #[test]
    fn a_cause_is_never_longer_than_the_wire_takes() {
        let verdict = page_verdict(Directives::ALL, Directives::ALL, Directives::ALL);
        assert!(verdict.images.expect("refused").detail.len() <= MAX_DETAIL);
    }
}
