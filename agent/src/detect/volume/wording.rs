//! Sentences about volumes.

use super::Kind;
use crate::baseline::quantity::duration;
use crate::detect::finding::Contribution;
use crate::detect::levels::Excess;
use crate::detect::wording::quoted;

/// What a claim about a volume is made of.
pub(super) struct Wording<'a> {
    pub(super) kind: Kind,
    pub(super) place: &'a str,
    pub(super) excess: &'a Excess,
    /// What went there in about a day, in sizes of the model.
    pub(super) models: Option<f64>,
    /// Hours of learning.
    pub(super) hours: f64,
}

impl Wording<'_> {
    pub(super) fn title(&self) -> String {
        let place = quoted(self.place);
        let amount = self.amount(self.excess.amount);
        let span = self.excess.span.name();
        let ratio = times(self.excess.ratio);
        let beyond = if self.excess.known {
            format!("{ratio} the most so far")
        } else {
            format!("{ratio} the most that any place got so far")
        };
        match self.kind {
            Kind::Out => format!("{amount} were sent to {place} within a {span}, {beyond}"),
            Kind::In => format!("{amount} came from {place} within a {span}, {beyond}"),
            Kind::Answered => {
                format!(
                    "clients of {place} got {amount} within a {span}, {beyond} for so many requests"
                )
            }
            Kind::Names => {
                format!("{amount} under {place} were asked of DNS within a {span}, {beyond}")
            }
            Kind::NameBytes => {
                format!(
                    "names under {place} that were asked of DNS held {amount} within a {span}, {beyond}"
                )
            }
        }
    }

    pub(super) fn observed(&self) -> String {
        let seconds = duration(self.excess.seconds.ceil() as u64);
        let mut text = format!("{} in {seconds}", self.amount(self.excess.amount));
        if let Some(models) = self.models {
            let day = self.amount(self.excess.in_a_day);
            text += &format!("; {day} in about a day, {models:.2} times the size of the model");
        }
        text
    }

    pub(super) fn expected(&self) -> String {
        format!(
            "at most {} in that time and with these requests, as in {} of learning",
            self.amount(self.excess.most),
            duration((self.hours * 3600.0) as u64)
        )
    }

    pub(super) fn evidence(&self) -> String {
        format!(
            "{} of learning make a new record this often, and a record so high is so rare (tail exponent {:.1})",
            duration((self.hours * 3600.0) as u64),
            self.excess.exponent
        )
    }

    pub(super) fn reasons(&self) -> Vec<Contribution> {
        let mut reasons = vec![Contribution {
            name: "above_the_most".to_owned(),
            value: self.excess.ratio.ln(),
            reason: format!("{} the most so far", times(self.excess.ratio)),
        }];
        reasons.extend(self.models.map(|models| Contribution {
            name: "model_sizes".to_owned(),
            value: models,
            reason: "amount of about a day by the size of the model".to_owned(),
        }));
        reasons
    }

    fn amount(&self, amount: f64) -> String {
        match self.kind {
            Kind::Names => format!("{amount:.0} names"),
            Kind::Out | Kind::In | Kind::Answered | Kind::NameBytes => bytes(amount),
        }
    }
}

fn times(ratio: f64) -> String {
    crate::detect::wording::times(ratio.ln())
}

/// `1.4 GB`, `12 kB`, `7 bytes`.
pub(in crate::detect) fn bytes(amount: f64) -> String {
    for (unit, name) in [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")] {
        if amount >= 10.0 * unit {
            return format!("{:.0} {name}", amount / unit);
        }
        if amount >= unit {
            return format!("{:.1} {name}", amount / unit);
        }
    }
    format!("{amount:.0} bytes")
}
