#import network

// From the logits a2 of an image: its output y, its loss, and dy = (y - t) / N, the mean loss's derivative by a2.
//
// Softmax with the cross-entropy error, by way of log-softmax: the loss is log(sum exp(a2 - max)) - (a2[t] - max), where
// nothing overflows and no logarithm of 0 is taken. Or the identity with half the squared error. For each name that `Output`
// has there are NAME_sums, NAME_output and NAME_loss, and for each thing that a pass leaves a pass_NAME.
//
// The host says which ones this kernel has, by a line each (PassOutput::both_layers in src/gpu/kernels/operands.rs):
// `output_sums(row)`, `output(row, v4, s)`, `loss(row, label, s)` and `pass_output(row, v4, label, s)`; and whether there is no
// way back, FORWARD_ONLY. The kernel that uses this says where logits are: `logits(row, v4)`.

// What a class's output takes of all logits.
struct LogitSums {
    largest: f32,
    // Of exp(a2 - largest).
    sum: f32,
}

fn softmax_sums(row: u32) -> LogitSums {
    var s = LogitSums(logits(row, 0u).x, 0.0);
    for (var v4 = 0u; v4 < CLASS_VEC4S; v4++) {
        let a = select(vec4f(s.largest), logits(row, v4), columns(v4) < vec4u(CLASSES));
        s.largest = max(s.largest, max(max(a.x, a.y), max(a.z, a.w)));
    }
    for (var v4 = 0u; v4 < CLASS_VEC4S; v4++) {
        s.sum += dot(exponentials(row, v4, s.largest), vec4f(1.0));
    }
    return s;
}

// exp(a2 - largest), and 0 in the columns past the classes.
fn exponentials(row: u32, v4: u32, largest: f32) -> vec4f {
    return select(vec4f(0.0), exp(logits(row, v4) - largest), columns(v4) < vec4u(CLASSES));
}

fn softmax_output(row: u32, v4: u32, s: LogitSums) -> vec4f {
    return exponentials(row, v4, s.largest) / s.sum;
}

fn softmax_loss(row: u32, label: u32, s: LogitSums) -> f32 {
    return log(s.sum) - (logits(row, label / 4u)[label % 4u] - s.largest);
}

// It takes none.
fn identity_sums(row: u32) -> LogitSums {
    return LogitSums();
}

fn identity_output(row: u32, v4: u32, s: LogitSums) -> vec4f {
    return logits(row, v4);
}

fn identity_loss(row: u32, label: u32, s: LogitSums) -> f32 {
    var squares = 0.0;
    for (var v4 = 0u; v4 < CLASS_VEC4S; v4++) {
        let e = error(row, v4, label, s);
        squares += dot(e, e);
    }
    return squares / 2.0;
}

// y - t.
fn error(row: u32, v4: u32, label: u32, s: LogitSums) -> vec4f {
    return output(row, v4, s) - select(vec4f(0.0), vec4f(1.0), columns(v4) == vec4u(label));
}

// What is left in a vec4 of an image's classes: dy for training, or the logits, or y.

fn pass_dy(row: u32, v4: u32, label: u32, s: LogitSums) -> vec4f {
    return error(row, v4, label, s) / f32(dispatch.batch_size);
}

fn pass_logits(row: u32, v4: u32, label: u32, s: LogitSums) -> vec4f {
    return logits(row, v4);
}

fn pass_y(row: u32, v4: u32, label: u32, s: LogitSums) -> vec4f {
    return output(row, v4, s);
}
