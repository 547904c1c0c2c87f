//! How a picture of one size comes into a box of another: pure arithmetic, in whole pixels wherever there is a choice.

use common::config::Dimensions;

use super::options::{Fit, Resize};

/// What to do with a picture's pixels, in this order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Plan {
    /// The middle part of the picture that is used, in pixels of the picture; all of it where nothing is cut off.
    pub(super) part: (f64, f64),
    /// What that part becomes.
    pub(super) scaled: Dimensions,
    /// What the result is put into the middle of, if it is smaller.
    pub(super) canvas: Dimensions,
}

impl Plan {
    /// The same for a picture that lies on its side.
    pub(super) fn on_its_side(self) -> Self {
        let turned = |size: Dimensions| Dimensions { width: size.height, height: size.width };
        Self { part: (self.part.1, self.part.0), scaled: turned(self.scaled), canvas: turned(self.canvas) }
    }
}

/// The plan that makes of a `source` what `resize` asks for.
pub(super) fn plan(source: Dimensions, resize: &Resize) -> Plan {
    let enlarged = |scaled: Dimensions| scaled.width > source.width || scaled.height > source.height;
    let whole = (f64::from(source.width), f64::from(source.height));
    let wanted = resize.size;
    match resize.fit {
        Fit::Contain | Fit::Pad => {
            let inside = inside(source, wanted);
            let scaled = if enlarged(inside) && !resize.enlarge { source } else { inside };
            Plan { part: whole, scaled, canvas: if resize.fit == Fit::Pad { wanted } else { scaled } }
        }
        Fit::Stretch => {
            let scaled = if resize.enlarge { wanted } else { smaller(source, wanted) };
            Plan { part: whole, scaled, canvas: scaled }
        }
        Fit::Cover => {
            if enlarged(wanted) && !resize.enlarge {
                // Too small in one direction to be cut to this shape without being enlarged: only cut.
                let cut = smaller(source, wanted);
                return Plan { part: (f64::from(cut.width), f64::from(cut.height)), scaled: cut, canvas: cut };
            }
            Plan { part: part_of_shape(source, wanted), scaled: wanted, canvas: wanted }
        }
    }
}

/// The largest size of the same shape that fits into `within`, rounded to whole pixels, at least one.
fn inside(source: Dimensions, within: Dimensions) -> Dimensions {
    if is_wider(source, within) {
        Dimensions { width: within.width, height: scaled(source.height, within.width, source.width) }
    } else {
        Dimensions { width: scaled(source.width, within.height, source.height), height: within.height }
    }
}

/// The largest part of `source` that has the shape of `shape`.
fn part_of_shape(source: Dimensions, shape: Dimensions) -> (f64, f64) {
    let (width, height) = (f64::from(source.width), f64::from(source.height));
    if is_wider(source, shape) {
        (height * f64::from(shape.width) / f64::from(shape.height), height)
    } else {
        (width, width * f64::from(shape.height) / f64::from(shape.width))
    }
}

/// Whether the first is wider than the second, each for its height.
fn is_wider(one: Dimensions, other: Dimensions) -> bool {
    u64::from(one.width) * u64::from(other.height) >= u64::from(other.width) * u64::from(one.height)
}

/// `side * numerator / denominator`, rounded, at least 1.
fn scaled(side: u32, numerator: u32, denominator: u32) -> u32 {
    let denominator = u64::from(denominator);
    let rounded = (u64::from(side) * u64::from(numerator) + denominator / 2) / denominator;
    u32::try_from(rounded).unwrap_or(u32::MAX).max(1)
}

fn smaller(one: Dimensions, other: Dimensions) -> Dimensions {
    Dimensions { width: one.width.min(other.width), height: one.height.min(other.height) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(width: u32, height: u32) -> Dimensions {
        Dimensions { width, height }
    }

    fn planned(source: (u32, u32), fit: Fit, enlarge: bool) -> Plan {
        plan(size(source.0, source.1), &Resize { size: size(256, 128), fit, enlarge })
    }

    #[test]
    fn contained_pictures_keep_their_shape_and_fit() {
        for (source, scaled) in [
            ((512, 256), (256, 128)),
            ((1000, 1000), (128, 128)),
            ((1001, 333), (256, 85)),
            ((333, 1001), (43, 128)),
            ((256, 128), (256, 128)),
            ((10, 10), (128, 128)),
            ((1, 1), (128, 128)),
            ((100_000, 1), (256, 1)),
            ((1, 100_000), (1, 128)),
            ((u32::MAX, u32::MAX), (128, 128)),
        ] {
            let plan = planned(source, Fit::Contain, true);
            assert_eq!(plan.scaled, size(scaled.0, scaled.1), "{source:?}");
            assert_eq!(plan.canvas, plan.scaled, "{source:?}");
            assert_eq!(plan.part, (f64::from(source.0), f64::from(source.1)), "{source:?}");
        }
    }

    #[test]
    fn padded_pictures_are_contained_in_a_canvas_of_just_that_size() {
        for source in [(512, 256), (1000, 1000), (10, 10), (1, 100_000)] {
            let (padded, contained) = (planned(source, Fit::Pad, true), planned(source, Fit::Contain, true));
            assert_eq!(padded.canvas, size(256, 128));
            assert_eq!(padded.scaled, contained.scaled);
        }
    }

    #[test]
    fn covering_pictures_lose_what_sticks_out_in_one_direction() {
        for (source, part) in [
            ((512, 256), (512.0, 256.0)),
            ((1000, 1000), (1000.0, 500.0)),
            ((300, 100), (200.0, 100.0)),
            ((101, 101), (101.0, 50.5)),
            ((1, 1), (1.0, 0.5)),
        ] {
            let plan = planned(source, Fit::Cover, true);
            assert_eq!((plan.part, plan.scaled, plan.canvas), (part, size(256, 128), size(256, 128)), "{source:?}");
        }
    }

    #[test]
    fn stretched_pictures_have_just_the_size_that_was_asked_for() {
        for source in [(512, 256), (1, 100_000), (10, 10)] {
            assert_eq!(planned(source, Fit::Stretch, true).scaled, size(256, 128));
        }
    }

    #[test]
    fn without_enlarging_small_pictures_keep_their_size() {
        for (source, fit, scaled, canvas) in [
            ((255, 127), Fit::Contain, (255, 127), (255, 127)),
            ((256, 128), Fit::Contain, (256, 128), (256, 128)),
            ((257, 129), Fit::Contain, (255, 128), (255, 128)),
            ((10, 10), Fit::Pad, (10, 10), (256, 128)),
            ((10, 500), Fit::Stretch, (10, 128), (10, 128)),
            ((255, 500), Fit::Cover, (255, 128), (255, 128)),
            ((256, 500), Fit::Cover, (256, 128), (256, 128)),
        ] {
            let plan = planned(source, fit, false);
            assert_eq!((plan.scaled, plan.canvas), (size(scaled.0, scaled.1), size(canvas.0, canvas.1)), "{source:?}");
        }
        assert_eq!(planned((255, 500), Fit::Cover, false).part, (255.0, 128.0), "cut, not shrunk");
        assert_eq!(planned((256, 500), Fit::Cover, false).part, (256.0, 128.0));
        assert_eq!(planned((512, 500), Fit::Cover, false).part, (512.0, 256.0), "large enough: shrunk to cover");
    }
}
