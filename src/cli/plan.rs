//! `--plan FILE`: a row of the table of plans in a file, as `twolayer devices --tune --save-plan FILE` writes it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::devices::{Found, Info, Kind, Plan, Row};
use crate::files::{read_at_most, write_atomic};

/// Most bytes of a file.
const MAX_BYTES: u64 = 64 << 10;

/// A row, and the GPU that it is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanFile {
    /// Its path.
    #[serde(skip)]
    path: PathBuf,
    /// The GPU's name; where there is none, any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gpu: Option<String>,
    narrow_up_to_hidden: usize,
    narrow: Plan,
    wide: Plan,
}

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}; `twolayer devices --tune --save-plan FILE` writes one", path.display())]
pub(super) struct Error {
    pub path: PathBuf,
    pub problem: Problem,
}

/// Why.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error("cannot be read ({0})")]
    Read(std::io::Error),
    #[error("is no plan ({0})")]
    Parse(serde_json::Error),
    #[error("is no plan ({0})")]
    Row(crate::devices::RowError),
    #[error("is the plan of {0}, which is not the GPU here; without its \"gpu\" it is any GPU's")]
    Other(String),
    #[error("cannot be written ({0})")]
    Write(std::io::Error),
}

impl PlanFile {
    /// Reads and checks a file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let failed = |problem| Error { path: path.to_owned(), problem };
        let bytes = read_at_most(path, MAX_BYTES).map_err(|reason| failed(Problem::Read(reason)))?;
        let file: Self = serde_json::from_slice(&bytes).map_err(|reason| failed(Problem::Parse(reason)))?;
        file.row().check().map_err(|reason| failed(Problem::Row(reason)))?;
        Ok(Self { path: path.to_owned(), ..file })
    }

    /// The file for a row that was tuned on a GPU.
    pub fn new(path: &Path, info: &Info, Row { narrow_up_to_hidden, narrow, wide }: Row) -> Self {
        Self { path: path.to_owned(), gpu: Some(gpu_name(info)), narrow_up_to_hidden, narrow, wide }
    }

    pub fn write(&self) -> Result<(), Error> {
        write_atomic(&self.path, |file| {
            serde_json::to_writer_pretty(&mut *file, self)?;
            file.write_all(b"\n")
        })
        .map_err(|reason| self.error(Problem::Write(reason)))
    }

    pub fn row(&self) -> Row {
        let &Self { narrow_up_to_hidden, narrow, wide, .. } = self;
        Row { narrow_up_to_hidden, narrow, wide }
    }

    fn is_for(&self, info: &Info) -> bool {
        info.kind == Kind::Gpu && self.gpu.as_ref().is_none_or(|gpu| *gpu == gpu_name(info))
    }

    /// The row, for those of these devices that it is for.
    ///
    /// # Errors
    /// There are GPUs among them, and it is for none.
    pub fn row_for(&self, devices: &[&Info]) -> Result<Row, Error> {
        let has_gpus = devices.iter().any(|info| info.kind == Kind::Gpu);
        match &self.gpu {
            Some(gpu) if has_gpus && !devices.iter().any(|info| self.is_for(info)) => {
                Err(self.error(Problem::Other(gpu.clone())))
            }
            _ => Ok(self.row()),
        }
    }

    fn error(&self, problem: Problem) -> Error {
        Error { path: self.path.clone(), problem }
    }
}

/// Gives the row of a file to the GPUs that it is for.
///
/// # Errors
/// The file has no row, or there are GPUs and it is for none of them.
pub(super) fn give_plan(found: &mut [Found], path: Option<&Path>) -> Result<(), Error> {
    let Some(path) = path else { return Ok(()) };
    let file = PlanFile::read(path)?;
    let row = file.row_for(&found.iter().map(|found| &found.info).collect::<Vec<_>>())?;
    found.iter_mut().filter(|found| file.is_for(&found.info)).for_each(|found| found.row = Some(row));
    Ok(())
}

fn gpu_name(info: &Info) -> String {
    format!("{} ({})", info.name, info.backend)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::{Class, Hardware};

    fn info(name: &str, kind: Kind) -> Info {
        Info { name: name.to_owned(), kind, backend: "vulkan".to_owned(), ..Info::reference() }
    }

    #[test]
    fn a_written_row_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        for class in Class::ALL {
            let path = folder.path().join(class.as_str());
            let file = PlanFile::new(&path, &info("GeForce", Kind::Gpu), Row::of(class));
            file.write().unwrap();
            let read = PlanFile::read(&path).unwrap();
            assert_eq!((&read, read.row()), (&file, Row::of(class)));
        }
        assert!(matches!(info("", Kind::Cpu).hardware, Hardware::Cpu(_)));
    }

    #[test]
    fn a_row_is_for_the_gpu_of_its_name_or_for_any() {
        let file = PlanFile::new(Path::new("plan.json"), &info("GeForce", Kind::Gpu), Row::of(Class::Discrete));
        assert!(file.is_for(&info("GeForce", Kind::Gpu)));
        assert!(!file.is_for(&info("Radeon", Kind::Gpu)));
        let any = PlanFile { gpu: None, ..file };
        assert!(any.is_for(&info("Radeon", Kind::Gpu)) && !any.is_for(&info("CPU", Kind::Cpu)));
    }

    #[test]
    fn what_is_no_row_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.json");
        let row =
            |wide: &str| format!(r#"{{"narrow_up_to_hidden": 128, "narrow": {{"kernels": "fused"}}, "wide": {wide}}}"#);
        for (text, says) in [
            ("", "EOF"),
            ("{}", "missing field"),
            (&row(r#"{"kernels": "cubed"}"#), "unknown variant `cubed`"),
            (&row(r#"{"kernels": "blocked"}"#), "missing field"),
            (&row(r#"{"kernels": "blocked", "columns": 48, "workgroups": 1}"#), "48 columns"),
            (&row(r#"{"kernels": "blocked", "columns": 64, "workgroups": 0}"#), "0 workgroups"),
            (&row(r#"{"kernels": "blocked", "columns": 64, "workgroups": 1, "x": 1}"#), "unknown field"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = PlanFile::read(&path).unwrap_err().to_string();
            assert!(error.contains(says) && error.contains("plan.json"), "{text}: {error}");
        }
    }
}
