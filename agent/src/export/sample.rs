//! Made-up containers and findings for the tests of this module.

#![allow(clippy::expect_used, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::baseline::key::Key;
use crate::config::Config;
use crate::detect::finding::{
    BaselineRef, Class, Contribution, Finding, Method, Severity, Technique,
};
use crate::detect::news::News;
use crate::export::history::Evidence;
use crate::export::metrics::{BuildInfo, Metrics};
use crate::observe::event::{CgroupId, Moment};
use crate::observe::fact::{Fact, Family, Marks, Origin, Phase, ProcessInfo, Sighting};
use crate::workload::container::{Container, Role, Runtime};

/// A docker container.
pub fn container(cgroup: u64, name: &str) -> Container {
    Container {
        cgroup: CgroupId(cgroup),
        id: format!("{cgroup:064x}"),
        runtime: Runtime::Docker,
        namespace: "docker".to_owned(),
        pod: name.to_owned(),
        pod_uid: String::new(),
        name: name.to_owned(),
        workload: name.to_owned(),
        workload_kind: "Container".to_owned(),
        image: "registry.example/models/server:1.4".to_owned(),
        image_digest: format!("sha256:{}", "a".repeat(64)),
        labels: BTreeMap::from([("team".to_owned(), "ml".to_owned())]),
        devices: Vec::new(),
        source: "bundle".to_owned(),
        discovered_ms: 1_700_000_000_000,
        role: Role::Unknown,
        serving_stack: String::new(),
        resources: Vec::new(),
        reported_digest: String::new(),
    }
}

/// A finding about a shell in container 1.
pub fn finding() -> Finding {
    let process = |pid, exe: &str, argv: &[&str], started| ProcessInfo {
        pid,
        exe: exe.to_owned(),
        comm: exe.rsplit('/').next().unwrap_or(exe).to_owned(),
        argv: argv.iter().map(|&arg| arg.to_owned()).collect(),
        started,
        ..ProcessInfo::default()
    };
    Finding {
        cgroup: CgroupId(1),
        key: Key {
            namespace: "docker".to_owned(),
            workload: "server".to_owned(),
            container: "server".to_owned(),
            image_digest: format!("sha256:{}", "a".repeat(64)),
        },
        at: Moment(60_000_000_000),
        class: Class::Process,
        severity: Severity::High,
        method: Method::Novelty,
        phase: Phase::Serve,
        score: 9.5,
        threshold: 2.0,
        fact_id: String::new(),
        feature: "executable".to_owned(),
        title: "python3.11 started a shell: sh -c 'id; uname -a'".to_owned(),
        observed: "/bin/sh (sh -c 'id; uname -a') started by /usr/bin/python3.11".to_owned(),
        raw: "sh -c id; uname -a".to_owned(),
        expected: "one of 3 executables seen in 840 windows on 2 replicas".to_owned(),
        contributions: vec![Contribution {
            name: "danger".to_owned(),
            value: 5.5,
            reason: "a server started a command interpreter".to_owned(),
        }],
        baseline: BaselineRef {
            id: "0123456789abcdef".to_owned(),
            version: 7,
            container_seconds: 4200,
            requests: 5230,
            replicas: 2,
            events_lost: 0,
        },
        process: Some(process(
            4242,
            "/bin/sh",
            &["sh", "-c", "id; uname -a"],
            Some(Moment(60_000_000_000)),
        )),
        ancestry: vec![process(
            17,
            "/usr/bin/python3.11",
            &["python3", "server.py"],
            Some(Moment(1_000_000_000)),
        )],
        techniques: vec![Technique {
            id: "T1059.004".to_owned(),
            name: "Unix Shell".to_owned(),
            tactic_id: "TA0002".to_owned(),
            tactic: "Execution".to_owned(),
            version: "19".to_owned(),
        }],
        next_step: "Look at what the shell ran and which request came in just before.".to_owned(),
        lost_events: 0,
        suppressed: 3,
    }
}

/// Metrics without any container.
pub fn metrics() -> Metrics {
    let build = BuildInfo {
        version: "0.1.0",
        revision: "abc",
        rustc: "1.95.0",
        target: "x86_64-unknown-linux-gnu",
    };
    Metrics::new(&build, &Config::default().metrics).expect("the names are well-formed")
}

/// A path that `python3` in container `web` opened for reading for the first time, while that was learned.
pub fn evidence(path: &str) -> Evidence {
    let Finding {
        at,
        phase,
        process,
        ancestry,
        ..
    } = finding();
    Evidence {
        container: Arc::new(container(1, "web")),
        news: News::Learned,
        sighting: Sighting {
            at,
            phase,
            fact: Fact {
                family: Family::FileRead,
                origin: Origin::Server,
                value: path.to_owned(),
            },
            raw: path.to_owned(),
            process: process.unwrap_or_default(),
            ancestry,
            marks: Marks::default(),
        },
        boot_ms: 1_700_000_000_000,
    }
}
