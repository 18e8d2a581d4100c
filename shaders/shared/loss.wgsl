// From the logits a2 of an image: its output y, its loss, and dy = (y - t) / N, the mean loss's derivative by a2.
//
// Softmax with the cross-entropy error, by way of log-softmax: the loss is log(sum exp(a2 - max)) - (a2[t] - max), where
// nothing overflows and no logarithm of 0 is taken. Or the identity with half the squared error.
//
// The kernel that uses this says where logits are: `logits(row, quad)`.

override OUTPUT: u32;
const SOFTMAX = 0u;

// What is left of an image: dy for training, or the logits, or y.
override LEAVE: u32;
const LEAVE_DY = 0u;
const LEAVE_A2 = 1u;
const LEAVE_Y = 2u;

struct Softmax {
    largest: f32,
    // Of exp(a2 - largest).
    sum: f32,
}

fn softmax(row: u32) -> Softmax {
    var s = Softmax(logits(row, 0u).x, 0.0);
    if OUTPUT == SOFTMAX {
        for (var quad = 0u; quad < CLASS_QUADS; quad++) {
            let a = select(vec4f(s.largest), logits(row, quad), columns(quad) < vec4u(CLASSES));
            s.largest = max(s.largest, max(max(a.x, a.y), max(a.z, a.w)));
        }
        for (var quad = 0u; quad < CLASS_QUADS; quad++) {
            s.sum += dot(exponentials(row, quad, s.largest), vec4f(1.0));
        }
    }
    return s;
}

// exp(a2 - largest), and 0 in the columns past the classes.
fn exponentials(row: u32, quad: u32, largest: f32) -> vec4f {
    return select(vec4f(0.0), exp(logits(row, quad) - largest), columns(quad) < vec4u(CLASSES));
}

fn output(row: u32, quad: u32, s: Softmax) -> vec4f {
    if OUTPUT == SOFTMAX {
        return exponentials(row, quad, s.largest) / s.sum;
    }
    return logits(row, quad);
}

// y - t.
fn error(row: u32, quad: u32, label: u32, s: Softmax) -> vec4f {
    return output(row, quad, s) - select(vec4f(0.0), vec4f(1.0), columns(quad) == vec4u(label));
}

fn loss(row: u32, label: u32, s: Softmax) -> f32 {
    if OUTPUT == SOFTMAX {
        return log(s.sum) - (logits(row, label / 4u)[label % 4u] - s.largest);
    }
    var squares = 0.0;
    for (var quad = 0u; quad < CLASS_QUADS; quad++) {
        let e = error(row, quad, label, s);
        squares += dot(e, e);
    }
    return squares / 2.0;
}

// What is left in a quad of an image's classes.
fn left(row: u32, quad: u32, label: u32, s: Softmax) -> vec4f {
    if LEAVE == LEAVE_A2 {
        return logits(row, quad);
    }
    if LEAVE == LEAVE_Y {
        return output(row, quad, s);
    }
    return error(row, quad, label, s) / f32(part.batch_size);
}
