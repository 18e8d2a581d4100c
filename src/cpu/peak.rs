//! What the CPU can do at its best: multiply-adds in its widest registers, and a copy that no cache holds.

use std::hint::black_box;

use super::simd::{Instructions, LANES, kernel, multiply_add};
use super::team::Team;
use crate::backend::answers::Timed;
use crate::backend::{self, Answer, Error, ready};
use crate::clock::Instant;
use crate::memory;
use crate::threads::cores;

/// The most that the work of either loop can be doubled from its least.
const MOST_DOUBLINGS: u32 = 6;

/// Steps of the shortest chains. The longest are still exact in f32, which counts to 2^24.
const FEWEST_STEPS: u32 = 1 << 17;
/// f32s in each of the two buffers of a copy: 128 MiB, more than the caches of most CPUs.
const COPIED: usize = 32 << 20;
/// From one f32 that is looked at after a copy to the next: two of them in the smallest page.
const LOOKED_AT: usize = 512;

/// The two loops, on a number of threads.
pub struct Probe {
    team: Team,
    kind: Instructions,
    original: Vec<f32>,
    copy: Vec<f32>,
    /// Runs of copies so far.
    runs: u16,
}

impl Probe {
    /// Starts the threads, one a core if 0, and no more than that.
    ///
    /// # Errors
    /// [`Error::Threads`] or [`Error::NoMemory`].
    pub fn new(threads: usize) -> Result<Self, Error> {
        let [original, copy] = ["the original of a copy", "a copy"].map(|what| memory::zeroed(COPIED, what));
        let (original, copy) = (original?, copy?);
        Ok(Self { team: Team::new(threads, cores())?, kind: Instructions::widest(), original, copy, runs: 0 })
    }

    /// Multiply-adds in registers, on every thread.
    fn chains(&self, doublings: u32) -> Result<Timed, Error> {
        let steps = FEWEST_STEPS << doublings;
        let start = Instant::now();
        // The compiler must not know the numbers, or it would need no loop.
        let everyone = vec![(); self.team.threads()];
        let threads = self.team.run(everyone, |_, ()| chains(self.kind, steps, black_box(1.0), black_box(1.0)));
        let seconds = start.elapsed().as_secs_f64();
        let chains = threads.concat();
        let starts = (0..threads[0].len()).cycle();
        check("multiply-adds", chains.iter().zip(starts.map(|start| start as f32 + steps as f32)))?;
        Ok(Timed { work: 2.0 * chains.len() as f64 * f64::from(steps), seconds })
    }

    /// Copies from one buffer to the other, a part on every thread.
    fn copied(&mut self, doublings: u32) -> Result<Timed, Error> {
        self.runs += 1;
        let mark = |place: usize| place as f32 + f32::from(self.runs);
        for (mark_number, value) in self.original.iter_mut().step_by(LOOKED_AT).enumerate() {
            *value = mark(mark_number);
        }
        let copies = 1 << doublings;
        let part = COPIED.div_ceil(self.team.threads());
        let start = Instant::now();
        for _ in 0..copies {
            let parts = black_box(&mut self.copy).chunks_mut(part).zip(self.original.chunks(part)).collect();
            self.team.run(parts, |_, (copy, original): (&mut [f32], &[f32])| copy.copy_from_slice(original));
        }
        let seconds = start.elapsed().as_secs_f64();
        check("a copy", self.copy.iter().step_by(LOOKED_AT).zip((0..).map(mark)))?;
        Ok(Timed { work: f64::from(copies) * 2.0 * size_of_val(&self.copy[..]) as f64, seconds })
    }
}

impl backend::Probe for Probe {
    fn most_doublings(&self) -> u32 {
        MOST_DOUBLINGS
    }

    fn multiply_adds(&mut self, doublings: u32) -> Answer<'_, Timed> {
        ready(self.chains(doublings))
    }

    fn copies(&mut self, doublings: u32) -> Answer<'_, Timed> {
        ready(self.copied(doublings))
    }
}

/// Checks that the values found are those expected, to the bit.
fn check<'a>(what: &'static str, mut pairs: impl Iterator<Item = (&'a f32, f32)>) -> Result<(), Error> {
    let wrong = pairs.find(|(found, expected)| found.to_bits() != expected.to_bits());
    let Some((&found, expected)) = wrong else { return Ok(()) };
    Err(Error::Wrong { device: "the CPU".to_owned(), what, found: found.into(), expected: expected.into() })
}

/// The ends of some chains: each begins with its number, and every step takes it to `x * scale + shift`. Each step of a
/// chain waits for the one before it, so there are 12 registers of chains: enough for two multiply-adds a cycle that take
/// up to 6, and 24 on ARM, where some CPUs begin four a cycle.
fn chains(kind: Instructions, steps: u32, scale: f32, shift: f32) -> Vec<f32> {
    match kind {
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => chains_in::<{ 12 * LANES }>(kind, steps, scale, shift),
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => chains_in::<{ 6 * LANES }>(kind, steps, scale, shift),
        Instructions::Baseline if cfg!(target_arch = "aarch64") => {
            chains_in::<{ 6 * LANES }>(kind, steps, scale, shift)
        }
        Instructions::Baseline => chains_in::<{ 3 * LANES }>(kind, steps, scale, shift),
    }
}

kernel! {
    // One flat array: of rows the compiler makes scalars, or gathers and scatters.
    fn chains_in<const SIZE: usize>(steps: u32, scale: f32, shift: f32) -> Vec<f32> {
        let mut chains = [0.0; SIZE];
        for (start, x) in chains.iter_mut().enumerate() {
            *x = start as f32;
        }
        for _ in 0..steps {
            for x in &mut chains {
                *x = multiply_add::<FUSED>(*x, scale, shift);
            }
        }
        chains.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_instructions_gives_the_exact_ends() {
        for kind in Instructions::all() {
            for (scale, shift, end) in [(1.0, 1.0, [1000.0, 1001.0]), (0.5, 0.0, [0.0, 0.0]), (-1.0, 3.0, [0.0, 1.0])] {
                let chains = chains(kind, 1000, black_box(scale), black_box(shift));
                assert_eq!(chains[..2], end, "{kind:?}, {scale}, {shift}");
            }
        }
    }

    #[test]
    fn the_longest_chains_are_exact() {
        let steps = FEWEST_STEPS << MOST_DOUBLINGS;
        let chains = chains(Instructions::widest(), steps, black_box(1.0), black_box(1.0));
        assert!(chains.iter().zip(0..).all(|(&end, start): (_, u32)| end as u32 == start + steps));
        assert!(steps as f32 + (chains.len() as f32) < 2.0 / f32::EPSILON);
    }

    #[test]
    fn one_wrong_value_is_refused() {
        let found = [1.0, 2.0, 4.0];
        assert!(check("a copy", found.iter().zip([1.0, 2.0, 4.0])).is_ok());
        let wrong = check("a copy", found.iter().zip([1.0, 2.0, 3.0])).unwrap_err().to_string();
        assert_eq!(wrong, "the CPU computes a copy wrongly: 4, where 3 is right; choose another device");
        assert!(check("a copy", [f32::NAN].iter().zip([1.0])).is_err());
    }
}
