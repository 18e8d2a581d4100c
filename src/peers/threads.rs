//! Peers that are threads of this process.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};

use bytemuck::Pod;

use super::peer::{Gone, Peers};
use crate::threads::part;

/// The place of one thread among its peers. Where a thread ends and drops it, the others' calls fail from then on.
#[derive(Debug)]
pub struct Member {
    rank: usize,
    group: Arc<Group>,
}

/// What the members share.
#[derive(Debug)]
struct Group {
    meeting: Mutex<Meeting>,
    /// How many meetings were complete, for those that spin.
    complete: AtomicU64,
    changed: Condvar,
    /// What each member brings to a meeting, and its part of the sums.
    values: Vec<RwLock<Vec<u8>>>,
    sums: Vec<RwLock<Vec<u8>>>,
}

#[derive(Debug, Default)]
struct Meeting {
    present: usize,
    complete: u64,
    is_anyone_gone: bool,
}

/// How often a member looks for the others before it sleeps: some microseconds, as a step of one may take a little longer than that
/// of another.
const SPINS: u32 = 2_000;

/// The members of a group of this size, in their order, one for each thread.
#[must_use]
pub fn members(size: usize) -> Vec<Member> {
    let empty = || (0..size).map(|_| RwLock::default()).collect();
    let group = Arc::new(Group {
        meeting: Mutex::default(),
        complete: AtomicU64::new(0),
        changed: Condvar::new(),
        values: empty(),
        sums: empty(),
    });
    (0..size).map(|rank| Member { rank, group: group.clone() }).collect()
}

impl Member {
    /// Waits until every member has come here.
    fn meet(&self) -> Result<(), Gone> {
        let Group { meeting, complete, changed, values, .. } = &*self.group;
        let mut now = meeting.lock().unwrap_or_else(PoisonError::into_inner);
        if now.is_anyone_gone {
            return Err(Gone);
        }
        let this = now.complete;
        now.present += 1;
        if now.present == values.len() {
            (now.present, now.complete) = (0, this + 1);
            complete.store(this + 1, Ordering::Release);
            drop(now);
            changed.notify_all();
            return Ok(());
        }
        drop(now);
        for _ in 0..SPINS {
            if complete.load(Ordering::Acquire) > this {
                return Ok(());
            }
            spin_loop();
        }
        let now = meeting.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = |now: &mut Meeting| now.complete == this && !now.is_anyone_gone;
        let now = changed.wait_while(now, waits).unwrap_or_else(PoisonError::into_inner);
        if now.complete == this { Err(Gone) } else { Ok(()) }
    }

    fn put(place: &RwLock<Vec<u8>>, bytes: &[u8]) {
        let mut place = place.write().unwrap_or_else(PoisonError::into_inner);
        place.clear();
        place.extend_from_slice(bytes);
    }

    /// Each member adds up its part of the values, always in the order of the members.
    fn add_up<T: Pod + std::ops::AddAssign>(&mut self, all: &mut [T]) -> Result<(), Gone> {
        let Group { values, sums, .. } = &*self.group;
        let size = values.len();
        Self::put(&values[self.rank], bytemuck::cast_slice(all));
        self.meet()?;
        let own = part(all.len(), self.rank, size);
        let sum = &mut all[own.clone()];
        sum.fill(T::zeroed());
        let bytes = own.start * size_of::<T>()..own.end * size_of::<T>();
        for values in values {
            let values = values.read().unwrap_or_else(PoisonError::into_inner);
            for (sum, value) in sum.iter_mut().zip(values[bytes.clone()].chunks_exact(size_of::<T>())) {
                *sum += bytemuck::pod_read_unaligned(value);
            }
        }
        Self::put(&sums[self.rank], bytemuck::cast_slice(sum));
        self.meet()?;
        let count = all.len();
        for (rank, sum) in sums.iter().enumerate() {
            let sum = sum.read().unwrap_or_else(PoisonError::into_inner);
            bytemuck::cast_slice_mut(&mut all[part(count, rank, size)]).copy_from_slice(&sum);
        }
        // No one brings new values before all have these: the next sums are put after the next meeting.
        Ok(())
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.group.meeting.lock().unwrap_or_else(PoisonError::into_inner).is_anyone_gone = true;
        self.group.changed.notify_all();
    }
}

impl Peers for Member {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.group.values.len()
    }

    fn sum(&mut self, values: &mut [f32]) -> Result<(), Gone> {
        self.add_up(values)
    }

    fn sum_f64(&mut self, values: &mut [f64]) -> Result<(), Gone> {
        self.add_up(values)
    }

    fn broadcast(&mut self, bytes: &mut [u8]) -> Result<(), Gone> {
        let first = &self.group.values[0];
        if self.rank == 0 {
            Self::put(first, bytes);
        }
        self.meet()?;
        bytes.copy_from_slice(&first.read().unwrap_or_else(PoisonError::into_inner));
        // The leader's next values come when all have read these.
        self.meet()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads;

    /// What each member of a group makes of its part in it.
    fn together<R: Send>(size: usize, work: impl Fn(Member) -> R + Sync) -> Vec<R> {
        let results = Mutex::new(Vec::new());
        let run = |member: Member| {
            let rank = member.rank;
            let result = work(member);
            results.lock().unwrap().push((rank, result));
        };
        threads::together(members(size).into_iter(), run, || ()).unwrap();
        let mut results = results.into_inner().unwrap();
        results.sort_by_key(|(rank, _)| *rank);
        results.into_iter().map(|(_, result)| result).collect()
    }

    #[test]
    fn everyone_has_the_sum_of_all() {
        for size in [1, 2, 3, 5] {
            let sums = together(size, |mut member| {
                let mut last = Vec::new();
                // Often, and with other lengths, so that values of one meeting in another would show.
                for round in 0..300_usize {
                    let value = |place: usize| (1000 * member.rank() + 10 * place + round) as f32;
                    let mut values: Vec<f32> = (0..round % 7).map(value).collect();
                    member.sum(&mut values).unwrap();
                    let ranks = (size * (size - 1) / 2) as f32;
                    let expected = (0..round % 7).map(|place| 1000.0 * ranks + (size * (10 * place + round)) as f32);
                    assert_eq!(values, expected.collect::<Vec<_>>());
                    let mut counts = [1.0, member.rank() as f64];
                    member.sum_f64(&mut counts).unwrap();
                    assert_eq!(counts.map(|count| count as usize), [size, size * (size - 1) / 2]);
                    let mut said = [member.rank() as u8 + 1, round as u8];
                    member.broadcast(&mut said).unwrap();
                    assert_eq!(said, [1, round as u8]);
                    last = values;
                }
                last
            });
            assert!(sums.iter().all(|sum| *sum == sums[0]));
        }
    }

    #[test]
    fn sums_are_added_in_the_order_of_the_members() {
        let value = [1e8_f32, 1.0, -1e8];
        let sums = together(3, |mut member| {
            let mut values = [value[member.rank()]; 5];
            member.sum(&mut values).unwrap();
            values
        });
        assert_eq!(sums, [[(value[0] + value[1]) + value[2]; 5]; 3]);
    }

    #[test]
    fn no_one_waits_for_a_member_that_is_gone() {
        let results = together(3, |mut member| {
            let mut values = [1.0; 4];
            member.sum(&mut values).unwrap();
            if member.rank() == 1 { Ok(()) } else { member.sum(&mut values) }
        });
        assert_eq!(results, [Err(Gone), Ok(()), Err(Gone)]);
    }
}
