// What every kernel knows of the network. The host sets each override when it compiles a pipeline.
//
// Matrices are stored by rows, each row in quads: vec4f of four neighbouring columns. Widths are rounded up to whole
// quads; the columns past the true width hold 0 and stay 0. A layer's weights are followed by one more row, its bias,
// as if the layer had one more input that is always 1.

override INPUT_QUADS: u32;
override HIDDEN: u32;
override HIDDEN_QUADS: u32;
override CLASSES: u32;
override CLASS_QUADS: u32;

// Invocations of a workgroup: GRID x GRID for kernels over a grid of tiles, LIST for kernels over a list.
override GRID: u32;
override LIST: u32;

struct Step {
    // How many images the batch has.
    batch_size: u32,
    // A kernel that computes a gradient ends in value * keep + gradient * scale: keep 1 and scale -learning_rate is the
    // SGD update of the parameters, keep 0 and scale 1 the gradient itself.
    keep: f32,
    scale: f32,
    // Rows of losses begin at multiples of this, because a binding's offset may not be just anything.
    row_words: u32,
}

@group(0) @binding(0) var<uniform> step: Step;

// The new value of a gradient's target.
fn updated(value: vec4f, gradient: vec4f) -> vec4f {
    return step.keep * value + step.scale * gradient;
}

// The columns of a quad.
fn columns(quad: u32) -> vec4u {
    return 4u * quad + vec4u(0u, 1u, 2u, 3u);
}
