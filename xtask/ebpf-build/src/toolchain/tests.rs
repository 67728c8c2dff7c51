#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use proptest::prelude::*;

use super::*;

fn usable(name: &str) -> Candidate {
    Candidate {
        name: name.to_owned(),
        asked_for: false,
        root: PathBuf::from("/toolchains").join(name),
        sysroot: PathBuf::from("/toolchains").join(name),
        compiler: Some(Compiler {
            release: (1, 97),
            llvm: LLVM,
        }),
        has_cargo: true,
        has_source: true,
    }
}

#[test]
fn reads_what_a_compiler_says_about_itself() {
    let text = "rustc 1.97.0-nightly (e50aa6fba 2026-05-19)\nbinary: rustc\nrelease: 1.97.0-nightly\n\
                LLVM version: 22.1.4\n";
    let compiler = Compiler {
        release: (1, 97),
        llvm: 22,
    };
    assert_eq!(Compiler::parse(text), Some(compiler));
    assert_eq!(Compiler::parse("gcc version 12"), None);
}

#[test]
fn a_nightly_with_sources_is_taken_first() {
    let chosen = choose(vec![usable("nightly"), usable("debian")]).unwrap();
    assert_eq!(chosen.name, "nightly");
}

#[test]
fn a_nightly_without_sources_gives_way_to_the_distribution() {
    let nightly = Candidate {
        has_source: false,
        ..usable("nightly")
    };
    let chosen = choose(vec![nightly, usable("debian")]).unwrap();
    assert_eq!(chosen.name, "debian");
}

#[test]
fn each_obstacle_is_named() {
    let broken = |change: fn(&mut Candidate)| {
        let mut candidate = usable("it");
        change(&mut candidate);
        candidate.obstacle()
    };
    assert_eq!(broken(|_| ()), None);
    assert_eq!(broken(|it| it.compiler = None), Some(Obstacle::DoesNotRun));
    assert_eq!(broken(|it| it.has_cargo = false), Some(Obstacle::NoCargo));
    assert_eq!(broken(|it| it.has_source = false), Some(Obstacle::NoSource));
    let compiler = |release, llvm| Some(Compiler { release, llvm });
    let old = Candidate {
        compiler: compiler((1, 85), 19),
        ..usable("it")
    };
    assert_eq!(old.obstacle(), Some(Obstacle::TooOld((1, 85))));
    let new = Candidate {
        compiler: compiler((1, 120), LLVM + 1),
        ..usable("it")
    };
    assert_eq!(new.obstacle(), Some(Obstacle::OtherLlvm(LLVM + 1)));
}

#[test]
fn who_names_a_toolchain_may_have_a_linker_for_its_llvm() {
    let candidate = Candidate {
        asked_for: true,
        compiler: Some(Compiler {
            release: (1, 120),
            llvm: LLVM + 1,
        }),
        ..usable("mine")
    };
    assert_eq!(choose(vec![candidate]).unwrap().name, "mine");
}

#[test]
fn the_error_names_every_toolchain_and_the_commands_of_both_worlds() {
    let stable = Candidate {
        has_source: false,
        ..usable("rustup toolchain stable")
    };
    let message = choose(vec![stable]).unwrap_err().to_string();
    for part in [
        "rustup toolchain stable: it lacks the sources",
        "rustup toolchain install nightly --component rust-src",
        "rustup component add rust-src",
        "apt-get install -y --no-install-recommends rustc-web cargo-web rust-web-src",
        TOOLCHAIN_VARIABLE,
    ] {
        assert!(message.contains(part), "{part:?} is not in:\n{message}");
    }
    let message = choose(Vec::new()).unwrap_err().to_string();
    assert!(message.contains("none was found"), "{message}");
}

#[test]
fn knows_rustups_short_names() {
    let full = |channel: &str| format!("{channel}-{}-unknown-linux-gnu", env::consts::ARCH);
    assert!(is_short_for("nightly", &full("nightly")));
    assert!(is_short_for(&full("nightly"), &full("nightly")));
    assert!(is_short_for("linked", "linked"));
    assert!(!is_short_for("nightly", &full("nightly-2026-05-20")));
    assert!(!is_short_for("night", &full("nightly")));
}

#[test]
fn an_empty_directory_is_inspected_without_harm() {
    let dir = tempfile::tempdir().unwrap();
    let candidate = Candidate::inspect("empty", dir.path());
    assert_eq!(candidate.obstacle(), Some(Obstacle::DoesNotRun));
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in ".*") {
        let _ = Compiler::parse(&text);
    }

    #[test]
    fn any_version_is_read_back(major in 0u32..100, minor in 0u32..1000, llvm in 0u32..1000) {
        let text = format!("release: {major}.{minor}.0-beta.3\nLLVM version: {llvm}.1.0\n");
        let compiler = Compiler { release: (major, minor), llvm };
        prop_assert_eq!(Compiler::parse(&text), Some(compiler));
    }
}
