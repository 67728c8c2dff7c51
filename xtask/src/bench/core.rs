//! The pure core by itself, on one processor.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::spread::Spread;
use crate::cargo::bench_agent;

/// What the section of the page begins with; it goes on to the next heading of its rank.
pub const HEADING: &str = "## The core by itself";

/// What was measured.
#[derive(Debug, Serialize)]
pub struct Core {
    /// Repeated events of known facts, taken per second of CPU time.
    pub core_events_per_second: Spread,
    /// The same, where one in a hundred brings news.
    pub core_events_with_news_per_second: Spread,
    /// Windows taken and judged per second of CPU time.
    pub core_windows_per_second: Spread,
    /// One window of 250 containers, milliseconds of CPU time.
    pub core_pass_250_containers_ms: Spread,
    /// Memory of a container: its observer, its baseline, what the detectors remember.
    pub core_container_bytes: Spread,
}

/// The values of each round, as the benchmark program prints them.
#[derive(Debug, Deserialize)]
struct Printed {
    core_events_per_second: Vec<f64>,
    core_events_with_news_per_second: Vec<f64>,
    core_windows_per_second: Vec<f64>,
    core_pass_250_containers_ms: Vec<f64>,
    core_container_bytes: Vec<f64>,
}

/// Measures it.
///
/// # Errors
/// When the benchmark program cannot be built, or fails.
pub fn measure() -> Result<Core> {
    let text = bench_agent("core")?;
    let printed: Printed = serde_json::from_str(text.trim())
        .with_context(|| format!("the benchmark printed {text:?}"))?;
    let spread = |values: Vec<f64>| Spread::of(values).context("no round");
    Ok(Core {
        core_events_per_second: spread(printed.core_events_per_second)?,
        core_events_with_news_per_second: spread(printed.core_events_with_news_per_second)?,
        core_windows_per_second: spread(printed.core_windows_per_second)?,
        core_pass_250_containers_ms: spread(printed.core_pass_250_containers_ms)?,
        core_container_bytes: spread(printed.core_container_bytes)?,
    })
}

/// The page with this section in the place of the one it has, or at its end.
pub fn put_section(page: &str, section: &str) -> String {
    match split(page) {
        Some((before, _, after)) => format!("{before}{section}{after}"),
        None => format!("{}\n\n{section}", page.trim_end()),
    }
}

/// A new page with the section that the page before it had.
pub fn keep_section(before: &str, page: &str) -> String {
    match split(before) {
        Some((_, section, _)) => put_section(page, section.trim_end()) + "\n",
        None => page.to_owned(),
    }
}

/// What comes before the section, the section, and what comes after it.
fn split(page: &str) -> Option<(&str, &str, &str)> {
    let begins = page.find(HEADING)?;
    let (before, rest) = page.split_at(begins);
    let ends = rest
        .match_indices("\n## ")
        .next()
        .map_or(rest.len(), |(at, _)| at + 1);
    let (section, after) = rest.split_at(ends);
    Some((before, section, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_takes_its_own_place_and_is_kept() {
        let section = format!("{HEADING}\n\nnew\n");
        assert_eq!(
            put_section("# Page\n", &section),
            format!("# Page\n\n{section}")
        );
        let page = format!("# Page\n\n{HEADING}\n\nold\n\n## Next\n\nrest\n");
        let replaced = put_section(&page, &format!("{section}\n"));
        assert_eq!(replaced, page.replace("old", "new"));
        assert_eq!(
            keep_section(&replaced, "# Other\n"),
            format!("# Other\n\n{section}")
        );
        assert_eq!(keep_section("# Page\n", "# Other\n"), "# Other\n");
    }
}
