//! The plain page: what is watched, what was found, whether the sensor is well. It works without scripts and loads
//! nothing.

mod html;
#[cfg(test)]
mod tests;

use super::api::state::Snapshot;
use super::text;
use super::view::finding::FindingView;
use super::view::{ContainerView, Status};
use html::Html;

/// What a browser may do with the page: show it, styled by itself.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Findings shown; the API has more.
const SHOWN: usize = 50;

/// The page at `now_ms`, Unix milliseconds.
#[must_use]
pub fn render(snapshot: &Snapshot, now_ms: i64) -> String {
    let status = &snapshot.status;
    let mut page = Html::new();
    page.raw("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">")
        .raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")
        .raw("<meta http-equiv=\"refresh\" content=\"5\"><title>Picket")
        .text(&title_suffix(&status.hostname))
        .raw("</title><style>")
        .raw(include_str!("page/style.css"))
        .raw("</style></head><body>");
    header(&mut page, status, now_ms);
    let running = snapshot.containers.iter().filter(|c| c.ended_ms == 0);
    sensor(&mut page, status, running.count());
    containers(&mut page, &snapshot.containers);
    findings(&mut page, snapshot, now_ms);
    page.raw("</body></html>\n");
    page.into_string()
}

fn title_suffix(hostname: &str) -> String {
    if hostname.is_empty() {
        String::new()
    } else {
        format!(" on {hostname}")
    }
}

fn header(page: &mut Html, status: &Status, now_ms: i64) {
    page.raw("<header><h1>Picket")
        .text(&title_suffix(&status.hostname))
        .raw("</h1><span class=\"soft\">");
    if status.started_ms == 0 {
        page.text("starting");
    } else {
        page.text(&format!(
            "version {} · Linux {} · up {}",
            status.version,
            status.kernel,
            text::duration(seconds_between(status.started_ms, now_ms))
        ));
    }
    page.raw("</span></header>");
}

fn sensor(page: &mut Html, status: &Status, containers: usize) {
    let attached = status.probes.iter().filter(|probe| probe.attached).count();
    let lost: u64 = status.events_lost.values().sum();
    let events: u64 = status.events.values().sum();
    let suppressed: u64 = status.suppressed.values().sum();
    page.raw("<section class=\"facts card\">");
    let mut fact = |name: &str, value: String, warn: bool| {
        let class = if warn { "warn" } else { "" };
        page.raw("<div><span>")
            .text(name)
            .raw("</span><b class=\"")
            .raw(class)
            .raw("\">")
            .text(&value)
            .raw("</b></div>");
    };
    fact("Containers watched", containers.to_string(), false);
    fact("Findings", status.findings.to_string(), false);
    fact("Not reported", suppressed.to_string(), false);
    fact(
        "Probe hooks attached",
        format!("{attached} of {}", status.probes.len()),
        attached < status.probes.len() || attached == 0,
    );
    fact("Events received", events.to_string(), false);
    fact("Events lost", lost.to_string(), lost > 0);
    page.raw("</section>");

    let detached = status.probes.iter().filter(|probe| !probe.attached);
    let detached = detached.map(|probe| (format!("Hook {}", probe.name), &probe.reason));
    let missing = status.degraded.iter();
    let missing = missing.map(|degraded| (format!("Without {}", degraded.what), &degraded.reason));
    let lost = status.events_lost.iter().filter(|(_, lost)| **lost > 0);
    let losses: Vec<_> = lost
        .map(|(reason, lost)| format!("{reason} {lost}"))
        .collect();
    let losses = losses.join(", ");
    let lost = (!losses.is_empty()).then(|| ("Events lost".to_owned(), &losses));
    let problems: Vec<_> = detached.chain(missing).chain(lost).collect();
    if problems.is_empty() {
        return;
    }
    page.raw("<section class=\"card alarm\"><dl>");
    for (name, reason) in problems {
        entry(page, &name, reason);
    }
    page.raw("</dl></section>");
}

fn containers(page: &mut Html, containers: &[ContainerView]) {
    page.raw("<h2>Containers</h2>");
    if containers.is_empty() {
        page.raw("<p class=\"card soft\">No container is watched. Picket watches model servers as soon as they start; ")
            .raw("the setting <code>watch</code> says which containers are.</p>");
        return;
    }
    page.raw("<div class=\"scroll\"><table><tr><th>State</th><th>Container</th><th>Image</th><th>Phase</th>")
        .raw("<th class=\"number\">Requests</th><th class=\"number\">Findings</th></tr>");
    for container in containers {
        page.raw("<tr><td class=\"wide\">");
        state(page, container);
        page.raw("</td><td>")
            .text(&text::place(
                &container.namespace,
                &container.pod,
                &container.container,
            ))
            .raw("<small>")
            .text(&workload(container))
            .raw("</small></td><td>")
            .text(&container.image)
            .raw("<small>")
            .text(short_digest(&container.image_digest))
            .raw("</small></td><td class=\"short\">")
            .text(&container.phase)
            .raw("</td><td class=\"number\">")
            .text(&container.requests.to_string())
            .raw("</td><td class=\"number\">")
            .text(&container.findings.to_string())
            .raw("</td></tr>");
    }
    page.raw("</table></div>");
}

/// Blind, learning and quiet are different things, and the page says which.
fn state(page: &mut Html, container: &ContainerView) {
    let class = match container.state.as_str() {
        "learning" => "learning",
        "active" => "active",
        "frozen" => "frozen",
        _ => "blind",
    };
    if container.ended_ms > 0 {
        badge(page, "blind", "ended");
        small(page, &text::time(container.ended_ms));
        return;
    }
    badge(page, class, &container.state);
    if class == "learning" {
        let percent = (container.progress.clamp(0.0, 1.0) * 100.0).round();
        page.raw(&format!(
            " <progress max=\"100\" value=\"{percent}\">{percent} %</progress>"
        ));
    }
    small(page, &container.state_reason);
}

fn badge(page: &mut Html, class: &'static str, text: &str) {
    page.raw("<span class=\"badge ")
        .raw(class)
        .raw("\">")
        .text(text)
        .raw("</span>");
}

fn small(page: &mut Html, text: &str) {
    page.raw("<small>").text(text).raw("</small>");
}

fn findings(page: &mut Html, snapshot: &Snapshot, now_ms: i64) {
    page.raw("<h2>Findings</h2>");
    if snapshot.findings.is_empty() {
        let active = snapshot.containers.iter();
        let active = active.filter(|c| c.state == "active" || c.state == "frozen");
        let reason = match active.count() {
            0 => "None. Nothing is compared yet: no container has finished learning.",
            _ => "None since the agent started.",
        };
        page.raw("<p class=\"card soft\">").text(reason).raw("</p>");
        return;
    }
    for finding in snapshot.findings.iter().rev().take(SHOWN) {
        one_finding(page, finding, now_ms);
    }
    let hidden = snapshot.findings.len().saturating_sub(SHOWN);
    if hidden > 0 {
        page.raw("<p class=\"soft\">")
            .text(&format!(
                "{} more in ",
                text::count(hidden as u64, "finding")
            ))
            .raw("<a href=\"/api/v1/findings\">/api/v1/findings</a>.</p>");
    }
}

fn one_finding(page: &mut Html, finding: &FindingView, now_ms: i64) {
    let class = finding.severity().map_or("low", |severity| severity.name());
    page.raw("<article class=\"card finding ")
        .raw(class)
        .raw("\">");
    badge(page, class, &finding.severity);
    page.raw(" <span class=\"soft\">")
        .text(&format!(
            "{} · {} · {} ago · {}",
            finding.class,
            text::place(&finding.namespace, &finding.pod, &finding.container),
            text::duration(seconds_between(finding.time_ms, now_ms)),
            text::time(finding.time_ms)
        ))
        .raw("</span><h3>")
        .text(&finding.title)
        .raw("</h3><dl>");
    entry(page, "Observed", &finding.observed);
    entry(page, "Expected", &finding.expected);
    let processes: Vec<_> = text::tree(finding)
        .into_iter()
        .map(text::process_line)
        .collect();
    if !processes.is_empty() {
        page.raw("<dt>Process</dt><dd><code>")
            .text(&processes.join(" → "))
            .raw("</code></dd>");
    }
    let techniques: Vec<_> = finding
        .techniques
        .iter()
        .map(text::technique_line)
        .collect();
    entry(page, "Technique", &techniques.join(", "));
    entry(page, "Baseline", &text::baseline(&finding.baseline));
    entry(page, "Caution", &text::caution(finding).unwrap_or_default());
    entry(page, "Next", &finding.next_step);
    page.raw("</dl></article>");
}

/// One line of a description list; nothing when there is nothing to say.
fn entry(page: &mut Html, name: &str, value: &str) {
    if !value.is_empty() {
        page.raw("<dt>")
            .text(name)
            .raw("</dt><dd>")
            .text(value)
            .raw("</dd>");
    }
}

fn workload(container: &ContainerView) -> String {
    if container.workload == container.container {
        String::new()
    } else {
        format!("{} {}", container.workload_kind, container.workload)
    }
}

/// Enough of a digest to tell two apart.
fn short_digest(digest: &str) -> &str {
    digest.get(..19).unwrap_or(digest)
}

fn seconds_between(earlier_ms: i64, later_ms: i64) -> u64 {
    u64::try_from(later_ms.saturating_sub(earlier_ms) / 1000).unwrap_or(0)
}
