//! Finds the fastest kernels of a GPU: times every plan that can run a network. The result is a row for the table of
//! [`crate::gpu::plan`]. The table itself is not changed.

use std::time::Duration;

use pollster::block_on;

use super::contest::{self, Contestant, Entrant, Event, Outcome, Settings};
use super::entry::enter;
use super::stats::Spread;
use super::task::Task;
use super::workload::Workload;
use crate::backend;
use crate::data::Dataset;
use crate::devices::{Class, Device, Found, Info, Plan, Row};
use crate::net::Shape;

/// The plans that can run one network, timed.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The network.
    pub shape: Shape,
    /// Images in a batch.
    pub batch_size: usize,
    /// The plan in the table.
    pub current: Plan,
    /// Every plan and its outcome.
    pub candidates: Vec<(Plan, Outcome)>,
}

impl Comparison {
    /// The fastest plan. The plan in the table stays unless another is faster by more than both deviations.
    #[must_use]
    pub fn best(&self) -> Plan {
        let timed = || self.candidates.iter().filter_map(|(plan, outcome)| Some((*plan, outcome.speed()?)));
        let slowest = |speed: &Spread| speed.mean - speed.deviation.unwrap_or(0.0);
        let fastest = |speed: &Spread| speed.mean + speed.deviation.unwrap_or(0.0);
        let by_mean = |(_, a): &(Plan, Spread), (_, b): &(Plan, Spread)| a.mean.total_cmp(&b.mean);
        let Some((best, speed)) = timed().max_by(by_mean) else { return self.current };
        match timed().find(|(plan, _)| *plan == self.current) {
            Some((current, other)) if fastest(&other) >= slowest(&speed) => current,
            _ => best,
        }
    }
}

/// A GPU's row of the table: one plan for narrow networks, one for wide ones.
#[derive(Clone, Debug)]
pub struct Tuned {
    /// The class of the GPU.
    pub class: Class,
    /// The narrow network, the wide network.
    pub networks: [Comparison; 2],
}

impl Tuned {
    /// The row of the fastest plans.
    #[must_use]
    pub fn row(&self) -> Row {
        let [narrow, wide] = self.networks.each_ref().map(Comparison::best);
        Row { narrow, wide, ..Row::of(self.class) }
    }
}

/// Images in a batch of the wide network on a software GPU: enough to tell the plans apart.
const SOFTWARE_BATCH: usize = 128;

/// Times the plans for a narrow and a wide network on a GPU. `None` for the CPU. `on_event` receives each event with the
/// plan's name in place of the GPU's; for a round, the first plan's name.
///
/// # Errors
/// The GPU cannot be opened.
pub fn tune(
    found: &Found,
    set: &Dataset,
    on_event: &mut dyn FnMut(Event, &Task, &Info),
) -> Result<Option<Tuned>, backend::Error> {
    let Device::Gpu(gpu) = block_on(found.open())? else { return Ok(None) };
    let class = gpu.class();
    let wide = match class {
        Class::Software => Workload::custom(Some(Workload::WIDE.hidden), Some(SOFTWARE_BATCH)),
        Class::Intel | Class::Integrated | Class::Discrete => Workload::WIDE,
    };
    let Row { narrow: narrow_plan, wide: wide_plan, .. } = Row::of(class);
    let mut compare = |workload: Workload, current| {
        let task = Task::new(workload, set);
        let candidates: Vec<Candidate> = Plan::candidates(workload.shape())
            .into_iter()
            // The other blocks and their parts are for many cores. A software GPU has few.
            .filter(|plan| class != Class::Software || !matches!(plan, Plan::Blocked(_)) || *plan == wide_plan)
            .map(|plan| {
                let info = Info { name: plan.to_string(), ..found.info.clone() };
                Candidate { info, device: Device::Gpu(gpu.clone().with_plan(plan)), plan }
            })
            .collect();
        let entrants: Vec<&dyn Entrant> = candidates.iter().map(|candidate| candidate as _).collect();
        let (shape, batch_size) = (workload.shape(), task.batch.len());
        let settings = Settings { chosen: true, ..Settings::default() };
        let rows = contest::run(&entrants, &[task], &settings, on_event).rows.into_iter();
        let candidates = rows.map(|row| (candidates[row.entrant].plan, row.outcome)).collect();
        Comparison { shape, batch_size, current, candidates }
    };
    let networks = [compare(Workload::ARTICLE, narrow_plan), compare(wide, wide_plan)];
    Ok(Some(Tuned { class, networks }))
}

/// One plan on the GPU.
struct Candidate {
    info: Info,
    device: Device,
    plan: Plan,
}

impl Entrant for Candidate {
    fn info(&self) -> &Info {
        &self.info
    }

    fn peak_flops(&self) -> Option<f64> {
        None
    }

    fn spent(&self) -> Duration {
        Duration::ZERO
    }

    fn enter(&self, task: &Task) -> Result<Box<dyn Contestant>, backend::Error> {
        enter(&self.device, task)
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Errors;
    use super::super::contest::{Skip, Timed};
    use super::*;
    use crate::backend::Untimed;

    const BLOCKED: Plan = Row::of(Class::Software).wide;

    /// Two rounds with this mean and deviation.
    fn timed(mean: f64, deviation: f64) -> Outcome {
        let apart = deviation / 2_f64.sqrt();
        let (errors, profile) = (Errors { stages: Vec::new() }, Untimed::Inference.into());
        Outcome::Timed(Timed { errors, steps: 1, samples: vec![mean - apart, mean + apart], dispatches: None, profile })
    }

    fn comparison(current: Plan, speeds: [(Plan, f64, f64); 2]) -> Comparison {
        let candidates = speeds
            .map(|(plan, mean, deviation)| (plan, timed(mean, deviation)))
            .into_iter()
            .chain([(BLOCKED, Outcome::Skipped(Skip::Software))])
            .collect();
        Comparison { shape: Workload::ARTICLE.shape(), batch_size: 100, current, candidates }
    }

    #[test]
    fn the_table_is_kept_unless_another_plan_is_clearly_faster() {
        let speeds = [(Plan::Tiled, 100.0, 5.0), (Plan::Fused, 108.0, 5.0)];
        assert_eq!(comparison(Plan::Tiled, speeds).best(), Plan::Tiled);
        assert_eq!(comparison(Plan::Fused, speeds).best(), Plan::Fused);
        let speeds = [(Plan::Tiled, 100.0, 5.0), (Plan::Fused, 111.0, 5.0)];
        assert_eq!(comparison(Plan::Tiled, speeds).best(), Plan::Fused);
        // The plan in the table was not timed.
        assert_eq!(comparison(BLOCKED, speeds).best(), Plan::Fused);
    }
}
