//! Container lives put together anew from recorded ones: the recorded start, then minutes of recorded serving drawn at
//! random, then the recorded stop, moved in time and under new names.
//!
//! Nothing within a drawn block is changed, so what belongs together stays together; what is new is only which block
//! follows which. The first half of each life's blocks is for learning, the rest for judging, as in life: the kernel
//! tells a thing once in a container's life, so what a block of the second half brings would have been told earlier if it
//! had happened earlier.

use std::sync::Arc;

use super::material::{Life, Piece};
use crate::engine::{Birth, Input, Watch};
use crate::observe::event::{CgroupId, Moment};
use crate::observe::fact::Phase;

/// Windows of a block.
pub const BLOCK: usize = 12;

/// A generator of numbers that look random and are the same each time (SplitMix64, Steele and others 2014).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Numbers that depend on the seed alone.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`; 0 when that is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next().checked_rem(limit).unwrap_or(0)
    }

    /// The numbers below `length` in any order (Durstenfeld's shuffle, 1964).
    pub fn shuffled(&mut self, length: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..length).collect();
        for last in (1..length).rev() {
            // Not above `last`, which is an index.
            let other = self.below(last as u64 + 1) as usize;
            all.swap(last, other);
        }
        all
    }
}

/// A recorded life, ready to be put together anew.
#[derive(Clone, Debug)]
pub struct Template {
    life: Life,
    /// Windows before it served.
    start: usize,
    /// Windows after it served.
    stop: usize,
    /// First windows of the blocks for learning and for judging.
    blocks: [Vec<usize>; 2],
}

impl Template {
    /// A template of a life that was recorded from its birth and served long enough for two blocks of each kind.
    #[must_use]
    pub fn of(life: &Life) -> Option<Self> {
        life.birth.as_ref()?;
        let serves = |piece: &Piece| piece.phase == Some(Phase::Serve);
        let start = life.pieces.iter().position(serves)?;
        let stop = life.pieces.iter().rposition(serves)? + 1;
        let whole = |first: &usize| first + BLOCK <= stop;
        let firsts: Vec<usize> = (start..stop).step_by(BLOCK).filter(whole).collect();
        let (learned, judged) = firsts.split_at(firsts.len() / 2);
        let blocks = [learned.to_vec(), judged.to_vec()];
        blocks.iter().all(|part| part.len() >= 2).then(|| Self {
            life: life.clone(),
            start,
            stop,
            blocks,
        })
    }

    /// The recorded life.
    #[must_use]
    pub fn life(&self) -> &Life {
        &self.life
    }
}

/// A container that lives a recorded life anew.
#[derive(Debug)]
pub struct Replica<'a> {
    template: &'a Template,
    cgroup: CgroupId,
    /// End of the last window fed.
    now: Moment,
    /// When it stops.
    until: Moment,
    /// The next windows to feed: from, to.
    ahead: (usize, usize),
    stopping: bool,
}

impl<'a> Replica<'a> {
    /// A container that is born now under a new name, with the input that brings it under watch.
    #[must_use]
    pub fn born(
        template: &'a Template,
        cgroup: CgroupId,
        now: Moment,
        until: Moment,
    ) -> (Self, Input) {
        let life = &template.life;
        let begin = life.pieces.first().map_or(now, |piece| piece.begin);
        let moved = |at: Moment| shifted(at, begin, now);
        let birth = match life.birth.clone() {
            Some(Birth::Found {
                at,
                mut processes,
                listening,
            }) => {
                for process in &mut processes {
                    process.started = moved(process.started);
                }
                Birth::Found {
                    at: moved(at),
                    processes,
                    listening,
                }
            }
            Some(Birth::Seen(at)) => Birth::Seen(moved(at)),
            None => Birth::Seen(now),
        };
        let container = crate::workload::container::Container {
            cgroup,
            id: format!("{:064x}", cgroup.0),
            ..(*life.container).clone()
        };
        let watch = Input::Watch(Box::new(Watch {
            container: Arc::new(container),
            key: life.key.clone(),
            birth,
            lossy: life.lossy,
        }));
        let replica = Self {
            template,
            cgroup,
            now,
            until,
            ahead: (0, template.start),
            stopping: false,
        };
        (replica, watch)
    }

    /// The container.
    #[must_use]
    pub fn cgroup(&self) -> CgroupId {
        self.cgroup
    }

    /// End of the last window fed.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.now
    }

    /// The inputs of the next window with its end and length in nanoseconds; `None` when the container has ended. While
    /// it serves, blocks for judging are drawn if `judged`, else those for learning.
    pub fn next(&mut self, dice: &mut Dice, judged: bool) -> Option<(Vec<Input>, Moment, u64)> {
        while self.ahead.0 >= self.ahead.1 {
            if self.stopping {
                return None;
            }
            let pieces = self.template.life.pieces.len();
            if self.now >= self.until {
                self.stopping = true;
                self.ahead = (self.template.stop, pieces);
                continue;
            }
            let [learned, held_back] = &self.template.blocks;
            let part = if judged { held_back } else { learned };
            let drawn = dice.below(part.len() as u64);
            let first = usize::try_from(drawn)
                .ok()
                .and_then(|drawn| part.get(drawn));
            let first = first.copied().unwrap_or(pieces);
            self.ahead = (first, (first + BLOCK).min(pieces));
        }
        let piece = self.template.life.pieces.get(self.ahead.0)?;
        self.ahead.0 += 1;
        let (begin, cgroup) = (piece.begin, self.cgroup);
        let from = self.now;
        let inputs = piece.inputs.iter().cloned();
        let inputs = inputs
            .map(|input| moved(input, begin, from, cgroup))
            .collect();
        self.now = shifted(piece.end, begin, from);
        Some((inputs, self.now, piece.end.since(begin)))
    }
}

/// A moment as far after `to` as it was after `from`, or before.
fn shifted(at: Moment, from: Moment, to: Moment) -> Moment {
    if at >= from {
        Moment(to.0.saturating_add(at.since(from)))
    } else {
        Moment(to.0.saturating_sub(from.since(at)))
    }
}

fn moved(input: Input, from: Moment, to: Moment, cgroup: CgroupId) -> Input {
    match input {
        Input::Event(mut event) => {
            event.at = shifted(event.at, from, to);
            event.cgroup = cgroup;
            Input::Event(event)
        }
        Input::Window { mut window, .. } => {
            window.end = shifted(window.end, from, to);
            Input::Window { cgroup, window }
        }
        Input::Resync { mut processes, .. } => {
            for process in &mut processes {
                process.started = shifted(process.started, from, to);
            }
            Input::Resync { cgroup, processes }
        }
        other => other,
    }
}
