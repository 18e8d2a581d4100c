//! The devices of this machine: lists them, finds the one that a person names, and makes networks on it. No other file names
//! the backends.

#![cfg_attr(not(feature = "gpu"), allow(clippy::unused_async, reason = "only a GPU is waited for"))]

#[cfg(feature = "gpu")]
mod adapters;
mod info;

use std::fmt;
use std::str::FromStr;

use info::CPU;
#[cfg(feature = "gpu")]
use wgpu::Adapter;

#[cfg(feature = "cli")]
use crate::backend::Probe;
use crate::backend::{self, Network};
use crate::cpu;
#[cfg(feature = "gpu")]
use crate::gpu;
#[cfg(feature = "cli")]
pub(crate) use crate::gpu::listing::{Listed, Listing, list as list_kernels};
#[cfg(feature = "gpu")]
pub(crate) use crate::gpu::plan::Row;
#[cfg(feature = "cli")]
pub(crate) use crate::gpu::plan::{Class, Plan, RowError};
use crate::machine::Processor;
use crate::net::{Net, Params};
use crate::threads;
use crate::words::counted;

pub use info::{Card, CardKind, Hardware, Info, Kind};

/// A device that networks can be made on.
#[derive(Clone, Debug)]
pub enum Device {
    /// The CPU, with this many threads.
    Cpu {
        /// Threads to compute with, at most: no more than there is work for. 0 for one a core.
        threads: usize,
    },
    /// An opened GPU.
    #[cfg(feature = "gpu")]
    Gpu(gpu::device::Device),
}

impl backend::Device for Device {
    /// On a GPU this compiles the network's kernels.
    fn network(&self, net: Net, batch_size: usize, params: &Params) -> Result<Box<dyn Network>, backend::Error> {
        Ok(match self {
            Self::Cpu { threads } => Box::new(cpu::Network::new(net, batch_size, params, *threads)?),
            #[cfg(feature = "gpu")]
            Self::Gpu(device) => Box::new(gpu::network::Network::new(device.clone(), net, batch_size, params)?),
        })
    }
}

#[cfg(feature = "cli")]
impl Device {
    /// The same device; if it is a GPU, with this row's kernels.
    pub(crate) fn with_row(self, row: Row) -> Self {
        match self {
            Self::Cpu { .. } => self,
            Self::Gpu(device) => Self::Gpu(device.with_row(row)),
        }
    }

    /// Measures the most that the device can do.
    ///
    /// # Errors
    /// An error of the device.
    pub(crate) async fn probe(&self) -> Result<Box<dyn Probe>, backend::Error> {
        Ok(match self {
            Self::Cpu { threads } => Box::new(cpu::peak::Probe::new(*threads)?),
            Self::Gpu(device) => Box::new(gpu::peak::Probe::new(device.clone()).await?),
        })
    }
}

/// A device that can be opened.
#[derive(Clone, Debug)]
pub struct Found {
    /// How it is named.
    pub info: Info,
    way: Way,
    /// Which kernels a GPU runs, instead of those of its class.
    #[cfg(feature = "gpu")]
    pub(crate) row: Option<Row>,
}

/// Opens a device.
#[derive(Clone, Debug)]
enum Way {
    Cpu {
        threads: usize,
    },
    #[cfg(feature = "gpu")]
    Gpu(Adapter),
}

impl Found {
    /// The GPU's adapter; none for the CPU.
    #[cfg(feature = "gpu")]
    #[must_use]
    pub fn adapter(&self) -> Option<&Adapter> {
        match &self.way {
            Way::Cpu { .. } => None,
            Way::Gpu(adapter) => Some(adapter),
        }
    }

    /// Opens the device.
    ///
    /// # Errors
    /// What the adapter lacks, or says.
    pub async fn open(&self) -> Result<Device, backend::Error> {
        Ok(match &self.way {
            Way::Cpu { threads } => Device::Cpu { threads: *threads },
            #[cfg(feature = "gpu")]
            Way::Gpu(adapter) => {
                let device = gpu::device::Device::open(adapter).await?;
                Device::Gpu(if let Some(row) = self.row { device.with_row(row) } else { device })
            }
        })
    }
}

/// A choice of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// A hardware GPU if there is one, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// The best GPU.
    Gpu,
    /// The device with this index.
    Index(usize),
    /// The GPU whose name holds this text, under this backend if one is named.
    Name {
        /// `vulkan`, `metal`, `dx12` or `gl`.
        backend: Option<String>,
        /// In lower case.
        part: String,
    },
}

impl FromStr for Choice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.to_lowercase();
        Ok(match text.as_str() {
            "" => return Err(Error::Unnamed),
            "auto" => Self::Auto,
            "cpu" => Self::Cpu,
            "gpu" => Self::Gpu,
            digits if digits.parse::<usize>().is_ok() => Self::Index(digits.parse().unwrap_or_default()),
            backend @ ("vulkan" | "metal" | "dx12" | "gl") => {
                Self::Name { backend: Some(backend.to_owned()), part: String::new() }
            }
            name => match name.split_once(':') {
                Some((backend @ ("vulkan" | "metal" | "dx12" | "gl"), part)) => {
                    Self::Name { backend: Some(backend.to_owned()), part: part.to_owned() }
                }
                _ => Self::Name { backend: None, part: text },
            },
        })
    }
}

/// A choice that no device fits.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// A choice that names nothing: any GPU would fit.
    #[error("names no device; give auto, cpu, gpu, an index of `twolayer devices` or part of a name")]
    Unnamed,
    /// A GPU was asked for, and there is none.
    #[error("{0}")]
    NoGpu(NoGpu),
    /// There is no device of that index.
    #[error("there is no device {index}; `twolayer devices` lists 0 to {last}{}", narrowed())]
    Index {
        /// The index asked for.
        index: usize,
        /// The last one there is.
        last: usize,
    },
    /// No device has that name.
    #[error("no device is named '{part}'; `twolayer devices` lists those there are: {}{}", names(.found), narrowed())]
    Unknown {
        /// The name asked for.
        part: String,
        /// Every device.
        found: Vec<Info>,
    },
    /// Several devices have that name.
    #[error("'{part}' fits several devices; give the index of one: {}", names(.found))]
    Ambiguous {
        /// The name asked for.
        part: String,
        /// Those that fit.
        found: Vec<Info>,
    },
    /// The device that was asked for cannot be opened.
    #[error(transparent)]
    Open(#[from] backend::Error),
}

/// The variable with a part of the names of the only GPUs that are listed, as wgpu's own helper reads it.
const ADAPTER_NAME: &str = "WGPU_ADAPTER_NAME";
/// The variable with the only backends that wgpu looks for GPUs under.
const BACKEND: &str = "WGPU_BACKEND";

/// The value of an environment variable; none where it is empty or no text, which wgpu takes for unset.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// What a message adds where only some GPUs are listed.
fn narrowed() -> String {
    variable(ADAPTER_NAME)
        .map_or(String::new(), |part| format!(" (of GPUs, only those that {ADAPTER_NAME}={part} fits)"))
}

/// There is no GPU, and why that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoGpu {
    /// This build has no GPU support.
    Build,
    /// No driver answered.
    Driver {
        /// What `WGPU_BACKEND` allows, if it is set.
        allowed: Option<String>,
    },
    /// `WGPU_BACKEND` has this value, which allows no backend.
    Backend(String),
    /// `WGPU_ADAPTER_NAME` fits none.
    Name {
        /// Its value.
        part: String,
        /// The GPUs that there are, at least one.
        found: Vec<Info>,
    },
}

impl NoGpu {
    /// Finds out why [`list`] has no GPU.
    pub async fn find() -> Self {
        Self::of(std::env::var(BACKEND).ok(), variable(ADAPTER_NAME), &infos(&list_all(1).await))
    }

    /// Why there is none of `devices`, with these values of the two variables.
    fn of(backend: Option<String>, name: Option<String>, devices: &[Info]) -> Self {
        let found: Vec<Info> = devices.iter().filter(|info| info.kind == Kind::Gpu).cloned().collect();
        match (backend, name) {
            (_, Some(part)) if !found.is_empty() => Self::Name { part, found },
            #[cfg(not(feature = "gpu"))]
            _ if found.is_empty() => Self::Build,
            #[cfg(feature = "gpu")]
            (Some(backend), _) if !gpu::adapters::names_a_backend(&backend) => Self::Backend(backend),
            (allowed, _) => Self::Driver { allowed },
        }
    }

    /// Whether a person's own setting is wrong, rather than the machine without a GPU.
    fn is_set_so(&self) -> bool {
        matches!(self, Self::Backend(_) | Self::Name { .. })
    }
}

impl fmt::Display for NoGpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no GPU adapter found: ")?;
        let allowed = match self {
            Self::Build => return f.write_str("this build knows none; build it with the feature gpu"),
            Self::Name { part, found } => {
                let found = names(found);
                return write!(f, "{ADAPTER_NAME}={part} fits none of {found}; unset it, or give a part of a name");
            }
            Self::Backend(value) => {
                return write!(f, "{BACKEND}={value} names none of vulkan, metal, dx12 and gl; unset or correct it");
            }
            Self::Driver { allowed } => allowed,
        };
        f.write_str("no Vulkan, Metal, Direct3D 12 or OpenGL driver answered")?;
        match allowed {
            Some(allowed) => write!(f, " ({BACKEND}={allowed} allows no other); unset that, or install its driver")?,
            None => f.write_str("; install your GPU's driver")?,
        }
        if cfg!(target_os = "linux") {
            f.write_str(", or a software one (on Debian and Ubuntu: apt-get install mesa-vulkan-drivers)")?;
        }
        Ok(())
    }
}

/// Something about the choice that the person should know.
#[derive(Clone, Debug)]
pub enum Notice {
    /// The device is a GPU in name only.
    Software(String),
    /// There is no GPU, so the CPU takes over.
    NoGpu(NoGpu),
    /// The GPU cannot be opened, so the CPU takes over.
    NotOpened(backend::Error),
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Software(name) => write!(f, "{name} is a software GPU, a program on the CPU; --device cpu is faster"),
            Self::NoGpu(reason) => write!(f, "{reason}; going on with the CPU"),
            Self::NotOpened(reason) => write!(f, "{reason}; going on with the CPU"),
        }
    }
}

/// Every device of this machine: the CPU first, then the GPUs by preference. `threads` are the CPU's, 0 for one a core.
/// `WGPU_ADAPTER_NAME`, a part of names in any case, leaves out all other GPUs; `WGPU_BACKEND` those of other backends.
pub async fn list(threads: usize) -> Vec<Found> {
    let mut found = list_all(threads).await;
    if let Some(part) = variable(ADAPTER_NAME) {
        found.retain(|found| found.info.kind == Kind::Cpu || is_named(&found.info, &part));
        found.iter_mut().enumerate().for_each(|(index, found)| found.info.index = index);
    }
    found
}

fn is_named(info: &Info, part: &str) -> bool {
    info.name.to_lowercase().contains(&part.to_lowercase())
}

/// As [`list`], whatever `WGPU_ADAPTER_NAME` says.
async fn list_all(threads: usize) -> Vec<Found> {
    let cpu = cpu(threads::number(threads));
    #[cfg(feature = "gpu")]
    return with_gpus(cpu, adapters::list().await);
    #[cfg(not(feature = "gpu"))]
    vec![cpu]
}

#[cfg(feature = "gpu")]
fn with_gpus(cpu: Found, adapters: Vec<(Info, Adapter)>) -> Vec<Found> {
    let mut found = vec![cpu];
    for (mut info, adapter) in adapters {
        info.index = found.len();
        info.among_equals = found.iter().filter(|other| is_equal(&other.info, &info)).count();
        found.push(Found { info, way: Way::Gpu(adapter), row: None });
    }
    found
}

/// Whether nothing but their places tells two devices apart.
#[cfg(any(test, feature = "gpu"))]
fn is_equal(a: &Info, b: &Info) -> bool {
    (&a.name, &a.backend, &a.driver) == (&b.name, &b.backend, &b.driver)
}

fn cpu(threads: usize) -> Found {
    let info = Info {
        index: CPU,
        name: format!("CPU, {}", counted(threads, "thread")),
        kind: Kind::Cpu,
        backend: "cpu".to_owned(),
        driver: String::new(),
        software: false,
        among_equals: 0,
        hardware: Hardware::Cpu(processor()),
    };
    Found {
        info,
        way: Way::Cpu { threads },
        #[cfg(feature = "gpu")]
        row: None,
    }
}

/// The machine's processor, as the CPU backend uses it.
#[must_use]
pub fn processor() -> Processor {
    Processor::this(Some(cpu::instructions()))
}

/// Finds and opens the device that was asked for. With `fallback`, the CPU takes the place of "a GPU" that there is not; but
/// not where there are some and `WGPU_ADAPTER_NAME` fits none.
///
/// # Errors
/// [`Error`] says why no device is the one asked for.
pub async fn open(choice: &Choice, threads: usize, fallback: bool) -> Result<(Info, Device, Vec<Notice>), Error> {
    let mut notices = Vec::new();
    let found = list_for(std::slice::from_ref(choice), threads).await;
    let has_gpu = found.iter().any(|found| found.info.kind == Kind::Gpu);
    let no_gpu = match choice {
        Choice::Auto | Choice::Gpu if !has_gpu => Some(NoGpu::find().await),
        _ => None,
    };
    let index = match (no_gpu, choice) {
        (Some(reason), Choice::Gpu) if !fallback || matches!(reason, NoGpu::Name { .. }) => {
            return Err(Error::NoGpu(reason));
        }
        (Some(reason), _) => {
            if *choice == Choice::Gpu || reason.is_set_so() {
                notices.push(Notice::NoGpu(reason));
            }
            CPU
        }
        (None, _) => choose(&infos(&found), choice)?,
    };
    let info = &found[index].info;
    match found[index].open().await {
        Ok(device) => {
            if info.software {
                notices.push(Notice::Software(info.name.clone()));
            }
            Ok((info.clone(), device, notices))
        }
        Err(reason) if fallback && matches!(choice, Choice::Auto | Choice::Gpu) => {
            notices.push(Notice::NotOpened(reason));
            Ok((found[CPU].info.clone(), found[CPU].open().await?, notices))
        }
        Err(reason) => Err(reason.into()),
    }
}

/// The device of one of several processes that share this machine: where any hardware GPU will do, they take those of the best
/// backend in turns; where no GPU will do but software, or one is named, all take the same.
pub async fn of_rank(choice: &Choice, rank: usize) -> Choice {
    if !matches!(choice, Choice::Auto | Choice::Gpu) {
        return choice.clone();
    }
    let found = infos(&list(0).await);
    let hardware: Vec<&Info> = found.iter().filter(|info| info.kind == Kind::Gpu && !info.software).collect();
    in_turns(&hardware, rank).map_or(choice.clone(), Choice::Index)
}

/// The index of the device of a rank, among those of the first one's backend: one card may be there under two.
fn in_turns(hardware: &[&Info], rank: usize) -> Option<usize> {
    let best = &hardware.first()?.backend;
    let of_best: Vec<usize> = hardware.iter().filter(|info| info.backend == *best).map(|info| info.index).collect();
    Some(of_best[rank % of_best.len()])
}

/// The devices that were asked for, each once, in the order of [`list`]; all of them where none was.
///
/// # Errors
/// [`Error`] says why no device is one that was asked for.
pub async fn select(choices: &[Choice], threads: usize) -> Result<Vec<Found>, Error> {
    let found = list_for(choices, threads).await;
    if choices.is_empty() {
        return Ok(found);
    }
    let infos = infos(&found);
    if choices.contains(&Choice::Gpu) && infos.iter().all(|info| info.kind == Kind::Cpu) {
        return Err(Error::NoGpu(NoGpu::find().await));
    }
    let chosen = choices.iter().map(|choice| choose(&infos, choice)).collect::<Result<Vec<_>, _>>()?;
    Ok(found.into_iter().filter(|found| chosen.contains(&found.info.index)).collect())
}

/// The devices that the choices are made among: looking for GPUs loads their drivers, which nobody needs who asked for
/// the CPU alone.
async fn list_for(choices: &[Choice], threads: usize) -> Vec<Found> {
    let gpus_too = choices.is_empty() || choices.iter().any(|choice| *choice != Choice::Cpu);
    if gpus_too { list(threads).await } else { vec![cpu(threads::number(threads))] }
}

fn infos(found: &[Found]) -> Vec<Info> {
    found.iter().map(|found| found.info.clone()).collect()
}

/// The index of the device that is meant.
fn choose(devices: &[Info], choice: &Choice) -> Result<usize, Error> {
    let best_gpu = || devices.iter().find(|info| info.kind == Kind::Gpu);
    match choice {
        Choice::Cpu => Ok(CPU),
        Choice::Auto => Ok(best_gpu().filter(|info| !info.software).map_or(CPU, |info| info.index)),
        Choice::Gpu => best_gpu().map(|info| info.index).ok_or(Error::NoGpu(NoGpu::Driver { allowed: None })),
        Choice::Index(index) if *index < devices.len() => Ok(*index),
        Choice::Index(index) => Err(Error::Index { index: *index, last: devices.len() - 1 }),
        Choice::Name { backend, part } => {
            let fits = |info: &&Info| {
                info.kind == Kind::Gpu
                    && info.name.to_lowercase().contains(part)
                    && backend.as_ref().is_none_or(|backend| *backend == info.backend)
            };
            let mut fitting: Vec<&Info> = devices.iter().filter(fits).collect();
            fitting.sort_by_key(|info| ["vulkan", "metal", "dx12", "gl"].iter().position(|b| *b == info.backend));
            let Some((first, others)) = fitting.split_first() else {
                return Err(Error::Unknown {
                    part: if part.is_empty() { backend.clone().unwrap_or_default() } else { part.clone() },
                    found: devices.to_vec(),
                });
            };
            if others.iter().any(|other| !is_same_card(first, other)) {
                return Err(Error::Ambiguous { part: part.clone(), found: fitting.into_iter().cloned().collect() });
            }
            Ok(first.index)
        }
    }
}

/// Whether two entries are one card under two backends.
fn is_same_card(a: &Info, b: &Info) -> bool {
    a.backend != b.backend && card(&a.name) == card(&b.name)
}

/// The card's own part of a name: drivers put "Mesa " before it, and their own details in brackets or after a slash.
#[must_use]
pub fn card(name: &str) -> &str {
    let name = name.strip_prefix("Mesa ").unwrap_or(name);
    let details = name.find(" (").into_iter().chain(name.find('/')).min();
    details.map_or(name, |details| &name[..details])
}

fn names(found: &[Info]) -> String {
    let name = |info: &Info| format!("{} {} ({})", info.index, info.name, info.backend);
    found.iter().map(name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine with these GPUs: (name, backend, software).
    fn machine(gpus: &[(&str, &str, bool)]) -> Vec<Info> {
        let gpu = |(index, (name, backend, software)): (usize, &(&str, &str, bool))| Info {
            index: index + 1,
            name: (*name).to_owned(),
            kind: Kind::Gpu,
            backend: (*backend).to_owned(),
            driver: String::new(),
            software: *software,
            among_equals: 0,
            hardware: Hardware::Gpu(Card { kind: CardKind::Other, pci: None }),
        };
        std::iter::once(cpu(1).info).chain(gpus.iter().enumerate().map(gpu)).collect()
    }

    fn chosen(devices: &[Info], choice: &str) -> Result<usize, String> {
        choose(devices, &choice.parse().unwrap()).map_err(|error| error.to_string())
    }

    const CARD: &str = "NVIDIA GeForce RTX 3080";
    const CARD_IN_GL: &str = "NVIDIA GeForce RTX 3080/PCIe/SSE2";

    #[test]
    fn auto_takes_hardware_or_the_cpu() {
        assert_eq!(chosen(&machine(&[(CARD, "vulkan", false), ("llvmpipe", "vulkan", true)]), "auto"), Ok(1));
        assert_eq!(chosen(&machine(&[("llvmpipe", "vulkan", true)]), "auto"), Ok(0));
        assert_eq!(chosen(&machine(&[]), "auto"), Ok(0));
    }

    #[test]
    fn gpu_takes_software_too_and_says_where_there_is_none() {
        assert_eq!(chosen(&machine(&[("llvmpipe", "vulkan", true)]), "gpu"), Ok(1));
        // A backend's name alone is any GPU under it; no name is none.
        assert_eq!(chosen(&machine(&[("llvmpipe", "gl", true), (CARD, "vulkan", false)]), "vulkan"), Ok(2));
        assert!(matches!("".parse::<Choice>(), Err(Error::Unnamed)));
        assert!(chosen(&machine(&[]), "gpu").unwrap_err().starts_with("no GPU adapter found"));
    }

    #[test]
    fn two_equal_cards_are_told_apart_by_index_alone() {
        let devices = machine(&[(CARD, "vulkan", false), (CARD, "vulkan", false)]);
        assert_eq!(chosen(&devices, "2"), Ok(2));
        let error = chosen(&devices, "rtx").unwrap_err();
        assert!(error.contains("fits several devices") && error.contains("1 NVIDIA") && error.contains("2 NVIDIA"));
        assert_eq!(chosen(&devices, "3").unwrap_err(), "there is no device 3; `twolayer devices` lists 0 to 2");
    }

    #[test]
    fn why_there_is_no_gpu() {
        let why = |backend: Option<&str>, name: Option<&str>, devices: &[Info]| {
            NoGpu::of(backend.map(str::to_owned), name.map(str::to_owned), devices)
        };
        let (none, one) = (machine(&[]), machine(&[(CARD, "vulkan", false)]));
        let reason = why(None, Some("radeon"), &one);
        assert!(reason.is_set_so());
        assert_eq!(
            reason.to_string(),
            "no GPU adapter found: WGPU_ADAPTER_NAME=radeon fits none of 1 NVIDIA GeForce RTX 3080 (vulkan); unset it, or \
             give a part of a name"
        );
        for value in ["nonsense", "", "noop"] {
            let told = why(Some(value), None, &none).to_string();
            assert!(told.contains(&format!("WGPU_BACKEND={value} names none of vulkan")), "{told}");
            assert!(told.ends_with("unset or correct it"), "{told}");
        }
        // Where there is no GPU at all, its name is not the reason.
        for (backend, name) in [(None, Some("radeon")), (Some("gl, nonsense"), None), (None, None)] {
            let reason = why(backend, name, &none);
            assert_eq!(reason, NoGpu::Driver { allowed: backend.map(str::to_owned) });
            assert!(!reason.is_set_so() && reason.to_string().contains("driver answered"));
        }
    }

    #[test]
    fn a_part_of_a_name_fits_in_any_case() {
        let [_, card] = &machine(&[(CARD, "vulkan", false)])[..] else { panic!("not two devices") };
        assert!(is_named(card, "GEFORCE") && is_named(card, "3080") && !is_named(card, "radeon"));
        let other = Info { driver: "another".to_owned(), ..card.clone() };
        assert!(is_equal(card, &Info { index: 7, ..card.clone() }) && !is_equal(card, &other));
    }

    #[test]
    fn the_cpu_is_called_by_its_processors_name() {
        let mut info = cpu(2).info;
        let Hardware::Cpu(processor) = &mut info.hardware else { panic!("no CPU") };
        processor.model = Some("Some Processor".to_owned());
        assert_eq!(info.full_name(), "Some Processor, 2 threads");
        // What files and choices go by.
        assert_eq!(info.name, "CPU, 2 threads");
        info.hardware = Hardware::Cpu(Processor { model: None, ..Processor::this(None) });
        assert_eq!(info.full_name(), "CPU, 2 threads");
    }

    #[test]
    fn one_card_under_two_backends_is_one_card() {
        let devices = machine(&[(CARD_IN_GL, "gl", false), (CARD, "vulkan", false)]);
        assert_eq!(chosen(&devices, "GeForce"), Ok(2));
        assert_eq!(chosen(&devices, "gl:geforce"), Ok(1));
        assert_eq!(chosen(&devices, "Vulkan:"), Ok(2));
        assert!(chosen(&devices, "metal:geforce").unwrap_err().contains("no device is named 'geforce'"));
        assert!(chosen(&devices, "metal:").unwrap_err().contains("no device is named 'metal'"));
    }

    #[test]
    fn drivers_name_one_card_each_in_its_own_way() {
        for (vulkan, gl) in [
            ("AMD Radeon RX 6800 (RADV NAVI21)", "AMD Radeon RX 6800 (radeonsi, navi21, LLVM 15.0.6, DRM 3.49)"),
            ("Intel(R) UHD Graphics 620 (KBL GT2)", "Mesa Intel(R) UHD Graphics 620 (KBL GT2)"),
        ] {
            let devices = machine(&[(gl, "gl", false), (vulkan, "vulkan", false)]);
            assert_eq!(chosen(&devices, card(vulkan)), Ok(2));
        }
    }

    #[test]
    fn a_name_that_fits_two_cards_is_refused() {
        let devices = machine(&[(CARD, "vulkan", false), ("NVIDIA GeForce RTX 3080 Ti/PCIe/SSE2", "gl", false)]);
        assert!(chosen(&devices, "nvidia").unwrap_err().contains("fits several devices"));
        assert_eq!(chosen(&devices, "3080 ti"), Ok(2));
    }
}
