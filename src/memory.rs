//! Memory for sets and batches. Where the system has none left, the caller gets an error and the process goes on.

use bytemuck::Zeroable;
use bytemuck::allocation::{try_zeroed_box, try_zeroed_vec};

/// The system gave no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no memory for {bytes} bytes of {what}; free some, or allow this program more")]
pub struct NoMemory {
    /// The bytes requested.
    pub bytes: usize,
    /// Their purpose, as in `images`.
    pub what: &'static str,
}

impl NoMemory {
    fn of<T>(count: usize, what: &'static str) -> Self {
        Self { bytes: count.saturating_mul(size_of::<T>()), what }
    }
}

/// `count` zeros. The system need not touch their pages before they are used.
pub(crate) fn zeroed<T: Zeroable>(count: usize, what: &'static str) -> Result<Vec<T>, NoMemory> {
    try_zeroed_vec(count).map_err(|()| NoMemory::of::<T>(count, what))
}

/// A value of zeros, as [`zeroed`].
pub(crate) fn zeroed_box<T: Zeroable>(what: &'static str) -> Result<Box<T>, NoMemory> {
    try_zeroed_box().map_err(|()| NoMemory::of::<T>(1, what))
}

/// Makes room for `count` values in all.
pub(crate) fn reserve<T>(values: &mut Vec<T>, count: usize, what: &'static str) -> Result<(), NoMemory> {
    let more = count.saturating_sub(values.len());
    values.try_reserve_exact(more).map_err(|_| NoMemory::of::<T>(count, what))
}

/// Makes the vector so long, with zeros at its end if it grows.
pub(crate) fn resize<T: Zeroable + Clone>(
    values: &mut Vec<T>,
    count: usize,
    what: &'static str,
) -> Result<(), NoMemory> {
    reserve(values, count, what)?;
    values.resize(count, T::zeroed());
    Ok(())
}

/// An empty vector with room for `count` values.
pub(crate) fn room<T>(count: usize, what: &'static str) -> Result<Vec<T>, NoMemory> {
    let mut values = Vec::new();
    reserve(&mut values, count, what)?;
    Ok(values)
}

/// A copy of the values.
pub(crate) fn copied<T: Copy>(values: &[T], what: &'static str) -> Result<Vec<T>, NoMemory> {
    let mut copy = room(values.len(), what)?;
    copy.extend_from_slice(values);
    Ok(copy)
}

/// The values at these indices, in their order.
///
/// # Panics
/// When there is no value at an index.
pub(crate) fn gathered<T: Copy>(values: &[T], indices: &[u32], what: &'static str) -> Result<Vec<T>, NoMemory> {
    let mut gathered = room(indices.len(), what)?;
    gathered.extend(indices.iter().map(|&index| values[index as usize]));
    Ok(gathered)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More than any system has, and more than a vector can hold.
    const TOO_MANY: [usize; 2] = [1 << 59, usize::MAX];

    #[test]
    fn too_large_a_request_is_an_error() {
        for count in TOO_MANY {
            let error = zeroed::<u16>(count, "images").unwrap_err();
            assert_eq!((error, room::<u16>(count, "images").unwrap_err()), (error, error));
            assert_eq!(resize::<u16>(&mut Vec::new(), count, "images").unwrap_err(), error);
            let bytes = count.saturating_mul(2);
            assert_eq!(
                error.to_string(),
                format!("no memory for {bytes} bytes of images; free some, or allow this program more")
            );
        }
    }

    #[test]
    fn vectors_have_their_values_and_their_room() {
        assert_eq!(zeroed::<u32>(3, "numbers").unwrap(), [0; 3]);
        assert_eq!(zeroed::<u32>(0, "numbers").unwrap(), [0; 0]);
        assert_eq!(copied(&[1, 2, 3], "numbers").unwrap(), [1, 2, 3]);
        assert_eq!(gathered(&[1, 2, 3], &[2, 0, 2], "numbers").unwrap(), [3, 1, 3]);
        assert_eq!(zeroed_box::<[u32; 3]>("numbers").unwrap(), Box::new([0; 3]));
        let mut values = vec![1, 2];
        reserve(&mut values, 10, "numbers").unwrap();
        assert!(values.capacity() >= 10);
        reserve(&mut values, 1, "numbers").unwrap();
        assert_eq!(values, [1, 2]);
        for (count, expected) in [(3, &[1, 2, 0][..]), (1, &[1]), (2, &[1, 0])] {
            resize(&mut values, count, "numbers").unwrap();
            assert_eq!(values, expected);
        }
    }
}
