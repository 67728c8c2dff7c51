#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::baseline::key::Key;
use crate::observe::fact::{Fact, Origin, Phase};

fn learned(facts: &[(Family, &str)]) -> Baseline {
    let key = Key {
        namespace: "models".into(),
        workload: "Iris_v1".into(),
        container: "server".into(),
        image_digest: "sha256:1".into(),
    };
    let mut baseline = Baseline::new(key, 0);
    for (family, value) in facts {
        let fact = Fact {
            family: *family,
            origin: Origin::Server,
            value: (*value).to_owned(),
        };
        baseline.learn(Phase::Serve, &fact, "r", 1);
    }
    baseline
}

fn parsed(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn ports_and_peers_become_rules() {
    let baseline = learned(&[
        (Family::Listener, "tcp *:8000"),
        (Family::Listener, "bind tcp *:9000"),
        (Family::Listener, "tcp 127.0.0.1:*"),
        (Family::Endpoint, "tcp 10.0.0.7:443"),
        (Family::Endpoint, "udp 10.96.0.10:53"),
        (Family::Endpoint, "tcp loopback:*"),
        (Family::Endpoint, "tcp [fd00::7]:443"),
        (Family::Endpoint, "tcp store.data.svc.cluster.local:9000"),
        (Family::Endpoint, "tcp hub.example:443"),
        (Family::Endpoint, "ip 10.0.0.9:0"),
    ]);
    let text = policy(
        &baseline,
        &[Selector::parse("app.kubernetes.io/name=iris").unwrap()],
    );
    let yaml = parsed(&text);
    assert_eq!(yaml["apiVersion"], "networking.k8s.io/v1");
    assert_eq!(yaml["kind"], "NetworkPolicy");
    assert_eq!(yaml["metadata"]["name"], "picket-iris-v1");
    assert_eq!(yaml["metadata"]["namespace"], "models");
    let spec = &yaml["spec"];
    assert_eq!(
        spec["podSelector"]["matchLabels"],
        json!({"app.kubernetes.io/name": "iris"})
    );
    assert_eq!(spec["policyTypes"], json!(["Ingress", "Egress"]));
    assert_eq!(
        spec["ingress"],
        json!([{"ports": [{"protocol": "TCP", "port": 8000}]}])
    );
    let egress = spec["egress"].as_array().unwrap();
    let to = |n: usize| &egress[n]["to"][0];
    assert_eq!(egress.len(), 5);
    assert_eq!(
        egress[0]["ports"][0],
        json!({"protocol": "UDP", "port": 53})
    );
    assert_eq!(to(1)["ipBlock"]["cidr"], "10.0.0.7/32");
    assert_eq!(to(2)["ipBlock"]["cidr"], "fd00::7/128");
    assert_eq!(to(3)["ipBlock"]["cidr"], "0.0.0.0/0");
    let labels = &to(4)["namespaceSelector"]["matchLabels"];
    assert_eq!(labels["kubernetes.io/metadata.name"], "data");
    assert_eq!(
        egress[4]["ports"],
        json!([{"protocol": "TCP", "port": 9000}])
    );
    assert!(
        text.contains("# hub.example") && text.contains("# Not expressible here: ip 10.0.0.9:0")
    );
}

#[test]
fn a_baseline_without_network_denies_all_of_it() {
    let yaml = parsed(&policy(&learned(&[]), &[]));
    assert_eq!(yaml["spec"]["ingress"], json!([]));
    assert_eq!(yaml["spec"]["egress"], json!([]));
    assert_eq!(yaml["spec"]["podSelector"]["matchLabels"]["app"], "Iris_v1");
    let warning = yaml["metadata"]["annotations"]["picket-warning"]
        .as_str()
        .unwrap();
    assert!(warning.contains("still learning"), "{warning}");
}

#[test]
fn a_selector_is_a_label() {
    for wrong in ["", "a", "=b", "a=b c", "a=\"b\"", "a: b=c"] {
        assert!(Selector::parse(wrong).is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn whatever_a_workload_contacts_it_is_one_policy_with_its_own_rules(
        values in prop::collection::vec("(tcp|udp|ip) \\PC{0,40}:[0-9]{1,5}|\\PC{0,30}|tcp [a-z\n#:{}\\[\\]-]{0,30}:443", 0..8)
    ) {
        let facts: Vec<_> = values.iter().map(|value| (Family::Endpoint, value.as_str())).collect();
        let yaml = parsed(&policy(&learned(&facts), &[]));
        let keys: Vec<_> = yaml.as_object().unwrap().keys().cloned().collect();
        prop_assert_eq!(keys, ["apiVersion", "kind", "metadata", "spec"]);
        prop_assert_eq!(yaml["spec"].as_object().unwrap().len(), 4);
    }
}
