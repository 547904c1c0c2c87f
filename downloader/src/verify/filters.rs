//! What a user lets in, by format, bytes and size. A filter is no judgement of the image; each has a reason of its own.

use common::config::Dimensions;
use common::reason::Reason;

use crate::format::Format;

/// What is let in; by default all. Each bound itself is still let in.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filters {
    /// `--formats`; none for all.
    pub formats: Vec<Format>,
    /// `--min-bytes`.
    pub min_bytes: u64,
    /// `--min-size`: neither side may be shorter.
    pub min_size: Option<Dimensions>,
    /// `--max-size`: neither side may be longer.
    pub max_size: Option<Dimensions>,
    /// `--max-aspect`: the longer side by the shorter.
    pub max_aspect: Option<f64>,
}

impl Filters {
    /// What is against an image of this format and length, before more is known of it.
    pub(crate) fn refuse(&self, format: Format, bytes: usize) -> Option<Reason> {
        if !self.formats.is_empty() && !self.formats.contains(&format) {
            return Some(Reason::FilteredFormat);
        }
        (u64::try_from(bytes).unwrap_or(u64::MAX) < self.min_bytes).then_some(Reason::FilteredMinBytes)
    }

    /// What is against an image of this width and height.
    pub(crate) fn refuse_size(&self, (width, height): (u32, u32)) -> Option<Reason> {
        if self.min_size.is_some_and(|least| width < least.width || height < least.height) {
            return Some(Reason::FilteredMinSize);
        }
        if self.max_size.is_some_and(|most| width > most.width || height > most.height) {
            return Some(Reason::FilteredMaxSize);
        }
        let (shorter, longer) = (f64::from(width.min(height)), f64::from(width.max(height)));
        self.max_aspect.is_some_and(|most| longer > most * shorter).then_some(Reason::FilteredMaxAspect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(text: &str) -> Dimensions {
        text.parse().expect("a size")
    }

    #[test]
    fn without_filters_everything_is_let_in() {
        let none = Filters::default();
        assert_eq!(none.refuse(Format::Svg, 1), None);
        assert_eq!(none.refuse_size((1, u32::MAX)), None);
    }

    #[test]
    fn formats_that_are_not_named_are_refused() {
        let some = Filters { formats: vec![Format::Jpg, Format::Png], ..Filters::default() };
        assert_eq!(some.refuse(Format::Png, 1), None);
        assert_eq!(some.refuse(Format::Gif, 1), Some(Reason::FilteredFormat));
    }

    #[test]
    fn bounds_are_let_in_themselves() {
        let least = Filters { min_bytes: 100, min_size: Some(size("20x10")), ..Filters::default() };
        let bytes = [99, 100, 101].map(|bytes| least.refuse(Format::Png, bytes));
        assert_eq!(bytes, [Some(Reason::FilteredMinBytes), None, None]);
        for (size, reason) in [((20, 10), None), ((21, 11), None), ((19, 10), Some(())), ((20, 9), Some(()))] {
            assert_eq!(least.refuse_size(size), reason.map(|()| Reason::FilteredMinSize), "{size:?}");
        }
        let most = Filters { max_size: Some(size("20x10")), ..Filters::default() };
        for (size, reason) in [((20, 10), None), ((1, 1), None), ((21, 10), Some(())), ((20, 11), Some(()))] {
            assert_eq!(most.refuse_size(size), reason.map(|()| Reason::FilteredMaxSize), "{size:?}");
        }
        let slim = Filters { max_aspect: Some(2.5), ..Filters::default() };
        for (size, reason) in [((25, 10), None), ((10, 25), None), ((26, 10), Some(())), ((10, 26), Some(()))] {
            assert_eq!(slim.refuse_size(size), reason.map(|()| Reason::FilteredMaxAspect), "{size:?}");
        }
    }
}
