//! How a launcher of MPI jobs starts processes.

/// A rank's place among the ranks of its machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// Its number there, from 0.
    pub rank: usize,
    /// The ranks there.
    pub size: usize,
}

/// A process that has no place in its MPI job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// Several processes were started, and this build has no MPI.
    #[error(
        "{processes} processes were started, but this twolayer is built without MPI, so that each would do the same; build it with \
         --features mpi, or start it once"
    )]
    NoMpi {
        /// Their number.
        processes: usize,
    },
    /// MPI was begun before.
    #[error("MPI has begun already")]
    Twice,
}

/// Variables with the number of processes that a launcher has started, by launcher: Open MPI, then MPICH, Intel MPI and others that
/// speak PMI; and Slurm's, which tells nothing without one of the others.
const PROCESSES: [&str; 2] = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"];
const SLURM: [&str; 2] = ["PMIX_RANK", "SLURM_STEP_NUM_TASKS"];

/// The number of processes, if a launcher of MPI jobs has started this one.
pub(super) fn processes() -> Option<usize> {
    processes_by(|name| std::env::var(name).ok())
}

fn processes_by(variable: impl Fn(&str) -> Option<String>) -> Option<usize> {
    let number = |name: &str| variable(name)?.parse().ok();
    let slurm = || SLURM.iter().all(|name| variable(name).is_some()).then(|| number(SLURM[1])).flatten();
    PROCESSES.into_iter().find_map(number).or_else(slurm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn launchers_are_recognised_by_their_variables() {
        let by = |set: &[(&str, &str)]| {
            processes_by(|name| set.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(by(&[]), None);
        assert_eq!(by(&[("OMPI_COMM_WORLD_SIZE", "3")]), Some(3));
        assert_eq!(by(&[("PMI_SIZE", "1")]), Some(1));
        assert_eq!(by(&[("SLURM_STEP_NUM_TASKS", "4")]), None);
        assert_eq!(by(&[("SLURM_STEP_NUM_TASKS", "4"), ("PMIX_RANK", "0")]), Some(4));
    }
}
