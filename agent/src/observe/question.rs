//! Questions about the machine: commands of which nothing comes but an answer, by their very words.
//!
//! Libraries ask such questions, often only at a first request or when a report on the environment is wanted: Python's
//! `platform.processor` and `ctypes.util.find_library` (Lib/platform.py, Lib/ctypes/util.py), loky and joblib
//! (`loky/backend/context.py`), `distro`, and what PyTorch and vLLM collect for a bug report (`torch/utils/collect_env.py`).
//! Many put them to a shell, which makes no difference where the whole line is one question.

/// What is asked of which program, with the very arguments.
const KNOWN: [(&str, &[&str]); 8] = [
    ("uname", &["-p"]),
    ("ldconfig", &["-p"]),
    ("lscpu", &[]),
    ("lscpu", &["--parse=core"]),
    ("lscpu", &["-p=core"]),
    ("lsb_release", &["-a"]),
    ("nvidia-smi", &[]),
    ("nvidia-smi", &["-L"]),
];

/// What any program of a system may be asked, alone.
const OF_ANY: &str = "--version";

/// What Python's `-m pip` may be asked, and the options that the questions may have.
const OF_PIP: [&str; 2] = ["list", "freeze"];
const OPTIONS_OF_PIP: [&str; 2] = ["--format=freeze", "--disable-pip-version-check"];

/// Options with which distributions start programs that are written in Python: they only keep foreign code out.
const SHEBANG_OPTIONS: &str = "EIPsS";

/// Where programs of a system are.
const SYSTEM_PROGRAMS: [&str; 6] = [
    "/bin",
    "/sbin",
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
];

/// The name of a system's program.
#[must_use]
pub fn system_program(path: &str) -> Option<&str> {
    let (folder, name) = path.rsplit_once('/')?;
    SYSTEM_PROGRAMS.contains(&folder).then_some(name)
}

/// The question that a program start is, in its words without the program: `-p`, or for a shell `-c uname -p`. `None` where
/// it is anything else or may be. `shell` says whether the executable is one.
#[must_use]
pub fn asked(exe: &str, argv: &[String], shell: bool) -> Option<String> {
    let name = system_program(exe)?;
    let arguments: Vec<&str> = argv.get(1..)?.iter().map(String::as_str).collect();
    let is_question = match arguments.as_slice() {
        ["-c", line] if shell => is_line(line),
        [script, rest @ ..] if script.starts_with('/') => {
            system_program(script).is_some_and(|script| is_known(script, rest))
        }
        [options, script, rest @ ..] if is_python(name) && is_shebang(options) => {
            system_program(script).is_some_and(|script| is_known(script, rest))
        }
        rest => is_known(name, rest),
    };
    is_question.then(|| arguments.join(" "))
}

fn is_known(name: &str, arguments: &[&str]) -> bool {
    match arguments {
        [OF_ANY] => true,
        ["-m", "pip", what, options @ ..] | ["-mpip", what, options @ ..] => {
            is_python(name)
                && OF_PIP.contains(what)
                && options.iter().all(|it| OPTIONS_OF_PIP.contains(it))
        }
        _ => KNOWN.contains(&(name, arguments)),
    }
}

/// Whether a shell's line is one question: words with a blank between two, without anything that a shell would make
/// something else of.
fn is_line(line: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._=-".contains(c);
    let mut words = line.split(' ');
    let program = words.next().unwrap_or_default();
    // An assignment is no program.
    let name = match program.contains('/') {
        true => system_program(program),
        false => (!program.contains('=')).then_some(program),
    };
    let arguments: Vec<&str> = words.collect();
    line.chars().all(|c| is_plain(c) || c == ' ')
        && name.is_some_and(|name| !name.is_empty() && is_known(name, &arguments))
}

fn is_python(name: &str) -> bool {
    name.strip_prefix("python")
        .is_some_and(|version| version.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

fn is_shebang(options: &str) -> bool {
    options.strip_prefix('-').is_some_and(|letters| {
        !letters.is_empty() && letters.chars().all(|c| SHEBANG_OPTIONS.contains(c))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(exe: &str, arguments: &[&str], shell: bool) -> Option<String> {
        let called = std::iter::once(&exe).chain(arguments);
        let argv: Vec<String> = called.map(|&it| it.to_owned()).collect();
        asked(exe, &argv, shell)
    }

    #[test]
    fn questions_are_known_by_their_very_words() {
        for (exe, arguments, expected) in [
            ("/usr/bin/uname", &["-p"][..], "-p"),
            ("/sbin/ldconfig", &["-p"], "-p"),
            ("/usr/bin/lscpu", &[], ""),
            (
                "/usr/bin/x86_64-linux-gnu-gcc-12",
                &["--version"],
                "--version",
            ),
            (
                "/usr/bin/dash",
                &["/usr/bin/lsb_release", "-a"],
                "/usr/bin/lsb_release -a",
            ),
            (
                "/usr/bin/python3.12",
                &["-Es", "/usr/bin/lsb_release", "-a"],
                "-Es /usr/bin/lsb_release -a",
            ),
            (
                "/usr/bin/python3.11",
                &["-mpip", "list", "--format=freeze"],
                "-mpip list --format=freeze",
            ),
            (
                "/usr/local/bin/python3",
                &["-m", "pip", "freeze"],
                "-m pip freeze",
            ),
        ] {
            let shell = exe.ends_with("sh");
            assert_eq!(
                of(exe, arguments, shell).as_deref(),
                Some(expected),
                "{exe}"
            );
        }
        for (exe, arguments) in [
            ("/usr/bin/uname", &["-a"][..]),
            ("/usr/bin/uname", &["-p", "-a"]),
            ("/sbin/ldconfig", &[]),
            ("/opt/x/uname", &["-p"]),
            ("/tmp/gcc", &["--version"]),
            ("/usr/bin/id", &["-p"]),
            ("/usr/bin/gcc", &["--version", "x.c"]),
            ("/usr/bin/nvidia-smi", &["-pl", "100"]),
            ("/usr/bin/dash", &["/srv/lsb_release", "-a"]),
            ("/usr/bin/python3.11", &["-m", "pip", "install"]),
            (
                "/usr/bin/python3.11",
                &["-m", "pip", "list", "--index-url=http://10.0.0.9"],
            ),
            ("/usr/bin/python3.11", &["-c", "/usr/bin/lsb_release", "-a"]),
            ("/usr/bin/pythonx", &["-m", "pip", "list"]),
            ("/usr/bin/python3.11", &["-"]),
            ("/usr/bin/python3.11", &[]),
        ] {
            assert_eq!(of(exe, arguments, false), None, "{exe} {arguments:?}");
        }
    }

    #[test]
    fn a_shells_line_is_a_question_where_it_is_nothing_but_that() {
        let is_asked = |line: &str| of("/usr/bin/dash", &["-c", line], true).is_some();
        for line in [
            "lsb_release -a",
            "gcc --version",
            "/usr/bin/nvcc --version",
            "lscpu",
            "/usr/bin/python3 -m pip list --format=freeze --disable-pip-version-check",
        ] {
            assert!(is_asked(line), "{line}");
        }
        for line in [
            "",
            " ",
            "id",
            "gcc --version; id",
            "gcc --version\nid",
            "gcc --version & id",
            "gcc --version > /srv/x",
            "gcc --version | sh",
            "gcc $(id) --version",
            "gcc `id`",
            "PATH=/tmp gcc --version",
            "PATH=/tmp --version",
            "/tmp/gcc --version",
            "./gcc --version",
            "gcc  --version",
            "gcc --version ",
            "gcc\t--version",
            "\"gcc\" --version",
            "*c --version",
        ] {
            assert!(!is_asked(line), "{line:?}");
        }
        assert_eq!(of("/usr/bin/dash", &["-ic", "lscpu"], true), None);
        assert_eq!(of("/usr/bin/dash", &["-c", "lscpu", "x"], true), None);
        assert_eq!(of("/usr/bin/dash", &[], true), None);
    }

    proptest! {
        #[test]
        fn a_line_with_what_a_shell_knows_is_none(
            before in "(gcc |lscpu|)", sign in "[;&|<>()$`\\\\\"'*?#~\\[\\]{}!%\n\t\r]", after in "( --version|id|)",
        ) {
            let line = format!("{before}{sign}{after}");
            prop_assert_eq!(of("/usr/bin/bash", &["-c", &line], true), None);
        }
    }
}
