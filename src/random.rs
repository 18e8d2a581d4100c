//! Randomness that means the same in every version: ChaCha8, one numbered stream for each use of a seed.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What a stream of random numbers is for. Streams of one seed are independent of each other.
pub(crate) enum Stream {
    /// The initial weights.
    Weights,
    /// The images of one step's batch, by the step's number.
    Batch(u64),
    /// One permutation of the training set, by its number.
    Permutation(u64),
    /// Which parameters a check looks at.
    Samples,
    /// Which images are held out for testing.
    HeldOut,
}

/// The generator of one stream of `seed`.
pub(crate) fn stream(seed: u64, stream: &Stream) -> ChaCha8Rng {
    const NUMBER_BITS: u32 = 62;
    let number = match stream {
        Stream::Weights => 0,
        Stream::Batch(step) => (1 << NUMBER_BITS) | step,
        Stream::Permutation(epoch) => (2 << NUMBER_BITS) | epoch,
        Stream::Samples => 3 << NUMBER_BITS,
        Stream::HeldOut => (3 << NUMBER_BITS) | 1,
    };
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(number);
    rng
}
