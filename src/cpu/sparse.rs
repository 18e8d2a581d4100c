//! Images whose pixels are mostly 0: only the others are kept and computed with.

use std::borrow::Borrow;

use super::pixels::{Nonzero, Visit};
use super::simd::{Instructions, Row, add_scaled, kernel};
use super::strips::{Blocks, MOST_PIXELS, OCTET, W1};
use super::team::Team;
use crate::{NoMemory, memory};

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
pub const MOST_STRIPS: usize = 4;
/// Images whose pixels stay in the second cache while all strips are computed.
pub const TILE: usize = 256;
/// The distance of prefetches, in images: memory answers within this time.
const PREFETCH: usize = 8;

/// Fewest images whose pixels are worth a thread.
const FEWEST_IMAGES: usize = 64;

/// The nonzero pixels of a set, image after image and block after block.
#[derive(Debug)]
pub struct Sparse {
    blocks: Blocks,
    nonzeros: Vec<Nonzero>,
    /// Where each block of each image begins, and at last where the last ends: `[images * blocks + 1]`.
    starts: Vec<u32>,
}

impl Sparse {
    /// Lists the nonzero pixels of images, `[N, pixels]`; none if their share is `too_many` or more, or their indices exceed u32.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn new(team: &Team, blocks: Blocks, pixels: &[u8], too_many: f64) -> Result<Option<Self>, NoMemory> {
        let count = pixels.len() / blocks.pixels;
        let parts = pixels.chunks(team.piece(count, FEWEST_IMAGES) * blocks.pixels);
        let counts = team.deal(parts.clone(), || (), |(), pixels| counts(&blocks, pixels));
        let counts: Vec<Vec<u16>> = counts.into_iter().collect::<Result<_, _>>()?;
        let mut end = 0_u32;
        let mut starts = memory::room(count * blocks.count + 1, "the places of pixels")?;
        starts.push(0);
        for count in counts.iter().flatten() {
            let Some(next) = end.checked_add(u32::from(*count)) else { return Ok(None) };
            end = next;
            starts.push(end);
        }
        if f64::from(end) >= too_many * pixels.len() as f64 {
            return Ok(None);
        }
        let mut nonzeros = memory::zeroed(end as usize, "pixels")?;
        let mut rest = &mut nonzeros[..];
        let mut places = Vec::new();
        for (pixels, counts) in parts.zip(&counts) {
            let length = counts.iter().map(|count| usize::from(*count)).sum();
            let (place, behind) = rest.split_at_mut(length);
            places.push((pixels, place));
            rest = behind;
        }
        team.deal(places.into_iter(), || (), |(), (pixels, place)| take(&blocks, pixels, place));
        Ok(Some(Self { blocks, nonzeros, starts }))
    }

    pub fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    /// How many pixels of an image are not 0, in the mean.
    pub fn nonzeros_in_an_image(&self) -> usize {
        self.nonzeros.len() * self.blocks.count / self.starts.len()
    }

    /// Asks for the pixels of an image that comes soon after image `n`: no CPU can guess which it is.
    #[inline(always)]
    fn prefetch(&self, tile: &Tile, n: usize) {
        if let Some(&image) = tile.indices.get(n + 2 * PREFETCH) {
            prefetch(&self.starts[image as usize * self.blocks.count + tile.block]);
        }
        if let Some(&image) = tile.indices.get(n + PREFETCH)
            && let [first, .., last] = self.of(image, tile.block)
        {
            prefetch(first);
            prefetch(last);
        }
    }

    /// Adds x W1 to a1; W1 is `[blocks, strips]` and a1 `[strips, N]`.
    pub fn forward(&self, kind: Instructions, visit: &Visit, w1: &[Vec<impl Borrow<W1>>], a1: &mut [Row]) {
        let count = visit.indices.len();
        for tile in tiles(visit) {
            for (first, a1) in (0..).step_by(MOST_STRIPS).zip(a1.chunks_mut(MOST_STRIPS * count)) {
                for (block, w1) in visit.blocks.clone().zip(w1) {
                    let tile = Tile { block, ..tile };
                    match a1.len() / count {
                        1 => forward::<1>(kind, self, &tile, each(&w1[first..]), a1),
                        2 => forward::<2>(kind, self, &tile, each(&w1[first..]), a1),
                        3 => forward::<3>(kind, self, &tile, each(&w1[first..]), a1),
                        _ => forward::<MOST_STRIPS>(kind, self, &tile, each(&w1[first..]), a1),
                    }
                }
            }
        }
    }

    /// Adds xᵀ da1 to W1; da1 is `[strips, N]` and W1 `[blocks, strips]`.
    pub fn backward(&self, kind: Instructions, visit: &Visit, da1: &[Row], w1: &mut [Vec<&mut W1>]) {
        let count = visit.indices.len();
        for tile in tiles(visit) {
            for (first, da1) in (0..).step_by(MOST_STRIPS).zip(da1.chunks(MOST_STRIPS * count)) {
                for (block, w1) in visit.blocks.clone().zip(&mut *w1) {
                    let tile = Tile { block, ..tile };
                    match da1.len() / count {
                        1 => backward::<1>(kind, self, &tile, da1, &mut w1[first..]),
                        2 => backward::<2>(kind, self, &tile, da1, &mut w1[first..]),
                        3 => backward::<3>(kind, self, &tile, da1, &mut w1[first..]),
                        _ => backward::<MOST_STRIPS>(kind, self, &tile, da1, &mut w1[first..]),
                    }
                }
            }
        }
    }

    /// The nonzero pixels of one block of an image.
    pub fn of(&self, image: u32, block: usize) -> &[Nonzero] {
        let place = image as usize * self.blocks.count + block;
        &self.nonzeros[self.starts[place] as usize..self.starts[place + 1] as usize]
    }
}

/// How many pixels are not 0, in each block of each image.
fn counts(blocks: &Blocks, pixels: &[u8]) -> Result<Vec<u16>, NoMemory> {
    let mut counts = memory::room(pixels.len() / blocks.pixels * blocks.count, "counts of pixels")?;
    for image in pixels.chunks_exact(blocks.pixels) {
        let (octets, last) = image.as_chunks::<OCTET>();
        let first = counts.len();
        counts.resize(first + blocks.count, 0);
        let of_image = &mut counts[first..];
        for octets in octets.chunks(blocks.count) {
            for (octet, count) in octets.iter().zip(&mut *of_image) {
                *count += nonzero_bytes(u64::from_le_bytes(*octet));
            }
        }
        of_image[octets.len() % blocks.count] += last.iter().map(|&value| u16::from(value != 0)).sum::<u16>();
    }
    Ok(counts)
}

/// How many bytes of a word are not 0.
fn nonzero_bytes(word: u64) -> u16 {
    const LOW: u64 = 0x0101_0101_0101_0101;
    // The highest bit of each byte: set by adding if one of the others is, or set itself.
    let highest = ((word & (0x7f * LOW)) + 0x7f * LOW) | word;
    // The product's highest byte is the sum of all bytes.
    (((highest >> 7) & LOW).wrapping_mul(LOW) >> 56) as u16
}

/// Puts the pixels that are not 0 in their place, which is as long as they are many.
fn take(blocks: &Blocks, pixels: &[u8], place: &mut [Nonzero]) {
    let mut rest = place;
    let mut taken = Taken { pixels: [Nonzero::default(); ROOM], count: 0 };
    for image in pixels.chunks_exact(blocks.pixels) {
        let (octets, last) = image.as_chunks::<OCTET>();
        for block in 0..blocks.count {
            taken.count = 0;
            let mut first = 0;
            for octet in octets.iter().skip(block).step_by(blocks.count) {
                if u64::from_le_bytes(*octet) != 0 {
                    taken.add(octet, first);
                }
                first += OCTET;
            }
            if block == octets.len() % blocks.count {
                taken.add(last, first);
            }
            let (here, behind) = rest.split_at_mut(taken.count);
            here.copy_from_slice(&taken.pixels[..taken.count]);
            rest = behind;
        }
    }
}

/// Room for the pixels of a block, and a power of two, so that no place in it needs a check.
const ROOM: usize = 256;
const _: () = assert!(MOST_PIXELS + OCTET <= ROOM);

/// The pixels of a block that are not 0.
struct Taken {
    pixels: [Nonzero; ROOM],
    count: usize,
}

impl Taken {
    /// Takes those of an octet, whose first pixel has this number in the block.
    #[inline(always)]
    fn add(&mut self, octet: &[u8], first: usize) {
        // Every pixel is written, and the next one over it if it is 0: a branch would be guessed wrongly too often.
        for (within, &value) in octet.iter().enumerate() {
            self.pixels[self.count % ROOM] = Nonzero { index: (first + within) as u8, value };
            self.count += usize::from(value != 0);
        }
    }
}

/// Some images of a visit, and one block of their pixels.
#[derive(Clone, Copy)]
struct Tile<'a> {
    indices: &'a [u32],
    block: usize,
    /// Where they begin among all images of the visit, and how many those are.
    first: usize,
    of: usize,
}

/// Cuts the images of a visit into tiles, all of the first block.
fn tiles<'a>(visit: &Visit<'a>) -> impl Iterator<Item = Tile<'a>> {
    let (block, of) = (visit.blocks.start, visit.indices.len());
    let tiles = visit.indices.chunks(TILE).zip((0..).step_by(TILE));
    tiles.map(move |(indices, first)| Tile { indices, block, first, of })
}

/// W1 of `SIZE` strips.
fn each<const SIZE: usize>(w1: &[impl Borrow<W1>]) -> [&W1; SIZE] {
    std::array::from_fn(|strip| w1[strip].borrow())
}

kernel! {
    fn forward<const SIZE: usize>(sparse: &Sparse, tile: &Tile, w1: [&W1; SIZE], a1: &mut [Row]) {
        for (n, &image) in tile.indices.iter().enumerate() {
            sparse.prefetch(tile, n);
            let mut sums = [Row::ZERO; SIZE];
            for pixel in sparse.of(image, tile.block) {
                let (index, x) = (usize::from(pixel.index), X[usize::from(pixel.value)]);
                for (sum, w1) in sums.iter_mut().zip(&w1) {
                    add_scaled::<FUSED>(sum, x, &w1[index]);
                }
            }
            for (a1, sum) in a1.iter_mut().skip(tile.first + n).step_by(tile.of).zip(&sums) {
                add_scaled::<FUSED>(a1, 1.0, sum);
            }
        }
    }
}

kernel! {
    fn backward<const SIZE: usize>(sparse: &Sparse, tile: &Tile, da1: &[Row], w1: &mut [&mut W1]) {
        let w1: &mut [&mut W1; SIZE] = w1.first_chunk_mut().expect("as many strips as the kernel is compiled for");
        for (n, &image) in tile.indices.iter().enumerate() {
            sparse.prefetch(tile, n);
            let da1: [Row; SIZE] = std::array::from_fn(|strip| da1[strip * tile.of + tile.first + n]);
            for pixel in sparse.of(image, tile.block) {
                // Read before W1 is written: the compiler cannot know that they lie apart.
                let (index, x) = (usize::from(pixel.index), X[usize::from(pixel.value)]);
                for (w1, da1) in w1.iter_mut().zip(&da1) {
                    add_scaled::<FUSED>(&mut w1[index], x, da1);
                }
            }
        }
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
