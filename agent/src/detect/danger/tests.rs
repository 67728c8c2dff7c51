use super::*;
use crate::detect::novelty::MOST_SURPRISE;
use crate::observe::event::Moment;
use crate::observe::fact::{Fact, Marks, ProcessInfo};

#[test]
fn cutoffs_are_where_they_are_documented() {
    for (score, want) in [
        (1.99, None),
        (2.0, Some(Severity::Low)),
        (5.0, Some(Severity::Medium)),
        (8.0, Some(Severity::High)),
        (10.99, Some(Severity::High)),
        (11.0, Some(Severity::Critical)),
        (99.0, Some(Severity::Critical)),
        (f64::NAN, None),
    ] {
        assert_eq!(severity(score), want, "{score}");
    }
}

#[test]
fn what_comes_through_the_runtime_does_not_page() {
    for category in [Category::Shell, Category::Endpoint, Category::Privileged] {
        let low = severity(ceiling(category, Origin::Runtime));
        assert_eq!(low, Some(Severity::Low));
        assert!(ceiling(category, Origin::Server).is_infinite());
    }
    for category in [
        Category::Entrypoint,
        Category::Worker,
        Category::Question,
        Category::FurtherModel,
        Category::TemporaryCode,
        Category::MissingHost,
        Category::Contact,
        Category::Acceptance,
    ] {
        let low = severity(ceiling(category, Origin::Server));
        assert_eq!(low, Some(Severity::Low));
    }
    let medium = severity(ceiling(Category::ModelWrite, Origin::Runtime));
    assert_eq!(medium, Some(Severity::Medium));
}

pub(super) fn sighting(family: Family, origin: Origin, value: &str) -> Sighting {
    Sighting {
        at: Moment(0),
        phase: Phase::Serve,
        fact: Fact {
            family,
            origin,
            value: value.to_owned(),
        },
        raw: value.to_owned(),
        process: ProcessInfo::default(),
        ancestry: Vec::new(),
        marks: Marks::default(),
    }
}

#[test]
fn what_is_not_there_weighs_less_than_what_is() {
    let unix = |escape_path, unanswered| {
        let mut unix = sighting(Family::UnixSocket, Origin::Server, "connect /run/x");
        (unix.marks.escape_path, unix.marks.unanswered) = (escape_path, unanswered);
        categorise(&unix, |_| false)
    };
    assert_eq!(unix(false, false), Some(Category::UnixSocket));
    assert_eq!(unix(false, true), None);
    assert_eq!(unix(true, false), Some(Category::EscapePath));
    assert_eq!(unix(true, true), Some(Category::EscapeAttempt));
    let bound = sighting(Family::UnixSocket, Origin::Server, "bind /run/x");
    assert_eq!(categorise(&bound, |_| false), Some(Category::OwnSocket));
    let mut scratch = sighting(Family::UnixSocket, Origin::Server, "connect /tmp/x");
    scratch.marks.scratch = true;
    assert_eq!(categorise(&scratch, |_| false), Some(Category::OwnSocket));
    scratch.marks.escape_path = true;
    assert_eq!(categorise(&scratch, |_| false), Some(Category::EscapePath));
    let attempt = |secret_file, escape_path| {
        let mut attempt = sighting(Family::FileAttempt, Origin::Server, "open /x ENOENT");
        (attempt.marks.secret_file, attempt.marks.escape_path) = (secret_file, escape_path);
        categorise(&attempt, |_| false)
    };
    assert_eq!(attempt(true, false), Some(Category::SecretAttempt));
    assert_eq!(attempt(true, true), Some(Category::EscapeAttempt));
    assert_eq!(attempt(false, false), None);
}

#[test]
fn a_program_that_gets_its_owners_rights_is_no_small_matter() {
    let category = |value| {
        let change = sighting(Family::FileChange, Origin::Server, value);
        categorise(&change, |_| false)
    };
    for value in ["chmod +x u+s /tmp/.x", "chmod u+s g+s /srv/x -> /srv/y"] {
        assert_eq!(category(value), Some(Category::OwnersRights), "{value}");
    }
    for value in ["chmod +x /tmp/u+s", "chmod +x g+s /srv", "rename u+s /x"] {
        assert_ne!(category(value), Some(Category::OwnersRights), "{value}");
    }
    assert!(Category::OwnersRights.takes_over());
}

#[test]
fn what_a_broken_download_leaves_may_go_and_no_model_may() {
    let category = |change| {
        let mut change = sighting(Family::FileChange, Origin::Server, change);
        change.marks.model_file = true;
        categorise(&change, |_| false)
    };
    for part in [
        "unlink /models/tmp35we5zku",
        "unlink /models/.m.onnx.Xy12ab",
    ] {
        assert_eq!(category(part), Some(Category::FileChange), "{part}");
    }
    for change in [
        "unlink /models/model.joblib",
        "unlink /models/llama.int8q4",
        "unlink /models/model-00001-of-00002.safetensors",
        "rename /models/tmp35we5zku -> /models/model.joblib",
        "truncate /models/tmp35we5zku",
    ] {
        assert_eq!(category(change), Some(Category::ModelWrite), "{change}");
    }
}

#[test]
fn small_matters_stay_low_however_surprising() {
    for category in [
        Category::FileWrite,
        Category::FileChange,
        Category::FurtherModel,
        Category::ScratchWrite,
        Category::TemporaryCode,
        Category::Entrypoint,
        Category::Worker,
        Category::Question,
        Category::IoUring,
        Category::Loopback,
        Category::OwnSocket,
        Category::ReverseName,
        Category::Syscall,
    ] {
        let most = category.profile().danger + MOST_SURPRISE;
        assert_eq!(severity(most), Some(Severity::Low), "{category:?}");
    }
}

#[test]
fn what_keeps_nothing_and_what_has_no_certain_doer_is_no_finding() {
    for (family, origin, value, reportable) in [
        (Family::FileWrite, Origin::Server, "/dev/null", false),
        (Family::FileWrite, Origin::Server, "/dev/pts/*", false),
        (Family::FileWrite, Origin::Server, "/dev/sda", true),
        (Family::DnsName, Origin::Server, "*.in-addr.arpa", true),
        (Family::Syscall, Origin::Server, "acct", true),
        (Family::Syscall, Origin::Runtime, "acct", false),
        (Family::IoUring, Origin::Server, "openat", true),
        (Family::IoUring, Origin::Server, "epoll_ctl", false),
        (Family::IoUring, Origin::Runtime, "openat", false),
    ] {
        let category = categorise(&sighting(family, origin, value), |name| name == "epoll_ctl");
        assert_eq!(category.is_some(), reportable, "{family:?} {value}");
    }
}

#[test]
fn code_in_a_temporary_folder_is_more_than_a_temporary_file() {
    for (family, value, expected) in [
        (Family::FileWrite, "/tmp/stage.py", Category::TemporaryCode),
        (Family::FileWrite, "/tmp/upload", Category::ScratchWrite),
        (
            Family::FileChange,
            "rename /tmp/part -> /tmp/a.so",
            Category::TemporaryCode,
        ),
        (
            Family::FileChange,
            "unlink /tmp/a.so",
            Category::ScratchWrite,
        ),
    ] {
        let mut sighting = sighting(family, Origin::Server, value);
        sighting.marks.scratch = true;
        assert_eq!(categorise(&sighting, |_| false), Some(expected), "{value}");
    }
}

#[test]
fn a_setting_of_the_system_is_more_than_another_file_and_less_than_code() {
    let category = |family, raw: &str| {
        let sighting = sighting(family, Origin::Server, raw);
        categorise(&sighting, |_| false)
    };
    let setting = Some(Category::SettingWrite);
    assert_eq!(category(Family::FileWrite, "/etc/hosts.new"), setting);
    let put = "rename /srv/x -> /etc/resolv.conf";
    assert_eq!(category(Family::FileChange, put), setting);
    let other = category(Family::FileWrite, "/srv/etc/hosts");
    assert_eq!(other, Some(Category::FileWrite));
}
