//! What the dashboards are shown with: learning, attacks, and a restart of the agent between them, all scraped.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};

use super::{Prometheus, Scene};
use crate::model_server::Deed;

const LIMIT: Duration = Duration::from_secs(60);

/// What is over, and what Prometheus knows of it. Everything still runs.
pub struct Story {
    /// Agent and servers.
    pub scene: Scene,
    /// The Prometheus that has scraped the agent once a second.
    pub prometheus: Prometheus,
    /// When it began, in Unix seconds.
    pub begin: f64,
}

impl Story {
    /// Has it happen, with so many model servers, and with so many windows of ordinary work between one happening and the
    /// next.
    ///
    /// # Errors
    /// When something does not come up, or nothing is found.
    pub fn tell(servers: u32, pause: u32) -> Result<Self> {
        let begin = unix_seconds();
        let mut scene = Scene::open()?;
        // Nobody listens there, and nobody has to be told.
        let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        let interval = [("scrape_interval: 10s", "scrape_interval: 1s")];
        let prometheus = Prometheus::start(scene.home.listen, nobody, &interval, &[])?;
        for server in 0..servers {
            scene.serve()?;
            // Those after the first inherit what it has learned.
            if server == 0 {
                let learning = r#"picket_containers{state="learning"} > 0"#;
                prometheus.await_series(learning, LIMIT)?;
            }
            scene.await_learned()?;
        }
        let mut story = Self {
            scene,
            prometheus,
            begin,
        };
        let ordinary_work = |story: &Self| story.scene.agent()?.await_windows(pause);
        ordinary_work(&story)?;
        story.attack(Deed::Shell, "process")?;
        ordinary_work(&story)?;
        story.scene.restart_agent()?;
        let restarted = "changes(process_start_time_seconds{job=\"picket\"}[10m]) > 0";
        story.prometheus.await_series(restarted, LIMIT)?;
        ordinary_work(&story)?;
        story.attack(Deed::Callback, "network")?;
        ordinary_work(&story)?;
        story.attack(Deed::Weights, "model")?;
        ordinary_work(&story)?;
        Ok(story)
    }

    /// Sets off a deed in the last server, and waits until Prometheus has seen its count rise.
    fn attack(&self, deed: Deed, class: &str) -> Result<()> {
        let name = self.scene.name()?;
        let of_it = format!("picket_anomalies_total{{container=\"{name}\",class=\"{class}\"}}");
        // It was there before, without which nothing rises.
        self.prometheus.await_series(&of_it, LIMIT)?;
        let agent = self.scene.agent()?;
        agent.await_phase(&name, "serve", LIMIT)?;
        if let Some(server) = self.scene.servers.last() {
            server.provoke(deed)?;
        }
        let rise = format!("sum(increase({of_it}[1m])) > 0");
        let seen = self.prometheus.await_series(&rise, LIMIT);
        seen.map(drop).with_context(|| self.scene.home.evidence())
    }
}

/// Now, in Unix seconds.
#[must_use]
pub fn unix_seconds() -> f64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}
