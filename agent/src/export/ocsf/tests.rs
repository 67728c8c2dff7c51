#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use super::*;
use crate::detect::finding::Class;
use crate::export::sample;

const STAMP: Stamp<'static> = Stamp {
    uid: "01JD3T7Q3Q0V8K2M5N6P7R8S9T",
    sequence: 5,
    boot_ms: 1_700_000_000_000,
    logged_ms: 1_700_000_060_010,
};

fn host() -> Host {
    Host {
        hostname: "gpu-1".to_owned(),
        uid: "machine".to_owned(),
        kernel: "6.18.1".to_owned(),
    }
}

fn pod() -> Container {
    Container {
        namespace: "ml".to_owned(),
        pod: "llama-7d9c-abcde".to_owned(),
        pod_uid: "5f2a3b1c-0000-4000-8000-000000000001".to_owned(),
        name: "server".to_owned(),
        workload: "llama".to_owned(),
        workload_kind: "Deployment".to_owned(),
        ..sample::container(1, "server")
    }
}

fn write(finding: &Finding) -> Value {
    event(finding, &pod(), &host(), &STAMP).unwrap()
}

/// Findings of every class, severity and method, with and without a process, of every kind of evidence.
fn findings() -> Vec<Finding> {
    let mut findings = Vec::new();
    for class in Class::ALL {
        for severity in Severity::ALL {
            for method in [
                Method::NeverLearnable,
                Method::Novelty,
                Method::Rates,
                Method::Loss,
            ] {
                findings.push(Finding {
                    class,
                    severity,
                    method,
                    ..sample::finding()
                });
            }
        }
    }
    for (feature, raw) in [
        ("endpoint", "tcp 203.0.113.9:443"),
        ("endpoint", "tcp 203.0.113.9:443 as registry.example"),
        ("endpoint", "udp [2001:db8::1]:53"),
        ("endpoint", "nowhere"),
        ("listener", "tcp 0.0.0.0:4444"),
        ("file_write", "/models/resnet.onnx"),
        ("file_read", "/"),
        ("rates", "0.3 connects a request"),
    ] {
        findings.push(Finding {
            feature: feature.to_owned(),
            raw: raw.to_owned(),
            process: None,
            ancestry: Vec::new(),
            techniques: Vec::new(),
            next_step: String::new(),
            ..sample::finding()
        });
    }
    findings
}

/// What OCSF 1.8.0 requires of a Detection Finding and of the objects that stand in it.
fn assert_valid(event: &Value) {
    for name in [
        "activity_id",
        "category_uid",
        "class_uid",
        "finding_info",
        "metadata",
        "severity_id",
        "time",
        "type_uid",
    ] {
        assert!(event.get(name).is_some(), "{name} is missing: {event}");
    }
    assert_eq!(event["class_uid"], 2004);
    assert_eq!(event["category_uid"], 2);
    assert_eq!(
        event["type_uid"].as_i64(),
        Some(2004 * 100 + event["activity_id"].as_i64().unwrap())
    );
    assert!((2..=5).contains(&event["severity_id"].as_i64().unwrap()));
    assert!((0..=100).contains(&event["confidence_score"].as_i64().unwrap()));
    assert!((0..=100).contains(&event["risk_score"].as_i64().unwrap()));
    assert_eq!(event["metadata"]["version"], "1.8.0");
    assert!(event["metadata"]["product"]["name"].is_string());
    assert!(event["finding_info"]["uid"].is_string());
    assert!(event["finding_info"]["analytic"]["type_id"].is_u64());
    for evidence in event["evidences"].as_array().unwrap() {
        assert!(evidence["data"].is_object(), "one of a list is required");
        for endpoint in ["src_endpoint", "dst_endpoint"] {
            if let Some(endpoint) = evidence.get(endpoint) {
                assert!(endpoint["name"].is_string() && endpoint["port"].is_u64());
                assert!(evidence["connection_info"]["direction_id"].is_u64());
            }
        }
        if let Some(file) = evidence.get("file") {
            assert!(file["name"].is_string() && file["type_id"].is_u64());
        }
    }
    for analysis in event["anomaly_analyses"].as_array().unwrap() {
        assert!(analysis["analysis_targets"][0]["name"].is_string());
        for part in ["anomalies", "baselines"] {
            let pattern = &analysis[part][0];
            assert!(pattern["observation_parameter"].is_string());
            assert!(pattern["observations"][0]["value"].is_string());
        }
    }
    assert_no_null(event);
}

/// OCSF leaves an attribute out rather than saying `null`.
fn assert_no_null(value: &Value) {
    match value {
        Value::Null => panic!("null"),
        Value::Array(items) => items.iter().for_each(assert_no_null),
        Value::Object(object) => object.values().for_each(assert_no_null),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_kind_of_finding_is_a_valid_event() {
    for finding in findings() {
        let event = write(&finding);
        assert_valid(&event);
        assert_eq!(event["finding_info"]["types"][0], finding.class.name());
        assert!(event.to_string().len() <= limit::MAX_BYTES);
        assert_eq!(event["metadata"].get("is_truncated"), None);
    }
}

#[test]
fn the_event_tells_when_where_and_who() {
    let event = write(&sample::finding());
    assert_eq!(event["time"], 1_700_000_060_000_i64);
    assert_eq!(event["metadata"]["uid"], STAMP.uid);
    assert_eq!(event["metadata"]["sequence"], 5);
    assert_eq!(event["resources"][0]["type"], "Pod");
    assert_eq!(event["resources"][0]["namespace"], "ml");
    assert_eq!(event["severity"], "High");
    let process = &event["evidences"][0]["process"];
    assert_eq!(process["cmd_line"], "sh -c 'id; uname -a'");
    assert_eq!(process["uid"], "gpu-1:60000000000:4242");
    assert_eq!(process["parent_process"]["pid"], 17);
    assert_eq!(process["ancestry"][0]["name"], "python3.11");
    let attack = &event["finding_info"]["attacks"][0];
    assert_eq!(attack["version"], "19");
    assert_eq!(attack["technique"]["uid"], "T1059.004");
}

#[test]
fn what_has_no_place_in_ocsf_is_kept() {
    let finding = sample::finding();
    let event = write(&finding);
    assert_eq!(
        event["unmapped"]["picket"],
        json!({
            "schema": 1,
            "score": 9.5,
            "threshold": 2.0,
            "phase": "serve",
            "feature": "executable",
            "observed": finding.observed,
            "expected": finding.expected,
            "contributions": [{
                "name": "danger",
                "value": 5.5,
                "reason": "a server started a command interpreter",
            }],
            "baseline": {
                "id": "0123456789abcdef",
                "version": 7,
                "exposure": {
                    "container_seconds": 4200,
                    "requests": 5230,
                    "replicas": 2,
                    "events_lost": 0,
                },
            },
            "lost_events": 0,
            "suppressed": 3,
        })
    );
}

#[test]
fn an_endpoint_is_told_in_parts() {
    let connect = Finding {
        class: Class::Network,
        feature: "endpoint".to_owned(),
        raw: "udp [2001:db8::1]:53".to_owned(),
        ..sample::finding()
    };
    let evidence = write(&connect)["evidences"][0].clone();
    assert_eq!(evidence["dst_endpoint"]["ip"], "2001:db8::1");
    assert_eq!(evidence["dst_endpoint"]["port"], 53);
    assert_eq!(evidence["connection_info"]["protocol_num"], 17);
    assert_eq!(evidence["connection_info"]["direction"], "Outbound");
    assert_eq!(evidence["dst_endpoint"].get("hostname"), None);

    let named = Finding {
        raw: "tcp 203.0.113.9:443 as registry.example".to_owned(),
        ..connect.clone()
    };
    let evidence = write(&named)["evidences"][0].clone();
    assert_eq!(evidence["dst_endpoint"]["ip"], "203.0.113.9");
    assert_eq!(evidence["dst_endpoint"]["hostname"], "registry.example");

    let listen = Finding {
        feature: "listener".to_owned(),
        raw: "tcp 0.0.0.0:4444".to_owned(),
        ..connect
    };
    let evidence = write(&listen)["evidences"][0].clone();
    assert_eq!(evidence["src_endpoint"]["port"], 4444);
    assert_eq!(evidence["connection_info"]["direction"], "Inbound");
    assert_eq!(evidence.get("dst_endpoint"), None);
}

#[test]
fn outside_kubernetes_the_container_itself_is_affected() {
    let event = event(
        &sample::finding(),
        &sample::container(1, "web"),
        &host(),
        &STAMP,
    )
    .unwrap();
    assert_valid(&event);
    assert_eq!(event["resources"][0]["type"], "Container");
    assert!(
        event["message"]
            .as_str()
            .unwrap()
            .ends_with(" in docker/web")
    );
    let container = &event["evidences"][0]["container"];
    assert_eq!(container.get("pod_uuid"), None);
    assert_eq!(container.get("orchestrator"), None);
}

#[test]
fn an_event_never_exceeds_16_kib() {
    let mut finding = sample::finding();
    let long = "\u{7}\"é".repeat(400);
    let process = finding.process.as_mut().unwrap();
    process.argv = vec![long.clone(); 40];
    process.exe = format!("/{long}");
    finding.ancestry = vec![process.clone(); 8];
    finding.contributions = vec![finding.contributions[0].clone(); 200];
    for contribution in &mut finding.contributions {
        contribution.name.clone_from(&long);
        contribution.reason.clone_from(&long);
    }
    finding.techniques = vec![finding.techniques[0].clone(); 50];
    for technique in &mut finding.techniques {
        technique.name.clone_from(&long);
        technique.tactic.clone_from(&long);
    }
    finding.feature = "file_write".to_owned();
    finding.raw = format!("/{long}");
    for text in [
        &mut finding.title,
        &mut finding.observed,
        &mut finding.expected,
        &mut finding.next_step,
    ] {
        text.clone_from(&long);
    }
    let mut container = pod();
    container.labels = (0..500)
        .map(|n| (format!("{n}{long}"), long.clone()))
        .collect();
    container.image = long;

    let event = event(&finding, &container, &host(), &STAMP).unwrap();
    assert_valid(&event);
    assert!(event.to_string().len() <= limit::MAX_BYTES);
    assert_eq!(event["metadata"]["is_truncated"], true);
    assert!(event["metadata"]["untruncated_size"].as_u64().unwrap() > 100_000);
    assert_eq!(event["metadata"]["uid"], STAMP.uid);
    assert_eq!(event["evidences"][0]["container"]["uid"], container.id);
    assert_eq!(
        event["evidences"][0]["container"]["image"]["uid"],
        container.image_digest
    );
}

#[test]
fn a_file_is_told_apart_from_who_opened_it() {
    let write_model = Finding {
        class: Class::Model,
        feature: "file_write".to_owned(),
        observed: "/models/by by.onnx by python3 server.py (pid 17)".to_owned(),
        raw: "/models/by by.onnx".to_owned(),
        ..sample::finding()
    };
    let event = write(&write_model);
    let file = &event["evidences"][0]["file"];
    assert_eq!(file["path"], "/models/by by.onnx");
    assert_eq!(file["name"], "by by.onnx");
    let observables = event["observables"].as_array().unwrap();
    assert!(observables.iter().any(|o| o["value"] == file["path"]));
}
