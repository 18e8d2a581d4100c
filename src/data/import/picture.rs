//! Decoding of a picture file to grey values.

use std::io::Cursor;

use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use crate::data::limits;
use crate::data::sniff::{FileKind, file_kind};

/// The endings of the names of pictures that are read, in small letters.
pub const ENDINGS: [&str; 14] =
    ["png", "jpg", "jpeg", "jpe", "jfif", "bmp", "dib", "gif", "webp", "pgm", "ppm", "pbm", "pnm", "pam"];

/// A picture in grey, on the scale of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// `[rows, cols]`, row-major. Colours become grey by ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B.
    pub grey: Grey,
    /// Opacity, `[rows, cols]`, 0 to 255; none if every pixel is opaque.
    pub alpha: Option<Vec<u8>>,
    /// The name of the file's format.
    pub format: &'static str,
    /// Whether the file has more frames than this one.
    pub has_more_frames: bool,
    /// Whether the picture was rotated or mirrored to be upright, as its metadata say.
    pub is_turned: bool,
}

/// Grey values of 8 or of 16 bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grey {
    /// 0 to 255.
    Bits8(Vec<u8>),
    /// 0 to 65535.
    Bits16(Vec<u16>),
}

impl Grey {
    /// The value of white.
    #[must_use]
    pub fn full(&self) -> u16 {
        match self {
            Self::Bits8(_) => u8::MAX.into(),
            Self::Bits16(_) => u16::MAX,
        }
    }

    /// The largest value.
    #[must_use]
    pub fn largest(&self) -> u16 {
        match self {
            Self::Bits8(values) => values.iter().copied().max().unwrap_or(0).into(),
            Self::Bits16(values) => values.iter().copied().max().unwrap_or(0),
        }
    }

    /// The values as bytes. `full` and larger values become 255.
    #[must_use]
    pub fn to_bytes(&self, full: u16) -> Vec<u8> {
        match self {
            Self::Bits8(values) if full == u16::from(u8::MAX) => values.clone(),
            Self::Bits8(values) => values.iter().map(|&value| scaled(value.into(), full)).collect(),
            Self::Bits16(values) => values.iter().map(|&value| scaled(value, full)).collect(),
        }
    }
}

impl Picture {
    /// The values on a scale where `full` is white, and alpha, both from 0 to 1.
    #[must_use]
    pub fn to_scale(&self, full: u16) -> (Vec<f32>, Option<Vec<f32>>) {
        let full = f32::from(full.max(1));
        let grey = match &self.grey {
            Grey::Bits8(values) => values.iter().map(|&value| f32::from(value) / full).collect(),
            Grey::Bits16(values) => values.iter().map(|&value| f32::from(value) / full).collect(),
        };
        let alpha = self.alpha.as_ref().map(|alpha| alpha.iter().map(|&alpha| f32::from(alpha) / 255.0).collect());
        (grey, alpha)
    }
}

/// A value scaled so that `full` becomes 255, rounded.
#[must_use]
pub fn scaled(value: u16, full: u16) -> u8 {
    let (value, full) = (u32::from(value), u32::from(full.max(1)));
    ((value * 255 + full / 2) / full).min(255) as u8
}

/// A picture that cannot be decoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The file is empty.
    #[error("an empty file")]
    Empty,
    /// The format is unknown or not read.
    #[error("no picture that is read here{}", .0.map_or(String::new(), |kind| format!(", but {kind}")))]
    Format(Option<FileKind>),
    /// The decoder failed.
    #[error("{}", one_line(.0))]
    Decoder(ImageError),
    /// The palette's length is no multiple of three.
    #[error("a palette of {0} bytes, not three a colour")]
    Palette(usize),
    /// A JPEG without its end marker.
    #[error("the file ends within the picture")]
    Cut,
    /// Too many pixels, or none.
    #[error("{rows} x {cols} pixels (rows x columns)")]
    Size {
        /// Rows.
        rows: usize,
        /// Columns.
        cols: usize,
    },
}

fn one_line(error: &ImageError) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The most bytes that a decoder may allocate for each pixel of a picture: far more than any format needs.
const ALLOC_PER_PIXEL: u64 = 16;
/// The bytes that it may allocate beside these.
const MIN_ALLOC: u64 = 64 << 20;

/// Decodes a picture of at most as many pixels as an image of a set may have. Its first bytes determine the format.
///
/// # Errors
/// A [`Problem`] of the picture. A picture with too many pixels is refused before it is decoded.
pub fn read(bytes: &[u8]) -> Result<Picture, Problem> {
    read_up_to(bytes, limits::MAX_PIXELS)
}

/// Decodes a picture of at most `max_pixels` pixels. Its first bytes determine the format.
///
/// # Errors
/// [`Problem`]. That it has too many pixels is seen before any is decoded.
pub fn read_up_to(bytes: &[u8], max_pixels: usize) -> Result<Picture, Problem> {
    let fits = |rows: usize, cols: usize| (1..=max_pixels).contains(&rows.saturating_mul(cols));
    if bytes.is_empty() {
        return Err(Problem::Empty);
    }
    let other_format = || Problem::Format(file_kind(bytes));
    let format = image::guess_format(bytes).map_err(|_| other_format())?;
    let name = match format {
        ImageFormat::Png => "PNG",
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Gif => "GIF",
        ImageFormat::WebP => "WebP",
        ImageFormat::Bmp => "BMP",
        ImageFormat::Pnm => "PNM",
        _ => return Err(other_format()),
    };
    if format == ImageFormat::Png {
        check_palette(bytes)?;
    }
    let has_more_frames = has_more_frames(bytes, format, fits);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits_of(max_pixels));
    let mut decoder = reader.into_decoder().map_err(Problem::Decoder)?;
    let (cols, rows) = decoder.dimensions();
    let (rows, cols) = (rows as usize, cols as usize);
    if !fits(rows, cols) {
        return Err(Problem::Size { rows, cols });
    }
    decoder.set_limits(limits_of(rows * cols)).map_err(Problem::Decoder)?;
    if format == ImageFormat::Jpeg && !is_whole_jpeg(bytes) {
        return Err(Problem::Cut);
    }
    // Unreadable metadata are ignored.
    let orientation = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(Problem::Decoder)?;
    let is_turned = orientation != image::metadata::Orientation::NoTransforms;
    picture.apply_orientation(orientation);
    let (rows, cols) = (picture.height() as usize, picture.width() as usize);
    let (grey, alpha) = to_grey(picture);
    let alpha = alpha.filter(|alpha| alpha.iter().any(|&alpha| alpha < u8::MAX));
    Ok(Picture { rows, cols, grey, alpha, format: name, has_more_frames, is_turned })
}

/// What a decoder may allocate for a picture of this many pixels.
fn limits_of(pixels: usize) -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(MIN_ALLOC + ALLOC_PER_PIXEL * pixels as u64);
    limits
}

/// Whether a file has several frames. A broken file is reported when the picture is decoded.
fn has_more_frames(bytes: &[u8], format: ImageFormat, fits: impl Fn(usize, usize) -> bool) -> bool {
    let bytes = Cursor::new(bytes);
    match format {
        ImageFormat::Png => PngDecoder::new(bytes).and_then(|decoder| decoder.is_apng()).unwrap_or(false),
        ImageFormat::WebP => WebPDecoder::new(bytes).is_ok_and(|decoder| decoder.has_animation()),
        ImageFormat::Gif => {
            // Frames are decoded to be counted, so their size is checked before. A frame may be larger than the picture.
            GifDecoder::new(bytes).is_ok_and(|mut decoder| {
                let (cols, rows) = decoder.dimensions();
                let (rows, cols) = (rows as usize, cols as usize);
                fits(rows, cols)
                    && decoder.set_limits(limits_of(rows * cols)).is_ok()
                    && decoder.into_frames().nth(1).is_some_and(|frame| frame.is_ok())
            })
        }
        _ => false,
    }
}

/// Refuses a palette that ends within a colour, because the png decoder panics at it.
fn check_palette(bytes: &[u8]) -> Result<(), Problem> {
    let reader = png::Decoder::new(Cursor::new(bytes)).read_info();
    // The decoder reports other errors.
    let palette = reader.ok().and_then(|reader| reader.info().palette.as_ref().map(|palette| palette.len()));
    match palette {
        Some(bytes) if !bytes.is_multiple_of(3) => Err(Problem::Palette(bytes)),
        _ => Ok(()),
    }
}

/// Whether a JPEG has its end marker. The decoder fills up a truncated picture without an error.
///
/// Outside the segments, which have a length, a byte 0xff begins a marker unless 0 follows it (ITU-T T.81, B.1.1).
fn is_whole_jpeg(bytes: &[u8]) -> bool {
    const END: u8 = 0xd9;
    let mut rest = bytes.get(2..).unwrap_or_default();
    while let Some(place) = rest.windows(2).position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff)) {
        let marker = rest[place + 1];
        rest = &rest[place + 2..];
        match marker {
            END => return true,
            // Restarts, and a marker of private use, have no length.
            0xd0..=0xd8 | 0x01 => {}
            _ => {
                let &[high, low, ..] = rest else { return false };
                rest = rest.get(usize::from(u16::from_be_bytes([high, low]))..).unwrap_or_default();
            }
        }
    }
    false
}

/// The grey values, and alpha if the picture has it.
fn to_grey(picture: DynamicImage) -> (Grey, Option<Vec<u8>>) {
    let bytes = |channels, values: &[u8]| {
        let grey = values.chunks_exact(channels).map(|pixel| luma(pixel) as u8).collect();
        (Grey::Bits8(grey), alpha(channels, values).map(Iterator::collect))
    };
    let words = |channels, values: &[u16]| {
        let grey = values.chunks_exact(channels).map(|pixel| luma(pixel) as u16).collect();
        (Grey::Bits16(grey), alpha(channels, values).map(|alpha| alpha.map(|word| scaled(word, u16::MAX)).collect()))
    };
    match picture {
        DynamicImage::ImageLuma8(image) => bytes(1, &image),
        DynamicImage::ImageLumaA8(image) => bytes(2, &image),
        DynamicImage::ImageRgb8(image) => bytes(3, &image),
        DynamicImage::ImageRgba8(image) => bytes(4, &image),
        DynamicImage::ImageLuma16(image) => words(1, &image),
        DynamicImage::ImageLumaA16(image) => words(2, &image),
        DynamicImage::ImageRgb16(image) => words(3, &image),
        DynamicImage::ImageRgba16(image) => words(4, &image),
        // Floats, which none of these formats has.
        other => words(4, &other.to_rgba16()),
    }
}

fn luma<T: Copy + Into<u32>>(pixel: &[T]) -> u32 {
    match *pixel {
        [red, green, blue, ..] => (299 * red.into() + 587 * green.into() + 114 * blue.into() + 500) / 1000,
        [grey, ..] => grey.into(),
        [] => 0,
    }
}

/// The last of two or four channels.
fn alpha<T: Copy>(channels: usize, values: &[T]) -> Option<impl Iterator<Item = T>> {
    channels.is_multiple_of(2).then(|| values.iter().skip(channels - 1).step_by(channels).copied())
}

#[cfg(test)]
mod tests {
    use image::{ColorType, ImageEncoder};
    use proptest::prelude::*;

    use super::*;

    fn png(color: png::ColorType, depth: png::BitDepth, (rows, cols): (u32, u32), bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, cols, rows);
        encoder.set_color(color);
        encoder.set_depth(depth);
        encoder.write_header().unwrap().write_image_data(bytes).unwrap();
        out
    }

    /// A picture of 8 x 8 pixels, dark but for a bright stroke, in this format.
    fn encoded(format: ImageFormat) -> Vec<u8> {
        let mut picture = image::GrayImage::new(8, 8);
        (1..7).for_each(|y| picture.put_pixel(3, y, image::Luma([240])));
        let mut out = Cursor::new(Vec::new());
        let picture = DynamicImage::ImageLuma8(picture);
        // These two know no grey.
        let picture = match format {
            ImageFormat::Gif | ImageFormat::WebP => DynamicImage::ImageRgba8(picture.to_rgba8()),
            _ => picture,
        };
        picture.write_to(&mut out, format).unwrap();
        out.into_inner()
    }

    const FORMATS: [ImageFormat; 6] =
        [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Pnm];

    #[test]
    fn every_format_becomes_grey() {
        for format in FORMATS {
            let picture = read(&encoded(format)).unwrap();
            assert_eq!((picture.rows, picture.cols, &picture.alpha), (8, 8, &None), "{format:?}");
            let grey = picture.grey.to_bytes(255);
            // JPEG is not exact.
            assert!(grey[3 * 8 + 3].abs_diff(240) < 12 && grey[3 * 8 + 6] < 12, "{format:?}: {grey:?}");
        }
    }

    #[test]
    fn every_kind_of_png_becomes_grey() {
        use png::{BitDepth, ColorType};
        let read = |color, depth, size, bytes: &[u8]| read(&png(color, depth, size, bytes)).unwrap();
        let eight = |color, bytes: &[u8]| read(color, BitDepth::Eight, (1, 2), bytes);
        assert_eq!(eight(ColorType::Grayscale, &[3, 250]).grey, Grey::Bits8(vec![3, 250]));
        assert_eq!(eight(ColorType::Rgb, &[255, 0, 0, 255, 255, 255]).grey, Grey::Bits8(vec![76, 255]));
        let seen_through = eight(ColorType::GrayscaleAlpha, &[200, 255, 7, 0]);
        assert_eq!((seen_through.grey, seen_through.alpha), (Grey::Bits8(vec![200, 7]), Some(vec![255, 0])));
        let seen_through = eight(ColorType::Rgba, &[0, 255, 0, 255, 255, 255, 255, 51]);
        assert_eq!((seen_through.grey, seen_through.alpha), (Grey::Bits8(vec![150, 255]), Some(vec![255, 51])));
        assert_eq!(eight(ColorType::GrayscaleAlpha, &[200, 255, 7, 255]).alpha, None);
        let sixteen = read(ColorType::Grayscale, BitDepth::Sixteen, (2, 1), &[15, 255, 255, 255]);
        assert_eq!((&sixteen.grey, sixteen.grey.full()), (&Grey::Bits16(vec![4095, 65535]), 65535));
        let one = read(ColorType::Grayscale, BitDepth::One, (1, 3), &[0b1010_0000]);
        assert_eq!(one.grey, Grey::Bits8(vec![255, 0, 255]));
    }

    #[test]
    fn several_frames_are_found() {
        let mut out = Vec::new();
        let mut encoder = image::codecs::gif::GifEncoder::new(&mut out);
        for grey in [200, 100] {
            encoder
                .encode_frame(image::Frame::new(image::RgbaImage::from_pixel(2, 2, [grey, grey, grey, 255].into())))
                .unwrap();
        }
        drop(encoder);
        let picture = read(&out).unwrap();
        assert!(picture.has_more_frames && picture.grey.to_bytes(255)[0].abs_diff(200) < 3);
        assert!(FORMATS.iter().all(|&format| !read(&encoded(format)).unwrap().has_more_frames));
    }

    #[test]
    fn a_frame_far_larger_than_its_picture_is_refused() {
        let mut gif = encoded(ImageFormat::Gif);
        // The image descriptor: after its mark the frame's place, then its size.
        let mark = gif.windows(9).position(|bytes| bytes == [0x2c, 0, 0, 0, 0, 8, 0, 8, 0]).unwrap();
        gif[mark + 5..mark + 9].copy_from_slice(&[0x30, 0x75, 0x30, 0x75]);
        let error = read_up_to(&gif, 1 << 26).unwrap_err();
        assert!(matches!(error, Problem::Decoder(ImageError::Limits(_))), "{error}");
    }

    #[test]
    fn values_are_scaled_and_rounded() {
        assert_eq!(Grey::Bits16(vec![0, 128, 129, 32_768, 65_535]).to_bytes(65_535), [0, 0, 1, 128, 255]);
        assert_eq!(Grey::Bits16(vec![2048, 4095]).to_bytes(4095), [128, 255]);
        assert_eq!(Grey::Bits8(vec![0, 1, 8, 16]).to_bytes(16), [0, 16, 128, 255]);
        assert_eq!(Grey::Bits8(vec![7, 9]).to_bytes(255), [7, 9]);
        assert_eq!((scaled(9, 0), scaled(u16::MAX, 1)), (255, 255));
    }

    #[test]
    fn a_truncated_file_is_no_picture_in_any_format() {
        for format in FORMATS {
            let whole = encoded(format);
            // After the pixels a PNG has 12 more bytes, and a GIF some.
            let picture = read(&whole).unwrap();
            for end in 0..whole.len() {
                match read(&whole[..end]) {
                    Err(_) => {}
                    Ok(found) => assert!(found == picture && end + 12 >= whole.len(), "{format:?} cut at {end}"),
                }
            }
        }
    }

    #[test]
    fn bytes_after_a_picture_are_ignored() {
        for format in FORMATS {
            let padded = [encoded(format), vec![0; 100]].concat();
            assert_eq!(read(&padded).unwrap(), read(&encoded(format)).unwrap(), "{format:?}");
        }
    }

    #[test]
    fn a_picture_is_refused_for_its_size_before_it_is_decoded() {
        let large = png(png::ColorType::Grayscale, png::BitDepth::Eight, (65, 64), &[0; 65 * 64]);
        assert!(matches!(read(&large), Err(Problem::Size { rows: 65, cols: 64 })));
        assert!(matches!(read(b"P5 4000 3000 255\n"), Err(Problem::Size { rows: 3000, cols: 4000 })));
    }

    #[test]
    fn other_files_are_named() {
        assert_eq!(read(b"II*\0 a TIFF").unwrap_err().to_string(), "no picture that is read here, but a TIFF picture");
        assert_eq!(read(b"nothing").unwrap_err().to_string(), "no picture that is read here");
        assert_eq!(read(b"").unwrap_err().to_string(), "an empty file");
    }

    #[test]
    fn a_palette_that_ends_within_a_colour_is_refused() {
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, 2, 1);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::One);
        encoder.set_palette(&[0, 0, 0, 255, 255, 255, 9, 9][..]);
        encoder.write_header().unwrap().write_image_data(&[0b0100_0000]).unwrap();
        assert!(matches!(read(&out), Err(Problem::Palette(8))));
    }

    #[test]
    fn a_picture_is_rotated_to_be_upright() {
        let mut out = Vec::new();
        let mut encoder = image::codecs::png::PngEncoder::new(&mut out);
        // Exif with one entry: orientation 6, turned by 90 degrees.
        let exif = [&b"II*\0\x08\0\0\0"[..], &[1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0], &[0; 4]].concat();
        encoder.set_exif_metadata(exif).unwrap();
        encoder.write_image(&[1, 2, 3, 4, 5, 6], 3, 2, ColorType::L8.into()).unwrap();
        let picture = read(&out).unwrap();
        assert_eq!((picture.rows, picture.cols, picture.is_turned), (3, 2, true));
        assert_eq!(picture.grey, Grey::Bits8(vec![4, 1, 5, 2, 6, 3]));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            format in prop::sample::select(FORMATS.to_vec()),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let _ = read(&bytes);
            let mut picture = encoded(format);
            for (place, byte) in changes {
                let place = place.index(picture.len());
                picture[place] = byte;
            }
            let _ = read(&picture);
        }
    }
}
