// The device's most bytes a second, read and written: a copy of one buffer to another.
//
// Each word adds its own number times STEP, so that a copy is told from the one before it, and what is copied is never
// so regular that a device could compress it.
// Oracle: gpu::peak::copied_word. Test: tests/bench_peak.rs.

// Invocations of a workgroup.
override LIST: u32;
override STEP: u32;

@group(0) @binding(0) var<storage, read> original: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> copy: array<vec4u>;

@compute @workgroup_size(LIST)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    // Neighbouring invocations take neighbouring vec4s, a row of all of them at a time.
    let row = groups.x * LIST;
    let places = id.x + row * vec4u(0u, 1u, 2u, 3u);
    let a = original[places.x];
    let b = original[places.y];
    let c = original[places.z];
    let d = original[places.w];
    copy[places.x] = a + step_of(places.x);
    copy[places.y] = b + step_of(places.y);
    copy[places.z] = c + step_of(places.z);
    copy[places.w] = d + step_of(places.w);
}

fn step_of(v4: u32) -> vec4u {
    return STEP * (4u * v4 + vec4u(0u, 1u, 2u, 3u));
}
