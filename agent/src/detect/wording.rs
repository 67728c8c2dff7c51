//! Sentences of findings: what a person reads first, at night.

use super::danger::Category;
use super::never_learn::Kind;
use crate::baseline::exposure::{Clock, Exposure, Totals};
use crate::baseline::facts::Seen;
use crate::baseline::model::{Baseline, FamilyBaseline};
use crate::baseline::neighbours::judge_of;
use crate::baseline::quantity::{counted, duration};
use crate::observe::container::ACCEPTED_AT;
use crate::observe::event::Access;
use crate::observe::fact::{Family, Phase, ProcessInfo, Sighting};
use crate::observe::path;

/// Longest quotation of what a workload chose itself: paths, arguments, names.
const LONGEST: usize = 200;

/// One line of bounded length: control characters become `?`, since the workload chose the text.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut out: String = text
        .chars()
        .take(LONGEST)
        .map(|c| if c.is_control() { '?' } else { c })
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        out.push('…');
    }
    out
}

fn base_name(path: &str) -> &str {
    path.rsplit('/')
        .find(|part| !part.is_empty())
        .unwrap_or(path)
}

/// The process's name: its executable, or its thread's name where that is not known.
#[must_use]
pub fn subject(process: &ProcessInfo) -> String {
    let name = match (process.exe.as_str(), process.comm.as_str()) {
        ("", "") => "a process",
        ("", comm) => comm,
        (exe, _) => base_name(exe),
    };
    quoted(name)
}

/// Who started the program of an executable fact, `/bin/sh -c <- /usr/bin/python3.11`.
fn starter(sighting: &Sighting) -> String {
    let parent = sighting
        .fact
        .value
        .rsplit_once(" <- ")
        .map(|(_, parent)| parent);
    let parent = parent.and_then(|p| p.split(' ').next()).unwrap_or_default();
    match parent {
        "" => "something".to_owned(),
        parent => quoted(base_name(parent)),
    }
}

/// The title of a novelty.
#[must_use]
pub fn novelty_title(category: Category, sighting: &Sighting) -> String {
    let raw = quoted(&sighting.raw);
    let who = subject(&sighting.process);
    let is_change = sighting.fact.family == Family::FileChange;
    match category {
        Category::Shell => format!("{} started a shell: {raw}", starter(sighting)),
        Category::Entrypoint => format!("the container was started with a new command: {raw}"),
        Category::Worker => format!("{} started a worker: {raw}", starter(sighting)),
        Category::Question if sighting.fact.family == Family::FileAttempt => {
            format!("{who} looked in vain for a program that libraries ask: {raw}")
        }
        Category::Question => format!(
            "{} asked a program about the machine, as libraries do: {raw}",
            starter(sighting)
        ),
        Category::OwnScript => format!(
            "{} began to run a script of the image: {raw}",
            starter(sighting)
        ),
        Category::Executable => format!(
            "{} started a program that is new here: {raw}",
            starter(sighting)
        ),
        Category::Dropped => {
            format!(
                "{} started a program from a scratch place: {raw}",
                starter(sighting)
            )
        }
        Category::Endpoint => format!("{who} contacted {raw}, a peer this workload never had"),
        Category::Loopback if sighting.fact.family == Family::Listener => {
            format!("{who} began to listen on {raw} inside the container, which is new")
        }
        Category::Loopback => format!("{who} contacted {raw} inside the container, which is new"),
        Category::Listener => format!("{who} began to listen on {raw}, which is new"),
        Category::ModelWrite if is_change => format!("{who} changed a model file: {raw}"),
        Category::ModelWrite => format!("{who} opened the model file {raw} for writing"),
        Category::FurtherModel => format!("{who} put a model beside those that are known: {raw}"),
        Category::ModelRead => format!("{who} opened the model file {raw} again while serving"),
        Category::CodeWrite if is_change => {
            format!("{who} changed what other programs run: {raw}")
        }
        Category::CodeWrite => format!("{who} wrote {raw}, which other programs run"),
        Category::OwnersRights => {
            format!("{who} had a program run with its owner's rights from now on: {raw}")
        }
        Category::SecretRead => format!("{who} read the credentials in {raw}"),
        Category::SecretWrite if is_change => {
            format!("{who} changed a credentials file: {raw}")
        }
        Category::SecretWrite => format!("{who} wrote the credentials file {raw}"),
        Category::FileWrite => format!("{who} wrote {raw}, which is new"),
        Category::SettingWrite if is_change => {
            format!("{who} changed a setting of the system: {raw}")
        }
        Category::SettingWrite => format!("{who} wrote the system's setting {raw}"),
        Category::ScratchWrite if is_change => {
            format!("{who} changed a temporary file in a new way: {raw}")
        }
        Category::ScratchWrite => format!("{who} wrote the temporary file {raw}, of a new kind"),
        Category::TemporaryCode if is_change => {
            format!("{who} changed what is code in a temporary folder: {raw}")
        }
        Category::TemporaryCode => format!("{who} wrote code into a temporary folder: {raw}"),
        Category::Privileged => format!("{who} made a privileged call: {raw}"),
        Category::SecretAttempt => format!("{who} looked for credentials and got none: {raw}"),
        Category::EscapeAttempt => {
            format!("{who} tried in vain what leads out of the container: {raw}")
        }
        Category::EscapePath => format!("{who} used what leads out of the container: {raw}"),
        Category::FailedExec => format!("{who} asked for a program that it could not run: {raw}"),
        Category::ForeignCode => format!("{who} loaded code that is not from its image: {raw}"),
        Category::Device => format!("{who} opened {raw}, which it never used"),
        Category::RawSocket => format!("{who} asked for a socket that servers do not use: {raw}"),
        Category::UnixSocket | Category::OwnSocket => {
            format!("{who} used a UNIX socket that is new: {raw}")
        }
        Category::DnsName => {
            format!("{who} asked DNS for {raw}, a name this workload never asked for")
        }
        Category::ReverseName => {
            format!("{who} asked DNS for the name of an address, which is new: {raw}")
        }
        Category::MissingHost => {
            format!("{who} asked DNS for a host that does not exist: {raw}")
        }
        Category::TlsName => format!("{who} asked for {raw} in TLS, which is new"),
        Category::Contact => format!("a known peer was contacted in a new way: {raw}"),
        Category::Acceptance => {
            let raw = raw.strip_prefix(ACCEPTED_AT).unwrap_or(&raw);
            format!("connections to a known port were taken in a new way: {raw}")
        }
        Category::FileChange => format!("{who} changed a file: {raw}"),
        Category::Overwrite => {
            let path = raw.strip_prefix("overwrite ").unwrap_or(&raw);
            format!("{who} opened a file that is only added to, to write over it: {path}")
        }
        Category::IoUring => format!(
            "the io_uring operation {} was used for the first time",
            quoted(&sighting.fact.value)
        ),
        Category::Syscall => format!(
            "the system call {} was made for the first time",
            quoted(&sighting.fact.value)
        ),
    }
}

/// The title of a never-learnable fact.
#[must_use]
pub fn never_learn_title(kind: Kind, sighting: &Sighting) -> String {
    let raw = quoted(&sighting.raw);
    let who = subject(&sighting.process);
    match kind {
        Kind::MetadataAddress => format!("{who} contacted the cloud metadata service at {raw}"),
        Kind::PreloadWrite => format!("{who} opened {raw} for writing"),
        Kind::ServiceAccountToken => format!("{who} read the service account token {raw}"),
        Kind::SocketOnStdio => {
            format!("{who} put a socket in place of its standard streams: {raw}")
        }
        Kind::FilelessExec => format!(
            "{} ran a program that has no file: {raw}",
            starter(sighting)
        ),
        Kind::PrivilegedCall => format!("{who} made a privileged call: {raw}"),
    }
}

/// What was observed, raw: the thing and the process behind it, where one is known.
#[must_use]
pub fn observed(sighting: &Sighting) -> String {
    let ProcessInfo { pid, exe, argv, .. } = &sighting.process;
    let raw = &sighting.raw;
    match (sighting.fact.family, argv.join(" ")) {
        _ if *pid == 0 => raw.clone(),
        (Family::Executable, _) => format!("{raw} as {exe} (pid {pid})"),
        (_, argv) if argv.is_empty() => {
            format!("{raw} by {} (pid {pid})", subject(&sighting.process))
        }
        (_, argv) => format!("{raw} by {argv} (pid {pid})"),
    }
}

const fn noun(family: Family) -> &'static str {
    match family {
        Family::Executable => "executable",
        Family::FileRead => "read file",
        Family::FileWrite => "written file",
        Family::Endpoint => "endpoint",
        Family::Contact => "way to contact a peer",
        Family::Listener => "listener",
        Family::Syscall => "system call",
        Family::Privileged => "privileged operation",
        Family::FileChange => "changed file",
        Family::FileAttempt => "failed attempt",
        Family::CodeMap => "file mapped as code",
        Family::Device => "device",
        Family::Socket => "kind of socket",
        Family::UnixSocket => "UNIX socket",
        Family::Outcome => "outcome of connecting",
        Family::DnsName => "DNS name",
        Family::TlsName => "TLS server name",
        Family::IoUring => "io_uring operation",
        Family::Sequence => "call sequence",
        Family::Exit => "end of a program",
    }
}

/// How much was observed: `840 windows (1 h 10 min, 5,230 requests) on 2 replicas`.
#[must_use]
pub fn evidence(totals: &Totals) -> String {
    format!(
        "{} ({}, {}) on {}",
        counted(totals.windows, "window"),
        duration(totals.seconds),
        counted(totals.requests, "request"),
        counted(totals.replicas, "replica"),
    )
}

/// What was expected instead of a novelty, with the evidence for it.
#[must_use]
pub fn novelty_expected(
    baseline: &Baseline,
    sighting: &Sighting,
    elsewhere: Option<Phase>,
) -> String {
    let (phase, family) = (judge_of(sighting.phase), sighting.fact.family);
    let noun = noun(family);
    let learned = baseline.family(phase, family);
    let known = learned.map_or(0, |f| f.facts.len() as u64);
    let exposure = baseline.phases.get(&phase).map(|p| &p.exposure);
    let totals = exposure.map(|e| e.totals()).unwrap_or_default();
    let mut text = match known {
        0 => format!("no {noun} at all was seen"),
        1 => format!("the one {noun} seen was another"),
        n => format!("none of {} seen was this one", counted(n, noun)),
    };
    text += &format!(" in the {} phase in {}", phase.name(), evidence(&totals));
    if known > 0 {
        let quiet_s = exposure
            .zip(learned)
            .map_or(0, |(e, f)| e.seconds_since(f.last_new()));
        text += &format!(
            "; last new {noun} {} of observation earlier",
            duration(quiet_s)
        );
    }
    if let Some(most) = exposure.and_then(|e| most_often(e, learned)) {
        text +=
            &format!("; by these windows alone, at most {most} bring a new one (95 % confidence)");
    }
    let alike = learned.and_then(|learned| learned.facts.get(&sighting.fact));
    if alike.is_some_and(Seen::is_narrow) {
        text += "; of names like it one was seen, which was another";
    }
    let compared = compared(sighting);
    if !compared.is_empty() {
        text += "; ";
        text += &compared;
    }
    if let Some(other) = elsewhere {
        text += &format!("; it is known from the {} phase", other.name());
    }
    text
}

/// The share of windows that bring something new, at most: where `n` windows brought nothing, the share `p` for which
/// that had a chance of 5 %, `(1 - p)^n = 0.05` (the exact form of the rule of three). `None` without such windows.
fn most_often(exposure: &Exposure, learned: Option<&FamilyBaseline>) -> Option<String> {
    let never = Clock::default();
    let last_new = learned.map_or(&never, FamilyBaseline::last_new);
    let quiet = exposure.clean_windows_since(last_new);
    (quiet >= 1.0).then(|| {
        let percent = 100.0 * (1.0 - 0.05_f64.powf(1.0 / quiet));
        if percent >= 1.0 {
            format!("{percent:.0} %")
        } else {
            format!("{percent:.2} %")
        }
    })
}

/// In what form a sighting was compared, where that is not its raw one, and why:
/// `compared as /tmp/x*, as x17 is a number that changes`. Empty when nothing was replaced.
#[must_use]
pub fn compared(sighting: &Sighting) -> String {
    let (fact, raw) = (&sighting.fact, &sighting.raw);
    if !fact.value.contains('*') {
        return String::new();
    }
    let path = match fact.family {
        Family::Executable => Some((sighting.process.exe.as_str(), Access::Write)),
        Family::FileRead => Some((raw.as_str(), Access::Read)),
        Family::FileWrite | Family::CodeMap => Some((raw.as_str(), Access::Write)),
        _ => None,
    };
    let reasons = path.map_or_else(Vec::new, |(path, access)| path::replaced(path, access));
    let mut text = format!("compared as {}", quoted(&fact.value));
    if !reasons.is_empty() {
        text += &format!(", as {}", quoted(&reasons.join(" and ")));
    }
    text
}

/// `12 times`, `a third of`: a factor given as its logarithm.
#[must_use]
pub fn times(nats: f64) -> String {
    let factor = nats.abs().exp();
    let number = if factor >= 9.95 {
        format!("{factor:.0}")
    } else {
        format!("{factor:.1}")
    };
    if nats < 0.0 {
        format!("1/{number} of")
    } else {
        format!("{number} times")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::detector::testing::sight;

    #[test]
    fn titles_name_who_did_what() {
        let mut shell = sight(
            Family::Executable,
            "/usr/bin/dash -c <- /usr/bin/python3.11 -m uvicorn",
        )
        .0;
        shell.raw = "sh -c id".into();
        assert_eq!(
            novelty_title(Category::Shell, &shell),
            "python3.11 started a shell: sh -c id"
        );
        let peer = sight(Family::Endpoint, "tcp 203.0.113.9:443").0;
        assert_eq!(
            novelty_title(Category::Endpoint, &peer),
            "python3.11 contacted tcp 203.0.113.9:443, a peer this workload never had"
        );
    }

    #[test]
    fn a_change_of_a_file_is_not_called_an_opening() {
        let value = "unlink /models/m.onnx";
        let change = sight(Family::FileChange, value).0;
        for category in [
            Category::ModelWrite,
            Category::CodeWrite,
            Category::SecretWrite,
            Category::ScratchWrite,
            Category::TemporaryCode,
            Category::FileChange,
        ] {
            let title = novelty_title(category, &change);
            assert!(title.contains(" changed "), "{title}");
            assert!(title.ends_with(value), "{title}");
        }
        let write = sight(Family::FileWrite, "/models/m.onnx").0;
        assert_eq!(
            novelty_title(Category::ModelWrite, &write),
            "python3.11 opened the model file /models/m.onnx for writing"
        );
    }

    #[test]
    fn what_was_observed_names_the_process_once() {
        let mut peer = sight(Family::Endpoint, "tcp 203.0.113.9:443").0;
        let text = |s: &Sighting| observed(s);
        assert_eq!(text(&peer), "tcp 203.0.113.9:443 by python3.11 (pid 42)");
        peer.process.argv = vec!["python3".into(), "app.py".into()];
        assert_eq!(
            text(&peer),
            "tcp 203.0.113.9:443 by python3 app.py (pid 42)"
        );
        peer.process.pid = 0;
        assert_eq!(text(&peer), "tcp 203.0.113.9:443");
    }

    #[test]
    fn what_a_workload_chose_stays_one_bounded_line() {
        let text = quoted(&format!("a\nb\u{1b}[31m{}", "x".repeat(1000)));
        assert!(text.starts_with("a?b?[31mxx") && text.ends_with('…'));
        assert_eq!(text.chars().count(), LONGEST + 1);
    }

    #[test]
    fn what_was_replaced_before_comparing_is_said() {
        let mut write = sight(Family::FileWrite, "/tmp/x*.so").0;
        write.raw = "/tmp/x1234.so".into();
        assert_eq!(
            compared(&write),
            "compared as /tmp/x*.so, as x1234.so is a number that changes"
        );
        assert_eq!(compared(&sight(Family::FileWrite, "/srv/x").0), "");
    }

    #[test]
    fn factors_read_both_ways() {
        assert_eq!(times(12_f64.ln()), "12 times");
        assert_eq!(times(1.5_f64.ln()), "1.5 times");
        assert_eq!(times(-(4_f64.ln())), "1/4.0 of");
    }
}
