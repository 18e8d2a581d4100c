// What every kernel knows of the network. Before all that a kernel imports stands a line `const NAME = ...` for every number
// that is an array's length (NUMBERS in src/gpu/layout.rs: WINDOW, IMAGES ...). The host sets the overrides when it compiles a
// pipeline (Kernel::compile in src/gpu/kernels/kernel.rs): the widths from the network's shape, LANES from the kernel's
// `Source`, which stands in the file of its family (src/gpu/kernels/tiled.rs ...).
//
// Matrices are stored by rows, each row in vec4s: vec4f of four neighbouring columns. Widths are rounded up to whole
// vec4s; the columns past the true width hold 0 and stay 0. A layer's weights are followed by one more row, its bias,
// as if the layer had one more input that is always 1.

override INPUT_VEC4S: u32;
override HIDDEN: u32;
override HIDDEN_VEC4S: u32;
override CLASSES: u32;
override CLASS_VEC4S: u32;

// Where the output layer begins in a buffer of all parameters, in vec4s.
override OUTPUT_LAYER: u32;

// Invocations of a workgroup.
override LANES: u32;

// Which part of a step's work a dispatch does; Rows::params in src/gpu/data.rs fills it.
struct DispatchParams {
    // How many images the batch has.
    batch_size: u32,
    // Rows of losses begin at multiples of this, because a binding's offset may not be just anything.
    row_words: u32,
    // Which terms of its sums a kernel adds: all, or those that a window holds.
    first: u32,
    end: u32,
}

@group(0) @binding(0) var<uniform> dispatch: DispatchParams;

// The columns of a vec4.
fn columns(v4: u32) -> vec4u {
    return 4u * v4 + vec4u(0u, 1u, 2u, 3u);
}

// A vec4 of a layer's inputs past its last one: the 1 that is multiplied by the bias.
const BIAS_INPUT = vec4f(1.0, 0.0, 0.0, 0.0);
