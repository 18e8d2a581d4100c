//! Memory for sets and batches: where the system gives none, an error instead of the end of the process.

use bytemuck::Zeroable;
use bytemuck::allocation::try_zeroed_vec;

/// The system gave no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no memory for {bytes} bytes of {what}; free some, or allow this program more")]
pub struct NoMemory {
    /// How much was asked for.
    pub bytes: usize,
    /// What for.
    pub what: &'static str,
}

impl NoMemory {
    fn of<T>(count: usize, what: &'static str) -> Self {
        Self { bytes: count.saturating_mul(size_of::<T>()), what }
    }
}

/// So many zeros, whose pages the system need not touch before they are used.
///
/// # Errors
/// [`NoMemory`].
pub(crate) fn zeroed<T: Zeroable>(count: usize, what: &'static str) -> Result<Vec<T>, NoMemory> {
    try_zeroed_vec(count).map_err(|()| NoMemory::of::<T>(count, what))
}

/// Room for so many values in all.
///
/// # Errors
/// [`NoMemory`].
pub(crate) fn reserve<T>(values: &mut Vec<T>, count: usize, what: &'static str) -> Result<(), NoMemory> {
    let more = count.saturating_sub(values.len());
    values.try_reserve_exact(more).map_err(|_| NoMemory::of::<T>(count, what))
}

/// An empty vector with room for so many values.
///
/// # Errors
/// [`NoMemory`].
pub(crate) fn room<T>(count: usize, what: &'static str) -> Result<Vec<T>, NoMemory> {
    let mut values = Vec::new();
    reserve(&mut values, count, what)?;
    Ok(values)
}

/// A copy of some values.
///
/// # Errors
/// [`NoMemory`].
pub(crate) fn copied<T: Copy>(values: &[T], what: &'static str) -> Result<Vec<T>, NoMemory> {
    let mut copy = room(values.len(), what)?;
    copy.extend_from_slice(values);
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More than any system has, and more than a vector can hold.
    const TOO_MANY: [usize; 2] = [1 << 59, usize::MAX];

    #[test]
    fn what_there_is_no_memory_for_is_an_error() {
        for count in TOO_MANY {
            let error = zeroed::<u16>(count, "images").unwrap_err();
            assert_eq!((error, room::<u16>(count, "images").unwrap_err()), (error, error));
            let bytes = count.saturating_mul(2);
            assert_eq!(
                error.to_string(),
                format!("no memory for {bytes} bytes of images; free some, or allow this program more")
            );
        }
    }

    #[test]
    fn what_there_is_memory_for_is_given() {
        assert_eq!(zeroed::<u32>(3, "numbers").unwrap(), [0; 3]);
        assert_eq!(zeroed::<u32>(0, "numbers").unwrap(), [0; 0]);
        assert_eq!(copied(&[1, 2, 3], "numbers").unwrap(), [1, 2, 3]);
        let mut values = vec![1, 2];
        reserve(&mut values, 10, "numbers").unwrap();
        assert!(values.capacity() >= 10);
        reserve(&mut values, 1, "numbers").unwrap();
        assert_eq!(values, [1, 2]);
    }
}
