//! The running mean of the losses of a run, which the plots and the comparison of runs share.

/// The points of the running mean, at most.
const MEANS: usize = 350;
/// The running mean is over this share of the iterations.
const WINDOWS: usize = 100;
/// The fewest losses that a running mean smooths.
const FEWEST: usize = 5;

/// The losses that are finite, after their iterations.
pub(super) fn finite(losses: &[f32]) -> impl Iterator<Item = (f64, f64)> + Clone {
    let losses = losses.iter().enumerate().filter(|(_, loss)| loss.is_finite());
    losses.map(|(iteration, loss)| (iteration as f64, f64::from(*loss)))
}

/// The iterations of a running mean: 1, 2 or 5 times a power of ten; 1 for few losses.
pub(super) fn window(losses: usize) -> usize {
    let windows = [FEWEST, 10, 20, 50].into_iter().chain((2..19).flat_map(|power| {
        let ten = 10_usize.saturating_pow(power);
        [1, 2, 5].map(|times| ten.saturating_mul(times))
    }));
    if losses < 4 * FEWEST {
        1
    } else {
        windows.take_while(|window| *window <= losses / WINDOWS).last().unwrap_or(FEWEST)
    }
}

/// The mean around evenly spaced iterations, over `window` of them; fewer at the ends.
pub(super) fn means(losses: &[f32], window: usize) -> Vec<(f64, f64)> {
    let mut sums = vec![(0.0, 0_u32)];
    for loss in losses {
        let &(sum, count) = sums.last().unwrap_or(&(0.0, 0));
        sums.push(if loss.is_finite() { (sum + f64::from(*loss), count + 1) } else { (sum, count) });
    }
    let mean = |iteration: usize| {
        let start = iteration.saturating_sub(window / 2);
        let end = (iteration + window.div_ceil(2)).min(losses.len());
        let (sum, count) = (sums[end].0 - sums[start].0, sums[end].1 - sums[start].1);
        (count > 0).then(|| (iteration as f64, sum / f64::from(count)))
    };
    spread(losses.len(), MEANS).filter_map(mean).collect()
}

/// At most this many of some indices, evenly spaced, with the first and the last.
fn spread(count: usize, most: usize) -> impl Iterator<Item = usize> {
    let points = count.min(most);
    (0..points).map(move |point| if points < 2 { 0 } else { point * (count - 1) / (points - 1) })
}

/// The running mean of a run: the iterations, and the mean around each.
pub(super) fn running_mean(losses: &[f32]) -> Vec<(f64, f64)> {
    means(losses, window(losses.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_is_over_its_window_and_over_fewer_at_the_ends() {
        assert_eq!([0, 1, 19, 20, 999, 1000, 9999, 10_000].map(window), [1, 1, 1, 5, 5, 10, 50, 100]);
        let losses: Vec<f32> = (0..20).map(|n| n as f32).collect();
        let means = means(&losses, 4);
        // 2 before and 1 after.
        assert_eq!((means[0], means[10], means[19]), ((0.0, 0.5), (10.0, 9.5), (19.0, 18.0)));
        let odd = [1.0, f32::NAN, 3.0, f32::INFINITY];
        assert_eq!(super::means(&odd, 2), [(0.0, 1.0), (1.0, 1.0), (2.0, 3.0), (3.0, 3.0)]);
    }
}
