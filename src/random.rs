//! Random numbers by ChaCha8: a seed gives the same numbers in every version. Each use of a seed has its own numbered stream.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The use of a stream of random numbers. Streams of one seed are independent of each other.
pub(crate) enum Stream {
    /// The initial weights.
    Weights,
    /// The images of the batch of this step.
    Batch(u64),
    /// The permutation of the training set in this epoch.
    Permutation(u64),
    /// The parameters that a gradient check samples.
    Samples,
    /// The images that are held out for testing.
    HeldOut,
    /// The training images that are held out for validation.
    Validation,
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
        Stream::Validation => (3 << NUMBER_BITS) | 2,
    };
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(number);
    rng
}
