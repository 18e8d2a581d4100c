//! Which kernels are the fastest for a GPU: those that could run a network take turns on it. What comes out is the row that
//! the GPU would have in the table of [`crate::gpu::plan`]; nothing is changed by it.

use std::time::Duration;

use pollster::block_on;

use super::contest::{self, Contestant, Entrant, Event, Outcome, Settings};
use super::entry::enter;
use super::stats::Spread;
use super::task::Task;
use super::workload::Workload;
use crate::backend;
use crate::data::Dataset;
use crate::devices::{Class, Device, Found, Info, Plan, row};
use crate::net::Shape;

/// What the candidates for one place of a row did.
#[derive(Clone, Debug)]
pub struct Place {
    /// The network.
    pub shape: Shape,
    /// Images in its batches.
    pub batch_size: usize,
    /// What the table has there now.
    pub now: Plan,
    /// How each candidate went.
    pub candidates: Vec<(Plan, Outcome)>,
}

impl Place {
    /// The fastest candidate; the one in the table unless another is faster beyond both deviations.
    #[must_use]
    pub fn best(&self) -> Plan {
        let timed = || self.candidates.iter().filter_map(|(plan, outcome)| Some((*plan, outcome.speed()?)));
        let slowest = |speed: &Spread| speed.mean - speed.deviation.unwrap_or(0.0);
        let fastest = |speed: &Spread| speed.mean + speed.deviation.unwrap_or(0.0);
        let Some((best, speed)) = timed().max_by(|(_, a), (_, b)| a.mean.total_cmp(&b.mean)) else { return self.now };
        match timed().find(|(plan, _)| *plan == self.now) {
            Some((now, present)) if fastest(&present) >= slowest(&speed) => now,
            _ => best,
        }
    }
}

/// The two places of a GPU's row: narrow networks and wide ones.
#[derive(Clone, Debug)]
pub struct Tuned {
    /// What the GPU is made of.
    pub class: Class,
    /// Narrow, wide.
    pub places: [Place; 2],
}

/// Images in a batch of the wide network on a GPU that is a program on the CPU: enough to tell the candidates apart.
const SOFTWARE_BATCH: usize = 128;

/// Lets the candidates for both places take turns on a GPU; none for the CPU. `hear` is told what is done next, with
/// the plan's name in place of the GPU's; of a round, the first one's.
///
/// # Errors
/// What the device reports when it is opened.
pub fn tune(
    found: &Found,
    set: &Dataset,
    hear: &mut dyn FnMut(Event, &Task, &Info),
) -> Result<Option<Tuned>, backend::Error> {
    let Device::Gpu(gpu) = block_on(found.open())? else { return Ok(None) };
    let class = gpu.class();
    let wide = match class {
        Class::Software => Workload::custom(Some(Workload::WIDE.hidden), Some(SOFTWARE_BATCH)),
        Class::Integrated | Class::Discrete => Workload::WIDE,
    };
    let [narrow_now, wide_now] = row(class);
    let mut place = |workload: Workload, now| {
        let task = Task::new(workload, set);
        let candidates: Vec<Candidate> = Plan::candidates(workload.shape())
            .into_iter()
            // A batch is split to fill many cores, and a program on the CPU has few.
            .filter(|plan| class != Class::Software || !matches!(plan, Plan::Blocked { .. }) || *plan == wide_now)
            .map(|plan| {
                let info = Info { name: plan.to_string(), ..found.info.clone() };
                Candidate { info, device: Device::Gpu(gpu.clone().with_plan(plan)), plan }
            })
            .collect();
        Place {
            shape: workload.shape(),
            batch_size: task.batch.len(),
            now,
            candidates: compete(&candidates, task, hear),
        }
    };
    let places = [place(Workload::ARTICLE, narrow_now), place(wide, wide_now)];
    Ok(Some(Tuned { class, places }))
}

fn compete(candidates: &[Candidate], task: Task, hear: &mut dyn FnMut(Event, &Task, &Info)) -> Vec<(Plan, Outcome)> {
    let entrants: Vec<&dyn Entrant> = candidates.iter().map(|candidate| candidate as &dyn Entrant).collect();
    let settings = Settings { chosen: true, ..Settings::default() };
    let results = contest::run(&entrants, &[task], &settings, hear);
    results.rows.into_iter().map(|row| (candidates[row.entrant].plan, row.outcome)).collect()
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

    /// Two rounds with this mean and deviation.
    fn timed(mean: f64, deviation: f64) -> Outcome {
        let apart = deviation / 2_f64.sqrt();
        let (errors, profile) = (Errors { stages: Vec::new() }, Untimed::Inference.into());
        Outcome::Timed(Timed { errors, steps: 1, samples: vec![mean - apart, mean + apart], dispatches: None, profile })
    }

    fn place(now: Plan, speeds: [(Plan, f64, f64); 2]) -> Place {
        let candidates = speeds
            .map(|(plan, mean, deviation)| (plan, timed(mean, deviation)))
            .into_iter()
            .chain([(Plan::Blocked { workgroups: 1 }, Outcome::Skipped(Skip::Software))])
            .collect();
        Place { shape: Workload::ARTICLE.shape(), batch_size: 100, now, candidates }
    }

    #[test]
    fn the_table_is_kept_unless_another_plan_is_faster_beyond_doubt() {
        let speeds = [(Plan::Tiled, 100.0, 5.0), (Plan::Fused, 108.0, 5.0)];
        assert_eq!(place(Plan::Tiled, speeds).best(), Plan::Tiled);
        assert_eq!(place(Plan::Fused, speeds).best(), Plan::Fused);
        let speeds = [(Plan::Tiled, 100.0, 5.0), (Plan::Fused, 111.0, 5.0)];
        assert_eq!(place(Plan::Tiled, speeds).best(), Plan::Fused);
        // What could not be timed is no reason to stay.
        assert_eq!(place(Plan::Blocked { workgroups: 1 }, speeds).best(), Plan::Fused);
    }
}
