"""Golden numbers for the f64 reference, computed the book's way: plain numpy in float64, one-hot labels.

    python tests/numpy/golden.py

It needs only numpy and writes golden.json beside itself: for each activation and output a tiny net's three steps of SGD
with every value on the way, then the parameters after each step by each optimiser, then the functions on their own. A batch of one is a matrix of one row. The same machine gives
the same bytes again; another CPU may round the last digits of a number differently.
"""

import json
from pathlib import Path

import numpy as np

LEARNING_RATE = 0.5
STEP_SIZE = 1e-4  # h of the numerical gradient
STEPS = 3
RELU_MARGIN = 1e-3  # no pre-activation nearer to the kink at 0, where rounding or +-h would decide the gradient

# Five images of four pixels, three classes.
PIXELS = np.array(
    [[0, 255, 17, 130], [201, 0, 64, 9], [88, 143, 250, 0], [31, 76, 0, 219], [166, 5, 112, 48]], dtype=np.uint8
)
LABELS = np.array([2, 0, 1, 2, 1])
SHAPES = {"W1": (4, 3), "b1": (3,), "W2": (3, 3), "b2": (3,)}


def initial_params():
    # A stream that numpy promises not to change; with seed 1 each hidden unit is above 0 for some images, below for others.
    draw = np.random.RandomState(1).standard_normal
    return {name: (0.5 * draw(shape)).round(6) for name, shape in SHAPES.items()}


def sigmoid(x):
    with np.errstate(over="ignore"):  # exp of a large number is infinite, and 1 / infinity the right answer
        return 1 / (1 + np.exp(-x))


def sigmoid_grad(x):
    return (1 - sigmoid(x)) * sigmoid(x)


def relu(x):
    return np.maximum(x, 0)


def relu_grad(x):
    return np.where(x > 0, 1.0, 0.0)


def tanh(x):
    return np.tanh(x)


def tanh_grad(x):
    return 1 - np.tanh(x) ** 2


def identity(x):
    return x


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def sum_squared_error(y, t):
    return 0.5 * np.sum((y - t) ** 2)


def cross_entropy_error(y, t):
    """`t` holds labels, or one-hot rows as wide as `y`."""
    labels = t.argmax(axis=1) if t.shape == y.shape else t
    return -np.mean(np.log(y[np.arange(len(y)), labels] + 1e-7))


ACTIVATIONS = {"sigmoid": (sigmoid, sigmoid_grad), "relu": (relu, relu_grad), "tanh": (tanh, tanh_grad)}
OUTPUTS = {
    "softmax": (softmax, cross_entropy_error),
    "identity": (identity, lambda y, t: sum_squared_error(y, t) / len(t)),
}


class TwoLayerNet:
    def __init__(self, activation, output, params):
        self.activation, self.activation_grad = ACTIVATIONS[activation]
        self.output, self.error = OUTPUTS[output]
        self.params = params

    def forward(self, x):
        a1 = x @ self.params["W1"] + self.params["b1"]
        z1 = self.activation(a1)
        a2 = z1 @ self.params["W2"] + self.params["b2"]
        return {"a1": a1, "z1": z1, "a2": a2, "y": self.output(a2)}

    def loss(self, x, t):
        return self.error(self.forward(x)["y"], t)

    def accuracy(self, x, t):
        return np.mean(self.forward(x)["y"].argmax(axis=1) == t.argmax(axis=1))

    def gradient(self, x, t):
        """The gradients by backprop, and every value of the pass."""
        v = self.forward(x)
        v["dy"] = (v["y"] - t) / len(x)
        v["dz1"] = v["dy"] @ self.params["W2"].T
        v["da1"] = self.activation_grad(v["a1"]) * v["dz1"]
        grads = {"W1": x.T @ v["da1"], "b1": v["da1"].sum(axis=0), "W2": v["z1"].T @ v["dy"], "b2": v["dy"].sum(axis=0)}
        return grads, v

    def numerical_gradient(self, x, t):
        """The central difference of the loss, one parameter at a time."""
        grads = {name: np.zeros_like(p) for name, p in self.params.items()}
        for name, p in self.params.items():
            for i in np.ndindex(p.shape):
                value = p[i]
                p[i] = value + STEP_SIZE
                above = self.loss(x, t)
                p[i] = value - STEP_SIZE
                below = self.loss(x, t)
                p[i] = value
                grads[name][i] = (above - below) / (2 * STEP_SIZE)
        return grads


def train(activation, output):
    x, t = PIXELS / 255, np.eye(3)[LABELS]
    net = TwoLayerNet(activation, output, initial_params())
    steps = []
    for i in range(STEPS):
        grads, values = net.gradient(x, t)
        assert activation != "relu" or np.abs(values["a1"]).min() > RELU_MARGIN
        step = {"pass": values, "loss": net.loss(x, t), "accuracy": net.accuracy(x, t), "gradient": grads}
        if i == 0:
            step["numerical_gradient"] = net.numerical_gradient(x, t)
        net.params = {name: p - LEARNING_RATE * grads[name] for name, p in net.params.items()}
        steps.append(step | {"updated": net.params})
    return {"activation": activation, "output": output, "steps": steps}


OPTIMIZERS = ["sgd", "momentum", "adagrad", "adam", "adamw"]
MOMENTUM = 0.9
BETA1, BETA2 = 0.9, 0.999
OPTIMIZER_STEPS, OPTIMIZER_RATE = 5, 0.05


def optimized(rule, weight_decay):
    """By the definitions of torch.optim, value by value."""
    x, t = PIXELS / 255, np.eye(3)[LABELS]
    net = TwoLayerNet("sigmoid", "softmax", initial_params())
    first = {name: np.zeros_like(p) for name, p in net.params.items()}
    second = {name: np.zeros_like(p) for name, p in net.params.items()}
    steps = []
    for step in range(1, OPTIMIZER_STEPS + 1):
        grads, _ = net.gradient(x, t)
        updated = {}
        for name, p in net.params.items():
            g = grads[name] if rule == "adamw" else grads[name] + weight_decay * p
            if rule == "adamw":
                p = p * (1 - OPTIMIZER_RATE * weight_decay)
            if rule == "sgd":
                change = g
            elif rule == "momentum":
                change = first[name] = MOMENTUM * first[name] + g
            elif rule == "adagrad":
                first[name] = first[name] + g**2
                change = g / (np.sqrt(first[name]) + 1e-10)
            else:
                first[name] = BETA1 * first[name] + (1 - BETA1) * g
                second[name] = BETA2 * second[name] + (1 - BETA2) * g**2
                unbiased, unbiased_square = first[name] / (1 - BETA1**step), second[name] / (1 - BETA2**step)
                change = unbiased / (np.sqrt(unbiased_square) + 1e-8)
            updated[name] = p - OPTIMIZER_RATE * change
        net.params = updated
        steps.append(updated)
    return {"rule": rule, "weight_decay": weight_decay, "updated": steps}


def pointwise(x):
    smooth = {"sigmoid": sigmoid(x), "sigmoid_grad": sigmoid_grad(x), "tanh": tanh(x), "tanh_grad": tanh_grad(x)}
    return {"x": x, **smooth, "relu": relu(x)}


def softmaxes(*inputs):
    return [{"x": x, "y": softmax(np.array(x))} for x in inputs]


def losses(*cases):
    found = []
    for y, labels in cases:
        y, labels = np.array(y), np.array(labels)
        t = np.eye(y.shape[1])[labels]
        assert cross_entropy_error(y, labels) == cross_entropy_error(y, t)
        errors = {"sum_squared_error": sum_squared_error(y, t), "cross_entropy_error": cross_entropy_error(y, t)}
        found.append({"y": y, "labels": labels, "one_hot": t} | errors)
    return found


def layout(value, indent=""):
    """JSON with one line for each tensor, so that a diff shows which one changed."""
    inner = indent + " "
    if isinstance(value, dict):
        rows, ends = [f'"{key}": {layout(v, inner)}' for key, v in value.items()], "{}"
    elif isinstance(value, list) and isinstance(value[0], dict):
        rows, ends = [layout(v, inner) for v in value], "[]"
    else:
        return json.dumps(np.asarray(value).tolist())
    return f"{ends[0]}\n{inner}" + f",\n{inner}".join(rows) + f"\n{indent}{ends[1]}"


golden = {
    "learning_rate": LEARNING_RATE,
    "step_size": STEP_SIZE,
    "pixels": PIXELS,
    "labels": LABELS,
    "params": initial_params(),
    "cases": [train(activation, output) for activation in ACTIVATIONS for output in OUTPUTS],
    "optimizer_rate": OPTIMIZER_RATE,
    "optimizers": [optimized(rule, weight_decay) for rule in OPTIMIZERS for weight_decay in (0.0, 0.25)],
    "functions": {
        "pointwise": pointwise(np.array([-1e4, -30.0, -1.0, 0.0, 0.5, 3.0, 1e4])),
        "softmax": softmaxes(
            [[0.5, 2.0, -1.0]],
            [[1010.0, 1000.0, 990.0]],
            [[1.0, 2.0, 3.0], [1001.0, 1000.0, 1000.5], [-1000.0, 0.0, 1000.0], [0.0, 0.0, 0.0]],
        ),
        "losses": losses(
            ([[0.2, 0.7, 0.1]], [1]),
            ([[1.0, 0.0, 0.0]], [2]),
            ([[0.2, 0.7, 0.1], [0.05, 0.15, 0.8], [0.6, 0.3, 0.1]], [0, 2, 1]),
        ),
    },
}
Path(__file__).with_name("golden.json").write_text(layout(golden) + "\n", encoding="utf-8")
