//! What a scrape costs whoever waits for it: with many series, and while the agent is busy.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use picket_tests::agent::{Agent, Home};
use picket_tests::cgroup::Cgroup;
use picket_tests::flood::{Flood, Made};
use picket_tests::http::Connection;
use picket_tests::metrics::Metrics;
use picket_tests::suite::{Fixture, Suite};
use picket_tests::{image, wait};

/// What a scrape may take where nothing else wants the processor: the fastest quarter of many, wherever this runs.
const PROMISE: Duration = Duration::from_millis(50);
const SERIES: f64 = 5000.0;
/// Containers that together have as many series: each has more than fifty.
const CONTAINERS: u32 = 100;
const SCRAPES: u32 = 51;

const FLOOD_SECONDS: u32 = 5;
/// More than the machine can do.
const RATES: Made = Made {
    calls: 1e8,
    opens: 1e8,
};

const LIMIT: Duration = Duration::from_secs(60);

/// What Prometheus asks for.
const FORM: &str = "application/openmetrics-text;version=1.0.0";

fn main() -> ExitCode {
    Suite::<Post>::default()
        .test("five_thousand_series_take_less_than_50_ms", many)
        .test("scrapes_are_answered_while_the_agent_is_flooded", flooded)
        .run()
}

/// An agent that watches many containers.
struct Post {
    agent: Agent,
    home: Home,
    _containers: Vec<Cgroup>,
}

impl Fixture for Post {
    fn create() -> Result<Self> {
        let home = Home::with("window: 1s\nmax_containers: 400\nmetrics: {max_series: 50000}\n")?;
        let agent = Agent::start(&home)?;
        let containers = (0..CONTAINERS).map(Cgroup::numbered);
        Ok(Self {
            _containers: containers.collect::<Result<_>>()?,
            agent,
            home,
        })
    }

    fn evidence(&self) -> String {
        self.home.evidence()
    }
}

fn scrape(connection: &mut Connection) -> Result<(String, Duration)> {
    let begin = Instant::now();
    let answer = connection.get_as("/metrics", FORM)?;
    ensure!(answer.status == 200, "{}", answer.body);
    Ok((answer.body, begin.elapsed()))
}

/// What a quarter, half and all of the scrapes took at most.
fn quartiles(mut times: Vec<Duration>) -> Result<[Duration; 3]> {
    times.sort_unstable();
    let last = times.len().checked_sub(1).context("no scrape")?;
    let at = |place: usize| times.get(place).copied().unwrap_or_default();
    Ok([at(last / 4), at(last / 2), at(last)])
}

fn many(post: &mut Post) -> Result<()> {
    wait::until("the containers' series", LIMIT, || {
        let series = post.agent.metrics()?.sum("picket_series", &[]);
        Ok(series.filter(|series| *series >= SERIES))
    })?;
    let mut connection = Connection::open(post.home.listen)?;
    let mut times = Vec::new();
    let mut lines = 0;
    for _ in 0..SCRAPES {
        let (text, time) = scrape(&mut connection)?;
        lines = Metrics::parse(&text.replace(" # {", "\n# {"))?
            .samples
            .len();
        times.push(time);
    }
    let [quarter, half, all] = quartiles(times)?;
    println!(
        "{lines} samples; a quarter of the scrapes took {quarter:.1?} at most, half {half:.1?}, all {all:.1?}"
    );
    ensure!(quarter < PROMISE, "{quarter:?}");
    Ok(())
}

fn flooded(post: &mut Post) -> Result<()> {
    let flood = Flood::start(&image::provide(image::MODEL_SERVER)?, FLOOD_SECONDS, RATES)?;
    let name = flood.container.name.as_str();
    wait::until("the agent's knowing the flood", LIMIT, || {
        Ok((!post.agent.evidence(name)?.is_empty()).then_some(()))
    })?;
    let mut connection = Connection::open(post.home.listen)?;
    let mut times = Vec::new();
    while flood.container.inspect("{{.State.Running}}")? == "true" {
        times.push(scrape(&mut connection)?.1);
    }
    let scrapes = times.len();
    let [quarter, half, all] = quartiles(times)?;
    println!(
        "{scrapes} scrapes in the flood; a quarter took {quarter:.1?} at most, half {half:.1?}, all {all:.1?}"
    );
    Ok(())
}
