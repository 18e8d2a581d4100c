//! From what a visitor draws to the image that the network sees.

use twolayer::data::description::Description;
use twolayer::data::prepare::{Grey, Way};

/// The image, `pixels` bytes, of a canvas of red, green, blue and alpha, `[side, side, 4]`; none where nothing is drawn. A network of
/// MNIST's size gets a digit as MNIST has them: 20 pixels long, its centre of mass in the middle.
#[must_use]
pub fn image(rgba: &[u8], side: usize, pixels: usize) -> Option<Vec<u8>> {
    let picture = Grey::from_rgba(side, side, rgba).ok()?;
    Way::of(&Description::default(), pixels).image(picture, None).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 140;
    const PIXELS: usize = 784;

    /// A canvas, transparent but for a black upright bar at these columns.
    fn bar(cols: std::ops::Range<usize>) -> Vec<u8> {
        let pixel = |n: usize| {
            let is_ink = (20..120).contains(&(n / SIDE)) && cols.contains(&(n % SIDE));
            [0, 0, 0, if is_ink { 255 } else { 0 }]
        };
        (0..SIDE * SIDE).flat_map(pixel).collect()
    }

    #[test]
    fn ink_is_bright_and_centred_wherever_it_is_drawn() {
        let images = [10..22, 100..112].map(|cols| image(&bar(cols), SIDE, PIXELS).expect("a bar"));
        assert_eq!(images[0], images[1]);
        assert_eq!(images[0][14 * 28 + 14], 255);
        let rows_with_ink = images[0].chunks(28).filter(|row| row.iter().any(|&pixel| pixel > 127)).count();
        assert_eq!(rows_with_ink, 20);
    }

    #[test]
    fn nothing_drawn_is_no_image() {
        assert_eq!(image(&vec![0; SIDE * SIDE * 4], SIDE, PIXELS), None);
        assert_eq!(image(&[0; 3], SIDE, PIXELS), None, "no canvas");
    }
}
