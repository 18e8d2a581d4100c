//! The built-in digits: drawn pictures that resemble MNIST's, for use when MNIST cannot be downloaded.
//!
//! `styles` has the styles of each digit, as points on strokes. `writer` draws a style at random, interpolates between two of its
//! forms, and moves, bends, slants and rotates the points at random. `pen` draws the strokes into a 20x20 box and places that in
//! a 28x28 picture with the centre of mass in the middle, as in MNIST. Floats are computed with `+ - * /` and `sqrt` alone, in a
//! fixed order, so a seed gives the same bytes on every machine.

mod pen;
mod styles;
mod writer;

use std::io::{self, Write};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::idx::{self, Kind};
use super::{Dataset, Error, Splits};
use crate::{memory, threads};
use writer::Writer;

pub use pen::{PIXELS, SIDE};
pub use styles::CLASSES;

/// `count` digit images of [`PIXELS`] bytes, one after another, and their labels, 0 to 9.
///
/// Image and label i depend on (`seed`, i) alone.
#[must_use]
pub fn draw(count: usize, seed: u64) -> (Vec<u8>, Vec<u8>) {
    let mut images = vec![0; count * PIXELS];
    let labels = draw_into(&mut images, 0, seed);
    (images, labels)
}

/// Images that a thread draws at a time.
const IMAGES_A_THREAD: usize = 64;

/// The generator of an image.
fn rng(seed: u64, index: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(index);
    rng
}

/// Fills `images` with images from index `first` on. Returns their labels.
fn draw_into(images: &mut [u8], first: u64, seed: u64) -> Vec<u8> {
    let chunks = images.chunks_mut(IMAGES_A_THREAD * PIXELS).enumerate();
    let labels = threads::map(chunks, |(chunk, images)| {
        let draw = |(index, image): (u64, &mut [u8])| {
            let (digit, label) = Writer::new(rng(seed, index)).digit();
            image.copy_from_slice(&digit);
            label
        };
        let first = first + (chunk * IMAGES_A_THREAD) as u64;
        (first..).zip(images.chunks_exact_mut(PIXELS)).map(draw).collect::<Vec<u8>>()
    });
    labels.concat()
}

/// Images that are drawn at a time for a file.
const CHUNK: u32 = 10_000;

/// A written set of at least so many images has every digit.
const MIN_COMPLETE: usize = 20;

/// Draws missing digits until each is there. A missing digit replaces the last image of the most frequent one.
fn complete(images: &mut [u8], labels: &mut [u8], seed: u64) {
    let count = |labels: &[u8], label: usize| labels.iter().filter(|&&other| usize::from(other) == label).count();
    while let Some(missing) = (0..CLASSES).find(|&label| count(labels, label) == 0) {
        let most = (0..CLASSES).max_by_key(|&label| count(labels, label)).unwrap_or(0);
        let Some(index) = labels.iter().rposition(|&label| usize::from(label) == most) else { return };
        let digit = Writer::new(rng(seed, index as u64)).digit_of(missing);
        images[index * PIXELS..][..PIXELS].copy_from_slice(&digit);
        labels[index] = missing as u8;
    }
}

/// Writes the images of [`draw`] as an IDX file and returns their labels. If `count` is 20 or more, digits that are missing
/// replace others. Only the labels take memory that grows with `count`. `done` is called with the count of images so far.
///
/// # Errors
/// Those of `out`.
pub fn write_images(mut out: impl Write, count: u32, seed: u64, done: &mut dyn FnMut(u32)) -> io::Result<Vec<u8>> {
    idx::write_header(&mut out, Kind::Images, &[count as usize, SIDE, SIDE])?;
    let mut labels = Vec::new();
    let mut chunk = memory::zeroed(CHUNK.min(count) as usize * PIXELS, "digits").map_err(io::Error::other)?;
    for first in (0..count).step_by(CHUNK as usize) {
        let images = &mut chunk[..CHUNK.min(count - first) as usize * PIXELS];
        let mut drawn = draw_into(images, first.into(), seed);
        // A full chunk has every digit.
        if (MIN_COMPLETE..CHUNK as usize).contains(&(count as usize)) {
            complete(images, &mut drawn, seed);
        }
        out.write_all(images)?;
        labels.extend(drawn);
        done(labels.len() as u32);
    }
    Ok(labels)
}

/// The seeds of the training and the test images of a set. No two sets share a seed.
#[must_use]
pub fn seeds(set: u64) -> [u64; 2] {
    [1, 2].map(|split| set.wrapping_mul(2).wrapping_add(split))
}

/// The built-in set: 60,000 training and 10,000 test digits, always the same.
///
/// # Errors
/// [`Error::NoMemory`].
pub fn built_in() -> Result<Splits, Error> {
    let set = |count, seed| {
        let mut images = memory::zeroed(count * PIXELS, "digits")?;
        let labels = draw_into(&mut images, 0, seed);
        Dataset::new(images, labels, SIDE, SIDE)
    };
    let [train, test] = seeds(0);
    Splits::new(set(60_000, train)?, set(10_000, test)?)
}

#[cfg(test)]
mod tests {
    use super::pen::BOX;
    use super::*;

    /// FNV-1a.
    fn hash(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }

    #[test]
    fn the_set_never_changes() {
        let (images, labels) = draw(100, 0);
        assert_eq!((hash(&images), hash(&labels)), (0xd667_bc73_b07f_9bc7, 0xad5d_9e28_6ddc_d5a9));
    }

    #[test]
    fn an_image_depends_on_its_seed_and_index_alone() {
        let (few, few_labels) = draw(5, 7);
        let (many, many_labels) = draw(50, 7);
        assert_eq!(few, many[..few.len()]);
        assert_eq!(few_labels, many_labels[..few_labels.len()]);
        assert_eq!((few.len(), few_labels.len()), (5 * PIXELS, 5));
        assert_ne!(few, draw(5, 8).0);
        assert_eq!(draw(0, 7), (vec![], vec![]));
    }

    #[test]
    fn labels_are_balanced_and_mixed() {
        let labels = draw(5000, 1).1;
        let mut counts = [0; CLASSES];
        for &label in &labels {
            counts[usize::from(label)] += 1;
        }
        assert!(counts.iter().all(|n| (400..600).contains(n)), "{counts:?}");
        let repeats = labels.windows(2).filter(|pair| pair[0] == pair[1]).count();
        assert!((400..600).contains(&repeats), "{repeats} repeats");
    }

    #[test]
    fn ink_stays_in_the_box_around_its_centre_of_mass() {
        for image in draw(5000, 2).0.chunks_exact(PIXELS) {
            for coordinate in [|i| i % SIDE, |i| i / SIDE] {
                let ink = || image.iter().enumerate().filter(|(_, v)| **v > 0);
                let (low, high) = (ink().map(|(i, _)| coordinate(i)).min(), ink().map(|(i, _)| coordinate(i)).max());
                assert!(high.unwrap() - low.unwrap() < BOX);

                let mass: f32 = ink().map(|(_, &v)| f32::from(v)).sum();
                let moment: f32 = ink().map(|(i, &v)| f32::from(v) * (coordinate(i) as f32 + 0.5)).sum();
                let off = moment / mass - SIDE as f32 / 2.0;
                // The box never extends beyond the picture.
                let is_at_edge = low == Some(0) || high == Some(SIDE - 1);
                assert!(off.abs() < if is_at_edge { 2.0 } else { 0.51 }, "{off} pixels off the middle");
            }
        }
    }

    #[test]
    fn a_file_holds_what_is_drawn_at_once() {
        let mut file = Vec::new();
        let mut reports = Vec::new();
        let count = CHUNK + 3;
        let labels = write_images(&mut file, count, 5, &mut |done| reports.push(done)).unwrap();
        let (images, expected) = draw(count as usize, 5);
        assert_eq!(labels, expected);
        assert_eq!(idx::read_images(&file[..]).unwrap().pixels, images);
        assert_eq!(reports, [CHUNK, count]);
        let mut file = Vec::new();
        idx::write_labels(&labels, &mut file).unwrap();
        assert_eq!(idx::read_labels(&file[..]).unwrap(), labels);
    }

    #[test]
    fn a_small_set_has_every_digit() {
        for count in [20, 21, 50] {
            for seed in 0..100 {
                let mut file = Vec::new();
                let labels = write_images(&mut file, count, seed, &mut |_| {}).unwrap();
                assert!((0..CLASSES as u8).all(|label| labels.contains(&label)), "{count} images of seed {seed}");
                let (images, drawn) = draw(count as usize, seed);
                let found = idx::read_images(&file[..]).unwrap().pixels;
                let both = found.chunks_exact(PIXELS).zip(images.chunks_exact(PIXELS)).zip(labels.iter().zip(&drawn));
                assert!(both.into_iter().all(|((found, drawn), (label, other))| (found == drawn) == (label == other)));
            }
        }
        let fewer = write_images(Vec::new(), 19, 0, &mut |_| {}).unwrap();
        assert_eq!(fewer, draw(19, 0).1);
    }

    #[test]
    fn no_two_sets_share_a_seed() {
        assert_eq!([seeds(0), seeds(1), seeds(2)], [[1, 2], [3, 4], [5, 6]]);
        let [train, test] = seeds(u64::MAX);
        assert!(train == u64::MAX && test == 0);
    }
}
