//! What runs on the machine while something is timed, in rounds: each state once, moments apart.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use picket_tests::agent::{Agent, Home};
use picket_tests::{http, wait};

use super::bpf::{EmptyHooks, EmptyTracepoint, Hook, loaded_programs};
use super::cgroup;
use crate::supervise::Interrupt;

const DISCOVERY_LIMIT: Duration = Duration::from_secs(30);
/// Rounds tried for each one that is to count.
const ATTEMPTS: u32 = 3;
/// Programs outlive their process until all CPUs have left them.
const UNLOAD_LIMIT: Duration = Duration::from_secs(5);

/// What runs beside the loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Nothing.
    Base,
    /// An empty program where system calls return.
    Floor,
    /// Empty programs at every hook of the probe.
    Hooks,
    /// The agent.
    Agent,
    /// The agent with the probe for kernels before 5.11.
    Untyped,
    /// The agent, looking at system calls a part of the time.
    Sampled,
    /// An empty program at one hook of the probe: that with this number.
    Alone(usize),
}

/// A state that has been entered; left when dropped.
pub struct Entered {
    /// Which one.
    pub state: State,
    agent: Option<(Agent, Home)>,
    _empty: (Option<EmptyTracepoint>, Option<EmptyHooks>),
}

impl State {
    /// Starts what runs in this state; `hooks` are those of the probe.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn enter(self, hooks: &[Hook]) -> Result<Entered> {
        let (mut tracepoint, mut empty_hooks, mut agent) = (None, None, None);
        match self {
            Self::Base => (),
            Self::Floor => tracepoint = Some(EmptyTracepoint::attach(c"sys_exit")?),
            Self::Hooks => empty_hooks = Some(EmptyHooks::attach(hooks, &cgroup::hierarchy()?)?),
            Self::Alone(number) => {
                let hook = hooks.get(number).context("the probe has fewer hooks")?;
                let root = cgroup::hierarchy()?;
                empty_hooks = Some(EmptyHooks::attach(std::slice::from_ref(hook), &root)?);
            }
            Self::Agent => agent = Some(start_agent("", "typed")?),
            Self::Untyped => agent = Some(start_agent("", "untyped")?),
            Self::Sampled => agent = Some(start_agent("syscalls: sampled\n", "typed")?),
        }
        Ok(Entered {
            state: self,
            agent,
            _empty: (tracepoint, empty_hooks),
        })
    }
}

fn start_agent(settings: &str, tasks: &str) -> Result<(Agent, Home)> {
    let home = Home::with(settings)?;
    let agent = Agent::start_with(&home, &[("PICKET_PROBE_TASKS", tasks)])?;
    Ok((agent, home))
}

impl Entered {
    /// Waits until the agent, where this state has one, watches the container with this id.
    ///
    /// # Errors
    /// When it does not come to that.
    pub fn await_container(&self, id: &str) -> Result<()> {
        let Some((_, home)) = &self.agent else {
            return Ok(());
        };
        await_containers(home, [id])
    }

    /// The agent's process, where this state has one.
    pub fn agent_pid(&self) -> Option<u32> {
        self.agent.as_ref().map(|(agent, _)| agent.pid())
    }

    fn leave(self) -> Result<()> {
        if let Some((mut agent, _home)) = self.agent {
            agent.stop()?;
        }
        Ok(())
    }
}

/// Waits until the agent at `home` watches the containers with these ids.
///
/// # Errors
/// When it does not come to that.
pub fn await_containers<'a>(
    home: &Home,
    ids: impl IntoIterator<Item = &'a str> + Clone,
) -> Result<()> {
    wait::until(
        "the agent's discovery of the containers",
        DISCOVERY_LIMIT,
        || {
            let known = http::get(home.listen, "/api/v1/containers")?;
            let all = ids.clone().into_iter().all(|id| known.contains(id));
            Ok(all.then_some(()))
        },
    )
}

/// The hooks of the probe: those that a running agent holds.
///
/// # Errors
/// When the agent does not start, or the kernel does not tell.
pub fn hooks_of_the_probe() -> Result<Vec<Hook>> {
    let entered = State::Agent.enter(&[])?;
    let hooks = Hook::of_process(entered.agent_pid().context("no agent runs")?)?;
    entered.leave()?;
    Ok(hooks)
}

/// What was measured in each state, one after another.
#[derive(Debug)]
pub struct Round<T>(BTreeMap<State, T>);

impl<T> Round<T> {
    /// What `value` differs by between two states; `None` when one was not measured.
    pub fn difference(&self, state: State, from: State, value: impl Fn(&T) -> f64) -> Option<f64> {
        Some(value(self.0.get(&state)?) - value(self.0.get(&from)?))
    }

    /// What was measured in a state.
    pub fn get(&self, state: State) -> Option<&T> {
        self.0.get(&state)
    }
}

impl<T> FromIterator<(State, T)> for Round<T> {
    fn from_iter<I: IntoIterator<Item = (State, T)>>(measured: I) -> Self {
        Self(measured.into_iter().collect())
    }
}

/// How rounds are made.
pub struct Plan {
    /// How many.
    pub rounds: u32,
    /// Rounds count in which other programs came or went, which weigh on a part of the states.
    pub disturbed: bool,
    /// The hooks of the probe.
    pub hooks: Vec<Hook>,
}

impl Plan {
    /// Measures rounds of these states; fewer when too many do not count. Every second round runs backwards, so that
    /// what drifts with time is in both directions.
    ///
    /// # Errors
    /// When a state cannot be entered or measured, or no round was undisturbed.
    pub fn carry_out<T>(
        &self,
        states: &[State],
        interrupt: &Interrupt,
        mut measure: impl FnMut(&Entered) -> Result<T>,
    ) -> Result<Vec<Round<T>>> {
        let wanted = self.rounds as usize;
        let mut rounds = Vec::new();
        for attempt in 0..self.rounds.saturating_mul(ATTEMPTS) {
            if rounds.len() == wanted {
                break;
            }
            eprintln!("bench: round {} of {wanted}", rounds.len() + 1);
            let mut states = states.to_vec();
            if attempt % 2 == 1 {
                states.reverse();
            }
            match self.round(&states, interrupt, &mut measure)? {
                Some(round) => rounds.push(round),
                None => {
                    eprintln!("bench: other eBPF programs came or went; this round does not count")
                }
            }
        }
        ensure!(
            !rounds.is_empty(),
            "other eBPF programs came or went in every round; stop what loads them and run this again"
        );
        Ok(rounds)
    }

    /// `None` when other programs came or went.
    fn round<T>(
        &self,
        states: &[State],
        interrupt: &Interrupt,
        measure: &mut impl FnMut(&Entered) -> Result<T>,
    ) -> Result<Option<Round<T>>> {
        let others = loaded_programs()?;
        let mut measured = BTreeMap::new();
        for state in states {
            interrupt.check()?;
            let entered = state.enter(&self.hooks)?;
            let before = loaded_programs()?;
            let value =
                measure(&entered).with_context(|| format!("cannot measure the state {state:?}"))?;
            let undisturbed = loaded_programs()? == before;
            entered.leave()?;
            let counts = self.disturbed || (undisturbed && comes_back(&others));
            if !counts {
                return Ok(None);
            }
            measured.insert(*state, value);
        }
        Ok(Some(Round(measured)))
    }
}

/// Whether exactly these programs are loaded once ours have gone.
fn comes_back(others: &[u32]) -> bool {
    let gone = wait::until("the end of the probe", UNLOAD_LIMIT, || {
        Ok((loaded_programs()? == others).then_some(()))
    });
    gone.is_ok()
}
