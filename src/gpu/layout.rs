//! How values lie in the buffers that host and shaders share: the ground floor of this folder, which imports nothing from it.

use bytemuck::{Pod, Zeroable};
use wgpu::Buffer;

use crate::net::Shape;

/// Columns in a `vec4f`, pixels in a word.
pub const VEC4: usize = 4;
/// The most invocations in a workgroup of any kernel.
pub const INVOCATIONS: u32 = 256;
/// The most storage buffers that one kernel binds.
pub const STORAGE_BUFFERS: u32 = 8;
/// Rows of indices and losses, and slices of a buffer, begin at multiples of this many words: WebGPU's
/// `minStorageBufferOffsetAlignment` and `minUniformBufferOffsetAlignment`, 256 bytes.
pub const ROW_WORDS: usize = 64;
/// Vec4s in a window: what WebGPU promises for a uniform buffer's binding, 64 KiB.
pub const WINDOW: usize = 4096;
/// A window begins at a multiple of this many rows, so that its first byte is where a binding may begin.
const WINDOW_ROWS: usize = ROW_WORDS / VEC4;

/// Images that share a word of bits of `shaders/tiled/nonzero.wgsl`.
pub const NONZERO_IMAGES: usize = u32::BITS as usize;

/// Rows and columns of a block of `shaders/blocked/`.
pub const BLOCK: usize = 64;
/// Columns of a narrow one.
pub const HALF_BLOCK: usize = BLOCK / 2;
/// Terms of its sums that lie in workgroup memory at a time.
pub const STEP: usize = 16;
/// The most hidden units of `shaders/fused/`, whose values for 4 images lie in workgroup memory.
pub const FUSED_MOST_HIDDEN: usize = 128;
/// Invocations of a workgroup of `shaders/fused/`: as many as leave a vec4 for each of 4 images, in the 16 KiB of workgroup
/// memory that WebGPU promises.
pub const FUSED_LANES: usize = 256;
/// Tiles that a workgroup of `shaders/fused/gradients.wgsl` computes.
pub const FUSED_TILES: usize = 16;
// An invocation for each vec4 of 4 images' hidden values, and of their logits; and slices that are added four at a time.
const _: () = assert!(FUSED_LANES >= IMAGES * FUSED_MOST_HIDDEN / VEC4);
const _: () = assert!(FUSED_LANES >= IMAGES * Shape::MAX_CLASSES.div_ceil(VEC4));
const _: () = assert!((FUSED_LANES / FUSED_TILES).is_multiple_of(4));
/// Vec4s of classes whose weights `shaders/numerical/` holds in workgroup memory, half of what WebGPU promises.
const HELD_VEC4S: usize = 8;

/// Images that a workgroup takes through the output layer, in `fused` and in `blocked`: a vec4.
pub const IMAGES: usize = VEC4;
/// Invocations that share the sums of their logits.
pub const TEAM: usize = 128;
/// The layout of `shaders/shared/output_team.wgsl`'s workgroup memory, in vec4s: the hidden layer's values of `fused`, then the
/// logits, then sums.
const LOGITS: usize = IMAGES * FUSED_MOST_HIDDEN / VEC4;
const SUMS: usize = LOGITS + IMAGES * Shape::MAX_CLASSES.div_ceil(VEC4);
const SCRATCH: usize = larger(SUMS + IMAGES * TEAM, IMAGES * FUSED_LANES);
// All the workgroup memory that WebGPU promises.
const _: () = assert!(SCRATCH * VEC4 * size_of::<f32>() <= 16 << 10);

const fn larger(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

/// Constants that every shader begins with: lengths of arrays, which cannot be overrides, and numbers that depend on them.
pub const NUMBERS: [(&str, usize); 10] = [
    ("WINDOW", WINDOW),
    ("IMAGES", IMAGES),
    ("TEAM", TEAM),
    ("LOGITS", LOGITS),
    ("SUMS", SUMS),
    ("SCRATCH", SCRATCH),
    ("TILES", FUSED_TILES),
    ("BLOCK_VEC4S", BLOCK / VEC4),
    ("STEP", STEP),
    ("HELD_VEC4S", HELD_VEC4S),
];

/// Whether a shader binds a buffer of this name a row at a time, by a dynamic offset: the indices of a batch, its losses, and the
/// numbers of its update.
pub fn is_bound_by_row(name: &str) -> bool {
    ["indices", "losses", "scalars", "update"].contains(&name)
}

/// The uniform `DispatchParams` of `shaders/shared/network.wgsl`: the part of a batch that a dispatch computes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct DispatchParams {
    /// Images in the batch.
    pub batch_size: u32,
    /// The length of a row of losses, in words.
    pub row_words: u32,
    /// The first term of the kernel's sums.
    pub first: u32,
    /// One past the last term.
    pub end: u32,
}

/// The uniform `Axpby` of `shaders/shared/axpby.wgsl`: target = alpha * gradient + beta * target.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Axpby {
    /// The factor of the gradient.
    pub alpha: f32,
    /// The factor of the target.
    pub beta: f32,
}

/// The uniform `Perturbation` of `shaders/shared/difference.wgsl`: how the parameters are moved.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Perturbation {
    /// h.
    size: f32,
    /// The factor of a batch's sum of differences: 1 / (2 h N).
    per_span: f32,
}

impl Perturbation {
    /// Moves by h = `size` to either side.
    pub fn new(size: f64, batch_size: usize) -> Self {
        // The divisor must be the f32 that parameters are moved by.
        let size = size as f32;
        Self { size, per_span: (0.5 / (f64::from(size) * batch_size as f64)) as f32 }
    }
}

/// A buffer, or a part of it, in vec4s.
#[derive(Clone, Copy)]
pub struct Slice<'a> {
    pub(super) buffer: &'a Buffer,
    pub(super) first: usize,
    /// All that follows where none.
    pub(super) vec4s: Option<usize>,
    /// Words from one row to the next, where a kernel binds a row at a time; 0 where all rows are one.
    pub(super) row_words: usize,
}

impl<'a> Slice<'a> {
    /// `vec4s` vec4s, from vec4 `first` on, which is a multiple of 16.
    pub fn new(buffer: &'a Buffer, first: usize, vec4s: usize) -> Self {
        debug_assert!((first * VEC4).is_multiple_of(ROW_WORDS), "an offset of {first} vec4s");
        Self { buffer, first, vec4s: Some(vec4s), row_words: 0 }
    }

    /// Rows of `row_words` words, for a binding that takes one of them.
    pub fn rows(buffer: &'a Buffer, row_words: usize) -> Self {
        Self { row_words, ..buffer.into() }
    }

    /// The window that begins at vec4 `first` of the slice, a multiple of 16; the buffer has room for a whole one.
    pub fn window(self, first: usize) -> Self {
        Self::new(self.buffer, self.first + first, WINDOW)
    }
}

impl<'a> From<&'a Buffer> for Slice<'a> {
    fn from(buffer: &'a Buffer) -> Self {
        Self { buffer, first: 0, vec4s: None, row_words: 0 }
    }
}

/// `width` rounded up to whole vec4s.
pub fn padded(width: usize) -> usize {
    width.next_multiple_of(VEC4)
}

/// The bytes of this many f32 or u32.
pub fn bytes(words: usize) -> u64 {
    (words * size_of::<u32>()) as u64
}

/// Vec4s of a layer: its weights by rows, then its bias as one more row.
pub fn layer_vec4s(inputs: usize, outputs: usize) -> usize {
    (padded(inputs) + 1) * outputs.div_ceil(VEC4)
}

/// Vec4s of the hidden layer, W1 and b1.
pub fn hidden_layer_vec4s(shape: Shape) -> usize {
    layer_vec4s(shape.input, shape.hidden)
}

/// Where the output layer begins in a buffer of all parameters, in vec4s: where a binding may begin.
pub fn output_layer_start(shape: Shape) -> usize {
    (hidden_layer_vec4s(shape) * VEC4).next_multiple_of(ROW_WORDS) / VEC4
}

/// Words of pixels whose weights fit a window, with the bias.
pub fn hidden_window(shape: Shape) -> usize {
    let rows = (WINDOW / shape.hidden.div_ceil(VEC4)).saturating_sub(1);
    rows / WINDOW_ROWS * WINDOW_ROWS / VEC4
}

/// Images whose rows of this width fit a window.
pub fn image_window(width: usize) -> usize {
    WINDOW / width.div_ceil(VEC4) / WINDOW_ROWS * WINDOW_ROWS
}

/// The windows over `terms` terms.
pub fn windows(terms: usize, window: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..terms).step_by(window).map(move |first| (first, terms.min(first + window)))
}
