// The device's most multiply-adds in f32: chains of them that never leave the registers.
//
// Every chain is x = x * scale + shift, where scale and shift are 1, but only the host knows that. So a chain counts its
// own steps, and its end is exact in f32: a device that leaves any of the work out has another number.
// Oracle: gpu::peak::chains_sum. Test: tests/bench_peak.rs.

// Invocations of a workgroup.
override LIST: u32;

struct Work {
    scale: f32,
    shift: f32,
    // Where the first chain of the first invocation begins: another place at each run, so that its end is new.
    first: f32,
    iterations: u32,
}

@group(0) @binding(0) var<uniform> work: Work;
// One number an invocation: the sum of the ends of its chains.
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(LIST)
fn main(@builtin(global_invocation_id) id: vec3u) {
    // 32 chains, which do not wait for each other; no two begin alike, or they would be computed once.
    let start = vec4f(0.0, 1.0, 2.0, 3.0) + work.first + f32(id.x % LIST);
    var x = array<vec4f, 8>(
        start, start + 4.0, start + 8.0, start + 12.0, start + 16.0, start + 20.0, start + 24.0, start + 28.0,
    );
    let scale = vec4f(work.scale);
    let shift = vec4f(work.shift);
    for (var i = 0u; i < work.iterations; i++) {
        x[0] = eight_steps(x[0], scale, shift);
        x[1] = eight_steps(x[1], scale, shift);
        x[2] = eight_steps(x[2], scale, shift);
        x[3] = eight_steps(x[3], scale, shift);
        x[4] = eight_steps(x[4], scale, shift);
        x[5] = eight_steps(x[5], scale, shift);
        x[6] = eight_steps(x[6], scale, shift);
        x[7] = eight_steps(x[7], scale, shift);
    }
    sums[id.x] = dot(x[0] + x[1] + x[2] + x[3] + x[4] + x[5] + x[6] + x[7], vec4f(1.0));
}

fn eight_steps(start: vec4f, scale: vec4f, shift: vec4f) -> vec4f {
    var x = start;
    x = fma(x, scale, shift);
    x = fma(x, scale, shift);
    x = fma(x, scale, shift);
    x = fma(x, scale, shift);
    x = fma(x, scale, shift);
    x = fma(x, scale, shift);
    x = fma(x, scale, shift);
    x = fma(x, scale, shift);
    return x;
}
