// A block of a matrix product, 64 rows x 64 or 32 columns, by a workgroup of 64 invocations: aᵀ b, for as many terms as come in
// steps of STEP.
//
// Each step's parts of a and b are laid in workgroup memory, where each value is used 32 or 64 times; each invocation holds
// 8 x 8 or 8 x 4 sums in registers. All terms of a step are written out: drivers don't unroll the loops that WGSL becomes.

// Halves of the columns, 32 each: an invocation has a vec4 of them in each half.
override HALVES: u32;

// A workgroup's width in invocations: each has a vec4 of rows in the upper half of the block, and one in the lower.
const SIDE = BLOCK_VEC4S / 2u;
// By terms: an index that is a number needs no check of its range.
var<workgroup> a: array<array<vec4f, BLOCK_VEC4S>, STEP>;
var<workgroup> b: array<array<vec4f, BLOCK_VEC4S>, STEP>;

// How many of `terms` a part of them has, in whole steps.
fn share_of(terms: u32, parts: u32) -> u32 {
    let steps = (terms + STEP - 1u) / STEP;
    return STEP * ((steps + parts - 1u) / parts);
}

// What an invocation lays in workgroup memory for a step: four words of pixels, for a, and of two terms the vec4s of its columns,
// for b. It loads them before it adds up the step before, which hides how long that takes.
struct Loads {
    words: vec4u,
    left: array<vec4f, 2>,
    right: array<vec4f, 2>,
}

// Which terms' vec4s an invocation lays in b: this one, and the one LATER.
fn term_of(lane: u32) -> u32 {
    return lane / SIDE;
}

const LATER = STEP / 2u;

fn lay_b(loads: Loads, lane: u32) {
    let term = term_of(lane);
    let column = lane % SIDE;
    b[term][column] = loads.left[0];
    b[term + LATER][column] = loads.left[1];
    if HALVES == 2u {
        b[term][column + SIDE] = loads.right[0];
        b[term + LATER][column + SIDE] = loads.right[1];
    }
}

// Column i of a matrix belongs to row i of a vec4 of rows, and holds a vec4 of columns.
struct Sums {
    upper_left: mat4x4f,
    upper_right: mat4x4f,
    lower_left: mat4x4f,
    lower_right: mat4x4f,
}

fn add_step(sums: ptr<function, Sums>, lane: u32) {
    let row = lane / SIDE;
    let column = lane % SIDE;
    add_terms(sums, 0u, row, column);
    add_terms(sums, 4u, row, column);
    add_terms(sums, 8u, row, column);
    add_terms(sums, 12u, row, column);
}

fn add_terms(sums: ptr<function, Sums>, first: u32, row: u32, column: u32) {
    add_term(sums, first, row, column);
    add_term(sums, first + 1u, row, column);
    add_term(sums, first + 2u, row, column);
    add_term(sums, first + 3u, row, column);
}

fn add_term(sums: ptr<function, Sums>, term: u32, row: u32, column: u32) {
    let upper = a[term][row];
    let lower = a[term][row + SIDE];
    let left = b[term][column];
    (*sums).upper_left += outer(left, upper);
    (*sums).lower_left += outer(left, lower);
    if HALVES == 2u {
        let right = b[term][column + SIDE];
        (*sums).upper_right += outer(right, upper);
        (*sums).lower_right += outer(right, lower);
    }
}

fn outer(columns: vec4f, rows: vec4f) -> mat4x4f {
    return mat4x4f(columns * rows.x, columns * rows.y, columns * rows.z, columns * rows.w);
}

// The first vec4 of a block's columns.
fn block_columns(block: u32) -> u32 {
    return block * HALVES * SIDE;
}

// Leaves the sums, a row at a time: the kernel that uses this says how, `store(row, v4, sum)`.
fn leave_block(sums: Sums, block_row: u32, block_column: u32, lane: u32) {
    let row = 4u * (block_row * BLOCK_VEC4S + lane / SIDE);
    let v4 = block_columns(block_column) + lane % SIDE;
    leave_tile(row, v4, sums.upper_left);
    leave_tile(row + 4u * SIDE, v4, sums.lower_left);
    if HALVES == 2u {
        leave_tile(row, v4 + SIDE, sums.upper_right);
        leave_tile(row + 4u * SIDE, v4 + SIDE, sums.lower_right);
    }
}

fn leave_tile(row: u32, v4: u32, tile: mat4x4f) {
    store(row, v4, tile[0]);
    store(row + 1u, v4, tile[1]);
    store(row + 2u, v4, tile[2]);
    store(row + 3u, v4, tile[3]);
}
