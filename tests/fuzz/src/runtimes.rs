//! What container runtimes write and answer.

use picket::fuzzing;
use picket::workload::{image, kubernetes};

/// An OCI runtime specification.
pub(crate) fn bundle(input: &[u8]) {
    let Some(bundle) = fuzzing::bundle(input) else {
        return;
    };
    let _ = kubernetes::is_sandbox(&bundle.annotations);
    let Some(container) = kubernetes::pod_container(&bundle.annotations) else {
        return;
    };
    assert!(!container.pod.is_empty() && !container.namespace.is_empty());
    let (workload, kind) = kubernetes::workload(&container.pod);
    assert!(container.pod.starts_with(workload) && !workload.is_empty());
    assert!(!kind.is_empty());
    let digest = &container.image_digest;
    assert!(
        digest.is_empty() || digest.starts_with("sha256:"),
        "{digest}"
    );
    of_image(&container.image);
}

/// The engine's record of a container: the id that was asked for, a line break, the JSON.
pub(crate) fn docker(input: &[u8]) {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else {
        return;
    };
    let (id, json) = input.split_at(end);
    let Some(details) = fuzzing::docker_record(json, &String::from_utf8_lossy(id)) else {
        return;
    };
    assert!(!details.name.starts_with('/'));
    of_image(&details.image);
}

fn of_image(reference: &str) {
    assert!(reference.starts_with(image::repository(reference)));
    if let Some(digest) = image::digest(reference) {
        assert!(reference.ends_with(digest));
    }
}
