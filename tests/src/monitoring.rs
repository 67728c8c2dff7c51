//! The real Prometheus and Alertmanager with what `deploy/prometheus` holds, whom Alertmanager tells, and a real Loki.

mod alertmanager;
mod loki;
mod prometheus;
mod receiver;
mod scene;
mod server;
mod story;

pub use alertmanager::Alertmanager;
pub use loki::{Entry, Loki};
pub use prometheus::{GRAFANA, Prometheus, RUNBOOKS, Series};
pub use receiver::{Message, Receiver};
pub use scene::{Intruder, Scene};
pub use story::{Story, unix_seconds};

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::tools::{find, workspace};

/// Why there can be no monitoring here.
#[must_use]
pub fn obstacle() -> Option<String> {
    let missing = ["prometheus", "prometheus-alertmanager", "promtool"]
        .into_iter()
        .find(|program| find(program).is_none())?;
    Some(format!(
        "needs {missing}: `cargo xtask test` unpacks Debian's"
    ))
}

/// A shipped file of `deploy/prometheus` with these parts replaced, each of which must be there.
fn shipped(name: &str, replaced: &[(&str, &str)]) -> Result<String> {
    let path = workspace().join("deploy/prometheus").join(name);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {name}"))?;
    replace(&text, replaced).with_context(|| format!("in {name}"))
}

fn replace(text: &str, replaced: &[(&str, &str)]) -> Result<String> {
    let mut text = text.to_owned();
    for (old, new) in replaced {
        ensure!(text.contains(old), "there is no {old:?}");
        text = text.replace(old, new);
    }
    Ok(text)
}
