#import network

// Which tile of shaders/tiled/ an invocation computes, where invocations side by side share their images or words and have other
// hidden units each: all of a workgroup, or with few units so many as these are enough for.

// How many share: 1, 2, 4 or all LANES.
override SHARING: u32;

// The tile of images or words. Where all share, it is the same for a whole workgroup; a compiler sees that only if it does not
// depend on `lane`, and then loads once what all of them load.
fn tile_of(group: u32, lane: u32) -> u32 {
    let tiles = LANES / SHARING;
    return select(tiles * group + lane / SHARING, group, tiles == 1u);
}

// The first of two vec4s of units.
fn units_of(group: u32, lane: u32) -> u32 {
    return 2u * (SHARING * group + lane % SHARING);
}
