//! What the agent adds to a real model server at saturation.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use picket_tests::docker::{Network, docker};
use picket_tests::http::Connection;
use picket_tests::load::{Random, prediction};
use picket_tests::model_server::ModelServer;
use serde::Serialize;

use super::cgroup;
use super::cpus::Split;
use super::process::{Use, pause};
use super::spread::{Spread, median};
use super::state::{Plan, Round, State};
use crate::supervise::Interrupt;

/// Connections that each have one request under way: enough that the server always has the next one waiting.
const CLIENTS: usize = 4;
/// Requests that one figure of CPU time stands for. The server is idle before and after them, so that all their time
/// has been charged.
const CHUNK: u64 = 100;
/// Chunks of a state in one round. The first ones warm up: they meet what is new to the probe.
const CHUNKS: usize = 24;
const WARM_UP: usize = 4;
/// Different bodies, over and over: the same work in every chunk.
const BODIES: u64 = 20;
/// An agent that looks at system calls a part of the time must be measured over some turns of both.
const SOME_CYCLES: Duration = Duration::from_secs(10);
const AGENT_SAMPLES: u32 = 6;
const AGENT_SAMPLE: Duration = Duration::from_secs(10);

/// The differences, in percent of the state without any probe, within one round each.
#[derive(Debug, Serialize)]
pub struct Server {
    /// CPU time of a request that the agent adds.
    pub http_cpu_percent_per_request: Spread,
    /// CPU time of a request that the agent adds which looks at system calls a part of the time.
    pub http_sampled_cpu_percent_per_request: Spread,
    /// CPU time of a request that an empty raw tracepoint on `sys_exit` adds.
    pub http_floor_cpu_percent_per_request: Spread,
    /// CPU time of a request that empty programs at all hooks of the probe add.
    pub http_hooks_cpu_percent_per_request: Spread,
    /// What the agent adds over the empty raw tracepoint.
    pub http_over_floor_cpu_percent_per_request: Spread,
    /// Change of the 99th percentile of the latency under the agent.
    pub http_p99_percent: Spread,
    /// The same under the empty raw tracepoint.
    pub http_floor_p99_percent: Spread,
    /// The agent's own CPU time under that load, in percent of one core.
    pub http_agent_cpu_percent: Spread,
    /// CPU time of a request without any probe, in microseconds.
    pub base_http_cpu_us_per_request: Spread,
    /// 99th percentile of the latency without any probe, in milliseconds.
    pub base_http_p99_ms: Spread,
    /// Requests a second without any probe.
    pub base_http_requests_per_second: Spread,
}

/// What a state makes of the server.
#[derive(Clone, Copy, Debug)]
struct Service {
    cpu_us: f64,
    /// What is there a part of the time shows in the mean, not in the median.
    mean_cpu_us: f64,
    p99_ms: f64,
    per_second: f64,
}

/// Measures the rounds of the plan, with one container of `image` throughout.
///
/// # Errors
/// When the server or a state cannot be started or measured, or no round counts.
pub fn measure(image: &str, plan: &Plan, interrupt: &Interrupt) -> Result<Server> {
    let network = Network::create()?;
    let server = ModelServer::start(image, &network, None, 1)?;
    let saturated = Saturated::over(&server)?;
    eprintln!("bench: model server at saturation");
    let states = [
        State::Base,
        State::Floor,
        State::Hooks,
        State::Agent,
        State::Sampled,
    ];
    let rounds = plan.carry_out(&states, interrupt, |entered| {
        entered.await_container(&server.container.id)?;
        saturated.measure(match entered.state {
            State::Sampled => SOME_CYCLES,
            _ => Duration::ZERO,
        })
    })?;
    let agent = saturated.agent_cpu_percent(&server, interrupt)?;
    summary(&rounds, agent).context("no round was measured")
}

fn summary(rounds: &[Round<Service>], agent_cpu_percent: Vec<f64>) -> Option<Server> {
    let percent = |state: State, from: State, value: fn(&Service) -> f64| {
        let changes = rounds.iter().filter_map(|round| {
            let base = value(round.get(State::Base)?);
            Some(100.0 * round.difference(state, from, value)? / base)
        });
        Spread::of(changes)
    };
    let base = |value: fn(&Service) -> f64| {
        Spread::of(
            rounds
                .iter()
                .filter_map(|it| it.get(State::Base))
                .map(value),
        )
    };
    let cpu: fn(&Service) -> f64 = |it| it.cpu_us;
    let p99: fn(&Service) -> f64 = |it| it.p99_ms;
    Some(Server {
        http_cpu_percent_per_request: percent(State::Agent, State::Base, cpu)?,
        http_sampled_cpu_percent_per_request: percent(State::Sampled, State::Base, |it| {
            it.mean_cpu_us
        })?,
        http_floor_cpu_percent_per_request: percent(State::Floor, State::Base, cpu)?,
        http_hooks_cpu_percent_per_request: percent(State::Hooks, State::Base, cpu)?,
        http_over_floor_cpu_percent_per_request: percent(State::Agent, State::Floor, cpu)?,
        http_p99_percent: percent(State::Agent, State::Base, p99)?,
        http_floor_p99_percent: percent(State::Floor, State::Base, p99)?,
        http_agent_cpu_percent: Spread::of(agent_cpu_percent)?,
        base_http_cpu_us_per_request: base(cpu)?,
        base_http_p99_ms: base(p99)?,
        base_http_requests_per_second: base(|it| it.per_second)?,
    })
}

/// A model server on a CPU of its own, and its clients on the others.
struct Saturated {
    address: SocketAddr,
    /// The container's `cpu.stat`.
    cpu: PathBuf,
    cpus: Split,
    bodies: Vec<String>,
}

impl Saturated {
    fn over(server: &ModelServer) -> Result<Self> {
        let cpus = Split::of_this_process()?;
        let id = server.container.id.as_str();
        docker(&["update", "--cpuset-cpus", &cpus.last.to_string(), id])?;
        let pid = server.container.inspect("{{.State.Pid}}")?;
        let path = format!("/proc/{pid}/cgroup");
        let cgroups = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let own = cgroups
            .lines()
            .find_map(|line| line.strip_prefix("0::/"))
            .with_context(|| format!("{path} names no cgroup v2"))?;
        let mut random = Random::new(1);
        Ok(Self {
            address: server.address()?,
            cpu: cgroup::hierarchy()?.join(own).join("cpu.stat"),
            cpus,
            bodies: (0..BODIES).map(|_| prediction(&mut random)).collect(),
        })
    }

    /// Measures at least so long.
    fn measure(&self, least: Duration) -> Result<Service> {
        let mut connections = Vec::new();
        for _ in 0..CLIENTS {
            connections.push(Connection::open(self.address)?);
        }
        let (mut cpu, mut latencies) = (Vec::new(), Vec::new());
        let mut busy = Duration::ZERO;
        for chunk in 0.. {
            if chunk >= CHUNKS && busy >= least {
                break;
            }
            let (start, before) = (Instant::now(), self.charged_us()?);
            let measured = self.chunk(&mut connections, CHUNK)?;
            let (took, charged) = (start.elapsed(), self.charged_us()? - before);
            if chunk >= WARM_UP {
                cpu.push(charged / CHUNK as f64);
                latencies.extend(measured);
                busy += took;
            }
        }
        let mean_cpu_us = cpu.iter().sum::<f64>() / cpu.len() as f64;
        Ok(Service {
            mean_cpu_us,
            cpu_us: median(&cpu).context("no chunk was measured")?,
            p99_ms: percentile_99(&mut latencies).context("no request was measured")?,
            per_second: latencies.len() as f64 / busy.as_secs_f64(),
        })
    }

    /// Sends this many requests over the connections, and returns the milliseconds that each took.
    fn chunk(&self, connections: &mut [Connection], requests: u64) -> Result<Vec<f64>> {
        let next = AtomicU64::new(0);
        thread::scope(|scope| {
            let clients: Vec<_> = connections
                .iter_mut()
                .map(|connection| scope.spawn(|| self.client(connection, &next, requests)))
                .collect();
            let mut latencies = Vec::new();
            for client in clients {
                let measured = client.join().ok().context("a client failed")?;
                latencies.extend(measured?);
            }
            Ok(latencies)
        })
    }

    fn client(
        &self,
        connection: &mut Connection,
        next: &AtomicU64,
        requests: u64,
    ) -> Result<Vec<f64>> {
        self.cpus.stay_on_the_others()?;
        let mut latencies = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= requests {
                return Ok(latencies);
            }
            let body = self.bodies.get((number % BODIES) as usize);
            let start = Instant::now();
            let answer = connection.request("/predict", body.map(String::as_str))?;
            latencies.push(start.elapsed().as_secs_f64() * 1e3);
            ensure!(
                answer.status == 200,
                "the model server answered {}",
                answer.status
            );
        }
    }

    /// CPU time of the container so far.
    fn charged_us(&self) -> Result<f64> {
        let path = self.cpu.display();
        let stat = fs::read_to_string(&self.cpu).with_context(|| format!("cannot read {path}"))?;
        usage_us(&stat).with_context(|| format!("{path} has no usage_usec"))
    }

    /// What the agent uses itself while it watches the saturated server.
    fn agent_cpu_percent(&self, server: &ModelServer, interrupt: &Interrupt) -> Result<Vec<f64>> {
        eprintln!(
            "bench: watching the agent beside the saturated server for {} s",
            (AGENT_SAMPLE * AGENT_SAMPLES).as_secs()
        );
        let entered = State::Agent.enter(&[])?;
        entered.await_container(&server.container.id)?;
        let pid = entered.agent_pid().context("no agent runs")?;
        let end = AtomicBool::new(false);
        thread::scope(|scope| {
            let load = scope.spawn(|| -> Result<()> {
                while !end.load(Ordering::Relaxed) {
                    self.measure(Duration::ZERO)?;
                }
                Ok(())
            });
            // Learning the server's first requests is not its usual work.
            let used = pause(AGENT_SAMPLE, interrupt)
                .and_then(|()| Use::sample(pid, AGENT_SAMPLES, AGENT_SAMPLE, interrupt));
            end.store(true, Ordering::Relaxed);
            load.join().ok().context("the load failed")??;
            Ok(used?.cpu_percent)
        })
    }
}

/// See the kernel's Documentation/admin-guide/cgroup-v2.rst.
fn usage_us(stat: &str) -> Option<f64> {
    let usage = stat
        .lines()
        .find_map(|line| line.strip_prefix("usage_usec "))?;
    usage.trim().parse().ok()
}

fn percentile_99(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * 99).div_ceil(100);
    values.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_round_is_compared_with_itself_alone() {
        // The machine is twice as slow in the second round; the percentages are the same.
        let rounds = [1.0, 2.0].map(|slowness| {
            let service = |cpu_us: f64, p99_ms: f64| Service {
                cpu_us: cpu_us * slowness,
                mean_cpu_us: cpu_us * slowness,
                p99_ms: p99_ms * slowness,
                per_second: 500.0,
            };
            Round::from_iter([
                (State::Base, service(1_000.0, 8.0)),
                (State::Floor, service(1_010.0, 8.0)),
                (State::Hooks, service(1_020.0, 9.0)),
                (State::Agent, service(1_025.0, 10.0)),
                (State::Sampled, service(1_005.0, 8.0)),
            ])
        });
        let summary = summary(&rounds, vec![0.5]).unwrap();
        let same = |spread: Spread, value: f64| {
            assert!((spread.min - value).abs() < 1e-9, "{spread:?}");
            assert!((spread.max - value).abs() < 1e-9, "{spread:?}");
            assert_eq!(spread.n, 2);
        };
        same(summary.http_floor_cpu_percent_per_request, 1.0);
        same(summary.http_hooks_cpu_percent_per_request, 2.0);
        same(summary.http_sampled_cpu_percent_per_request, 0.5);
        same(summary.http_cpu_percent_per_request, 2.5);
        same(summary.http_over_floor_cpu_percent_per_request, 1.5);
        same(summary.http_p99_percent, 25.0);
        same(summary.http_floor_p99_percent, 0.0);
        assert_eq!(summary.base_http_cpu_us_per_request.max, 2_000.0);
    }

    #[test]
    fn one_value_in_a_hundred_is_above_the_percentile() {
        let mut values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!(percentile_99(&mut values), Some(198.0));
        assert_eq!(percentile_99(&mut [7.0]), Some(7.0));
        assert_eq!(percentile_99(&mut []), None);
    }

    #[test]
    fn reads_the_cpu_time_of_a_cgroup() {
        let stat = "usage_usec 2500123\nuser_usec 2000000\nsystem_usec 500123\n";
        assert_eq!(usage_us(stat), Some(2_500_123.0));
        assert_eq!(usage_us("nr_periods 0\n"), None);
    }
}
