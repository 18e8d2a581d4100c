#import network

// How shaders/tiled/nonzero.wgsl leaves its bits: for each word of the pixels a row, in it one bit an image, 32 of them a u32.

// Where the bits of an image's word are, with those of the 31 others that share the u32.
fn bits_at(word: u32, image: u32) -> u32 {
    return word * ((dispatch.batch_size + 31u) / 32u) + image / 32u;
}
