//! How large a picture is, as people write it: `640x480`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Width and height in pixels, each at least 1. Its text is `WxH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Dimensions {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

impl Dimensions {
    /// Width times height.
    #[must_use]
    pub fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

impl FromStr for Dimensions {
    type Err = String;

    /// Reads `640x480`. The error says what was expected, for a person at a terminal.
    fn from_str(text: &str) -> Result<Self, String> {
        let side = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            if digits { text.parse().ok().filter(|pixels| *pixels > 0) } else { None }
        };
        let sides = text.split_once(['x', 'X']).and_then(|(width, height)| Some((side(width)?, side(height)?)));
        let (width, height) =
            sides.ok_or_else(|| format!("{text:?} is no size; write width and height in pixels, such as 640x480"))?;
        Ok(Self { width, height })
    }
}

impl TryFrom<String> for Dimensions {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Dimensions> for String {
    fn from(dimensions: Dimensions) -> Self {
        dimensions.to_string()
    }
}

impl fmt::Display for Dimensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_are_there_and_not_nothing() {
        let size = Dimensions { width: 640, height: 480 };
        assert_eq!("640x480".parse(), Ok(size));
        assert_eq!("640X480".parse(), Ok(size));
        assert_eq!(size.to_string(), "640x480");
        assert_eq!(size.pixels(), 307_200);
        let largest = Dimensions { width: u32::MAX, height: u32::MAX };
        assert_eq!(largest.to_string().parse(), Ok(largest));
        assert_eq!(largest.pixels(), u64::from(u32::MAX) * u64::from(u32::MAX));
        for wrong in
            ["", "640", "640x", "x480", "0x1", "1x0", "-1x1", "+1x1", "1x1x1", "1 x 1", "4294967296x1", "a\u{d7}b"]
        {
            assert!(wrong.parse::<Dimensions>().expect_err("refused").contains("640x480"), "{wrong:?}");
        }
    }
}
