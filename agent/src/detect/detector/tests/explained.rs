//! What a finding says was expected, and what a wildcard vouches for.

use super::*;

#[test]
fn a_wildcard_of_one_name_vouches_for_no_other_where_that_is_dangerous() {
    let unpacked = |name: &str| {
        let mut sight = sight(
            Family::Executable,
            "/root/.cache/server/workspace_*/server <- /usr/bin/python3.11",
        );
        sight.0.process.exe = format!("/root/.cache/server/workspace_{name}/server");
        sight
    };
    let mut bench = Bench::new();
    for name in ["k2x81ab_", "k2x81ab_"] {
        bench.see(unpacked(name));
    }
    bench.quiet(40);
    assert_eq!(bench.see(unpacked("k2x81ab_")), Outcome::default());
    let finding = bench.see(unpacked("q7zz01m_")).finding.unwrap();
    assert!(
        finding.expected.contains("of names like it one was seen"),
        "{}",
        finding.expected
    );
    assert_eq!(bench.baseline.awaiting().len(), 1, "it can be approved");

    let mut bench = Bench::new();
    for name in ["k2x81ab_", "q7zz01m_"] {
        bench.see(unpacked(name));
    }
    bench.quiet(40);
    assert_eq!(bench.see(unpacked("p3abcd9_")), Outcome::default());
}

#[test]
fn what_was_expected_is_said_with_its_bound() {
    let mut bench = Bench::learned();
    bench.quiet(260);
    let finding = bench.see(shell()).finding.unwrap();
    for part in [
        "the one executable seen was another in the serve phase in 300 windows",
        "by these windows alone, at most 0.99 % bring a new one (95 % confidence)",
    ] {
        assert!(finding.expected.contains(part), "{}", finding.expected);
    }
}
