//! Which images are followed: a share of them, decided by the image's identity alone. So every program and every try decides
//! alike, and it costs a comparison.

use std::str::FromStr;

use crate::image_id::ImageId;

/// Follows a share of all images.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sampler {
    share: f64,
    /// Images whose last 63 bits are below it are followed.
    below: u64,
}

impl Sampler {
    /// Follows nothing.
    pub const NONE: Self = Self { share: 0.0, below: 0 };

    /// Whether `image` is followed.
    #[must_use]
    pub fn follows(self, image: ImageId) -> bool {
        // An identity is a part of a hash, so any bits of it are random.
        image.as_bytes().last_chunk().is_some_and(|last| u64::from_be_bytes(*last) >> 1 < self.below)
    }

    /// The share, from 0 to 1.
    #[must_use]
    pub fn share(self) -> f64 {
        self.share
    }
}

impl FromStr for Sampler {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let share: f64 = text.parse().map_err(|_| "no number")?;
        if !(0.0..=1.0).contains(&share) {
            return Err("not between 0 and 1");
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "of a share of 2^63, and a share is no more exact than that"
        )]
        let below = (share * (1_u64 << 63) as f64) as u64;
        Ok(Self { share, below })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn followed(share: &str) -> usize {
        let sampler: Sampler = share.parse().expect("a share");
        let run = "run".parse().expect("valid");
        (0..10_000).filter(|number| sampler.follows(ImageId::new(&run, &format!("http://a/{number}")))).count()
    }

    #[test]
    fn the_share_is_followed() {
        assert_eq!((followed("0"), followed("1"), followed("1.0")), (0, 10_000, 10_000));
        let (hundredth, half) = (followed("0.01"), followed("0.5"));
        assert!((60..140).contains(&hundredth) && (4_800..5_200).contains(&half), "{hundredth} {half}");
        assert!(!Sampler::NONE.follows(ImageId::from([0; 16])));
        assert!("1".parse::<Sampler>().expect("a share").follows(ImageId::from([255; 16])));
    }

    #[test]
    fn what_is_no_share_is_refused() {
        for bad in ["", "1.1", "-0.1", "NaN", "inf", "1%"] {
            assert!(bad.parse::<Sampler>().is_err(), "{bad:?}");
        }
    }
}
