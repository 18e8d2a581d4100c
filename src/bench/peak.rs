//! The highest rates that a device reaches. The report states every other rate as a share of them.

use crate::backend::Error;
pub use crate::backend::Peak;
use crate::backend::answers::Timed;
use crate::devices::Device;

/// The shortest run that counts. Its start and end take little of this time, and no driver stops so short a run.
const MIN_SECONDS: f64 = 0.02;
/// The number of runs. The fastest counts, because other programs can only slow a run.
const RUNS: usize = 10;

/// Measures the device with two small kernels: multiply-adds in registers, and a copy between buffers larger than its
/// caches. Both results are known exactly and are checked.
///
/// # Errors
/// A wrong result, or the device's error.
pub async fn measure(device: &Device) -> Result<Peak, Error> {
    let mut probe = device.probe().await?;
    let most_doublings = probe.most_doublings();
    Ok(Peak {
        flops: best(most_doublings, async |doublings| probe.multiply_adds(doublings).await).await?,
        bytes_per_second: best(most_doublings, async |doublings| probe.copies(doublings).await).await?,
    })
}

/// The highest rate of `run`, in work per second. The work is doubled until a run takes [`MIN_SECONDS`].
async fn best<E>(most_doublings: u32, run: impl AsyncFnMut(u32) -> Result<Timed, E>) -> Result<f64, E> {
    let mut run = run;
    // Not timed: drivers compile kernels in the first run, and systems map memory on first use.
    run(0).await?;
    let mut doublings = 0;
    while run(doublings).await?.seconds < MIN_SECONDS && doublings < most_doublings {
        doublings += 1;
    }
    let mut best: f64 = 0.0;
    for _ in 0..RUNS {
        let Timed { work, seconds } = run(doublings).await?;
        best = best.max(work / seconds);
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use pollster::block_on;

    use super::*;

    #[test]
    fn work_is_doubled_until_it_takes_long_enough_and_the_fastest_run_counts() {
        let mut longest = 0;
        let mut runs = 0;
        // One unit of work takes 1 ms. Every third run is disturbed.
        let rate = block_on(best(20, async |doublings| {
            longest = longest.max(doublings);
            runs += 1;
            let disturbed = if runs % 3 == 0 { 1.5 } else { 1.0 };
            let work = f64::from(1 << doublings);
            Ok::<_, ()>(Timed { work, seconds: work * 1e-3 * disturbed })
        }));
        assert!((rate.unwrap() - 1e3).abs() < 1e-6);
        assert!((4..=5).contains(&longest), "{longest} doublings");
    }

    #[test]
    fn doubling_ends_at_the_limit_or_at_an_error() {
        let mut longest = 0;
        let rate = block_on(best(7, async |doublings| {
            longest = longest.max(doublings);
            Ok::<_, ()>(Timed { work: 1.0, seconds: 1e-6 })
        }));
        assert!((rate.unwrap() - 1e6).abs() < 1e-3);
        assert_eq!(longest, 7);
        let failing =
            async |doublings| if doublings < 3 { Ok(Timed { work: 1.0, seconds: 1e-6 }) } else { Err("wrong") };
        assert_eq!(block_on(best(20, failing)), Err("wrong"));
    }
}
