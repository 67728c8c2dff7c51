//! The evidence of a finding: process tree, file, connection.

use std::net::SocketAddr;

use serde_json::json;

use crate::detect::finding::Finding;
use crate::export::text::command_line;
use crate::export::view::finding::ProcessView;
use crate::observe::endpoint::NAMED;
use crate::observe::fact::{Family, ProcessInfo};
use crate::workload::container::Container;

use super::schema::{
    Ancestor, ConnectionInfo, Container as OcsfContainer, Endpoint, Evidence, File, Image,
    Observable, Process,
};
use super::{Host, Stamp};

const FILE_TYPE_UNKNOWN: u32 = 0;
const FILE_TYPE_EXECUTABLE: u32 = 8;
const OBSERVABLE_NAME: (u32, &str) = (1, "Hostname");
const OBSERVABLE_IP: (u32, &str) = (2, "IP Address");
const OBSERVABLE_PROCESS: (u32, &str) = (9, "Process Name");
const OBSERVABLE_PATH: (u32, &str) = (45, "File Path");

/// All that is known about the deed itself, in one evidence.
pub(super) fn evidence(
    finding: &Finding,
    container: &Container,
    host: &Host,
    stamp: &Stamp<'_>,
) -> Evidence {
    let endpoint = endpoint(finding);
    let outbound = finding.feature == Family::Endpoint.name();
    let connection_info = endpoint.as_ref().map(|(protocol, _)| {
        let (direction_id, direction) = if outbound {
            (2, "Outbound")
        } else {
            (1, "Inbound")
        };
        ConnectionInfo {
            direction_id,
            direction,
            protocol_name: protocol.map(|(name, _)| name),
            protocol_num: protocol.map(|(_, number)| number),
        }
    });
    let endpoint = endpoint.map(|(_, endpoint)| endpoint);
    let (src_endpoint, dst_endpoint) = if outbound {
        (None, endpoint)
    } else {
        (endpoint, None)
    };
    Evidence {
        name: finding.feature.clone(),
        container: ocsf_container(container),
        process: process(finding, host, stamp),
        file: opened_file(finding),
        src_endpoint,
        dst_endpoint,
        connection_info,
        data: json!({ "observed": finding.observed }),
    }
}

/// The values in `evidence` that an analyst searches for elsewhere.
pub(super) fn observables(evidence: &Evidence) -> Vec<Observable> {
    let mut observables = Vec::new();
    let mut add = |name, (type_id, kind), value: &str| {
        observables.push(Observable {
            name,
            type_id,
            kind,
            value: value.to_owned(),
        });
    };
    if let Some(endpoint) = &evidence.dst_endpoint {
        add("evidences[].dst_endpoint.ip", OBSERVABLE_IP, &endpoint.ip);
        if let Some(name) = &endpoint.hostname {
            add("evidences[].dst_endpoint.hostname", OBSERVABLE_NAME, name);
        }
    }
    if let Some(file) = &evidence.file {
        add("evidences[].file.path", OBSERVABLE_PATH, &file.path);
    }
    if let Some(process) = &evidence.process {
        add(
            "evidences[].process.name",
            OBSERVABLE_PROCESS,
            &process.name,
        );
        if let Some(file) = &process.file {
            add("evidences[].process.file.path", OBSERVABLE_PATH, &file.path);
        }
    }
    observables
}

fn ocsf_container(container: &Container) -> OcsfContainer {
    let digest = container.digest();
    let uid = if digest.is_empty() {
        container.image.as_str()
    } else {
        digest
    };
    let in_kubernetes = !container.pod_uid.is_empty();
    OcsfContainer {
        uid: container.id.clone(),
        name: container.name.clone(),
        runtime: container.runtime.name(),
        image: (!uid.is_empty()).then(|| Image {
            uid: uid.to_owned(),
            name: container.image.clone(),
        }),
        pod_uuid: is_uuid(&container.pod_uid).then(|| container.pod_uid.clone()),
        orchestrator: in_kubernetes.then_some("kubernetes"),
    }
}

/// Static pods have a hash in place of a UUID.
fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}

fn process(finding: &Finding, host: &Host, stamp: &Stamp<'_>) -> Option<Process> {
    let mut process = one_process(finding.process.as_ref()?, host, stamp);
    let parent = finding.ancestry.first();
    process.parent_process = parent.map(|parent| Box::new(one_process(parent, host, stamp)));
    process.ancestry = finding
        .ancestry
        .iter()
        .map(|ancestor| {
            let ancestor = one_process(ancestor, host, stamp);
            Ancestor {
                pid: ancestor.pid,
                name: ancestor.name,
                uid: ancestor.uid,
                cmd_line: ancestor.cmd_line,
                created_time: ancestor.created_time,
            }
        })
        .collect();
    Some(process)
}

fn one_process(info: &ProcessInfo, host: &Host, stamp: &Stamp<'_>) -> Process {
    let view = ProcessView::new(info, stamp.boot_ms);
    let uid = info
        .started
        .map(|started| format!("{}:{}:{}", host.hostname, started.0, info.pid));
    Process {
        pid: info.pid,
        name: view.name().to_owned(),
        uid,
        cmd_line: command_line(&info.argv),
        working_directory: info.cwd.clone(),
        file: file(&info.exe, FILE_TYPE_EXECUTABLE),
        created_time: view.started_ms,
        parent_process: None,
        ancestry: Vec::new(),
    }
}

fn opened_file(finding: &Finding) -> Option<File> {
    let is_file = [Family::FileRead, Family::FileWrite, Family::CodeMap]
        .iter()
        .any(|family| family.name() == finding.feature);
    is_file.then(|| file(&finding.raw, FILE_TYPE_UNKNOWN))?
}

fn file(path: &str, type_id: u32) -> Option<File> {
    let name = path.trim_end_matches('/').rsplit('/').next()?;
    (!name.is_empty()).then(|| File {
        path: path.to_owned(),
        name: name.to_owned(),
        type_id,
    })
}

type Protocol = (&'static str, u8);

/// The address in the raw value, when the finding is about one: `tcp 10.0.0.7:443 as registry.example`, `udp [::1]:53`.
fn endpoint(finding: &Finding) -> Option<(Option<Protocol>, Endpoint)> {
    let is_network = [Family::Endpoint, Family::Listener]
        .iter()
        .any(|family| family.name() == finding.feature);
    if !is_network {
        return None;
    }
    let mut words = finding.raw.split_whitespace();
    let protocol = match words.clone().next()? {
        "tcp" => Some(("tcp", 6)),
        "udp" => Some(("udp", 17)),
        _ => None,
    };
    let address: SocketAddr = words.find_map(|word| word.parse().ok())?;
    let endpoint = Endpoint {
        name: address.to_string(),
        ip: address.ip().to_string(),
        hostname: finding
            .raw
            .split_once(NAMED)
            .map(|(_, name)| name.to_owned()),
        port: address.port(),
    };
    Some((protocol, endpoint))
}
