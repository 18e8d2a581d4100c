//! How a layer lies in a buffer: its weights by rows, then its bias as one more row, every row in whole vec4s.

use wgpu::Buffer;

use super::device::Device;
use super::layout::{Slice, VEC4, bytes, hidden_layer_vec4s, layer_vec4s, output_layer_start, padded};
use crate::backend::Error;
use crate::net::{Params, Shape};

/// The widths of a layer.
#[derive(Clone, Copy)]
struct Layer {
    inputs: usize,
    outputs: usize,
}

impl Layer {
    /// f32s in its buffer.
    fn len(self) -> usize {
        layer_vec4s(self.inputs, self.outputs) * VEC4
    }

    fn pad(self, weights: &[f32], bias: &[f32]) -> Vec<f32> {
        let mut buffer = vec![0.0; self.len()];
        let bias_row = std::iter::once((padded(self.inputs), bias));
        for (row, values) in weights.chunks(self.outputs).enumerate().chain(bias_row) {
            buffer[row * padded(self.outputs)..][..self.outputs].copy_from_slice(values);
        }
        buffer
    }

    fn unpad(self, buffer: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let row = |row: usize| &buffer[row * padded(self.outputs)..][..self.outputs];
        let weights = (0..self.inputs).flat_map(row).copied().collect();
        (weights, row(padded(self.inputs)).to_vec())
    }
}

/// The first `width` columns of each of `rows` rows in whole vec4s.
pub fn unpad_rows(buffer: &[f32], rows: usize, width: usize) -> Vec<f32> {
    buffer.chunks(padded(width)).take(rows).flat_map(|row| &row[..width]).copied().collect()
}

/// The layers of a network.
fn layers(Shape { input, hidden, classes }: Shape) -> [Layer; 2] {
    [Layer { inputs: input, outputs: hidden }, Layer { inputs: hidden, outputs: classes }]
}

/// A network's parameters, or a gradient by them, in one buffer: the hidden layer, then the output layer.
pub struct Layers {
    shape: Shape,
    buffer: Buffer,
}

impl Layers {
    /// All zero.
    pub fn new(device: &Device, label: &str, shape: Shape) -> Result<Self, Error> {
        let words = Self::words(shape);
        device.check_size("the parameters", bytes(words), "a smaller hidden layer")?;
        Ok(Self { shape, buffer: device.windowed(label, bytes(words)) })
    }

    /// f32s in both layers.
    fn words(shape: Shape) -> usize {
        let [_, output] = layers(shape);
        output_layer_start(shape) * VEC4 + output.len()
    }

    /// Both layers.
    pub fn all(&self) -> Slice<'_> {
        Slice::new(&self.buffer, 0, Self::words(self.shape) / VEC4)
    }

    /// W1, then b1.
    pub fn hidden(&self) -> Slice<'_> {
        Slice::new(&self.buffer, 0, hidden_layer_vec4s(self.shape))
    }

    /// W2, then b2.
    pub fn output(&self) -> Slice<'_> {
        let [_, output] = layers(self.shape);
        Slice::new(&self.buffer, output_layer_start(self.shape), output.len() / VEC4)
    }

    /// Vec4s in both layers.
    pub fn vec4s(&self) -> usize {
        Self::words(self.shape) / VEC4
    }

    /// Sets every value, before anything that is submitted later.
    pub fn write(&self, device: &Device, params: &Params) {
        let [hidden, output] = layers(self.shape);
        let mut values = hidden.pad(&params.w1, &params.b1);
        values.resize(output_layer_start(self.shape) * VEC4, 0.0);
        values.extend(output.pad(&params.w2, &params.b2));
        device.write(&self.buffer, &values);
    }

    /// Every value, once everything submitted so far is done; the wait begins when the answer is awaited.
    pub fn read(&self, device: &Device) -> impl Future<Output = Result<Params, Error>> + use<> {
        let shape = self.shape;
        let values = device.read(&[(&self.buffer, Self::words(shape))]);
        async move {
            let values: Vec<f32> = values.await?.concat();
            let [hidden, output] = layers(shape);
            let (w1, b1) = hidden.unpad(&values);
            let (w2, b2) = output.unpad(&values[output_layer_start(shape) * VEC4..]);
            Ok(Params { shape, w1, b1, w2, b2 })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_keeps_every_value_in_its_place() {
        let layer = Layer { inputs: 3, outputs: 2 };
        let weights = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let bias = [7.0, 8.0];
        let buffer = layer.pad(&weights, &bias);
        #[rustfmt::skip]
        assert_eq!(buffer, [
            1.0, 2.0, 0.0, 0.0,
            3.0, 4.0, 0.0, 0.0,
            5.0, 6.0, 0.0, 0.0,
            0.0, 0.0, 0.0, 0.0,
            7.0, 8.0, 0.0, 0.0,
        ]);
        assert_eq!(layer.unpad(&buffer), (weights.to_vec(), bias.to_vec()));
        assert_eq!(unpad_rows(&buffer, 2, 2), [1.0, 2.0, 3.0, 4.0]);
    }
}
