#import network

// From the logits a2 of an image: its output y, its loss, and dy = (y - t) / N, the mean loss's derivative by a2.
//
// Softmax with the cross-entropy error, by way of log-softmax: the loss is log(sum exp(a2 - max)) - (a2[t] - max), where
// nothing overflows and no logarithm of 0 is taken. Or the identity with half the squared error.
//
// The kernel that uses this says where logits are: `logits(row, v4)`.

override OUTPUT: u32;
const SOFTMAX = 0u;

// What is left of an image: dy for training, or the logits, or y.
override PASS_OUTPUT: u32;
const PASS_DY = 0u;
const PASS_LOGITS = 1u;
const PASS_Y = 2u;

struct Softmax {
    largest: f32,
    // Of exp(a2 - largest).
    sum: f32,
}

fn softmax(row: u32) -> Softmax {
    var s = Softmax(logits(row, 0u).x, 0.0);
    if OUTPUT == SOFTMAX {
        for (var v4 = 0u; v4 < CLASS_VEC4S; v4++) {
            let a = select(vec4f(s.largest), logits(row, v4), columns(v4) < vec4u(CLASSES));
            s.largest = max(s.largest, max(max(a.x, a.y), max(a.z, a.w)));
        }
        for (var v4 = 0u; v4 < CLASS_VEC4S; v4++) {
            s.sum += dot(exponentials(row, v4, s.largest), vec4f(1.0));
        }
    }
    return s;
}

// exp(a2 - largest), and 0 in the columns past the classes.
fn exponentials(row: u32, v4: u32, largest: f32) -> vec4f {
    return select(vec4f(0.0), exp(logits(row, v4) - largest), columns(v4) < vec4u(CLASSES));
}

fn output(row: u32, v4: u32, s: Softmax) -> vec4f {
    if OUTPUT == SOFTMAX {
        return exponentials(row, v4, s.largest) / s.sum;
    }
    return logits(row, v4);
}

// y - t.
fn error(row: u32, v4: u32, label: u32, s: Softmax) -> vec4f {
    return output(row, v4, s) - select(vec4f(0.0), vec4f(1.0), columns(v4) == vec4u(label));
}

fn loss(row: u32, label: u32, s: Softmax) -> f32 {
    if OUTPUT == SOFTMAX {
        return log(s.sum) - (logits(row, label / 4u)[label % 4u] - s.largest);
    }
    var squares = 0.0;
    for (var v4 = 0u; v4 < CLASS_VEC4S; v4++) {
        let e = error(row, v4, label, s);
        squares += dot(e, e);
    }
    return squares / 2.0;
}

// What is left in a vec4 of an image's classes.
fn pass_output(row: u32, v4: u32, label: u32, s: Softmax) -> vec4f {
    if PASS_OUTPUT == PASS_LOGITS {
        return logits(row, v4);
    }
    if PASS_OUTPUT == PASS_Y {
        return output(row, v4, s);
    }
    return error(row, v4, label, s) / f32(dispatch.batch_size);
}
