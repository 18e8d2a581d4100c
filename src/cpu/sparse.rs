//! Images whose pixels are mostly 0: only the others are kept, in quads of neighbours. Where one of them is not 0, the others
//! mostly are not either.

use bytemuck::{Pod, Zeroable};

use super::pixels::Nonzero;
use super::simd::{Instructions, LANES, compress, kernel};
use super::strips::{Blocks, QUAD};
use super::team::Team;
use crate::backend::Error;
use crate::data::{Room, Source};
use crate::{NoMemory, memory};

/// Images whose pixels lie together, and whose work is worth a thread.
const PART: usize = 512;
/// Pixels that become x together: a cache line of them.
pub const CHUNK: usize = 64;
/// Bits of a word, one a quad.
pub const WORD: usize = u64::BITS as usize;
/// The distances of prefetches, in images: memory answers within this time, first where an image is, then with it.
const PREFETCH: [usize; 2] = [12, 8];
/// Lines of an image that are prefetched, always as many: a loop to the last would be guessed wrongly.
const LINES: usize = 4;

/// A cache line.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u8; CHUNK]);

/// The nonzero pixels of a set.
///
/// An image begins with a line. First come words with a bit for each of its quads, the first in the lowest bit: whether it has a pixel
/// that is not 0. Then follow the pixels of the quads that have.
#[derive(Debug)]
pub struct Sparse {
    blocks: Blocks,
    /// A vector for [`PART`] images, and lines behind them so that chunks of the last may be read.
    parts: Vec<Vec<Line>>,
    /// The line of its part where each image begins.
    starts: Vec<u32>,
    /// Quads that are not 0.
    quads: usize,
}

/// One part of a set.
struct Part {
    lines: Vec<Line>,
    /// Quads that are not 0.
    quads: usize,
}

impl Sparse {
    /// Lists the nonzero quads of images.
    ///
    /// # Errors
    /// [`Error::Images`] or [`Error::NoMemory`].
    pub fn new(kind: Instructions, team: &Team, blocks: Blocks, set: &Source) -> Result<Self, Error> {
        let mut starts = memory::zeroed(set.labels().len(), "the places of pixels")?;
        let parts = starts.chunks_mut(PART).enumerate();
        // Each part is listed where it was read, while it is in the thread's cache.
        let parts = team.deal(parts, Default::default, |(room, lists): &mut (Room, Lists), (part, starts)| {
            let first = part * PART;
            let pixels = set.read(first..first + starts.len(), room)?;
            let (quads, lines) = list(kind, kind, &blocks, pixels, starts, lists);
            // A chunk of each image's pixels may be read up to a line behind its last.
            Ok(Part { lines: memory::copied(&lists.lines[..=lines], "pixels")?, quads })
        });
        let parts = parts.into_iter().collect::<Result<Vec<_>, Error>>()?;
        let quads = parts.iter().map(|part| part.quads).sum();
        let parts = parts.into_iter().map(|part| part.lines).collect();
        Ok(Self { blocks, parts, starts, quads })
    }

    /// Every pixel of the images, `[N, blocks, width]`.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn into_pixels(self) -> Result<Vec<u8>, NoMemory> {
        let Self { blocks, parts, starts, .. } = self;
        let mut all = memory::zeroed(starts.len() * blocks.padded(), "pixels")?;
        let images = all.chunks_mut(PART * blocks.padded());
        // Each part is dropped as soon as its images are there.
        for ((part, starts), images) in parts.into_iter().zip(starts.chunks(PART)).zip(images) {
            for (start, image) in starts.iter().zip(images.chunks_exact_mut(blocks.padded())) {
                let (words, pixels) = split(&blocks, &part[*start as usize..]);
                let mut quads = pixels.as_chunks::<QUAD>().0.iter();
                for (word, image) in words.iter().zip(image.chunks_mut(WORD * QUAD)) {
                    let word = u64::from_le_bytes(*word);
                    let image = image.as_chunks_mut::<QUAD>().0.iter_mut().enumerate();
                    let taken = image.filter(|(place, _)| word >> place & 1 == 1);
                    taken.zip(&mut quads).for_each(|((_, to), quad)| *to = *quad);
                }
            }
        }
        Ok(all)
    }

    pub fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    /// Images in the set.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// How many pixels of all images are computed with.
    pub fn pixels(&self) -> usize {
        self.quads * QUAD
    }

    /// The lines of an image, and those behind it.
    #[inline(always)]
    fn lines(&self, image: u32) -> &[Line] {
        &self.parts[image as usize / PART][self.starts[image as usize] as usize..]
    }

    /// The words of an image, and the pixels of its quads, with what is behind them.
    #[inline(always)]
    pub fn of(&self, image: u32) -> (&[[u8; WORD / 8]], &[u8]) {
        split(&self.blocks, self.lines(image))
    }

    /// Asks for the pixels of an image that comes soon after image `n`: no CPU can guess which it is.
    #[inline(always)]
    pub fn prefetch(&self, stream: &[u32], n: usize) {
        if let Some(&image) = stream.get(n + PREFETCH[0]) {
            prefetch(&self.starts[image as usize]);
        }
        if let Some(&image) = stream.get(n + PREFETCH[1]) {
            let lines = self.lines(image);
            for line in 0..LINES {
                prefetch(&lines[line.min(lines.len() - 1)]);
            }
        }
    }

    /// The nonzero pixels of an image, block after block, and where each block's end, put into `nonzeros` and `ends`.
    pub fn nonzeros(&self, image: u32, nonzeros: &mut Vec<Nonzero>, ends: &mut Vec<usize>) {
        let (words, pixels) = self.of(image);
        let mut quads = pixels.as_chunks::<QUAD>().0.iter();
        let width = self.blocks.width;
        ends.clear();
        nonzeros.resize(self.blocks.padded() + 1, Nonzero::default());
        let mut count = 0;
        for (word, first) in words.iter().zip((0..).step_by(WORD)) {
            let mut left = u64::from_le_bytes(*word);
            while left != 0 {
                let place = (first + left.trailing_zeros() as usize) * QUAD;
                left &= left - 1;
                ends.resize(place / width, count);
                // Every pixel is written, and the next one over it if it is 0: a branch would be guessed wrongly too often.
                for (index, &value) in (place % width..).zip(quads.next().into_iter().flatten()) {
                    nonzeros[count] = Nonzero { index: index as u8, value };
                    count += usize::from(value != 0);
                }
            }
        }
        nonzeros.truncate(count);
        ends.resize(self.blocks.count, count);
    }
}

/// Words with a bit for each quad of an image.
pub fn words(blocks: &Blocks) -> usize {
    blocks.padded().div_ceil(QUAD * WORD)
}

/// The words of an image that begins with these lines, and the pixels of its quads, with what is behind them.
#[inline(always)]
fn split<'a>(blocks: &Blocks, lines: &'a [Line]) -> (&'a [[u8; WORD / 8]], &'a [u8]) {
    let (words, pixels) = bytemuck::cast_slice(lines).split_at(words(blocks) * (WORD / 8));
    (words.as_chunks().0, pixels)
}

/// What a thread lists images in.
#[derive(Default)]
struct Lists {
    /// An image's quads in the order of the blocks, and zeros up to a whole word.
    quads: Vec<u32>,
    lines: Vec<Line>,
}

kernel! {
    /// Lists the quads with a pixel that is not 0, and where each image begins. Returns how many quads and how many lines those are.
    /// `kind` is the kernel's own, for [`compress`].
    fn list(
        kind: Instructions,
        blocks: &Blocks,
        pixels: &[u8],
        starts: &mut [u32],
        lists: &mut Lists,
    ) -> (usize, usize) {
        let Lists { quads, lines } = lists;
        let of_words = words(blocks);
        // The last group of quads may be written up to a line behind those that are not 0.
        let most = (of_words * (WORD / 8) + blocks.padded()).div_ceil(CHUNK) + 1;
        lines.resize(lines.len().max(starts.len() * most), Line::zeroed());
        quads.resize(of_words * WORD, 0);
        let (mut next, mut all) = (0, 0);
        for (image, start) in pixels.chunks_exact(blocks.pixels).zip(starts) {
            *start = next as u32;
            blocks.order(image, bytemuck::cast_slice_mut(quads));
            let image: &mut [u32] = bytemuck::cast_slice_mut(&mut lines[next..next + most]);
            let (words, taken) = image.split_at_mut(of_words * (WORD / 32));
            let mut count = 0;
            for (quads, word) in quads.as_chunks::<WORD>().0.iter().zip(words.as_chunks_mut::<{ WORD / 32 }>().0) {
                let mut bits = 0_u64;
                for (quads, first) in quads.as_chunks::<LANES>().0.iter().zip((0..).step_by(LANES)) {
                    let into = taken[count..].first_chunk_mut().expect("room for a group");
                    let are = compress(kind, quads, into);
                    count += are.count_ones() as usize;
                    bits |= u64::from(are) << first;
                }
                *word = bytemuck::cast(bits.to_le_bytes());
            }
            next += (of_words * (WORD / 8) + count * QUAD).div_ceil(CHUNK);
            all += count;
        }
        (all, next)
    }
}

/// Asks for the cache line in which something lies.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
#[inline(always)]
fn prefetch<T>(place: &T) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch reads nothing that the program sees, and never faults.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(place).cast()) }
}

/// Other CPUs find it when it is needed.
#[cfg(not(target_arch = "x86_64"))]
fn prefetch<T>(_: &T) {}
