//! Images whose pixels are mostly 0: only the others are kept and computed with.

use super::images::Visit;
use super::simd::{Instructions, Row, add_scaled, kernel};
use super::strips::{Blocks, LENT, Strip, lent, lent_mut};
use super::team::Team;

/// A pixel that is not 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
struct Nonzero {
    /// Its number within its block.
    index: u8,
    value: u8,
}

/// What a pixel's value is to the network: x = value / 255.
static X: [f32; 256] = {
    let mut x = [0.0; 256];
    let mut value = 0;
    while value < x.len() {
        x[value] = value as f32 / 255.0;
        value += 1;
    }
    x
};

/// Strips that are computed side by side: as many as have their sums in registers.
const MOST_STRIPS: usize = 4;
/// As many as a cache line holds.
const LINE: usize = 64 / size_of::<Nonzero>();

/// The nonzero pixels of a set, image after image and block after block.
#[derive(Debug)]
pub struct Sparse {
    blocks: Blocks,
    nonzeros: Vec<Nonzero>,
    /// Where each block of each image begins, and at last where the last ends: `[images * blocks + 1]`.
    starts: Vec<u32>,
}

impl Sparse {
    /// Takes the nonzero pixels out of `images`, `[N, pixels]`; or nothing if there are too many to be numbered.
    pub fn new(team: &Team, blocks: Blocks, images: &[u8]) -> Option<Self> {
        let per_part = (images.len() / blocks.pixels).div_ceil(team.threads()).max(1) * blocks.pixels;
        let parts: Vec<&[u8]> = images.chunks(per_part).collect();
        let counts = team.run(parts.clone(), |_, images| counts(&blocks, images));
        let mut end = 0_u32;
        let mut starts = vec![0];
        for count in counts.iter().flatten() {
            end = end.checked_add(u32::from(*count))?;
            starts.push(end);
        }
        let mut nonzeros = vec![Nonzero::default(); end as usize];
        let mut rest = &mut nonzeros[..];
        let mut places = Vec::new();
        for (images, counts) in parts.into_iter().zip(&counts) {
            let length = counts.iter().map(|count| usize::from(*count)).sum();
            let (place, behind) = rest.split_at_mut(length);
            places.push((images, place));
            rest = behind;
        }
        team.run(places, |_, (images, place)| take(&blocks, images, place));
        Some(Self { blocks, nonzeros, starts })
    }

    pub fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    /// How many pixels of an image are not 0, in the mean.
    pub fn nonzeros_in_an_image(&self) -> usize {
        self.nonzeros.len() * self.blocks.count / self.starts.len()
    }

    /// Asks for these images' pixels, so that they are in the cache when they are needed: no CPU can guess which images
    /// come next.
    pub fn prefetch(&self, images: &[u32]) {
        for &image in images {
            let first = image as usize * self.blocks.count;
            let (start, end) = (self.starts[first], self.starts[first + self.blocks.count]);
            self.nonzeros[start as usize..end as usize].chunks(LINE).for_each(prefetch);
        }
    }

    /// Adds x W1 to a1.
    pub fn forward(&self, kind: Instructions, visit: &Visit, strips: &[Strip], a1: &mut [Vec<Row>]) {
        for (strips, a1) in strips.chunks(MOST_STRIPS).zip(a1.chunks_mut(MOST_STRIPS)) {
            match strips.len() {
                1 => forward::<1>(kind, self, visit, strips, a1),
                2 => forward::<2>(kind, self, visit, strips, a1),
                3 => forward::<3>(kind, self, visit, strips, a1),
                _ => forward::<MOST_STRIPS>(kind, self, visit, strips, a1),
            }
        }
    }

    /// Adds xᵀ da1 to W1.
    pub fn backward(&self, kind: Instructions, visit: &Visit, da1: &[Vec<Row>], strips: &mut [Strip]) {
        for (strips, da1) in strips.chunks_mut(MOST_STRIPS).zip(da1.chunks(MOST_STRIPS)) {
            match strips.len() {
                1 => backward::<1>(kind, self, visit, da1, strips),
                2 => backward::<2>(kind, self, visit, da1, strips),
                3 => backward::<3>(kind, self, visit, da1, strips),
                _ => backward::<MOST_STRIPS>(kind, self, visit, da1, strips),
            }
        }
    }

    fn of(&self, image: u32, block: usize) -> &[Nonzero] {
        let place = image as usize * self.blocks.count + block;
        &self.nonzeros[self.starts[place] as usize..self.starts[place + 1] as usize]
    }
}

/// How many pixels are not 0, in each block of each image.
fn counts(blocks: &Blocks, images: &[u8]) -> Vec<u16> {
    let count = |block: &[u8]| block.iter().map(|&value| u16::from(value != 0)).sum();
    images.chunks_exact(blocks.pixels).flat_map(|image| image.chunks(blocks.length).map(count)).collect()
}

/// Puts the pixels that are not 0 in their place, which is as long as they are many.
fn take(blocks: &Blocks, images: &[u8], place: &mut [Nonzero]) {
    let mut rest = place;
    // Every pixel is written, and the next one over it if it is 0: a branch would be guessed wrongly too often.
    let mut taken = [Nonzero::default(); LENT + 1];
    for block in images.chunks_exact(blocks.pixels).flat_map(|image| image.chunks(blocks.length)) {
        let mut count = 0;
        for (index, &value) in (0..).zip(block) {
            taken[count] = Nonzero { index, value };
            count += usize::from(value != 0);
        }
        let (here, behind) = rest.split_at_mut(count);
        here.copy_from_slice(&taken[..count]);
        rest = behind;
    }
}

/// An array of something of each strip.
fn of_each<S, T, const SIZE: usize>(strips: impl IntoIterator<Item = S>, what: impl Fn(S) -> T) -> [T; SIZE] {
    let mut strips = strips.into_iter().map(what);
    std::array::from_fn(|_| strips.next().expect("as many strips as the kernel is compiled for"))
}

kernel! {
    fn forward<const SIZE: usize>(sparse: &Sparse, visit: &Visit, strips: &[Strip], a1: &mut [Vec<Row>]) {
        let start = sparse.blocks.start(visit.block);
        let w1: [&[Row; LENT]; SIZE] = of_each(strips, |strip| lent(&strip.w1, start));
        let mut a1: [&mut [Row]; SIZE] = of_each(a1, |a1| &mut a1[..visit.images.len()]);
        for (n, &image) in visit.images.iter().enumerate() {
            let mut sums: [Row; SIZE] = std::array::from_fn(|strip| a1[strip][n]);
            for pixel in sparse.of(image, visit.block) {
                let (index, x) = (usize::from(pixel.index), X[usize::from(pixel.value)]);
                for (sum, w1) in sums.iter_mut().zip(&w1) {
                    add_scaled::<FUSED>(sum, x, &w1[index]);
                }
            }
            for (a1, sum) in a1.iter_mut().zip(sums) {
                a1[n] = sum;
            }
        }
    }
}

kernel! {
    fn backward<const SIZE: usize>(sparse: &Sparse, visit: &Visit, da1: &[Vec<Row>], strips: &mut [Strip]) {
        let start = sparse.blocks.start(visit.block);
        let mut w1: [&mut [Row; LENT]; SIZE] = of_each(strips, |strip| lent_mut(&mut strip.w1, start));
        let da1: [&[Row]; SIZE] = of_each(da1, |da1| &da1[..visit.images.len()]);
        for (n, &image) in visit.images.iter().enumerate() {
            let da1: [Row; SIZE] = da1.map(|da1| da1[n]);
            for pixel in sparse.of(image, visit.block) {
                let (index, x) = (usize::from(pixel.index), X[usize::from(pixel.value)]);
                for (w1, da1) in w1.iter_mut().zip(&da1) {
                    add_scaled::<FUSED>(&mut w1[index], x, da1);
                }
            }
        }
    }
}

/// Asks for the cache line that these are in.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
fn prefetch(line: &[Nonzero]) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch reads nothing that the program sees and never faults.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) }
}

/// Other CPUs find them when they are needed.
#[cfg(not(target_arch = "x86_64"))]
fn prefetch(_: &[Nonzero]) {}
