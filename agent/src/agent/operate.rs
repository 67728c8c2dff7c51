//! The operator's orders, carried out between two windows.

use super::clock;
use super::pipeline::Pipeline;
use super::views::{fact_view, state};
use crate::baseline::decision::{Approved, Decision};
use crate::baseline::file;
use crate::baseline::model::Baseline;
use crate::engine::Input;
use crate::export::api::operator::{Answer, Deed, Done, Order, Refusal, Word};
use crate::export::view::FactView;

impl Pipeline {
    /// Carries out one order and answers it.
    pub fn operate(&mut self, order: Order) {
        self.tell_time();
        let outcome = self.carry_out(order.deed);
        // Whoever asked may have gone; what was done stays done.
        let _ = order.answer.send(outcome);
    }

    fn carry_out(&mut self, deed: Deed) -> Result<Answer, Refusal> {
        match deed {
            Deed::Approve { id, facts, word } => self.approve(&id, &facts, &word),
            Deed::Freeze { id, frozen, word } => {
                let mut baseline = self.baseline(&id)?;
                baseline.set_frozen(frozen, decision(&word));
                tracing::info!(baseline = %id, frozen, by = %word.by, reason = %word.reason, "The operator set whether a baseline learns.");
                self.done(baseline, Vec::new(), None)
            }
            Deed::Reset { id, word } => {
                let baseline = self.baseline(&id)?;
                let kept = self.keep_old(&baseline)?;
                let baseline = baseline.reset(decision(&word));
                tracing::warn!(baseline = %id, by = %word.by, reason = %word.reason, "The operator reset a baseline; its workload learns anew.");
                self.done(baseline, Vec::new(), Some(kept))
            }
            Deed::Export { id } => {
                let content = file::encode(&self.baseline(&id)?);
                content
                    .map(Answer::File)
                    .map_err(|error| Refusal::Failed(format!("cannot encode {id}: {error}")))
            }
            Deed::Import { content, replace } => self.import(&content, replace),
        }
    }

    fn approve(&mut self, id: &str, facts: &[String], word: &Word) -> Result<Answer, Refusal> {
        let which = match facts {
            [] => Approved::AllPending,
            ids => Approved::Ids(ids),
        };
        let mut baseline = self.baseline(id)?;
        let approved = baseline
            .approve(&which, &decision(word))
            .map_err(|error| Refusal::Wrong(error.to_string()))?;
        let views = approved.iter().filter_map(|(phase, fact)| {
            let seen = baseline.family(*phase, fact.family)?.facts.get(fact)?;
            Some(fact_view(*phase, fact, seen))
        });
        let views: Vec<FactView> = views.collect();
        for fact in &views {
            tracing::info!(baseline = %id, phase = %fact.phase, family = %fact.family, value = %fact.value, by = %word.by, reason = %word.reason, "The operator approved a fact.");
        }
        self.done(baseline, views, None)
    }

    fn import(&mut self, content: &[u8], replace: bool) -> Result<Answer, Refusal> {
        let imported = file::decode("the imported file".as_ref(), content)
            .map_err(|error| Refusal::Wrong(error.to_string()))?;
        let id = imported.id();
        let mine = self.parts.engine.baselines_mut().find(&id);
        let (baseline, kept) = match mine {
            None => (imported, None),
            Some(mine) if replace => {
                let kept = self.keep_old(&mine)?;
                (imported.in_place_of(&mine), Some(kept))
            }
            Some(mut mine) => {
                let merged = mine.merge(&imported);
                merged.map_err(|error| Refusal::Wrong(error.to_string()))?;
                (mine, None)
            }
        };
        tracing::info!(baseline = %id, replace, "The operator imported a baseline.");
        self.done(baseline, Vec::new(), kept)
    }

    fn baseline(&mut self, id: &str) -> Result<Baseline, Refusal> {
        let found = self.parts.engine.baselines_mut().find(id);
        found.ok_or_else(|| {
            Refusal::Unknown(format!(
                "no baseline {id:?}; `picket baseline list` shows them"
            ))
        })
    }

    fn keep_old(&mut self, baseline: &Baseline) -> Result<String, Refusal> {
        let baselines = self.parts.engine.baselines_mut();
        baselines.keep_old(baseline).map_err(Refusal::Failed)
    }

    /// Puts the changed baseline in its place; the answer once it is on disk.
    fn done(
        &mut self,
        baseline: Baseline,
        approved: Vec<FactView>,
        kept: Option<String>,
    ) -> Result<Answer, Refusal> {
        let key = baseline.key.clone();
        let done = Done {
            id: baseline.id(),
            state: state(&baseline).name().to_owned(),
            version: baseline.version(),
            approved,
            kept,
        };
        self.feed(Input::Baseline(Box::new(baseline)));
        // What was told to a baseline that has forgotten it must be told to it again.
        for watched in self.watched.values().filter(|it| it.key == key) {
            self.parts.probe.raise_epoch(watched.row);
        }
        match self.parts.engine.baselines_mut().save_one(&key) {
            Some(message) => Err(Refusal::Failed(format!(
                "done, but not saved yet: {message}; the agent tries again"
            ))),
            None => Ok(Answer::Done(done)),
        }
    }
}

fn decision(word: &Word) -> Decision {
    Decision::new(clock::wall_ms().div_euclid(1000), &word.by, &word.reason)
}
