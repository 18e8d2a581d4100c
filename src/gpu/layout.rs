//! How values lie in the buffers that host and shaders share: the ground floor of this folder, which imports nothing from it.

use bytemuck::{Pod, Zeroable};
use wgpu::Buffer;

use crate::net::Shape;

/// Columns in a `vec4f`, pixels in a word.
pub const QUAD: usize = 4;
/// The most invocations in a workgroup of any kernel.
pub const INVOCATIONS: u32 = 256;
/// The most storage buffers that one kernel binds.
pub const STORAGE_BUFFERS: u32 = 8;
/// Rows of indices and losses, and slices of a buffer, begin at multiples of this many words: WebGPU's
/// `minStorageBufferOffsetAlignment` and `minUniformBufferOffsetAlignment`, 256 bytes.
pub const ROW_WORDS: usize = 64;
/// Quads in a window: what WebGPU promises for a uniform buffer's binding, 64 KiB.
pub const WINDOW: usize = 4096;
/// A window begins at a multiple of this many rows, so that its first byte is where a binding may begin.
const WINDOW_ROWS: usize = ROW_WORDS / QUAD;

/// Rows and columns of a block of `shaders/blocked/`.
pub const BLOCK: usize = 64;
/// The most hidden units of `shaders/fused/`, whose values for 4 images lie in workgroup memory.
pub const FUSED_MOST_HIDDEN: usize = 128;
/// Invocations of a workgroup of `shaders/fused/`: as many as leave a quad for each of 4 images, in the 16 KiB of workgroup
/// memory that WebGPU promises.
pub const FUSED_LANES: usize = 256;
/// Tiles that a workgroup of `shaders/fused/gradients.wgsl` computes.
pub const FUSED_TILES: usize = 16;
/// Quads of classes whose weights `shaders/numerical/` holds in workgroup memory, half of what WebGPU promises.
const HELD_QUADS: usize = 8;

/// Images that a workgroup takes through the output layer, in `fused` and in `blocked`: a quad.
pub const IMAGES: usize = QUAD;
/// Invocations that share the sums of their logits.
pub const TEAM: usize = 128;
/// Where `shaders/shared/output_team.wgsl` keeps what in workgroup memory, in quads: first the hidden layer's values of
/// `fused`, then the logits, then sums.
const LOGITS: usize = IMAGES * FUSED_MOST_HIDDEN / QUAD;
const SUMS: usize = LOGITS + IMAGES * Shape::MAX_CLASSES.div_ceil(QUAD);
const SCRATCH: usize = larger(SUMS + IMAGES * TEAM, IMAGES * FUSED_LANES);
// All the workgroup memory that WebGPU promises.
const _: () = assert!(SCRATCH * QUAD * size_of::<f32>() <= 16 << 10);

const fn larger(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

/// The numbers that shaders share with their host, but for overrides: those that are lengths of arrays, and what goes
/// with them. Every shader begins with them.
pub const NUMBERS: [(&str, usize); 9] = [
    ("WINDOW", WINDOW),
    ("IMAGES", IMAGES),
    ("TEAM", TEAM),
    ("LOGITS", LOGITS),
    ("SUMS", SUMS),
    ("SCRATCH", SCRATCH),
    ("TILES", FUSED_TILES),
    ("BLOCK_QUADS", BLOCK / QUAD),
    ("HELD_QUADS", HELD_QUADS),
];

/// The uniform `Part` of `shaders/shared/network.wgsl`: what a dispatch takes of a batch.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Part {
    /// Images in the batch.
    pub batch_size: u32,
    /// The length of a row of losses, in words.
    pub row_words: u32,
    /// The first term of the kernel's sums.
    pub first: u32,
    /// One past the last term.
    pub end: u32,
}

/// The uniform `Rate` of `shaders/shared/update.wgsl`: how a gradient ends.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Rate {
    /// What a gradient's target keeps of its value.
    pub keep: f32,
    /// What the gradient is multiplied by before it is added.
    pub scale: f32,
}

/// The uniform `Moves` of `shaders/shared/difference.wgsl`: how the parameters are moved.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Moves {
    /// h.
    size: f32,
    /// What a batch's sum of differences is multiplied by: 1 / 2h, and one over the batch size.
    per_span: f32,
}

impl Moves {
    /// Moves by h = `size` to either side.
    pub fn new(size: f64, batch_size: usize) -> Self {
        // What is divided by must be what was moved by.
        let size = size as f32;
        Self { size, per_span: (0.5 / (f64::from(size) * batch_size as f64)) as f32 }
    }
}

/// A buffer, or a part of it, in quads.
#[derive(Clone, Copy)]
pub struct Slice<'a> {
    pub(super) buffer: &'a Buffer,
    pub(super) first: usize,
    /// All that follows where none.
    pub(super) quads: Option<usize>,
}

impl<'a> Slice<'a> {
    /// `quads` quads, from quad `first` on, which is a multiple of 16.
    pub fn new(buffer: &'a Buffer, first: usize, quads: usize) -> Self {
        debug_assert!((first * QUAD).is_multiple_of(ROW_WORDS), "an offset of {first} quads");
        Self { buffer, first, quads: Some(quads) }
    }

    /// The window that begins at quad `first` of the slice, a multiple of 16; the buffer has room for a whole one.
    pub fn window(self, first: usize) -> Self {
        Self::new(self.buffer, self.first + first, WINDOW)
    }
}

impl<'a> From<&'a Buffer> for Slice<'a> {
    fn from(buffer: &'a Buffer) -> Self {
        Self { buffer, first: 0, quads: None }
    }
}

/// `width` rounded up to whole quads.
pub fn padded(width: usize) -> usize {
    width.next_multiple_of(QUAD)
}

/// The bytes of this many f32 or u32.
pub fn bytes(words: usize) -> u64 {
    (words * size_of::<u32>()) as u64
}

/// Quads of a layer: its weights by rows, then its bias as one more row.
pub fn layer_quads(inputs: usize, outputs: usize) -> usize {
    (padded(inputs) + 1) * outputs.div_ceil(QUAD)
}

/// Quads of the hidden layer, W1 and b1.
pub fn hidden_layer_quads(shape: Shape) -> usize {
    layer_quads(shape.input, shape.hidden)
}

/// Where the output layer begins in a buffer of all parameters, in quads: where a binding may begin.
pub fn output_layer_start(shape: Shape) -> usize {
    (hidden_layer_quads(shape) * QUAD).next_multiple_of(ROW_WORDS) / QUAD
}

/// Words of pixels whose weights fit a window, with the bias.
pub fn hidden_window(shape: Shape) -> usize {
    let rows = (WINDOW / shape.hidden.div_ceil(QUAD)).saturating_sub(1);
    rows / WINDOW_ROWS * WINDOW_ROWS / QUAD
}

/// Images whose rows of this width fit a window.
pub fn image_window(width: usize) -> usize {
    WINDOW / width.div_ceil(QUAD) / WINDOW_ROWS * WINDOW_ROWS
}

/// The windows over so many terms.
pub fn windows(terms: usize, window: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..terms).step_by(window).map(move |first| (first, terms.min(first + window)))
}
