// A block of a matrix product, 64 x 64, by a workgroup of 64 invocations: aᵀ b, for as many terms as come in steps of 16.
//
// Each step's parts of a and b are laid in workgroup memory, where each value is used 64 times; each invocation holds
// 8 x 8 sums in registers. The loops over them are written out: drivers don't unroll what WGSL becomes.

const STEP = 16u;
// A workgroup's width in invocations: each has a quad in the left half of the block, and one in the right.
const SIDE = BLOCK_QUADS / 2u;
var<workgroup> a: array<vec4f, STEP * BLOCK_QUADS>;
var<workgroup> b: array<vec4f, STEP * BLOCK_QUADS>;

// Column i of a matrix belongs to row i of a quad of rows, and holds a quad of columns.
struct Sums {
    upper_left: mat4x4f,
    upper_right: mat4x4f,
    lower_left: mat4x4f,
    lower_right: mat4x4f,
}

fn add_step(sums: ptr<function, Sums>, lane: u32) {
    let row = lane / SIDE;
    let column = lane % SIDE;
    for (var k = 0u; k < STEP * BLOCK_QUADS; k += 4u * BLOCK_QUADS) {
        add_term(sums, k + row, k + column);
        add_term(sums, k + BLOCK_QUADS + row, k + BLOCK_QUADS + column);
        add_term(sums, k + 2u * BLOCK_QUADS + row, k + 2u * BLOCK_QUADS + column);
        add_term(sums, k + 3u * BLOCK_QUADS + row, k + 3u * BLOCK_QUADS + column);
    }
}

fn add_term(sums: ptr<function, Sums>, at_a: u32, at_b: u32) {
    let upper = a[at_a];
    let lower = a[at_a + SIDE];
    let left = b[at_b];
    let right = b[at_b + SIDE];
    (*sums).upper_left += outer(left, upper);
    (*sums).upper_right += outer(right, upper);
    (*sums).lower_left += outer(left, lower);
    (*sums).lower_right += outer(right, lower);
}

fn outer(columns: vec4f, rows: vec4f) -> mat4x4f {
    return mat4x4f(columns * rows.x, columns * rows.y, columns * rows.z, columns * rows.w);
}

// Leaves the sums, a row at a time: the kernel that uses this says how, `leave(row, quad, sum)`.
fn leave_block(sums: Sums, block_row: u32, block_quad: u32, lane: u32) {
    let row = 4u * (block_row * BLOCK_QUADS + lane / SIDE);
    let quad = block_quad * BLOCK_QUADS + lane % SIDE;
    leave_tile(row, quad, sums.upper_left);
    leave_tile(row, quad + SIDE, sums.upper_right);
    leave_tile(row + 4u * SIDE, quad, sums.lower_left);
    leave_tile(row + 4u * SIDE, quad + SIDE, sums.lower_right);
}

fn leave_tile(row: u32, quad: u32, tile: mat4x4f) {
    leave(row, quad, tile[0]);
    leave(row + 1u, quad, tile[1]);
    leave(row + 2u, quad, tile[2]);
    leave(row + 3u, quad, tile[3]);
}
