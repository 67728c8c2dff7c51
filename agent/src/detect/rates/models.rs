//! The fitted rate models: derived from baselines, never stored.

use std::collections::BTreeMap;

use super::{MIN_ROWS, RateModel};
use crate::baseline::model::Baseline;
use crate::observe::event::Moment;
use crate::observe::fact::Phase;

/// Rate models by baseline id and phase.
#[derive(Debug, Default)]
pub(super) struct Models {
    fitted: BTreeMap<(String, Phase), Fitted>,
}

#[derive(Debug)]
struct Fitted {
    /// `None` when the rows there were did not give one.
    model: Option<RateModel>,
    /// Rows at the last fit.
    rows: usize,
    /// Rows that entered the sample since.
    fresh: usize,
}

/// The features of one window.
pub(super) struct Row<'a> {
    pub(super) replica: &'a str,
    pub(super) end: Moment,
    pub(super) features: &'a [f64],
}

impl Models {
    /// Offers a row to the baseline's sample. Frozen baselines learn nothing.
    pub(super) fn learn(&mut self, baseline: &mut Baseline, phase: Phase, row: &Row<'_>) {
        if baseline.is_frozen() {
            return;
        }
        let here = baseline.phases.entry(phase).or_default();
        if here.sample.offer(row.replica, row.end, row.features)
            && let Some(fitted) = self.fitted.get_mut(&(baseline.id(), phase))
        {
            fitted.fresh += 1;
        }
    }

    /// The model of a phase, fitted anew when a quarter of its rows is new.
    pub(super) fn of(
        &mut self,
        baseline: &Baseline,
        phase: Phase,
        width: usize,
    ) -> Option<&RateModel> {
        let sample = &baseline.phases.get(&phase)?.sample;
        if sample.len() < MIN_ROWS {
            return None;
        }
        let fit = || Fitted {
            model: RateModel::fit(sample, width).ok(),
            rows: sample.len(),
            fresh: 0,
        };
        let fitted = self
            .fitted
            .entry((baseline.id(), phase))
            .or_insert_with(fit);
        if fitted.fresh * 4 >= fitted.rows {
            *fitted = fit();
        }
        fitted.model.as_ref()
    }

    /// Drops the models of baselines that no container uses.
    pub(super) fn retain(&mut self, used: impl Fn(&str) -> bool) {
        self.fitted.retain(|(id, _), _| used(id));
    }
}
