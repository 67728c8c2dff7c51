//! How well scores tell attacks from ordinary behaviour.

/// Probability that an attack scores higher than something ordinary; a tie counts half. Half when either is missing.
#[must_use]
pub fn auc(ordinary: &[f64], attacks: &[f64]) -> f64 {
    let pairs = ordinary.len() as f64 * attacks.len() as f64;
    if pairs == 0.0 {
        return 0.5;
    }
    let mut sorted = ordinary.to_vec();
    sorted.sort_by(f64::total_cmp);
    let higher: f64 = attacks
        .iter()
        .map(|attack| {
            let below = sorted.partition_point(|score| score < attack);
            let not_above = sorted.partition_point(|score| score <= attack);
            (below + not_above) as f64 / 2.0
        })
        .sum();
    higher / pairs
}

/// The score that at most a share of these exceed: the highest but `floor(n × share)`. Infinite when there is none.
#[must_use]
pub fn threshold(scores: &[f64], share: f64) -> f64 {
    let mut sorted = scores.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    // A float cast saturates.
    let allowed = (share * sorted.len() as f64).floor() as usize;
    sorted
        .get(allowed.min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or(f64::INFINITY)
}

/// Share of the scores that lie strictly above a threshold; 0 when there is none.
#[must_use]
pub fn share_above(scores: &[f64], threshold: f64) -> f64 {
    let above = scores.iter().filter(|score| **score > threshold).count();
    above as f64 / scores.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(value: f64, expected: f64) {
        assert!((value - expected).abs() < 1e-12, "{value} {expected}");
    }

    #[test]
    fn every_pair_counts_and_a_tie_half() {
        is(auc(&[1.0, 2.0, 3.0], &[2.0, 4.0]), (1.5 + 3.0) / 6.0);
        is(auc(&[1.0], &[2.0]), 1.0);
        is(auc(&[2.0], &[1.0]), 0.0);
        is(auc(&[1.0, 1.0], &[1.0]), 0.5);
        is(auc(&[], &[1.0]), 0.5);
    }

    #[test]
    fn a_threshold_lets_at_most_its_share_pass() {
        let scores = [5.0, 1.0, 4.0, 4.0, 2.0, 3.0, 0.0, 0.0, 0.0, 0.0];
        is(threshold(&scores, 0.05), 5.0);
        is(share_above(&scores, threshold(&scores, 0.05)), 0.0);
        is(threshold(&scores, 0.1), 4.0);
        is(share_above(&scores, threshold(&scores, 0.1)), 0.1);
        // The two fours tie: neither is above.
        is(share_above(&scores, threshold(&scores, 0.2)), 0.1);
        is(share_above(&scores, threshold(&scores, 0.3)), 0.3);
        is(threshold(&scores, 1.0), 0.0);
    }

    #[test]
    fn nothing_is_above_a_threshold_from_nothing() {
        is(share_above(&[f64::MAX], threshold(&[], 0.1)), 0.0);
        is(share_above(&[], 0.0), 0.0);
    }
}
