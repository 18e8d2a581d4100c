"""The job in numpy, on the CPU.

variants:
  book     as the book writes it: float64, one-hot labels, a new array for every value, the loss by a second pass
  tuned    float32, one pass, every value of a step written into an array that was allocated once
  float64  any recipe, in float64, to check the others by
"""

import job
import recipe

options = job.options(__doc__, ["book", "tuned", "float64"], book_only=["book", "tuned"])

import numpy as np  # noqa: E402  reads the number of threads when it loads


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_grad(x):
    return (1.0 - sigmoid(x)) * sigmoid(x)


def softmax(x):
    x = x - np.max(x, axis=1, keepdims=True)
    return np.exp(x) / np.sum(np.exp(x), axis=1, keepdims=True)


def cross_entropy_error(y, t):
    labels = t.argmax(axis=1)
    return -np.sum(np.log(y[np.arange(len(y)), labels] + 1e-7)) / len(y)


class Numpy:
    version = np.__version__
    device = "cpu"
    prepares_each_length = False


class Book(Numpy):
    def __init__(self, work):
        self.picks = work.picks
        # The book's images are float32; each product with a float64 matrix converts them again.
        self.sets = [(part.images, np.eye(job.CLASSES)[part.labels]) for part in (work.train, work.test)]
        self.set_params(work.initial)

    def set_params(self, params):
        self.W1, self.b1, self.W2, self.b2 = (p.astype(np.float64) for p in params)

    def params(self):
        return self.W1, self.b1, self.W2, self.b2

    def predict(self, x):
        z1 = sigmoid(np.dot(x, self.W1) + self.b1)
        return softmax(np.dot(z1, self.W2) + self.b2)

    def loss(self, x, t):
        return cross_entropy_error(self.predict(x), t)

    def gradient(self, x, t):
        a1 = np.dot(x, self.W1) + self.b1
        z1 = sigmoid(a1)
        y = softmax(np.dot(z1, self.W2) + self.b2)
        dy = (y - t) / len(x)
        da1 = np.dot(dy, self.W2.T) * sigmoid_grad(a1)
        return np.dot(x.T, da1), np.sum(da1, axis=0), np.dot(z1.T, dy), np.sum(dy, axis=0)

    def train(self, start, stop):
        images, labels = self.sets[0]
        losses = []
        for pick in self.picks[start:stop]:
            x, t = images[pick], labels[pick]
            for param, gradient in zip(self.params(), self.gradient(x, t)):
                param -= job.LEARNING_RATE * gradient
            losses.append(self.loss(x, t))
        return losses

    def accuracies(self):
        return [float(np.mean(self.predict(x).argmax(axis=1) == t.argmax(axis=1))) for x, t in self.sets]


class Float64(Book):
    """PyTorch's definitions of the optimisers, word for word. A step's loss is that before its update, as in all peers
    but the book's."""

    def __init__(self, work):
        self.rates = work.rates
        super().__init__(work)

    def set_params(self, params):
        super().set_params(params)
        self.firsts, self.seconds = ([np.zeros(p.shape) for p in params] for _ in range(2))

    def predict(self, x):
        return softmax(self.hidden(x) @ self.W2 + self.b2)

    def hidden(self, x):
        a1 = x @ self.W1 + self.b1
        return np.maximum(a1, 0) if options.activation == "relu" else sigmoid(a1)

    def loss(self, x, t):
        return -np.log(self.predict(x)[t == 1]).mean()

    def gradient(self, x, t):
        z1 = self.hidden(x)
        dy = (self.predict(x) - t) / len(x)
        slope = z1 > 0 if options.activation == "relu" else z1 * (1 - z1)
        da1 = dy @ self.W2.T * slope
        return x.T @ da1, da1.sum(axis=0), z1.T @ dy, dy.sum(axis=0)

    def train(self, start, stop):
        images, labels = self.sets[0]
        losses = []
        for step in range(start, stop):
            x, t = images[self.picks[step]].astype(np.float64), labels[self.picks[step]]
            losses.append(self.loss(x, t))
            for p, g, first, second in zip(self.params(), self.gradient(x, t), self.firsts, self.seconds):
                self.update(p, g, first, second, self.rates[step], step + 1)
        return losses

    def update(self, p, g, first, second, rate, number):
        """Changes a parameter and what is remembered of it, in place, in step `number`, from 1."""
        if options.optimizer == "adamw":
            p -= rate * options.weight_decay * p
        else:
            g = g + options.weight_decay * p
        if options.optimizer == "sgd":
            p -= rate * g
        elif options.optimizer == "momentum":
            first *= options.momentum
            first += g
            p -= rate * first
        else:
            for slot, beta, value in zip((first, second), recipe.BETAS, (g, g * g)):
                slot *= beta
                slot += (1 - beta) * value
            mean, square = (slot / (1 - beta**number) for slot, beta in zip((first, second), recipe.BETAS))
            p -= rate * mean / (np.sqrt(square) + recipe.EPSILON)


class Tuned(Numpy):
    def __init__(self, work):
        self.picks, self.train_set, self.test_set = work.picks, work.train, work.test
        batch, hidden = work.batch_size, work.hidden

        def room(*shape):
            return np.empty(shape, np.float32)

        self.set_params(work.initial)
        self.x, self.t, self.rows = room(batch, work.inputs), np.empty(batch, np.int64), np.arange(batch)
        self.z1, self.slope, self.da1 = room(batch, hidden), room(batch, hidden), room(batch, hidden)
        self.y, self.column = room(batch, job.CLASSES), room(batch, 1)
        self.updates = [np.empty_like(p) for p in self.params()]
        self.losses = room(work.steps)
        # A sum over the batch as a matrix product: faster than sum(axis=0).
        self.ones = np.ones(batch, np.float32)
        # With it on dy, every gradient that follows from dy is already the update.
        self.rate = np.float32(job.LEARNING_RATE / batch)
        # exp(-a1) may overflow, and 1 / (1 + inf) is the right sigmoid.
        np.seterr(over="ignore")

    def set_params(self, params):
        self.W1, self.b1, self.W2, self.b2 = (p.copy() for p in params)

    def params(self):
        return self.W1, self.b1, self.W2, self.b2

    def activate(self, x, z1):
        np.matmul(x, self.W1, out=z1)
        z1 += self.b1
        np.negative(z1, out=z1)
        np.exp(z1, out=z1)
        z1 += 1
        np.reciprocal(z1, out=z1)

    def train(self, start, stop):
        for step in range(start, stop):
            # Without a mode, take goes through a buffer of its own.
            np.take(self.train_set.images, self.picks[step], axis=0, out=self.x, mode="clip")
            np.take(self.train_set.labels, self.picks[step], out=self.t, mode="clip")
            self.losses[step] = self.step()
        return self.losses[start:stop]

    def step(self):
        x, t, z1, slope, da1, y, column = self.x, self.t, self.z1, self.slope, self.da1, self.y, self.column
        self.activate(x, z1)
        np.matmul(z1, self.W2, out=y)
        y += self.b2
        y -= np.max(y, axis=1, keepdims=True, out=column)
        labelled = y[self.rows, t]
        np.exp(y, out=y)
        np.sum(y, axis=1, keepdims=True, out=column)
        loss = (np.log(column[:, 0]) - labelled).mean()

        y /= column
        y[self.rows, t] -= 1
        y *= self.rate
        np.matmul(y, self.W2.T, out=da1)
        np.subtract(1, z1, out=slope)
        slope *= z1
        da1 *= slope
        by_w1, by_b1, by_w2, by_b2 = self.updates
        np.matmul(x.T, da1, out=by_w1)
        np.matmul(self.ones, da1, out=by_b1)
        np.matmul(z1.T, y, out=by_w2)
        np.matmul(self.ones, y, out=by_b2)
        for param, update in zip(self.params(), self.updates):
            param -= update
        return loss

    def accuracies(self):
        return [self.accuracy(part) for part in (self.train_set, self.test_set)]

    def accuracy(self, part):
        z1 = np.empty((len(part.images), len(self.b1)), np.float32)
        self.activate(part.images, z1)
        return float(np.mean((z1 @ self.W2 + self.b2).argmax(axis=1) == part.labels))


work = job.Job(options)
job.run("numpy", {"book": Book, "tuned": Tuned, "float64": Float64}[options.variant](work), work)
