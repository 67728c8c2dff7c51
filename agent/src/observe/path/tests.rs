#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use proptest::prelude::*;

use super::*;

fn assert_all(access: Access, table: &[(&str, &str)]) {
    for (path, expected) in table {
        assert_eq!(generalise(path, access), *expected, "{path}");
    }
}

#[test]
fn machine_made_parts_become_stars() {
    assert_all(
        Access::Write,
        &[
            ("/proc/1234/status", "/proc/*/status"),
            ("/proc/self/status", "/proc/*/status"),
            ("/proc/7/task/19/comm", "/proc/*/task/*/comm"),
            ("/tmp/tmpab12cd34", "/tmp/tmp*"),
            ("/tmp/tmpabcdefgh/model.json", "/tmp/tmp*/model.json"),
            ("/app/tmp_x81kq_2.json", "/app/tmp*.json"),
            ("/tmp/tmp.Ab12Cd34Ef", "/tmp/tmp.*"),
            ("/tmp/wx9slilr", "/tmp/*"),
            ("/tmp/tvxv_ile", "/tmp/*"),
            ("/tmp/izclkazt", "/tmp/*"),
            ("/tmp/d30_tohe", "/tmp/*"),
            ("/tmp/acfm__al", "/tmp/*"),
            ("/models/.model.onnx.Xy12ab", "/models/.model.onnx.*"),
            ("/tmp/ccX8d2Kz.s", "/tmp/cc*.s"),
            (
                "/tmp/folderBpO1bl/config.pbtxt",
                "/tmp/folder*/config.pbtxt",
            ),
            (
                "/tmp/pymp-abcdefgh/listener-k2x_81ab",
                "/tmp/pymp-*/listener-*",
            ),
            ("/dev/shm/psm_deadbeef", "/dev/shm/psm_*"),
            ("/dev/shm/sem.mp-abcdefgh", "/dev/shm/sem.*"),
            (
                "/root/.cache/pytriton/workspace_abcdefgh/tritonserver",
                "/root/.cache/pytriton/workspace_*/tritonserver",
            ),
            (
                "/app/__pycache__/app.cpython-311.pyc.140379831957040",
                "/app/__pycache__/app.cpython-311.pyc.*",
            ),
            (
                "/tmp/ray/session_2026-11-20_19-47-00_123456_1/logs",
                "/tmp/ray/session_*/logs",
            ),
            (
                "/data/8b0d5f2c-1c1e-4a44-9d67-0b6f6c8f0a11.json",
                "/data/*.json",
            ),
            (
                "/data/sha256-9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                "/data/sha256-*",
            ),
            (
                "/dev/shm/pytrtion1-a2eaaf1ab9b01d25-6f27-4049-a13e-4dd90cbd7fed",
                "/dev/shm/pytrtion1-*",
            ),
            (
                "/srv/bentoml/prometheus_multiproc_dir/gauge_all_17.db",
                "/srv/bentoml/prometheus_multiproc_dir/gauge_all_*.db",
            ),
            ("/data/part-00017", "/data/part-*"),
            ("/data/run1234", "/data/run*"),
            ("/var/log/app.7.log", "/var/log/app.*.log"),
            ("/srv/access.log.3", "/srv/access.log.*"),
            ("/srv/worker-12.pid", "/srv/worker-*.pid"),
            ("/srv/2026-11-20T10:00:00/x", "/srv/*/x"),
            ("/dev/pts/0", "/dev/pts/*"),
            (
                "/tmp/torchinductor_root/ab/cabq3xyz7mnb2vcx5lkjh4gfdsa6poiuytrewq7zxcvbnm2asdf3.py",
                "/tmp/torchinductor_root/*/*.py",
            ),
        ],
    );
}

#[test]
fn names_that_do_not_churn_stay() {
    let stable = [
        "/usr/bin/python3.11",
        "/usr/lib64/libc.so.6",
        "/usr/lib/libstdc++.so.6.0.30",
        "/usr/local/cuda-12/lib64/libcudart.so.12",
        "/usr/local/cuda-12.4/bin/ptxas",
        "/opt/venv/lib/python3.11/site-packages/numpy-1.26.4.dist-info/METADATA",
        "/app/x.cpython-311-x86_64-linux-gnu.so",
        "/models/resnet50/model.onnx",
        "/models/all-MiniLM-L6-v2/model.onnx.sha256",
        "/models/bert-base-uncased/tokenizer.json",
        "/root/.cache/huggingface/hub/models--org--gpt2-download/refs/main",
        "/etc/ld.so.preload",
        "/root/.ssh/id_ed25519",
        "/tmp/evil.sh",
        "/tmp/harmless.txt",
        "/tmp/requests",
        "/tmp/my_model",
        "/tmp/worker12",
        "/srv/wx9slilr",
        "/tmp/python3.11",
        "/dev/nvidia0",
        "/dev/null",
        "/home/user/deadbeef",
        "/",
        "",
    ];
    for path in stable {
        assert_eq!(generalise(path, Access::Write), path);
    }
}

#[test]
fn reads_of_system_trees_are_one_fact_and_of_anything_telling_are_not() {
    assert_all(
        Access::Read,
        &[
            ("/usr/lib/x86_64-linux-gnu/libm.so.6", "/usr/lib/**"),
            ("/usr/share/zoneinfo/UTC", "/usr/share/**"),
            ("/lib64/ld-linux-x86-64.so.2", "/lib64/**"),
            (
                "/usr/local/lib/python3.11/json/__init__.py",
                "/usr/local/lib/**",
            ),
            (
                "/opt/venv/lib/python3.11/site-packages/a/b.py",
                "/opt/venv/lib/python3.11/**",
            ),
            (
                "/app/vendor/site-packages/a/b.py",
                "/app/vendor/site-packages/**",
            ),
            ("/sys/devices/system/cpu/online", "/sys/devices/**"),
            ("/sys/fs/cgroup/cpu.max", "/sys/fs/**"),
            ("/proc/12/maps", "/proc/*/maps"),
            (
                "/proc/sys/vm/overcommit_memory",
                "/proc/sys/vm/overcommit_memory",
            ),
            ("/etc/passwd", "/etc/passwd"),
            ("/libfoo/x", "/libfoo/x"),
            ("/usr/share/models/a.onnx", "/usr/share/models/a.onnx"),
            ("/usr/lib/x/.ssh/id_rsa", "/usr/lib/x/.ssh/id_rsa"),
        ],
    );
    assert_all(
        Access::Write,
        &[(
            "/usr/lib/python3/dist-packages/x.pth",
            "/usr/lib/python3/dist-packages/x.pth",
        )],
    );
}

#[test]
fn a_long_path_of_a_model_stays_what_it_is() {
    // A model in a library is no part of the tree that is folded, also when the cut has taken its ending.
    let deep = "directory/".repeat(60);
    let path = format!("/opt/lib/python3.11/site-packages/{deep}model.onnx");
    let cut = generalise(&path, Access::Read);
    assert!(!cut.ends_with("/**"), "{cut}");
    assert_eq!(generalise(&cut, Access::Read), cut);
}

#[test]
fn long_paths_are_bounded_and_stay_apart() {
    let long = |last: &str| format!("/srv/{}{last}", "directory/".repeat(60));
    let (a, b) = (long("a"), long("b"));
    let (a, b) = (generalise(&a, Access::Write), generalise(&b, Access::Write));
    assert!(
        a.len() <= MAX_LENGTH && a.starts_with("/srv/directory/"),
        "{a}"
    );
    assert_ne!(a, b);
    assert_eq!(generalise(&a, Access::Write), a);
}

fn component() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}",
        "[a-zA-Z0-9_.-]{1,24}",
        "tmp[a-z0-9_]{8}(\\.[a-z]{1,3})?",
        "[a-f0-9]{6,40}",
        "[a-z]{1,4}[0-9]{1,6}[a-f]{1,6}[0-9]{1,4}",
        "[0-9]{1,5}([-_.:T][0-9]{1,4}){0,3}",
        "[a-z]{1,5}[-_.][a-zA-Z0-9_]{6,10}(\\.log)?",
        "\\PC{1,12}",
        "[*a-f0-9.]{1,14}",
        "[a-z0-9]{60,255}",
        Just("..".to_owned()),
        Just("**".to_owned()),
        Just("site-packages".to_owned()),
        Just("lib".to_owned()),
        Just("python3.11".to_owned()),
        Just("models".to_owned()),
        Just("self".to_owned()),
    ]
}

fn path() -> impl Strategy<Value = String> {
    let root = prop_oneof![
        Just(""),
        Just("/tmp"),
        Just("/proc"),
        Just("/usr/lib"),
        Just("/sys"),
        Just("/root/.cache"),
        Just("…"),
    ];
    (root, prop::collection::vec(component(), 0..8))
        .prop_map(|(root, parts)| format!("{root}/{}", parts.join("/")))
}

fn access() -> impl Strategy<Value = Access> {
    prop_oneof![Just(Access::Read), Just(Access::Write)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn generalising_twice_changes_nothing_more(path in path(), access in access()) {
        let once = generalise(&path, access);
        prop_assert_eq!(generalise(&once, access), once);
    }

    #[test]
    fn the_form_is_bounded(path in path(), access in access()) {
        prop_assert!(generalise(&path, access).len() <= MAX_LENGTH);
    }

    #[test]
    fn stars_never_cross_a_directory_in_writes(path in path()) {
        let general = generalise(&path, Access::Write);
        if path.len() <= MAX_LENGTH && general.len() <= MAX_LENGTH && !general.contains('…') {
            prop_assert_eq!(general.matches('/').count(), path.matches('/').count());
        }
    }

    #[test]
    fn nobody_can_hide_what_kind_of_file_it_is(
        place in prop_oneof![Just("/tmp"), Just("/dev/shm"), Just("/srv"), Just("/root/.cache")],
        stem in "(tmp|cc|pymp-|psm_|sem.|workspace_)?[a-zA-Z0-9_-]{1,16}",
        ending in "[a-z]{1,5}",
    ) {
        let general = generalise(&format!("{place}/{stem}.{ending}"), Access::Write);
        prop_assert!(general.ends_with(&format!(".{ending}")), "{}", general);
    }

    #[test]
    fn credentials_and_start_files_are_never_behind_a_star(
        user in "[a-z]{1,8}",
        file in prop::sample::select(vec![
            ".ssh/id_rsa", ".ssh/authorized_keys", ".aws/credentials", ".bashrc", ".netrc",
        ]),
    ) {
        let path = format!("/home/{user}/{file}");
        prop_assert_eq!(generalise(&path, Access::Write), path.clone());
        prop_assert_eq!(generalise(&path, Access::Read), path);
    }

    #[test]
    fn words_stay(words in prop::collection::vec("[a-z]{1,12}", 1..5)) {
        prop_assume!(!words.iter().any(|word| word.starts_with("tmp") || word == "self"));
        let path = format!("/srv/{}", words.join("/"));
        prop_assert_eq!(generalise(&path, Access::Write), path);
    }

    #[test]
    fn anything_goes_in(path in ".*", access in access()) {
        let once = generalise(&path, access);
        prop_assert_eq!(generalise(&once, access), once);
        let _ = marks(&path, access);
    }
}
