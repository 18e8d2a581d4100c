"""The job in PyTorch, on the CPU or on an NVIDIA GPU, in float32 without TF32.

variants:
  eager        nn.Linear, autograd and torch.optim, one call an operation
  manual       no autograd: the backward pass by hand, in place, with as few operations as PyTorch allows
  graph        manual, a step recorded as one CUDA graph and replayed (--device cuda)
  graph-chunk  manual, up to 100 steps recorded as one CUDA graph (--device cuda)
"""

import job
import recipe

options = job.options(
    __doc__, ["eager", "manual", "graph", "graph-chunk"], ["cpu", "cuda"], book_only=["graph", "graph-chunk"]
)

import torch  # noqa: E402  reads the number of threads when it loads
import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

# Steps in one graph of graph-chunk.
CHUNK = 100
RELU = options.activation == "relu"


def optimizer(params):
    """The recipe's, of torch.optim, by the fastest of its ways: on a CPU `fused` takes 0.3 to 0.7 times as long as the
    loop or `foreach`, but for bare SGD, where the loop is as fast."""
    numbers = {"lr": options.learning_rate, "weight_decay": options.weight_decay}
    if options.optimizer == "sgd":
        return torch.optim.SGD(params, **numbers)
    if options.optimizer == "momentum":
        return torch.optim.SGD(params, momentum=options.momentum, fused=True, **numbers)
    rule = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[options.optimizer]
    return rule(params, betas=recipe.BETAS, eps=recipe.EPSILON, fused=True, **numbers)


class Torch:
    """What the variants share: the data on the device, and a place for every loss, so that none is waited for."""

    version = torch.__version__
    prepares_each_length = False

    def __init__(self, work):
        self.on = torch.device(options.device)
        self.device = f"cuda ({torch.cuda.get_device_name()})" if options.device == "cuda" else "cpu"
        self.sets = [(self.put(part.images), self.put(part.labels)) for part in (work.train, work.test)]
        self.picks = self.put(work.picks)
        self.rates = work.rates
        self.losses = torch.zeros(work.steps, device=self.on)

    def put(self, array):
        return torch.from_numpy(array).to(self.on)

    def train(self, start, stop):
        self.steps(start, stop)
        if self.on.type == "cuda":
            torch.cuda.synchronize()
        return self.losses[start:stop]

    @torch.no_grad()
    def accuracies(self):
        return [(self.logits(x).argmax(1) == t).sum().item() / len(t) for x, t in self.sets]


class Eager(Torch):
    def __init__(self, work):
        super().__init__(work)
        activation = nn.ReLU() if RELU else nn.Sigmoid()
        self.logits = nn.Sequential(
            nn.Linear(work.inputs, work.hidden), activation, nn.Linear(work.hidden, job.CLASSES)
        ).to(self.on)
        self.optimizer = optimizer(self.logits.parameters())
        self.set_params(work.initial)

    # nn.Linear keeps its weights as [outputs, inputs]; .T leaves a bias as it is.
    @torch.no_grad()
    def set_params(self, params):
        for param, value in zip(self.logits.parameters(), params):
            param.copy_(self.put(value.T))
        for slots in self.optimizer.state.values():
            for slot in slots.values():
                if slot is not None:
                    slot.zero_()

    def params(self):
        return [param.detach().cpu().numpy().T for param in self.logits.parameters()]

    def steps(self, start, stop):
        images, labels = self.sets[0]
        (group,) = self.optimizer.param_groups
        for step in range(start, stop):
            pick = self.picks[step]
            group["lr"] = self.rates[step]
            loss = F.cross_entropy(self.logits(images.index_select(0, pick)), labels.index_select(0, pick))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.losses[step] = loss.detach()


class Manual(Torch):
    """SGD, whose gradient and update are one product, weight decay included."""

    def __init__(self, work):
        super().__init__(work)
        torch.set_grad_enabled(False)
        batch, hidden = work.batch_size, work.hidden
        self.place(work.initial)
        self.x = torch.empty(batch, work.inputs, device=self.on)
        self.t = torch.empty(batch, dtype=torch.int64, device=self.on)
        self.z1 = torch.empty(batch, hidden, device=self.on)
        self.da1 = torch.empty(batch, hidden, device=self.on)
        self.a2 = torch.empty(batch, job.CLASSES, device=self.on)
        self.ones = torch.ones(batch, device=self.on)
        self.minus_one = torch.full((batch, 1), -1.0, device=self.on)
        self.batch_size = batch

    def place(self, params):
        self.W1, self.b1, self.W2, self.b2 = (self.put(p.copy()) for p in params)

    def set_params(self, params):
        for param, value in zip((self.W1, self.b1, self.W2, self.b2), params):
            param.copy_(self.put(value))

    def params(self):
        return [param.cpu().numpy() for param in (self.W1, self.b1, self.W2, self.b2)]

    def activate(self, a1):
        return a1.relu_() if RELU else a1.sigmoid_()

    def logits(self, x):
        return torch.addmm(self.b2, self.activate(torch.addmm(self.b1, x, self.W1)), self.W2)

    def step(self, pick, loss, step):
        """One step on the images `pick`; its loss goes into `loss`, of one element. Nothing here waits for the GPU."""
        (images, labels), z1, da1 = self.sets[0], self.z1, self.da1
        torch.index_select(images, 0, pick, out=self.x)
        torch.index_select(labels, 0, pick, out=self.t)
        torch.addmm(self.b1, self.x, self.W1, out=z1)
        self.activate(z1)
        torch.addmm(self.b2, z1, self.W2, out=self.a2)
        log_y = torch.log_softmax(self.a2, 1)
        loss.copy_(F.nll_loss(log_y, self.t))
        # y - t; the division by the batch size comes with the gradients.
        dy = log_y.exp().scatter_add_(1, self.t.unsqueeze(1), self.minus_one)
        torch.mm(dy, self.W2.t(), out=da1)
        if RELU:
            torch.ops.aten.threshold_backward.grad_input(da1, z1, 0, grad_input=da1)
        else:
            torch.ops.aten.sigmoid_backward.grad_input(da1, z1, grad_input=da1)
        self.update(dy, step)

    def update(self, dy, step):
        rate, params = self.rates[step], (self.W1, self.b1, self.W2, self.b2)
        self.add_gradient(params, dy, beta=1 - rate * options.weight_decay, alpha=-rate / self.batch_size)

    def add_gradient(self, targets, dy, beta, alpha):
        """Of each target: target = beta target + alpha gradient; a bias's gradient is its matrix times ones."""
        by_w1, by_b1, by_w2, by_b2 = targets
        by_w1.addmm_(self.x.t(), self.da1, beta=beta, alpha=alpha)
        by_b1.addmv_(self.da1.t(), self.ones, beta=beta, alpha=alpha)
        by_w2.addmm_(self.z1.t(), dy, beta=beta, alpha=alpha)
        by_b2.addmv_(dy.t(), self.ones, beta=beta, alpha=alpha)

    def steps(self, start, stop):
        for step in range(start, stop):
            self.step(self.picks[step], self.losses[step], step)


class Flat(Manual):
    """All parameters as one vector, and so what an optimiser remembers of them: one operation changes all."""

    def place(self, params):
        self.sizes = [p.shape for p in params]
        self.all, (self.W1, self.b1, self.W2, self.b2) = self.vector()

    def vector(self):
        """A vector of as many 0 as there are parameters, and the four places in it."""
        counts = [size.numel() for size in map(torch.Size, self.sizes)]
        whole = torch.zeros(sum(counts), device=self.on)
        return whole, [part.view(size) for part, size in zip(whole.split(counts), self.sizes)]


class Momentum(Flat):
    def place(self, params):
        super().place(params)
        self.velocity, self.velocities = self.vector()
        self.set_params(params)

    def set_params(self, params):
        super().set_params(params)
        self.velocity.zero_()

    def update(self, dy, step):
        self.add_gradient(self.velocities, dy, beta=options.momentum, alpha=1 / self.batch_size)
        if options.weight_decay:
            self.velocity.add_(self.all, alpha=options.weight_decay)
        self.all.add_(self.velocity, alpha=-self.rates[step])


class Adam(Flat):
    """Adam and AdamW by the operation beneath torch.optim's `fused`: all in one pass over the vectors, in half the time
    of the same by lerp_, addcmul_, sqrt and addcdiv_."""

    def place(self, params):
        super().place(params)
        self.gradient, self.gradients = self.vector()
        self.means, self.squares = torch.zeros_like(self.all), torch.zeros_like(self.all)
        # The operation takes the step's number, from 1, as a tensor.
        self.numbers = torch.arange(1, len(self.rates) + 1, dtype=torch.float32, device=self.on).unbind()
        self.apply = {"adam": torch._fused_adam_, "adamw": torch._fused_adamw_}[options.optimizer]
        self.set_params(params)

    def set_params(self, params):
        super().set_params(params)
        self.means.zero_()
        self.squares.zero_()

    def update(self, dy, step):
        self.add_gradient(self.gradients, dy, beta=0, alpha=1 / self.batch_size)
        self.apply(
            *([self.all], [self.gradient], [self.means], [self.squares], [], [self.numbers[step]]),
            lr=self.rates[step],
            beta1=recipe.BETAS[0],
            beta2=recipe.BETAS[1],
            weight_decay=options.weight_decay,
            eps=recipe.EPSILON,
            amsgrad=False,
            maximize=False,
        )


class Graph(Manual):
    """Steps that were recorded once. A graph repeats the same work on the same addresses, so which batch is next must
    be on the GPU too: `at`, which the graph itself moves on."""

    prepares_each_length = True

    def __init__(self, work):
        super().__init__(work)
        # No longer than a stretch, or it would never be used.
        self.size = min(CHUNK, max(work.lengths())) if options.variant == "graph-chunk" else 1
        self.at = torch.zeros(1, dtype=torch.int64, device=self.on)
        # The libraries set themselves up on their first calls, which can't be recorded, and not on the default stream.
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self.at.zero_()
                self.chunk(*self.places(1))
        torch.cuda.current_stream().wait_stream(side)
        self.graphs = {size: self.record(size) for size in {1, self.size}}
        self.set_params(work.initial)

    def places(self, size):
        """Where a chunk's steps are from `at`, and room for their image numbers and losses."""
        offsets = torch.arange(size, device=self.on)
        picks = torch.empty(size, self.picks.shape[1], dtype=self.picks.dtype, device=self.on)
        return offsets, picks, torch.empty(size, device=self.on)

    def chunk(self, offsets, picks, losses):
        steps = self.at + offsets
        torch.index_select(self.picks, 0, steps, out=picks)
        for pick, loss in zip(picks.unbind(), losses.unbind()):
            # Each step of the book's recipe has the same learning rate.
            self.step(pick, loss, 0)
        self.losses.index_copy_(0, steps, losses)
        self.at.add_(len(offsets))

    def record(self, size):
        """A graph of so many steps, with its places: a replay writes to them."""
        places = self.places(size)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.chunk(*places)
        return graph, places

    def steps(self, start, stop):
        self.at.fill_(start)
        chunks, rest = divmod(stop - start, self.size)
        for size, times in ((self.size, chunks), (1, rest)):
            for _ in range(times):
                self.graphs[size][0].replay()


MANUAL = {"sgd": Manual, "momentum": Momentum, "adam": Adam, "adamw": Adam}[options.optimizer]
VARIANTS = {"eager": Eager, "manual": MANUAL, "graph": Graph, "graph-chunk": Graph}
if options.device == "cuda" and not torch.cuda.is_available():
    job.fail("--device cuda: this PyTorch finds no CUDA GPU")
if VARIANTS[options.variant] is Graph and options.device != "cuda":
    job.fail(f"--variant {options.variant} needs --device cuda")
torch.set_num_threads(options.threads)
# Off by default, and most leave it so; Adam's slots become subnormal, which costs a CPU two thirds of its speed.
torch.set_flush_denormal(options.variant != "eager")
torch.set_float32_matmul_precision("highest")
work = job.Job(options)
job.run("torch", VARIANTS[options.variant](work), work)
