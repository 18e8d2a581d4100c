// A block of a matrix product, 64 x 64, by a workgroup of 64 invocations: aᵀ b, for as many terms as come in steps of 16.
//
// Each step's parts of a and b are laid in workgroup memory, where each value is used 64 times; each invocation holds
// 8 x 8 sums in registers. The loops over them are written out: drivers don't unroll what WGSL becomes.

const STEP = 16u;
// A workgroup's width in invocations: each has a vec4 in the left half of the block, and one in the right.
const SIDE = BLOCK_VEC4S / 2u;
var<workgroup> a: array<vec4f, STEP * BLOCK_VEC4S>;
var<workgroup> b: array<vec4f, STEP * BLOCK_VEC4S>;

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
    for (var k = 0u; k < STEP * BLOCK_VEC4S; k += 4u * BLOCK_VEC4S) {
        add_term(sums, k + row, k + column);
        add_term(sums, k + BLOCK_VEC4S + row, k + BLOCK_VEC4S + column);
        add_term(sums, k + 2u * BLOCK_VEC4S + row, k + 2u * BLOCK_VEC4S + column);
        add_term(sums, k + 3u * BLOCK_VEC4S + row, k + 3u * BLOCK_VEC4S + column);
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

// Leaves the sums, a row at a time: the kernel that uses this says how, `store(row, v4, sum)`.
fn leave_block(sums: Sums, block_row: u32, block_vec4: u32, lane: u32) {
    let row = 4u * (block_row * BLOCK_VEC4S + lane / SIDE);
    let v4 = block_vec4 * BLOCK_VEC4S + lane % SIDE;
    leave_tile(row, v4, sums.upper_left);
    leave_tile(row, v4 + SIDE, sums.upper_right);
    leave_tile(row + 4u * SIDE, v4, sums.lower_left);
    leave_tile(row + 4u * SIDE, v4 + SIDE, sums.lower_right);
}

fn leave_tile(row: u32, v4: u32, tile: mat4x4f) {
    store(row, v4, tile[0]);
    store(row + 1u, v4, tile[1]);
    store(row + 2u, v4, tile[2]);
    store(row + 3u, v4, tile[3]);
}
