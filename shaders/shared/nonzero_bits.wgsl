#import network

// The bits of shaders/tiled/nonzero.wgsl: a row for each word of an image, in it a bit for each image of the batch, 32 to a u32.

// Where the bit of an image's word is, with those of the 31 other images that share its u32.
fn bits_at(word: u32, image: u32) -> u32 {
    return word * ((dispatch.batch_size + 31u) / 32u) + image / 32u;
}
