//! Colours that are told in numbers (ITU-T H.273), as a profile, which is what copies are converted by.

use moxcms::{
    CicpColorPrimaries, CicpProfile, ColorPrimaries, ColorProfile, MatrixCoefficients, ToneReprCurve,
    TransferCharacteristics,
};

/// The curve of sRGB, and those of video that are shown as if they were it; or nothing is said.
const LIKE_SRGB: [u16; 6] = [1, 2, 6, 13, 14, 15];

/// The profile (ICC), or `None` for what is taken to be sRGB: what says so or says nothing, and what has no known meaning.
pub(super) fn of_numbers(primaries: u16, transfer: u16) -> Option<Vec<u8>> {
    let is_like_srgb = LIKE_SRGB.contains(&transfer);
    if is_like_srgb && matches!(primaries, 1 | 2) {
        return None;
    }
    let primaries = u8::try_from(if primaries == 2 { 1 } else { primaries }).ok()?;
    let transfer = u8::try_from(if is_like_srgb { 13 } else { transfer }).ok()?;
    let primaries = CicpColorPrimaries::try_from(primaries).ok()?;
    let transfer = TransferCharacteristics::try_from(transfer).ok()?;
    if ColorPrimaries::try_from(primaries).is_err() || ToneReprCurve::try_from(transfer).is_err() {
        return None;
    }
    // All that it says of colours is replaced; whether that succeeds, which has just been asked, is not what is returned.
    let mut profile = ColorProfile::new_display_p3();
    profile.update_rgb_colorimetry_from_cicp(CicpProfile {
        color_primaries: primaries,
        transfer_characteristics: transfer,
        matrix_coefficients: MatrixCoefficients::Identity,
        full_range: true,
    });
    profile.encode().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_like_srgb_has_no_profile_and_what_is_not_has_one() {
        for (primaries, transfer, has_profile) in [
            (1, 13, false),
            (2, 2, false),
            (1, 1, false),
            (12, 13, true),
            (9, 1, true),
            (1, 8, true),
            (200, 13, false),
            (1, 999, false),
            (9, 300, false),
        ] {
            assert_eq!(of_numbers(primaries, transfer).is_some(), has_profile, "{primaries} and {transfer}");
        }
    }

    #[test]
    fn a_profile_means_the_colours_of_its_numbers() {
        let of = |profile: &ColorProfile| {
            let srgb = ColorProfile::new_srgb();
            let options = moxcms::TransformOptions::default();
            let transform = profile.create_transform_8bit(moxcms::Layout::Rgb, &srgb, moxcms::Layout::Rgb, options);
            let mut colour = [0; 3];
            transform.expect("a transform").transform(&[180, 60, 60], &mut colour).expect("a pixel");
            colour
        };
        let made = ColorProfile::new_from_slice(&of_numbers(12, 13).expect("a profile")).expect("sound");
        let (made, known) = (of(&made), of(&ColorProfile::new_display_p3()));
        assert!(made.iter().zip(known).all(|(made, known)| made.abs_diff(known) <= 1), "{made:?} and {known:?}");
        assert_ne!(made, [180, 60, 60]);
    }
}
