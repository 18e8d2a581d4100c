//! The folder of a run: model.safetensors, history.csv and run.json, with validation images also best.safetensors; and the
//! checkpoint that the run can be resumed from.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::checkpoint::{self, Checkpoint, Checksum, Problem, Summing};
use super::summary::{Progress, ReadError, Run};
use crate::files::{
    AtomicFiles, FolderLock, NewFolder, WriteError, check_folder, check_place, read_at_most, write_atomic, write_whole,
};
use crate::model;
use crate::net::{Net, Params};
use crate::train::Snapshot;

/// The file of the model.
pub const MODEL: &str = "model.safetensors";
/// The file of the network that was best on the validation images.
pub const BEST: &str = "best.safetensors";
/// The file with the loss of every step.
pub const HISTORY: &str = "history.csv";
/// The file of the results.
pub const RUN: &str = "run.json";
/// The file that a run is resumed from.
pub const CHECKPOINT: &str = "checkpoint.safetensors";
/// The losses of a run that has not ended. Its end turns them into [`HISTORY`].
pub const LOSSES: &str = "checkpoint.csv";

/// The results of a run that has ended.
const RESULTS: [&str; 3] = [MODEL, HISTORY, RUN];
const FILES: [&str; 6] = [MODEL, BEST, HISTORY, RUN, CHECKPOINT, LOSSES];

/// Most bytes of a checkpoint: the largest network in f64, or with two slots in f32, and the record of a long run.
const MAX_BYTES: u64 = 512 << 20;

/// A run cannot be saved or resumed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder already holds a run.
    #[error("{} already holds a run; choose another --out, or add --overwrite; --resume goes on with it", .0.display())]
    Exists(PathBuf),
    /// Another process works on the run.
    #[error("{} is in use by another twolayer; wait until it has ended, or choose another folder", .0.display())]
    InUse(PathBuf),
    /// The path is a file.
    #[error("{} is a file, not a folder; choose another --out", .0.display())]
    IsFile(PathBuf),
    /// The folder cannot be created or written to.
    #[error("{} cannot be written to ({reason}); choose another --out, or use --no-save", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        reason: io::Error,
    },
    /// A file cannot be written.
    #[error(
        "{} cannot be written ({reason}); free disk space, close programs that have it open, or choose another --out",
        path.display()
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        reason: io::Error,
    },
    /// It is a file.
    #[error("{} is a file; give the folder of a run", .0.display())]
    NoFolder(PathBuf),
    /// There is no such folder.
    #[error("{}: no such folder; give the folder of a run", .0.display())]
    Missing(PathBuf),
    /// The folder's run has no checkpoint.
    #[error(
        "{} holds no {CHECKPOINT}, so there is no run to resume; `twolayer runs` lists those there are, and --init starts from \
         weights", .0.display()
    )]
    NoCheckpoint(PathBuf),
    /// The checkpoint is damaged, or a newer program wrote it.
    #[error("{}: {problem}; the run cannot be resumed from it", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: Problem,
    },
    /// The record of a run cannot be read.
    #[error("{}: cannot be read ({reason}); give a run.json, or the folder of a run", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        reason: io::Error,
    },
    /// The record of a run is not what this program writes.
    #[error("{}: {reason}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: ReadError,
    },
    /// The losses before the checkpoint are not all there.
    #[error(
        "{}: neither {LOSSES} nor {HISTORY} has the losses of the {iterations} iterations of {CHECKPOINT}; continue from the \
         weights: --init {}", path.display(), path.display()
    )]
    Losses {
        /// The folder.
        path: PathBuf,
        /// The iterations.
        iterations: u64,
    },
    /// The losses of a run are not all there.
    #[error(
        "{}: neither {HISTORY} nor {LOSSES} has the losses of its {iterations} iterations; leave this run out", path.display()
    )]
    History {
        /// The folder.
        path: PathBuf,
        /// The iterations.
        iterations: u64,
    },
}

impl From<WriteError> for Error {
    fn from(WriteError { path, reason }: WriteError) -> Self {
        Self::Write { path, reason }
    }
}

/// A folder that a run may write to, locked. A new folder that is still empty is removed on drop.
#[derive(Debug)]
pub struct RunFolder {
    /// Fields are dropped in order: the lock's file before the folder.
    _lock: FolderLock,
    folder: NewFolder,
    contents: Contents,
    losses: Option<LossFile>,
}

/// Whose files the folder holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Contents {
    Nothing,
    /// Those of an earlier run, which this run replaces.
    Earlier,
    /// Those of this run.
    Ours,
}

/// A run to be resumed.
#[derive(Debug)]
pub struct Resumed {
    /// Its record and its network.
    pub checkpoint: Checkpoint,
    /// The loss of each step.
    pub losses: Vec<f32>,
    /// Whether its results are saved. If not, it was killed.
    pub has_results: bool,
}

impl RunFolder {
    /// Checks that the path is not a file and holds no run. Creates nothing.
    ///
    /// # Errors
    /// The path is a file, or a folder that holds a run, unless `overwrite`.
    pub fn check(path: &Path, overwrite: bool) -> Result<(), Error> {
        if path.is_file() {
            return Err(Error::IsFile(path.into()));
        }
        if !overwrite && holds_run(path) {
            return Err(Error::Exists(path.into()));
        }
        Ok(())
    }

    /// Creates the folder and checks that files can be written to it.
    ///
    /// # Errors
    /// Those of [`RunFolder::check`]. The folder cannot be created or written to, another process works in it, or a file of an
    /// earlier run cannot be replaced.
    pub fn create(path: &Path, overwrite: bool) -> Result<Self, Error> {
        Self::check(path, overwrite)?;
        let folder = Self::checked(path, NewFolder::make(path))?;
        // Another run may have ended here before the folder was locked.
        if !overwrite && folder.holds_earlier_run() { Err(Error::Exists(path.into())) } else { Ok(folder) }
    }

    /// Creates a new folder: `path`, or `path-2` and so on. Two runs that start at the same time get different folders.
    ///
    /// # Errors
    /// The folder cannot be created or written to.
    pub fn create_new(path: &Path) -> Result<Self, Error> {
        let mut free = path.to_owned();
        let mut number = 1;
        loop {
            match Self::checked(&free, NewFolder::make_new(&free)) {
                // If `free` does not exist, its parent exists as a file, and the error is returned.
                Err(Error::Folder { reason, .. }) if reason.kind() == io::ErrorKind::AlreadyExists && free.exists() => {
                }
                other => return other,
            }
            number += 1;
            let mut name = path.as_os_str().to_owned();
            name.push(format!("-{number}"));
            free = name.into();
        }
    }

    /// Creates a new folder next to this one, for a run that cannot be written here.
    ///
    /// # Errors
    /// Those of [`RunFolder::create_new`].
    pub fn beside(&self) -> Result<Self, Error> {
        let path = self.path();
        // The file name has no slash at its end. The path `.` has no file name.
        Self::create_new(&path.file_name().map_or_else(|| path.join("run"), |name| path.with_file_name(name)))
    }

    /// Opens the folder of a run that is to be resumed.
    ///
    /// # Errors
    /// There is no run, another process works on it, its folder cannot be written to, or its checkpoint is damaged.
    pub fn resume(path: &Path) -> Result<(Self, Resumed), Error> {
        match path.metadata() {
            Ok(found) if !found.is_dir() => return Err(Error::NoFolder(path.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Error::Missing(path.into())),
            _ => {}
        }
        if !path.join(CHECKPOINT).exists() {
            return Err(Error::NoCheckpoint(path.into()));
        }
        let folder = Self::checked(path, NewFolder::make(path))?;
        let checkpoint = saved(path)?;
        let has_results = has_results(path) && checkpoint.run.end != Progress::Running;
        let losses = losses_before(path, &checkpoint)
            .ok_or_else(|| Error::Losses { path: path.into(), iterations: checkpoint.run.iterations })?;
        Ok((Self { contents: Contents::Ours, ..folder }, Resumed { checkpoint, losses, has_results }))
    }

    fn checked(path: &Path, folder: io::Result<NewFolder>) -> Result<Self, Error> {
        let failed = |reason| Error::Folder { path: path.into(), reason };
        let folder = folder.map_err(failed)?;
        let lock = FolderLock::take(path).map_err(failed)?.ok_or_else(|| Error::InUse(path.into()))?;
        check_folder(&path.join(MODEL)).map_err(failed)?;
        for file in FILES.map(|name| path.join(name)) {
            check_place(&file).map_err(|reason| Error::Write { path: file, reason })?;
        }
        let contents = if holds_run(path) { Contents::Earlier } else { Contents::Nothing };
        Ok(Self { _lock: lock, folder, contents, losses: None })
    }

    /// The folder's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Whether it holds an earlier run, which [`checkpoint`](Self::checkpoint) and [`save`](Self::save) overwrite.
    #[must_use]
    pub fn holds_earlier_run(&self) -> bool {
        self.contents == Contents::Earlier
    }

    /// Writes the settings and the initial network of a run before its first step, so that the run can be resumed from the start.
    /// An earlier run stays until this one has trained.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn begin(&mut self, run: &Run, snapshot: &Snapshot) -> Result<(), Error> {
        if self.contents != Contents::Nothing {
            return Ok(());
        }
        let path = self.path().join(CHECKPOINT);
        // The same initial network can be made again, so nobody waits for the disk.
        write_whole(&path, |out| checkpoint::write(out, run, snapshot, None, Checksum::default()))
            .map_err(|reason| Error::Write { path, reason })?;
        self.contents = Contents::Ours;
        Ok(())
    }

    /// Writes a checkpoint. `best` is the network of the record's best evaluation, and `losses` are those of all steps. After an
    /// error the last checkpoint is still there.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn checkpoint(
        &mut self,
        run: &Run,
        snapshot: &Snapshot,
        best: Option<&Params>,
        losses: &[f32],
    ) -> Result<(), Error> {
        self.write_checkpoint(run, snapshot, best, losses, true)
    }

    fn write_checkpoint(
        &mut self,
        run: &Run,
        snapshot: &Snapshot,
        best: Option<&Params>,
        losses: &[f32],
        sync: bool,
    ) -> Result<(), Error> {
        let path = self.path().join(CHECKPOINT);
        // All losses before the checkpoint are on the disk before it is.
        let written = self.write_losses(losses, sync).and_then(|checksum| {
            write_atomic(&path, |out| checkpoint::write(out, run, snapshot, best, checksum))
                .map_err(|reason| Error::Write { path, reason })
        });
        if written.is_ok() {
            self.contents = Contents::Ours;
        } else if self.contents != Contents::Ours && self.losses.take().is_some() {
            // Without a checkpoint they are of no use: beside an earlier run's they would be taken for its losses, and alone for a run.
            let _ = fs::remove_file(self.path().join(LOSSES));
        }
        written
    }

    /// Writes those losses that are not yet in the file. Returns the checksum of all.
    fn write_losses(&mut self, losses: &[f32], sync: bool) -> Result<Checksum, Error> {
        let path = self.path().join(LOSSES);
        let written = match self.losses.take() {
            Some(file) => self.losses.insert(file).append(losses, sync),
            None => LossFile::create(&path, losses, sync).map(|file| self.losses.insert(file).checksum()),
        };
        written.map_err(|reason| Error::Write { path, reason })
    }

    /// Writes the results of a run and its last checkpoint. The files of the results are written together or not at all, so
    /// that the folder never mixes those of two runs. Returns the error of the checkpoint, without which the results are whole.
    ///
    /// # Errors
    /// A file cannot be written, or another run was saved here since this one started ([`Error::Exists`]).
    pub fn save(
        &mut self,
        net: &Net,
        snapshot: &Snapshot,
        best: Option<&Params>,
        losses: &[f32],
        run: &Run,
    ) -> Result<Option<Error>, Error> {
        if self.contents == Contents::Nothing && holds_run(self.path()) {
            return Err(Error::Exists(self.path().into()));
        }
        // The losses are on the disk with the results, before anybody can remove this file.
        let checkpoint = self.write_checkpoint(run, snapshot, best, losses, false);
        let mut files = AtomicFiles::new(self.path())?;
        files.write(MODEL, |out| model::write(out, net, &snapshot.params(), run.description()))?;
        if let Some(best) = best {
            files.write(BEST, |out| model::write(out, net, best, run.description()))?;
        }
        files.write(HISTORY, |out| write_history(out, losses))?;
        files.write(RUN, |out| {
            serde_json::to_writer_pretty(&mut *out, run)?;
            writeln!(out)
        })?;
        files.commit()?;
        self.losses = None;
        if best.is_none() {
            // That of an earlier run.
            let _ = fs::remove_file(self.path().join(BEST));
        }
        // If it stays, the run is taken for one that was killed after its last step, which costs an evaluation.
        let _ = fs::remove_file(self.path().join(LOSSES));
        Ok(checkpoint.err())
    }
}

/// Whether a folder holds a file of a run.
#[must_use]
pub fn holds_run(path: &Path) -> bool {
    FILES.iter().any(|name| path.join(name).exists())
}

/// Whether a folder holds the results of its run. If not, the run is in its checkpoint.
#[must_use]
pub fn has_results(path: &Path) -> bool {
    !path.join(LOSSES).exists() && RESULTS.iter().all(|name| path.join(name).exists())
}

/// Reads the checkpoint in a run's folder.
///
/// # Errors
/// It cannot be read.
pub fn saved(path: &Path) -> Result<Checkpoint, Error> {
    let path = path.join(CHECKPOINT);
    let checkpoint = read_at_most(&path, MAX_BYTES).map_err(Problem::from).and_then(|bytes| checkpoint::read(&bytes));
    checkpoint.map_err(|problem| Error::Checkpoint { path, problem })
}

/// Reads a run.json.
///
/// # Errors
/// It cannot be read.
pub fn read_record(path: &Path) -> Result<Run, Error> {
    let text = fs::read_to_string(path).map_err(|reason| Error::Read { path: path.into(), reason })?;
    Run::read(&text).map_err(|reason| Error::Record { path: path.into(), reason })
}

/// The record of a folder's run, and whether the folder holds its results. If not, the record is that of its checkpoint.
///
/// # Errors
/// It cannot be read.
pub fn record(path: &Path) -> Result<(Run, bool), Error> {
    let is_killed = is_killed(path);
    Ok((if is_killed { saved(path)?.run } else { read_record(&path.join(RUN))? }, !is_killed))
}

/// The record of a folder's run, as [`record`] reads it, and the loss of each of its iterations.
///
/// # Errors
/// One of them cannot be read.
pub fn record_and_losses(path: &Path) -> Result<(Run, Vec<f32>), Error> {
    let (run, losses) = if is_killed(path) {
        let checkpoint = saved(path)?;
        let losses = losses_before(path, &checkpoint);
        (checkpoint.run, losses)
    } else {
        let run = read_record(&path.join(RUN))?;
        let losses = losses(&path.join(HISTORY), run.iterations);
        (run, losses)
    };
    let losses = losses.ok_or_else(|| Error::History { path: path.into(), iterations: run.iterations })?;
    Ok((run, losses))
}

/// Whether a folder has no results of its run, but its checkpoint.
fn is_killed(path: &Path) -> bool {
    !has_results(path) && path.join(CHECKPOINT).exists()
}

/// The losses of the iterations before a folder's checkpoint. `None` if no file has them.
fn losses_before(path: &Path, checkpoint: &Checkpoint) -> Option<Vec<f32>> {
    let iterations = checkpoint.run.iterations;
    let is_ours = |losses: &Vec<f32>| Checksum::of(losses) == checkpoint.losses;
    let files = || [LOSSES, HISTORY].into_iter().map(|name| losses(&path.join(name), iterations));
    if iterations == 0 { Some(Vec::new()) } else { files().flatten().find(is_ours) }
}

/// When a file of a folder's run was last written.
#[must_use]
pub fn last_written(path: &Path) -> SystemTime {
    let times = FILES.iter().filter_map(|name| path.join(name).metadata().ok()?.modified().ok());
    times.max().unwrap_or(SystemTime::UNIX_EPOCH)
}

/// The losses of a run that has not ended. Losses are appended.
#[derive(Debug)]
struct LossFile {
    file: File,
    /// The number of losses in it, their bytes and their checksum. More may follow if an append failed.
    count: usize,
    bytes: u64,
    sum: Summing,
}

impl LossFile {
    fn create(path: &Path, losses: &[f32], sync: bool) -> io::Result<Self> {
        let history = |out: &mut dyn Write| write_history(out, losses);
        if sync { write_atomic(path, history) } else { write_whole(path, history) }?;
        let mut file = OpenOptions::new().write(true).open(path)?;
        let bytes = file.seek(io::SeekFrom::End(0))?;
        let mut sum = Summing::default();
        sum.add(losses);
        Ok(Self { file, count: losses.len(), bytes, sum })
    }

    fn checksum(&self) -> Checksum {
        self.sum.checksum()
    }

    /// Appends those of `losses` that are not in it. Returns the checksum of all.
    fn append(&mut self, losses: &[f32], sync: bool) -> io::Result<Checksum> {
        self.file.set_len(self.bytes)?;
        self.file.seek(io::SeekFrom::Start(self.bytes))?;
        let mut out = BufWriter::new(&self.file);
        let new = losses.get(self.count..).unwrap_or_default();
        write_losses(&mut out, self.count, new)?;
        out.flush()?;
        drop(out);
        if sync {
            self.file.sync_data()?;
        }
        self.bytes = self.file.stream_position()?;
        self.count = losses.len();
        self.sum.add(new);
        Ok(self.checksum())
    }
}

/// The heading of the losses.
const HEADING: &str = "iteration,loss";

/// Writes a line for each step: its number from 0, and the mean loss of its batch before the update.
fn write_history(out: &mut dyn Write, losses: &[f32]) -> io::Result<()> {
    writeln!(out, "{HEADING}")?;
    write_losses(out, 0, losses)
}

fn write_losses(out: &mut dyn Write, first: usize, losses: &[f32]) -> io::Result<()> {
    losses.iter().enumerate().try_for_each(|(index, loss)| writeln!(out, "{},{loss}", first + index))
}

/// The first losses of a file. `None` if it has fewer, or is no such file.
fn losses(path: &Path, count: u64) -> Option<Vec<f32>> {
    parse_losses(&fs::read_to_string(path).ok()?, count)
}

/// The first losses of a history's text. `None` if it has fewer, or is no history.
#[must_use]
pub fn parse_losses(text: &str, count: u64) -> Option<Vec<f32>> {
    let (heading, lines) = text.split_once('\n')?;
    let loss = |(index, line): (usize, &str)| {
        let (iteration, loss) = line.strip_suffix('\n')?.split_once(',')?;
        if iteration.parse() == Ok(index) { loss.trim_end().parse().ok() } else { None }
    };
    let losses = lines.split_inclusive('\n').take(usize::try_from(count).ok()?).enumerate().map(loss);
    let losses: Option<Vec<f32>> = if heading.trim_end() == HEADING { losses.collect() } else { None };
    losses.filter(|losses| losses.len() as u64 == count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_overwritten_only_on_request() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join(HISTORY), "iteration,loss\n").unwrap();
        let error = RunFolder::create(&path, false).unwrap_err().to_string();
        assert!(error.contains("already holds a run"), "{error}");
        RunFolder::create(&path, true).unwrap();
    }

    #[test]
    fn a_file_in_the_path_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(RunFolder::create(&file, true), Err(Error::IsFile(_))));
        assert!(matches!(RunFolder::create(&file.join("below"), true), Err(Error::Folder { .. })));
        assert!(matches!(RunFolder::create_new(&file.join("below")), Err(Error::Folder { .. })));
    }

    #[test]
    fn runs_of_one_name_get_folders_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs/now");
        let [first, second, third] = [(); 3].map(|()| RunFolder::create_new(&path).unwrap());
        assert_eq!(first.path(), path);
        assert_eq!(second.path(), folder.path().join("runs/now-2"));
        assert_eq!(third.path(), folder.path().join("runs/now-3"));
    }

    #[test]
    fn a_run_that_cannot_be_written_gets_a_folder_beside() {
        let folder = tempfile::tempdir().unwrap();
        for (name, beside) in [("run", "run-2"), ("run/", "run-3"), ("run/..", "run/../run-4")] {
            let made = RunFolder::create(&folder.path().join(name), false).unwrap().beside().unwrap();
            assert_eq!(made.path(), folder.path().join(beside));
            fs::write(made.path().join(MODEL), "").unwrap();
            fs::create_dir_all(folder.path().join("run")).unwrap();
        }
    }

    #[cfg(windows)]
    #[test]
    fn a_file_that_another_program_has_open_is_an_error_at_the_start() {
        use std::os::windows::fs::OpenOptionsExt;

        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(HISTORY), "iteration,loss\n").unwrap();
        let open = fs::OpenOptions::new().read(true).share_mode(1).open(folder.path().join(HISTORY)).unwrap();
        let error = RunFolder::create(folder.path(), true).unwrap_err().to_string();
        assert!(error.contains("history.csv cannot be written"), "{error}");
        drop(open);
        RunFolder::create(folder.path(), true).unwrap();
    }

    #[test]
    fn an_empty_folder_is_removed_with_the_parents_made_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let mine = folder.path().join("mine");
        fs::create_dir(&mine).unwrap();
        drop(RunFolder::create(&mine.join("a/b"), false).unwrap());
        assert_eq!(fs::read_dir(&mine).unwrap().count(), 0);
        drop(RunFolder::create(&mine, false).unwrap());
        assert!(mine.exists());
    }

    #[test]
    fn the_history_has_a_line_a_step() {
        let mut out = Vec::new();
        write_history(&mut out, &[2.5, 0.125]).unwrap();
        assert_eq!(out, b"iteration,loss\n0,2.5\n1,0.125\n");
    }

    #[test]
    fn losses_are_read_back_to_the_bit_and_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LOSSES);
        let all = [0.1, 2.5e-38, 3.333_333_3, f32::MIN_POSITIVE / 3.0, f32::INFINITY];
        let mut file = LossFile::create(&path, &all[..1], true).unwrap();
        // As after an append that failed.
        fs::write(&path, "iteration,loss\n0,0.1\n1,7").unwrap();
        file.append(&all[..2], true).unwrap();
        file.append(&all, false).unwrap();
        for count in 0..=all.len() {
            assert_eq!(losses(&path, count as u64).unwrap(), all[..count]);
        }
        assert_eq!(losses(&path, 6), None);
        for (text, count) in [
            ("iteration,loss\n0,1\n1,2", 1),
            ("iteration,loss\n0,1\n2,2\n", 1),
            ("iteration,loss\n0,1\n1,x\n", 1),
            ("iteration,loss\r\n0,1\r\n1,2\r\n", 2),
            ("", 0),
        ] {
            fs::write(&path, text).unwrap();
            for asked in 1..3 {
                assert_eq!(losses(&path, asked).is_some(), asked <= count, "{text}");
            }
        }
    }
}
