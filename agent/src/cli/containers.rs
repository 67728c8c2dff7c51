//! `picket containers`.

use std::process::ExitCode;

use clap::Args;

use super::client::{Client, converse};
use super::table::Table;
use super::{Format, Global, output};
use crate::export::text::time;
use crate::export::view::ContainerView;

/// List the watched containers and how far learning is
#[derive(Args)]
#[command(
    after_help = "Exit codes: 0 listed, 1 the agent is not running, 2 wrong command line or configuration"
)]
pub(super) struct Containers {}

impl Containers {
    pub(super) fn run(&self, global: &Global) -> anyhow::Result<ExitCode> {
        let client = Client::new(global)?;
        let containers: Vec<ContainerView> =
            converse(async { Ok(client.get("/api/v1/containers").await?) })?;
        match global.output {
            Format::Json => output::json(&containers)?,
            Format::Text => output::text(&to_text(&containers))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn to_text(containers: &[ContainerView]) -> String {
    let mut table = Table::new([
        "NAMESPACE",
        "POD",
        "CONTAINER",
        "STATE",
        "PHASE",
        "REQUESTS",
        "FINDINGS",
        "LOST",
        "CPU",
        "MEMORY",
        "SINCE",
        "BASELINE",
        "IMAGE",
    ]);
    for container in containers {
        table.row([
            container.namespace.clone(),
            container.pod.clone(),
            container.container.clone(),
            state(container),
            container.phase.clone(),
            container.requests.to_string(),
            container.findings.to_string(),
            lost(container),
            cpu(container),
            memory(container),
            time(container.discovered_ms),
            container.baseline_id.clone(),
            container.image.clone(),
        ]);
    }
    match table.is_empty() {
        true => "no container is watched; see the setting `watch`\n".to_owned(),
        false => table.to_text(),
    }
}

fn lost(container: &ContainerView) -> String {
    let reasons: Vec<String> = container
        .lost
        .iter()
        .map(|(reason, count)| format!("{reason} {count}"))
        .collect();
    match reasons.is_empty() {
        true => container.events_lost.to_string(),
        false => format!("{} ({})", container.events_lost, reasons.join(", ")),
    }
}

fn state(container: &ContainerView) -> String {
    match container.state.as_str() {
        _ if container.ended_ms > 0 => format!("ended {}", time(container.ended_ms)),
        "learning" => format!("learning {:.0}%", container.progress * 100.0),
        state => state.to_owned(),
    }
}

/// CPU time in the last window, in parts of one CPU; empty where it is not known.
fn cpu(container: &ContainerView) -> String {
    let tenths = container
        .resources
        .cpu_ns
        .and_then(|used| used.saturating_mul(1000).checked_div(container.window_ns));
    tenths.map_or_else(String::new, |tenths| {
        format!("{}.{}%", tenths / 10, tenths % 10)
    })
}

fn memory(container: &ContainerView) -> String {
    let bytes = container.resources.memory_bytes;
    bytes.map_or_else(String::new, |bytes| format!("{} MiB", bytes >> 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_container() {
        assert!(to_text(&[]).starts_with("no container is watched"));
        let text = to_text(&[ContainerView {
            namespace: "docker".to_owned(),
            pod: "llm".to_owned(),
            container: "llm".to_owned(),
            state: "learning".to_owned(),
            progress: 0.256,
            phase: "serve".to_owned(),
            image: "srv:\u{1b}[1m".to_owned(),
            events_lost: 2,
            lost: [("quota".to_owned(), 2), ("path_unreadable".to_owned(), 1)].into(),
            ..ContainerView::default()
        }]);
        assert_eq!(text.lines().count(), 2);
        assert!(
            text.contains("docker     llm  llm        learning 26%  serve"),
            "{text}"
        );
        assert!(text.contains("2 (path_unreadable 1, quota 2)"), "{text}");
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn one_that_ended_does_not_learn() {
        let mut container = ContainerView {
            state: "learning".to_owned(),
            ended_ms: 1,
            ..ContainerView::default()
        };
        assert!(state(&container).starts_with("ended 1970-"));
        container.ended_ms = 0;
        assert_eq!(state(&container), "learning 0%");
    }

    #[test]
    fn use_is_shown_where_it_is_known() {
        let mut container = ContainerView::default();
        assert_eq!((cpu(&container), memory(&container)), Default::default());
        container.resources.cpu_ns = Some(7_512_000_000);
        container.resources.memory_bytes = Some(80 << 20);
        assert_eq!(cpu(&container), "");
        container.window_ns = 5_000_000_000;
        assert_eq!(cpu(&container), "150.2%");
        assert_eq!(memory(&container), "80 MiB");
    }
}
