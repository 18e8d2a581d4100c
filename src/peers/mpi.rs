//! Peers that are the ranks of an MPI job.

use std::sync::OnceLock;
use std::thread::sleep;
use std::time::Duration;

use mpi::Threading;
use mpi::collective::SystemOperation;
use mpi::datatype::PartitionMut;
use mpi::environment::{Universe, processor_name};
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives, Root};

use super::launch::{JoinError, Local, processes};
use super::peer::{Gone, Peers};

/// This process's place among the ranks of its job.
///
/// MPI itself ends the job where a rank is gone, so no call of this returns an error.
pub struct Ranks {
    /// Ends MPI when it is dropped: this waits for all ranks.
    _universe: Universe,
    world: SimpleCommunicator,
    rank: usize,
    size: usize,
    local: Local,
    host: String,
    /// Where sums are received. The memory stays.
    sums: Vec<f32>,
    is_over: bool,
}

/// What a panic of any thread says before it ends the job.
static NAME: OnceLock<String> = OnceLock::new();

/// The time that a line needs to get to the terminal before MPI ends the job.
const TIME_TO_TELL: Duration = Duration::from_millis(200);
/// How long it is between two looks at whether all others are there.
const NAP: Duration = Duration::from_millis(5);

impl Ranks {
    /// Joins the job, if `mpirun` or its like has started this process.
    ///
    /// # Errors
    /// MPI does not begin.
    pub fn join() -> Result<Option<Self>, JoinError> {
        if processes().is_none() {
            return Ok(None);
        }
        let (universe, _) = mpi::initialize_with_threading(Threading::Funneled).ok_or(JoinError::Twice)?;
        let world = universe.world();
        let (rank, size) = (world.rank() as usize, world.size() as usize);
        let node = world.split_shared(world.rank());
        let local = Local { rank: node.rank() as usize, size: node.size() as usize };
        let host = processor_name().unwrap_or_else(|_| "an unknown host".to_owned());
        let this = Self { _universe: universe, world, rank, size, local, host, sums: Vec::new(), is_over: false };
        if NAME.set(this.name()).is_ok() {
            let hook = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                hook(info);
                eprintln!("error: {} has panicked", NAME.get().map_or("a rank", String::as_str));
                sleep(TIME_TO_TELL);
                // While the panic unwinds, the end of MPI would wait for the others, and they for this rank.
                SimpleCommunicator::world().abort(101);
            }));
        }
        Ok(Some(this))
    }

    /// What errors call this rank.
    #[must_use]
    pub fn name(&self) -> String {
        format!("rank {} on {}", self.rank, self.host)
    }

    /// The machine's name.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// This rank's place among those of its machine.
    #[must_use]
    pub fn local(&self) -> Local {
        self.local
    }

    /// From now on no rank waits for another, so that this one may end as it will.
    pub fn end(&mut self) {
        self.is_over = true;
    }

    /// Whether no rank waits for another any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Ends all ranks, after what was said has been read.
    pub fn abort(&self, code: i32) -> ! {
        sleep(TIME_TO_TELL);
        self.world.abort(code)
    }

    /// Replaces everyone's text by that of rank 0.
    pub fn share(&mut self, text: &mut String) {
        let root = self.world.process_at_rank(0);
        let mut length = text.len() as u64;
        root.broadcast_into(&mut length);
        let mut bytes = std::mem::take(text).into_bytes();
        bytes.resize(length as usize, 0);
        root.broadcast_into(&mut bytes[..]);
        *text = String::from_utf8_lossy(&bytes).into_owned();
    }

    /// Everyone's text in the order of the ranks, on rank 0. On the others nothing.
    pub fn gather(&mut self, text: &str) -> Vec<String> {
        let root = self.world.process_at_rank(0);
        // Open MPI takes an empty text for another argument, so none is empty.
        let text = format!("{text}\n");
        let length = text.len() as i32;
        if self.rank != 0 {
            root.gather_into(&length);
            root.gather_varcount_into(text.as_bytes());
            return Vec::new();
        }
        let mut lengths = vec![0_i32; self.size];
        root.gather_into_root(&length, &mut lengths[..]);
        let ends = lengths.iter().scan(0, |end, length| {
            *end += length;
            Some(*end)
        });
        let starts: Vec<i32> = ends.zip(&lengths).map(|(end, length)| end - length).collect();
        let mut all = vec![0_u8; lengths.iter().sum::<i32>() as usize];
        root.gather_varcount_into_root(
            text.as_bytes(),
            &mut PartitionMut::new(&mut all[..], &lengths[..], &starts[..]),
        );
        let text = |(start, length): (&i32, &i32)| &all[*start as usize..(start + length - 1) as usize];
        starts.iter().zip(&lengths).map(|place| String::from_utf8_lossy(text(place)).into_owned()).collect()
    }

    /// Waits for all others, without keeping a core busy as other calls do.
    pub fn wait(&mut self) {
        let mut request = self.world.immediate_barrier();
        while let Err(pending) = request.test() {
            request = pending;
            sleep(NAP);
        }
    }
}

impl Peers for Ranks {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn sum(&mut self, values: &mut [f32]) -> Result<(), Gone> {
        self.sums.resize(values.len(), 0.0);
        self.world.all_reduce_into(&*values, &mut self.sums[..], SystemOperation::sum());
        values.copy_from_slice(&self.sums);
        Ok(())
    }

    fn sum_f64(&mut self, values: &mut [f64]) -> Result<(), Gone> {
        let mut sums = vec![0.0; values.len()];
        self.world.all_reduce_into(&*values, &mut sums[..], SystemOperation::sum());
        values.copy_from_slice(&sums);
        Ok(())
    }

    fn broadcast(&mut self, bytes: &mut [u8]) -> Result<(), Gone> {
        self.world.process_at_rank(0).broadcast_into(bytes);
        Ok(())
    }
}
