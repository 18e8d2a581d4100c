//! How a layer lies in a buffer: its weights by rows, then its bias as one more row, every row in whole quads.

use wgpu::{Buffer, CommandEncoder};

use super::Error;
use super::device::Device;
use super::kernels::QUAD;
use crate::net::{Params, Shape};

/// `width` rounded up to whole quads.
pub fn padded(width: usize) -> usize {
    width.next_multiple_of(QUAD)
}

/// The bytes of this many f32 or u32.
pub fn bytes(words: usize) -> u64 {
    (words * size_of::<u32>()) as u64
}

/// The widths of a layer.
#[derive(Clone, Copy)]
struct Layer {
    inputs: usize,
    outputs: usize,
}

impl Layer {
    /// f32s in its buffer.
    fn len(self) -> usize {
        (padded(self.inputs) + 1) * padded(self.outputs)
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

/// The first `width` columns of each of `rows` rows in whole quads.
pub fn unpad_rows(buffer: &[f32], rows: usize, width: usize) -> Vec<f32> {
    buffer.chunks(padded(width)).take(rows).flat_map(|row| &row[..width]).copied().collect()
}

/// A buffer for each layer: a network's parameters, or a gradient by them.
pub struct Layers {
    shape: Shape,
    /// W1, then b1.
    pub hidden: Buffer,
    /// W2, then b2.
    pub output: Buffer,
}

impl Layers {
    /// All zero.
    pub fn new(device: &Device, label: &str, shape: Shape) -> Result<Self, Error> {
        let [hidden, output] = Self::layers(shape).map(Layer::len);
        device.check_size("the first layer's weights", bytes(hidden), "a smaller hidden layer")?;
        device.check_size("the second layer's weights", bytes(output), "a smaller hidden layer")?;
        Ok(Self {
            shape,
            hidden: device.storage(&format!("hidden layer, {label}"), bytes(hidden)),
            output: device.storage(&format!("output layer, {label}"), bytes(output)),
        })
    }

    fn layers(Shape { input, hidden, classes }: Shape) -> [Layer; 2] {
        [Layer { inputs: input, outputs: hidden }, Layer { inputs: hidden, outputs: classes }]
    }

    /// The quads in each buffer.
    pub fn quads(&self) -> [usize; 2] {
        Self::layers(self.shape).map(|layer| layer.len() / QUAD)
    }

    /// Sets every value, before anything that is submitted later.
    pub fn write(&self, device: &Device, params: &Params) {
        let [hidden, output] = Self::layers(self.shape);
        device.write(&self.hidden, &hidden.pad(&params.w1, &params.b1));
        device.write(&self.output, &output.pad(&params.w2, &params.b2));
    }

    /// Every value, once everything submitted so far is done.
    pub async fn read(&self, device: &Device) -> Result<Params, Error> {
        let [hidden, output] = Self::layers(self.shape);
        let values = device.read(&[(&self.hidden, hidden.len()), (&self.output, output.len())]).await?;
        let (w1, b1) = hidden.unpad(&values[0]);
        let (w2, b2) = output.unpad(&values[1]);
        Ok(Params { shape: self.shape, w1, b1, w2, b2 })
    }

    /// Records that every value is 0.
    pub fn record_clear(&self, encoder: &mut CommandEncoder) {
        encoder.clear_buffer(&self.hidden, 0, None);
        encoder.clear_buffer(&self.output, 0, None);
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
