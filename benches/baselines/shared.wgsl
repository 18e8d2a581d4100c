// What every design knows of the network, and the buffers; a kernel binds those that it uses. Where two names have one
// number, one is for kernels that read the buffer and the other for those that write to it.

override INPUT: u32;
override HIDDEN: u32;
override CLASSES: u32;
override BATCH: u32;

// Where each tensor begins in `parameters`: W1, b1, W2, b2.
override B1: u32 = INPUT * HIDDEN;
override W2: u32 = B1 + HIDDEN;
override B2: u32 = W2 + HIDDEN * CLASSES;

// The step's number in a chunk of steps, whose batches and losses lie one after another.
@group(0) @binding(0) var<uniform> step: u32;
@group(0) @binding(1) var<uniform> learning_rate: f32;
// Four pixels a word.
@group(0) @binding(2) var<storage, read> images: array<u32>;
@group(0) @binding(3) var<storage, read> labels: array<u32>;
// Image numbers, [steps, BATCH].
@group(0) @binding(4) var<storage, read> batches: array<u32>;
@group(0) @binding(5) var<storage, read> parameters: array<f32>;
@group(0) @binding(5) var<storage, read_write> updated: array<f32>;
@group(0) @binding(6) var<storage, read> z1: array<f32>;
@group(0) @binding(6) var<storage, read_write> new_z1: array<f32>;
@group(0) @binding(7) var<storage, read> dy: array<f32>;
@group(0) @binding(7) var<storage, read_write> new_dy: array<f32>;
@group(0) @binding(8) var<storage, read> da1: array<f32>;
@group(0) @binding(8) var<storage, read_write> new_da1: array<f32>;
// Of each image, [steps, BATCH].
@group(0) @binding(9) var<storage, read_write> losses: array<f32>;
