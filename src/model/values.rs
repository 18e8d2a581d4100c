//! The values of a file's tensor as f32.

use safetensors::tensor::{Dtype, TensorView};

/// The values, row by row, rounded to f32; none of a type that holds no floats, or floats of 8 bits or less.
pub(super) fn floats(tensor: &TensorView) -> Option<Vec<f32>> {
    let bytes = tensor.data();
    Some(match tensor.dtype() {
        Dtype::F32 => values(bytes, f32::from_le_bytes),
        Dtype::F64 => values(bytes, |bytes| f64::from_le_bytes(bytes) as f32),
        Dtype::F16 => values(bytes, |bytes| from_f16(u16::from_le_bytes(bytes))),
        Dtype::BF16 => values(bytes, |bytes| f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16)),
        _ => return None,
    })
}

fn values<const SIZE: usize>(bytes: &[u8], value: impl Fn([u8; SIZE]) -> f32) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|bytes| value(*bytes)).collect()
}

/// The value of an IEEE 754 binary16: 1 bit of sign, 5 of exponent (bias 15), 10 of fraction.
fn from_f16(bits: u16) -> f32 {
    /// 2^112: the biases of f32 and of binary16 differ by 112.
    const SCALE: f32 = f32::from_bits((112 + 127) << 23);
    const INFINITY: u16 = 31 << 10;
    let size = bits & (u16::MAX >> 1);
    let value = match size {
        INFINITY => f32::INFINITY,
        size if size > INFINITY => f32::NAN,
        // Both formats have their fields in this order. The product is exact, of subnormal numbers too.
        size => f32::from_bits(u32::from(size) << 13) * SCALE,
    };
    if size == bits { value } else { -value }
}

/// A row-major matrix of so many columns as its transpose, row-major.
pub(crate) fn transposed(matrix: &[f32], columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| matrix[column..].iter().step_by(columns)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_binary16_is_its_value() {
        for bits in 0..=u16::MAX {
            let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023) / 1024.0);
            let size = match exponent {
                0 => fraction * 2_f64.powi(-14),
                31 if fraction == 0.0 => f64::INFINITY,
                31 => f64::NAN,
                _ => (1.0 + fraction) * 2_f64.powi(exponent - 15),
            };
            let expected = if bits >> 15 == 1 { -size } else { size };
            let found = f64::from(from_f16(bits));
            let same = found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan());
            assert!(same, "{bits:#x}: {found}");
        }
    }

    #[test]
    fn floats_of_every_size_are_read() {
        let bits = |dtype, bytes: &[u8]| floats(&TensorView::new(dtype, vec![2], bytes).unwrap());
        let pair = Some(vec![1.5, -0.1]);
        assert_eq!(bits(Dtype::F32, &[1.5_f32, -0.1].map(f32::to_le_bytes).concat()), pair);
        assert_eq!(bits(Dtype::F64, &[1.5_f64, -0.1].map(f64::to_le_bytes).concat()), pair);
        assert_eq!(bits(Dtype::BF16, &[0x3fc0_u16, 0xbe00].map(u16::to_le_bytes).concat()), Some(vec![1.5, -0.125]));
        assert_eq!(bits(Dtype::F16, &[0x3e00_u16, 0xb000].map(u16::to_le_bytes).concat()), Some(vec![1.5, -0.125]));
        assert_eq!(bits(Dtype::I32, &[0; 8]), None);
    }

    #[test]
    fn rows_become_columns() {
        assert_eq!(transposed(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(transposed(&[1.0, 2.0], 1), [1.0, 2.0]);
    }
}
