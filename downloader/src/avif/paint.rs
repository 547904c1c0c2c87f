//! From brightness and two colours (ITU-T H.273) to red, green and blue, eight bits each. A pixel has the colours of the block that
//! it is in, without a slope between blocks.

use re_rav1d::{Picture, PixelLayout, PlanarImageComponent, Plane};

use super::answer::Answer;
use super::profile;
use crate::picture::{LONGEST_PROFILE, Undecodable, divide_by_opacity};
use crate::verify::heif::{Cicp, Coded, Crop, Tiles};

/// What is made of the tiles, one after the other.
pub(super) struct Canvas {
    width: u32,
    height: u32,
    channels: usize,
    /// RGB or RGBA, row by row; empty if nobody wants them.
    pixels: Vec<u8>,
    wanted: bool,
    cicp: Option<Cicp>,
    /// Of the first tile.
    tile: Option<(u32, u32)>,
}

impl Canvas {
    pub(super) fn new(coded: &Coded<'_>, wanted: bool) -> Result<Self, Undecodable> {
        let Tiles { width, height, .. } = coded.colours;
        let channels = if coded.opacity.is_some() { 4 } else { 3 };
        let length = u64::from(width) * u64::from(height) * channels as u64;
        let length = usize::try_from(length).map_err(|_| Undecodable::from("it has no size"))?;
        let pixels = if wanted { vec![0xff; length] } else { Vec::new() };
        Ok(Self { width, height, channels, pixels, wanted, cicp: coded.cicp, tile: None })
    }

    /// Takes the colours of a tile.
    pub(super) fn colours(&mut self, tiles: &Tiles<'_>, tile: usize, picture: &Picture) -> Result<(), Undecodable> {
        let (left, top) = self.place(tiles, tile, picture)?;
        let cicp = *self.cicp.get_or_insert_with(|| Cicp {
            primaries: picture.color_primaries() as u16,
            transfer: picture.transfer_characteristic() as u16,
            matrix: picture.matrix_coefficients() as u16,
            is_full: is_full(picture),
        });
        if !self.wanted {
            return Ok(());
        }
        let coded = Coding::of(picture);
        let planes = Planes::of(&coded, cicp)?;
        self.each(left, top, picture, |pixel, x, y| pixel[..3].copy_from_slice(&planes.rgb(x, y)));
        Ok(())
    }

    /// Takes the opacity of a tile: the brightness of an image of its own.
    pub(super) fn opacity(&mut self, tiles: &Tiles<'_>, tile: usize, picture: &Picture) -> Result<(), Undecodable> {
        if (tiles.width, tiles.height) != (self.width, self.height) {
            return Err(Undecodable::from("its opacity is of another size than its colours"));
        }
        if tile == 0 {
            self.tile = None;
        }
        let (left, top) = self.place(tiles, tile, picture)?;
        if self.wanted {
            let coded = Coding::of(picture);
            let plane = Samples::of(&coded, &coded.y, is_full(picture));
            self.each(left, top, picture, |pixel, x, y| pixel[3] = eight_bits(plane.brightness(x, y)));
        }
        Ok(())
    }

    /// Where a tile begins. All are of the first one's size and together they cover the whole, with none too many.
    fn place(&mut self, tiles: &Tiles<'_>, tile: usize, picture: &Picture) -> Result<(u32, u32), Undecodable> {
        let size @ (width, height) = (picture.width(), picture.height());
        let first = *self.tile.get_or_insert(size);
        let (columns, rows) = (u64::from(tiles.columns), tiles.coded.len() as u64 / u64::from(tiles.columns));
        let (column, row) = (tile as u64 % columns, tile as u64 / columns);
        let (left, top) = (column * u64::from(width), row * u64::from(height));
        let covers = |side: u32, count: u64, whole: u32| u64::from(side) * count >= u64::from(whole);
        if size != first
            || !covers(width, columns, self.width)
            || !covers(height, rows, self.height)
            || left >= self.width.into()
            || top >= self.height.into()
        {
            return Err(Undecodable(format!(
                "a part of {width}x{height} pixels has no place in a picture of {}x{}",
                self.width, self.height
            )));
        }
        let fits = |place| u32::try_from(place).map_err(|_| Undecodable::from("it has no size"));
        Ok((fits(left)?, fits(top)?))
    }

    /// Goes over all pixels of a tile that are in the picture, with their place in the tile.
    fn each(&mut self, left: u32, top: u32, picture: &Picture, mut paint: impl FnMut(&mut [u8], usize, usize)) {
        let of = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let (columns, rows) = (of(picture.width().min(self.width - left)), of(picture.height().min(self.height - top)));
        let stride = of(self.width) * self.channels;
        for (y, row) in self.pixels.chunks_exact_mut(stride).skip(of(top)).take(rows).enumerate() {
            let pixels = row.chunks_exact_mut(self.channels).skip(of(left)).take(columns);
            pixels.enumerate().for_each(|(x, pixel)| paint(pixel, x, y));
        }
    }

    /// The picture as it is shown, but for its turns.
    pub(super) fn finish(mut self, coded: &Coded<'_>) -> Answer {
        if coded.is_premultiplied && self.channels == 4 {
            self.pixels.chunks_exact_mut(4).for_each(divide_by_opacity);
        }
        if let Some(crop) = coded.crop.filter(|_| self.wanted) {
            self.cut(crop);
        }
        let profile = coded.profile.filter(|profile| profile.len() <= LONGEST_PROFILE).map(<[u8]>::to_vec);
        let profile = profile.or_else(|| self.cicp.and_then(|cicp| profile::of_numbers(cicp.primaries, cicp.transfer)));
        Answer {
            width: self.width,
            height: self.height,
            has_opacity: self.channels == 4,
            orientation: coded.orientation,
            profile,
            pixels: self.pixels,
        }
    }

    fn cut(&mut self, Crop { left, top, width, height }: Crop) {
        let of = |number: u32| usize::try_from(number).unwrap_or(usize::MAX) * self.channels;
        let stride = of(self.width);
        let rows = self.pixels.chunks_exact(stride).skip(of(top) / self.channels).take(of(height) / self.channels);
        self.pixels = rows.flat_map(|row| &row[of(left)..of(left) + of(width)]).copied().collect();
        (self.width, self.height) = (width, height);
    }
}

fn is_full(picture: &Picture) -> bool {
    picture.color_range() as u8 != 0
}

/// How brightness and colours are mixed.
enum Mix {
    /// Each is one of green, blue and red itself.
    None,
    /// By the shares of red and blue in the brightness.
    Shares(f32, f32),
    /// Green against the others, and orange against blue.
    GreenAndOrange,
}

/// A picture's planes, held so that its samples can be lent.
struct Coding<'a> {
    picture: &'a Picture,
    y: Part,
    colours: Option<(Part, Part)>,
}

/// A plane, and how many bytes it is from one row to the next.
type Part = (Plane, usize);

impl<'a> Coding<'a> {
    fn of(picture: &'a Picture) -> Self {
        let part =
            |component| (picture.plane(component), usize::try_from(picture.stride(component)).unwrap_or(usize::MAX));
        let has_colours = picture.pixel_layout() != PixelLayout::I400;
        let colours = has_colours.then(|| (part(PlanarImageComponent::U), part(PlanarImageComponent::V)));
        Self { picture, y: part(PlanarImageComponent::Y), colours }
    }
}

/// A picture's samples as numbers.
struct Planes<'a> {
    y: Samples<'a>,
    colours: Option<(Samples<'a>, Samples<'a>)>,
    /// How many pixels share a sample of the colours, in each direction, as a shift.
    shared: (u32, u32),
    mix: Mix,
}

impl<'a> Planes<'a> {
    fn of(coded: &'a Coding<'_>, cicp: Cicp) -> Result<Self, Undecodable> {
        // Of high dynamic range, which eight bits hold only with a choice of what is to be seen.
        if matches!(cicp.transfer, 16) {
            return Err(Undecodable::from("its colours are of a high dynamic range"));
        }
        let mix = match cicp.matrix {
            0 => Mix::None,
            1 => Mix::Shares(0.2126, 0.0722),
            4 => Mix::Shares(0.3, 0.11),
            2 | 5 | 6 => Mix::Shares(0.299, 0.114),
            7 => Mix::Shares(0.212, 0.087),
            8 => Mix::GreenAndOrange,
            9 => Mix::Shares(0.2627, 0.0593),
            other => {
                return Err(Undecodable(format!("its colours are coded in a way that is not known here ({other})")));
            }
        };
        let samples = |part| Samples::of(coded, part, cicp.is_full);
        let colours = coded.colours.as_ref().map(|(u, v)| (samples(u), samples(v)));
        let shared = match coded.picture.pixel_layout() {
            PixelLayout::I420 => (1, 1),
            PixelLayout::I422 => (1, 0),
            PixelLayout::I400 | PixelLayout::I444 => (0, 0),
        };
        Ok(Self { y: samples(&coded.y), colours, shared, mix })
    }

    fn rgb(&self, x: usize, y: usize) -> [u8; 3] {
        let bright = self.y.brightness(x, y);
        let Some((u, v)) = &self.colours else { return [eight_bits(bright); 3] };
        let (x, y) = (x >> self.shared.0, y >> self.shared.1);
        let [red, green, blue] = match self.mix {
            Mix::None => [v.brightness(x, y), bright, u.brightness(x, y)],
            Mix::Shares(red_share, blue_share) => {
                let red = bright + 2.0 * (1.0 - red_share) * v.colour(x, y);
                let blue = bright + 2.0 * (1.0 - blue_share) * u.colour(x, y);
                let green = (bright - red_share * red - blue_share * blue) / (1.0 - red_share - blue_share);
                [red, green, blue]
            }
            Mix::GreenAndOrange => {
                let (green, orange) = (u.colour(x, y), v.colour(x, y));
                [bright - green + orange, bright + green, bright - green - orange]
            }
        };
        [red, green, blue].map(eight_bits)
    }
}

/// One plane of a picture.
struct Samples<'a> {
    plane: &'a [u8],
    /// Bytes from one row to the next.
    stride: usize,
    is_deep: bool,
    /// The largest number, and the step that is 1 in eight bits.
    most: f32,
    step: f32,
    is_full: bool,
}

impl<'a> Samples<'a> {
    fn of(coded: &Coding<'_>, (plane, stride): &'a Part, is_full: bool) -> Self {
        let bits = u8::try_from(coded.picture.bit_depth()).unwrap_or(8).clamp(8, 15);
        let step = f32::from(1_u16 << (bits - 8));
        let most = 256.0 * step - 1.0;
        Self { plane, stride: *stride, is_deep: bits > 8, most, step, is_full }
    }

    fn at(&self, x: usize, y: usize) -> f32 {
        if self.is_deep {
            let at = y * self.stride + 2 * x;
            f32::from(u16::from_ne_bytes([self.plane[at], self.plane[at + 1]]))
        } else {
            f32::from(self.plane[y * self.stride + x])
        }
    }

    /// From 0 to 1.
    fn brightness(&self, x: usize, y: usize) -> f32 {
        if self.is_full { self.at(x, y) / self.most } else { (self.at(x, y) - 16.0 * self.step) / (219.0 * self.step) }
    }

    /// From -0.5 to 0.5.
    fn colour(&self, x: usize, y: usize) -> f32 {
        (self.at(x, y) - 128.0 * self.step) / if self.is_full { self.most } else { 224.0 * self.step }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 255")]
fn eight_bits(value: f32) -> u8 {
    (value * 255.0 + 0.5).clamp(0.0, 255.0) as u8
}
