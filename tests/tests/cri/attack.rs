//! A model server in a pod is learned, then poisoned.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use picket_tests::image;
use picket_tests::load::Load;
use picket_tests::model_server::{self, Deed, poison, provoke};
use picket_tests::pod::ContainerSpec;
use picket_tests::{http, wait};
use serde_json::Value;

use crate::node::Node;

const LEARNING_LIMIT: Duration = Duration::from_secs(180);
const FINDING_LIMIT: Duration = Duration::from_secs(60);

pub fn attack(node: &mut Node) -> Result<()> {
    const SEED: u64 = 1;
    // As of a Deployment.
    let (name, container) = ("classifier-5d59d67564-x7kq2", "classifier");
    let image = image::provide(image::MODEL_SERVER)?;
    let image = node.containerd.import(&image)?;
    let pod = node.pod("models", name)?;
    let server = pod.start(&ContainerSpec {
        environment: &poison(SEED, None),
        ..ContainerSpec::new(container, &image, &[])
    })?;
    let address = SocketAddr::new(pod.address()?, model_server::PORT);
    wait::until("the model server's start", FINDING_LIMIT, || {
        http::get(address, "/healthz").map(Some)
    })
    .with_context(|| server.logs())?;
    let load = Load::start(address, 4, 40.0);
    let probe = ["cat", "/etc/hostname"];
    server.probe(&probe)?;
    node.agent
        .await_state(container, "active", LEARNING_LIMIT)?;

    // A habit, and an operator's curiosity.
    server.probe(&probe)?;
    node.containerd
        .exec(&server.id, &["sh", "-c", "id; uname"])?;
    node.agent
        .await_evidence(container, "executable", |it| it.tells_of("uname"))?;
    node.agent.await_windows(3)?;
    let loud = |finding: &Value| {
        finding.to_string().contains(&server.id)
            && !matches!(finding["severity"].as_str(), Some("Low"))
    };
    let findings = node.home.findings();
    let early = findings.iter().find(|it| loud(it));
    ensure!(early.is_none(), "{early:#?}");

    provoke(address, SEED, Deed::Shell).with_context(|| server.logs())?;
    let finding = wait::until("a finding of class process", FINDING_LIMIT, || {
        let findings = node.home.findings().into_iter();
        Ok(findings
            .filter(|it| it["finding_info"]["types"][0] == "process")
            .find(|it| loud(it)))
    })?;
    let resource = &finding["resources"][0];
    ensure!(resource["type"] == "Pod", "{finding:#}");
    ensure!(resource["uid"] == pod.uid.as_str(), "{finding:#}");
    ensure!(resource["name"] == name, "{finding:#}");
    ensure!(resource["namespace"] == "models", "{finding:#}");
    ensure!(resource["data"]["workload"] == "classifier", "{finding:#}");
    ensure!(resource["data"]["workload_kind"] == "Deployment");
    let labels = [
        ("namespace", "models"),
        ("pod", name),
        ("container", container),
        ("class", "process"),
        ("severity", "high"),
    ];
    wait::until("its count in /metrics", FINDING_LIMIT, || {
        let counted = node.agent.metrics()?.sum("picket_anomalies_total", &labels);
        Ok(counted.filter(|count| *count > 0.0))
    })?;
    ensure!(load.failed() == 0);
    Ok(())
}
