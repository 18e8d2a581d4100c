//! The sample of rows or columns of a large product that is computed in full.

use ndarray::Array1;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The smallest sample: room for the edges of the tiles and a random row in each of many blocks.
const MIN_SAMPLES: usize = 128;
/// Tile sizes that kernels may use.
const TILES: [usize; 5] = [4, 8, 16, 64, 128];

/// All of `0..count` if `count` is at most `max`, else a sample of about `max`: the first and the last, those around the
/// first, a middle and the last tile edge of every size, and a random one in each of many equal blocks.
pub(super) fn sample(count: usize, max: usize) -> Vec<usize> {
    let max = max.max(MIN_SAMPLES);
    if count <= max {
        return (0..count).collect();
    }
    let mut rng = ChaCha8Rng::seed_from_u64(count as u64);
    let edges = TILES.iter().flat_map(|tile| [*tile, count / 2 / tile * tile, (count - 1) / tile * tile]);
    let mut sample: Vec<usize> = edges.flat_map(|edge| [edge.saturating_sub(1), edge, edge + 1]).collect();
    sample.extend([0, count - 1]);
    let blocks = max - sample.len();
    sample.extend((0..blocks).map(|block| rng.random_range(block * count / blocks..(block + 1) * count / blocks)));
    sample.retain(|&index| index < count);
    sample.sort_unstable();
    sample.dedup();
    sample
}

/// `count` random numbers, each 1 or -1. A sum with such signs shows a wrong element among thousands. Two errors cancel
/// in it only by chance.
pub(super) fn signs(count: usize) -> Array1<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(count as u64);
    (0..count).map(|_| if rng.random::<bool>() { 1.0 } else { -1.0 }).collect()
}

/// The index of the largest difference. NaN counts as the largest.
pub(super) fn farthest(found: &[f64], expected: &[f64]) -> usize {
    let differences = found.iter().zip(expected).map(|(found, expected)| (found - expected).abs());
    let by_difference = |a: &(usize, f64), b: &(usize, f64)| a.1.total_cmp(&b.1);
    differences.enumerate().max_by(by_difference).map_or(0, |(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_the_ends_the_edges_and_every_block() {
        for (count, max) in [(129, 0), (1000, 0), (4096, 160), (8192, 334)] {
            let sample = sample(count, max);
            assert!(sample.len() <= max.max(MIN_SAMPLES) && sample.is_sorted() && sample.last() == Some(&(count - 1)));
            for edge in [0, 3, 4, 5, 63, 64, 65, 127, 128, (count - 1) / 64 * 64, (count - 1) / 64 * 64 - 1] {
                assert!(sample.contains(&edge), "{edge} of {count}");
            }
            let widest = sample.windows(2).map(|pair| pair[1] - pair[0]).max();
            assert!(widest <= Some(2 * count.div_ceil(MIN_SAMPLES - 47)), "{widest:?} of {count}");
        }
        assert_eq!(sample(MIN_SAMPLES, 5), (0..MIN_SAMPLES).collect::<Vec<_>>());
        assert_eq!(sample(300, 300).len(), 300);
    }

    #[test]
    fn farthest_finds_the_largest_difference_or_nan() {
        assert_eq!(farthest(&[0.1, -3.0, 2.0, 0.0], &[0.0; 4]), 1);
        assert_eq!(farthest(&[0.1, f64::INFINITY, f64::NAN, 0.0], &[0.0; 4]), 2);
    }
}
