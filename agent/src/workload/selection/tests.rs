#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::json;

use super::*;
use crate::workload::container::sample;

fn rules(rules: serde_json::Value) -> Vec<Rule> {
    serde_json::from_value(rules).unwrap()
}

fn selection(json: serde_json::Value) -> Selection {
    Selection::compile(&rules(json)).unwrap()
}

fn labelled(key: &str, value: &str) -> Container {
    let mut container = sample();
    container.labels.insert(key.to_owned(), value.to_owned());
    container
}

#[test]
fn each_field_matches_its_own_property() {
    let mut container = labelled("team", "ml");
    container.namespace = "models".to_owned();
    container.pod = "resnet-0".to_owned();
    container.name = "server".to_owned();
    container.image = "wl/serve:v1".to_owned();
    container.devices = vec!["/dev/fuse".to_owned(), "/dev/nvidia0".to_owned()];
    container.resources = vec!["nvidia.com/gpu".to_owned()];
    container.role = Role::Main;
    for (field, hit, miss) in [
        ("image", "wl/*", "serve"),
        ("name", "serv?r", "resnet*"),
        ("namespace", "models", "server"),
        ("pod", "resnet-*", "models"),
        ("label", "team=m*", "team=web"),
        ("annotation", "team", "other"),
        ("device", "/dev/nvidia*", "/dev/kfd"),
        ("resource", "nvidia.com/*", "amd.com/gpu"),
        ("role", "main", "init"),
    ] {
        let hit = selection(json!([{field: hit}]));
        assert!(hit.watches(&container).is_some(), "{field}");
        let miss = selection(json!([{field: miss}]));
        assert_eq!(miss.watches(&container), None, "{field}");
    }
    assert_eq!(
        selection(json!([{"label": "te*"}])).watches(&container),
        None
    );
}

#[test]
fn all_given_fields_must_match() {
    let both = selection(json!([{"name": "my-*", "label": "team=ml"}]));
    assert_eq!(
        both.watches(&labelled("team", "ml")),
        Some("name my-*, label team=ml")
    );
    assert_eq!(both.watches(&labelled("team", "web")), None);
    assert_eq!(both.watches(&sample()), None);
}

#[test]
fn the_first_match_decides() {
    let selection = selection(json!([
        {"label": "team=web", "watch": false},
        {"all": true},
    ]));
    assert_eq!(selection.watches(&labelled("team", "web")), None);
    assert_eq!(selection.watches(&labelled("team", "ml")), Some("all"));
}

#[test]
fn sandboxes_are_never_watched() {
    let sandbox = labelled("io.kubernetes.cri.container-type", "sandbox");
    assert_eq!(selection(json!([{"all": true}])).watches(&sandbox), None);
}

#[test]
fn rules_that_choose_nothing_are_refused() {
    let refused = |json| Selection::compile(&rules(json)).unwrap_err();
    let good = json!({"all": true});
    assert_eq!(refused(json!([good, {}])), Error::Empty { number: 2 });
    assert_eq!(
        refused(json!([{"all": false, "watch": false}])),
        Error::Empty { number: 1 }
    );
    assert_eq!(
        refused(json!([{"all": true, "name": "x"}])),
        Error::AllAndMore {
            number: 1,
            field: "name"
        }
    );
    assert_eq!(
        refused(json!([{"image": ""}])),
        Error::EmptyPattern {
            number: 1,
            field: "image"
        }
    );
    assert_eq!(
        refused(json!([{"label": "=x"}])),
        Error::EmptyPattern {
            number: 1,
            field: "label"
        }
    );
    assert_eq!(
        refused(json!([{"role": "side-car"}])),
        Error::UnknownRole {
            number: 1,
            role: "side-car".to_owned()
        }
    );
}

#[test]
fn unknown_fields_are_refused() {
    assert!(serde_json::from_value::<Rule>(json!({"imgae": "x"})).is_err());
}

#[test]
fn a_rule_is_written_as_it_was_read() {
    for rule in [
        json!({"all": true}),
        json!({"image": "*vllm*", "watch": false}),
    ] {
        let read: Rule = serde_json::from_value(rule.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), rule);
    }
}
