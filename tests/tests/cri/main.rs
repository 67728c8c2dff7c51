//! Pods on a Kubernetes node's runtime, made as the kubelet makes them: whose they are, and what is found in them.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

mod asked;
mod attack;
mod identity;
mod node;
mod roles;

use std::process::ExitCode;

use picket_tests::containerd;
use picket_tests::suite::Suite;

use node::Node;

fn main() -> ExitCode {
    let reason = containerd::obstacle;
    Suite::<Node>::default()
        .test_unless(
            "a_container_has_its_names_before_its_first_program_runs",
            reason(),
            identity::names_before_programs,
        )
        .test_unless(
            "the_sandbox_of_a_pod_is_not_watched",
            reason(),
            identity::sandbox,
        )
        .test_unless(
            "init_container_server_and_sidecar_are_told_apart",
            reason(),
            roles::init_server_and_sidecar,
        )
        .test_unless(
            "a_container_that_was_made_anew_goes_on_with_its_baseline",
            reason(),
            roles::second_attempt,
        )
        .test_unless(
            "an_ephemeral_container_is_not_the_server",
            reason(),
            roles::ephemeral,
        )
        .test_unless(
            "an_exec_probe_and_an_operators_shell_are_the_runtimes_doing",
            reason(),
            roles::probe_and_shell,
        )
        .test_unless("a_static_pod_is_named", reason(), identity::static_pod)
        .test_unless(
            "a_container_of_a_pod_that_lives_50_ms_is_attributed",
            reason(),
            identity::brief_container,
        )
        .test_unless(
            "a_pod_older_than_the_agent_is_named",
            reason(),
            identity::older_pod,
        )
        .test_unless(
            "an_image_cannot_pass_for_another_pods_container",
            reason(),
            identity::lying_image,
        )
        .test_unless(
            "a_runtime_that_may_be_asked_tells_digest_and_labels",
            reason(),
            asked::digest_and_labels,
        )
        .test_unless(
            "a_runtime_that_does_not_answer_costs_no_event",
            reason(),
            asked::silent_runtime,
        )
        .test_unless(
            "an_attack_in_a_pod_is_found_under_its_names",
            reason(),
            attack::attack,
        )
        .run()
}
