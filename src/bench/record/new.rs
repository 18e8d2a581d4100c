//! Makes a [`Record`] from the results of a contest.

use time::OffsetDateTime;
use time::macros::format_description;

use super::fields::{
    Bound, Build, ControlRow, Data, Device, During, Kernel, Machine, PeakRates, Record, Row, SCHEMA, StepKind,
};
use crate::backend::KernelTime;
use crate::bench::contest::{self, Control, Outcome, Results};
use crate::bench::entry::density;
use crate::bench::others::{Others, load_average};
use crate::bench::peak::Peak;
use crate::bench::stats::{Spread, Verdict, median, verdict};
use crate::bench::task::Task;
use crate::bench::workload::Step;
use crate::data::Dataset;
use crate::devices::{self, Info};
use crate::machine::{Processor, kernel, os_version};

const GIGA: f64 = 1e9;
const MICRO: f64 = 1e-6;
/// A kernel below this share of both peaks is limited by neither.
const MIN_SHARE: f64 = 0.1;

impl Build {
    /// This build at this time.
    #[must_use]
    pub fn now() -> Self {
        let now = OffsetDateTime::now_utc();
        let date = now
            .format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z"))
            .unwrap_or_else(|_| now.unix_timestamp().to_string());
        Self { version: env!("CARGO_PKG_VERSION").to_owned(), commit: env!("TWOLAYER_COMMIT").to_owned(), date }
    }
}

impl Machine {
    /// This machine.
    #[must_use]
    pub fn this() -> Self {
        let Processor { model, cores, instructions } = devices::processor();
        Self {
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            cores,
            cpu: model,
            instructions,
            os_version: os_version(),
            kernel: kernel(),
        }
    }
}

impl During {
    /// The load of the workload that met the most, and the load average before and now.
    pub(super) fn new(load_average_before: Option<f64>, others: &[Option<Others>]) -> Self {
        let by_cores = |a: &Others, b: &Others| a.cores_taken().total_cmp(&b.cores_taken());
        let others = others.iter().copied().flatten().max_by(by_cores);
        Self { others, load_average_before, load_average_after: load_average() }
    }
}

impl Record {
    /// Puts the results together. `devices` are those of the contest, each with its peak if known. `build` and
    /// `load_average_before` are from the start of the benchmark.
    #[must_use]
    pub fn new(
        build: Build,
        load_average_before: Option<f64>,
        repetitions: usize,
        set: &Dataset,
        devices: &[(Info, Option<Peak>)],
        tasks: &[Task],
        results: &Results,
    ) -> Self {
        let others = |task: usize| results.others.get(task).copied().flatten();
        let row = |row: &contest::Row| {
            let (info, peak) = &devices[row.entrant];
            Row { others: others(row.task), ..Row::new(info, *peak, &tasks[row.task], &row.outcome) }
        };
        let control = |control: &Control| {
            ControlRow::new(&devices[control.entrant].0, &tasks[control.task], control, others(control.task))
        };
        let device = |(info, peak): &(Info, Option<Peak>)| Device {
            info: info.clone(),
            host: None,
            peak: peak.and_then(PeakRates::new),
        };
        Self {
            schema: SCHEMA,
            build,
            machine: Machine::this(),
            during: During::new(load_average_before, &results.others),
            data: Data { source: "built-in".to_owned(), images: set.len(), density: density(set) },
            repetitions,
            devices: devices.iter().map(device).collect(),
            rows: results.rows.iter().map(row).collect(),
            control: results.control.as_ref().map(control),
            hosts: Vec::new(),
            compared_with: None,
            compared_on: None,
            compared_during: None,
        }
    }
}

impl Row {
    pub(super) fn new(info: &Info, peak: Option<Peak>, task: &Task, outcome: &Outcome) -> Self {
        let Info { index, name, kind, backend, driver, software, among_equals, .. } = info.clone();
        let peak = peak.filter(is_finite);
        let timed = if let Outcome::Timed(timed) = outcome { Some(timed) } else { None };
        let speed = outcome.speed();
        let rate = speed.map(|speed| speed.mean);
        let flops = rate.map(|rate| rate * task.flops());
        let kernels: Vec<Kernel> =
            timed.iter().flat_map(|timed| &timed.profile.kernels).map(|kernel| Kernel::new(kernel, peak)).collect();
        let in_kernels: f64 = kernels.iter().map(|kernel| kernel.microseconds).sum();
        let rest = rate.map(|rate| 1.0 / rate / MICRO - in_kernels);
        let reason = outcome.why_not().map(ToString::to_string);
        Self {
            host: None,
            index,
            adapter: name,
            backend,
            driver,
            kind,
            software,
            among_equals: Some(among_equals),
            workload: task.workload.name.to_owned(),
            step: Some(match task.workload.step {
                Step::Training { .. } => StepKind::Training,
                Step::Inference => StepKind::Inference,
            }),
            hidden: task.workload.hidden,
            batch_size: task.images_per_step(),
            steps_per_second: rate,
            median_steps_per_second: timed.and_then(|timed| median(&timed.samples)),
            deviation: speed.and_then(|speed| speed.deviation),
            images_per_second: rate.map(|rate| rate * task.images_per_step() as f64),
            microseconds_per_step: rate.map(|rate| 1.0 / rate / MICRO),
            dispatches_per_step: timed.and_then(|timed| timed.dispatches),
            gflops: flops.map(|flops| flops / GIGA),
            share_of_peak: flops.zip(peak).map(|(flops, peak)| flops / peak.flops),
            peak: peak.and_then(PeakRates::new),
            ok: timed.is_some(),
            skipped: reason.clone().filter(|_| matches!(outcome, Outcome::Skipped(_))),
            wrong: reason.clone().filter(|_| matches!(outcome, Outcome::Wrong(_))),
            failed: reason.filter(|_| matches!(outcome, Outcome::Failed(_))),
            relative_error: timed.map(|timed| timed.errors.largest()),
            steps_per_round: timed.map(|timed| timed.steps),
            samples: timed.map(|timed| timed.samples.clone()).unwrap_or_default(),
            rest_microseconds: rest.filter(|rest| !kernels.is_empty() && *rest >= 0.0),
            kernels,
            kernels_missing: timed.and_then(|timed| timed.profile.missing).map(|reason| reason.to_string()),
            others: None,
            compared: None,
            saved_with_driver: None,
        }
    }
}

/// JSON has no infinity and no NaN.
fn is_finite(peak: &Peak) -> bool {
    peak.flops.is_normal() && peak.bytes_per_second.is_normal()
}

impl PeakRates {
    fn new(peak: Peak) -> Option<Self> {
        is_finite(&peak).then(|| Self { gflops: peak.flops / GIGA, gigabytes_per_second: peak.bytes_per_second / GIGA })
    }
}

impl Kernel {
    fn new(kernel: &KernelTime, peak: Option<Peak>) -> Self {
        let KernelTime { name, seconds, flops, bytes } = *kernel;
        let shares = peak.map(|peak| (flops / seconds / peak.flops, bytes / seconds / peak.bytes_per_second));
        let bound = |(flops, bytes): (f64, f64)| match () {
            () if flops.max(bytes) < MIN_SHARE => Bound::Latency,
            () if flops >= bytes => Bound::Flops,
            () => Bound::Bytes,
        };
        Self {
            name: name.to_owned(),
            microseconds: seconds / MICRO,
            gflops: flops / seconds / GIGA,
            gigabytes_per_second: bytes / seconds / GIGA,
            share_of_peak: shares.map(|(flops, bytes)| flops.max(bytes)),
            bound: shares.map(bound),
        }
    }
}

impl ControlRow {
    pub(super) fn new(info: &Info, task: &Task, control: &Control, others: Option<Others>) -> Self {
        let Control { ratios, failed, .. } = control;
        let spread = Spread::of(ratios);
        let verdict = verdict(ratios, others.as_ref());
        Self {
            index: info.index,
            adapter: info.name.clone(),
            backend: info.backend.clone(),
            workload: task.workload.name.to_owned(),
            ratio: spread.map(|spread| spread.mean),
            deviation: spread.and_then(|spread| spread.deviation),
            ok: verdict == Verdict::Quiet,
            verdict,
            others,
            samples: ratios.clone(),
            failed: failed.as_ref().map(ToString::to_string),
        }
    }
}
